//! Player data that cannot be lost: the library.
//!
//! ```
//! use std::time::Duration;
//!
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
//! let players = db.players::<Save>("PlayerData").await?;
//! players.join(7)?;                                           // opens the record `Player_7`
//! players.wait(7, Duration::from_secs(30)).await?;            // fails closed, with a reason
//! players.add(7, "coins", 100)?;
//! players.edit(7, |s| { s.coins -= 60; s.items.push("sword".into()); Ok(()) })?;
//! players.checkpoint(7).await?;                               // durable now
//! players.release(7).await?;                                  // last save and release, one write
//! # players.join(7)?;
//! # players.wait(7, Duration::from_secs(30)).await?;
//! # assert_eq!(players.get(7, |s| (s.coins, s.items.len()))?, (40, 1));
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! [`Players`] open, retry, wait and release, and have a short form by player of every change. Below
//! them a [`Session`] is exclusive work on one record. Its [`Store`] holds records of one type of yours,
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
//! No runtime is needed: every future here completes from threads that the library owns, and
//! [`block_on`] waits for one.
//!
//! With the feature `open-cloud`, `connect` reaches the data stores of a running server, and
//! `open_cloud::Config::live` those of the live service.

#![forbid(unsafe_code)]

mod answer;
mod blocking;
mod commits;
#[cfg(feature = "open-cloud")]
mod connect;
mod diagnostics;
mod driver;
mod engine;
mod errors;
mod hooks;
mod joint;
mod keys;
mod locks;
mod operations;
pub mod operator;
mod path_calls;
mod players;
mod session;
mod sessions;
mod settings;
mod signals;
mod spills;
mod steadfast;
mod store;
mod sweeper;

pub use blocking::block_on;
#[cfg(feature = "open-cloud")]
pub use connect::connect;
pub use diagnostics::{Diagnostics, Histogram, Metric, MetricValue, RequestKind, Requests};
pub use driver::Events;
pub use engine::{Drive, OpenError, Options, Stopped};
pub use errors::{
    DiffError, EditError, KindError, OperationError, SessionOpenError, StoreError, UpdateError,
};
pub use joint::{TransactError, transact, transact_as, transact_two, transact_two_as};
pub use keys::{ApiKeys, KeyError, NewKey, SECRET_SIZE_MIN};
pub use locks::{
    LOCK_NAME_SIZE_MAX, LOCK_WAITERS_MAX, LockError, LockTarget, LockedTransactError, NamedLock,
    lock_all, transact_locked, transact_two_locked,
};
pub use operations::{NewOperation, OperationName, OperationState, OperationWait, QueuedOperation};
pub use operator::Operator;
pub use players::{
    Blocking, Happened, NotedPlayers, PLAYER_EVENTS_MAX, PlayerCall, PlayerError, PlayerEvent,
    PlayerFailure, PlayerId, PlayerState, Players, Unready,
};
pub use session::{Data, Dynamic, LabelError, Noted, Receipt, RecordTimes, Session};
pub use settings::{
    Accepts, CarriedSettings, ChangeSettings, CriticalSettings, OnLoadFailure, PlayerSettings,
    SETTINGS, Setting, SettingInput, SettingValue,
};
pub use signals::{Changed, Note, StoreEvent};
pub use spills::KeptSpill;
pub use steadfast::Steadfast;
pub use steadfast_core::document::{Cancel, Change, Changes, DocumentLimits, Draft, Insert};
pub use steadfast_core::operation::{HandlerError, OperationSettings, UnknownOperationPolicy};
pub use steadfast_core::record::LeaseMode;
pub use steadfast_core::schema::{Ahead, LoadError, Schema};
pub use steadfast_core::session::{
    Access, LossReason, SaveError, SessionEvent, SessionSettings, SessionState, SettingsError,
    SuspendPolicy,
};
pub use steadfast_core::value::Number;
pub use steadfast_core::{Code, ErrorKind, Path, UserId, Value};
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

/// The guides, so that their code is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/players.md")]
struct GuideToPlayers;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/sessions.md")]
struct GuideToSessions;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/migrations.md")]
struct GuideToMigrations;
