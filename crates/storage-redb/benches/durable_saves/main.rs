//! Durable saves against the physical limit: a raw preallocated append log.
//!
//! Both sides have the same writers, the same queue shape (one committer that takes what arrived
//! during its last flush), a file in memory and a flush that takes 1 ms more than it would. A save
//! is a batch with the condition that the entry is at its current revision; every writer owns a
//! part of the 20,000 keys and knows their revisions from its own saves. Runs of the sides are
//! interleaved; figures are medians over the runs.
//!
//!     cargo bench -p steadfast-storage-redb --bench durable_saves [-- --quick]

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod raw_log;
mod workload;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::FileBackend;
use steadfast_storage_redb::{Options, RedbBackend};

use raw_log::RawLog;
use workload::{Figures, Profiles, Run, SaveKind, Target};

/// What a flush costs on top.
const FLUSH_DELAY: Duration = Duration::from_millis(1);

/// Flushes and written bytes of one side, and whether flushes are delayed already.
#[derive(Debug, Default)]
pub(crate) struct Device {
    is_slow: AtomicBool,
    flush_count: AtomicU64,
    written: AtomicU64,
}

impl Device {
    fn on_write(&self, size: usize) {
        self.written.fetch_add(u64::try_from(size).unwrap_or(0), Ordering::Relaxed);
    }

    #[expect(clippy::disallowed_methods, reason = "the delay of a flush is what is simulated")]
    fn on_flush(&self) {
        self.flush_count.fetch_add(1, Ordering::Relaxed);
        if self.is_slow.load(Ordering::Relaxed) {
            thread::sleep(FLUSH_DELAY);
        }
    }

    fn counts(&self) -> (u64, u64) {
        (self.flush_count.load(Ordering::Relaxed), self.written.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct SlowStorage {
    inner: FileBackend,
    device: Arc<Device>,
}

impl StorageBackend for SlowStorage {
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
        self.inner.sync_data()?;
        self.device.on_flush();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.device.on_write(data.len());
        self.inner.write(offset, data)
    }
}

fn create(path: &Path) -> File {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    open.expect("the directory of the benchmark can be written")
}

/// One side of a comparison.
struct Side {
    name: &'static str,
    target: Target,
    device: Arc<Device>,
    results: Vec<Figures>,
}

fn redb_side(dir: &Path, name: &'static str, profiles: &Arc<Profiles>, kind: SaveKind) -> Side {
    let device = Arc::new(Device::default());
    let file = create(&dir.join(format!("{}-{}.redb", name.replace(' ', "-"), profiles.size)));
    let inner = FileBackend::new(file).expect("a fresh file is a storage");
    let storage = SlowStorage { inner, device: Arc::clone(&device) };
    let backend = RedbBackend::open_with(storage, Options::default()).expect("a new store opens");
    let target = Target::redb(backend, Arc::clone(profiles), kind);
    device.is_slow.store(true, Ordering::Relaxed);
    Side { name, target, device, results: Vec::new() }
}

fn raw_side(dir: &Path, profiles: &Arc<Profiles>) -> Side {
    let device = Arc::new(Device::default());
    let file = create(&dir.join(format!("raw-{}.log", profiles.size)));
    let log = RawLog::open(file, Arc::clone(&device));
    device.is_slow.store(true, Ordering::Relaxed);
    let target = Target::raw(log, Arc::clone(profiles));
    Side { name: "raw log", target, device, results: Vec::new() }
}

/// The directory in memory, if there is one.
fn directory() -> (PathBuf, &'static str) {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        (memory.to_owned(), "/dev/shm, in memory")
    } else {
        (std::env::temp_dir(), "the temporary directory, maybe on a disk")
    }
}

/// Processor time of this process and of its committer, where the system tells.
fn processor_time() -> (Duration, Duration) {
    let ticks = |path: &Path| {
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        // User and system time in hundredths of a second, behind eleven other fields.
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    };
    let mut committer = Duration::ZERO;
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.starts_with("steadfast-commi") || name.starts_with("raw-committer") {
            let run = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            let nanos = run.split_whitespace().next().and_then(|field| field.parse().ok());
            committer += Duration::from_nanos(nanos.unwrap_or(0));
        }
    }
    (ticks(Path::new("/proc/self/stat")), committer)
}

fn measure(side: &mut Side, run: Run) {
    let (flushes, written) = side.device.counts();
    let (process, committer) = processor_time();
    let mut figures = side.target.run(run);
    let (flushes_after, written_after) = side.device.counts();
    let (process_after, committer_after) = processor_time();
    figures.flush_count = flushes_after - flushes;
    figures.written = written_after - written;
    figures.processor =
        (process_after.saturating_sub(process), committer_after.saturating_sub(committer));
    side.results.push(figures);
}

fn median<T: PartialOrd + Copy>(values: impl Iterator<Item = T>) -> (T, T, T) {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("no figure is NaN"));
    let at = |index: usize| *values.get(index).expect("there is at least one run");
    (at(0), at(values.len() / 2), at(values.len() - 1))
}

fn print_rows(profiles: &Profiles, writers: usize, sides: &[Side], targets: &[Option<f64>]) {
    let raw = sides.first().expect("the raw log is the first side");
    for (side, target) in sides.iter().zip(targets) {
        let (low, ops, high) = median(side.results.iter().map(Figures::ops));
        // Ratios are taken run by run: both sides of a run saw the same machine.
        let ratios = side.results.iter().zip(&raw.results).map(|(a, b)| a.ops() / b.ops());
        let (_, ratio, _) = median(ratios);
        let (_, p50, _) = median(side.results.iter().map(|figures| figures.percentile(50)));
        let (_, p99, _) = median(side.results.iter().map(|figures| figures.percentile(99)));
        let (_, batch, _) = median(side.results.iter().map(Figures::batch));
        let (_, bytes, _) = median(side.results.iter().map(Figures::bytes));
        let (_, all, _) = median(side.results.iter().map(|figures| figures.processor_micros().0));
        let (_, one, _) = median(side.results.iter().map(|figures| figures.processor_micros().1));
        let target = target.map_or("-".to_owned(), |target| format!("{target:.2}"));
        println!(
            "| {:>2} KB | {writers:>3} | {:<28} | {ops:>6.0} [{low:.0}-{high:.0}] | {ratio:.2} | \
             {target:>4} | {p50:.2} / {p99:.2} | {batch:.1} | {bytes:.0} | {all:.0} / {one:.0} |",
            profiles.size / 1_000,
            side.name
        );
    }
}

fn compare(
    sides: &mut [Side],
    profiles: &Profiles,
    writers: usize,
    targets: &[Option<f64>],
    runs: usize,
    duration: Duration,
) {
    for side in &mut *sides {
        side.results.clear();
    }
    for number in 0..runs {
        for side in &mut *sides {
            measure(side, Run { writers, duration, seed: u64::try_from(number).unwrap_or(0) });
        }
    }
    print_rows(profiles, writers, sides, targets);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    // `cargo test --benches` asks for no measurement.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let (runs, duration) = if is_quick { (1, 600) } else { (5, 1_500) };
    let duration = Duration::from_millis(duration);
    let (place, place_name) = directory();
    let dir = tempfile::Builder::new().prefix("durable-saves-").tempdir_in(place);
    let dir = dir.expect("the directory of the benchmark can be written");
    let small = Arc::new(Profiles::generate(2_000));
    let large = Arc::new(Profiles::generate(20_000));
    println!(
        "files in {place_name}; a flush takes {FLUSH_DELAY:?} more; {runs} runs of {duration:?}"
    );
    println!(
        "zstd 1 shrinks the profiles {:.2}x (2 KB), {:.2}x (20 KB)",
        small.ratio(),
        large.ratio()
    );
    println!(
        "| value | writers | side | ops/s [min-max] | ratio | target | p50 / p99 ms | saves a flush | bytes written a save | processor us a save: all / committer |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut sides = [
        raw_side(dir.path(), &small),
        redb_side(dir.path(), "redb save", &small, SaveKind::EntryOnly),
        redb_side(dir.path(), "redb save + revision", &small, SaveKind::WithRevision),
        redb_side(dir.path(), "redb save + revision + index", &small, SaveKind::WithIndex),
        redb_side(dir.path(), "redb session save", &small, SaveKind::Session),
    ];
    for (writers, save, with_index) in [(1, 0.90, 0.90), (16, 0.80, 0.75), (128, 0.55, 0.33)] {
        let targets = [None, Some(save), None, Some(with_index), None];
        compare(&mut sides, &small, writers, &targets, runs, duration);
    }
    drop(sides);
    let mut sides = [
        raw_side(dir.path(), &large),
        redb_side(dir.path(), "redb save", &large, SaveKind::EntryOnly),
    ];
    compare(&mut sides, &large, 64, &[None, Some(0.60)], runs, duration);
}
