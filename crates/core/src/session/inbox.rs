//! The operations of a session's record: what waits, what was tried, what ended in memory and what
//! of it is stored.
//!
//! ```text
//!   store ──page──► waiting ──handler──► settling ──committed──► settled
//!                      ▲ │ failed           in the next write       known until a later write shows
//!                      └─┘ later                                    that it is there to stay
//! ```
//!
//! What ended in memory is in every write until one of them is committed: its effect is in the data
//! of the same write. A write that contains it holds all that an earlier one does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::document::Changes;
use crate::game_server::CommandId;
use crate::id::OperationId;
use crate::operation::{
    Attempt, Death, HandlerError, Handlers, InboxPage, LedgerWrite, OperationSettings,
    OperationStatus, PendingOperation, Settlement, Tries, UnknownOperationPolicy, Verdict,
};
use crate::planted::Flaw;
use crate::session::Session;
use crate::time::{Monotonic, Timestamp};

/// Operations that failed and are tried again, at most; more are read when these have ended.
const WAITING_MAX: usize = 1_000;

/// Ended operations that are remembered after they were stored.
const SETTLED_MAX: usize = 5_000;

/// How far a store may go back: what was stored so long before a later write is not lost with it.
const SETTLED_FOR: Duration = Duration::from_mins(1);

/// An operation that was read and has not ended.
#[derive(Debug)]
struct Waiting {
    operation: PendingOperation,
    tries: Tries,
    /// Not tried before.
    due: Option<Monotonic>,
}

/// What a session knows of the operations of its record.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Whether there may be operations that were not read.
    pub(crate) must_read: bool,
    /// Whether earlier ones may have changed too: all of them are read again.
    pub(crate) from_start: bool,
    /// The read that is out.
    pub(crate) call: Option<CommandId>,
    /// Nothing is read before, after a failure.
    pub(crate) read_at: Option<Monotonic>,
    /// The last place in the queue that was read.
    seen: Option<u64>,
    waiting: BTreeMap<u64, Waiting>,
    /// Whether operations were left in the store that nothing handles here.
    was_left: bool,
    /// With the number of the ledger's change.
    settling: Vec<(u64, Arc<Settlement>)>,
    /// Tries that are not stored, with the number of the ledger's change.
    tried: Vec<(u64, Attempt)>,
    /// Stored, in case the store goes back.
    settled: VecDeque<Settled>,
    /// Stored, and not told yet.
    pub(crate) untold: Vec<Stored>,
    /// The store's time, and when it was told.
    clock: Option<(Timestamp, Monotonic)>,
}

/// The end of an operation that was stored lately.
#[derive(Debug)]
struct Settled {
    settlement: Arc<Settlement>,
    /// The store's time of the write.
    stamped_at: Timestamp,
    /// The counter of the entry's revision since then.
    entry_counter: u64,
}

/// The end of an operation that is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) settlement: Arc<Settlement>,
    /// The store's time of the write.
    pub(crate) stamped_at: Timestamp,
    /// The counter of the entry's revision since then.
    pub(crate) entry_counter: u64,
}

/// What came of one operation in memory.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It was applied.
    Applied(Arc<Settlement>, Changes),
    /// It ended without effect.
    Ended,
    /// It is tried again.
    Retried { operation: OperationId, tries: u32, error: Arc<str> },
}

impl Inbox {
    /// A page was read.
    fn take(&mut self, now: Monotonic, page: InboxPage) {
        self.clock = Some((page.now, now));
        self.call = None;
        self.read_at = None;
        self.must_read |= page.has_more;
        for operation in page.operations {
            let seq = operation.seq;
            self.seen = self.seen.max(Some(seq));
            if self.knows_end_of(&operation.body.id) {
                continue;
            }
            let tries = operation.tries.clone();
            let before = self.waiting.get(&seq);
            let (tries, due) = match before {
                Some(before) if operation.body.verdict.is_none() => {
                    (before.tries.clone(), before.due)
                }
                Some(before) => (before.tries.clone(), None),
                None => (tries, None),
            };
            self.waiting.insert(seq, Waiting { operation, tries, due });
        }
    }

    fn knows_end_of(&self, id: &OperationId) -> bool {
        self.settling.iter().any(|(_, settlement)| settlement.id() == id)
            || self.settled.iter().any(|it| it.settlement.id() == id)
    }

    /// The place behind which the next page begins.
    pub(crate) fn cursor(&mut self) -> Option<u64> {
        if std::mem::take(&mut self.from_start) {
            self.seen = None;
        }
        self.seen
    }

    /// Whether another page is wanted, as far as there is room for it.
    pub(crate) fn wants_page(&self, settings: &OperationSettings) -> bool {
        let untried = self.waiting.values().filter(|waiting| waiting.due.is_none()).count();
        self.must_read
            && self.call.is_none()
            && untried < settings.process_max
            && self.waiting.len() < WAITING_MAX
    }

    /// Whether something ended and is not stored.
    pub(crate) fn is_settling(&self) -> bool {
        !self.settling.is_empty()
    }

    /// Whether something was applied and is not stored.
    pub(crate) fn is_applying(&self) -> bool {
        self.settling.iter().any(|(_, it)| it.status == OperationStatus::Applied)
    }

    /// The number of the last change of the ledger that is an applied operation.
    pub(crate) fn applied_until(&self) -> u64 {
        let is_applied = |it: &&(u64, Arc<Settlement>)| it.1.status == OperationStatus::Applied;
        self.settling.iter().filter(is_applied).map(|(number, _)| *number).max().unwrap_or(0)
    }

    /// What ended in memory and is not known to be stored: its effect is in the document.
    pub(crate) fn settling(&self) -> Vec<Arc<Settlement>> {
        self.settling.iter().map(|(_, settlement)| Arc::clone(settlement)).collect()
    }

    /// When there is something to do, as far as there is room for it. Room comes with an answer of
    /// the store, which needs no wake.
    pub(crate) fn next_wake(&self, settings: &OperationSettings) -> Option<Monotonic> {
        let read = self.read_at.filter(|_| self.wants_page(settings));
        let next_try = self.waiting.values().filter_map(|waiting| waiting.due).min();
        let next_try = next_try.filter(|_| self.settling.len() < settings.process_max);
        [read, next_try].into_iter().flatten().min()
    }

    /// Whether operations wait that were read before.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.was_left
    }

    /// Nothing is worth keeping.
    fn is_idle(&self) -> bool {
        !self.must_read
            && self.call.is_none()
            && self.waiting.is_empty()
            && self.settling.is_empty()
            && self.settled.is_empty()
            && self.tried.is_empty()
            && self.untold.is_empty()
    }
}

impl Session {
    /// Makes room for operations.
    pub(crate) fn inbox_mut(&mut self) -> &mut Inbox {
        self.inbox.get_or_insert_default()
    }

    /// Operations were read.
    pub(crate) fn take_inbox(&mut self, now: Monotonic, page: InboxPage) {
        if page.operations.is_empty() && !page.has_more && self.inbox.is_none() {
            return;
        }
        self.inbox_mut().take(now, page);
    }

    /// Takes the next operation that is due, and runs it. Nothing if none is, or if as many have
    /// ended as one write may settle.
    pub(crate) fn run_operation(
        &mut self,
        now: Monotonic,
        handlers: &Handlers,
        settings: &OperationSettings,
    ) -> Option<Ran> {
        let inbox = self.inbox.as_deref_mut()?;
        if inbox.settling.len() >= settings.process_max {
            return None;
        }
        let is_due = |waiting: &Waiting| waiting.due.is_none_or(|due| due <= now);
        let seq = *inbox.waiting.iter().find(|(_, waiting)| is_due(waiting))?.0;
        let waiting = inbox.waiting.remove(&seq)?;
        let store_time =
            inbox.clock.map(|(time, at)| time.saturating_add(now.saturating_since(at)));
        let Waiting { operation, mut tries, .. } = waiting;
        let end = match decide(&operation, settings, store_time) {
            Some(end) => end,
            None => match handlers.apply(self.document.as_mut(), &operation) {
                Some(Ok(handled)) => {
                    self.change_count += 1;
                    let (status, result) = (OperationStatus::Applied, handled.result);
                    let end = End { status, result, error: None, death: None };
                    let settlement = self.settle_operation(operation, &tries, handlers, end);
                    return Some(Ran::Applied(settlement, handled.changes));
                }
                Some(Err(HandlerError::Retry(error))) => {
                    tries.count += 1;
                    tries.last_error = Some(Arc::clone(&error));
                    tries.last_at = store_time;
                    if tries.count < settings.attempts_max {
                        let due = now.saturating_add(settings.retry_every);
                        return Some(self.try_again(operation, tries, due, error));
                    }
                    End::failed(error, Death::Attempts)
                }
                Some(Err(HandlerError::Fail(error))) => End::failed(error, Death::Handler),
                Some(Err(HandlerError::Cancel(reason))) => End::cancelled(reason),
                None => match settings.on_unknown {
                    // Whoever handles it opens the record some day, or a newer version of this.
                    UnknownOperationPolicy::Retry => {
                        self.inbox_mut().was_left = true;
                        return Some(Ran::Ended);
                    }
                    UnknownOperationPolicy::Cancel => End::cancelled(missing(&operation)),
                    UnknownOperationPolicy::Fail => {
                        End::failed(missing(&operation), Death::MissingHandler)
                    }
                },
            },
        };
        self.settle_operation(operation, &tries, handlers, end);
        Some(Ran::Ended)
    }

    fn try_again(
        &mut self,
        operation: PendingOperation,
        tries: Tries,
        due: Monotonic,
        error: Arc<str>,
    ) -> Ran {
        self.ledger_count += 1;
        let number = self.ledger_count;
        let id = operation.body.id.clone();
        let inbox = self.inbox_mut();
        inbox.tried.retain(|(_, attempt)| attempt.id != id);
        inbox.tried.push((number, Attempt { id: id.clone(), tries: tries.clone() }));
        let count = tries.count;
        let seq = operation.seq;
        inbox.waiting.insert(seq, Waiting { operation, tries, due: Some(due) });
        Ran::Retried { operation: id, tries: count, error }
    }

    fn settle_operation(
        &mut self,
        operation: PendingOperation,
        tries: &Tries,
        handlers: &Handlers,
        end: End,
    ) -> Arc<Settlement> {
        let PendingOperation { seq, body, .. } = operation;
        let End { status, result, error, death } = end;
        let is_permanent = body.is_permanent || handlers.is_permanent(&body.kind);
        let tries = tries.count;
        let settlement =
            Settlement { seq, body, status, result, error, tries, death, is_permanent };
        let settlement = Arc::new(settlement);
        self.ledger_count += 1;
        let number = self.ledger_count;
        let inbox = self.inbox_mut();
        inbox.tried.retain(|(_, attempt)| attempt.id != *settlement.id());
        inbox.settling.push((number, Arc::clone(&settlement)));
        settlement
    }

    /// What the next write changes in the ledger.
    pub(crate) fn ledger_write(
        &self,
        settings: &Arc<OperationSettings>,
    ) -> Option<Box<LedgerWrite>> {
        self.ledger_write_until(settings, self.ledger_count)
    }

    /// What a write changes in the ledger that holds the changes up to this one.
    pub(crate) fn ledger_write_until(
        &self,
        settings: &Arc<OperationSettings>,
        number: u64,
    ) -> Option<Box<LedgerWrite>> {
        let (settled, tried) = match self.inbox.as_deref() {
            None => (Vec::new(), Vec::new()),
            Some(inbox) => {
                let settled = inbox.settling.iter().filter(|(of, _)| *of <= number);
                let tried = inbox.tried.iter().filter(|(of, _)| *of <= number);
                (
                    settled.map(|(_, settlement)| Arc::clone(settlement)).collect(),
                    tried.map(|(_, attempt)| attempt.clone()).collect(),
                )
            }
        };
        let undo_after = self.undo_after.map(|(_, counter)| counter);
        if settled.is_empty() && tried.is_empty() && undo_after.is_none() {
            return None;
        }
        let settings = Arc::clone(settings);
        let rebuild = false;
        Some(Box::new(LedgerWrite { settled, tried, undo_after, rebuild, settings }))
    }

    /// Operations that ended after the entry stood at this counter are taken back with the next write.
    pub(crate) fn take_back_after(&mut self, counter: u64) {
        self.ledger_count += 1;
        self.undo_after = Some((self.ledger_count, counter));
        if let Some(inbox) = self.inbox.as_deref_mut() {
            // The ids of the others may be queued again.
            inbox.settled.retain(|it| it.entry_counter <= counter);
        }
    }

    /// Operations are read anew, with the next step, instead of what is out for it.
    pub(crate) fn forget_inbox_read(&mut self) -> Option<CommandId> {
        let inbox = self.inbox.as_deref_mut()?;
        let call = inbox.call.take()?;
        (inbox.must_read, inbox.from_start) = (true, true);
        Some(call)
    }

    /// A write was committed that holds the changes of the ledger up to this one.
    pub(crate) fn ledger_stored(&mut self, number: u64, stamped_at: Timestamp) {
        let entry_counter = self.data_revision().map_or(0, |revision| revision.counter);
        if let Some((of, counter)) = self.undo_after
            && of <= number
        {
            self.undo_after = None;
            self.undone.push((entry_counter, counter));
        }
        let Some(inbox) = self.inbox.as_deref_mut() else { return };
        inbox.tried.retain(|(of, _)| *of > number);
        let (stored, left) = std::mem::take(&mut inbox.settling)
            .into_iter()
            .partition::<Vec<_>, _>(|(of, _)| *of <= number);
        inbox.settling = left;
        for (_, settlement) in stored {
            let told = Arc::clone(&settlement);
            inbox.untold.push(Stored { settlement: told, stamped_at, entry_counter });
            inbox.settled.push_back(Settled { settlement, stamped_at, entry_counter });
        }
        // This write shows that what was stored so long before it is there to stay. What is not
        // shown by a later write is remembered, however long the session rests.
        let is_old = |it: &Settled| stamped_at.saturating_since(it.stamped_at) > SETTLED_FOR;
        while inbox.settled.front().is_some_and(is_old) {
            inbox.settled.pop_front();
        }
        let excess = inbox.settled.len().saturating_sub(SETTLED_MAX);
        inbox.settled.drain(..excess);
    }

    /// The store stands before writes that it had acknowledged. The data in memory holds what was
    /// applied: its ends are stored again with it, and none is applied again.
    pub(crate) fn ledger_went_back(&mut self) {
        // What a transaction stores holds all that was stored before it, and nothing later.
        let of_joint = self.joint.as_deref().filter(|part| !part.is_returned);
        let of_joint = of_joint.map(|part| part.ledger);
        self.undo_again(of_joint);
        let Some(inbox) = self.inbox.as_deref_mut() else {
            self.inbox_mut().must_read = true;
            return;
        };
        if self.flaws.has(Flaw::AppliedAgain) {
            inbox.settled.clear();
        }
        for Settled { settlement, .. } in std::mem::take(&mut inbox.settled) {
            self.ledger_count += 1;
            inbox.settling.push((of_joint.unwrap_or(self.ledger_count), settlement));
        }
        inbox.waiting.clear();
        inbox.tried.clear();
        inbox.must_read = true;
        inbox.from_start = true;
    }

    /// What was taken back before is there again where the store stands before that: it is taken back
    /// once more, with the next write.
    fn undo_again(&mut self, of_joint: Option<u64>) {
        let now = self.data_revision().map_or(0, |revision| revision.counter);
        let is_lost = |(at, _): &&(u64, u64)| *at > now;
        let lost = self.undone.iter().filter(is_lost).map(|(_, counter)| *counter);
        let pending = self.undo_after.map(|(_, counter)| counter);
        if let Some(counter) = lost.chain(pending).min() {
            self.undone.retain(|(at, _)| *at <= now);
            self.ledger_count += 1;
            self.undo_after = Some((of_joint.unwrap_or(self.ledger_count), counter));
        }
    }

    /// Lets go of everything if nothing is left to do.
    pub(crate) fn rest_inbox(&mut self) {
        if self.inbox.as_deref().is_some_and(Inbox::is_idle) {
            self.inbox = None;
        }
    }
}

/// How an operation ends.
struct End {
    status: OperationStatus,
    result: Option<crate::json::JsonText>,
    error: Option<Arc<str>>,
    death: Option<Death>,
}

impl End {
    fn failed(error: Arc<str>, death: Death) -> Self {
        let (status, result) = (OperationStatus::Failed, None);
        Self { status, result, error: Some(error), death: Some(death) }
    }

    fn cancelled(reason: Arc<str>) -> Self {
        let (status, result) = (OperationStatus::Cancelled, None);
        Self { status, result, error: Some(reason), death: None }
    }
}

/// The end of an operation that no handler is asked about.
fn decide(
    operation: &PendingOperation,
    settings: &OperationSettings,
    now: Option<Timestamp>,
) -> Option<End> {
    match &operation.body.verdict {
        Some(Verdict::Cancel(reason)) => return Some(End::cancelled(Arc::clone(reason))),
        Some(Verdict::Fail(reason)) => {
            return Some(End::failed(Arc::clone(reason), Death::Operator));
        }
        None => {}
    }
    let waited = now?.saturating_since(operation.queued_at);
    let is_late = settings.time_to_live.is_some_and(|limit: Duration| waited > limit);
    is_late.then(|| End::failed("it waited longer than it may".into(), Death::TimeToLive))
}

fn missing(operation: &PendingOperation) -> Arc<str> {
    format!("nothing handles operations of kind `{}`", operation.body.kind).into()
}
