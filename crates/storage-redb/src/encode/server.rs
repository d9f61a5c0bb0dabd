//! The bodies of game servers, and of mail to them.
//!
//! ```text
//! pre   state u8, seq u64, 0 | 1 opening u128, address
//! mail  waiter u128, fence, kind u8
//! ```

use steadfast_core::record::{MailBody, MailKind, PresenceBody, PresenceState};
use steadfast_core::{OpeningId, ServerId};

use super::record::{read_fence, write_fence};
use crate::bytes::{Damage, Reader, Writer};

const STATE_ALIVE: u8 = 0;
const STATE_DEAD: u8 = 1;

const KIND_HAND_OFF: u8 = 0;
const KIND_REVOKED: u8 = 1;
const KIND_OPERATION: u8 = 2;

/// The body of a game server.
pub(super) fn encode(body: &PresenceBody) -> Vec<u8> {
    let mut bytes = Writer::plain(30 + body.address.len());
    bytes.u8(match body.state {
        PresenceState::Alive => STATE_ALIVE,
        PresenceState::Dead => STATE_DEAD,
    });
    bytes.u64(body.seq);
    bytes.u8(u8::from(body.home.is_some()));
    if let Some(home) = body.home {
        bytes.u128(home.0);
    }
    bytes.sized(body.address.as_bytes());
    bytes.into_bytes()
}

/// Reads the body of a game server. A state that is not known is damage, never a dead server.
pub(super) fn decode(body: &[u8]) -> Result<PresenceBody, Damage> {
    let mut reader = Reader::new(body);
    let state = match reader.u8()? {
        STATE_ALIVE => PresenceState::Alive,
        STATE_DEAD => PresenceState::Dead,
        _ => return Err(Damage::Malformed("state")),
    };
    let seq = reader.u64()?;
    let home = if reader.flag("home")? { Some(OpeningId(reader.u128()?)) } else { None };
    let address = reader.text("address")?.into();
    reader.end()?;
    Ok(PresenceBody { state, seq, home, address })
}

/// The body of mail.
pub(super) fn encode_mail(body: &MailBody) -> Vec<u8> {
    let mut bytes = Writer::plain(41);
    bytes.u128(body.waiter.0);
    write_fence(&mut bytes, body.fence);
    bytes.u8(match body.kind {
        MailKind::HandOff => KIND_HAND_OFF,
        MailKind::Revoked => KIND_REVOKED,
        MailKind::Operation => KIND_OPERATION,
    });
    bytes.into_bytes()
}

/// Reads the body of mail.
pub(super) fn decode_mail(body: &[u8]) -> Result<MailBody, Damage> {
    let mut reader = Reader::new(body);
    let (waiter, fence) = (ServerId(reader.u128()?), read_fence(&mut reader)?);
    let kind = match reader.u8()? {
        KIND_HAND_OFF => MailKind::HandOff,
        KIND_REVOKED => MailKind::Revoked,
        KIND_OPERATION => MailKind::Operation,
        _ => return Err(Damage::Malformed("kind")),
    };
    reader.end()?;
    Ok(MailBody { waiter, fence, kind })
}

#[cfg(test)]
mod tests {
    use steadfast_core::SessionId;
    use steadfast_core::record::{ADDRESS_SIZE_MAX, Fence};

    use super::*;

    #[test]
    fn game_servers_are_read_back_and_every_cut_is_damage() {
        let addresses = [String::new(), "10.0.0.7:4000".to_owned(), "x".repeat(ADDRESS_SIZE_MAX)];
        for (address, home) in addresses.into_iter().zip([None, Some(OpeningId(7)), None]) {
            for state in [PresenceState::Alive, PresenceState::Dead] {
                let body = PresenceBody { state, seq: u64::MAX, home, address: (&*address).into() };
                let bytes = encode(&body);
                assert_eq!(decode(&bytes), Ok(body));
                for size in 0..bytes.len() {
                    assert!(decode(&bytes[..size]).is_err());
                }
            }
        }
    }

    #[test]
    fn a_state_that_is_not_known_is_no_dead_server() {
        let (state, seq, home, address) = (PresenceState::Dead, 1, None, "".into());
        let mut bytes = encode(&PresenceBody { state, seq, home, address });
        bytes[0] = 2;
        assert_eq!(decode(&bytes), Err(Damage::Malformed("state")));
    }

    #[test]
    fn mail_is_read_back_and_every_cut_is_damage() {
        let fence = Fence { counter: 7, session: SessionId(u128::MAX) };
        for kind in MailKind::ALL {
            let body = MailBody { waiter: ServerId(8), fence, kind };
            let mut bytes = encode_mail(&body);
            assert_eq!(decode_mail(&bytes), Ok(body));
            for size in 0..bytes.len() {
                assert!(decode_mail(&bytes[..size]).is_err());
            }
            *bytes.last_mut().unwrap() = 3;
            assert_eq!(decode_mail(&bytes), Err(Damage::Malformed("kind")));
        }
    }
}
