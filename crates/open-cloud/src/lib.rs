//! Wire types, paths and error bodies of the Open Cloud HTTP API, and a client of it.
//!
//! Bytes of a request become checked values here, and states of the store become bytes. Nothing is
//! decided and nothing is sent: the server does that, and `client`, which is there with the feature
//! of its name.
//!
//! Read the modules in this order: how text is decoded ([`query`], [`path`], [`time`], [`filter`]),
//! where lists go on ([`cursor`]), what the two generations of the API carry ([`v1`], [`v2`],
//! [`ordered`]), how a write is named ([`write_id`]), and what a failure looks like ([`error`],
//! [`mapping`]). Sources: contract section 7, and client rules for what real clients send.
//!
//! Invariants: any bytes yield a value or a typed error; a value is passed through byte for byte;
//! an error body never holds a value.
#![forbid(unsafe_code)]

mod percent;

pub mod cursor;
pub mod filter;
pub mod path;
pub mod query;
pub mod time;

pub mod v1;
pub mod v2;

pub mod ordered;
pub mod write_id;

pub mod error;
pub mod mapping;

#[cfg(feature = "client")]
pub mod client;

pub use error::{ErrorReply, V1Code, V1Error, V2Code, V2Error};
pub use path::{Endpoint, EntrySegment, PathError, Reading, Verb};
pub use query::{Query, QueryError};
