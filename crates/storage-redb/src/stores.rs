//! Data stores and the numbers that stand for them in keys.
//!
//! All of them are in memory from the opening on. A number is read from the table of stores or
//! from the index, so that damage to one of them does not hide the entries of a store.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use redb::ReadableTable;
use steadfast_core::StoreId;

use crate::bytes::Family;
use crate::encode::index::{self, Kind};
use crate::encode::keys::parse_store_key;
use crate::encode::store::Store;
use crate::engine::{EngineError, Source};

/// The numbers of all data stores.
#[derive(Debug, Default)]
pub(crate) struct StoreNumbers {
    numbers: RwLock<HashMap<StoreId, u32>>,
}

impl StoreNumbers {
    /// Reads all numbers.
    pub(crate) fn load(source: &impl Source) -> Result<Self, EngineError> {
        let mut numbers = HashMap::new();
        for item in source.table(Family::Index)?.range::<&[u8]>(&[Kind::Store.byte()][..]..)? {
            let (key, record) = item?;
            let Some((&kind, name)) = key.value().split_first() else { continue };
            if kind != Kind::Store.byte() {
                break;
            }
            if let (Some(store), Ok(number)) =
                (parse_store_key(name), index::decode(key.value(), record.value()))
            {
                numbers.insert(store, number);
            }
        }
        for item in source.table(Family::Stores)?.iter()? {
            let (key, record) = item?;
            if let (Some(store), Ok(record)) =
                (parse_store_key(key.value()), Store::decode(key.value(), record.value()))
            {
                numbers.insert(store, record.number);
            }
        }
        Ok(Self { numbers: RwLock::new(numbers) })
    }

    /// The number of a data store that was written to.
    pub(crate) fn get(&self, store: &StoreId) -> Option<u32> {
        let numbers = self.numbers.read().unwrap_or_else(PoisonError::into_inner);
        numbers.get(store).copied()
    }

    /// Remembers the number of a new data store.
    pub(crate) fn insert(&self, store: StoreId, number: u32) {
        let mut numbers = self.numbers.write().unwrap_or_else(PoisonError::into_inner);
        numbers.insert(store, number);
    }

    /// Numbers that were read elsewhere.
    pub(crate) fn of(numbers: HashMap<StoreId, u32>) -> Self {
        Self { numbers: RwLock::new(numbers) }
    }

    /// All data stores by their numbers.
    pub(crate) fn by_number(&self) -> HashMap<u32, StoreId> {
        let numbers = self.numbers.read().unwrap_or_else(PoisonError::into_inner);
        numbers.iter().map(|(store, number)| (*number, store.clone())).collect()
    }
}
