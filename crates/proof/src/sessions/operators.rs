//! Operators: they write records that nobody holds, and those that somebody does, by force.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::record::{
    Data, Fence, How, RecordAnswer, RecordBody, RecordCommand, RecordReply, RecordView,
    RecordWrite, With,
};
use steadfast_core::{Batch, EntryId, Rng, RowBody, SessionId, Write, WriteId};
use steadfast_sim::Streams;

use super::network::{Address, Message, Network};
use super::sheet::{PAD_MAX, Sheet};
use super::store::Store;
use super::witness::{Author, Marker};
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
    errands: Vec<Errand>,
    count: u64,
    is_over: bool,
    rng: Rng,
}

impl Operators {
    pub(super) fn new(streams: &Streams, ids: Vec<EntryId>) -> Self {
        let rng = streams.own("operators");
        Self { ids, errands: Vec::new(), count: 0, is_over: false, rng }
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
            0..55 => Aim::Edit,
            55..80 => Aim::ForceEdit,
            80..90 => Aim::ForceRelease,
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
        let Some(write) = self.plan(ctx, &errand, &view) else { return };
        let command = RecordCommand::Write(Box::new(write));
        if errand.aim == Aim::Delete {
            if let Some(batch) = store.plan(ctx.now, command) {
                let batch = without_value(batch);
                drop(store.commit(ctx, Author::Operator, &batch));
            }
        } else {
            send(ctx, network, number, command);
        }
    }

    /// What is written, on what was read.
    fn plan(
        &mut self,
        ctx: &Context<'_>,
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
        let (body, end, revoked) = match &view.record {
            Some(record) if lease.is_some() && ctx.has(Bug::ForeignWriteUnderUnmovedFence) => {
                let save_seq = record.body.save_seq + 1;
                (RecordBody { write_id, save_seq, ..record.body.clone() }, None, None)
            }
            Some(record) => record.seized(write_id, how),
            None => (never_held(write_id), None, None),
        };
        let data = if errand.aim == Aim::ForceRelease {
            Data::Keep
        } else {
            let stored = content.and_then(|content| Sheet::parse(&content.value));
            let marker = stored.map_or(Marker::NONE, |sheet| sheet.marker);
            let marker = marker.next(self.rng.next_u64());
            let pad = usize::try_from(self.rng.in_range(100..1_000)).unwrap_or(PAD_MAX);
            Data::Put { content: Sheet { marker, pad }.content(), pinned: true }
        };
        let entry = errand.entry.clone();
        Some(RecordWrite { entry, base: view.base()?, write_id, body, data, end, revoked })
    }
}

fn send(ctx: &mut Context<'_>, network: &mut Network, errand: u64, command: RecordCommand) {
    let command = Arc::new(command);
    let back = Address::Operator { errand };
    network.send(ctx, Message { back, author: Author::Operator, command });
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
    }
}

/// A deletion is the write of a value without the value.
fn without_value(mut batch: Batch) -> Batch {
    for write in &mut batch.writes {
        if let Write::Put { body: RowBody::Entry(body) | RowBody::Revision(body), .. } = write {
            body.content = None;
        }
    }
    batch
}
