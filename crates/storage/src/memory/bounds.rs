//! Where the rows of a range begin and end among all rows.

use std::ops::Bound;

use steadfast_core::operation::{LedgerKey, LedgerRun, Tier};
use steadfast_core::row::Reviewed;
use steadfast_core::{
    ApiKeyId, EntryId, EntryKey, OperationId, Order, RowKey, RowRange, Scope, ServerId, StoreId,
    StoreName, Timestamp, UniverseId, UtcHour,
};

/// Bounds that hold all keys of a range. A family's keys are neighbours, and no text sorts before
/// the empty one, so that the first key of the next store, scope or entry ends a run.
pub(super) fn bounds(range: &RowRange) -> (Bound<RowKey>, Bound<RowKey>) {
    match range {
        RowRange::Stores { universe, prefix: _, after } => {
            let start = match after {
                Some(name) => Bound::Excluded(RowKey::Store(StoreId {
                    universe: *universe,
                    name: name.clone(),
                })),
                None => Bound::Included(RowKey::Store(first_store(*universe))),
            };
            let end = match universe.0.checked_add(1) {
                Some(next) => RowKey::Store(first_store(UniverseId(next))),
                None => RowKey::Entry(first_entry(first_store(UniverseId(0)))),
            };
            (start, Bound::Excluded(end))
        }
        RowRange::AllStores { after } => {
            let start = match after {
                Some(store) => Bound::Excluded(RowKey::Store(store.clone())),
                None => Bound::Included(RowKey::Store(first_store(UniverseId(0)))),
            };
            let end = RowKey::Entry(first_entry(first_store(UniverseId(0))));
            (start, Bound::Excluded(end))
        }
        RowRange::Entries { store, span: _, after } => {
            of_store(store, after.as_ref(), RowKey::Entry)
        }
        RowRange::Ordered { store, after } => of_store(store, after.as_ref(), RowKey::Ordered),
        RowRange::Revisions { entry, order, beyond } => {
            let revision = |counter| RowKey::Revision(entry.clone(), counter);
            let (first, last) = (Bound::Included(revision(0)), Bound::Included(revision(u64::MAX)));
            match (beyond, order) {
                (None, _) => (first, last),
                (Some(counter), Order::Ascending) => (Bound::Excluded(revision(*counter)), last),
                (Some(counter), Order::Descending) => (first, Bound::Excluded(revision(*counter))),
            }
        }
        RowRange::ApiKeys { after } => {
            let start = match after {
                Some(id) => Bound::Excluded(RowKey::ApiKey(*id)),
                None => Bound::Included(RowKey::ApiKey(ApiKeyId(0))),
            };
            (start, Bound::Included(RowKey::ApiKey(ApiKeyId(u128::MAX))))
        }
        RowRange::Board { board, .. } => of_store(&board.store, None, RowKey::Ordered),
        RowRange::Reviews { through, after } => {
            let first = |hour| {
                RowKey::Review(hour, Reviewed::Entry(first_entry(first_store(UniverseId(0)))))
            };
            let start = match after {
                Some((hour, reviewed)) => Bound::Excluded(RowKey::Review(*hour, reviewed.clone())),
                None => Bound::Included(first(UtcHour(0))),
            };
            let end = match through.0.checked_add(1) {
                Some(next) => first(UtcHour(next)),
                None => RowKey::Record(first_entry(first_store(UniverseId(0)))),
            };
            (start, Bound::Excluded(end))
        }
        RowRange::Records { store, after } => of_store(store, after.as_ref(), RowKey::Record),
        RowRange::Presences { after } => {
            let start = match after {
                Some(id) => Bound::Excluded(RowKey::Presence(*id)),
                None => Bound::Included(RowKey::Presence(ServerId(0))),
            };
            (start, Bound::Included(RowKey::Presence(ServerId(u128::MAX))))
        }
        RowRange::Mail { server, after } => mail_bounds(*server, after.as_ref()),
        RowRange::Ledger { entry, run, after } => ledger_bounds(entry, *run, after.as_ref()),
    }
}

fn mail_bounds(server: ServerId, after: Option<&EntryId>) -> (Bound<RowKey>, Bound<RowKey>) {
    let first = first_entry(first_store(UniverseId(0)));
    let start = match after {
        Some(entry) => Bound::Excluded(RowKey::Mail(server, entry.clone())),
        None => Bound::Included(RowKey::Mail(server, first.clone())),
    };
    let end = match server.0.checked_add(1) {
        Some(next) => RowKey::Mail(ServerId(next), first),
        None => RowKey::Ledger(first, LedgerKey::Queue),
    };
    (start, Bound::Excluded(end))
}

fn ledger_bounds(
    entry: &EntryId,
    run: LedgerRun,
    after: Option<&LedgerKey>,
) -> (Bound<RowKey>, Bound<RowKey>) {
    let id = || OperationId::trusted("");
    let order = |tier| LedgerKey::Order(tier, Timestamp::from_ticks(i64::MIN), id());
    let (first, end) = match run {
        LedgerRun::All => (LedgerKey::Queue, None),
        LedgerRun::Pending => (LedgerKey::Pending(0), Some(LedgerKey::Receipt(id()))),
        LedgerRun::Receipts => (LedgerKey::Receipt(id()), Some(order(Tier::Full))),
        LedgerRun::Order(Tier::Full) => (order(Tier::Full), Some(order(Tier::Kept))),
        LedgerRun::Order(Tier::Kept) => (order(Tier::Kept), Some(order(Tier::Dead))),
        LedgerRun::Order(Tier::Dead) => (order(Tier::Dead), Some(LedgerKey::DeadLetter(id()))),
        LedgerRun::DeadLetters => (LedgerKey::DeadLetter(id()), None),
    };
    let row = |key| RowKey::Ledger(entry.clone(), key);
    let start = match after {
        Some(after) if *after >= first => Bound::Excluded(row(after.clone())),
        Some(_) | None => Bound::Included(row(first)),
    };
    let end = end.map_or_else(
        || {
            // The shortest key that sorts behind this entry's.
            let key = EntryKey::trusted(format!("{}\0", entry.key));
            RowKey::Ledger(EntryId { key, ..entry.clone() }, LedgerKey::Queue)
        },
        row,
    );
    (start, Bound::Excluded(end))
}

/// Whether a run starts behind its end, as it does when its start was named freely.
pub(super) fn is_empty((start, end): &(Bound<RowKey>, Bound<RowKey>)) -> bool {
    match (start, end) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
    }
}

/// The rows of one data store in a family that is named by entries.
fn of_store(
    store: &StoreId,
    after: Option<&(Scope, EntryKey)>,
    family: impl Fn(EntryId) -> RowKey,
) -> (Bound<RowKey>, Bound<RowKey>) {
    let start = match after {
        Some((scope, key)) => Bound::Excluded(family(EntryId {
            store: store.clone(),
            scope: scope.clone(),
            key: key.clone(),
        })),
        None => Bound::Included(family(first_entry(store.clone()))),
    };
    // The shortest name that sorts behind this store's.
    let next = StoreName::trusted(format!("{}\0", store.name));
    let next = StoreId { universe: store.universe, name: next };
    (start, Bound::Excluded(family(first_entry(next))))
}

fn first_store(universe: UniverseId) -> StoreId {
    StoreId { universe, name: StoreName::trusted("") }
}

fn first_entry(store: StoreId) -> EntryId {
    EntryId { store, scope: Scope::trusted(""), key: EntryKey::trusted("") }
}
