//! A command to a store that owns its rows, carried out step by step.

mod joint;
mod writing;

use std::sync::Arc;

use crate::batch::{Batch, CommitOutcome, Condition, Refusal, Write};
use crate::id::{EntryId, Revision, ServerId, WriteId};
use crate::operation::{InboxReader, LedgerPlanner, OperationMachine};
use crate::outcome::Outcome;
use crate::planted::Flaws;
use crate::platform::{Base, Input, Machine, Operation, PlatformError, Settings, Step, expect_row};
use crate::record::command::{PresenceRefusal, RecordRequest, StoreFacts};
use crate::record::view::RecordData;
use crate::record::{
    End, Holder, Mail, PresenceBody, RecordCommand, RecordRefusal, RecordReply, RecordView,
    Renewed, StoredPresence, StoredRecord, With, Written,
};
use crate::row::{Found, ReadResult, RowBody, RowKey, RowRange, ScanResult};
use crate::time::Timestamp;
use joint::JointMachine;
use writing::Sent;

/// Most mail that is handed over at a time. The rest comes with the next.
pub const MAIL_PAGE: usize = 256;

/// Most records that are compared at a time.
pub const CHECKED_MAX: usize = 256;

/// What the answer of a read is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// The view is the answer.
    Answer,
    /// It says why a write was refused.
    Refusal,
}

#[derive(Debug)]
enum Phase {
    /// The row of a record is being read, to see whether the rest is wanted.
    Looking,
    /// The rows of a record are being read.
    Reading(Purpose),
    /// The presence of its holder is being read.
    Holder(Purpose, Box<RecordView>),
    /// The ends that a write adds one to are being read.
    Ends,
    /// What a write changes in the ledger is being planned. Holds the ends of the grants.
    Ledger(Box<LedgerPlanner>, Arc<[End]>),
    /// A write of a record is out.
    Writing(Box<Sent>),
    /// Several records are being written.
    Joint(Box<JointMachine>),
    /// The operations that wait are being read after a write.
    Inbox(Box<Written>, InboxReader),
    /// Operations are being queued, judged or read.
    Operation(Box<OperationMachine>),
    /// A write of a presence is out, which gives it this revision.
    Renewing(Revision),
    /// The mail that came with it is being read.
    Collecting(Renewed),
    /// The rows of records are being read.
    Checking,
    /// Mail is being read.
    Mail,
    /// Mail is being written.
    Noting,
    /// Nothing more will be asked for.
    Over,
}

/// Carries out one [`RecordCommand`].
#[derive(Debug)]
pub struct RecordMachine {
    command: Arc<RecordCommand>,
    store: StoreFacts,
    settings: Settings,
    phase: Phase,
    /// How often a write was refused for its ledger alone.
    attempts: u32,
    flaws: Flaws,
}

impl Operation for RecordRequest {
    type Answer = RecordReply;
    type Machine = RecordMachine;

    /// The writes of a session follow each other by themselves, and those of others must be able to
    /// overtake them.
    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        self.command.write_id()
    }

    fn start(self, settings: &Settings) -> (RecordMachine, Step<RecordReply>) {
        let Self { command, store } = self;
        let settings = settings.clone();
        let (phase, attempts, flaws) = (Phase::Over, 0, Flaws::default());
        let mut machine = RecordMachine { command, store, settings, phase, attempts, flaws };
        let step = machine.begin();
        (machine, step)
    }
}

impl Machine for RecordMachine {
    type Answer = RecordReply;

    fn on(&mut self, input: Input) -> Step<RecordReply> {
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        match (phase, input) {
            (Phase::Looking, Input::Read(reply)) => self.on_look(reply),
            (Phase::Reading(purpose), Input::Read(reply)) => self.on_rows(purpose, reply),
            (Phase::Holder(purpose, view), Input::Read(reply)) => on_holder(purpose, view, reply),
            (Phase::Ends, Input::Read(reply)) => self.on_ends(reply),
            (Phase::Ledger(planner, ends), input) => self.on_ledger(planner, ends, input),
            (Phase::Writing(sent), Input::Committed(outcome)) => self.on_written(*sent, outcome),
            (Phase::Inbox(written, reader), input) => self.on_inbox(written, reader, input),
            (Phase::Joint(mut joint), input) => {
                let step = joint.on(input);
                if !matches!(step, Step::Done(_)) {
                    self.phase = Phase::Joint(joint);
                }
                step.map(|outcome| outcome.map(RecordReply::WrittenAll))
            }
            (Phase::Operation(mut operation), input) => {
                let step = operation.on(input);
                if !matches!(step, Step::Done(_)) {
                    self.phase = Phase::Operation(operation);
                }
                step
            }
            (Phase::Renewing(revision), Input::Committed(outcome)) => {
                self.on_renewed(revision, outcome)
            }
            (Phase::Collecting(renewed), Input::Scanned(reply)) => {
                // Mail is a hint: what could not be read comes with the next renewal.
                let mail = mail_of(reply).unwrap_or_default();
                let outcome = Outcome::Committed(Renewed { mail, ..renewed });
                Step::Done(Ok(RecordReply::Presence(outcome)))
            }
            (Phase::Checking, Input::Read(reply)) => Step::Done(on_checked(reply)),
            (Phase::Mail, Input::Scanned(reply)) => {
                Step::Done(mail_of(reply).map(RecordReply::Mail))
            }
            (Phase::Noting, Input::Committed(_)) => Step::Done(Ok(RecordReply::Noted)),
            (phase, input) => panic!("{phase:?} was given {input:?}"),
        }
    }
}

impl RecordMachine {
    /// Has it make a mistake, to test who judges it.
    #[cfg(feature = "planted")]
    pub fn plant(&mut self, flaw: crate::planted::Flaw) {
        self.flaws = Flaws { planted: Some(flaw) };
        if let Phase::Operation(operation) = &mut self.phase {
            operation.plant(self.flaws);
        } else if let Phase::Joint(joint) = &mut self.phase {
            joint.flaws = self.flaws;
        }
    }

    fn begin(&mut self) -> Step<RecordReply> {
        let command = Arc::clone(&self.command);
        match &*command {
            RecordCommand::Read { with: With::Data, .. } => self.read(Purpose::Answer),
            RecordCommand::Read { entry, with: With::DataIfFree } => {
                self.phase = Phase::Looking;
                Step::Read(vec![RowKey::Record(entry.clone())])
            }
            RecordCommand::Check(entries) => {
                self.phase = Phase::Checking;
                Step::Read(entries.iter().cloned().map(RowKey::Record).collect())
            }
            RecordCommand::Write(write) if write.end.is_some() => {
                self.phase = Phase::Ends;
                Step::Read(vec![RowKey::Ends(write.entry.clone())])
            }
            RecordCommand::Write(write) => self.plan(write, Arc::default()),
            RecordCommand::WritePresence { in_opening: Some(opening), .. }
                if *opening != self.store.opening =>
            {
                let reason = "the store was opened anew".into();
                let refusal = PresenceRefusal::Store(RecordRefusal::Unavailable { reason });
                Step::Done(Ok(RecordReply::Presence(Outcome::Refused(refusal))))
            }
            RecordCommand::WritePresence { server, base, body, write_id, .. } => {
                self.write_presence(*server, *base, body, *write_id)
            }
            RecordCommand::ReadMail { server } => {
                self.phase = Phase::Mail;
                Step::Scan(mail_range(*server), MAIL_PAGE)
            }
            RecordCommand::PutMail { server, entry, body, write_id } => {
                self.phase = Phase::Noting;
                let key = RowKey::Mail(*server, entry.clone());
                let (revision, body) = (Revision::first(*write_id), RowBody::Mail(*body));
                let writes = vec![Write::Put { key, revision, body }];
                Step::Commit(Batch { conditions: vec![], writes })
            }
            RecordCommand::WriteAll(writes) => {
                let (store, settings) = (self.store, self.settings.clone());
                let (joint, step) = JointMachine::start(writes.clone(), store, settings);
                self.phase = Phase::Joint(Box::new(joint));
                step.map(|outcome| outcome.map(RecordReply::WrittenAll))
            }
            RecordCommand::Queue(_)
            | RecordCommand::Judge(_)
            | RecordCommand::ReadInbox { .. }
            | RecordCommand::ReadOperation { .. }
            | RecordCommand::ReadReceipts { .. }
            | RecordCommand::ReadDeadLetters { .. } => {
                let (operation, step) = OperationMachine::start(&command, self.store.now);
                self.phase = Phase::Operation(Box::new(operation));
                step
            }
            RecordCommand::DeleteMail { server, entry, at } => {
                self.phase = Phase::Noting;
                let key = RowKey::Mail(*server, entry.clone());
                let conditions = vec![(key.clone(), Condition::At(*at))];
                Step::Commit(Batch { conditions, writes: vec![Write::Delete { key }] })
            }
        }
    }

    /// The record that the command is about.
    fn entry(&self) -> &EntryId {
        match &*self.command {
            RecordCommand::Read { entry, .. } => entry,
            RecordCommand::Write(write) => &write.entry,
            RecordCommand::Check(_)
            | RecordCommand::WritePresence { .. }
            | RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. }
            | RecordCommand::WriteAll(_)
            | RecordCommand::Queue(_)
            | RecordCommand::Judge(_)
            | RecordCommand::ReadInbox { .. }
            | RecordCommand::ReadOperation { .. }
            | RecordCommand::ReadReceipts { .. }
            | RecordCommand::ReadDeadLetters { .. } => unreachable!("only records are read so"),
        }
    }

    /// Reads all there is of a record, as of one moment.
    fn read(&mut self, purpose: Purpose) -> Step<RecordReply> {
        self.phase = Phase::Reading(purpose);
        Step::Read(record_rows(self.entry()).into())
    }

    fn on_look(&mut self, reply: ReadResult) -> Step<RecordReply> {
        let view = reply.map_err(PlatformError::from).and_then(|reply| {
            let record = StoredRecord::of(expect_row(reply.rows.first()))?;
            Ok(empty_view(self.entry(), self.store, record, reply.now))
        });
        match view {
            Err(error) => Step::Done(Err(error)),
            Ok(view) => match lease_of(&view) {
                Some(server) => self.read_holder(Purpose::Answer, Box::new(view), server),
                None => self.read(Purpose::Answer),
            },
        }
    }

    fn on_rows(&mut self, purpose: Purpose, reply: ReadResult) -> Step<RecordReply> {
        let view = reply
            .map_err(PlatformError::from)
            .and_then(|reply| view_of(self.entry(), self.store, &reply.rows, reply.now));
        match view {
            Err(error) => give_up(purpose, error),
            Ok(view) => match lease_of(&view) {
                Some(server) => self.read_holder(purpose, Box::new(view), server),
                None => answer(purpose, Box::new(view)),
            },
        }
    }

    fn read_holder(
        &mut self,
        purpose: Purpose,
        view: Box<RecordView>,
        server: ServerId,
    ) -> Step<RecordReply> {
        self.phase = Phase::Holder(purpose, view);
        Step::Read(vec![RowKey::Presence(server)])
    }

    fn write_presence(
        &mut self,
        server: ServerId,
        base: Option<Revision>,
        body: &PresenceBody,
        write_id: WriteId,
    ) -> Step<RecordReply> {
        let key = RowKey::Presence(server);
        let (condition, revision) = match base {
            None => (Condition::Absent, Revision::first(write_id)),
            Some(base) => (Condition::At(base), base.next(write_id)),
        };
        self.phase = Phase::Renewing(revision);
        let body = RowBody::Presence(body.clone());
        Step::Commit(Batch {
            conditions: vec![(key.clone(), condition)],
            writes: vec![Write::Put { key, revision, body }],
        })
    }

    fn on_renewed(&mut self, revision: Revision, outcome: CommitOutcome) -> Step<RecordReply> {
        let RecordCommand::WritePresence { server, with_mail, .. } = &*self.command else {
            unreachable!("only presences are renewed")
        };
        let outcome = match outcome {
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Committed(committed) => {
                let mail = Vec::new();
                let renewed = Renewed { revision, stamped_at: committed.stamped_at, mail };
                if *with_mail {
                    let range = mail_range(*server);
                    self.phase = Phase::Collecting(renewed);
                    return Step::Scan(range, MAIL_PAGE);
                }
                Outcome::Committed(renewed)
            }
            Outcome::Refused(Refusal::Conditions(rows)) => {
                match StoredPresence::of(expect_row(rows.first())) {
                    Ok(stored) => Outcome::Refused(PresenceRefusal::Moved(stored)),
                    Err(error) => return Step::Done(Err(error)),
                }
            }
            Outcome::Refused(refusal) => {
                let refusal = store_refusal(refusal).expect("no condition refused it");
                Outcome::Refused(PresenceRefusal::Store(refusal))
            }
        };
        Step::Done(Ok(RecordReply::Presence(outcome)))
    }
}

/// All rows that there are of a record, as one read asks for them.
fn record_rows(entry: &EntryId) -> [RowKey; 4] {
    [
        RowKey::Record(entry.clone()),
        RowKey::Ends(entry.clone()),
        RowKey::Entry(entry.clone()),
        RowKey::Store(entry.store.clone()),
    ]
}

/// The record of those rows, with its data and ends.
fn view_of(
    entry: &EntryId,
    store: StoreFacts,
    rows: &[Found],
    now: Timestamp,
) -> Result<RecordView, PlatformError> {
    let [record, ends, data, data_store] = rows else {
        unreachable!("a reply holds every row that was asked for")
    };
    let base = Base::of(data, Some(data_store), now)?;
    let content = base.live().and_then(|state| state.content.clone());
    let mut view = empty_view(entry, store, StoredRecord::of(record)?, now);
    view.data = Some(RecordData { base: base.heads(), content });
    view.ends = Some(ends_of(ends));
    Ok(view)
}

fn empty_view(
    entry: &EntryId,
    store: StoreFacts,
    record: Option<StoredRecord>,
    now: Timestamp,
) -> RecordView {
    let StoreFacts { opening, started_at, .. } = store;
    let entry = entry.clone();
    RecordView { entry, record, data: None, ends: None, holder: None, now, started_at, opening }
}

fn on_holder(purpose: Purpose, mut view: Box<RecordView>, reply: ReadResult) -> Step<RecordReply> {
    let presence = reply.map_err(PlatformError::from).and_then(|reply| {
        // The later of the two times: the presence was read after the record.
        view.now = reply.now;
        StoredPresence::of(expect_row(reply.rows.first()))
    });
    match (presence, lease_of(&view)) {
        (Err(error), _) => give_up(purpose, error),
        (Ok(presence), server) => {
            view.holder = server.map(|server| Holder { server, presence });
            answer(purpose, view)
        }
    }
}

fn answer(purpose: Purpose, view: Box<RecordView>) -> Step<RecordReply> {
    Step::Done(Ok(match purpose {
        Purpose::Answer => RecordReply::Read(view),
        Purpose::Refusal => RecordReply::Written(Outcome::Refused(RecordRefusal::Moved(view))),
    }))
}

/// The rows could not be read. A write was refused all the same, but it cannot be told why: sent
/// again with its id, it is refused again and tells.
fn give_up(purpose: Purpose, error: PlatformError) -> Step<RecordReply> {
    Step::Done(match (purpose, error) {
        (Purpose::Refusal, PlatformError::Unavailable { .. }) => {
            Ok(RecordReply::Written(Outcome::Unknown))
        }
        (Purpose::Answer | Purpose::Refusal, error) => Err(error),
    })
}

/// A refusal that no condition caused.
pub(crate) fn store_refusal(refusal: Refusal) -> Option<RecordRefusal> {
    match refusal {
        Refusal::Conditions(_) => None,
        Refusal::Invalid(error) => Some(RecordRefusal::Invalid(error)),
        Refusal::Exhausted { reason } => Some(RecordRefusal::Exhausted { reason }),
        Refusal::Unavailable { reason } => Some(RecordRefusal::Unavailable { reason }),
    }
}

fn lease_of(view: &RecordView) -> Option<ServerId> {
    Some(view.record.as_ref()?.body.lease?.server)
}

/// The ends of a record's grants. Damaged ones are forgotten ones: nothing is taken for known.
pub(crate) fn ends_of(found: &Found) -> Arc<[End]> {
    if let Found::Row(row) = found
        && let RowBody::Ends(ends) = &row.body
    {
        return Arc::clone(ends);
    }
    Arc::default()
}

fn mail_range(server: ServerId) -> RowRange {
    RowRange::Mail { server, after: None }
}

fn mail_of(reply: ScanResult) -> Result<Vec<Mail>, PlatformError> {
    Ok(reply?.rows.iter().filter_map(Mail::of).collect())
}

fn on_checked(reply: ReadResult) -> Result<RecordReply, PlatformError> {
    Ok(RecordReply::Checked(reply?.rows.iter().map(StoredRecord::of).collect()))
}
