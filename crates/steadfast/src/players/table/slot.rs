//! One player who is here, and what is to be done about all of them.

use std::sync::Arc;

use steadfast_core::Monotonic;
use steadfast_storage::Done;

use crate::errors::SessionOpenError;
use crate::players::{PlayerFailure, PlayerId, PlayerState, Unready};

/// Names one joining of a player.
pub(in crate::players) type Run = u64;

/// Who waits until a player is ready.
pub(in crate::players) type Waiter = Done<Result<(), Unready>>;

/// How far a joining is.
#[derive(Debug)]
pub(super) enum Stage<P> {
    /// The session before has not ended.
    Behind,
    Opening,
    Pausing(Monotonic),
    /// The template is being made.
    Templating(Arc<PlayerFailure>),
    Ready(P),
    Unsaved(P, Arc<PlayerFailure>),
    Failed(Arc<PlayerFailure>),
    /// The player has left.
    Releasing,
}

/// One player who is here.
pub(super) struct Slot<P> {
    pub(super) run: Run,
    pub(super) stage: Stage<P>,
    /// The run whose session is being released.
    pub(super) ending: Option<Run>,
    pub(super) began: Monotonic,
    pub(super) attempts: u32,
    pub(super) last_error: Option<Arc<SessionOpenError>>,
    pub(super) waiters: Vec<(Monotonic, Waiter)>,
}

impl<P> Slot<P> {
    pub(super) fn new(run: Run, began: Monotonic, stage: Stage<P>) -> Self {
        let (ending, attempts, last_error, waiters) = (None, 0, None, Vec::new());
        Self { run, stage, ending, began, attempts, last_error, waiters }
    }

    pub(super) fn state(&self) -> PlayerState {
        match (&self.stage, &self.last_error) {
            (Stage::Ready(_), _) => PlayerState::Ready,
            (Stage::Unsaved(_, failure), _) => PlayerState::Unsaved(Arc::clone(failure)),
            (Stage::Failed(failure), _) => PlayerState::Failed(Arc::clone(failure)),
            (Stage::Releasing, _) => PlayerState::Releasing,
            (Stage::Opening | Stage::Pausing(_), Some(error)) => {
                PlayerState::Retrying { attempts: self.attempts, error: Arc::clone(error) }
            }
            (Stage::Behind | Stage::Opening | Stage::Pausing(_) | Stage::Templating(_), _) => {
                PlayerState::Loading
            }
        }
    }

    pub(super) fn unready(&self) -> Unready {
        match self.state() {
            PlayerState::Retrying { attempts, error } => Unready::Retrying { attempts, error },
            PlayerState::Failed(failure) => Unready::Failed(failure),
            PlayerState::Releasing => Unready::Releasing,
            PlayerState::Loading | PlayerState::Ready | PlayerState::Unsaved(_) => Unready::Loading,
            PlayerState::Released => Unready::Unknown,
        }
    }
}

/// What is to be done, outside of the lock.
pub(in crate::players) struct Chores<P> {
    pub(in crate::players) to_open: Vec<(PlayerId, Run)>,
    pub(in crate::players) to_give_up: Vec<Run>,
    pub(in crate::players) to_template: Vec<(PlayerId, Run)>,
    pub(in crate::players) to_release: Vec<P>,
    pub(super) answers: Vec<(Waiter, Result<(), Unready>)>,
    pub(super) closed: Vec<Done<()>>,
}

impl<P> Default for Chores<P> {
    fn default() -> Self {
        let (to_open, to_give_up, to_template, to_release) = Default::default();
        let (answers, closed) = Default::default();
        Self { to_open, to_give_up, to_template, to_release, answers, closed }
    }
}

impl<P> Chores<P> {
    /// Whether somebody who makes the turns has something to do.
    pub(in crate::players) fn is_empty(&self) -> bool {
        self.to_open.is_empty()
            && self.to_give_up.is_empty()
            && self.to_template.is_empty()
            && self.to_release.is_empty()
            && self.answers.is_empty()
            && self.closed.is_empty()
    }

    pub(in crate::players) fn tell(&mut self) {
        for (waiter, answer) in self.answers.drain(..) {
            waiter.complete(answer);
        }
        for done in self.closed.drain(..) {
            done.complete(());
        }
    }
}
