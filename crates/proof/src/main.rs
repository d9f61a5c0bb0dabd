//! Scenarios, oracles and history checkers that attack Steadfast.

fn main() {}
