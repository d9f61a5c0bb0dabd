//! Every rule and decision of Steadfast, without I/O.
//!
//! This crate has no async, no clock, no global randomness and no threads. Its objects take the
//! time and their inputs as arguments and return what is to be done as data. Four kinds of shell
//! drive the same objects: the server, a frame loop, the simulator and unit tests.
//!
//! Read the modules in this order: what a value is, what a row is, what a batch does, and then
//! [`platform`], which turns a request on a data store into conditional batches. [`document`] is what
//! a session holds and how it is edited, [`schema`] how that comes from what is stored, [`operation`]
//! what changes it on behalf of somebody who does not hold it. [`board`] counts the places of an
//! ordered data store;
//! [`budget`] decides whether a request may be made now.
#![forbid(unsafe_code)]

pub mod code;
pub mod error;
pub mod id;
pub mod json;
pub mod key;
pub mod limits;
pub mod outcome;
pub mod path;
pub mod planted;
pub mod random;
pub mod time;
pub mod value;

pub mod batch;
pub mod row;

pub mod platform;

pub mod record;

pub mod document;

pub mod schema;

pub mod operation;

pub mod session;

mod presence;

pub mod game_server;

pub mod board;

pub mod budget;

pub use batch::{Batch, CommitOutcome, Committed, Condition, Refusal, Write};
pub use board::Board;
pub use code::Code;
pub use error::ErrorKind;
pub use id::{
    ApiKeyId, EntryId, EntryKey, OpeningId, OperationId, OperationKind, Revision, Scope, ServerId,
    SessionId, StoreId, StoreName, UniverseId, UserId, WriteId,
};
pub use json::JsonText;
pub use limits::Limits;
pub use outcome::Outcome;
pub use path::Path;
pub use random::Rng;
pub use row::{
    BoardId, Content, Found, Metadata, Order, ReadError, Row, RowBody, RowKey, RowRange,
};
pub use time::{Monotonic, Now, Timestamp, UtcHour};
pub use value::Value;
