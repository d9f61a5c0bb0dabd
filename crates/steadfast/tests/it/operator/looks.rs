//! Looking at records without a lease.

use std::time::Duration;

use steadfast::Steadfast;
use steadfast::core::platform::{Permit, Remove, Request, Set, When};
use steadfast::core::{Code, Content, EntryId, JsonText, Metadata, Timestamp};
use steadfast::operator::{ExportHistory, HistoryQuery, Liveness, RevisionId, Which};

use super::support::{because, both, check, coins, desk, gift, key, leave};
use crate::sessions::world::World;

/// Writes the value of an entry as a client of data stores does.
pub(super) fn put(world: &World, db: &Steadfast, entry: EntryId, value: &str) {
    let (user_ids, metadata) = (vec![], Metadata::empty());
    let content = Content { value: JsonText::trusted(value), user_ids, metadata };
    let (when, permit, write_id) = (When::Always, Permit::ALL, db.new_write_id());
    let set = Set { entry, content: content.into(), when, permit, write_id };
    world.run(&[], db.execute(Request::Set(set))).unwrap();
}

#[test]
fn a_record_is_looked_at_while_another_server_holds_it() {
    both(|world| {
        let (a, b) = (world.server("game-1:4000"), world.server("desk"));
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        p.edit(|save| Ok(save.coins = 5)).unwrap();
        world.work(&[&a], Duration::from_secs(1));
        world.run(&[&a], p.checkpoint()).unwrap();
        let before = world.backend.commits();
        let info = world.run(&[], desk(&b).record(key("7"))).unwrap();
        assert_eq!(world.backend.commits(), before, "looking writes nothing");
        assert_eq!((coins(&info), info.schema, info.save_seq), (5, 0, 1));
        let lease = info.lease.clone().unwrap();
        assert_eq!((&*lease.address, lease.liveness), ("game-1:4000", Liveness::Alive));
        assert_eq!((Some(lease.fence), Some(lease.session)), (info.fence, p.id()));
        assert!(lease.since < info.touched_at.unwrap() && info.ends.is_empty());
        let saved = info.usage;
        assert!(saved.last_login.unwrap() <= lease.since, "found free, then granted");
        // It saved by itself within that second.
        assert!((1..1_100).contains(&saved.play_time_ms()), "{saved:?}");
        world.work(&[&a], Duration::from_secs(1));
        let times = p.times().unwrap();
        let state = info.state.unwrap();
        let (created_at, saved_at) = (Some(state.created_at), Some(state.updated_at));
        assert_eq!((times.created_at, times.saved_at), (created_at, saved_at));
        assert_eq!(times.last_login, saved.last_login);
        assert!(times.play_time >= saved.play_time + Duration::from_secs(1), "up to now");
        world.run(&[&a], p.release()).unwrap();
        let info = world.run(&[], desk(&b).record(key("7"))).unwrap();
        assert_eq!((info.lease, info.ends.len()), (None, 1));
        assert!(info.fence.unwrap().counter > lease.fence.counter);
        assert!(info.usage.play_time >= times.play_time);
        assert_eq!(p.times(), Err(steadfast::core::session::Access::Closed));
    });
}

#[test]
fn a_missing_record_is_shown_as_missing() {
    let world = World::new();
    let a = world.server("desk");
    let info = world.run(&[], desk(&a).record(key("7"))).unwrap();
    assert_eq!((info.state, info.lease, info.fence, info.save_seq), (None, None, None, 0));
    check(world.run(&[], desk(&a).export(key("7"), ExportHistory::List)), Code::EntryNotFound);
}

#[test]
fn a_holder_is_alive_then_silent_then_dead() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("game-2"));
    let _p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    let liveness = || world.run(&[], desk(&b).record(key("7"))).unwrap().lease.unwrap().liveness;
    assert_eq!(liveness(), Liveness::Alive);
    world.pass(Duration::from_secs(11));
    assert_eq!(liveness(), Liveness::Silent);
    let page = world.run(&[], desk(&b).servers(None, 10)).unwrap();
    assert_eq!(page.servers.iter().map(|it| it.liveness).collect::<Vec<_>>(), [Liveness::Silent]);
    let q = world.run(&[&b], world.players(&b).open("7")).unwrap();
    let page = world.run(&[], desk(&b).servers(None, 10)).unwrap();
    let mut found: Vec<_> = page.servers.iter().map(|it| (&*it.address, it.liveness)).collect();
    found.sort_unstable();
    assert_eq!(found, [("game-1", Liveness::Dead), ("game-2", Liveness::Alive)]);
    drop(q);
}

#[test]
fn the_past_is_listed_read_and_compared() {
    both(|world| {
        let a = world.server("desk");
        let mut times = Vec::new();
        for coins in [1, 2, 3] {
            leave(world, &a, "7", coins);
            times.push(a.now());
            world.pass(Duration::from_secs(1));
        }
        let (alice, seven) = (desk(&a), key("7"));
        let page = world.run(&[], alice.history(seven, &HistoryQuery::default())).unwrap();
        let ids: Vec<RevisionId> = page.items.into_iter().map(|item| item.id).collect();
        // The defaults, and three saves.
        assert_eq!(ids.len(), 4);
        let query = HistoryQuery { page_size: 1, ..HistoryQuery::default() };
        let first = world.run(&[], alice.history(seven, &query)).unwrap();
        assert_eq!((first.items.len(), first.items[0].id.clone()), (1, ids[0].clone()));
        let rest = HistoryQuery { beyond: first.next, ..HistoryQuery::default() };
        let rest = world.run(&[], alice.history(seven, &rest)).unwrap();
        assert_eq!(rest.items[0].id, ids[1]);

        let state = world.run(&[], alice.revision(seven, &ids[1])).unwrap();
        let then = world.run(&[], alice.at_time(seven, times[1])).unwrap();
        assert_eq!(state, then);
        let (old, new) = (Which::Revision(ids[2].clone()), Which::Current);
        let found = world.run(&[], alice.diff(seven, &old, &new)).unwrap();
        let [difference] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(difference.path.to_string(), "coins");
        assert_eq!((&difference.old, &difference.new), (&Some(1.into()), &Some(3.into())));

        let unknown = RevisionId::from_client("nothing");
        check(world.run(&[], alice.revision(seven, &unknown)), Code::VersionNotFound);
        let early = Timestamp::from_unix_seconds(1);
        check(world.run(&[], alice.at_time(seven, early)), Code::EntryNotFound);
        check(world.run(&[], alice.diff(key("8"), &old, &new)), Code::EntryNotFound);
    });
}

#[test]
fn data_that_is_no_value_is_shown_and_not_compared() {
    let world = World::new();
    let a = world.server("desk");
    let alice = desk(&a);
    put(&world, &a, alice.entry(key("7")), "123456789012345678901234567890");
    let info = world.run(&[], alice.record(key("7"))).unwrap();
    assert_eq!(info.content().unwrap().value.as_str(), "123456789012345678901234567890");
    let diff = alice.diff(key("7"), &Which::Current, &Which::Current);
    check(world.run(&[], diff), Code::InvalidData);
    let edit = alice.update(key("7"), because(), |_| Ok(()));
    check(world.run(&[], edit), Code::InvalidData);
}

#[test]
fn held_records_are_listed_in_pages() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("game-2"));
        leave(world, &a, "0", 1);
        let open = |server, text| world.run(&[&a, &b], world.players(server).open(text)).unwrap();
        let held = [open(&a, "1"), open(&b, "2"), open(&a, "3")];
        let alice = desk(&b);
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = world.run(&[&a, &b], alice.sessions(after, 2)).unwrap();
            assert!(page.sessions.len() <= 2);
            found.extend(page.sessions.into_iter().map(|it| {
                assert_eq!(it.lease.liveness, Liveness::Alive);
                (it.entry.key.to_string(), it.lease.address.to_string())
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let named = |key: &str, address: &str| (key.to_owned(), address.to_owned());
        assert_eq!(found, [named("1", "game-1"), named("2", "game-2"), named("3", "game-1")]);
        let first = world.run(&[], alice.servers(None, 1)).unwrap();
        let second = world.run(&[], alice.servers(first.next, 1)).unwrap();
        assert_eq!((first.servers.len(), second.servers.len(), second.next), (1, 1, None));
        drop(held);
    });
}

#[test]
fn an_export_is_one_document_of_everything() {
    both(|world| {
        let a = world.server("desk");
        leave(world, &a, "7", 5);
        let (alice, seven) = (desk(&a), key("7"));
        world.run(&[], alice.queue(seven, because(), gift("g-1", 3))).unwrap();
        let text = world.run(&[], alice.export(seven, ExportHistory::Values)).unwrap();
        let document: serde_json::Value = serde_json::from_str(text.as_str()).unwrap();
        assert_eq!((&document["format"], &document["key"]), (&1.into(), &"7".into()));
        assert_eq!(document["data"]["value"]["coins"], 5);
        assert_eq!(document["history"].as_array().unwrap().len(), 2);
        assert_eq!(document["history"][1]["data"]["value"]["coins"], 0);
        assert_eq!(document["pending"][0]["payload"]["amount"], 3);
        assert_eq!(document["receipts"][0]["status"], "pending");
        assert_eq!(document["record"]["ledger"]["pending"], 1);
        assert_eq!(document["record"]["ends"][0]["how"], "released");
        assert_eq!(document["record"]["lease"], serde_json::Value::Null);
        assert_eq!(document["dead_letters"].as_array().unwrap().len(), 0);
        let text = world.run(&[], alice.export(seven, ExportHistory::List)).unwrap();
        let document: serde_json::Value = serde_json::from_str(text.as_str()).unwrap();
        assert_eq!(document["history"][0].get("data"), None);
    });
}

#[test]
fn a_deleted_record_is_shown_as_a_deletion() {
    let world = World::new();
    let a = world.server("desk");
    leave(&world, &a, "7", 5);
    let alice = desk(&a);
    let entry = alice.entry(key("7"));
    let remove = Remove { entry, matches: None, force: false, write_id: a.new_write_id() };
    world.run(&[], a.execute(Request::Remove(remove))).unwrap();
    let info = world.run(&[], alice.record(key("7"))).unwrap();
    assert!(info.state.is_some() && info.content().is_none());
    let page = world.run(&[], alice.history(key("7"), &HistoryQuery::default())).unwrap();
    assert!(page.items[0].is_deleted);
}
