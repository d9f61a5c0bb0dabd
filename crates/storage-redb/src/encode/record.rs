//! The bodies of records and of the ends of their grants.
//!
//! ```text
//! rec   format u16; of format 1: schema u32, fence, save_seq u64, write id u128, usage, 0 | 1 lease
//!       usage: 0 | 1 last login i64, play time u64 in nanoseconds
//!       lease: server u128, session u128, 0 | 1 since i64, mode u8, [seconds u64, nanoseconds u32]
//! end   count u32, of each: fence, save_seq u64, write id u128, how u8       oldest first
//!
//! fence: counter u64, session u128
//! ```
//!
//! Whoever decides looks at the format first, so of a record of another format only that is read. A
//! mode that is not known may be followed by anything.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::record::{End, Fence, How, Lease, LeaseMode, RECORD_FORMAT, RecordBody, Usage};
use steadfast_core::row::Birth;
use steadfast_core::{ServerId, SessionId, Timestamp, WriteId};

use crate::bytes::{Damage, Reader, Writer};

const MODE_PRESENCE: u8 = 0;
const MODE_TIMEOUT: u8 = 1;

const HOW_RELEASED: u8 = 0;
const HOW_TAKEN: u8 = 1;
const HOW_STOLEN: u8 = 2;
const HOW_EDITED: u8 = 3;

/// The body of a record. Only the format of one that is not [`RECORD_FORMAT`].
pub(super) fn encode(body: &RecordBody) -> Vec<u8> {
    let mut bytes = Writer::plain(128);
    bytes.u16(body.format);
    if body.format != RECORD_FORMAT {
        return bytes.into_bytes();
    }
    bytes.u32(body.schema);
    write_fence(&mut bytes, body.fence);
    bytes.u64(body.save_seq);
    bytes.u128(body.write_id.0);
    write_usage(&mut bytes, body.usage);
    bytes.u8(u8::from(body.lease.is_some()));
    if let Some(lease) = body.lease {
        bytes.u128(lease.server.0);
        bytes.u128(lease.session.0);
        write_birth(&mut bytes, lease.since);
        match lease.mode {
            LeaseMode::Presence => bytes.u8(MODE_PRESENCE),
            LeaseMode::Timeout(duration) => {
                bytes.u8(MODE_TIMEOUT);
                bytes.u64(duration.as_secs());
                bytes.u32(duration.subsec_nanos());
            }
            LeaseMode::Unknown(mode) => bytes.u8(mode),
        }
    }
    bytes.into_bytes()
}

/// Reads the body of a record that was stamped so.
pub(super) fn decode(body: &[u8], stamped_at: Timestamp) -> Result<RecordBody, Damage> {
    let mut reader = Reader::new(body);
    let format = reader.u16()?;
    if format != RECORD_FORMAT {
        let fence = Fence { counter: 0, session: SessionId(0) };
        let (schema, lease, save_seq, write_id) = (0, None, 0, WriteId(0));
        let usage = Usage::default();
        return Ok(RecordBody { format, schema, lease, fence, save_seq, write_id, usage });
    }
    let (schema, fence) = (reader.u32()?, read_fence(&mut reader)?);
    let (save_seq, write_id) = (reader.u64()?, WriteId(reader.u128()?));
    let usage = read_usage(&mut reader)?;
    let lease =
        if reader.flag("lease")? { Some(read_lease(&mut reader, stamped_at)?) } else { None };
    reader.end()?;
    Ok(RecordBody { format, schema, lease, fence, save_seq, write_id, usage })
}

fn write_usage(bytes: &mut Writer, usage: Usage) {
    bytes.u8(u8::from(usage.last_login.is_some()));
    if let Some(time) = usage.last_login {
        bytes.i64(time.ticks());
    }
    // They last for 584 years.
    bytes.u64(u64::try_from(usage.play_time.as_nanos()).unwrap_or(u64::MAX));
}

fn read_usage(reader: &mut Reader<'_>) -> Result<Usage, Damage> {
    let is_known = reader.flag("last login")?;
    let last_login = if is_known { Some(Timestamp::from_ticks(reader.i64()?)) } else { None };
    Ok(Usage { last_login, play_time: Duration::from_nanos(reader.u64()?) })
}

fn read_lease(reader: &mut Reader<'_>, stamped_at: Timestamp) -> Result<Lease, Damage> {
    let (server, session) = (ServerId(reader.u128()?), SessionId(reader.u128()?));
    let since = read_birth(reader, stamped_at)?;
    let mode = match reader.u8()? {
        MODE_PRESENCE => LeaseMode::Presence,
        MODE_TIMEOUT => {
            let (seconds, nanos) = (reader.u64()?, reader.u32()?);
            if nanos >= 1_000_000_000 {
                return Err(Damage::Malformed("timeout"));
            }
            LeaseMode::Timeout(Duration::new(seconds, nanos))
        }
        mode => {
            reader.rest();
            LeaseMode::Unknown(mode)
        }
    };
    Ok(Lease { server, session, mode, since })
}

/// The body of the ends of a record's grants.
pub(super) fn encode_ends(ends: &[End]) -> Vec<u8> {
    let mut bytes = Writer::plain(4 + 49 * ends.len());
    bytes.size(ends.len());
    for end in ends {
        write_fence(&mut bytes, end.fence);
        bytes.u64(end.save_seq);
        bytes.u128(end.write_id.0);
        bytes.u8(match end.how {
            How::Released => HOW_RELEASED,
            How::Taken => HOW_TAKEN,
            How::Stolen => HOW_STOLEN,
            How::Edited => HOW_EDITED,
        });
    }
    bytes.into_bytes()
}

/// Reads the body of the ends of a record's grants.
pub(super) fn decode_ends(body: &[u8]) -> Result<Arc<[End]>, Damage> {
    let mut reader = Reader::new(body);
    let mut ends = Vec::new();
    for _ in 0..reader.size()? {
        let fence = read_fence(&mut reader)?;
        let (save_seq, write_id) = (reader.u64()?, WriteId(reader.u128()?));
        let how = match reader.u8()? {
            HOW_RELEASED => How::Released,
            HOW_TAKEN => How::Taken,
            HOW_STOLEN => How::Stolen,
            HOW_EDITED => How::Edited,
            _ => return Err(Damage::Malformed("how")),
        };
        ends.push(End { fence, save_seq, write_id, how });
    }
    reader.end()?;
    Ok(ends.into())
}

pub(super) fn write_birth(bytes: &mut Writer, birth: Birth) {
    match birth {
        // The stamp says it, and is not known yet.
        Birth::ThisWrite => bytes.u8(0),
        Birth::At(time) => {
            bytes.u8(1);
            bytes.i64(time.ticks());
        }
    }
}

pub(super) fn read_birth(reader: &mut Reader<'_>, stamped_at: Timestamp) -> Result<Birth, Damage> {
    let is_earlier = reader.flag("birth")?;
    Ok(Birth::At(if is_earlier { Timestamp::from_ticks(reader.i64()?) } else { stamped_at }))
}

pub(super) fn write_fence(bytes: &mut Writer, fence: Fence) {
    bytes.u64(fence.counter);
    bytes.u128(fence.session.0);
}

pub(super) fn read_fence(reader: &mut Reader<'_>) -> Result<Fence, Damage> {
    Ok(Fence { counter: reader.u64()?, session: SessionId(reader.u128()?) })
}

#[cfg(test)]
mod tests {
    use steadfast_core::record::ENDS_MAX;

    use super::*;

    const STAMP: Timestamp = Timestamp::from_ticks(50);
    const FENCE: Fence = Fence { counter: 7, session: SessionId(u128::MAX) };

    fn body(lease: Option<Lease>) -> RecordBody {
        let (format, schema, fence) = (RECORD_FORMAT, 3, FENCE);
        let (save_seq, write_id) = (u64::MAX, WriteId(1 << 100));
        let usage = Usage { last_login: Some(STAMP), play_time: Duration::from_nanos(u64::MAX) };
        RecordBody { format, schema, lease, fence, save_seq, write_id, usage }
    }

    fn lease(mode: LeaseMode) -> Lease {
        let since = Birth::At(Timestamp::from_ticks(-4));
        Lease { server: ServerId(8), session: SessionId(9), mode, since }
    }

    #[test]
    fn records_are_read_back_and_every_cut_is_damage() {
        let modes = [
            LeaseMode::Presence,
            LeaseMode::Timeout(Duration::ZERO),
            LeaseMode::Timeout(Duration::MAX),
            LeaseMode::Unknown(2),
            LeaseMode::Unknown(255),
        ];
        let leases = modes.map(|mode| Some(lease(mode)));
        let records = leases.into_iter().chain([None]).map(body);
        let unused = RecordBody { usage: Usage::default(), ..body(None) };
        for record in records.chain([unused]) {
            let bytes = encode(&record);
            assert_eq!(decode(&bytes, STAMP), Ok(record.clone()));
            for size in 0..bytes.len() {
                assert!(decode(&bytes[..size], STAMP).is_err(), "{record:?}, {size} bytes");
            }
        }
        let mut longer = encode(&body(None));
        longer.push(0);
        assert_eq!(decode(&longer, STAMP), Err(Damage::Malformed("end")));
    }

    #[test]
    fn a_lease_since_this_write_is_since_its_stamp() {
        let new = Lease { since: Birth::ThisWrite, ..lease(LeaseMode::Presence) };
        let read = decode(&encode(&body(Some(new))), STAMP).unwrap();
        assert_eq!(read.lease.unwrap().since, Birth::At(STAMP));
    }

    #[test]
    fn of_another_format_only_the_format_is_read() {
        let mut bytes = encode(&RecordBody { format: 7, ..body(None) });
        bytes.extend_from_slice(b"whatever it holds");
        let read = decode(&bytes, STAMP).unwrap();
        assert_eq!((read.format, read.lease, read.fence.counter), (7, None, 0));
    }

    #[test]
    fn an_unknown_mode_is_kept_whatever_follows_it() {
        let mut bytes = encode(&body(Some(lease(LeaseMode::Unknown(9)))));
        bytes.extend_from_slice(b"what it means");
        let read = decode(&bytes, STAMP).unwrap();
        assert_eq!(read.lease, Some(lease(LeaseMode::Unknown(9))));
    }

    #[test]
    fn a_play_time_beyond_all_years_is_the_longest_one() {
        let usage = Usage { last_login: None, play_time: Duration::MAX };
        let read = decode(&encode(&RecordBody { usage, ..body(None) }), STAMP).unwrap();
        assert_eq!(read.usage.play_time, Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_timeout_of_too_many_nanoseconds_is_damage() {
        let timeout = LeaseMode::Timeout(Duration::new(1, 999_999_999));
        let mut bytes = encode(&body(Some(lease(timeout))));
        assert_eq!(decode(&bytes, STAMP), Ok(body(Some(lease(timeout)))));
        let nanos = bytes.len() - 4;
        bytes[nanos..].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
        assert_eq!(decode(&bytes, STAMP), Err(Damage::Malformed("timeout")));
    }

    #[test]
    fn ends_are_read_back_in_their_order_and_every_cut_is_damage() {
        for count in [0, 1, ENDS_MAX] {
            let ends: Vec<End> = (0..count)
                .map(|n| End {
                    fence: Fence { counter: u64::try_from(n).unwrap(), ..FENCE },
                    save_seq: 5,
                    write_id: WriteId(6),
                    how: How::ALL[n % 4],
                })
                .collect();
            let bytes = encode_ends(&ends);
            assert_eq!(decode_ends(&bytes).as_deref(), Ok(&ends[..]));
            for size in 0..bytes.len() {
                assert!(decode_ends(&bytes[..size]).is_err());
            }
        }
        let end = End { fence: FENCE, save_seq: 5, write_id: WriteId(6), how: How::Taken };
        let mut bytes = encode_ends(&[end]);
        *bytes.last_mut().unwrap() = 4;
        assert_eq!(decode_ends(&bytes), Err(Damage::Malformed("how")));
    }
}
