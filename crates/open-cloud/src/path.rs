//! Paths: which call a raw path names, and what its parts say.
//!
//! A path arrives percent-encoded and is decoded once, part by part (H-06). Entry ids may contain
//! `/`, `:` and `@`, so verbs and revision marks are split off from the right, and only where they
//! stand unescaped:
//!
//! ```text
//!   …/entries/a/b%20c@latest      id `a/b c`, current state
//!   …/entries/my@id@08D9….01      id `my@id`, that revision
//!   …/entries/k%40r2              id `k@r2`; if there is none, id `k` at revision `r2`
//!   …/entries/a:b:listRevisions   id `a:b`, the verb `listRevisions`
//!   …/entries/k@r2:increment      id `k@r2`, the verb `increment`
//! ```

use steadfast_core::id::NameError;
use steadfast_core::platform::{RevisionId, Which};
use steadfast_core::{EntryId, EntryKey, Limits, Scope, StoreId, StoreName, UniverseId};

use crate::percent::decode_segment;
use crate::time;

/// Scope that stands for all scopes where entries are listed.
const ALL_SCOPES: &str = "-";

const V1_PREFIX: &str = "/datastores/v1/universes/";
const V1_STORES: &str = "standard-datastores";
const V1_ENTRIES: &str = "standard-datastores/datastore/entries";
const V1_ENTRY: &str = "standard-datastores/datastore/entries/entry";
const V1_INCREMENT: &str = "standard-datastores/datastore/entries/entry/increment";
const V1_VERSIONS: &str = "standard-datastores/datastore/entries/entry/versions";
const V1_VERSION: &str = "standard-datastores/datastore/entries/entry/versions/version";
const V2_PREFIX: &str = "/cloud/v2/universes/";

/// What a path names, before its parts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// v1 `…/standard-datastores/datastore/entries/entry`: which entry, the query says.
    V1Entry {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v1 `…/standard-datastores/datastore/entries/entry/increment`, as above.
    V1Increment {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v1 `…/standard-datastores` itself.
    V1Stores {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v1 `…/standard-datastores/datastore/entries`: whose entries, the query says.
    V1Entries {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v1 `…/standard-datastores/datastore/entries/entry/versions`: of which entry, the query says.
    V1Versions {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v1 `…/standard-datastores/datastore/entries/entry/versions/version`, as above.
    V1Version {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v2 `…/data-stores`.
    V2Stores {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v2 `…/data-stores:snapshot`.
    V2Snapshot {
        /// The universe, as it stands in the path.
        universe: &'a str,
    },
    /// v2 `…/data-stores/{id}`.
    V2Store(StoreSegment<'a>),
    /// v2 `…/entries`.
    V2Entries(Parent<'a>),
    /// v2 `…/entries/{id}`.
    V2Entry(Parent<'a>, EntrySegment<'a>),
}

/// The data store that a v2 path ends with, as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSegment<'a> {
    universe: &'a str,
    store: &'a str,
}

/// The data store and scope of a v2 path, as they stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent<'a> {
    universe: &'a str,
    store: &'a str,
    scope: Option<&'a str>,
}

/// The last part of a v2 path, as it stands there, slashes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntrySegment<'a>(&'a str);

/// A custom method behind an entry id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `:increment`.
    Increment,
    /// `:listRevisions`.
    ListRevisions,
}

/// One way to read the last part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The entry.
    pub key: EntryKey,
    /// Which of its states.
    pub which: Which,
}

/// Why a part of a path cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The universe is not a decimal number (H-04).
    #[error("the universe id is not a number")]
    Universe,
    /// A part is not percent-encoded UTF-8.
    #[error("the {what} is not percent-encoded UTF-8")]
    Encoding {
        /// Which part.
        what: &'static str,
    },
    /// A name is empty, too long or reserved.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A single entry needs one scope.
    #[error("the scope `-` stands for all scopes and names no entry")]
    AllScopes,
    /// The time behind `@latest:` cannot be read.
    #[error(transparent)]
    Time(#[from] time::TimeError),
}

impl<'a> Endpoint<'a> {
    /// Finds the call that a path names. Nothing if there is none.
    pub fn find(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix(V1_PREFIX) {
            let (universe, rest) = rest.split_once('/')?;
            return match rest {
                V1_STORES => Some(Self::V1Stores { universe }),
                V1_ENTRIES => Some(Self::V1Entries { universe }),
                V1_VERSIONS => Some(Self::V1Versions { universe }),
                V1_VERSION => Some(Self::V1Version { universe }),
                V1_ENTRY => Some(Self::V1Entry { universe }),
                V1_INCREMENT => Some(Self::V1Increment { universe }),
                _ => None,
            };
        }
        let rest = path.strip_prefix(V2_PREFIX)?;
        let (universe, rest) = rest.split_once('/')?;
        let rest = match rest.strip_prefix("data-stores")? {
            "" => return Some(Self::V2Stores { universe }),
            ":snapshot" => return Some(Self::V2Snapshot { universe }),
            rest => rest.strip_prefix('/')?,
        };
        let Some((store, rest)) = rest.split_once('/') else {
            return Some(Self::V2Store(StoreSegment { universe, store: rest }));
        };
        let (scope, rest) = match rest.strip_prefix("scopes/") {
            None => (None, rest),
            Some(rest) => rest.split_once('/').map(|(scope, rest)| (Some(scope), rest))?,
        };
        let parent = Parent { universe, store, scope };
        match rest.strip_prefix("entries")? {
            "" => Some(Self::V2Entries(parent)),
            rest => Some(Self::V2Entry(parent, EntrySegment(rest.strip_prefix('/')?))),
        }
    }
}

impl StoreSegment<'_> {
    /// The part in front of `:undelete`; nothing if it does not end so (H-08).
    #[must_use]
    pub fn of_undelete(&self) -> Option<Self> {
        let (store, verb) = self.store.rsplit_once(':')?;
        (verb == "undelete").then_some(Self { store, ..*self })
    }

    /// The data store of that very name.
    ///
    /// # Errors
    /// [`PathError`]: the part that cannot be used.
    pub fn read(&self, limits: &Limits) -> Result<StoreId, PathError> {
        read_store(self.universe, self.store, limits)
    }
}

impl<'a> Parent<'a> {
    /// A data store and a scope as they stand in a path of another form.
    pub const fn new(universe: &'a str, store: &'a str, scope: Option<&'a str>) -> Self {
        Self { universe, store, scope }
    }
}

impl Parent<'_> {
    /// The data store and the scope, `global` where the path names none.
    ///
    /// # Errors
    /// [`PathError`]: the part that cannot be used.
    pub fn read(&self, limits: &Limits) -> Result<(StoreId, Scope), PathError> {
        let (store, scope) = self.read_list(limits)?;
        Ok((store, scope.ok_or(PathError::AllScopes)?))
    }

    /// The data store and the scope whose entries are listed; no scope stands for all of them.
    ///
    /// # Errors
    /// [`PathError`]: the part that cannot be used.
    pub fn read_list(&self, limits: &Limits) -> Result<(StoreId, Option<Scope>), PathError> {
        let store = read_store(self.universe, self.store, limits)?;
        let scope = match self.scope {
            None => Scope::global(),
            Some(raw) => Scope::parse(&decode(raw, "scope id")?, limits)?,
        };
        Ok((store, Some(scope).filter(|scope| scope.as_str() != ALL_SCOPES)))
    }

    /// Whether the path names a scope, or `-`.
    pub fn names_scope(&self) -> bool {
        self.scope.is_some()
    }
}

impl<'a> EntrySegment<'a> {
    /// The last part of a path of another form.
    pub const fn new(raw: &'a str) -> Self {
        Self(raw)
    }
}

impl EntrySegment<'_> {
    /// The verb behind the id, if it ends in a known one (H-08).
    pub fn verb(&self) -> Option<Verb> {
        match self.0.rsplit_once(':')? {
            (_, "increment") => Some(Verb::Increment),
            (_, "listRevisions") => Some(Verb::ListRevisions),
            _ => None,
        }
    }

    /// The part in front of the verb; all of it if there is none.
    #[must_use]
    pub fn without_verb(&self) -> Self {
        let before = self.0.rsplit_once(':').filter(|_| self.verb().is_some());
        Self(before.map_or(self.0, |(id, _)| id))
    }

    /// The whole part as an id: the way of every write. An update of `k@rev` is one of the entry of
    /// that very name (H-40), and a deletion must never hit another entry than the one it spells.
    ///
    /// # Errors
    /// [`PathError`]: not decodable, empty or too long.
    pub fn literal(&self, limits: &Limits) -> Result<EntryKey, PathError> {
        Ok(EntryKey::parse(&decode(self.0, "entry id")?, limits)?)
    }

    /// The ways to read the part, to be tried in this order: at least one, at most two.
    ///
    /// # Errors
    /// [`PathError`]: no way to read it.
    pub fn readings(&self, limits: &Limits) -> Result<Vec<Reading>, PathError> {
        if let Some((id, mark)) = self.0.rsplit_once('@') {
            let (id, mark) = (decode(id, "entry id")?, decode(mark, "revision")?);
            return Ok(vec![marked(&id, &mark, limits)?]);
        }
        let whole = decode(self.0, "entry id")?;
        let plain = EntryKey::parse(&whole, limits)
            .map(|key| Reading { key, which: Which::Current })
            .map_err(PathError::from);
        let split = whole.rsplit_once('@').map(|(id, mark)| marked(id, mark, limits));
        match (plain, split) {
            // An id with its revision may be longer than any id: then only the second way is left.
            (Err(_), Some(split)) => split.map(|reading| vec![reading]),
            (plain, split) => {
                let readings = [Some(plain?), split.and_then(Result::ok)];
                Ok(readings.into_iter().flatten().collect())
            }
        }
    }
}

impl Reading {
    /// Whether what was taken for a revision can be one. Text behind an encoded `@` may as well be
    /// the end of an id.
    pub fn is_plausible(&self) -> bool {
        match &self.which {
            Which::Current | Which::At(_) => true,
            Which::Revision(id) => id.counter().is_some(),
        }
    }

    /// The request for it in a data store.
    pub fn entry(&self, store: &StoreId, scope: &Scope) -> EntryId {
        EntryId { store: store.clone(), scope: scope.clone(), key: self.key.clone() }
    }
}

/// The universe of a path (H-04).
pub fn parse_universe(text: &str) -> Option<UniverseId> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok().map(UniverseId)).flatten()
}

fn read_store(universe: &str, store: &str, limits: &Limits) -> Result<StoreId, PathError> {
    let universe = parse_universe(universe).ok_or(PathError::Universe)?;
    let name = StoreName::parse(&decode(store, "data store id")?, limits)?;
    Ok(StoreId { universe, name })
}

fn marked(id: &str, mark: &str, limits: &Limits) -> Result<Reading, PathError> {
    let key = EntryKey::parse(id, limits)?;
    let which = match mark.strip_prefix("latest") {
        Some("") => Which::Current,
        Some(rest) if rest.starts_with(':') => {
            Which::At(time::parse(rest.strip_prefix(':').unwrap_or(rest))?)
        }
        Some(_) | None => Which::Revision(RevisionId::from_client(mark)),
    };
    Ok(Reading { key, which })
}

fn decode(raw: &str, what: &'static str) -> Result<String, PathError> {
    decode_segment(raw).ok_or(PathError::Encoding { what })
}

#[cfg(test)]
#[path = "path/tests.rs"]
mod tests;
