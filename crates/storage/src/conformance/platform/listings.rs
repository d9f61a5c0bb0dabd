//! Pages of entries, revisions and data stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use steadfast_core::platform::{
    EntryPage, ListEntries, ListRevisions, ListStores, PlatformError, RevisionId, RevisionPage,
    StorePage, When, scope_spans,
};
use steadfast_core::row::Span;
use steadfast_core::{EntryId, ErrorKind, Order, Scope, StoreName, UniverseId};

use super::requests::{execute, remove, set};
use crate::conformance::PlatformHarness;
use crate::conformance::explore::explore;
use crate::conformance::samples::{ask, entry, entry_in};
use crate::platform::{Answer, Platform};

/// Cases of one run.
const CASES: u32 = 48;

/// Entries that are listed at one time: more than an implementation reads at once.
const ENTRIES: u64 = 700;

/// Revisions of one entry that are listed.
const REVISIONS: u64 = 150;

/// Lists that are read while others write.
const ROUNDS: usize = 20;

/// An hour less than a deleted entry, or data store, is kept.
pub(super) const NEARLY_RETENTION: Duration = Duration::from_hours(30 * 24 - 1);

const PAGE_SIZES: [usize; 5] = [1, 7, 100, 256, 1_000];

const STORES: [&str; 3] = ["Players", "Player", "players"];
/// Some sort around `/`, one holds it.
const SCOPES: [&str; 5] = ["global", "a", "a/b", "a!", "\u{43a}"];
const KEYS: [&str; 6] = ["u_1", "u_12", "b/c", "/", "\u{20ac}", "U_1"];
const PREFIXES: [&str; 12] = [
    "",
    "a",
    "a/",
    "a/b",
    "a/b/",
    "a/b/c",
    "a//",
    "global/u_1",
    "global/u_1/",
    "g",
    "\u{43a}/",
    "z",
];

pub(super) fn all(store: &str) -> ListEntries {
    ListEntries {
        store: entry_in(store, "global", "k").store,
        spans: vec![Span::all()],
        key_prefix: "".into(),
        with_deleted: true,
        after: None,
        page_size: 100,
    }
}

pub(super) fn newest_first(entry: &EntryId) -> ListRevisions {
    ListRevisions {
        entry: entry.clone(),
        order: Order::Descending,
        not_before: None,
        not_after: None,
        with_sizes: false,
        beyond: None,
        page_size: 100,
    }
}

pub(super) fn all_stores() -> ListStores {
    let (prefix, after) = (Arc::from(""), None);
    ListStores { universe: UniverseId(1), prefix, with_deleted: false, after, page_size: 100 }
}

pub(super) fn entry_page(platform: &dyn Platform, request: &ListEntries) -> Answer<EntryPage> {
    ask(|done| platform.list_entries(request.clone(), done))
}

pub(super) fn revision_page(
    platform: &dyn Platform,
    request: &ListRevisions,
) -> Answer<RevisionPage> {
    ask(|done| platform.list_revisions(request.clone(), done))
}

pub(super) fn store_page(platform: &dyn Platform, request: &ListStores) -> Answer<StorePage> {
    ask(|done| platform.list_stores(request.clone(), done))
}

/// Follows a list to its end. A page that is not the last may be short, but it gets on.
#[track_caller]
fn follow<T, P: Clone + PartialEq>(
    page_size: usize,
    mut page: impl FnMut(Option<P>) -> (Vec<T>, Option<P>),
) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let (found, next) = page(after.clone());
        assert!(found.len() <= page_size, "a page size is the most there may be");
        items.extend(found);
        if next.is_none() {
            return items;
        }
        assert!(next != after, "a page gets on");
        after = next;
    }
}

/// Every entry of a list: its scope, its key, and whether it is deleted.
#[track_caller]
pub(super) fn entries(
    platform: &dyn Platform,
    request: &ListEntries,
) -> Vec<(String, String, bool)> {
    let items = follow(request.page_size, |after| {
        let request = ListEntries { after, ..request.clone() };
        let page = entry_page(platform, &request).expect("nothing fails here");
        (page.items, page.next)
    });
    let item = |item: steadfast_core::platform::ListedEntry| {
        (item.scope.to_string(), item.key.to_string(), item.is_deleted)
    };
    items.into_iter().map(item).collect()
}

/// Every revision of a list: its counter, and whether it is a deletion.
#[track_caller]
pub(super) fn revisions(platform: &dyn Platform, request: &ListRevisions) -> Vec<(u64, bool)> {
    let items = follow(request.page_size, |beyond| {
        let request = ListRevisions { beyond, ..request.clone() };
        let page = revision_page(platform, &request).expect("nothing fails here");
        (page.items, page.next)
    });
    let counter = |id: &RevisionId| id.counter().expect("an id of ours");
    items.into_iter().map(|item| (counter(&item.id), item.is_deleted)).collect()
}

/// The names of every data store of a list.
#[track_caller]
pub(super) fn store_names(platform: &dyn Platform, request: &ListStores) -> Vec<String> {
    let items = follow(request.page_size, |after: Option<StoreName>| {
        let request = ListStores { after, ..request.clone() };
        let page = store_page(platform, &request).expect("nothing fails here");
        (page.items, page.next)
    });
    items.into_iter().map(|info| info.store.name.to_string()).collect()
}

#[derive(Clone, Debug)]
struct Op {
    store: usize,
    scope: usize,
    key: usize,
    is_removal: bool,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    store: usize,
    prefix: usize,
    /// The one scope that is asked for; all if there is no such.
    scope: usize,
    with_deleted: bool,
    page_size: usize,
}

fn op() -> impl Strategy<Value = Op> {
    (0..STORES.len(), 0..SCOPES.len(), 0..KEYS.len(), prop::bool::weighted(0.3))
        .prop_map(|(store, scope, key, is_removal)| Op { store, scope, key, is_removal })
}

fn question() -> impl Strategy<Value = Question> {
    (0..STORES.len(), 0..PREFIXES.len(), 0..SCOPES.len() * 2, any::<bool>(), 1..9_usize).prop_map(
        |(store, prefix, scope, with_deleted, page_size)| Question {
            store,
            prefix,
            scope,
            with_deleted,
            page_size,
        },
    )
}

fn nth<'a>(list: &[&'a str], index: usize) -> &'a str {
    list.get(index).copied().unwrap_or_default()
}

/// What was written to each entry, oldest first: whether each was a deletion.
type Model = BTreeMap<(String, String, String), Vec<bool>>;

/// L-01 to L-08, V-24: whatever was written and removed, a list is what a look at every entry says.
pub fn listings_agree_with_a_naive_model<H: PlatformHarness>() {
    let case = (prop::collection::vec(op(), 1..60), prop::collection::vec(question(), 1..12));
    explore(CASES, &case, |(ops, questions)| {
        let mut harness = H::new();
        let platform = harness.platform();
        let mut model = Model::new();
        for (number, op) in (1..).zip(&ops) {
            let names = (nth(&STORES, op.store), nth(&SCOPES, op.scope), nth(&KEYS, op.key));
            let id = entry_in(names.0, names.1, names.2);
            let states = model.entry((names.0.into(), names.1.into(), names.2.into()));
            let states = states.or_default();
            let can_be_removed = states.last().is_some_and(|is_deleted| !is_deleted);
            let is_removal = op.is_removal && can_be_removed;
            let request =
                if is_removal { remove(&id, number, None) } else { set(&id, number, When::Always) };
            execute(&*platform, request).expect("nothing fails here");
            states.push(is_removal);
        }
        for question in questions {
            check_entries(&*platform, &model, question);
            check_stores(&*platform, &model, question);
        }
        for ((store, scope, key), states) in &model {
            check_revisions(&*platform, &entry_in(store, scope, key), states);
        }
    });
}

fn check_entries(platform: &dyn Platform, model: &Model, question: Question) {
    let Question { with_deleted, page_size, .. } = question;
    let (store, prefix) = (nth(&STORES, question.store), nth(&PREFIXES, question.prefix));
    let one_scope = SCOPES.get(question.scope).copied();
    let spans = match one_scope {
        Some(scope) => vec![Span::Keys(Scope::trusted(scope), prefix.into())],
        None => scope_spans(prefix),
    };
    let is_in = |scope: &str, key: &str| match one_scope {
        Some(only) => scope == only && key.starts_with(prefix),
        None => format!("{scope}/{key}").starts_with(prefix),
    };
    let mut wanted = Vec::new();
    for ((of, scope, key), states) in model {
        let is_deleted = states.last().is_some_and(|is_deleted| *is_deleted);
        if of == store && is_in(scope, key) && (with_deleted || !is_deleted) {
            wanted.push((scope.clone(), key.clone(), is_deleted));
        }
    }
    let request = ListEntries { spans, with_deleted, page_size, ..all(store) };
    assert_eq!(entries(platform, &request), wanted, "{request:?}");
    // The same by the key alone, whatever the scope.
    let request = ListEntries { key_prefix: prefix.into(), page_size, ..all(store) };
    let has_key = |(of, _, key): &&(String, String, String)| of == store && key.starts_with(prefix);
    let wanted = model.keys().filter(has_key).count();
    assert_eq!(entries(platform, &request).len(), wanted, "{request:?}");
}

fn check_stores(platform: &dyn Platform, model: &Model, question: Question) {
    let names: BTreeSet<&String> = model.keys().map(|(store, ..)| store).collect();
    for prefix in ["", "P", "Player", "Players", "x"] {
        let (prefix, page_size): (Arc<str>, _) = (prefix.into(), question.page_size);
        let wanted: Vec<_> =
            names.iter().filter(|name| name.starts_with(&*prefix)).copied().cloned().collect();
        let request = ListStores { prefix, page_size, ..all_stores() };
        assert_eq!(store_names(platform, &request), wanted, "{request:?}");
    }
}

fn check_revisions(platform: &dyn Platform, id: &EntryId, states: &[bool]) {
    let mut wanted: Vec<(u64, bool)> = (1..).zip(states.iter().copied()).collect();
    for page_size in [1, 2, 100] {
        wanted.reverse();
        let request = ListRevisions { page_size, ..newest_first(id) };
        assert_eq!(revisions(platform, &request), wanted, "{request:?}");
        wanted.reverse();
        let request = ListRevisions { order: Order::Ascending, ..request };
        assert_eq!(revisions(platform, &request), wanted, "{request:?}");
    }
}

/// Rule 20: the same request gives the same page, and a position holds after a restart. Pages of any
/// size have the same items.
pub fn pages_are_repeatable_and_complete<H: PlatformHarness>() {
    let mut harness = H::new();
    let mut platform = harness.platform();
    let id = entry("k");
    for write in 1..=ENTRIES {
        let key = entry_in("Many", "global", &format!("k{write:05}"));
        execute(&*platform, set(&key, write, When::Always)).expect("nothing fails here");
        if write <= REVISIONS {
            execute(&*platform, set(&id, write, When::Always)).expect("nothing fails here");
        }
    }
    let wanted: Vec<_> =
        (1..=ENTRIES).map(|write| ("global".into(), format!("k{write:05}"), false)).collect();
    let newest: Vec<_> = (1..=REVISIONS).rev().map(|counter| (counter, false)).collect();
    let oldest: Vec<_> = newest.iter().rev().copied().collect();
    for page_size in PAGE_SIZES {
        for with_deleted in [true, false] {
            let request = ListEntries { page_size, with_deleted, ..all("Many") };
            assert_eq!(entries(&*platform, &request), wanted, "{page_size}");
        }
        let request = ListRevisions { page_size, ..newest_first(&id) };
        assert_eq!(revisions(&*platform, &request), newest, "{page_size}");
        let request = ListRevisions { order: Order::Ascending, ..request };
        assert_eq!(revisions(&*platform, &request), oldest, "{page_size}");
    }
    let first = entry_page(&*platform, &all("Many")).expect("nothing fails here");
    assert_eq!(entry_page(&*platform, &all("Many")), Ok(first.clone()));
    let first_revisions = revision_page(&*platform, &newest_first(&id));
    let request = ListEntries { after: first.next, ..all("Many") };
    let second = entry_page(&*platform, &request);
    drop(platform);
    if !harness.reopen() {
        return;
    }
    platform = harness.platform();
    assert_eq!(entry_page(&*platform, &request), second, "after a reopening");
    assert_eq!(revision_page(&*platform, &newest_first(&id)), first_revisions);
}

/// P-07: whoever writes to other entries takes nothing out of a list, and puts nothing in twice.
pub fn a_listing_beside_writers_has_everything_that_stood_still<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let still = |number: u64| entry_in("Busy", "global", &format!("k{number:03}_still"));
    let moving = |number: u64| entry_in("Busy", "global", &format!("k{number:03}_moving"));
    for number in 0..60 {
        execute(&*platform, set(&still(number), number + 1, When::Always)).expect("it works");
    }
    let wanted: Vec<_> = (0..60).map(|number| still(number).key.to_string()).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for write in (1_000..).step_by(2) {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let id = moving(write / 2 % 60);
                execute(&*platform, set(&id, write, When::Always)).expect("it works");
                execute(&*platform, remove(&id, write + 1, None)).expect("it was written");
            }
        });
        let mut lists = Vec::new();
        for round in 0..ROUNDS {
            let (page_size, with_deleted) = (1 + round % 7, round % 2 == 0);
            let request = ListEntries { page_size, with_deleted, ..all("Busy") };
            lists.push(entries(&*platform, &request));
        }
        is_over.store(true, Ordering::Relaxed);
        for list in lists {
            let keys: Vec<_> = list.into_iter().map(|(_, key, _)| key).collect();
            assert!(keys.is_sorted_by(|a, b| a < b), "in order, and each once");
            let stood: Vec<_> = keys.into_iter().filter(|key| key.ends_with("still")).collect();
            assert_eq!(stood, wanted);
        }
    });
}

/// Z-22 and Z-25: then the entry is purged, and its data store with it.
pub fn deleted_entries_are_listed_for_30_days<H: PlatformHarness>() {
    let mut harness = H::new();
    let platform = harness.platform();
    let id = entry("k");
    execute(&*platform, set(&id, 1, When::Always)).expect("nothing fails here");
    execute(&*platform, remove(&id, 2, None)).expect("it was written");
    if !harness.pass(NEARLY_RETENTION) {
        return;
    }
    let list =
        |with_deleted| entries(&*platform, &ListEntries { with_deleted, ..all("Players") }).len();
    assert_eq!((list(true), list(false)), (1, 0));
    assert_eq!(revisions(&*platform, &newest_first(&id)), [(2, true), (1, false)]);
    assert_eq!(store_names(&*platform, &all_stores()), ["Players"]);
    harness.pass(Duration::from_hours(2));
    assert_eq!((list(true), list(false)), (0, 0));
    let answer = revision_page(&*platform, &newest_first(&id));
    assert_eq!(answer.as_ref().err().map(PlatformError::kind), Some(ErrorKind::NotFound));
    assert!(store_names(&*platform, &all_stores()).is_empty());
}

/// Nobody may take a store that does not answer for an empty one.
pub fn a_failed_read_is_an_error_and_not_an_empty_page<H: PlatformHarness>() {
    let mut harness = H::new();
    if !harness.inject(&[], &[]) {
        return;
    }
    let platform = harness.platform();
    let id = entry("k");
    for write in 1..=3 {
        execute(&*platform, set(&id, write, When::Always)).expect("nothing fails here");
    }
    let ascending = ListRevisions { order: Order::Ascending, ..newest_first(&id) };
    let behind = ListRevisions { beyond: Some(2), ..newest_first(&id) };
    let lists: [(&str, &dyn Fn() -> Option<ErrorKind>); 5] = [
        ("entries", &|| entry_page(&*platform, &all("Players")).err().map(|error| error.kind())),
        ("newest", &|| revision_page(&*platform, &newest_first(&id)).err().map(|it| it.kind())),
        ("oldest", &|| revision_page(&*platform, &ascending).err().map(|error| error.kind())),
        ("behind", &|| revision_page(&*platform, &behind).err().map(|error| error.kind())),
        ("stores", &|| store_page(&*platform, &all_stores()).err().map(|error| error.kind())),
    ];
    for (name, list) in lists {
        assert_eq!(list(), None, "{name}");
        // Each of its reads in turn, until it needs no more.
        for failing in 0.. {
            let reads = [vec![false; failing], vec![true]].concat();
            assert!(harness.inject(&[], &reads), "it could be made to fail before");
            let kind = list();
            harness.heal();
            if kind.is_none() {
                assert!(failing > 0, "{name} reads nothing");
                break;
            }
            assert_eq!(kind, Some(ErrorKind::Unavailable), "{name}");
        }
    }
}
