//! The engine behind a boundary: tables, transactions, and what happens when it fails.
//!
//! Every call into the engine runs inside [`guarded`]. An error or a panic there stops the store
//! with a reason, for good: a damaged page, a failed flush or a poisoned lock leave an engine
//! whose next answer cannot be trusted. Damage of a single record is no such failure.

use std::any::Any;
use std::cell::OnceCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table,
    TableDefinition, WriteTransaction,
};

use crate::bytes::Family;

/// Keys and values of every table are bytes of ours.
pub(crate) type Bytes = &'static [u8];

/// Every table, by family. Copies go through them in this order.
pub(crate) const FAMILIES: [Family; 16] = [
    Family::Current,
    Family::Values,
    Family::Revisions,
    Family::Stores,
    Family::Index,
    Family::ApiKeys,
    Family::Meta,
    Family::Universes,
    Family::Ordered,
    Family::Board,
    Family::Reviews,
    Family::Records,
    Family::Ends,
    Family::Presences,
    Family::Mail,
    Family::Ledgers,
];

/// The name of a family's table.
pub(crate) const fn table_name(family: Family) -> &'static str {
    match family {
        Family::Current => "cur",
        Family::Values => "val",
        Family::Revisions => "ver",
        Family::Stores => "sto",
        Family::Index => "idx",
        Family::ApiKeys => "key",
        Family::Meta => "meta",
        Family::Universes => "uni",
        Family::Ordered => "ordk",
        Family::Board => "ord",
        Family::Reviews => "rev",
        Family::Records => "rec",
        Family::Ends => "end",
        Family::Presences => "pre",
        Family::Mail => "mail",
        Family::Ledgers => "led",
    }
}

/// Since which state of [`TABLES`](crate::encode::meta::TABLES) there is the table of a family.
pub(crate) const fn since(family: Family) -> u8 {
    match family {
        Family::Current
        | Family::Values
        | Family::Revisions
        | Family::Stores
        | Family::Index
        | Family::ApiKeys
        | Family::Meta => 1,
        Family::Universes | Family::Ordered | Family::Board | Family::Reviews => 2,
        Family::Records | Family::Ends | Family::Presences | Family::Mail => 3,
        Family::Ledgers => 4,
    }
}

/// Whether the first stores had the table of a family already.
pub(crate) const fn is_original(family: Family) -> bool {
    since(family) == 1
}

fn definition(family: Family) -> TableDefinition<'static, Bytes, Bytes> {
    TableDefinition::new(table_name(family))
}

/// Why the engine did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// The device is full.
    #[error("no space left on the device")]
    NoSpace,
    /// The engine reported an error.
    #[error("{0}")]
    Failed(String),
    /// The store has tables that this version does not know.
    #[error("it has tables of a newer version")]
    Newer,
    /// The engine panicked.
    #[error("the engine panicked: {0}")]
    Panicked(String),
    /// The store was stopped before.
    #[error("{0}")]
    Stopped(Arc<str>),
}

impl From<redb::Error> for EngineError {
    fn from(error: redb::Error) -> Self {
        let is_full =
            matches!(&error, redb::Error::Io(io) if io.kind() == io::ErrorKind::StorageFull);
        if is_full { Self::NoSpace } else { Self::Failed(error.to_string()) }
    }
}

macro_rules! engine_error_from {
    ($($error:ty),+) => {
        $(impl From<$error> for EngineError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        })+
    };
}

engine_error_from!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError
);

/// Whether the store serves, and why not.
#[derive(Debug, Default)]
pub(crate) struct Health {
    stopped: OnceLock<Arc<str>>,
}

impl Health {
    /// Stops the store. The first reason stays.
    pub(crate) fn stop(&self, reason: &str) {
        self.stopped.get_or_init(|| reason.into());
    }

    /// The reason of the stop.
    pub(crate) fn stopped(&self) -> Option<Arc<str>> {
        self.stopped.get().cloned()
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// Runs a call into the engine and turns a panic into an error.
pub(crate) fn caught<T>(f: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    // Nothing that a panic may leave half-changed is used again: the caller stops the store.
    catch_unwind(AssertUnwindSafe(f))
        .unwrap_or_else(|panic| Err(EngineError::Panicked(panic_message(&*panic))))
}

/// Runs a call into the engine of a running store. Any failure stops the store.
pub(crate) fn guarded<T>(
    health: &Health,
    f: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    if let Some(reason) = health.stopped() {
        return Err(EngineError::Stopped(reason));
    }
    caught(f).inspect_err(|error| health.stop(&error.to_string()))
}

/// Tables to read, of a snapshot or of a write in progress.
pub(crate) trait Source {
    /// What a table is.
    type Table: ReadableTable<Bytes, Bytes>;

    /// The table of a family.
    fn table(&self, family: Family) -> Result<&Self::Table, EngineError>;
}

/// Tables that are opened when they are first needed, in the order of [`FAMILIES`].
#[derive(Debug)]
struct Slots<T> {
    slots: [(Family, OnceCell<T>); FAMILIES.len()],
}

impl<T> Slots<T> {
    fn new() -> Self {
        Self { slots: FAMILIES.map(|family| (family, OnceCell::new())) }
    }

    fn slot(&self, family: Family) -> &OnceCell<T> {
        let slot = self.slots.iter().find(|(of, _)| *of == family);
        &slot.expect("every family has a slot").1
    }

    fn slot_mut(&mut self, family: Family) -> &mut OnceCell<T> {
        let slot = self.slots.iter_mut().find(|(of, _)| *of == family);
        &mut slot.expect("every family has a slot").1
    }

    fn get_or_open(
        &self,
        family: Family,
        open: impl FnOnce() -> Result<T, EngineError>,
    ) -> Result<&T, EngineError> {
        let slot = self.slot(family);
        if let Some(table) = slot.get() {
            return Ok(table);
        }
        let table = open()?;
        Ok(slot.get_or_init(|| table))
    }
}

/// The rows as of one moment.
pub(crate) struct Snapshot {
    slots: Slots<ReadOnlyTable<Bytes, Bytes>>,
    transaction: ReadTransaction,
}

impl Snapshot {
    pub(crate) fn open(database: &impl ReadableDatabase) -> Result<Self, EngineError> {
        Ok(Self { slots: Slots::new(), transaction: database.begin_read()? })
    }
}

impl Source for Snapshot {
    type Table = ReadOnlyTable<Bytes, Bytes>;

    fn table(&self, family: Family) -> Result<&Self::Table, EngineError> {
        self.slots.get_or_open(family, || Ok(self.transaction.open_table(definition(family))?))
    }
}

/// The tables of a write in progress.
pub(crate) struct WriteTables<'txn> {
    slots: Slots<Table<'txn, Bytes, Bytes>>,
    transaction: &'txn WriteTransaction,
}

impl<'txn> WriteTables<'txn> {
    pub(crate) fn new(transaction: &'txn WriteTransaction) -> Self {
        Self { slots: Slots::new(), transaction }
    }

    fn table_mut(&mut self, family: Family) -> Result<&mut Table<'txn, Bytes, Bytes>, EngineError> {
        self.table(family)?;
        Ok(self.slots.slot_mut(family).get_mut().expect("the table was opened in the line before"))
    }

    /// Writes a record.
    pub(crate) fn insert(
        &mut self,
        family: Family,
        key: &[u8],
        record: &[u8],
    ) -> Result<(), EngineError> {
        self.table_mut(family)?.insert(key, record)?;
        Ok(())
    }

    /// Removes a record. Whether there was one.
    pub(crate) fn remove(&mut self, family: Family, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.table_mut(family)?.remove(key)?.is_some())
    }
}

impl<'txn> Source for WriteTables<'txn> {
    type Table = Table<'txn, Bytes, Bytes>;

    fn table(&self, family: Family) -> Result<&Self::Table, EngineError> {
        self.slots.get_or_open(family, || Ok(self.transaction.open_table(definition(family))?))
    }
}

/// Creates every table of a new store, with its first counters, in one commit.
pub(crate) fn create_tables(database: &Database, counters: &[u8]) -> Result<(), EngineError> {
    let transaction = database.begin_write()?;
    {
        let mut tables = WriteTables::new(&transaction);
        for family in FAMILIES {
            tables.table(family)?;
        }
        tables.insert(Family::Meta, crate::encode::meta::KEY, counters)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Creates the tables that are not there yet.
pub(crate) fn add_tables(database: &Database) -> Result<(), EngineError> {
    let transaction = database.begin_write()?;
    for family in FAMILIES {
        drop(transaction.open_table(definition(family))?);
    }
    transaction.commit()?;
    Ok(())
}

/// The names of all tables there are.
pub(crate) fn tables_present(database: &impl ReadableDatabase) -> Result<Vec<String>, EngineError> {
    use redb::TableHandle;

    let transaction = database.begin_read()?;
    let names = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    Ok(names)
}
