//! A session's part in a transaction over several sessions.
//!
//! ```text
//!            ┌─ its write is the record's last ──► what was given is there
//!   Out ─────┤
//!            └─ it never will be ──► Returned: what was taken is back
//! ```
//!
//! While it is out, the session is not saved and not released by itself: its data is stored with that
//! of the others, or not at all. What the store says of its own record settles it, as with any other
//! write; a part that was returned because another session was lost may still turn out to be stored.
//!
//! The game is asked before the document shows anything of it, as before any write of data: it sees
//! what will be stored, the edits that were not saved before among it.

use std::sync::Arc;

use crate::code::Code;
use crate::document::{Cancel, Document, EditError, Portions};
use crate::error::ErrorKind;
use crate::game_server::Ticket;
use crate::id::{EntryId, ServerId, WriteId};
use crate::path::Path;
use crate::planted::Flaw;
use crate::record::{Data, RecordBody, RecordWrite};
use crate::row::Content;
use crate::session::{Asked, Session, ask};
use crate::time::Monotonic;
use crate::value::Value;

/// Why a transaction over several sessions was not made. Nothing of it happens in any of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JointError {
    /// The edit gave itself up, or left what one of them cannot hold.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A hook of the game does not want saved what a record would hold.
    #[error("a hook refused to save the record `{entry}`: {reason}")]
    Refused {
        /// Which.
        entry: EntryId,
        /// What the hook said.
        reason: Arc<str>,
    },
    /// A hook of the game panicked over what a record would hold. Its session is over.
    #[error("a hook panicked before a save of the record `{entry}`")]
    HookPanicked {
        /// Which.
        entry: EntryId,
    },
}

impl JointError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Edit(error) => error.code(),
            Self::Refused { .. } => Code::SaveRefused,
            Self::HookPanicked { .. } => Code::Internal,
        }
    }
}

/// What a transaction did to a session's data.
#[derive(Debug)]
pub(crate) struct Part {
    /// The transaction.
    pub(crate) joint: Ticket,
    portions: Portions,
    before: Value,
    after: Value,
    /// What is stored.
    content: Arc<Content>,
    /// How many changes are stored with it.
    pub(crate) contains: u64,
    /// How many changes of the ledger are.
    pub(crate) ledger: u64,
    /// Whether what was taken is back.
    pub(crate) is_returned: bool,
    /// Whether what is given showed at once too.
    is_whole: bool,
}

impl Part {
    /// What a document that shows this shows once the part is stored.
    fn completed(&self, now: &Value) -> Value {
        if self.is_returned {
            self.portions.given_to(&self.portions.taken_from(now))
        } else if self.is_whole {
            now.clone()
        } else {
            self.portions.given_to(now)
        }
    }

    /// What a document that shows this shows when the part is not stored.
    fn undone(&self, now: &Value) -> Value {
        if self.is_whole {
            let back = Portions::between(&self.after, &self.before);
            back.given_to(&back.taken_from(now))
        } else {
            self.portions.returned_to(now)
        }
    }
}

impl Session {
    /// Whether its data is stored with that of other sessions, or not at all.
    pub(crate) fn is_joined(&self) -> bool {
        self.joint.as_ref().is_some_and(|part| !part.is_returned)
    }

    /// Takes part in a transaction that makes this of its data, if the game's hook agrees. What is
    /// taken is gone at once; whoever follows along is [told](Self::tell_joined) when all take part.
    ///
    /// # Errors
    /// [`JointError`]; nothing is changed then.
    pub(crate) fn join(&mut self, joint: Ticket, after: &Value) -> Result<(), JointError> {
        let before = self.document.snapshot_value();
        replace(self.document.as_mut(), after)?;
        if let Err(refused) = self.ask_about_part() {
            show(self.document.as_mut(), &before, &before);
            return Err(refused);
        }
        let content = self.content();
        // A type may write what it was given in its own way.
        let after = self.document.snapshot_value();
        let portions = Portions::between(&before, &after);
        // Where a type cannot be without what is taken, what is given shows at once too: it is stored
        // with the rest or not at all, and cannot leave the record before.
        let is_whole = !self.flaws.has(Flaw::JointGivenEarly)
            && !show(self.document.as_mut(), &portions.taken_from(&before), &after);
        self.change_count += 1;
        let (contains, ledger, is_returned) = (self.change_count, self.ledger_count, false);
        self.joint = Some(Box::new(Part {
            joint,
            portions,
            before,
            after,
            content,
            contains,
            ledger,
            is_returned,
            is_whole,
        }));
        Ok(())
    }

    /// Asks the game about what would be stored, which the document holds for so long.
    fn ask_about_part(&mut self) -> Result<(), JointError> {
        let (hooks, entry) = (Arc::clone(&self.hooks), self.entry.clone());
        match ask(|| hooks.before_joint_save(self.document.as_mut())) {
            Asked::Done(_) => Ok(()),
            Asked::Refused(reason) => Err(JointError::Refused { entry, reason }),
            Asked::Panicked => Err(JointError::HookPanicked { entry }),
        }
    }

    /// Tells whoever follows along what was taken. Nothing of it is taken back from now on, unless
    /// the transaction is not stored.
    pub(crate) fn tell_joined(&self) {
        if let Some(part) = &self.joint {
            self.hooks.on_joint(&part.before, self.document.as_ref());
        }
    }

    /// Undoes [`join`](Self::join) before anything was sent or told.
    pub(crate) fn unjoin(&mut self) {
        if let Some(part) = self.joint.take() {
            show(self.document.as_mut(), &part.before, &part.before);
            self.change_count -= 1;
        }
    }

    /// The write that stores its part.
    pub(crate) fn plan_joint(
        &self,
        now: Monotonic,
        write_id: WriteId,
        server: ServerId,
    ) -> Option<RecordWrite> {
        let part = self.joint.as_ref().filter(|part| !part.is_returned)?;
        if self.server() != Some(server) || self.must_look || self.must_move_fence() {
            return None;
        }
        let RecordBody { format, schema, lease, fence, save_seq, .. } = self.body;
        let (save_seq, usage) = (save_seq + 1, self.usage(now));
        let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
        let data = Data::Put { content: Arc::clone(&part.content), pinned: true };
        let ledger = self.ledger_write_until(&self.operations, part.ledger);
        let (entry, base) = (self.entry.clone(), self.base);
        let (end, revoked, inbox_max) = (None, None, None);
        Some(RecordWrite { entry, base, write_id, body, data, end, revoked, ledger, inbox_max })
    }

    /// Its part is stored: what was given is there.
    pub(crate) fn complete_joint(&mut self) {
        let Some(part) = self.joint.take() else { return };
        let before = self.document.snapshot_value();
        let is_untouched = self.change_count == part.contains && !part.is_returned;
        let next = if is_untouched { part.after.clone() } else { part.completed(&before) };
        show(self.document.as_mut(), &next, &part.after);
        self.hooks.on_joint(&before, self.document.as_ref());
    }

    /// Its part is not stored, or nobody knows: what was taken is back.
    pub(crate) fn return_joint(&mut self) {
        let Some(part) = self.joint.as_mut().filter(|part| !part.is_returned) else { return };
        part.is_returned = true;
        if self.flaws.has(Flaw::JointUndoForgotten) {
            return;
        }
        let before = self.document.snapshot_value();
        let back = part.undone(&before);
        show(self.document.as_mut(), &back, &part.before);
        self.change_count += 1;
        self.hooks.on_joint(&before, self.document.as_ref());
    }
}

fn replace(document: &mut dyn Document, value: &Value) -> Result<(), EditError> {
    let replaced = document.edit_value(&mut |draft| {
        draft.set(Path::root(), value.clone()).map(drop).map_err(Cancel::from)
    });
    replaced.map(drop)
}

/// Has a document hold a value. One that its type cannot hold, because of what was edited meanwhile,
/// gives way to another that it once held. Whether it holds the first.
fn show(document: &mut dyn Document, value: &Value, known: &Value) -> bool {
    let is_shown = document.put_value(value.clone()).is_ok();
    if !is_shown {
        drop(document.put_value(known.clone()));
    }
    is_shown
}
