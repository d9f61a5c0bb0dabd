//! Where faults fire in the scenario, with their classes and rates.
//!
//! Rates are chosen so that a fault of each class that exists in a seed is met several times in
//! half an hour, while most calls still succeed: a world in which everything fails proves little.

use steadfast_sim::{Choice, Knob, Site};

/// A message from a client to the server.
pub(super) static NET_REQUEST: Site = Site::new(
    "net.request",
    &[
        Choice::of("N1").rate_ppm(1_000, 40_000),
        Choice::of("N3").millis(0, 20_000).rate_ppm(1_000, 20_000),
        Choice::of("N4").millis(1, 400).rate_ppm(1_000, 60_000),
        Choice::of("N5").millis(1_000, 120_000).rate_ppm(500, 10_000),
    ],
);

/// A message from the server to a client.
pub(super) static NET_REPLY: Site = Site::new(
    "net.reply",
    &[
        Choice::of("N2").rate_ppm(1_000, 40_000),
        Choice::of("N3").millis(0, 20_000).rate_ppm(1_000, 20_000),
        Choice::of("N4").millis(1, 400).rate_ppm(1_000, 60_000),
        Choice::of("N5").millis(1_000, 120_000).rate_ppm(500, 10_000),
    ],
);

/// A batch handed to the store.
pub(super) static STORE_COMMIT: Site = Site::new(
    "store.commit",
    &[
        Choice::of("S1").rate_ppm(1_000, 30_000),
        Choice::of("S2").rate_ppm(1_000, 40_000),
        Choice::of("S3").millis(0, 60_000).rate_ppm(1_000, 60_000),
        Choice::of("S5").rate_ppm(1_000, 30_000),
    ],
);

/// A read or a scan.
pub(super) static STORE_READ: Site = Site::new(
    "store.read",
    &[
        Choice::of("S1").rate_ppm(1_000, 30_000),
        Choice::of("S4").count(1, 5).rate_ppm(2_000, 40_000),
    ],
);

/// The start of a flush.
pub(super) static STORE_FLUSH: Site = Site::new(
    "store.flush",
    &[
        Choice::of("S6").rate_ppm(500, 6_000),
        // 1: what was flushed is on the disk all the same.
        Choice::of("S7").count(0, 1).rate_ppm(500, 6_000),
        Choice::of("S9").rate_ppm(1_000, 20_000),
        Choice::of("S17").millis(10, 30_000).rate_ppm(500, 8_000),
    ],
);

/// Between any two steps of the server.
pub(super) static SERVER_EFFECT: Site = Site::new(
    "server.effect",
    &[Choice::of("P1").rate_ppm(50, 1_500), Choice::of("P2").rate_ppm(50, 1_000)],
);

/// Once a round: what happens to the process.
pub(super) static PROCESS: Site = Site::new(
    "process",
    &[
        Choice::of("P4").rate_ppm(10_000, 100_000),
        Choice::of("P5").count(1, 4).rate_ppm(5_000, 50_000),
    ],
);

/// A client that is about to make a call.
pub(super) static CLIENT_CALL: Site = Site::new(
    "client.call",
    &[
        Choice::of("P3").millis(1, 120_000).rate_ppm(500, 5_000),
        Choice::of("P8").millis(0, 3_000).rate_ppm(1_000, 30_000),
    ],
);

/// Once a round: the clock of the server's machine.
pub(super) static CLOCK: Site =
    Site::new("clock", &[Choice::of("T2").millis(-3_600_000, 3_600_000).rate_ppm(10_000, 200_000)]);

/// Once a round: the disk at rest. The number says which row.
pub(super) static DISK_REST: Site =
    Site::new("disk.rest", &[Choice::of("S10").count(0, 9_999).rate_ppm(5_000, 60_000)]);

/// Once a round among the last: flushes that do nothing.
pub(super) static DISK_LIES: Site =
    Site::new("disk.lies", &[Choice::of("S8").rate_ppm(50_000, 300_000)]);

/// Most writes to one entry at a time.
pub(super) static LANE_LENGTH: Knob = Knob::new("writes_per_key_max", 64, &[1, 2]);

/// One of so many keys holds a number that clients add to; 0: none, as in plans that were recorded
/// before there were any.
pub(super) static COUNTER_EVERY: Knob = Knob::new("workload.counter_every", 0, &[1, 2, 4]);

/// 1: a repeated write must be recognised however much was written since. See the docs of
/// [`platform`](crate::platform). No seed draws it.
pub(super) const STRICT_REPEATS: Knob = Knob::new("judge.strict_repeats", 0, &[]);
