//! How many sessions there are in a second, and what those that are open cost.
//!
//! ```sh
//! cargo run --release -p steadfast --example sessions
//! ```
//!
//! 1. Complete sessions: open, ten edits of a typed record of 2 KB, save, release. The records exist
//!    before. Medians of 5 runs, interleaved.
//! 2. Bytes of an open session beside the store: just opened, edited, and at rest. The store hands
//!    out copies, as one on a disk does.
//! 3. A minute of 100,000 open sessions that nobody edits: what the store is asked for.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and prints")]
#![expect(clippy::unit_arg, reason = "an edit of a session is one assignment")]

#[path = "../../../core/examples/document_bytes/counting.rs"]
mod counting;
mod rows;

use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use steadfast::core::{Monotonic, Value};
use steadfast::{Drive, Dynamic, Options, Session, Steadfast, Store};
use tokio::task::JoinSet;

use crate::rows::Counted;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const PLAYERS: usize = 128;
const RUNS: usize = 5;
const RUN: Duration = Duration::from_secs(1);
const CONCURRENT: [usize; 3] = [1, 16, 128];
const SIZES: [usize; 3] = [2_000, 20_000, 100_000];
const MEASURED: usize = 200;
const CLEAN: usize = 100_000;

/// A record of about 2 KB.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Save {
    coins: i64,
    items: Vec<Item>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Item {
    name: String,
    level: u32,
    rarity: String,
}

impl Save {
    fn filled() -> Self {
        let item = |number| Item {
            name: format!("sword of the {number}th age"),
            level: number,
            rarity: "uncommon".into(),
        };
        Self { coins: 1_000, items: (0..30).map(item).collect() }
    }
}

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    runtime.block_on(complete_sessions())?;
    bytes_of_sessions()?;
    clean_sessions()
}

async fn complete_sessions() -> Result<(), Failure> {
    let dir = tempfile::tempdir()?;
    let stores = [
        ("memory", Steadfast::in_memory(Options::default())?),
        ("redb", Steadfast::open(dir.path()).await?),
    ];
    println!(
        "complete sessions a second: open, 10 edits, save, release; 2 KB; median (lowest, highest)"
    );
    let mut rates = vec![Vec::new(); stores.len() * CONCURRENT.len()];
    for (_, db) in &stores {
        let players = db.store::<Save>("PlayerData").await?;
        play(&players, 1, |count| count < PLAYERS).await?;
    }
    for _ in 0..RUNS {
        let mut rates = rates.iter_mut();
        for (_, db) in &stores {
            let players = db.store::<Save>("PlayerData").await?;
            for concurrent in CONCURRENT {
                let start = Instant::now();
                let played = play(&players, concurrent, move |_| start.elapsed() < RUN).await?;
                let rate = played * 1_000_000 / start.elapsed().as_micros();
                rates.next().expect("a place for each").push(rate);
            }
        }
    }
    let mut rates = rates.iter_mut();
    for (name, _) in &stores {
        for concurrent in CONCURRENT {
            let rates = rates.next().expect("a place for each");
            rates.sort_unstable();
            let at = |index: usize| rates.get(index).copied().unwrap_or(0);
            let (median, low, high) = (at(RUNS / 2), at(0), at(RUNS - 1));
            println!("  {name:<8} {concurrent:>4} at a time {median:>8}  ({low}, {high})");
        }
    }
    println!("  resident: {} MB", resident()? / 1_000_000);
    for (_, db) in stores {
        db.close()?;
    }
    Ok(())
}

/// Plays sessions, so many at a time, each over its share of the players. New records are filled.
async fn play(
    players: &Store<Save>,
    concurrent: usize,
    goes_on: impl Fn(usize) -> bool + Copy + Send + 'static,
) -> Result<u128, Failure> {
    let mut tasks = JoinSet::new();
    for task in 0..concurrent {
        let players = players.clone();
        tasks.spawn(async move {
            let mut count = 0;
            let mut mine = (task..PLAYERS).step_by(concurrent).cycle();
            while goes_on(count) {
                let player = mine.next().unwrap_or(0);
                let p = players.open(&format!("player-{player}")).await?;
                if p.get(|save| save.items.is_empty())? {
                    p.edit(|save| Ok(*save = Save::filled()))?;
                }
                for _ in 0..10 {
                    p.edit(|save| Ok(save.coins += 1))?;
                }
                p.checkpoint().await?;
                p.release().await?;
                count += 1;
            }
            Ok::<_, Failure>(count)
        });
    }
    let mut played = 0;
    while let Some(ended) = tasks.join_next().await {
        played += u128::try_from(ended??)?;
    }
    Ok(played)
}

fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1_024)
}

/// A store in memory, its time, and what it was asked for.
struct World {
    nanos: Arc<AtomicU64>,
    rows: Arc<Counted>,
    db: Steadfast,
}

impl World {
    fn new() -> Result<Self, Failure> {
        let nanos = Arc::new(AtomicU64::new(1));
        let reading = Arc::clone(&nanos);
        let mono = move || Monotonic::from_nanos(reading.load(Ordering::Relaxed));
        let drive = Drive::ByPollAt(Arc::new(mono));
        let rows = Arc::new(Counted::default());
        let options = Options { drive, sweep_every: None, ..Options::default() };
        let db = Steadfast::over(Arc::<Counted>::clone(&rows), options)?;
        Ok(Self { nanos, rows, db })
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            self.db.poll();
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(value) = polled {
                return value;
            }
            self.pass(Duration::from_millis(1));
        }
    }

    fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Lets time pass, in steps in which every turn is made when it is due.
    fn work(&self, time: Duration) {
        for _ in 0..time.as_millis() / 100 {
            self.pass(Duration::from_millis(100));
            self.db.poll();
        }
    }
}

/// A record of this many bytes, as games have them.
fn value_of(size: usize) -> Result<Value, Failure> {
    let mut items = Vec::new();
    let mut written = 0;
    while written < size {
        let number = items.len();
        let item = format!(
            r#"{{"id":{number},"name":"item {number}","level":{},"equipped":false}}"#,
            number % 60
        );
        written += item.len() + 1;
        items.push(item);
    }
    let text = format!(r#"{{"coins":5,"items":[{}]}}"#, items.join(","));
    Ok(Value::parse(&text, &steadfast::core::Limits::native())?)
}

fn bytes_of_sessions() -> Result<(), Failure> {
    println!("bytes of an open session beside the store");
    println!(
        "  {:>10} {:>10} {:>10} {:>12} {:>12}",
        "JSON", "opened", "edited", "at rest", "besides"
    );
    for size in SIZES {
        let value = value_of(size)?;
        let json = value.json_size();
        let world = World::new()?;
        let players = world.run(world.db.values("PlayerData"))?.with_defaults(&value);
        let open = || -> Result<Vec<Session<Dynamic>>, Failure> {
            let keys = (0..MEASURED).map(|player| format!("player-{player}"));
            keys.map(|key| Ok(world.run(players.open(&key))?)).collect()
        };
        let release = |sessions: Vec<Session<Dynamic>>| {
            for p in &sessions {
                world.run(p.release()).map(drop)?;
            }
            Ok::<_, Failure>(())
        };
        // Afterwards the rows of the records are there, whoever has them.
        release(open()?)?;
        let before = counting::taken();
        let mut sessions = open()?;
        let each = |before: usize| counting::taken().saturating_sub(before) / MEASURED;
        let opened = each(before);
        for p in &mut sessions {
            p.edit(|draft| Ok(draft.add("coins", 1)?))?;
            p.edit(|draft| Ok(draft.set("name", "somebody")?.is_none()))?;
        }
        let edited = each(before);
        // Saved by themselves, then left alone for a minute. What the store keeps of it is the
        // store's.
        let saved_before = world.rows.bytes();
        world.work(Duration::from_secs(130));
        let grown = world.rows.bytes().saturating_sub(saved_before) / MEASURED;
        let rest = each(before).saturating_sub(grown);
        let besides = rest.saturating_sub(json);
        println!("  {json:>10} {opened:>10} {edited:>10} {rest:>12} {besides:>12}");
        release(sessions)?;
    }
    Ok(())
}

fn clean_sessions() -> Result<(), Failure> {
    let world = World::new()?;
    let players = world.run(world.db.values("PlayerData"))?;
    let mut sessions = Vec::new();
    for player in 0..CLEAN {
        sessions.push(world.run(players.open(&format!("player-{player}")))?);
    }
    world.work(Duration::from_secs(10));
    let (before, start) = (world.rows.calls(), Instant::now());
    world.work(Duration::from_mins(1));
    let after = world.rows.calls();
    println!("{} clean sessions, 60 s of virtual time", sessions.len());
    println!(
        "  commits {}, reads {}, scans {} (the server's mail); {} us of work",
        after.commits - before.commits,
        after.reads - before.reads,
        after.scans - before.scans,
        start.elapsed().as_micros(),
    );
    Ok(())
}
