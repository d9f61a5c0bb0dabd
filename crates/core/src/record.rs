//! Records: an entry together with who may write it.
//!
//! ```text
//!   entry    its value and history, as data stores have them
//!   record   lease, fence, number and id of the last write      under the same names
//!   ends     how the last grants ended                          under the same names
//!
//!   presence    one row a game server: alive or dead
//!   mail        one row a game server and record: a hint what to look at
//! ```
//!
//! A game server speaks to a store in [`RecordCommand`]s. Each is carried out by a [`RecordMachine`]
//! in one round trip from the server's view, and every write of a record is one conditional batch,
//! planned here: [`RecordWrite`].
//!
//! Invariants: under one fence only the holder writes; every grant, release and write by anyone else
//! moves the fence; a condition on a revision never inserts; a fence is never granted twice, also
//! not after the entry was deleted, because the record's row stays.

mod body;
mod command;
mod machine;
mod seize;
mod sweep;
mod view;
mod write;

pub use body::{
    ADDRESS_SIZE_MAX, ENDS_MAX, End, Fence, How, Lease, LeaseMode, MailBody, MailKind,
    PresenceBody, PresenceState, RECORD_FORMAT, RecordBody, Usage, push_end,
};
pub use command::{
    JointOutcome, JointRefusal, PresenceOutcome, PresenceRefusal, RecordAnswer, RecordCommand,
    RecordReply, RecordRequest, Renewed, StoreFacts, With,
};
pub use machine::{CHECKED_MAX, MAIL_PAGE, RecordMachine};
pub(crate) use machine::{ends_of, store_refusal};
pub use seize::{Repair, Unrepairable};
pub use sweep::{DEAD_SERVER_STAYS, ServerSweep, SweepServers};
pub use view::{Holder, Mail, RecordData, RecordView, StoredPresence, StoredRecord};
pub(crate) use write::RecordRows;
pub use write::{Data, RecordBase, RecordOutcome, RecordRefusal, RecordWrite, Written};

#[cfg(test)]
mod tests;
