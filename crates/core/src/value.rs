//! Values in memory: a tree whose branches are shared.
//!
//! A copy shares every branch with its source; a change copies the branches along its path and no
//! others. Snapshots, transactions and isolation therefore cost what changed, not what there is.
//!
//! A [`Value`] holds less than JSON text does: numbers are `i64`, `u64` or finite `f64`. What it
//! cannot hold exactly enough is refused by [`Value::parse`], never rounded to something else
//! without a word: an integer beyond 64 bits, a number beyond the range of `f64`.

use std::sync::Arc;

use serde::ser::{Serialize, Serializer};

use crate::json::{Events, JsonError, JsonText};
use crate::limits::Limits;
use crate::path::{Path, Step};

mod build;
mod difference;
mod invalid;
mod members;
mod number;
mod quick;
mod size;
mod text;
mod walk;

pub use invalid::{InvalidData, Problem};
pub use members::Members;
pub(crate) use number::ByteCount;
pub use number::{ArithmeticError, Finite, Number};
pub(crate) use size::{key_size, string_size};
pub use text::Text;
pub(crate) use walk::{Sink, Walk, out_of_step};

use build::Build;

/// A JSON value with shared branches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Text),
    /// An array.
    Array(Arc<Vec<Value>>),
    /// An object, its keys in byte order.
    Object(Arc<Members>),
}

/// Why a JSON text cannot be a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// It is not a JSON text within the limits.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// One of its numbers has no exact enough counterpart.
    #[error("the number `{number}` does not fit 64 bits")]
    Number {
        /// The number as it is written.
        number: String,
    },
}

/// Why a path could not be changed. The value is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing stands there.
    #[error("nothing stands at `{path}`")]
    Missing {
        /// The first place of the path that is missing.
        path: Path,
    },
    /// A step by key meets something that is no object, or by index no array.
    #[error("`{path}` is not of the kind that the path asks for")]
    WrongKind {
        /// The place that is of another kind.
        path: Path,
    },
}

impl Value {
    /// Reads a value from JSON text.
    ///
    /// # Errors
    /// [`ValueError`]: not JSON, over the limits, or a number that does not fit.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, ValueError> {
        Self::read(text, limits).map_err(|(error, _)| error)
    }

    /// Reads a value, and says where it could not go on.
    pub(crate) fn read(text: &str, limits: &Limits) -> Result<Self, (ValueError, Path)> {
        if let Some(value) = quick::read(text, limits.value_depth_max) {
            return Ok(value);
        }
        // The events keep to the limit of depth themselves.
        let mut build = Build::new(usize::MAX);
        let read = build.read(Events::new(text, limits));
        read.map_err(|error| (error, build.path()))?;
        Ok(build.take().expect("the parser ends after one value"))
    }

    /// An object of these members. Of two values under one key the later one stays.
    pub fn object<K: Into<Text>>(members: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(Arc::new(members.into_iter().collect()))
    }

    /// An array of these items.
    pub fn array(items: impl IntoIterator<Item = Self>) -> Self {
        Self::Array(Arc::new(items.into_iter().collect()))
    }

    /// The value as compact JSON text, its keys in byte order.
    pub fn to_json(&self) -> JsonText {
        let mut text = Vec::with_capacity(self.json_size());
        serde_json::to_writer(&mut text, self).expect("every value can be written as JSON");
        JsonText::trusted(String::from_utf8(text).expect("JSON is UTF-8"))
    }

    /// What stands at a path.
    pub fn get(&self, path: &Path) -> Option<&Self> {
        self.at(path.steps())
    }

    pub(crate) fn at(&self, steps: &[Step]) -> Option<&Self> {
        steps.iter().try_fold(self, |value, step| match (value, step) {
            (Self::Object(members), Step::Key(key)) => members.get(key),
            (Self::Array(items), Step::Index(index)) => items.get(*index),
            _ => None,
        })
    }

    /// Puts a value at a path and returns what stood there. Its parent must exist; a key is
    /// added when it is new, an index one past the end appends.
    ///
    /// # Errors
    /// [`PathError`]; nothing is changed then.
    pub fn set(&mut self, path: &Path, value: Self) -> Result<Option<Self>, PathError> {
        let Some((last, parents)) = path.steps().split_last() else {
            return Ok(Some(std::mem::replace(self, value)));
        };
        self.check_parent(path, parents, |parent| match (parent, last) {
            (Self::Object(_), Step::Key(_)) => Some(true),
            (Self::Array(items), Step::Index(index)) => Some(*index <= items.len()),
            _ => None,
        })?;
        Ok(match (self.parent_mut(parents), last) {
            (Self::Object(members), Step::Key(key)) => Arc::make_mut(members).insert(key, value),
            (Self::Array(items), Step::Index(index)) => {
                let items = Arc::make_mut(items);
                if let Some(place) = items.get_mut(*index) {
                    Some(std::mem::replace(place, value))
                } else {
                    items.push(value);
                    None
                }
            }
            _ => unreachable!("the kind of the parent was checked"),
        })
    }

    /// How many items the array at a path has.
    ///
    /// # Errors
    /// [`PathError`]: nothing stands there, or no array.
    pub fn item_count(&self, path: &Path) -> Result<usize, PathError> {
        let mut count = 0;
        // The place of an item that the array would have.
        self.check_parent(&path.clone().join(0), path.steps(), |parent| match parent {
            Self::Array(items) => {
                count = items.len();
                Some(true)
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                None
            }
        })?;
        Ok(count)
    }

    /// Puts a value into the array at a path, before the item of that index. Later items move down.
    ///
    /// # Errors
    /// [`PathError`]; nothing is changed then.
    pub fn insert(&mut self, path: &Path, index: usize, value: Self) -> Result<(), PathError> {
        let place = path.clone().join(index);
        self.check_parent(&place, path.steps(), |parent| match parent {
            Self::Array(items) => Some(index <= items.len()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => {
                None
            }
        })?;
        if let Self::Array(items) = self.parent_mut(path.steps()) {
            Arc::make_mut(items).insert(index, value);
        }
        Ok(())
    }

    /// Takes out what stands at a path. Later items of an array move up; the root becomes `null`.
    ///
    /// # Errors
    /// [`PathError`]; nothing is changed then.
    pub fn remove(&mut self, path: &Path) -> Result<Self, PathError> {
        let Some((last, parents)) = path.steps().split_last() else {
            return Ok(std::mem::take(self));
        };
        self.check_parent(path, parents, |parent| match (parent, last) {
            (Self::Object(members), Step::Key(key)) => Some(members.contains_key(key)),
            (Self::Array(items), Step::Index(index)) => Some(*index < items.len()),
            _ => None,
        })?;
        Ok(match (self.parent_mut(parents), last) {
            (Self::Object(members), Step::Key(key)) => {
                Arc::make_mut(members).remove(key).expect("its presence was checked")
            }
            (Self::Array(items), Step::Index(index)) => Arc::make_mut(items).remove(*index),
            _ => unreachable!("the kind of the parent was checked"),
        })
    }

    /// Looks before anything is copied, so that a refused change costs and changes nothing.
    fn check_parent(
        &self,
        path: &Path,
        parents: &[Step],
        fits: impl FnOnce(&Self) -> Option<bool>,
    ) -> Result<(), PathError> {
        let mut value = self;
        let mut place = Path::root();
        for step in parents {
            value = match (value, step) {
                (Self::Object(members), Step::Key(key)) => members.get(key),
                (Self::Array(items), Step::Index(index)) => items.get(*index),
                _ => return Err(PathError::WrongKind { path: place }),
            }
            .ok_or_else(|| PathError::Missing { path: place.clone().join(step.clone()) })?;
            place = place.join(step.clone());
        }
        match fits(value) {
            None => Err(PathError::WrongKind { path: place }),
            Some(false) => Err(PathError::Missing { path: path.clone() }),
            Some(true) => Ok(()),
        }
    }

    /// The branch at a path that was checked, copied along the way where it is shared.
    fn parent_mut(&mut self, parents: &[Step]) -> &mut Self {
        parents.iter().fold(self, |value, step| {
            match (value, step) {
                (Self::Object(members), Step::Key(key)) => Arc::make_mut(members).get_mut(key),
                (Self::Array(items), Step::Index(index)) => Arc::make_mut(items).get_mut(*index),
                _ => None,
            }
            .expect("the path was checked")
        })
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(Number::Integer(number)) => serializer.serialize_i64(*number),
            Self::Number(Number::Unsigned(number)) => serializer.serialize_u64(*number),
            Self::Number(Number::Float(number)) => serializer.serialize_f64(number.get()),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items.iter()),
            Self::Object(members) => serializer.collect_map(members.iter()),
        }
    }
}

impl<N: Into<Number>> From<N> for Value {
    fn from(number: N) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(items))
    }
}

#[cfg(test)]
pub(crate) mod tests;
