//! What a batch may take away: only what is not there any more, or what somebody asked for.

use std::collections::BTreeMap;

use steadfast_core::{EntryId, RowKey, StoreId, Timestamp, Write};

use super::{Check, Oracle};
use crate::data::disk::Applied;
use crate::data::log::{Presence, StoreVersion, kept};

impl Oracle {
    /// What a batch takes away may go.
    pub(super) fn check_deletions(&mut self, seq: u64, applied: &Applied) -> Check {
        let mut revisions: BTreeMap<EntryId, Vec<u64>> = BTreeMap::new();
        let mut entries = vec![];
        for write in &applied.batch.writes {
            match write {
                Write::Delete { key: RowKey::Revision(entry, counter) } => {
                    revisions.entry(entry.clone()).or_default().push(*counter);
                }
                Write::Delete { key: RowKey::Entry(entry) } => entries.push(entry.clone()),
                Write::Delete { key: RowKey::Store(store) } => {
                    self.purge_store(seq, applied.stamped_at, store)?;
                }
                Write::Delete { .. } | Write::Put { .. } => {}
            }
        }
        let is_sweep = applied.batch.writes.iter().any(|write| {
            matches!(write, Write::Delete { key: RowKey::Review(..) | RowKey::Entry(_) })
        });
        for (entry, counters) in revisions {
            self.delete_revisions(seq, applied.stamped_at, &entry, &counters, is_sweep)?;
        }
        for entry in entries {
            self.purge_entry(seq, applied.stamped_at, &entry)?;
        }
        Ok(())
    }

    pub(super) fn is_store_over(&self, store: &StoreId, now: Timestamp) -> bool {
        let deleted_at = self.store_at(store, u64::MAX).and_then(|version| version.deleted_at);
        deleted_at.is_some_and(|at| kept(at) <= now)
    }

    fn delete_revisions(
        &mut self,
        seq: u64,
        now: Timestamp,
        entry: &EntryId,
        counters: &[u64],
        is_sweep: bool,
    ) -> Check {
        let rule = self.rule(&entry.store, seq);
        let is_store_over = self.is_store_over(&entry.store, now);
        let Some(log) = self.entries.get_mut(entry) else {
            return Err(format!("revisions of `{entry}` are deleted, and there were none"));
        };
        let current = log.current(u64::MAX);
        let first = log.row.iter().rposition(|(_, version)| version.is_none());
        let life = first.and_then(|first| log.row.get(first + 1)).and_then(|(_, it)| *it);
        let life = life.unwrap_or(0);
        let is_over = is_store_over || log.unpurged(u64::MAX, now).is_none();
        let is_asked =
            !is_sweep && counters.iter().any(|it| self.removals.contains(&(entry.clone(), *it)));
        for counter in counters {
            let place = log.versions.iter().rposition(|it| it.revision.counter == *counter);
            let Some(index) = place.filter(|index| *index >= life) else {
                return Err(format!("revision {counter} of `{entry}` is deleted and never was"));
            };
            // To delete a row twice does no harm.
            let is_gone = log.versions.get(index).is_some_and(|version| version.gone.is_some());
            if !is_over && !is_gone {
                let is_wanted = is_asked && self.removals.contains(&(entry.clone(), *counter));
                let may_go = if is_asked {
                    let presence = log.presence(index, seq - 1, now, &rule);
                    is_wanted || presence == Presence::Gone
                } else {
                    log.removable_at(index, seq - 1, &rule).is_some_and(|at| at <= now)
                };
                if Some(index) == current || !may_go {
                    let what = log.versions.get(index);
                    return Err(format!(
                        "HV1: revision {counter} of `{entry}` is deleted too early, at {now:?} under {rule:?}: {what:?}"
                    ));
                }
            }
            let Some(version) = log.versions.get_mut(index) else { continue };
            version.gone = version.gone.or(Some(seq));
            if is_asked && !is_gone {
                version.removed = Some(seq);
            }
        }
        Ok(())
    }

    fn purge_entry(&mut self, seq: u64, now: Timestamp, entry: &EntryId) -> Check {
        let is_store_over = self.is_store_over(&entry.store, now);
        let Some(log) = self.entries.get_mut(entry) else { return Ok(()) };
        if !is_store_over && log.unpurged(u64::MAX, now).is_some() {
            return Err(format!("V-16: `{entry}` is purged too early, at {now:?}"));
        }
        log.row.push((seq, None));
        match log.versions.iter().find(|version| version.gone.is_none()) {
            Some(left) => Err(format!("`{entry}` is purged, and leaves {left:?}")),
            None => Ok(()),
        }
    }

    fn purge_store(&mut self, seq: u64, now: Timestamp, store: &StoreId) -> Check {
        if !self.is_store_over(store, now) {
            return Err(format!("`{store}` is purged too early, at {now:?}"));
        }
        let left = self
            .entries
            .values()
            .find(|log| log.id.store == *store && log.standing(u64::MAX).is_some());
        if let Some(left) = left {
            return Err(format!("`{store}` is purged, and leaves `{}`", left.id));
        }
        let Some(log) = self.stores.get_mut(store) else { return Ok(()) };
        if let Some(last) = log.versions.last().cloned() {
            log.versions.push(StoreVersion { seq, is_gone: true, ..last });
        }
        Ok(())
    }
}
