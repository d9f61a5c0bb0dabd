//! What a request is to its budgets, and which pools there are.

use std::fmt;

use crate::budget::Rates;
use crate::budget::budgets::Quota;
use crate::id::{ApiKeyId, EntryId, UniverseId};

/// Bytes of a KB (T-04).
const KIB: u64 = 1024;

/// The way by which a request comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// Open Cloud v1.
    V1,
    /// Open Cloud v2.
    V2,
    /// Open Cloud v2, to take a snapshot: outside the pools of data (B-27), and with a limit of its
    /// own for each owner (B-54).
    Snapshot,
}

/// The kind of a data store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Values of any shape.
    Standard,
    /// Numbers in their order.
    Ordered,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reads an entry or one of its revisions.
    Read,
    /// Creates, updates or increments an entry.
    Write,
    /// Lists data stores, entries or revisions.
    List,
    /// Removes an entry; removes or brings back a data store.
    Remove,
}

/// Whether something is read or changed: v1 and throughput know no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Reads and lists.
    Read,
    /// Writes and removals.
    Write,
}

impl Kind {
    const fn access(self) -> Access {
        match self {
            Self::Read | Self::List => Access::Read,
            Self::Write | Self::Remove => Access::Write,
        }
    }
}

/// What a request takes from its budgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Who asks: the key stands for its owner.
    pub owner: ApiKeyId,
    /// How it came in.
    pub door: Door,
    /// What kind of data store it concerns.
    pub family: Family,
    /// What it does.
    pub kind: Kind,
    /// Where.
    pub universe: UniverseId,
    /// The entry whose throughput it uses; none for lists of many.
    pub entry: Option<EntryId>,
    /// Bytes of the value that it carries in either direction: 0 for a missing one, which counts as
    /// 1 KB (T-05), as does a removal.
    pub size: u64,
    /// As how many requests it counts: 1, and 0 for a further look within the same request.
    pub count: u64,
}

/// What has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pool {
    /// Requests of v2 in an experience (B-20 to B-23).
    Experience(Family, Kind),
    /// Requests of v1 in a universe (B-50 to B-53).
    V1Count(Family, Access),
    /// KB of v1 in a universe (B-50, B-51).
    V1Size(Access),
    /// KB of one entry (T-01, T-02).
    Key(Access),
    /// Requests of an owner through a door (B-54). v2 counts both families together.
    Owner(Door, Family),
    /// Not one of the service: the windows that this process may hold.
    Windows,
}

impl Pool {
    /// Every pool, for tables that must be total.
    pub const ALL: [Self; 21] = [
        Self::Experience(Family::Standard, Kind::Read),
        Self::Experience(Family::Standard, Kind::Write),
        Self::Experience(Family::Standard, Kind::List),
        Self::Experience(Family::Standard, Kind::Remove),
        Self::Experience(Family::Ordered, Kind::Read),
        Self::Experience(Family::Ordered, Kind::Write),
        Self::Experience(Family::Ordered, Kind::List),
        Self::Experience(Family::Ordered, Kind::Remove),
        Self::V1Count(Family::Standard, Access::Read),
        Self::V1Count(Family::Standard, Access::Write),
        Self::V1Count(Family::Ordered, Access::Read),
        Self::V1Count(Family::Ordered, Access::Write),
        Self::V1Size(Access::Read),
        Self::V1Size(Access::Write),
        Self::Key(Access::Read),
        Self::Key(Access::Write),
        Self::Owner(Door::V1, Family::Standard),
        Self::Owner(Door::V1, Family::Ordered),
        Self::Owner(Door::V2, Family::Standard),
        Self::Owner(Door::Snapshot, Family::Standard),
        Self::Windows,
    ];

    /// The name, as metrics show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Experience(Family::Standard, Kind::Read) => "experience_standard_read",
            Self::Experience(Family::Standard, Kind::Write) => "experience_standard_write",
            Self::Experience(Family::Standard, Kind::List) => "experience_standard_list",
            Self::Experience(Family::Standard, Kind::Remove) => "experience_standard_remove",
            Self::Experience(Family::Ordered, Kind::Read) => "experience_ordered_read",
            Self::Experience(Family::Ordered, Kind::Write) => "experience_ordered_write",
            Self::Experience(Family::Ordered, Kind::List) => "experience_ordered_list",
            Self::Experience(Family::Ordered, Kind::Remove) => "experience_ordered_remove",
            Self::V1Count(Family::Standard, Access::Read) => "v1_standard_read_count",
            Self::V1Count(Family::Standard, Access::Write) => "v1_standard_write_count",
            Self::V1Count(Family::Ordered, Access::Read) => "v1_ordered_read_count",
            Self::V1Count(Family::Ordered, Access::Write) => "v1_ordered_write_count",
            Self::V1Size(Access::Read) => "v1_standard_read_size",
            Self::V1Size(Access::Write) => "v1_standard_write_size",
            Self::Key(Access::Read) => "key_read",
            Self::Key(Access::Write) => "key_write",
            Self::Owner(Door::V1, Family::Standard) => "owner_v1_standard",
            Self::Owner(Door::V1, Family::Ordered) => "owner_v1_ordered",
            Self::Owner(Door::V2, _) => "owner_v2",
            Self::Owner(Door::Snapshot, _) => "owner_snapshot",
            Self::Windows => "windows",
        }
    }

    /// The live service's name of the refusal (contract sections 4.2 and 4.4, T-06).
    pub const fn error_name(self) -> &'static str {
        match self {
            Self::Experience(Family::Standard, Kind::Read) => "StandardReadExperienceThrottled",
            Self::Experience(Family::Standard, Kind::Write) => "StandardWriteExperienceThrottled",
            Self::Experience(Family::Standard, Kind::List) => "StandardListExperienceThrottled",
            Self::Experience(Family::Standard, Kind::Remove) => "StandardRemoveExperienceThrottled",
            Self::Experience(Family::Ordered, Kind::Read) => "OrderedReadExperienceThrottled",
            Self::Experience(Family::Ordered, Kind::Write) => "OrderedWriteExperienceThrottled",
            Self::Experience(Family::Ordered, Kind::List) => "OrderedListExperienceThrottled",
            Self::Experience(Family::Ordered, Kind::Remove) => "OrderedRemoveExperienceThrottled",
            Self::Key(_) => "KeyThrottled",
            Self::V1Count(..) | Self::V1Size(_) | Self::Owner(..) | Self::Windows => {
                "TooManyRequests"
            }
        }
    }

    /// Whether it counts requests, and so is what the headers of an answer tell of (B-56).
    pub(super) const fn counts_requests(self) -> bool {
        match self {
            Self::Experience(..) | Self::V1Count(..) | Self::Owner(..) => true,
            Self::V1Size(_) | Self::Key(_) | Self::Windows => false,
        }
    }

    /// The pool of whoever asks.
    pub(super) const fn of_owner(door: Door, family: Family) -> Self {
        match door {
            Door::V1 => Self::Owner(door, family),
            Door::V2 | Door::Snapshot => Self::Owner(door, Family::Standard),
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose pool it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Universe(UniverseId),
    Owner(ApiKeyId),
    /// The two families may have data stores of one name.
    Entry(Family, EntryId),
}

/// What is taken from one window.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    pub(super) pool: Pool,
    pub(super) subject: Subject,
    pub(super) amount: u64,
    pub(super) limit: u64,
}

impl Demand {
    /// What it takes from which windows, with the limits of its universe. The owner's are the same
    /// everywhere.
    pub(super) fn draws(&self, quota: &Quota, owner: &Rates) -> Vec<Draw> {
        let (Quota { rates, player_count }, access) = (quota, self.kind.access());
        let kib = self.size.div_ceil(KIB).max(1);
        let in_universe = |pool, amount, limit| Draw {
            pool,
            subject: Subject::Universe(self.universe),
            amount,
            limit,
        };
        let mut draws = match self.door {
            Door::V2 => {
                let limit = rates.experience(self.family, self.kind).at(*player_count);
                vec![in_universe(Pool::Experience(self.family, self.kind), self.count, limit)]
            }
            Door::V1 => {
                let (count, size) = rates.v1(self.family, access);
                let counted = in_universe(Pool::V1Count(self.family, access), self.count, count);
                let sized = size.map(|limit| in_universe(Pool::V1Size(access), kib, limit));
                [counted].into_iter().chain(sized).collect()
            }
            Door::Snapshot => Vec::new(),
        };
        draws.extend(self.entry.clone().map(|entry| Draw {
            pool: Pool::Key(access),
            subject: Subject::Entry(self.family, entry),
            amount: kib,
            limit: rates.key_kib(access),
        }));
        draws.push(Draw {
            pool: Pool::of_owner(self.door, self.family),
            subject: Subject::Owner(self.owner),
            amount: self.count,
            limit: owner.owner_count(self.door, self.family),
        });
        draws.retain(|draw| draw.amount > 0);
        draws
    }
}

impl Rates {
    const fn experience(&self, family: Family, kind: Kind) -> super::Scaled {
        match (family, kind) {
            (Family::Standard, Kind::Read) => self.standard_read_count,
            (Family::Standard, Kind::Write) => self.standard_write_count,
            (Family::Standard, Kind::List) => self.standard_list_count,
            (Family::Standard, Kind::Remove) => self.standard_remove_count,
            (Family::Ordered, Kind::Read) => self.ordered_read_count,
            (Family::Ordered, Kind::Write) => self.ordered_write_count,
            (Family::Ordered, Kind::List) => self.ordered_list_count,
            (Family::Ordered, Kind::Remove) => self.ordered_remove_count,
        }
    }

    /// Requests, and KB where there is such a limit.
    const fn v1(&self, family: Family, access: Access) -> (u64, Option<u64>) {
        match (family, access) {
            (Family::Standard, Access::Read) => {
                (self.v1_standard_read_count, Some(self.v1_standard_read_kib))
            }
            (Family::Standard, Access::Write) => {
                (self.v1_standard_write_count, Some(self.v1_standard_write_kib))
            }
            (Family::Ordered, Access::Read) => (self.v1_ordered_read_count, None),
            (Family::Ordered, Access::Write) => (self.v1_ordered_write_count, None),
        }
    }

    const fn key_kib(&self, access: Access) -> u64 {
        match access {
            Access::Read => self.key_read_kib,
            Access::Write => self.key_write_kib,
        }
    }

    pub(super) const fn owner_count(&self, door: Door, family: Family) -> u64 {
        match (door, family) {
            (Door::V1, Family::Standard) => self.owner_v1_standard_count,
            (Door::V1, Family::Ordered) => self.owner_v1_ordered_count,
            (Door::V2, _) => self.owner_v2_count,
            (Door::Snapshot, _) => self.owner_snapshot_count,
        }
    }
}
