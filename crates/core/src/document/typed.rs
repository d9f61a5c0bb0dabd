//! A document over a `serde` type.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::count::checked_size;
use super::locate::path_at;
use super::{Cancel, Changes, Document, DocumentLimits, EditError, InvalidData, Problem};
use crate::json::JsonText;
use crate::path::Path;
use crate::value::Value;

/// Deepest nesting of a typed document, in arrays and objects: what `serde_json` reads.
pub const TYPED_DEPTH_MAX: usize = 127;

/// A document of a game's own type.
///
/// What `serde` skips lives in memory only: it is neither stored nor compared, and stays as long as
/// the document, unless that is [told](Self::resting_as_text) to keep its text only at rest. Raw JSON
/// (`RawValue`) inside the type is refused.
///
/// # Example
/// ```
/// use serde::{Deserialize, Serialize};
/// use steadfast_core::JsonText;
/// use steadfast_core::document::{Cancel, Document, DocumentLimits, Typed};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Save { coins: u32, items: Vec<String> }
///
/// let text = JsonText::trusted(r#"{"coins":5,"items":[]}"#);
/// let mut save = Typed::<Save>::parse(text, DocumentLimits::default())?;
/// save.edit(|save| {
///     save.coins = save.coins.checked_sub(3).ok_or_else(|| Cancel::because("too poor"))?;
///     save.items.push("sword".into());
///     Ok(())
/// })?;
/// assert_eq!(save.encode().as_str(), r#"{"coins":2,"items":["sword"]}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Typed<T> {
    /// It or the text is always there. In a box, so that what is not there takes no place.
    value: OnceLock<Box<T>>,
    /// What is stored, as long as it is that and was not let go of.
    text: Option<JsonText>,
    /// Of the value as `serde_json` writes it.
    size: usize,
    limits: DocumentLimits,
    /// What the next difference compares with, if the value was edited since the last.
    before: Option<Box<T>>,
    rests_as_text: bool,
}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> Typed<T> {
    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidData`]: the text is over the limits or not of this type, or what it is read as could
    /// not be stored. The path is that of the value that could not be read, or of one around it.
    pub fn parse(text: JsonText, limits: DocumentLimits) -> Result<Self, InvalidData> {
        let refuse = |path, problem| InvalidData { path, problem };
        limits.check_size(text.size()).map_err(|problem| refuse(Path::root(), problem))?;
        let value = serde_json::from_str(text.as_str()).map_err(|error| {
            let path = path_at(text.as_str(), offset(text.as_str(), &error));
            refuse(path, Problem::WrongType { message: without_position(&error) })
        })?;
        Ok(Self { text: Some(text), ..Self::new(value, limits)? })
    }

    /// A document of a value.
    ///
    /// # Errors
    /// [`InvalidData`]: it cannot be stored.
    pub fn new(value: T, limits: DocumentLimits) -> Result<Self, InvalidData> {
        let depth_max = limits.depth_max.min(TYPED_DEPTH_MAX);
        let limits = DocumentLimits { depth_max, ..limits };
        let size = checked_size(&value, limits)?;
        let (text, before) = (None, None);
        Ok(Self { value: Box::new(value).into(), text, size, limits, before, rests_as_text: false })
    }

    /// Keeps only the text at rest, for types of which everything is stored: what `serde` skips
    /// begins anew after a rest.
    #[must_use]
    pub fn resting_as_text(self) -> Self {
        Self { rests_as_text: true, ..self }
    }

    /// Whether only the text is kept.
    pub fn is_resting(&self) -> bool {
        self.value.get().is_none()
    }

    /// The value as it stands.
    pub fn get(&self) -> &T {
        self.value.get_or_init(|| {
            let text = self.text.as_ref().expect("without a value there is its text");
            Box::new(serde_json::from_str(text.as_str()).expect("this text was read before"))
        })
    }

    /// Edits a copy and swaps it in, all of it or nothing. An edit counts as a change, whatever it
    /// did; [`Self::difference`] tells.
    ///
    /// # Errors
    /// What the function returns, or [`EditError::Invalid`]: the result cannot be stored. Nothing is
    /// changed then, nor when it panics.
    pub fn edit<R>(
        &mut self,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        let mut copy = self.get().clone();
        let answer = edit(&mut copy)?;
        self.size = checked_size(&copy, self.limits)?;
        self.text = None;
        let edited = std::mem::replace(&mut self.value, Box::new(copy).into()).into_inner();
        self.before = self.before.take().or(edited);
        Ok(answer)
    }

    /// The exact places that changed since the last call, or since the document was read, in the
    /// order of keys.
    pub fn difference(&mut self) -> Changes {
        let Some(before) = self.before.take() else { return Changes::default() };
        let [before, now] = [&*before, self.get()].map(|value| {
            Value::from_serialize(value, self.limits.depth_max).expect("an edit checked it")
        });
        Changes { paths: now.difference(&before) }
    }
}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> Document for Typed<T> {
    fn encode(&mut self) -> JsonText {
        if let Some(text) = &self.text {
            return text.clone();
        }
        let mut text = Vec::with_capacity(self.size);
        serde_json::to_writer(&mut text, self.get()).expect("an edit checked it");
        assert_eq!(text.len(), self.size, "what was counted is what is written");
        let text = String::from_utf8(text).expect("JSON is UTF-8");
        self.text.insert(JsonText::trusted(text)).clone()
    }

    fn size(&mut self) -> usize {
        self.text.as_ref().map_or(self.size, JsonText::size)
    }

    fn rest(&mut self) {
        // A type may write what it does not read: then the value is all there is.
        if self.rests_as_text && serde_json::from_str::<T>(self.encode().as_str()).is_ok() {
            self.value = OnceLock::new();
        } else {
            // The value stays: what `serde` skips could not be made again.
            self.text = None;
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl<T> fmt::Debug for Typed<T> {
    /// Leaves the value out: player data is never logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value: _, text: _, size, limits, before: _, rests_as_text: _ } = self;
        f.debug_struct("Typed").field("size", size).field("limits", limits).finish_non_exhaustive()
    }
}

/// How many bytes of a text were read when an error was found.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    lines.map(str::len).sum::<usize>() + error.column()
}

/// What an error says, without the line and column that the path stands for.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).unwrap_or(&message).to_owned()
}
