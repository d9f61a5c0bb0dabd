//! How much disk a player takes, by the history setting of the data store.
//!
//! ```text
//!     cargo run --release -p steadfast --example bytes_per_day -- [DAYS]
//! ```
//!
//! The play pattern: every player plays 2 hours a day and is saved once a minute, each time with a
//! value of the same size in which a tenth has changed. Time is virtual; the sweep runs once a
//! virtual hour, as it would behind a server. At the end the store is copied, so that room that the
//! engine keeps for later does not count, and the copy's file is measured.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::{env, fs};

use steadfast::{Options, Steadfast};
use steadfast_core::platform::{History, ListRevisions, Permit, Request, Set, Settings, When};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{
    EntryId, EntryKey, JsonText, Limits, Order, Rng, Scope, StoreId, StoreName, Timestamp,
    UniverseId,
};

type Failure = Box<dyn std::error::Error>;

const PLAYERS: usize = 20;
const SAVES_PER_DAY: i64 = 120;
const SIZES: [usize; 2] = [2 * 1024, 20 * 1024];
const DAYS: i64 = 31;
/// 2026-01-01, a midnight.
const START: i64 = 1_767_225_600;
const DAY: i64 = 86_400;
const SWEEP_BUDGET: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let days = env::args().nth(1).map_or(Ok(DAYS), |days| days.parse())?;
    print_line(&format!("{PLAYERS} players, 2 h a day, a save a minute, {days} days"));
    print_line("value   history   bytes a player   revisions a player   bytes a player and day");
    for size in SIZES {
        for history in History::ALL {
            let (bytes, revisions) = measure(history, size, days).await?;
            let per_day = bytes / u64::try_from(days)?;
            print_line(&format!(
                "{:>2} KB   {history:<8} {bytes:>15} {revisions:>20} {per_day:>24}",
                size / 1024
            ));
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program that reports")]
fn print_line(line: &str) {
    println!("{line}");
}

/// Plays some days and returns bytes and revisions for each player.
async fn measure(history: History, size: usize, days: i64) -> Result<(u64, u64), Failure> {
    let place = tempfile::tempdir()?;
    let seconds = Arc::new(AtomicI64::new(START));
    let clock = Arc::clone(&seconds);
    let options = Options {
        clock: Arc::new(move || Timestamp::from_unix_seconds(clock.load(Ordering::Relaxed))),
        settings: Settings { history, ..Settings::native() },
        sweep_every: None,
        ..Options::default()
    };
    let db = Steadfast::open_with(place.path().join("data"), options)?;
    let mut rng = Rng::seeded(7);
    let mut values: Vec<String> = (0..PLAYERS).map(|_| profile(&mut rng, size)).collect();
    for day in 0..days {
        for save in 0..SAVES_PER_DAY {
            seconds.store(START + day * DAY + 18 * 3_600 + save * 60, Ordering::Relaxed);
            for value in &mut values {
                change(&mut rng, value);
            }
            let saves = values.iter().enumerate().map(|(player, value)| {
                let set = save_of(&db, player, value);
                db.execute(Request::Set(set))
            });
            // Submitted together, so that they share a flush.
            for saved in saves.collect::<Vec<_>>() {
                saved.await?;
            }
            if save % 60 == 59 {
                sweep(&db).await?;
            }
        }
        for hour in 20..24 {
            seconds.store(START + day * DAY + hour * 3_600, Ordering::Relaxed);
            sweep(&db).await?;
        }
    }
    let revisions = revisions(&db).await?;
    let copy = place.path().join("copy");
    db.backup_to(&copy, &mut |_| ControlFlow::Continue(()))?;
    db.close()?;
    let restored = place.path().join("restored");
    steadfast_storage_redb::restore(&copy, &restored, &mut |_| ControlFlow::Continue(()))?;
    let bytes = fs::metadata(restored.join("data.redb"))?.len();
    let players = u64::try_from(PLAYERS)?;
    Ok((bytes / players, revisions / players))
}

/// Sweeps until nothing is due.
async fn sweep(db: &Steadfast) -> Result<(), Failure> {
    while db.sweep(SWEEP_BUDGET).await?.reviewed > 0 {}
    Ok(())
}

fn entry(player: usize) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(format!("User_{player}")) }
}

fn save_of(db: &Steadfast, player: usize, value: &str) -> Set {
    let value = JsonText::parse(value.as_bytes(), &Limits::native()).expect("profiles are JSON");
    let content = Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() });
    let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
    Set { entry: entry(player), content, when, permit, write_id }
}

/// A profile: a list of items with the names of few kinds and random ids.
fn profile(rng: &mut Rng, size: usize) -> String {
    let mut text = "{\"coins\":12345,\"level\":42,\"items\":[".to_owned();
    while text.len() < size {
        item(rng, &mut text);
    }
    text.truncate(text.trim_end_matches(',').len());
    text.push_str("]}");
    text
}

fn item(rng: &mut Rng, text: &mut String) {
    let (kind, count, id) = (rng.below(40), rng.in_range(10..100), rng.next_u64());
    write!(text, "{{\"kind\":\"item_{kind:02}\",\"count\":{count},\"id\":\"{id:016x}\"}},")
        .expect("a string takes all");
}

/// Replaces a tenth of the items.
fn change(rng: &mut Rng, value: &mut String) {
    let item_size = "{\"kind\":\"item_00\",\"count\":10,\"id\":\"0123456789abcdef\"},".len();
    let first = "{\"coins\":12345,\"level\":42,\"items\":[".len();
    let count = (value.len() - first) / item_size;
    for _ in 0..count.div_ceil(10) {
        let mut fresh = String::new();
        item(rng, &mut fresh);
        let index = rng.below(u64::try_from(count - 1).expect("few items"));
        let at = first + usize::try_from(index).expect("few items") * item_size;
        value.replace_range(at..at + item_size, &fresh);
    }
}

/// How many revisions are listed for all players.
async fn revisions(db: &Steadfast) -> Result<u64, Failure> {
    let mut count = 0;
    for player in 0..PLAYERS {
        let mut list = ListRevisions {
            entry: entry(player),
            order: Order::Ascending,
            not_before: None,
            not_after: None,
            with_sizes: false,
            beyond: None,
            page_size: 1_000,
        };
        loop {
            let page = db.list_revisions(list.clone()).await?;
            count += u64::try_from(page.items.len())?;
            match page.next {
                Some(next) => list.beyond = Some(next),
                None => break,
            }
        }
    }
    Ok(count)
}
