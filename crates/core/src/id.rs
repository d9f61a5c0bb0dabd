//! Names and ids as types of their own, so that no two of them can be mixed up.
//!
//! A name is checked once, where it enters ([`StoreName::parse`] and its siblings), and trusted
//! from there on. Rows read back from a disk use the unchecked constructors: limits may have been
//! wider when they were written.

use std::fmt;
use std::sync::Arc;

use crate::code::Code;
use crate::limits::Limits;

/// Data stores whose name starts so are ours: hidden from lists, refused to every API key.
pub const RESERVED_PREFIX: &str = "__steadfast";

/// The scope of a request that names none (K-02).
pub const DEFAULT_SCOPE: &str = "global";

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("`{what}` is empty")]
    Empty {
        /// Which name.
        what: &'static str,
    },
    /// It is longer than the limit, in bytes.
    #[error("`{what}` is {actual} bytes long, the limit is {limit}")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// Its length in bytes.
        actual: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// It starts with the prefix of our own data stores.
    #[error("`{what}` starts with `{RESERVED_PREFIX}`, which is reserved")]
    Reserved {
        /// Which name.
        what: &'static str,
    },
}

impl NameError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Reserved { .. } => Code::ReservedName,
            Self::Empty { .. } | Self::TooLong { .. } => Code::InvalidName,
        }
    }
}

fn check_name(what: &'static str, text: &str, limit: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > limit {
        return Err(NameError::TooLong { what, actual: text.len(), limit });
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A name that was checked before, such as one read back from the store.
            pub fn trusted(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The name of a data store.
    StoreName
}
name! {
    /// A scope within a data store.
    Scope
}
name! {
    /// The key of an entry within its scope.
    EntryKey
}

name! {
    /// Names an operation among all of its record: chosen by whoever asks for it, never used again.
    OperationId
}
name! {
    /// What handles an operation.
    OperationKind
}

/// Longest id of an operation, in bytes.
pub const OPERATION_ID_SIZE_MAX: usize = 128;

/// Longest kind of an operation, in bytes.
pub const OPERATION_KIND_SIZE_MAX: usize = 64;

impl OperationId {
    /// Checks an id from outside.
    ///
    /// # Errors
    /// [`NameError`]: empty or over the limit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_name("operation id", text, OPERATION_ID_SIZE_MAX)?;
        Ok(Self(text.into()))
    }
}

impl OperationKind {
    /// Checks a kind from outside.
    ///
    /// # Errors
    /// [`NameError`]: empty or over the limit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_name("operation kind", text, OPERATION_KIND_SIZE_MAX)?;
        Ok(Self(text.into()))
    }
}

impl StoreName {
    /// Checks a name from outside.
    ///
    /// # Errors
    /// [`NameError`]: empty, over the limit (K-01), or reserved.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, NameError> {
        let what = "data store name";
        check_name(what, text, limits.store_name_size_max)?;
        if text.starts_with(RESERVED_PREFIX) {
            return Err(NameError::Reserved { what });
        }
        Ok(Self(text.into()))
    }
}

impl Scope {
    /// The scope of requests that name none.
    pub fn global() -> Self {
        Self(DEFAULT_SCOPE.into())
    }

    /// Checks a scope from outside.
    ///
    /// # Errors
    /// [`NameError`]: empty or over the limit (K-02).
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, NameError> {
        check_name("scope", text, limits.scope_size_max)?;
        Ok(Self(text.into()))
    }
}

impl EntryKey {
    /// Checks a key from outside.
    ///
    /// # Errors
    /// [`NameError`]: empty or over the limit (K-03).
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, NameError> {
        check_name("entry key", text, limits.key_size_max)?;
        Ok(Self(text.into()))
    }
}

/// A universe: one title, with all its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniverseId(pub u64);

impl fmt::Display for UniverseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A data store of a universe.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId {
    /// The universe it belongs to.
    pub universe: UniverseId,
    /// Its name.
    pub name: StoreName,
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.universe, self.name)
    }
}

/// An entry: all four parts are needed to name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The universe and the data store.
    pub store: StoreId,
    /// The scope within the store.
    pub scope: Scope,
    /// The key within the scope.
    pub key: EntryKey,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.store, self.scope, self.key)
    }
}

/// Names one write. Made by the caller before the first try, and kept over retries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub u128);

impl WriteId {
    /// The part of the id that a revision keeps.
    pub fn tag(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).expect("masked to 64 bits")
    }

    /// The id of another attempt that plans anew, derived so that it is known beforehand.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        // An odd multiplier keeps attempts of one id apart in all 64 bits of the tag.
        Self(self.0.wrapping_add(u128::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

impl fmt::Debug for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Which write of a row is the stored one: a counter that grows by 1, and 64 bits of the id of the
/// write. Never a hash of the value, so that A, B, A are three revisions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// 1 for the first write, then one more for each.
    pub counter: u64,
    /// [`WriteId::tag`] of the write.
    pub tag: u64,
}

impl Revision {
    /// The first revision of a row.
    pub fn first(write: WriteId) -> Self {
        Self { counter: 1, tag: write.tag() }
    }

    /// The counter of the revision before; nothing for the first.
    pub fn before(self) -> Option<u64> {
        self.counter.checked_sub(1).filter(|counter| *counter > 0)
    }

    /// The revision that `write` makes on top of this one.
    #[must_use]
    pub fn next(self, write: WriteId) -> Self {
        let counter = self.counter.checked_add(1).expect("a row sees fewer than 2^64 writes");
        Self { counter, tag: write.tag() }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{:016x}", self.counter, self.tag)
    }
}

/// A user whose data an entry holds, for privacy requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserId {
    /// A number, as the live service has them.
    Number(u64),
    /// Text, for studios with ids of their own.
    Text(Arc<str>),
}

impl UserId {
    /// Reads an id from text: digits are a number, anything else is text.
    ///
    /// # Errors
    /// [`NameError`]: empty, or text longer than the limit allows.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, NameError> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        check_name("user id", text, limits.user_id_text_size_max)?;
        Ok(Self::Text(text.into()))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// Reads the form that [`fmt::Display`] writes: 32 hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
    };
}

/// 32 hexadecimal digits as a number.
fn parse_hex(text: &str) -> Option<u128> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

random_id! {
    /// An API key: the first 128 bits of the digest of its secret, which say nothing about it.
    ApiKeyId
}
random_id! {
    /// A game server, from its start to its end. A server that starts again has another id.
    ServerId
}
random_id! {
    /// A session, from the first try to get its lease to its end.
    SessionId
}
random_id! {
    /// One opening of a store, by one process.
    OpeningId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_edges(limit: usize, parse: impl Fn(&str) -> Result<(), NameError>) {
        assert!(matches!(parse(""), Err(NameError::Empty { .. })));
        assert_eq!(parse(&"x".repeat(limit - 1)), Ok(()));
        assert_eq!(parse(&"x".repeat(limit)), Ok(()));
        let over = parse(&"x".repeat(limit + 1));
        assert!(matches!(over, Err(NameError::TooLong { actual, limit: l, .. })
            if l == limit && actual == limit + 1));
    }

    #[test]
    fn k_01_to_k_03_names_are_checked_at_their_edges() {
        for (limits, limit) in [(Limits::roblox(), 50), (Limits::native(), 512)] {
            check_edges(limit, |text| StoreName::parse(text, &limits).map(drop));
            check_edges(limit, |text| Scope::parse(text, &limits).map(drop));
            check_edges(limit, |text| EntryKey::parse(text, &limits).map(drop));
        }
    }

    #[test]
    fn operations_are_named_within_limits() {
        check_edges(OPERATION_ID_SIZE_MAX, |text| OperationId::parse(text).map(drop));
        check_edges(OPERATION_KIND_SIZE_MAX, |text| OperationKind::parse(text).map(drop));
    }

    #[test]
    fn k_04_lengths_are_bytes() {
        // 17 characters of three bytes each are 51 bytes.
        let key = "\u{20ac}".repeat(17);
        assert!(EntryKey::parse(&key, &Limits::roblox()).is_err());
        assert!(EntryKey::parse(&"\u{20ac}".repeat(16), &Limits::roblox()).is_ok());
    }

    #[test]
    fn our_own_store_names_are_reserved() {
        let refused = StoreName::parse("__steadfast_meta", &Limits::native());
        assert!(matches!(refused, Err(NameError::Reserved { .. })));
        assert!(StoreName::parse("_steadfast", &Limits::native()).is_ok());
    }

    #[test]
    fn user_ids_are_numbers_or_short_text() {
        let limits = Limits::native();
        assert_eq!(
            UserId::parse("76561198000000000", &limits),
            Ok(UserId::Number(76_561_198_000_000_000))
        );
        assert_eq!(UserId::parse("steam:1", &limits), Ok(UserId::Text("steam:1".into())));
        check_edges(64, |text| UserId::parse(text, &limits).map(drop));
        assert!(UserId::parse("steam:1", &Limits::roblox()).is_err());
    }

    #[test]
    fn attempts_of_one_write_have_tags_of_their_own() {
        let id = WriteId(7);
        assert_eq!(id.attempt(0), id);
        let tags: std::collections::BTreeSet<_> = (0..1000).map(|n| id.attempt(n).tag()).collect();
        assert_eq!(tags.len(), 1000);
    }

    #[test]
    fn api_key_ids_are_read_as_they_are_written() {
        let id = ApiKeyId(0xabc);
        assert_eq!(ApiKeyId::parse(&id.to_string()), Some(id));
        assert_eq!(ApiKeyId::parse("+0000000000000000000000000000abc"), None);
        assert_eq!(ApiKeyId::parse("abc"), None);
    }
}
