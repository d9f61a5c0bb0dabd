//! Saves of a 2 KB profile that settle one operation each, beside an empty and a full ledger.
//!
//! A save is one write of the record, with what it reads to plan the ledger. Before each of them an
//! operation is queued; that does not count. The ledger is full by the default limits: 500 full
//! receipts, 5,000 ids and 100 dead letters of 8 KB, so that each save makes an id of the oldest
//! receipt and forgets the oldest id. A plain save settles nothing. Then a thousand operations are
//! queued to the record before a game server settles them. The file stands in memory where
//! the system has such a directory. Written bytes are those of whole pages, as the engine writes
//! them; what a save changes in bytes of records is a test.
//!
//!     cargo bench -p steadfast-storage-redb --bench ledger_saves [-- --quick]

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod world;

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redb::StorageBackend;
use redb::backends::FileBackend;
use steadfast_core::operation::OperationSettings;
use steadfast_storage_redb::{Options, RedbBackend};

use world::{PROFILE_SIZE, World};

/// Saves that are measured, and how many come before them.
const SAVES: usize = 2_000;
const WARM_UP: usize = 200;

/// Operations that are queued to one record before any is settled.
const CROWD: usize = 1_000;

/// A file that counts the bytes that are written to it.
#[derive(Debug)]
struct Counting {
    inner: FileBackend,
    written: Arc<AtomicU64>,
}

impl StorageBackend for Counting {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let size = u64::try_from(data.len()).unwrap_or(0);
        self.written.fetch_add(size, Ordering::Relaxed);
        self.inner.write(offset, data)
    }
}

/// A world whose file is in a directory, and the bytes that were written to it.
fn start(path: &Path) -> (World, Arc<AtomicU64>) {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    let inner = FileBackend::new(file.expect("the directory can be written"));
    let inner = inner.expect("a fresh file is a storage");
    let written = Arc::new(AtomicU64::new(0));
    let storage = Counting { inner, written: Arc::clone(&written) };
    let backend = RedbBackend::open_with(storage, Options::default());
    (World::open(backend.expect("a new store opens")), written)
}

/// What is measured, and how often.
struct Round<'a> {
    name: &'a str,
    warm_up: usize,
    count: usize,
}

/// Measures one thing that a world does, each time after another that does not count.
fn measure(
    (world, written): (&mut World, &AtomicU64),
    round: &Round<'_>,
    mut prepare: impl FnMut(&mut World),
    mut act: impl FnMut(&mut World),
) {
    let Round { name, warm_up, count } = *round;
    let (mut times, mut bytes) = (Vec::with_capacity(count), 0);
    for number in 0..warm_up + count {
        prepare(world);
        let before = written.load(Ordering::Relaxed);
        let began = Instant::now();
        act(world);
        if number >= warm_up {
            times.push(began.elapsed());
            bytes += written.load(Ordering::Relaxed) - before;
        }
    }
    times.sort_unstable();
    let at = |percent: usize| {
        let time = times.get(times.len() * percent / 100);
        time.copied().unwrap_or(Duration::ZERO).as_secs_f64() * 1_000.0
    };
    let each = bytes / u64::try_from(count).unwrap_or(1);
    println!("| {name:<32} | {:.2} | {:.2} | {each} |", at(50), at(99));
}

/// Measures a thousand operations that are queued before the first is settled, as many at a time as
/// a game server settles.
fn measure_crowd(world: &mut World, written: &AtomicU64, ledger: &str) {
    let process_max = OperationSettings::default().process_max;
    let name = format!("one of {CROWD} queued, {ledger}");
    let queued = Round { name: &name, warm_up: 0, count: CROWD };
    measure((world, written), &queued, |_| (), World::queue);
    let name = format!("settles {process_max} of {CROWD}, {ledger}");
    let settled = Round { name: &name, warm_up: 0, count: CROWD / process_max };
    measure((world, written), &settled, |_| (), |world| world.settle(process_max));
}

fn main() {
    let is_quick = std::env::args().any(|arg| arg == "--quick");
    let saves = if is_quick { SAVES / 10 } else { SAVES };
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let dir = tempfile::tempdir_in(&home).expect("the directory can be written");
    println!("{saves} saves of {PROFILE_SIZE} bytes, in {}\n", home.display());
    println!("| what                             | p50 ms | p99 ms | bytes of pages |");
    println!("|---|---|---|---|");
    let round = |name, count| Round { name, warm_up: WARM_UP, count };
    let settle = |world: &mut World| world.settle(1);

    let (mut world, written) = start(&dir.path().join("empty.redb"));
    let plain = round("plain", saves);
    measure((&mut world, &written), &plain, |_| (), |world| world.write(None));
    let settled = round("settles one, empty ledger", saves.min(400));
    measure((&mut world, &written), &settled, World::queue, settle);
    world.close();

    let (mut world, written) = start(&dir.path().join("full.redb"));
    world.fill();
    let settled = round("settles one, full ledger", saves);
    measure((&mut world, &written), &settled, World::queue, settle);
    measure_crowd(&mut world, &written, "full");
    world.close();

    let (mut world, written) = start(&dir.path().join("crowd.redb"));
    measure_crowd(&mut world, &written, "empty");
    world.close();
}
