//! Where each player stands, and what is to be done about it: decisions, without a store.
//!
//! ```text
//!            ┌──── again, after a pause ────┐
//!   join ─► Opening ─► Ready ─► Releasing ─► gone
//!     └─► Behind ▲       └─► Failed ─ leave ─► gone
//!          └─────┘ the session before has ended
//! ```
//!
//! A run is one joining. What arrives for a run that is over is nobody's: a session is let go of, an
//! event is dropped. Nothing is called from here, and nobody is told under the lock: answers come
//! back with what is to be done.

mod slot;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::Monotonic;
use steadfast_core::session::{LossReason, OpenError, SessionEvent, SessionState};
use steadfast_storage::Done;

use super::{Happened, PlayerEvent, PlayerFailure, PlayerId, PlayerState, Unready};
use crate::driver::Queue;
use crate::errors::SessionOpenError;
use crate::settings::{OnLoadFailure, PlayerSettings};
pub(super) use slot::{Chores, Run, Waiter};
use slot::{Slot, Stage};

/// How often a record is looked at that this server lets go of or has open by other means.
const BUSY_EVERY: Duration = Duration::from_millis(250);

/// Most openings that begin at a time, so that no frame pays for everybody who joins in it.
const OPENINGS_AT_ONCE: usize = 8;

/// The pause before the next ones do.
const OPENINGS_EVERY: Duration = Duration::from_millis(10);

/// How long that goes on before it counts as an attempt.
const BUSY_MAX: Duration = Duration::from_secs(20);

/// Why a session has ended, if it has.
fn failure_of(event: &SessionEvent) -> Option<PlayerFailure> {
    match event {
        SessionEvent::Released => Some(PlayerFailure::HandedOver),
        SessionEvent::Lost { reason: LossReason::Closed, .. } => Some(PlayerFailure::Closed),
        SessionEvent::Lost { reason, .. } => Some(PlayerFailure::Lost { reason: reason.clone() }),
        SessionEvent::State(_)
        | SessionEvent::Saved { .. }
        | SessionEvent::SaveFailed(_)
        | SessionEvent::WentBack
        | SessionEvent::HandOffRequested { .. }
        | SessionEvent::OperationRun { .. }
        | SessionEvent::OperationEnded(_)
        | SessionEvent::OperationRetried { .. }
        | SessionEvent::SpillStale
        | SessionEvent::SchemaAhead { .. } => None,
    }
}

/// All players of a facade. `P` is what a ready one has.
pub(super) struct Table<P> {
    settings: PlayerSettings,
    /// Whether a suspended session means that the player should go.
    pub(super) lets_go_when_suspended: bool,
    slots: BTreeMap<PlayerId, Slot<P>>,
    /// Whose records are to be opened, first come, first served.
    in_line: VecDeque<(PlayerId, Run)>,
    /// When the next of them may be.
    opens_at: Monotonic,
    chores: Chores<P>,
    events: Arc<Queue<PlayerEvent>>,
    closes: Vec<Done<()>>,
    is_closed: bool,
    has_ended: bool,
    run_count: Run,
}

impl<P: Clone> Table<P> {
    pub(super) fn new(settings: PlayerSettings, events: Arc<Queue<PlayerEvent>>) -> Self {
        Self {
            settings,
            lets_go_when_suspended: false,
            slots: BTreeMap::new(),
            in_line: VecDeque::new(),
            opens_at: Monotonic::default(),
            chores: Chores::default(),
            events,
            closes: Vec::new(),
            is_closed: false,
            has_ended: false,
            run_count: 0,
        }
    }

    pub(super) fn settings(&self) -> &PlayerSettings {
        &self.settings
    }

    pub(super) fn take_chores(&mut self) -> Chores<P> {
        std::mem::take(&mut self.chores)
    }

    pub(super) fn has_chores(&self) -> bool {
        !self.chores.is_empty()
    }

    fn tell(&self, player: &PlayerId, what: Happened) {
        let is_unsaved =
            matches!(self.slots.get(player), Some(Slot { stage: Stage::Unsaved(..), .. }));
        self.tell_of(player, is_unsaved, what);
    }

    fn tell_of(&self, player: &PlayerId, is_unsaved: bool, what: Happened) {
        let player = player.clone();
        // Who waits is woken outside of the lock.
        self.events.add(PlayerEvent { player, is_unsaved, what }, true);
    }

    pub(super) fn state(&self, player: &PlayerId) -> PlayerState {
        self.slots.get(player).map_or(PlayerState::Released, Slot::state)
    }

    /// What a player who is ready has.
    pub(super) fn play(&self, player: &PlayerId) -> Result<P, Unready> {
        let slot = self.slots.get(player).ok_or(Unready::Unknown)?;
        match &slot.stage {
            Stage::Ready(play) | Stage::Unsaved(play, _) => Ok(play.clone()),
            Stage::Behind
            | Stage::Opening
            | Stage::Pausing(_)
            | Stage::Templating(_)
            | Stage::Failed(_)
            | Stage::Releasing => Err(slot.unready()),
        }
    }

    /// Everybody who is here, in the order of their ids.
    pub(super) fn players(&self) -> Vec<PlayerId> {
        self.slots.keys().cloned().collect()
    }

    /// What those who are ready have.
    pub(super) fn ready(&self) -> Vec<P> {
        let ready = self.slots.values().filter_map(|slot| match &slot.stage {
            Stage::Ready(play) => Some(play.clone()),
            Stage::Behind
            | Stage::Opening
            | Stage::Pausing(_)
            | Stage::Templating(_)
            | Stage::Unsaved(..)
            | Stage::Failed(_)
            | Stage::Releasing => None,
        });
        ready.collect()
    }

    /// A player comes. Nothing happens if the player is here already.
    pub(super) fn join(&mut self, player: &PlayerId, now: Monotonic) -> Result<(), Unready> {
        if self.is_closed {
            return Err(Unready::Closed);
        }
        let next = self.run_count + 1;
        if let Some(slot) = self.slots.get_mut(player) {
            // What is being released ends first.
            let Stage::Releasing = slot.stage else { return Ok(()) };
            let ending = slot.ending;
            *slot = Slot { ending, ..Slot::new(next, now, Stage::Behind) };
        } else {
            self.slots.insert(player.clone(), Slot::new(next, now, Stage::Opening));
            self.in_line.push_back((player.clone(), next));
            self.tell(player, Happened::Loading);
        }
        self.run_count = next;
        Ok(())
    }

    /// A player goes. What a ready one has comes back, to be released.
    pub(super) fn leave(&mut self, player: &PlayerId) -> Option<P> {
        let slot = self.slots.get_mut(player)?;
        if matches!(slot.stage, Stage::Releasing) {
            return None;
        }
        let stage = std::mem::replace(&mut slot.stage, Stage::Releasing);
        let run = slot.run;
        let waiters = std::mem::take(&mut slot.waiters).into_iter();
        let answers = waiters.map(|(_, waiter)| (waiter, Err(Unready::Releasing)));
        self.chores.answers.extend(answers);
        match stage {
            Stage::Ready(play) => {
                slot.ending = Some(run);
                self.tell(player, Happened::Releasing);
                return Some(play);
            }
            // The release before goes on, and ends it.
            Stage::Behind | Stage::Releasing => {}
            Stage::Opening => {
                self.chores.to_give_up.push(run);
                self.gone(player, false);
            }
            Stage::Unsaved(..) => self.gone(player, true),
            Stage::Pausing(_) | Stage::Templating(_) | Stage::Failed(_) => self.gone(player, false),
        }
        None
    }

    fn gone(&mut self, player: &PlayerId, was_unsaved: bool) {
        self.slots.remove(player);
        self.tell_of(player, was_unsaved, Happened::Released);
        self.end_close();
    }

    fn end_close(&mut self) {
        if self.is_closed && self.slots.is_empty() {
            self.chores.closed.append(&mut self.closes);
        }
    }

    /// Nobody joins any more, and everybody goes.
    pub(super) fn close(&mut self, done: Done<()>) {
        self.is_closed = true;
        self.closes.push(done);
        for player in self.players() {
            if let Some(play) = self.leave(&player) {
                self.chores.to_release.push(play);
            }
        }
        self.end_close();
    }

    /// The game server is over: nothing will be answered any more.
    pub(super) fn end(&mut self) {
        (self.is_closed, self.has_ended) = (true, true);
        for player in self.players() {
            let Some(slot) = self.slots.get(&player) else { continue };
            let (run, is_releasing) = (slot.run, matches!(slot.stage, Stage::Releasing));
            if is_releasing {
                self.gone(&player, false);
            } else if !matches!(slot.stage, Stage::Failed(_) | Stage::Unsaved(..)) {
                self.fail(&player, run, PlayerFailure::Closed);
            }
        }
        self.chores.closed.append(&mut self.closes);
        self.events.end();
    }

    /// Whether the game server is over.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Calls when a player is ready, or will not be, or at that time. What is known already comes
    /// back, to be told at once.
    pub(super) fn wait(
        &mut self,
        player: &PlayerId,
        until: Monotonic,
        waiter: Waiter,
    ) -> Option<(Waiter, Result<(), Unready>)> {
        let answer = match self.slots.get_mut(player) {
            None => Err(Unready::Unknown),
            Some(slot) => match &slot.stage {
                Stage::Ready(_) | Stage::Unsaved(..) => Ok(()),
                Stage::Failed(_) | Stage::Releasing => Err(slot.unready()),
                Stage::Behind | Stage::Opening | Stage::Pausing(_) | Stage::Templating(_) => {
                    slot.waiters.push((until, waiter));
                    return None;
                }
            },
        };
        Some((waiter, answer))
    }

    fn slot_of(&mut self, player: &PlayerId, run: Run) -> Option<&mut Slot<P>> {
        self.slots.get_mut(player).filter(|slot| slot.run == run)
    }

    /// A record was opened. It comes back if nobody wants it any more.
    pub(super) fn opened(&mut self, player: &PlayerId, run: Run, play: P) -> Option<P> {
        let slot = self.slot_of(player, run).filter(|slot| matches!(slot.stage, Stage::Opening));
        let Some(slot) = slot else { return Some(play) };
        slot.stage = Stage::Ready(play);
        let waiters = std::mem::take(&mut slot.waiters).into_iter();
        self.chores.answers.extend(waiters.map(|(_, waiter)| (waiter, Ok(()))));
        self.tell(player, Happened::Ready);
        None
    }

    /// A record was not opened.
    pub(super) fn refused(
        &mut self,
        player: &PlayerId,
        run: Run,
        error: SessionOpenError,
        now: Monotonic,
    ) {
        let (attempts_max, mode) = (self.settings.load_attempts_max, self.settings.on_load_failure);
        let Some(slot) = self.slot_of(player, run) else { return };
        let is_busy = matches!(error, SessionOpenError::Refused(OpenError::AlreadyOpen { .. }));
        if is_busy && now < slot.began.saturating_add(BUSY_MAX) {
            slot.stage = Stage::Pausing(now.saturating_add(BUSY_EVERY));
            return;
        }
        slot.attempts += 1;
        let attempts = slot.attempts;
        let is_closed = matches!(error, SessionOpenError::Refused(OpenError::Closed));
        let can_help = is_busy || (error.kind().retry_can_help() && !is_closed);
        if can_help && attempts < attempts_max {
            let error = Arc::new(error);
            slot.last_error = Some(Arc::clone(&error));
            let after = self.settings.pause_after(attempts);
            if let Some(slot) = self.slot_of(player, run) {
                slot.stage = Stage::Pausing(now.saturating_add(after));
            }
            return self.tell(player, Happened::Retrying { attempts, after, error });
        }
        let failure = PlayerFailure::Load { attempts, error };
        match mode {
            OnLoadFailure::PlayUnsaved if !is_closed => {
                slot.stage = Stage::Templating(Arc::new(failure));
                self.chores.to_template.push((player.clone(), run));
            }
            OnLoadFailure::PlayUnsaved | OnLoadFailure::Disconnect => {
                self.fail(player, run, failure);
            }
        }
    }

    /// The template of a player whose record could not be loaded; nothing if there is none.
    pub(super) fn templated(&mut self, player: &PlayerId, run: Run, template: Option<P>) {
        let Some(slot) = self.slot_of(player, run) else { return };
        let Stage::Templating(failure) = &slot.stage else { return };
        let failure = Arc::clone(failure);
        let Some(play) = template else { return self.fail_as(player, run, failure) };
        slot.stage = Stage::Unsaved(play, Arc::clone(&failure));
        let waiters = std::mem::take(&mut slot.waiters).into_iter();
        self.chores.answers.extend(waiters.map(|(_, waiter)| (waiter, Ok(()))));
        self.tell(player, Happened::Unsaved(failure));
    }

    fn fail(&mut self, player: &PlayerId, run: Run, failure: PlayerFailure) {
        self.fail_as(player, run, Arc::new(failure));
    }

    fn fail_as(&mut self, player: &PlayerId, run: Run, failure: Arc<PlayerFailure>) {
        let Some(slot) = self.slot_of(player, run) else { return };
        slot.stage = Stage::Failed(Arc::clone(&failure));
        let waiters = std::mem::take(&mut slot.waiters).into_iter();
        let answers =
            waiters.map(|(_, waiter)| (waiter, Err(Unready::Failed(Arc::clone(&failure)))));
        self.chores.answers.extend(answers);
        let message = failure.message();
        self.tell(player, Happened::Failed(failure));
        self.tell(player, Happened::Disconnect { message });
    }

    /// Something happened to the session of a run.
    pub(super) fn on_event(
        &mut self,
        player: &PlayerId,
        run: Run,
        event: SessionEvent,
        now: Monotonic,
    ) {
        let Some(slot) = self.slots.get_mut(player) else { return };
        let is_ending = slot.ending == Some(run);
        let is_current = slot.run == run;
        let play = if let Stage::Ready(play) = &slot.stage { Some(play.clone()) } else { None };
        let play = play.filter(|_| is_current);
        if play.is_none() && !is_ending {
            return;
        }
        let end = failure_of(&event);
        let is_suspended = matches!(event, SessionEvent::State(SessionState::Suspended));
        self.tell(player, Happened::Session(event));
        match end {
            Some(_) if is_ending => self.ended(player, now),
            Some(failure) => self.fail(player, run, failure),
            None if is_suspended && play.is_some() && self.lets_go_when_suspended => {
                let message = "Your data cannot be saved just now. Please join again later.".into();
                self.tell(player, Happened::Disconnect { message });
            }
            None => {}
        }
    }

    /// The session of a player who left has ended.
    fn ended(&mut self, player: &PlayerId, now: Monotonic) {
        let Some(slot) = self.slots.get_mut(player) else { return };
        slot.ending = None;
        if let Stage::Behind = slot.stage {
            slot.stage = Stage::Opening;
            slot.began = now;
            let run = slot.run;
            self.in_line.push_back((player.clone(), run));
            self.tell(player, Happened::Released);
            self.tell(player, Happened::Loading);
        } else {
            self.gone(player, false);
        }
    }

    /// What is stored of the session of a run has become large.
    pub(super) fn on_large(&mut self, player: &PlayerId, run: Run, size: usize) {
        if self.slot_of(player, run).is_some() {
            self.tell(player, Happened::DataLarge { size });
        }
    }

    /// The record of a player cannot name the user.
    pub(super) fn not_associated(&self, player: &PlayerId, error: crate::session::LabelError) {
        self.tell(player, Happened::NotAssociated(error));
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, now: Monotonic) {
        for (player, slot) in &mut self.slots {
            if let Stage::Pausing(until) = slot.stage
                && until <= now
            {
                slot.stage = Stage::Opening;
                self.in_line.push_back((player.clone(), slot.run));
            }
            if slot.waiters.iter().any(|(until, _)| *until <= now) {
                let why = slot.unready();
                let due = slot.waiters.extract_if(.., |(until, _)| *until <= now);
                self.chores.answers.extend(due.map(|(_, waiter)| (waiter, Err(why.clone()))));
            }
        }
        self.open_next(now);
    }

    /// Begins the openings that may begin now.
    fn open_next(&mut self, now: Monotonic) {
        if now < self.opens_at {
            return;
        }
        let mut count = 0;
        while count < OPENINGS_AT_ONCE
            && let Some((player, run)) = self.in_line.pop_front()
        {
            // Whoever has left meanwhile costs nothing.
            let slot = self.slot_of(&player, run);
            if slot.is_some_and(|slot| matches!(slot.stage, Stage::Opening)) {
                self.chores.to_open.push((player, run));
                count += 1;
            }
        }
        if count > 0 {
            self.opens_at = now.saturating_add(OPENINGS_EVERY);
        }
    }

    /// When something is due.
    pub(super) fn next_wake(&self) -> Option<Monotonic> {
        let opens_at = (!self.in_line.is_empty()).then_some(self.opens_at);
        let of_slot = |slot: &Slot<P>| {
            let pause = match slot.stage {
                Stage::Pausing(until) => Some(until),
                Stage::Behind
                | Stage::Opening
                | Stage::Templating(_)
                | Stage::Ready(_)
                | Stage::Unsaved(..)
                | Stage::Failed(_)
                | Stage::Releasing => None,
            };
            pause.into_iter().chain(slot.waiters.iter().map(|(until, _)| *until)).min()
        };
        self.slots.values().filter_map(of_slot).chain(opens_at).min()
    }
}

#[cfg(test)]
#[path = "table/tests.rs"]
mod tests;
