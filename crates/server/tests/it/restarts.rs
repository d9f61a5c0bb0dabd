//! Lists go on after a restart.

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Call, V1, V2};
use crate::pages::{
    DATA_STORES, DATASTORES, ENTRIES, KEYS, Names, V1_ENTRIES, V1_STORES, V2_STORES, VERSIONS,
    page, pages, pages_from,
};
use crate::world::{World, config, v2};

async fn open(home: &TempDir) -> World {
    World::on_disk(home.path(), config()).await
}

async fn close(mut world: World) {
    world.stop();
    world.ended().await.unwrap();
    world.steadfast.close().unwrap();
}

/// A list of every kind, a few items to a page.
fn lists() -> Vec<(Names, String)> {
    vec![
        (DATASTORES, format!("{V1_STORES}?limit=2")),
        (KEYS, format!("{V1_ENTRIES}?datastoreName=S&limit=2")),
        (KEYS, format!("{V1_ENTRIES}?datastoreName=S&allScopes=true&prefix=s&limit=2")),
        (VERSIONS, format!("{V1}/versions?datastoreName=S&entryKey=k&limit=2")),
        (
            VERSIONS,
            format!("{V1}/versions?datastoreName=S&entryKey=k&sortOrder=Descending&limit=2"),
        ),
        (DATA_STORES, format!("{V2_STORES}?showDeleted=true&maxPageSize=2")),
        (ENTRIES, format!("{V2}?maxPageSize=2&filter=id.startsWith(%22k%22)")),
        (ENTRIES, format!("{V2_STORES}/S/scopes/-/entries?maxPageSize=2&showDeleted=true")),
        (ENTRIES, format!("{}?maxPageSize=2", v2("k:listRevisions"))),
    ]
}

/// What a list was before the restart.
struct Kept {
    names: Names,
    path: String,
    first: Vec<Value>,
    token: Option<String>,
    all: Vec<Value>,
}

#[tokio::test]
async fn rule_20_a_token_is_valid_after_a_restart_and_the_same() {
    let home = tempfile::tempdir().unwrap();
    let world = open(&home).await;
    for store in ["S", "T", "U", "V", "W"] {
        for (scope, key) in [
            ("global", "k"),
            ("global", "k2"),
            ("global", "k3"),
            ("global", "k4"),
            ("s1", "k"),
            ("s2", "k"),
            ("s3", "k"),
        ] {
            let path = format!("{V1}?datastoreName={store}&scope={scope}&entryKey={key}");
            world.call(Call::new("POST", &path).json("1")).await.ok();
        }
    }
    for value in 0..4 {
        world.set("k", &value.to_string()).await;
    }
    world.call(Call::new("DELETE", &v2("k3"))).await.ok();
    let mut kept = Vec::new();
    for (names, path) in lists() {
        let all = pages(&world, names, &path).await.concat();
        let (first, token) = page(&world, names, &path).await;
        assert!(token.is_some() && all.len() > 2, "{path}: {all:?}");
        kept.push(Kept { names, path, first, token, all });
    }
    close(world).await;

    let world = open(&home).await;
    for Kept { names, path, first, token, all } in kept {
        assert_eq!(page(&world, names, &path).await, (first.clone(), token.clone()), "{path}");
        let rest = pages_from(&world, names, &path, token).await.concat();
        assert_eq!([first, rest].concat(), all, "{path}");
    }
    close(world).await;
}
