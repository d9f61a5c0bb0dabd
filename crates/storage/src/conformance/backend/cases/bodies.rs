//! What rows of records, game servers and mail hold in the cases, and values of any size.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::record::{
    ADDRESS_SIZE_MAX, ENDS_MAX, End, Fence, How, Lease, LeaseMode, MailBody, MailKind,
    PresenceBody, PresenceState, RECORD_FORMAT, RecordBody, Usage,
};
use steadfast_core::row::Birth;
use steadfast_core::{
    Content, JsonText, Metadata, OpeningId, RowBody, ServerId, SessionId, UserId, WriteId,
};

use super::pick;

const TIMEOUTS: [Duration; 4] =
    [Duration::from_secs(10), Duration::ZERO, Duration::from_nanos(1), Duration::MAX];

/// Both ends, one, and as many as are kept.
const END_COUNTS: [usize; 4] = [1, 0, 2, ENDS_MAX];

pub(super) fn at<T: Clone>(items: &[T], number: u64) -> T {
    pick(items, usize::try_from(number).unwrap_or(0) % items.len())
}

pub(super) fn wide(number: u64) -> u128 {
    u128::from(number) << 64 | u128::from(!number)
}

fn fence(tag: u64) -> Fence {
    Fence { counter: tag.rotate_left(7), session: SessionId(wide(tag)) }
}

/// A record with a lease of any mode, without one, or of a format that nobody knows yet.
pub(super) fn record(tag: u64, counter: usize, since: Birth) -> RowBody {
    let mode = match tag % 5 {
        0 => None,
        1 => Some(LeaseMode::Presence),
        2 => Some(LeaseMode::Timeout(pick(&TIMEOUTS, counter % TIMEOUTS.len()))),
        3 => Some(LeaseMode::Unknown(200)),
        _ => return RowBody::Record(unknown(RECORD_FORMAT + 6)),
    };
    let (server, session) = (ServerId(wide(tag)), SessionId(wide(tag ^ 1)));
    RowBody::Record(RecordBody {
        format: RECORD_FORMAT,
        schema: u32::try_from(tag >> 32).unwrap_or(0),
        lease: mode.map(|mode| Lease { server, session, mode, since }),
        fence: fence(tag),
        save_seq: tag.rotate_left(32),
        write_id: WriteId(wide(tag ^ 2)),
        usage: Usage {
            last_login: (!tag.is_multiple_of(3)).then(|| super::ledger::time(tag)),
            play_time: Duration::from_nanos(!tag),
        },
    })
}

/// A record of another format: all else of it is for whoever knows that.
fn unknown(format: u16) -> RecordBody {
    let fence = Fence { counter: 0, session: SessionId(0) };
    let (schema, lease, save_seq, write_id, usage) = (0, None, 0, WriteId(0), Usage::default());
    RecordBody { format, schema, lease, fence, save_seq, write_id, usage }
}

pub(super) fn ends(tag: u64) -> RowBody {
    let end = |n: usize| {
        let number = tag.wrapping_add(u64::try_from(n).unwrap_or(0));
        let how = at(&How::ALL, number);
        End { fence: fence(number), save_seq: !number, write_id: WriteId(wide(number)), how }
    };
    RowBody::Ends((0..at(&END_COUNTS, tag)).map(end).collect())
}

pub(super) fn presence(tag: u64) -> RowBody {
    let address = match tag % 3 {
        0 => String::new(),
        1 => format!("\u{10ffff}\0 {tag}"),
        _ => "x".repeat(ADDRESS_SIZE_MAX),
    };
    RowBody::Presence(PresenceBody {
        state: at(&[PresenceState::Alive, PresenceState::Dead], tag),
        seq: tag.rotate_left(9),
        home: tag.is_multiple_of(5).then(|| OpeningId(wide(tag))),
        address: address.into(),
    })
}

pub(super) fn mail(tag: u64) -> RowBody {
    let (waiter, kind) = (ServerId(wide(tag)), at(&MailKind::ALL, tag));
    RowBody::Mail(MailBody { waiter, fence: fence(tag), kind })
}

/// A value of about that many bytes, half of them hard to compress, with user ids and metadata.
pub(in crate::conformance::backend) fn value(size: usize, seed: u64) -> Arc<Content> {
    let mut text = String::from("\"");
    let mut random = steadfast_core::Rng::seeded(seed);
    let hard = size / 2;
    while text.len() < hard {
        text.push_str(&random.next_u64().to_string());
    }
    let fill = size.saturating_sub(text.len() + 1);
    text.extend(std::iter::repeat_n('\u{7e}', fill));
    text.push('"');
    let user_ids = match seed % 3 {
        0 => vec![],
        1 => vec![UserId::Number(seed)],
        _ => vec![UserId::Text("steam:\u{ff}".into()), UserId::Number(0), UserId::Number(0)],
    };
    let metadata = match seed % 2 {
        0 => Metadata::empty(),
        _ => Metadata::trusted(format!("{{\"a\":{seed},\"b\":\"\u{10ffff}\"}}")),
    };
    Arc::new(Content { value: JsonText::trusted(text), user_ids, metadata })
}
