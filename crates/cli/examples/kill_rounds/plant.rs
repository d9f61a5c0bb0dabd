//! A planted bug, to see that the checker finds it.

use std::path::Path;

use anyhow::{Context, Result};
use steadfast::{Options, Steadfast};
use steadfast_core::platform::{Remove, Request};
use steadfast_core::{EntryId, EntryKey, Rng, Scope, StoreId, StoreName, UniverseId};

use crate::ledger::Last;
use crate::traffic::{World, key_name};

/// Drops a key whose value was acknowledged, behind the back of everybody.
///
/// # Errors
/// There is none yet, or the store does not do it.
pub(crate) async fn lose_one(world: &World, data: &Path, seed: u64) -> Result<()> {
    let is_certain = |index: &usize| {
        let key = world.key(*index);
        matches!(key.last(), Last::Value(..)) && key.open_count() == 0
    };
    let certain: Vec<usize> = (0..world.key_count()).filter(is_certain).collect();
    let index = *Rng::stream(seed, "plant").pick(&certain).context("no key is certain yet")?;
    let name = key_name(index);
    println!("planted: `{name}` is dropped");

    let db = Steadfast::open_with(data, Options::default()).context("cannot open the directory")?;
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("kill-rounds") };
    let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted(name) };
    let remove = Remove { entry, matches: None, force: false, write_id: db.new_write_id() };
    db.execute(Request::Remove(remove)).await.context("cannot drop the key")?;
    db.close().context("cannot close the directory")
}
