//! Budgets under the limits of the live service, in virtual time: the clock moves when a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use steadfast::storage::{Fault, FaultyBackend, MemoryBackend};
use steadfast::{Options, Steadfast};
use steadfast_core::budget::Rates;
use steadfast_core::key::KeyScope;
use steadfast_core::{Limits, Monotonic, Timestamp};
use steadfast_server::Config;
use steadfast_server::config::{BudgetClock, Budgets};

use crate::admin::recorder;
use crate::client::{Answer, Call, V2};
use crate::pages::{V1_ENTRIES, V1_STORES, V2_STORES};
use crate::world::{World, config, v1, v2};

const MIB: usize = 1024 * 1024;
const WINDOW: Duration = Duration::from_mins(1);
const NANO: Duration = Duration::from_nanos(1);

/// A clock that stands still.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    fn config(&self, settings: &str) -> Config {
        let nanos = Arc::clone(&self.0);
        let read = move || Monotonic::from_nanos(nanos.load(Ordering::SeqCst));
        let budgets: Budgets = serde_json::from_str(settings).unwrap();
        Config { budgets: Budgets { clock: BudgetClock::new(read), ..budgets }, ..config() }
    }
}

/// A server with the live service's limits and these settings.
async fn roblox(settings: &str) -> (World, Clock) {
    let clock = Clock::default();
    (World::with(Limits::roblox(), clock.config(settings)).await, clock)
}

/// The same with other rates.
async fn with_rates(rates: Rates) -> (World, Clock) {
    let (clock, limits) = (Clock::default(), Limits { rates: Some(rates), ..Limits::roblox() });
    (World::with(limits, clock.config("{}")).await, clock)
}

/// Makes a write of a value of some size.
type Write = fn(&str, usize) -> Call;

fn set(key: &str, size: usize) -> Call {
    Call::new("POST", &v1("S", key)).json(value(size))
}

fn update(key: &str, size: usize) -> Call {
    let path = format!("{}?allowMissing=true", v2(key));
    Call::new("PATCH", &path).json(format!("{{\"value\":{}}}", value(size)))
}

fn value(size: usize) -> String {
    if size == 1 { "1".into() } else { format!("\"{}\"", "x".repeat(size - 2)) }
}

#[track_caller]
fn check_standing(answer: &Answer, limit: u64, remaining: u64) {
    assert_eq!(answer.header("x-ratelimit-limit"), format!("{limit}, {limit};w=60"));
    assert_eq!(answer.header("x-ratelimit-remaining"), remaining.to_string(), "{answer:?}");
    let reset: u64 = answer.header("x-ratelimit-reset").parse().unwrap();
    assert!(reset <= 61 && (reset <= 60 || answer.status == 429), "{answer:?}");
}

/// Checks a refusal by a budget, with the seconds after which to come again.
#[track_caller]
fn check_refused(answer: Answer, error: &str, pool: &str, seconds: u64) {
    let is_v1 = answer.body.contains("errorDetails");
    let answer = answer.expect(429, if is_v1 { "TooManyRequests" } else { "RESOURCE_EXHAUSTED" });
    let body = answer.json();
    assert_eq!(body[if is_v1 { "error" } else { "code" }], "RESOURCE_EXHAUSTED");
    let message = body["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("{error}: the budget `{pool}` ")), "{message}");
    assert_eq!(answer.header("retry-after"), seconds.to_string(), "{answer:?}");
    assert_eq!(answer.header("x-ratelimit-reset"), seconds.to_string(), "{answer:?}");
    assert_eq!(answer.header("x-ratelimit-remaining"), "0");
}

/// Checks that a pool of requests grants `limit` of these and then none until a minute is over.
async fn check_pool(world: &World, clock: &Clock, limit: u64, call: &Call, names: (&str, &str)) {
    for left in (0..limit).rev() {
        let answer = world.call(call.clone()).await;
        assert!(answer.status < 400 || answer.status == 404, "{answer:?}");
        check_standing(&answer, limit, left);
        assert_eq!(answer.find_header("retry-after"), None);
    }
    clock.advance(Duration::from_millis(500));
    check_refused(world.call(call.clone()).await, names.0, names.1, 60);
    clock.advance(Duration::from_millis(59_500));
    check_refused(world.call(call.clone()).await, names.0, names.1, 1);
    clock.advance(NANO);
    check_standing(&world.call(call.clone()).await, limit, limit - 1);
    clock.advance(WINDOW * 2);
}

#[tokio::test]
async fn b_50_and_b_51_v1_takes_300_writes_and_300_reads_of_a_universe_in_a_minute() {
    let (world, clock) = roblox(r#"{"ccu": 1000}"#).await;
    let too_many = |pool| ("TooManyRequests", pool);
    check_pool(&world, &clock, 300, &set("k", 1), too_many("v1_standard_write_count")).await;
    let get = Call::new("GET", &v1("S", "k"));
    check_pool(&world, &clock, 300, &get, too_many("v1_standard_read_count")).await;
    // Removals of what is not there count as well, and as writes.
    for _ in 0..299 {
        world.call(Call::new("DELETE", &v1("S", "no"))).await;
    }
    world.set("k", "1").await;
    let refused = world.call(Call::new("DELETE", &v1("S", "k"))).await;
    check_refused(refused, "TooManyRequests", "v1_standard_write_count", 61);
    assert_eq!(world.stored("k").await.as_deref(), Some("1"), "what is refused is not done");
    let other = v1("S", "k").replace("universes/1/", "universes/2/");
    world.call(Call::new("POST", &other).json("1")).await.ok();
}

#[tokio::test]
async fn b_20_to_b_23_v2_takes_requests_by_kind_and_players() {
    // With two players, in a universe and with one in another.
    let (world, clock) = roblox(r#"{"ccu": 2, "universes": {"9": {"ccu": 1}}}"#).await;
    let names = |name, pool| (name, pool);
    let write = names("StandardWriteExperienceThrottled", "experience_standard_write");
    check_pool(&world, &clock, 340, &update("k", 1), write).await;
    let read = names("StandardReadExperienceThrottled", "experience_standard_read");
    check_pool(&world, &clock, 380, &Call::new("GET", &v2("k")), read).await;
    let remove = names("StandardRemoveExperienceThrottled", "experience_standard_remove");
    check_pool(&world, &clock, 380, &Call::new("DELETE", &v2("k")), remove).await;
    let create = format!("{V2}?id=new").replace("universes/1/", "universes/9/");
    let create = world.call(Call::new("POST", &create).json(r#"{"value":1}"#)).await.ok();
    check_standing(&create, 320, 319);
}

#[tokio::test]
async fn b_22_lists_have_a_pool_of_their_own_and_deletions_of_data_stores_that_of_removals() {
    let (world, clock) = roblox(r#"{"ccu": 2}"#).await;
    world.set("k", "1").await;
    let list = ("StandardListExperienceThrottled", "experience_standard_list");
    for path in [V2_STORES, V2, &v2("k:listRevisions"), &v2("missing:listRevisions")] {
        check_pool(&world, &clock, 304, &Call::new("GET", path), list).await;
    }
    let remove = ("StandardRemoveExperienceThrottled", "experience_standard_remove");
    let store = format!("{V2_STORES}/S");
    let undelete = Call::new("POST", &format!("{store}:undelete"));
    check_pool(&world, &clock, 380, &Call::new("DELETE", &store), remove).await;
    check_pool(&world, &clock, 380, &undelete, remove).await;
    // What is refused as wrong looks nothing up, and costs nothing.
    let wrong = world.get(&format!("{V2}?pageToken=x")).await.expect(400, "INVALID_ARGUMENT");
    check_standing(&wrong, 1_000_000, 1_000_000);
}

#[tokio::test]
async fn b_51_lists_of_v1_are_reads_as_large_as_their_bodies() {
    let (world, clock) = roblox("{}").await;
    world.set("k", "1").await;
    for path in [
        V1_STORES.to_owned(),
        format!("{V1_ENTRIES}?datastoreName=S"),
        format!("{V1_ENTRIES}/entry/versions?datastoreName=S&entryKey=k"),
    ] {
        let reads = ("TooManyRequests", "v1_standard_read_count");
        check_pool(&world, &clock, 300, &Call::new("GET", &path), reads).await;
    }
    let (world, clock) = roblox(r#"{"universes": {"1": {"v1_standard_read_kib": 3}}}"#).await;
    for index in 0..40 {
        world.set(&format!("key-{index:02}"), "1").await;
    }
    let list = |limit: usize| format!("{V1_ENTRIES}?datastoreName=S&limit={limit}");
    let long = world.get(&list(40)).await.ok();
    assert!((1_025..=2_048).contains(&long.body.len()), "{long:?}");
    let refused = world.get(&list(40)).await;
    assert!(!refused.body.contains("key-"), "{refused:?}");
    check_refused(refused, "TooManyRequests", "v1_standard_read_size", 61);
    world.get(&list(1)).await.ok();
    check_refused(world.get(&list(1)).await, "TooManyRequests", "v1_standard_read_size", 61);
    clock.advance(WINDOW + NANO);
    world.get(&list(40)).await.ok();
}

#[tokio::test]
async fn t_01_lists_of_revisions_and_reads_of_versions_are_reads_of_their_entry() {
    let (world, clock) = roblox(r#"{"universes": {"1": {"key_read_kib": 4}}}"#).await;
    let written = world.set("k", &value(2_000)).await.json();
    let version = written["version"].as_str().unwrap();
    let versions = format!("{V1_ENTRIES}/entry/versions?datastoreName=S&entryKey=k");
    let read = format!("{V1_ENTRIES}/entry/versions/version?datastoreName=S&entryKey=k");
    let read = format!("{read}&versionId={version}");
    let revisions = v2("k:listRevisions");
    // A list is as large as its body, a version as its value.
    for (paths, last) in [
        ([&read, &versions, &revisions], &versions),
        ([&revisions, &read, &versions], &revisions),
        ([&versions, &revisions, &read], &read),
    ] {
        for path in paths {
            world.get(path).await.ok();
        }
        check_refused(world.get(last).await, "KeyThrottled", "key_read", 61);
        world.get(&v2("other")).await.expect(404, "");
        clock.advance(WINDOW + NANO);
    }
}

#[tokio::test]
async fn b_27_and_b_54_snapshots_are_60_a_minute_of_an_owner_and_outside_the_other_pools() {
    let (world, clock) = roblox("{}").await;
    let snapshot = Call::new("POST", &format!("{V2_STORES}:snapshot"));
    let names = ("TooManyRequests", "owner_snapshot");
    check_pool(&world, &clock, 60, &snapshot, names).await;
    for _ in 0..60 {
        world.call(snapshot.clone()).await.ok();
    }
    // One that is not allowed costs nothing, and tells how many there are.
    let reader = world.key(&[KeyScope::EntryRead]).await;
    let denied = world.send(&snapshot.clone().key(&reader)).await.expect(403, "PERMISSION_DENIED");
    check_standing(&denied, 60, 60);
    let other = world.key(&[KeyScope::StoreSnapshot]).await;
    check_standing(&world.send(&snapshot.key(&other)).await.ok(), 60, 59);
    check_standing(&world.call(update("k", 1)).await.ok(), 300, 299);
}

#[tokio::test]
async fn b_54_an_owner_is_counted_over_universes_and_apart_from_others() {
    for (rates, call, pool) in [
        (Rates { owner_v1_standard_count: 3, ..Rates::roblox() }, set("k", 1), "owner_v1_standard"),
        (Rates { owner_v2_count: 3, ..Rates::roblox() }, update("k", 1), "owner_v2"),
    ] {
        let (world, clock) = with_rates(rates).await;
        check_pool(&world, &clock, 3, &call, ("TooManyRequests", pool)).await;
        for _ in 0..3 {
            world.call(call.clone()).await.ok();
        }
        assert_eq!(world.call(call.clone()).await.status, 429);
        let other = world.key(&KeyScope::ALL).await;
        world.send(&call.key(&other)).await.ok();
    }
}

#[tokio::test]
async fn t_02_one_value_of_the_largest_size_is_written_in_a_minute() {
    let doors: [(Write, Write); 2] = [(set, update), (update, set)];
    for (first, second) in doors {
        let (world, clock) = roblox("{}").await;
        world.call(first("k", 4 * MIB)).await.ok();
        clock.advance(Duration::from_secs(20));
        for again in [first("k", 1), second("k", 4 * MIB), second("k", 1)] {
            check_refused(world.call(again).await, "KeyThrottled", "key_write", 41);
        }
        let delete = world.call(Call::new("DELETE", &v2("k"))).await;
        check_refused(delete, "KeyThrottled", "key_write", 41);
        world.call(second("other", 1)).await.ok();
        clock.advance(Duration::from_secs(40));
        check_refused(world.call(second("k", 1)).await, "KeyThrottled", "key_write", 1);
        clock.advance(NANO);
        world.call(second("k", 4 * MIB)).await.ok();
    }
}

#[tokio::test]
async fn t_03_and_t_04_the_limit_itself_is_granted_in_whole_kb() {
    for (size, status) in [(MIB - 1024, 200), (MIB, 200), (MIB + 1, 429)] {
        let (world, _) = roblox("{}").await;
        world.call(update("k", 3 * MIB)).await.ok();
        assert_eq!(world.call(update("k", size)).await.status, status, "{size}");
    }
    let (world, _) = roblox(r#"{"universes": {"1": {"key_write_kib": 3}}}"#).await;
    world.call(update("k", 800)).await.ok();
    world.call(update("k", 1_229)).await.ok();
    assert_eq!(world.call(update("k", 1)).await.status, 429);
}

#[tokio::test]
async fn t_01_reads_of_an_entry_are_25_mb_and_what_is_refused_is_not_shown() {
    let (world, clock) = roblox("{}").await;
    world.call(set("k", 4 * MIB)).await.ok();
    for _ in 0..6 {
        world.get(&v2("k")).await.ok();
    }
    clock.advance(Duration::from_secs(1));
    let refused = world.get(&v2("k")).await;
    assert!(refused.body.len() < 1024);
    check_refused(refused, "KeyThrottled", "key_read", 60);
    // T-08: 1 MB is left, for either door.
    world.call(set("small", 1)).await.ok();
    clock.advance(WINDOW);
    world.call(set("k", MIB)).await.ok();
    for _ in 0..25 {
        world.get(&v2("k")).await.ok();
    }
    check_refused(world.get(&v1("S", "k")).await, "KeyThrottled", "key_read", 61);
}

#[tokio::test]
async fn t_05_a_missing_entry_is_1_kb_and_another_spelling_is_the_same_request() {
    let settings = r#"{"universes": {"1": {"key_read_kib": 2}}}"#;
    for path in [v2("no"), v1("S", "no")] {
        let (world, _) = roblox(settings).await;
        world.get(&path).await.expect(404, "");
        world.get(&path).await.expect(404, "");
        check_refused(world.get(&path).await, "KeyThrottled", "key_read", 61);
    }
    // `k%40r2` is the entry `k@r2`, or `k` at a revision: two looks.
    let (world, clock) = roblox(settings).await;
    world.call(set("k", 1)).await.ok();
    check_standing(&world.get(&v2("k%40r2")).await, 300, 299);
    check_standing(&world.get(&v2("k")).await, 300, 298);
    // T-08: the entry `k` has no room, and so the look at `k@r2` is not charged for.
    for _ in 0..3 {
        check_refused(world.get(&v2("k%40r2")).await, "KeyThrottled", "key_read", 61);
    }
    check_standing(&world.get(&v2("k@r2")).await.expect(429, ""), 300, 0);
    check_standing(&world.get(&v2("other")).await, 300, 297);
    clock.advance(WINDOW + NANO);
    world.get(&v2("k")).await.ok();
}

#[tokio::test]
async fn b_50_and_b_51_v1_takes_10_mb_written_and_20_mb_read_of_a_universe() {
    let (world, _) = roblox("{}").await;
    for (key, size) in [("a", 4), ("b", 4), ("c", 1)] {
        world.call(set(key, size * MIB)).await.ok();
    }
    let refused = world.call(set("d", MIB + 1)).await;
    check_refused(refused, "TooManyRequests", "v1_standard_write_size", 61);
    world.call(set("d", MIB)).await.ok();
    let refused = world.call(Call::new("DELETE", &v1("S", "a"))).await;
    check_refused(refused, "TooManyRequests", "v1_standard_write_size", 61);
    for key in ["a", "a", "a", "b", "b"] {
        world.get(&v1("S", key)).await.ok();
    }
    let refused = world.get(&v1("S", "c")).await;
    check_refused(refused, "TooManyRequests", "v1_standard_read_size", 61);
    world.get(&v2("c")).await.ok();
}

#[tokio::test]
async fn b_56_every_answer_of_open_cloud_tells_where_it_stands() {
    let (world, _) = roblox("{}").await;
    check_standing(&world.set("k", "1").await, 300, 299);
    let reader = world.key(&[KeyScope::EntryRead]).await;
    let over = world.call(set("k", 1).header("roblox-entry-userids", "[1,2,3,4,5]")).await;
    // What is refused without a look at the store costs nothing: the owner's pool is told.
    check_standing(&over.expect(400, "InvalidUserIds"), 5_000, 4_999);
    let denied = world.send(&set("k", 1).key(&reader)).await.expect(403, "InsufficientScope");
    check_standing(&denied, 5_000, 5_000);
    let path = format!("{}&exclusiveCreate=true", v1("S", "k"));
    let clash = world.call(Call::new("POST", &path).json("2")).await;
    check_standing(&clash.expect(412, ""), 300, 298);
    check_standing(&world.call(Call::new("DELETE", &v1("S", "k"))).await.expect(204, ""), 300, 297);
    check_standing(&world.get(&v2("k")).await.expect(404, "NOT_FOUND"), 300, 299);
    for (path, limit) in [(v1("S", "k"), 5_000), (v2("k"), 1_000_000)] {
        let unknown = world.send(&Call::new("GET", &path).key("wrong")).await;
        check_standing(&unknown.expect(401, "Invalid API Key"), limit, limit);
    }
    for path in ["/cloud/v2/nothing", "/datastores/v1/nothing"] {
        let nothing = world.get(path).await.expect(404, "NotFound");
        assert!(nothing.find_header("x-ratelimit-limit").is_some());
    }
    let long = world.get(&format!("{}?{}", v2("k"), "x".repeat(9_000))).await;
    check_standing(&long.expect(400, ""), 1_000_000, 1_000_000);
    for path in ["/healthz", "/steadfast/v1/admin/status", "/nothing"] {
        assert_eq!(world.get(path).await.find_header("x-ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn the_native_limits_count_nothing() {
    let clock = Clock::default();
    let world = World::with(Limits::native(), clock.config("{}")).await;
    for _ in 0..301 {
        let answer = world.set("k", "1").await;
        assert_eq!(answer.find_header("x-ratelimit-limit"), None);
    }
    for call in [set("k", 4 * MIB), update("k", 4 * MIB), set("k", 4 * MIB)] {
        world.call(call).await.ok();
    }
}

#[tokio::test]
async fn a_read_that_failed_costs_nothing_and_a_write_that_failed_counts() {
    let inner = MemoryBackend::new(|| Timestamp::from_unix_seconds(1_000_000_000));
    let backend = Arc::new(FaultyBackend::new(inner));
    let options = Options { limits: Limits::roblox(), ..Options::default() };
    let steadfast = Steadfast::over(backend.clone(), options).unwrap();
    let world = World::start(steadfast, Clock::default().config("{}"), None).await;
    check_standing(&world.set("k", "1").await, 300, 299);
    backend.plan_commits([Some(Fault::ErrorBefore)]);
    check_standing(&world.call(set("k", 1)).await.expect(502, ""), 300, 298);
    // The first read is of the key.
    backend.plan_reads([false, true]);
    check_standing(&world.get(&v1("S", "k")).await.expect(502, ""), 5_000, 4_998);
    check_standing(&world.get(&v1("S", "k")).await.ok(), 300, 299);
    backend.plan_reads([false, true]);
    check_standing(&world.get(V2).await.expect(502, ""), 1_000_000, 1_000_000);
    check_standing(&world.get(V2).await.ok(), 300, 299);
}

#[tokio::test]
async fn at_the_cap_of_windows_new_entries_are_refused() {
    let (world, clock) = roblox(r#"{"window_count_max": 6}"#).await;
    // Universe by requests and size, owner, and an entry each.
    for key in ["a", "b", "c"] {
        world.set(key, "1").await;
    }
    check_refused(world.call(set("d", 1)).await, "TooManyRequests", "windows", 61);
    world.set("a", "2").await;
    clock.advance(WINDOW + NANO);
    world.set("d", "1").await;
}

#[tokio::test]
async fn refusals_are_counted_by_pool() {
    let clock = Clock::default();
    let config = Config { metrics: Some(recorder()), ..clock.config("{}") };
    let rates = Rates { owner_v1_ordered_count: 0, key_write_kib: 7, ..Rates::roblox() };
    let world = World::with(Limits { rates: Some(rates), ..Limits::roblox() }, config).await;
    world.call(set("k", 7 * 1024)).await.ok();
    world.call(set("k", 1)).await.expect(429, "TooManyRequests");
    let shown = world.send(&Call::new("GET", "/metrics")).await.ok();
    assert!(shown.body.contains("steadfast_throttled_requests_total{pool=\"key_write\"}"));
    assert!(!shown.body.contains("pool=\"owner_v1_ordered\""));
}

#[tokio::test]
async fn concurrent_requests_take_no_more_than_there_is() {
    let (world, _) = roblox("{}").await;
    let mut calls = tokio::task::JoinSet::new();
    for index in 0..64 {
        let call = if index % 2 == 0 { update("k", MIB) } else { set("k", MIB) };
        calls.spawn(world.call(call));
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 4);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..64 {
        calls.spawn(world.get(&v2("k")));
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 25);
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.body.len() < 1024));
}
