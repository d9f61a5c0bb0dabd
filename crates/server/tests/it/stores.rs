//! Data stores as a whole: deleted, brought back, and snapshots of all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use steadfast::storage::MemoryBackend;
use steadfast::{NewKey, Options, Steadfast};
use steadfast_core::key::{KeyScope, Only};
use steadfast_core::platform::Settings;
use steadfast_core::{StoreName, Timestamp, UniverseId};

use crate::client::{Call, V2};
use crate::pages::{
    DATA_STORES, DATASTORES, ENTRIES, V1_ENTRIES, V1_STORES, V2_STORES, VERSIONS, listed, members,
    pages_for,
};
use crate::world::{World, config, new_key, v1, v1_increment, v2};

const STORE: &str = "/cloud/v2/universes/1/data-stores/S";

fn undelete() -> Call {
    Call::new("POST", &format!("{STORE}:undelete"))
}

fn snapshot() -> Call {
    Call::new("POST", &format!("{V2_STORES}:snapshot"))
}

/// A world whose store's clock stands still, at the start of an hour.
async fn timed(settings: Settings) -> (World, Arc<AtomicI64>) {
    let seconds = Arc::new(AtomicI64::new(1_000_000_800));
    let clock = Arc::clone(&seconds);
    let now = move || Timestamp::from_unix_seconds(clock.load(Ordering::SeqCst));
    let options = Options { settings, ..Options::default() };
    let steadfast = Steadfast::over(Arc::new(MemoryBackend::new(now)), options).unwrap();
    (World::start(steadfast, config(), None).await, seconds)
}

fn advance(seconds: &AtomicI64, by: Duration) {
    seconds.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::SeqCst);
}

#[tokio::test]
async fn h_31_the_entries_of_a_deleted_data_store_are_out_of_reach_at_once() {
    for world in World::both().await {
        let written = world.set("k", "1").await.json();
        let version = written["version"].as_str().unwrap();
        let deleted = world.call(Call::new("DELETE", STORE)).await.ok().json();
        assert_eq!(deleted["state"], json!("DELETED"));
        let entry = r#"{"value":1}"#;
        for call in [
            Call::new("GET", &v1("S", "k")),
            Call::new("GET", &v1("S", "other")),
            Call::new("POST", &v1("S", "k")).json("2"),
            Call::new("POST", &v1("S", "new")).json("2"),
            Call::new("POST", &v1_increment("k")),
            Call::new("DELETE", &v1("S", "k")),
            Call::new("GET", &format!("{V1_ENTRIES}?datastoreName=S")),
            Call::new("GET", &format!("{V1_ENTRIES}/entry/versions?datastoreName=S&entryKey=k")),
            Call::new(
                "GET",
                &format!(
                    "{V1_ENTRIES}/entry/versions/version?datastoreName=S&entryKey=k&versionId={version}"
                ),
            ),
        ] {
            let refused = world.call(call).await.expect(404, "DatastoreNotFound");
            let message = refused.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("DatastoreDeleted: "), "{message}");
        }
        for call in [
            Call::new("GET", &v2("k")),
            Call::new("GET", &v2(&format!("k@{version}"))),
            Call::new("GET", &v2(&format!("k%40{version}"))),
            Call::new("GET", &v2("k@latest:2020-01-01T00:00:00Z")),
            Call::new("POST", &format!("{V2}?id=new")).json(entry),
            Call::new("PATCH", &format!("{}?allowMissing=true", v2("k"))).json(entry),
            Call::new("POST", &v2("k:increment")).json(r#"{"amount":1}"#),
            Call::new("DELETE", &v2("k")),
            Call::new("GET", V2),
            Call::new("GET", &v2("k:listRevisions")),
        ] {
            let refused = world.call(call).await.expect(404, "NOT_FOUND");
            let message = refused.json()["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("DatastoreDeleted: "), "{message}");
        }
        // Every entry is back as it was.
        world.call(undelete()).await.ok();
        assert_eq!(world.stored("k").await.as_deref(), Some("1"));
        assert_eq!(world.stored("new").await, None);
        world.check_alive().await;
    }
}

#[tokio::test]
async fn h_31_and_h_32_a_deletion_is_made_and_taken_back_once() {
    for world in World::both().await {
        world.set("k", "1").await;
        let all = format!("{V2_STORES}?showDeleted=true");
        let active = world.get(&all).await.ok().json()["dataStores"][0].clone();
        assert_eq!(world.call(undelete()).await.ok().json(), active);
        let deleted = world.call(Call::new("DELETE", STORE)).await.ok().json();
        assert_eq!(deleted["createTime"], active["createTime"]);
        assert_eq!(deleted["path"], json!("universes/1/data-stores/S"));
        assert_eq!(world.call(Call::new("DELETE", STORE)).await.ok().json(), deleted);
        assert_eq!(world.get(&all).await.ok().json()["dataStores"], json!([deleted]));
        assert_eq!(world.call(undelete().json("{}")).await.ok().json(), active);
        assert_eq!(world.call(undelete().raw_body("")).await.ok().json(), active);
        // There is nothing to delete, and nothing to bring back.
        let other = format!("{V2_STORES}/Other");
        world.call(Call::new("DELETE", &other)).await.expect(404, "NOT_FOUND");
        let undelete_other = Call::new("POST", &format!("{other}:undelete"));
        world.call(undelete_other).await.expect(404, "NOT_FOUND");
        // A verb is a part of the name where a data store is deleted.
        let literal = Call::new("DELETE", &format!("{STORE}:undelete"));
        world.call(literal).await.expect(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn h_31_and_h_32_a_data_store_expires_30_days_after_its_deletion() {
    let (world, seconds) = timed(Settings::native()).await;
    world.set("k", "1").await;
    world.set("other", "1").await;
    advance(&seconds, Duration::from_hours(24));
    let deleted = world.call(Call::new("DELETE", STORE)).await.ok().json();
    let starts_with = |member: &str, text| deleted[member].as_str().unwrap().starts_with(text);
    assert!(starts_with("createTime", "2001-09-09T02:00:00"), "{deleted}");
    assert!(starts_with("expireTime", "2001-10-10T02:00:00"), "{deleted}");
    advance(&seconds, Duration::from_hours(30 * 24) - Duration::from_secs(1));
    world.call(undelete()).await.ok();
    world.call(Call::new("DELETE", STORE)).await.ok();
    advance(&seconds, Duration::from_hours(30 * 24) + Duration::from_secs(1));
    world.call(undelete()).await.expect(404, "NOT_FOUND");
    let all = format!("{V2_STORES}?showDeleted=true");
    assert!(listed(&world, DATA_STORES, &all, "id").await.is_empty());
}

#[tokio::test]
async fn h_33_a_snapshot_is_taken_once_a_day() {
    let (world, seconds) = timed(Settings::native()).await;
    let taken = |answer: &Value| {
        let time = answer["latestSnapshotTime"].as_str().unwrap().to_owned();
        (answer["newSnapshotTaken"].as_bool().unwrap(), time)
    };
    let (is_new, time) = taken(&world.call(snapshot().json("{}")).await.ok().json());
    assert!(is_new && time.starts_with("2001-09-09T02:00:00"), "{time}");
    // The last second of the day.
    advance(&seconds, Duration::from_hours(22) - Duration::from_secs(1));
    assert_eq!(taken(&world.call(snapshot()).await.ok().json()), (false, time));
    advance(&seconds, Duration::from_secs(1));
    let (is_new, time) = taken(&world.call(snapshot()).await.ok().json());
    assert!(is_new && time.starts_with("2001-09-10T00:00:00"), "{time}");
    // Every universe has its own.
    let elsewhere = format!("{V2_STORES}:snapshot").replace("universes/1/", "universes/2/");
    let elsewhere = world.call(Call::new("POST", &elsewhere)).await.ok().json();
    assert_eq!(elsewhere["newSnapshotTaken"], json!(true));
    let wrong = format!("{V2_STORES}:snapshot").replace("universes/1/", "universes/x/");
    world.call(Call::new("POST", &wrong)).await.expect(400, "INVALID_ARGUMENT");
}

/// The values written at 5, 50 and 61 minutes past an hour, and those that are there afterwards,
/// with a snapshot at 20 past or without one.
async fn kept(settings: Settings, with_snapshot: bool) -> Vec<String> {
    let (world, seconds) = timed(settings).await;
    let mut ids = Vec::new();
    for (minutes, value) in [(5, "1"), (15, ""), (30, "2"), (11, "3")] {
        advance(&seconds, Duration::from_mins(minutes));
        if !value.is_empty() {
            ids.push(world.set("k", value).await.json()["version"].as_str().unwrap().to_owned());
        } else if with_snapshot {
            world.call(snapshot()).await.ok();
        }
    }
    let versions = format!("{V1_ENTRIES}/entry/versions?datastoreName=S&entryKey=k");
    let v1 = listed(&world, VERSIONS, &versions, "version").await;
    let mut v2 = listed(&world, ENTRIES, &v2("k:listRevisions"), "revisionId").await;
    v2.reverse();
    assert_eq!(v1, v2);
    let mut values = Vec::new();
    for id in &ids {
        let version = versions.replace("/versions?", "/versions/version?");
        let read = world.get(&format!("{version}&versionId={id}")).await;
        if v1.contains(id) {
            values.push(read.ok().body);
        } else {
            read.expect(404, "VersionNotFound");
            world.get(&v2_of(id)).await.expect(400, "INVALID_ARGUMENT");
        }
    }
    values
}

fn v2_of(version: &str) -> String {
    v2(&format!("k@{version}"))
}

#[tokio::test]
async fn v_10_and_v_11_what_is_listed_follows_the_rule_of_the_settings_and_snapshots() {
    assert_eq!(kept(Settings::native(), false).await, ["1", "2", "3"]);
    assert_eq!(kept(Settings::roblox(), false).await, ["2", "3"]);
    assert_eq!(kept(Settings::roblox(), true).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn h_47_the_default_scope_is_a_part_of_the_id_where_the_settings_say_so() {
    let settings = Settings { strip_global_prefix: false, ..Settings::native() };
    let (world, _) = timed(settings).await;
    world.set("k", "1").await;
    world.set("global%2Fx", "1").await;
    let path = format!("{V2}?filter=id.startsWith(%22global/%22)");
    assert_eq!(listed(&world, ENTRIES, &path, "id").await, ["global/x"]);
}

#[tokio::test]
async fn h_03_a_key_for_some_data_stores_lists_those() {
    let world = World::new().await;
    let names: Vec<String> = (0..9).map(|index| format!("s{index}")).collect();
    for name in names.iter().chain(["s".to_owned(), "s1x".to_owned()].iter()) {
        world.call(Call::new("POST", &v1(name, "k")).json("1")).await.ok();
    }
    world.call(Call::new("DELETE", &format!("{V2_STORES}/s7"))).await.ok();
    let stores = ["s1", "s3", "s7", "s8", "none", "s9"].map(StoreName::trusted);
    let key = NewKey {
        universes: Only::These([UniverseId(1)].into()),
        stores: Only::These(stores.into()),
        ..new_key([KeyScope::StoreList].into())
    };
    let secret = world.new_key(key).await;
    for (path, names, member, expected) in [
        (format!("{V1_STORES}?limit=2"), DATASTORES, "name", vec!["s1", "s3", "s8"]),
        (format!("{V1_STORES}?limit=3"), DATASTORES, "name", vec!["s1", "s3", "s8"]),
        (format!("{V1_STORES}?prefix=s3"), DATASTORES, "name", vec!["s3"]),
        (V2_STORES.to_owned(), DATA_STORES, "id", vec!["s1", "s3", "s8"]),
        (
            format!("{V2_STORES}?showDeleted=true&maxPageSize=2"),
            DATA_STORES,
            "id",
            vec!["s1", "s3", "s7", "s8"],
        ),
    ] {
        let pages = pages_for(&world, &secret, (names, &path), None).await;
        // None is empty while more follows.
        assert!(pages.iter().all(|page| !page.is_empty()), "{path}: {pages:?}");
        assert_eq!(members(&pages.concat(), member), expected, "{path}");
    }
    let elsewhere = V2_STORES.replace("universes/1/", "universes/2/");
    let elsewhere = Call::new("GET", &elsewhere).key(&secret);
    world.send(&elsewhere).await.expect(403, "PERMISSION_DENIED");
}

#[tokio::test]
async fn h_03_a_key_for_some_data_stores_takes_no_snapshot_and_deletes_no_other() {
    let world = World::new().await;
    world.set("k", "1").await;
    let limited = |stores: &[&str]| NewKey {
        stores: Only::These(stores.iter().copied().map(StoreName::trusted).collect()),
        ..new_key([KeyScope::StoreSnapshot, KeyScope::StoreDelete].into())
    };
    let own = world.new_key(limited(&["S"])).await;
    let other = world.new_key(limited(&["T"])).await;
    let refused = world.send(&snapshot().key(&own)).await.expect(403, "PERMISSION_DENIED");
    assert!(refused.body.contains("limited to some"), "{refused:?}");
    let first = world.call(snapshot()).await.ok().json();
    assert_eq!(first["newSnapshotTaken"], json!(true), "the refused one took none");
    let delete = Call::new("DELETE", STORE);
    world.send(&delete.clone().key(&other)).await.expect(403, "PERMISSION_DENIED");
    world.send(&delete.key(&own)).await.ok();
    world.send(&undelete().key(&other)).await.expect(403, "PERMISSION_DENIED");
    world.send(&undelete().key(&own)).await.ok();
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
}
