//! Faults: which fire where, drawn from the seed or replayed from a plan.
//!
//! The code under test visits a [`Site`] wherever something could go wrong, and acts on the
//! [`Fault`] it gets. Drawing is swarm testing: a seed first draws which classes exist at all
//! and how often each fires at each site, so that one seed has only lost replies and another
//! only pauses. What fires is recorded, and replaying the record fires exactly the same.
//!
//! Every site, class and knob draws from a stream of its own: a new site does not shift the
//! faults of the old ones.

mod site;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use steadfast_core::Rng;

use crate::plan::{Decision, Parameter, Plan};

pub use site::{Choice, Knob, Site};

/// Everything fires at most this often out of so many visits.
const MILLION: u64 = 1_000_000;

/// How a seed draws its faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// In how many of 100 seeds a class exists.
    pub exists_percent: u64,
    /// In how many of 100 seeds a knob leaves its normal value.
    pub knob_percent: u64,
    /// Classes that exist in every seed.
    pub always: Vec<&'static str>,
    /// Classes that exist in no seed, also if they are in `always`.
    pub never: Vec<&'static str>,
    /// Most faults of one run.
    pub fired_count_max: usize,
}

impl Default for Swarm {
    fn default() -> Self {
        Self {
            exists_percent: 50,
            knob_percent: 25,
            always: Vec::new(),
            never: Vec::new(),
            fired_count_max: 10_000,
        }
    }
}

impl Swarm {
    /// Nothing fires and every knob is normal.
    pub fn none() -> Self {
        Self { exists_percent: 0, knob_percent: 0, ..Self::default() }
    }

    /// Only these classes, in every seed.
    pub fn only(classes: impl Into<Vec<&'static str>>) -> Self {
        Self { always: classes.into(), ..Self::none() }
    }

    fn has(&self, seed: u64, class: &str) -> bool {
        !self.never.contains(&class)
            && (self.always.contains(&class)
                || Rng::stream(seed, &format!("class {class}")).percent(self.exists_percent))
    }
}

/// A fault that fires now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its class, one of those the site offers.
    pub class: &'static str,
    /// Its size, if the site gives the class one.
    pub parameter: Option<Parameter>,
}

impl Fault {
    /// The parameter's number, 0 without one.
    pub fn amount(&self) -> i64 {
        self.parameter.map_or(0, Parameter::amount)
    }

    /// The parameter as a duration in milliseconds; zero if it is negative or missing.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.amount()).unwrap_or(0))
    }
}

/// The faults of one run: drawn or replayed, counted and recorded.
#[derive(Clone, Debug)]
pub struct Faults {
    mode: Mode,
    recorded: Plan,
    /// A few dozen: found faster in a row than in a tree.
    sites: Vec<SiteState>,
    fired: BTreeMap<&'static str, u64>,
    healed: bool,
}

#[derive(Clone, Debug)]
enum Mode {
    Drawing(Swarm),
    /// Decisions of sites not visited yet, per site.
    Replaying(BTreeMap<Cow<'static, str>, Vec<Decision>>),
}

#[derive(Clone, Debug)]
struct SiteState {
    name: &'static str,
    visits: u64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Drawn {
        rng: Rng,
        armed: Vec<Armed>,
    },
    /// What is still to fire, the next one last.
    Planned(Vec<Decision>),
}

/// A class that exists in this seed: fires on draws below `below` that no class before it took.
#[derive(Clone, Debug)]
struct Armed {
    below: u64,
    choice: Choice,
}

impl Faults {
    /// Faults drawn from the seed of `head`. Its knobs are kept as they are, its decisions are
    /// dropped.
    pub fn drawing(head: Plan, swarm: Swarm) -> Self {
        Self::new(Mode::Drawing(swarm), Plan { decisions: Vec::new(), ..head })
    }

    /// Exactly the faults of a plan.
    pub fn replaying(plan: Plan) -> Self {
        let mut planned: BTreeMap<_, Vec<Decision>> = BTreeMap::new();
        for decision in &plan.decisions {
            planned.entry(decision.site.clone()).or_default().push(decision.clone());
        }
        for decisions in planned.values_mut() {
            // The next one last; of two for one visit, the one that stands first in the plan.
            decisions.sort_by_key(|decision| decision.occurrence);
            decisions.reverse();
        }
        Self::new(Mode::Replaying(planned), Plan { decisions: Vec::new(), ..plan })
    }

    fn new(mode: Mode, recorded: Plan) -> Self {
        Self { mode, recorded, sites: Vec::new(), fired: BTreeMap::new(), healed: false }
    }

    /// Visits a site: tells what goes wrong there this time.
    ///
    /// A planned class that the site does not offer never fires.
    pub fn visit(&mut self, site: &Site) -> Option<Fault> {
        let index = match self.sites.iter().position(|state| state.name == site.name) {
            Some(index) => index,
            None => self.enter(site),
        };
        let state = self.sites.get_mut(index).expect("found or entered just now");
        state.visits += 1;
        if self.healed {
            return None;
        }
        let fault = match (&mut state.source, &self.mode) {
            (Source::Drawn { rng, armed }, Mode::Drawing(swarm)) => {
                if armed.is_empty() || self.recorded.decisions.len() >= swarm.fired_count_max {
                    return None;
                }
                let draw = rng.below(MILLION);
                let choice = &armed.iter().find(|armed| draw < armed.below)?.choice;
                Fault { class: choice.class, parameter: choice.draw_parameter(rng) }
            }
            (Source::Planned(waiting), _) => planned(waiting, state.visits, site)?,
            (Source::Drawn { .. }, Mode::Replaying(_)) => return None,
        };
        *self.fired.entry(fault.class).or_default() += 1;
        self.recorded.decisions.push(Decision {
            site: Cow::Borrowed(site.name),
            occurrence: state.visits,
            class: Cow::Borrowed(fault.class),
            parameter: fault.parameter,
        });
        Some(fault)
    }

    /// The value of a limit in this run.
    pub fn knob(&mut self, knob: &Knob) -> u64 {
        if let Some(&value) = self.recorded.knobs.get(knob.name) {
            return value;
        }
        let Mode::Drawing(swarm) = &self.mode else {
            return knob.normal;
        };
        // A stream of its own gives the same answer however often it is asked.
        let mut rng = Rng::stream(self.recorded.seed, &format!("knob {}", knob.name));
        if !rng.percent(swarm.knob_percent) {
            return knob.normal;
        }
        let value = rng.pick(knob.extremes).copied().unwrap_or(knob.normal);
        if value != knob.normal {
            self.recorded.knobs.insert(Cow::Borrowed(knob.name), value);
        }
        value
    }

    /// Ends the safety phase: nothing fires any more, visits still count.
    pub fn heal(&mut self) {
        self.healed = true;
    }

    /// Whether [`Faults::heal`] was called.
    pub const fn is_healed(&self) -> bool {
        self.healed
    }

    /// The seed of the run.
    pub const fn seed(&self) -> u64 {
        self.recorded.seed
    }

    /// Whether this bug is planted.
    pub fn has_bug(&self, bug: &str) -> bool {
        self.recorded.planted_bug.as_deref() == Some(bug)
    }

    /// How often each class fired; 0 for a class that was offered and did not.
    pub const fn fired(&self) -> &BTreeMap<&'static str, u64> {
        &self.fired
    }

    /// How often a site was visited.
    pub fn visits(&self, site: &str) -> u64 {
        self.sites.iter().find(|state| state.name == site).map_or(0, |state| state.visits)
    }

    /// The run so far as a plan: what fired, and not what was planned but never reached.
    pub const fn plan(&self) -> &Plan {
        &self.recorded
    }

    /// As [`Faults::plan`], at the end of a run.
    pub fn into_plan(self) -> Plan {
        self.recorded
    }

    /// The first visit of a site.
    fn enter(&mut self, site: &Site) -> usize {
        for choice in site.choices {
            self.fired.entry(choice.class).or_default();
        }
        let source = match &mut self.mode {
            Mode::Drawing(swarm) => arm(swarm, self.recorded.seed, site),
            Mode::Replaying(planned) => {
                Source::Planned(planned.remove(site.name).unwrap_or_default())
            }
        };
        self.sites.push(SiteState { name: site.name, visits: 0, source });
        self.sites.len() - 1
    }
}

/// Draws which classes of a site exist in this seed, and how often each fires.
fn arm(swarm: &Swarm, seed: u64, site: &Site) -> Source {
    let mut armed = Vec::new();
    let mut below = 0;
    for choice in site.choices {
        if swarm.has(seed, choice.class) {
            let purpose = format!("rate {} {}", site.name, choice.class);
            below += choice.draw_rate_ppm(&mut Rng::stream(seed, &purpose));
            armed.push(Armed { below, choice: *choice });
        }
    }
    Source::Drawn { rng: Rng::stream(seed, &format!("site {}", site.name)), armed }
}

/// What a plan says for one visit.
fn planned(waiting: &mut Vec<Decision>, visit: u64, site: &Site) -> Option<Fault> {
    while waiting.last().is_some_and(|next| next.occurrence < visit) {
        waiting.pop();
    }
    let decision = waiting.pop_if(|next| next.occurrence == visit)?;
    let choice = site.choices.iter().find(|choice| *choice.class == *decision.class)?;
    Some(Fault { class: choice.class, parameter: decision.parameter })
}

#[cfg(test)]
mod tests;
