//! The records of every table, one module per family of rows.
//!
//! ```text
//! cur   K                       current state of an entry, tombstone, or only its history's head
//! val   seq u64, chunk u16      the content of an entry or revision, written once
//! ver   K 00 00, !counter u64   one revision, newest first; each names the next older one
//! sto   universe u64, name      number of a data store, and its row
//! key   id u128                 an API key
//! idx   family, key             that the key exists in `cur`, `sto` or `key`
//! meta  name                    counters
//!
//! K = store number u32, scope, 00, key; a zero byte within scope or key is 00 FF
//! ```
//!
//! Any bytes decode to a record or to a [`Damage`](crate::bytes::Damage), never to a panic.

pub(crate) mod api_key;
pub(crate) mod content;
pub(crate) mod entry;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod meta;
pub(crate) mod revision;
pub(crate) mod store;
pub(crate) mod value;
