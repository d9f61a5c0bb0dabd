//! What operators do to records, over HTTP: looking, changing, who may, and every refusal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use steadfast::core::operation::OperationSettings;
use steadfast::storage::{Backend, MemoryBackend};
use steadfast::{NewKey, Options, Ownership, SessionSettings, SessionState, Steadfast};
use steadfast_core::key::{KeyScope, Only};
use steadfast_core::{StoreName, Timestamp, UniverseId};
use steadfast_server::Config;

use crate::client::{Answer, Call};
use crate::world::{World, config, new_key, v1};

const ADMIN: &str = "/steadfast/v1/admin";

fn path(key: &str, verb: &str) -> String {
    format!("{ADMIN}/universes/1/data-stores/S/scopes/global/entries/{key}:{verb}")
}

/// A valid request of every call that only looks.
pub(crate) fn looks() -> Vec<Call> {
    let paths = [
        path("k", "record"),
        path("k", "history?limit=5&after=7&oldestFirst=true&since=2020-01-01T00:00:00Z"),
        path("k", "diff?from=2020-01-01T00:00:00Z&to=current"),
        path("k", "export?values=true"),
        path("k", "operations?list=receipts&limit=3"),
        format!("{ADMIN}/universes/1/data-stores/S/sessions?after=6:globalk&limit=1000"),
        format!("{ADMIN}/servers?after={:032x}", 7),
        format!("{ADMIN}/universes/1/log?limit=1"),
    ];
    paths.iter().map(|path| Call::new("GET", path)).collect()
}

/// A change of the record `k`.
pub(crate) fn change(change: &str, dry_run: bool) -> Call {
    change_of("k", change, dry_run)
}

fn change_of(key: &str, change: &str, dry_run: bool) -> Call {
    let body = format!(
        r#"{{"operator":"alice","reason":"ticket 81","dryRun":{dry_run},"change":{change}}}"#
    );
    Call::new("POST", &path(key, "change")).json(body)
}

async fn done(world: &World, what: &Value) -> Value {
    world.call(change(&what.to_string(), false)).await.ok().json()
}

async fn refused(world: &World, what: &Value, status: u16, code: &str) -> Answer {
    world.call(change(&what.to_string(), false)).await.expect(status, code)
}

async fn record(world: &World) -> Value {
    world.get(&path("k", "record")).await.ok().json()
}

#[tokio::test]
async fn a_record_is_looked_at_changed_put_back_and_deleted() {
    for world in World::both().await {
        let missing = record(&world).await;
        assert_eq!((&missing["state"], &missing["lease"]), (&Value::Null, &Value::Null));
        world.set("k", r#"{"coins":5,"items":["a"]}"#).await;
        let first = record(&world).await;
        assert_eq!(first["entry"], "1/S/global/k");
        assert_eq!(first["state"]["value"], json!({"coins": 5, "items": ["a"]}));
        let edits = json!([
            {"set": {"path": "items[1]", "value": {"b": null}}},
            {"add": {"path": "coins", "amount": 10}},
            {"remove": {"path": "items[0]"}},
        ]);
        let update = json!({"update": {"edits": edits, "ifValue": first["state"]["value"]}});
        let plan = world.call(change(&update.to_string(), true)).await.ok().json();
        assert_eq!(plan["changed"]["dryRun"], true);
        assert_eq!(record(&world).await["state"], first["state"]);
        let changed = done(&world, &update).await;
        let changed = &changed["changed"];
        assert_eq!(
            (&changed["dryRun"], &changed["before"]),
            (&json!(false), &first["state"]["revision"])
        );
        let value = record(&world).await["state"]["value"].clone();
        assert_eq!(value, json!({"coins": 15, "items": [{"b": null}]}));
        // The same once more, and it holds something else by now.
        refused(&world, &update, 409, "TransactionCancelled").await;

        let history = world.get(&path("k", "history")).await.ok().json();
        assert_eq!(history["items"].as_array().unwrap().len(), 2);
        let page = world.get(&path("k", "history?limit=1&oldestFirst=true")).await.ok().json();
        assert_eq!(page["items"][0]["revision"], first["state"]["revision"]);
        let next = page["next"].as_str().unwrap();
        let page = format!("history?limit=1&oldestFirst=true&after={next}");
        let page = world.get(&path("k", &page)).await.ok().json();
        assert_eq!(page["items"][0]["revision"], changed["after"]);
        let from = first["state"]["revision"].as_str().unwrap();
        let diff = world.get(&path("k", &format!("diff?from={from}"))).await.ok().json();
        let coins = json!({"path": "coins", "before": 5, "after": 15});
        assert!(diff["differences"].as_array().unwrap().contains(&coins), "{diff}");

        let restored = done(&world, &json!({"restore": {"to": from}})).await;
        assert_eq!(restored["changed"]["before"], changed["after"]);
        assert_eq!(record(&world).await["state"]["value"], first["state"]["value"]);
        let export = world.get(&path("k", "export?values=true")).await.ok().json();
        assert_eq!(export["history"].as_array().unwrap().len(), 3);
        let wrong = json!({"delete": {"confirmation": "delete k"}});
        refused(&world, &wrong, 400, "DeleteConfirmationMismatch").await;
        done(&world, &json!({"delete": {"confirmation": "delete 1/S/global/k"}})).await;
        assert_eq!(record(&world).await["state"]["deleted"], true);
        assert_eq!(world.stored("k").await, None);
        world.check_alive().await;
    }
}

#[tokio::test]
async fn operations_are_queued_listed_and_ended() {
    for world in World::both().await {
        let add = |id: &str| json!({"queue": {"id": id, "kind": "steadfast.add", "payload": {"path": "coins", "amount": 1}}});
        for id in ["g-1", "g-2", "g-3"] {
            let queued = done(&world, &add(id)).await;
            assert_eq!(
                (&queued["queued"]["new"], &queued["queued"]["state"]),
                (&json!(true), &json!("pending"))
            );
        }
        assert_eq!(done(&world, &add("g-1")).await["queued"]["new"], false);
        let list = |query: &str| world.get(&path("k", &format!("operations{query}")));
        let page = list("?limit=2").await.ok().json();
        assert_eq!(page["items"][1]["id"], "g-2");
        assert_eq!(page["items"][1]["payload"], json!({"path": "coins", "amount": 1}));
        let next = format!("?after={}", page["next"].as_str().unwrap());
        let page = list(&next).await.ok().json();
        assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!("g-3"), &Value::Null));
        let ended = done(&world, &json!({"cancel": {"id": "g-1"}})).await;
        assert_eq!(ended, json!({"ended": {"id": "g-1", "holder": null, "dryRun": false}}));
        done(&world, &json!({"fail": {"id": "g-2"}})).await;
        let verdicts = list("").await.ok().json();
        assert_eq!(verdicts["items"][0]["verdict"], "cancel");
        assert_eq!(verdicts["items"][1]["verdict"], "fail");
        let one = list("?id=g-3").await.ok().json();
        assert_eq!(
            (&one["items"][0]["state"], &one["items"][1]),
            (&json!("pending"), &Value::Null)
        );
        assert_eq!(list("?id=unknown").await.ok().json()["items"], json!([]));
        assert_eq!(list("?list=dead").await.ok().json()["items"], json!([]));
        assert_eq!(record(&world).await["ledger"]["pending"], 3);

        // The next session carries all of it out.
        let p = world.steadfast.values("S").await.unwrap().open("k").await.unwrap();
        wait_for(&p, "coins", 1).await;
        p.release().await.unwrap();
        let receipts = list("?list=receipts").await.ok().json();
        let states: Vec<_> =
            receipts["items"].as_array().unwrap().iter().map(|item| &item["state"]).collect();
        assert_eq!(states, ["cancelled", "failed", "applied"]);
        assert_eq!(receipts["items"][1]["code"], "HandlerFailed");
        assert!(receipts["items"][2].get("code").is_none());
        let dead = list("?list=dead").await.ok().json();
        assert_eq!(
            (&dead["items"][0]["id"], &dead["items"][0]["error"], &dead["items"][0]["code"]),
            (&json!("g-2"), &json!("ticket 81"), &json!("HandlerFailed"))
        );
        let requeue = json!({"requeue": {"letter": "g-2", "id": "g-4"}});
        assert_eq!(done(&world, &requeue).await["queued"]["new"], true);
        assert_eq!(list("?list=dead").await.ok().json()["items"][0]["requeuedAs"], "g-4");
        refused(&world, &json!({"cancel": {"id": "g-1"}}), 409, "OperationSettled").await;
        let compacted = done(&world, &json!({"compact": {}})).await;
        assert_eq!(compacted["compacted"]["after"]["dead"], 1);
    }
}

/// Waits until an open session has so much at a path.
async fn wait_for(p: &steadfast::Session<steadfast::Dynamic>, path: &str, amount: i64) {
    while p.get(path).unwrap() != Some(amount.into()) {
        p.next_event().await.expect("the session goes on");
    }
}

#[tokio::test]
async fn do5_a_gift_reaches_an_open_session_and_nobody_is_disconnected() {
    for world in World::both().await {
        let p = world.steadfast.values("S").await.unwrap().open("k").await.unwrap();
        p.edit(|draft| Ok(draft.set("coins", 5).map(|_| ())?)).unwrap();
        let sessions = format!("{ADMIN}/universes/1/data-stores/S/sessions");
        let held = world.get(&sessions).await.ok().json();
        assert_eq!(held["items"][0]["key"], "k");
        assert_eq!(held["items"][0]["lease"]["liveness"], "alive");
        let servers = world.get(&format!("{ADMIN}/servers")).await.ok().json();
        assert_eq!(servers["items"][0]["server"], held["items"][0]["lease"]["server"]);
        let gift = json!({"queue": {
            "id": "gift-1", "kind": "steadfast.add", "payload": {"path": "coins", "amount": 100},
        }});
        let queued = done(&world, &gift).await;
        assert_eq!(queued["queued"]["holder"], held["items"][0]["lease"]["server"]);
        wait_for(&p, "coins", 105).await;
        done(&world, &json!({"editOnline": {"add": {"path": "coins", "amount": 1}}})).await;
        wait_for(&p, "coins", 106).await;
        assert_eq!(p.state(), SessionState::Active);
        // It is still the same session, and an edit behind its back is refused.
        let update = json!({"update": {"edits": [{"remove": {"path": "coins"}}]}});
        refused(&world, &update, 409, "ActiveLease").await;
        refused(&world, &json!({"compact": {}}), 409, "ActiveLease").await;
        assert_eq!(record(&world).await["lease"], held["items"][0]["lease"]);
        p.release().await.unwrap();
        assert_eq!(record(&world).await["state"]["value"]["coins"], 106);
    }
}

#[tokio::test]
async fn a_lease_is_taken_by_its_fence_or_stolen() {
    for world in World::both().await {
        let p = world.steadfast.values("S").await.unwrap().open("k").await.unwrap();
        let fence = record(&world).await["lease"]["fence"].clone();
        let other = format!("9.{:032x}", 9);
        let release = |fence: &Value| json!({"release": {"fence": fence}});
        refused(&world, &release(&json!(other)), 409, "LeaseTokenMismatch").await;
        refused(&world, &release(&json!("x")), 400, "InvalidRequest").await;
        let taken = done(&world, &release(&fence)).await;
        assert_eq!(taken["taken"]["fence"], fence);
        while p.state() == SessionState::Active {
            drop(p.save());
            p.next_event().await;
        }
        refused(&world, &json!({"steal": {}}), 409, "Conflict").await;
        assert_eq!(record(&world).await["lease"], Value::Null);
        assert_eq!(record(&world).await["ends"][0]["how"], "stolen");
    }
}

/// How long a holder is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Two processes over one store: a server, and a game server that keeps what it has.
async fn beside_a_game_server(open_timeout: Duration, config: Config) -> (World, Steadfast) {
    let start = tokio::time::Instant::now();
    let now = move || {
        let passed = i64::try_from(start.elapsed().as_millis()).unwrap() * 10_000;
        Timestamp::from_ticks(18_000_000_000_000_000 + passed)
    };
    let rows: Arc<dyn Backend> = Arc::new(MemoryBackend::new(now));
    let options = |release_on_hand_off| Options {
        sessions: SessionSettings {
            // A thief gives the holder less time than anybody waits.
            renew_every: Duration::from_millis(50),
            margin: Duration::from_millis(50),
            watch: Duration::from_millis(150),
            poll_every: Duration::from_millis(25),
            open_timeout,
            release_on_hand_off,
            ..SessionSettings::default()
        },
        ownership: Ownership::Shared,
        operations: OperationSettings {
            pending_max: 2,
            payload_size_max: 100,
            ..OperationSettings::default()
        },
        ..Options::default()
    };
    let game = Steadfast::over(Arc::clone(&rows), options(false)).unwrap();
    let desk = Steadfast::over(rows, options(true)).unwrap();
    (World::start(desk, config, None).await, game)
}

#[tokio::test]
async fn a_restore_of_a_record_that_its_holder_keeps_is_refused_unless_by_force() {
    let (world, game) = beside_a_game_server(PATIENCE, config()).await;
    world.set("k", r#"{"coins":5}"#).await;
    let first = record(&world).await["state"]["revision"].clone();
    let p = game.values("S").await.unwrap().open("k").await.unwrap();
    p.edit(|draft| Ok(draft.set("coins", 7).map(|_| ())?)).unwrap();
    p.checkpoint().await.unwrap();
    let holder = record(&world).await["lease"]["server"].as_str().unwrap().to_owned();
    let update = json!({"update": {"edits": [{"remove": {"path": "coins"}}]}});
    let active = refused(&world, &update, 409, "ActiveLease").await;
    assert!(active.body.contains(&holder), "{active:?}");
    let late = refused(&world, &json!({"restore": {"to": first}}), 429, "LockTimeout").await;
    assert!(late.body.contains(&holder), "{late:?}");
    assert_eq!(record(&world).await["state"]["value"]["coins"], 7);
    assert_eq!(p.state(), SessionState::Active);
    done(&world, &json!({"restore": {"to": first, "force": true}})).await;
    assert_eq!(record(&world).await["state"]["value"]["coins"], 5);
}

#[tokio::test]
async fn a_change_goes_on_to_its_line_in_the_log_behind_a_request_that_ended() {
    let config = Config { request_timeout: Duration::from_secs(1), ..config() };
    let (world, game) = beside_a_game_server(Duration::from_secs(2), config).await;
    world.set("k", r#"{"coins":5}"#).await;
    let first = record(&world).await["state"]["revision"].clone();
    let _p = game.values("S").await.unwrap().open("k").await.unwrap();
    refused(&world, &json!({"restore": {"to": first}}), 504, "OutcomeUnknown").await;
    let log = || async { world.get(&format!("{ADMIN}/universes/1/log")).await.ok().json() };
    assert_eq!(log().await["items"][0]["state"], "started");
    let mut line = log().await["items"][0].clone();
    while line["state"] == "started" {
        line = log().await["items"][0].clone();
    }
    assert_eq!((&line["state"], &line["code"]), (&json!("refused"), &json!("LockTimeout")));
}

#[tokio::test]
async fn every_refusal_has_its_code_and_its_status() {
    let (world, _game) = beside_a_game_server(PATIENCE, config()).await;
    world.set("k", r#"{"name":"x"}"#).await;
    let queue =
        |id: &str, payload: Value| json!({"queue": {"id": id, "kind": "k", "payload": payload}});
    done(&world, &queue("o-1", json!(1))).await;
    done(&world, &queue("o-2", json!(1))).await;
    let edit = |edit: Value| json!({"update": {"edits": [edit]}});
    let ahead = json!({"queue": {
        "id": "o-9", "kind": "k", "payload": 1, "issuedAt": "2999-01-01T00:00:00Z",
    }});
    for (change, status, code) in [
        (queue("o-1", json!(2)), 409, "OperationPayloadMismatch"),
        (queue("o-3", json!(1)), 429, "InboxFull"),
        (queue("o-3", json!("x".repeat(100))), 400, "OperationPayloadTooLarge"),
        (ahead, 400, "InvalidTimestamp"),
        (queue("", json!(1)), 400, "InvalidRequest"),
        (json!({"cancel": {"id": "unknown"}}), 404, "OperationNotFound"),
        (json!({"fail": {"id": "unknown"}}), 404, "OperationNotFound"),
        (json!({"requeue": {"letter": "o-1", "id": "o-4"}}), 404, "DeadLetterNotFound"),
        (json!({"restore": {"to": "unknown"}}), 404, "VersionNotFound"),
        (json!({"restore": {"to": "2020-01-01T00:00:00Z"}}), 404, "VersionNotFound"),
        (edit(json!({"set": {"path": "a.b.c", "value": 1}})), 404, "PathNotFound"),
        (edit(json!({"set": {"path": "a[", "value": 1}})), 400, "InvalidRequest"),
        (edit(json!({"add": {"path": "name", "amount": 1}})), 400, "InvalidData"),
        (edit(json!({"add": {"path": "coins", "amount": "1"}})), 400, "InvalidRequest"),
        (edit(json!({"remove": {"path": "none"}})), 404, "PathNotFound"),
        (json!({"steal": {}}), 409, "Conflict"),
        (json!({"steal": {"more": 1}}), 400, "InvalidBody"),
        (json!({"explode": {}}), 400, "InvalidBody"),
    ] {
        // A dry run refuses alike, and then it is really tried.
        for dry_run in [true, false] {
            let call = self::change(&change.to_string(), dry_run);
            let answer = world.call(call).await;
            let said = (answer.status, answer.json()["code"].as_str().unwrap().to_owned());
            assert_eq!(said, (status, code.to_owned()), "{change} {dry_run}: {answer:?}");
        }
    }
    let of_missing =
        change_of("missing", &edit(json!({"remove": {"path": "x"}})).to_string(), false);
    world.call(of_missing).await.expect(404, "EntryNotFound");
    for body in [
        r#"{"operator":"alice","reason":" ","change":{"steal":{}}}"#,
        r#"{"operator":"","reason":"r","change":{"steal":{}}}"#,
    ] {
        let call = Call::new("POST", &path("k", "change")).json(body);
        world.call(call).await.expect(400, "InvalidRequest");
    }
    let call = Call::new("POST", &path("k", "change")).raw_body("{}");
    world.call(call).await.expect(400, "InvalidBody");
    for (query, code) in [
        ("history?limit=0", "InvalidQuery"),
        ("history?limit=1001", "InvalidQuery"),
        ("history?after=x", "InvalidRequest"),
        ("history?since=x", "InvalidQuery"),
        ("operations?list=x", "InvalidQuery"),
        ("export?values=x", "InvalidQuery"),
    ] {
        world.get(&path("k", query)).await.expect(400, code);
    }
    world.get(&path("k", "history?limit=1000")).await.ok();
    world.get(&path("k", "diff?from=unknown")).await.expect(404, "VersionNotFound");
    world.get(&path("never", "export")).await.expect(404, "EntryNotFound");
    for path in ["servers?after=x", "universes/1/data-stores/S/sessions?after=x"] {
        world.get(&format!("{ADMIN}/{path}")).await.expect(400, "InvalidRequest");
    }
    for path in ["universes/x/log", "universes/1/data-stores/__steadfast_x/sessions"] {
        world.get(&format!("{ADMIN}/{path}")).await.expect(400, "InvalidPath");
    }
}

async fn with_operations(operations: OperationSettings) -> World {
    let options = Options { operations, ..Options::default() };
    World::start(Steadfast::in_memory(options).unwrap(), config(), None).await
}

fn gift(id: &str, issued_at: &str) -> Value {
    json!({"queue": {
        "id": id, "kind": "steadfast.add", "payload": {"path": "coins", "amount": 1},
        "issuedAt": issued_at,
    }})
}

#[tokio::test]
async fn do3_an_id_that_may_have_been_applied_long_ago_is_refused() {
    let defaults = OperationSettings::default();
    let world =
        with_operations(OperationSettings { receipts_max: 1, kept_max: 1, ..defaults }).await;
    let times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"];
    for (index, time) in times.iter().enumerate() {
        done(&world, &gift(&format!("g-{index}"), time)).await;
    }
    let p = world.steadfast.values("S").await.unwrap().open("k").await.unwrap();
    wait_for(&p, "coins", 3).await;
    p.release().await.unwrap();
    // One full receipt, one id, and the oldest is forgotten.
    assert_eq!(record(&world).await["ledger"]["horizon"], times[0]);
    refused(&world, &gift("g-0", times[0]), 409, "OperationExpired").await;
    done(&world, &gift("g-9", times[1])).await;
}

#[tokio::test]
async fn a_ledger_without_room_refuses_operations() {
    let defaults = OperationSettings::default();
    let world = with_operations(OperationSettings { ledger_size_max: 1, ..defaults }).await;
    refused(&world, &gift("g-1", "2026-01-01T00:00:00Z"), 429, "LedgerFull").await;
    assert_eq!(record(&world).await["ledger"]["pending"], 0);
}

#[tokio::test]
async fn the_log_has_who_why_what_and_how_it_ended() {
    let world = World::new().await;
    world.set("k", r#"{"coins":5}"#).await;
    let update = json!({"update": {"edits": [{"add": {"path": "coins", "amount": 1}}]}});
    world.call(change(&update.to_string(), true)).await.ok();
    let changed = done(&world, &update).await;
    refused(&world, &json!({"cancel": {"id": "x"}}), 404, "OperationNotFound").await;
    let log = world.get(&format!("{ADMIN}/universes/1/log")).await.ok().json();
    // The newest first, and nothing of the dry run.
    assert_eq!(log["items"].as_array().unwrap().len(), 2, "{log}");
    let line = |index: usize, name: &str| log["items"][index][name].clone();
    assert_eq!((line(0, "state"), line(0, "code")), (json!("refused"), json!("OperationNotFound")));
    for (name, value) in [
        ("operator", json!("alice")),
        ("reason", json!("ticket 81")),
        ("action", json!("update")),
        ("store", json!("S")),
        ("scope", json!("global")),
        ("key", json!("k")),
        ("state", json!("done")),
        ("after", changed["changed"]["after"].clone()),
    ] {
        assert_eq!(line(1, name), value, "{name}");
    }
    let page = world.get(&format!("{ADMIN}/universes/1/log?limit=1")).await.ok().json();
    let next = page["next"].as_str().unwrap();
    let page = world.get(&format!("{ADMIN}/universes/1/log?limit=1&after={next}")).await.ok();
    assert_eq!(page.json()["items"][0], log["items"][1]);
}

#[tokio::test]
async fn h_03_an_administrator_of_some_data_stores_changes_no_others() {
    let world = World::new().await;
    world.call(Call::new("POST", &v1("T", "k")).json("1")).await.ok();
    let scopes = BTreeSet::from([KeyScope::Admin]);
    let (universes, stores) = (Only::These([UniverseId(1)].into()), Only::Any);
    let universe = world.new_key(NewKey { universes, stores, ..new_key(scopes.clone()) }).await;
    let stores = Only::These([StoreName::trusted("S")].into());
    let store = world.new_key(NewKey { stores, ..new_key(scopes) }).await;
    let get = |path: String, key: &str| world.send(&Call::new("GET", &path).key(key));
    get(path("k", "record"), &store).await.ok();
    get(path("k", "record").replace("/S/", "/T/"), &store).await.expect(403, "InsufficientScope");
    get(path("k", "record").replace("universes/1", "universes/2"), &universe)
        .await
        .expect(403, "InsufficientScope");
    let sessions = format!("{ADMIN}/universes/1/data-stores/T/sessions");
    get(sessions.clone(), &store).await.expect(403, "InsufficientScope");
    get(sessions, &universe).await.ok();
    // The log names records of every data store.
    get(format!("{ADMIN}/universes/1/log"), &store).await.expect(403, "InsufficientScope");
    get(format!("{ADMIN}/universes/2/log"), &universe).await.expect(403, "InsufficientScope");
    get(format!("{ADMIN}/universes/1/log"), &universe).await.ok();
    let call = change(r#"{"delete":{"confirmation":"delete 1/T/global/k"}}"#, false);
    let other = Call::new("POST", &path("k", "change").replace("/S/", "/T/"));
    let call =
        other.json(String::from_utf8(call.bytes()).unwrap().split("\r\n\r\n").nth(1).unwrap());
    world.send(&call.key(&store)).await.expect(403, "InsufficientScope");
}
