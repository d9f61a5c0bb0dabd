//! The record of one revision of an entry.
//!
//! It has the fields of [`entry`](super::entry) with one more meaning: each revision names the
//! counter of the next older one, and the entry's record names the newest. So the history is a
//! chain, and a link that is not where the chain says is damage, while a counter between two links
//! is certainly absent.

use super::entry::{State, read_state, write_state};
use crate::bytes::{Damage, Family};

/// The record of a revision in `ver`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    /// The counter of the next older revision row, if there is one.
    pub(crate) older: Option<u64>,
    /// The revision.
    pub(crate) state: State<'a>,
}

impl<'a> Link<'a> {
    /// The record under its key in `ver`.
    pub(crate) fn encode(&self, revision_key: &[u8]) -> Vec<u8> {
        write_state(Family::Revisions, revision_key, self.older, Some((self.state, false)))
    }

    /// Reads the record under its key in `ver`.
    pub(crate) fn decode(revision_key: &[u8], record: &'a [u8]) -> Result<Self, Damage> {
        let (older, state) = read_state(Family::Revisions, revision_key, record)?;
        let (state, _) = state.ok_or(Damage::Malformed("revision"))?;
        Ok(Self { older, state })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::entry::tests::states;
    use super::*;

    proptest! {
        #[test]
        fn revisions_are_read_back_and_every_cut_is_damage(
            older in any::<Option<u64>>(),
            state in states(b"content"),
        ) {
            let link = Link { older, state };
            let record = link.encode(b"key");
            prop_assert_eq!(Link::decode(b"key", &record), Ok(link));
            for size in 0..record.len() {
                prop_assert!(Link::decode(b"key", &record[..size]).is_err());
            }
        }
    }
}
