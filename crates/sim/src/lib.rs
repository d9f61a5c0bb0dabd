//! A deterministic world: clock, events, seeded streams, fault plans, shrinker.
