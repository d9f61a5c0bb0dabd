//! What a game wants to be asked about its sessions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::document::{Changes, Document};
use crate::operation::Settlement;
use crate::value::Value;

/// Called by a session at moments of its own, in the order of their names: once after it was
/// granted; before each write that stores its data, the last one included; once when its record is
/// lost.
///
/// Each changes all that it wants of the document, or nothing if it fails. Hooks are short: nothing
/// else happens in the game server meanwhile, and they cannot use it. One that panics ends its
/// session: the record is let go of, and what was not saved is kept as bytes.
pub trait Hooks: Send + Sync {
    /// The record was granted. The answer says whether the document was changed.
    ///
    /// # Errors
    /// The reason why the session must not begin: the record is let go of as it was.
    fn after_load(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        let _ = document;
        Ok(false)
    }

    /// What the session holds is about to be saved. The answer says whether the document was changed:
    /// that is part of the save.
    ///
    /// # Errors
    /// The reason why it must not be saved now: whoever waits is told, and it is tried again later.
    /// The last save, that of a release or a close, goes on without what the hook wanted: a refusal
    /// there would throw away what the player did.
    fn before_save(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        let _ = document;
        Ok(false)
    }

    /// What a transaction over several sessions leaves is about to be saved with the data of the
    /// others: what [`before_save`](Self::before_save) is for any other write, and the same unless it
    /// must be told apart. Asked once, before anything of it shows. What it changes is part of the
    /// transaction: it shows when the transaction does, or never.
    ///
    /// # Errors
    /// The reason why it must not be saved: the whole transaction is refused, and nothing of it
    /// happens in any session.
    fn before_joint_save(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        self.before_save(document)
    }

    /// A transaction over several sessions took from what the document shows, gave to it, or gave
    /// back: at once, between the edits before and after it. The document showed `before`.
    fn on_joint(&self, before: &Value, document: &dyn Document) {
        let _ = (before, document);
    }

    /// An operation changed the document: at once, between the edits before and after it.
    fn on_operation(&self, settlement: &Settlement, changes: &Changes) {
        let _ = (settlement, changes);
    }

    /// Somebody else has the record. What the document holds may never be stored.
    fn on_lost(&self, document: &mut dyn Document) {
        let _ = document;
    }
}

/// A session without wishes.
#[derive(Clone, Copy, Debug)]
pub struct NoHooks;

impl Hooks for NoHooks {}

/// What a hook came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It did what it wanted, and changed the document or did not.
    Done(bool),
    /// It refused.
    Refused(Arc<str>),
    /// It panicked.
    Panicked,
}

/// Asks a hook.
pub(crate) fn ask(hook: impl FnOnce() -> Result<bool, Arc<str>>) -> Asked {
    match catch_unwind(AssertUnwindSafe(hook)) {
        Ok(Ok(is_changed)) => Asked::Done(is_changed),
        Ok(Err(reason)) => Asked::Refused(reason),
        Err(_) => Asked::Panicked,
    }
}
