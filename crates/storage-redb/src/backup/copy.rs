//! Every record of a store, written into the data file of another.
//!
//! Records are copied as they are, damaged ones too. The source is read in groups through one
//! snapshot, so the copy is one point in time, memory is bounded, and nobody waits for it: a
//! snapshot blocks no writer. It is let go as soon as the last record is read.

use std::ops::Bound;
use std::sync::Arc;

use redb::{Database, ReadableTable};

use super::error::BackupError;
use super::survey::{Broken, Digest, Survey, row_count, survey};
use super::watch::{Stage, Watch};
use crate::backend::{builder, create, file_backend, open_database};
use crate::bytes::Family;
use crate::directory::Directory;
use crate::engine::{
    EngineError, FAMILIES, Health, Snapshot, Source, WriteTables, caught, guarded,
};
use crate::options::Options;
use crate::overlay::Overlay;

/// Records, and bytes, that are read and written at a time. A single record may exceed the bytes.
const GROUP_COUNT_MAX: usize = 8_192;
const GROUP_SIZE_MAX: usize = 8 * 1_024 * 1_024;

/// Bytes of pages that the engine keeps of a store that is only copied.
const CACHE_SIZE: usize = 64 * 1_024 * 1_024;

/// How the stores of copies are opened.
pub(super) fn options() -> Options {
    Options { cache_size: CACHE_SIZE, ..Options::default() }
}

/// Opens the store of a locked directory so that nothing in it changes.
pub(super) fn open_unchanged(directory: &Directory) -> Result<Database, EngineError> {
    let file = directory.open_data().map_err(|error| EngineError::Failed(error.to_string()))?;
    let file = file_backend(file).map_err(|error| EngineError::Failed(error.to_string()))?;
    caught(|| {
        let overlay = Overlay::new(Arc::new(file));
        let overlay = overlay.map_err(|error| EngineError::Failed(error.to_string()))?;
        Ok(open_database(overlay, &options())?.0)
    })
}

/// Copies all records of a snapshot into a new data file, and makes it durable. Returns the
/// checksum of what was read.
pub(super) fn copy(
    snapshot: Snapshot,
    health: &Health,
    target: &Directory,
    watch: &mut Watch<'_>,
) -> Result<u64, BackupError> {
    let read_failed = |error| BackupError::source(&error);
    let write_failed = BackupError::target(target.path());
    create(Box::new(file_backend(target.begin_copy()?)?), &options())?;
    let storage = file_backend(target.open_data()?)?;
    let database = caught(|| Ok(builder(&options()).create_with_backend(storage)?));
    let database = database.map_err(|error| write_failed(&error))?;
    let total = guarded(health, || row_count(&snapshot)).map_err(read_failed)?;
    watch.begin(Stage::Copying, total).map_err(|_| BackupError::Cancelled)?;
    let mut digest = Digest::new();
    for family in FAMILIES {
        digest.begin(family);
        let mut last = None;
        loop {
            let group = guarded(health, || read_group(&snapshot, family, last.as_deref()));
            let group = group.map_err(read_failed)?;
            let Some((key, _)) = group.last() else { break };
            last = Some(key.clone());
            for (key, record) in &group {
                digest.add(family, key, record);
                watch.step().map_err(|_| BackupError::Cancelled)?;
            }
            caught(|| write_group(&database, family, &group))
                .map_err(|error| write_failed(&error))?;
        }
    }
    drop(snapshot);
    let closed = caught(|| {
        drop(database);
        Ok(())
    });
    closed.map_err(|error| write_failed(&error))?;
    let synced = target.open_data()?.sync_all();
    synced.map_err(|error| write_failed(&EngineError::Failed(error.to_string())))?;
    Ok(digest.content())
}

type Records = Vec<(Vec<u8>, Vec<u8>)>;

fn read_group(
    source: &impl Source,
    family: Family,
    after: Option<&[u8]>,
) -> Result<Records, EngineError> {
    let lower = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut range = source.table(family)?.range::<&[u8]>((lower, Bound::Unbounded))?;
    let (mut records, mut size): (Records, usize) = (Vec::new(), 0);
    while records.len() < GROUP_COUNT_MAX && size < GROUP_SIZE_MAX {
        let Some(item) = range.next() else { break };
        let (key, record) = item?;
        let (key, record) = (key.value().to_vec(), record.value().to_vec());
        let last = records.last().map_or(after, |(last, _)| Some(last));
        if last.is_some_and(|last| last >= &key[..]) {
            // A damaged page hides what belongs there: such a store is salvaged, not copied.
            return Err(EngineError::Failed(
                "a table is damaged: its keys are out of order".into(),
            ));
        }
        size += key.len() + record.len();
        records.push((key, record));
    }
    Ok(records)
}

fn write_group(database: &Database, family: Family, group: &Records) -> Result<(), EngineError> {
    let transaction = database.begin_write()?;
    let mut tables = WriteTables::new(&transaction);
    for (key, record) in group {
        tables.insert(family, key, record)?;
    }
    drop(tables);
    transaction.commit()?;
    Ok(())
}

/// Reads the data file of a directory from the disk: the engine's check of its pages, then ours of
/// every record.
pub(super) fn verify_data(
    directory: &Directory,
    watch: &mut Watch<'_>,
) -> Result<Result<Survey, EngineError>, BackupError> {
    let checked = open_unchanged(directory).and_then(|mut database| {
        caught(move || {
            // The engine looks into its pages only when it is asked to.
            if !database.check_integrity()? {
                return Err(EngineError::Failed("the engine had to repair its pages".to_owned()));
            }
            Ok(database)
        })
    });
    let surveyed = checked.and_then(|database| {
        caught(|| match survey(&Snapshot::open(&database)?, watch) {
            Ok(survey) => Ok(Some(survey)),
            Err(Broken::Engine(error)) => Err(error),
            Err(Broken::Ended) => Ok(None),
        })
    });
    match surveyed {
        Ok(Some(survey)) => Ok(Ok(survey)),
        Ok(None) => Err(BackupError::Cancelled),
        Err(error) => Ok(Err(error)),
    }
}
