//! A document over a [`Value`].

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use super::draft::{Draft, Insert};
use super::{Cancel, Changes, Document, DocumentLimits, EditError, InvalidData, Problem};
use crate::json::JsonText;
use crate::limits::Limits;
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
    /// Of the value as compact JSON.
    size: usize,
    limits: DocumentLimits,
}

impl Tree {
    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidData`]: the text is over the limits, or a [`Value`] cannot hold it.
    pub fn parse(text: JsonText, limits: DocumentLimits) -> Result<Self, InvalidData> {
        let refuse = |path, problem| InvalidData { path, problem };
        limits.check_size(text.size()).map_err(|problem| refuse(Path::root(), problem))?;
        let value = Value::read(text.as_str(), &reading(limits))
            .map_err(|(error, path)| refuse(path, Problem::NotValue(error)))?;
        let size = value.json_size();
        // Many are opened to be looked at by nobody: the value is made again by the first who asks.
        Ok(Self { text: Some(text), value: OnceLock::new(), size, limits })
    }

    /// A document of a value.
    ///
    /// # Errors
    /// [`InvalidData`]: the value is over the limits.
    pub fn new(value: Value, limits: DocumentLimits) -> Result<Self, InvalidData> {
        let mut draft = Draft::new(Value::Null, Value::Null.json_size(), limits);
        match draft.set(Path::root(), value) {
            Ok(_) => {}
            Err(EditError::Invalid(invalid)) => return Err(invalid),
            Err(error) => unreachable!("the root can be replaced: {error}"),
        }
        let (value, size, _) = draft.into_parts();
        Ok(Self { text: None, value: value.into(), size, limits })
    }

    /// Whether only the text is kept.
    pub fn is_resting(&self) -> bool {
        self.value.get().is_none()
    }

    /// The value as it stands.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            let text = self.text.as_ref().expect("without a value there is its text");
            Value::parse(text.as_str(), &reading(self.limits)).expect("this text was read before")
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
    /// What the function returns; nothing is changed then, nor when it panics.
    pub fn transaction<R>(
        &mut self,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), EditError> {
        let mut draft = Draft::new(self.snapshot(), self.size, self.limits);
        let answer = edit(&mut draft)?;
        let (value, size, changes) = draft.into_parts_since(self.value());
        if !changes.is_empty() {
            self.put_back(value, size);
            self.text = None;
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
        self.value();
        let value = self.value.take().expect("it was made just now");
        let mut draft = Draft::new(value, self.size, self.limits);
        let answer = step(&mut draft);
        let (value, size, changes) = draft.into_parts();
        self.put_back(value, size);
        if !changes.is_empty() {
            self.text = None;
        }
        Ok((answer?, changes))
    }

    fn put_back(&mut self, value: Value, size: usize) {
        self.value = value.into();
        self.size = size;
    }
}

impl Document for Tree {
    fn encode(&mut self) -> JsonText {
        if let Some(text) = &self.text {
            return text.clone();
        }
        // Not kept: text and value together would double what an edited document takes.
        let text = self.value().to_json();
        assert_eq!(text.size(), self.size, "the size is kept exactly");
        text
    }

    fn size(&mut self) -> usize {
        self.text.as_ref().map_or(self.size, JsonText::size)
    }

    fn rest(&mut self) {
        self.text = Some(self.encode());
        self.value = OnceLock::new();
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
        let Self { text, value: _, size, limits } = self;
        f.debug_struct("Tree")
            .field("text", text)
            .field("is_resting", &self.is_resting())
            .field("size", size)
            .field("limits", limits)
            .finish()
    }
}

/// Only the depth counts where a value is read from text.
fn reading(limits: DocumentLimits) -> Limits {
    Limits { value_depth_max: limits.depth_max, ..Limits::native() }
}
