//! What Steadfast adds to the live service's calls: named writes, and our own data API.

use serde_json::{Value, json};
use steadfast::NewKey;
use steadfast_core::key::{KeyScope, Only};
use steadfast_core::{StoreName, UniverseId};

use crate::client::{Answer, Call, V2};
use crate::ordered::ORDERED_V2;
use crate::world::{World, config, new_key, v1, v1_increment, v2};

const WRITE_ID: &str = "steadfast-write-id";
const ID: &str = "0123456789abcdef0123456789ABCDEF";

#[tokio::test]
async fn a_write_that_is_sent_again_under_its_id_counts_once() {
    let world = World::new().await;
    let named = |call: Call, id: &str| world.call(call.header(WRITE_ID, id));
    let other = ID.replace('0', "f");
    for (id, sum) in [(ID, "1"), (ID, "1"), (&other, "2"), (&other, "2")] {
        let answer = named(Call::new("POST", &v1_increment("v1")), id).await.ok();
        assert_eq!(answer.body, sum);
    }
    for (id, sum) in [(ID, "5"), (ID, "5"), (&other, "10")] {
        let increment = Call::new("POST", &v2("v2:increment")).json(r#"{"amount":5}"#);
        assert_eq!(named(increment, id).await.ok().json()["value"].to_string(), sum);
    }
    // Whatever the case of its digits.
    let upper = named(Call::new("POST", &v1("S", "k")).json("1"), &ID.to_uppercase()).await.ok();
    let lower = named(Call::new("POST", &v1("S", "k")).json("1"), &ID.to_lowercase()).await.ok();
    assert_eq!(upper.body, lower.body);
    // A creation whose answer was lost did create, and is told so.
    for _ in 0..2 {
        let create = Call::new("POST", &format!("{V2}?id=made")).json(r#"{"value":1}"#);
        named(create, ID).await.ok();
    }
    let create = Call::new("POST", &format!("{V2}?id=made")).json(r#"{"value":1}"#);
    named(create, &other).await.expect(400, "INVALID_ARGUMENT");
    let update = Call::new("PATCH", &v2("made")).json(r#"{"value":2}"#);
    let first = named(update.clone(), &other).await.ok();
    assert_eq!(named(update, &other).await.ok().body, first.body);
    for _ in 0..2 {
        named(Call::new("DELETE", &v2("made")), ID).await.ok();
        named(Call::new("DELETE", &v1("S", "v1")), ID).await.expect(204, "");
    }
    named(Call::new("DELETE", &v2("made")), &other).await.expect(404, "NOT_FOUND");
}

#[tokio::test]
async fn an_id_of_a_write_that_cannot_be_read_is_refused_and_nothing_is_written() {
    let world = World::new().await;
    world.set("k", "1").await;
    let calls = [
        Call::new("POST", &v1("S", "k")).json("2"),
        Call::new("POST", &v1_increment("k")),
        Call::new("DELETE", &v1("S", "k")),
        Call::new("POST", &format!("{V2}?id=new")).json(r#"{"value":2}"#),
        Call::new("PATCH", &v2("k")).json(r#"{"value":2}"#),
        Call::new("POST", &v2("k:increment")).json(r#"{"amount":2}"#),
        Call::new("DELETE", &v2("k")),
    ];
    for call in calls {
        for id in ["", "x", &ID[1..], &format!("{ID}0"), "0x123456789abcdef0123456789abcde"] {
            let answer = world.call(call.clone().header(WRITE_ID, id)).await;
            assert!(answer.expect(400, "INVALID_ARGUMENT").body.contains(WRITE_ID));
        }
        let twice = call.clone().header(WRITE_ID, ID).header(WRITE_ID, ID);
        world.call(twice).await.expect(400, "INVALID_ARGUMENT");
        // Who is not known learns nothing of it.
        world.send(&call.header(WRITE_ID, "x")).await.expect(401, "Invalid API Key");
    }
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    assert_eq!(world.stored("new").await, None);
    // A read has none.
    world.call(Call::new("GET", &v1("S", "k")).header(WRITE_ID, "x")).await.ok();
    world.check_alive().await;
}

const OWN: &str = "/steadfast/v1/universes/1";
const BOARD: &str = "/steadfast/v1/universes/1/ordered-data-stores/O/scopes/global/entries";
const ENTRIES: &str = "/steadfast/v1/universes/1/data-stores/S/scopes/global/entries";
const STORE: &str = "/steadfast/v1/universes/1/data-stores/S";

/// Checks an error of our own routes.
#[track_caller]
fn check_error(answer: &Answer, status: u16, kind: &str, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!((&body["kind"], &body["code"]), (&json!(kind), &json!(code)), "{answer:?}");
}

async fn put(world: &World, key: &str, value: i64) {
    let path = format!("{ORDERED_V2}/{key}?allowMissing=true");
    world.call(Call::new("PATCH", &path).json(format!("{{\"value\":{value}}}"))).await.ok();
}

fn place(id: &str, value: i64, position: u64, rank: u64) -> Value {
    json!({"id": id, "value": value, "position": position, "rank": rank})
}

#[tokio::test]
async fn a_standing_tells_place_rank_and_neighbours() {
    for world in World::both().await {
        for (key, value) in [("a", 30), ("b", 20), ("c", 20), ("d", 10), ("e/f", -5)] {
            put(&world, key, value).await;
        }
        let standing = |path: &str| world.get(&format!("{BOARD}/{path}"));
        // Descending unless asked: equal values share a rank and no position.
        let answer = standing("b:standing?around=1").await.ok().json();
        let around = [place("c", 20, 2, 2), place("b", 20, 3, 2), place("d", 10, 4, 4)];
        let expected = json!({
            "id": "b", "value": 20, "position": 3, "rank": 2, "entryCount": 5, "around": around,
        });
        assert_eq!(answer, expected);
        let ascending = standing("b:standing?around=100&order=asc").await.ok().json();
        assert_eq!((&ascending["position"], &ascending["rank"]), (&json!(3), &json!(3)));
        let ids = |answer: &Value| -> Vec<String> {
            let around = answer["around"].as_array().unwrap().iter();
            around.map(|place| place["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(ids(&ascending), ["e/f", "d", "b", "c", "a"]);
        let last = standing("e%2Ff:standing").await.ok().json();
        assert_eq!((&last["position"], &last["rank"]), (&json!(5), &json!(5)));
        assert_eq!(ids(&last), ["e/f"]);
        assert_eq!(standing("a:standing?order=desc").await.ok().json()["rank"], 1);
        // It follows every write.
        put(&world, "d", 40).await;
        assert_eq!(standing("d:standing").await.ok().json()["position"], 1);
        world.call(Call::new("DELETE", &format!("{ORDERED_V2}/d"))).await.ok();
        let gone = standing("d:standing").await;
        check_error(&gone, 404, "not_found", "EntryNotFound");
        assert_eq!(standing("a:standing").await.ok().json()["entryCount"], 4);
    }
}

#[tokio::test]
async fn a_standing_has_at_most_100_neighbours_on_a_side() {
    let world = World::new().await;
    put(&world, "k", 1).await;
    for (query, code) in [
        ("around=101", "InvalidAround"),
        ("around=-1", "InvalidAround"),
        ("around=x", "InvalidAround"),
        ("around=99999999999999999999", "InvalidAround"),
        ("around=1&around=2", "InvalidQuery"),
        ("order=down", "InvalidOrder"),
        ("order=DESC", "InvalidOrder"),
    ] {
        let answer = world.get(&format!("{BOARD}/k:standing?{query}")).await;
        check_error(&answer, 400, "invalid", code);
    }
    for query in ["around=99", "around=100", "around=0", "around=", "order="] {
        world.get(&format!("{BOARD}/k:standing?{query}")).await.ok();
    }
    for path in [BOARD.replace("/1/", "/x/"), BOARD.replace("global", "-")] {
        let answer = world.get(&format!("{path}/k:standing")).await;
        check_error(&answer, 400, "invalid", "InvalidPath");
    }
}

async fn restore(world: &World, key: &str, body: &Value) -> Answer {
    let path = format!("{ENTRIES}/{key}:restore");
    world.call(Call::new("POST", &path).json(body.to_string())).await
}

fn revision(answer: &Answer) -> String {
    answer.json()["version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn v_27_a_restored_revision_is_the_newest_with_users_and_attributes() {
    for world in World::both().await {
        let call = Call::new("POST", &v1("S", "k")).json("{\"a\":1}");
        let call = call.header("roblox-entry-userids", "[7]");
        let call = call.header("roblox-entry-attributes", "{\"t\":\"x\"}");
        let first = revision(&world.call(call).await.ok());
        let second = revision(&world.set("k", "2").await);
        let stale = json!({"revisionId": first, "etag": first});
        let mismatch = restore(&world, "k", &stale).await;
        check_error(&mismatch, 409, "conflict", "RevisionMismatch");
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));

        let body = json!({"revisionId": first, "etag": second});
        let restored = restore(&world, "k", &body).await.ok().json();
        assert_eq!(restored["value"], json!({"a": 1}));
        assert_eq!(restored["users"], json!(["users/7"]));
        assert_eq!(restored["attributes"], json!({"t": "x"}));
        assert_eq!(restored["path"], "universes/1/data-stores/S/scopes/global/entries/k");
        assert!(restored["revisionId"].as_str().unwrap() > second.as_str());
        assert_eq!(world.get(&v2("k")).await.ok().json(), restored);
        // There is a way back, also from a deletion.
        world.call(Call::new("DELETE", &v2("k"))).await.ok();
        restore(&world, "k", &json!({"revisionId": second})).await.ok();
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn a_restore_of_what_is_not_there_changes_nothing() {
    let world = World::new().await;
    let first = revision(&world.set("k", "1").await);
    let other = first.replace(".0000000001.", ".0000000009.");
    for id in [other.as_str(), "x", ""] {
        let answer = restore(&world, "k", &json!({"revisionId": id})).await;
        check_error(&answer, 404, "not_found", "VersionNotFound");
    }
    let missing = restore(&world, "no", &json!({"revisionId": first})).await;
    assert_eq!(missing.status, 404, "{missing:?}");
    for body in [
        json!({}),
        json!({"revisionId": null}),
        json!({"revisionId": 1}),
        json!({"revisionId": first, "value": 2}),
        json!([first]),
    ] {
        let answer = restore(&world, "k", &body).await;
        check_error(&answer, 400, "invalid", "InvalidBody");
    }
    let text = Call::new("POST", &format!("{ENTRIES}/k:restore")).raw_body("{}");
    check_error(&world.call(text).await, 400, "invalid", "InvalidBody");
    let large = Call::new("POST", &format!("{ENTRIES}/k:restore")).json(" ".repeat(64 * 1024 + 1));
    check_error(&world.call(large).await, 413, "invalid", "BodyTooLarge");
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    assert_eq!(revision(&world.set("k", "2").await).split('.').nth(1), Some("0000000002"));
}

#[tokio::test]
async fn v_04_and_v_26_one_earlier_revision_can_be_removed_and_the_current_one_cannot() {
    for world in World::both().await {
        let first = revision(&world.set("k", "1").await);
        let second = revision(&world.set("k", "2").await);
        let remove = |id: &str| {
            let path = format!("{ENTRIES}/k:revision?revisionId={id}");
            world.call(Call::new("DELETE", &path))
        };
        check_error(&remove(&second).await, 409, "conflict", "RevisionIsCurrent");
        assert_eq!(world.get(&v2(&format!("k@{first}"))).await.ok().json()["value"], 1);
        let removed = remove(&first).await.ok().json();
        assert_eq!((&removed["revisionId"], &removed["value"]), (&json!(first), &json!(1)));
        world.get(&v2(&format!("k@{first}"))).await.expect(400, "INVALID_ARGUMENT");
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));
        // A right to delete is none to read.
        let deleter = world.key(&[KeyScope::EntryDelete]).await;
        world.set("k", "3").await;
        let path = format!("{ENTRIES}/k:revision?revisionId={second}");
        let removed = world.send(&Call::new("DELETE", &path).key(&deleter)).await.ok();
        assert_eq!(removed.body, "{}");
        check_error(&remove("x").await, 404, "not_found", "VersionNotFound");
        check_error(&remove("").await, 400, "invalid", "InvalidVersionId");
    }
}

#[tokio::test]
async fn a_data_store_chooses_which_revisions_it_keeps() {
    for world in World::both().await {
        let update = |body: &str| world.call(Call::new("PATCH", STORE).json(body));
        check_error(&world.get(STORE).await, 404, "not_found", "StoreNotFound");
        check_error(&update(r#"{"history":"every"}"#).await, 404, "not_found", "StoreNotFound");
        world.set("k", "1").await;
        let store = world.get(STORE).await.ok().json();
        let created_at = store["createTime"].as_str().unwrap();
        let expected = json!({
            "path": "universes/1/data-stores/S", "id": "S", "state": "ACTIVE",
            "createTime": created_at, "updateTime": created_at, "history": null,
            "historyInForce": "thinned",
        });
        assert_eq!(store, expected);
        for name in ["every", "hourly", "thinned"] {
            let body = json!({"history": name}).to_string();
            let set = update(&body).await.ok().json();
            assert_eq!((&set["history"], &set["historyInForce"]), (&json!(name), &json!(name)));
            assert_eq!(world.get(STORE).await.ok().json(), set);
            assert_eq!(set["createTime"].as_str(), Some(created_at));
        }
        let cleared = update(r#"{"history":null}"#).await.ok().json();
        assert_eq!(
            (&cleared["history"], &cleared["historyInForce"]),
            (&Value::Null, &json!("thinned"))
        );
        check_error(&update(r#"{"history":"daily"}"#).await, 400, "invalid", "InvalidHistory");
        for body in ["{}", "", r#"{"history":1}"#, r#"{"history":null,"x":1}"#] {
            check_error(&update(body).await, 400, "invalid", "InvalidBody");
        }
    }
}

#[tokio::test]
async fn z_01_a_data_store_that_keeps_hours_forgets_what_the_hour_overwrote() {
    let world = World::new().await;
    let first = revision(&world.set("k", "1").await);
    world.set("k", "2").await;
    let at_first = v2(&format!("k@{first}"));
    world.get(&at_first).await.ok();
    // Both writes may stand on two sides of a full hour: then the first is the last of its hour.
    let hour = |revision: &str| {
        let ticks = u64::from_str_radix(revision.split('.').nth(2).unwrap(), 16).unwrap();
        ticks / 36_000_000_000
    };
    let third = revision(&world.set("k", "3").await);
    world.call(Call::new("PATCH", STORE).json(r#"{"history":"hourly"}"#)).await.ok();
    let expected = if hour(&first) == hour(&third) { 400 } else { 200 };
    assert_eq!(world.get(&at_first).await.status, expected);
    world.call(Call::new("PATCH", STORE).json(r#"{"history":"every"}"#)).await.ok();
    world.get(&at_first).await.ok();
}

/// Every call, with the scopes that it needs together.
fn calls(key: &str) -> Vec<(Call, Vec<KeyScope>)> {
    let revision = "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01";
    vec![
        (
            Call::new("GET", &format!("{BOARD}/{key}:standing?around=5")),
            vec![KeyScope::OrderedRead],
        ),
        (
            Call::new("POST", &format!("{ENTRIES}/{key}:restore"))
                .json(json!({"revisionId": revision}).to_string()),
            vec![KeyScope::EntryUpdate, KeyScope::RevisionRead],
        ),
        (
            Call::new("DELETE", &format!("{ENTRIES}/{key}:revision?revisionId={revision}")),
            vec![KeyScope::EntryDelete],
        ),
        (Call::new("GET", STORE), vec![KeyScope::StoreList]),
        (Call::new("PATCH", STORE).json(r#"{"history":"every"}"#), vec![KeyScope::StoreCreate]),
    ]
}

#[tokio::test]
async fn v_1_own_calls_need_their_scopes_in_that_data_store() {
    let world = World::new().await;
    put(&world, "there", 4242).await;
    world.set("there", "\"SECRET\"").await;
    for scope in KeyScope::ALL {
        let secret = world.key(&[scope]).await;
        for ((there, needed), (missing, _)) in calls("there").into_iter().zip(calls("missing")) {
            let there = world.send(&there.key(&secret)).await;
            if needed == [scope] {
                assert_ne!(there.status, 403, "{there:?}");
                continue;
            }
            check_error(&there, 403, "denied", "InsufficientScope");
            assert!(!there.body.contains("4242") && !there.body.contains("SECRET"), "{there:?}");
            let missing = world.send(&missing.key(&secret)).await;
            assert_eq!((there.status, there.body), (missing.status, missing.body));
        }
    }
    let universes = Only::These([UniverseId(2)].into());
    let other_universe = NewKey { universes, ..new_key(KeyScope::ALL.into()) };
    let stores = Only::These([StoreName::trusted("s")].into());
    let other_store = NewKey { stores, ..new_key(KeyScope::ALL.into()) };
    for key in [other_universe, other_store] {
        let secret = world.new_key(key).await;
        for (call, _) in calls("there") {
            let answer = world.send(&call.key(&secret)).await;
            check_error(&answer, 403, "denied", "InsufficientScope");
        }
    }
    let both = world.key(&[KeyScope::EntryUpdate, KeyScope::RevisionRead]).await;
    let restore = calls("there").remove(1).0;
    check_error(&world.send(&restore.key(&both)).await, 404, "not_found", "VersionNotFound");
    assert_eq!(world.stored("there").await.as_deref(), Some("\"SECRET\""));
}

#[tokio::test]
async fn own_calls_need_a_key_and_others_are_404() {
    let world = World::new().await;
    for (call, _) in calls("k") {
        world.send(&call.clone()).await.expect(401, "Invalid API Key");
        let twice = call.key(&world.root).header(WRITE_ID, ID).header(WRITE_ID, ID);
        let is_read = twice.method() == "GET";
        let answer = world.send(&twice).await;
        if is_read {
            assert_ne!(answer.status, 400, "{answer:?}");
        } else {
            check_error(&answer, 400, "invalid", "InvalidWriteId");
        }
    }
    for path in [OWN.to_owned(), format!("{OWN}/data-stores"), format!("{BOARD}/k")] {
        world.send(&Call::new("GET", &path)).await.expect(401, "Invalid API Key");
        world.get(&path).await.expect(404, "NotFound");
    }
    let long = format!("{STORE}?{}", "x".repeat(config().uri_size_max));
    check_error(&world.get(&long).await, 414, "invalid", "UriTooLong");
}

#[tokio::test]
async fn own_writes_that_are_sent_again_under_their_ids_count_once() {
    for world in World::both().await {
        let first = revision(&world.set("k", "1").await);
        world.set("k", "2").await;
        let call = Call::new("POST", &format!("{ENTRIES}/k:restore"));
        let call = call.json(json!({"revisionId": first}).to_string()).header(WRITE_ID, ID);
        let restored = world.call(call.clone()).await.ok();
        assert_eq!(world.call(call).await.ok().body, restored.body);
    }
}
