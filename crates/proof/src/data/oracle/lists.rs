//! Pages: of revisions, entries and data stores.

use steadfast_core::platform::{
    EntryPage, ListEntries, ListRevisions, ListStores, ListedRevision, RevisionPage, StorePage,
};
use steadfast_core::{EntryKey, Order, Scope};

use super::answers::{Span, ensure};
use super::{Check, Oracle};
use crate::data::log::{EntryLog, Presence, Version};

impl Oracle {
    pub(super) fn check_revisions(
        &self,
        request: &ListRevisions,
        page: &RevisionPage,
        span: Span,
    ) -> Check {
        let log = self.log(&request.entry)?;
        let counters: Vec<u64> = page.items.iter().filter_map(|item| item.id.counter()).collect();
        let is_sorted = match request.order {
            Order::Ascending => counters.is_sorted_by(|a, b| a < b),
            Order::Descending => counters.is_sorted_by(|a, b| a > b),
        };
        let is_full = page.items.len() <= request.page_size.max(1);
        ensure(is_sorted && is_full && counters.len() == page.items.len(), || {
            "V-24: the page is not in order".to_owned()
        })?;
        for item in &page.items {
            let index = log.find(&item.id);
            let is_same = log.version(index).is_some_and(|version| {
                let item = ListedRevision { is_pinned: version.pinned, ..item.clone() };
                listed(version, request.with_sizes) == item && is_asked(version, request, None)
            });
            let is_same = is_same && (log.is_damaged || is_pinned_so(log, index, item, span));
            ensure(is_same, || format!("no such revision: {item:?}"))?;
            let is_there = |seq: u64| {
                let rule = self.rule(&request.entry.store, seq);
                index.is_some_and(|index| {
                    log.presence(index, seq, span.began.now, &rule) != Presence::Gone
                })
            };
            ensure(log.is_damaged || span.seqs().any(is_there), || {
                format!("V-10: it was not there: {item:?}: {:?}", log.version(index))
            })?;
        }
        if log.is_damaged {
            return Ok(());
        }
        self.misses_none(log, request, page, span)
    }

    /// Every revision that was there all the time is on the page.
    fn misses_none(
        &self,
        log: &EntryLog,
        request: &ListRevisions,
        page: &RevisionPage,
        span: Span,
    ) -> Check {
        let rules: Vec<_> =
            span.seqs().map(|seq| (seq, self.rule(&request.entry.store, seq))).collect();
        for (index, version) in log.versions.iter().enumerate() {
            if version.seq > span.began.seq || !is_asked(version, request, page.next) {
                continue;
            }
            let is_listed = || page.items.iter().any(|item| item.id == version.id());
            let was_there = || {
                rules.iter().all(|(seq, rule)| {
                    log.presence(index, *seq, span.ended.now, rule) == Presence::Certain
                })
            };
            ensure(is_listed() || !was_there(), || format!("V-10: it is missing: {version:?}"))?;
        }
        Ok(())
    }

    pub(super) fn check_entries(
        &self,
        request: &ListEntries,
        page: &EntryPage,
        span: Span,
    ) -> Check {
        let place =
            |item: &steadfast_core::platform::ListedEntry| (item.scope.clone(), item.key.clone());
        let places: Vec<(Scope, EntryKey)> = page.items.iter().map(place).collect();
        let is_full = places.len() <= request.page_size.max(1);
        ensure(is_full && places.is_sorted_by(|a, b| a < b), || "L-02: no order".to_owned())?;
        let is_asked = |scope: &Scope, key: &EntryKey| {
            let place = (scope.clone(), key.clone());
            request.spans.iter().any(|span| span.covers(scope, key))
                && key.as_str().starts_with(&*request.key_prefix)
                && request.after.as_ref().is_none_or(|after| place > *after)
        };
        let logs = || self.entries.values().filter(|log| log.id.store == request.store);
        for item in &page.items {
            let log = logs().find(|log| log.id.scope == item.scope && log.id.key == item.key);
            let is_right = log.is_some_and(|log| {
                span.seqs().any(|seq| {
                    // Damage is no deletion, and tells no time.
                    log.is_damaged && log.standing(seq).is_some()
                        || log
                            .unpurged(seq, span.began.now)
                            .is_some_and(|it| it.is_tombstone() == item.is_deleted)
                })
            });
            let is_asked = is_asked(&item.scope, &item.key);
            let is_wanted = request.with_deleted || !item.is_deleted;
            ensure(is_right && is_asked && is_wanted, || format!("L-01: no such entry: {item:?}"))?;
        }
        let was_open = span
            .seqs()
            .any(|seq| self.store_at(&request.store, seq).is_none_or(|it| it.deleted_at.is_none()));
        ensure(was_open, || "H-31: the data store is deleted".to_owned())?;
        for log in logs() {
            let place = (log.id.scope.clone(), log.id.key.clone());
            let is_covered = is_asked(&place.0, &place.1)
                && page.next.as_ref().is_none_or(|next| place <= *next);
            let is_due = |seq: u64| {
                let version = log.unpurged(seq, span.ended.now);
                version.is_some_and(|it| request.with_deleted || !it.is_tombstone())
            };
            let must_be = is_covered && span.seqs().all(is_due);
            ensure(!must_be || places.contains(&place), || {
                format!("L-01: `{}` is missing", log.id)
            })?;
        }
        Ok(())
    }

    pub(super) fn check_stores(&self, request: &ListStores, page: &StorePage, span: Span) -> Check {
        let names: Vec<_> = page.items.iter().map(|item| item.store.name.clone()).collect();
        ensure(names.is_sorted_by(|a, b| a < b), || "L-08: no order".to_owned())?;
        let holds = |store: &steadfast_core::StoreId, seq: u64, now| {
            let mut logs = self.entries.values().filter(|log| log.id.store == *store);
            logs.any(|log| log.unpurged(seq, now).is_some())
        };
        for item in &page.items {
            let is_right =
                span.seqs().any(|seq| self.info(&item.store, seq).as_ref() == Some(item));
            // Damage is never absence.
            let is_damaged = self.entries.values().any(|log| {
                log.is_damaged && log.id.store == item.store && log.standing(u64::MAX).is_some()
            });
            let held = item.deleted_at.is_some()
                || is_damaged
                || span.seqs().any(|seq| holds(&item.store, seq, span.began.now));
            let is_wanted = item.deleted_at.is_none() || request.with_deleted;
            ensure(is_right && held && is_wanted, || format!("S-06: it was not so: {item:?}"))?;
        }
        for store in self.stores.keys() {
            let name = &store.name;
            let is_covered = store.universe == request.universe
                && name.as_str().starts_with(&*request.prefix)
                && request.after.as_ref().is_none_or(|after| name > after)
                && page.next.as_ref().is_none_or(|next| name <= next);
            let is_due = |seq: u64| match self.info(store, seq) {
                Some(info) if info.deleted_at.is_some() => {
                    request.with_deleted && !info.is_expired(span.ended.now)
                }
                Some(_) => holds(store, seq, span.ended.now),
                None => false,
            };
            let must_be = is_covered && span.seqs().all(is_due);
            ensure(!must_be || names.contains(name), || format!("S-06: `{store}` is missing"))?;
        }
        Ok(())
    }
}

fn listed(version: &Version, with_sizes: bool) -> ListedRevision {
    let content = version.content.as_ref().filter(|_| with_sizes);
    ListedRevision {
        id: version.id(),
        created_at: version.created_at,
        updated_at: version.stamped_at,
        is_deleted: version.is_tombstone(),
        is_pinned: version.pinned,
        schema: None,
        value_size: content.map(|content| content.value.size()),
    }
}

/// Whether a revision is said to be pinned if it is, or if the very next one is and stands.
fn is_pinned_so(log: &EntryLog, index: Option<usize>, item: &ListedRevision, span: Span) -> bool {
    let Some(version) = log.version(index) else { return false };
    let next = log.version(index.map(|index| index + 1));
    let next = next.filter(|next| {
        next.pinned
            && next.revision.counter == version.revision.counter + 1
            && next.seq <= span.ended.seq
            && next.gone.is_none_or(|gone| gone > span.began.seq)
    });
    let is_certain = next.is_some_and(|next| {
        next.seq <= span.began.seq && next.gone.is_none_or(|gone| gone > span.ended.seq)
    });
    match (version.pinned || is_certain, next) {
        (true, _) => item.is_pinned,
        (false, None) => !item.is_pinned,
        (false, Some(_)) => true,
    }
}

/// Whether a revision is asked for, up to where the next page begins.
fn is_asked(version: &Version, request: &ListRevisions, next: Option<u64>) -> bool {
    let (at, counter) = (version.stamped_at, version.revision.counter);
    let is_beyond = |from: u64| match request.order {
        Order::Ascending => counter > from,
        Order::Descending => counter < from,
    };
    request.not_before.is_none_or(|first| first <= at)
        && request.not_after.is_none_or(|last| at <= last)
        && request.beyond.is_none_or(is_beyond)
        && next.is_none_or(|next| !is_beyond_next(request.order, counter, next))
}

fn is_beyond_next(order: Order, counter: u64, next: u64) -> bool {
    match order {
        Order::Ascending => counter > next,
        Order::Descending => counter < next,
    }
}
