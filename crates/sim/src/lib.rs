//! A deterministic world: clock, events, seeded streams, fault plans, shrinker.
//!
//! A run is a function of its [`Plan`]: the seed draws the workload, the latencies and the order
//! of equal times; the decisions say which fault fires where. The same plan gives the same trace
//! hash on every machine. The crate knows nothing of stores or players, reads no clock and prints
//! nothing.
//!
//! Read the modules in this order: [`simulation`] shows a whole run, [`runner`] many of them;
//! the others are the parts.
//!
//! ```
//! use std::time::Duration;
//! use steadfast_sim::{Choice, Setup, Simulation, Site, run_seeds, simulate};
//!
//! static SEND: Site = Site::new("net.send", &[
//!     Choice::of("N1"),
//!     Choice::of("N5").millis(100, 90_000).rate_ppm(1_000, 200_000),
//! ]);
//!
//! struct Ping { node: u64 }
//!
//! fn ping_pong(sim: &mut Simulation<Ping>) -> Result<(), String> {
//!     sim.world.schedule_in(Duration::from_millis(1), Ping { node: 1 });
//!     while let Some((now, ping)) = sim.world.pop() {
//!         sim.trace.event(now, "ping").number("node", ping.node);
//!         sim.totals.add("pings", 1);
//!         let mut delay = Duration::from_micros(sim.streams.get("network").in_range(100..900));
//!         match sim.faults.visit(&SEND) {
//!             Some(fault) if fault.class == "N1" => continue,
//!             Some(fault) => delay = fault.duration(),
//!             None => {}
//!         }
//!         sim.totals.sometimes("a minute passed", now.mono.nanos() > 60_000_000_000);
//!         if now.mono.nanos() < 100_000_000_000 {
//!             sim.world.schedule_in(delay, Ping { node: 3 - ping.node });
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let one = |seed| simulate(Setup::drawing("ping_pong", seed), ping_pong);
//! let summary = run_seeds(0..20, 2, one);
//! assert!(summary.failed.is_none(), "{}", summary.table());
//! assert_eq!(summary.trace_hash(), run_seeds(0..20, 1, one).trace_hash());
//!
//! let drawn = one(7);
//! let replayed = simulate(Setup::replaying(drawn.plan.clone()), ping_pong);
//! assert_eq!(replayed.trace_hash, drawn.trace_hash);
//! ```
#![forbid(unsafe_code)]

pub mod simulation;

pub mod clock;
pub mod streams;
pub mod world;

pub mod faults;
pub mod plan;
pub mod shrink;

pub mod totals;
pub mod trace;

pub mod runner;

pub use clock::NodeClock;
pub use faults::{Choice, Fault, Faults, Knob, Site, Swarm};
pub use plan::{Decision, Parameter, Plan, PlanError};
pub use runner::{RunReport, Summary, run_seeds};
pub use shrink::shrink;
pub use simulation::{Setup, Simulation, catch, simulate};
pub use streams::Streams;
pub use totals::{Tally, Totals};
pub use trace::{EventLine, Trace, TraceHash};
pub use world::{Ties, TimerId, World};
