//! Administration, probes and metrics.

use std::sync::OnceLock;

use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use steadfast_core::Limits;
use steadfast_server::Config;

use crate::client::{Answer, Call};
use crate::world::{World, config, v1};

const KEYS: &str = "/steadfast/v1/admin/keys";

async fn create(world: &World, body: &Value) -> Answer {
    world.call(Call::new("POST", KEYS).json(body.to_string())).await
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_revoked() {
    for world in World::both().await {
        let scopes = ["universe-datastores.objects:read", "universe-datastores.objects:create"];
        let input = json!({
            "name": "reader", "scopes": scopes, "universes": ["1", 2], "stores": ["S"],
            "expiresAt": "2999-01-01T00:00:00+01:00",
        });
        let made = create(&world, &input).await.ok().json();
        let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
        assert_eq!(made["expiresAt"], json!("2998-12-31T23:00:00Z"));
        world.set("k", "1").await;
        let get = Call::new("GET", &v1("S", "k")).key(secret);
        world.send(&get).await.ok();

        let listed = world.get(KEYS).await.ok();
        assert!(!listed.body.contains(secret));
        let listed = listed.json();
        let of = |listed: &Value| {
            let keys = listed["keys"].as_array().unwrap();
            keys.iter().find(|key| key["id"] == made["id"]).cloned().unwrap()
        };
        assert_eq!(of(&listed)["universes"], json!(["1", "2"]));
        assert_eq!(of(&listed)["stores"], json!(["S"]));
        assert_eq!(of(&listed)["revoked"], json!(false));

        let path = format!("{KEYS}/{id}");
        world.call(Call::new("DELETE", &path)).await.expect(204, "");
        world.send(&get).await.expect(401, "Invalid API Key");
        world.call(Call::new("DELETE", &path)).await.expect(204, "");
        assert_eq!(of(&world.get(KEYS).await.json())["revoked"], json!(true));
        let unrestricted = world.get(KEYS).await.json();
        assert!(unrestricted["keys"].as_array().unwrap().iter().any(|key| key["stores"].is_null()));
    }
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused() {
    let world = World::new().await;
    let scopes = json!(["steadfast.admin"]);
    for (body, code) in [
        (json!({}), "InvalidBody"),
        (json!([]), "InvalidBody"),
        (json!({"name": "x", "scopes": scopes, "colour": 1}), "InvalidBody"),
        (json!({"name": "", "scopes": scopes}), "InvalidName"),
        (json!({"name": "x".repeat(129), "scopes": scopes}), "InvalidName"),
        (json!({"name": "x", "scopes": []}), "InvalidScope"),
        (json!({"name": "x", "scopes": ["steadfast.root"]}), "InvalidScope"),
        (json!({"name": "x", "scopes": scopes, "universes": ["x"]}), "InvalidUniverse"),
        (json!({"name": "x", "scopes": scopes, "universes": []}), "InvalidRestriction"),
        (json!({"name": "x", "scopes": scopes, "stores": []}), "InvalidRestriction"),
        (json!({"name": "x", "scopes": scopes, "stores": [""]}), "InvalidStore"),
        (json!({"name": "x", "scopes": scopes, "stores": ["__steadfast"]}), "InvalidStore"),
        (json!({"name": "x", "scopes": scopes, "expiresAt": "soon"}), "InvalidExpiry"),
    ] {
        let refused = create(&world, &body).await.expect(400, code).json();
        assert_eq!(refused["kind"], json!("invalid"));
        assert!(refused["message"].is_string());
    }
    assert!(
        create(&world, &json!({"name": "x".repeat(128), "scopes": scopes})).await.status == 200
    );
    world.call(Call::new("POST", KEYS).raw_body("{}")).await.expect(400, "InvalidBody");
    let twice = r#"{"name":"a","name":"b","scopes":["steadfast.admin"]}"#;
    world.call(Call::new("POST", KEYS).json(twice)).await.expect(400, "InvalidBody");
    let large = Call::new("POST", KEYS).json(" ".repeat(256 * 1024 + 1));
    world.call(large).await.expect(413, "BodyTooLarge");
    let missing = format!("{KEYS}/{:032x}", 7);
    world.call(Call::new("DELETE", &missing)).await.expect(404, "KeyNotFound");
    world.call(Call::new("DELETE", &format!("{KEYS}/x"))).await.expect(400, "InvalidKeyId");
    world.check_alive().await;
}

#[tokio::test]
async fn the_status_tells_version_health_and_limits() {
    for limits in [Limits::native(), Limits::roblox()] {
        let world = World::with(limits.clone(), config()).await;
        let status = world.get("/steadfast/v1/admin/status").await.ok().json();
        assert_eq!(status["version"], json!(env!("CARGO_PKG_VERSION")));
        assert!(status["uptimeSeconds"].is_u64());
        assert_eq!(status["store"], json!({"healthy": true}));
        assert_eq!(status["limits"]["valueSizeMax"], json!(limits.value_size_max));
    }
}

#[tokio::test]
async fn a_stopped_store_is_alive_but_not_ready() {
    let world = World::new().await;
    assert_eq!(world.send(&Call::new("GET", "/readyz")).await.status, 200);
    world.steadfast.clone().close().unwrap();
    assert_eq!(world.send(&Call::new("GET", "/healthz")).await.status, 200);
    if world.steadfast.health().is_err() {
        let ready = world.send(&Call::new("GET", "/readyz")).await;
        assert_eq!((ready.status, ready.body.as_str()), (502, "the store has stopped\n"));
    }
}

/// The recorder of this process: there can be only one.
pub(crate) fn recorder() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let builder = steadfast_server::metrics::prometheus().unwrap();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).expect("nobody else sets one");
        handle
    };
    HANDLE.get_or_init(install).clone()
}

#[tokio::test]
async fn metrics_count_by_template_and_never_by_path() {
    let config = Config { metrics: Some(recorder()), ..config() };
    let world = World::with(Limits::native(), config).await;
    world.set("a-player", "1").await;
    world.get(&v1("S", "a-player")).await.ok();
    world.call(Call::new("BREW", "/coffee/a-player")).await.expect(404, "NotFound");
    let shown = world.send(&Call::new("GET", "/metrics")).await.ok();
    assert_eq!(shown.header("content-type"), "text/plain; charset=utf-8");
    for part in [
        "steadfast_http_requests_total{method=\"GET\",route=\"/datastores/v1/universes/{universe}/",
        "steadfast_http_request_seconds_bucket",
        "steadfast_http_requests_in_flight",
        "steadfast_http_connections",
        "method=\"other\",route=\"none\",status=\"404\"",
    ] {
        assert!(shown.body.contains(part), "{part}: {}", shown.body);
    }
    assert!(!shown.body.contains("a-player"));
}

#[tokio::test]
async fn without_a_recorder_there_are_no_metrics() {
    let world = World::new().await;
    world.send(&Call::new("GET", "/metrics")).await.expect(404, "NotFound");
}
