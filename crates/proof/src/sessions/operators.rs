//! Operators: they write records that nobody holds, and those that somebody does, by force.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::operation::{LedgerWrite, OperationSettings};
use steadfast_core::record::{
    Data, Fence, How, RecordAnswer, RecordBody, RecordCommand, RecordReply, RecordView,
    RecordWrite, With,
};
use steadfast_core::{EntryId, Rng, SessionId, WriteId};
use steadfast_sim::Streams;

use super::marks::Mark;
use super::network::{Address, Message, Network};
use super::schemas::Shape;
use super::sheet::{PAD_MAX, Sheet};
use super::store::Store;
use super::witness::{Author, Marker, Witness as _};
use super::{Context, Event};
use crate::bank::Bug;

/// What an operator is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// To write the value, unless somebody holds the record.
    Edit,
    /// To write the value in any case.
    ForceEdit,
    /// To set the record free.
    ForceRelease,
    /// To delete the entry, whoever holds the record.
    Delete,
    /// To put the record back to what it held once, whoever holds it.
    Restore,
}

#[derive(Clone, Debug)]
struct Errand {
    number: u64,
    aim: Aim,
    entry: EntryId,
}

/// All operators.
pub(super) struct Operators {
    ids: Vec<EntryId>,
    operations: Arc<OperationSettings>,
    errands: Vec<Errand>,
    count: u64,
    is_over: bool,
    rng: Rng,
}

impl Operators {
    pub(super) fn new(streams: &Streams, ids: Vec<EntryId>, operations: OperationSettings) -> Self {
        let (rng, operations) = (streams.own("operators"), Arc::new(operations));
        Self { ids, operations, errands: Vec::new(), count: 0, is_over: false, rng }
    }

    /// Nobody does anything any more.
    pub(super) fn heal(&mut self) {
        self.is_over = true;
    }

    /// Whether nobody waits for an answer.
    pub(super) fn schedule(&mut self, ctx: &mut Context<'_>) {
        let delay = Duration::from_millis(self.rng.in_range(5_000..60_000));
        ctx.sim.world.schedule_in(delay, Event::Operate);
    }

    /// An operator sets out.
    pub(super) fn operate(&mut self, ctx: &mut Context<'_>, network: &mut Network) {
        if self.is_over {
            return;
        }
        self.schedule(ctx);
        let aim = match self.rng.below(100) {
            0..45 => Aim::Edit,
            45..65 => Aim::ForceEdit,
            65..75 => Aim::ForceRelease,
            75..90 => Aim::Restore,
            _ => Aim::Delete,
        };
        let Some(entry) = self.rng.pick(&self.ids).cloned() else { return };
        self.count += 1;
        let number = self.count;
        if self.errands.len() > 16 {
            // Nobody waits for ever.
            self.errands.remove(0);
        }
        self.errands.push(Errand { number, aim, entry: entry.clone() });
        let command = RecordCommand::Read { entry, with: With::Data };
        send(ctx, network, number, command);
    }

    /// An operator is answered.
    pub(super) fn answer(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        store: &mut Store,
        number: u64,
        answer: RecordAnswer,
    ) {
        let Some(index) = self.errands.iter().position(|errand| errand.number == number) else {
            return;
        };
        let errand = self.errands.swap_remove(index);
        let Ok(RecordReply::Read(view)) = answer else { return };
        let Some(write) = self.plan(ctx, store, &errand, &view) else { return };
        if matches!(errand.aim, Aim::Delete | Aim::Restore) {
            ctx.bench.repairs(ctx.now, &errand.entry);
        }
        send(ctx, network, number, RecordCommand::Write(Box::new(write)));
    }

    /// What is written, on what was read.
    fn plan(
        &mut self,
        ctx: &mut Context<'_>,
        store: &mut Store,
        errand: &Errand,
        view: &RecordView,
    ) -> Option<RecordWrite> {
        let lease = view.record.as_ref().and_then(|record| record.body.lease);
        if errand.aim == Aim::Edit && lease.is_some()
            || errand.aim == Aim::ForceRelease && lease.is_none()
        {
            return None;
        }
        let write_id = WriteId(self.rng.next_u128());
        let how = if errand.aim == Aim::ForceRelease { How::Stolen } else { How::Edited };
        let content = view.data.as_ref()?.content.as_ref();
        if errand.aim == Aim::Delete && content.is_none() {
            return None;
        }
        let (mut body, end, revoked) = match &view.record {
            Some(record) if lease.is_some() && ctx.has(Bug::ForeignWriteUnderUnmovedFence) => {
                let save_seq = record.body.save_seq + 1;
                (RecordBody { write_id, save_seq, ..record.body.clone() }, None, None)
            }
            Some(record) => record.seized(write_id, how),
            None => (never_held(write_id), None, None),
        };
        let stored = content.and_then(|content| Sheet::parse(&content.value));
        // Whoever writes anew what was deleted writes what the number beside it says.
        let anew = || Sheet { shape: Shape::whole(body.schema), ..Sheet::new(Marker::NONE, 0) };
        let mut sheet = stored.unwrap_or_else(anew);
        sheet.marker = sheet.marker.next(self.rng.next_u64());
        sheet.pad = usize::try_from(self.rng.in_range(100..1_000)).unwrap_or(PAD_MAX);
        let mut ledger = None;
        let data = match errand.aim {
            Aim::ForceRelease => Data::Keep,
            Aim::Delete => Data::Delete,
            Aim::Edit | Aim::ForceEdit => Data::Put { content: sheet.content(), pinned: true },
            Aim::Restore => {
                let now = view.base()?.entry.row?.counter;
                let past = self.rng.pick(store.past(&errand.entry, now)).cloned()?;
                let (counter, kept) = (past.counter, past.schema);
                let past = Sheet::parse(&past.content.value)?;
                body.schema = self.schema_of(ctx, body.schema, &past, kept)?;
                store.leave(&errand.entry, counter, now);
                (sheet.shape, sheet.applied) = (past.shape, past.applied);
                let (settled, tried, undo_after) = (vec![], vec![], Some(counter));
                let settings = Arc::clone(&self.operations);
                ledger = Some(Box::new(LedgerWrite {
                    settled,
                    tried,
                    undo_after,
                    rebuild: false,
                    settings,
                }));
                ctx.marks.meet(Mark::PutBackByOperator);
                Data::Put { content: sheet.content(), pinned: true }
            }
        };
        if errand.aim == Aim::Restore && ctx.has(Bug::RestoreLowersFence) {
            // All of the record as it was then.
            body.fence.counter = body.fence.counter.saturating_sub(3).max(1);
        }
        let entry = errand.entry.clone();
        Some(RecordWrite {
            entry,
            base: view.base()?,
            write_id,
            body,
            data,
            end,
            revoked,
            ledger,
            inbox_max: None,
        })
    }

    /// The schema that is put back with what a record held once: the number that history keeps with
    /// it, unless the operator says another one. He does so only where the version stands in the data
    /// as well, which counts more.
    fn schema_of(
        &mut self,
        ctx: &mut Context<'_>,
        present: u32,
        past: &Sheet,
        kept: Option<u32>,
    ) -> Option<u32> {
        let version = past.shape.version()?;
        if past.shape.stamp.is_some() && self.rng.percent(50) {
            ctx.marks.meet_if(Mark::NumberLeft, version != present);
            return Some(present);
        }
        ctx.marks.meet_if(Mark::PutBackAcrossByOperator, version != present);
        kept
    }
}

fn send(ctx: &mut Context<'_>, network: &mut Network, errand: u64, command: RecordCommand) {
    let command = Arc::new(command);
    let back = Address::Operator { errand };
    let may_lag = matches!(*command, RecordCommand::Read { .. });
    network.send(ctx, Message { back, author: Author::Operator, may_lag, command });
}

/// The record of an entry that nobody ever held.
fn never_held(write_id: WriteId) -> RecordBody {
    RecordBody {
        format: steadfast_core::record::RECORD_FORMAT,
        schema: 0,
        lease: None,
        fence: Fence::first(SessionId(write_id.0)),
        save_seq: 0,
        write_id,
        usage: steadfast_core::record::Usage::default(),
    }
}
