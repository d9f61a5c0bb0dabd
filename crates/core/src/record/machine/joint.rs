//! Writes of several records, all of them or none, step by step.
//!
//! Each write is planned as if it were alone; the conditions and rows of all are one batch. A refusal
//! tells all of the records as of one moment.

use std::sync::Arc;

use super::writing::is_of_the_ledger_alone;
use super::{ends_of, record_rows, store_refusal, view_of};
use crate::batch::{Batch, CommitOutcome, Condition, Refusal};
use crate::id::ServerId;
use crate::operation::{InboxReader, LedgerPlanner, LedgerRows, LedgerTerms};
use crate::outcome::Outcome;
use crate::planted::{Flaw, Flaws};
use crate::platform::{
    ATTEMPTS_MAX, Input, Machine, PlatformError, Settings, Step, Terms, expect_row,
};
use crate::record::write::Planned;
use crate::record::{
    End, Holder, JointOutcome, JointRefusal, RecordRefusal, RecordView, RecordWrite, StoreFacts,
    StoredPresence, Written,
};
use crate::row::{ReadResult, RowKey};

#[derive(Debug)]
enum Phase {
    /// The ends that the writes add to are being read.
    Ends,
    /// What the next write changes in its ledger is being planned.
    Ledger(Box<LedgerPlanner>),
    /// The batch is out. Holds what must hold for it.
    Writing(Vec<Planned>, Vec<(RowKey, Condition)>),
    /// The operations of the next record that wait are being read, after the write.
    Inbox(Vec<Written>, usize, InboxReader),
    /// The records are being read that refused the batch.
    Reading,
    /// The presences of those who hold them are being read.
    Holders(Vec<RecordView>),
    /// Nothing more will be asked for.
    Over,
}

/// Carries out one [`RecordCommand::WriteAll`](crate::record::RecordCommand::WriteAll).
#[derive(Debug)]
pub(super) struct JointMachine {
    writes: Vec<RecordWrite>,
    store: StoreFacts,
    settings: Settings,
    /// The ends of the grants, by the writes that add to them.
    ends: Vec<Arc<[End]>>,
    /// What the writes change in their ledgers, as far as that is planned.
    ledgers: Vec<LedgerRows>,
    attempts: u32,
    phase: Phase,
    pub(super) flaws: Flaws,
}

impl Machine for JointMachine {
    type Answer = JointOutcome;

    fn on(&mut self, input: Input) -> Step<JointOutcome> {
        match (std::mem::replace(&mut self.phase, Phase::Over), input) {
            (Phase::Ends, Input::Read(reply)) => self.on_ends(reply),
            (Phase::Ledger(mut planner), input) => {
                let step = planner.on(input);
                self.planned(planner, step)
            }
            (Phase::Writing(planned, conditions), Input::Committed(outcome)) => {
                self.on_written(&planned, &conditions, outcome)
            }
            (Phase::Inbox(written, index, mut reader), input) => {
                let step = reader.on(input);
                self.read_inbox(written, index, reader, step)
            }
            (Phase::Reading, Input::Read(reply)) => self.on_records(reply),
            (Phase::Holders(views), Input::Read(reply)) => on_holders(views, reply),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        }
    }
}

impl JointMachine {
    pub(super) fn start(
        writes: Vec<RecordWrite>,
        store: StoreFacts,
        settings: Settings,
    ) -> (Self, Step<JointOutcome>) {
        let (ends, ledgers, flaws) = (Vec::new(), Vec::new(), Flaws::default());
        let (attempts, phase) = (0, Phase::Over);
        let mut machine = Self { writes, store, settings, ends, ledgers, attempts, phase, flaws };
        let step = machine.begin();
        (machine, step)
    }

    fn begin(&mut self) -> Step<JointOutcome> {
        let ending = self.writes.iter().filter(|write| write.end.is_some());
        let rows: Vec<_> = ending.map(|write| RowKey::Ends(write.entry.clone())).collect();
        if rows.is_empty() {
            return self.plan();
        }
        self.phase = Phase::Ends;
        Step::Read(rows)
    }

    fn on_ends(&mut self, reply: ReadResult) -> Step<JointOutcome> {
        match reply {
            Ok(reply) => {
                self.ends = reply.rows.iter().map(ends_of).collect();
                self.plan()
            }
            Err(error) => refused(error.to_string().into()),
        }
    }

    /// Plans the ledgers one after the other, and writes when the last one is planned.
    fn plan(&mut self) -> Step<JointOutcome> {
        while let Some(write) = self.writes.get(self.ledgers.len()) {
            let Some(ledger) = &write.ledger else {
                self.ledgers.push(LedgerRows::default());
                continue;
            };
            let terms = LedgerTerms::of(write, self.store.now);
            let (planner, step) = LedgerPlanner::start((**ledger).clone(), terms);
            return self.planned(Box::new(planner), step);
        }
        self.write()
    }

    fn planned(
        &mut self,
        planner: Box<LedgerPlanner>,
        step: Step<LedgerRows>,
    ) -> Step<JointOutcome> {
        match step {
            Step::Done(Ok(rows)) => {
                self.ledgers.push(rows);
                self.plan()
            }
            Step::Done(Err(PlatformError::Unavailable { reason })) => refused(reason),
            Step::Done(Err(error)) => Step::Done(Err(error)),
            step @ (Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Commit(_)) => {
                self.phase = Phase::Ledger(planner);
                step.map(|_| unreachable!("it is not over"))
            }
        }
    }

    fn write(&mut self) -> Step<JointOutcome> {
        let terms = Terms { settings: &self.settings, now: self.store.now };
        let (mut whole, mut planned) = (Batch::default(), Vec::new());
        let mut ends = self.ends.iter();
        for (write, ledger) in self.writes.iter().zip(std::mem::take(&mut self.ledgers)) {
            let ends = write.end.and_then(|_| ends.next()).map_or(&[][..], |ends| ends);
            let (mut batch, part) = write.to_batch(ends, terms);
            if !self.flaws.has(Flaw::ReceiptApart) {
                ledger.add_to(&mut batch);
            }
            merge(&mut whole, batch);
            planned.push(part);
        }
        self.phase = Phase::Writing(planned, whole.conditions.clone());
        Step::Commit(whole)
    }

    fn on_written(
        &mut self,
        planned: &[Planned],
        conditions: &[(RowKey, Condition)],
        outcome: CommitOutcome,
    ) -> Step<JointOutcome> {
        match outcome {
            Outcome::Committed(committed) => {
                let parts = self.writes.iter().zip(planned);
                let written = |(write, part): (&RecordWrite, &Planned)| {
                    part.written(&write.base, committed.stamped_at)
                };
                let written = parts.map(written).collect();
                self.next_inbox(written, 0)
            }
            Outcome::Unknown => Step::Done(Ok(Outcome::Unknown)),
            Outcome::Refused(Refusal::Conditions(rows))
                if is_of_the_ledger_alone(conditions, &rows) =>
            {
                self.attempts += 1;
                if self.attempts < ATTEMPTS_MAX {
                    return self.plan();
                }
                refused("a ledger changed at every try".into())
            }
            Outcome::Refused(refusal) => {
                if let Some(refusal) = store_refusal(refusal) {
                    return Step::Done(Ok(Outcome::Refused(JointRefusal::Store(refusal))));
                }
                self.phase = Phase::Reading;
                let rows = self.writes.iter().flat_map(|write| record_rows(&write.entry));
                Step::Read(rows.collect())
            }
        }
    }

    /// Reads the inbox of the next record whose write asks for it.
    fn next_inbox(&mut self, written: Vec<Written>, from: usize) -> Step<JointOutcome> {
        let mut rest = self.writes.iter().enumerate().skip(from);
        let wanted = rest.find_map(|(index, write)| Some((index, write, write.inbox_max?)));
        let Some((index, write, limit)) = wanted else {
            return Step::Done(Ok(Outcome::Committed(written)));
        };
        let now = self.store.now;
        let (reader, step) = InboxReader::start(write.entry.clone(), None, limit, now);
        self.read_inbox(written, index, reader, step)
    }

    fn read_inbox(
        &mut self,
        mut written: Vec<Written>,
        index: usize,
        reader: InboxReader,
        step: Step<crate::operation::InboxPage>,
    ) -> Step<JointOutcome> {
        match step {
            Step::Done(page) => {
                if let Some(written) = written.get_mut(index) {
                    written.inbox = page.ok();
                }
                self.next_inbox(written, index + 1)
            }
            step @ (Step::Read(_) | Step::Scan(..) | Step::Heads(..) | Step::Commit(_)) => {
                self.phase = Phase::Inbox(written, index, reader);
                step.map(|_| unreachable!("it is not over"))
            }
        }
    }

    fn on_records(&mut self, reply: ReadResult) -> Step<JointOutcome> {
        let views = reply.map_err(PlatformError::from).and_then(|reply| {
            let rows = self.writes.iter().zip(reply.rows.chunks(4));
            let view = |(write, rows): (&RecordWrite, _)| {
                view_of(&write.entry, self.store, rows, reply.now)
            };
            rows.map(view).collect::<Result<Vec<_>, _>>()
        });
        let views = match views {
            Ok(views) => views,
            Err(error) => return give_up(error),
        };
        let holders: Vec<_> = views.iter().filter_map(holder).map(RowKey::Presence).collect();
        if holders.is_empty() {
            return moved(views);
        }
        self.phase = Phase::Holders(views);
        Step::Read(holders)
    }
}

fn holder(view: &RecordView) -> Option<ServerId> {
    Some(view.record.as_ref()?.body.lease?.server)
}

fn on_holders(mut views: Vec<RecordView>, reply: ReadResult) -> Step<JointOutcome> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return give_up(error.into()),
    };
    let mut rows = reply.rows.iter();
    for view in &mut views {
        // The later of the two times: the presences were read after the records.
        view.now = reply.now;
        let Some(server) = holder(view) else { continue };
        match StoredPresence::of(expect_row(rows.next())) {
            Ok(presence) => view.holder = Some(Holder { server, presence }),
            Err(error) => return give_up(error),
        }
    }
    moved(views)
}

fn moved(views: Vec<RecordView>) -> Step<JointOutcome> {
    Step::Done(Ok(Outcome::Refused(JointRefusal::Moved(views))))
}

/// The records could not be read. The batch was refused all the same: sent again with its id, it is
/// refused again and tells why.
fn give_up(error: PlatformError) -> Step<JointOutcome> {
    let is_passing = matches!(error, PlatformError::Unavailable { .. });
    Step::Done(if is_passing { Ok(Outcome::Unknown) } else { Err(error) })
}

/// Nothing was written: what the writes are planned on could not be read.
fn refused(reason: Arc<str>) -> Step<JointOutcome> {
    let refusal = RecordRefusal::Unavailable { reason };
    Step::Done(Ok(Outcome::Refused(JointRefusal::Store(refusal))))
}

/// Adds the batch of another record. What both say alike, of a data store that begins with them, is
/// said once.
fn merge(whole: &mut Batch, batch: Batch) {
    for condition in batch.conditions {
        if !whole.conditions.contains(&condition) {
            whole.conditions.push(condition);
        }
    }
    for write in batch.writes {
        if !whole.writes.contains(&write) {
            whole.writes.push(write);
        }
    }
}
