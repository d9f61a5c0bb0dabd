//! Histories made by hand: legal ones pass, and each rule refuses the one that breaks it.

use std::sync::Arc;

use steadfast_core::{Content, JsonText, Metadata, Timestamp};

use super::*;

/// Tags of the writes of [`legal`].
const FIRST: u64 = 11;
const CHANGE: u64 = 12;
const REMOVAL: u64 = 13;
const REVIVAL: u64 = 14;

fn content(number: u64) -> Arc<Content> {
    let value = JsonText::trusted(format!(r#"{{"n":{number}}}"#));
    Arc::new(Content { value, user_ids: Vec::new(), metadata: Metadata::empty() })
}

fn at(counter: u64) -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(counter).unwrap())
}

fn seen(counter: u64, tag: u64, number: Option<u64>) -> Seen {
    let (created_at, updated_at) = (at(1), at(counter));
    Seen { counter, tag, created_at, updated_at, content: number.map(content) }
}

fn set(when: Before, tag: u64, number: u64) -> Action {
    Action::Set { when, content: content(number), tag, change: None }
}

fn remove(tag: u64) -> Action {
    Action::Remove { matches: None, tag }
}

impl EntryHistory {
    /// A call after all calls before it.
    fn with(mut self, action: Action, told: Told) -> Self {
        let began = self.calls.last().map_or(1, |call| call.ended.unwrap_or(call.began) + 1);
        let ended = (told != Told::Nothing).then_some(began + 1);
        let (resent, duplicated, at_rest) = (false, false, false);
        self.calls.push(Call { began, ended, action, told, resent, duplicated, at_rest });
        self
    }

    fn with_revision(mut self, revision: Seen) -> Self {
        self.current = Some(revision.clone());
        self.revisions.push(revision);
        self
    }

    fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A create, a change, a deletion, a creation anew, each seen by a read.
fn legal() -> EntryHistory {
    let states = [
        seen(1, FIRST, Some(5)),
        seen(2, CHANGE, Some(6)),
        seen(3, REMOVAL, None),
        seen(4, REVIVAL, Some(1)),
    ];
    let [first, second, _, last] = states.clone();
    let matches = Before::Matches(first.id());
    let change = Action::Set { when: matches, content: content(6), tag: CHANGE, change: Some(1) };
    let history = EntryHistory::default()
        .with(Action::Current, Told::Absent)
        .with(set(Before::Missing, FIRST, 5), Told::State(first.clone()))
        .with(Action::Current, Told::State(first.clone()))
        .with(change, Told::State(second.clone()))
        .with(set(Before::Missing, 90, 0), Told::Conflict(second.clone()))
        .with(remove(REMOVAL), Told::State(second.clone()))
        .with(Action::Current, Told::Absent)
        .with(set(Before::Anything, REVIVAL, 1), Told::State(last.clone()))
        .with(Action::ById(second.id()), Told::State(second))
        .with(Action::At(at(1)), Told::State(first))
        .with(Action::At(at(3)), Told::Absent)
        .with(Action::Current, Told::State(last));
    states.into_iter().fold(history, EntryHistory::with_revision)
}

/// The call of a write in [`legal`].
fn write_of(history: &mut EntryHistory, tag: u64) -> &mut Call {
    history.calls.iter_mut().find(|call| call.action.tag() == Some(tag)).unwrap()
}

#[track_caller]
fn check_legal(history: &EntryHistory) {
    assert_eq!(judge(history, Repeats::RecognisedWhileLast), Ok(()));
}

#[track_caller]
fn check_broken(history: &EntryHistory, rule: &str) {
    let violation = judge(history, Repeats::RecognisedWhileLast).unwrap_err();
    assert_eq!(violation.rule, rule, "{violation}");
}

#[test]
fn legal_histories_pass() {
    check_legal(&EntryHistory::default());
    check_legal(&legal());
    assert_eq!(judge(&legal(), Repeats::AlwaysRecognised), Ok(()));
}

#[test]
fn a_write_without_an_answer_may_be_there_or_not() {
    check_legal(&legal().with(set(Before::Anything, 50, 1), Told::Nothing));
    let there = |history: &mut EntryHistory| {
        let call = write_of(history, CHANGE);
        (call.told, call.ended) = (Told::Nothing, None);
    };
    check_legal(&legal().changed(there));
}

#[test]
fn a_read_may_see_a_write_that_is_not_acknowledged_yet() {
    let late = |history: &mut EntryHistory| {
        let call = write_of(history, REVIVAL);
        call.ended = Some(1_000);
    };
    check_legal(&legal().changed(late));
}

#[test]
fn chain_a_missing_or_torn_revision_is_found() {
    check_broken(&legal().changed(|history| drop(history.revisions.remove(1))), "chain");
    check_broken(&legal().changed(|history| history.current = None), "chain");
    check_broken(&legal().changed(|history| drop(history.revisions.pop())), "chain");
}

#[test]
fn stamps_that_go_back_and_other_births_are_found() {
    check_broken(&legal().changed(|history| history.revisions[2].updated_at = at(2)), "stamps");
    check_broken(&legal().changed(|history| history.revisions[2].created_at = at(2)), "stamps");
}

#[test]
fn author_a_revision_that_nobody_sent_is_found() {
    let stray = seen(5, 77, Some(1));
    check_broken(&legal().with_revision(stray), "author");
    let other = legal().changed(|history| {
        history.revisions[1].content = Some(content(9));
    });
    check_broken(&other, "author");
}

#[test]
fn acknowledged_a_lost_write_is_found() {
    let lost = set(Before::Anything, 50, 1);
    check_broken(&legal().with(lost, Told::State(seen(5, 50, Some(1)))), "acknowledged");
    let restamped = |history: &mut EntryHistory| {
        write_of(history, REVIVAL).told =
            Told::State(Seen { updated_at: at(9), ..seen(4, REVIVAL, Some(1)) });
    };
    check_broken(&legal().changed(restamped), "acknowledged");
    check_broken(&legal().with(remove(50), Told::State(seen(4, REVIVAL, Some(1)))), "acknowledged");
}

#[test]
fn refused_a_refused_write_that_is_there_is_found() {
    let refused = |history: &mut EntryHistory| write_of(history, REVIVAL).told = Told::Refused;
    check_broken(&legal().changed(refused), "refused");
}

#[test]
fn once_a_write_with_two_effects_is_found() {
    let twice = legal().with_revision(seen(5, REVIVAL, Some(1)));
    check_broken(&twice, "once");
    let resent = twice.changed(|history| write_of(history, REVIVAL).resent = true);
    check_broken(&resent, "once");
}

#[test]
fn once_a_repeat_may_have_an_effect_only_as_documented() {
    let repeated = legal()
        .with(set(Before::Anything, 50, 3), Told::State(seen(5, 50, Some(3))))
        .with_revision(seen(5, 50, Some(3)))
        .changed(|history| {
            let call = write_of(history, REVIVAL);
            (call.told, call.ended, call.resent) = (Told::Nothing, None, true);
            history.calls.retain(|call| call.action != Action::Current);
        })
        .with_revision(seen(6, REVIVAL, Some(1)));
    check_legal(&repeated);
    let strict = judge(&repeated, Repeats::AlwaysRecognised).unwrap_err();
    assert_eq!(strict.rule, "once");
}

#[test]
fn once_a_change_that_counts_twice_is_found() {
    let history = legal();
    let last = history.revisions[3].id();
    let again =
        Action::Set { when: Before::Matches(last), content: content(2), tag: 50, change: Some(1) };
    let history =
        history.with(again, Told::State(seen(5, 50, Some(2)))).with_revision(seen(5, 50, Some(2)));
    check_broken(&history, "once");
}

#[test]
fn condition_a_write_on_another_state_is_found() {
    let on_nothing = |when| {
        move |history: &mut EntryHistory| {
            write_of(history, CHANGE).action = set(when, CHANGE, 6);
        }
    };
    check_legal(&legal().changed(on_nothing(Before::Exists)));
    check_broken(&legal().changed(on_nothing(Before::Missing)), "condition");
    let other = Before::Matches(seen(3, REMOVAL, None).id());
    check_broken(&legal().changed(on_nothing(other)), "condition");
    let first = |history: &mut EntryHistory| {
        write_of(history, FIRST).action = set(Before::Exists, FIRST, 5);
    };
    check_broken(&legal().changed(first), "condition");
    let twice = legal().with(remove(50), Told::Nothing).with(remove(51), Told::Nothing);
    let twice = twice.with_revision(seen(5, 50, None)).with_revision(seen(6, 51, None));
    check_broken(&twice, "condition");
}

#[test]
fn order_a_write_behind_what_was_seen_before_it_is_found() {
    let swapped = |history: &mut EntryHistory| {
        // It began after the revival was acknowledged.
        let call = write_of(history, CHANGE);
        (call.began, call.ended, call.told) = (500, None, Told::Nothing);
    };
    check_broken(&legal().changed(swapped), "order");
}

#[test]
fn derived_a_change_that_is_not_one_more_is_found() {
    let wrong = |history: &mut EntryHistory| {
        history.revisions[0].content = Some(content(8));
        history.calls[1].action = set(Before::Missing, FIRST, 8);
        history.calls[1].told = Told::Nothing;
        history.calls[2].told = Told::Refused;
    };
    check_broken(&legal().changed(wrong), "derived");
}

/// A number that was set to 5, added to, deleted, and added to again.
fn counted() -> EntryHistory {
    let text = |counter, tag, text: &str| {
        let value = JsonText::trusted(text);
        let content = Content { value, user_ids: Vec::new(), metadata: Metadata::empty() };
        Seen { content: Some(Arc::new(content)), ..seen(counter, tag, None) }
    };
    let states =
        [text(1, FIRST, "5"), text(2, CHANGE, "8"), seen(3, REMOVAL, None), text(4, REVIVAL, "-2")];
    let [first, second, _, last] = states.clone();
    let content = first.content.clone().unwrap();
    let set = Action::Set { when: Before::Missing, content, tag: FIRST, change: None };
    let history = EntryHistory::default()
        .with(set, Told::State(first))
        .with(add(3, CHANGE), Told::State(second.clone()))
        .with(remove(REMOVAL), Told::State(second))
        .with(add(-2, REVIVAL), Told::State(last));
    states.into_iter().fold(history, EntryHistory::with_revision)
}

fn add(by: i64, tag: u64) -> Action {
    Action::Add { by, tag }
}

#[test]
fn derived_an_increment_that_is_lost_or_counts_twice_is_found() {
    check_legal(&counted());
    for by in [2, 4, 6] {
        let other = |history: &mut EntryHistory| write_of(history, CHANGE).action = add(by, CHANGE);
        check_broken(&counted().changed(other), "derived");
    }
    let gone = counted().with(add(1, 50), Told::Nothing).with_revision(seen(5, 50, None));
    check_broken(&gone, "derived");
    // On what is no number.
    let stray = legal().with(add(1, 50), Told::Nothing).with_revision(seen(5, 50, Some(2)));
    check_broken(&stray, "derived");
}

#[test]
fn once_an_increment_that_is_repeated_counts_twice_only_as_documented() {
    let mut again = counted().revisions[3].clone();
    let content = |text: &str| {
        let value = JsonText::trusted(text);
        Some(Arc::new(Content { value, user_ids: Vec::new(), metadata: Metadata::empty() }))
    };
    let resent = |history: &mut EntryHistory| write_of(history, REVIVAL).resent = true;
    (again.counter, again.updated_at, again.content) = (5, at(5), content("-4"));
    check_broken(&counted().with_revision(again.clone()).changed(resent), "once");
    let between = Seen { tag: 50, content: content("-1"), ..again.clone() };
    (again.counter, again.updated_at, again.content) = (6, at(6), content("-3"));
    let history = counted()
        .with(add(1, 50), Told::State(between.clone()))
        .with_revision(between)
        .with_revision(again)
        .changed(|history| {
            let call = write_of(history, REVIVAL);
            (call.told, call.ended, call.resent) = (Told::Nothing, None, true);
        });
    check_legal(&history);
    assert_eq!(judge(&history, Repeats::AlwaysRecognised).unwrap_err().rule, "once");
}

#[test]
fn number_an_increment_refused_without_a_reason_is_found() {
    check_broken(&counted().with(add(1, 50), Told::NoSum), "number");
    check_legal(&counted().with(add(i64::MIN, 50), Told::NoSum));
    check_legal(&legal().with(add(1, 50), Told::NoSum));
    check_broken(&counted().with(Action::Current, Told::NoSum), "number");
    check_broken(&counted().with(remove(50), Told::NoSum), "number");
    check_broken(&counted().with(add(1, 50), Told::Absent), "absent");
    let refused = |history: &mut EntryHistory| write_of(history, REVIVAL).told = Told::NoSum;
    check_broken(&counted().changed(refused), "refused");
}

#[test]
fn read_a_stale_a_future_and_a_wrong_state_are_found() {
    let stale = Told::State(seen(2, CHANGE, Some(6)));
    check_broken(&legal().with(Action::Current, stale), "read");
    let early = |history: &mut EntryHistory| {
        history.calls[2].told = Told::State(seen(4, REVIVAL, Some(1)));
    };
    // Whoever wrote it began after that.
    check_broken(&legal().changed(early), "order");
    let wrong = Told::State(seen(4, REVIVAL, Some(2)));
    check_broken(&legal().with(Action::Current, wrong), "read");
    let deleted = |history: &mut EntryHistory| {
        history.calls[6].told = Told::State(seen(3, REMOVAL, None));
    };
    check_broken(&legal().changed(deleted), "read");
}

#[test]
fn by_id_another_state_and_a_lost_one_are_found() {
    let id = seen(2, CHANGE, None).id();
    let told = Told::State(seen(4, REVIVAL, Some(1)));
    check_broken(&legal().with(Action::ById(id), told), "by-id");
    check_broken(&legal().with(Action::ById(id), Told::NoSuchRevision), "by-id");
    let never = Id { counter: 9, ..id };
    check_legal(&legal().with(Action::ById(never), Told::NoSuchRevision));
}

#[test]
fn at_an_older_and_a_younger_state_are_found() {
    let told = |counter, tag, number| Told::State(seen(counter, tag, Some(number)));
    check_broken(&legal().with(Action::At(at(2)), told(1, FIRST, 5)), "at");
    check_broken(&legal().with(Action::At(at(2)), told(4, REVIVAL, 1)), "at");
    check_legal(&legal().with(Action::At(at(2)), told(2, CHANGE, 6)));
    check_legal(&legal().with(Action::At(at(900)), told(4, REVIVAL, 1)));
}

#[test]
fn absent_a_live_entry_that_is_not_found_is_found() {
    check_broken(&legal().with(Action::Current, Told::Absent), "absent");
    check_broken(&legal().with(remove(50), Told::Absent), "absent");
    check_broken(&legal().with(set(Before::Exists, 50, 1), Told::Absent), "absent");
    check_broken(&legal().with(Action::At(at(2)), Told::Absent), "absent");
    let id = seen(2, CHANGE, None).id();
    check_broken(&legal().with(Action::ById(id), Told::Absent), "absent");
    let unsure = legal().with(remove(50), Told::Nothing).with_revision(seen(5, 50, None));
    check_legal(&unsure.with(Action::Current, Told::Absent));
}

#[test]
fn conflict_with_oneself_or_with_nothing_is_found() {
    let own = |history: &mut EntryHistory| {
        write_of(history, REVIVAL).told = Told::Conflict(seen(4, REVIVAL, Some(1)));
    };
    check_broken(&legal().changed(own), "conflict");
    let current = seen(4, REVIVAL, Some(1));
    let matching = set(Before::Matches(current.id()), 50, 1);
    check_broken(&legal().with(matching, Told::Conflict(current)), "conflict");
    let stale = Told::Conflict(seen(2, CHANGE, Some(6)));
    check_broken(&legal().with(set(Before::Missing, 50, 1), stale), "conflict");
}

#[test]
fn corrupt_damage_that_is_not_there_or_not_told_is_found() {
    check_broken(&legal().with(Action::Current, Told::Damaged(None)), "corrupt");
    let damaged =
        |counter| legal().changed(|history| history.damage.push(Damage { at: 30, counter }));
    let told = Told::State(seen(4, REVIVAL, Some(1)));
    let later = |history: &mut EntryHistory| {
        let call = history.calls.last_mut().unwrap();
        (call.began, call.ended) = (40, Some(41));
    };
    let read = damaged(None).with(Action::Current, told.clone()).changed(later);
    check_broken(&read, "corrupt");
    check_broken(&damaged(None).with(Action::Current, Told::Absent).changed(later), "corrupt");
    check_legal(&damaged(None).with(Action::Current, Told::Damaged(None)).changed(later));
    check_legal(&damaged(Some(2)).with(Action::Current, told).changed(later));
    let second = seen(2, CHANGE, Some(6));
    let by_id = Action::ById(second.id());
    check_broken(&damaged(Some(2)).with(by_id, Told::State(second)).changed(later), "corrupt");
}

#[test]
fn final_a_read_at_rest_sees_the_last_revision() {
    let unsure = legal()
        .with(set(Before::Anything, 50, 1), Told::Nothing)
        .with_revision(seen(5, 50, Some(1)))
        .with(Action::Current, Told::State(seen(4, REVIVAL, Some(1))));
    check_legal(&unsure);
    let at_rest = |history: &mut EntryHistory| history.calls.last_mut().unwrap().at_rest = true;
    check_broken(&unsure.changed(at_rest), "final");
    let absent = legal()
        .with(remove(50), Told::Nothing)
        .with(set(Before::Anything, 51, 1), Told::Nothing)
        .with_revision(seen(5, 50, None))
        .with_revision(seen(6, 51, Some(1)))
        .with(Action::Current, Told::Absent);
    check_legal(&absent);
    check_broken(&absent.changed(at_rest), "final");
}
