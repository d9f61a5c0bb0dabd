//! The commands about operations, each carried out by a machine of its own.

use crate::id::OperationId;
use crate::operation::judge::JudgeMachine;
use crate::operation::queue::QueueMachine;
use crate::operation::reads::{OperationReader, PageReader};
use crate::operation::{DeadLetter, InboxReader, ReceiptBody};
use crate::platform::{Input, Machine, Step};
use crate::record::{RecordCommand, RecordReply};
use crate::time::Timestamp;

/// Carries out one command about operations.
#[derive(Debug)]
pub(crate) enum OperationMachine {
    /// [`RecordCommand::Queue`].
    Queue(QueueMachine),
    /// [`RecordCommand::Judge`].
    Judge(JudgeMachine),
    /// [`RecordCommand::ReadInbox`].
    Inbox(InboxReader),
    /// [`RecordCommand::ReadOperation`].
    Operation(OperationReader),
    /// [`RecordCommand::ReadReceipts`].
    Receipts(PageReader<(OperationId, ReceiptBody)>),
    /// [`RecordCommand::ReadDeadLetters`].
    DeadLetters(PageReader<DeadLetter>),
}

impl OperationMachine {
    /// Starts a command at a time of the store.
    ///
    /// # Panics
    /// When the command is not about operations: a fault of the caller.
    pub(crate) fn start(command: &RecordCommand, now: Timestamp) -> (Self, Step<RecordReply>) {
        match command {
            RecordCommand::Queue(operation) => {
                let (machine, step) = QueueMachine::start((**operation).clone());
                (Self::Queue(machine), step.map(|outcome| outcome.map(RecordReply::Queued)))
            }
            RecordCommand::Judge(judgement) => {
                let (machine, step) = JudgeMachine::start((**judgement).clone());
                (Self::Judge(machine), step.map(|outcome| outcome.map(RecordReply::Judged)))
            }
            RecordCommand::ReadInbox { entry, after, limit } => {
                let (machine, step) = InboxReader::start(entry.clone(), *after, *limit, now);
                (Self::Inbox(machine), step.map(|page| page.map(RecordReply::Inbox)))
            }
            RecordCommand::ReadOperation { entry, id } => {
                let (machine, step) = OperationReader::start(entry, id.clone());
                let view = |view| RecordReply::Operation(Box::new(view));
                (Self::Operation(machine), step.map(|it| it.map(view)))
            }
            RecordCommand::ReadReceipts { entry, after, limit } => {
                let machine = PageReader::receipts(entry.clone(), after.clone(), *limit);
                let step = machine.scan().map(|page| page.map(receipts));
                (Self::Receipts(machine), step)
            }
            RecordCommand::ReadDeadLetters { entry, after, limit } => {
                let machine = PageReader::dead_letters(entry.clone(), after.clone(), *limit);
                let step = machine.scan().map(|page| page.map(dead_letters));
                (Self::DeadLetters(machine), step)
            }
            RecordCommand::Read { .. }
            | RecordCommand::Check(_)
            | RecordCommand::Write(_)
            | RecordCommand::WriteAll(_)
            | RecordCommand::WritePresence { .. }
            | RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. } => panic!("{command:?} is not about operations"),
        }
    }

    /// Has it make a mistake.
    #[cfg(feature = "planted")]
    pub(crate) fn plant(&mut self, flaws: crate::planted::Flaws) {
        if let Self::Queue(machine) = self {
            machine.flaws = flaws;
        }
    }
}

impl Machine for OperationMachine {
    type Answer = RecordReply;

    fn on(&mut self, input: Input) -> Step<RecordReply> {
        match self {
            Self::Queue(machine) => machine.on(input).map(|it| it.map(RecordReply::Queued)),
            Self::Judge(machine) => machine.on(input).map(|it| it.map(RecordReply::Judged)),
            Self::Inbox(machine) => machine.on(input).map(|it| it.map(RecordReply::Inbox)),
            Self::Operation(machine) => {
                machine.on(input).map(|it| it.map(|view| RecordReply::Operation(Box::new(view))))
            }
            Self::Receipts(machine) => machine.on(input).map(|page| page.map(receipts)),
            Self::DeadLetters(machine) => machine.on(input).map(|page| page.map(dead_letters)),
        }
    }
}

fn receipts((receipts, has_more): (Vec<(OperationId, ReceiptBody)>, bool)) -> RecordReply {
    RecordReply::Receipts(receipts, has_more)
}

fn dead_letters((letters, has_more): (Vec<DeadLetter>, bool)) -> RecordReply {
    RecordReply::DeadLetters(letters, has_more)
}
