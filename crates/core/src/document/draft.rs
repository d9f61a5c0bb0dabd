//! A value while a transaction works on it.

use std::sync::Arc;

use crate::path::{Path, Step};
use crate::value::{InvalidData, Number, PathError, Problem, Value, key_size};

use super::change::Recorder;
use super::template;
use super::{Cancel, Changes, DocumentLimits, EditError, Rules};

/// A value that a transaction works on, isolated from the document: it shares the branches that it
/// does not change, and is discarded or swapped in as a whole.
///
/// Every step either succeeds or changes nothing, and leaves a value that can be stored; a step that
/// failed may be caught, and the transaction go on.
#[derive(Debug)]
pub struct Draft {
    value: Value,
    /// That of the value as JSON, kept by adding what each step changes.
    size: usize,
    limits: DocumentLimits,
    rules: Option<Arc<Rules>>,
    changed: Recorder,
}

/// Where an item is put into an array, and how many items the array may then hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Insert {
    /// Before the item of this index; at the end if there is none.
    pub index: Option<usize>,
    /// The most items that the array may hold afterwards, if there is such a limit.
    pub capacity: Option<usize>,
}

impl Insert {
    /// At the end of an array without limit.
    pub const END: Self = Self { index: None, capacity: None };

    /// Before the item of an index.
    pub const fn at(index: usize) -> Self {
        Self { index: Some(index), capacity: None }
    }

    /// Only if the array then holds no more than this.
    #[must_use]
    pub const fn within(self, capacity: usize) -> Self {
        Self { capacity: Some(capacity), ..self }
    }
}

/// Edits a copy of a value, for documents that keep something else. Answers the copy, and where it
/// differs from the value.
///
/// # Errors
/// What the edit returns.
pub fn edit_copy(
    value: &Value,
    limits: DocumentLimits,
    edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
) -> Result<(Value, Changes), EditError> {
    edit_copy_under(None, value, limits, edit)
}

/// [`edit_copy`], by the rules of a document.
pub(super) fn edit_copy_under(
    rules: Option<Arc<Rules>>,
    value: &Value,
    limits: DocumentLimits,
    edit: &mut dyn FnMut(&mut Draft) -> Result<(), Cancel>,
) -> Result<(Value, Changes), EditError> {
    let mut draft = Draft::new(value.clone(), value.json_size(), limits, rules);
    edit(&mut draft)?;
    let (edited, _, changes) = draft.into_parts_since(value);
    Ok((edited, changes))
}

impl Draft {
    pub(super) fn new(
        value: Value,
        size: usize,
        limits: DocumentLimits,
        rules: Option<Arc<Rules>>,
    ) -> Self {
        Self { value, size, limits, rules, changed: Recorder::default() }
    }

    /// The value with the size it has as JSON, and the places that steps changed.
    pub(super) fn into_parts(self) -> (Value, usize, Changes) {
        (self.value, self.size, self.changed.finish())
    }

    /// The same, with the places that differ from a value before.
    pub(super) fn into_parts_since(self, before: &Value) -> (Value, usize, Changes) {
        let changes = self.changed.finish_between(before, &self.value);
        (self.value, self.size, changes)
    }

    /// The whole value as it stands.
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// What stands at a path.
    pub fn get(&self, path: impl Into<Path>) -> Option<&Value> {
        self.value.get(&path.into())
    }

    /// Puts a value at a path and returns what stood there. Its parent must exist; a key is added
    /// when it is new, an index one past the end appends.
    ///
    /// # Errors
    /// [`EditError::Path`], [`EditError::Invalid`].
    pub fn set(
        &mut self,
        path: impl Into<Path>,
        value: impl Into<Value>,
    ) -> Result<Option<Value>, EditError> {
        self.put(path.into(), value.into())
    }

    /// Puts at a path what a function makes of what stands there, and returns what stood there.
    ///
    /// # Errors
    /// As [`Self::set`], and what the function returns.
    pub fn patch(
        &mut self,
        path: impl Into<Path>,
        next: impl FnOnce(Option<&Value>) -> Result<Value, Cancel>,
    ) -> Result<Option<Value>, EditError> {
        let path = path.into();
        let value = next(self.value.get(&path))?;
        self.put(path, value)
    }

    /// Adds an amount, which may be negative, to the number at a path, and returns the sum. A new
    /// key counts as 0.
    ///
    /// # Errors
    /// [`EditError::NotNumber`]; [`EditError::Arithmetic`]: the sum is out of range, or an integer
    /// would be rounded; as [`Self::set`].
    pub fn add(
        &mut self,
        path: impl Into<Path>,
        amount: impl Into<Number>,
    ) -> Result<Number, EditError> {
        let path = path.into();
        let sum = self
            .number(&path)?
            .checked_add(amount.into())
            .map_err(|source| EditError::Arithmetic { path: path.clone(), source })?;
        self.put(path, Value::Number(sum))?;
        Ok(sum)
    }

    /// Takes an amount from the number at a path if there is that much, and returns what remains. A
    /// key that is not there counts as 0.
    ///
    /// # Errors
    /// [`EditError::InsufficientFunds`] says what there is; [`EditError::NegativeDebit`]; as
    /// [`Self::add`].
    pub fn try_debit(
        &mut self,
        path: impl Into<Path>,
        amount: impl Into<Number>,
    ) -> Result<Number, EditError> {
        let (path, amount) = (path.into(), amount.into());
        if amount.compare(0.into()).is_lt() {
            return Err(EditError::NegativeDebit { path });
        }
        let available = self.number(&path)?;
        if available.compare(amount).is_lt() {
            return Err(EditError::InsufficientFunds { path, available });
        }
        let remaining = available
            .checked_sub(amount)
            .map_err(|source| EditError::Arithmetic { path: path.clone(), source })?;
        self.put(path, Value::Number(remaining))?;
        Ok(remaining)
    }

    /// Puts an item into the array at a path and returns its index.
    ///
    /// # Errors
    /// [`EditError::Full`]: by this capacity or that of the document; [`EditError::Path`]: no array,
    /// or the index is beyond its end;
    /// [`EditError::Invalid`].
    pub fn insert(
        &mut self,
        path: impl Into<Path>,
        item: impl Into<Value>,
        at: Insert,
    ) -> Result<usize, EditError> {
        let (path, item) = (path.into(), item.into());
        let count = self.value.item_count(&path)?;
        let declared = self.rules.as_ref().and_then(|rules| rules.capacity_of(&path));
        if let Some(capacity) = at.capacity.into_iter().chain(declared).min()
            && count >= capacity
        {
            return Err(EditError::Full { path, capacity });
        }
        let index = at.index.unwrap_or(count);
        let place = path.clone().join(index);
        if index >= count {
            self.put(place, item)?;
            return Ok(index);
        }
        self.check_depth(&place, &item)?;
        let size = self.size + item.json_size() + 1;
        self.change(&place, size, |value| value.insert(&path, index, item))?;
        self.changed.record(path);
        Ok(index)
    }

    /// Takes out what stands at a path. Later items of an array move up; the root becomes `null`.
    ///
    /// # Errors
    /// [`EditError::Path`].
    pub fn remove(&mut self, path: impl Into<Path>) -> Result<Value, EditError> {
        let path = path.into();
        let removed = self.value.remove(&path)?;
        self.size -= removed.json_size();
        let Some((last, parents)) = path.steps().split_last() else {
            self.size += Value::Null.json_size();
            if removed != Value::Null {
                self.changed.record(path);
            }
            return Ok(removed);
        };
        self.size -= separator_size(&self.value, parents, last);
        match last {
            Step::Key(_) => self.changed.record(path),
            Step::Index(_) => self.changed.record(parents.iter().cloned().collect()),
        }
        Ok(removed)
    }

    /// Adds what a template has and the value has not, as [`reconcile`](super::reconcile) does.
    ///
    /// # Errors
    /// [`EditError::Invalid`]; what was added before it stays.
    pub fn reconcile(&mut self, template: &Value) -> Result<(), EditError> {
        for (path, missing) in template::missing(&self.value, template) {
            self.put(path, missing.clone())?;
        }
        Ok(())
    }

    fn put(&mut self, path: Path, value: Value) -> Result<Option<Value>, EditError> {
        self.check_depth(&path, &value)?;
        let before = self.value.get(&path);
        if before == Some(&value) {
            return Ok(Some(value));
        }
        if let Some(rules) = &self.rules {
            rules.check_put(&self.value, &path, &value)?;
        }
        let grown = self.size + value.json_size();
        let actual = match (before, path.steps().split_last()) {
            (Some(before), _) => grown - before.json_size(),
            (None, Some((last, parents))) => grown + separator_size(&self.value, parents, last),
            (None, None) => unreachable!("something always stands at the root"),
        };
        let replaced = self.change(&path, actual, |root| root.set(&path, value))?;
        self.changed.record(path);
        Ok(replaced)
    }

    /// Changes the value, which then has that size, if it may have it.
    fn change<R>(
        &mut self,
        place: &Path,
        size: usize,
        change: impl FnOnce(&mut Value) -> Result<R, PathError>,
    ) -> Result<R, EditError> {
        let rules = self.rules.as_ref().filter(|rules| rules.has_transient());
        let answer = if let Some(rules) = rules {
            // How much of it is stored is known only when it is there.
            let mut changed = self.value.clone();
            let answer = change(&mut changed)?;
            self.check_size(place, size - rules.transient_size(&changed))?;
            self.value = changed;
            answer
        } else {
            self.check_size(place, size)?;
            change(&mut self.value)?
        };
        self.size = size;
        Ok(answer)
    }

    /// First of all checks: what is not deeper than the limit can be walked.
    fn check_depth(&self, path: &Path, value: &Value) -> Result<(), InvalidData> {
        let limit = self.limits.depth_max;
        let left = limit.checked_sub(path.steps().len());
        if left.is_some_and(|left| !value.is_deeper_than(left)) {
            return Ok(());
        }
        Err(InvalidData { path: path.clone(), problem: Problem::TooDeep { limit } })
    }

    fn check_size(&self, path: &Path, size: usize) -> Result<(), InvalidData> {
        let checked = self.limits.check_size(size);
        checked.map_err(|problem| InvalidData { path: path.clone(), problem })
    }

    fn number(&self, path: &Path) -> Result<Number, EditError> {
        match self.value.get(path) {
            None => Ok(0.into()),
            Some(Value::Number(number)) => Ok(*number),
            Some(
                Value::Null
                | Value::Bool(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_),
            ) => Err(EditError::NotNumber { path: path.clone() }),
        }
    }
}

/// What a member or item has in the text of a container besides its value, given the container
/// without it: the key, and a comma unless it is alone.
pub(super) fn separator_size(root: &Value, parents: &[Step], last: &Step) -> usize {
    let is_alone = match root.at(parents) {
        Some(Value::Object(members)) => members.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => true,
    };
    let key_size = match last {
        Step::Key(key) => key_size(key.as_bytes()),
        Step::Index(_) => 0,
    };
    key_size + usize::from(!is_alone)
}
