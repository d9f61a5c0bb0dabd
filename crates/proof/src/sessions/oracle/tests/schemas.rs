//! M1, M2, M3: of which version data is, and whose code writes it.

use std::sync::Arc;

use steadfast_core::record::{Data, How, RecordCommand};
use steadfast_core::row::Metadata;
use steadfast_core::{Content, JsonText, RowBody, ServerId, SessionId, Write};

use super::support::{Kind, Story, edits};
use crate::sessions::schemas::Knows;
use crate::sessions::witness::{Author, Marker, Witness as _};

const NONE: Marker = Marker { count: 0, mix: 0 };

/// Data after these members.
fn data(marker: Marker, members: &str) -> Data {
    let Marker { count, mix } = marker;
    let text = format!("{{\"count\":{count},\"mix\":{mix},{members}\"pad\":\"\"}}");
    let (value, metadata) = (JsonText::trusted(text), Metadata::empty());
    let content = Arc::new(Content { value, user_ids: Vec::new(), metadata });
    Data::Put { content, pinned: false }
}

fn knows(story: &mut Story, process: usize, version: u32) {
    story.oracle.runs(process, Knows { version, passes: false });
}

/// Writes the record as it stands, with this number beside it.
fn make(story: &mut Story, process: usize, kind: Kind, number: u32, data: Option<Data>) {
    let mut write = story.write(kind);
    write.body.schema = number;
    write.data = data.unwrap_or(write.data);
    let batch = story.batch(RecordCommand::Write(Box::new(write)));
    assert!(story.commit(Author::Process(process), &batch));
}

fn grant(story: &mut Story, server: ServerId) -> Kind {
    Kind::Grant(SessionId(story.id()), server, How::Taken)
}

/// A record of version 1, which was held and let go by process 0; process 1 knows version 2.
fn played() -> (Story, ServerId, ServerId) {
    let mut story = Story::new();
    let servers = (story.live(0), story.live(1));
    knows(&mut story, 0, 1);
    knows(&mut story, 1, 2);
    let session = SessionId(story.id());
    let begun = data(NONE, "\"shape\":[1],");
    let first = Kind::Grant(session, servers.0, How::Taken);
    make(&mut story, 0, first, 1, Some(begun));
    story.opened(0, session, NONE);
    story.edit(0, session, edits(1));
    story.ask(0, session, edits(1), true);
    let saved = data(edits(1), "\"shape\":[1],");
    make(&mut story, 0, Kind::Release(None), 1, Some(saved));
    story.holds();
    (story, servers.0, servers.1)
}

#[test]
fn m1_a_grant_stores_a_migration_with_its_number() {
    let migrated = || Some(data(edits(1), "\"shape\":[1,2],"));
    for (number, data, code) in
        [(2, migrated(), ""), (2, None, "M1"), (1, migrated(), "M1"), (1, None, "M1")]
    {
        let (mut story, _, server) = played();
        let kind = grant(&mut story, server);
        make(&mut story, 1, kind, number, data);
        if code.is_empty() { story.holds() } else { story.breaks(code) }
    }
}

#[test]
fn m1_a_save_is_of_the_version_of_its_session() {
    for (number, shape, is_right) in [
        (1, "\"shape\":[1],", true),
        (1, "", false),
        (1, "\"shape\":[1,2],", false),
        (0, "", false),
    ] {
        let (mut story, server, _) = played();
        let session = SessionId(story.id());
        make(&mut story, 0, Kind::Grant(session, server, How::Taken), 1, None);
        story.opened(0, session, edits(1));
        story.edit(0, session, edits(2));
        make(&mut story, 0, Kind::Save(None), number, Some(data(edits(2), shape)));
        if is_right { story.holds() } else { story.breaks("M1") }
    }
}

#[test]
fn m1_an_operator_keeps_data_and_number_together_unless_the_version_stands_in_the_data() {
    for (shape, is_right) in [
        ("\"shape\":[1],", true),
        ("", false),
        ("\"shape\":[1,2],\"v\":2,", true),
        ("\"shape\":[1,2],\"v\":1,", false),
    ] {
        let (mut story, _, _) = played();
        assert!(story.seize(data(edits(1), shape)));
        if is_right { story.holds() } else { story.breaks("M1") }
    }
}

#[test]
fn m1_history_keeps_the_number_of_the_record() {
    for (kept, is_right) in [(Some(2), true), (Some(1), false), (None, false)] {
        let (mut story, _, server) = played();
        let kind = grant(&mut story, server);
        let mut write = story.write(kind);
        write.body.schema = 2;
        write.data = data(edits(1), "\"shape\":[1,2],");
        let mut batch = story.batch(RecordCommand::Write(Box::new(write)));
        for write in &mut batch.writes {
            if let Write::Put { body: RowBody::Entry(body), .. } = write {
                body.schema = kept;
            }
        }
        story.force(Author::Process(1), &batch);
        if is_right { story.holds() } else { story.breaks("M1") }
    }
}

#[test]
fn m2_steps_run_in_order_and_once() {
    for shape in ["\"shape\":[1,1],", "\"shape\":[2,1],", "\"shape\":[1,2,2],"] {
        let (mut story, _, server) = played();
        let kind = grant(&mut story, server);
        make(&mut story, 1, kind, 2, Some(data(edits(1), shape)));
        story.breaks("M2");
    }
}

#[test]
fn m3_old_code_is_never_granted_what_later_code_wrote() {
    let (mut story, old, new) = played();
    let session = SessionId(story.id());
    let migrated = data(edits(1), "\"shape\":[1,2],");
    make(&mut story, 1, Kind::Grant(session, new, How::Taken), 2, Some(migrated));
    story.opened(1, session, edits(1));
    story.ask(1, session, edits(1), true);
    make(&mut story, 1, Kind::Release(None), 2, None);
    story.holds();
    let kind = grant(&mut story, old);
    make(&mut story, 0, kind, 2, None);
    story.breaks("M3");
}

#[test]
fn m3_the_version_in_the_data_counts_as_well() {
    let (mut story, old, _) = played();
    assert!(story.seize(data(edits(1), "\"shape\":[1,2],\"v\":2,")));
    story.holds();
    let kind = grant(&mut story, old);
    make(&mut story, 0, kind, 1, None);
    story.breaks("M3");
}

#[test]
fn m3_who_passes_later_data_through_keeps_its_number() {
    for (number, is_right) in [(2, true), (1, false), (3, false)] {
        let (mut story, old, new) = played();
        let session = SessionId(story.id());
        let migrated = data(edits(1), "\"shape\":[1,2],");
        make(&mut story, 1, Kind::Grant(session, new, How::Taken), 2, Some(migrated));
        assert!(story.seize(Data::Keep));
        story.oracle.runs(0, Knows { version: 1, passes: true });
        let kind = grant(&mut story, old);
        make(&mut story, 0, kind, number, None);
        if is_right { story.holds() } else { story.breaks("M1") }
    }
}

#[test]
fn w9_a_grant_puts_what_stands_there_as_later_code_has_it_and_nothing_else() {
    let (mut story, _, server) = played();
    let kind = grant(&mut story, server);
    make(&mut story, 1, kind, 2, Some(data(edits(2), "\"shape\":[1,2],")));
    story.breaks("W9");
}
