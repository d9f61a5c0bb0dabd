//! The queueings of this server to one record: no more are under way than may contend.
//!
//! ```text
//!   queue ──► sent, at most so many ──► over ──► the next is sent
//!        └──► waiting, in its order ───────────────┘
//! ```
//!
//! The store plans each of them on what it read, so that one that is committed lets all others be
//! planned anew, and whoever was planned too often gives up. With as many under way as there are
//! tries, nobody gives up because of this server.

use std::collections::VecDeque;

use crate::game_server::Ticket;
use crate::platform::ATTEMPTS_MAX;

/// The queueings to one record.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// How many are under way.
    sent: u32,
    /// The others, the first queued first.
    waiting: VecDeque<Ticket>,
}

impl Lane {
    /// Whether this one is sent now. Otherwise it waits.
    pub(super) fn enter(&mut self, ticket: Ticket) -> bool {
        let may_go = self.sent < ATTEMPTS_MAX;
        if may_go {
            self.sent += 1;
        } else {
            self.waiting.push_back(ticket);
        }
        may_go
    }

    /// One that is under way is over. Which is sent in its place.
    pub(super) fn advance(&mut self) -> Option<Ticket> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.sent -= 1;
        }
        next
    }

    /// One does not wait any more.
    pub(super) fn give_up(&mut self, ticket: Ticket) {
        // Those that have waited longest give up first.
        if let Some(place) = self.waiting.iter().position(|waiting| *waiting == ticket) {
            self.waiting.remove(place);
        }
    }

    /// Whether nothing of it is under way. Then nothing waits either.
    pub(super) fn is_idle(&self) -> bool {
        self.sent == 0
    }
}
