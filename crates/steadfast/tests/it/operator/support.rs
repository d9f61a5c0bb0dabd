//! Records, and a desk from which they are looked after.

use std::sync::LazyLock;

use steadfast::core::{
    Code, EntryKey, JsonText, OperationId, OperationKind, Scope, StoreId, StoreName, UniverseId,
};
use steadfast::operator::{Mandate, NewOperation, Operator, OperatorError, RecordInfo};
use steadfast::{SessionSettings, Steadfast};

use crate::sessions::world::World;

/// Runs a test over each kind of store.
pub(crate) fn both(test: impl Fn(&World)) {
    for world in [World::new(), World::on_disk()] {
        test(&world);
    }
}

pub(crate) fn store() -> StoreId {
    StoreId { universe: UniverseId(1), name: StoreName::trusted("PlayerData") }
}

/// Somebody who may do everything.
pub(crate) fn desk(db: &Steadfast) -> Operator {
    closed_desk(db).authorize(|_| true)
}

/// Somebody about whom nobody decides.
pub(crate) fn closed_desk(db: &Steadfast) -> Operator {
    db.operator(store(), Scope::global(), "alice")
}

/// For as long as the tests run: what is asked for may outlive the line that asks.
pub(crate) fn key(text: &str) -> &'static EntryKey {
    Box::leak(Box::new(EntryKey::trusted(text)))
}

static MANDATE: LazyLock<Mandate> = LazyLock::new(|| Mandate::because("ticket 81"));

static DRY: LazyLock<Mandate> = LazyLock::new(|| MANDATE.clone().dry_run());

pub(crate) fn because() -> &'static Mandate {
    &MANDATE
}

pub(crate) fn dry() -> &'static Mandate {
    &DRY
}

/// Settings of a game server that never lets go of a record for another.
pub(crate) fn keeps() -> SessionSettings {
    SessionSettings { release_on_hand_off: false, ..SessionSettings::default() }
}

/// Leaves a record with so many coins, held by nobody.
#[track_caller]
pub(crate) fn leave(world: &World, server: &Steadfast, text: &str, coins: i64) {
    let p = world.run(&[server], world.players(server).open(text)).unwrap();
    p.edit(|save| Ok(save.coins = coins)).unwrap();
    world.run(&[server], p.release()).unwrap();
}

pub(crate) fn id(text: &str) -> OperationId {
    OperationId::parse(text).unwrap()
}

/// An operation that adds coins.
pub(crate) fn gift(name: &str, amount: i64) -> NewOperation {
    NewOperation {
        id: id(name),
        kind: OperationKind::trusted("steadfast.add"),
        payload: JsonText::trusted(format!(r#"{{"path":"coins","amount":{amount}}}"#)),
        issued_at: None,
        schema: 0,
        is_permanent: false,
    }
}

/// The coins that are stored.
#[track_caller]
pub(crate) fn coins(info: &RecordInfo) -> i64 {
    let text = info.content().expect("it is there").value.as_str();
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    value.get("coins").and_then(serde_json::Value::as_i64).unwrap()
}

#[track_caller]
pub(crate) fn check<T: std::fmt::Debug>(result: Result<T, OperatorError>, code: Code) {
    let error = result.unwrap_err();
    assert_eq!((error.code(), error.kind()), (code, code.kind()), "{error}");
}
