//! Removing what is left of game servers that are dead: a day after their end, their row and their
//! mail.
//!
//! A missing row means dead, as renewals never create one. So nothing is lost with it, and a waiter
//! that still meets the id in a lease finds it missing at two looks.

use std::time::Duration;

use crate::batch::{Batch, Condition, Write};
use crate::id::{EntryId, Revision, ServerId, WriteId};
use crate::platform::{Input, Machine, Operation, PlatformError, Settings, Step};
use crate::record::{PresenceState, StoreFacts, StoredPresence};
use crate::row::{Found, ReadError, RowKey, RowRange, ScanReply};
use crate::time::Timestamp;

/// How long the row of a dead server stays.
pub const DEAD_SERVER_STAYS: Duration = Duration::from_hours(24);

/// Servers that are looked at in one step, and mail that goes in one batch.
const PAGE: usize = 100;

/// One pass over all game servers.
#[derive(Clone, Copy, Debug)]
pub struct SweepServers {
    /// The store.
    pub store: StoreFacts,
}

/// Carries out a [`SweepServers`].
#[derive(Debug)]
pub struct ServerSweep {
    store: StoreFacts,
    after: Option<ServerId>,
    /// Whether servers follow behind those that were read.
    has_more: bool,
    /// Dead ones that were read, the next one last.
    dead: Vec<(ServerId, Revision)>,
    /// Whether the last batch left the server for its remaining mail.
    is_partial: bool,
    removed: u64,
}

impl Operation for SweepServers {
    /// How many were removed.
    type Answer = u64;
    type Machine = ServerSweep;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        None
    }

    fn start(self, _: &Settings) -> (ServerSweep, Step<u64>) {
        let mut sweep = ServerSweep {
            store: self.store,
            after: None,
            has_more: true,
            dead: vec![],
            is_partial: false,
            removed: 0,
        };
        let step = sweep.next();
        (sweep, step)
    }
}

impl Machine for ServerSweep {
    type Answer = u64;

    fn on(&mut self, input: Input) -> Step<u64> {
        match input {
            Input::Scanned(reply) if self.dead.is_empty() => match self.on_servers(reply) {
                Ok(()) => self.next(),
                Err(error) => Step::Done(Err(PlatformError::from(error))),
            },
            Input::Scanned(reply) => self.on_mail(reply),
            // Whoever came first did the same, or will.
            Input::Committed(outcome) => {
                let is_done = outcome.committed().is_some();
                self.removed += u64::from(is_done && !self.is_partial);
                if !is_done && self.is_partial {
                    self.dead.pop();
                }
                self.next()
            }
            Input::Read(_) | Input::Heads(_) => panic!("a sweep of servers was given {input:?}"),
        }
    }
}

impl ServerSweep {
    fn next(&mut self) -> Step<u64> {
        if let Some((server, _)) = self.dead.last() {
            return Step::Scan(RowRange::Mail { server: *server, after: None }, PAGE);
        }
        if self.has_more {
            return Step::Scan(RowRange::Presences { after: self.after }, PAGE);
        }
        Step::Done(Ok(self.removed))
    }

    fn on_servers(&mut self, reply: Result<ScanReply, ReadError>) -> Result<(), ReadError> {
        let reply = reply?;
        self.has_more = reply.more;
        for found in &reply.rows {
            let key = match found {
                Found::Row(row) => &row.key,
                Found::Corrupt(key) => key,
                Found::Absent => continue,
            };
            let RowKey::Presence(server) = key else { continue };
            self.after = Some(*server);
            // Nobody knows of a damaged one whether it is dead.
            let Ok(Some(stored)) = StoredPresence::of(found) else { continue };
            if self.is_over(&stored) {
                self.dead.push((*server, stored.revision));
            }
        }
        self.dead.reverse();
        Ok(())
    }

    /// Whether a server has been dead for long enough.
    fn is_over(&self, stored: &StoredPresence) -> bool {
        let is_dead = stored.body.state == PresenceState::Dead
            || stored.body.home.is_some_and(|home| home != self.store.opening);
        let ended_at: Timestamp = match stored.body.state {
            PresenceState::Dead => stored.stamped_at,
            // A home server ended at the latest when the store was opened anew.
            PresenceState::Alive => stored.stamped_at.max(self.store.started_at),
        };
        is_dead && self.store.now.saturating_since(ended_at) > DEAD_SERVER_STAYS
    }

    /// The server goes with its mail; what there is more of goes with the next pass of it.
    fn on_mail(&mut self, reply: Result<ScanReply, ReadError>) -> Step<u64> {
        let Some((server, revision)) = self.dead.pop() else { return self.next() };
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Step::Done(Err(PlatformError::from(error))),
        };
        let mut writes: Vec<Write> = Vec::new();
        for found in &reply.rows {
            if let Found::Row(row) = found {
                writes.push(Write::Delete { key: row.key.clone() });
            }
        }
        let key = RowKey::Presence(server);
        self.is_partial = reply.more;
        if reply.more {
            self.dead.push((server, revision));
        } else {
            writes.push(Write::Delete { key: key.clone() });
        }
        Step::Commit(Batch { conditions: vec![(key, Condition::At(revision))], writes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{OpeningId, SessionId};
    use crate::platform::tests::world::{World, clock, entry_in, later};
    use crate::record::{Fence, MailBody, MailKind, PresenceBody};
    use crate::row::RowBody;

    const DAY: i64 = 86_400;

    fn put(world: &mut World, server: u128, state: PresenceState, home: Option<u128>) {
        let home = home.map(OpeningId);
        let body = PresenceBody { state, seq: 1, home, address: "".into() };
        world.put(RowKey::Presence(ServerId(server)), RowBody::Presence(body));
    }

    fn mail(world: &mut World, server: u128, key: &str) {
        let fence = Fence::first(SessionId(1));
        let body = MailBody { waiter: ServerId(9), fence, kind: MailKind::HandOff };
        let key = RowKey::Mail(ServerId(server), entry_in("Players", key));
        world.put(key, RowBody::Mail(body));
    }

    fn sweep_at(world: &mut World, now: Timestamp) -> u64 {
        world.now = now;
        let store = StoreFacts { opening: OpeningId(2), started_at: clock(0, 0, 0), now };
        world.run(SweepServers { store }).unwrap()
    }

    #[test]
    fn dead_servers_go_a_day_after_their_end_with_their_mail() {
        let mut world = World::new(Settings::native());
        let dead_at = world.now;
        put(&mut world, 1, PresenceState::Alive, None);
        put(&mut world, 2, PresenceState::Dead, None);
        put(&mut world, 3, PresenceState::Alive, Some(1));
        put(&mut world, 4, PresenceState::Alive, Some(2));
        for key in ["u_1", "u_2"] {
            mail(&mut world, 2, key);
            mail(&mut world, 1, key);
        }
        assert_eq!(sweep_at(&mut world, later(dead_at, DAY)), 0);
        let late = later(dead_at, DAY + 1);
        assert_eq!(sweep_at(&mut world, late), 2);
        let servers: Vec<&RowKey> = world.rows.keys().collect();
        let is_there = |server| servers.contains(&&RowKey::Presence(ServerId(server)));
        assert_eq!([1, 2, 3, 4].map(is_there), [true, false, false, true]);
        let of_dead = |key: &&&RowKey| matches!(key, RowKey::Mail(ServerId(2), _));
        assert_eq!((servers.iter().filter(of_dead).count(), servers.len()), (0, 4));
    }

    #[test]
    fn many_dead_servers_and_much_mail_go_in_pages() {
        let mut world = World::new(Settings::native());
        for server in 0..250 {
            put(&mut world, server, PresenceState::Dead, None);
        }
        for key in 0..250 {
            mail(&mut world, 7, &format!("u_{key}"));
        }
        let late = later(world.now, 2 * DAY);
        assert_eq!(sweep_at(&mut world, late), 250);
        assert_eq!(world.rows.len(), 0);
    }

    #[test]
    fn a_damaged_server_stays() {
        let mut world = World::new(Settings::native());
        put(&mut world, 1, PresenceState::Dead, None);
        put(&mut world, 2, PresenceState::Dead, None);
        world.damaged.insert(RowKey::Presence(ServerId(1)));
        let late = later(world.now, 2 * DAY);
        assert_eq!(sweep_at(&mut world, late), 1);
        assert!(world.rows.contains_key(&RowKey::Presence(ServerId(1))));
    }
}
