//! Backups of a running server: only where it allows them, and only for administrators.

use std::path::Path;

use serde_json::{Value, json};
use steadfast::{Options, Steadfast};
use steadfast_core::key::KeyScope;
use steadfast_core::platform::{Get, Request, Which};
use steadfast_core::{EntryId, EntryKey, Scope, StoreId, StoreName, UniverseId};
use steadfast_server::Config;
use tempfile::TempDir;

use crate::client::{Answer, Call};
use crate::world::{SOON, World, config};

const BACKUPS: &str = "/steadfast/v1/admin/backups";

/// A server with a store on disk, and where its backups are.
async fn world(config: Config) -> (World, TempDir) {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("backups")).unwrap();
    let config = Config { backups: Some(home.path().join("backups")), ..config };
    (World::on_disk(&home.path().join("data"), config).await, home)
}

async fn backup(world: &World, body: &Value) -> Answer {
    world.call(Call::new("POST", BACKUPS).json(body.to_string())).await
}

async fn stored(dir: &Path, key: &str) -> String {
    let db = Steadfast::open_with(dir, Options::default()).unwrap();
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("S") };
    let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) };
    let read = db.execute(Request::Get(Get { entry, which: Which::Current })).await.unwrap();
    db.close().unwrap();
    read.content.unwrap().value.as_str().to_owned()
}

#[tokio::test]
async fn a_backup_is_made_while_the_server_serves() {
    let (world, home) = world(config()).await;
    world.set("k", r#"{"coins": 5}"#).await;
    let made = backup(&world, &json!({"directory": "monday"})).await.ok().json();
    world.set("k", "0").await;
    let path = home.path().join("backups/monday");
    assert_eq!(made["state"], json!("done"));
    assert_eq!(made["path"], json!(path.to_str().unwrap()));
    let manifest = &made["manifest"];
    assert_eq!((&manifest["format"], &manifest["damageCount"]), (&json!(1), &json!(0)));
    assert_eq!(manifest["rows"]["cur"], json!(1));
    assert_eq!(manifest["content"].as_str().unwrap().len(), 16);
    let polled = world.get(&format!("{BACKUPS}/monday")).await.ok().json();
    assert_eq!(polled, made);
    world.get(&format!("{BACKUPS}/tuesday")).await.expect(404, "BackupNotFound");
    // The same name again would be the same directory.
    let refused = backup(&world, &json!({"directory": "monday"})).await;
    let refused = refused.expect(400, "InvalidDirectory").json();
    assert!(refused["message"].as_str().unwrap().contains("holds a store already"), "{refused}");
    assert_eq!(stored(&path, "k").await, r#"{"coins": 5}"#);
    world.check_alive().await;
}

#[tokio::test]
async fn a_backup_that_takes_longer_than_its_request_is_asked_for_again() {
    let (world, _home) = world(Config { request_timeout: SOON, ..config() }).await;
    for n in 0..8 {
        world.set(&format!("k{n}"), &format!("\"{}\"", "x".repeat(100_000))).await;
    }
    let mut shown = backup(&world, &json!({"directory": "long"})).await.ok().json();
    while shown["state"] == json!("running") {
        shown = world.get(&format!("{BACKUPS}/long")).await.ok().json();
    }
    assert_eq!(shown["state"], json!("done"), "{shown}");
}

#[tokio::test]
async fn a_backup_is_a_name_below_the_directory_that_was_allowed() {
    let (world, home) = world(config()).await;
    let outside = home.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, home.path().join("backups/link")).unwrap();
    let absolute = outside.to_str().unwrap();
    let too_long = "x".repeat(129);
    for name in ["", ".", "..", "../outside", "a/b", absolute, "link", ".x", "a\0", "ä", &too_long]
    {
        let refused = backup(&world, &json!({ "directory": name })).await;
        refused.expect(400, "InvalidDirectory");
    }
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    backup(&world, &json!({ "directory": "x".repeat(128) })).await.ok();
    for body in [json!({}), json!([]), json!({"directory": "a", "force": true})] {
        backup(&world, &body).await.expect(400, "InvalidBody");
    }
    let text = Call::new("POST", BACKUPS).header("content-type", "text/plain");
    world.call(text).await.expect(400, "InvalidBody");
    let scopes: Vec<_> =
        KeyScope::ALL.into_iter().filter(|scope| *scope != KeyScope::Admin).collect();
    let key = world.key(&scopes).await;
    let call = Call::new("POST", BACKUPS).json(r#"{"directory": "mine"}"#).key(&key);
    world.send(&call).await.expect(403, "InsufficientScope");
    assert!(!home.path().join("backups/mine").exists());
}

#[tokio::test]
async fn without_a_directory_for_them_there_are_no_backups() {
    let world = World::new().await;
    let refused = backup(&world, &json!({"directory": "monday"})).await;
    let refused = refused.expect(400, "BackupsDisabled").json();
    assert!(refused["message"].as_str().unwrap().contains("serve --backups DIR"), "{refused}");
    let home = tempfile::tempdir().unwrap();
    let config = Config { backups: Some(home.path().into()), ..config() };
    let in_memory = World::with(steadfast_core::Limits::native(), config).await;
    let refused = backup(&in_memory, &json!({"directory": "monday"})).await;
    refused.expect(400, "Unsupported");
}
