//! The lists of v2.

use serde_json::{Value, json};
use steadfast_core::platform::{Permit, Remove, Request, Set, When};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{EntryId, EntryKey, JsonText, Scope, StoreId, StoreName, UniverseId};

use crate::client::{Call, V1, V2};
use crate::pages::{DATA_STORES, ENTRIES, V2_STORES, listed, members, page, pages, path_at};
use crate::world::{World, v1, v2};

/// A filter by a prefix, as a client encodes it.
fn starts_with(prefix: &str) -> String {
    format!("filter=id.startsWith(%22{prefix}%22)")
}

fn scoped(scope: &str) -> String {
    format!("{V2_STORES}/S/scopes/{scope}/entries")
}

async fn set_in(world: &World, store: &str, scope: &str, key: &str) {
    let path = format!("{V1}?datastoreName={store}&scope={scope}&entryKey={key}");
    world.call(Call::new("POST", &path).json("1")).await.ok();
}

async fn delete(world: &World, path: &str) {
    world.call(Call::new("DELETE", path)).await.ok();
}

async fn check_refused(world: &World, path: &str) {
    world.get(path).await.expect(400, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn h_30_data_stores_are_listed_by_name() {
    for world in World::both().await {
        let empty = world.get(V2_STORES).await.ok().body;
        assert_eq!(empty, r#"{"dataStores":[],"nextPageToken":""}"#);
        for store in ["Players", "Player%20Data", "b"] {
            set_in(&world, store, "global", "k").await;
        }
        delete(&world, &format!("{V2_STORES}/b")).await;
        let found = pages(&world, DATA_STORES, V2_STORES).await.concat();
        assert_eq!(members(&found, "id"), ["Player Data", "Players"]);
        assert_eq!(found[0]["path"], json!("universes/1/data-stores/Player Data"));
        assert_eq!(found[0]["state"], json!("ACTIVE"));
        assert_eq!(found[0].get("expireTime"), None);
        for (more, expected) in [
            ("showDeleted=True&maxPageSize=1", vec!["Player Data", "Players", "b"]),
            ("showDeleted=False&maxPageSize=1", vec!["Player Data", "Players"]),
            ("showDeleted=&filter=", vec!["Player Data", "Players"]),
            (&starts_with("Player+"), vec!["Player Data"]),
            (&starts_with("player"), vec![]),
            (&format!("{}&showDeleted=true", starts_with("b")), vec!["b"]),
        ] {
            let path = format!("{V2_STORES}?{more}");
            assert_eq!(listed(&world, DATA_STORES, &path, "id").await, expected, "{more}");
        }
    }
}

#[tokio::test]
async fn h_34_entries_are_listed_with_path_and_id() {
    for world in World::both().await {
        let empty = r#"{"dataStoreEntries":[],"nextPageToken":""}"#;
        assert_eq!(world.get(V2).await.ok().body, empty);
        for (scope, key) in [("global", "a%2F1"), ("global", "b"), ("s", "a"), ("s", "b")] {
            set_in(&world, "S", scope, key).await;
        }
        let entry = |scope: &str, id: &str| {
            let path = format!("universes/1/data-stores/S/scopes/{scope}/entries/{id}");
            json!({"path": path, "id": id})
        };
        let global = vec![entry("global", "a/1"), entry("global", "b")];
        let of_s = vec![entry("s", "a"), entry("s", "b")];
        let all = [&global[..], &of_s].concat();
        for size in ["maxPageSize=1", "maxPageSize=3", "maxPageSize="] {
            for (path, expected) in [
                (V2.into(), &global),
                (scoped("global"), &global),
                (scoped("s"), &of_s),
                (scoped("-"), &all),
                (scoped("%2D"), &all),
            ] {
                let path = format!("{path}?{size}");
                assert_eq!(pages(&world, ENTRIES, &path).await.concat(), *expected, "{path}");
            }
        }
        // What is listed can be read.
        for entry in all {
            let path = format!("/cloud/v2/{}", entry["path"].as_str().unwrap());
            assert_eq!(world.get(&path).await.ok().json()["path"], entry["path"]);
        }
    }
}

#[tokio::test]
async fn h_34_deleted_entries_are_listed_on_request_only() {
    for world in World::both().await {
        for key in ["a", "b", "c"] {
            world.set(key, "1").await;
        }
        delete(&world, &v2("b")).await;
        for (more, expected) in [
            ("", vec!["a", "c"]),
            ("?showDeleted=false&maxPageSize=1", vec!["a", "c"]),
            ("?showDeleted=true&maxPageSize=1", vec!["a", "b", "c"]),
            ("?showDeleted=True", vec!["a", "b", "c"]),
        ] {
            let path = format!("{V2}{more}");
            assert_eq!(listed(&world, ENTRIES, &path, "id").await, expected, "{more}");
        }
        world.get(&v2("b")).await.expect(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn h_46_and_h_47_a_filter_is_a_prefix_of_ids_with_or_without_the_default_scope() {
    let world = World::new().await;
    for (scope, key) in [
        ("global", "Player_1"),
        ("global", "global/x"),
        ("global", "a%22b"),
        ("s", "Player_2"),
        ("global", "b"),
    ] {
        set_in(&world, "S", scope, key).await;
    }
    for (path, prefix, expected) in [
        (V2.into(), "Player_", vec!["Player_1"]),
        (V2.into(), "global/Player_", vec!["Player_1"]),
        (V2.into(), "global%2FPlayer_1", vec!["Player_1"]),
        (V2.into(), "global/", vec!["Player_1", "a\"b", "b", "global/x"]),
        (V2.into(), "global", vec!["global/x"]),
        (V2.into(), "global/global/", vec!["global/x"]),
        (V2.into(), "s/", vec![]),
        (V2.into(), "", vec!["Player_1", "a\"b", "b", "global/x"]),
        (V2.into(), "a%5C%22b", vec!["a\"b"]),
        (scoped("global"), "Player_", vec!["Player_1"]),
        // A scope in the path is the scope: what stands in front of the id belongs to it.
        (scoped("global"), "global/", vec!["global/x"]),
        (scoped("-"), "Player_", vec!["Player_1", "Player_2"]),
        (scoped("-"), "s/", vec![]),
        (scoped("s"), "Player_1", vec![]),
    ] {
        for size in [1, 256] {
            let path = format!("{path}?{}&maxPageSize={size}", starts_with(prefix));
            assert_eq!(listed(&world, ENTRIES, &path, "id").await, expected, "{path}");
        }
    }
    for filter in ["x", "id", "id.endsWith(%22a%22)", "id.startsWith('a')", "id%20==%20%22a%22"] {
        for path in [V2, V2_STORES] {
            check_refused(&world, &format!("{path}?filter={filter}")).await;
        }
    }
}

#[tokio::test]
async fn h_12_page_sizes_have_a_default_and_a_maximum() {
    let world = World::new().await;
    for index in 0..258 {
        world.set(&format!("{index:03}"), "1").await;
    }
    for (size, expected) in [
        ("", 10),
        ("?maxPageSize=0", 10),
        ("?maxPageSize=-1", 10),
        ("?maxPageSize=256", 256),
        ("?maxPageSize=257", 256),
        ("?maxPageSize=99999999999999999999", 256),
    ] {
        let (found, next) = page(&world, ENTRIES, &format!("{V2}{size}")).await;
        assert_eq!((found.len(), next.is_some()), (expected, true), "{size}");
    }
    for _ in 0..101 {
        world.set("k", "1").await;
    }
    let revisions = v2("k:listRevisions");
    for (size, expected) in [("", 10), ("?maxPageSize=100", 100), ("?maxPageSize=101", 100)] {
        let (found, next) = page(&world, ENTRIES, &format!("{revisions}{size}")).await;
        assert_eq!((found.len(), next.is_some()), (expected, true), "{size}");
    }
    for index in 0..101 {
        set_in(&world, &format!("store-{index:03}"), "global", "k").await;
    }
    for (size, expected) in [("", 10), ("?maxPageSize=100", 100), ("?maxPageSize=101", 100)] {
        let (found, next) = page(&world, DATA_STORES, &format!("{V2_STORES}{size}")).await;
        assert_eq!((found.len(), next.is_some()), (expected, true), "{size}");
    }
    for path in [V2, V2_STORES, &revisions] {
        check_refused(&world, &format!("{path}?maxPageSize=x")).await;
    }
}

#[tokio::test]
async fn h_43_revisions_are_listed_the_newest_first_and_can_be_read_by_their_path() {
    for world in World::both().await {
        let mut written = Vec::new();
        for value in 1..=3 {
            world.set("a:b", &value.to_string()).await;
            written.push(world.get(&v2("a:b")).await.ok().json());
        }
        delete(&world, &v2("a:b")).await;
        let list = v2("a:b:listRevisions");
        let mut found = pages(&world, ENTRIES, &format!("{list}?maxPageSize=1")).await.concat();
        assert_eq!(pages(&world, ENTRIES, &list).await.concat(), found);
        assert_eq!(found.len(), 4);
        assert_eq!(found[0]["state"], json!("DELETED"));
        // Only these members, and both names with the mark.
        for revision in &found {
            let members: Vec<_> = revision.as_object().unwrap().keys().collect();
            assert_eq!(
                members,
                ["path", "createTime", "revisionId", "revisionCreateTime", "state", "etag", "id"]
            );
            let id = revision["revisionId"].as_str().unwrap();
            assert_eq!(revision["id"], json!(format!("a:b@{id}")));
            assert_eq!(revision["etag"], revision["revisionId"]);
            let path = format!("universes/1/data-stores/S/scopes/global/entries/a:b@{id}");
            assert_eq!(revision["path"], json!(path));
        }
        let deletion = found.remove(0);
        let read = |revision: &Value| {
            world.get(&format!("/cloud/v2/{}", revision["path"].as_str().unwrap()))
        };
        for (revision, written) in found.iter().rev().zip(&written) {
            assert_eq!(read(revision).await.ok().json(), *written);
            assert_eq!(revision["revisionCreateTime"], written["revisionCreateTime"]);
        }
        read(&deletion).await.expect(404, "NOT_FOUND");
        world.get(&v2("missing:listRevisions")).await.expect(404, "NOT_FOUND");
        // The mark is a part of the id here, as it is wherever nothing is read.
        world.get(&v2("a:b@latest:listRevisions")).await.expect(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn h_43_a_filter_of_revisions_has_a_first_and_a_last_time() {
    let world = World::new().await;
    for value in 0..4 {
        world.set("k", &value.to_string()).await;
    }
    let list = v2("k:listRevisions");
    let found = pages(&world, ENTRIES, &list).await.concat();
    let at = |index: usize| found[index]["revisionCreateTime"].as_str().unwrap().to_owned();
    let bound = |operator: &str, time: &str| {
        format!("revision_create_time%20{operator}%20{}", time.replace('+', "%2B"))
    };
    let (from, to) = (|index| bound("%3E=", &at(index)), |index| bound("%3C=", &at(index)));
    for (filter, expected) in [
        (from(2), 0..3),
        (to(2), 2..4),
        (format!("{}%20%26%26%20{}", from(2), to(1)), 1..3),
        (format!("{}%20%26%26%20{}", to(1), from(2)), 1..3),
        (format!("{}%20%26%26%20{}", from(1), to(2)), 0..0),
        (bound("%3E=", "1970-01-01T00:00:00.000Z"), 0..4),
        (bound("%3C=", "1970-01-01T01:00:00+01:00"), 0..0),
    ] {
        for size in [1, 100] {
            let path = format!("{list}?filter={filter}&maxPageSize={size}");
            let listed = pages(&world, ENTRIES, &path).await.concat();
            assert_eq!(listed, found[expected.clone()], "{path}");
        }
    }
    for filter in [
        bound("%3E", "1970-01-01T00:00:00Z"),
        bound("%3E=", "2026-01-01T00:00:00+00:00Z"),
        format!("{}%20%26%26%20{}", from(1), from(2)),
        "id.startsWith(%22a%22)".into(),
    ] {
        check_refused(&world, &format!("{list}?filter={filter}")).await;
    }
}

#[tokio::test]
async fn h_10_and_h_11_a_token_belongs_to_one_list_with_its_parameters() {
    let world = World::new().await;
    for store in ["S", "T", "U"] {
        for (scope, key) in [("global", "a"), ("global", "b"), ("s", "a"), ("s", "b")] {
            set_in(&world, store, scope, key).await;
        }
    }
    world.set("a", "2").await;
    let sized = |path: &str| format!("{path}?maxPageSize=1");
    let revisions = v2("a:listRevisions");
    let time = "filter=revision_create_time%20%3E=%201970-01-01T00:00:00Z";
    for (names, path, others) in [
        (
            ENTRIES,
            V2,
            vec![
                sized(&scoped("s")),
                sized(&scoped("-")),
                sized(&V2.replace("/S/", "/T/")),
                sized(&V2.replace("universes/1/", "universes/2/")),
                format!("{V2}?maxPageSize=2"),
                format!("{}&showDeleted=true", sized(V2)),
                format!("{}&{}", sized(V2), starts_with("a")),
                sized(&revisions),
                sized(V2_STORES),
            ],
        ),
        (
            ENTRIES,
            &revisions,
            vec![
                sized(&v2("b:listRevisions")),
                format!("{revisions}?maxPageSize=2"),
                format!("{}&{time}", sized(&revisions)),
                sized(V2),
            ],
        ),
        (
            DATA_STORES,
            V2_STORES,
            vec![
                format!("{V2_STORES}?maxPageSize=2"),
                format!("{}&showDeleted=true", sized(V2_STORES)),
                format!("{}&{}", sized(V2_STORES), starts_with("S")),
                sized(V2),
            ],
        ),
    ] {
        let path = sized(path);
        let (_, token) = page(&world, names, &path).await;
        let token = token.expect("more follows");
        for other in others {
            check_refused(&world, &path_at(names, &other, Some(&token))).await;
        }
        for wrong in ["x", "%00", &token[1..], &format!("{token}A"), &token.to_lowercase()] {
            check_refused(&world, &path_at(names, &path, Some(wrong))).await;
        }
        page(&world, names, &path_at(names, &path, Some(&token))).await;
    }
    // Both forms of the path name the same list.
    let (_, token) = page(&world, ENTRIES, &sized(V2)).await;
    let same = path_at(ENTRIES, &sized(&scoped("global")), token.as_deref());
    assert_eq!(members(&page(&world, ENTRIES, &same).await.0, "id"), ["b"]);
}

#[tokio::test]
async fn rule_20_a_token_under_a_wrong_name_gets_the_first_page_and_the_same_token_again() {
    let world = World::new().await;
    for _ in 0..3 {
        world.set("k", "1").await;
    }
    let path = format!("{}?maxPageSize=1", v2("k:listRevisions"));
    let (first, token) = page(&world, ENTRIES, &path).await;
    let token = token.expect("more follows");
    let again = page(&world, ENTRIES, &format!("{path}&nextPageToken={token}")).await;
    assert_eq!(again, (first, Some(token)));
}

fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("S") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

#[tokio::test]
async fn h_13_a_page_may_be_empty_although_more_follows() {
    let world = World::new().await;
    let content = Content {
        value: JsonText::trusted("1"),
        user_ids: Vec::new(),
        metadata: Metadata::empty(),
    };
    let (db, content) = (&world.steadfast, std::sync::Arc::new(content));
    for index in 0..600 {
        let (entry, content) = (entry(&format!("{index:03}")), content.clone());
        let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
        let set = Set { entry: entry.clone(), content, when, permit, write_id };
        db.execute(Request::Set(set)).await.unwrap();
        let write_id = db.new_write_id();
        db.execute(Request::Remove(Remove { entry, matches: None, force: false, write_id }))
            .await
            .unwrap();
    }
    world.set("last", "1").await;
    let found = pages(&world, ENTRIES, V2).await;
    assert_eq!(members(&found.concat(), "id"), ["last"]);
    assert!(found.len() > 1 && found[0].is_empty(), "{found:?}");
    let all =
        listed(&world, ENTRIES, &format!("{V2}?showDeleted=true&maxPageSize=256"), "id").await;
    assert_eq!(all.len(), 601);
}

#[tokio::test]
async fn rule_16_to_18_a_get_may_say_that_it_has_json_and_send_none() {
    let world = World::new().await;
    world.set("k", "1").await;
    for path in [V2, V2_STORES, &v2("k:listRevisions"), &v1("S", "k")] {
        let call = Call::new("GET", path).header("content-type", "application/json");
        world.call(call).await.ok();
        world.call(Call::new("GET", path).json("{}")).await.ok();
    }
}
