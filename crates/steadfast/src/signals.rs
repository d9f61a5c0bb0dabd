//! What changed in sessions and what happened to a store, for whoever listens.
//!
//! ```text
//!   edit, hook, operation,
//!   transaction of several ──► ChangeLog ──► Events<Arc<Changed>>   of one session, the newest 64
//!                                     └───► audit log              the newest `audit_max`
//!   session, opening, queueing ────────────► Events<StoreEvent>    of the store, the newest 4,096
//! ```
//!
//! Signals are for showing, counting and looking back. Nothing may depend on one: who does not take
//! them in time loses the oldest, and what must survive is an operation or a checkpoint.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_core::document::{Change, Changes};
use steadfast_core::id::{EntryId, OperationId, OperationKind};
use steadfast_core::session::SessionState;
use steadfast_core::{Code, Path, SessionId, Timestamp, Value};

use crate::driver::{Events, Queue};
use crate::settings::ChangeSettings;
use crate::steadfast::Steadfast;

/// Why something was edited, and by what: for events and the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Why.
    pub reason: Option<Arc<str>>,
    /// Which part of the game.
    pub source: Option<Arc<str>>,
}

impl Note {
    /// A reason in words.
    pub fn because(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: Some(reason.into()), source: None }
    }

    /// The part of the game that it came from.
    #[must_use]
    pub fn from_source(self, source: impl Into<Arc<str>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

/// Where one value differs from another.
pub(crate) fn difference(before: &Value, after: &Value) -> Changes {
    Changes { paths: after.difference(before), transient: Vec::new() }
}

/// A change of what a session holds: visible, and durable no sooner than the next save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Why, as whoever made it noted; the kind of the operation, or the name of the hook.
    pub reason: Option<Arc<str>>,
    /// What made it; for an operation its id, for a hook `hook`.
    pub source: Option<Arc<str>>,
    /// When, by the clock of this process.
    pub at: Timestamp,
    /// Which change of this session it is, from 1 on. A gap is what was missed.
    pub change_count: u64,
    /// The exact places, each once, none inside another.
    pub paths: Vec<Path>,
    /// The same of what lives in memory only.
    pub transient: Vec<Path>,
    /// What stood and stands there, with [`ChangeSettings::track_details`]. Nothing for operations.
    pub details: Option<Vec<Change>>,
}

/// Where something changed.
#[derive(Debug, Default)]
pub(crate) struct Places {
    changes: Changes,
    details: Option<Vec<Change>>,
}

impl Places {
    /// Of an operation, whose values are not known.
    pub(crate) fn of(changes: &Changes) -> Self {
        Self { changes: changes.clone(), details: None }
    }
}

/// What came of an edit.
pub(crate) struct Edited<R> {
    pub(crate) answer: R,
    /// Whether it is to be saved.
    pub(crate) is_changed: bool,
    /// Nothing if nobody wants to know.
    pub(crate) places: Option<Places>,
}

/// Whether anybody looks at changes of the sessions of a store: computing them is work.
#[derive(Debug, Default)]
pub(crate) struct Watch(AtomicBool);

impl Watch {
    pub(crate) fn new(settings: ChangeSettings) -> Self {
        Self(AtomicBool::new(settings.audit_max > 0))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Logged {
    count: u64,
    /// Why its session takes part in a transaction over several: what that gives shows later.
    joint: Note,
    audit: VecDeque<Arc<Changed>>,
}

/// The changes of one session.
pub(crate) struct ChangeLog {
    settings: ChangeSettings,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    watch: Arc<Watch>,
    queue: Arc<Queue<Arc<Changed>>>,
    logged: Mutex<Logged>,
}

impl ChangeLog {
    pub(crate) fn new(
        settings: ChangeSettings,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
        watch: Arc<Watch>,
    ) -> Self {
        Self { settings, clock, watch, queue: Arc::default(), logged: Mutex::default() }
    }

    /// One that nobody ever listens to.
    pub(crate) fn silent() -> Self {
        let clock = Arc::new(|| Timestamp::from_unix_seconds(0));
        Self::new(ChangeSettings::default(), clock, Arc::default())
    }

    fn logged(&self) -> MutexGuard<'_, Logged> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a change is to be recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.settings.audit_max > 0 || self.queue.is_listened_to()
    }

    /// Where a change was, and what was there before and after.
    pub(crate) fn places(&self, changes: Changes, before: &Value, after: &Value) -> Places {
        let details = self.settings.track_details.then(|| changes.details(before, after));
        Places { changes, details }
    }

    /// Keeps a change. Whoever waits is woken by [`notify`](Self::notify), outside of locks.
    pub(crate) fn record(&self, note: Note, places: Places) {
        if places.changes.is_empty() || !self.is_on() {
            return;
        }
        let mut logged = self.logged();
        logged.count += 1;
        let (Note { reason, source }, Places { changes, details }) = (note, places);
        let Changes { paths, transient } = changes;
        let (at, change_count) = ((self.clock)(), logged.count);
        let changed = Changed { reason, source, at, change_count, paths, transient, details };
        let changed = Arc::new(changed);
        if self.settings.audit_max > 0 {
            if logged.audit.len() == self.settings.audit_max {
                logged.audit.pop_front();
            }
            logged.audit.push_back(Arc::clone(&changed));
        }
        // Under the lock: they are told in the order of their numbers.
        self.queue.add(changed, false);
    }

    /// Its session takes part in a transaction over several sessions, for this reason: in one at a
    /// time, until that is settled.
    pub(crate) fn begin_joint(&self, note: Note) {
        self.logged().joint = note;
    }

    /// Keeps what that transaction took or gave.
    pub(crate) fn record_joint(&self, places: Places) {
        let note = self.logged().joint.clone();
        self.record(note, places);
    }

    pub(crate) fn notify(&self) {
        self.queue.notify();
    }

    pub(crate) fn end(&self) {
        self.queue.end();
    }

    pub(crate) fn listen(&self) -> Events<Arc<Changed>> {
        self.watch.0.store(true, Ordering::Relaxed);
        Events::of(&self.queue)
    }

    pub(crate) fn audit(&self) -> Vec<Arc<Changed>> {
        self.logged().audit.iter().map(Arc::clone).collect()
    }
}

impl fmt::Debug for ChangeLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What happened to a store and the sessions on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreEvent {
    /// Something that should have worked did not: an opening, a save, a queueing. It counts towards
    /// the [critical state](crate::CriticalSettings).
    Error {
        /// Of which record.
        entry: EntryId,
        /// What exactly.
        code: Code,
        /// In words.
        message: Arc<str>,
    },
    /// So many errors came lately that the game should do less, or no errors came for a while.
    Critical(bool),
    /// A record was opened.
    SessionOpened {
        /// Which.
        entry: EntryId,
        /// The session.
        session: SessionId,
    },
    /// A session is over: `Released` or `LeaseLost`.
    SessionClosed {
        /// Of which record.
        entry: EntryId,
        /// The session.
        session: SessionId,
        /// How it ended.
        state: SessionState,
    },
    /// What is stored of a session has reached [`Options::data_size_warn`](crate::Options). Told again
    /// only once it was smaller in between.
    DataLarge {
        /// Of which record.
        entry: EntryId,
        /// The session.
        session: SessionId,
        /// In bytes.
        size: usize,
    },
    /// An operation was queued by this server or one of its operators, and was not before.
    OperationQueued {
        /// To which record.
        entry: EntryId,
        /// Which.
        operation: OperationId,
        /// What handles it; `requeued` for a dead letter that an operator queued again, which keeps its
        /// own kind.
        kind: OperationKind,
    },
    /// What an operation changed is stored.
    OperationApplied {
        /// Of which record.
        entry: EntryId,
        /// Which.
        operation: OperationId,
        /// What handled it.
        kind: OperationKind,
    },
    /// An operation was tried in vain, and is tried again.
    OperationRetried {
        /// Of which record.
        entry: EntryId,
        /// Which.
        operation: OperationId,
        /// How often it was tried.
        tries: u32,
        /// What went wrong.
        error: Arc<str>,
    },
    /// An operation failed for good, and left a dead letter.
    OperationFailed {
        /// Of which record.
        entry: EntryId,
        /// Which.
        operation: OperationId,
        /// What should have handled it.
        kind: OperationKind,
        /// `MissingHandler`, `OperationExpired` or `HandlerFailed`.
        code: Code,
        /// What went wrong last.
        error: Arc<str>,
    },
    /// An operation ended without effect, as its handler or an operator wanted.
    OperationCancelled {
        /// Of which record.
        entry: EntryId,
        /// Which.
        operation: OperationId,
        /// What would have handled it.
        kind: OperationKind,
        /// Why.
        reason: Arc<str>,
    },
}

impl Steadfast {
    /// What happens to the store and its sessions, from the first call on. At most 4,096 events wait
    /// to be taken; then the oldest go, and [`Events::missed`] counts them.
    pub fn events(&self) -> Events<StoreEvent> {
        Events::of(&self.sessions().monitor.events)
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::Limits;

    use super::*;

    fn log(settings: ChangeSettings) -> ChangeLog {
        let clock = Arc::new(|| Timestamp::from_unix_seconds(7));
        ChangeLog::new(settings, clock, Arc::new(Watch::new(settings)))
    }

    fn value(text: &str) -> Value {
        Value::parse(text, &Limits::native()).unwrap()
    }

    fn record(log: &ChangeLog, reason: &str) {
        let (before, after) = (value(r#"{"a":1}"#), value(r#"{"a":2}"#));
        let places = log.places(difference(&before, &after), &before, &after);
        log.record(Note::because(reason), places);
    }

    #[test]
    fn an_audit_log_keeps_the_newest_of_as_many_as_it_may() {
        let log = log(ChangeSettings { audit_max: 2, track_details: true });
        for reason in ["1", "2", "3"] {
            record(&log, reason);
        }
        let kept = log.audit();
        let reasons: Vec<_> = kept.iter().filter_map(|it| it.reason.as_deref()).collect();
        assert_eq!(reasons, ["2", "3"]);
        assert_eq!(kept.iter().map(|it| it.change_count).collect::<Vec<_>>(), [2, 3]);
        let change = Change { path: "a".into(), old: Some(1.into()), new: Some(2.into()) };
        assert_eq!(kept.last().unwrap().details, Some(vec![change]));
    }

    #[test]
    fn nothing_is_recorded_before_somebody_listens_and_nothing_of_an_edit_without_effect() {
        let log = log(ChangeSettings::default());
        record(&log, "before");
        let events = log.listen();
        record(&log, "after");
        log.record(Note::default(), Places::default());
        let told = events.try_next().unwrap();
        assert_eq!((told.change_count, told.details.as_ref()), (1, None));
        assert_eq!((events.try_next(), log.audit()), (None, vec![]));
        assert!(log.watch.is_on());
    }
}
