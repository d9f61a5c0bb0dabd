//! Seconds of a backup and a restore, and what a backup costs the saves beside it.
//!
//! ```sh
//! cargo run --release -p steadfast-storage-redb --example backup_seconds -- DIR
//! ```
//!
//! `DIR` must not exist. 100,000 entries of 2 KB, then 16 writers that save random ones of them.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and prints")]

use std::error::Error;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use steadfast_core::row::{Birth, EntryBody, RowBody};
use steadfast_core::{
    Batch, Content, EntryId, EntryKey, JsonText, Metadata, Outcome, Revision, Rng, RowKey, Scope,
    StoreId, StoreName, UniverseId, Write,
};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::{Options, Progress, RedbBackend, Stage, restore};

const ENTRY_COUNT: u64 = 100_000;
const VALUE_SIZE: usize = 2_000;
const WRITER_COUNT: u64 = 16;
const UNDISTURBED: Duration = Duration::from_secs(5);

fn put(rng: &mut Rng, n: u64, counter: u64) -> Write {
    let mut value = String::from("\"");
    while value.len() + 1 < VALUE_SIZE {
        write!(value, "{:016x}", rng.next_u64()).expect("writing to a string cannot fail");
    }
    value.push('"');
    let (value, metadata) = (JsonText::trusted(value), Metadata::empty());
    let content = Some(Arc::new(Content { value, user_ids: Vec::new(), metadata }));
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("players") };
    let key = EntryKey::trusted(format!("u_{n}"));
    let entry = EntryId { store, scope: Scope::global(), key };
    let body =
        RowBody::Entry(EntryBody { birth: Birth::ThisWrite, content, pinned: false, schema: None });
    Write::Put { key: RowKey::Entry(entry), revision: Revision { counter, tag: n }, body }
}

fn save(backend: &RedbBackend, writes: Vec<Write>) {
    let batch = Batch { conditions: Vec::new(), writes };
    let outcome = wait(|done| backend.commit(batch, done));
    assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
}

fn main() -> Result<(), Box<dyn Error>> {
    let home = PathBuf::from(std::env::args().nth(1).ok_or("name a directory to be made")?);
    let [data, saved, restored] = ["data", "saved", "restored"].map(|name| home.join(name));
    let backend = RedbBackend::open(&data, Options::default())?;
    let mut rng = Rng::seeded(1);
    for first in (0..ENTRY_COUNT).step_by(500) {
        save(&backend, (first..first + 500).map(|n| put(&mut rng, n, 1)).collect());
    }
    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| -> Result<(), Box<dyn Error>> {
        for writer in 0..WRITER_COUNT {
            let (backend, written, stop) = (&backend, &written, &stop);
            scope.spawn(move || {
                let mut rng = Rng::seeded(100 + writer);
                while !stop.load(Ordering::Relaxed) {
                    let n = rng.below(ENTRY_COUNT);
                    save(backend, vec![put(&mut rng, n, 2)]);
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let measured = measure(&backend, &saved, &written);
        stop.store(true, Ordering::Relaxed);
        measured
    })?;
    backend.close()?;
    let started = Instant::now();
    restore(&saved, &restored, &mut |_| ControlFlow::Continue(()))?;
    println!("restore, verified before and after: {:.1} s", started.elapsed().as_secs_f64());
    for dir in [&data, &saved, &restored] {
        let size = std::fs::metadata(dir.join("data.redb"))?.len();
        println!("{}: {} MB", dir.display(), size / 1_000_000);
    }
    Ok(())
}

fn measure(backend: &RedbBackend, saved: &Path, written: &AtomicU64) -> Result<(), Box<dyn Error>> {
    let mut lap = (Instant::now(), written.load(Ordering::Relaxed));
    let mut tell = |what: &str| {
        let now = (Instant::now(), written.load(Ordering::Relaxed));
        let seconds = (now.0 - lap.0).as_secs_f64();
        let count = u32::try_from(now.1 - lap.1).unwrap_or(u32::MAX);
        println!("{what}: {seconds:.1} s, {:.0} saves/s beside it", f64::from(count) / seconds);
        lap = now;
    };
    thread::sleep(UNDISTURBED);
    tell("no backup");
    backend.backup_to(saved, &mut |progress: Progress| {
        if progress.stage == Stage::Verifying && progress.row_count == 0 {
            tell("copying");
        }
        ControlFlow::Continue(())
    })?;
    tell("verifying");
    thread::sleep(UNDISTURBED);
    tell("no backup");
    Ok(())
}
