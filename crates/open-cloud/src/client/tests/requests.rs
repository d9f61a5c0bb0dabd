//! What is sent for a request, and what is not.

use super::stub::{error, json, with_headers};
use super::*;

const UNIVERSE: &str = "/cloud/v2/universes/1";
const V1: &str = "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry";

#[track_caller]
fn sent(client: fn(&Stub) -> Client, request: Request, answers: Vec<Act>) -> Vec<String> {
    let stub = Stub::new(answers);
    drop(execute(&client(&stub), request));
    stub.lines()
}

#[test]
fn h_38_every_read_has_a_mark() {
    let at = Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap();
    let id = RevisionId::from_client(ID);
    for (which, mark) in [
        (Which::Current, "latest"),
        (Which::Revision(id), ID),
        (Which::At(at), "latest%3A2022-02-02T23%3A30%3A06.538879900Z"),
        // These would mean other states.
        (Which::Revision(RevisionId::from_client("latest")), "-"),
        (Which::Revision(RevisionId::from_client("latest:x")), "-"),
        (Which::Revision(RevisionId::from_client("")), "-"),
    ] {
        let line = format!("GET {UNIVERSE}/data-stores/S/scopes/global/entries/k@{mark} HTTP/1.1");
        assert_eq!(sent(ours, get(which), vec![json(200, ENTRY)]), [line]);
    }
    let request = Request::Get(Get { entry: entry("a@b/c"), which: Which::Current });
    let line =
        format!("GET {UNIVERSE}/data-stores/S/scopes/global/entries/a%40b%2Fc@latest HTTP/1.1");
    assert_eq!(sent(live, request, vec![json(200, ENTRY)]), [line]);
}

#[test]
fn conditional_sets_go_through_v1_and_others_through_v2() {
    let path = format!("{UNIVERSE}/data-stores/S/scopes/global/entries/k");
    let query = "datastoreName=S&scope=global&entryKey=k";
    for client in [ours, live] {
        for (when, line) in [
            (When::Always, format!("PATCH {path}?allowMissing=true")),
            (When::Exists, format!("PATCH {path}?allowMissing=false")),
            (When::Missing, format!("POST {V1}?{query}&exclusiveCreate=true")),
            (matches(ID), format!("POST {V1}?{query}&matchVersion={ID}")),
            // A blank condition would be none.
            (matches(""), format!("POST {V1}?{query}&matchVersion=-")),
        ] {
            let lines = sent(client, set(when), vec![error(400, "INVALID_ARGUMENT", "x")]);
            assert_eq!(lines, [format!("{line} HTTP/1.1")]);
        }
    }
}

#[test]
fn a_set_sends_the_value_byte_for_byte_with_what_belongs_to_it() {
    let stub = Stub::new([json(200, ENTRY), json(200, VERSION)]);
    let client = ours(&stub);
    assert_eq!(execute(&client, set(When::Always)), Ok(shown()));
    assert_eq!(execute(&client, set(When::Missing)), Ok(shown()));
    let heard = stub.heard();
    let body = r#"{"value":{"a": 1},"users":["users/7"],"attributes":{"x":1}}"#;
    assert_eq!(heard[0].body(), body);
    assert_eq!(heard[1].body(), r#"{"a": 1}"#);
    assert_eq!(heard[1].header("roblox-entry-userids"), Some("[7]"));
    assert_eq!(heard[1].header("roblox-entry-attributes"), Some(r#"{"x":1}"#));
    assert_eq!(heard[1].header("content-md5"), Some("Qre08pIXiOoU2sVWbm8G0A=="));
    for request in &heard {
        assert_eq!(request.header("x-api-key"), Some("very-secret"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.text.matches("very-secret").count(), 1);
    }
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn h_42_an_increment_sends_its_amount() {
    let stub = Stub::new([json(200, ENTRY)]);
    assert_eq!(execute(&live(&stub), increment()), Ok(shown()));
    let heard = stub.heard();
    let line = format!("POST {UNIVERSE}/data-stores/S/scopes/global/entries/k:increment HTTP/1.1");
    assert_eq!(heard[0].line(), line);
    assert_eq!(heard[0].body(), r#"{"amount":-3,"users":[],"attributes":{}}"#);
}

#[test]
fn a_removal_answers_what_it_removes_and_on_our_server_removes_nothing_else() {
    let path = format!("{UNIVERSE}/data-stores/S/scopes/global/entries/k");
    let read = format!("GET {path}@latest HTTP/1.1");
    let stub = Stub::new([json(200, ENTRY), json(200, "{}")]);
    assert_eq!(execute(&ours(&stub), remove(None)), Ok(shown()));
    assert_eq!(stub.lines(), [read.clone(), format!("DELETE {path}?etag={ID} HTTP/1.1")]);
    let stub = Stub::new([json(200, ENTRY), json(200, "{}")]);
    assert_eq!(execute(&live(&stub), remove(None)), Ok(shown()));
    assert_eq!(stub.lines(), [read, format!("DELETE {path} HTTP/1.1")]);
    // Somebody wrote in between: what is there now is read, and removed.
    let conflict = error(409, "ABORTED", "The entry is at another revision.");
    let stub = Stub::new([json(200, ENTRY), conflict, json(200, ENTRY), json(200, "{}")]);
    assert_eq!(execute(&ours(&stub), remove(None)), Ok(shown()));
}

#[test]
fn z_41_an_id_with_an_at_is_removed_from_the_live_service_through_v1() {
    let request = Request::Remove(Remove {
        entry: entry("a@b"),
        matches: None,
        force: false,
        write_id: WriteId(5),
    });
    let lines = sent(live, request, vec![json(200, ENTRY), with_headers(204, &[], "")]);
    let line = format!("DELETE {V1}?datastoreName=S&scope=global&entryKey=a%40b HTTP/1.1");
    assert_eq!(lines[1], line);
}

#[test]
fn a_client_that_may_only_read_sends_no_write() {
    let stub = Stub::new([json(200, ENTRY)]);
    let client = connect(live_config(&stub));
    for request in [set(When::Always), set(matches(ID)), increment(), remove(None)] {
        assert_eq!(execute(&client, request), Err(PlatformError::ReadOnly));
    }
    let (store, write_id) = (entry("k").store, WriteId(5));
    let request = StoreRequest { store, change: StoreChange::Delete, write_id };
    let answer = wait(|done| client.manage_store(request, done)).unwrap();
    assert_eq!(answer, Err(PlatformError::ReadOnly));
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(execute(&client, current()), Ok(shown()));
    assert_eq!(stub.lines().len(), 1);
}

#[test]
fn what_only_our_server_has_is_not_asked_of_the_live_service() {
    let stub = Stub::new([]);
    let client = live(&stub);
    let (id, write_id) = (RevisionId::from_client(ID), WriteId(5));
    let request = RemoveRevision { entry: entry("k"), revision: id, write_id };
    let revision = wait(|done| client.remove_revision(request, done)).unwrap();
    let request = FindStanding { entry: entry("k"), order: Order::Descending, around: 1 };
    let standing = wait(|done| client.find_standing(request, done)).unwrap();
    let (store, change) = (entry("k").store, StoreChange::History(None));
    let request = StoreRequest { store, change, write_id };
    let history = wait(|done| client.manage_store(request, done)).unwrap();
    let removal = execute(&client, remove(Some(ID)));
    for error in
        [revision.unwrap_err(), standing.unwrap_err(), history.unwrap_err(), removal.unwrap_err()]
    {
        assert!(matches!(error, PlatformError::Unsupported { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn names_that_an_address_gives_another_meaning_are_refused_before_anything_is_sent() {
    let stub = Stub::new([]);
    let client = ours(&stub);
    for (store, scope, key) in
        [("S", "..", "k"), ("S", "global", ".."), ("S", "global", "."), ("..", "global", "k")]
    {
        let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(store) };
        let entry = EntryId { store, scope: Scope::trusted(scope), key: EntryKey::trusted(key) };
        let (permit, write_id) = (Permit::ALL, WriteId(5));
        let set = Set { entry, content: content(), when: When::Always, permit, write_id };
        assert_eq!(kind(&execute(&client, Request::Set(set))), ErrorKind::Invalid);
    }
    // Where a mark follows, it is a name like any other.
    let stub = Stub::new([json(200, ENTRY)]);
    let request = Request::Get(Get { entry: entry(".."), which: Which::Current });
    assert!(execute(&ours(&stub), request).is_ok());
    assert!(stub.lines()[0].ends_with("/entries/..@latest HTTP/1.1"));
}

#[test]
fn h_36_and_v_20_a_deletion_is_known_from_the_list_of_revisions() {
    let missing = || error(404, "NOT_FOUND", "Entry not found.");
    let tombstone = ENTRY.replace("ACTIVE", "DELETED");
    let list = format!(r#"{{"dataStoreEntries":[{tombstone}],"nextPageToken":null}}"#);
    let deletion = EntryState { content: None, ..shown() };
    let stub = Stub::new([missing(), json(200, &list)]);
    let answer = execute(&ours(&stub), get(Which::Revision(RevisionId::from_client(ID))));
    assert_eq!(answer, Ok(deletion.clone()));
    let filter = "filter=revision_create_time%20%3E%3D%202022-02-02T23%3A30%3A06.538880Z%20%26%26\
                  %20revision_create_time%20%3C%3D%202022-02-02T23%3A30%3A06.538880Z";
    assert!(stub.lines()[1].contains(filter));
    // A write on a revision of a deleted entry is told what there is.
    let v1_missing = r#"{"error":"NOT_FOUND","message":"Entry not found.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"EntryNotFound"}]}"#;
    let stub = Stub::new([json(404, v1_missing), missing(), json(200, &list)]);
    let mismatch = PlatformError::Mismatch { current: Box::new(deletion) };
    assert_eq!(execute(&ours(&stub), set(matches("x"))), Err(mismatch));
    let stub = Stub::new([missing(), json(200, r#"{"dataStoreEntries":[]}"#)]);
    let answer = execute(&ours(&stub), get(Which::Revision(RevisionId::from_client(ID))));
    assert_eq!(answer, Err(PlatformError::EntryNotFound { entry: entry("k") }));
}

#[test]
fn an_id_of_another_shape_is_sent_back_as_the_service_gave_it() {
    let short = "08D9E6A3F2188CFF.0000000003.01";
    let body = ENTRY.replace(ID, short);
    let stub = Stub::new([json(200, &body), json(200, &VERSION.replace(ID, short))]);
    let client = live(&stub);
    let read = execute(&client, current()).unwrap();
    assert_eq!(read.revision.counter, 3);
    execute(&client, set(When::Matches(read.revision_id()))).unwrap();
    assert!(stub.lines()[1].contains(&format!("matchVersion={short} ")));
}

fn restore(matches: Option<&str>) -> Request {
    let (revision, write_id) = (RevisionId::from_client(ID), WriteId(5));
    let (matches, permit) = (matches.map(RevisionId::from_client), Permit::ALL);
    Request::Restore(Restore { entry: entry("k"), revision, matches, permit, write_id })
}

#[test]
fn v_27_our_server_restores_itself_and_the_live_service_by_a_read_and_a_write() {
    let stub = Stub::new([json(200, ENTRY), json(200, ENTRY)]);
    let client = ours(&stub);
    assert_eq!(execute(&client, restore(None)), Ok(shown()));
    assert_eq!(execute(&client, restore(Some("x"))), Ok(shown()));
    let heard = stub.heard();
    let path = "/steadfast/v1/universes/1/data-stores/S/scopes/global/entries/k:restore";
    assert_eq!(heard[0].line(), format!("POST {path} HTTP/1.1"));
    assert_eq!(heard[0].body(), format!(r#"{{"revisionId":"{ID}"}}"#));
    assert_eq!(heard[1].body(), format!(r#"{{"revisionId":"{ID}","etag":"x"}}"#));
    let stub = Stub::new([json(200, ENTRY), json(200, ENTRY), json(200, VERSION)]);
    assert_eq!(execute(&live(&stub), restore(None)), Ok(shown()));
    let lines = stub.lines();
    assert!(lines[0].contains(&format!("/entries/k@{ID} ")));
    assert!(lines[2].contains(&format!("matchVersion={ID} ")));
    let gone = error(404, "NOT_FOUND", "Entry not found.");
    let stub = Stub::new([json(200, ENTRY), gone, json(200, VERSION)]);
    assert_eq!(execute(&live(&stub), restore(None)), Ok(shown()));
    assert!(stub.lines()[2].contains("exclusiveCreate=true "));
}
