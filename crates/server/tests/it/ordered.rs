//! Ordered data stores in both generations of Open Cloud (H-50 to H-55, H-110 to H-116).

use serde_json::{Value, json};
use steadfast::NewKey;
use steadfast_core::budget::Rates;
use steadfast_core::key::{KeyScope, Only};
use steadfast_core::{Limits, StoreName, UniverseId};

use crate::client::{Answer, Call};
use crate::recorded::check;
use crate::world::{World, config, new_key, v1};

/// The entries of a board in v1.
pub(crate) const ORDERED_V1: &str =
    "/ordered-data-stores/v1/universes/1/orderedDataStores/O/scopes/global/entries";
/// The entries of the same board in v2.
pub(crate) const ORDERED_V2: &str =
    "/cloud/v2/universes/1/ordered-data-stores/O/scopes/global/entries";

const BOTH: [&str; 2] = [ORDERED_V1, ORDERED_V2];

fn value(value: impl std::fmt::Display) -> String {
    format!("{{\"value\":{value}}}")
}

async fn put(world: &World, base: &str, key: &str, number: i64) -> Answer {
    let path = format!("{base}/{key}?allowMissing=true");
    world.call(Call::new("PATCH", &path).json(value(number))).await.ok()
}

/// What v2 has at a key: nothing if there is nothing.
async fn stored(world: &World, key: &str) -> Option<i64> {
    let answer = world.get(&format!("{ORDERED_V2}/{key}")).await;
    match answer.status {
        200 => answer.json()["value"].as_i64(),
        404 => None,
        _ => panic!("{answer:?}"),
    }
}

/// The list of a page, in either generation.
fn entries(answer: &Answer) -> Vec<(String, i64)> {
    let body = answer.json();
    let list = body.get("entries").or_else(|| body.get("orderedDataStoreEntries")).unwrap();
    let entry = |entry: &Value| {
        (entry["id"].as_str().unwrap().to_owned(), entry["value"].as_i64().unwrap())
    };
    list.as_array().unwrap().iter().map(entry).collect()
}

/// All pages of a list, each as long as it is.
async fn pages(world: &World, path: &str, query: &str) -> Vec<Vec<(String, i64)>> {
    let (mut pages, mut token) = (Vec::new(), String::new());
    loop {
        let answer = world.get(&format!("{path}?{query}&page_token={token}")).await.ok();
        let page = entries(&answer);
        answer.json()["nextPageToken"].as_str().unwrap().clone_into(&mut token);
        assert!(!page.is_empty() || token.is_empty(), "an empty page with a token");
        assert!(!token.contains(char::is_whitespace));
        pages.push(page);
        if token.is_empty() {
            return pages;
        }
    }
}

fn named(entries: &[(&str, i64)]) -> Vec<(String, i64)> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[tokio::test]
async fn recorded_requests_are_answered_as_their_clients_expect() {
    for world in World::both().await {
        assert_eq!(check(&world, include_str!("recorded/ordered.txt")).await, 17);
    }
}

#[tokio::test]
async fn h_50_and_h_110_lists_are_by_value_in_pages() {
    for world in World::both().await {
        for (key, value) in [("d", 9), ("b", 5), ("a", 1), ("c", 5), ("e", -3)] {
            put(&world, ORDERED_V2, key, value).await;
        }
        let all = named(&[("e", -3), ("a", 1), ("b", 5), ("c", 5), ("d", 9)]);
        for base in BOTH {
            assert_eq!(pages(&world, base, "").await, std::slice::from_ref(&all));
            let by_two = pages(&world, base, "max_page_size=2").await;
            assert_eq!(by_two.concat(), all);
            assert_eq!(by_two.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
            // O-05: the exact reverse, also among equals.
            let reversed: Vec<_> = all.iter().rev().cloned().collect();
            let descending = pages(&world, base, "max_page_size=2&order_by=desc").await;
            assert_eq!(descending.concat(), reversed);
            for (filter, expected) in [
                ("entry+%3E%3D+5", &all[2..]),
                ("entry+%3C%3D+5", &all[..4]),
                ("entry+%3C%3D+8+%26%26+entry+%3E%3D+1", &all[1..4]),
                ("entry%20%3E=%20100", &[][..]),
            ] {
                let query = format!("maxPageSize=1&filter={filter}");
                assert_eq!(pages(&world, base, &query).await.concat(), expected, "{filter}");
            }
        }
        let v1 = world.get(&format!("{ORDERED_V1}?max_page_size=1")).await.ok().json();
        let path = "universes/1/orderedDataStores/O/scopes/global/entries/e";
        assert_eq!(v1["entries"], json!([{"path": path, "id": "e", "value": -3}]));
        let v2 = world.get(&format!("{ORDERED_V2}?maxPageSize=1")).await.ok().json();
        let path = "universes/1/ordered-data-stores/O/scopes/global/entries/e";
        assert_eq!(v2["orderedDataStoreEntries"], json!([{"path": path, "id": "e", "value": -3}]));
    }
}

#[tokio::test]
async fn h_12_pages_have_10_entries_unless_asked_and_at_most_100() {
    let world = World::new().await;
    for number in 0..101 {
        put(&world, ORDERED_V2, &format!("k{number:03}"), number).await;
    }
    for base in BOTH {
        let count = async |query: &str| pages(&world, base, query).await[0].len();
        for (query, expected) in [
            ("", 10),
            ("max_page_size=0", 10),
            ("max_page_size=-1", 10),
            ("max_page_size=99", 99),
            ("max_page_size=100", 100),
            ("max_page_size=101", 100),
        ] {
            assert_eq!(count(query).await, expected, "{query}");
        }
        let all: Vec<_> = pages(&world, base, "max_page_size=50").await.concat();
        assert_eq!(all.len(), 101);
    }
}

#[tokio::test]
async fn h_15_what_is_empty_or_missing_is_an_empty_list() {
    for world in World::both().await {
        let body = world.get(ORDERED_V1).await.ok().body;
        assert_eq!(body, r#"{"entries":[],"nextPageToken":""}"#);
        put(&world, ORDERED_V1, "k", 1).await;
        world.call(Call::new("DELETE", &format!("{ORDERED_V2}/k"))).await.ok();
        let body = world.get(ORDERED_V2).await.ok().body;
        assert_eq!(body, r#"{"orderedDataStoreEntries":[],"nextPageToken":""}"#);
    }
}

#[tokio::test]
async fn h_10_and_h_11_a_token_is_only_good_for_its_own_list() {
    let world = World::new().await;
    for number in 0..4 {
        put(&world, ORDERED_V2, &format!("k{number}"), number).await;
    }
    for (base, other) in [(ORDERED_V1, ORDERED_V2), (ORDERED_V2, ORDERED_V1)] {
        let first = format!("{base}?max_page_size=2");
        let page = world.get(&first).await.ok().json();
        let token = page["nextPageToken"].as_str().unwrap();
        // Client rule 20: the same request gets the same token.
        assert_eq!(world.get(&first).await.ok().json(), page);
        let next =
            |base: &str, query: &str| world.get(&format!("{base}?{query}&page_token={token}"));
        assert_eq!(entries(&next(base, "max_page_size=2").await.ok()).len(), 2);
        for query in [
            "max_page_size=3",
            "max_page_size=2&order_by=desc",
            "max_page_size=2&filter=entry+%3E%3D+0",
            "max_page_size=2&pageToken=x",
        ] {
            next(base, query).await.expect(400, "INVALID_ARGUMENT");
        }
        next(other, "max_page_size=2").await.expect(400, "INVALID_ARGUMENT");
        let other_scope = base.replace("global", "other");
        next(&other_scope, "max_page_size=2").await.expect(400, "INVALID_ARGUMENT");
        for token in ["x", "%20", "AAAA", &token[1..]] {
            let path = format!("{first}&page_token={token}");
            world.get(&path).await.expect(400, "INVALID_ARGUMENT");
        }
    }
}

#[tokio::test]
async fn h_50_wrong_lists_are_refused() {
    let world = World::new().await;
    for base in BOTH {
        for query in [
            "filter=entry+%3E+1",
            "filter=entry%3E%3D1",
            "filter=value+%3E%3D+1",
            "filter=entry+%3E%3D+2+%26%26+entry+%3C%3D+1",
            "filter=entry+%3E%3D+9223372036854775808",
            "order_by=id",
            "max_page_size=ten",
            "filter=%FF",
        ] {
            let answer = world.get(&format!("{base}?{query}")).await;
            let body = answer.expect(400, "INVALID_ARGUMENT").json();
            // H-21, H-23.
            assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        }
        world.get(&base.replace("global", "-")).await.expect(400, "INVALID_ARGUMENT");
        world.get(&base.replace("universes/1", "universes/x")).await.expect(400, "");
    }
}

#[tokio::test]
async fn h_51_and_h_111_a_creation_is_of_what_is_missing() {
    for world in World::both().await {
        for (base, collection, key) in
            [(ORDERED_V1, "orderedDataStores", "a/b"), (ORDERED_V2, "ordered-data-stores", "c:d@e")]
        {
            let id = key.replace('/', "%2F");
            let create =
                |body: &str| world.call(Call::new("POST", &format!("{base}?id={id}")).json(body));
            let path = format!("universes/1/{collection}/O/scopes/global/entries/{key}");
            let made = create(&value(7)).await.ok().json();
            assert_eq!(made, json!({"path": path, "id": key, "value": 7}));
            let again = create(&value(8)).await.expect(400, "INVALID_ARGUMENT");
            assert_eq!(again.json()["message"], "Entry already exists.");
            assert_eq!(stored(&world, &id).await, Some(7));
            // O-06: what is removed is gone, and can be made again.
            world.call(Call::new("DELETE", &format!("{base}/{id}"))).await.ok();
            create(&value(9)).await.ok();
            assert_eq!(stored(&world, &id).await, Some(9));
            let nameless = Call::new("POST", base).json(value(1));
            let nameless = world.call(nameless).await.expect(400, "INVALID_ARGUMENT");
            assert_eq!(nameless.json()["message"], "The id field is required.");
        }
    }
}

#[tokio::test]
async fn h_05_a_body_is_json_with_an_integer() {
    let world = World::new().await;
    for base in BOTH {
        let paths = [
            ("POST", format!("{base}?id=new"), "value"),
            ("PATCH", format!("{base}/new?allow_missing=true"), "value"),
            ("POST", format!("{base}/new:increment"), "amount"),
        ];
        for (method, path, name) in paths {
            let call = Call::new(method, &path);
            for body in [
                String::new(),
                "{}".to_owned(),
                "5".to_owned(),
                format!("{{\"{name}\":null}}"),
                // J-28.
                format!("{{\"{name}\":Infinity}}"),
                format!("{{\"{name}\":1e999}}"),
                format!("{{\"{name}\":2.5}}"),
                format!("{{\"{name}\":\"5\"}}"),
                format!("{{\"{name}\":true}}"),
                // J-29.
                format!("{{\"{name}\":9223372036854775808}}"),
                format!("{{\"{name}\":-9223372036854775809}}"),
                format!("{{\"{name}\":1,\"{name}\":1}}"),
                format!("{{\"{name}\":1"),
            ] {
                world.call(call.clone().json(&body)).await.expect(400, "INVALID_ARGUMENT");
            }
            let text = call.clone().raw_body(format!("{{\"{name}\":1}}"));
            world.call(text).await.expect(400, "INVALID_ARGUMENT");
            let large = format!("{{\"{name}\":1}}{}", " ".repeat(64 * 1024));
            world.call(call.json(large)).await.expect(400, "INVALID_ARGUMENT");
        }
        assert_eq!(stored(&world, "new").await, None);
    }
    world.check_alive().await;
}

#[tokio::test]
async fn j_28_to_j_30_values_are_all_of_64_bits_and_never_rounded() {
    for world in World::both().await {
        for base in BOTH {
            for number in [i64::MIN, -1, 0, 1, (1 << 53) + 1, i64::MAX] {
                let path = format!("{base}/k?allow_missing=True");
                let answer = world.call(Call::new("PATCH", &path).json(value(number))).await.ok();
                assert!(answer.body.ends_with(&format!("\"value\":{number}}}")), "{answer:?}");
                assert_eq!(stored(&world, "k").await, Some(number));
            }
            // A number with an integer value is that integer (client rule 27).
            let path = format!("{base}/k");
            let answer = world.call(Call::new("PATCH", &path).json(value("10.0"))).await.ok();
            assert!(answer.body.ends_with("\"value\":10}"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn h_53_and_h_113_an_update_is_of_what_exists_unless_told() {
    for world in World::both().await {
        for base in BOTH {
            let update = |key: &str, query: &str, number: i64| {
                let path = format!("{base}/{key}{query}");
                world.call(Call::new("PATCH", &path).json(value(number)))
            };
            for query in ["", "?allow_missing=false", "?allowMissing=False"] {
                let missing = update("no", query, 1).await.expect(404, "NOT_FOUND");
                assert_eq!(missing.json().as_object().unwrap().len(), 2);
            }
            update("k", "?allow_missing=maybe", 1).await.expect(400, "INVALID_ARGUMENT");
            update("k", "?allow_missing=true", 1).await.ok();
            update("k", "", 2).await.ok();
            assert_eq!(stored(&world, "k").await, Some(2));
            // H-116.
            let same = update("k", "?allow_missing=true", 2).await.ok();
            assert_eq!(same.json()["value"], 2);
            assert_eq!(stored(&world, "k").await, Some(2));
            // H-40: the verb is part of a name that is written.
            update("k:increment", "?allow_missing=true", 5).await.ok();
            assert_eq!(stored(&world, "k%3Aincrement").await, Some(5));
            world.call(Call::new("DELETE", &format!("{base}/k"))).await.ok();
            update("k", "", 3).await.expect(404, "NOT_FOUND");
        }
    }
}

#[tokio::test]
async fn h_54_and_h_114_a_deletion_of_nothing_is_404_in_v2_and_200_in_v1() {
    for world in World::both().await {
        let delete = |base: &str| world.call(Call::new("DELETE", &format!("{base}/k")));
        // Neither the data store nor the entry is there.
        for _ in 0..2 {
            let empty = delete(ORDERED_V1).await.ok();
            assert_eq!((empty.body.as_str(), empty.header("content-length")), ("", "0"));
            assert_eq!(empty.find_header("content-type"), None);
            delete(ORDERED_V2).await.expect(404, "NOT_FOUND");
            put(&world, ORDERED_V1, "other", 1).await;
        }
        for base in BOTH {
            put(&world, base, "k", 1).await;
            let deleted = delete(base).await.ok();
            assert_eq!(deleted.body, if base == ORDERED_V1 { "" } else { "{}" });
            assert_eq!(stored(&world, "k").await, None);
            assert_eq!(delete(base).await.status, if base == ORDERED_V1 { 200 } else { 404 });
        }
        assert_eq!(pages(&world, ORDERED_V1, "").await, [named(&[("other", 1)])]);
    }
}

#[tokio::test]
async fn h_55_and_h_115_an_increment_makes_what_is_missing_and_refuses_to_leave_the_range() {
    for world in World::both().await {
        for base in BOTH {
            let increment = |key: &str, by: i64| {
                let call = Call::new("POST", &format!("{base}/{key}:increment"));
                world.call(call.json(format!("{{\"amount\":{by}}}")))
            };
            world.call(Call::new("DELETE", &format!("{ORDERED_V1}/n"))).await.ok();
            // O-07.
            assert_eq!(increment("n", 5).await.ok().json()["value"], 5);
            assert_eq!(increment("n", -7).await.ok().json()["value"], -2);
            assert_eq!(increment("n", 0).await.ok().json()["value"], -2);
            for (start, by) in [(i64::MAX, 1), (i64::MIN, -1)] {
                put(&world, base, "n", start).await;
                increment("n", by).await.expect(400, "INVALID_ARGUMENT");
                assert_eq!(stored(&world, "n").await, Some(start));
                increment("n", -by).await.ok();
            }
            // The verb is split off from the right.
            assert_eq!(increment("a:b/c", 1).await.status, 200);
            world.call(Call::new("DELETE", &format!("{base}/a:b%2Fc"))).await.ok();
        }
    }
}

#[tokio::test]
async fn k_13_ordered_and_standard_data_stores_of_one_name_are_two() {
    let world = World::new().await;
    let standard = v1("O", "k");
    world.call(Call::new("POST", &standard).json("\"text\"")).await.ok();
    assert_eq!(stored(&world, "k").await, None);
    put(&world, ORDERED_V1, "k", 1).await;
    put(&world, &ORDERED_V1.replace("global", "other"), "k", 2).await;
    assert_eq!(world.get(&standard).await.ok().body, "\"text\"");
    assert_eq!(stored(&world, "k").await, Some(1));
    world.call(Call::new("DELETE", &standard)).await.expect(204, "");
    assert_eq!(stored(&world, "k").await, Some(1));
}

#[tokio::test]
async fn k_15_names_are_as_long_as_the_limits_say() {
    for limits in [Limits { rates: None, ..Limits::roblox() }, Limits::native()] {
        let world = World::with(limits.clone(), config()).await;
        let name = |size: usize| "x".repeat(size);
        for base in BOTH {
            for (size_max, path) in [
                (limits.key_size_max, format!("{base}?id=NAME")),
                (limits.scope_size_max, format!("{}?id=k", base.replace("global", "NAME"))),
                (limits.store_name_size_max, format!("{}?id=k", base.replace("/O/", "/NAME/"))),
            ] {
                let create = |size: usize| {
                    let path = path.replace("NAME", &name(size));
                    world.call(Call::new("POST", &path).json(value(1)))
                };
                // The other generation may have made it already.
                let expected = if base == ORDERED_V1 { 200 } else { 400 };
                for size in [size_max - 1, size_max] {
                    assert_eq!(create(size).await.status, expected, "{size}: {path}");
                }
                let refused = create(size_max + 1).await.expect(400, "INVALID_ARGUMENT");
                assert!(!refused.body.contains("already exists"), "{refused:?}");
            }
        }
    }
}

/// Every call, with the scope that it needs.
fn calls(key: &str) -> Vec<(Call, KeyScope)> {
    let calls = BOTH.into_iter().flat_map(|base| {
        [
            (Call::new("GET", base), KeyScope::OrderedRead),
            (Call::new("GET", &format!("{base}/{key}")), KeyScope::OrderedRead),
            (
                Call::new("POST", &format!("{base}?id={key}")).json(value(666)),
                KeyScope::OrderedWrite,
            ),
            (
                Call::new("PATCH", &format!("{base}/{key}?allow_missing=true")).json(value(666)),
                KeyScope::OrderedWrite,
            ),
            (
                Call::new("POST", &format!("{base}/{key}:increment")).json("{\"amount\":666}"),
                KeyScope::OrderedWrite,
            ),
            (Call::new("DELETE", &format!("{base}/{key}")), KeyScope::OrderedWrite),
        ]
    });
    calls.collect()
}

/// Checks that a key is refused everything, alike for what exists and what does not.
async fn check_refused(world: &World, secret: &str, status: u16, has_scopes: &[KeyScope]) {
    for ((there, needed), (missing, _)) in calls("there").into_iter().zip(calls("missing")) {
        if has_scopes.contains(&needed) {
            continue;
        }
        let there = world.send(&there.key(secret)).await;
        let missing = world.send(&missing.key(secret)).await;
        assert_eq!(there.status, status, "{there:?}");
        assert_eq!((there.status, &there.body), (missing.status, &missing.body));
        assert!(!there.body.contains("4242"), "{there:?}");
    }
    assert_eq!(stored(world, "there").await, Some(4242));
    assert_eq!(stored(world, "missing").await, None);
}

#[tokio::test]
async fn v_1_a_key_that_must_not_is_refused_and_learns_nothing() {
    for world in World::both().await {
        put(&world, ORDERED_V1, "there", 4242).await;
        for scope in KeyScope::ALL {
            if scope == KeyScope::OrderedWrite {
                continue;
            }
            let secret = world.key(&[scope]).await;
            check_refused(&world, &secret, 403, &[scope]).await;
        }
        let other_universe = NewKey {
            universes: Only::These([UniverseId(2)].into()),
            ..new_key(KeyScope::ALL.into())
        };
        let other_store = NewKey {
            stores: Only::These([StoreName::trusted("o"), StoreName::trusted("S")].into()),
            ..new_key(KeyScope::ALL.into())
        };
        for key in [other_universe, other_store] {
            let secret = world.new_key(key).await;
            check_refused(&world, &secret, 403, &[]).await;
        }
        check_refused(&world, "wrong", 401, &[]).await;
        let refused = world.key(&[KeyScope::OrderedRead]).await;
        let refused = Call::new("DELETE", &format!("{ORDERED_V1}/there")).key(&refused);
        let refused = world.send(&refused).await.expect(403, "PERMISSION_DENIED").json();
        let scope = "universe.ordered-data-store.scope.entry:write";
        assert_eq!(refused["message"], format!("The scope `{scope}` is missing."));
    }
}

#[tokio::test]
async fn h_03_a_writer_needs_no_other_right_and_cannot_read() {
    let world = World::new().await;
    let writer = world.key(&[KeyScope::OrderedWrite]).await;
    let reader = world.key(&[KeyScope::OrderedRead]).await;
    let allowed = async |call: Call| {
        let as_writer = world.send(&call.clone().key(&writer)).await.status != 403;
        (as_writer, world.send(&call.key(&reader)).await.status != 403)
    };
    for (call, scope) in calls("k") {
        let is_write = scope == KeyScope::OrderedWrite;
        assert_eq!(allowed(call).await, (is_write, !is_write));
    }
}

#[tokio::test]
async fn b_20_to_b_23_and_b_52_ordered_requests_have_pools_of_their_own() {
    let rates = Rates {
        ordered_read_count: two(),
        ordered_write_count: two(),
        ordered_list_count: two(),
        ordered_remove_count: two(),
        v1_ordered_read_count: 2,
        v1_ordered_write_count: 2,
        ..Rates::roblox()
    };
    let limits = Limits { rates: Some(rates), ..Limits::roblox() };
    for (base, read, write, list, remove) in [
        (
            ORDERED_V2,
            "OrderedReadExperienceThrottled",
            "OrderedWriteExperienceThrottled",
            "OrderedListExperienceThrottled",
            "OrderedRemoveExperienceThrottled",
        ),
        // v1 knows reads and writes only: lists and removals have none left.
        (ORDERED_V1, "TooManyRequests", "TooManyRequests", "", ""),
    ] {
        let world = World::with(limits.clone(), config()).await;
        let update = Call::new("PATCH", &format!("{base}/k?allow_missing=true")).json(value(1));
        for (call, error) in [
            (update, write),
            (Call::new("GET", &format!("{base}/k")), read),
            (Call::new("GET", base), list),
            (Call::new("DELETE", &format!("{base}/no")), remove),
        ] {
            for left in [1, 0].into_iter().filter(|_| !error.is_empty()) {
                let answer = world.call(call.clone()).await;
                assert!(matches!(answer.status, 200 | 404), "{answer:?}");
                assert_eq!(answer.header("x-ratelimit-limit"), "2, 2;w=60");
                assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
            }
            let refused = world.call(call).await.expect(429, "RESOURCE_EXHAUSTED");
            let message = refused.json()["message"].as_str().unwrap().to_owned();
            let error = if error.is_empty() { "TooManyRequests" } else { error };
            assert!(message.starts_with(&format!("{error}: the budget `")), "{message}");
            assert!(message.contains("ordered"), "{message}");
            assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
        }
        assert_eq!(world.call(Call::new("GET", &v1("S", "k"))).await.status, 404);
    }
}

fn two() -> steadfast_core::budget::Scaled {
    steadfast_core::budget::Scaled { base: 2, per_player: 0 }
}

#[tokio::test]
async fn b_56_refusals_before_a_call_tell_the_owner_of_the_generation() {
    let world = World::with(Limits::roblox(), config()).await;
    for (path, limit) in [(ORDERED_V1, "500, 500;w=60"), (ORDERED_V2, "1000000, 1000000;w=60")] {
        let unknown = world.send(&Call::new("GET", path).key("wrong")).await;
        assert_eq!(unknown.expect(401, "").header("x-ratelimit-limit"), limit);
    }
    let long = format!("{ORDERED_V1}?{}", "x".repeat(9_000));
    let long = world.get(&long).await.expect(400, "INVALID_ARGUMENT");
    assert_eq!(long.header("x-ratelimit-limit"), "500, 500;w=60");
}

#[tokio::test]
async fn a_write_that_is_sent_again_under_its_id_counts_once() {
    for world in World::both().await {
        for base in BOTH {
            let named = |call: Call, id: u128| {
                world.call(call.header("steadfast-write-id", format!("{id:032x}")))
            };
            let increment = |id| {
                let call = Call::new("POST", &format!("{base}/n:increment"));
                named(call.json("{\"amount\":5}"), id)
            };
            world.call(Call::new("DELETE", &format!("{ORDERED_V1}/n"))).await.ok();
            for (id, sum) in [(1, 5), (1, 5), (2, 10), (2, 10)] {
                assert_eq!(increment(id).await.ok().json()["value"], sum);
            }
            let key = if base == ORDERED_V1 { "c1" } else { "c2" };
            let create = |id| {
                let call = Call::new("POST", &format!("{base}?id={key}"));
                named(call.json(value(1)), id)
            };
            for (id, status) in [(3, 200), (3, 200), (4, 400)] {
                assert_eq!(create(id).await.status, status);
            }
            let malformed = Call::new("POST", &format!("{base}/n:increment"));
            let malformed = malformed.json("{\"amount\":5}").header("steadfast-write-id", "x");
            world.call(malformed).await.expect(400, "INVALID_ARGUMENT");
            assert_eq!(stored(&world, "n").await, Some(10));
        }
    }
}
