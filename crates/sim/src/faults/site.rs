//! Where faults may fire, and which limits may shrink: the part that scenarios write down.

use steadfast_core::Rng;

use crate::plan::Parameter;

/// A place where something can go wrong. Make it a `static`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name in plans: `store.commit`. One name, one site.
    pub name: &'static str,
    /// What can go wrong there.
    pub choices: &'static [Choice],
}

impl Site {
    /// A site.
    pub const fn new(name: &'static str, choices: &'static [Choice]) -> Self {
        Self { name, choices }
    }
}

/// A fault class that a site offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The stable code of the class: `S2`.
    pub class: &'static str,
    /// Lowest and highest parameter, with the unit.
    spread: Option<(Parameter, Parameter)>,
    rate_ppm_min: u64,
    rate_ppm_max: u64,
}

impl Choice {
    /// A class without parameter that fires in 0.1 % to 5 % of visits.
    pub const fn of(class: &'static str) -> Self {
        Self { class, spread: None, rate_ppm_min: 1_000, rate_ppm_max: 50_000 }
    }

    /// The same class, firing in so many of a million visits. Each seed draws its own rate.
    #[must_use]
    pub const fn rate_ppm(mut self, min: u64, max: u64) -> Self {
        self.rate_ppm_min = min;
        self.rate_ppm_max = max;
        self
    }

    /// The same class with a size in milliseconds. Half of the draws favour small ones.
    #[must_use]
    pub const fn millis(mut self, lowest: i64, highest: i64) -> Self {
        self.spread = Some((Parameter::Millis(lowest), Parameter::Millis(highest)));
        self
    }

    /// The same class with a size in parts per million.
    #[must_use]
    pub const fn ppm(mut self, lowest: i64, highest: i64) -> Self {
        self.spread = Some((Parameter::Ppm(lowest), Parameter::Ppm(highest)));
        self
    }

    /// The same class with a number of things.
    #[must_use]
    pub const fn count(mut self, lowest: i64, highest: i64) -> Self {
        self.spread = Some((Parameter::Count(lowest), Parameter::Count(highest)));
        self
    }

    pub(super) fn draw_rate_ppm(&self, rng: &mut Rng) -> u64 {
        let span = self.rate_ppm_max.saturating_sub(self.rate_ppm_min);
        self.rate_ppm_min.saturating_add(spread_below(rng, span))
    }

    pub(super) fn draw_parameter(&self, rng: &mut Rng) -> Option<Parameter> {
        let (lowest, highest) = self.spread?;
        let span = u64::try_from(highest.amount().saturating_sub(lowest.amount())).unwrap_or(0);
        // A spread around zero has its small sizes in the middle, not at its low end.
        let amount = if lowest.amount() < 0 {
            lowest.amount().saturating_add_unsigned(rng.in_range(0..span.saturating_add(1)))
        } else {
            lowest.amount().saturating_add_unsigned(spread_below(rng, span))
        };
        Some(lowest.with_amount(amount))
    }
}

/// A limit that a seed may move to an extreme. Make it a `static`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knob {
    /// Its name in plans: `ends_max`. One name, one knob.
    pub name: &'static str,
    /// Its value in most seeds.
    pub normal: u64,
    /// What it is otherwise: usually 1.
    pub extremes: &'static [u64],
}

impl Knob {
    /// A knob.
    pub const fn new(name: &'static str, normal: u64, extremes: &'static [u64]) -> Self {
        Self { name, normal, extremes }
    }
}

/// A number up to `span`: half of the time any, half of the time of any magnitude.
fn spread_below(rng: &mut Rng, span: u64) -> u64 {
    let magnitudes = u64::from(u64::BITS - span.leading_zeros());
    let shift = if rng.percent(50) { 0 } else { rng.below(magnitudes) };
    rng.in_range(0..(span >> shift).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_stay_in_their_spread_and_reach_both_ends() {
        let mut rng = Rng::seeded(1);
        let choice = Choice::of("N5").millis(10, 90_000).rate_ppm(5, 8);
        let sizes: Vec<i64> = (0..2_000)
            .map(|_| choice.draw_parameter(&mut rng).map_or(0, Parameter::amount))
            .collect();
        assert!(sizes.iter().all(|size| (10..=90_000).contains(size)));
        assert!(sizes.iter().any(|size| *size < 15));
        assert!(sizes.iter().filter(|size| **size > 45_000).count() > 400);
        let rates: Vec<u64> = (0..200).map(|_| choice.draw_rate_ppm(&mut rng)).collect();
        assert!((5..=8).all(|rate| rates.contains(&rate)));
        assert!(rates.iter().all(|rate| (5..=8).contains(rate)));
    }

    #[test]
    fn a_jump_goes_both_ways() {
        let mut rng = Rng::seeded(1);
        let choice = Choice::of("T2").millis(-1_000, 1_000);
        let sizes: Vec<i64> = (0..200)
            .map(|_| choice.draw_parameter(&mut rng).map_or(0, Parameter::amount))
            .collect();
        assert!(sizes.iter().any(|size| *size < -500) && sizes.iter().any(|size| *size > 500));
        assert_eq!(Choice::of("S1").draw_parameter(&mut rng), None);
    }
}
