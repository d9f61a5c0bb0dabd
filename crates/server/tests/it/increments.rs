//! Increments through v1 and v2: sums, amounts at their edges, rights, and what they leave.

use serde_json::json;
use steadfast_core::Limits;
use steadfast_core::key::KeyScope::{self, EntryCreate, EntryRead, EntryUpdate, StoreCreate};

use crate::client::{Answer, Call, V1, V2};
use crate::world::{World, config, v1, v1_increment, v2};

const MOST: &str = "9223372036854775807";
const LEAST: &str = "-9223372036854775808";

/// Through v1, with no body at all.
async fn add(world: &World, key: &str, by: &str) -> Answer {
    world.call(Call::new("POST", &format!("{}&incrementBy={by}", v1_increment(key)))).await
}

/// Through v2.
async fn add_v2(world: &World, key: &str, body: &str) -> Answer {
    world.call(Call::new("POST", &v2(&format!("{key}:increment"))).json(body)).await
}

#[tokio::test]
async fn h_85_an_increment_answers_the_number_with_all_headers() {
    for world in World::both().await {
        let call = Call::new("POST", &format!("{}&incrementBy=5", v1_increment("k")))
            .header("content-length", "0")
            .header("roblox-entry-userids", "[1]")
            .header("roblox-entry-attributes", "{\"a\": 1}");
        let first = world.call(call).await.ok();
        assert_eq!(first.body, "5");
        let read = world.get(&v1("S", "k")).await.ok();
        assert_eq!(read.body, "5");
        for name in [
            "content-type",
            "content-length",
            "content-md5",
            "etag",
            "roblox-entry-version",
            "roblox-entry-created-time",
            "roblox-entry-version-created-time",
            "roblox-entry-attributes",
            "roblox-entry-userids",
        ] {
            assert_eq!(first.header(name), read.header(name), "{name}");
        }
        assert_eq!(first.header("roblox-entry-userids"), "[1]");
        assert_eq!(first.header("roblox-entry-attributes"), "{\"a\":1}");
        // One is what is added if nothing is said, and what is not sent is cleared (H-101).
        let second = world.call(Call::new("POST", &v1_increment("k"))).await.ok();
        assert_eq!(second.body, "6");
        assert_eq!(second.header("roblox-entry-userids"), "[]");
        assert_eq!(second.header("roblox-entry-attributes"), "{}");
        let created = "roblox-entry-created-time";
        assert_eq!(second.header(created), first.header(created));
        assert!(first.header("roblox-entry-version") < second.header("roblox-entry-version"));
        assert_eq!(add(&world, "k", "-10").await.ok().body, "-4");
        world.check_alive().await;
    }
}

#[tokio::test]
async fn client_rules_6_and_7_bodies_and_checksums_of_an_increment_are_ignored() {
    let world = World::new().await;
    let path = format!("{}&incrementBy=2", v1_increment("k"));
    let call = || Call::new("POST", &path);
    world.call(call()).await.ok();
    // The digest of the amount, of a body that is not sent.
    let digest = "yB5yjZ1ML2NvBn+JzBSGLA==";
    world.call(call().header("content-md5", digest)).await.ok();
    world.call(call().header("content-type", "application/json")).await.ok();
    world.call(call().json("{}").header("content-md5", "x")).await.ok();
    world.call(call().raw_body("no JSON")).await.ok();
    let camel = path.replace("incrementBy", "IncrementBy").replace("entryKey", "EntryKey");
    assert_eq!(world.call(Call::new("POST", &camel)).await.ok().body, "12");
    let other = format!("{path}&matchVersion=x&exclusiveCreate=true&prefix=");
    assert_eq!(world.call(Call::new("POST", &other)).await.ok().body, "14");
    world.check_alive().await;
}

#[tokio::test]
async fn h_42_an_increment_answers_the_full_entry_in_both_path_forms() {
    for world in World::both().await {
        let body = r#"{"amount":3,"users":["users/9"],"attributes":{"q":1}}"#;
        let made = add_v2(&world, "cnt", body).await.ok().json();
        assert_eq!(made["value"], json!(3));
        assert_eq!(made["users"], json!(["users/9"]));
        assert_eq!(made["attributes"], json!({"q": 1}));
        assert_eq!(made["path"], json!("universes/1/data-stores/S/scopes/global/entries/cnt"));
        assert_eq!(made["createTime"], made["revisionCreateTime"]);
        assert_eq!(world.get(&v2("cnt")).await.ok().json(), made);
        let scoped = V2.replace("/entries", "/scopes/global/entries/cnt:increment");
        let again = world.call(Call::new("POST", &scoped).json(r#"{"amount":-1}"#)).await.ok();
        assert!(again.body.contains(r#""value":2,"#), "{again:?}");
        let again = again.json();
        assert_eq!(again["users"], json!([]));
        assert_eq!(again["attributes"], json!({}));
        assert_eq!(again["createTime"], made["createTime"]);
        assert_ne!(again["revisionId"], made["revisionId"]);
        let season = V2.replace("/entries", "/scopes/season/entries/cnt:increment");
        let other = world.call(Call::new("POST", &season).json(r#"{"amount":1}"#)).await.ok();
        assert_eq!(other.json()["value"], json!(1));
        let all = V2.replace("/entries", "/scopes/-/entries/cnt:increment");
        let refused = world.call(Call::new("POST", &all).json(r#"{"amount":1}"#)).await;
        refused.expect(400, "INVALID_ARGUMENT");
        world.check_alive().await;
    }
}

#[tokio::test]
async fn h_42_a_mark_before_the_verb_is_a_part_of_the_key() {
    let world = World::new().await;
    world.set("k", "10").await;
    let revision = world.get(&v2("k")).await.ok().json()["revisionId"].clone();
    for id in ["k@latest".to_owned(), format!("k@{}", revision.as_str().unwrap())] {
        let made = add_v2(&world, &id, r#"{"amount":1}"#).await.ok().json();
        assert_eq!((&made["id"], &made["value"]), (&json!(id), &json!(1)));
    }
    for id in ["a:b", "k:increment", "a/b%20c"] {
        let made = add_v2(&world, id, r#"{"amount":1}"#).await.ok().json();
        assert_eq!(made["id"], json!(id.replace("%20", " ")));
    }
    assert_eq!(world.stored("k").await.as_deref(), Some("10"));
    world.call(Call::new("POST", &v2("k%3Aincrement")).json("{}")).await.expect(404, "NotFound");
    add_v2(&world, "", r#"{"amount":1}"#).await.expect(400, "INVALID_ARGUMENT");
    // With its revision it is longer than any key of the live service.
    let world = World::with(Limits::roblox(), config()).await;
    let long = format!("{}:increment", "k".repeat(51));
    let call = Call::new("POST", &v2(&long)).json(r#"{"amount":1}"#);
    world.call(call).await.expect(400, "INVALID_ARGUMENT");
    add_v2(&world, &"k".repeat(50), r#"{"amount":1}"#).await.ok();
    let call = Call::new("POST", &v1_increment(&"k".repeat(51)));
    world.call(call).await.expect(400, "InvalidEntryKey");
}

#[tokio::test]
async fn g_42_and_z_28_what_an_increment_stands_on() {
    for world in World::both().await {
        assert_eq!(add(&world, "new", "0").await.ok().body, "0");
        world.call(Call::new("DELETE", &v1("S", "new"))).await.expect(204, "");
        assert_eq!(add(&world, "new", "4").await.ok().body, "4");
        for (stored, sum) in [("5.0", "6"), ("1e2", "101"), ("-0", "1")] {
            world.set("k", stored).await;
            assert_eq!(add(&world, "k", "1").await.ok().body, sum);
        }
        for stored in ["2.5", "\"5\"", "null", "true", "[5]", "{\"n\":5}"] {
            world.set("k", stored).await;
            let refused = add(&world, "k", "1").await.expect(400, "ExistingValueNotNumeric");
            assert!(!refused.body.contains(stored), "{refused:?}");
            add_v2(&world, "k", r#"{"amount":1}"#).await.expect(400, "INVALID_ARGUMENT");
            assert_eq!(world.stored("k").await.as_deref(), Some(stored));
        }
        world.check_alive().await;
    }
}

#[tokio::test]
async fn g_44_amounts_and_sums_end_where_64_bits_end() {
    for world in World::both().await {
        let (beyond, below) = ("9223372036854775808", "-9223372036854775809");
        for (by, code) in
            [(beyond, "IncrementValueTooLarge"), (below, "IncrementValueTooSmall"), ("2.5", "")]
        {
            add(&world, "k", by).await.expect(400, code);
            let body = format!("{{\"amount\":{by}}}");
            add_v2(&world, "k", &body).await.expect(400, "INVALID_ARGUMENT");
        }
        for by in ["x", "+5", "5%20", "0x5", "true", "1&incrementBy=2", "%FF"] {
            add(&world, "k", by).await.expect(400, "INVALID_ARGUMENT");
        }
        add_v2(&world, "k", "{}").await.expect(400, "INVALID_ARGUMENT");
        assert_eq!(world.stored("k").await, None);

        assert_eq!(add(&world, "k", MOST).await.ok().body, MOST);
        add(&world, "k", "1").await.expect(400, "IncrementValueTooLarge");
        add_v2(&world, "k", r#"{"amount":1}"#).await.expect(400, "INVALID_ARGUMENT");
        assert_eq!(world.stored("k").await.as_deref(), Some(MOST));
        assert_eq!(add(&world, "k", LEAST).await.ok().body, "-1");
        assert_eq!(add(&world, "k", "-9223372036854775807").await.ok().body, LEAST);
        add(&world, "k", "-1").await.expect(400, "IncrementValueTooSmall");
        assert_eq!(world.stored("k").await.as_deref(), Some(LEAST));
        // As typed clients write an amount (client rule 27).
        let sum = add_v2(&world, "k", r#"{"amount":8.0}"#).await.ok();
        assert_eq!(sum.json()["value"], json!(i64::MIN + 8));
        world.check_alive().await;
    }
}

#[tokio::test]
async fn tags_and_names_of_an_increment_are_checked_like_those_of_a_set() {
    let world = World::new().await;
    let call = |name: &str, value: &str| Call::new("POST", &v1_increment("k")).header(name, value);
    world.call(call("roblox-entry-userids", "[x]")).await.expect(400, "InvalidUserIds");
    world.call(call("roblox-entry-attributes", "[]")).await.expect(400, "InvalidAttributes");
    for (query, code) in [
        ("entryKey=k", "InvalidDataStoreName"),
        ("datastoreName=S", "InvalidEntryKey"),
        ("datastoreName=S&entryKey=k&allScopes=true&scope=x", "InvalidDataStoreScope"),
    ] {
        let call = Call::new("POST", &format!("{V1}/increment?{query}"));
        world.call(call).await.expect(400, code);
    }
    let universe = v1_increment("k").replace("universes/1/", "universes/x/");
    world.call(Call::new("POST", &universe)).await.expect(400, "InvalidUniverseId");
    for body in ["", "1", "{", r#"{"amount":1,"users":["9"]}"#, r#"{"amount":1,"attributes":5}"#] {
        add_v2(&world, "k", body).await.expect(400, "INVALID_ARGUMENT");
    }
    let form = Call::new("POST", &v2("k:increment")).raw_body(r#"{"amount":1}"#);
    world.call(form).await.expect(400, "INVALID_ARGUMENT");
    assert_eq!(world.stored("k").await, None);
    world.check_alive().await;
}

/// What an increment answers to a key: for a number that is there, for a missing and for a deleted
/// entry, and in a data store that is not there. v1, then v2.
async fn matrix(scopes: &[KeyScope]) -> [[u16; 4]; 2] {
    let world = World::new().await;
    let secret = world.key(scopes).await;
    let mut statuses = [[0; 4]; 2];
    for (surface, statuses) in statuses.iter_mut().enumerate() {
        for key in ["there", "deleted"] {
            world.set(&format!("{key}-{surface}"), "1").await;
        }
        let deleted = v1("S", &format!("deleted-{surface}"));
        world.call(Call::new("DELETE", &deleted)).await.expect(204, "");
        for (status, key) in statuses.iter_mut().zip(["there", "missing", "deleted", "new"]) {
            let store = if key == "new" { format!("T{surface}") } else { "S".to_owned() };
            let key = format!("{key}-{surface}");
            let call = if surface == 0 {
                let path = v1_increment(&key).replace("=S&", &format!("={store}&"));
                Call::new("POST", &path)
            } else {
                let path = v2(&format!("{key}:increment")).replace("/S/", &format!("/{store}/"));
                Call::new("POST", &path).json(r#"{"amount":1}"#)
            };
            *status = world.send(&call.key(&secret)).await.status;
        }
    }
    statuses
}

#[tokio::test]
async fn h_42_and_h_85_an_increment_needs_the_rights_for_what_it_may_do() {
    let none = [403; 4];
    for (scopes, v1, v2) in [
        (&[EntryUpdate][..], [200, 403, 403, 403], none),
        (&[EntryCreate], [403, 200, 200, 403], none),
        (&[EntryUpdate, StoreCreate], [200, 403, 403, 403], none),
        (&[EntryCreate, StoreCreate], [403, 200, 200, 200], none),
        (&[EntryCreate, EntryUpdate], [200, 200, 200, 403], [200, 200, 200, 403]),
        (&[EntryCreate, EntryUpdate, StoreCreate], [200; 4], [200; 4]),
        (&[StoreCreate, EntryRead], none, none),
    ] {
        assert_eq!(matrix(scopes).await, [v1, v2], "{scopes:?}");
    }
}

#[tokio::test]
async fn increments_at_the_same_time_add_up() {
    const EACH: usize = 25;
    for world in World::both().await {
        let client = async |number: usize| {
            let mut sums = Vec::new();
            for _ in 0..EACH {
                let sum = if number.is_multiple_of(2) {
                    add(&world, "k", "1").await.ok().body
                } else {
                    add_v2(&world, "k", r#"{"amount":1}"#).await.ok().json()["value"].to_string()
                };
                sums.push(sum.parse::<usize>().unwrap());
            }
            sums
        };
        let (a, b, c, d) = tokio::join!(client(0), client(1), client(2), client(3));
        let mut sums = [a, b, c, d].concat();
        sums.sort_unstable();
        assert_eq!(sums, (1..=4 * EACH).collect::<Vec<_>>());
        assert_eq!(world.stored("k").await, Some((4 * EACH).to_string()));
    }
}
