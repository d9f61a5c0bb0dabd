//! Every limit of a request, by name and unit, in two profiles.
//!
//! Sources: `features` row 1.6 for the native profile, the platform contract's K and U rows for the
//! Roblox one. Sizes are bytes. How often a request may come is in [`budget`](crate::budget).

use std::fmt;

use crate::budget::Rates;

/// What a request may hold. A length equal to the limit is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest data store name, in bytes (K-01).
    pub store_name_size_max: usize,
    /// Longest scope, in bytes (K-02).
    pub scope_size_max: usize,
    /// Longest entry key, in bytes (K-03).
    pub key_size_max: usize,
    /// Largest value, in bytes of JSON text (K-20).
    pub value_size_max: usize,
    /// Deepest value, in nested arrays and objects (J-23).
    pub value_depth_max: usize,
    /// Largest metadata, in bytes of compact JSON (U-04).
    pub metadata_size_max: usize,
    /// Most user ids of an entry (U-09).
    pub user_id_count_max: usize,
    /// Longest user id that is text, in bytes; 0 where only numbers are allowed.
    pub user_id_text_size_max: usize,
    /// Largest batch, in bytes of its values.
    pub batch_size_max: usize,
    /// Most items of a page.
    pub page_size_max: usize,
    /// Most writes to one key at the same time: one under way, the others waiting.
    pub writes_per_key_max: usize,
    /// What a minute may hold; nothing where requests are not counted.
    pub rates: Option<Rates>,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Limits {
    /// The live service's limits.
    pub const fn roblox() -> Self {
        Self {
            store_name_size_max: 50,
            scope_size_max: 50,
            key_size_max: 50,
            value_size_max: 4 * MIB,
            value_depth_max: 128,
            // 299 was accepted and 300 refused when it was tried out (U-04).
            metadata_size_max: 299,
            user_id_count_max: 4,
            user_id_text_size_max: 0,
            batch_size_max: 8 * MIB,
            page_size_max: 1_000,
            writes_per_key_max: 64,
            rates: Some(Rates::roblox()),
        }
    }

    /// Our own limits, the default.
    pub const fn native() -> Self {
        Self {
            store_name_size_max: 512,
            scope_size_max: 512,
            key_size_max: 512,
            value_size_max: 16 * MIB,
            value_depth_max: 128,
            metadata_size_max: 4 * KIB,
            user_id_count_max: 16,
            user_id_text_size_max: 64,
            // One value with its rows may exceed it: see `Batch::check`.
            batch_size_max: 8 * MIB,
            page_size_max: 1_000,
            writes_per_key_max: 64,
            rates: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::native()
    }
}

/// A length that is over its limit, or empty where something must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// What was measured, as the caller knows it.
    pub what: &'static str,
    /// What it measures.
    pub actual: usize,
    /// The most that is allowed.
    pub limit: usize,
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, actual, limit } = self;
        write!(f, "`{what}` is {actual}, the limit is {limit}")
    }
}

impl std::error::Error for LimitExceeded {}
