//! Player data that cannot be lost: the library.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use steadfast::Steadfast;
//!
//! #[derive(Clone, Default, Deserialize, Serialize)]
//! struct Save {
//!     coins: i64,
//!     items: Vec<String>,
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # std::env::set_current_dir(&dir)?;
//! let db = Steadfast::open("./data").await?;
//! let players = db.store::<Save>("PlayerData").await?;
//! let p = players.open("76561198000000000").await?;          // waits for hand-off; fails closed with a reason
//! p.edit(|s| { s.coins -= 100; s.items.push("sword".into()); Ok(()) })?;
//! p.checkpoint().await?;                                      // durable now
//! p.release().await?;                                         // last save and release, one write
//! # let p = players.open("76561198000000000").await?;
//! # assert_eq!(p.get(|s| (s.coins, s.items.len()))?, (-100, 1));
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! A [`Session`] is exclusive work on one record. Its [`Store`] holds records of one type of yours,
//! or any JSON ([`Steadfast::values`]). What a session holds is the value of an ordinary entry, which
//! data stores read; [`Steadfast::execute`] and its siblings reach those as the live service defines
//! them:
//!
//! ```
//! use steadfast::{Options, Steadfast};
//! use steadfast::core::platform::{Get, Permit, Request, Set, When, Which};
//! use steadfast::core::{Content, EntryId, EntryKey, JsonText, Metadata, Scope, StoreId, StoreName, UniverseId};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let db = Steadfast::open_with(dir.path(), Options::default())?;
//! let limits = db.limits().clone();
//! let store = StoreId { universe: UniverseId(1), name: StoreName::parse("PlayerData", &limits)? };
//! let key = EntryKey::parse("Player_1", &limits)?;
//! let entry = EntryId { store, scope: Scope::global(), key };
//!
//! let value = JsonText::parse(br#"{"coins": 5}"#, &limits)?;
//! let content = Content { value, user_ids: vec![], metadata: Metadata::empty() };
//! let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
//! let set = Set { entry: entry.clone(), content: content.into(), when, permit, write_id };
//! let written = db.execute(Request::Set(set)).await?; // durable from here on
//!
//! let read = db.execute(Request::Get(Get { entry, which: Which::Current })).await?;
//! assert_eq!(read.revision, written.revision);
//! assert_eq!(read.content.map(|c| c.value.as_str().to_owned()), Some(r#"{"coins": 5}"#.into()));
//! db.close()?;
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! No runtime is needed: every future here completes from threads that the library owns.
//!
//! With the feature `open-cloud`, `connect` reaches the data stores of a running server, and
//! `open_cloud::Config::live` those of the live service.

#![forbid(unsafe_code)]

mod answer;
#[cfg(feature = "open-cloud")]
mod connect;
mod driver;
mod engine;
mod errors;
mod keys;
mod session;
mod sessions;
mod spills;
mod steadfast;
mod store;
mod sweeper;

#[cfg(feature = "open-cloud")]
pub use connect::connect;
pub use driver::Events;
pub use engine::{Drive, OpenError, Options, Stopped};
pub use errors::{EditError, SessionOpenError, StoreError};
pub use keys::{ApiKeys, KeyError, NewKey, SECRET_SIZE_MIN};
pub use session::{Data, Dynamic, Receipt, Session};
pub use spills::KeptSpill;
pub use steadfast::Steadfast;
pub use steadfast_core::document::Cancel;
pub use steadfast_core::session::{
    Access, LossReason, SaveError, SessionEvent, SessionSettings, SessionState,
};
pub use steadfast_storage::Ownership;
pub use steadfast_storage_redb::{BackupError, Manifest, Observer, Progress, Stage};
pub use store::Store;

/// The names of the data model: values, ids, requests and errors.
pub use steadfast_core as core;
/// The client: its settings, and the budget that it keeps to.
#[cfg(feature = "open-cloud")]
pub use steadfast_open_cloud::client as open_cloud;
/// The storage traits, for backends of one's own.
pub use steadfast_storage as storage;
