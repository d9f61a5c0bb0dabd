//! What a document keeps besides the limits: places in memory only, capacities, the game's own check.

use std::fmt;
use std::sync::Arc;

use super::draft::separator_size;
use super::{Cancel, Changes, EditError};
use crate::path::{Path, Step};
use crate::value::{InvalidData, Value};

/// Says what is wrong with data, or nothing. It depends on the data alone.
type Check = Arc<dyn Fn(&Value) -> Result<(), Cancel> + Send + Sync>;

/// Rules that every edit of a document keeps.
#[derive(Clone, Default)]
pub struct Rules {
    /// None inside another.
    transient: Vec<Path>,
    capacities: Vec<(Path, usize)>,
    check: Option<Check>,
}

impl Rules {
    /// What stands at a place lives in memory only: it is neither stored nor counted, and begins
    /// anew with every session, as the template says.
    ///
    /// # Panics
    /// When the path is the root or leads into an array: other items would take the place.
    #[must_use]
    pub fn transient(mut self, path: impl Into<Path>) -> Self {
        let path = path.into();
        let is_key = |step: &Step| matches!(step, Step::Key(_));
        let is_place = !path.steps().is_empty() && path.steps().iter().all(is_key);
        assert!(is_place, "`{path}` is no place that can be in memory only: name it by keys");
        if !self.transient.iter().any(|outer| outer.contains(&path)) {
            self.transient.retain(|inner| !path.contains(inner));
            self.transient.push(path);
        }
        self
    }

    /// The array at a place never grows beyond so many items. One that holds more already is left
    /// as it is. Of two capacities of one place the later one counts.
    #[must_use]
    pub fn capacity(mut self, path: impl Into<Path>, capacity: usize) -> Self {
        let path = path.into();
        self.capacities.retain(|(other, _)| *other != path);
        self.capacities.push((path, capacity));
        self
    }

    /// Refuses what the game does not want stored: of every edit, and of what is opened. It sees what
    /// is stored, without what is in memory only. An [`InvalidData`] says where something is wrong.
    #[must_use]
    pub fn check(
        self,
        check: impl Fn(&Value) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        Self { check: Some(Arc::new(check)), ..self }
    }

    /// The places that live in memory only.
    pub fn transient_places(&self) -> &[Path] {
        &self.transient
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        !self.has_transient() && !self.has_check() && self.capacities.is_empty()
    }

    /// Asks the game's own check.
    ///
    /// # Errors
    /// What it says.
    pub fn run_check(&self, value: &Value) -> Result<(), InvalidData> {
        let Some(check) = &self.check else { return Ok(()) };
        check(&self.stored(value)).map_err(Cancel::into_invalid)
    }

    pub(crate) fn has_check(&self) -> bool {
        self.check.is_some()
    }

    pub(crate) fn has_transient(&self) -> bool {
        !self.transient.is_empty()
    }

    /// What is stored of a value.
    pub fn stored(&self, value: &Value) -> Value {
        let mut stored = value.clone();
        self.take_transient(&mut stored);
        stored
    }

    /// Takes out what lives in memory only.
    pub(super) fn take_transient(&self, value: &mut Value) -> Vec<(Path, Value)> {
        let there = self.transient.iter().filter_map(|path| {
            value.get(path)?;
            Some((path.clone(), value.remove(path).ok()?))
        });
        there.collect()
    }

    /// How much of the size of a value is not stored.
    pub fn transient_size(&self, value: &Value) -> usize {
        let (mut rest, mut size) = (value.clone(), 0);
        for path in self.transient.iter().filter(|path| value.get(path).is_some()) {
            let Ok(taken) = rest.remove(path) else { continue };
            let Some((last, parents)) = path.steps().split_last() else { continue };
            size += taken.json_size() + separator_size(&rest, parents, last);
        }
        size
    }

    /// Sets apart the changes of what is not stored.
    pub(super) fn set_apart(&self, changes: Changes, before: &Value, after: &Value) -> Changes {
        if !self.has_transient() || changes.is_empty() {
            return changes;
        }
        let (before, after) = (self.stored(before), self.stored(after));
        let is_stored = |path: &Path| {
            let is_mixed = |place: &Path| place.contains(path) || path.contains(place);
            !self.transient.iter().any(is_mixed) || before.get(path) != after.get(path)
        };
        let (paths, transient) = changes.paths.into_iter().partition(is_stored);
        Changes { paths, transient }
    }

    /// The most items that the array at a place may hold.
    pub(super) fn capacity_of(&self, array: &Path) -> Option<usize> {
        self.capacities.iter().find(|(path, _)| path == array).map(|(_, capacity)| *capacity)
    }

    /// Whether a value may be put at a place, as far as capacities go.
    pub(super) fn check_put(
        &self,
        root: &Value,
        place: &Path,
        value: &Value,
    ) -> Result<(), EditError> {
        for (path, capacity) in &self.capacities {
            let Some(inner) = path.steps().strip_prefix(place.steps()) else { continue };
            let had = root.item_count(path).unwrap_or(0);
            if let Some(Value::Array(items)) = value.at(inner)
                && items.len() > had.max(*capacity)
            {
                return Err(EditError::Full { path: path.clone(), capacity: *capacity });
            }
        }
        let Some((Step::Index(index), parents)) = place.steps().split_last() else {
            return Ok(());
        };
        let array: Path = parents.iter().cloned().collect();
        match self.capacity_of(&array) {
            // One past the end appends.
            Some(capacity) if *index >= capacity && root.item_count(&array) == Ok(*index) => {
                Err(EditError::Full { path: array, capacity })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transient, capacities, check: _ } = self;
        f.debug_struct("Rules")
            .field("transient", transient)
            .field("capacities", capacities)
            .field("has_check", &self.has_check())
            .finish()
    }
}
