//! What stands beside the data of a record: whose data it is, and small attributes of the game's.
//!
//! Both are saved with the data, in the same write, and read by data stores as the entry's user ids
//! and metadata.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use steadfast_core::game_server::EditRefused;
use steadfast_core::id::NameError;
use steadfast_core::row::{Metadata, MetadataError};
use steadfast_core::session::Access;
use steadfast_core::{Code, ErrorKind, UserId, Value};

use super::Session;

/// Why user ids or tags were not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// The session takes no edit.
    #[error(transparent)]
    Access(#[from] Access),
    /// That is no user id.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The record names as many users as it may.
    #[error("the record has {limit} user ids already")]
    TooManyUserIds {
        /// The most that it may have.
        limit: usize,
    },
    /// The value is no text, number or boolean, or all tags together are too large.
    #[error(transparent)]
    Tags(#[from] MetadataError),
}

impl LabelError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Access(access) => access.code(),
            Self::Name(error) => error.code(),
            Self::TooManyUserIds { .. } | Self::Tags(MetadataError::TooLarge(_)) => {
                Code::DataTooLarge
            }
            Self::Tags(MetadataError::Json(_) | MetadataError::Shape) => Code::InvalidData,
        }
    }
}

impl From<EditRefused<Self>> for LabelError {
    fn from(refused: EditRefused<Self>) -> Self {
        match refused {
            EditRefused::Access(access) => Self::Access(access),
            EditRefused::Edit(error) => error,
        }
    }
}

/// Attributes as they are written: what is not touched comes back byte for byte.
type Tags = BTreeMap<String, Box<RawValue>>;

fn read(metadata: &Metadata) -> Tags {
    serde_json::from_str(metadata.as_str()).expect("metadata was checked when it was written")
}

/// User ids and tags: saved with the data, and read by data stores as user ids and metadata.
impl<T> Session<T> {
    /// The users whose data it holds.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn user_ids(&self) -> Result<Vec<UserId>, Access> {
        self.hold.look(|session| session.user_ids().to_vec()).ok_or(Access::Closed)
    }

    /// Says that it holds data of a user: for requests about everything that is stored of one. One
    /// that is named already stays as it is. Whether it is new comes back.
    ///
    /// # Errors
    /// [`LabelError`]; nothing is changed then.
    pub fn add_user_id(&self, user: UserId) -> Result<bool, LabelError> {
        let limits = &self.wiring.limits;
        if let UserId::Text(text) = &user {
            let (what, actual, limit) = ("user id", text.len(), limits.user_id_text_size_max);
            if text.is_empty() {
                return Err(NameError::Empty { what }.into());
            }
            if actual > limit {
                return Err(NameError::TooLong { what, actual, limit }.into());
            }
        }
        let limit = limits.user_id_count_max;
        let added = self.hold.edit_labels(|users, _| {
            if users.contains(&user) {
                return Ok((false, false));
            }
            if users.len() >= limit {
                return Err(LabelError::TooManyUserIds { limit });
            }
            users.push(user);
            Ok((true, true))
        });
        added.map_err(LabelError::from)
    }

    /// Takes a user's id out. Whether it was named comes back.
    ///
    /// # Errors
    /// [`LabelError::Access`].
    pub fn remove_user_id(&self, user: &UserId) -> Result<bool, LabelError> {
        let removed = self.hold.edit_labels(|users, _| {
            let before = users.len();
            users.retain(|named| named != user);
            let is_removed = users.len() < before;
            Ok((is_removed, is_removed))
        });
        removed.map_err(LabelError::from)
    }

    /// All tags, by name. A number that a [`Value`] cannot hold is left out.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn tags(&self) -> Result<BTreeMap<String, Value>, Access> {
        let metadata = self.hold.look(|session| session.metadata().clone());
        let tags = read(&metadata.ok_or(Access::Closed)?).into_iter();
        Ok(tags.filter_map(|(name, raw)| Some((name, self.tag_value(&raw)?))).collect())
    }

    /// One tag; nothing if there is none of that name.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn tag(&self, name: &str) -> Result<Option<Value>, Access> {
        Ok(self.tags()?.remove(name))
    }

    fn tag_value(&self, raw: &RawValue) -> Option<Value> {
        Value::parse(raw.get(), &self.wiring.limits).ok()
    }

    /// Sets a tag to a text, a number or a boolean.
    ///
    /// # Errors
    /// [`LabelError`]; nothing is changed then.
    pub fn set_tag(&self, name: &str, value: impl Into<Value>) -> Result<(), LabelError> {
        let text = value.into().to_json().as_str().to_owned();
        let raw = RawValue::from_string(text).expect("a value writes valid JSON");
        self.edit_tags(|tags| {
            tags.insert(name.to_owned(), raw);
        })
    }

    /// Takes a tag out, if there is one of that name.
    ///
    /// # Errors
    /// [`LabelError`]; nothing is changed then.
    pub fn remove_tag(&self, name: &str) -> Result<(), LabelError> {
        self.edit_tags(|tags| {
            tags.remove(name);
        })
    }

    fn edit_tags(&self, edit: impl FnOnce(&mut Tags)) -> Result<(), LabelError> {
        let limits = &self.wiring.limits;
        let edited = self.hold.edit_labels(|_, metadata| {
            let mut tags = read(metadata);
            edit(&mut tags);
            let text = serde_json::to_string(&tags).expect("raw JSON with keys is JSON");
            let next = Metadata::parse(&text, limits).map_err(LabelError::Tags)?;
            let is_changed = next != *metadata;
            *metadata = next;
            Ok(((), is_changed))
        });
        edited.map_err(LabelError::from)
    }
}
