//! Randomness as an argument: a seeded generator, split by purpose.
//!
//! The generator is xoshiro256** seeded through `SplitMix64`, both public domain algorithms of
//! Blackman and Vigna. It serves ids, jitter and simulation; secrets come from the system.
//!
//! A stream of its own per purpose keeps runs comparable: one draw more in one place does not
//! shift the draws of any other.

use std::ops::Range;

/// A seeded generator of pseudo-random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The generator of a seed. Equal seeds give equal sequences, on every platform.
    pub fn seeded(seed: u64) -> Self {
        let mut mix = seed;
        Self { state: std::array::from_fn(|_| split_mix(&mut mix)) }
    }

    /// A generator for one purpose of a seed, independent of the others.
    pub fn stream(seed: u64, purpose: &str) -> Self {
        // FNV-1a of the purpose: short, stable, and not a secret.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::seeded(seed ^ hash.rotate_left(17))
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [s0, s1, s2, s3] = self.state;
        let result = s1.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let s2 = s2 ^ s0;
        let s3 = s3 ^ s1;
        self.state = [s0 ^ s3, s1 ^ s2, s2 ^ (s1 << 17), s3.rotate_left(45)];
        result
    }

    /// The next 128 random bits.
    pub fn next_u128(&mut self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }

    /// A number below `bound`, without bias; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Numbers under the threshold would make the low results more likely: draw again.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            let low = u64::try_from(wide & u128::from(u64::MAX)).expect("masked to 64 bits");
            if low >= threshold {
                return u64::try_from(wide >> 64).expect("the upper half has 64 bits");
            }
        }
    }

    /// A number in a range; its start if the range is empty.
    pub fn in_range(&mut self, range: Range<u64>) -> u64 {
        range.start.saturating_add(self.below(range.end.saturating_sub(range.start)))
    }

    /// True in `percent` of 100 draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items, or none if there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(items.len()).unwrap_or(u64::MAX));
        items.get(usize::try_from(index).unwrap_or(usize::MAX))
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_sequences_and_purposes_differ() {
        let draw = |mut rng: Rng| -> Vec<u64> { (0..16).map(|_| rng.next_u64()).collect() };
        assert_eq!(draw(Rng::stream(7, "network")), draw(Rng::stream(7, "network")));
        assert_ne!(draw(Rng::stream(7, "network")), draw(Rng::stream(7, "faults")));
        assert_ne!(draw(Rng::stream(7, "network")), draw(Rng::stream(8, "network")));
    }

    #[test]
    fn bounded_draws_stay_in_bounds_and_reach_both_ends() {
        let mut rng = Rng::seeded(1);
        let draws: Vec<u64> = (0..1_000).map(|_| rng.in_range(3..6)).collect();
        assert!(draws.iter().all(|draw| (3..6).contains(draw)));
        assert!((3..6).all(|wanted| draws.contains(&wanted)));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.in_range(5..5), 5);
        assert_eq!(rng.pick::<u8>(&[]), None);
    }

    #[test]
    fn the_sequence_of_a_seed_never_changes() {
        // A stored fault plan replays only while this holds.
        let mut rng = Rng::seeded(42);
        assert_eq!(
            [rng.next_u64(), rng.next_u64(), rng.next_u64()],
            [1_546_998_764_402_558_742, 6_990_951_692_964_543_102, 12_544_586_762_248_559_009]
        );
    }
}
