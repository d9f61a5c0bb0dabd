//! Data stores as a whole: delete, undelete, and snapshots of a universe (H-31 to H-33).
//!
//! None of these calls has anything to say in a body. Clients send `{}` or nothing; what they send
//! is not read.

use http::StatusCode;
use steadfast_core::budget::Kind;
use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::platform::{StoreChange, StoreRequest, TakeSnapshot};
use steadfast_open_cloud::path::StoreSegment;
use steadfast_open_cloud::v2::{snapshot_body, store_body};
use steadfast_open_cloud::{V2Code, V2Error, mapping};

use super::{read_universe, require, require_in_universe};
use crate::reply::Reply;
use crate::throttle::Metered;

pub(super) async fn delete(
    app: &Metered<'_>,
    key: &ApiKey,
    segment: StoreSegment<'_>,
) -> Result<Reply, V2Error> {
    change(app, key, segment, StoreChange::Delete).await
}

pub(super) async fn undelete(
    app: &Metered<'_>,
    key: &ApiKey,
    segment: StoreSegment<'_>,
) -> Result<Reply, V2Error> {
    change(app, key, segment, StoreChange::Undelete).await
}

/// Both need the same right, and cost the same (B-23).
async fn change(
    app: &Metered<'_>,
    key: &ApiKey,
    segment: StoreSegment<'_>,
    change: StoreChange,
) -> Result<Reply, V2Error> {
    let store = segment.read(app.steadfast().limits())?;
    require(key, KeyScope::StoreDelete, &store)?;
    let (universe, write_id) = (store.universe, app.write_id());
    let request = StoreRequest { store, change, write_id };
    let of = (Kind::Remove, universe, write_id);
    let changed = app.change(of, |db| db.manage_store(request)).await;
    let info = changed.map_err(|error| mapping::v2(&error))?;
    Ok(Reply::json(StatusCode::OK, store_body(&info)))
}

/// Takes the snapshot of the day. It is of every data store, so a key that is limited to some may
/// not take it, whatever its scopes.
pub(super) async fn snapshot(
    app: &Metered<'_>,
    key: &ApiKey,
    universe: &str,
) -> Result<Reply, V2Error> {
    let universe = read_universe(universe)?;
    require_in_universe(key, KeyScope::StoreSnapshot, universe)?;
    if key.stores != Only::Any {
        let message = "A snapshot is of all data stores, and the key is limited to some.";
        return Err(V2Error::new(V2Code::PermissionDenied, message));
    }
    let write_id = app.write_id();
    let request = TakeSnapshot { universe, write_id };
    let of = (Kind::Write, universe, write_id);
    let taken = app.change(of, |db| db.take_snapshot(request)).await;
    let snapshot = taken.map_err(|error| mapping::v2(&error))?;
    Ok(Reply::json(StatusCode::OK, snapshot_body(&snapshot)))
}
