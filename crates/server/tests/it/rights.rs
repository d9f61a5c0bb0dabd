//! Who may do what: every key that must not, against every call and object (V1, fault H5).

use std::collections::BTreeSet;

use steadfast::NewKey;
use steadfast_core::key::{KeyScope, Only};
use steadfast_core::{StoreName, Timestamp, UniverseId};

use crate::client::{Answer, Call, V1, V2};
use crate::operators;
use crate::pages::{V1_ENTRIES, V1_STORES, V2_STORES};
use crate::world::{World, new_key, v1, v1_increment, v2};

use KeyScope::{
    Admin, EntryCreate, EntryDelete, EntryList, EntryRead, EntryUpdate, RevisionList, RevisionRead,
    StoreCreate, StoreDelete, StoreList, StoreSnapshot,
};

/// Stands in a value that must not be seen.
const SECRET: &str = "\"TOP-SECRET\"";

const VERSION: &str = "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01";

/// A data store that is there for the entry that is there, and one that is not.
fn store_of(key: &str) -> &'static str {
    if key == "there" { "S" } else { "none" }
}

/// A call, and the scopes of which at least one is needed.
fn calls(key: &str) -> Vec<(Call, Vec<KeyScope>)> {
    let v2_body = r#"{"value":"changed"}"#;
    vec![
        (Call::new("GET", &v1("S", key)), vec![EntryRead]),
        (Call::new("POST", &v1("S", key)).json("\"changed\""), vec![EntryCreate, EntryUpdate]),
        (Call::new("DELETE", &v1("S", key)), vec![EntryDelete]),
        (Call::new("POST", &format!("{V2}?id={key}")).json(v2_body), vec![EntryCreate]),
        (Call::new("GET", &v2(key)), vec![EntryRead]),
        (Call::new("GET", &v2(&format!("{key}@latest"))), vec![EntryRead]),
        (Call::new("GET", &v2(&format!("{key}@xx"))), vec![EntryRead]),
        (
            Call::new("PATCH", &format!("{}?allowMissing=true", v2(key))).json(v2_body),
            vec![EntryUpdate],
        ),
        (Call::new("DELETE", &v2(key)), vec![EntryDelete]),
        (Call::new("POST", &v1_increment(key)), vec![EntryCreate, EntryUpdate]),
        (Call::new("GET", V1_STORES), vec![StoreList]),
        (Call::new("GET", &format!("{V1_ENTRIES}?datastoreName=S&prefix={key}")), vec![EntryList]),
        (
            Call::new("GET", &v1("S", key).replace("/entry?", "/entry/versions?")),
            vec![RevisionList],
        ),
        (
            Call::new(
                "GET",
                &format!(
                    "{}&versionId={VERSION}",
                    v1("S", key).replace("/entry?", "/entry/versions/version?")
                ),
            ),
            vec![RevisionRead],
        ),
        (Call::new("GET", V2_STORES), vec![StoreList]),
        (Call::new("GET", V2), vec![EntryList]),
        (Call::new("GET", &format!("{V2_STORES}/S/scopes/-/entries")), vec![EntryList]),
        (Call::new("GET", &v2(&format!("{key}:listRevisions"))), vec![RevisionList]),
        (Call::new("POST", &format!("{V2_STORES}:snapshot")), vec![StoreSnapshot]),
        (Call::new("DELETE", &format!("{V2_STORES}/{}", store_of(key))), vec![StoreDelete]),
        (Call::new("POST", &format!("{V2_STORES}/{}:undelete", store_of(key))), vec![StoreDelete]),
        // Two scopes are needed, so no single one will do.
        (Call::new("POST", &v2(&format!("{key}:increment"))).json(r#"{"amount":1}"#), vec![]),
    ]
}

fn admin_calls() -> Vec<Call> {
    let base = "/steadfast/v1/admin";
    let key = r#"{"name":"x","scopes":["steadfast.admin"]}"#;
    let operators = operators::looks().into_iter();
    let operators = operators.chain([operators::change(r#"{"steal":{}}"#, false)]);
    let others = vec![
        Call::new("POST", &format!("{base}/keys")).json(key),
        Call::new("GET", &format!("{base}/keys")),
        Call::new("DELETE", &format!("{base}/keys/{:032x}", 1)),
        Call::new("GET", &format!("{base}/status")),
    ];
    others.into_iter().chain(operators).collect()
}

/// The part of an answer that must not depend on what is stored.
fn shape(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body.clone())
}

/// Checks that a key is refused everything, alike for what exists and what does not.
async fn check_refused(world: &World, secret: &str, status: u16, has_scopes: &[KeyScope]) {
    let (there, missing) = (calls("there"), calls("missing"));
    for ((there, needed), (missing, _)) in there.into_iter().zip(missing) {
        if needed.iter().any(|scope| has_scopes.contains(scope)) {
            continue;
        }
        let there = world.send(&there.key(secret)).await;
        let missing = world.send(&missing.key(secret)).await;
        assert_eq!(there.status, status, "{there:?}");
        assert_eq!(shape(&there), shape(&missing));
        assert!(!there.body.contains("SECRET"), "{there:?}");
        for header in ["roblox-entry-version", "etag", "roblox-entry-attributes", "content-md5"] {
            assert_eq!(there.find_header(header), None);
        }
    }
    for call in admin_calls() {
        if !has_scopes.contains(&Admin) {
            assert_eq!(world.send(&call.key(secret)).await.status, status);
        }
    }
    assert_eq!(world.stored("there").await.as_deref(), Some(SECRET));
    assert_eq!(world.stored("missing").await, None);
}

#[tokio::test]
async fn v_1_and_v_6_wrong_keys_are_refused_everywhere() {
    for world in World::both().await {
        world.set("there", SECRET).await;
        let keys = world.steadfast.keys();
        let all = || new_key(KeyScope::ALL.into());
        let expired = NewKey { expires_at: Some(Timestamp::from_unix_seconds(1)), ..all() };
        let expired = world.new_key(expired).await;
        let (revoked_id, revoked) = keys.create(all()).await.unwrap();
        world.send(&Call::new("GET", &v2("there")).key(&revoked)).await.ok();
        keys.revoke(revoked_id).await.unwrap();
        let upper = world.root.to_uppercase();
        let longer = format!("{}x", world.root);
        for secret in ["", "x", "sfk_", &expired, &revoked, &upper, &longer, &"x".repeat(4_000)] {
            check_refused(&world, secret, 401, &[]).await;
        }
        let answer = world.send(&Call::new("GET", &v2("there"))).await;
        assert_eq!(
            answer.expect(401, "").body,
            r#"{"errors":[{"code":0,"message":"Invalid API Key"}]}"#
        );
        let twice = Call::new("GET", &v2("there")).key(&world.root).key(&world.root);
        world.send(&twice).await.expect(401, "Invalid API Key");
        let bytes = Call::new("GET", &v2("there")).header("x-api-key", b"\xff\xfe");
        world.send(&bytes).await.expect(401, "Invalid API Key");
        for path in ["/datastores", "/datastores/x", "/cloud", "/cloud/v3", "/steadfast/v1/admin/x"]
        {
            world.send(&Call::new("GET", path)).await.expect(401, "Invalid API Key");
        }
        world.check_alive().await;
    }
}

#[tokio::test]
async fn v_1_a_key_without_the_scope_is_refused_and_learns_nothing() {
    for world in World::both().await {
        world.set("there", SECRET).await;
        for scope in KeyScope::ALL {
            let secret = world.key(&[scope]).await;
            check_refused(&world, &secret, 403, &[scope]).await;
        }
        world.check_alive().await;
    }
}

#[tokio::test]
async fn v_1_a_key_for_other_universes_or_stores_is_refused_and_learns_nothing() {
    let world = World::new().await;
    world.set("there", SECRET).await;
    // Which data stores a key sees in a list is said elsewhere.
    let data = KeyScope::ALL.into_iter().filter(|scope| ![Admin, StoreList].contains(scope));
    let data: BTreeSet<_> = data.collect();
    let other_universe =
        NewKey { universes: Only::These([UniverseId(2)].into()), ..new_key(data.clone()) };
    let other_store = NewKey {
        stores: Only::These([StoreName::trusted("T"), StoreName::trusted("s")].into()),
        ..new_key(data)
    };
    for key in [other_universe, other_store] {
        let secret = world.new_key(key).await;
        check_refused(&world, &secret, 403, &[]).await;
    }
}

#[tokio::test]
async fn h_03_a_restricted_key_works_where_it_may() {
    let world = World::new().await;
    let key = NewKey {
        universes: Only::These([UniverseId(1)].into()),
        stores: Only::These([StoreName::trusted("S")].into()),
        ..new_key(KeyScope::ALL.into())
    };
    let secret = world.new_key(key).await;
    let set = |path: &str| world.send(&Call::new("POST", path).json("1").key(&secret));
    set(&v1("S", "k")).await.ok();
    set(&v1("T", "k")).await.expect(403, "InsufficientScope");
    let other = v1("S", "k").replace("universes/1/", "universes/2/");
    set(&other).await.expect(403, "InsufficientScope");
}

/// What a set through v1 answers to a key, for an entry that is there, one that is not, and a data
/// store that is not.
async fn set_matrix(world: &World, scopes: &[KeyScope]) -> [u16; 3] {
    let secret = world.key(scopes).await;
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip([
        v1("S", "there"),
        v1("S", &format!("new-{}", secret.to_lowercase())),
        format!("{V1}?datastoreName={}&entryKey=k", &secret[..20]),
    ]) {
        *status = world.send(&Call::new("POST", &path).json("1").key(&secret)).await.status;
    }
    statuses
}

#[tokio::test]
async fn h_83_a_set_needs_the_right_for_what_it_does() {
    let world = World::new().await;
    world.set("there", "1").await;
    assert_eq!(set_matrix(&world, &[EntryUpdate]).await, [200, 403, 403]);
    assert_eq!(set_matrix(&world, &[EntryCreate]).await, [403, 200, 403]);
    assert_eq!(set_matrix(&world, &[EntryCreate, StoreCreate]).await, [403, 200, 200]);
    assert_eq!(set_matrix(&world, &[EntryUpdate, StoreCreate]).await, [200, 403, 403]);
    assert_eq!(set_matrix(&world, &[EntryCreate, EntryUpdate]).await, [200, 200, 403]);
    assert_eq!(set_matrix(&world, &[StoreCreate]).await, [403, 403, 403]);
}

#[tokio::test]
async fn h_35_and_h_40_a_new_store_needs_its_own_right_in_v2() {
    let world = World::new().await;
    let base = "/cloud/v2/universes/1/data-stores";
    let body = r#"{"value":1}"#;
    for (method, path, scope) in [
        ("POST", format!("{base}/new-1/entries?id=k"), EntryCreate),
        ("PATCH", format!("{base}/new-2/entries/k?allowMissing=true"), EntryUpdate),
    ] {
        let call = Call::new(method, &path).json(body);
        let without = world.key(&[scope]).await;
        world.send(&call.clone().key(&without)).await.expect(403, "PERMISSION_DENIED");
        let with = world.key(&[scope, StoreCreate]).await;
        world.send(&call.key(&with)).await.ok();
    }
    // Without `allowMissing` nothing would be made: what is not there is simply not found.
    let update = world.key(&[EntryUpdate]).await;
    let call = Call::new("PATCH", "/cloud/v2/universes/1/data-stores/none/entries/k").json(body);
    world.send(&call.key(&update)).await.expect(404, "NOT_FOUND");
}

#[tokio::test]
async fn v_1_a_conflict_shows_the_value_only_to_those_who_may_read_it() {
    let world = World::new().await;
    world.set("there", SECRET).await;
    let writer = world.key(&[EntryCreate, EntryUpdate, EntryDelete]).await;
    let reader = world.key(&[EntryCreate, EntryUpdate, EntryRead]).await;
    for suffix in ["&matchVersion=x", "&exclusiveCreate=true"] {
        let path = format!("{}{suffix}", v1("S", "there"));
        let call = Call::new("POST", &path).json("1");
        let answer = world.send(&call.clone().key(&writer)).await.expect(412, "");
        assert!(!answer.body.contains("SECRET"), "{answer:?}");
        assert_eq!(answer.json()["error"], serde_json::json!("FAILED_PRECONDITION"));
        for header in ["roblox-entry-version", "etag", "content-md5"] {
            assert_eq!(answer.find_header(header), None);
        }
        let answer = world.send(&call.key(&reader)).await.expect(412, "");
        assert_eq!(answer.body, SECRET);
    }
    let call = Call::new("PATCH", &v2("there")).json(r#"{"value":1,"etag":"x"}"#);
    let answer = world.send(&call.key(&writer)).await.expect(409, "ABORTED");
    assert!(!answer.body.contains("SECRET"), "{answer:?}");
    let call = Call::new("DELETE", &format!("{}?etag=x", v2("there")));
    let answer = world.send(&call.key(&writer)).await.expect(409, "ABORTED");
    assert!(!answer.body.contains("SECRET"), "{answer:?}");
    assert_eq!(world.stored("there").await.as_deref(), Some(SECRET));
}
