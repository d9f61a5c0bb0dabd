//! What a store was asked and how it fared, in numbers, and whether so much goes wrong that a game
//! should do less.
//!
//! The library brings no metrics exporter and chooses none: [`Diagnostics::metrics`] names every
//! number, and whoever embeds the library hands them to the one it has.

mod numbers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steadfast_core::game_server::CommandId;
use steadfast_core::operation::{JudgeRefusal, QueueRefusal};
use steadfast_core::record::{
    Data, JointRefusal, PresenceRefusal, RecordAnswer, RecordCommand, RecordRefusal, RecordReply,
};
use steadfast_core::{Monotonic, Outcome};

use crate::driver::Queue;
use crate::settings::CriticalSettings;
use crate::signals::StoreEvent;
use crate::steadfast::Steadfast;
pub use numbers::{Diagnostics, Histogram, Metric, MetricValue, RequestKind, Requests};

/// Events of a store that wait to be taken.
const EVENTS_MAX: usize = 4_096;

/// Commands whose answer is still counted. One that stays without any is forgotten by its turn.
const OUT_MAX: usize = 16_384;

/// Errors that are remembered: more in one window count as so many.
const ERRORS_MAX: u32 = 10_000;

/// Names a command until its first answer: each game server counts its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asker {
    Server(CommandId),
    Operator(u64),
}

/// A command whose first answer is awaited.
struct Out {
    kind: RequestKind,
    sent_at: Monotonic,
    deed: Deed,
}

/// What a command does besides, once it is committed.
#[derive(Clone, Copy)]
struct Deed {
    is_restore: bool,
    is_deletion: bool,
}

impl Deed {
    fn of(command: &RecordCommand) -> Self {
        let (is_restore, is_deletion) = match command {
            RecordCommand::Write(write) => (
                write.ledger.as_ref().is_some_and(|ledger| ledger.undo_after.is_some()),
                matches!(write.data, Data::Delete),
            ),
            RecordCommand::Read { .. }
            | RecordCommand::Check(_)
            | RecordCommand::WriteAll(_)
            | RecordCommand::WritePresence { .. }
            | RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. }
            | RecordCommand::Queue(_)
            | RecordCommand::Judge(_)
            | RecordCommand::ReadInbox { .. }
            | RecordCommand::ReadOperation { .. }
            | RecordCommand::ReadReceipts { .. }
            | RecordCommand::ReadDeadLetters { .. } => (false, false),
        };
        Self { is_restore, is_deletion }
    }
}

#[derive(Default)]
struct Counts {
    diagnostics: Diagnostics,
    out: BTreeMap<Asker, Out>,
    /// How many commands operators have sent.
    asked: u64,
    /// When errors happened, the newest last: as many as matter.
    errors: VecDeque<Monotonic>,
}

/// Watches a store.
pub(crate) struct Monitor {
    pub(crate) events: Arc<Queue<StoreEvent>>,
    settings: CriticalSettings,
    counts: Mutex<Counts>,
}

impl Monitor {
    pub(crate) fn new(settings: CriticalSettings) -> Self {
        let events = Arc::new(Queue::with_room(EVENTS_MAX));
        Self { events, settings, counts: Mutex::default() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command of the game server goes out, once more or for the first time.
    pub(crate) fn sent(&self, id: CommandId, command: &RecordCommand, now: Monotonic) {
        self.counts().note_sent(Asker::Server(id), command, now);
    }

    /// A command of an operator goes out.
    pub(crate) fn asked(&self, command: &RecordCommand, now: Monotonic) -> Asker {
        let mut counts = self.counts();
        counts.asked += 1;
        let asker = Asker::Operator(counts.asked);
        counts.note_sent(asker, command, now);
        asker
    }

    /// The first answer to a command came.
    pub(crate) fn answered(&self, asker: Asker, answer: &RecordAnswer, now: Monotonic) {
        let mut counts = self.counts();
        let Some(out) = counts.out.remove(&asker) else { return };
        let Out { kind, sent_at, deed } = out;
        let requests = counts.diagnostics.requests.entry(kind).or_default();
        requests.latency.add(now.saturating_since(sent_at));
        requests.failures += u64::from(is_failure(answer));
        if matches!(answer, Ok(RecordReply::Written(Outcome::Committed(_)))) {
            counts.note_done(deed);
        }
    }

    /// A write was found to be committed whose own answer did not say so.
    pub(crate) fn found_committed(&self, command: &RecordCommand) {
        self.counts().note_done(Deed::of(command));
    }

    /// An opening was answered.
    pub(crate) fn opened(&self, took: Duration, is_open: bool) {
        let mut counts = self.counts();
        counts.diagnostics.opens.add(took);
        counts.diagnostics.open_failures += u64::from(!is_open);
    }

    /// A session lost its record.
    pub(crate) fn lost(&self) {
        self.counts().diagnostics.lease_losses += 1;
    }

    /// A save failed.
    pub(crate) fn save_failed(&self) {
        self.counts().diagnostics.save_failures += 1;
    }

    /// Something happened. Who waits for events is woken by [`notify`](Self::notify).
    pub(crate) fn tell(&self, event: StoreEvent, now: Monotonic) {
        let mut counts = self.counts();
        let diagnostics = &mut counts.diagnostics;
        match &event {
            StoreEvent::SessionOpened { .. } => diagnostics.sessions_open += 1,
            StoreEvent::SessionClosed { .. } => {
                diagnostics.sessions_open = diagnostics.sessions_open.saturating_sub(1);
            }
            StoreEvent::OperationQueued { .. } => diagnostics.operations_queued += 1,
            StoreEvent::OperationApplied { .. } => diagnostics.operations_applied += 1,
            StoreEvent::OperationRetried { .. } => diagnostics.operations_retried += 1,
            StoreEvent::OperationFailed { .. } => diagnostics.operations_failed += 1,
            StoreEvent::OperationCancelled { .. } => diagnostics.operations_cancelled += 1,
            StoreEvent::Error { .. } | StoreEvent::Critical(_) | StoreEvent::DataLarge { .. } => {}
        }
        let is_error = matches!(event, StoreEvent::Error { .. });
        self.events.add(event, false);
        if is_error && counts.note_error(now, self.settings) {
            self.events.add(StoreEvent::Critical(true), false);
        }
    }

    pub(crate) fn notify(&self) {
        self.events.notify();
    }

    /// Ends the critical state if nothing went wrong for long enough.
    pub(crate) fn step(&self, now: Monotonic) {
        let mut counts = self.counts();
        if counts.recovers_at(self.settings).is_some_and(|at| at <= now) {
            counts.diagnostics.is_critical = false;
            counts.errors.clear();
            self.events.add(StoreEvent::Critical(false), false);
        }
    }

    /// When the critical state may end.
    pub(crate) fn next_wake(&self) -> Option<Monotonic> {
        self.counts().recovers_at(self.settings)
    }

    pub(crate) fn diagnostics(&self) -> Diagnostics {
        self.counts().diagnostics.clone()
    }
}

impl Counts {
    fn note_sent(&mut self, asker: Asker, command: &RecordCommand, now: Monotonic) {
        let kind = RequestKind::of(command);
        let is_again = self.out.contains_key(&asker);
        let requests = self.diagnostics.requests.entry(kind).or_default();
        if is_again {
            requests.retries += 1;
            return;
        }
        requests.count += 1;
        if self.out.len() == OUT_MAX {
            self.out.pop_first();
        }
        self.out.insert(asker, Out { kind, sent_at: now, deed: Deed::of(command) });
    }

    fn note_done(&mut self, deed: Deed) {
        self.diagnostics.restores += u64::from(deed.is_restore);
        self.diagnostics.deletes += u64::from(deed.is_deletion);
    }

    /// Whether the critical state begins with this error.
    fn note_error(&mut self, now: Monotonic, settings: CriticalSettings) -> bool {
        let CriticalSettings { threshold, window, .. } = settings;
        let most = usize::try_from(ERRORS_MAX).unwrap_or(usize::MAX);
        if self.errors.len() == most {
            self.errors.pop_front();
        }
        self.errors.push_back(now);
        while self.errors.front().is_some_and(|at| now.saturating_since(*at) > window) {
            self.errors.pop_front();
        }
        let recent = u64::try_from(self.errors.len()).unwrap_or(u64::MAX);
        self.diagnostics.errors += 1;
        self.diagnostics.recent_errors = recent;
        let begins = !self.diagnostics.is_critical && recent >= u64::from(threshold);
        self.diagnostics.is_critical |= begins;
        begins
    }

    fn recovers_at(&self, settings: CriticalSettings) -> Option<Monotonic> {
        let last = self.errors.back().filter(|_| self.diagnostics.is_critical)?;
        Some(last.saturating_add(settings.recovery))
    }
}

/// Whether an answer says that the store did not do its work: not that what it holds forbids it.
fn is_failure(answer: &RecordAnswer) -> bool {
    let by_store = |refusal: &RecordRefusal| !matches!(refusal, RecordRefusal::Moved(_));
    match answer {
        Err(_) => true,
        Ok(RecordReply::Written(outcome)) => match outcome {
            Outcome::Committed(_) => false,
            Outcome::Refused(refusal) => by_store(refusal),
            Outcome::Unknown => true,
        },
        Ok(RecordReply::WrittenAll(outcome)) => match outcome {
            Outcome::Committed(_) | Outcome::Refused(JointRefusal::Moved(_)) => false,
            Outcome::Refused(JointRefusal::Store(_)) | Outcome::Unknown => true,
        },
        Ok(RecordReply::Presence(outcome)) => match outcome {
            Outcome::Committed(_) | Outcome::Refused(PresenceRefusal::Moved(_)) => false,
            Outcome::Refused(PresenceRefusal::Store(_)) | Outcome::Unknown => true,
        },
        Ok(RecordReply::Queued(outcome)) => match outcome {
            Outcome::Committed(_) => false,
            Outcome::Refused(refusal) => matches!(refusal, QueueRefusal::Store(_)),
            Outcome::Unknown => true,
        },
        Ok(RecordReply::Judged(outcome)) => match outcome {
            Outcome::Committed(_) => false,
            Outcome::Refused(refusal) => matches!(refusal, JudgeRefusal::Store(_)),
            Outcome::Unknown => true,
        },
        Ok(
            RecordReply::Read(_)
            | RecordReply::Checked(_)
            | RecordReply::Mail(_)
            | RecordReply::Noted
            | RecordReply::Inbox(_)
            | RecordReply::Operation(_)
            | RecordReply::Receipts(..)
            | RecordReply::DeadLetters(..),
        ) => false,
    }
}

impl Steadfast {
    /// What the game server of this store and its operators asked the store, and how it fared, since it
    /// was opened.
    ///
    /// # Example
    /// ```
    /// use steadfast::{Options, Steadfast};
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let p = db.values("PlayerData").await?.open("7").await?;
    /// let numbers = db.diagnostics();
    /// assert_eq!((numbers.sessions_open, numbers.lease_losses), (1, 0));
    /// for metric in numbers.metrics() {
    ///     // Hand `metric` to the exporter that your server has.
    ///     assert!(metric.name.starts_with("steadfast_"));
    /// }
    /// # drop(p);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn diagnostics(&self) -> Diagnostics {
        self.sessions().monitor.diagnostics()
    }

    /// Whether so much went wrong lately that the game should do less. It ends when nothing went
    /// wrong for [`CriticalSettings::recovery`].
    pub fn is_critical(&self) -> bool {
        self.diagnostics().is_critical
    }
}

#[cfg(test)]
#[path = "diagnostics/tests.rs"]
mod tests;
