//! Single bits of a closed store's data file, flipped one at a time.
//!
//! Every read is right, says that the row is damaged, or stops the store; opening may be refused.
//! A key that was acknowledged never reads as absent, no value is ever wrong, and whatever cannot
//! be served any more can be salvaged into a new store, under the same rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::operation::LedgerKey;
use steadfast_core::row::{Birth, Reviewed, RowBody};
use steadfast_core::{
    ApiKeyId, Found, Order, Rng, RowKey, RowRange, ServerId, UniverseId, UtcHour, Write,
};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::{RedbBackend, doctor, salvage};

use crate::support::*;

const FLIPS: u64 = 1_000;
const STORES: [&str; 3] = ["A", "B", "C\0"];

/// A hang is a failure, not a matter of patience.
const PATIENCE: Duration = Duration::from_mins(1);

fn put_api_key(n: u64) -> Write {
    let key = ApiKey {
        name: format!("key {n}"),
        digest: [u8::try_from(n).unwrap(); 32],
        scopes: [KeyScope::EntryRead].into(),
        universes: Only::Any,
        stores: Only::Any,
        birth: Birth::ThisWrite,
        expires_at: None,
        revoked: false,
    };
    let id = ApiKeyId(u128::from(n) << 100);
    Write::Put { key: RowKey::ApiKey(id), revision: revision(1, n), body: RowBody::ApiKey(key) }
}

/// A closed store with something of everything, and what it holds.
fn build(dir: &Path) -> Model {
    let backend = RedbBackend::open(dir, options()).unwrap();
    let mut model = Model::default();
    let mut rng = Rng::seeded(11);
    let mut write = |writes: Vec<Write>| {
        let batch = unconditional(writes);
        let stamp = committed(&backend, batch.clone());
        model.apply(&batch, stamp);
    };
    for n in 0..20 {
        write(vec![put_api_key(n)]);
    }
    for name in STORES {
        write(vec![put_store(&store(name), revision(1, 1))]);
    }
    for round in 1..5 {
        for n in 0..240_u64 {
            if round > 1 && n % round != 0 {
                continue;
            }
            let id = entry(STORES[usize::try_from(n % 3).unwrap()], "global", &format!("u_{n}"));
            let sizes = [20, 200, 900, 3_000, 7_000, 40_000];
            let size = sizes[usize::try_from((n + round) % 6).unwrap()];
            let content = (n % 7 != round).then(|| content(value(&mut rng, size)));
            let mut writes = vec![put_entry(&id, revision(round, n), content.clone())];
            if n % 2 == 0 {
                writes.push(put_revision(&id, revision(round, n), content));
            }
            write(writes);
        }
    }
    for n in 0..3 {
        write(vec![put_universe(n, revision(1, n), &[1, 2, 3])]);
    }
    for round in 1..4_u64 {
        for n in 0..240_u64 {
            if round > 1 && n % round != 0 {
                continue;
            }
            let id = entry(STORES[usize::try_from(n % 3).unwrap()], "global", &format!("u_{n}"));
            // Many of the same value, and places that change.
            let value = i64::try_from(n / 5 * round).unwrap() - 20;
            let value = (n % 11 != round).then_some(value);
            let review = Reviewed::Ordered(id.clone());
            let hour = u32::try_from(n % 7).unwrap();
            write(vec![
                put_ordered(&id, revision(round, n), value),
                put_review(hour, review, revision(round, n)),
            ]);
        }
    }
    // Each written once: which of two writes of one of these rows is the later, only the row itself
    // tells.
    for n in (0..240_u64).step_by(2) {
        let id = entry(STORES[usize::try_from(n % 3).unwrap()], "global", &format!("u_{n}"));
        let revision = revision(1, n);
        let mut writes =
            vec![put_record(&id, revision), put_mail(u128::from(n % 5), &id, revision)];
        if n % 4 == 0 {
            writes.push(put_ends(&id, revision));
        }
        write(writes);
        write(vec![put_presence(u128::from(n + 1) << 60, revision)]);
        let names = ledger_names(n);
        write(names.iter().map(|name| put_ledger(&id, name, revision)).collect());
    }
    backend.close().unwrap();
    model
}

/// Whether a lost row of this name is known by nobody else: it costs space or a question, not data.
fn may_vanish(key: &RowKey) -> bool {
    let is_order = matches!(key, RowKey::Ledger(_, LedgerKey::Order(..)));
    is_order || matches!(key, RowKey::Review(..) | RowKey::Ends(_) | RowKey::Mail(..))
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// What became of one flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Unharmed,
    RowsCorrupt,
    Stopped,
    Refused,
}

/// Reads everything. Nothing if the store stopped on the way, else the number of damaged rows.
fn read_all(backend: &RedbBackend, model: &Model, name: &str) -> Option<usize> {
    let mut corrupt = 0;
    for (key, row) in &model.rows {
        match &try_read(backend, vec![key.clone()]).ok()?.rows[..] {
            [Found::Row(found)] => assert_eq!(found, row, "{name}: {key} is wrong"),
            [Found::Corrupt(found)] => {
                assert_eq!(found, key, "{name}");
                corrupt += 1;
            }
            [Found::Absent] if may_vanish(key) => {}
            other => panic!("{name}: {key} reads {other:?}"),
        }
    }
    for n in 0..60_u64 {
        let id = entry(STORES[usize::try_from(n % 3).unwrap()], "global", &format!("never {n}"));
        for key in [
            RowKey::Entry(id.clone()),
            RowKey::Revision(id.clone(), n),
            RowKey::Ordered(id.clone()),
            RowKey::Record(id.clone()),
            RowKey::Ends(id.clone()),
            RowKey::Presence(ServerId(u128::from(n))),
            RowKey::Mail(ServerId(1), id.clone()),
            RowKey::Ledger(id.clone(), LedgerKey::Head),
            RowKey::Ledger(id, LedgerKey::Pending(n)),
        ] {
            let reply = try_read(backend, vec![key.clone()]).ok()?;
            let is_right = matches!(&reply.rows[..], [Found::Absent | Found::Corrupt(_)]);
            assert!(is_right, "{name}: {key} never existed and reads {reply:?}");
        }
    }
    Some(corrupt)
}

fn scan_all(backend: &RedbBackend, model: &Model, name: &str) -> Option<()> {
    let mut ranges = vec![
        RowRange::Stores { universe: UniverseId(1), prefix: "".into(), after: None },
        RowRange::ApiKeys { after: None },
    ];
    ranges.extend(STORES.map(|name| entries_of(store(name))));
    ranges.extend(STORES.map(|name| RowRange::Ordered { store: store(name), after: None }));
    for name in STORES {
        let of = entry(name, "global", "");
        ranges.extend([Order::Ascending, Order::Descending].map(|order| board_of(&of, order)));
    }
    ranges.push(RowRange::AllStores { after: None });
    ranges.extend(STORES.map(|name| RowRange::Records { store: store(name), after: None }));
    ranges.push(RowRange::Presences { after: None });
    ranges.extend((0..5).map(|id| RowRange::Mail { server: ServerId(id), after: None }));
    ranges.push(RowRange::Reviews { through: UtcHour(u32::MAX), after: None });
    for key in model.rows.keys() {
        if let RowKey::Ledger(entry, LedgerKey::Head) = key {
            ranges.push(ledger_of(entry));
        }
    }
    for key in model.rows.keys() {
        if let RowKey::Revision(entry, 1) = key {
            for order in [Order::Ascending, Order::Descending] {
                ranges.push(RowRange::Revisions { entry: entry.clone(), order, beyond: None });
            }
        }
    }
    for range in ranges {
        let reply = wait(|done| backend.scan(range.clone(), usize::MAX, done));
        let rows = reply.expect("the store answers every scan").ok()?.rows;
        let mut seen = BTreeSet::new();
        let mut is_damaged = false;
        for found in rows {
            match found {
                Found::Row(row) => {
                    let wanted = model.rows.get(&row.key);
                    assert_eq!(Some(&row), wanted, "{name}: a scan answers a wrong row");
                    seen.insert(row.key.clone());
                }
                Found::Corrupt(key) => {
                    is_damaged = true;
                    seen.insert(key);
                }
                Found::Absent => panic!("{name}: a scan answers an absence"),
            }
        }
        for wanted in model.scan(&range) {
            let Found::Row(row) = wanted else { continue };
            let may_hide = match &range {
                // Behind a damaged link the rest of a history may be out of reach.
                RowRange::Revisions { .. } => is_damaged,
                RowRange::Reviews { .. } | RowRange::Mail { .. } => true,
                RowRange::Stores { .. }
                | RowRange::AllStores { .. }
                | RowRange::Entries { .. }
                | RowRange::ApiKeys { .. }
                | RowRange::Board { .. }
                | RowRange::Ordered { .. }
                | RowRange::Records { .. }
                | RowRange::Presences { .. } => false,
                RowRange::Ledger { .. } => may_vanish(&row.key),
            };
            assert!(seen.contains(&row.key) || may_hide, "{name}: a scan hides {}", row.key);
        }
    }
    Some(())
}

fn check_salvage(dir: &Path, model: &Model, name: &str) -> (usize, bool) {
    let new = tempfile::tempdir().unwrap();
    let report = salvage(dir, new.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let backend = RedbBackend::open(new.path(), options()).unwrap();
    let mut saved = 0;
    for (key, row) in &model.rows {
        match read(&backend, key) {
            Found::Row(found) => {
                let mut row = row.clone();
                if let (RowBody::Revision(body), true) =
                    (&mut row.body, report.recovered.contains(key))
                {
                    // What was saved without its row is kept until somebody looked at it.
                    body.pinned = true;
                }
                assert_eq!(found, row, "{name}: salvage made {key} wrong");
                saved += 1;
            }
            Found::Corrupt(_) => {}
            Found::Absent if may_vanish(key) => {}
            Found::Absent => panic!("{name}: salvage hides {key}: {report:?}"),
        }
    }
    (saved, report.went_back.is_some())
}

struct Flip {
    outcome: Outcome,
    corrupt: usize,
    saved: Option<(usize, bool)>,
    reason: String,
}

fn check_flip(base: &Path, model: &Model, offset: usize, bit: u32, name: &str) -> Flip {
    let dir = tempfile::tempdir().unwrap();
    copy(base, dir.path());
    let path = dir.path().join("data.redb");
    let mut data = fs::read(&path).unwrap();
    data[offset] ^= 1 << bit;
    fs::write(&path, &data).unwrap();
    let (outcome, corrupt, reason) = match RedbBackend::open(dir.path(), options()) {
        Err(error) => (Outcome::Refused, 0, error.to_string()),
        Ok(backend) => {
            let corrupt = read_all(&backend, model, name);
            let scanned = scan_all(&backend, model, name);
            let reason = backend.stopped().map(|reason| reason.to_string());
            match (corrupt, scanned) {
                (Some(0), Some(())) => (Outcome::Unharmed, 0, String::new()),
                (Some(corrupt), Some(())) => (Outcome::RowsCorrupt, corrupt, String::new()),
                _ => (Outcome::Stopped, 0, reason.expect("a store that stopped has a reason")),
            }
        }
    };
    let is_lost = matches!(outcome, Outcome::Stopped | Outcome::Refused);
    if is_lost {
        // As it was found: a running engine may have written since.
        fs::write(&path, &data).unwrap();
    }
    // Damage of single rows is what most flips do: every fifth is enough for the slow checks.
    let is_checked = is_lost || offset.is_multiple_of(5);
    if outcome == Outcome::RowsCorrupt && is_checked {
        assert!(!doctor(dir.path()).unwrap().is_clean(), "{name}: the doctor sees it too");
    }
    let is_checked = is_checked && outcome != Outcome::Unharmed;
    let saved = is_checked.then(|| check_salvage(dir.path(), model, name));
    Flip { outcome, corrupt, saved, reason }
}

/// Panics of the engine on a damaged page are what is tested: they are not printed.
fn silence_engine() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |location| location.file());
        if !file.contains("redb-4") && !file.starts_with("/rustc/") {
            print(panic);
        }
    }));
}

/// Runs a check on a thread of its own, so that a hang or a panic has a name.
fn bounded(name: &str, check: impl FnOnce() -> Flip + Send) -> Flip {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let worker = scope.spawn(move || sender.send(check()));
        match receiver.recv_timeout(PATIENCE) {
            Ok(flip) => flip,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("{name}: still running after {PATIENCE:?}");
                std::process::abort();
            }
            Err(RecvTimeoutError::Disconnected) => {
                drop(worker.join().map_err(|panic| std::panic::resume_unwind(panic)));
                unreachable!("a check that ends without an answer panicked")
            }
        }
    })
}

#[test]
fn no_flipped_bit_makes_a_row_wrong_or_absent() {
    silence_engine();
    let base = tempfile::tempdir().unwrap();
    let model = build(base.path());
    let data = fs::read(base.path().join("data.redb")).unwrap();
    let used: Vec<usize> = (0..data.len() / 512)
        .filter(|sector| data[sector * 512..(sector + 1) * 512].iter().any(|byte| *byte != 0))
        .collect();
    println!("{} rows, {} bytes, {} sectors in use", model.rows.len(), data.len(), used.len());
    let mut rng = Rng::stream(12, "flips");
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let (mut corrupt, mut saved, mut expected, mut went_back) = (0, 0, 0, 0);
    for number in 0..FLIPS {
        let sector = *rng.pick(&used).unwrap();
        let offset = sector * 512 + usize::try_from(rng.below(512)).unwrap();
        let bit = u32::try_from(rng.below(8)).unwrap();
        let name = format!("flip {number}, byte {offset}, bit {bit}");
        let flip = bounded(&name, || check_flip(base.path(), &model, offset, bit, &name));
        *outcomes.entry(flip.outcome).or_default() += 1;
        corrupt += flip.corrupt;
        if let Some((rows, is_older)) = flip.saved {
            saved += rows;
            expected += model.rows.len();
            went_back += usize::from(is_older);
        }
        if !flip.reason.is_empty() {
            let reason: String = flip.reason.chars().filter(|c| !c.is_ascii_digit()).collect();
            *reasons.entry(reason.chars().take(110).collect()).or_default() += 1;
        }
    }
    println!("{outcomes:?}, {corrupt} rows corrupt");
    println!("salvaged {saved} of {expected} rows, {went_back} times from an older state");
    for (reason, count) in reasons {
        println!("{count:>4}  {reason}");
    }
}
