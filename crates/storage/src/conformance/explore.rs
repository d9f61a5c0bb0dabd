//! Generated cases, with a seed that brings a failure back.

use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Checks generated cases and shrinks the first that fails. `PROPTEST_RNG_SEED` repeats a run,
/// `PROPTEST_CASES` sets the number of cases.
#[track_caller]
pub(super) fn explore<S: Strategy>(cases: u32, strategy: &S, fact: impl Fn(S::Value)) {
    let defaults = Config::default();
    let was_told_how_many = std::env::vars_os().any(|(name, _)| name == "PROPTEST_CASES");
    let cases = if was_told_how_many { defaults.cases } else { cases };
    let seed = match defaults.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => random_seed(),
    };
    let rng_seed = RngSeed::Fixed(seed);
    let config = Config {
        cases,
        rng_seed,
        // A regression file beside the sources of this crate would serve no engine's tests.
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..defaults
    };
    let result = TestRunner::new(config).run(strategy, |case| {
        fact(case);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}\nrun this test with PROPTEST_RNG_SEED={seed} to see it again");
    }
}

/// The seed of a test run that was not given one. Printed with the failure.
pub(super) fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
