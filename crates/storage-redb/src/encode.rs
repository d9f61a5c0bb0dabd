//! The records of every table, one module per family of rows.
//!
//! ```text
//! cur   K                       current state of an entry, tombstone, or only its history's head
//! val   seq u64, chunk u16      the content of an entry or revision, written once
//! ver   K 00 00, !counter u64   one revision, newest first; each names the next older one
//! sto   universe u64, name      number of a data store, and its row
//! key   id u128                 an API key
//! uni   universe u64            what concerns a whole universe
//! ordk  K                       an entry of an ordered data store, with its value or without
//! ord   B, value i64, key       the same by value, only while there is a value
//! rev   hour u32, kind, names   a reminder
//! rec   K                       who may write an entry
//! end   K                       how the last grants of a record ended
//! pre   server u128             a game server
//! mail  server u128, names      what a game server is asked to do
//! led   K 00 00, name           the operations of a record
//! idx   family, key             that the key exists in `cur`, `sto`, `key`, `uni`, `ordk`, `ord`,
//!                               `rec`, `pre` or `led`
//! meta  name                    counters
//!
//! K = store number u32, scope, 00, key; B = store number u32, scope, 00 00;
//! a zero byte within a name is 00 FF, except in the key at the end of `ord`
//! ```
//!
//! Any bytes decode to a record or to a [`Damage`](crate::bytes::Damage), never to a panic.

pub(crate) mod api_key;
pub(crate) mod bodied;
pub(crate) mod content;
pub(crate) mod entry;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod meta;
pub(crate) mod ordered;
pub(crate) mod record;
pub(crate) mod revision;
pub(crate) mod server;
pub(crate) mod stamped;
pub(crate) mod store;
pub(crate) mod universe;
pub(crate) mod value;
