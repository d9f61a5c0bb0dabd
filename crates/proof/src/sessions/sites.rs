//! Where faults fire in the scenario, with their classes and rates, and which times may shrink.
//!
//! Rates are chosen so that a fault of each class that exists in a seed is met a few times in half
//! an hour, while most calls still succeed: a world in which everything fails proves little.

use steadfast_sim::{Choice, Knob, Site};

/// A command on its way to the store.
pub(super) static NET_REQUEST: Site = Site::new(
    "net.request",
    &[
        Choice::of("N1").rate_ppm(500, 50_000),
        Choice::of("N3").millis(0, 20_000).rate_ppm(500, 20_000),
        Choice::of("N4").millis(1, 400).rate_ppm(500, 60_000),
        Choice::of("N5").millis(1_000, 120_000).rate_ppm(200, 5_000),
    ],
);

/// An answer on its way to a game server.
pub(super) static NET_REPLY: Site = Site::new(
    "net.reply",
    &[
        Choice::of("N2").rate_ppm(500, 50_000),
        Choice::of("N3").millis(0, 20_000).rate_ppm(500, 20_000),
        Choice::of("N4").millis(1, 400).rate_ppm(500, 60_000),
        Choice::of("N5").millis(1_000, 120_000).rate_ppm(200, 5_000),
    ],
);

/// Once a round and machine: its way to the store.
pub(super) static LINK: Site = Site::new(
    "link",
    &[
        // Both ways.
        Choice::of("N6").millis(1_000, 60_000).rate_ppm(1_000, 30_000),
        // One way: an odd duration loses the answers, an even one the commands.
        Choice::of("N7").millis(1_000, 60_000).rate_ppm(1_000, 30_000),
    ],
);

/// Once a round: the ways of several machines.
pub(super) static LINKS: Site = Site::new(
    "links",
    &[
        // Half of them are cut off.
        Choice::of("N8").millis(1_000, 60_000).rate_ppm(2_000, 60_000),
        // One after the other is clogged, and then they run again in another order.
        Choice::of("N10").millis(500, 30_000).rate_ppm(2_000, 60_000),
    ],
);

/// A batch that the store is about to write.
pub(super) static STORE_COMMIT: Site = Site::new(
    "store.commit",
    &[
        Choice::of("S1").rate_ppm(500, 15_000),
        Choice::of("S2").rate_ppm(500, 25_000),
        Choice::of("S3").millis(0, 60_000).rate_ppm(500, 15_000),
        Choice::of("S5").rate_ppm(500, 15_000),
        Choice::of("S6").rate_ppm(20, 600),
        // 1: what was flushed is on the disk all the same.
        Choice::of("S7").count(0, 1).rate_ppm(20, 600),
        Choice::of("S9").millis(10, 20_000).rate_ppm(50, 1_500),
        Choice::of("S17").millis(10, 30_000).rate_ppm(50, 1_500),
    ],
);

/// A read or a scan.
pub(super) static STORE_READ: Site =
    Site::new("store.read", &[Choice::of("S1").rate_ppm(500, 20_000)]);

/// Once a round: what happens to the store.
pub(super) static STORE: Site = Site::new(
    "store",
    &[
        // Down for so long.
        Choice::of("P1").millis(100, 300_000).rate_ppm(1_000, 30_000),
        // The renewals of so long are gone: they need not be flushed.
        Choice::of("P2").millis(50, 15_000).rate_ppm(2_000, 30_000),
        Choice::of("P5").count(1, 4).rate_ppm(1_000, 20_000),
        // Openings read from a copy that is behind for so long; what they plan must be refused.
        Choice::of("S4").millis(500, 15_000).rate_ppm(2_000, 40_000),
        // What was acknowledged in so long is gone.
        Choice::of("S11").millis(50, 15_000).rate_ppm(2_000, 30_000),
    ],
);

/// Once a round: the store's clock.
pub(super) static STORE_CLOCK: Site = Site::new(
    "store.clock",
    &[
        Choice::of("T2").millis(-20_000, 60_000).rate_ppm(2_000, 40_000),
        Choice::of("T3").ppm(-10_000, 10_000).rate_ppm(2_000, 40_000),
    ],
);

/// A command that a game server is about to send.
pub(super) static EFFECT: Site = Site::new("server.effect", &[Choice::of("P1").rate_ppm(10, 500)]);

/// Once a round and machine: what happens to the game server.
pub(super) static PROCESS: Site = Site::new(
    "process",
    &[
        Choice::of("P3").millis(500, 60_000).rate_ppm(1_000, 30_000),
        // 2: its machine cannot reach the store until after its time; 3: it hears no answer.
        Choice::of("P4").count(0, 3).rate_ppm(2_000, 60_000),
        Choice::of("P5").count(1, 4).rate_ppm(500, 15_000),
        Choice::of("T4").millis(5_000, 600_000).rate_ppm(500, 15_000),
    ],
);

/// A wake that a game server asked for.
pub(super) static TIMER: Site =
    Site::new("timer", &[Choice::of("T5").millis(1, 2_000).rate_ppm(500, 30_000)]);

/// Once a round and machine: its clock.
pub(super) static CLOCK: Site = Site::new(
    "clock",
    &[
        Choice::of("T1").millis(-3_600_000, 3_600_000).rate_ppm(1_000, 30_000),
        Choice::of("T2").millis(-60_000, 60_000).rate_ppm(1_000, 30_000),
        // A belief of 9.5 s and a timeout of 10 s bear 2 % here and 1 % in the store.
        Choice::of("T3").ppm(-20_000, 20_000).rate_ppm(1_000, 60_000),
    ],
);

/// An opening: 0 and 1, whoever reads the record refuses it, or panics; from 2 on, its hooks do.
pub(super) static PARSE: Site =
    Site::new("parse", &[Choice::of("P9").count(0, 6).rate_ppm(1_000, 80_000)]);

/// Once a round of a mixed fleet: which step fails from now on, or panics, and for which records.
pub(super) static MIGRATION: Site =
    Site::new("migration", &[Choice::of("P9").count(0, 11).rate_ppm(100_000, 600_000)]);

/// The code of processes knows different versions of the data (P7). 2: the version stands in the data
/// too. 3: later data is passed through.
pub(super) static MIXED: Knob = Knob::new("schemas.mixed", 0, &[1, 1, 2, 3]);

/// All times of the protocol, in percent.
pub(super) static TIMES: Knob = Knob::new("times.percent", 100, &[50, 200]);

/// How old unsaved edits may grow, in seconds.
pub(super) static AUTOSAVE: Knob = Knob::new("autosave.seconds", 60, &[1, 5, 20]);

/// Most saves of nobody's asking that are out at a time.
pub(super) static SAVES: Knob = Knob::new("autosave.in_flight_max", 64, &[1]);

/// How long an answer is waited for, in milliseconds, before [`TIMES`].
pub(super) static DEADLINE: Knob = Knob::new("call_deadline.millis", 1_500, &[300, 2_500]);

/// How long a release and a close wait, in seconds.
pub(super) static CLOSE: Knob = Knob::new("close.seconds", 25, &[1, 3]);

/// 1: leases count for a time after the last save, not as long as their server lives.
pub(super) static TIMEOUT_LEASES: Knob = Knob::new("leases.timeout", 0, &[1]);

/// What a suspended session does with edits: goes on, freezes, lets the player go.
pub(super) static ON_SUSPEND: Knob = Knob::new("on_suspend", 0, &[1, 2]);

/// 1: now and then 200 operations a second are queued to one record.
pub(super) static FLOOD: Knob = Knob::new("operations.flood", 0, &[1]);

/// Most operations that one write settles.
pub(super) static PROCESS_MAX: Knob = Knob::new("operations.process_max", 50, &[1, 5]);

/// How often a handler may fail.
pub(super) static ATTEMPTS: Knob = Knob::new("operations.attempts_max", 4, &[1, 10]);

/// How long an operation may wait, in seconds; 0 for ever.
pub(super) static TIME_TO_LIVE: Knob = Knob::new("operations.ttl.seconds", 0, &[60, 300]);

/// How long an operation pauses after a failure, in seconds.
pub(super) static RETRY_EVERY: Knob = Knob::new("operations.retry.seconds", 10, &[1]);

/// What becomes of kinds that nothing handles: they wait, are cancelled, fail.
pub(super) static ON_UNKNOWN: Knob = Knob::new("operations.on_unknown", 0, &[1, 2]);

/// Full receipts that are kept: few, so that they are pruned within half an hour.
pub(super) static RECEIPTS: Knob = Knob::new("operations.receipts_max", 8, &[1, 60, 500]);

/// Ids that are kept after that.
pub(super) static KEPT: Knob = Knob::new("operations.kept_max", 10, &[1, 100, 5_000]);

/// How long either is kept, in seconds.
pub(super) static RECEIPT_AGE: Knob = Knob::new("operations.age.seconds", 604_800, &[20, 300]);

/// Dead letters that are kept.
pub(super) static DEAD_LETTERS: Knob = Knob::new("operations.dead_letters_max", 6, &[1, 100]);

/// Largest payload that a dead letter keeps, in bytes.
pub(super) static LETTER_SIZE: Knob = Knob::new("operations.letter_size_max", 8_192, &[24]);

/// Bytes that the receipts of a record may count.
pub(super) static LEDGER_SIZE: Knob = Knob::new("operations.ledger_size_max", 8_192, &[300, 900]);

/// Operations of a record that may wait.
pub(super) static PENDING: Knob = Knob::new("operations.pending_max", 10_000, &[3, 100]);
