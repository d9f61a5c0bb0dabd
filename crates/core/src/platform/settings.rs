//! Choices where the live service's documentation leaves one, and the default for history.
//!
//! The numbers are those of the contract's section 10, "Open points". Points that concern scripts,
//! budgets of a game server, memory stores or messages stand with them.

use crate::platform::History;

/// How data stores behave where it is not said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each open point is decided by itself")]
pub struct Settings {
    /// Which revisions are kept in data stores that have no setting of their own.
    pub history: History,
    /// Point 5: whether an entry that is written again after its deletion keeps its birth until it
    /// is purged (I-06).
    pub keep_birth_after_delete: bool,
    /// Point 19: whether the current revision can be removed from history; refused unless set
    /// (V-26). The entry goes on holding what it holds. Refused in any case if no other revision
    /// stands.
    pub remove_current_revision: bool,
    /// Point 21: whether an update that is meant for an existing entry brings a deleted one back.
    pub update_revives: bool,
    /// Point 22: whether the deletion of a deleted entry is refused as one of a missing entry.
    pub deleted_is_missing: bool,
    /// Point 24: whether a filter of ids without a scope may start with `global/` (H-47).
    pub strip_global_prefix: bool,
}

impl Settings {
    /// Those of our own profile of limits.
    pub const fn native() -> Self {
        Self {
            history: History::Thinned,
            keep_birth_after_delete: true,
            remove_current_revision: false,
            update_revives: true,
            deleted_is_missing: true,
            strip_global_prefix: true,
        }
    }

    /// Those of the live service's profile of limits.
    pub const fn roblox() -> Self {
        Self { history: History::Hourly, ..Self::native() }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::native()
    }
}
