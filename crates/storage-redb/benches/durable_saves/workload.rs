//! The writers: each saves random profiles to its own keys, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use steadfast_core::record::{Fence, Lease, LeaseMode, RECORD_FORMAT, RecordBody, Usage};
use steadfast_core::row::{Birth, EntryBody, OrderedBody, RowBody};
use steadfast_core::{
    Batch, Condition, Content, EntryId, EntryKey, JsonText, Metadata, Outcome, Revision, Rng,
    RowKey, Scope, ServerId, SessionId, StoreId, StoreName, Timestamp, UniverseId, UserId, Write,
    WriteId,
};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::RedbBackend;

use crate::raw_log::RawLog;

/// Keys that are there from the start.
const KEY_COUNT: usize = 20_000;

/// Different values to save.
const PROFILE_COUNT: usize = 512;

/// Synthetic player data.
pub(crate) struct Profiles {
    pub(crate) size: usize,
    values: Vec<JsonText>,
}

impl Profiles {
    pub(crate) fn generate(size: usize) -> Self {
        let mut rng = Rng::stream(1, "profiles");
        let values = (0..PROFILE_COUNT).map(|_| JsonText::trusted(profile(&mut rng, size)));
        Self { size, values: values.collect() }
    }

    fn pick(&self, rng: &mut Rng) -> JsonText {
        rng.pick(&self.values).expect("there are profiles").clone()
    }

    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a figure to print")]
    pub(crate) fn ratio(&self) -> f64 {
        let compressed = |value: &JsonText| {
            zstd::bulk::compress(value.as_str().as_bytes(), 1).map_or(0, |frame| frame.len())
        };
        let plain: usize = self.values.iter().map(JsonText::size).sum();
        plain as f64 / self.values.iter().map(compressed).sum::<usize>() as f64
    }
}

fn profile(rng: &mut Rng, size: usize) -> String {
    let kinds = ["sword", "potion", "helmet", "shield", "scroll", "boots"];
    let mut text = String::from("{");
    // Single fields that repeat nothing, then a list whose items resemble each other: a small
    // profile shrinks less than a large one.
    for field in FIELDS {
        let bound = 1 << rng.in_range(1..40);
        text.extend([r#"""#, field, r#"":"#, &rng.below(bound).to_string(), ","]);
    }
    text.push_str(r#""items":["#);
    while text.len() + 90 < size {
        let kind = rng.pick(&kinds).expect("there are kinds");
        let (id, count) = (rng.next_u64(), rng.in_range(1..100));
        let item = format!(r#"{{"id":"{id:016x}","kind":"{kind}","count":{count}}},"#);
        text.push_str(&item);
    }
    text.push_str("null]}");
    text
}

const FIELDS: [&str; 30] = [
    "level",
    "coins",
    "gems",
    "playtime",
    "lastLogin",
    "firstSeen",
    "health",
    "stamina",
    "guildId",
    "questStep",
    "tutorialDone",
    "musicVolume",
    "soundVolume",
    "invertCamera",
    "fieldOfView",
    "dailyStreak",
    "petSlots",
    "houseTheme",
    "tradeBan",
    "referrals",
    "bestLap",
    "wins",
    "losses",
    "kills",
    "deaths",
    "rating",
    "seasonPass",
    "badgeCount",
    "giftsSent",
    "schemaVersion",
];

/// What a save writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaveKind {
    /// The entry.
    EntryOnly,
    /// The entry and its revision row.
    WithRevision,
    /// The entry, its revision row, and its place on a board.
    WithIndex,
    /// The entry, its revision row, and its record, as the holder of a lease saves.
    Session,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) writers: usize,
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
}

/// What a measurement found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Sorted.
    latencies: Vec<Duration>,
    duration: Duration,
    pub(crate) flush_count: u64,
    pub(crate) written: u64,
    /// Processor time of the process and of its committers.
    pub(crate) processor: (Duration, Duration),
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "figures to print")]
impl Figures {
    pub(crate) fn ops(&self) -> f64 {
        self.latencies.len() as f64 / self.duration.as_secs_f64()
    }

    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let index = self.latencies.len() * percent / 100;
        self.latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    pub(crate) fn batch(&self) -> f64 {
        self.latencies.len() as f64 / self.flush_count.max(1) as f64
    }

    pub(crate) fn processor_micros(&self) -> (f64, f64) {
        let saves = self.latencies.len().max(1) as f64;
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / saves;
        (micros(self.processor.0), micros(self.processor.1))
    }

    pub(crate) fn bytes(&self) -> f64 {
        self.written as f64 / self.latencies.len().max(1) as f64
    }
}

enum Engine {
    Raw(RawLog),
    Redb(Box<RedbBackend>, SaveKind),
}

/// A side under load.
pub(crate) struct Target {
    engine: Engine,
    profiles: Arc<Profiles>,
    keys: Vec<(EntryId, Revision)>,
}

impl Target {
    pub(crate) fn raw(log: RawLog, profiles: Arc<Profiles>) -> Self {
        Self { engine: Engine::Raw(log), profiles, keys: keys() }
    }

    pub(crate) fn redb(backend: RedbBackend, profiles: Arc<Profiles>, kind: SaveKind) -> Self {
        let mut keys = keys();
        let mut rng = Rng::stream(2, "preload");
        for group in keys.chunks_mut(200) {
            let mut batch = Batch::default();
            for (id, revision) in group {
                let save = save(id, *revision, profiles.pick(&mut rng), kind);
                batch.writes.extend(save.writes);
                *revision = next(*revision);
            }
            let outcome = wait(|done| backend.commit(batch, done));
            assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
        }
        Self { engine: Engine::Redb(Box::new(backend), kind), profiles, keys }
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    pub(crate) fn run(&mut self, run: Run) -> Figures {
        let stop = AtomicBool::new(false);
        let (engine, profiles) = (&self.engine, &*self.profiles);
        let share = self.keys.len().div_ceil(run.writers);
        let start = Instant::now();
        let mut latencies = thread::scope(|scope| {
            let writers: Vec<_> = (self.keys.chunks_mut(share).zip(0_u64..))
                .map(|(keys, number)| {
                    let stop = &stop;
                    let rng = Rng::stream(run.seed * 1_000 + number, "writer");
                    scope.spawn(move || write(engine, profiles, keys, rng, stop))
                })
                .collect();
            thread::sleep(run.duration);
            stop.store(true, Ordering::Relaxed);
            writers
                .into_iter()
                .flat_map(|writer| writer.join().expect("writers do not panic"))
                .collect::<Vec<_>>()
        });
        latencies.sort_unstable();
        Figures { latencies, duration: start.elapsed(), ..Figures::default() }
    }
}

fn keys() -> Vec<(EntryId, Revision)> {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    let key = |n: usize| EntryKey::trusted(format!("u_{}", 1_000_000 + n * 7));
    let mut keys: Vec<_> = (0..KEY_COUNT)
        .map(|n| EntryId { store: store.clone(), scope: Scope::global(), key: key(n) })
        .map(|id| (id, Revision { counter: 0, tag: 0 }))
        .collect();
    // Every writer's share is spread over all keys.
    let mut rng = Rng::stream(3, "shuffle");
    for at in (1..keys.len()).rev() {
        let other = rng.below(u64::try_from(at + 1).unwrap_or(u64::MAX));
        keys.swap(at, usize::try_from(other).unwrap_or(0));
    }
    keys
}

fn next(revision: Revision) -> Revision {
    Revision { counter: revision.counter + 1, tag: revision.counter.wrapping_mul(77) }
}

fn save(id: &EntryId, current: Revision, value: JsonText, kind: SaveKind) -> Batch {
    let user_ids = vec![UserId::Number(1)];
    let content = Arc::new(Content { value, user_ids, metadata: Metadata::empty() });
    let revision = next(current);
    let body =
        EntryBody { birth: Birth::ThisWrite, content: Some(content), pinned: false, schema: None };
    let mut batch = Batch::default();
    if current.counter > 0 {
        batch.conditions.push((RowKey::Entry(id.clone()), Condition::At(current)));
    }
    if kind == SaveKind::WithIndex {
        // A score that moves at every save, nearly always to another page of the board.
        let value = Some(i64::from_ne_bytes(place(id, revision.counter).to_ne_bytes()));
        let body = RowBody::Ordered(OrderedBody { value });
        batch.writes.push(Write::Put { key: RowKey::Ordered(id.clone()), revision, body });
    }
    if kind != SaveKind::EntryOnly {
        let key = RowKey::Revision(id.clone(), revision.counter);
        batch.writes.push(Write::Put { key, revision, body: RowBody::Revision(body.clone()) });
    }
    let key = RowKey::Entry(id.clone());
    batch.writes.push(Write::Put { key, revision, body: RowBody::Entry(body) });
    if kind == SaveKind::Session {
        let key = RowKey::Record(id.clone());
        let condition =
            if current.counter > 0 { Condition::At(current) } else { Condition::Absent };
        // In the order in which a session plans it.
        batch.conditions.insert(0, (key.clone(), condition));
        let body = RowBody::Record(record(revision.counter));
        batch.writes.push(Write::Put { key, revision, body });
    }
    batch
}

/// The record of a held session after so many saves.
fn record(save_seq: u64) -> RecordBody {
    let (server, session) = (ServerId(1 << 90), SessionId(1 << 91));
    let since = Birth::At(Timestamp::from_unix_seconds(1_000));
    let mode = LeaseMode::Presence;
    RecordBody {
        format: RECORD_FORMAT,
        schema: 1,
        lease: Some(Lease { server, session, mode, since }),
        fence: Fence { counter: 1, session },
        save_seq,
        write_id: WriteId(u128::from(save_seq)),
        usage: Usage::default(),
    }
}

/// A number that says nothing about the entry or the one before.
fn place(id: &EntryId, counter: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(id.key.as_str().as_bytes(), counter)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn write(
    engine: &Engine,
    profiles: &Profiles,
    keys: &mut [(EntryId, Revision)],
    mut rng: Rng,
    stop: &AtomicBool,
) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(65_536);
    while !stop.load(Ordering::Relaxed) {
        let index = rng.below(u64::try_from(keys.len()).unwrap_or(0));
        let key = keys.get_mut(usize::try_from(index).unwrap_or(0));
        let (id, revision) = key.expect("every writer has keys");
        let value = profiles.pick(&mut rng);
        let start = Instant::now();
        match engine {
            Engine::Raw(log) => {
                let record = value.as_str().as_bytes().to_vec();
                wait(|done| log.append(record, done)).expect("the log answers");
            }
            Engine::Redb(backend, kind) => {
                let batch = save(id, *revision, value, *kind);
                let outcome = wait(|done| backend.commit(batch, done));
                assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
                *revision = next(*revision);
            }
        }
        latencies.push(start.elapsed());
    }
    latencies
}
