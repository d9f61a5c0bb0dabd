//! Facts about budgets, in virtual time.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::id::{ApiKeyId, EntryId, EntryKey, Scope, StoreId, StoreName, UniverseId};
use crate::time::{Monotonic, Now, Timestamp};

mod exact;
mod memory;
mod rows;

const MIB: u64 = 1024 * 1024;
const NANO: Duration = Duration::from_nanos(1);

fn at(since_start: Duration) -> Now {
    let mono = Monotonic::default().saturating_add(since_start);
    // Wall time has no part in it.
    Now { mono, wall: Timestamp::EPOCH }
}

fn seconds(seconds: u64) -> Now {
    at(Duration::from_secs(seconds))
}

fn entry(universe: u64, key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(universe), name: StoreName::trusted("s") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

fn demand(door: Door, kind: Kind, key: &str, size: u64) -> Demand {
    let (family, universe) = (Family::Standard, UniverseId(1));
    let entry = Some(entry(1, key));
    Demand { owner: ApiKeyId(1), door, family, kind, universe, entry, size, count: 1 }
}

fn roblox(player_count: u64) -> Budgets {
    Budgets::new(BudgetSettings::new(Rates::roblox(), player_count))
}

fn one(demand: &Demand) -> &[Demand] {
    std::slice::from_ref(demand)
}

/// How many of these are granted one after the other, each for an entry of its own; and what then
/// refuses.
fn count_granted(budgets: &mut Budgets, now: Now, demand: &Demand) -> (u64, Denial) {
    for index in 0.. {
        let entry = demand.entry.as_ref().map(|_| entry(demand.universe.0, &index.to_string()));
        let next = Demand { entry, ..demand.clone() };
        if let Err(denial) = budgets.charge(now, &[next]) {
            return (index, denial);
        }
    }
    unreachable!("everything has a limit")
}
