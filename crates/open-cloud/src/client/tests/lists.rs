//! Lists: tokens, ends, and places.

use steadfast_core::BoardId;
use steadfast_core::platform::{
    EntryPage, ListEntries, ListOrdered, ListRevisions, ListStores, OrderedAction, OrderedRequest,
    OrderedWhen, TakeSnapshot,
};
use steadfast_core::row::Span;

use super::stub::{error, json};
use super::*;

fn all() -> ListEntries {
    ListEntries {
        store: entry("k").store,
        spans: vec![Span::all()],
        key_prefix: "".into(),
        with_deleted: false,
        after: None,
        page_size: 2,
    }
}

fn list(client: &Client, request: ListEntries) -> Result<EntryPage, PlatformError> {
    wait(|done| client.list_entries(request, done)).unwrap()
}

fn page(keys: &[&str], end: &str) -> Act {
    let item = |key: &&str| {
        let path = format!("universes/1/data-stores/S/scopes/global/entries/{key}");
        format!(r#"{{"path":"{path}","id":"{key}"}}"#)
    };
    let items = keys.iter().map(item).collect::<Vec<_>>().join(",");
    json(200, &format!("{{\"dataStoreEntries\":[{items}]{end}}}"))
}

fn keys(page: &EntryPage) -> Vec<&str> {
    page.items.iter().map(|item| item.key.as_str()).collect()
}

#[test]
fn h_09_the_end_of_a_list_is_empty_null_or_missing() {
    for end in [r#","nextPageToken":"""#, r#","nextPageToken":null"#, ""] {
        let stub = Stub::new([page(&["a", "b"], end)]);
        let found = list(&ours(&stub), all()).unwrap();
        assert_eq!((keys(&found), found.next.as_ref()), (vec!["a", "b"], None), "{end}");
    }
}

#[test]
fn h_13_pages_without_items_are_not_the_end() {
    let stub = Stub::new([
        page(&[], r#","nextPageToken":"t1""#),
        page(&[], r#","nextPageToken":"t2""#),
        page(&["a"], ""),
    ]);
    assert_eq!(keys(&list(&live(&stub), all()).unwrap()), ["a"]);
    let lines = stub.lines();
    assert!(lines[1].contains("&pageToken=t1 ") && lines[2].contains("&pageToken=t2 "));
    // One that repeats its token goes nowhere.
    let again = || page(&[], r#","nextPageToken":"t""#);
    let stub = Stub::new([again(), again()]);
    assert_eq!(list(&live(&stub), all()), Ok(EntryPage { items: vec![], next: None }));
}

#[test]
fn a_list_goes_on_with_its_token_and_without_one_from_its_start() {
    let pages = || {
        [page(&["a", "b"], r#","nextPageToken":"t1""#), page(&["c", "d"], r#","nextPageToken":"""#)]
    };
    for client in [ours, live] {
        let stub = Stub::new(pages());
        let client_of_all = client(&stub);
        let first = list(&client_of_all, all()).unwrap();
        let after = Some((Scope::global(), EntryKey::trusted("b")));
        assert_eq!((keys(&first), &first.next), (vec!["a", "b"], &after));
        let second = list(&client_of_all, ListEntries { after: after.clone(), ..all() }).unwrap();
        assert_eq!((keys(&second), &second.next), (vec!["c", "d"], &None));
        assert!(stub.lines()[1].contains("&pageToken=t1 "));
        // Another client does not know the token.
        let stub = Stub::new(pages());
        let second = list(&client(&stub), ListEntries { after, ..all() }).unwrap();
        assert_eq!(keys(&second), ["c", "d"]);
        assert_eq!(stub.lines().len(), 2);
        // The place is within a page: the next one fills it up, and is read once more later on.
        let [first, second] = pages();
        let [_, again] = pages();
        let stub = Stub::new([first, second, again]);
        let other = client(&stub);
        let after = Some((Scope::global(), EntryKey::trusted("a")));
        let middle = list(&other, ListEntries { after, ..all() }).unwrap();
        let next = Some((Scope::global(), EntryKey::trusted("c")));
        assert_eq!((keys(&middle), &middle.next), (vec!["b", "c"], &next));
        let rest = list(&other, ListEntries { after: next, ..all() }).unwrap();
        assert_eq!((keys(&rest), &rest.next), (vec!["d"], &None));
        assert!(stub.lines()[2].contains("&pageToken=t1 "));
    }
}

#[test]
fn a_place_that_is_gone_is_found_by_the_order_of_our_server_only() {
    let after = Some((Scope::global(), EntryKey::trusted("bb")));
    let pages = || [page(&["a", "b"], r#","nextPageToken":"t1""#), page(&["c"], "")];
    let stub = Stub::new(pages());
    let found = list(&ours(&stub), ListEntries { after: after.clone(), ..all() }).unwrap();
    assert_eq!(keys(&found), ["c"]);
    let stub = Stub::new(pages());
    let lost = list(&live(&stub), ListEntries { after, ..all() });
    assert_eq!(kind(&lost), ErrorKind::Conflict);
}

#[test]
fn ids_are_read_with_and_without_their_scope() {
    let item = |scope: &str, key: &str, id: &str| {
        format!(
            r#"{{"path":"universes/1/data-stores/S/scopes/{scope}/entries/{key}","id":"{id}"}}"#
        )
    };
    let items = [
        item("global", "k", "global/k"),
        item("a/b", "c/entries/d", "c/entries/d"),
        item("a/b", "c", "a/b/c"),
        r#"{"id":"s/x/y"}"#.to_owned(),
    ];
    let body = format!("{{\"dataStoreEntries\":[{}]}}", items.join(","));
    let stub = Stub::new([json(200, &body)]);
    let found = list(&live(&stub), ListEntries { page_size: 10, ..all() }).unwrap();
    let names: Vec<_> =
        found.items.iter().map(|item| (item.scope.as_str(), item.key.as_str())).collect();
    assert_eq!(names, [("global", "k"), ("a/b", "c/entries/d"), ("a/b", "c"), ("s", "x/y")]);
    // A path that is another's is not guessed at.
    let body = format!("{{\"dataStoreEntries\":[{}]}}", item("s", "other", "k"));
    let stub = Stub::new([json(200, &body)]);
    assert_eq!(kind(&list(&live(&stub), all())), ErrorKind::Unavailable);
}

#[test]
fn spans_are_asked_for_one_after_the_other_and_filtered_where_the_service_cannot() {
    let spans = vec![
        Span::Keys(Scope::trusted("a"), "b/".into()),
        Span::Scopes("a/b".into()),
        Span::Keys(Scope::trusted("z"), "\"".into()),
    ];
    let scoped = |scope: &str| {
        let path = format!("universes/1/data-stores/S/scopes/{scope}/entries/k");
        format!(r#"{{"path":"{path}","id":"k"}}"#)
    };
    let body = |items: &[String]| format!("{{\"dataStoreEntries\":[{}]}}", items.join(","));
    let all_scopes = body(&[scoped("a"), scoped("a/bc"), scoped("b")]);
    let stub = Stub::new([json(200, &body(&[])), json(200, &all_scopes), json(200, &body(&[]))]);
    let client = ours(&stub);
    let request = ListEntries { spans, with_deleted: true, ..all() };
    let first = list(&client, request.clone()).unwrap();
    let next = Some((Scope::trusted("a/bc"), EntryKey::trusted("k")));
    assert_eq!((keys(&first), &first.next), (vec!["k"], &next));
    // What comes behind the last item is the rest of its span, and then the last span.
    let stub_lines = stub.lines();
    let prefix = "GET /cloud/v2/universes/1/data-stores/S/scopes";
    assert_eq!(
        stub_lines,
        [
            format!(
                "{prefix}/a/entries?maxPageSize=2&filter=id.startsWith%28%22b%2F%22%29&showDeleted=true HTTP/1.1"
            ),
            format!("{prefix}/-/entries?maxPageSize=2&showDeleted=true HTTP/1.1"),
        ]
    );
    let after = Some((Scope::trusted("z"), EntryKey::trusted("\"x")));
    let rest = list(&client, ListEntries { after, ..request }).unwrap();
    assert_eq!(rest, EntryPage { items: vec![], next: None });
    let line = &stub.lines()[0];
    assert!(line.contains("/z/entries?maxPageSize=2&filter=id.startsWith%28%22%5C%22%22%29&"));
}

fn revisions(order: Order, with_sizes: bool) -> ListRevisions {
    ListRevisions {
        entry: entry("k"),
        order,
        not_before: Some(Timestamp::from_unix_seconds(1)),
        not_after: None,
        with_sizes,
        beyond: None,
        page_size: 5,
    }
}

#[test]
fn revisions_come_through_v2_from_the_newest_on_and_else_through_v1() {
    let v2 = format!(r#"{{"dataStoreEntries":[{ENTRY}],"nextPageToken":""}}"#);
    let v1 = format!(r#"{{"versions":[{VERSION}],"nextPageCursor":null}}"#);
    let v1_path = "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry/versions\
                   ?datastoreName=S&scope=global&entryKey=k";
    let start = "startTime=1970-01-01T00%3A00%3A01Z";
    for (order, with_sizes, body, target) in [
        (
            Order::Descending,
            false,
            &v2,
            "/cloud/v2/universes/1/data-stores/S/scopes/global/entries/k:listRevisions\
             ?maxPageSize=5&filter=revision_create_time%20%3E%3D%201970-01-01T00%3A00%3A01Z"
                .to_owned(),
        ),
        (Order::Descending, true, &v1, format!("{v1_path}&sortOrder=Descending&limit=5&{start}")),
        (Order::Ascending, false, &v1, format!("{v1_path}&sortOrder=Ascending&limit=5&{start}")),
    ] {
        let stub = Stub::new([json(200, body)]);
        let client = live(&stub);
        let request = revisions(order, with_sizes);
        let found = wait(|done| client.list_revisions(request, done)).unwrap().unwrap();
        assert_eq!(stub.lines(), [format!("GET {target} HTTP/1.1")]);
        let revision = &found.items[0];
        assert_eq!((revision.id.as_str(), revision.is_deleted), (ID, false));
        assert_eq!(revision.created_at, shown().created_at);
        assert_eq!(revision.updated_at, shown().updated_at);
        assert_eq!(revision.value_size, with_sizes.then_some(8));
    }
}

#[test]
fn data_stores_are_listed_and_looked_up_in_the_list_of_the_live_service() {
    let store = |name: &str, state: &str| {
        format!(
            r#"{{"path":"universes/1/data-stores/{name}","createTime":"1970-01-01T00:00:01Z"{state},"id":"{name}"}}"#
        )
    };
    let deleted = r#","expireTime":"1970-01-31T00:00:05Z","state":"DELETED""#;
    let body = |items: &[String]| {
        json(200, &format!("{{\"dataStores\":[{}],\"nextPageToken\":null}}", items.join(",")))
    };
    let stub = Stub::new([
        body(&[store("S", deleted), store("T", r#","state":"ACTIVE""#)]),
        body(&[store("S", deleted)]),
        body(&[]),
        body(&[store("S", r#","state":"DELETED""#)]),
    ]);
    let client = live(&stub);
    let request = ListStores {
        universe: UniverseId(1),
        prefix: "".into(),
        with_deleted: true,
        after: None,
        page_size: 1_000,
    };
    let found = wait(|done| client.list_stores(request, done)).unwrap().unwrap();
    let at = Timestamp::from_unix_seconds;
    let times: Vec<_> = found
        .items
        .iter()
        .map(|info| (info.created_at, info.updated_at, info.deleted_at))
        .collect();
    assert_eq!(times, [(at(1), at(5), Some(at(5))), (at(1), at(1), None)]);
    let look = || {
        let (store, change) = (entry("k").store, StoreChange::Look);
        let request = StoreRequest { store, change, write_id: WriteId(5) };
        wait(|done| client.manage_store(request, done)).unwrap()
    };
    assert_eq!(look().as_ref(), Ok(&found.items[0]));
    assert_eq!(look(), Err(PlatformError::StoreNotFound { store: entry("k").store }));
    // Nobody knows when it was deleted.
    assert_eq!(kind(&look()), ErrorKind::Unavailable);
    assert!(stub.lines()[0].contains("/data-stores?maxPageSize=100&showDeleted=true "));
}

#[test]
fn h_33_a_snapshot_is_taken_or_is_there() {
    let stub = Stub::new([json(
        200,
        r#"{"newSnapshotTaken":false,"latestSnapshotTime":"1970-01-01T00:00:01Z"}"#,
    )]);
    let client = live(&stub);
    let request = TakeSnapshot { universe: UniverseId(1), write_id: WriteId(5) };
    let snapshot = wait(|done| client.take_snapshot(request, done)).unwrap().unwrap();
    assert_eq!((snapshot.is_new, snapshot.taken_at), (false, Timestamp::from_unix_seconds(1)));
    assert_eq!(stub.lines(), ["POST /cloud/v2/universes/1/data-stores:snapshot HTTP/1.1"]);
}

fn ordered(client: &Client, action: OrderedAction) -> Result<i64, PlatformError> {
    let request = OrderedRequest { entry: entry("k"), action, write_id: WriteId(5) };
    let answer = wait(|done| client.execute_ordered(request, done)).unwrap();
    answer.map(|state| state.value)
}

#[test]
fn h_50_to_h_55_ordered_entries_are_integers_however_they_are_written() {
    let body = |value: &str| {
        let path = "universes/1/ordered-data-stores/S/scopes/global/entries/k";
        json(200, &format!(r#"{{"path":"{path}","value":{value},"id":"k"}}"#))
    };
    let set = |when| OrderedAction::Set { value: 7, when };
    let path = "/cloud/v2/universes/1/ordered-data-stores/S/scopes/global/entries";
    for (action, line) in [
        (OrderedAction::Get, format!("GET {path}/k")),
        (set(OrderedWhen::Always), format!("PATCH {path}/k?allowMissing=true")),
        (set(OrderedWhen::Exists), format!("PATCH {path}/k?allowMissing=false")),
        (set(OrderedWhen::Missing), format!("POST {path}?id=k")),
        (OrderedAction::Increment { by: 2 }, format!("POST {path}/k:increment")),
    ] {
        let stub = Stub::new([body("7.0")]);
        assert_eq!(ordered(&live(&stub), action), Ok(7));
        assert_eq!(stub.lines(), [format!("{line} HTTP/1.1")]);
    }
    let stub = Stub::new([body("-9"), json(200, "{}")]);
    assert_eq!(ordered(&live(&stub), OrderedAction::Remove), Ok(-9), "what was there");
    let stub = Stub::new([body("7.5")]);
    assert_eq!(kind(&ordered(&live(&stub), OrderedAction::Get)), ErrorKind::Unavailable);
    let stub = Stub::new([error(404, "NOT_FOUND", "Entry not found.")]);
    let missing = Err(PlatformError::EntryNotFound { entry: entry("k") });
    assert_eq!(ordered(&live(&stub), OrderedAction::Get), missing);
    // Client rule 24: the code does not tell it from other wrong requests.
    for exists in [
        error(400, "INVALID_ARGUMENT", "Entry already exists."),
        json(409, r#"{"code":6,"message":"x"}"#),
    ] {
        let stub = Stub::new([exists, body("4")]);
        let answer = ordered(&live(&stub), set(OrderedWhen::Missing));
        let Err(PlatformError::OrderedExists { current }) = answer else { panic!("{answer:?}") };
        assert_eq!(current.value, 4);
    }
}

#[test]
fn o_02_a_board_is_listed_within_bounds_and_in_both_directions() {
    let page = |items: &str, token: &str| {
        json(200, &format!(r#"{{"orderedDataStoreEntries":[{items}],"nextPageToken":"{token}"}}"#))
    };
    let stub = Stub::new([page(r#"{"id":"b","value":5},{"id":"a","value":5}"#, "t"), page("", "")]);
    let client = ours(&stub);
    let store = entry("k").store;
    let request = ListOrdered {
        board: BoardId { store, scope: Scope::global() },
        order: Order::Descending,
        min: 1,
        max: i64::MAX,
        beyond: None,
        page_size: 500,
    };
    let found = wait(|done| client.list_ordered(request.clone(), done)).unwrap().unwrap();
    assert_eq!(found.next, Some((5, EntryKey::trusted("a"))));
    let nothing = ListOrdered { max: 0, ..request.clone() };
    let none = wait(|done| client.list_ordered(nothing, done)).unwrap().unwrap();
    assert!(none.items.is_empty() && none.next.is_none(), "and nothing is asked");
    let request = ListOrdered { beyond: found.next, ..request };
    let rest = wait(|done| client.list_ordered(request, done)).unwrap().unwrap();
    assert!(rest.items.is_empty() && rest.next.is_none());
    let line = "GET /cloud/v2/universes/1/ordered-data-stores/S/scopes/global/entries\
                ?maxPageSize=100&orderBy=value%20desc&filter=entry%20%3E%3D%201";
    assert_eq!(stub.lines(), [format!("{line} HTTP/1.1"), format!("{line}&pageToken=t HTTP/1.1")]);
}

#[test]
fn a_standing_has_a_place_and_neighbours() {
    let body = r#"{"id":"k","value":5,"position":2,"rank":1,"entryCount":3,"around":[{"id":"a","value":5,"position":1,"rank":1},{"id":"k","value":5,"position":2,"rank":1}]}"#;
    let stub = Stub::new([
        json(200, body),
        json(404, r#"{"kind":"not_found","code":"EntryNotFound","message":"x"}"#),
    ]);
    let client = ours(&stub);
    let find = || {
        let request = FindStanding { entry: entry("k"), order: Order::Ascending, around: 1 };
        wait(|done| client.find_standing(request, done)).unwrap()
    };
    let found = find().unwrap();
    assert_eq!((found.place.position, found.place.rank, found.entry_count), (2, 1, 3));
    assert_eq!(found.around.len(), 2);
    assert_eq!(find(), Err(PlatformError::EntryNotFound { entry: entry("k") }));
    let path = "/steadfast/v1/universes/1/ordered-data-stores/S/scopes/global/entries/k:standing";
    assert_eq!(stub.lines()[0], format!("GET {path}?around=1&order=asc HTTP/1.1"));
}
