//! Reads of a store that may be damaged anywhere: every step may fail, none may end the walk.
//!
//! The engine works on an overlay, so nothing it repairs or breaks reaches the file. After an
//! error or a panic it is opened anew. A walk over a table goes from the front to the first page
//! that cannot be read, and then from the back.

pub(crate) mod bodies;
pub(crate) mod ordered;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::sync::Arc;

use redb::{Database, StorageBackend};
use steadfast_core::{EntryId, Revision, StoreId, Timestamp};

use crate::backend::{builder, complete_tables, load_counters};
use crate::bytes::{Damage, Family};
use crate::carve::carve;
use crate::encode::entry::{Current, Pointer, State};
use crate::encode::index::{self, Kind};
use crate::encode::keys::{parse_entry_key, parse_revision_key, parse_store_key, parse_value_key};
use crate::encode::meta::Counters;
use crate::encode::revision::Link;
use crate::encode::store::Store;
use crate::encode::{content, value};
use crate::engine::{EngineError, Snapshot, Source, caught};
use crate::options::Options;
use crate::overlay::Overlay;
use crate::read::{Lookup, content_bytes, is_outrun, lookup};
use crate::stores::StoreNumbers;

/// Keys out of order before a walk gives a direction up.
const DISORDER_MAX: usize = 1_000;

/// A store under examination.
pub(crate) struct Patient {
    base: Arc<dyn StorageBackend>,
    options: Options,
    database: Option<Database>,
    /// What had to be done so that the engine opens it.
    pub(crate) trust: Trust,
    /// What the engine said when it failed, each message once.
    pub(crate) failures: BTreeSet<String>,
}

/// What had to be done to a file so that the engine opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Nothing.
    Full,
    /// The engine repaired it instead of trusting what it says of itself.
    Distrusted,
    /// Its pages were read without the engine.
    Carved,
}

impl Trust {
    fn next(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::Distrusted),
            Self::Distrusted => Some(Self::Carved),
            Self::Carved => None,
        }
    }
}

/// A state of an entry that was read and verified, free of the store it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rescued {
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) birth: Timestamp,
    pub(crate) pinned: bool,
    pub(crate) schema: Option<u32>,
    /// The encoded content; nothing in a tombstone.
    pub(crate) content: Option<Vec<u8>>,
}

/// What was found of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing, for certain.
    Absent,
    /// A verified state.
    Here(Rescued),
    /// Something that cannot be read, and why.
    Damaged(String),
}

/// A value by the head of its first chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueHead {
    pub(crate) pointer: Pointer,
    pub(crate) revision: Revision,
    pub(crate) stamped_at: Timestamp,
    pub(crate) birth: Timestamp,
}

impl ValueHead {
    pub(crate) fn state(&self) -> State<'static> {
        State {
            revision: self.revision,
            stamped_at: self.stamped_at,
            birth: self.birth,
            // Whose row is lost stays until somebody looked at it.
            pinned: true,
            // Nothing but the row told it.
            schema: None,
            value_size: None,
            place: crate::encode::entry::Place::Stored(self.pointer),
        }
    }
}

/// An engine on damaged pages may panic when it closes, too.
impl Drop for Patient {
    fn drop(&mut self) {
        self.close();
    }
}

impl Patient {
    pub(crate) fn new(base: Arc<dyn StorageBackend>, options: Options) -> Self {
        Self { base, options, database: None, trust: Trust::Full, failures: BTreeSet::new() }
    }

    /// Runs one step of the examination on the engine.
    pub(crate) fn attempt<T>(
        &mut self,
        step: impl FnOnce(&Snapshot) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let result = self.open().and_then(|()| {
            caught(|| match &self.database {
                Some(database) => step(&Snapshot::open(database)?),
                None => Err(EngineError::Failed("the engine is closed".to_owned())),
            })
        });
        if let Err(error) = &result {
            self.failures.insert(error.to_string());
            // A panic may have left locks and caches of the engine in any state.
            self.close();
        }
        result
    }

    fn open(&mut self) -> Result<(), EngineError> {
        if self.database.is_some() {
            return Ok(());
        }
        let mut opened = self.open_overlay();
        while let Err(error) = &opened {
            let Some(next) = self.trust.next() else { break };
            self.failures.insert(error.to_string());
            self.trust = next;
            if next == Trust::Carved {
                self.base = caught(|| carve(&*self.base))?;
            }
            opened = self.open_overlay();
        }
        self.database = Some(opened?);
        Ok(())
    }

    fn open_overlay(&self) -> Result<Database, EngineError> {
        let base = Arc::clone(&self.base);
        caught(|| {
            let overlay = Overlay::new(base).map_err(|error| failed(&error))?;
            if self.trust == Trust::Distrusted {
                distrust(&overlay).map_err(|error| failed(&error))?;
            }
            let database = builder(&self.options).create_with_backend(overlay)?;
            // Where that fails, whoever reads the missing table says so.
            drop(complete_tables(&database));
            Ok(database)
        })
    }

    fn close(&mut self) {
        let database = self.database.take();
        let closed = caught(|| {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            self.failures.insert(error.to_string());
        }
    }

    /// Lets the engine check its pages. Whether they were all right.
    pub(crate) fn check_integrity(&mut self) -> Result<bool, EngineError> {
        self.open()?;
        let Some(mut database) = self.database.take() else { return Ok(false) };
        caught(move || {
            let is_clean = database.check_integrity()?;
            drop(database);
            Ok(is_clean)
        })
    }

    /// The counters of the store.
    pub(crate) fn counters(&mut self) -> Result<Counters, EngineError> {
        self.attempt(load_counters)
    }

    /// Walks the records of a table that begin with a prefix, as far as they can be reached.
    /// Whether all of them could.
    pub(crate) fn walk(
        &mut self,
        family: Family,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], &[u8]),
    ) -> bool {
        let mut seen = BTreeSet::new();
        for is_forward in [true, false] {
            let walked = self.attempt(|snapshot| {
                let mut range = snapshot.table(family)?.range::<&[u8]>(prefix..)?;
                let mut disorder = 0;
                loop {
                    let item = if is_forward { range.next() } else { range.next_back() };
                    let Some(item) = item else { return Ok(()) };
                    let (key, record) = item?;
                    let key = key.value();
                    if !key.starts_with(prefix) {
                        if is_forward && key > prefix {
                            return Ok(());
                        }
                        continue;
                    }
                    if seen.insert(key.to_vec()) {
                        each(key, record.value());
                    } else {
                        disorder += 1;
                        if !is_forward || disorder > DISORDER_MAX {
                            // From the back: everything from here on was seen from the front.
                            return Err(EngineError::Failed("a table is out of order".to_owned()));
                        }
                    }
                }
            });
            if walked.is_ok() && is_forward {
                return true;
            }
        }
        false
    }

    /// The data stores by their numbers.
    pub(crate) fn stores(&mut self) -> HashMap<u32, StoreId> {
        let mut numbers = HashMap::new();
        self.walk(Family::Index, &[Kind::Store.byte()], |key, record| {
            let store = key.get(1..).and_then(parse_store_key);
            if let (Some(store), Ok(number)) = (store, index::decode(key, record)) {
                numbers.insert(store, number);
            }
        });
        self.walk(Family::Stores, &[], |key, record| {
            if let (Some(store), Ok(record)) = (parse_store_key(key), Store::decode(key, record)) {
                numbers.insert(store, record.number);
            }
        });
        StoreNumbers::of(numbers).by_number()
    }

    /// The keys `K` of all entries that any table knows, with the counters of their revisions, and
    /// their values by counter.
    pub(crate) fn entries(&mut self) -> BTreeMap<Vec<u8>, Traces> {
        let mut entries: BTreeMap<Vec<u8>, Traces> = BTreeMap::new();
        self.walk(Family::Index, &[Kind::Entry.byte()], |key, record| {
            if index::decode(key, record).is_ok()
                && let Some(entry_key) = key.get(1..)
            {
                entries.entry(entry_key.to_vec()).or_default().is_current = true;
            }
        });
        self.walk(Family::Current, &[], |key, record| {
            if Current::decode(key, record).is_ok() {
                entries.entry(key.to_vec()).or_default().is_current = true;
            }
        });
        self.walk(Family::Revisions, &[], |key, record| {
            if let (Ok(link), Some((entry_key, counter))) =
                (Link::decode(key, record), parse_revision_key(key))
            {
                let traces = entries.entry(entry_key.to_vec()).or_default();
                traces.revisions.insert(counter);
                traces.revisions.extend(link.older);
            }
        });
        self.walk(Family::Values, &[], |key, record| {
            let Some((seq, 0)) = parse_value_key(key) else { return };
            let Ok((head, _)) = value::decode_first(key, record) else { return };
            let (size, chunk_count) = (head.size, head.chunk_count);
            let (stamped_at, birth) = (head.stamped_at, head.birth);
            let pointer = Pointer { seq, size, chunk_count };
            let found = ValueHead { pointer, revision: head.revision, stamped_at, birth };
            let traces = entries.entry(head.entry_key.to_vec()).or_default();
            traces.values.insert(head.revision.counter, found);
        });
        entries.retain(|key, _| parse_entry_key(key).is_some());
        entries
    }

    /// What stands at an entry.
    pub(crate) fn entry(&mut self, entry_key: &[u8]) -> (Finding, Option<u64>) {
        let found = self.attempt(|snapshot| {
            let record = match lookup(snapshot, Family::Current, Kind::Entry, entry_key)? {
                Lookup::Absent => return Ok((Finding::Absent, None)),
                Lookup::Missing => {
                    return Ok((Finding::Damaged("only the index knows it".to_owned()), None));
                }
                Lookup::Here(record) => record,
            };
            Ok(match Current::decode(entry_key, record.value()) {
                Ok(current) if is_outrun(snapshot, entry_key, current.newest_revision)? => {
                    (Finding::Damaged(Damage::Outrun.to_string()), None)
                }
                Ok(current) => {
                    let finding = match current.state() {
                        Some(state) => rescue(snapshot, entry_key, &state)?,
                        None => Finding::Absent,
                    };
                    (finding, current.newest_revision)
                }
                Err(damage) => (Finding::Damaged(damage.to_string()), None),
            })
        });
        found.unwrap_or_else(|error| (Finding::Damaged(error.to_string()), None))
    }

    /// What stands at a revision.
    pub(crate) fn revision(&mut self, entry_key: &[u8], counter: u64) -> Finding {
        let key = crate::encode::keys::revision_key(entry_key, counter);
        let found = self.attempt(|snapshot| {
            let record = snapshot.table(Family::Revisions)?.get(&key[..])?;
            let Some(record) = record else {
                return Ok(Finding::Damaged("its row is missing".to_owned()));
            };
            match Link::decode(&key, record.value()) {
                Ok(link) => rescue(snapshot, entry_key, &link.state),
                Err(damage) => Ok(Finding::Damaged(damage.to_string())),
            }
        });
        found.unwrap_or_else(|error| Finding::Damaged(error.to_string()))
    }

    /// A value by its head, whoever points to it.
    pub(crate) fn value(&mut self, entry_key: &[u8], head: &ValueHead) -> Finding {
        let found = self.attempt(|snapshot| rescue(snapshot, entry_key, &head.state()));
        found.unwrap_or_else(|error| Finding::Damaged(error.to_string()))
    }
}

/// What the tables know of an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traces {
    /// Whether the index or a readable record says that it exists.
    pub(crate) is_current: bool,
    /// Counters of its revision rows, also of those that only a neighbour names.
    pub(crate) revisions: BTreeSet<u64>,
    /// Its values by the counter of their revision.
    pub(crate) values: BTreeMap<u64, ValueHead>,
}

impl Traces {
    /// The entry's name.
    pub(crate) fn name(entry_key: &[u8], stores: &HashMap<u32, StoreId>) -> Option<EntryId> {
        let (number, scope, key) = parse_entry_key(entry_key)?;
        Some(EntryId { store: stores.get(&number)?.clone(), scope, key })
    }
}

fn failed(error: &io::Error) -> EngineError {
    EngineError::Failed(error.to_string())
}

/// Marks a file as one that was not closed properly, so that the engine takes its free space from
/// a walk over its trees, and its second root if the first is damaged (redb's `design.md`,
/// "Database header": the byte behind the magic number).
fn distrust(overlay: &Overlay) -> io::Result<()> {
    const FLAGS_OFFSET: u64 = 9;
    const RECOVERY_REQUIRED: u8 = 2;
    const TWO_PHASE_COMMIT: u8 = 4;
    let mut flags = [0];
    overlay.read(FLAGS_OFFSET, &mut flags)?;
    let flags = flags.map(|flags| (flags | RECOVERY_REQUIRED) & !TWO_PHASE_COMMIT);
    overlay.write(FLAGS_OFFSET, &flags)
}

fn rescue(
    source: &impl Source,
    entry_key: &[u8],
    state: &State<'_>,
) -> Result<Finding, EngineError> {
    let bytes = match content_bytes(source, entry_key, state)? {
        Ok(bytes) => bytes,
        Err(damage) => return Ok(Finding::Damaged(damage.to_string())),
    };
    if let Some(Err(damage)) = bytes.as_deref().map(content::decode) {
        return Ok(Finding::Damaged(damage.to_string()));
    }
    let State { revision, stamped_at, birth, pinned, schema, .. } = *state;
    Ok(Finding::Here(Rescued { revision, stamped_at, birth, pinned, schema, content: bytes }))
}
