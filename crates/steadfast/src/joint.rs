//! Transactions over several sessions of one opening of the library: stored as one batch, at once.
//!
//! What an edit takes is gone when the call returns, what it gives is there when the batch is stored.
//! Until then the sessions take no other such transaction and save nothing by themselves.
//!
//! ```text
//!   edit ──► before_save of each, about all that will be stored ──► what is taken is gone, and told
//!                 │ one refuses: nothing happens                         │
//!                 ▼                                stored: what is given shows, and is told
//!           SaveRefused                        not stored: what was taken is back, and that is told
//! ```

use std::sync::Arc;

use steadfast_core::document::{self, Cancel, Draft, InvalidData};
use steadfast_core::game_server::EditRefused;
use steadfast_core::session::{Access, JointError};
use steadfast_core::{Code, EntryId, ErrorKind, Path, Value};

use crate::answer::submit;
use crate::driver::Hold;
use crate::session::{Data, Dynamic, Receipt, Session};
use crate::signals::Note;

/// Why a transaction over several sessions was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransactError {
    /// One of the sessions takes no edit, or is part of such a transaction already.
    #[error(transparent)]
    Access(#[from] Access),
    /// The edit gave itself up, or left what cannot be stored.
    #[error(transparent)]
    Edit(#[from] document::EditError),
    /// The `before_save` hook of one of them does not want saved what its record would hold.
    #[error("a hook refused to save the record `{entry}`: {reason}")]
    Refused {
        /// Which.
        entry: EntryId,
        /// What the hook said.
        reason: Arc<str>,
    },
    /// The `before_save` hook of one of them panicked. Its session is over, as after any other save.
    #[error("a hook panicked before a save of the record `{entry}`")]
    HookPanicked {
        /// Which.
        entry: EntryId,
    },
    /// They are not two or more different sessions of one opening of the library.
    #[error("a transaction needs two or more different sessions of one opening of the library")]
    Participants,
}

impl TransactError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Access(access) => access.code(),
            Self::Edit(error) => error.code(),
            Self::Refused { .. } => Code::SaveRefused,
            Self::HookPanicked { .. } => Code::Internal,
            Self::Participants => Code::InvalidRequest,
        }
    }
}

impl From<EditRefused<JointError>> for TransactError {
    fn from(refused: EditRefused<JointError>) -> Self {
        match refused {
            EditRefused::Access(access) => Self::Access(access),
            EditRefused::Edit(JointError::Edit(error)) => Self::Edit(error),
            EditRefused::Edit(JointError::Refused { entry, reason }) => {
                Self::Refused { entry, reason }
            }
            EditRefused::Edit(JointError::HookPanicked { entry }) => Self::HookPanicked { entry },
            // Those that a later version has are told as edits that were given up.
            EditRefused::Edit(error) => Self::Edit(Cancel::from(error).into()),
        }
    }
}

/// Edits several sessions together and saves them at once: all of it is stored, or nothing. The
/// callback gets their data in the order in which they are given. What it takes is gone at once, what
/// it gives is there when the receipt says that it is stored. [`Session::changes`] tells of both as
/// they show.
///
/// Before anything of it shows, the `before_save` hook of each is asked once, about all that will be
/// stored of its record: what was edited before and is not saved yet is part of that.
///
/// # Errors
/// [`TransactError`]; nothing is changed then. When the receipt says that it is not stored, what was
/// taken is back.
///
/// # Panics
/// When the callback does, or uses the store.
pub fn transact<R>(
    sessions: &[&Session<Dynamic>],
    edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
) -> Result<(R, Receipt), TransactError> {
    transact_as(sessions, Note::default(), edit)
}

/// [`transact`], and says why, and by what: in the changes and the audit log of each of them.
///
/// # Errors
/// [`TransactError`]; nothing is changed then.
///
/// # Panics
/// When the callback does, or uses the store.
pub fn transact_as<R>(
    sessions: &[&Session<Dynamic>],
    note: Note,
    edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
) -> Result<(R, Receipt), TransactError> {
    let holds: Vec<_> = sessions.iter().map(|session| &session.hold).collect();
    transact_holds(&holds, note, edit)
}

/// [`transact`] for two sessions of types of one's own.
///
/// # Errors
/// [`TransactError`]; nothing is changed then.
///
/// # Panics
/// When the callback does, or uses the store.
pub fn transact_two<A: Data, B: Data, R>(
    one: &Session<A>,
    other: &Session<B>,
    edit: impl FnOnce(&mut A, &mut B) -> Result<R, Cancel>,
) -> Result<(R, Receipt), TransactError> {
    transact_two_as(one, other, Note::default(), edit)
}

/// [`transact_two`], and says why, and by what.
///
/// # Errors
/// [`TransactError`]; nothing is changed then.
///
/// # Panics
/// When the callback does, or uses the store.
pub fn transact_two_as<A: Data, B: Data, R>(
    one: &Session<A>,
    other: &Session<B>,
    note: Note,
    edit: impl FnOnce(&mut A, &mut B) -> Result<R, Cancel>,
) -> Result<(R, Receipt), TransactError> {
    let depth_max = one.wiring.limits.value_depth_max;
    transact_holds(&[&one.hold, &other.hold], note, |drafts| {
        let [one, other] = drafts else { return Err(Cancel::because("two are not two")) };
        let (mut a, mut b) = (read::<A>(one)?, read::<B>(other)?);
        let answer = edit(&mut a, &mut b)?;
        let value_of_b = write(&b, depth_max)?;
        one.set(Path::root(), write(&a, depth_max)?)?;
        other.set(Path::root(), value_of_b)?;
        Ok(answer)
    })
}

fn read<T: Data>(draft: &Draft) -> Result<T, document::EditError> {
    let text = draft.value().to_json();
    let read = serde_json::from_str(text.as_str());
    Ok(read.map_err(|error| InvalidData::because(Path::root(), error.to_string()))?)
}

fn write<T: Data>(data: &T, depth_max: usize) -> Result<Value, document::EditError> {
    Ok(Value::from_serialize(data, depth_max)?)
}

fn transact_holds<R>(
    holds: &[&Arc<Hold>],
    note: Note,
    edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
) -> Result<(R, Receipt), TransactError> {
    let [first, others @ ..] = holds else { return Err(TransactError::Participants) };
    let driver = first.driver();
    let are_ours = others.iter().all(|other| Arc::ptr_eq(driver, other.driver()));
    let mut distinct: Vec<_> = holds.iter().map(|hold| hold.handle).collect();
    distinct.sort();
    distinct.dedup();
    if others.is_empty() || !are_ours || distinct.len() != holds.len() {
        return Err(TransactError::Participants);
    }
    let notes = vec![note; holds.len()];
    let mut result = None;
    let answer = submit(|done| {
        let transact =
            |state: &mut crate::driver::State, now| state.transact(now, holds, notes, edit, done);
        result = Some(driver.with(transact));
    });
    for hold in holds {
        hold.events.changes.notify();
    }
    let answered = result.expect("it was asked for above")?;
    Ok((answered, Receipt::of(answer)))
}
