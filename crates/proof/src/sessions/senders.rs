//! Who queues operations: game servers for their players, and operators outside of any.
//!
//! They queue to records that are open here, open elsewhere, closed, or that nobody ever had; some
//! again under the same id, with the same payload or another one, some long after everything about
//! them was pruned. Operators decide about what waits, and have dead letters tried again.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::game_server::QueueRequest;
use steadfast_core::operation::{
    JudgeOperation, JudgeRefusal, LedgerBody, LedgerKey, LedgerRun, OperationSettings, PayloadHash,
    QueueOperation, Verdict,
};
use steadfast_core::record::{RecordAnswer, RecordCommand, RecordReply};
use steadfast_core::{
    EntryId, Found, OperationId, Outcome, Rng, Row, RowBody, RowKey, RowRange, Timestamp, WriteId,
};
use steadfast_sim::{Faults, Streams};
use steadfast_storage::Rows;

use super::deeds::Deed;
use super::fleet::Fleet;
use super::marks::Mark;
use super::network::{Address, Message, Network};
use super::sites::FLOOD;
use super::witness::{Author, Queueing, Witness as _};
use super::{Context, Event};

/// From one turn to the next, in milliseconds.
const PAUSE: Range<u64> = 500..9_000;
/// From one operation of a flood to the next: 200 a second.
const FLOOD_EVERY: Duration = Duration::from_millis(5);
/// Operations of one flood.
const FLOOD_COUNT: Range<u64> = 300..1_000;
/// Turns between floods.
const FLOOD_PAUSE: u64 = 120;
/// Rows that are looked through for something to work on.
const LOOK_MAX: usize = 1_000;

/// An operation as it was asked for first.
#[derive(Clone, Debug)]
struct Sent {
    key: usize,
    deed: Deed,
    number: u32,
    amount: u64,
    /// Nothing if the store was to say it: then nobody sends it again.
    issued_at: Option<Timestamp>,
    is_permanent: bool,
    /// The dead letter that it tries again.
    replaces: Option<OperationId>,
}

/// What an operator waits for.
#[derive(Clone, Debug)]
enum Errand {
    Queue(Box<Queueing>),
    Judge(usize, OperationId),
}

/// All of them.
pub(super) struct Senders {
    ids: Vec<EntryId>,
    settings: Arc<OperationSettings>,
    /// By number.
    sent: Vec<Sent>,
    errands: Vec<(u64, Errand)>,
    errand_count: u64,
    turn_count: u64,
    floods: bool,
    is_over: bool,
    rng: Rng,
}

impl Senders {
    pub(super) fn new(
        streams: &Streams,
        faults: &mut Faults,
        ids: Vec<EntryId>,
        settings: OperationSettings,
    ) -> Self {
        Self {
            ids,
            settings: Arc::new(settings),
            sent: Vec::new(),
            errands: Vec::new(),
            errand_count: 0,
            turn_count: 0,
            floods: faults.knob(&FLOOD) > 0,
            is_over: false,
            rng: streams.own("senders"),
        }
    }

    /// Nobody queues anything any more.
    pub(super) fn heal(&mut self) {
        self.is_over = true;
    }

    pub(super) fn schedule(&mut self, ctx: &mut Context<'_>) {
        let delay = Duration::from_millis(self.rng.in_range(PAUSE));
        ctx.sim.world.schedule_in(delay, Event::Send);
    }

    /// Somebody does something.
    pub(super) fn turn(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        fleet: &mut Fleet,
        rows: &Rows,
    ) {
        if self.is_over {
            return;
        }
        self.schedule(ctx);
        self.turn_count += 1;
        if self.floods && self.turn_count.is_multiple_of(FLOOD_PAUSE) {
            let key = self.any_key();
            let left = self.rng.in_range(FLOOD_COUNT);
            return self.flood(ctx, network, fleet, key, left);
        }
        let sent = match self.rng.below(100) {
            0..52 => Some(self.new_one(ctx)),
            52..62 => self.again(),
            62..70 => self.again().map(|sent| Sent { amount: sent.amount + 1_000, ..sent }),
            70..82 => self.expired(rows),
            82..90 => return self.judge(ctx, network, rows),
            90..95 => self.requeued(ctx, rows),
            _ => return self.ask(ctx, network, fleet),
        };
        if let Some(sent) = sent {
            self.send(ctx, network, fleet, &sent);
        }
    }

    /// 200 operations a second, for a while.
    pub(super) fn flood(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        fleet: &mut Fleet,
        key: usize,
        left: u64,
    ) {
        let Some(left) = left.checked_sub(1).filter(|_| !self.is_over) else { return };
        ctx.sim.world.schedule_in(FLOOD_EVERY, Event::Flood { key, left });
        let issued_at = Some(ctx.now.wall);
        let sent = self.note(Sent {
            key,
            deed: Deed::Coins,
            number: 0,
            amount: 1,
            issued_at,
            is_permanent: false,
            replaces: None,
        });
        ctx.marks.meet(Mark::Flooded);
        self.send(ctx, network, fleet, &sent);
    }

    fn any_key(&mut self) -> usize {
        let count = u64::try_from(self.ids.len()).unwrap_or(1);
        usize::try_from(self.rng.below(count)).unwrap_or(0)
    }

    /// Gives it a number, and remembers it.
    fn note(&mut self, sent: Sent) -> Sent {
        let number = u32::try_from(self.sent.len()).expect("a run queues less than 2^32");
        let sent = Sent { number, ..sent };
        self.sent.push(sent.clone());
        sent
    }

    fn new_one(&mut self, ctx: &Context<'_>) -> Sent {
        let deed = match self.rng.below(100) {
            0..45 => Deed::Coins,
            45..58 => Deed::Flaky,
            58..64 => Deed::Panics,
            64..70 => Deed::Rare,
            70..72 => Deed::Nobody,
            72..77 => Deed::Refuses,
            77..81 => Deed::GivesUp,
            81..86 => Deed::Kept,
            _ => Deed::Add,
        };
        let wall = ctx.now.wall;
        let issued_at = match self.rng.below(100) {
            0..70 => Some(self.before(wall, 5_000)),
            70..88 => Some(self.before(wall, 120_000)),
            88..90 => Some(wall.saturating_add(Duration::from_mins(11))),
            _ => None,
        };
        let sent = Sent {
            key: self.any_key(),
            deed,
            number: 0,
            amount: self.rng.in_range(1..100),
            issued_at,
            is_permanent: deed == Deed::Kept || self.rng.percent(3),
            replaces: None,
        };
        self.note(sent)
    }

    /// Up to so many milliseconds before a time, and rarely the same twice.
    fn before(&mut self, wall: Timestamp, millis: u64) -> Timestamp {
        let micros = i64::try_from(self.rng.in_range(0..millis * 1_000)).unwrap_or(0);
        // A tick is 100 ns.
        Timestamp::from_ticks(wall.ticks() - micros * 10)
    }

    /// One that was queued before, or should have been.
    fn again(&mut self) -> Option<Sent> {
        let recent = self.sent.len().saturating_sub(60);
        let from = if self.rng.percent(60) { self.sent.get(recent..)? } else { &self.sent };
        // Without a time of its own it would be another one.
        self.rng.pick(from).filter(|sent| sent.issued_at.is_some()).cloned()
    }

    /// One that was issued at the horizon of its record, or before.
    fn expired(&mut self, rows: &Rows) -> Option<Sent> {
        let key = self.any_key();
        let head = RowKey::Ledger(self.ids.get(key)?.clone(), LedgerKey::Head);
        let Found::Row(Row { body: RowBody::Ledger(LedgerBody::Head(head)), .. }) = rows.get(&head)
        else {
            return None;
        };
        let horizon = head.horizon?;
        let is_exact = self.rng.percent(50);
        let of_key: Vec<&Sent> = self
            .sent
            .iter()
            .filter(|sent| sent.key == key)
            .filter(|sent| {
                let issued_at = sent.issued_at;
                issued_at.is_some_and(|at| if is_exact { at == horizon } else { at <= horizon })
            })
            .collect();
        self.rng.pick(&of_key).map(|sent| (*sent).clone())
    }

    /// A dead letter that is tried again.
    fn requeued(&mut self, ctx: &Context<'_>, rows: &Rows) -> Option<Sent> {
        let key = self.any_key();
        let found = self.look(rows, key, LedgerRun::DeadLetters);
        let letters: Vec<(OperationId, Deed, bool)> = found
            .into_iter()
            .filter_map(|row| match (row.key, row.body) {
                (
                    RowKey::Ledger(_, LedgerKey::DeadLetter(id)),
                    RowBody::Ledger(LedgerBody::DeadLetter(body)),
                ) => Some((id, Deed::of(&body.kind)?, body.is_permanent)),
                (_, _) => None,
            })
            .collect();
        let (id, deed, is_permanent) = self.rng.pick(&letters)?.clone();
        let issued_at = Some(self.before(ctx.now.wall, 1_000));
        let replaces = Some(id);
        let (number, amount) = (0, 0);
        Some(self.note(Sent { key, deed, number, amount, issued_at, is_permanent, replaces }))
    }

    fn look(&self, rows: &Rows, key: usize, run: LedgerRun) -> Vec<Row> {
        let Some(entry) = self.ids.get(key).cloned() else { return Vec::new() };
        let found = rows.scan(&RowRange::Ledger { entry, run, after: None }, LOOK_MAX).rows;
        let rows = found.into_iter().filter_map(|found| match found {
            Found::Row(row) => Some(row),
            Found::Absent | Found::Corrupt(_) => None,
        });
        rows.collect()
    }

    /// Queues it, from a game server or from outside.
    fn send(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        fleet: &mut Fleet,
        sent: &Sent,
    ) {
        let Some(entry) = self.ids.get(sent.key).cloned() else { return };
        let (id, kind) = (sent.deed.id(sent.number), sent.deed.kind());
        let payload = match sent.replaces {
            Some(_) => None,
            None => Some(sent.deed.payload(sent.number, sent.amount)),
        };
        let queueing = Queueing {
            entry: entry.clone(),
            id: id.clone(),
            hash: payload.as_ref().map(|payload| PayloadHash::of(&kind, payload)),
        };
        let Sent { issued_at, is_permanent, replaces, .. } = sent.clone();
        let schema = 0;
        let at = if self.rng.percent(60) { fleet.pick(None) } else { None };
        if let Some(at) = at {
            let request = QueueRequest {
                entry,
                id,
                kind,
                payload,
                issued_at,
                schema,
                is_permanent,
                replaces,
            };
            return fleet.queue(ctx, network, at, request, queueing);
        }
        let operation = QueueOperation {
            entry,
            id,
            kind,
            payload,
            issued_at: issued_at.unwrap_or(ctx.now.wall),
            schema,
            is_permanent,
            replaces,
            from: None,
            settings: Arc::clone(&self.settings),
            write_id: WriteId(self.rng.next_u128()),
        };
        let command = RecordCommand::Queue(Box::new(operation));
        ctx.bench.queues(ctx.now, &queueing);
        self.set_out(ctx, network, Errand::Queue(Box::new(queueing)), command);
    }

    fn set_out(
        &mut self,
        ctx: &mut Context<'_>,
        network: &mut Network,
        errand: Errand,
        command: RecordCommand,
    ) {
        self.errand_count += 1;
        let number = self.errand_count;
        if self.errands.len() > 64 {
            // Nobody waits for ever.
            self.errands.remove(0);
        }
        self.errands.push((number, errand));
        let back = Address::Sender { errand: number };
        let command = Arc::new(command);
        let (author, may_lag) = (Author::Operator, false);
        network.send(ctx, Message { back, author, may_lag, command });
    }

    /// An operator decides about an operation that waits, or has ended meanwhile.
    fn judge(&mut self, ctx: &mut Context<'_>, network: &mut Network, rows: &Rows) {
        let key = self.any_key();
        let waiting = self.look(rows, key, LedgerRun::Pending);
        let ids: Vec<OperationId> = waiting
            .into_iter()
            .filter_map(|row| {
                let RowBody::Ledger(LedgerBody::Pending(body)) = row.body else { return None };
                Some(body.id.clone())
            })
            .collect();
        let known = match self.rng.pick(&ids).cloned() {
            Some(id) => Some((key, id)),
            None => self.again().map(|sent| (sent.key, sent.deed.id(sent.number))),
        };
        let Some((key, id)) = known else { return };
        let Some(entry) = self.ids.get(key).cloned() else { return };
        let verdict = if self.rng.percent(50) {
            Verdict::Cancel("an operator cancelled it".into())
        } else {
            Verdict::Fail("an operator gave it up".into())
        };
        let write_id = WriteId(self.rng.next_u128());
        let judged = JudgeOperation { entry, id: id.clone(), verdict, write_id };
        let command = RecordCommand::Judge(Box::new(judged));
        self.set_out(ctx, network, Errand::Judge(key, id), command);
    }

    /// Somebody wants to know how an operation ends.
    fn ask(&mut self, ctx: &mut Context<'_>, network: &mut Network, fleet: &mut Fleet) {
        let Some(sent) = self.again() else { return };
        let Some(entry) = self.ids.get(sent.key).cloned() else { return };
        let patience = match self.rng.below(3) {
            0 => Duration::ZERO,
            _ => Duration::from_millis(self.rng.in_range(500..30_000)),
        };
        if let Some(at) = fleet.pick(None) {
            let id = sent.deed.id(sent.number);
            fleet.await_operation(ctx, network, at, (entry, id), patience);
        }
    }

    /// An operator is answered.
    pub(super) fn answer(&mut self, ctx: &mut Context<'_>, number: u64, answer: &RecordAnswer) {
        let Some(index) = self.errands.iter().position(|(errand, _)| *errand == number) else {
            return;
        };
        let (_, errand) = self.errands.swap_remove(index);
        match (errand, answer) {
            (Errand::Queue(queueing), Ok(RecordReply::Queued(outcome))) => match outcome {
                Outcome::Committed(queued) => {
                    ctx.marks.queued(Ok(queued));
                    ctx.bench.queued(ctx.now, &queueing, Ok(queued));
                }
                Outcome::Refused(refusal) => {
                    ctx.marks.queued(Err(refusal));
                    ctx.bench.queued(ctx.now, &queueing, Err(refusal));
                }
                Outcome::Unknown => {}
            },
            (Errand::Judge(key, id), Ok(RecordReply::Judged(outcome))) => {
                if let Outcome::Refused(JudgeRefusal::Settled(status)) = outcome
                    && let Some(entry) = self.ids.get(key)
                {
                    ctx.marks.meet(Mark::VerdictTooLate);
                    ctx.bench.ended(ctx.now, entry, &id, *status);
                }
            }
            (Errand::Queue(_) | Errand::Judge(..), _) => {}
        }
    }
}
