//! Facts about servers whose code knows different versions of the data.

use std::sync::Arc;

use super::fleet::{Fate, Fleet, content, entry};
use super::seconds;
use crate::document::{Cancel, Document, DocumentLimits};
use crate::game_server::{GameServer, OpenRequest, Parse, SessionHandle};
use crate::platform::{Request, Set};
use crate::record::RecordCommand;
use crate::row::{EntryBody, RowKey};
use crate::schema::{Ahead, LoadError, Loaded, Schema};
use crate::session::{OpenError, SessionEvent, SessionSettings};
use crate::value::Value;

/// Code of a version: each step adds a member that is named after it.
fn code(version: u32) -> Schema {
    (1..=version).fold(Schema::new(version), |schema, to| {
        schema.step(to, move |data| {
            let name = format!("v{to}");
            data.set(&(&*name).into(), Value::Null)?;
            Ok(())
        })
    })
}

fn request(schema: &Schema) -> OpenRequest {
    let schema = schema.clone();
    let parse: Parse = Arc::new(move |stored| {
        schema.load_tree(stored, DocumentLimits::default()).map(Loaded::boxed)
    });
    OpenRequest { parse, defaults: content("{}"), ..Fleet::request("u_1") }
}

fn open_as(
    fleet: &mut Fleet,
    server: usize,
    request: OpenRequest,
) -> Result<SessionHandle, OpenError> {
    let ticket = fleet.begin_open(server, request);
    for _ in 0..30 {
        fleet.run(seconds(1));
        if let Some(opened) = fleet.opened(server, ticket) {
            return opened;
        }
    }
    panic!("neither opened nor refused");
}

fn open(fleet: &mut Fleet, server: usize, version: u32) -> Result<SessionHandle, OpenError> {
    open_as(fleet, server, request(&code(version)))
}

fn close(fleet: &mut Fleet, server: usize, session: SessionHandle) {
    fleet.release(server, session).unwrap();
    fleet.run(seconds(1));
}

fn edit(fleet: &mut Fleet, server: usize, session: SessionHandle, key: &str) {
    let edit = |document: &mut dyn Document| {
        let changes = document.edit_value(&mut |draft| Ok(draft.set(key, 1).map(drop)?))?;
        Ok::<_, crate::document::EditError>(((), changes.must_be_saved()))
    };
    fleet.with(server, |it, now, _| it.edit(now, session, edit)).unwrap();
}

fn refused(error: LoadError) -> Result<SessionHandle, OpenError> {
    Err(OpenError::Data { entry: entry("u_1"), error })
}

/// What is stored: the data, the number beside it, whether the data is pinned.
#[track_caller]
fn check(fleet: &Fleet, data: &str, schema: u32, pinned: bool) {
    let stored = fleet.record("u_1").expect("it has a record").body.schema;
    let body = &fleet.world.rows.get(&RowKey::Entry(entry("u_1"))).expect("it is there").body;
    let EntryBody { pinned: is_pinned, content, schema: said, .. } =
        body.as_entry().expect("an entry");
    // What was written as an entry says nothing.
    assert!(said.is_none_or(|said| said == schema), "{said:?}");
    let text = content.as_ref().map(|content| content.value.as_str());
    assert_eq!((text, stored, *is_pinned), (Some(data), schema, pinned));
}

fn writes(fleet: &Fleet) -> usize {
    fleet.count_sent(|command| matches!(command, RecordCommand::Write(_)))
}

#[test]
fn m1_a_migration_is_written_with_its_number_in_the_batch_of_the_grant() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0, 1).unwrap();
    check(&fleet, "{}", 1, false);
    edit(&mut fleet, 0, p, "coins");
    close(&mut fleet, 0, p);
    check(&fleet, r#"{"coins":1}"#, 1, false);
    let before = writes(&fleet);
    let p = open(&mut fleet, 0, 3).unwrap();
    // Never thinned, and so neither is the revision before it.
    check(&fleet, r#"{"coins":1,"v2":null,"v3":null}"#, 3, true);
    assert_eq!(writes(&fleet), before + 1, "the grant");
    assert!(!fleet.server(0).session(p).unwrap().is_dirty());
    close(&mut fleet, 0, p);
    let p = open(&mut fleet, 0, 3).unwrap();
    check(&fleet, r#"{"coins":1,"v2":null,"v3":null}"#, 3, true);
    edit(&mut fleet, 0, p, "gems");
    close(&mut fleet, 0, p);
    check(&fleet, r#"{"coins":1,"gems":1,"v2":null,"v3":null}"#, 3, false);
    let states = fleet.world.rows.iter().filter_map(|(key, row)| match key {
        RowKey::Revision(..) => row.body.as_entry(),
        _ => None,
    });
    let schemas: Vec<_> = states.map(|state| state.schema).collect();
    assert_eq!(schemas, [Some(1), Some(1), Some(3), Some(3)], "history says it");
}

#[test]
fn m2_a_migration_whose_answer_is_lost_happens_once() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0, 0).unwrap();
    close(&mut fleet, 0, p);
    let schema = Schema::new(1).step(1, |data| {
        data.set(&"times".into(), Value::array([1.into()]))?;
        Ok(())
    });
    let mut lost = false;
    fleet.fates(move |_, command| match command {
        RecordCommand::Write(_) if !std::mem::replace(&mut lost, true) => Fate::AnswerLost,
        _ => Fate::Arrives,
    });
    let ticket = fleet.begin_open(0, request(&schema));
    fleet.run(seconds(10));
    assert!(matches!(fleet.opened(0, ticket), Some(Ok(_))));
    check(&fleet, r#"{"times":[1]}"#, 1, true);
}

#[test]
fn m3_code_that_does_not_know_the_data_never_acquires_it() {
    let mut fleet = Fleet::of(2);
    let p = open(&mut fleet, 0, 1).unwrap();
    close(&mut fleet, 0, p);
    // The new code first, then the old one; then the new one again.
    let p = open(&mut fleet, 1, 2).unwrap();
    close(&mut fleet, 1, p);
    let (before, sent) = (fleet.record("u_1"), writes(&fleet));
    for known in [0, 1] {
        let ahead = LoadError::SchemaAhead { stored: 2, known };
        assert_eq!(open(&mut fleet, 0, known), refused(ahead));
    }
    assert_eq!((fleet.record("u_1"), writes(&fleet)), (before, sent), "nothing was written");
    check(&fleet, r#"{"v2":null}"#, 2, true);
    let p = open(&mut fleet, 1, 2).unwrap();
    close(&mut fleet, 1, p);
    // Nor a record that later code left without data.
    let now = fleet.world.now;
    fleet.world.remove_at(&entry("u_1"), now);
    assert_eq!(open(&mut fleet, 0, 1), refused(LoadError::SchemaAhead { stored: 2, known: 1 }));
}

#[test]
fn m1_a_migration_that_cannot_be_made_leaves_the_record_free_and_as_it_was() {
    let failing = code(3).step(3, |_| Err(Cancel::because("a mistake in the game")));
    let failed = LoadError::MigrationFailed { version: 3, reason: "a mistake in the game".into() };
    let missing = LoadError::MigrationMissing { version: 2 };
    for (schema, error) in [(failing, failed), (Schema::new(2).step(1, |_| Ok(())), missing)] {
        let mut fleet = Fleet::of(1);
        let p = open(&mut fleet, 0, 1).unwrap();
        close(&mut fleet, 0, p);
        let before = fleet.record("u_1");
        let opened = open_as(&mut fleet, 0, request(&schema));
        let Err(told) = &opened else { panic!("it was opened") };
        assert_eq!((told.code(), told.kind()), (error.code(), error.kind()));
        assert_eq!(opened, refused(error));
        assert_eq!((fleet.record("u_1"), fleet.holder("u_1")), (before, None));
        check(&fleet, "{}", 1, false);
    }
}

#[test]
fn what_data_stores_wrote_is_of_the_version_that_absence_means() {
    for (absent, data, pinned) in [(0, r#"{"v1":null,"v2":null}"#, true), (2, "{}", false)] {
        let mut fleet = Fleet::of(1);
        let Request::Set(set) = fleet.world.set_request(&entry("u_1")) else { panic!("no set") };
        fleet.world.run(Request::Set(Set { content: content("{}"), ..set })).unwrap();
        open_as(&mut fleet, 0, request(&code(2).absence_is(absent))).unwrap();
        check(&fleet, data, 2, pinned);
    }
}

#[test]
fn defaults_alone_are_no_reason_to_write() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0, 0).unwrap();
    close(&mut fleet, 0, p);
    let template = Value::object([("coins", 0.into())]);
    let p = open_as(&mut fleet, 0, request(&Schema::default().template(template))).unwrap();
    assert!(!fleet.server(0).session(p).unwrap().is_dirty());
    let sent = writes(&fleet);
    fleet.run(seconds(600));
    assert_eq!(writes(&fleet), sent);
    check(&fleet, "{}", 0, false);
    edit(&mut fleet, 0, p, "gems");
    close(&mut fleet, 0, p);
    check(&fleet, r#"{"coins":0,"gems":1}"#, 0, false);
}

#[test]
fn a_spill_carries_the_version_of_its_bytes_and_is_migrated_when_it_is_put_back() {
    let mut fleet = Fleet::of(1);
    let p = open(&mut fleet, 0, 1).unwrap();
    edit(&mut fleet, 0, p, "coins");
    fleet.fate_of_writes(Fate::Lost);
    fleet.with(0, GameServer::close);
    fleet.run(seconds(60));
    let lost = |event| match event {
        SessionEvent::Lost { spill, .. } => spill,
        _ => None,
    };
    let spill = fleet.session_events(0).into_iter().find_map(lost).expect("it was not saved");
    assert_eq!((spill.schema, spill.content.value.as_str()), (1, r#"{"coins":1}"#));
    // Its server is gone, and the store took none of it.
    fleet.all_arrive();
    fleet.kill(0);
    let next = fleet.start(None, SessionSettings::default());
    fleet.run(seconds(1));
    let with = |version| OpenRequest { spill: Some(spill.clone()), ..request(&code(version)) };
    let ahead = LoadError::SchemaAhead { stored: 1, known: 0 };
    assert_eq!(open_as(&mut fleet, next, with(0)), refused(ahead));
    let new = with(2);
    open_as(&mut fleet, next, new).unwrap();
    check(&fleet, r#"{"coins":1,"v2":null}"#, 2, true);
}

#[test]
fn what_is_passed_through_keeps_its_number_and_is_told() {
    let mut fleet = Fleet::of(2);
    let p = open(&mut fleet, 0, 2).unwrap();
    close(&mut fleet, 0, p);
    let p = open_as(&mut fleet, 1, request(&code(1).ahead(Ahead::PassThrough))).unwrap();
    let told = SessionEvent::SchemaAhead { stored: 2, known: 1 };
    assert!(fleet.session_events(1).contains(&told));
    check(&fleet, "{}", 2, false);
    edit(&mut fleet, 1, p, "coins");
    close(&mut fleet, 1, p);
    check(&fleet, r#"{"coins":1}"#, 2, false);
}
