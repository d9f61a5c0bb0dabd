//! What a session holds, and how it is edited: data without owner, revision or store.
//!
//! ```text
//!   Tree       a Value: any JSON, edited by path, with the exact paths of what changed
//!   Typed<T>   a serde type: edited as what it is, compared when somebody asks what changed
//!        │
//!        ▼ Document: encode, size, rest
//!   a session: who may write it, when it is saved
//! ```
//!
//! Invariants: what an edit accepts can be stored, so [`Document::encode`] cannot fail; an edit that
//! fails, is cancelled or panics changes nothing; what is given out is never changed afterwards.
//! Start reading at [`Tree::transaction`] and [`Typed::edit`].

mod change;
mod count;
mod draft;
mod error;
mod locate;
mod portions;
mod rules;
mod template;
mod tree;
mod typed;

use std::any::Any;
use std::fmt;

pub use crate::value::{InvalidData, Problem};
pub use change::{Change, Changes, diff};
pub use draft::{Draft, Insert, edit_copy};
pub use error::{Cancel, EditError};
pub(crate) use portions::Portions;
pub use rules::Rules;
pub use template::reconcile;
pub use tree::Tree;
pub use typed::{TYPED_DEPTH_MAX, Typed, TypedCheck};

use crate::json::JsonText;
use crate::limits::Limits;
use crate::value::Value;

/// What a session holds.
pub trait Document: fmt::Debug + Send + 'static {
    /// Its stored form. It cannot fail: what an edit accepted can be stored. Until the next edit
    /// every call answers the same text, without work.
    fn encode(&mut self) -> JsonText;

    /// The size of its stored form as it stands, in bytes, without building it.
    fn size(&mut self) -> usize;

    /// Lets go of what can be made again. For a document that was not edited for a while.
    fn rest(&mut self);

    /// Edits it by path, whatever it is: all of the edit, or nothing. Answers what changed in the
    /// end.
    ///
    /// Unless a document says otherwise, [`DocumentLimits::default`] hold, and what the edit leaves
    /// is handed to [`Self::put_value`].
    ///
    /// # Errors
    /// What the edit returns, or [`EditError::Invalid`]: the document cannot hold the result.
    /// Nothing is changed then, nor when the edit panics.
    fn edit_value(
        &mut self,
        edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
    ) -> Result<Changes, EditError> {
        let (value, changes) = edit_copy(&self.snapshot_value(), DocumentLimits::default(), edit)?;
        self.put_value(value)?;
        Ok(changes)
    }

    /// What it holds now, as a value that remains as it is.
    fn snapshot_value(&self) -> Value;

    /// Where what it holds now differs from what it held.
    fn changes_since(&self, before: &Value) -> Changes {
        Changes::from_paths(self.snapshot_value().difference(before))
    }

    /// Has it hold a value that lies between two that edits accepted: neither the limits nor the
    /// game's own rules are asked, since what was given to a player cannot be refused any more. What
    /// `serde` skips begins anew.
    ///
    /// # Errors
    /// [`EditError::Invalid`]: a type cannot hold it. Nothing is changed then.
    fn put_value(&mut self, value: Value) -> Result<(), EditError>;

    /// A draft of what it holds now, within its limits, that changes nothing by itself. The limits
    /// are [`DocumentLimits::default`] unless a document has its own.
    fn draft(&self) -> Draft {
        let value = self.snapshot_value();
        let size = value.json_size();
        Draft::new(value, size, DocumentLimits::default(), None)
    }

    /// The document as what it is.
    fn as_any(&self) -> &dyn Any;

    /// The document as what it is, to edit it.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// What a document may hold. A size or depth equal to the limit is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentLimits {
    /// Largest stored form, in bytes of JSON text.
    pub size_max: usize,
    /// Deepest nesting, in arrays and objects.
    pub depth_max: usize,
}

impl DocumentLimits {
    /// The default of `MaxDataBytes`: what every store can hold, with room for what stands beside it.
    pub const SIZE_MAX: usize = 3_800_000;

    /// What stored values may be nested.
    pub const DEPTH_MAX: usize = Limits::native().value_depth_max;

    pub(crate) fn check_size(self, actual: usize) -> Result<(), Problem> {
        let limit = self.size_max;
        if actual > limit { Err(Problem::TooLarge { actual, limit }) } else { Ok(()) }
    }
}

impl DocumentLimits {
    /// The value of a text. Only the depth counts.
    pub(crate) fn read(self, text: &JsonText) -> Result<Value, InvalidData> {
        let limits = Limits { value_depth_max: self.depth_max, ..Limits::native() };
        Value::read(text.as_str(), &limits)
            .map_err(|(error, path)| InvalidData { path, problem: Problem::NotValue(error) })
    }
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self { size_max: Self::SIZE_MAX, depth_max: Self::DEPTH_MAX }
    }
}

#[cfg(test)]
mod tests;
