//! Presence: how a game server shows that it lives, and how others judge whether it does.
//!
//! ```text
//!         create committed              believed_until passed            renewal committed
//! Starting ───────────────► Live ───────────────────────► Doubtful ───────────────────────► Live
//!                            │      renewal refused: dead, no row    │
//!                            └──────────────► another id ◄───────────┘
//! ```
//!
//! Safety never depends on it: whoever is taken for dead and is not finds its fence moved. A server
//! believes in itself from the *sending* of its last committed renewal, so that it stops before
//! anybody may declare it dead, however long the answer took.
//!
//! A home server lives in the process that owns the store. It does not renew: it is alive exactly as
//! long as that opening of the store. It only reads its mail.

mod judge;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::id::{OpeningId, Revision, ServerId, WriteId};
use crate::outcome::Outcome;
use crate::planted::{Flaw, Flaws};
use crate::random::Rng;
use crate::record::{
    Mail, PresenceBody, PresenceOutcome, PresenceRefusal, PresenceState, RecordCommand,
    StoredPresence,
};
use crate::session::SessionSettings;
use crate::time::Monotonic;

pub(crate) use judge::{Judge, Verdict, Watch};

/// Writes of the presence that are remembered, so that each is known again: two minutes of them.
const SENT_MAX: usize = 64;

/// How soon a renewal follows one that got no answer.
const AFTER_UNANSWERED: std::time::Duration = std::time::Duration::from_millis(300);

/// Where a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its presence is being created.
    Starting,
    /// It believes in itself.
    Live,
    /// Its last renewal is too old.
    Doubtful,
    /// It ends its presence.
    Ending,
    /// It is over.
    Over,
}

/// A write of the presence.
#[derive(Clone, Copy, Debug)]
struct Sent {
    write_id: WriteId,
    seq: u64,
    at: Monotonic,
}

/// What an answer changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    Nothing,
    /// It is alive (again), under its id.
    Live,
    /// This id is over: it has another one from now on.
    Dead(ServerId),
    /// The store lost renewals.
    WentBack,
    /// A copy of this process uses the same id.
    Copied,
    /// Its presence has ended, as it wished.
    Ended,
}

/// The presence of one server.
#[derive(Debug)]
pub(crate) struct Presence {
    id: ServerId,
    home: Option<OpeningId>,
    address: Arc<str>,
    stage: Stage,
    /// The last revision that is known to be mine.
    revision: Option<Revision>,
    /// The number of that revision.
    seq: u64,
    /// What was sent last under this id, oldest first, settled or not.
    sent: VecDeque<Sent>,
    believed_until: Monotonic,
    /// When the next write or reading of mail is due.
    due: Monotonic,
    is_out: bool,
    flaws: Flaws,
}

impl Presence {
    pub(crate) fn new(
        now: Monotonic,
        rng: &mut Rng,
        home: Option<OpeningId>,
        address: Arc<str>,
    ) -> Self {
        Self {
            id: ServerId(rng.next_u128()),
            home,
            address,
            stage: Stage::Starting,
            revision: None,
            seq: 0,
            sent: VecDeque::new(),
            believed_until: now,
            due: now,
            is_out: false,
            flaws: Flaws::default(),
        }
    }

    #[cfg(feature = "planted")]
    pub(crate) fn plant(&mut self, flaws: Flaws) {
        self.flaws = flaws;
    }

    pub(crate) fn id(&self) -> ServerId {
        self.id
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn is_live(&self, now: Monotonic) -> bool {
        self.stage == Stage::Live && (self.home.is_some() || self.believes(now))
    }

    fn believes(&self, now: Monotonic) -> bool {
        now < self.believed_until || self.flaws.has(Flaw::PauseResumes)
    }

    /// Time has passed. True if the server believes in itself no more.
    pub(crate) fn doubts(&mut self, now: Monotonic) -> bool {
        let doubts = self.stage == Stage::Live && !self.is_live(now);
        if doubts {
            self.stage = Stage::Doubtful;
        }
        doubts
    }

    /// When something is due.
    pub(crate) fn next_wake(&self) -> Option<Monotonic> {
        match self.stage {
            Stage::Over => None,
            Stage::Live if self.home.is_none() && self.is_out => Some(self.believed_until),
            Stage::Live if self.home.is_none() => Some(self.due.min(self.believed_until)),
            Stage::Starting | Stage::Live | Stage::Doubtful | Stage::Ending => {
                (!self.is_out).then_some(self.due)
            }
        }
    }

    /// What is to be sent now.
    pub(crate) fn command(
        &mut self,
        now: Monotonic,
        settings: &SessionSettings,
        rng: &mut Rng,
    ) -> Option<RecordCommand> {
        if self.is_out || now < self.due {
            return None;
        }
        let (state, with_mail) = match self.stage {
            Stage::Over => return None,
            Stage::Live | Stage::Doubtful if self.home.is_some() => {
                self.is_out = true;
                self.due = now.saturating_add(settings.renew_every);
                return Some(RecordCommand::ReadMail { server: self.id });
            }
            Stage::Starting => (PresenceState::Alive, false),
            Stage::Live | Stage::Doubtful => (PresenceState::Alive, true),
            Stage::Ending => (PresenceState::Dead, false),
        };
        self.is_out = true;
        // A fixed rate, unless it fell behind.
        let next = self.due.saturating_add(settings.renew_every);
        self.due = if next > now { next } else { now.saturating_add(settings.renew_every) };
        let sent = match (self.stage, self.sent.back()) {
            // One creation of an id, however often it is sent.
            (Stage::Starting, Some(first)) => *first,
            (_, _) => Sent { write_id: WriteId(rng.next_u128()), seq: self.next_seq(), at: now },
        };
        if self.sent.back().is_none_or(|last| last.write_id != sent.write_id) {
            if self.sent.len() == SENT_MAX {
                self.sent.pop_front();
            }
            self.sent.push_back(sent);
        }
        let (home, address) = (self.home, Arc::clone(&self.address));
        let body = PresenceBody { state, seq: sent.seq, home, address };
        let (server, base, write_id) = (self.id, self.revision, sent.write_id);
        // Its own renewals count in any opening.
        let in_opening = None;
        Some(RecordCommand::WritePresence { server, base, body, write_id, with_mail, in_opening })
    }

    /// Numbers are used once, also for renewals that never arrived.
    fn next_seq(&self) -> u64 {
        let last = self.sent.back().map_or(0, |sent| sent.seq);
        last.max(self.seq).saturating_add(1)
    }

    /// No answer came to a command, or none that settles it.
    pub(crate) fn on_silence(&mut self, now: Monotonic) {
        self.is_out = false;
        self.due = self.due.min(now.saturating_add(AFTER_UNANSWERED));
    }

    /// Mail was read, by a home server.
    pub(crate) fn on_mail(&mut self) {
        self.is_out = false;
    }

    /// What the store says of a write.
    pub(crate) fn on_outcome(
        &mut self,
        now: Monotonic,
        write_id: WriteId,
        outcome: &PresenceOutcome,
        settings: &SessionSettings,
        rng: &mut Rng,
    ) -> Change {
        self.is_out = false;
        match outcome {
            Outcome::Committed(renewed) => self.accept(now, write_id, renewed.revision, settings),
            Outcome::Refused(PresenceRefusal::Moved(None)) => self.die(now, rng),
            Outcome::Refused(PresenceRefusal::Moved(Some(stored))) => {
                self.on_moved(now, stored, settings, rng)
            }
            Outcome::Refused(PresenceRefusal::Store(_)) | Outcome::Unknown => {
                self.on_silence(now);
                Change::Nothing
            }
        }
    }

    fn on_moved(
        &mut self,
        now: Monotonic,
        stored: &StoredPresence,
        settings: &SessionSettings,
        rng: &mut Rng,
    ) -> Change {
        if self.stage == Stage::Ending && stored.body.state == PresenceState::Dead {
            // My own end, or somebody else's word for it: nothing is left to be written.
            return self.die(now, rng);
        }
        let is_it = |sent: &&Sent| sent.write_id.tag() == stored.revision.tag;
        let sent = self.sent.iter().find(is_it).map(|sent| sent.write_id);
        if let Some(write_id) = sent
            && stored.body.seq > self.seq
        {
            return self.accept(now, write_id, stored.revision, settings);
        }
        if stored.body.state == PresenceState::Dead || self.stage == Stage::Starting {
            // A foreign row under an id that was just drawn: another id is as good.
            return self.die(now, rng);
        }
        let first = self.sent.front().map_or(0, |sent| sent.seq);
        if sent.is_some() || stored.body.seq < first {
            // One of mine, from before the last that was acknowledged.
            self.revision = Some(stored.revision);
            self.seq = stored.body.seq;
            self.due = now;
            if self.stage == Stage::Live {
                self.stage = Stage::Doubtful;
            }
            return Change::WentBack;
        }
        self.stage = Stage::Over;
        Change::Copied
    }

    fn accept(
        &mut self,
        now: Monotonic,
        write_id: WriteId,
        revision: Revision,
        settings: &SessionSettings,
    ) -> Change {
        let Some(sent) = self.sent.iter().find(|sent| sent.write_id == write_id).copied() else {
            return Change::Nothing;
        };
        self.revision = Some(revision);
        self.seq = sent.seq;
        if self.stage == Stage::Ending {
            // A renewal from before the end may have been the one that was committed.
            self.due = now;
            return Change::Nothing;
        }
        let from = if self.flaws.has(Flaw::LeaseFromReply) { now } else { sent.at };
        self.believed_until = self.believed_until.max(from.saturating_add(settings.belief()));
        let was_live = self.stage == Stage::Live;
        if !was_live && (self.home.is_some() || self.believes(now)) {
            self.stage = Stage::Live;
            return Change::Live;
        }
        if self.stage == Stage::Starting {
            // Created, but so long ago that a renewal must show it first.
            self.stage = Stage::Doubtful;
            self.due = now;
        }
        Change::Nothing
    }

    /// This id is over. Another one takes its place.
    pub(crate) fn die(&mut self, now: Monotonic, rng: &mut Rng) -> Change {
        if self.stage == Stage::Ending {
            self.stage = Stage::Over;
            return Change::Ended;
        }
        let (before, home, flaws) = (self.id, self.home, self.flaws);
        *self = Self::new(now, rng, home, Arc::clone(&self.address));
        self.flaws = flaws;
        Change::Dead(before)
    }

    /// Every session is gone: the presence ends.
    pub(crate) fn end(&mut self, now: Monotonic) {
        if self.revision.is_none() {
            self.stage = Stage::Over;
        } else if self.stage != Stage::Over {
            self.stage = Stage::Ending;
            self.due = now;
        }
    }

    /// Whether an outcome is that of the end itself.
    pub(crate) fn on_end_committed(&mut self) -> Change {
        self.stage = Stage::Over;
        self.is_out = false;
        Change::Ended
    }

    /// Its process stops at once.
    pub(crate) fn stop(&mut self) {
        self.stage = Stage::Over;
    }
}

/// Whether mail came with an outcome.
pub(crate) fn mail_of(outcome: &PresenceOutcome) -> &[Mail] {
    match outcome {
        Outcome::Committed(renewed) => &renewed.mail,
        Outcome::Refused(_) | Outcome::Unknown => &[],
    }
}

#[cfg(test)]
mod tests;
