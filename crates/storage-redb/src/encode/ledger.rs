//! The bodies of the operations of a record.
//!
//! ```text
//! how many     count u64, size u64
//! in numbers   0 | 1 horizon i64, settled count u64, settled size u64, full count u32,
//!              kept count u32, permanent count u32, dead count u32, size u64, least size u64
//! waiting      id, kind, payload, issued i64, queued, schema u32, is permanent u8,
//!              0 | 1 replaces, verdict u8, [reason]
//! receipt      hash u128, issued i64, is permanent u8, state u8, and
//!   0 waiting  seq u64, tries u32, 0 | 1 error, 0 | 1 tried i64
//!   1 full     kind, status u8, settled, counter u64, 0 | 1 result, 0 | 1 error, tries u32
//!   2 kept     status u8, settled, counter u64
//!   3 died     as full, then death u8
//! place        nothing
//! dead letter  kind, 0 | 1 payload, payload size u64, schema u32, is permanent u8, issued i64,
//!              died, death u8, error, tries u32, 0 | 1 requeued as
//!
//! text: size u32, bytes       queued, settled, died: 0 | 1 i64, 0 is the stamp of the row
//! payload, result: codec u8, size u32, frame size u32, frame
//! ```
//!
//! The frame is that of a [content](super::content): compressed where that makes it smaller. A row is
//! one record however large: a payload that fills its page run badly is gone when it is settled.

use std::sync::Arc;

use steadfast_core::operation::{
    DeadLetterBody, Death, HeadBody, LedgerBody, LedgerKey, OperationStatus, PayloadHash,
    PendingBody, QueueBody, ReceiptBody, ReceiptState, Receipted, Tries, Verdict,
};
use steadfast_core::{JsonText, OperationId, OperationKind, Timestamp};

use super::content;
use super::record::{read_birth, write_birth};
use crate::bytes::{Damage, Reader, Writer};

const VERDICT_NONE: u8 = 0;
const VERDICT_CANCEL: u8 = 1;
const VERDICT_FAIL: u8 = 2;

const STATE_PENDING: u8 = 0;
const STATE_FULL: u8 = 1;
const STATE_KEPT: u8 = 2;
const STATE_DIED: u8 = 3;

/// The body of a row.
pub(super) fn encode(body: &LedgerBody) -> Vec<u8> {
    let mut bytes = Writer::plain(96);
    match body {
        LedgerBody::Queue(body) => {
            bytes.u64(body.count);
            bytes.u64(body.size);
        }
        LedgerBody::Head(body) => write_head(&mut bytes, body),
        LedgerBody::Pending(body) => write_pending(&mut bytes, body),
        LedgerBody::Receipt(body) => write_receipt(&mut bytes, body),
        LedgerBody::Order => {}
        LedgerBody::DeadLetter(body) => write_dead_letter(&mut bytes, body),
    }
    bytes.into_bytes()
}

/// Reads the body of a row of that name that was stamped so.
pub(super) fn decode(
    key: &LedgerKey,
    body: &[u8],
    stamped_at: Timestamp,
) -> Result<LedgerBody, Damage> {
    let mut reader = Reader::new(body);
    let body = match key {
        LedgerKey::Queue => {
            LedgerBody::Queue(QueueBody { count: reader.u64()?, size: reader.u64()? })
        }
        LedgerKey::Head => LedgerBody::Head(read_head(&mut reader)?),
        LedgerKey::Pending(_) => {
            LedgerBody::Pending(Arc::new(read_pending(&mut reader, stamped_at)?))
        }
        LedgerKey::Receipt(_) => {
            LedgerBody::Receipt(Box::new(read_receipt(&mut reader, stamped_at)?))
        }
        LedgerKey::Order(..) => LedgerBody::Order,
        LedgerKey::DeadLetter(_) => {
            LedgerBody::DeadLetter(Arc::new(read_dead_letter(&mut reader, stamped_at)?))
        }
    };
    reader.end()?;
    Ok(body)
}

fn write_head(bytes: &mut Writer, body: &HeadBody) {
    write_time(bytes, body.horizon);
    bytes.u64(body.settled_count);
    bytes.u64(body.settled_size);
    bytes.u32(body.full_count);
    bytes.u32(body.kept_count);
    bytes.u32(body.permanent_count);
    bytes.u32(body.dead_count);
    bytes.u64(body.size);
    bytes.u64(body.least_size);
}

fn read_head(reader: &mut Reader<'_>) -> Result<HeadBody, Damage> {
    Ok(HeadBody {
        horizon: read_time(reader)?,
        settled_count: reader.u64()?,
        settled_size: reader.u64()?,
        full_count: reader.u32()?,
        kept_count: reader.u32()?,
        permanent_count: reader.u32()?,
        dead_count: reader.u32()?,
        size: reader.u64()?,
        least_size: reader.u64()?,
    })
}

fn write_pending(bytes: &mut Writer, body: &PendingBody) {
    write_text(bytes, body.id.as_str());
    write_text(bytes, body.kind.as_str());
    write_json(bytes, &body.payload);
    bytes.i64(body.issued_at.ticks());
    write_birth(bytes, body.queued);
    bytes.u32(body.schema);
    bytes.u8(u8::from(body.is_permanent));
    write_optional(bytes, body.replaces.as_ref().map(OperationId::as_str));
    match &body.verdict {
        None => bytes.u8(VERDICT_NONE),
        Some(Verdict::Cancel(reason)) => {
            bytes.u8(VERDICT_CANCEL);
            write_text(bytes, reason);
        }
        Some(Verdict::Fail(reason)) => {
            bytes.u8(VERDICT_FAIL);
            write_text(bytes, reason);
        }
    }
}

fn read_pending(reader: &mut Reader<'_>, stamped_at: Timestamp) -> Result<PendingBody, Damage> {
    Ok(PendingBody {
        id: OperationId::trusted(reader.text("id")?),
        kind: OperationKind::trusted(reader.text("kind")?),
        payload: read_json(reader)?,
        issued_at: Timestamp::from_ticks(reader.i64()?),
        queued: read_birth(reader, stamped_at)?,
        schema: reader.u32()?,
        is_permanent: reader.flag("is permanent")?,
        replaces: read_optional(reader, "replaces")?.map(OperationId::trusted),
        verdict: match reader.u8()? {
            VERDICT_NONE => None,
            VERDICT_CANCEL => Some(Verdict::Cancel(reader.text("reason")?.into())),
            VERDICT_FAIL => Some(Verdict::Fail(reader.text("reason")?.into())),
            _ => return Err(Damage::Malformed("verdict")),
        },
    })
}

fn write_receipt(bytes: &mut Writer, body: &ReceiptBody) {
    bytes.u128(body.hash.0);
    bytes.i64(body.issued_at.ticks());
    bytes.u8(u8::from(body.is_permanent));
    match &body.state {
        ReceiptState::Pending { seq, tries } => {
            bytes.u8(STATE_PENDING);
            bytes.u64(*seq);
            bytes.u32(tries.count);
            write_optional(bytes, tries.last_error.as_deref());
            write_time(bytes, tries.last_at);
        }
        ReceiptState::Full(receipted) => {
            bytes.u8(if receipted.death.is_some() { STATE_DIED } else { STATE_FULL });
            write_text(bytes, receipted.kind.as_str());
            bytes.u8(status_byte(receipted.status));
            write_birth(bytes, receipted.settled);
            bytes.u64(receipted.entry_counter);
            write_optional_json(bytes, receipted.result.as_ref());
            write_optional(bytes, receipted.error.as_deref());
            bytes.u32(receipted.tries);
            if let Some(death) = receipted.death {
                bytes.u8(death_byte(death));
            }
        }
        ReceiptState::Kept { status, settled, entry_counter } => {
            bytes.u8(STATE_KEPT);
            bytes.u8(status_byte(*status));
            write_birth(bytes, *settled);
            bytes.u64(*entry_counter);
        }
    }
}

fn read_receipt(reader: &mut Reader<'_>, stamped_at: Timestamp) -> Result<ReceiptBody, Damage> {
    Ok(ReceiptBody {
        hash: PayloadHash(reader.u128()?),
        issued_at: Timestamp::from_ticks(reader.i64()?),
        is_permanent: reader.flag("is permanent")?,
        state: match reader.u8()? {
            STATE_PENDING => ReceiptState::Pending {
                seq: reader.u64()?,
                tries: Tries {
                    count: reader.u32()?,
                    last_error: read_optional(reader, "error")?.map(Arc::from),
                    last_at: read_time(reader)?,
                },
            },
            state @ (STATE_FULL | STATE_DIED) => ReceiptState::Full(Receipted {
                kind: OperationKind::trusted(reader.text("kind")?),
                status: read_status(reader)?,
                settled: read_birth(reader, stamped_at)?,
                entry_counter: reader.u64()?,
                result: read_optional_json(reader)?,
                error: read_optional(reader, "error")?.map(Arc::from),
                tries: reader.u32()?,
                death: if state == STATE_DIED { Some(read_death(reader)?) } else { None },
            }),
            STATE_KEPT => ReceiptState::Kept {
                status: read_status(reader)?,
                settled: read_birth(reader, stamped_at)?,
                entry_counter: reader.u64()?,
            },
            _ => return Err(Damage::Malformed("state")),
        },
    })
}

fn write_dead_letter(bytes: &mut Writer, body: &DeadLetterBody) {
    write_text(bytes, body.kind.as_str());
    write_optional_json(bytes, body.payload.as_ref());
    bytes.u64(body.payload_size);
    bytes.u32(body.schema);
    bytes.u8(u8::from(body.is_permanent));
    bytes.i64(body.issued_at.ticks());
    write_birth(bytes, body.died);
    bytes.u8(death_byte(body.death));
    write_text(bytes, &body.error);
    bytes.u32(body.tries);
    write_optional(bytes, body.requeued_as.as_ref().map(OperationId::as_str));
}

fn read_dead_letter(
    reader: &mut Reader<'_>,
    stamped_at: Timestamp,
) -> Result<DeadLetterBody, Damage> {
    Ok(DeadLetterBody {
        kind: OperationKind::trusted(reader.text("kind")?),
        payload: read_optional_json(reader)?,
        payload_size: reader.u64()?,
        schema: reader.u32()?,
        is_permanent: reader.flag("is permanent")?,
        issued_at: Timestamp::from_ticks(reader.i64()?),
        died: read_birth(reader, stamped_at)?,
        death: read_death(reader)?,
        error: reader.text("error")?.into(),
        tries: reader.u32()?,
        requeued_as: read_optional(reader, "requeued as")?.map(OperationId::trusted),
    })
}

const fn status_byte(status: OperationStatus) -> u8 {
    match status {
        OperationStatus::Applied => 0,
        OperationStatus::Cancelled => 1,
        OperationStatus::Failed => 2,
    }
}

fn read_status(reader: &mut Reader<'_>) -> Result<OperationStatus, Damage> {
    let byte = reader.u8()?;
    let status = OperationStatus::ALL.into_iter().find(|status| status_byte(*status) == byte);
    status.ok_or(Damage::Malformed("status"))
}

const fn death_byte(death: Death) -> u8 {
    match death {
        Death::Attempts => 0,
        Death::TimeToLive => 1,
        Death::MissingHandler => 2,
        Death::Handler => 3,
        Death::Operator => 4,
    }
}

fn read_death(reader: &mut Reader<'_>) -> Result<Death, Damage> {
    let byte = reader.u8()?;
    let death = Death::ALL.into_iter().find(|death| death_byte(*death) == byte);
    death.ok_or(Damage::Malformed("death"))
}

fn write_text(bytes: &mut Writer, text: &str) {
    bytes.sized(text.as_bytes());
}

fn write_optional(bytes: &mut Writer, text: Option<&str>) {
    bytes.u8(u8::from(text.is_some()));
    if let Some(text) = text {
        write_text(bytes, text);
    }
}

fn read_optional<'a>(
    reader: &mut Reader<'a>,
    what: &'static str,
) -> Result<Option<&'a str>, Damage> {
    if reader.flag(what)? { Ok(Some(reader.text(what)?)) } else { Ok(None) }
}

fn write_time(bytes: &mut Writer, time: Option<Timestamp>) {
    bytes.u8(u8::from(time.is_some()));
    if let Some(time) = time {
        bytes.i64(time.ticks());
    }
}

fn read_time(reader: &mut Reader<'_>) -> Result<Option<Timestamp>, Damage> {
    if reader.flag("time")? { Ok(Some(Timestamp::from_ticks(reader.i64()?))) } else { Ok(None) }
}

fn write_json(bytes: &mut Writer, text: &JsonText) {
    let text = text.as_str().as_bytes();
    let (codec, frame) = content::frame(text);
    bytes.u8(codec);
    bytes.size(text.len());
    bytes.sized(&frame);
}

fn read_json(reader: &mut Reader<'_>) -> Result<JsonText, Damage> {
    let (codec, size) = (reader.u8()?, reader.size()?);
    Ok(JsonText::trusted(content::decode_frame(codec, size, reader.sized()?)?))
}

fn write_optional_json(bytes: &mut Writer, text: Option<&JsonText>) {
    bytes.u8(u8::from(text.is_some()));
    if let Some(text) = text {
        write_json(bytes, text);
    }
}

fn read_optional_json(reader: &mut Reader<'_>) -> Result<Option<JsonText>, Damage> {
    if reader.flag("text")? { Ok(Some(read_json(reader)?)) } else { Ok(None) }
}

#[cfg(test)]
#[path = "ledger/tests.rs"]
mod tests;
