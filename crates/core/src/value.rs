//! Values in memory: a tree whose branches are shared.
//!
//! A copy shares every branch with its source; a change copies the branches along its path and no
//! others. Snapshots, transactions and isolation therefore cost what changed, not what there is.
//!
//! A [`Value`] holds less than JSON text does: numbers are `i64`, `u64` or finite `f64`. What it
//! cannot hold exactly enough is refused by [`Value::parse`], never rounded to something else
//! without a word: an integer beyond 64 bits, a number beyond the range of `f64`.

use std::collections::BTreeMap;
use std::sync::Arc;

use json_event_parser::JsonEvent;
use serde::ser::{Serialize, Serializer};

use crate::json::{Events, JsonError, JsonText};
use crate::limits::Limits;
use crate::path::{Path, Step};

/// A number as sessions hold it. A fraction is always finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer of the signed range.
    Integer(i64),
    /// An integer above the signed range.
    Unsigned(u64),
    /// Anything written with a fraction or an exponent.
    Float(Finite),
}

/// A floating-point number that JSON can hold: neither infinite nor NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finite(f64);

impl Finite {
    /// The number, if it is finite.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A JSON value with shared branches.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Arc<Vec<Value>>),
    /// An object, its keys in byte order.
    Object(Arc<BTreeMap<Arc<str>, Value>>),
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
        let mut events = Events::new(text, limits);
        let mut open: Vec<Open> = Vec::new();
        let mut done = None;
        loop {
            let complete = match events.next()? {
                JsonEvent::Eof => return Ok(done.expect("the parser ends after one value")),
                JsonEvent::StartArray => {
                    open.push(Open::Array(Vec::new()));
                    continue;
                }
                JsonEvent::StartObject => {
                    open.push(Open::Object(BTreeMap::new(), None));
                    continue;
                }
                JsonEvent::ObjectKey(key) => {
                    if let Some(Open::Object(_, next)) = open.last_mut() {
                        *next = Some(Arc::from(&*key));
                    }
                    continue;
                }
                JsonEvent::EndArray | JsonEvent::EndObject => {
                    open.pop().expect("the parser closes what it opened").close()
                }
                JsonEvent::String(text) => Self::String(Arc::from(&*text)),
                JsonEvent::Number(text) => Self::Number(Number::parse(&text)?),
                JsonEvent::Boolean(flag) => Self::Bool(flag),
                JsonEvent::Null => Self::Null,
            };
            match open.last_mut() {
                Some(parent) => parent.push(complete),
                None => done = Some(complete),
            }
        }
    }

    /// The value as compact JSON text, its keys in byte order.
    pub fn to_json(&self) -> JsonText {
        let text = serde_json::to_string(self).expect("every value can be written as JSON");
        JsonText::trusted(text)
    }

    /// What stands at a path.
    pub fn get(&self, path: &Path) -> Option<&Self> {
        path.steps().iter().try_fold(self, |value, step| match (value, step) {
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
            (Self::Object(members), Step::Key(key)) => {
                Arc::make_mut(members).insert(Arc::clone(key), value)
            }
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

impl Number {
    fn parse(text: &str) -> Result<Self, ValueError> {
        let refuse = || ValueError::Number { number: text.to_owned() };
        if text.contains(['.', 'e', 'E']) || text == "-0" {
            let number = text.parse().ok().and_then(Finite::new).ok_or_else(refuse)?;
            return Ok(Self::Float(number));
        }
        let signed = text.parse().map(Self::Integer);
        signed.or_else(|_| text.parse().map(Self::Unsigned)).map_err(|_| refuse())
    }
}

/// A container that is still being read.
enum Open {
    Array(Vec<Value>),
    Object(BTreeMap<Arc<str>, Value>, Option<Arc<str>>),
}

impl Open {
    fn push(&mut self, value: Value) {
        match self {
            Self::Array(items) => items.push(value),
            Self::Object(members, next) => {
                members.insert(next.take().expect("a member has a key"), value);
            }
        }
    }

    fn close(self) -> Value {
        match self {
            Self::Array(items) => Value::Array(Arc::new(items)),
            Self::Object(members, _) => Value::Object(Arc::new(members)),
        }
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
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(key, value)| (&**key, value)))
            }
        }
    }
}

#[cfg(test)]
#[path = "value/tests.rs"]
mod tests;
