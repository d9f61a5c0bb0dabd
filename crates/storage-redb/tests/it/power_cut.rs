//! Power cuts: images of the disk as it may be found afterwards.
//!
//! A storage in memory records every write, resize and flush, and the test adds an entry to the
//! record for each answer it got. An image holds what was flushed before a random point, and of
//! the writes after that flush a random subset, in random order, some torn into sectors. Every
//! image must open, and must hold exactly the batches up to some point at or behind the last
//! answer before the cut.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use steadfast_core::{Batch, Order, Outcome, Rng, RowKey, RowRange, ServerId, UtcHour};
use steadfast_storage::{Backend, Done};
use steadfast_storage_redb::RedbBackend;

use crate::support::*;

const SECTOR_SIZE: usize = 512;
const RUNS: u64 = 20;
const IMAGES: usize = 100;

#[derive(Clone, Debug)]
enum Event {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
    /// So many batches were answered.
    Answered(usize),
}

#[derive(Clone, Debug, Default)]
struct Recording {
    state: Arc<Mutex<(Vec<u8>, Vec<Event>)>>,
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap()
}

fn apply(image: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (start, end) = (as_usize(offset), as_usize(offset) + data.len());
    if image.len() < end {
        image.resize(end, 0);
    }
    image[start..end].copy_from_slice(data);
}

impl StorageBackend for Recording {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.state.lock().unwrap().0.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        let start = as_usize(offset);
        let source = state.0.get(start..start + out.len());
        out.copy_from_slice(source.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.0.resize(as_usize(len), 0);
        state.1.push(Event::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.state.lock().unwrap().1.push(Event::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        apply(&mut state.0, offset, data);
        state.1.push(Event::Write(offset, data.to_vec()));
        Ok(())
    }
}

impl Recording {
    fn of(image: Vec<u8>) -> Self {
        Self { state: Arc::new(Mutex::new((image, Vec::new()))) }
    }
}

/// The entry that every batch also writes, so that an image tells how far it came.
fn mark() -> RowKey {
    RowKey::Entry(entry("marks", "global", "last"))
}

/// What a run did: the image before it, its events, and the rows after each batch.
struct History {
    start: Vec<u8>,
    events: Vec<Event>,
    models: Vec<Model>,
    keys: BTreeSet<RowKey>,
}

/// Batches in groups of random size, so that commits hold several.
fn record(seed: u64) -> History {
    let storage = Recording::default();
    let backend = RedbBackend::open_with(storage.clone(), options()).unwrap();
    let mut rng = Rng::stream(seed, "batches");
    let mut models = vec![Model::default()];
    // From here on the directory would say that the store is ready.
    let (start, before) = {
        let mut state = storage.state.lock().unwrap();
        state.1.clear();
        (state.0.clone(), state.1.len())
    };
    assert_eq!(before, 0);
    let mut answered = 0;
    while answered < 80 {
        // Planned on what is there, so that later batches of a group are refused now and then.
        let group: Vec<Batch> = (0..rng.in_range(1..8))
            .map(|n| planned(&mut rng, models.last().unwrap(), answered + as_usize(n)))
            .collect();
        let (sender, receiver) = mpsc::channel();
        for (index, batch) in group.iter().enumerate() {
            let (sender, log) = (sender.clone(), storage.clone());
            let number = answered + index + 1;
            let done = Done::new(move |outcome| {
                log.state.lock().unwrap().1.push(Event::Answered(number));
                sender.send(outcome).unwrap();
            });
            backend.commit(batch.clone(), done);
        }
        drop(sender);
        for (batch, outcome) in group.iter().zip(receiver.iter()) {
            let mut model = models.last().unwrap().clone();
            if let Outcome::Committed(committed) = outcome {
                model.apply(batch, committed.stamped_at);
            }
            models.push(model);
        }
        answered += group.len();
    }
    drop(backend.close());
    let keys = models.iter().flat_map(|model| model.rows.keys().cloned()).collect();
    let events = std::mem::take(&mut storage.state.lock().unwrap().1);
    History { start, events, models, keys }
}

fn planned(rng: &mut Rng, model: &Model, number: usize) -> Batch {
    let mut batch = random_batch(rng, model);
    let counter = u64::try_from(number).unwrap() + 1;
    let RowKey::Entry(id) = mark() else { unreachable!("the mark is an entry") };
    batch.writes.push(put_entry(&id, revision(counter, counter), None));
    batch
}

/// Writes part of what was not flushed, in any order.
fn lose_power(image: &mut Vec<u8>, unsynced: &[Event], rng: &mut Rng) {
    let mut events: Vec<&Event> = unsynced.iter().collect();
    if rng.percent(50) {
        for at in (1..events.len()).rev() {
            events.swap(at, as_usize(rng.below(u64::try_from(at + 1).unwrap())));
        }
    }
    // From nearly nothing to nearly everything.
    let kept = rng.in_range(0..101);
    for event in events {
        match event {
            Event::Write(offset, data) if rng.percent(kept) => {
                if rng.percent(30) {
                    for (sector, part) in data.chunks(SECTOR_SIZE).enumerate() {
                        let at = offset + u64::try_from(sector * SECTOR_SIZE).unwrap();
                        if rng.percent(50) {
                            apply(image, at, part);
                        }
                    }
                } else {
                    apply(image, *offset, data);
                }
            }
            // A file that shrinks does so before it is closed, never under later writes.
            Event::SetLen(len) if rng.percent(kept) && as_usize(*len) > image.len() => {
                image.resize(as_usize(*len), 0);
            }
            Event::Write(..) | Event::SetLen(_) | Event::Sync | Event::Answered(_) => {}
        }
    }
}

fn check_image(history: &History, image: Vec<u8>, answered: usize, name: &str) -> usize {
    let backend = RedbBackend::open_with(Recording::of(image), options())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = read(&backend, &mark()).revision();
    let upto = found.map_or(0, |revision| as_usize(revision.counter));
    // A mark of a refused batch is never written, so the batches up to a mark may be more.
    let floor = history.models[answered].rows.get(&mark()).map_or(0, |row| row.revision.counter);
    assert!(upto >= as_usize(floor), "{name}: {upto} is before the answered {answered}");
    let model = &history.models[upto];
    for key in &history.keys {
        assert_eq!(read(&backend, key), model.found(key), "{name}: {key} after {upto}");
    }
    let all = RowRange::Reviews { through: UtcHour(u32::MAX), after: None };
    let mut ranges = vec![RowRange::AllStores { after: None }, all];
    ranges.push(RowRange::Presences { after: None });
    ranges.extend([0, 1, 2].map(|id| RowRange::Mail { server: ServerId(id), after: None }));
    for store_name in ["A", "B", "C\0"] {
        ranges.push(entries_of(store(store_name)));
        ranges.push(RowRange::Ordered { store: store(store_name), after: None });
        ranges.push(RowRange::Records { store: store(store_name), after: None });
        let entry = entry(store_name, "global", "p");
        ranges.push(ledger_of(&entry));
        ranges.extend([Order::Ascending, Order::Descending].map(|order| board_of(&entry, order)));
    }
    for range in ranges {
        assert_eq!(scan(&backend, &range, usize::MAX).rows, model.scan(&range), "{name}");
    }
    // It goes on from there, in both directions of time.
    let id = entry("A", "global", "after the cut");
    let stamp = committed(&backend, unconditional(vec![put_entry(&id, revision(1, 1), None)]));
    assert!(model.rows.values().all(|row| row.stamped_at < stamp), "{name}");
    upto
}

fn check_run(seed: u64) -> (usize, usize) {
    let history = record(seed);
    let mut rng = Rng::stream(seed, "cuts");
    let count = u64::try_from(history.events.len()).unwrap();
    let mut cuts: Vec<usize> = (0..IMAGES).map(|_| as_usize(rng.below(count + 1))).collect();
    cuts.sort_unstable();
    let mut synced = history.start.clone();
    let (mut position, mut synced_at, mut answered) = (0, 0, 0);
    let (mut ahead, mut torn) = (0, 0);
    for (number, cut) in cuts.into_iter().enumerate() {
        while position < cut {
            match &history.events[position] {
                Event::Sync => {
                    for event in &history.events[synced_at..position] {
                        match event {
                            Event::Write(offset, data) => apply(&mut synced, *offset, data),
                            Event::SetLen(len) => synced.resize(as_usize(*len), 0),
                            Event::Sync | Event::Answered(_) => {}
                        }
                    }
                    synced_at = position + 1;
                }
                Event::Answered(count) => answered = *count,
                Event::Write(..) | Event::SetLen(_) => {}
            }
            position += 1;
        }
        let mut image = synced.clone();
        let unsynced = &history.events[synced_at..cut];
        torn += usize::from(unsynced.iter().any(|event| matches!(event, Event::Write(..))));
        lose_power(&mut image, unsynced, &mut rng);
        let upto = check_image(&history, image, answered, &format!("seed {seed}, image {number}"));
        ahead += usize::from(upto > answered);
    }
    (ahead, torn)
}

#[test]
fn every_image_after_a_power_cut_holds_what_was_acknowledged_and_nothing_refused() {
    let (mut ahead, mut torn) = (0, 0);
    for seed in 0..RUNS {
        let (more, cut) = check_run(seed);
        ahead += more;
        torn += cut;
    }
    println!(
        "{} images: {torn} with writes under way, {ahead} ahead of the last answer",
        RUNS * u64::try_from(IMAGES).unwrap()
    );
    assert!(torn > 500, "cuts hit writes under way");
}
