//! May a record be taken? What a waiter concludes from what it reads, and has been reading.

use std::time::Duration;

use crate::id::{Revision, ServerId};
use crate::planted::{Flaw, Flaws};
use crate::record::{LeaseMode, PresenceState, RecordView, StoredPresence};
use crate::session::SessionSettings;
use crate::time::{Monotonic, Timestamp};

/// What a waiter has been watching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A presence that stands at this revision, or is missing.
    Presence(ServerId, Option<Revision>),
    /// A record that stands at this revision.
    Record(Revision),
}

/// How long something has been seen unchanged, on the watcher's own clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    subject: Subject,
    since: Monotonic,
    last: Monotonic,
}

/// Whether a record may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody has it, or whoever has it is dead.
    Free,
    /// Whoever has it may be declared dead, at exactly this revision of its presence.
    Declare(StoredPresence),
    /// Somebody has it.
    Held,
}

/// What a verdict is made from besides the record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) now: Monotonic,
    /// The server that waits.
    pub(crate) me: ServerId,
    /// Whether it is alive itself.
    pub(crate) is_live: bool,
    /// When a request of its own last stayed without an answer.
    pub(crate) last_unanswered: Option<Monotonic>,
    /// When the read was sent that tells of the record.
    pub(crate) sent_at: Monotonic,
    pub(crate) settings: &'a SessionSettings,
    pub(crate) flaws: Flaws,
}

impl Judge<'_> {
    /// Judges a record as it was read, and goes on watching its holder.
    pub(crate) fn judge(&self, view: &RecordView, watch: &mut Option<Watch>) -> Verdict {
        let Some(record) = &view.record else { return Verdict::Free };
        let Some(lease) = record.body.lease else { return Verdict::Free };
        match lease.mode {
            LeaseMode::Unknown(_) => return Verdict::Held,
            LeaseMode::Timeout(timeout) => {
                let subject = Subject::Record(record.revision);
                let seen = self.watch(watch, subject, self.settings.presence_timeout);
                let age = view.now.saturating_since(record.stamped_at);
                let is_free = self.is_live && seen && age > timeout;
                return if is_free { Verdict::Free } else { Verdict::Held };
            }
            LeaseMode::Presence => {}
        }
        if lease.server == self.me {
            // The caller has neither a session nor another opening of this record.
            let waits = self.flaws.has(Flaw::NoOwnIdRule);
            return if waits { Verdict::Held } else { Verdict::Free };
        }
        let Some(holder) = &view.holder else { return Verdict::Held };
        let revision = holder.presence.as_ref().map(|presence| presence.revision);
        let subject = Subject::Presence(lease.server, revision);
        let Some(presence) = &holder.presence else {
            let seen = self.watch(watch, subject, self.settings.watch);
            return if seen && self.is_live { Verdict::Free } else { Verdict::Held };
        };
        if presence.body.state == PresenceState::Dead {
            return Verdict::Free;
        }
        match presence.body.home {
            Some(opening) if opening == view.opening => return Verdict::Held,
            Some(_) => return Verdict::Free,
            None => {}
        }
        self.judge_remote(presence, view, watch, subject)
    }

    fn judge_remote(
        &self,
        presence: &StoredPresence,
        view: &RecordView,
        watch: &mut Option<Watch>,
        subject: Subject,
    ) -> Verdict {
        if self.flaws.has(Flaw::OpeningDeclaresRemoteDead) && presence.stamped_at < view.started_at
        {
            return Verdict::Declare(presence.clone());
        }
        // Renewals that were not flushed may be lost with the opening: each counts as made then.
        let renewed_at: Timestamp = presence.stamped_at.max(view.started_at);
        let seen = self.watch(watch, subject, self.settings.watch);
        let age = view.now.saturating_since(renewed_at);
        if self.is_live && seen && age > self.settings.presence_timeout {
            Verdict::Declare(presence.clone())
        } else {
            Verdict::Held
        }
    }

    /// Goes on watching. True once the subject was seen unchanged for so long, in reads without a
    /// gap, with every request of the watcher answered.
    fn watch(&self, watch: &mut Option<Watch>, subject: Subject, long: Duration) -> bool {
        if self.flaws.has(Flaw::NoWatch) {
            return true;
        }
        // While nobody looked, or got no answer, the holder may have been as cut off as the watcher.
        let gap_max = self.settings.call_deadline.saturating_add(self.settings.poll_every);
        let goes_on = watch.is_some_and(|watch| {
            watch.subject == subject
                && self.now.saturating_since(watch.last) <= gap_max
                && self.last_unanswered.is_none_or(|at| at < watch.since)
        });
        match watch {
            Some(watch) if goes_on => {
                watch.last = self.now;
                // Up to the sending of this read, at the latest, the subject was as it is.
                self.sent_at.saturating_since(watch.since) >= long
            }
            Some(_) | None => {
                *watch = Some(Watch { subject, since: self.now, last: self.now });
                false
            }
        }
    }
}
