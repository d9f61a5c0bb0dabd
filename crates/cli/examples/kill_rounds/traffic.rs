//! Clients: writers that never pause, and readers that look at every key.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use steadfast_core::Rng;
use steadfast_core::platform::RevisionId;

use crate::ledger::{Change, Found, KeyLedger, Last, Sent, Tag, Version};
use crate::process::API_KEY;
use crate::value;

/// Writers, each with one write in flight at any time.
pub(crate) const WRITERS: u32 = 24;
/// Keys that every writer overwrites; the others have one writer each.
const SHARED_KEYS: u64 = 40;
/// No answer in this time is no answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

const VERSION_HEADER: &str = "roblox-entry-version";

/// What all clients know together.
pub(crate) struct World {
    keys: Vec<Mutex<KeyLedger>>,
    /// The number of its last value, for each writer.
    sequences: Vec<Mutex<u64>>,
    is_killed: AtomicBool,
    in_flight: AtomicUsize,
}

/// What the writers of a round did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    /// Refused, as they should be.
    pub(crate) refused: u64,
    /// Put off by the server, with nothing written.
    pub(crate) busy: u64,
    /// What should not have been.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.busy += other.busy;
        self.wrong.extend(other.wrong);
    }
}

impl World {
    pub(crate) fn new(key_count: u64) -> Self {
        let key_count = key_count.max(SHARED_KEYS + u64::from(WRITERS));
        Self {
            keys: (0..key_count).map(|_| Mutex::new(KeyLedger::new())).collect(),
            sequences: (0..WRITERS).map(|_| Mutex::new(0)).collect(),
            is_killed: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
        }
    }

    pub(crate) fn key_count(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn key(&self, index: usize) -> MutexGuard<'_, KeyLedger> {
        lock(self.keys.get(index).expect("indexes are drawn below the count"))
    }

    /// From now on no answer is to be expected. Returns how many writes wait for one.
    pub(crate) fn begin_kill(&self) -> usize {
        self.is_killed.store(true, Ordering::SeqCst);
        self.in_flight.load(Ordering::SeqCst)
    }

    /// A new server runs.
    pub(crate) fn end_kill(&self) {
        self.is_killed.store(false, Ordering::SeqCst);
    }

    fn next_tag(&self, writer: u32) -> Tag {
        let index = usize::try_from(writer).expect("writers are few");
        let mut sequence = lock(self.sequences.get(index).expect("every writer has one"));
        *sequence += 1;
        Tag { writer, sequence: *sequence }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn key_name(index: usize) -> String {
    format!("key-{index}")
}

/// Speaks to one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

/// What became of a write.
enum Answer {
    Written(Version),
    Removed,
    /// Its condition does not hold.
    Refused,
    /// Nothing was written; later it may be.
    Busy,
    /// It may have been carried out or not.
    Unknown,
    /// The connection could not be made, so nothing was sent.
    NotSent,
    Wrong(String),
}

/// What must hold of an entry.
enum When {
    Always,
    Missing,
    At(String),
}

impl Client {
    pub(crate) fn new(server: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT).build()?;
        let path = "datastores/v1/universes/1/standard-datastores/datastore/entries/entry";
        Ok(Self { http, url: format!("{server}/{path}?datastoreName=kill-rounds&entryKey=") })
    }

    fn request(&self, method: Method, key: &str, rest: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{key}{rest}", self.url));
        request.header("x-api-key", API_KEY)
    }

    /// # Errors
    /// What the server answered instead.
    pub(crate) async fn read(&self, key: &str) -> Result<Found, String> {
        let sent = self.request(Method::GET, key, "").send().await;
        let response = sent.map_err(|error| format!("no answer to a read: {error:?}"))?;
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(Found::Absent),
            StatusCode::OK => {}
            status => return Err(format!("a read answered {status}")),
        }
        let header = response.headers().get(VERSION_HEADER).and_then(|value| value.to_str().ok());
        let version = parse_version(header.unwrap_or_default())?;
        let text = response.text().await.map_err(|error| format!("half a value: {error:?}"))?;
        Ok(Found::Value(value::tag_of(key, &text)?, version))
    }

    async fn put(&self, key: &str, text: String, when: &When) -> Answer {
        #[derive(Deserialize)]
        struct Written {
            version: String,
        }
        let condition = match when {
            When::Always => String::new(),
            When::Missing => "&exclusiveCreate=true".to_owned(),
            When::At(version) => format!("&matchVersion={version}"),
        };
        let request = self.request(Method::POST, key, &condition);
        let sent = request.header("content-type", "application/json").body(text).send().await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return no_answer(&error),
        };
        match response.status() {
            StatusCode::OK => match response.text().await {
                Ok(text) => serde_json::from_str::<Written>(&text)
                    .map_err(|error| error.to_string())
                    .and_then(|written| parse_version(&written.version))
                    .map_or_else(Answer::Wrong, Answer::Written),
                // Half an answer is none: the write stays unknown.
                Err(_) => Answer::Unknown,
            },
            StatusCode::PRECONDITION_FAILED => Answer::Refused,
            status => other(status),
        }
    }

    async fn delete(&self, key: &str) -> Answer {
        match self.request(Method::DELETE, key, "").send().await {
            Ok(response) if response.status() == StatusCode::NO_CONTENT => Answer::Removed,
            Ok(response) => other(response.status()),
            Err(error) => no_answer(&error),
        }
    }
}

fn parse_version(id: &str) -> Result<Version, String> {
    let counter = RevisionId::from_client(id).counter();
    let counter = counter.ok_or_else(|| format!("`{id}` is no version"))?;
    Ok(Version { id: id.to_owned(), counter })
}

fn no_answer(error: &reqwest::Error) -> Answer {
    if error.is_connect() { Answer::NotSent } else { Answer::Unknown }
}

fn other(status: StatusCode) -> Answer {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY => Answer::Busy,
        StatusCode::GATEWAY_TIMEOUT => Answer::Unknown,
        status => Answer::Wrong(format!("a write answered {status}")),
    }
}

/// Writes without a pause until the server is gone.
pub(crate) async fn write(world: &World, client: &Client, writer: u32, mut rng: Rng) -> Tally {
    let mut tally = Tally::default();
    loop {
        let index = draw_key(world, writer, &mut rng);
        let is_shared = u64::try_from(index).is_ok_and(|index| index < SHARED_KEYS);
        let (change, when, sent, is_due) = plan(world, index, is_shared, writer, &mut rng);
        let key = key_name(index);
        world.in_flight.fetch_add(1, Ordering::SeqCst);
        let answer = match change {
            Change::Put(tag) => client.put(&key, value::text(&key, tag), &when).await,
            Change::Delete => client.delete(&key).await,
        };
        world.in_flight.fetch_sub(1, Ordering::SeqCst);
        let is_over = matches!(answer, Answer::Unknown | Answer::NotSent);
        if let Err(wrong) = settle(world, index, (change, sent), answer, is_due, &mut tally) {
            tally.wrong.push(format!("{key}: {wrong}"));
        }
        if is_over {
            if !world.is_killed.load(Ordering::SeqCst) {
                tally.wrong.push(format!("{key}: no answer, and nobody had killed the server"));
            }
            return tally;
        }
    }
}

/// Shared keys now and then, otherwise a key of the writer's own.
fn draw_key(world: &World, writer: u32, rng: &mut Rng) -> usize {
    let index = if rng.percent(10) {
        rng.below(SHARED_KEYS)
    } else {
        let writers = u64::from(WRITERS);
        let key_count = u64::try_from(world.keys.len()).expect("keys are few");
        let own_count = (key_count - SHARED_KEYS) / writers;
        SHARED_KEYS + rng.below(own_count) * writers + u64::from(writer)
    };
    usize::try_from(index).expect("keys are few")
}

/// The next write of a key, whether it is due to be refused, and its entry in the ledger.
fn plan(
    world: &World,
    index: usize,
    is_shared: bool,
    writer: u32,
    rng: &mut Rng,
) -> (Change, When, Sent, Due) {
    let mut key = world.key(index);
    let put = Change::Put(world.next_tag(writer));
    let (change, when, due) = match (key.last(), rng.below(100)) {
        // Anybody may come in between, so no answer is wrong.
        (Last::Value(_, version), 0..20) if is_shared => {
            (put, When::At(version.id.clone()), Due::Either)
        }
        (_, _) if is_shared => (put, When::Always, Due::Done),
        (Last::Value(_, version), 0..25) => (put, When::At(version.id.clone()), Due::Done),
        (Last::Value(..), 25..35) => (Change::Delete, When::Always, Due::Done),
        (Last::Value(..), 35..38) => (put, When::Missing, Due::Refused),
        (Last::Value(..), 38..41) => (put, When::At("zz".to_owned()), Due::Refused),
        (Last::Never | Last::Deleted, 0..50) => (put, When::Missing, Due::Done),
        (Last::Never | Last::Deleted | Last::Value(..), _) => (put, When::Always, Due::Done),
    };
    let sent = key.begin(change);
    (change, when, sent, due)
}

/// The answer that a write must get, if it gets one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Done,
    Refused,
    Either,
}

fn settle(
    world: &World,
    index: usize,
    (change, sent): (Change, Sent),
    answer: Answer,
    due: Due,
    tally: &mut Tally,
) -> Result<(), String> {
    let mut key = world.key(index);
    match (answer, change) {
        (Answer::Written(version), Change::Put(tag)) => {
            tally.acknowledged += 1;
            let id = version.id.clone();
            key.acknowledge_put(sent, tag, version)?;
            if due == Due::Refused {
                return Err(format!("{tag} went through as {id}, against its condition"));
            }
        }
        (Answer::Removed, Change::Delete) => {
            tally.acknowledged += 1;
            key.acknowledge_delete(sent);
        }
        (Answer::Refused, _) => {
            tally.refused += 1;
            key.refuse(sent);
            if due == Due::Done {
                return Err(format!("refused, though its condition holds: {:?}", key.last()));
            }
        }
        (Answer::Busy, _) => {
            tally.busy += 1;
            key.refuse(sent);
        }
        (Answer::NotSent, _) => key.refuse(sent),
        (Answer::Unknown, _) => {}
        (Answer::Wrong(what), _) => return Err(what),
        (Answer::Written(_) | Answer::Removed, _) => {
            return Err("the answer to another kind of write".to_owned());
        }
    }
    Ok(())
}

/// Looks at every `step`th key from `first` on. Returns how many had ever been acknowledged, and
/// what was lost.
pub(crate) async fn verify(
    world: &World,
    client: &Client,
    first: usize,
    step: usize,
) -> (u64, Vec<String>) {
    let (mut verified, mut lost) = (0, Vec::new());
    for index in (first..world.keys.len()).step_by(step) {
        let (was_acknowledged, open_count) = {
            let key = world.key(index);
            (key.was_acknowledged(), key.open_count())
        };
        if !was_acknowledged && open_count == 0 {
            continue;
        }
        verified += u64::from(was_acknowledged);
        let name = key_name(index);
        let found = client.read(&name).await;
        if let Err(what) = found.and_then(|found| world.key(index).verify(&found)) {
            lost.push(format!("{name}: {what}"));
        }
    }
    (verified, lost)
}
