//! Transactions over several sessions of one opening of the library: stored as one batch, at once.
//!
//! What an edit takes is gone when the call returns, what it gives is there when the batch is stored.
//! Until then the sessions take no other such transaction and save nothing by themselves.

use std::sync::Arc;

use steadfast_core::document::{self, Cancel, Draft, InvalidData};
use steadfast_core::game_server::EditRefused;
use steadfast_core::session::Access;
use steadfast_core::{Code, ErrorKind, Path, Value};

use crate::answer::submit;
use crate::driver::Hold;
use crate::session::{Data, Dynamic, Receipt, Session};

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
            Self::Participants => Code::InvalidRequest,
        }
    }
}

impl From<EditRefused<document::EditError>> for TransactError {
    fn from(refused: EditRefused<document::EditError>) -> Self {
        match refused {
            EditRefused::Access(access) => Self::Access(access),
            EditRefused::Edit(error) => Self::Edit(error),
        }
    }
}

/// Edits several sessions together and saves them at once: all of it is stored, or nothing. The
/// callback gets their data in the order in which they are given. What it takes is gone at once, what
/// it gives is there when the receipt says that it is stored.
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
    let holds: Vec<_> = sessions.iter().map(|session| &session.hold).collect();
    transact_holds(&holds, edit)
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
    let depth_max = one.wiring.limits.value_depth_max;
    transact_holds(&[&one.hold, &other.hold], |drafts| {
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
    edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
) -> Result<(R, Receipt), TransactError> {
    let [first, others @ ..] = holds else { return Err(TransactError::Participants) };
    let driver = first.driver();
    let are_ours = others.iter().all(|other| Arc::ptr_eq(driver, other.driver()));
    let handles: Vec<_> = holds.iter().map(|hold| hold.handle).collect();
    let mut distinct = handles.clone();
    distinct.sort();
    distinct.dedup();
    if others.is_empty() || !are_ours || distinct.len() != handles.len() {
        return Err(TransactError::Participants);
    }
    let mut result = None;
    let answer = submit(|done| {
        let transact =
            |state: &mut crate::driver::State, now| state.transact(now, &handles, edit, done);
        result = Some(driver.with(transact));
    });
    let answered = result.expect("it was asked for above")?;
    Ok((answered, Receipt::of(answer)))
}
