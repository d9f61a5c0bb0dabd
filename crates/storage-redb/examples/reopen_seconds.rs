//! How long the first read takes after the process of a store was killed.
//!
//!     cargo run --release -p steadfast-storage-redb --example reopen_seconds -- DIR [MEGABYTES]
//!
//! A child process fills the directory, which must be missing or empty, and goes on saving until
//! it is killed with SIGKILL. The store is then opened here: the seconds until it is open, and
//! until the first read is answered. The target is at most 2 s per GB.

#![expect(clippy::print_stdout, reason = "an example prints what it measures")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use steadfast_core::row::{Birth, EntryBody, RowBody};
use steadfast_core::{
    Batch, Content, EntryId, EntryKey, Found, JsonText, Metadata, Outcome, Revision, Rng, RowKey,
    Scope, StoreId, StoreName, UniverseId, Write,
};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::{Options, RedbBackend};

const VALUE_SIZE: usize = 2_000;
const GROUP: u64 = 500;
const MEGABYTES: u64 = 200;

fn entry(n: u64) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(format!("u_{n}")) }
}

fn put(rng: &mut Rng, n: u64, counter: u64) -> [Write; 2] {
    let mut value = String::from("\"");
    while value.len() + 1 < VALUE_SIZE {
        write!(value, "{:016x}", rng.next_u64()).expect("writing to a string cannot fail");
    }
    value.push('"');
    let (value, metadata) = (JsonText::trusted(value), Metadata::empty());
    let content = Some(Arc::new(Content { value, user_ids: Vec::new(), metadata }));
    let body = EntryBody { birth: Birth::ThisWrite, content, pinned: false, schema: None };
    let (id, revision) = (entry(n), Revision { counter, tag: n });
    let (key, history) = (RowKey::Entry(id.clone()), RowKey::Revision(id, counter));
    let revision_row = Write::Put { key: history, revision, body: RowBody::Revision(body.clone()) };
    [Write::Put { key, revision, body: RowBody::Entry(body) }, revision_row]
}

fn save(backend: &RedbBackend, writes: Vec<Write>) {
    let batch = Batch { conditions: Vec::new(), writes };
    let outcome = wait(|done| backend.commit(batch, done));
    assert!(matches!(outcome, Some(Outcome::Committed(_))), "{outcome:?}");
}

/// Fills the directory, says so, and goes on until it is killed.
fn fill(dir: &Path, megabytes: u64) -> Result<(), Box<dyn Error>> {
    let backend = RedbBackend::open(dir, Options::default())?;
    let (mut rng, data) = (Rng::seeded(1), dir.join("data.redb"));
    let mut count = 0;
    while std::fs::metadata(&data)?.len() < megabytes * 1_000_000 {
        let puts = (count..count + GROUP).flat_map(|n| put(&mut rng, n, 1));
        save(&backend, puts.collect());
        count += GROUP;
    }
    println!("{count}");
    std::io::stdout().flush()?;
    for counter in 2.. {
        let n = rng.below(count);
        save(&backend, put(&mut rng, n, counter).into());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("name a directory to be made")?;
    let dir = Path::new(&dir);
    let megabytes = arguments.next().map_or(Ok(MEGABYTES), |text| text.parse())?;
    if arguments.next().is_some() {
        return fill(dir, megabytes);
    }
    if dir.exists() && std::fs::read_dir(dir)?.next().is_some() {
        return Err("the directory is not empty".into());
    }
    let mut child = Command::new(std::env::current_exe()?)
        .arg(dir)
        .args([megabytes.to_string().as_str(), "fill"])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("the child has an output")?;
    BufReader::new(output).read_line(&mut line)?;
    let count: u64 = line.trim().parse()?;
    // SIGKILL, in the middle of its saves.
    child.kill()?;
    child.wait()?;
    let size = std::fs::metadata(dir.join("data.redb"))?.len();
    let start = Instant::now();
    let backend = RedbBackend::open(dir, Options::default())?;
    let opened = start.elapsed().as_secs_f64();
    let read = wait(|done| backend.read(vec![RowKey::Entry(entry(count / 2))], done));
    let answered = start.elapsed().as_secs_f64();
    let rows = read.ok_or("the read was not answered")??.rows;
    assert!(matches!(rows.first(), Some(Found::Row(_))), "what was acknowledged is there");
    let gigabytes = f64::from(u32::try_from(size / 1_000_000)?) / 1_000.0;
    println!(
        "{count} entries, {gigabytes:.2} GB: open after {opened:.2} s, first read after \
         {answered:.2} s, {:.2} s per GB",
        answered / gigabytes
    );
    Ok(())
}
