//! The numbers, by the ids of their rows.

/// A limit that grows with the players of an experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// With nobody in it.
    pub base: u64,
    /// For each player more.
    pub per_player: u64,
}

impl Scaled {
    const fn new(base: u64, per_player: u64) -> Self {
        Self { base, per_player }
    }

    /// The limit with so many players.
    pub const fn at(self, player_count: u64) -> u64 {
        self.base.saturating_add(self.per_player.saturating_mul(player_count))
    }
}

/// What a minute may hold: requests in the fields that end with `_count`, KB of 1,024 bytes in those
/// that end with `_kib`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Reads of standard entries through v2 (B-20).
    pub standard_read_count: Scaled,
    /// Writes of standard entries through v2 (B-21).
    pub standard_write_count: Scaled,
    /// Lists of data stores, entries and revisions through v2 (B-22).
    pub standard_list_count: Scaled,
    /// Removals of entries and data stores through v2 (B-23).
    pub standard_remove_count: Scaled,
    /// Reads of ordered entries through v2 (B-20).
    pub ordered_read_count: Scaled,
    /// Writes of ordered entries through v2 (B-21).
    pub ordered_write_count: Scaled,
    /// Lists of ordered entries through v2 (B-22).
    pub ordered_list_count: Scaled,
    /// Removals of ordered entries through v2 (B-23).
    pub ordered_remove_count: Scaled,
    /// Reads of one entry, through either generation (T-01).
    pub key_read_kib: u64,
    /// Writes of one entry, removals included, through either generation (T-02).
    pub key_write_kib: u64,
    /// Writes through v1, removals included, in one universe (B-50).
    pub v1_standard_write_count: u64,
    /// The same, by size (B-50).
    pub v1_standard_write_kib: u64,
    /// Reads and lists through v1 in one universe (B-51).
    pub v1_standard_read_count: u64,
    /// The same, by size (B-51).
    pub v1_standard_read_kib: u64,
    /// Writes of ordered entries through v1 in one universe (B-52).
    pub v1_ordered_write_count: u64,
    /// Reads and lists of ordered entries through v1 in one universe (B-52).
    pub v1_ordered_read_count: u64,
    /// Calls of v1 on standard data stores by one owner (B-54).
    pub owner_v1_standard_count: u64,
    /// Calls of v1 on ordered data stores by one owner (B-54).
    pub owner_v1_ordered_count: u64,
    /// Calls of v2 by one owner (B-54).
    pub owner_v2_count: u64,
    /// Snapshots by one owner, which count nowhere else (B-27, B-54).
    pub owner_snapshot_count: u64,
}

impl Rates {
    /// The live service's.
    pub const fn roblox() -> Self {
        Self {
            standard_read_count: Scaled::new(300, 40),
            standard_write_count: Scaled::new(300, 20),
            standard_list_count: Scaled::new(300, 2),
            standard_remove_count: Scaled::new(300, 40),
            ordered_read_count: Scaled::new(300, 40),
            ordered_write_count: Scaled::new(300, 20),
            ordered_list_count: Scaled::new(300, 2),
            ordered_remove_count: Scaled::new(300, 40),
            key_read_kib: 25 * 1024,
            key_write_kib: 4 * 1024,
            v1_standard_write_count: 300,
            v1_standard_write_kib: 10 * 1024,
            v1_standard_read_count: 300,
            v1_standard_read_kib: 20 * 1024,
            v1_ordered_write_count: 300,
            v1_ordered_read_count: 300,
            owner_v1_standard_count: 5_000,
            owner_v1_ordered_count: 500,
            owner_v2_count: 1_000_000,
            owner_snapshot_count: 60,
        }
    }
}
