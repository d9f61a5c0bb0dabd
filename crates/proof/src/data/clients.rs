//! What clients ask: every kind of request, with what they have learnt of revisions and pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_core::platform::{
    FindStanding, Get, History, Increment, ListEntries, ListOrdered, ListRevisions, ListStores,
    OrderedAction, OrderedRequest, OrderedWhen, Permit, PlatformError, Remove, RemoveRevision,
    Request, Restore, RevisionId, Set, StoreChange, StoreRequest, SweepOnce, TakeSnapshot, When,
    Which,
};
use steadfast_core::row::{Content, Metadata, Span};
use steadfast_core::{
    BoardId, EntryId, EntryKey, JsonText, Order, Rng, Scope, StoreId, StoreName, Timestamp,
    UniverseId, WriteId,
};
use steadfast_sim::Streams;

use crate::data::calls::{Ask, Told};

/// The universe of all data stores.
pub(super) const UNIVERSE: UniverseId = UniverseId(1);
/// The data stores, each with the history that it is mostly set to.
const STORES: [(&str, History); 3] =
    [("Guilds", History::Hourly), ("Players", History::Thinned), ("Trades", History::Every)];
/// Revisions of an entry that a client remembers.
const KNOWN_MAX: usize = 40;
/// Of a hundred calls, how many are of each kind.
const MIX: [(u64, Kind); 19] = [
    (25, Kind::Set),
    (8, Kind::Increment),
    (5, Kind::Remove),
    (5, Kind::Restore),
    (2, Kind::RemoveRevision),
    (6, Kind::Get),
    (5, Kind::GetRevision),
    (5, Kind::GetAt),
    (8, Kind::ListRevisions),
    (4, Kind::ListEntries),
    (2, Kind::ListStores),
    (2, Kind::Store),
    (2, Kind::Snapshot),
    (7, Kind::SetOrdered),
    (5, Kind::IncrementOrdered),
    (2, Kind::RemoveOrdered),
    (1, Kind::GetOrdered),
    (3, Kind::Board),
    (3, Kind::Standing),
];

#[derive(Clone, Copy)]
enum Kind {
    Set,
    Increment,
    Remove,
    Restore,
    RemoveRevision,
    Get,
    GetRevision,
    GetAt,
    ListRevisions,
    ListEntries,
    ListStores,
    Store,
    Snapshot,
    SetOrdered,
    IncrementOrdered,
    RemoveOrdered,
    GetOrdered,
    Board,
    Standing,
}

/// All clients, and what they share.
pub(super) struct Clients {
    rngs: Vec<Rng>,
    /// The next page of what each read last.
    next_pages: Vec<Option<Ask>>,
    entries: Vec<EntryId>,
    ordered: Vec<EntryId>,
    known: BTreeMap<EntryId, Vec<(RevisionId, Timestamp)>>,
    write_ids: Rng,
    value_count: u64,
    sweep_budget: usize,
    stores_after: Option<StoreId>,
}

impl Clients {
    pub(super) fn new(streams: &Streams, sweep_budget: u64) -> Self {
        let mut rng = streams.own(steadfast_sim::streams::WORKLOAD);
        let count = rng.in_range(3..6);
        let rngs: Vec<Rng> =
            (0..count).map(|index| streams.own(&format!("client {index}"))).collect();
        let entry = |index: u64| {
            let store = pick(&STORES, index).map_or("Players", |(name, _)| name);
            let scope = if index % 4 == 3 { Scope::trusted("season") } else { Scope::global() };
            EntryId { store: store_id(store), scope, key: key("u", index) }
        };
        let ordered = |index: u64| {
            let scope = if index % 5 == 4 { Scope::trusted("season") } else { Scope::global() };
            EntryId { store: store_id("Wins"), scope, key: key("p", index) }
        };
        Self {
            next_pages: rngs.iter().map(|_| None).collect(),
            entries: (0..rng.in_range(4..11)).map(entry).collect(),
            ordered: (0..rng.in_range(8..31)).map(ordered).collect(),
            rngs,
            known: BTreeMap::new(),
            write_ids: streams.own(steadfast_sim::streams::IDS),
            value_count: 0,
            sweep_budget: usize::try_from(sweep_budget).unwrap_or(1),
            stores_after: None,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.rngs.len()
    }

    pub(super) fn widen_sweeps(&mut self) {
        self.sweep_budget = self.sweep_budget.max(200);
    }

    pub(super) fn entries(&self) -> &[EntryId] {
        &self.entries
    }

    pub(super) fn ordered(&self) -> &[EntryId] {
        &self.ordered
    }

    fn write_id(&mut self) -> WriteId {
        WriteId(self.write_ids.next_u128())
    }

    /// Sets the history of one data store to what it mostly is.
    pub(super) fn configure(&mut self, index: u64) -> Option<Ask> {
        let (name, history) = STORES.get(usize::try_from(index).ok()?)?;
        let (change, write_id) = (StoreChange::History(Some(*history)), self.write_id());
        Some(Ask::Store(StoreRequest { store: store_id(name), change, write_id }))
    }

    pub(super) fn sweep(&self) -> Ask {
        let (budget, stores_after) = (self.sweep_budget, self.stores_after.clone());
        Ask::Sweep(SweepOnce { budget, stores_after })
    }

    /// Everything that can be read, in full.
    pub(super) fn read_everything(&self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for entry in &self.entries {
            let (entry, which) = (entry.clone(), Which::Current);
            asks.push(Ask::Entry(Request::Get(Get { entry: entry.clone(), which })));
            asks.push(Ask::Revisions(ListRevisions {
                entry,
                order: Order::Ascending,
                not_before: None,
                not_after: None,
                with_sizes: true,
                beyond: None,
                page_size: 1_024,
            }));
        }
        let mut boards: Vec<BoardId> = self.ordered.iter().map(BoardId::of).collect();
        boards.sort();
        boards.dedup();
        for board in boards {
            let (order, beyond) = (Order::Descending, None);
            let (min, max, page_size) = (i64::MIN, i64::MAX, 1_024);
            asks.push(Ask::Board(ListOrdered { board, order, min, max, beyond, page_size }));
        }
        for entry in &self.ordered {
            let (entry, order, around) = (entry.clone(), Order::Descending, 2);
            asks.push(Ask::Standing(FindStanding { entry, order, around }));
        }
        asks
    }

    /// What a client asks next.
    pub(super) fn choose(&mut self, client: usize, now: Timestamp) -> Option<Ask> {
        if let Some(next) = self.next_pages.get_mut(client).and_then(Option::take) {
            return Some(next);
        }
        let mut rng = self.rngs.get(client)?.clone();
        let mut draw = rng.below(100);
        let kind = MIX.iter().find_map(|(share, kind)| {
            let is_it = draw < *share;
            draw = draw.saturating_sub(*share);
            is_it.then_some(*kind)
        });
        let ask = self.make(&mut rng, kind?, now);
        *self.rngs.get_mut(client)? = rng;
        ask
    }

    fn make(&mut self, rng: &mut Rng, kind: Kind, now: Timestamp) -> Option<Ask> {
        Some(match kind {
            Kind::SetOrdered
            | Kind::IncrementOrdered
            | Kind::RemoveOrdered
            | Kind::GetOrdered
            | Kind::Board
            | Kind::Standing => return self.make_ordered(rng, kind),
            Kind::Store => {
                let (name, history) = rng.pick(&STORES)?;
                let change = match rng.below(20) {
                    0..6 => StoreChange::Look,
                    6..8 => StoreChange::History(Some(*history)),
                    8 => StoreChange::History(rng.pick(&History::ALL).copied()),
                    9..12 => StoreChange::Delete,
                    _ => StoreChange::Undelete,
                };
                let write_id = self.write_id();
                Ask::Store(StoreRequest { store: store_id(name), change, write_id })
            }
            Kind::Snapshot => {
                Ask::Snapshot(TakeSnapshot { universe: UNIVERSE, write_id: self.write_id() })
            }
            Kind::ListStores => Ask::Stores(ListStores {
                universe: UNIVERSE,
                prefix: if rng.percent(20) { "P".into() } else { "".into() },
                with_deleted: rng.percent(50),
                after: None,
                page_size: size(rng, 1..4),
            }),
            Kind::ListEntries => {
                let (name, _) = rng.pick(&STORES)?;
                let spans = match rng.below(4) {
                    0 => vec![Span::Keys(Scope::global(), "".into())],
                    1 => vec![Span::Scopes("s".into())],
                    _ => vec![Span::all()],
                };
                Ask::Entries(ListEntries {
                    store: store_id(name),
                    spans,
                    key_prefix: if rng.percent(20) { "u_1".into() } else { "".into() },
                    with_deleted: rng.percent(50),
                    after: None,
                    page_size: size(rng, 1..4),
                })
            }
            Kind::Set
            | Kind::Increment
            | Kind::Remove
            | Kind::Restore
            | Kind::RemoveRevision
            | Kind::Get
            | Kind::GetRevision
            | Kind::GetAt
            | Kind::ListRevisions => return self.make_entry(rng, kind, now),
        })
    }

    fn make_entry(&mut self, rng: &mut Rng, kind: Kind, now: Timestamp) -> Option<Ask> {
        // Some entries are written more than others.
        let few = self.entries.get(..2).filter(|_| rng.percent(40));
        let entry = rng.pick(few.unwrap_or(&self.entries))?.clone();
        let known = self.known.get(&entry).cloned().unwrap_or_default();
        let latest = known.last().cloned();
        let older = rng.pick(&known).cloned();
        let (permit, write_id) = (Permit::ALL, self.write_id());
        let matches = latest.clone().filter(|_| rng.percent(30)).map(|(id, _)| id);
        Some(match kind {
            Kind::Set => {
                let when = match (rng.below(10), latest) {
                    (0, _) => When::Missing,
                    (1, _) => When::Exists,
                    (2..5, Some((id, _))) => When::Matches(id),
                    _ => When::Always,
                };
                let content = self.content(rng, &entry);
                Ask::Entry(Request::Set(Set { entry, content, when, permit, write_id }))
            }
            Kind::Increment => {
                let by = i64::try_from(rng.below(9)).unwrap_or(0) - 3;
                let (user_ids, metadata) = (vec![], Metadata::empty());
                let request = Increment { entry, by, user_ids, metadata, permit, write_id };
                Ask::Entry(Request::Increment(request))
            }
            Kind::Remove => {
                Ask::Entry(Request::Remove(Remove { entry, matches, force: false, write_id }))
            }
            Kind::Restore => {
                let revision = older?.0;
                let request = Restore { entry, revision, matches, permit, write_id };
                Ask::Entry(Request::Restore(request))
            }
            Kind::RemoveRevision => {
                let revision = older?.0;
                Ask::RemoveRevision(RemoveRevision { entry, revision, write_id })
            }
            Kind::GetRevision => {
                let which = Which::Revision(older?.0);
                Ask::Entry(Request::Get(Get { entry, which }))
            }
            Kind::GetAt => {
                let which = Which::At(past(rng, now, older.map(|(_, at)| at)));
                Ask::Entry(Request::Get(Get { entry, which }))
            }
            Kind::ListRevisions => {
                let direction = order(rng);
                let (ends, at) = (rng.below(10), past(rng, now, older.map(|(_, at)| at)));
                Ask::Revisions(ListRevisions {
                    entry,
                    order: direction,
                    not_before: Some(at).filter(|_| ends == 0),
                    not_after: Some(at).filter(|_| ends == 1),
                    with_sizes: rng.percent(50),
                    beyond: None,
                    page_size: if rng.percent(50) { 100 } else { size(rng, 1..7) },
                })
            }
            Kind::Get
            | Kind::ListEntries
            | Kind::ListStores
            | Kind::Store
            | Kind::Snapshot
            | Kind::SetOrdered
            | Kind::IncrementOrdered
            | Kind::RemoveOrdered
            | Kind::GetOrdered
            | Kind::Board
            | Kind::Standing => Ask::Entry(Request::Get(Get { entry, which: Which::Current })),
        })
    }

    fn make_ordered(&mut self, rng: &mut Rng, kind: Kind) -> Option<Ask> {
        let entry = rng.pick(&self.ordered)?.clone();
        let small = |rng: &mut Rng| i64::try_from(rng.below(7)).unwrap_or(0) - 2;
        let action = match kind {
            Kind::SetOrdered => {
                let when = match rng.below(8) {
                    0 => OrderedWhen::Missing,
                    1 => OrderedWhen::Exists,
                    _ => OrderedWhen::Always,
                };
                OrderedAction::Set { value: small(rng), when }
            }
            Kind::IncrementOrdered => OrderedAction::Increment { by: small(rng) },
            Kind::RemoveOrdered => OrderedAction::Remove,
            Kind::Board => {
                let all = rng.percent(70);
                return Some(Ask::Board(ListOrdered {
                    board: BoardId::of(&entry),
                    order: order(rng),
                    min: if all { i64::MIN } else { 0 },
                    max: if all { i64::MAX } else { 3 },
                    beyond: None,
                    page_size: size(rng, 1..8),
                }));
            }
            Kind::Standing => {
                let (order, around) = (order(rng), size(rng, 0..4));
                return Some(Ask::Standing(FindStanding { entry, order, around }));
            }
            Kind::GetOrdered
            | Kind::Set
            | Kind::Increment
            | Kind::Remove
            | Kind::Restore
            | Kind::RemoveRevision
            | Kind::Get
            | Kind::GetRevision
            | Kind::GetAt
            | Kind::ListRevisions
            | Kind::ListEntries
            | Kind::ListStores
            | Kind::Store
            | Kind::Snapshot => OrderedAction::Get,
        };
        let write_id = self.write_id();
        Some(Ask::Ordered(OrderedRequest { entry, action, write_id }))
    }

    fn content(&mut self, rng: &mut Rng, entry: &EntryId) -> Arc<Content> {
        self.value_count += 1;
        let is_counter = entry.key.as_str().len() % 2 == 1 && rng.percent(80);
        let value = if is_counter || rng.percent(20) {
            rng.below(100).to_string()
        } else {
            format!("\"v{}\"", self.value_count)
        };
        let value = JsonText::trusted(value);
        Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
    }

    /// What a client takes from an answer.
    pub(super) fn learn(&mut self, client: usize, ask: &Ask, told: &Told) {
        let mut seen = Vec::new();
        match told {
            Told::Entry(state) => {
                seen.push((state.entry.clone(), state.revision_id(), state.updated_at));
            }
            Told::Failed(
                PlatformError::Exists { current } | PlatformError::Mismatch { current },
            ) => {
                seen.push((current.entry.clone(), current.revision_id(), current.updated_at));
            }
            Told::Revisions(page) => {
                if let Ask::Revisions(request) = ask {
                    let item = |item: &steadfast_core::platform::ListedRevision| {
                        (request.entry.clone(), item.id.clone(), item.updated_at)
                    };
                    seen.extend(page.items.iter().map(item));
                }
            }
            Told::Swept(report) => self.stores_after.clone_from(&report.stores_after),
            Told::Entries(_)
            | Told::Stores(_)
            | Told::Store(_)
            | Told::Snapshot(_)
            | Told::Ordered(_)
            | Told::Board(_)
            | Told::Standing(_)
            | Told::Failed(_) => {}
        }
        for (entry, id, at) in seen {
            let known = self.known.entry(entry).or_default();
            if known.iter().all(|(other, _)| *other != id) {
                let place = known.partition_point(|(_, other)| *other <= at);
                known.insert(place, (id, at));
                if known.len() > KNOWN_MAX {
                    // Not always the oldest one: some are kept for long.
                    known.remove(known.len() / 3);
                }
            }
        }
        let next = next_page(ask, told);
        if let (Some(place), Some(rng)) =
            (self.next_pages.get_mut(client), self.rngs.get_mut(client))
        {
            *place = next.filter(|_| rng.percent(75));
        }
    }
}

/// The request for the page behind the one that was answered.
fn next_page(ask: &Ask, told: &Told) -> Option<Ask> {
    match (ask.clone(), told) {
        (Ask::Revisions(mut request), Told::Revisions(page)) => {
            request.beyond = Some(page.next?);
            Some(Ask::Revisions(request))
        }
        (Ask::Entries(mut request), Told::Entries(page)) => {
            request.after = Some(page.next.clone()?);
            Some(Ask::Entries(request))
        }
        (Ask::Stores(mut request), Told::Stores(page)) => {
            request.after = Some(page.next.clone()?);
            Some(Ask::Stores(request))
        }
        (Ask::Board(mut request), Told::Board(page)) => {
            request.beyond = Some(page.next.clone()?);
            Some(Ask::Board(request))
        }
        (_, _) => None,
    }
}

fn store_id(name: &str) -> StoreId {
    StoreId { universe: UNIVERSE, name: StoreName::trusted(name) }
}

fn key(prefix: &str, index: u64) -> EntryKey {
    EntryKey::trusted(format!("{prefix}_{index}"))
}

fn pick<T>(items: &[T], index: u64) -> Option<&T> {
    items.get(usize::try_from(index).ok()?.checked_rem(items.len())?)
}

fn size(rng: &mut Rng, range: std::ops::Range<u64>) -> usize {
    usize::try_from(rng.in_range(range)).unwrap_or(1)
}

fn order(rng: &mut Rng) -> Order {
    if rng.percent(50) { Order::Ascending } else { Order::Descending }
}

/// A moment of the past: mostly recent, or right at a revision.
fn past(rng: &mut Rng, now: Timestamp, known: Option<Timestamp>) -> Timestamp {
    match (rng.below(4), known) {
        (0..2, Some(at)) => {
            Timestamp::from_ticks(at.ticks() + i64::try_from(rng.below(3)).unwrap_or(0) - 1)
        }
        (2, _) => Timestamp::from_ticks(now.ticks() - millis(rng.below(45 * 86_400_000))),
        _ => Timestamp::from_ticks(now.ticks() - millis(rng.below(7_200_000))),
    }
}

fn millis(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(0).saturating_mul(10_000)
}
