//! Steps from one version to the next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{LoadError, Place, Schema};
use crate::document::{Cancel, DocumentLimits};
use crate::path::Path;
use crate::value::{InvalidData, Number, Problem, Value};

/// Makes data of one version out of that of the version before.
pub(super) type Step = Arc<dyn Fn(&mut Value) -> Result<(), Cancel> + Send + Sync>;

impl Schema {
    /// Data of a version as data of the version of the schema: every step in order, or none. Data of
    /// this version or a later one is given back as it is.
    ///
    /// # Errors
    /// [`LoadError::MigrationMissing`], before any step runs; [`LoadError::MigrationFailed`].
    pub fn migrate(
        &self,
        data: &Value,
        from: u32,
        limits: DocumentLimits,
    ) -> Result<Value, LoadError> {
        let mut versions = from.saturating_add(1)..=self.version;
        if from >= self.version {
            return Ok(data.clone());
        }
        if let Some(version) = versions.clone().find(|to| !self.steps.contains_key(to)) {
            return Err(LoadError::MigrationMissing { version });
        }
        versions.try_fold(data.clone(), |data, version| {
            let step = self.steps.get(&version).expect("every step was looked for");
            self.run(step, data, limits)
                .map_err(|reason| LoadError::MigrationFailed { version, reason: reason.into() })
        })
    }

    fn run(&self, step: &Step, mut data: Value, limits: DocumentLimits) -> Result<Value, String> {
        catch_unwind(AssertUnwindSafe(|| step(&mut data)))
            .map_err(|_| "it panicked".to_owned())?
            .map_err(|refused| refused.reason())?;
        let depth_max = limits.depth_max;
        if data.is_deeper_than(depth_max) {
            return Err(Problem::TooDeep { limit: depth_max }.to_string());
        }
        let size = data.json_size() - self.rules.transient_size(&data);
        limits.check_size(size).map_err(|problem| problem.to_string())?;
        match (&self.place, &data) {
            (Place::Beside, _) | (Place::Field(_), Value::Object(_)) => Ok(data),
            (Place::Field(field), _) => Err(format!("it left no object that `{field}` stands in")),
        }
    }

    /// The version that stands in data, if one does.
    pub(super) fn version_in(&self, data: &Value) -> Result<Option<u32>, InvalidData> {
        let Place::Field(field) = &self.place else { return Ok(None) };
        let path = Path::from(&**field);
        let Some(stands) = data.get(&path) else { return Ok(None) };
        let version = match stands {
            Value::Number(Number::Integer(number)) => u32::try_from(*number).ok(),
            Value::Number(Number::Unsigned(number)) => u32::try_from(*number).ok(),
            Value::Number(Number::Float(_))
            | Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        };
        match version {
            Some(version) => Ok(Some(version)),
            None => Err(InvalidData::because(path, "it is no version")),
        }
    }

    /// Writes the version into data, where that is its place.
    pub(super) fn stamp(&self, data: &mut Value) -> Result<(), InvalidData> {
        let Place::Field(field) = &self.place else { return Ok(()) };
        match data.set(&Path::from(&**field), self.version.into()) {
            Ok(_) => Ok(()),
            Err(error) => Err(InvalidData::because(Path::root(), error.to_string())),
        }
    }

    /// The place of the version in data, if it has one.
    pub(super) fn version_path(&self) -> Option<Path> {
        match &self.place {
            Place::Beside => None,
            Place::Field(field) => Some(Path::from(&**field)),
        }
    }
}
