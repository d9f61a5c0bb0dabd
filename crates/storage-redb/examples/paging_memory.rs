//! What it takes to page through all keys of a large store: time, and resident memory.
//!
//!     cargo run --release -p steadfast-storage-redb --example paging_memory -- DIR [ENTRIES]
//!
//! Fills the directory, which must be missing or empty, closes it, opens it again, and pages
//! through the heads of all entries with and without sizes, and through a board of as many places.
//! The engine's cache counts as memory too: it is set small, so that growth would show.

#![expect(clippy::print_stdout, reason = "an example prints what it measures")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use steadfast_core::row::{Birth, EntryBody, OrderedBody, RowBody, Span};
use steadfast_core::{
    Batch, BoardId, Content, EntryId, EntryKey, Found, JsonText, Metadata, Order, Outcome,
    Revision, Rng, RowKey, RowRange, Scope, StoreId, StoreName, UniverseId, Write,
};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::{Options, RedbBackend};

const ENTRIES: u64 = 1_000_000;
const VALUE_SIZE: usize = 320;
const GROUP: u64 = 2_000;
const PAGE: usize = 1_000;
const CACHE_SIZE: usize = 16 * 1_024 * 1_024;

fn store() -> StoreId {
    StoreId { universe: UniverseId(1), name: StoreName::trusted("players") }
}

fn entry(n: u64) -> EntryId {
    let key = EntryKey::trusted(format!("u_{n}"));
    EntryId { store: store(), scope: Scope::global(), key }
}

/// An entry whose value stands outside of its record, with its revision, and its place on a board.
fn put(rng: &mut Rng, n: u64) -> [Write; 3] {
    let mut text = String::from("\"");
    for _ in 0..VALUE_SIZE / 16 {
        write!(text, "{:016x}", rng.next_u64()).expect("writing to a string cannot fail");
    }
    text.push('"');
    let value = JsonText::trusted(text);
    let content = Content { value, user_ids: Vec::new(), metadata: Metadata::empty() };
    let content = Some(Arc::new(content));
    let body = EntryBody { birth: Birth::ThisWrite, content, pinned: false, schema: None };
    let (id, revision) = (entry(n), Revision { counter: 1, tag: n });
    let value = i64::try_from(rng.below(1_000_000)).ok();
    let ordered = RowBody::Ordered(OrderedBody { value });
    let history = RowKey::Revision(id.clone(), 1);
    [
        Write::Put { key: RowKey::Entry(id.clone()), revision, body: RowBody::Entry(body.clone()) },
        Write::Put { key: history, revision, body: RowBody::Revision(body) },
        Write::Put { key: RowKey::Ordered(id), revision, body: ordered },
    ]
}

fn fill(dir: &Path, entries: u64) -> Result<(), Box<dyn Error>> {
    let backend = RedbBackend::open(dir, Options::default())?;
    let mut rng = Rng::seeded(1);
    for first in (0..entries).step_by(usize::try_from(GROUP)?) {
        let last = (first + GROUP).min(entries);
        let writes = (first..last).flat_map(|n| put(&mut rng, n)).collect();
        let batch = Batch { conditions: Vec::new(), writes };
        let outcome = wait(|done| backend.commit(batch, done));
        assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
    }
    backend.close()?;
    Ok(())
}

/// Resident memory now and at most, in MB, where the system tells.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1_000
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn tell(what: &str, count: u64, start: Instant) {
    let (now, most) = memory();
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {count} in {seconds:.2} s, {now} MB resident, at most {most} MB so far");
}

fn page_heads(backend: &RedbBackend, with_sizes: bool) -> Result<u64, Box<dyn Error>> {
    let (mut after, mut count) = (None, 0);
    loop {
        let range = RowRange::Entries { store: store(), span: Span::all(), after };
        let reply = wait(|done| backend.heads(range, PAGE, with_sizes, done));
        let page = reply.ok_or("the read was not answered")??;
        count += u64::try_from(page.heads.len())?;
        after = match page.heads.last().map(steadfast_core::row::FoundHead::key) {
            Some(RowKey::Entry(last)) => Some((last.scope.clone(), last.key.clone())),
            Some(_) | None => None,
        };
        if !page.more {
            return Ok(count);
        }
    }
}

fn page_board(backend: &RedbBackend) -> Result<u64, Box<dyn Error>> {
    let (mut beyond, mut count) = (None, 0);
    loop {
        let board = BoardId { store: store(), scope: Scope::global() };
        let (order, min, max) = (Order::Descending, i64::MIN, i64::MAX);
        let range = RowRange::Board { board, order, min, max, beyond };
        let reply = wait(|done| backend.scan(range, PAGE, done));
        let page = reply.ok_or("the read was not answered")??;
        count += u64::try_from(page.rows.len())?;
        beyond = match page.rows.last() {
            Some(Found::Row(row)) => match (&row.key, &row.body) {
                (RowKey::Ordered(entry), RowBody::Ordered(OrderedBody { value: Some(value) })) => {
                    Some((*value, entry.key.clone()))
                }
                (_, _) => None,
            },
            Some(Found::Absent | Found::Corrupt(_)) | None => None,
        };
        if !page.more {
            return Ok(count);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("name a directory to be made")?;
    let dir = Path::new(&dir);
    let entries = arguments.next().map_or(Ok(ENTRIES), |text| text.parse())?;
    if arguments.next().is_some() {
        return fill(dir, entries);
    }
    // In a process of its own, so that its memory does not count.
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .arg(dir)
        .args([entries.to_string().as_str(), "fill"])
        .spawn()?;
    assert!(child.wait()?.success(), "the directory was not filled");
    let start = Instant::now();
    let options = Options { cache_size: CACHE_SIZE, ..Options::default() };
    let backend = RedbBackend::open(dir, options)?;
    tell("open", 0, start);
    for with_sizes in [false, true] {
        let start = Instant::now();
        let count = page_heads(&backend, with_sizes)?;
        assert_eq!(count, entries, "every entry is listed once");
        tell(if with_sizes { "heads with sizes" } else { "heads" }, count, start);
    }
    let start = Instant::now();
    let count = page_board(&backend)?;
    assert_eq!(count, entries, "every entry stands on the board");
    tell("board", count, start);
    backend.close()?;
    Ok(())
}
