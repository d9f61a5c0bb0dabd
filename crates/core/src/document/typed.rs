//! A document over a `serde` type.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::count::checked_size;
use super::draft::edit_copy_under;
use super::locate::path_at;
use super::{
    Cancel, Changes, Document, DocumentLimits, Draft, EditError, InvalidData, Problem, Rules,
};
use crate::json::JsonText;
use crate::path::{Path, Step};
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
    rules: Option<Arc<Rules>>,
    check: Option<TypedCheck<T>>,
}

/// Says what is wrong with data, or nothing. It depends on the data alone.
pub type TypedCheck<T> = Arc<dyn Fn(&T) -> Result<(), Cancel> + Send + Sync>;

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> Typed<T> {
    /// Reads a document.
    ///
    /// # Errors
    /// [`InvalidData`]: the text is over the limits or not of this type, or what it is read as could
    /// not be stored. The path is that of the value that could not be read, or of one around it.
    pub fn parse(text: JsonText, limits: DocumentLimits) -> Result<Self, InvalidData> {
        let refuse = |path, problem| InvalidData { path, problem };
        limits.check_size(text.size()).map_err(|problem| refuse(Path::root(), problem))?;
        let value = read(text.as_str())?;
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
        let (text, before, rules, check) = (None, None, None, None);
        let (value, rests_as_text) = (Box::new(value).into(), false);
        Ok(Self { value, text, size, limits, before, rests_as_text, rules, check })
    }

    /// Keeps these rules from now on, as far as they are not the type's own business: capacities
    /// hold for edits by path, and what lives in memory only is what `serde` skips.
    #[must_use]
    pub fn under(self, rules: Arc<Rules>) -> Self {
        Self { rules: Some(rules), ..self }
    }

    /// Asks the game's own check before every edit is taken, and now.
    ///
    /// # Errors
    /// [`InvalidData`]: the check refuses what it holds.
    pub fn checked_by(mut self, check: TypedCheck<T>) -> Result<Self, InvalidData> {
        check(self.get()).map_err(Cancel::into_invalid)?;
        self.check = Some(check);
        Ok(self)
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
        let size = self.check(&copy)?;
        self.swap_in(copy, size);
        Ok(answer)
    }

    /// The size of what may be held.
    fn check(&self, value: &T) -> Result<usize, InvalidData> {
        let size = checked_size(value, self.limits)?;
        if let Some(check) = &self.check {
            check(value).map_err(Cancel::into_invalid)?;
        }
        if let Some(rules) = self.rules.as_ref().filter(|rules| rules.has_check()) {
            rules.run_check(&self.to_value(value))?;
        }
        Ok(size)
    }

    fn swap_in(&mut self, value: T, size: usize) {
        self.size = size;
        self.text = None;
        let edited = std::mem::replace(&mut self.value, Box::new(value).into()).into_inner();
        self.before = self.before.take().or(edited);
    }

    fn to_value(&self, value: &T) -> Value {
        Value::from_serialize(value, self.limits.depth_max).expect("its size was counted")
    }

    /// The exact places that changed since the last call, or since the document was read, in the
    /// order of keys.
    pub fn difference(&mut self) -> Changes {
        let Some(before) = self.before.take() else { return Changes::default() };
        let [before, now] = [&*before, self.get()].map(|value| self.to_value(value));
        Changes::from_paths(now.difference(&before))
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

    /// What the edit leaves is read as the type, which so checks it. A place that the type does not
    /// keep is refused, unless what was put there is empty or zero, which types leave out. What
    /// `serde` skips begins anew.
    fn edit_value(
        &mut self,
        edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
    ) -> Result<Changes, EditError> {
        let before = self.snapshot_value();
        let (left, changes) = edit_copy_under(self.rules.clone(), &before, self.limits, edit)?;
        if changes.is_empty() {
            return Ok(changes);
        }
        let next: T = read(left.to_json().as_str())?;
        let size = self.check(&next)?;
        let after = self.to_value(&next);
        for mut path in changes.paths {
            if let Some(put) = left.get(&path)
                && is_lost(put, after.get(&path), &mut path)
            {
                return Err(InvalidData { path, problem: Problem::NotKept }.into());
            }
        }
        let changes = Changes::from_paths(after.difference(&before));
        if !changes.is_empty() {
            self.swap_in(next, size);
        }
        Ok(changes)
    }

    fn put_value(&mut self, value: Value) -> Result<(), EditError> {
        let next: T = read(value.to_json().as_str())?;
        let size = checked_size(&next, DocumentLimits { size_max: usize::MAX, ..self.limits })?;
        self.swap_in(next, size);
        Ok(())
    }

    fn draft(&self) -> Draft {
        let value = self.snapshot_value();
        let size = value.json_size();
        Draft::new(value, size, self.limits, self.rules.clone())
    }

    fn snapshot_value(&self) -> Value {
        self.to_value(self.get())
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
        let Self { value: _, text: _, size, limits, .. } = self;
        f.debug_struct("Typed").field("size", size).field("limits", limits).finish_non_exhaustive()
    }
}

/// The value of a text.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, InvalidData> {
    serde_json::from_str(text).map_err(|error| {
        let path = path_at(text, offset(text, &error));
        InvalidData { path, problem: Problem::WrongType { message: without_position(&error) } }
    })
}

/// Whether something that was put at a place is missing from what a type made of it; the path then
/// leads to it. Items of arrays may be fewer or moved: a type may be a set.
fn is_lost(put: &Value, kept: Option<&Value>, place: &mut Path) -> bool {
    match (put, kept) {
        (_, None) => !is_empty(put),
        (Value::Object(put), Some(Value::Object(kept))) => put.iter().any(|(key, put)| {
            place.push(Step::from(key));
            let is_lost = is_lost(put, kept.get(key), place);
            if !is_lost {
                place.pop();
            }
            is_lost
        }),
        (Value::Array(put), Some(Value::Array(kept))) => {
            put.iter().zip(kept.iter()).enumerate().any(|(index, (put, kept))| {
                place.push(Step::from(index));
                let is_lost = is_lost(put, Some(kept), place);
                if !is_lost {
                    place.pop();
                }
                is_lost
            })
        }
        (_, Some(_)) => false,
    }
}

/// Whether it is what a type may leave out without losing anything.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.compare(0.into()).is_eq(),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
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
