//! Generated sequences of operations on rows.
//!
//! A case is plain numbers that pick from short lists, so that it prints, shrinks, and hits the
//! same rows again and again. What a pick means is settled when the case runs: a condition that
//! must hold needs to know the stored revision.

mod bodies;
mod ledger;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::platform::History;
use steadfast_core::row::{Birth, EntryBody, OrderedBody, Reviewed, StoreBody, UniverseBody};
use steadfast_core::{
    ApiKeyId, Batch, Condition, Content, EntryId, EntryKey, Found, Revision, RowBody, RowKey,
    Scope, ServerId, StoreId, StoreName, Timestamp, UniverseId, UtcHour, Write,
};

pub(super) use bodies::value;
pub(super) use ledger::{ledger_keys, ledger_runs, run_of};

/// One step of a case.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Commit { conditions: Vec<(KeyPick, Want)>, writes: Vec<WritePick>, defect: Option<Defect> },
    Read(Vec<KeyPick>),
    Scan(KeyPick, ScanPick),
    Reopen,
}

/// Picks a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyPick {
    family: u8,
    store: usize,
    scope: usize,
    name: usize,
    counter: usize,
}

/// How a scan of the family of a key starts and ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanPick {
    /// Behind the picked key itself, or from the start.
    pub(super) behind: bool,
    pub(super) descending: bool,
    /// What names start with, from the list.
    pub(super) start: usize,
    /// Only within the scope of the picked key.
    pub(super) one_scope: bool,
    /// The first and the last value, from the list.
    pub(super) values: (usize, usize),
    pub(super) limit: Limit,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    One,
    Two,
    Exact,
    OneMore,
}

/// What is asked of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// Whatever holds.
    What,
    Absent,
    OtherTag,
    OtherCounter,
    Anything,
}

/// What is written to a row.
#[derive(Clone, Debug)]
pub(super) struct WritePick {
    key: KeyPick,
    what: What,
    tag: u64,
    counter: usize,
    born_before: bool,
    pinned: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// A value of its own, of a size from the list.
    Value {
        size: usize,
        text: u64,
    },
    /// The value of the write before it in the batch.
    SameValue,
    Tombstone,
    Delete,
}

/// What makes a batch one that no store may take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Defect {
    Empty,
    TwiceRead,
    TwiceWritten,
    WrongFamily,
}

const STORES: [(u64, &str); 6] = [
    (1, "s"),
    (1, "s\0"),
    (1, "s\u{1}"),
    (1, "ss"),
    (0, "\u{ff}"),
    (u64::MAX, "\u{10ffff}\u{10ffff}"),
];
const SCOPES: [&str; 5] = ["global", "g", "g\0", "\0", "\u{ff}\u{fe}"];
const NAMES: [&str; 8] = ["k", "k\0", "k\0\0", "k\u{1}", "kk", "\0", "\u{10ffff}", "k\u{7f}/@~"];
/// What names may be asked to start with: nothing, whole names, parts of them, and more than any.
const STARTS: [&str; 10] =
    ["", "k", "g", "k\0", "\0", "g\0", "\u{10ffff}", "\u{ff}", "s", "kk\u{10ffff}"];
/// Values of ordered entries: equal ones, neighbours, and both ends.
const VALUES: [i64; 8] = [0, 1, -1, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1, 255];
const HOURS: [u32; 5] = [0, 1, 255, 256, u32::MAX];
const COUNTERS: [u64; 8] = [1, 2, 3, 255, 256, 65_536, 1 << 40, u64::MAX];
/// Of API keys and of game servers.
const KEY_IDS: [u128; 5] = [0, 1, 1 << 64, u128::MAX - 1, u128::MAX];
/// Bytes of a value: both sides of any threshold an engine may have for storing it elsewhere.
const SIZES: [usize; 9] = [2, 10, 100, 1_000, 1_000, 4_096, 66_000, 70_000, 200_000];

fn low(bound: usize) -> impl Strategy<Value = usize> {
    // Mostly the first few, so that rows are met again.
    prop_oneof![3 => 0..bound.min(2), 1 => 0..bound]
}

fn key_pick() -> impl Strategy<Value = KeyPick> {
    let family = prop_oneof![
        1 => Just(0_u8), 6 => Just(1), 3 => Just(2), 1 => Just(3), 1 => Just(4), 5 => Just(5),
        1 => Just(6), 1 => Just(7), 3 => Just(8), 1 => Just(9), 1 => Just(10), 2 => Just(11),
        4 => Just(12),
    ];
    (family, low(STORES.len()), low(SCOPES.len()), low(NAMES.len()), low(COUNTERS.len())).prop_map(
        |(family, store, scope, name, counter)| KeyPick { family, store, scope, name, counter },
    )
}

fn write_pick() -> impl Strategy<Value = WritePick> {
    let what = prop_oneof![
        6 => (low(SIZES.len()), any::<u64>()).prop_map(|(size, text)| What::Value { size, text }),
        1 => (0..SIZES.len(), any::<u64>()).prop_map(|(size, text)| What::Value { size, text }),
        3 => Just(What::SameValue),
        2 => Just(What::Tombstone),
        2 => Just(What::Delete),
    ];
    let flags = (any::<bool>(), any::<bool>());
    (key_pick(), what, any::<u64>(), 0..COUNTERS.len(), flags).prop_map(
        |(key, what, tag, counter, (born_before, pinned))| WritePick {
            key,
            what,
            tag,
            counter,
            born_before,
            pinned,
        },
    )
}

fn want() -> impl Strategy<Value = Want> {
    prop_oneof![
        12 => Just(Want::What),
        1 => Just(Want::Absent),
        6 => Just(Want::OtherTag),
        3 => Just(Want::OtherCounter),
        1 => Just(Want::Anything),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let defect = prop_oneof![
        16 => Just(None),
        1 => Just(Some(Defect::Empty)),
        1 => Just(Some(Defect::TwiceRead)),
        1 => Just(Some(Defect::TwiceWritten)),
        1 => Just(Some(Defect::WrongFamily)),
    ];
    let conditions = prop::collection::vec((key_pick(), want()), 0..4);
    let writes = prop::collection::vec(write_pick(), 1..6);
    let commit = (conditions, writes, defect).prop_map(|(conditions, writes, defect)| Op::Commit {
        conditions,
        writes,
        defect,
    });
    let limit =
        prop_oneof![Just(Limit::One), Just(Limit::Two), Just(Limit::Exact), Just(Limit::OneMore)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let values = (0..VALUES.len(), 0..VALUES.len());
    let scan = (flags, low(STARTS.len()), values, limit).prop_map(
        |((behind, descending, one_scope), start, values, limit)| ScanPick {
            behind,
            descending,
            start,
            one_scope,
            values,
            limit,
        },
    );
    prop_oneof![
        12 => commit,
        3 => prop::collection::vec(key_pick(), 0..5).prop_map(Op::Read),
        3 => (key_pick(), scan).prop_map(|(key, pick)| Op::Scan(key, pick)),
        1 => Just(Op::Reopen),
    ]
}

/// A case: what is done, one after the other.
pub(super) fn case() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..30)
}

fn pick<T: Clone>(items: &[T], index: usize) -> T {
    items.get(index).expect("a pick is within its list").clone()
}

impl KeyPick {
    pub(super) fn key(self) -> RowKey {
        let (universe, name) = pick(&STORES, self.store);
        let store = StoreId { universe: UniverseId(universe), name: StoreName::trusted(name) };
        let scope = Scope::trusted(pick(&SCOPES, self.scope));
        let key = EntryKey::trusted(pick(&NAMES, self.name));
        let entry = EntryId { store: store.clone(), scope, key };
        match self.family {
            0 => RowKey::Store(store),
            1 => RowKey::Entry(entry),
            2 => RowKey::Revision(entry, pick(&COUNTERS, self.counter)),
            3 => RowKey::ApiKey(ApiKeyId(self.id())),
            4 => RowKey::Universe(store.universe),
            5 => RowKey::Ordered(entry),
            6 => RowKey::Review(self.hour(), Reviewed::Entry(entry)),
            7 => RowKey::Review(self.hour(), Reviewed::Ordered(entry)),
            8 => RowKey::Record(entry),
            9 => RowKey::Ends(entry),
            10 => RowKey::Presence(ServerId(self.id())),
            11 => RowKey::Mail(ServerId(self.id()), entry),
            _ => RowKey::Ledger(entry, ledger::key(self.counter, self.name)),
        }
    }

    fn id(self) -> u128 {
        pick(&KEY_IDS, self.counter % KEY_IDS.len())
    }

    fn hour(self) -> UtcHour {
        UtcHour(pick(&HOURS, self.counter % HOURS.len()))
    }
}

/// What names may start with, by its place in the list.
pub(super) fn start(index: usize) -> Arc<str> {
    pick(&STARTS, index).into()
}

/// All of them.
pub(super) fn starts() -> impl Iterator<Item = Arc<str>> {
    STARTS.into_iter().map(Arc::from)
}

/// A value of an ordered entry, by its place in the list.
pub(super) fn ordered_value(index: usize) -> i64 {
    pick(&VALUES, index)
}

/// All of them.
pub(super) fn ordered_values() -> impl Iterator<Item = i64> {
    VALUES.into_iter()
}

/// All hours of reminders.
pub(super) fn hours() -> impl Iterator<Item = UtcHour> {
    HOURS.into_iter().map(UtcHour)
}

/// Every key that may stand in an entry of a store, for scans that start where nothing is.
pub(super) fn entry_starts() -> impl Iterator<Item = (Scope, EntryKey)> {
    SCOPES.into_iter().flat_map(|scope| {
        NAMES.into_iter().map(move |name| (Scope::trusted(scope), EntryKey::trusted(name)))
    })
}

/// Every data store of the cases.
pub(super) fn stores() -> impl Iterator<Item = StoreId> {
    STORES.into_iter().map(|(universe, name)| StoreId {
        universe: UniverseId(universe),
        name: StoreName::trusted(name),
    })
}

/// Counters that a scan of revisions may start below.
pub(super) fn counters() -> impl Iterator<Item = u64> {
    COUNTERS.into_iter().chain([0])
}

/// Ids that a scan of API keys may start behind.
pub(super) fn key_ids() -> impl Iterator<Item = ApiKeyId> {
    KEY_IDS.into_iter().map(ApiKeyId)
}

/// All game servers.
pub(super) fn servers() -> impl Iterator<Item = ServerId> {
    KEY_IDS.into_iter().map(ServerId)
}

/// The batch that picks stand for, given what is stored.
pub(super) fn batch_of(
    conditions: &[(KeyPick, Want)],
    writes: &[WritePick],
    defect: Option<Defect>,
    stored: impl Fn(&RowKey) -> Found,
) -> Batch {
    let mut batch = Batch::default();
    let mut named = BTreeSet::new();
    for (key, want) in conditions {
        let key = key.key();
        if named.insert(key.clone()) {
            let condition = condition(*want, &stored(&key));
            batch.conditions.push((key, condition));
        }
    }
    named.clear();
    let mut last = None;
    for write in writes {
        for write in write.writes(&mut last) {
            if named.insert(write.key().clone()) {
                batch.writes.push(write);
            }
        }
    }
    if let Some(defect) = defect {
        spoil(&mut batch, defect);
    }
    batch
}

fn condition(want: Want, stored: &Found) -> Condition {
    let Some(current) = stored.revision() else {
        return match want {
            Want::What | Want::Absent => Condition::Absent,
            Want::OtherTag | Want::OtherCounter | Want::Anything => {
                Condition::At(Revision { counter: 1, tag: 1 })
            }
        };
    };
    match want {
        Want::What => Condition::At(current),
        Want::Absent => Condition::Absent,
        Want::OtherTag => Condition::At(Revision { tag: current.tag ^ 1, ..current }),
        Want::OtherCounter => Condition::At(Revision { counter: current.counter ^ 1, ..current }),
        Want::Anything => Condition::At(Revision { counter: 1, tag: 1 }),
    }
}

fn spoil(batch: &mut Batch, defect: Defect) {
    match defect {
        Defect::Empty => batch.writes.clear(),
        Defect::TwiceRead => {
            let key = batch.writes.first().map(|write| write.key().clone());
            let key = key.expect("a batch that is spoilt writes something");
            batch.conditions = vec![(key.clone(), Condition::Absent), (key, Condition::Absent)];
        }
        Defect::TwiceWritten => {
            batch.writes.push(batch.writes.first().expect("it writes something").clone());
        }
        Defect::WrongFamily => {
            let key = RowKey::Store(stores().next().expect("there is one"));
            batch.writes.retain(|write| *write.key() != key);
            let body = RowBody::Entry(EntryBody {
                birth: Birth::ThisWrite,
                content: None,
                pinned: false,
                schema: None,
            });
            batch.writes.push(Write::Put { key, revision: Revision { counter: 1, tag: 1 }, body });
        }
    }
}

impl WritePick {
    /// Often none.
    fn schema(&self) -> Option<u32> {
        (!self.tag.is_multiple_of(2)).then_some(u32::MAX >> (self.tag % 33).min(31))
    }

    /// The rows of this pick. A value of an entry goes to its history too, as the same [`Arc`].
    fn writes(&self, last: &mut Option<Arc<Content>>) -> Vec<Write> {
        let key = self.key.key();
        if matches!(self.what, What::Delete) {
            return vec![Write::Delete { key }];
        }
        let born_before = Timestamp::from_ticks(1_234_567);
        let birth = if self.born_before { Birth::At(born_before) } else { Birth::ThisWrite };
        let counter = match &key {
            RowKey::Revision(_, counter) => *counter,
            RowKey::Store(_)
            | RowKey::Entry(_)
            | RowKey::ApiKey(_)
            | RowKey::Universe(_)
            | RowKey::Ordered(_)
            | RowKey::Review(..)
            | RowKey::Record(_)
            | RowKey::Ends(_)
            | RowKey::Presence(_)
            | RowKey::Mail(..)
            | RowKey::Ledger(..) => pick(&COUNTERS, self.counter),
        };
        let revision = Revision { counter, tag: self.tag };
        let content = match (self.what, &*last) {
            (What::SameValue, Some(content)) => Some(Arc::clone(content)),
            (What::Value { size, text }, _) => Some(value(pick(&SIZES, size), text)),
            (What::SameValue | What::Tombstone | What::Delete, _) => None,
        };
        let body = EntryBody {
            birth,
            content: content.clone(),
            pinned: self.pinned,
            schema: self.schema(),
        };
        let put = |key, body| Write::Put { key, revision, body };
        match key {
            RowKey::Store(_) => vec![put(key, RowBody::Store(self.store_body(birth)))],
            RowKey::ApiKey(_) => vec![put(key, RowBody::ApiKey(self.api_key(birth)))],
            RowKey::Universe(_) => {
                let ticks = (0..self.tag % 4).map(|n| Timestamp::from_ticks(self.ticks(n)));
                let body = UniverseBody { earlier_snapshots: ticks.collect() };
                vec![put(key, RowBody::Universe(body))]
            }
            RowKey::Ordered(_) => {
                let has_value = !matches!(self.what, What::Tombstone);
                let value = has_value.then(|| pick(&VALUES, self.counter % VALUES.len()));
                vec![put(key, RowBody::Ordered(OrderedBody { value }))]
            }
            RowKey::Review(..) => vec![put(key, RowBody::Review)],
            RowKey::Record(_) => vec![put(key, bodies::record(self.tag, self.counter, birth))],
            RowKey::Ends(_) => vec![put(key, bodies::ends(self.tag))],
            RowKey::Presence(_) => vec![put(key, bodies::presence(self.tag))],
            RowKey::Mail(..) => vec![put(key, bodies::mail(self.tag))],
            RowKey::Ledger(_, ref name) => {
                let body = ledger::body(name, self.tag, birth, content.as_deref());
                vec![put(key, RowBody::Ledger(body))]
            }
            RowKey::Revision(..) => {
                *last = content;
                vec![put(key, RowBody::Revision(body))]
            }
            RowKey::Entry(entry) => {
                *last = content;
                let history = RowKey::Revision(entry.clone(), counter);
                let history = put(history, RowBody::Revision(body.clone()));
                vec![put(RowKey::Entry(entry), RowBody::Entry(body)), history]
            }
        }
    }

    fn ticks(&self, n: u64) -> i64 {
        i64::try_from(self.tag >> 1).unwrap_or(0).wrapping_add(i64::try_from(n).unwrap_or(0))
    }

    fn store_body(&self, birth: Birth) -> StoreBody {
        let deleted = match self.tag % 3 {
            0 => None,
            1 => Some(Birth::ThisWrite),
            _ => Some(Birth::At(Timestamp::from_ticks(77))),
        };
        let history = History::ALL.get(self.counter % 4).copied();
        StoreBody { birth, deleted, history }
    }

    fn api_key(&self, birth: Birth) -> ApiKey {
        let odd = self.tag % 2 == 1;
        ApiKey {
            name: format!("key \0 \u{10ffff} {}", self.tag),
            digest: [self.tag.to_le_bytes().into_iter().next().unwrap_or(0); 32],
            scopes: KeyScope::ALL.into_iter().skip(usize::from(odd) * 3).collect(),
            universes: if odd { Only::Any } else { Only::These([UniverseId(self.tag)].into()) },
            stores: match self.tag % 3 {
                0 => Only::Any,
                1 => Only::These(BTreeSet::new()),
                _ => Only::These(stores().map(|store| store.name).collect()),
            },
            birth,
            expires_at: odd.then(|| Timestamp::from_ticks(i64::MIN + 5)),
            revoked: self.tag.is_multiple_of(5),
        }
    }
}
