//! What holds when everything has come to rest.

use std::time::Duration;

use steadfast_core::platform::{REMAINS, review_hour};
use steadfast_core::{Found, RowKey, RowRange, Timestamp};
use steadfast_storage::Rows;

use super::Oracle;
use crate::data::log::{EntryLog, kept};

/// Reviews may be set by what a data store was this long ago.
const REMEMBERED: Duration = Duration::from_hours(31 * 24);

impl Oracle {
    /// Nothing is due, and nothing is left that should have gone.
    pub(in crate::data) fn check_rest(&mut self, rows: &Rows, now: Timestamp) {
        if !self.looks() {
            return;
        }
        let (through, after) = (now.utc_hour(), None);
        let due = rows.scan(&RowRange::Reviews { through, after }, 1).rows;
        let is_of_damage = |key: &RowKey| {
            let RowKey::Review(_, of) = key else { return false };
            self.damaged.contains(&RowKey::Ordered(of.entry().clone()))
        };
        if let Some(Found::Row(row)) = due.first()
            && !is_of_damage(&row.key)
        {
            return self.note(Err(format!("Z1: {} is due at rest", row.key)));
        }
        let left = self.entries.values().find_map(|log| self.left(log, now));
        self.note(left.map_or(Ok(()), Err));
        let store = self.stores.values().find(|log| {
            let deleted_at = log.at(u64::MAX).and_then(|version| version.deleted_at);
            let is_damaged = self.entries.values().any(|it| it.is_damaged && it.id.store == log.id);
            deleted_at.is_some_and(|at| kept(at) <= now) && !is_damaged
        });
        let store = store.map(|log| format!("Z1: `{}` is left at rest", log.id));
        self.note(store.map_or(Ok(()), Err));
        let ordered = self
            .boards
            .left(now)
            .filter(|entry| !self.damaged.contains(&RowKey::Ordered(entry.clone())));
        let ordered = ordered.map(|entry| format!("Z1: the row of ordered `{entry}` is left"));
        self.note(ordered.map_or(Ok(()), Err));
    }

    /// What of an entry should have been removed by now.
    fn left(&self, log: &EntryLog, now: Timestamp) -> Option<String> {
        let last = u64::MAX;
        let store = self.stores.get(&log.id.store)?;
        let is_recent = |at: Timestamp| now < at.saturating_add(REMEMBERED);
        // Reviews were set by what the data store was before.
        let has_changed = store.versions.iter().skip(1).any(|it| is_recent(it.stamped_at));
        let is_deleted = store.at(last).is_none_or(|version| version.deleted_at.is_some());
        if log.is_damaged || log.is_late || has_changed || is_deleted {
            return None;
        }
        let is_due = |at: Timestamp| review_hour(at) <= now.utc_hour();
        let standing = log.standing(last)?;
        if standing.is_tombstone() && is_due(kept(standing.stamped_at)) {
            return Some(format!("Z1: `{}` is deleted and left: {standing:?}", log.id));
        }
        let rule = self.rule(&log.id.store, last);
        log.versions.iter().enumerate().find_map(|(index, version)| {
            if version.gone.is_some() || Some(index) == log.current(last) {
                return None;
            }
            // What somebody removed above it may have been all that it was kept for. It is not there
            // any more, and goes when the entry is looked at next.
            let above = log.version(Some(index + 1));
            if above.is_some_and(|above| above.removed.is_some()) {
                return None;
            }
            let next = log.next(index, last, true)?;
            let until = log.kept_until(index, next, last, &rule)?;
            let at = until.max(next.stamped_at.saturating_add(REMAINS));
            is_due(at).then(|| {
                format!(
                    "Z1: left at rest, {now:?}, of `{}`: {version:?}, gone since {at:?}",
                    log.id
                )
            })
        })
    }
}
