//! Valid requests of every route, broken at random: bytes, lines, lengths and encodings.
//!
//! Whatever comes in, the server answers something that the document lists or closes the
//! connection, never 500 and never late, and goes on serving. A refused request writes nothing. A
//! failure names the case; the seed and its number make the same bytes again.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::Rng;
use steadfast_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::backends::Counter;
use crate::client::{Answer, Call, V2, split_answers};
use crate::openapi;
use crate::operators;
use crate::ordered::{ORDERED_V1, ORDERED_V2};
use crate::pages::{V1_ENTRIES, V1_STORES, V2_STORES};
use crate::unbuilt;
use crate::world::{World, config, v1, v2};

const SEED: u64 = 20_261_120;
/// Each world takes its cases one after another, so that every commit has one cause.
const WORLD_COUNT: u64 = 24;
const CASES_PER_WORLD: u64 = 200;

/// A key that may do everything, and is the same every time.
const SECRET: &str = "the-key-that-the-broken-requests-have";

/// What the server grants to a head and a body: many cases never end.
const PATIENCE: Duration = Duration::from_millis(60);
/// When the client ends its side of a connection that is not answered: the server waits longer for
/// the rest of a body that nobody wants.
const GIVE_UP: Duration = Duration::from_millis(250);
/// When the server must have closed the connection.
const DEADLINE: Duration = Duration::from_secs(10);

/// What does not belong into a request, or not there.
const ODD: &[&[u8]] = &[
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"%",
    b"%0",
    b"%00",
    b"%zz",
    b"%FF",
    b"%C3",
    b"%2F",
    b"%25",
    b"%40",
    b"%0d%0a",
    b"@",
    b"@latest",
    b"@latest:",
    b":increment",
    b":listRevisions",
    b":undelete",
    b":snapshot",
    b"/",
    b"//",
    b"/../",
    b"/./",
    b"?",
    b"&",
    b"=",
    b"#",
    b";",
    b" ",
    b"\t",
    b"-",
    b"18446744073709551616",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"{}",
    b"[[[[[[[[",
    b"\"",
    b"\\ud800",
    b"__steadfast",
    b"scopes/-/",
    b"http://x",
    b"\xef\xbb\xbf",
];

/// What may stand in a path or query and gets through the HTTP parser.
const ODD_IN_TARGET: &[&[u8]] = &[
    b"%",
    b"%0",
    b"%00",
    b"%zz",
    b"%FF",
    b"%C3",
    b"%C0%AF",
    b"%ED%A0%80",
    b"%2F",
    b"%25",
    b"%40",
    b"%0d%0a",
    b"@",
    b"@latest",
    b"@latest:",
    b"@latest:2020-01-01T00:00:00Z",
    b"@x",
    b":increment",
    b":listRevisions",
    b":undelete",
    b":snapshot",
    b"/",
    b"//",
    b"/../",
    b"?",
    b"&",
    b"=",
    b"&&",
    b"+",
    b"-",
    b"'",
    b"[]",
    b"18446744073709551616",
    b"%5F%5Fsteadfast",
    b"/scopes/-/",
    b"&scope=",
    b"&allScopes=1",
    b"&allScopes=TRUE",
    b"&matchVersion=x",
    b"&exclusiveCreate=true",
    b"&entryKey=other",
    b"&limit=0",
    b"&maxPageSize=-1",
    b"&filter=id.startsWith(%22",
    b"&cursor=AQEAAAAA",
    b"&pageToken=%22",
    b"&sortOrder=x",
    b"&startTime=2020",
    b"&versionId=x",
];

/// Header lines that change what the rest of a request means.
const LINES: &[&str] = &[
    "content-length: 0",
    "content-length: 1",
    "content-length: 99999999999999999999",
    "content-length: +5",
    "content-length: 5, 5",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: identity",
    "content-type: text/plain",
    "content-type: application/json; charset=utf-16",
    "content-encoding: gzip",
    "content-md5: x",
    "x-api-key: wrong",
    "host: y",
    "connection: upgrade",
    "upgrade: h2c",
    "roblox-entry-userids: [",
    "roblox-entry-attributes: {\"a\":[]}",
    " folded: line",
    "no colon",
    ": nameless",
];

const METHODS: &[&str] =
    &["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "BREW", ""];

/// A valid request of every list, and of every call on a data store as a whole.
fn lists() -> Vec<Call> {
    let scoped = "/cloud/v2/universes/1/data-stores/S/scopes/x/entries";
    vec![
        Call::new("GET", &format!("{V1_STORES}?prefix=S&limit=5&cursor=AQEx")),
        Call::new(
            "GET",
            &format!("{V1_ENTRIES}?datastoreName=S&AllScopes=true&prefix=x%2F&limit=5&cursor="),
        ),
        Call::new(
            "GET",
            &format!(
                "{}&scope=x&sortOrder=Descending&startTime=2020-01-01T00:00:00Z&limit=3",
                v1("S", "k").replace("/entry?", "/entry/versions?")
            ),
        ),
        Call::new(
            "GET",
            &format!(
                "{}&versionId=08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01",
                v1("S", "k").replace("/entry?", "/entry/versions/version?")
            ),
        ),
        Call::new(
            "GET",
            &format!("{V2_STORES}?filter=id.startsWith(%22S%22)&showDeleted=True&maxPageSize=5"),
        ),
        Call::new("POST", &format!("{V2_STORES}:snapshot")).json("{}"),
        // Another data store: most cases need theirs.
        Call::new("DELETE", &format!("{V2_STORES}/gone")),
        Call::new("POST", &format!("{V2_STORES}/gone:undelete")).json("{}"),
        Call::new("GET", &format!("{V2}?filter=id.startsWith(%22k%22)&maxPageSize=5&pageToken=")),
        Call::new("GET", &format!("{scoped}?showDeleted=true&pageToken=AQEx")),
        Call::new(
            "GET",
            &format!(
                "{}?filter=revision_create_time%20%3E=%202020-01-01T00:00:00Z&maxPageSize=3",
                v2("k:listRevisions")
            ),
        ),
        Call::new("GET", &format!("{scoped}/k:listRevisions?maxPageSize=1")),
    ]
}

/// A valid request of every route.
fn requests(key: &str) -> Vec<Call> {
    let scoped = "/cloud/v2/universes/1/data-stores/S/scopes/x/entries";
    let entry = r#"{"value":{"a":[1,"b",null]},"users":["users/1"],"attributes":{"k":"v"}}"#;
    let new_key = r#"{"name":"n","scopes":["steadfast.admin"],"universes":["1",2],"stores":null}"#;
    let keys = "/steadfast/v1/admin/keys";
    let set = Call::new("POST", &format!("{}&scope=x&exclusiveCreate=false", v1("S", "k")));
    let calls = [
        set.json(r#"{"a":[1,"b",null]}"#)
            .header("roblox-entry-userids", "[1]")
            .header("roblox-entry-attributes", "{\"k\":\"v\"}"),
        Call::new("POST", &format!("{}&exclusiveCreate=true", v1("S", "k"))).json("2"),
        Call::new("GET", &v1("S", "k")),
        Call::new(
            "POST",
            &format!("{}&incrementBy=3", v1("S", "n").replace("/entry?", "/entry/increment?")),
        ),
        Call::new("DELETE", &v1("S", "k")),
        Call::new("POST", &format!("{V2}?id=new")).json(entry),
        Call::new("POST", &format!("{scoped}?id=new")).json(entry),
        Call::new("GET", &v2("k@latest:2020-01-01T00:00:00Z")),
        Call::new("GET", &format!("{scoped}/k%40x")),
        Call::new("PATCH", &format!("{}?allowMissing=true", v2("k"))).json(entry),
        Call::new("PATCH", &format!("{scoped}/k?allowMissing=True")).json(entry),
        Call::new("POST", &v2("n:increment")).json(r#"{"amount":3,"users":["users/1"]}"#),
        Call::new("POST", &format!("{scoped}/n:increment")).json(r#"{"amount":-3}"#),
        Call::new("DELETE", &format!("{}?etag=x", v2("k"))),
        Call::new("DELETE", &format!("{scoped}/k")),
    ];
    let calls = calls.into_iter().chain(ordered_requests()).chain(own_requests());
    let admin_calls = [
        Call::new("POST", keys).json(new_key),
        Call::new("GET", keys),
        Call::new("DELETE", &format!("{keys}/{key}")),
        Call::new("GET", "/steadfast/v1/admin/status"),
        Call::new("POST", "/steadfast/v1/admin/backups").json(r#"{"directory":"one"}"#),
        Call::new("GET", "/steadfast/v1/admin/backups/one"),
        // In earnest also a refused change has its lines in the log.
        operators::change(r#"{"queue":{"id":"o","kind":"k","payload":{"a":[1]}}}"#, true),
        Call::new("GET", "/healthz"),
        Call::new("GET", "/readyz"),
        Call::new("GET", "/metrics"),
        Call::new("GET", "/openapi.json"),
    ];
    let calls = calls.chain(admin_calls).chain(operators::looks()).chain(lists());
    calls.map(|call| call.key(SECRET)).collect()
}

fn ordered_requests() -> Vec<Call> {
    let list = "max_page_size=2&order_by=desc&filter=entry+%3E%3D+1&page_token=";
    [ORDERED_V1, ORDERED_V2]
        .into_iter()
        .flat_map(|base| {
            [
                Call::new("POST", &format!("{base}?id=k")).json(r#"{"value":5}"#),
                Call::new("GET", &format!("{base}?{list}")),
                Call::new("GET", &format!("{base}/k")),
                Call::new("PATCH", &format!("{base}/k?allow_missing=True")).json(r#"{"value":-7}"#),
                Call::new("POST", &format!("{base}/k:increment")).json(r#"{"amount":2.0}"#),
                Call::new("DELETE", &format!("{base}/k")),
            ]
        })
        .collect()
}

fn own_requests() -> Vec<Call> {
    let revision = "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01";
    let restore = format!(r#"{{"revisionId":"{revision}","etag":null}}"#);
    let own = "/steadfast/v1/universes/1";
    let entry = format!("{own}/data-stores/S/scopes/global/entries/k");
    let board = format!("{own}/ordered-data-stores/O/scopes/global/entries");
    let calls = vec![
        Call::new("GET", &format!("{board}/k:standing?around=3&order=asc")),
        Call::new("POST", &format!("{entry}:restore")).json(restore),
        Call::new("DELETE", &format!("{entry}:revision?revisionId={revision}")),
        Call::new("GET", &format!("{own}/data-stores/S")),
        Call::new("PATCH", &format!("{own}/data-stores/S")).json(r#"{"history":"hourly"}"#),
    ];
    calls.into_iter().chain(unbuilt::requests()).collect()
}

/// A place in the bytes, also behind the last.
fn place(rng: &mut Rng, bytes: &[u8]) -> usize {
    usize::try_from(rng.below(u64::try_from(bytes.len()).unwrap() + 1)).unwrap()
}

fn range(rng: &mut Rng, bytes: &[u8]) -> Range<usize> {
    let (one, other) = (place(rng, bytes), place(rng, bytes));
    one.min(other)..one.max(other)
}

/// The lines of the head, with their ends.
fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let head =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 2);
    let mut lines = Vec::new();
    let mut start = 0;
    while let Some(size) = bytes[start..head].iter().position(|byte| *byte == b'\n') {
        lines.push(start..start + size + 1);
        start += size + 1;
    }
    lines
}

/// The path with its query.
fn target(bytes: &[u8]) -> Range<usize> {
    let mut spaces = bytes.iter().enumerate().filter(|(_, byte)| **byte == b' ');
    let start = spaces.next().map_or(0, |(at, _)| at + 1);
    start..spaces.next().map_or(start, |(at, _)| at)
}

/// Makes the length of the body true again, so that it is read.
fn mend(bytes: &mut Vec<u8>) {
    const NAME: &[u8] = b"content-length: ";
    let body_at = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let line = lines(bytes).into_iter().find(|line| bytes[line.clone()].starts_with(NAME));
    if let (Some(body_at), Some(line)) = (body_at, line) {
        let length = format!("content-length: {}\r\n", bytes.len() - body_at);
        bytes.splice(line, length.into_bytes());
    }
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let line = rng.pick(&lines(bytes)).cloned().unwrap_or(0..0);
    match rng.below(14) {
        0 => bytes.truncate(place(rng, bytes)),
        1 => {
            let at = place(rng, bytes);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        2 | 3 => {
            let (at, odd) = (place(rng, bytes), *rng.pick(ODD).unwrap());
            bytes.splice(at..at, odd.iter().copied());
        }
        4 => {
            let (cut, odd) = (range(rng, bytes), *rng.pick(ODD).unwrap());
            bytes.splice(cut, odd.iter().copied());
        }
        // A line twice, not at all, or one that says something else.
        5 => {
            let copy = bytes[line.clone()].to_vec();
            bytes.splice(line.end..line.end, copy);
        }
        6 => drop(bytes.drain(line)),
        7 => {
            let added = format!("{}\r\n", rng.pick(LINES).unwrap());
            bytes.splice(line.end..line.end, added.into_bytes());
        }
        8 => {
            let size = bytes.iter().position(|byte| *byte == b' ').unwrap_or(0);
            bytes.splice(..size, rng.pick(METHODS).unwrap().bytes());
        }
        9..12 => {
            let target = target(bytes);
            let at = target.start + place(rng, &bytes[target]);
            let odd = *rng.pick(ODD_IN_TARGET).unwrap();
            bytes.splice(at..at, odd.iter().copied());
        }
        _ => {
            let (at, part) = (place(rng, bytes), range(rng, other));
            bytes.splice(at..at, other[part].iter().copied());
        }
    }
}

/// The bytes of a case, which depend on nothing but the requests and its number.
fn case(number: u64, requests: &[Vec<u8>]) -> Vec<u8> {
    let mut rng = Rng::stream(SEED, &format!("mutations {number}"));
    let mut bytes = rng.pick(requests).unwrap().clone();
    let other = rng.pick(requests).unwrap();
    let count = if rng.percent(70) { 1 } else { 1 + rng.below(3) };
    for _ in 0..count {
        mutate(&mut rng, &mut bytes, other);
    }
    if rng.percent(70) {
        mend(&mut bytes);
    }
    bytes
}

/// Sends bytes and takes what comes until the server closes the connection.
async fn talk(world: &World, bytes: &[u8]) -> Vec<u8> {
    let (mut reader, mut writer) = TcpStream::connect(world.addr).await.unwrap().into_split();
    // The server may have closed it before it has read everything.
    drop(writer.write_all(bytes).await);
    let mut said = Vec::new();
    if timeout(GIVE_UP, reader.read_to_end(&mut said)).await.is_err() {
        drop(writer.shutdown().await);
        drop(reader.read_to_end(&mut said).await);
    }
    said
}

async fn check_case(world: &World, counter: &Counter, number: u64, bytes: &[u8]) -> Vec<Answer> {
    let shown = || format!("seed {SEED}, case {number}: {}", bytes.escape_ascii());
    let before = counter.commits();
    let said = timeout(DEADLINE, talk(world, bytes)).await;
    let said = said.unwrap_or_else(|_| panic!("the server hangs: {}", shown()));
    let answers = split_answers(&said).await;
    let answers = answers.unwrap_or_else(|| panic!("{}: {}", shown(), said.escape_ascii()));
    for answer in &answers {
        // What is not built says so, and the document knows of which calls that is true.
        assert!(answer.status < 500 || answer.status == 501, "{answer:?}: {}", shown());
        assert_eq!(openapi::any_problem(answer), None, "{answer:?}: {}", shown());
    }
    let done = answers.iter().filter(|answer| answer.status < 300).count();
    let commits = counter.commits() - before;
    // Without any answer nobody was refused.
    assert!(answers.is_empty() || commits <= done, "{commits} commits by {}", shown());
    answers
}

async fn run(world_number: u64) -> BTreeSet<u16> {
    let counter = Arc::new(Counter::new());
    let config = Config { head_timeout: PATIENCE, body_timeout: PATIENCE, ..config() };
    let world = World::over(counter.clone(), config).await;
    world.steadfast.keys().ensure_admin(Some(SECRET)).await.unwrap();
    world.set("k", "1").await;
    world.call(Call::new("POST", &v1("gone", "k")).json("1")).await.ok();
    let key = "7".repeat(32);
    let requests: Vec<_> = requests(&key).iter().map(Call::bytes).collect();
    let mut statuses = BTreeSet::new();
    for index in 0..CASES_PER_WORLD {
        let number = world_number * CASES_PER_WORLD + index;
        let bytes = case(number, &requests);
        let answers = check_case(&world, &counter, number, &bytes).await;
        statuses.extend(answers.iter().map(|answer| answer.status));
    }
    // A broken request may be a whole one that deletes the data store.
    world.call(Call::new("POST", &format!("{V2_STORES}/S:undelete"))).await.ok();
    world.check_alive().await;
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_requests_are_answered_as_documented_and_write_nothing() {
    let mut worlds = JoinSet::new();
    for world in 0..WORLD_COUNT {
        worlds.spawn(run(world));
    }
    let mut statuses = BTreeSet::new();
    while let Some(found) = worlds.join_next().await {
        statuses.extend(found.unwrap());
    }
    // The cases reach behind the parser, and are not all alike.
    for status in [200, 204, 400, 401, 404, 409, 412] {
        assert!(statuses.contains(&status), "{status}: {statuses:?}");
    }
}

#[test]
fn every_route_is_among_the_requests_that_are_broken() {
    let requests = requests("x");
    let called: BTreeSet<_> = requests
        .iter()
        .filter_map(|call| openapi::operation_id(call.method(), call.path()))
        .collect();
    assert_eq!(called, openapi::operation_ids());
}

#[test]
fn a_case_is_the_same_every_time() {
    let requests = [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), b"POST /x".to_vec()];
    let cases = |_| (0..100).map(|number| case(number, &requests)).collect::<Vec<_>>();
    assert_eq!(cases(1), cases(2));
    let distinct: BTreeSet<_> = cases(1).into_iter().collect();
    assert!(distinct.len() > 80, "{}", distinct.len());
}
