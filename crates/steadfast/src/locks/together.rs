//! Transactions over several sessions, under a named lock of each.

use std::time::Duration;

use steadfast_core::document::{Cancel, Draft};
use steadfast_core::session::SaveError;
use steadfast_core::{Code, ErrorKind};

use super::{LockError, lock_all};
use crate::joint::{TransactError, transact, transact_two};
use crate::session::{Data, Dynamic, Session};

/// Why a transaction under locks was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockedTransactError {
    /// One of the locks was not taken. Nothing was changed.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The transaction was not made. Nothing was changed.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// It is not known to be durable: what was taken is back, unless the code is `OutcomeUnknown`.
    #[error(transparent)]
    Save(#[from] SaveError),
}

impl LockedTransactError {
    /// What the caller does now.
    pub fn kind(&self) -> ErrorKind {
        self.code().kind()
    }

    /// A stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Lock(error) => error.code(),
            Self::Transact(error) => error.code(),
            Self::Save(error) => error.code(),
        }
    }
}

/// Takes the named lock of several sessions, in the order of their records whatever the order they
/// are given in, edits them together and saves them as one batch: all of it is stored, or nothing.
/// Returns when it is stored; then the locks are let go of. The callback gets the data in the order in
/// which the sessions are given.
///
/// # Errors
/// [`LockedTransactError`].
///
/// # Panics
/// When the callback does, or uses the store. The locks are let go of.
///
/// # Cancel safety
/// Dropped, it lets go of the locks. A batch that was begun is stored all the same.
///
/// # Example
/// ```
/// use std::time::Duration;
///
/// use steadfast::{Options, Steadfast, transact_locked};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Steadfast::in_memory(Options::default())?;
/// let players = db.values("PlayerData").await?;
/// let (ann, bob) = (players.open("ann").await?, players.open("bob").await?);
/// ann.set("coins", 50)?;
///
/// let second = Duration::from_secs(1);
/// transact_locked(&[&ann, &bob], "trade", second, |drafts| {
///     drafts[0].try_debit("coins", 20)?;
///     drafts[1].add("coins", 20)?;
///     Ok(())
/// })
/// .await?;
/// assert_eq!(bob.get("coins")?, Some(20.into())); // durable
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
pub async fn transact_locked<R>(
    sessions: &[&Session<Dynamic>],
    name: &str,
    timeout: Duration,
    edit: impl FnOnce(&mut [Draft]) -> Result<R, Cancel>,
) -> Result<R, LockedTransactError> {
    let targets: Vec<_> = sessions.iter().map(|session| session.lock_target(name)).collect();
    let _locks = lock_all(targets, timeout).await?;
    let (answer, receipt) = transact(sessions, edit)?;
    receipt.await?;
    Ok(answer)
}

/// [`transact_locked`] for two sessions of types of one's own.
///
/// # Errors
/// [`LockedTransactError`].
///
/// # Panics
/// When the callback does, or uses the store. The locks are let go of.
///
/// # Cancel safety
/// Dropped, it lets go of the locks. A batch that was begun is stored all the same.
pub async fn transact_two_locked<A: Data, B: Data, R>(
    one: &Session<A>,
    other: &Session<B>,
    name: &str,
    timeout: Duration,
    edit: impl FnOnce(&mut A, &mut B) -> Result<R, Cancel>,
) -> Result<R, LockedTransactError> {
    let _locks = lock_all([one.lock_target(name), other.lock_target(name)], timeout).await?;
    let (answer, receipt) = transact_two(one, other, edit)?;
    receipt.await?;
    Ok(answer)
}
