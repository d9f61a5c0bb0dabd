//! A board in the making, while commits go on.
//!
//! The rows are read in pages, each of them as of another moment, and every page may be ahead of
//! what was told. Let F be the moment at which everything is told that any page may have seen. The
//! board at F is what the commits told until then left. For each key of the board:
//!
//! - **It was told of since the beginning.** From the first of these changes on no page puts it on,
//!   and each of them takes off what was before it. A page that came earlier may have put it on
//!   ahead of what was told: as a state that a later change, told before F, takes off again, or as
//!   the state that the last one left. In the end it stands where the last one says, and only there.
//! - **It was not.** Its changes were told before the beginning, and are then seen by every page, or
//!   will be told after F, and are then seen by none. So its row was the same for all pages, and
//!   they show it exactly once: a position does not move, and each page starts behind the last
//!   position of the one before.

use std::collections::BTreeMap;

use steadfast_core::platform::PlatformError;
use steadfast_core::row::ScanReply;
use steadfast_core::{Board, EntryKey};

use super::value_of;
use crate::backend::OrderedChange;

/// A board in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembly {
    board: Board,
    /// What the entries hold that were told of.
    changed: BTreeMap<EntryKey, Option<i64>>,
}

impl Assembly {
    /// Takes a change that was told.
    pub(super) fn change(&mut self, change: &OrderedChange) {
        let key = &change.entry.key;
        if let Some(before) = change.before {
            self.board.remove(before, key);
        }
        self.changed.insert(key.clone(), change.after);
    }

    /// Takes a page, and returns behind what the next one starts; nothing after the last.
    pub(super) fn page(
        &mut self,
        reply: &ScanReply,
    ) -> Result<Option<(i64, EntryKey)>, PlatformError> {
        let mut last = None;
        for found in &reply.rows {
            let (key, value) = value_of(found)?;
            let Some(value) = value else { continue };
            if self.changed.is_empty() || !self.changed.contains_key(key) {
                self.board.insert(value, key.clone());
            }
            last = Some((value, key));
        }
        let next = last.map(|(value, key)| (value, key.clone()));
        if reply.more && next.is_none() {
            let reason = "a page of a board was empty although more follow".into();
            return Err(PlatformError::Unavailable { reason });
        }
        Ok(next.filter(|_| reply.more))
    }

    /// The board, once everything is told that a page may have seen.
    pub(super) fn finish(self) -> Board {
        let mut board = self.board;
        for (key, value) in self.changed {
            if let Some(value) = value {
                // A page that was ahead may have put it there already.
                board.insert(value, key);
            }
        }
        board
    }
}
