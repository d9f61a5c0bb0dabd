//! What the oracle writes down about records, sessions, servers and processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use steadfast_core::record::{End, Fence, Lease, PresenceState, RecordBody};
use steadfast_core::{
    EntryId, Monotonic, OpeningId, Revision, ServerId, SessionId, Timestamp, WriteId,
};

use super::ledgers::Ledger;
use super::skew::Skew;
use crate::sessions::history::Lineage;
use crate::sessions::schemas::Knows;
use crate::sessions::witness::Marker;

/// The row of a record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) revision: Revision,
    pub(super) stamped_at: Timestamp,
    pub(super) body: RecordBody,
    /// True time; unknown after a loss.
    pub(super) written_at: Option<Monotonic>,
}

/// The row of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) revision: Revision,
    pub(super) is_live: bool,
    pub(super) marker: Option<Marker>,
    /// The version that its shape is of.
    pub(super) version: u32,
    /// The version that stands in it.
    pub(super) stamp: Option<u32>,
    /// Where its marker stands in the lineage.
    pub(super) span: Option<usize>,
}

/// A committed write of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logged {
    pub(super) tag: u64,
    /// Whose lease it was written under.
    pub(super) session: Option<usize>,
    /// What the entry held after it.
    pub(super) marker: Option<Marker>,
    pub(super) is_release: bool,
}

/// What a session could not save.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spilled {
    pub(super) base: Option<Revision>,
    pub(super) marker: Marker,
    pub(super) span: usize,
}

/// Everything about one record.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) entry: EntryId,
    pub(super) record: Option<Record>,
    pub(super) value: Option<Value>,
    pub(super) ends: Arc<[End]>,
    /// The session that its lease names.
    pub(super) holder: Option<usize>,
    /// By counter, from 1.
    pub(super) log: Vec<Logged>,
    /// What was written and lost again.
    pub(super) lost: Vec<(u64, Logged)>,
    pub(super) lineage: Lineage,
    pub(super) spills: Vec<Spilled>,
    /// Every fence that there ever was, with the write that moved it there.
    pub(super) fences: BTreeMap<Fence, WriteId>,
    pub(super) ledger: Ledger,
}

/// How a session lost its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    /// By its own release.
    Released,
    /// To who took it for dead.
    Taken,
    /// To who did not wait.
    Stolen,
    /// To an operator.
    Edited,
    /// The store lost its grant.
    Forgotten,
}

/// A session.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Held {
    pub(super) id: SessionId,
    pub(super) key: usize,
    pub(super) process: usize,
    /// Where the record stood before its grant.
    pub(super) granted_over: Option<Revision>,
    /// What the entry was at its grant.
    pub(super) granted: Option<Value>,
    /// What it held, once it was opened.
    pub(super) span: Option<usize>,
    /// The most edits of its own that it stored.
    pub(super) saved: Option<u64>,
    pub(super) gone: Option<Gone>,
    /// Whether anybody asked it to let go.
    pub(super) is_asked_to_go: bool,
    /// Whether it was told that it is over.
    pub(super) is_over: bool,
    /// Whether the store lost writes of its record since its grant.
    pub(super) is_rewound: bool,
    /// Whether it was asked to delete its entry.
    pub(super) is_deleting: bool,
    /// Whether it said last that it is suspended.
    pub(super) is_suspended: bool,
    /// Since when it says that it is active.
    pub(super) active_since: Option<Monotonic>,
}

impl Held {
    /// One that was just granted.
    pub(super) fn new(
        id: SessionId,
        key: usize,
        process: usize,
        granted_over: Option<Revision>,
    ) -> Self {
        Self {
            id,
            key,
            process,
            granted_over,
            granted: None,
            span: None,
            saved: None,
            gone: None,
            is_asked_to_go: false,
            is_over: false,
            is_rewound: false,
            is_deleting: false,
            is_suspended: false,
            active_since: None,
        }
    }
}

/// A game server, by its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server {
    pub(super) process: usize,
    /// The write that created it.
    pub(super) created: u64,
    pub(super) row: Option<PresenceRow>,
    /// When the store lost its death.
    pub(super) revived_at: Option<Monotonic>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PresenceRow {
    pub(super) revision: Revision,
    pub(super) state: PresenceState,
    pub(super) seq: u64,
    pub(super) home: Option<OpeningId>,
    pub(super) stamped_at: Timestamp,
    /// True time; unknown after a loss.
    pub(super) written_at: Option<Monotonic>,
}

/// A process of a game server.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) is_crashed: bool,
    pub(super) knows: Knows,
    pub(super) is_closing: bool,
    pub(super) is_closed: bool,
    /// Its id when it handled an input last.
    pub(super) id: Option<ServerId>,
    /// Its id that was declared dead by another.
    pub(super) declared_dead: Option<ServerId>,
    /// When it handled an input last, and its own clock then.
    pub(super) last: Option<(Monotonic, Monotonic)>,
    /// Until when it believed then, by its own clock.
    pub(super) until: Option<Monotonic>,
    pub(super) clock: Skew,
    /// The last time in which it handled nothing.
    pub(super) gap: (Monotonic, Monotonic),
    /// Its sessions.
    pub(super) sessions: Vec<(SessionId, usize)>,
    /// Those that it believed in when it handled an input last, and until when by its own clock.
    pub(super) active: Vec<(usize, Monotonic)>,
}

/// Mail that nobody has handled yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) revision: Revision,
    pub(super) put_at: Monotonic,
}

/// When the store answered nobody.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outage {
    pub(super) began: Monotonic,
    pub(super) ended: Option<Monotonic>,
}

impl Key {
    pub(super) fn new(entry: &EntryId) -> Self {
        Self {
            entry: entry.clone(),
            record: None,
            value: None,
            ends: Arc::default(),
            holder: None,
            log: Vec::new(),
            lost: Vec::new(),
            lineage: Lineage::default(),
            spills: Vec::new(),
            fences: BTreeMap::new(),
            ledger: Ledger::default(),
        }
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.record.as_ref()?.body.lease
    }

    /// What was written with a revision, also if it was lost since.
    pub(super) fn logged(&self, revision: Revision) -> Option<Logged> {
        let index = usize::try_from(revision.counter.checked_sub(1)?).ok()?;
        let logged = self.log.get(index).copied().filter(|logged| logged.tag == revision.tag);
        let lost = || {
            let mut lost = self.lost.iter().rev();
            lost.find(|(at, logged)| (*at, logged.tag) == (revision.counter, revision.tag))
        };
        logged.or_else(|| lost().map(|(_, logged)| *logged))
    }
}

impl Process {
    pub(super) fn new(window: Duration) -> Self {
        Self {
            is_crashed: false,
            knows: Knows::default(),
            is_closing: false,
            is_closed: false,
            id: None,
            declared_dead: None,
            last: None,
            until: None,
            clock: Skew::over(window),
            gap: (Monotonic::default(), Monotonic::default()),
            sessions: Vec::new(),
            active: Vec::new(),
        }
    }
}
