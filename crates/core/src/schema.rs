//! Schemas: which shape data has, and how what is stored becomes what a session holds.
//!
//! ```text
//!   stored text, stored number ─► migrate ─► reconcile ─► stamp ─► check ─► a document, a number
//!        │                          │ step by step, all or nothing      │
//!        └─ ahead of the code: refused, or passed through as it is      └─ what a record is written with
//! ```
//!
//! The number beside a record ([`RecordBody::schema`](crate::record::RecordBody)) is the version of
//! exactly the bytes that are stored with it: both change in one batch. 0, and a record that was
//! never held, mean that nobody wrote a number: the data then is of the version that
//! [`Schema::absence_is`] says.
//!
//! Invariants: a step runs once, in order, or none does; what a schema does not know it does not
//! open; the same input gives the same result. Start reading at [`Schema::load`].

mod error;
mod load;
mod migrate;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use error::LoadError;
pub use load::{Held, LoadChange, LoadWarning, Loaded, Stored};

use crate::document::{Cancel, Rules};
use crate::path::Path;
use crate::value::Value;
use migrate::Step;

/// What becomes of data that is of a later version than the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ahead {
    /// It is not opened.
    #[default]
    Refuse,
    /// It is opened as it is, with a warning, and keeps its number. Old code then edits data of a
    /// shape that it does not know: for data that only ever grows.
    PassThrough,
}

/// Where the version of data stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Beside the record.
    #[default]
    Beside,
    /// In the data, under this key of its root, and beside the record as well.
    Field(Arc<str>),
}

/// Which shape data has, and how older data gets it. Without anything said, data is of version 0 and
/// of any shape.
///
/// # Example
/// ```
/// use steadfast_core::document::{Document, DocumentLimits, Tree};
/// use steadfast_core::schema::{LoadChange, Schema, Stored};
/// use steadfast_core::{JsonText, Limits, Value};
///
/// let template = Value::parse(r#"{"experience":0,"pets":[]}"#, &Limits::native())?;
/// let schema = Schema::new(2)
///     .step(1, |data| Ok(data.set(&"xp".into(), 0.into()).map(drop)?))
///     .step(2, |data| {
///         let xp = data.remove(&"xp".into())?;
///         data.set(&"experience".into(), xp)?;
///         Ok(())
///     })
///     .template(template);
///
/// let text = JsonText::trusted(r#"{"xp":7}"#);
/// let stored = Stored { text: &text, schema: 1, is_new: false };
/// let mut loaded = schema.load_tree(stored, DocumentLimits::default())?;
/// assert_eq!((loaded.schema, loaded.change), (2, LoadChange::Migrated));
/// assert_eq!(loaded.document.encode().as_str(), r#"{"experience":7,"pets":[]}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Schema {
    version: u32,
    absent: u32,
    place: Place,
    ahead: Ahead,
    steps: BTreeMap<u32, Step>,
    template: Option<Value>,
    rules: Arc<Rules>,
}

impl Schema {
    /// The schema of this version. There is a step to every version that data may have to go to.
    pub fn new(version: u32) -> Self {
        Self { version, ..Self::default() }
    }

    /// How data of the version before becomes data of this one. A second step to one version takes the
    /// place of the first; one beyond the version of the schema never runs.
    ///
    /// It is run once on data that is then stored with the new number, but may be called again for the
    /// same data when the store did not take the result: it depends on its input alone. If it fails
    /// or panics, the data stays as it was before the first step.
    #[must_use]
    pub fn step(
        mut self,
        to: u32,
        migrate: impl Fn(&mut Value) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        self.steps.insert(to, Arc::new(migrate));
        self
    }

    /// The version stands in the data, under this key of its root, as other frameworks have it. It is
    /// written where data is new or was migrated, and kept beside the record too: where the key is
    /// absent the number beside the record counts.
    #[must_use]
    pub fn version_field(self, name: &str) -> Self {
        Self { place: Place::Field(name.into()), ..self }
    }

    /// Which version data has that no version stands with: 0 unless set.
    #[must_use]
    pub fn absence_is(self, version: u32) -> Self {
        Self { absent: version, ..self }
    }

    /// What becomes of data of a later version: refused unless set.
    #[must_use]
    pub fn ahead(self, ahead: Ahead) -> Self {
        Self { ahead, ..self }
    }

    /// Supplies what stored data has not, as [`reconcile`](crate::document::reconcile) does; new data
    /// begins with it.
    #[must_use]
    pub fn template(self, template: Value) -> Self {
        Self { template: Some(template), ..self }
    }

    /// [`Rules::transient`]: for documents that are edited by path. A type says the same to `serde`.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn transient(self, path: impl Into<Path>) -> Self {
        self.with_rules(|rules| rules.transient(path))
    }

    /// [`Rules::capacity`].
    #[must_use]
    pub fn capacity(self, path: impl Into<Path>, capacity: usize) -> Self {
        self.with_rules(|rules| rules.capacity(path, capacity))
    }

    /// [`Rules::check`].
    #[must_use]
    pub fn check(
        self,
        check: impl Fn(&Value) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        self.with_rules(|rules| rules.check(check))
    }

    fn with_rules(self, change: impl FnOnce(Rules) -> Rules) -> Self {
        let rules = Arc::new(change(Rules::clone(&self.rules)));
        Self { rules, ..self }
    }

    /// Its version.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// What its documents keep besides the limits; nothing if that is nothing.
    pub fn rules(&self) -> Option<Arc<Rules>> {
        (!self.rules.is_empty()).then(|| Arc::clone(&self.rules))
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, absent, place, ahead, steps, template: _, rules } = self;
        f.debug_struct("Schema")
            .field("version", version)
            .field("absent", absent)
            .field("place", place)
            .field("ahead", ahead)
            .field("steps", &steps.keys())
            .field("rules", rules)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
