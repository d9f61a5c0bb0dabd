//! Records that are a revision, a time and a body: those of records, their operations, game servers
//! and mail.
//!
//! ```text
//! rec   K                  revision, stamp, body
//! end   K                  revision, stamp, body
//! pre   server u128        revision, stamp, body
//! mail  server u128, names revision, stamp, body
//! led   K 00 00, name      revision, stamp, body
//! ```
//!
//! A missing row of `rec` would be taken for an entry that nobody ever held, one of `pre` for a dead
//! game server, so the index is asked too. Lost ends are forgotten ends, and mail is a hint: neither
//! has a witness.
//!
//! Of the operations of a record, a missing receipt would let an operation be applied twice, a missing
//! pending row would lose one, a missing head would lower the horizon, a missing count of the queue
//! would give the place of a waiting operation to another one, and a dead letter is all that is left of
//! what somebody may be owed: they have witnesses. The rows that order receipts have none. They say
//! nothing that receipts do not say, a lost one only keeps its receipt for longer than need be, and
//! each settlement moves one: a witness would cost every save a page.

use steadfast_core::RowBody;

use super::index::Kind;
use super::keys::{is_witnessed, parse_ledger_key};
use super::stamped::Stamped;
use super::{ledger, record, server};
use crate::bytes::{Damage, Family, Writer, seal, unseal};

/// The families whose records are so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodied {
    /// `rec`.
    Record,
    /// `end`.
    Ends,
    /// `pre`.
    Presence,
    /// `mail`.
    Mail,
    /// `led`.
    Ledger,
}

impl Bodied {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::Record, Self::Ends, Self::Presence, Self::Mail, Self::Ledger];

    /// Its table.
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::Record => Family::Records,
            Self::Ends => Family::Ends,
            Self::Presence => Family::Presences,
            Self::Mail => Family::Mail,
            Self::Ledger => Family::Ledgers,
        }
    }

    /// What those of its keys are in the index that are there, if any are.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Record => Some(Kind::Record),
            Self::Presence => Some(Kind::Presence),
            Self::Ledger => Some(Kind::Ledger),
            Self::Ends | Self::Mail => None,
        }
    }

    /// What the key of one of its rows is in the index, if it is there.
    pub(crate) fn witness(self, key: &[u8]) -> Option<Kind> {
        self.kind().filter(|_| self != Self::Ledger || is_witnessed(key))
    }
}

/// The body of a row of one of these families; nothing of others.
pub(crate) fn encode_body(body: &RowBody) -> Option<Vec<u8>> {
    match body {
        RowBody::Record(body) => Some(record::encode(body)),
        RowBody::Ends(ends) => Some(record::encode_ends(ends)),
        RowBody::Presence(body) => Some(server::encode(body)),
        RowBody::Mail(body) => Some(server::encode_mail(body)),
        RowBody::Ledger(body) => Some(ledger::encode(body)),
        RowBody::Store(_)
        | RowBody::Entry(_)
        | RowBody::Revision(_)
        | RowBody::ApiKey(_)
        | RowBody::Universe(_)
        | RowBody::Ordered(_)
        | RowBody::Review => None,
    }
}

/// The record under its key.
pub(crate) fn encode(of: Bodied, key: &[u8], stamped: Stamped, body: &[u8]) -> Vec<u8> {
    let mut record = Writer::record(Stamped::SIZE + body.len());
    stamped.write(&mut record);
    record.raw(body);
    seal(of.family(), key, record)
}

/// Reads the record under its key, all but its body.
pub(crate) fn open<'a>(
    of: Bodied,
    key: &[u8],
    record: &'a [u8],
) -> Result<(Stamped, &'a [u8]), Damage> {
    let mut reader = unseal(of.family(), key, record)?;
    let stamped = Stamped::read(&mut reader)?;
    Ok((stamped, reader.rest()))
}

/// Reads the record under its key.
pub(crate) fn decode(of: Bodied, key: &[u8], record: &[u8]) -> Result<(Stamped, RowBody), Damage> {
    let (stamped, body) = open(of, key, record)?;
    let body = match of {
        Bodied::Record => RowBody::Record(record::decode(body, stamped.stamped_at)?),
        Bodied::Ends => RowBody::Ends(record::decode_ends(body)?),
        Bodied::Presence => RowBody::Presence(server::decode(body)?),
        Bodied::Mail => RowBody::Mail(server::decode_mail(body)?),
        Bodied::Ledger => {
            let (_, name) = parse_ledger_key(key).ok_or(Damage::Malformed("key"))?;
            RowBody::Ledger(ledger::decode(&name, body, stamped.stamped_at)?)
        }
    };
    Ok((stamped, body))
}

#[cfg(test)]
mod tests {
    use steadfast_core::{Revision, Timestamp};

    use super::*;

    #[test]
    fn records_are_read_back_and_every_cut_or_other_table_is_damage() {
        let revision = Revision { counter: 7, tag: 8 };
        let stamped = Stamped { revision, stamped_at: Timestamp::from_ticks(-9) };
        for of in Bodied::ALL {
            let record = encode(of, b"key", stamped, b"body");
            assert_eq!(open(of, b"key", &record), Ok((stamped, &b"body"[..])));
            assert_eq!(open(of, b"kez", &record), Err(Damage::Checksum));
            for other in Bodied::ALL.into_iter().filter(|other| *other != of) {
                assert_eq!(open(other, b"key", &record), Err(Damage::Checksum));
            }
            for size in 0..record.len() {
                assert!(open(of, b"key", &record[..size]).is_err());
                assert!(decode(of, b"key", &record[..size]).is_err());
            }
        }
    }

    #[test]
    fn any_body_under_a_right_checksum_is_a_row_or_damage() {
        let mut rng = steadfast_core::Rng::seeded(4);
        let revision = Revision { counter: 7, tag: 8 };
        let stamped = Stamped { revision, stamped_at: Timestamp::from_ticks(-9) };
        for _ in 0..2_000 {
            let size = usize::try_from(rng.below(120)).unwrap();
            let mut body = vec![0; size];
            for byte in &mut body {
                *byte = u8::try_from(rng.below(4)).unwrap();
            }
            for of in Bodied::ALL {
                let _row = decode(of, b"key", &encode(of, b"key", stamped, &body));
            }
        }
    }
}
