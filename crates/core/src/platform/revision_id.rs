//! The public name of a revision, in the documented shape.

use std::fmt;
use std::sync::Arc;

use crate::id::Revision;
use crate::time::Timestamp;

/// A revision as clients see it: `AAAAAAAAAAAAAAAA.BBBBBBBBBB.CCCCCCCCCCCCCCCC.01`.
///
/// A is the time at which the entry was first written, C that of this revision, both in 100 ns
/// units since the year 1, and B the number of the write (contract section 2.3). Text from a client
/// is opaque: it either equals the id of a stored revision or it does not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RevisionId(Arc<str>);

impl RevisionId {
    /// The id of a stored revision.
    pub fn of(created_at: Timestamp, revision: Revision, updated_at: Timestamp) -> Self {
        let (created, updated) = (created_at.dotnet_ticks(), updated_at.dotnet_ticks());
        Self(format!("{created:016X}.{:010X}.{updated:016X}.01", revision.counter).into())
    }

    /// An id as a client sent it.
    pub fn from_client(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of the write, if this has the shape of an id.
    pub fn counter(&self) -> Option<u64> {
        let mut parts = self.0.split('.');
        let (created, counter) = (parts.next()?, parts.next()?);
        let (updated, last) = (parts.next()?, parts.next()?);
        let is_hex = |part: &str, digits: usize| {
            part.len() >= digits && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let has_shape = is_hex(created, 16) && is_hex(counter, 10) && is_hex(updated, 16);
        let ends = last == "01" && parts.next().is_none();
        (has_shape && ends).then(|| u64::from_str_radix(counter, 16).ok()).flatten()
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_documented_shape_and_sort_by_time() {
        let at = |ticks: u64| Timestamp::from_dotnet_ticks(ticks).unwrap();
        let id = |counter: u64, ticks: u64| {
            let revision = Revision { counter, tag: 5 };
            RevisionId::of(at(0x08D9_E6A3_F218_8CFF), revision, at(ticks))
        };
        let first = id(1, 0x08D9_E6A3_F218_8CFF);
        assert_eq!(first.as_str(), "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01");
        assert!(first.as_str() < id(2, 0x08D9_E6A3_F218_8D00).as_str());
        assert_eq!(id(0x1234, 0x08D9_E6A3_F218_8D00).counter(), Some(0x1234));
    }

    #[test]
    fn text_of_another_shape_has_no_counter() {
        for text in [
            "",
            "xx",
            "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF",
            "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.02",
            "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01.01",
            "08D9E6A3F2188CFF.+000000001.08D9E6A3F2188CFF.01",
            "08D9E6A3F2188CFF.1.08D9E6A3F2188CFF.01",
            "08D9E6A3F2188CFF.ffffffffffffffffff.08D9E6A3F2188CFF.01",
        ] {
            assert_eq!(RevisionId::from_client(text).counter(), None, "{text}");
        }
    }
}
