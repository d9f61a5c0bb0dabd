//! Sessions: one game server's exclusive work on one record, from its grant to its end.
//!
//! ```text
//! Loading ──grant──► Active ◄──renewed, adopted── Suspended
//!                      │ └──believed_until passed────▲ │
//!                      │ release planned               │ foreign fence
//!                      ▼                               ▼
//!                  Releasing ──settled──► Released   LeaseLost
//! ```
//!
//! A [`Session`] decides what is written under its lease and what an answer means; it never sends.
//! [`GameServer`](crate::game_server::GameServer) carries its writes and its time.
//!
//! Invariants: nothing is saved that does not hold all earlier edits; what was sent and not settled
//! stays in `unsettled` until the store has told what became of it; a session whose release was
//! planned never takes another edit; "saved" is said only of a write that the store committed.

mod effects;
mod hooks;
mod inbox;
mod joint;
mod plan;
mod settings;
mod settle;
mod spill;
mod state;

pub use effects::{Access, AwaitError, LossReason, OpenError, QueueError, SaveError, SessionEvent};
pub(crate) use hooks::{Asked, ask};
pub use hooks::{Hooks, NoHooks};
pub(crate) use inbox::{Ran, Stored};
pub use joint::JointError;
pub(crate) use plan::Circumstances;
pub use settings::{SessionSettings, SettingsError, SuspendPolicy};
pub use settle::{Known, Settled, settle};
pub use spill::{Spill, SpillFate};
pub use state::{Session, SessionState, Unsettled, WriteKind};
pub(crate) use state::{Waiter, Wiring};

#[cfg(test)]
mod tests;
