//! What there is to say about ordered data stores.

use clap::{Args, Subcommand};
use steadfast_core::UniverseId;
use steadfast_core::platform::parse_amount;

use super::{Consent, Target, parse_universe};

/// `ordered`.
#[derive(Subcommand, Debug)]
pub(crate) enum Ordered {
    /// List a board by value, the largest first.
    Top(OrderedTop),
    /// Print the rank of a key on its board.
    Rank(OrderedRank),
    /// List the keys around one on its board.
    Around(OrderedAround),
    /// Print the value of a key.
    Get(OrderedEntry),
    /// Give a key a value.
    Set(OrderedChange),
    /// Add to the value of a key, and print the sum.
    Increment(OrderedChange),
    /// Remove a key for good: boards have no history.
    Remove(OrderedRemove),
}

/// Names a board.
#[derive(Args, Debug)]
pub(crate) struct BoardPlace {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The universe.
    #[arg(long, value_name = "UNIVERSE", value_parser = parse_universe)]
    pub(crate) universe: UniverseId,
    /// The scope within the ordered data store.
    #[arg(long, value_name = "SCOPE", default_value = steadfast_core::id::DEFAULT_SCOPE)]
    pub(crate) scope: String,
    /// The ordered data store.
    #[arg(value_name = "BOARD")]
    pub(crate) store: String,
}

/// Names a key on a board.
#[derive(Args, Debug)]
pub(crate) struct OrderedEntry {
    #[command(flatten)]
    pub(crate) board: BoardPlace,
    /// The key.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
}

/// `ordered top`.
#[derive(Args, Debug)]
pub(crate) struct OrderedTop {
    #[command(flatten)]
    pub(crate) board: BoardPlace,
    /// Most keys that are listed.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
    /// The smallest value first.
    #[arg(long)]
    pub(crate) ascending: bool,
    /// Only values that are not smaller.
    #[arg(long, value_name = "N", default_value_t = i64::MIN, hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) min: i64,
    /// Only values that are not larger.
    #[arg(long, value_name = "N", default_value_t = i64::MAX, hide_default_value = true, allow_hyphen_values = true)]
    pub(crate) max: i64,
}

/// `ordered rank`.
#[derive(Args, Debug)]
pub(crate) struct OrderedRank {
    #[command(flatten)]
    pub(crate) entry: OrderedEntry,
    /// The smallest value is the best.
    #[arg(long)]
    pub(crate) ascending: bool,
}

/// `ordered around`.
#[derive(Args, Debug)]
pub(crate) struct OrderedAround {
    #[command(flatten)]
    pub(crate) rank: OrderedRank,
    /// How many keys are listed on each side.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) count: u32,
}

/// `ordered set`, `ordered increment`.
#[derive(Args, Debug)]
pub(crate) struct OrderedChange {
    #[command(flatten)]
    pub(crate) entry: OrderedEntry,
    /// A whole number of 64 bits, which may be below zero.
    #[arg(value_name = "N", allow_hyphen_values = true, value_parser = parse_amount)]
    pub(crate) amount: i64,
}

/// `ordered remove`.
#[derive(Args, Debug)]
pub(crate) struct OrderedRemove {
    #[command(flatten)]
    pub(crate) entry: OrderedEntry,
    #[command(flatten)]
    pub(crate) consent: Consent,
}
