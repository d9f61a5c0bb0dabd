//! Calls that are known and not built: 501 at exactly their paths, 404 around them.

use crate::client::Call;
use crate::recorded::check;
use crate::world::World;

const MEMORY: &str = "/cloud/v2/universes/1/memory-store";

/// One request of every route.
pub(crate) fn requests() -> Vec<Call> {
    let at = |method: &str, path: &str| Call::new(method, &format!("{MEMORY}{path}"));
    vec![
        at("GET", "/sorted-maps/m/items?maxPageSize=4&orderBy=desc"),
        at("POST", "/sorted-maps/m/items?id=i").json(r#"{"value":1,"ttl":"60s"}"#),
        at("GET", "/sorted-maps/m/items/i"),
        at("PATCH", "/sorted-maps/m/items/i?allowMissing=true").json(r#"{"value":1}"#),
        at("DELETE", "/sorted-maps/m/items/i"),
        at("POST", "/queues/q/items").json(r#"{"data":1,"ttl":"30s"}"#),
        at("POST", "/queues/q/items:add").json(r#"{"Data":1}"#),
        at("GET", "/queues/q/items:read?count=2"),
        at("POST", "/queues/q/items:discard").json(r#"{"readId":"r"}"#),
        at("POST", ":flush"),
        at("GET", "/operations/o"),
        Call::new("POST", "/cloud/v2/universes/1:publishMessage")
            .json(r#"{"topic":"t","message":"m"}"#),
        Call::new("POST", "/messaging-service/v1/universes/1/topics/t").json(r#"{"message":"m"}"#),
    ]
}

#[tokio::test]
async fn h_60_to_h_70_and_h_120_what_is_not_built_says_so_to_every_valid_key() {
    let world = World::new().await;
    let nothing = world.key(&[]).await;
    for call in requests() {
        let answer = world.send(&call.clone().key(&nothing)).await.expect(501, "NOT_IMPLEMENTED");
        assert!(answer.json()["message"].as_str().unwrap().ends_with("Nothing was done."));
        world.send(&call.clone().key("wrong")).await.expect(401, "Invalid API Key");
        world.send(&call).await.expect(401, "Invalid API Key");
    }
    world.check_alive().await;
}

#[tokio::test]
async fn what_is_no_call_stays_404() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", MEMORY.to_owned()),
        ("POST", format!("{MEMORY}/sorted-maps/m/items/i")),
        ("PUT", format!("{MEMORY}/sorted-maps/m/items/i")),
        ("GET", format!("{MEMORY}/sorted-maps/m/items/i/j")),
        ("GET", format!("{MEMORY}/hash-maps/m/items")),
        ("GET", format!("{MEMORY}/queues/q/items")),
        ("POST", format!("{MEMORY}/queues/q/items:read")),
        ("GET", format!("{MEMORY}:flush")),
        ("GET", "/cloud/v2/universes/1/operations/o".to_owned()),
        ("GET", "/cloud/v2/universes/1:publishMessage".to_owned()),
        ("POST", "/messaging-service/v1/universes/1/topics".to_owned()),
        ("POST", "/messaging-service/v2/universes/1/topics/t".to_owned()),
    ] {
        world.call(Call::new(method, &path)).await.expect(404, "NotFound");
    }
}

#[tokio::test]
async fn recorded_requests_for_what_is_not_built_are_recognised() {
    let world = World::new().await;
    assert_eq!(check(&world, include_str!("recorded/unbuilt.txt")).await, 16);
}
