//! The numbers, and their names.

use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_core::record::RecordCommand;

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// It reads records.
    Read,
    /// It grants, adopts or saves.
    Write,
    /// It saves and lets go.
    Release,
    /// It shows that the server lives.
    Presence,
    /// It reads, puts or deletes mail.
    Mail,
    /// It queues an operation.
    Queue,
    /// It notes an operator's verdict.
    Judge,
    /// It reads operations, receipts or dead letters.
    Operations,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Release,
        Self::Presence,
        Self::Mail,
        Self::Queue,
        Self::Judge,
        Self::Operations,
    ];

    /// The label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Release => "release",
            Self::Presence => "presence",
            Self::Mail => "mail",
            Self::Queue => "queue",
            Self::Judge => "judge",
            Self::Operations => "operations",
        }
    }

    pub(super) fn of(command: &RecordCommand) -> Self {
        match command {
            RecordCommand::Read { .. } | RecordCommand::Check(_) => Self::Read,
            RecordCommand::Write(write) if write.body.lease.is_none() => Self::Release,
            RecordCommand::Write(_) | RecordCommand::WriteAll(_) => Self::Write,
            RecordCommand::WritePresence { .. } => Self::Presence,
            RecordCommand::ReadMail { .. }
            | RecordCommand::PutMail { .. }
            | RecordCommand::DeleteMail { .. } => Self::Mail,
            RecordCommand::Queue(_) => Self::Queue,
            RecordCommand::Judge(_) => Self::Judge,
            RecordCommand::ReadInbox { .. }
            | RecordCommand::ReadOperation { .. }
            | RecordCommand::ReadReceipts { .. }
            | RecordCommand::ReadDeadLetters { .. } => Self::Operations,
        }
    }
}

/// How long things took, counted in classes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many took at most as long as the [bound](Self::BOUNDS) of the same place, and longer than
    /// the one before; the last ones took longer than all.
    pub counts: [u64; Self::BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// Where the classes end.
    pub const BOUNDS: [Duration; 12] = {
        let millis = Duration::from_millis;
        [
            millis(1),
            millis(2),
            millis(5),
            millis(10),
            millis(20),
            millis(50),
            millis(100),
            millis(250),
            millis(500),
            millis(1_000),
            millis(5_000),
            millis(20_000),
        ]
    };

    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn add(&mut self, took: Duration) {
        let class = Self::BOUNDS.partition_point(|bound| *bound < took);
        if let Some(count) = self.counts.get_mut(class) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
    }
}

/// The commands of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many were sent.
    pub count: u64,
    /// Copies of them that were sent because no answer came.
    pub retries: u64,
    /// Answers that were an error or of unknown outcome. A refusal by a condition is none.
    pub failures: u64,
    /// From the sending to the first answer.
    pub latency: Histogram,
}

/// What a store was asked and how it fared, since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// By what they were for, those that there were.
    pub requests: BTreeMap<RequestKind, Requests>,
    /// From the call of an opening to its answer.
    pub opens: Histogram,
    /// Openings that failed.
    pub open_failures: u64,
    /// Sessions that are not over.
    pub sessions_open: u64,
    /// Saves that were refused or stayed without an answer.
    pub save_failures: u64,
    /// Sessions whose record was taken away, or that could not be saved before a close.
    pub lease_losses: u64,
    /// Restores that were committed.
    pub restores: u64,
    /// Deletions that were committed.
    pub deletes: u64,
    /// Operations that were queued here.
    pub operations_queued: u64,
    /// Operations whose effect was stored here.
    pub operations_applied: u64,
    /// Tries in vain.
    pub operations_retried: u64,
    /// Operations that failed for good.
    pub operations_failed: u64,
    /// Operations that ended without effect.
    pub operations_cancelled: u64,
    /// Errors that count towards the critical state.
    pub errors: u64,
    /// Those of them within the window, at the last of them.
    pub recent_errors: u64,
    /// Whether the store is in its critical state.
    pub is_critical: bool,
}

/// One number of the [`Diagnostics`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric<'a> {
    /// Its name.
    pub name: &'static str,
    /// What it counts, for the help line of an exporter.
    pub help: &'static str,
    /// The kind of request, where it is of one.
    pub kind: Option<RequestKind>,
    /// What it says.
    pub value: MetricValue<'a>,
}

/// What a [`Metric`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricValue<'a> {
    /// It only grows.
    Counter(u64),
    /// It goes up and down.
    Gauge(u64),
    /// How long something took.
    Histogram(&'a Histogram),
}

impl Requests {
    /// Their numbers under their names.
    fn metrics(&self, kind: RequestKind) -> [Metric<'_>; 4] {
        use MetricValue::{Counter, Histogram as Times};
        let values = [
            ("steadfast_requests_total", "Commands to the store.", Counter(self.count)),
            (
                "steadfast_request_retries_total",
                "Copies of commands that stayed without an answer.",
                Counter(self.retries),
            ),
            (
                "steadfast_request_failures_total",
                "Answers that were an error, or of unknown outcome.",
                Counter(self.failures),
            ),
            (
                "steadfast_request_seconds",
                "From a command to its first answer.",
                Times(&self.latency),
            ),
        ];
        values.map(|(name, help, value)| Metric { name, help, kind: Some(kind), value })
    }
}

impl Diagnostics {
    /// All numbers under their names.
    pub fn metrics(&self) -> Vec<Metric<'_>> {
        use MetricValue::{Counter, Gauge, Histogram as Times};
        let of_kind = self.requests.iter().flat_map(|(kind, requests)| requests.metrics(*kind));
        let mut metrics: Vec<_> = of_kind.collect();
        let values = [
            (
                "steadfast_open_seconds",
                "From the call of an opening to its answer: what it waited.",
                Times(&self.opens),
            ),
            ("steadfast_open_failures_total", "Openings that failed.", Counter(self.open_failures)),
            ("steadfast_sessions_open", "Sessions that are not over.", Gauge(self.sessions_open)),
            (
                "steadfast_save_failures_total",
                "Saves that were refused or stayed without an answer.",
                Counter(self.save_failures),
            ),
            (
                "steadfast_lease_losses_total",
                "Sessions whose record was taken away, or that could not be saved before a close.",
                Counter(self.lease_losses),
            ),
            ("steadfast_restores_total", "Restores that were committed.", Counter(self.restores)),
            ("steadfast_deletes_total", "Deletions that were committed.", Counter(self.deletes)),
            (
                "steadfast_operations_queued_total",
                "Operations that were queued here.",
                Counter(self.operations_queued),
            ),
            (
                "steadfast_operations_applied_total",
                "Operations whose effect was stored here.",
                Counter(self.operations_applied),
            ),
            (
                "steadfast_operations_retried_total",
                "Tries of operations in vain.",
                Counter(self.operations_retried),
            ),
            (
                "steadfast_operations_failed_total",
                "Operations that failed for good.",
                Counter(self.operations_failed),
            ),
            (
                "steadfast_operations_cancelled_total",
                "Operations that ended without effect.",
                Counter(self.operations_cancelled),
            ),
            (
                "steadfast_errors_total",
                "Errors that count towards the critical state.",
                Counter(self.errors),
            ),
            (
                "steadfast_recent_errors",
                "Those of them within the window, at the last of them.",
                Gauge(self.recent_errors),
            ),
            (
                "steadfast_critical",
                "1 in the critical state, 0 otherwise.",
                Gauge(u64::from(self.is_critical)),
            ),
        ];
        metrics.extend(values.map(|(name, help, value)| Metric { name, help, kind: None, value }));
        metrics
    }
}
