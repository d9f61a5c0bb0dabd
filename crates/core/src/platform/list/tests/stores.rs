//! S-06, S-07, L-08, H-30, Z-25: pages of data stores.

use proptest::prelude::*;

use super::support::*;
use crate::error::ErrorKind;
use crate::id::{StoreName, UniverseId};
use crate::platform::{
    EXAMINED_MAX, History, ListStores, PAGE_SIZE_MAX, PlatformError, RETENTION, StoreInfo,
    StorePage,
};
use crate::row::{Birth, RowKey, StoreBody};

fn all() -> ListStores {
    ListStores {
        universe: UniverseId(1),
        prefix: "".into(),
        with_deleted: false,
        after: None,
        page_size: 10,
    }
}

fn with_deleted() -> ListStores {
    ListStores { with_deleted: true, ..all() }
}

/// A data store with one entry.
fn put(shelf: &mut Shelf, name: &str) {
    shelf.put_store(name, StoreBody::NEW);
    shelf.put_entry(entry_id(name, "global", "k"), NOW - SECOND, false);
}

fn put_deleted(shelf: &mut Shelf, name: &str, stamp: i64) {
    shelf.put_store(name, StoreBody { deleted: Some(Birth::At(at(stamp))), ..StoreBody::NEW });
}

fn names(items: &[StoreInfo]) -> Vec<&str> {
    items.iter().map(|info| info.store.name.as_str()).collect()
}

#[track_caller]
fn check(shelf: &mut Shelf, request: &ListStores, wanted: &[&str]) {
    let page: StorePage = shelf.run(request.clone()).unwrap();
    assert_eq!((names(&page.items), page.next), (wanted.to_vec(), None));
}

fn pages(shelf: &mut Shelf, request: &ListStores) -> Vec<StorePage> {
    let (mut pages, mut request) = (Vec::new(), request.clone());
    loop {
        let page: StorePage = shelf.run(request.clone()).unwrap();
        assert_eq!(shelf.run(request.clone()).unwrap(), page, "the same request, the same page");
        request.after.clone_from(&page.next);
        pages.push(page);
        if request.after.is_none() {
            return pages;
        }
    }
}

#[test]
fn l_08_stores_are_listed_by_name_and_prefix_with_their_times() {
    let mut shelf = Shelf::new();
    for name in ["b", "Ab", "A", "a"] {
        put(&mut shelf, name);
    }
    let body =
        StoreBody { birth: Birth::At(at(5)), history: Some(History::Hourly), ..StoreBody::NEW };
    shelf.put_store("Ab", body);
    check(&mut shelf, &all(), &["A", "Ab", "a", "b"]);
    check(&mut shelf, &ListStores { prefix: "A".into(), ..all() }, &["A", "Ab"]);
    check(&mut shelf, &ListStores { prefix: "Abc".into(), ..all() }, &[]);
    check(&mut shelf, &ListStores { universe: UniverseId(2), ..all() }, &[]);
    let after = Some(StoreName::trusted("AA"));
    check(&mut shelf, &ListStores { after, ..all() }, &["Ab", "a", "b"]);
    let info = shelf.run(ListStores { prefix: "Ab".into(), ..all() }).unwrap().items;
    let wanted = StoreInfo {
        store: store_id("Ab"),
        created_at: at(5),
        updated_at: at(NOW - SECOND),
        deleted_at: None,
        history: Some(History::Hourly),
    };
    assert_eq!(info, [wanted]);
}

#[test]
fn z_25_a_store_is_listed_until_its_last_entry_is_purged() {
    let mut shelf = Shelf::new();
    shelf.put_store("Empty", StoreBody::NEW);
    put(&mut shelf, "Full");
    shelf.put_store("Gone", StoreBody::NEW);
    for key in ["a", "b", "c"] {
        shelf.put_entry(entry_id("Gone", "global", key), NOW, true);
    }
    let purged_at = at(NOW).saturating_add(RETENTION);
    shelf.now = at(purged_at.ticks() - 1);
    check(&mut shelf, &all(), &["Full", "Gone"]);
    shelf.now = purged_at;
    check(&mut shelf, &all(), &["Full"]);
    // One behind the purged ones is enough.
    shelf.put_entry(entry_id("Gone", "global", "d"), NOW + SECOND, true);
    check(&mut shelf, &all(), &["Full", "Gone"]);
    // And a damaged one is one.
    shelf.damage(RowKey::Entry(entry_id("Empty", "global", "k")));
    check(&mut shelf, &all(), &["Empty", "Full", "Gone"]);
}

#[test]
fn a_store_with_many_purged_entries_is_hidden_only_if_it_certainly_holds_nothing() {
    for (purged, is_listed) in [(EXAMINED_MAX + 1, false), (EXAMINED_MAX + 2, true)] {
        let mut shelf = Shelf::new();
        shelf.put_store("Gone", StoreBody::NEW);
        for number in 0..purged {
            shelf.put_entry(entry_id("Gone", "global", &format!("k{number:05}")), NOW, true);
        }
        shelf.now = at(NOW).saturating_add(RETENTION);
        let wanted: &[&str] = if is_listed { &["Gone"] } else { &[] };
        check(&mut shelf, &all(), wanted);
    }
}

#[test]
fn s_07_deleted_stores_are_listed_if_asked_for_until_they_expire() {
    let mut shelf = Shelf::new();
    put(&mut shelf, "Full");
    put(&mut shelf, "Gone");
    put_deleted(&mut shelf, "Gone", NOW);
    // Whatever is left in it: it can be brought back.
    put_deleted(&mut shelf, "GoneAndEmpty", NOW);
    check(&mut shelf, &all(), &["Full"]);
    check(&mut shelf, &with_deleted(), &["Full", "Gone", "GoneAndEmpty"]);
    let items = shelf.run(with_deleted()).unwrap().items;
    assert_eq!(items[1].deleted_at, Some(at(NOW)));
    let expires_at = at(NOW).saturating_add(RETENTION);
    assert_eq!(items[1].expires_at(), Some(expires_at));
    shelf.now = at(expires_at.ticks() - 1);
    check(&mut shelf, &with_deleted(), &["Full", "Gone", "GoneAndEmpty"]);
    shelf.now = expires_at;
    check(&mut shelf, &with_deleted(), &["Full"]);
}

#[test]
fn our_own_stores_are_hidden() {
    let mut shelf = Shelf::new();
    put(&mut shelf, "__steadfast_meta");
    put(&mut shelf, "_steadfast");
    put_deleted(&mut shelf, "__steadfast_old", NOW);
    check(&mut shelf, &with_deleted(), &["_steadfast"]);
}

#[test]
fn h_30_a_call_examines_512_stores() {
    for (empty, first_page) in [(510, 2), (511, 1), (512, 0), (513, 0)] {
        let mut shelf = Shelf::new();
        for number in 0..empty {
            shelf.put_store(&format!("s{number:05}"), StoreBody::NEW);
        }
        for number in empty..empty + 3 {
            put(&mut shelf, &format!("s{number:05}"));
        }
        let page = shelf.run(all()).unwrap();
        assert_eq!(page.items.len(), first_page);
        assert_eq!(page.next.unwrap().as_str(), format!("s{:05}", EXAMINED_MAX - 1));
        let pages = pages(&mut shelf, &all());
        assert_eq!(pages.iter().map(|page| page.items.len()).sum::<usize>(), 3);
    }
    // At the limit and at the end: nothing was left to examine.
    let mut shelf = Shelf::new();
    for number in 0..EXAMINED_MAX {
        shelf.put_store(&format!("s{number:05}"), StoreBody::NEW);
    }
    check(&mut shelf, &all(), &[]);
}

#[test]
fn a_damaged_store_is_never_skipped() {
    let mut shelf = Shelf::new();
    for name in ["a", "b", "d"] {
        put(&mut shelf, name);
    }
    let row = RowKey::Store(store_id("c"));
    shelf.damage(row.clone());
    assert_eq!(shelf.run(all()), Err(PlatformError::Corrupt { row: Box::new(row) }));
    // A full page before it is whole, and whoever knows its name can start behind it.
    let page = shelf.run(ListStores { page_size: 2, ..all() }).unwrap();
    assert_eq!((names(&page.items), page.next), (vec!["a", "b"], Some(StoreName::trusted("b"))));
    let after = Some(StoreName::trusted("c"));
    check(&mut shelf, &ListStores { after, ..all() }, &["d"]);
}

#[test]
fn v_25_a_page_has_at_least_one_and_at_most_1024_stores() {
    let mut shelf = Shelf::new();
    for number in 0..600 {
        put(&mut shelf, &format!("s{number:05}"));
    }
    for (page_size, wanted) in [(0, 1), (1, 1), (PAGE_SIZE_MAX, EXAMINED_MAX)] {
        let page = shelf.run(ListStores { page_size, ..all() }).unwrap();
        assert_eq!((page.items.len(), page.next.is_some()), (wanted, true));
    }
}

#[test]
fn a_failed_read_is_an_error() {
    for failing in 0..3 {
        let mut shelf = Shelf::new();
        put(&mut shelf, "a");
        shelf.failing = Some(failing);
        let error = shelf.run(all()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Full,
    Empty,
    Purged,
    Deleted,
    Expired,
    Reserved,
}

proptest! {
    #[test]
    fn s_06_pages_of_any_size_are_the_naive_list(
        kinds in prop::collection::vec(
            prop::sample::select(vec![
                Kind::Full, Kind::Full, Kind::Empty, Kind::Purged, Kind::Deleted, Kind::Expired,
                Kind::Reserved,
            ]),
            0..30,
        ),
        with_deleted: bool,
        page_size in 1..8_usize,
    ) {
        let mut shelf = Shelf::new();
        let long_ago = NOW - i64::try_from(RETENTION.as_secs()).unwrap() * SECOND;
        let mut wanted = Vec::new();
        for (number, kind) in kinds.iter().enumerate() {
            let name = format!("s{number:02}");
            match kind {
                Kind::Full => put(&mut shelf, &name),
                Kind::Empty => shelf.put_store(&name, StoreBody::NEW),
                Kind::Purged => {
                    shelf.put_store(&name, StoreBody::NEW);
                    shelf.put_entry(entry_id(&name, "global", "k"), long_ago, true);
                }
                Kind::Deleted => put_deleted(&mut shelf, &name, long_ago + 1),
                Kind::Expired => put_deleted(&mut shelf, &name, long_ago),
                Kind::Reserved => put(&mut shelf, &format!("__steadfast{number:02}")),
            }
            if matches!(kind, Kind::Full) || (with_deleted && matches!(kind, Kind::Deleted)) {
                wanted.push(name);
            }
        }
        let pages = pages(&mut shelf, &ListStores { with_deleted, page_size, ..all() });
        let (last, full) = pages.split_last().unwrap();
        for page in full {
            prop_assert_eq!(page.items.len(), page_size);
        }
        prop_assert!(full.is_empty() || !last.items.is_empty(), "nothing is behind an end");
        let items: Vec<_> = pages.iter().flat_map(|page| names(&page.items)).collect();
        prop_assert_eq!(items, wanted);
    }
}
