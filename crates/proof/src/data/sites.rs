//! Where faults fire in the scenario, with their classes and rates.

use steadfast_sim::{Choice, Knob, Site};

/// A batch handed to the store.
pub(super) static COMMIT: Site = Site::new(
    "port.commit",
    &[
        Choice::of("S1").rate_ppm(2_000, 40_000),
        Choice::of("S2").rate_ppm(2_000, 60_000),
        Choice::of("S3").millis(0, 600_000).rate_ppm(2_000, 80_000),
        Choice::of("S5").rate_ppm(2_000, 30_000),
        Choice::of("S9").rate_ppm(2_000, 30_000),
        Choice::of("S17").millis(10, 60_000).rate_ppm(2_000, 30_000),
    ],
);

/// A read, a scan or a run of heads.
pub(super) static READ: Site = Site::new(
    "port.read",
    &[
        Choice::of("S1").rate_ppm(1_000, 20_000),
        Choice::of("S17").millis(10, 60_000).rate_ppm(1_000, 20_000),
    ],
);

/// Whenever a batch is handed over: the process ends a moment later.
pub(super) static PROCESS: Site = Site::new(
    "process.commit",
    &[
        Choice::of("P1").millis(0, 20).rate_ppm(500, 8_000),
        Choice::of("P2").millis(0, 20).rate_ppm(500, 8_000),
    ],
);

/// Once a round: the clock of the machine.
pub(super) static CLOCK: Site = Site::new(
    "port.clock",
    &[Choice::of("T2").millis(-10_800_000, 10_800_000).rate_ppm(20_000, 250_000)],
);

/// Once a round: the disk at rest. The number says which row.
pub(super) static DISK_REST: Site =
    Site::new("port.rest", &[Choice::of("S10").count(0, 999_999).rate_ppm(10_000, 100_000)]);

/// Most writes to one entry at a time.
pub(super) static LANE_LENGTH: Knob = Knob::new("data.writes_per_key_max", 8, &[1, 2]);

/// How many rows a pass of the sweep looks at.
pub(super) static SWEEP_BUDGET: Knob = Knob::new("data.sweep_budget", 200, &[1, 3, 10]);
