//! How the store ends, what is lost with it, and how it opens again.

use std::time::Duration;

use steadfast_core::platform::Step;
use steadfast_core::{Monotonic, OpeningId, Outcome};

use super::super::marks::Mark;
use super::super::witness::Witness as _;
use super::super::{Context, Event};
use super::{Purpose, RESTART, Setback, Shadow, Store};

/// When copies of what a fail-over lost arrive, in milliseconds.
const COPIES: std::ops::Range<u64> = 100..20_000;

impl Store {
    /// From now on there is a shadow, for so long.
    pub(in super::super) fn cast_shadow(
        &mut self,
        ctx: &mut Context<'_>,
        purpose: Purpose,
        for_: Duration,
    ) {
        if !self.is_up || self.shadow.is_some() {
            return;
        }
        self.shadow =
            Some(Shadow { rows: self.rows.clone(), purpose, kept: Vec::new(), lost: Vec::new() });
        let event = Event::ShadowEnds { life: self.life };
        ctx.sim.world.schedule_in(for_, event);
    }

    /// The time of the shadow is over. Whether the store fails with it.
    pub(in super::super) fn end_shadow(&mut self, life: u32) -> bool {
        if life != self.life {
            return false;
        }
        if self.shadow.as_ref().is_some_and(|shadow| shadow.purpose == Purpose::Lag) {
            self.shadow = None;
        }
        self.shadow.is_some()
    }

    /// Whether the process that has the store open ends now.
    pub(in super::super) fn end(&mut self, ctx: &mut Context<'_>, life: u32, how: Setback) -> bool {
        if life != self.life || !self.is_up {
            return false;
        }
        self.life += 1;
        self.is_up = false;
        self.stalled_until = Monotonic::default();
        self.full_until = Monotonic::default();
        ctx.sim.trace.event(ctx.now, "the store ends").number("life", u64::from(life));
        let jobs = std::mem::take(&mut self.jobs);
        self.free.clear();
        for job in jobs.into_iter().flatten() {
            if let Some(Step::Commit(batch)) = &job.step
                && self.rng.percent(50)
            {
                // Nobody hears of it.
                let outcome = self.commit(ctx, job.author, batch);
                ctx.marks.meet_if(Mark::CrashWrote, matches!(outcome, Outcome::Committed(_)));
            }
        }
        let shadow = self.shadow.take();
        let down = match how {
            Setback::Killed(down) => down,
            Setback::FailedOver => {
                if let Some(shadow) = shadow {
                    self.go_back(ctx, shadow);
                }
                Duration::from_millis(self.rng.in_range(RESTART))
            }
        };
        ctx.sim.world.schedule_in(down, Event::StoreOpens { life: self.life });
        true
    }

    fn go_back(&mut self, ctx: &mut Context<'_>, shadow: Shadow) {
        let Shadow { mut rows, kept, lost, purpose } = shadow;
        for (batch, stamped_at) in kept {
            rows.apply(&batch, stamped_at);
        }
        let is_behind = rows.last_stamp() < self.rows.last_stamp();
        let is_standby = purpose == Purpose::Standby;
        ctx.marks.meet_if(Mark::LostRenewals, is_behind && !is_standby);
        ctx.marks.meet_if(Mark::LostCommits, is_behind && is_standby);
        self.rows = rows;
        self.past.go_back(&self.rows);
        ctx.sim.trace.event(ctx.now, "the store goes back").flag("behind", is_behind);
        ctx.bench.rewound(ctx.now, &self.rows);
        // Copies of what is lost are still on their way, or lie in a queue of the old machine.
        for lost in lost {
            if self.rng.percent(25) {
                let delay = Duration::from_millis(self.rng.in_range(COPIES));
                let late = Event::Late { life: self.life, batch: Box::new(lost) };
                ctx.sim.world.schedule_in(delay, late);
            }
        }
    }

    /// The store opens again.
    pub(in super::super) fn open(&mut self, ctx: &mut Context<'_>, life: u32) -> Option<OpeningId> {
        if life != self.life || self.is_up {
            return None;
        }
        self.is_up = true;
        self.opening = OpeningId(self.rng.next_u128());
        self.started_at = self.time(ctx.now);
        ctx.sim.trace.event(ctx.now, "the store opens").number("life", u64::from(life));
        ctx.bench.reopened(ctx.now, self.opening);
        if let Some(left) = self.crash_loop.checked_sub(1) {
            self.crash_loop = left;
            self.end_soon(ctx);
        }
        Some(self.opening)
    }

    /// P5: it ends a few times right after it began.
    pub(in super::super) fn begin_crash_loop(&mut self, ctx: &mut Context<'_>, times: i64) {
        self.crash_loop = u32::try_from(times).unwrap_or(0);
        if self.is_up {
            self.end_soon(ctx);
        }
    }

    fn end_soon(&mut self, ctx: &mut Context<'_>) {
        let delay = Duration::from_millis(self.rng.in_range(0..2_000));
        let how = Setback::Killed(Duration::from_millis(self.rng.in_range(RESTART)));
        ctx.sim.world.schedule_in(delay, Event::StoreEnds { life: self.life, how });
    }

    /// No fault any more.
    pub(in super::super) fn heal(&mut self, ctx: &mut Context<'_>) {
        self.crash_loop = 0;
        self.shadow = None;
        self.full_until = Monotonic::default();
        self.stalled_until = self.stalled_until.min(ctx.now.mono);
        self.clock.set_drift_ppm(ctx.now, 0);
        if !self.is_up {
            ctx.sim
                .world
                .schedule_in(Duration::from_secs(1), Event::StoreOpens { life: self.life });
        }
    }
}
