//! Facts about the black-box judge: for each rule a story that is right, and one that is wrong.

use std::sync::Arc;

use steadfast_core::row::{Birth, EntryBody, Metadata};
use steadfast_core::session::Spill;
use steadfast_core::{
    Content, EntryKey, JsonText, Now, Scope, StoreId, StoreName, Timestamp, UniverseId, WriteId,
};

use super::*;
use crate::sessions::witness::Witness as _;

fn entry() -> EntryId {
    let name = StoreName::trusted("players");
    let store = StoreId { universe: UniverseId(1), name };
    EntryId { store, scope: Scope::trusted("global"), key: EntryKey::trusted("p1") }
}

fn content(marker: Marker) -> Arc<Content> {
    let Marker { count, mix } = marker;
    let value = JsonText::trusted(format!("{{\"count\":{count},\"mix\":{mix},\"pad\":\"\"}}"));
    Arc::new(Content { value, user_ids: Vec::new(), metadata: Metadata::empty() })
}

/// The marker after so many edits of one line of edits.
fn line(line: u64, count: u64) -> Marker {
    Marker { count, mix: if count == 0 { 0 } else { line * 1_000 + count } }
}

/// What one player after the other sees of one record.
struct Story {
    history: SessionHistory,
    rows: Rows,
    ids: u64,
}

impl Story {
    fn new() -> Self {
        Self { history: SessionHistory::new(true), rows: Rows::new(), ids: 0 }
    }

    #[track_caller]
    fn holds(&self) {
        assert_eq!(self.history.violation, None);
    }

    #[track_caller]
    fn breaks(&self, rule: &str) {
        let found = self.history.violation.as_deref().unwrap_or("nothing");
        assert!(found.starts_with(&format!("`{rule}`")), "not {rule}: {found}");
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    fn ask(&mut self, process: usize, asked: Asked) -> Ticket {
        let ticket = Ticket(self.id());
        self.history.note(|it| it.on_asked(process, ticket, asked));
        ticket
    }

    fn ask_open(&mut self, process: usize) -> Ticket {
        let key = self.history.key(&entry());
        let terms = self.history.at(key).terms;
        let applied = self.history.at(key).operations.applied();
        self.ask(process, Asked::Open { key, terms, applied })
    }

    fn opened(&mut self, process: usize, ticket: Ticket, marker: Marker) -> SessionId {
        let session = SessionId(u128::from(self.id()));
        self.history.note(|it| it.on_opened(process, ticket, session, Some(marker)));
        session
    }

    fn open(&mut self, process: usize, marker: Marker) -> SessionId {
        let ticket = self.ask_open(process);
        self.opened(process, ticket, marker)
    }

    /// Makes the edits of a line up to a number of them.
    fn edit(&mut self, process: usize, session: SessionId, numbers: std::ops::RangeInclusive<u64>) {
        for count in numbers {
            self.history.note(|it| it.on_edited(process, session, line(1, count)));
        }
    }

    fn save(&mut self, process: usize, session: SessionId, marker: Marker) -> Ticket {
        self.ask(process, Asked::Save { session, marker, is_release: false })
    }

    fn settled(&mut self, process: usize, ticket: Ticket, result: Result<(), SaveError>) {
        let result = result.map(|()| Revision::first(WriteId(1)));
        self.history.note(|it| it.on_settled(process, ticket, &result));
    }

    /// A checkpoint that is acknowledged.
    fn checkpoint(&mut self, process: usize, session: SessionId, marker: Marker) {
        let ticket = self.save(process, session, marker);
        self.settled(process, ticket, Ok(()));
    }

    fn lost(&mut self, process: usize, session: SessionId, reason: LossReason, spilled: bool) {
        let content = content(line(1, 1));
        let spill = Spill {
            entry: entry(),
            base: None,
            stored_at: vec![],
            schema: 0,
            content,
            settled: vec![],
            undo_after: None,
        };
        let event = SessionEvent::Lost { reason, spill: spilled.then_some(spill) };
        self.history.note(|it| it.on_session(process, session, &event));
    }

    /// The store holds this now, written by somebody.
    fn write(&mut self, author: Author, marker: Option<Marker>) {
        let write = WriteId(u128::from(self.id()));
        let key = RowKey::Entry(entry());
        let revision =
            self.rows.get(&key).revision().map_or(Revision::first(write), |it| it.next(write));
        let content = marker.map(content);
        let body = EntryBody { birth: Birth::ThisWrite, content, pinned: false, schema: None };
        let writes = vec![Write::Put { key, revision, body: RowBody::Entry(body) }];
        let batch = Batch { conditions: vec![], writes };
        let committed = self.rows.apply(&batch, Timestamp::EPOCH);
        self.history.applied(Now::default(), author, &batch, committed);
    }

    fn at_rest(&mut self, marker: Option<Marker>) {
        self.write(Author::Process(0), marker);
        let rows = self.rows.clone();
        self.history.at_rest(&rows);
    }
}

/// A session that made three edits and saved two of them.
fn played() -> (Story, SessionId) {
    let mut story = Story::new();
    let session = story.open(0, line(1, 0));
    story.edit(0, session, 1..=2);
    story.checkpoint(0, session, line(1, 2));
    story.edit(0, session, 3..=3);
    story.holds();
    (story, session)
}

#[test]
fn who_opens_a_record_sees_what_was_acknowledged_or_more() {
    for count in [2, 3] {
        let (mut story, _) = played();
        story.open(1, line(1, count));
        story.holds();
    }
    for count in [0, 1] {
        let (mut story, _) = played();
        story.open(1, line(1, count));
        story.breaks("lost");
    }
}

#[test]
fn a_record_does_not_begin_anew() {
    let (mut story, _) = played();
    story.open(1, Marker { count: 0, mix: 5 });
    story.breaks("lost");
}

#[test]
fn what_was_asked_for_before_an_acknowledgement_need_not_show_it() {
    let (mut story, session) = played();
    let ticket = story.ask_open(1);
    story.checkpoint(0, session, line(1, 3));
    story.opened(1, ticket, line(1, 2));
    story.holds();
    story.open(2, line(1, 2));
    story.breaks("lost");
}

#[test]
fn what_was_not_saved_may_be_gone_or_there() {
    let (mut story, session) = played();
    story.lost(0, session, LossReason::Taken, true);
    let next = story.open(1, line(1, 2));
    story.history.note(|it| it.on_edited(1, next, line(2, 3)));
    story.checkpoint(1, next, line(2, 3));
    story.open(2, line(2, 3));
    story.holds();
    // Not both, and not the other one: it was overwritten.
    story.open(3, line(1, 3));
    story.breaks("lost");
}

#[test]
fn what_nobody_wrote_is_not_seen() {
    let (mut story, _) = played();
    story.open(1, Marker { count: 3, mix: 9 });
    story.breaks("mixed");
    let (mut story, _) = played();
    story.history.note(|it| it.on_saw(0, &entry(), line(1, 3)));
    story.holds();
    story.history.note(|it| it.on_saw(0, &entry(), line(7, 3)));
    story.breaks("mixed");
}

#[test]
fn two_acknowledgements_of_one_record_grew_from_each_other() {
    let (mut story, session) = played();
    let ticket = story.ask_open(1);
    let late = story.save(0, session, line(1, 2));
    let next = story.opened(1, ticket, line(1, 2));
    story.history.note(|it| it.on_edited(1, next, line(2, 3)));
    story.checkpoint(1, next, line(2, 3));
    // It may be told late of what is part of the other one.
    story.settled(0, late, Ok(()));
    story.holds();
    story.checkpoint(0, session, line(1, 3));
    story.breaks("fork");
}

#[test]
fn what_was_certainly_not_saved_is_never_seen() {
    for is_refused in [false, true] {
        let (mut story, session) = played();
        let ticket = story.save(0, session, line(1, 3));
        let write_id = WriteId(1);
        let unknown = SaveError::OutcomeUnknown { write_id };
        story.settled(0, ticket, Err(if is_refused { SaveError::LeaseLost } else { unknown }));
        story.lost(0, session, LossReason::Taken, true);
        story.open(1, line(1, 3));
        if is_refused { story.breaks("refused") } else { story.holds() }
    }
}

#[test]
fn what_a_close_could_not_save_may_return_out_of_a_spill() {
    let (mut story, session) = played();
    let ticket = story.save(0, session, line(1, 3));
    story.settled(0, ticket, Err(SaveError::LeaseLost));
    story.lost(0, session, LossReason::Closed, true);
    story.open(1, line(1, 3));
    story.holds();
}

#[test]
fn what_is_over_without_a_spill_was_saved() {
    let (mut story, session) = played();
    story.lost(0, session, LossReason::Stolen, false);
    story.open(1, line(1, 2));
    story.breaks("lost");
    let (mut story, session) = played();
    story.history.note(|it| it.on_session(0, session, &SessionEvent::Released));
    story.open(1, line(1, 2));
    story.breaks("lost");
}

#[test]
fn what_an_operator_wrote_is_seen_by_all_who_ask_later() {
    let (mut story, session) = played();
    let early = story.ask_open(1);
    story.write(Author::Operator, Some(line(9, 7)));
    let ticket = story.save(0, session, line(1, 3));
    // Clean, and told of what stood before.
    story.settled(0, ticket, Ok(()));
    story.opened(1, early, line(1, 2));
    story.open(2, line(9, 7));
    story.holds();
    story.open(3, line(1, 3));
    story.breaks("revived");
}

#[test]
fn what_was_deleted_stays_so() {
    let (mut story, _) = played();
    story.write(Author::Operator, None);
    let next = story.open(1, line(2, 0));
    story.history.note(|it| it.on_edited(1, next, line(2, 1)));
    story.checkpoint(1, next, line(2, 1));
    story.open(2, line(2, 1));
    story.holds();
    story.open(3, line(1, 2));
    story.breaks("revived");
}

#[test]
fn an_opening_that_was_asked_for_before_a_deletion_may_show_what_is_after_it() {
    let (mut story, _) = played();
    let early = story.ask_open(1);
    story.write(Author::Operator, None);
    let next = story.opened(1, early, line(2, 0));
    story.history.note(|it| it.on_edited(1, next, line(2, 1)));
    story.open(2, line(2, 1));
    story.holds();
}

#[test]
fn a_reported_loss_is_forgiven_once() {
    let (mut story, session) = played();
    story.write(Author::Process(0), Some(line(1, 1)));
    let before = story.rows.clone();
    story.write(Author::Process(0), Some(line(1, 2)));
    story.history.rewound(Now::default(), &before);
    let next = story.open(1, line(1, 1));
    story.holds();
    story.history.note(|it| it.on_edited(1, next, line(2, 2)));
    story.checkpoint(1, next, line(2, 2));
    // What the session from before it is told may be of what is gone.
    story.checkpoint(0, session, line(1, 3));
    story.open(2, line(2, 2));
    story.holds();
    story.open(3, line(1, 1));
    story.breaks("lost");
}

#[test]
fn a_loss_of_other_rows_forgives_nothing() {
    let (mut story, _) = played();
    story.write(Author::Process(0), Some(line(1, 2)));
    let rows = story.rows.clone();
    story.history.rewound(Now::default(), &rows);
    story.open(1, line(1, 1));
    story.breaks("lost");
}

#[test]
fn who_was_asked_to_let_go_takes_no_edit() {
    let (mut story, session) = played();
    let marker = line(1, 3);
    story.ask(0, Asked::Save { session, marker, is_release: true });
    story.holds();
    story.edit(0, session, 4..=4);
    story.breaks("closed");
}

#[test]
fn a_close_leaves_no_session_without_a_word() {
    for is_told in [true, false] {
        let (mut story, session) = played();
        let ticket = story.ask(0, Asked::Close);
        if is_told {
            story.lost(0, session, LossReason::Closed, true);
        }
        story.history.note(|it| it.on_closed(0, ticket));
        if is_told { story.holds() } else { story.breaks("silent") }
    }
}

#[test]
fn nobody_finds_a_copy_of_itself() {
    let (mut story, session) = played();
    story.lost(0, session, LossReason::Impossible("a copy".into()), true);
    story.breaks("copy");
}

#[test]
fn the_rows_at_the_end_hold_what_was_acknowledged() {
    for count in [2, 3] {
        let (mut story, _) = played();
        story.at_rest(Some(line(1, count)));
        story.holds();
    }
    for marker in [None, Some(line(1, 1)), Some(line(4, 2))] {
        let (mut story, _) = played();
        story.at_rest(marker);
        story.breaks("final");
    }
}
