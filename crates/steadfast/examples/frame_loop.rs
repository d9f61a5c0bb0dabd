//! What the library costs a frame loop: players at 60 frames a second, everything driven by
//! `Players::poll` on the thread of the loop, measured in that thread's CPU time.
//!
//!     cargo run --release --example frame_loop -- 500 60
//!
//! The first number is players, the second seconds of play. Each player is edited five times a
//! second, and buys something every ten, which is saved at once. The store is a directory on disk,
//! whose own threads are not measured: they are what keeps I/O out of the frames.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use steadfast::{Drive, Options, PlayerEvent, Players, Steadfast};

/// About 2 KB as JSON.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Save {
    coins: i64,
    items: Vec<String>,
}

const FRAME: Duration = Duration::from_nanos(16_666_667);

/// The CPU time of this thread.
#[cfg(target_os = "linux")]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Where no such clock is known, time as it passes: an upper bound.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn cpu_time() -> Duration {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[expect(clippy::print_stdout, reason = "it shows what it measured")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (count, seconds) = (number(500)?, number(60)?);
    let dir = tempfile::tempdir()?;
    let options = Options { drive: Drive::ByPoll, ..Options::default() };
    let db = Steadfast::open_with(dir.path(), options)?;
    let players = ready(&db, count)?;
    let mut frames = Vec::new();
    let mut events: Vec<PlayerEvent> = Vec::new();
    for frame in 0..seconds * 60 {
        let began = now();
        let before = cpu_time();
        players.poll(&mut events);
        let polled = cpu_time();
        let edits = play(&players, count, frame)?;
        frames.push(Frame {
            poll: polled.saturating_sub(before),
            edits: cpu_time().saturating_sub(polled),
            edit_count: edits,
        });
        events.clear();
        rest(FRAME.saturating_sub(began.elapsed()));
    }
    report("poll", frames.iter().map(|frame| frame.poll));
    report("poll and edits", frames.iter().map(|frame| frame.poll + frame.edits));
    let edits: u64 = frames.iter().map(|frame| frame.edit_count).sum();
    println!("{count} players, {} frames, {edits} edits", frames.len());
    let closing = cpu_time();
    players.blocking().close();
    println!("everybody left: {:?} of CPU time", cpu_time().saturating_sub(closing));
    db.close()?;
    Ok(())
}

struct Frame {
    poll: Duration,
    edits: Duration,
    edit_count: u64,
}

/// Everybody joins in one frame, as after a restart.
fn ready(db: &Steadfast, count: u64) -> Result<Players<Save>, Box<dyn Error>> {
    let players = db.players_blocking::<Save>("PlayerData")?;
    (0..count).try_for_each(|player| players.join(player))?;
    let (mut events, mut loads) = (Vec::new(), Vec::new());
    while (0..count).any(|player| !players.is_loaded(player)) {
        let before = cpu_time();
        players.poll(&mut events);
        loads.push(cpu_time().saturating_sub(before));
        rest(FRAME);
    }
    report("poll while all join", loads.into_iter());
    for player in 0..count {
        players.edit(player, |save| {
            save.items = (0..100).map(|item| format!("item-{player}-{item:06}")).collect();
            Ok(())
        })?;
    }
    Ok(players)
}

/// A twelfth of the players is edited in each frame: everybody five times a second.
fn play(players: &Players<Save>, count: u64, frame: u64) -> Result<u64, Box<dyn Error>> {
    let mut edits = 0;
    for player in (0..count).filter(|player| player % 12 == frame % 12) {
        players.edit(player, |save| {
            save.coins += 1;
            Ok(())
        })?;
        edits += 1;
        if (player + frame).is_multiple_of(600) {
            drop(players.save(player)?);
        }
    }
    Ok(edits)
}

#[expect(clippy::print_stdout, reason = "it shows what it measured")]
fn report(what: &str, times: impl Iterator<Item = Duration>) {
    let mut times: Vec<_> = times.collect();
    times.sort();
    let at = |share: usize| times.get((times.len() * share / 1_000).min(times.len() - 1));
    let [p50, p99, p999, max] =
        [500, 990, 999, 1_000].map(|share| at(share).copied().unwrap_or_default());
    println!("{what}: p50 {p50:?}, p99 {p99:?}, p99.9 {p999:?}, max {max:?}");
}

#[expect(clippy::disallowed_methods, reason = "a benchmark keeps real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark keeps real time")]
fn rest(time: Duration) {
    std::thread::sleep(time);
}
