//! From what is stored to what a session holds.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ahead, LoadError, Schema};
use crate::document::{self, Document, DocumentLimits, Tree, Typed, TypedCheck};
use crate::json::JsonText;
use crate::path::Path;
use crate::value::{InvalidData, Problem, Value};

/// What stands in the store.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The data; of a record that does not exist what it begins as.
    pub text: &'a JsonText,
    /// The number beside it; 0 if there is none.
    pub schema: u32,
    /// Whether the record does not exist. Then no step runs.
    pub is_new: bool,
}

/// What a session is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Exactly what is stored.
    Text(JsonText),
    /// Something else.
    Value(Value),
}

/// How what is held came from what was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadChange {
    /// It is that.
    None,
    /// With defaults of the template. Not worth a write of its own: every opening supplies them again.
    Reconciled,
    /// It is of a later version now, and is written together with its number.
    Migrated,
    /// There was nothing.
    Created,
}

/// What should be known of data that was opened all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadWarning {
    /// It was written by later code, and is held as it is.
    SchemaAhead {
        /// The version of the data.
        stored: u32,
        /// That of the code.
        known: u32,
    },
}

/// What a session holds, and what is stored with it.
#[derive(Debug)]
pub struct Loaded<D = Box<dyn Document>> {
    /// What it holds.
    pub document: D,
    /// The number that stands beside the record from now on.
    pub schema: u32,
    /// How it came from what was stored.
    pub change: LoadChange,
    /// What should be known of it.
    pub warnings: Vec<LoadWarning>,
}

impl Loaded {
    /// What is stored, as a document of another kind, whatever its version.
    pub fn plain(document: impl Document, stored: Stored<'_>) -> Self {
        let change = if stored.is_new { LoadChange::Created } else { LoadChange::None };
        Self { document: Box::new(document), schema: stored.schema, change, warnings: vec![] }
    }
}

impl<D> Loaded<D> {
    /// The same, with something made of the document.
    ///
    /// # Errors
    /// Those of the function.
    pub fn try_map<E, F>(self, change: impl FnOnce(D) -> Result<E, F>) -> Result<Loaded<E>, F> {
        let Self { document, schema, change: how, warnings } = self;
        Ok(Loaded { document: change(document)?, schema, change: how, warnings })
    }
}

impl<D: Document> Loaded<D> {
    /// The same, of any kind.
    pub fn boxed(self) -> Loaded {
        let Self { document, schema, change, warnings } = self;
        Loaded { document: Box::new(document), schema, change, warnings }
    }
}

impl Schema {
    /// Reads what a record holds as a document that is edited by path.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is to be written then.
    pub fn load_tree(
        &self,
        stored: Stored<'_>,
        limits: DocumentLimits,
    ) -> Result<Loaded<Tree>, LoadError> {
        self.load(stored, limits)?.try_map(|held| {
            let tree = match (held, self.rules()) {
                (Held::Text(text), None) => Tree::parse(text, limits)?,
                (Held::Text(text), Some(rules)) => Tree::parse(text, limits)?.under(rules),
                (Held::Value(value), None) => Tree::new(value, limits)?,
                (Held::Value(value), Some(rules)) => Tree::with_rules(value, limits, rules)?,
            };
            Ok(tree)
        })
    }

    /// Reads what a record holds as a type of the game, and asks its check.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is to be written then. One of them is that the schema has places that
    /// live in memory only, which a type has by `#[serde(skip)]`, or a version field that the type
    /// does not keep.
    pub fn load_typed<T: Serialize + DeserializeOwned + Clone + Send + 'static>(
        &self,
        stored: Stored<'_>,
        limits: DocumentLimits,
        check: Option<TypedCheck<T>>,
    ) -> Result<Loaded<Typed<T>>, LoadError> {
        if let Some(path) = self.rules.transient_places().first().cloned() {
            let reason = "what lives in memory only is what `serde` skips in a type";
            return Err(InvalidData::because(path, reason).into());
        }
        self.load(stored, limits)?.try_map(|held| {
            let text = match held {
                Held::Text(text) => text,
                Held::Value(value) => value.to_json(),
            };
            let mut typed = Typed::<T>::parse(text.clone(), limits)?;
            self.check_field(&text, &typed, limits)?;
            if let Some(check) = check {
                typed = typed.checked_by(check)?;
            }
            Ok(match self.rules() {
                Some(rules) => typed.under(rules),
                None => typed,
            })
        })
    }

    /// What a session is to hold, before it is a document: migrated, with defaults, checked.
    ///
    /// # Errors
    /// [`LoadError`]; nothing is to be written then.
    pub fn load(
        &self,
        stored: Stored<'_>,
        limits: DocumentLimits,
    ) -> Result<Loaded<Held>, LoadError> {
        let refuse = |problem| InvalidData { path: Path::root(), problem };
        limits.check_size(stored.text.size()).map_err(refuse)?;
        if stored.schema > self.version {
            self.refuse_ahead(stored.schema)?;
        }
        let beside = if stored.schema == 0 { self.absent } else { stored.schema };
        let text = || Held::Text(stored.text.clone());
        if self.looks_beside_only() && (stored.is_new || beside == self.version) {
            return Ok(self.loaded(text(), beside, stored));
        }
        let before = limits.read(stored.text)?;
        let from = if stored.is_new {
            self.version
        } else if stored.schema > self.version {
            stored.schema
        } else {
            // The field goes with the data, also where somebody put back an old revision of it.
            self.version_in(&before)?.unwrap_or(beside)
        };
        if from > self.version {
            self.refuse_ahead(from)?;
            self.rules.run_check(&before)?;
            return Ok(self.loaded(text(), from, stored));
        }
        let mut value = self.rules.stored(&self.migrate(&before, from, limits)?);
        if let Some(template) = &self.template {
            document::reconcile(&mut value, template);
        }
        if stored.is_new || from < self.version {
            self.stamp(&mut value)?;
        }
        self.rules.run_check(&value)?;
        let held = if value == before { text() } else { Held::Value(value) };
        Ok(self.loaded(held, from, stored))
    }

    /// Whether data of this version is opened without a look at what is in it.
    fn looks_beside_only(&self) -> bool {
        let needs_value = self.rules.has_check() || self.rules.has_transient();
        self.version_path().is_none() && self.template.is_none() && !needs_value
    }

    fn refuse_ahead(&self, stored: u32) -> Result<(), LoadError> {
        match self.ahead {
            Ahead::Refuse => Err(LoadError::SchemaAhead { stored, known: self.version }),
            Ahead::PassThrough => Ok(()),
        }
    }

    /// What came of data of a version.
    fn loaded(&self, held: Held, from: u32, stored: Stored<'_>) -> Loaded<Held> {
        let known = self.version;
        let is_ahead = !stored.is_new && from > known;
        let change = if stored.is_new {
            LoadChange::Created
        } else if from < known {
            LoadChange::Migrated
        } else if matches!(held, Held::Value(_)) {
            LoadChange::Reconciled
        } else {
            LoadChange::None
        };
        let (schema, warnings) = if is_ahead {
            (from, vec![LoadWarning::SchemaAhead { stored: from, known }])
        } else {
            (known, vec![])
        };
        Loaded { document: held, schema, change, warnings }
    }

    /// A type that forgets the version would have the data migrated again by whoever reads the field.
    fn check_field<T: Document>(
        &self,
        text: &JsonText,
        typed: &T,
        limits: DocumentLimits,
    ) -> Result<(), LoadError> {
        let Some(path) = self.version_path() else { return Ok(()) };
        let stands = limits.read(text)?.get(&path).cloned();
        if stands.is_some() && typed.snapshot_value().get(&path) != stands.as_ref() {
            return Err(InvalidData { path, problem: Problem::NotKept }.into());
        }
        Ok(())
    }
}
