//! How long exact places take on a board, and how much memory.
//!
//! ```sh
//! cargo run --release -p steadfast-storage --example ranks -- 1000000
//! ```
//!
//! Random values in a quarter of the range of keys, so that a rank is shared by four. First the
//! structure alone. Then over the memory backend: the first standing after a start, which builds the
//! board, and standings, pages and updates through the platform. Figures are medians over batches.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and prints")]

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use steadfast_core::platform::{
    FindStanding, ListOrdered, OrderedAction, OrderedRequest, OrderedWhen, Settings,
};
use steadfast_core::row::OrderedBody;
use steadfast_core::{
    Batch, Board, BoardId, EntryKey, Order, Outcome, Revision, Rng, RowBody, RowKey, Scope,
    StoreId, StoreName, Timestamp, UniverseId, Write, WriteId,
};
use steadfast_storage::{Backend, LocalPlatform, MemoryBackend, Platform, wait};

/// Operations of a batch, of which a figure is the mean.
const BATCH_SIZE: u32 = 100;

/// Batches of a figure, which is their median.
const BATCHES: usize = 2_001;

/// Neighbours on each side.
const AROUND: usize = 5;

type Item = (i64, EntryKey);

fn board_id() -> BoardId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("wins") };
    BoardId { store, scope: Scope::global() }
}

fn value(rng: &mut Rng, count: u64) -> i64 {
    i64::try_from(rng.below(count / 4 + 1)).expect("a small number")
}

/// Prints the median of nanoseconds an operation takes, and what 99 of 100 batches stay below.
fn measure(what: &str, mut operation: impl FnMut()) {
    let mut nanos: Vec<u128> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..BATCH_SIZE).for_each(|_| operation());
            start.elapsed().as_nanos() / u128::from(BATCH_SIZE)
        })
        .collect();
    nanos.sort_unstable();
    let at = |share: usize| nanos.get(BATCHES * share / 100).copied().unwrap_or(0);
    println!("  {what:<34} {:>7} ns  (99%: {} ns)", at(50), at(99));
}

/// Bytes of memory of this process, where the system tells.
fn memory() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    pages.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4_096)
}

fn print_memory(what: &str, before: Option<u64>, count: usize) {
    if let (Some(before), Some(after)) = (before, memory()) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        println!("  {what:<34} {:>7} bytes an entry", after.saturating_sub(before) / count);
    }
}

fn over_the_backend(items: &[Item], rng: &mut Rng) -> Result<(), Box<dyn Error>> {
    let backend = Arc::new(MemoryBackend::new(|| Timestamp::EPOCH));
    for items in items.chunks(1_000) {
        let put = |(value, key): &Item| Write::Put {
            key: RowKey::Ordered(board_id().entry(key.clone())),
            revision: Revision { counter: 1, tag: 1 },
            body: RowBody::Ordered(OrderedBody { value: Some(*value) }),
        };
        let batch = Batch { conditions: vec![], writes: items.iter().map(put).collect() };
        let outcome = wait(|done| backend.commit(batch, done));
        assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
    }
    let platform = LocalPlatform::new(backend, Settings::default(), 64)?;
    let count = u64::try_from(items.len())?;
    let pick = |rng: &mut Rng| rng.pick(items).expect("there are some").1.clone();
    let stand = |key: EntryKey, around| {
        let (entry, order) = (board_id().entry(key), Order::Descending);
        let request = FindStanding { entry, order, around };
        wait(|done| platform.find_standing(request, done)).expect("it answers").expect("it stands")
    };
    println!("over the memory backend");
    let before = memory();
    let start = Instant::now();
    let first = stand(pick(rng), 0);
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(first.entry_count, count);
    let a_million = seconds * 1e6 / f64::from(u32::try_from(count)?);
    println!(
        "  first standing                     {seconds:>7.3} s   ({a_million:.3} s a million)"
    );
    print_memory("the board", before, items.len());
    measure("standing", || drop(black_box(stand(pick(rng), 0))));
    measure("standing, 5 on each side", || drop(black_box(stand(pick(rng), AROUND))));
    measure("the first page of 100", || {
        let (board, order, beyond) = (board_id(), Order::Descending, None);
        let (min, max, page_size) = (i64::MIN, i64::MAX, 100);
        let request = ListOrdered { board, order, min, max, beyond, page_size };
        drop(black_box(wait(|done| platform.list_ordered(request, done))));
    });
    let mut write = 0;
    measure("set", || {
        write += 1;
        let action = OrderedAction::Set { value: value(rng, count), when: OrderedWhen::Always };
        let (entry, write_id) = (board_id().entry(pick(rng)), WriteId(write));
        let request = OrderedRequest { entry, action, write_id };
        let answer = wait(|done| platform.execute_ordered(request, done));
        assert!(matches!(answer, Some(Ok(_))), "{answer:?}");
    });
    Ok(())
}

fn alone(mut items: Vec<Item>, rng: &mut Rng) {
    println!("the structure alone");
    items.sort_unstable();
    let (before, start) = (memory(), Instant::now());
    let mut board: Board = items.iter().cloned().collect();
    println!("  built in order                     {:>7.3} s", start.elapsed().as_secs_f64());
    print_memory("built in order", before, items.len());
    let count = items.len();
    measure("position", || {
        let (value, key) = rng.pick(&items).expect("there are some");
        black_box(board.position(*value, key, Order::Descending));
    });
    measure("rank", || {
        let (value, _) = rng.pick(&items).expect("there are some");
        black_box(board.rank(*value, Order::Descending));
    });
    measure("around, 5 on each side", || {
        let (value, key) = rng.pick(&items).expect("there are some");
        drop(black_box(board.standing(*value, key, Order::Descending, AROUND)));
    });
    let total = u64::try_from(count).unwrap_or(u64::MAX);
    let mut update = || {
        let index = usize::try_from(rng.below(total)).expect("an index");
        let item = items.get_mut(index).expect("an index");
        assert!(board.remove(item.0, &item.1), "what was put there");
        item.0 = value(rng, total);
        assert!(board.insert(item.0, item.1.clone()), "its place is free");
    };
    measure("update", &mut update);
    (0..count).for_each(|_| update());
    print_memory("after more updates than entries", before, count);
    assert_eq!(board.len(), count);
}

fn main() -> Result<(), Box<dyn Error>> {
    let count: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |count| count.parse())?;
    let mut rng = Rng::seeded(1);
    let item = |n| (value(&mut rng, count), EntryKey::trusted(format!("player_{n}")));
    let items: Vec<Item> = (0..count).map(item).collect();
    println!("{count} entries");
    // First, so that the memory that it takes is fresh.
    alone(items.clone(), &mut Rng::seeded(2));
    over_the_backend(&items, &mut Rng::seeded(3))
}
