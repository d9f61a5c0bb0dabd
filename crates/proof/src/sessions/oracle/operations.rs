//! What becomes of operations: what each batch makes of them, and what is said of them.

use std::time::Duration;

use steadfast_core::game_server::GameServer;
use steadfast_core::operation::{
    OperationStatus, PendingBody, QueueRefusal, Queued, ReceiptBody, ReceiptState,
};
use steadfast_core::{Batch, Monotonic, OperationId, RowBody, RowKey, SessionId, Write};

use super::ledgers::{Leave, Ledger, Touched};
use super::parts::Parts;
use super::{Checked, SessionOracle, Stroke};
use crate::sessions::deeds::Deed;
use crate::sessions::sheet::Applied;
use crate::sessions::witness::Queueing;

/// What a batch does to the data.
#[derive(Debug)]
enum Data {
    Kept,
    Deleted,
    Put(Applied),
}

/// So long nothing waits beside a session that could do it.
const WAIT_MAX: Duration = Duration::from_secs(90);
/// More than that may take longer.
const CROWD: usize = 60;

impl SessionOracle {
    /// A batch was written: what it means for the operations of its record.
    pub(super) fn on_operations(
        &mut self,
        stroke: Stroke,
        batch: &Batch,
        parts: &Parts<'_>,
    ) -> Checked {
        let of_ledger = batch.writes.iter().find_map(|write| {
            if let RowKey::Ledger(entry, _) = write.key() { Some(entry) } else { None }
        });
        let Some(entry) = of_ledger.or(parts.entry.map(|(entry, ..)| entry)) else {
            return Ok(());
        };
        let key = self.key(entry);
        let has_lost = self.has_lost;
        let state = self.at_mut(key);
        let ledger = &mut state.ledger;
        let mut touched = Touched { horizon: ledger.head().horizon, ..Touched::default() };
        for write in &batch.writes {
            let RowKey::Ledger(of, name) = write.key() else { continue };
            if of != entry {
                return Err(format!("DO4: one batch writes the ledgers of {entry} and {of}"));
            }
            match write {
                Write::Put { revision, body: RowBody::Ledger(body), .. } => {
                    ledger.put(stroke.now, (name, *revision, body), &mut touched)?;
                }
                Write::Put { .. } => return Err(format!("DO4: {name} holds no row of a ledger")),
                Write::Delete { .. } => ledger.delete(name, &mut touched)?,
            }
        }
        let data = match parts.entry.map(|(_, _, body)| body.content.as_ref()) {
            None => Data::Kept,
            Some(None) => Data::Deleted,
            Some(Some(content)) => Data::Put(Applied::of(&content.value)),
        };
        match &data {
            Data::Kept => {}
            Data::Deleted => self.note_coins(key, &Applied::default(), true)?,
            Data::Put(data) => self.note_coins(key, data, false)?,
        }
        let ledger = &mut self.at_mut(key).ledger;
        let checked = ledger
            .check_numbers(has_lost)
            .and_then(|()| check_receipts(ledger, &touched, parts, has_lost))
            .and_then(|()| check_data(ledger, &touched, data, has_lost));
        if touched.receipts.values().any(|before| is_ended(before.as_ref()))
            || !touched.unqueued.is_empty()
        {
            let caps = self.check_caps(key);
            return checked.and(caps);
        }
        checked.map_err(|evidence| format!("{evidence}; of {entry}"))
    }

    /// DO6: after a write of the holder everything is within its limits.
    fn check_caps(&self, key: usize) -> Checked {
        let ledger = &self.at(key).ledger;
        let (head, settings) = (ledger.head(), &self.operations);
        // What a store lost is given to it again, whatever it holds meanwhile.
        let is_within = head.full_count <= settings.receipts_max
            && head.kept_count <= settings.kept_max
            && head.dead_count <= settings.dead_letters_max
            && (self.has_lost || head.size <= settings.ledger_size_max);
        let waiting = u64::try_from(ledger.pending.len()).unwrap_or(u64::MAX);
        if is_within && (self.has_lost || waiting <= settings.pending_max) {
            return Ok(());
        }
        Err(format!("DO6: {head:?} and {waiting} that wait are over the limits"))
    }

    /// Who queued an operation is answered.
    pub(super) fn on_queued(
        &mut self,
        queueing: &Queueing,
        result: Result<&Queued, &QueueRefusal>,
    ) -> Checked {
        let Queueing { entry, id, hash } = queueing;
        let key = self.key(entry);
        let has_lost = self.has_lost;
        let ledger = &mut self.at_mut(key).ledger;
        let known = ledger.accepted.get(id);
        match result {
            Ok(queued) => {
                let receipt = &queued.receipt;
                if hash.is_some_and(|hash| hash != receipt.hash) {
                    return Err(format!("DO3: {id} was said to be queued, with another payload"));
                }
                let known = known.ok_or_else(|| format!("DO4: {id} was never queued"))?;
                if let Some(status) = receipt.status().filter(|it| !known.ends.contains(it)) {
                    return Err(format!("DO1: {id} is said to be {}", status.name()));
                }
                ledger.promised.insert(id.clone());
                Ok(())
            }
            Err(QueueRefusal::PayloadMismatch) => {
                let is_other = |known: &u128| hash.is_none_or(|hash| hash.0 != *known);
                if known.is_some_and(|known| known.hashes.iter().any(is_other)) {
                    return Ok(());
                }
                Err(format!("DO3: {id} was refused for another payload, there is none"))
            }
            Err(QueueRefusal::Expired { issued_at, horizon }) => {
                let now = ledger.head().horizon;
                if issued_at <= horizon && (has_lost || Some(*horizon) <= now) {
                    return Ok(());
                }
                Err(format!("DO2: {id} was refused, and the horizon is {now:?}"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Somebody was told how an operation ended.
    pub(super) fn on_ended(
        &mut self,
        key: usize,
        id: &OperationId,
        status: OperationStatus,
    ) -> Checked {
        let known = self.at(key).ledger.accepted.get(id);
        if known.is_some_and(|known| known.ends.contains(&status)) {
            return Ok(());
        }
        Err(format!("DO1: {id} is said to be {}, it never was", status.name()))
    }

    /// A session ran an operation, or says that one has ended: it does neither while it is suspended.
    pub(super) fn on_operation_event(
        &mut self,
        process: usize,
        session: SessionId,
        id: &OperationId,
        ended: Option<OperationStatus>,
    ) -> Checked {
        let held = self.session(process, session)?;
        let (key, is_suspended) = (held.key, held.is_suspended);
        if is_suspended {
            return Err(format!("DO1: session {session} is suspended, and goes on with {id}"));
        }
        ended.map_or(Ok(()), |status| self.on_ended(key, id, status))
    }

    /// Z1: nothing waits for long beside a session that could do it.
    pub(super) fn on_round<'a>(
        &self,
        now: Monotonic,
        servers: impl IntoIterator<Item = (usize, &'a GameServer)>,
    ) -> Checked {
        for (process, server) in servers {
            let state = self.process(process);
            let was_away = now.saturating_since(state.gap.1) < WAIT_MAX
                || state
                    .last
                    .is_none_or(|(at, _)| now.saturating_since(at) > Duration::from_secs(4));
            if was_away {
                continue;
            }
            for (handle, session) in server.sessions().filter(|(_, session)| session.is_active()) {
                let Some(held) = self.session_of.get(&handle.id).map(|held| self.held(*held))
                else {
                    continue;
                };
                let ledger = &self.at(held.key).ledger;
                let since = held.active_since;
                let is_long = since.is_some_and(|since| now.saturating_since(since) > WAIT_MAX);
                if !is_long || ledger.pending.len() > CROWD || !session.unsettled().is_empty() {
                    continue;
                }
                let late = ledger.pending.values().find(|waiting| {
                    now.saturating_since(waiting.since) > WAIT_MAX
                        && Deed::of(&waiting.body.kind).is_some_and(Deed::is_easy)
                });
                if let Some(late) = late {
                    let (id, waits) = (&late.body.id, now.saturating_since(late.since));
                    return Err(format!(
                        "Z1: {id} waits for {waits:?} beside session {} of process {process}",
                        handle.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whoever was told that an operation is queued finds it, or what became of it.
    pub(super) fn check_promises(&self, key: usize) -> Checked {
        let ledger = &self.at(key).ledger;
        let is_gone =
            |id: &&OperationId| ledger.receipt(id).is_none() && !ledger.left.contains_key(*id);
        match ledger.promised.iter().find(is_gone) {
            None => Ok(()),
            Some(id) => Err(format!("DO4: {id} was said to be queued, and is nowhere")),
        }
    }
}

fn is_ended(receipt: Option<&ReceiptBody>) -> bool {
    receipt.is_some_and(|receipt| receipt.status().is_some())
}

/// DO2 to DO5: each operation is in one state, and goes from one to the next.
fn check_receipts(
    ledger: &mut Ledger,
    touched: &Touched,
    parts: &Parts<'_>,
    has_lost: bool,
) -> Checked {
    let horizon = ledger.head().horizon;
    if horizon < touched.horizon {
        return Err(format!("DO2: the horizon went from {:?} to {horizon:?}", touched.horizon));
    }
    for (seq, before) in &touched.judged {
        let after = ledger.pending.get(seq).map(|waiting| &waiting.body);
        let is_same = after.is_none_or(|after| {
            let (verdict, queued) = (before.verdict.clone(), before.queued);
            PendingBody { verdict, queued, ..(**after).clone() } == **before
        });
        if !is_same {
            return Err(format!("DO5: what waits at {seq} became another operation"));
        }
    }
    for (seq, id) in &touched.unqueued {
        let receipt = ledger.receipt(id).map(|receipt| &receipt.state);
        if matches!(receipt, Some(ReceiptState::Pending { seq: of, .. }) if of == seq) {
            return Err(format!("DO5: {id} waits no more, and did not end"));
        }
    }
    for (id, before) in &touched.receipts {
        check_receipt(ledger, id, before.as_ref(), parts, has_lost)?;
    }
    Ok(())
}

#[expect(clippy::too_many_lines, reason = "one match over what a receipt was and is")]
fn check_receipt(
    ledger: &mut Ledger,
    id: &OperationId,
    before: Option<&ReceiptBody>,
    parts: &Parts<'_>,
    has_lost: bool,
) -> Checked {
    let horizon = ledger.head().horizon;
    let after = ledger.receipt(id).cloned();
    if let Some(after) = &after {
        if !ledger.is_placed(id, after) {
            return Err(format!("DO6: {id} does not stand in the order as it should"));
        }
        if before.is_some_and(|before| before.hash != after.hash) && !has_lost {
            return Err(format!("DO3: the payload of {id} changed"));
        }
    }
    let was = before.map(|before| &before.state);
    let is = after.as_ref().map(|after| &after.state);
    match (was, is) {
        (None, Some(ReceiptState::Pending { seq, .. })) => {
            let waiting = ledger.pending.get(seq).map(|waiting| &waiting.body);
            let body = waiting.filter(|body| body.id == *id).cloned();
            let body = body.ok_or_else(|| format!("DO4: {id} does not wait at {seq}"))?;
            if Some(body.issued_at) <= horizon {
                return Err(format!("DO2: {id} was queued, and it is not above the horizon"));
            }
            if ledger.left.remove(id) == Some(Leave::Pruned) {
                return Err(format!("DO2: {id} was queued again after it was pruned"));
            }
            if parts.record.is_some() {
                return Err(format!("DO7: the record was written to queue {id}"));
            }
        }
        (Some(ReceiptState::Pending { .. }), None) => {
            // It ended with this write, which had no room for its receipt.
            let before = before.expect("it was there");
            let may_leave = Some(before.issued_at) <= horizon && !before.is_permanent;
            let waits = ledger.pending.values().any(|waiting| waiting.body.id == *id);
            if !may_leave || waits || parts.record.is_none() {
                return Err(format!("DO4: {id} waits, and is forgotten"));
            }
            ledger.left.insert(id.clone(), Leave::Pruned);
            ledger.end_unseen(id);
        }
        (
            Some(ReceiptState::Pending { seq: one, .. }),
            Some(ReceiptState::Pending { seq: other, .. }),
        ) if one == other => {}
        (_, Some(ReceiptState::Pending { .. })) => {
            return Err(format!("DO4: {id} waits again"));
        }
        (Some(ReceiptState::Full(_) | ReceiptState::Kept { .. }), None) => {
            let before = before.expect("it was there");
            let is_pruned = Some(before.issued_at) <= horizon && !before.is_permanent;
            let leave = if is_pruned { Leave::Pruned } else { Leave::TakenBack };
            if !is_pruned && !ledger.is_repaired {
                return Err(format!("DO6: {id} was forgotten, and the horizon is {horizon:?}"));
            }
            ledger.left.insert(id.clone(), leave);
        }
        (was, Some(ReceiptState::Full(_) | ReceiptState::Kept { .. })) => {
            if was.is_none() && !has_lost {
                return Err(format!("DO4: {id} ended, and never waited"));
            }
            if parts.record.is_none() {
                return Err(format!("DO1: {id} ended without a write of its record"));
            }
            let status = after.as_ref().and_then(ReceiptBody::status).expect("it ended");
            let changed = before.and_then(ReceiptBody::status).filter(|before| *before != status);
            if let Some(before) = changed.filter(|_| !has_lost) {
                return Err(format!("DO4: {id} was {}, and is {}", before.name(), status.name()));
            }
            ledger.left.remove(id);
            if let Some(accepted) = ledger.accepted.get_mut(id) {
                accepted.ends.insert(status);
            }
            let waits = ledger.pending.values().any(|waiting| waiting.body.id == *id);
            if waits {
                return Err(format!("DO4: {id} is {}, and waits", status.name()));
            }
        }
        (None, None) => {
            // A session that ended it before the store lost it tells its end again. That write may
            // have no room for its receipt, as above.
            let issued_at = ledger.accepted.get(id).map(|accepted| accepted.issued_at);
            if has_lost && parts.record.is_some() && issued_at <= horizon {
                ledger.end_unseen(id);
            }
        }
    }
    Ok(())
}

/// DO1: what the data holds is what the receipts say.
fn check_data(ledger: &mut Ledger, touched: &Touched, data: Data, has_lost: bool) -> Checked {
    let was_applied = |before: &Option<ReceiptBody>| {
        before.as_ref().and_then(ReceiptBody::status) == Some(OperationStatus::Applied)
    };
    let applied: Vec<OperationId> = touched
        .receipts
        .iter()
        .filter(|(id, before)| {
            ledger.status(id) == Some(OperationStatus::Applied) && !was_applied(before)
        })
        .map(|(id, _)| id.clone())
        .collect();
    match data {
        Data::Kept => match applied.first() {
            // Nothing is there that it could have changed.
            Some(_) if ledger.is_repaired && ledger.data == Applied::default() => {
                note_deleted(ledger, &applied);
                Ok(())
            }
            Some(id) => Err(format!("DO1: {id} was applied, and the data was not written")),
            None => Ok(()),
        },
        Data::Deleted => {
            let before = std::mem::take(&mut ledger.data);
            ledger.deleted.extend(before.numbers);
            ledger.present.clear();
            note_deleted(ledger, &applied);
            Ok(())
        }
        Data::Put(data) => {
            let is_longer = data.numbers.starts_with(&ledger.data.numbers);
            let sums = expected_sums(ledger, &data, &applied, is_longer);
            let kept = if is_longer { ledger.data.numbers.len() } else { 0 };
            if !is_longer {
                ledger.present.clear();
            }
            let (coins, added) = (data.total(), data.added);
            // Of what ended without a receipt nobody knows whether it was applied.
            let is_gone = |id: &OperationId| ledger.receipt(id).is_none();
            let sums = sums.filter(|_| !touched.receipts.keys().any(is_gone));
            for number in data.numbers.iter().skip(kept) {
                if !ledger.present.insert(*number) {
                    return Err(format!("DO1: operation {number} was applied twice"));
                }
                let is_new = is_longer && !has_just_ended(ledger, touched, *number);
                check_present(ledger, *number, is_new, has_lost)?;
            }
            ledger.data = data;
            if let Some(sums) = sums.filter(|_| !has_lost && !ledger.is_repaired)
                && sums != (coins, added)
            {
                return Err(format!("DO1: {coins} and {added} came in, not {sums:?}"));
            }
            let all: Vec<OperationId> =
                if is_longer { applied } else { ledger.applied().cloned().collect() };
            all.iter().try_for_each(|id| check_applied(ledger, id))
        }
    }
}

fn note_deleted(ledger: &mut Ledger, applied: &[OperationId]) {
    let Ledger { accepted, deleted, .. } = ledger;
    deleted.extend(applied.iter().filter_map(|id| accepted.get(id)?.mark));
}

/// What coins and additions should come to.
fn expected_sums(
    ledger: &Ledger,
    data: &Applied,
    applied: &[OperationId],
    is_longer: bool,
) -> Option<(u64, u64)> {
    let new = data.numbers.get(ledger.data.numbers.len()..).filter(|_| is_longer)?;
    let joined = data.moves.numbers.strip_prefix(&*ledger.data.moves.numbers)?;
    let gain: i64 = joined.iter().filter_map(|number| ledger.gains.get(number)).sum();
    let amount = |id: &OperationId| ledger.accepted.get(id).map_or(0, |it| it.amount);
    let coins: u64 = new.iter().filter_map(|number| ledger.brings.get(number)).sum();
    let adds = applied
        .iter()
        .filter(|id| ledger.accepted.get(*id).is_some_and(|accepted| accepted.mark.is_none()));
    let added: u64 = adds.map(amount).sum();
    let total = (ledger.data.total() + coins).checked_add_signed(gain)?;
    Some((total, ledger.data.added + added))
}

/// Whether an operation waited before this batch.
fn has_just_ended(ledger: &Ledger, touched: &Touched, number: u32) -> bool {
    let id = ledger.ids.get(&number);
    let before = id.and_then(|id| touched.receipts.get(id)).and_then(Option::as_ref);
    before.is_some_and(|before| matches!(before.state, ReceiptState::Pending { .. }))
}

/// Whoever left a number in the data has a receipt that says so, or is so old that nobody knows.
fn check_present(ledger: &Ledger, number: u32, is_new: bool, has_lost: bool) -> Checked {
    let Some(id) = ledger.ids.get(&number) else {
        return Err(format!("DO1: operation {number} was applied, and never queued"));
    };
    let status = ledger.status(id);
    if status == Some(OperationStatus::Applied) {
        return Ok(());
    }
    // What is put back may be so old, or be pruned by the very write that stores its end again.
    let is_old = |id| ledger.accepted.get(id).map(|it| it.issued_at) <= ledger.head().horizon;
    let is_pruned = match ledger.left.get(id) {
        Some(Leave::Pruned) => true,
        Some(Leave::Lost) => is_old(id),
        Some(Leave::TakenBack) | None => false,
    };
    if is_pruned && (!is_new || has_lost || ledger.deleted.contains(&number)) {
        return Ok(());
    }
    let left = ledger.left.get(id);
    Err(format!("DO1: {id} is in the data, its receipt says {status:?}, {left:?}"))
}

/// An operation that is said to be applied is in the data.
fn check_applied(ledger: &Ledger, id: &OperationId) -> Checked {
    let mark = ledger.accepted.get(id).and_then(|accepted| accepted.mark);
    match mark {
        Some(mark) if !ledger.present.contains(&mark) && !ledger.deleted.contains(&mark) => {
            Err(format!("DO1: {id} is said to be applied, the data does not hold it"))
        }
        Some(_) | None => Ok(()),
    }
}
