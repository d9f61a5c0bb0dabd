//! A document over a [`Value`].

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::draft::{Draft, Insert};
use super::{Cancel, Changes, Document, DocumentLimits, EditError, InvalidData, Rules};
use crate::json::JsonText;
use crate::path::Path;
use crate::value::{Number, Value};

/// A document of any JSON. At rest it keeps only the text, once it was edited only the value.
///
/// # Example
/// ```
/// use steadfast_core::JsonText;
/// use steadfast_core::document::{DocumentLimits, Insert, Tree};
///
/// let text = JsonText::trusted(r#"{"coins":5,"items":[]}"#);
/// let mut tree = Tree::parse(text, DocumentLimits::default())?;
/// let (left, changes) = tree.transaction(|draft| {
///     let left = draft.try_debit("coins", 3)?;
///     draft.insert("items", "sword", Insert::END.within(20))?;
///     Ok(left)
/// })?;
/// assert_eq!(left, 2.into());
/// assert_eq!(changes.paths.iter().map(ToString::to_string).collect::<Vec<_>>(), ["coins", "items[0]"]);
/// assert!(tree.transaction(|draft| Ok(draft.try_debit("coins", 3)?)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tree {
    /// What is stored, as long as it is that. It or the value is always there.
    text: Option<JsonText>,
    value: OnceLock<Value>,
    /// Of the value as compact JSON, with what is not stored.
    size: usize,
    limits: DocumentLimits,
    rules: Option<Arc<Rules>>,
    /// What lives in memory only, while only the text is kept.
    transient: Vec<(Path, Value)>,
}

impl Tree {
    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidData`]: the text is over the limits, or a [`Value`] cannot hold it.
    pub fn parse(text: JsonText, limits: DocumentLimits) -> Result<Self, InvalidData> {
        let refuse = |problem| InvalidData { path: Path::root(), problem };
        limits.check_size(text.size()).map_err(refuse)?;
        let size = limits.read(&text)?.json_size();
        // Many are opened to be looked at by nobody: the value is made again by the first who asks.
        let (value, rules, transient) = (OnceLock::new(), None, vec![]);
        Ok(Self { text: Some(text), value, size, limits, rules, transient })
    }

    /// A document of a value.
    ///
    /// # Errors
    /// [`InvalidData`]: the value is over the limits.
    pub fn new(value: Value, limits: DocumentLimits) -> Result<Self, InvalidData> {
        Self::build(value, limits, None)
    }

    /// A document of a value that keeps these rules from now on. What the value holds in places that
    /// live in memory only is neither stored nor counted.
    ///
    /// # Errors
    /// [`InvalidData`]: the value is over the limits. The rules themselves refuse only edits.
    pub fn with_rules(
        value: Value,
        limits: DocumentLimits,
        rules: Arc<Rules>,
    ) -> Result<Self, InvalidData> {
        Self::build(value, limits, Some(rules))
    }

    fn build(
        value: Value,
        limits: DocumentLimits,
        rules: Option<Arc<Rules>>,
    ) -> Result<Self, InvalidData> {
        let mut draft = Draft::new(Value::Null, Value::Null.json_size(), limits, rules.clone());
        match draft.set(Path::root(), value) {
            Ok(_) => {}
            Err(EditError::Invalid(invalid)) => return Err(invalid),
            Err(error) => unreachable!("the root can be replaced: {error}"),
        }
        let (value, size, _) = draft.into_parts();
        Ok(Self { text: None, value: value.into(), size, limits, rules, transient: vec![] })
    }

    /// The same document, which keeps these rules from now on. What its text holds in places that
    /// live in memory only is gone.
    #[must_use]
    pub fn under(mut self, rules: Arc<Rules>) -> Self {
        let mut value = self.snapshot();
        if rules.take_transient(&mut value).is_empty() {
            if self.text.is_some() {
                self.value = OnceLock::new();
            }
        } else {
            self.text = None;
            self.put_back(value.clone(), value.json_size());
        }
        self.rules = Some(rules);
        self
    }

    /// Whether only the text is kept.
    pub fn is_resting(&self) -> bool {
        self.value.get().is_none()
    }

    /// The value as it stands.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            let text = self.text.as_ref().expect("without a value there is its text");
            let mut value = self.limits.read(text).expect("this text was read before");
            for (path, kept) in &self.transient {
                value.set(path, kept.clone()).expect("it was taken from there");
            }
            value
        })
    }

    /// What stands at a path.
    pub fn get(&self, path: impl Into<Path>) -> Option<&Value> {
        self.value().get(&path.into())
    }

    /// The value as it is now and remains, whatever is edited later. It shares its branches with the
    /// document until they are edited.
    pub fn snapshot(&self) -> Value {
        self.value().clone()
    }

    /// Edits an isolated draft and swaps it in, all of it or nothing.
    ///
    /// # Errors
    /// What the function returns, or what the rules say; nothing is changed then, nor when it panics.
    pub fn transaction<R>(
        &mut self,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), EditError> {
        let mut draft = Draft::new(self.snapshot(), self.size, self.limits, self.rules.clone());
        let answer = edit(&mut draft)?;
        let (value, size, mut changes) = draft.into_parts_since(self.value());
        if let Some(rules) = &self.rules {
            changes = rules.set_apart(changes, self.value(), &value);
            if changes.must_be_saved() {
                rules.run_check(&value)?;
            }
        }
        if !changes.is_empty() {
            self.put_back(value, size);
            self.text = self.text.take().filter(|_| !changes.must_be_saved());
        }
        Ok((answer, changes))
    }

    /// [`Draft::set`] as a transaction of one step.
    ///
    /// # Errors
    /// As there; nothing is changed then.
    pub fn set(
        &mut self,
        path: impl Into<Path>,
        value: impl Into<Value>,
    ) -> Result<(Option<Value>, Changes), EditError> {
        self.step(|draft| draft.set(path, value))
    }

    /// [`Draft::patch`] as a transaction of one step.
    ///
    /// # Errors
    /// As there; nothing is changed then.
    pub fn patch(
        &mut self,
        path: impl Into<Path>,
        next: impl FnOnce(Option<&Value>) -> Result<Value, Cancel>,
    ) -> Result<(Option<Value>, Changes), EditError> {
        let path = path.into();
        // The caller's function may panic, so nothing is taken apart while it runs.
        let value = next(self.value().get(&path))?;
        self.step(|draft| draft.set(path, value))
    }

    /// [`Draft::add`] as a transaction of one step.
    ///
    /// # Errors
    /// As there; nothing is changed then.
    pub fn add(
        &mut self,
        path: impl Into<Path>,
        amount: impl Into<Number>,
    ) -> Result<(Number, Changes), EditError> {
        self.step(|draft| draft.add(path, amount))
    }

    /// [`Draft::try_debit`] as a transaction of one step.
    ///
    /// # Errors
    /// As there; nothing is changed then.
    pub fn try_debit(
        &mut self,
        path: impl Into<Path>,
        amount: impl Into<Number>,
    ) -> Result<(Number, Changes), EditError> {
        self.step(|draft| draft.try_debit(path, amount))
    }

    /// [`Draft::insert`] as a transaction of one step.
    ///
    /// # Errors
    /// As there; nothing is changed then.
    pub fn insert(
        &mut self,
        path: impl Into<Path>,
        item: impl Into<Value>,
        at: Insert,
    ) -> Result<(usize, Changes), EditError> {
        self.step(|draft| draft.insert(path, item, at))
    }

    /// [`Draft::remove`] as a transaction of one step.
    ///
    /// # Errors
    /// As there; nothing is changed then.
    pub fn remove(&mut self, path: impl Into<Path>) -> Result<(Value, Changes), EditError> {
        self.step(|draft| draft.remove(path))
    }

    /// Works on the value itself: one step that fails changes nothing, so no copy is needed.
    fn step<R>(
        &mut self,
        step: impl FnOnce(&mut Draft) -> Result<R, EditError>,
    ) -> Result<(R, Changes), EditError> {
        if self.rules.as_ref().is_some_and(|rules| rules.has_check() || rules.has_transient()) {
            return self.transaction(|draft| Ok(step(draft)?));
        }
        self.value();
        let value = self.value.take().expect("it was made just now");
        let mut draft = Draft::new(value, self.size, self.limits, self.rules.clone());
        let answer = step(&mut draft);
        let (value, size, changes) = draft.into_parts();
        self.put_back(value, size);
        if !changes.is_empty() {
            self.text = None;
        }
        Ok((answer?, changes))
    }

    /// The size of what is stored, as long as that is not the text.
    fn stored_size(&self) -> usize {
        let rules = self.rules.as_ref().filter(|rules| rules.has_transient());
        self.size - rules.map_or(0, |rules| rules.transient_size(self.value()))
    }

    fn put_back(&mut self, value: Value, size: usize) {
        self.value = value.into();
        self.size = size;
        self.transient = vec![];
    }
}

impl Document for Tree {
    fn encode(&mut self) -> JsonText {
        if let Some(text) = &self.text {
            return text.clone();
        }
        // Not kept: text and value together would double what an edited document takes.
        let (text, size) = match &self.rules {
            Some(rules) => (rules.stored(self.value()).to_json(), self.stored_size()),
            None => (self.value().to_json(), self.size),
        };
        assert_eq!(text.size(), size, "the size is kept exactly");
        text
    }

    fn size(&mut self) -> usize {
        self.text.as_ref().map_or_else(|| self.stored_size(), JsonText::size)
    }

    fn rest(&mut self) {
        let text = self.encode();
        if let Some(rules) = self.rules.as_ref().filter(|rules| rules.has_transient())
            && let Some(value) = self.value.get_mut()
        {
            self.transient = rules.take_transient(value);
        }
        self.text = Some(text);
        self.value = OnceLock::new();
    }

    fn edit_value(
        &mut self,
        edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
    ) -> Result<Changes, EditError> {
        self.transaction(edit).map(|((), changes)| changes)
    }

    fn changes_since(&self, before: &Value) -> Changes {
        let changes = Changes::from_paths(self.value().difference(before));
        match &self.rules {
            Some(rules) => rules.set_apart(changes, before, self.value()),
            None => changes,
        }
    }

    fn put_value(&mut self, value: Value) -> Result<(), EditError> {
        let size = value.json_size();
        self.put_back(value, size);
        self.text = None;
        Ok(())
    }

    fn draft(&self) -> Draft {
        Draft::new(self.snapshot(), self.size, self.limits, self.rules.clone())
    }

    fn snapshot_value(&self) -> Value {
        self.snapshot()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl fmt::Debug for Tree {
    /// Leaves the value out: player data is never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, value: _, size, limits, rules, transient: _ } = self;
        f.debug_struct("Tree")
            .field("text", text)
            .field("is_resting", &self.is_resting())
            .field("size", size)
            .field("limits", limits)
            .field("rules", rules)
            .finish()
    }
}
