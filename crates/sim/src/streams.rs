//! One generator per purpose of a seed.
//!
//! A draw more in one stream leaves the others as they were, so that a changed scenario still
//! meets the same network and the same faults.

use steadfast_core::Rng;

/// Latencies, losses and the order of messages.
pub const NETWORK: &str = "network";
/// What players and servers do.
pub const WORKLOAD: &str = "workload";
/// When things happen that nobody asked for.
pub const SCHEDULE: &str = "schedule";
/// Ids, nonces, jitter.
pub const IDS: &str = "ids";

/// The generators of one seed, made when first asked for.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: u64,
    /// A handful: found faster in a row than in a tree.
    made: Vec<(Box<str>, Rng)>,
}

impl Streams {
    /// The streams of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, made: Vec::new() }
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The generator of a purpose, where its last draw left it.
    pub fn get(&mut self, purpose: &str) -> &mut Rng {
        let found = self.made.iter().position(|(name, _)| **name == *purpose);
        let index = found.unwrap_or_else(|| {
            self.made.push((purpose.into(), Rng::stream(self.seed, purpose)));
            self.made.len() - 1
        });
        let (_, rng) = self.made.get_mut(index).expect("found or made just now");
        rng
    }

    /// A generator of its own for one part of the world, such as a node.
    pub fn own(&self, purpose: &str) -> Rng {
        Rng::stream(self.seed, purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload_after(network_draws: usize) -> Vec<u64> {
        let mut streams = Streams::new(7);
        let mut draws = Vec::new();
        for _ in 0..4 {
            for _ in 0..network_draws {
                streams.get(NETWORK).next_u64();
            }
            draws.push(streams.get(WORKLOAD).next_u64());
        }
        draws
    }

    #[test]
    fn more_draws_in_one_stream_leave_the_others() {
        assert_eq!(workload_after(0), workload_after(5));
        assert_eq!(Streams::new(7).own(WORKLOAD).next_u64(), workload_after(1)[0]);
    }

    #[test]
    fn a_stream_goes_on_where_it_stopped() {
        let draws = workload_after(0);
        assert_ne!(draws[0], draws[1]);
    }
}
