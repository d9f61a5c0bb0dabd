//! L-01 to L-07, K-05 to K-08: pages of entries.

use proptest::prelude::*;

use super::support::*;
use crate::error::ErrorKind;
use crate::id::{EntryKey, Scope};
use crate::platform::{
    EXAMINED_MAX, EntryPage, ListEntries, ListedEntry, PAGE_SIZE_MAX, PlatformError, RETENTION,
    scope_spans,
};
use crate::row::{Birth, RowKey, Span, StoreBody};

const STORE: &str = "Players";

fn all() -> ListEntries {
    ListEntries {
        store: store_id(STORE),
        spans: vec![Span::all()],
        key_prefix: "".into(),
        with_deleted: true,
        after: None,
        page_size: 10,
    }
}

fn listed(scope: &str, key: &str, is_deleted: bool) -> ListedEntry {
    ListedEntry { scope: Scope::trusted(scope), key: EntryKey::trusted(key), is_deleted }
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::new();
    shelf.put_store(STORE, StoreBody::NEW);
    shelf
}

fn put(shelf: &mut Shelf, scope: &str, key: &str, is_deleted: bool) {
    shelf.put_entry(entry_id(STORE, scope, key), NOW - SECOND, is_deleted);
}

/// Numbered keys that sort as their numbers.
fn put_run(shelf: &mut Shelf, numbers: std::ops::Range<usize>, is_deleted: bool) {
    for number in numbers {
        put(shelf, "global", &format!("k{number:05}"), is_deleted);
    }
}

/// Every page from the start, each asked for with the position of the one before.
fn pages(shelf: &mut Shelf, request: &ListEntries) -> Vec<EntryPage> {
    let (mut pages, mut request) = (Vec::new(), request.clone());
    loop {
        let page: EntryPage = shelf.run(request.clone()).unwrap();
        assert_eq!(shelf.run(request.clone()).unwrap(), page, "the same request, the same page");
        if let Some(next) = &page.next {
            assert!(request.after.as_ref() < Some(next), "a page gets on");
        }
        request.after.clone_from(&page.next);
        let is_last = page.next.is_none();
        pages.push(page);
        if is_last {
            return pages;
        }
    }
}

#[test]
fn l_03_any_slash_of_a_prefix_may_end_the_scope() {
    let keys = |scope: &str, keys: &str| Span::Keys(Scope::trusted(scope), keys.into());
    let scopes = |text: &str| Span::Scopes(text.into());
    assert_eq!(scope_spans(""), [Span::all()]);
    assert_eq!(scope_spans("glo"), [scopes("glo")]);
    assert_eq!(scope_spans("global/"), [keys("global", ""), scopes("global/")]);
    assert_eq!(
        scope_spans("a//b/c"),
        [keys("a", "/b/c"), keys("a/", "b/c"), keys("a//b", "c"), scopes("a//b/c")]
    );
    assert_eq!(scope_spans("/a"), [scopes("/a")], "no scope is empty");
    assert_eq!(scope_spans("/a/"), [keys("/a", ""), scopes("/a/")]);
}

/// Short texts of few letters, some of which sort around `/`.
fn text() -> impl Strategy<Value = String> {
    "[a!/0]{1,4}"
}

#[derive(Clone, Copy, Debug)]
enum State {
    Live,
    Deleted,
    Purged,
    Damaged,
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        4 => Just(State::Live),
        2 => Just(State::Deleted),
        1 => Just(State::Purged),
        1 => Just(State::Damaged),
    ]
}

fn put_state(shelf: &mut Shelf, scope: &str, key: &str, state: State) {
    let entry = entry_id(STORE, scope, key);
    let long_ago = NOW - i64::try_from(RETENTION.as_secs()).unwrap() * SECOND;
    match state {
        State::Live => shelf.put_entry(entry, NOW - SECOND, false),
        State::Deleted => shelf.put_entry(entry, NOW - SECOND, true),
        State::Purged => shelf.put_entry(entry, long_ago, true),
        State::Damaged => shelf.damage(RowKey::Entry(entry)),
    }
}

proptest! {
    #[test]
    fn l_04_spans_cover_each_entry_of_a_prefix_once_in_the_order_of_the_rows(
        entries in prop::collection::btree_set((text(), text()), 0..40),
        prefix in "[a!/0]{0,6}",
    ) {
        let names = |(scope, key): &(String, String)| (Scope::trusted(scope.as_str()), EntryKey::trusted(key.as_str()));
        let rows: Vec<_> = entries.iter().map(names).collect();
        let spans = scope_spans(&prefix);
        let of_span = |span: &Span| {
            let covered = rows.iter().filter(|(scope, key)| span.covers(scope, key));
            covered.cloned().collect::<Vec<_>>()
        };
        let covered: Vec<_> = spans.iter().flat_map(of_span).collect();
        let naive = |(scope, key): &&(Scope, EntryKey)| format!("{scope}/{key}").starts_with(&prefix);
        let wanted: Vec<_> = rows.iter().filter(naive).cloned().collect();
        prop_assert_eq!(covered, wanted);
    }

    #[test]
    fn l_01_to_l_07_pages_of_any_size_are_the_naive_list(
        entries in prop::collection::btree_map((text(), text()), state(), 0..40),
        prefix in "[a!/0]{0,3}",
        key_prefix in "[a/]{0,2}",
        one_scope in prop::option::of("[a/]{1,2}"),
        with_deleted: bool,
        after in prop::option::of((text(), text())),
        page_size in 1..8_usize,
    ) {
        let mut shelf = shelf();
        let mut wanted = Vec::new();
        let after = after.map(|(scope, key)| (Scope::trusted(scope), EntryKey::trusted(key)));
        for ((scope, key), state) in &entries {
            put_state(&mut shelf, scope, key, *state);
            let is_deleted = matches!(state, State::Deleted);
            let is_in = match &one_scope {
                Some(only) => scope == only && key.starts_with(&prefix),
                None => format!("{scope}/{key}").starts_with(&prefix),
            };
            let item = listed(scope, key, is_deleted);
            let is_behind = |(scope, key): &(Scope, EntryKey)| (&item.scope, &item.key) > (scope, key);
            if is_in
                && !matches!(state, State::Purged)
                && (with_deleted || !is_deleted)
                && key.starts_with(&key_prefix)
                && after.as_ref().is_none_or(is_behind)
            {
                wanted.push(item);
            }
        }
        let spans = match &one_scope {
            Some(scope) => vec![Span::Keys(Scope::trusted(scope.as_str()), prefix.as_str().into())],
            None => scope_spans(&prefix),
        };
        let key_prefix = key_prefix.as_str().into();
        let request = ListEntries { spans, key_prefix, with_deleted, after, page_size, ..all() };
        let pages = pages(&mut shelf, &request);
        let (last, full) = pages.split_last().unwrap();
        for page in full {
            prop_assert_eq!(page.items.len(), page_size, "full, as so few keys are examined");
        }
        prop_assert!(full.is_empty() || !last.items.is_empty(), "nothing is behind an end");
        prop_assert!(last.items.len() <= page_size);
        let items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
        prop_assert_eq!(items, wanted);
    }
}

#[test]
fn l_02_a_call_that_leaves_out_deleted_keys_examines_512() {
    let live = |number: usize| listed("global", &format!("k{number:05}"), false);
    for (deleted, first_page) in [(510, 2), (511, 1), (512, 0), (513, 0)] {
        let mut shelf = shelf();
        put_run(&mut shelf, 0..deleted, true);
        put_run(&mut shelf, deleted..deleted + 3, false);
        let request = ListEntries { with_deleted: false, ..all() };
        let page = shelf.run(request.clone()).unwrap();
        assert_eq!(page.items.len(), first_page, "{deleted} deleted ones first");
        let last = page.next.clone().expect("more follow");
        assert_eq!(last.1.as_str(), format!("k{:05}", EXAMINED_MAX - 1));
        // The one behind the last tells that there is more.
        assert_eq!(shelf.head_count, EXAMINED_MAX + 1);
        let items: Vec<_> =
            pages(&mut shelf, &request).into_iter().flat_map(|page| page.items).collect();
        assert_eq!(items, (deleted..deleted + 3).map(live).collect::<Vec<_>>());
    }
}

#[test]
fn l_02_a_key_prefix_counts_every_key_too() {
    let mut shelf = shelf();
    put_run(&mut shelf, 0..600, false);
    put(&mut shelf, "global", "z", false);
    let request = ListEntries { key_prefix: "z".into(), ..all() };
    let page = shelf.run(request.clone()).unwrap();
    assert!(page.items.is_empty() && page.next.is_some());
    assert_eq!(pages(&mut shelf, &request).len(), 2);
    // A prefix of the span is looked up, not searched for.
    let spans = vec![Span::Keys(Scope::global(), "z".into())];
    let page = shelf.run(ListEntries { spans, ..all() }).unwrap();
    assert_eq!((page.items, page.next), (vec![listed("global", "z", false)], None));
}

#[test]
fn a_page_that_left_out_nothing_is_the_last_one_at_the_limit_of_keys_too() {
    let mut shelf = shelf();
    put_run(&mut shelf, 0..EXAMINED_MAX, false);
    // The span behind it is empty.
    let spans = scope_spans("global/");
    let request = ListEntries { spans, with_deleted: false, page_size: PAGE_SIZE_MAX, ..all() };
    let page = shelf.run(request.clone()).unwrap();
    assert_eq!((page.items.len(), page.next), (EXAMINED_MAX, None));
    put(&mut shelf, "global/x", "k", false);
    let page = shelf.run(request.clone()).unwrap();
    assert_eq!(page.items.len(), EXAMINED_MAX);
    assert_eq!(pages(&mut shelf, &request).len(), 2);
}

#[test]
fn z_24_a_page_that_ends_at_the_last_entry_has_no_next() {
    for count in [9, 10, 11, 20] {
        let mut shelf = shelf();
        put_run(&mut shelf, 0..count, false);
        let sizes: Vec<_> = pages(&mut shelf, &all()).iter().map(|page| page.items.len()).collect();
        let wanted: &[usize] = match count {
            9 => &[9],
            10 => &[10],
            11 => &[10, 1],
            _ => &[10, 10],
        };
        assert_eq!(sizes, wanted);
    }
}

#[test]
fn z_22_a_deleted_entry_is_listed_for_30_days() {
    let mut shelf = shelf();
    put(&mut shelf, "global", "gone", true);
    let deleted_at = at(NOW - SECOND);
    let purged_at = deleted_at.saturating_add(RETENTION);
    shelf.now = at(purged_at.ticks() - 1);
    assert_eq!(shelf.run(all()).unwrap().items, [listed("global", "gone", true)]);
    let request = ListEntries { with_deleted: false, ..all() };
    assert_eq!(shelf.run(request).unwrap().items, []);
    shelf.now = purged_at;
    let page = shelf.run(all()).unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
}

#[test]
fn full_pages_leave_out_at_most_512_purged_entries() {
    let mut shelf = shelf();
    put_run(&mut shelf, 0..EXAMINED_MAX + 1, true);
    put_run(&mut shelf, 600..620, false);
    shelf.now = at(NOW).saturating_add(RETENTION);
    let sizes: Vec<_> = pages(&mut shelf, &all()).iter().map(|page| page.items.len()).collect();
    assert_eq!(sizes, [0, 10, 10]);
}

#[test]
fn a_damaged_entry_is_listed_as_one_that_is_not_deleted() {
    let mut shelf = shelf();
    put(&mut shelf, "global", "a", true);
    shelf.damage(RowKey::Entry(entry_id(STORE, "global", "b")));
    let page = shelf.run(ListEntries { with_deleted: false, ..all() }).unwrap();
    assert_eq!(page.items, [listed("global", "b", false)]);
}

#[test]
fn a_missing_store_is_empty_and_a_deleted_one_out_of_reach() {
    let mut shelf = Shelf::new();
    let page = shelf.run(all()).unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    shelf.put_store(STORE, StoreBody { deleted: Some(Birth::ThisWrite), ..StoreBody::NEW });
    put(&mut shelf, "global", "k", false);
    let store = store_id(STORE);
    assert_eq!(shelf.run(all()), Err(PlatformError::StoreDeleted { store: store.clone() }));
    // A damaged row of the store makes no entry uncertain.
    shelf.damage(RowKey::Store(store));
    assert_eq!(shelf.run(all()).unwrap().items, [listed("global", "k", false)]);
}

#[test]
fn v_25_a_page_has_at_least_one_and_at_most_1024_items() {
    let mut shelf = shelf();
    put_run(&mut shelf, 0..PAGE_SIZE_MAX + 5, false);
    for (page_size, wanted) in
        [(0, 1), (1, 1), (PAGE_SIZE_MAX, PAGE_SIZE_MAX), (usize::MAX, PAGE_SIZE_MAX)]
    {
        let page = shelf.run(ListEntries { page_size, ..all() }).unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (wanted, true));
    }
}

#[test]
fn a_listing_of_few_entries_reads_few_heads() {
    let mut shelf = shelf();
    put_run(&mut shelf, 0..400, false);
    let after = Some((Scope::global(), EntryKey::trusted("k00200")));
    shelf.run(ListEntries { after, with_deleted: false, ..all() }).unwrap();
    assert_eq!((shelf.head_count, shelf.call_count), (11, 2));
}

#[test]
fn spans_before_the_position_are_not_read_again() {
    let mut shelf = shelf();
    put(&mut shelf, "a", "b/c", false);
    put(&mut shelf, "a/b", "c", false);
    put(&mut shelf, "a/b/c", "d", false);
    put(&mut shelf, "a/b/c", "e", false);
    let at = |scope: &str, key: &str| Some((Scope::trusted(scope), EntryKey::trusted(key)));
    for (after, items, calls) in [
        (None, 4, 3),
        (at("a", "b/c"), 3, 3),
        (at("a", "b/d"), 3, 2),
        (at("a/b", "c"), 2, 2),
        (at("a/b/c", "d"), 1, 1),
        (at("a/b/d", "d"), 0, 0),
    ] {
        shelf.call_count = 0;
        let spans = scope_spans("a/b/c");
        let page = shelf.run(ListEntries { spans, after: after.clone(), ..all() }).unwrap();
        assert_eq!((page.items.len(), page.next), (items, None), "after {after:?}");
        assert_eq!(shelf.call_count, 1 + calls, "after {after:?}");
    }
}

#[test]
fn a_failed_read_is_an_error() {
    for failing in 0..2 {
        let mut shelf = shelf();
        put(&mut shelf, "global", "k", false);
        shelf.failing = Some(failing);
        let error = shelf.run(all()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
