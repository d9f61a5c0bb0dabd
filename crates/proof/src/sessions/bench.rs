//! The judges on their bench: both are told the same.

use std::time::Duration;

use steadfast_core::game_server::{Event, GameServer, Outgoing, SessionHandle, Ticket};
use steadfast_core::operation::{OperationSettings, OperationStatus, QueueRefusal, Queued};
use steadfast_core::session::SessionSettings;
use steadfast_core::{Batch, Committed, EntryId, Found, Now, OpeningId, OperationId};
use steadfast_storage::Rows;

use super::history::SessionHistory;
use super::oracle::SessionOracle;
use super::schemas::Knows;
use super::sheet::Applied;
use super::witness::{Ask, Author, Marker, Queueing, Witness};
use crate::bank::Judges;

/// Both judges.
#[derive(Debug)]
pub(super) struct Bench {
    oracle: SessionOracle,
    history: SessionHistory,
}

impl Bench {
    pub(super) fn new(
        settings: &SessionSettings,
        operations: &OperationSettings,
        judges: Judges,
    ) -> Self {
        Self {
            oracle: SessionOracle::new(settings, operations, judges.oracle),
            history: SessionHistory::new(judges.history),
        }
    }

    /// Everything has come to rest, with these processes and rows.
    pub(super) fn rests<'a>(
        &mut self,
        now: Now,
        rows: &Rows,
        servers: impl IntoIterator<Item = (usize, &'a GameServer)>,
    ) {
        self.oracle.at_rest(now, rows, servers);
    }

    /// Nothing waits beside a session that could do it.
    pub(super) fn waits<'a>(
        &mut self,
        now: Now,
        servers: impl IntoIterator<Item = (usize, &'a GameServer)>,
    ) {
        self.oracle.waits(now, servers);
    }

    /// Nothing follows any more.
    pub(super) fn ends(&mut self, rows: &Rows) {
        self.history.at_rest(rows);
    }

    /// What a process sent while the store answered nothing (Z2).
    pub(super) fn sent_in_outage(
        &mut self,
        process: usize,
        lasted: Duration,
        lanes: u64,
        sent: u64,
    ) {
        self.oracle.sent_in_outage(process, lasted, lanes, sent);
    }

    /// What the oracle and the history say.
    pub(super) fn verdicts(self) -> (Option<String>, Option<String>) {
        (self.oracle.verdict(), self.history.verdict())
    }
}

impl Witness for Bench {
    fn applied(&mut self, now: Now, author: Author, batch: &Batch, committed: Committed) {
        self.oracle.applied(now, author, batch, committed);
        self.history.applied(now, author, batch, committed);
    }

    fn rewound(&mut self, now: Now, rows: &Rows) {
        self.oracle.rewound(now, rows);
        self.history.rewound(now, rows);
    }

    fn reopened(&mut self, now: Now, opening: OpeningId) {
        self.oracle.reopened(now, opening);
        self.history.reopened(now, opening);
    }

    fn started(&mut self, now: Now, process: usize, home: Option<OpeningId>) {
        self.oracle.started(now, process, home);
        self.history.started(now, process, home);
    }

    fn runs(&mut self, process: usize, knows: Knows) {
        self.oracle.runs(process, knows);
        self.history.runs(process, knows);
    }

    fn crashed(&mut self, now: Now, process: usize) {
        self.oracle.crashed(now, process);
        self.history.crashed(now, process);
    }

    fn believes(&mut self, now: Now, process: usize, server: &GameServer, local: Now) {
        self.oracle.believes(now, process, server, local);
        self.history.believes(now, process, server, local);
    }

    fn edited(
        &mut self,
        now: Now,
        process: usize,
        session: SessionHandle,
        entry: &EntryId,
        marker: Marker,
    ) {
        self.oracle.edited(now, process, session, entry, marker);
        self.history.edited(now, process, session, entry, marker);
    }

    fn asked(&mut self, now: Now, process: usize, ticket: Ticket, ask: &Ask) {
        self.oracle.asked(now, process, ticket, ask);
        self.history.asked(now, process, ticket, ask);
    }

    fn told(&mut self, now: Now, process: usize, event: &Event, marker: Option<Marker>) {
        self.oracle.told(now, process, event, marker);
        self.history.told(now, process, event, marker);
    }

    fn sends(&mut self, now: Now, process: usize, commands: &[Outgoing]) {
        self.oracle.sends(now, process, commands);
    }

    fn refused(&mut self, now: Now, author: Author, batch: &Batch, rows: &[Found]) {
        self.oracle.refused(now, author, batch, rows);
    }

    fn queues(&mut self, now: Now, queueing: &Queueing) {
        self.oracle.queues(now, queueing);
        self.history.queues(now, queueing);
    }

    fn queued(&mut self, now: Now, queueing: &Queueing, result: Result<&Queued, &QueueRefusal>) {
        self.oracle.queued(now, queueing, result);
        self.history.queued(now, queueing, result);
    }

    fn ended(&mut self, now: Now, entry: &EntryId, id: &OperationId, status: OperationStatus) {
        self.oracle.ended(now, entry, id, status);
        self.history.ended(now, entry, id, status);
    }

    fn repairs(&mut self, now: Now, entry: &EntryId) {
        self.oracle.repairs(now, entry);
        self.history.repairs(now, entry);
    }

    fn showed(&mut self, now: Now, process: usize, session: SessionHandle, numbers: &[u32]) {
        self.oracle.showed(now, process, session, numbers);
        self.history.showed(now, process, session, numbers);
    }

    fn shows(&mut self, now: Now, process: usize, session: SessionHandle, applied: &Applied) {
        self.oracle.shows(now, process, session, applied);
    }

    fn saw(&mut self, now: Now, process: usize, entry: &EntryId, marker: Marker) {
        self.oracle.saw(now, process, entry, marker);
        self.history.saw(now, process, entry, marker);
    }

    fn outage(&mut self, now: Now, is_out: bool) {
        self.oracle.outage(now, is_out);
        self.history.outage(now, is_out);
    }

    fn healed(&mut self, now: Now) {
        self.oracle.healed(now);
        self.history.healed(now);
    }
}
