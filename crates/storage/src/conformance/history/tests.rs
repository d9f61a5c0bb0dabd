//! Histories that are legal and histories that are not: the checker must tell them apart.

use super::*;

type Found = Violation<&'static str>;

const KEY: &str = "k";

fn rev(counter: u64, tag: u64) -> Revision {
    Revision { counter, tag }
}

/// A write that had to stand on a certain revision.
fn write_on(base: Seen, tag: u64, times: (u64, u64), answer: Answer) -> Event<&'static str> {
    let action = Action::Write { tag, base: Some(base), answer };
    Event { key: KEY, sent: times.0, answered: times.1, action }
}

fn write(tag: u64, times: (u64, u64), answer: Answer) -> Event<&'static str> {
    let action = Action::Write { tag, base: None, answer };
    Event { key: KEY, sent: times.0, answered: times.1, action }
}

fn read(seen: Seen, times: (u64, u64)) -> Event<&'static str> {
    Event { key: KEY, sent: times.0, answered: times.1, action: Action::Read(seen) }
}

fn ok(counter: u64) -> Answer {
    Answer::Acknowledged { counter }
}

fn refused(current: Seen) -> Answer {
    Answer::Refused { current }
}

#[track_caller]
fn check_one(events: &[Event<&'static str>], chain: &[Revision], expected: &[Found]) {
    let chains = BTreeMap::from([(KEY, chain.to_vec())]);
    assert_eq!(check(events, &chains), expected);
}

/// Two writes in a row with reads in between, a loser and an unknown that came in late.
fn legal() -> (Vec<Event<&'static str>>, Vec<Revision>) {
    let chain = vec![rev(1, 10), rev(2, 20), rev(3, 30)];
    let events = vec![
        read(None, (1, 2)),
        write_on(None, 10, (3, 8), ok(1)),
        read(Some(rev(1, 10)), (4, 9)),
        write_on(None, 11, (5, 10), refused(Some(rev(1, 10)))),
        write(30, (11, 12), Answer::Unknown),
        write_on(Some(rev(1, 10)), 20, (13, 14), ok(2)),
        read(Some(rev(2, 20)), (15, 20)),
        read(Some(rev(3, 30)), (16, 17)),
        write(31, (18, 19), Answer::Unknown),
        write(32, (18, 19), Answer::Failed),
        read(Some(rev(3, 30)), (21, 22)),
    ];
    (events, chain)
}

#[test]
fn a_legal_history_has_nothing_wrong_with_it() {
    let (events, chain) = legal();
    check_one(&events, &chain, &[]);
    check_one(&[], &[], &[]);
    check_one(&[read(None, (1, 2))], &[], &[]);
}

#[test]
fn the_order_in_which_events_are_recorded_does_not_matter() {
    let (mut events, chain) = legal();
    for _ in 0..events.len() {
        events.rotate_left(1);
        check_one(&events, &chain, &[]);
    }
    events.reverse();
    check_one(&events, &chain, &[]);
}

#[test]
fn a_lost_acknowledged_write_is_flagged() {
    let lost = [write(10, (1, 2), ok(1))];
    check_one(&lost, &[], &[Violation::Lost { key: KEY, tag: 10 }]);
    // Also when another write took its place.
    let both = [write(10, (1, 2), ok(1)), write(11, (3, 4), ok(1))];
    check_one(&both, &[rev(1, 11)], &[Violation::Lost { key: KEY, tag: 10 }]);
}

#[test]
fn a_write_stored_elsewhere_than_it_was_told_is_flagged() {
    let events = [write(10, (1, 2), ok(2))];
    let wrong = Violation::OtherCounter { key: KEY, tag: 10, said: 2, stored: 1 };
    check_one(&events, &[rev(1, 10)], &[wrong]);
}

#[test]
fn a_refused_write_that_is_stored_is_flagged() {
    for answer in [refused(Some(rev(1, 10))), Answer::Failed] {
        let events = [write(10, (1, 2), ok(1)), write(20, (3, 4), answer)];
        let wrong = Violation::RefusedPresent { key: KEY, tag: 20 };
        check_one(&events, &[rev(1, 10), rev(2, 20)], &[wrong]);
    }
}

#[test]
fn a_write_refused_on_its_own_base_is_flagged() {
    let events = [write_on(None, 10, (1, 2), refused(None))];
    check_one(&events, &[], &[Violation::RefusedOnBase { key: KEY, tag: 10 }]);
}

#[test]
fn a_stored_revision_that_nobody_sent_is_flagged() {
    let events = [write(10, (1, 2), ok(1))];
    let wrong = Violation::NeverSent { key: KEY, found: rev(2, 66) };
    check_one(&events, &[rev(1, 10), rev(2, 66)], &[wrong]);
    check_one(&[], &[rev(1, 10)], &[Violation::NeverSent { key: KEY, found: rev(1, 10) }]);
}

#[test]
fn a_gap_in_the_counters_is_flagged() {
    let events = [write(10, (1, 2), Answer::Unknown), write(20, (3, 4), Answer::Unknown)];
    let gap = Violation::Gap { key: KEY, expected: 2, found: rev(3, 20) };
    check_one(&events, &[rev(1, 10), rev(3, 20)], &[gap]);
    let late_start = Violation::Gap { key: KEY, expected: 1, found: rev(2, 10) };
    check_one(&events[..1], &[rev(2, 10)], &[late_start]);
}

#[test]
fn a_write_that_stands_twice_is_flagged() {
    let events = [write(10, (1, 2), Answer::Unknown)];
    let twice = Violation::Twice { key: KEY, tag: 10 };
    check_one(&events, &[rev(1, 10), rev(2, 10)], &[twice]);
}

#[test]
fn two_writes_on_one_base_are_flagged() {
    let base = Some(rev(1, 10));
    let events = [
        write(10, (1, 2), ok(1)),
        write_on(base, 20, (3, 8), ok(2)),
        write_on(base, 30, (4, 9), ok(3)),
    ];
    let stands_on = Some(rev(2, 20));
    let wrong = Violation::WrongBase { key: KEY, tag: 30, base, stands_on };
    check_one(&events, &[rev(1, 10), rev(2, 20), rev(3, 30)], &[wrong]);
    // Two creations.
    let events = [write_on(None, 10, (1, 9), ok(1)), write_on(None, 20, (2, 8), ok(2))];
    let stands_on = Some(rev(1, 10));
    let wrong = Violation::WrongBase { key: KEY, tag: 20, base: None, stands_on };
    check_one(&events, &[rev(1, 10), rev(2, 20)], &[wrong]);
}

#[test]
fn an_unknown_write_on_another_base_is_flagged_too() {
    let base = Some(rev(1, 10));
    let events = [
        write(10, (1, 2), ok(1)),
        write_on(base, 20, (3, 4), Answer::Unknown),
        write_on(base, 30, (5, 6), ok(2)),
    ];
    let stands_on = Some(rev(2, 30));
    let wrong = Violation::WrongBase { key: KEY, tag: 20, base, stands_on };
    check_one(&events, &[rev(1, 10), rev(2, 30), rev(3, 20)], &[wrong]);
}

#[test]
fn a_stale_read_after_an_acknowledged_write_is_flagged() {
    let chain = [rev(1, 10), rev(2, 20)];
    let writes = [write(10, (1, 2), ok(1)), write(20, (3, 4), ok(2))];
    let stale = |saw| Violation::Stale { key: KEY, sent: 5, saw, known: 2 };
    for (seen, saw) in [(Some(rev(1, 10)), 1), (None, 0)] {
        let events = [&writes[..], &[read(seen, (5, 6))]].concat();
        check_one(&events, &chain, &[stale(saw)]);
    }
    // Side by side with the write, either is right.
    for seen in [Some(rev(1, 10)), Some(rev(2, 20))] {
        let beside = [write(10, (1, 2), ok(1)), write(20, (3, 9), ok(2)), read(seen, (5, 6))];
        check_one(&beside, &chain, &[]);
    }
}

#[test]
fn a_read_that_goes_back_behind_another_read_is_flagged() {
    let chain = [rev(1, 10), rev(2, 20)];
    let events = [
        write(10, (1, 2), ok(1)),
        write(20, (3, 9), ok(2)),
        read(Some(rev(2, 20)), (4, 5)),
        read(Some(rev(1, 10)), (6, 7)),
    ];
    check_one(&events, &chain, &[Violation::Stale { key: KEY, sent: 6, saw: 1, known: 2 }]);
}

#[test]
fn a_stale_row_that_came_with_a_refusal_is_flagged() {
    let chain = [rev(1, 10), rev(2, 20)];
    let events = [
        write(10, (1, 2), ok(1)),
        write(20, (3, 4), ok(2)),
        write_on(None, 30, (5, 6), refused(Some(rev(1, 10)))),
    ];
    check_one(&events, &chain, &[Violation::Stale { key: KEY, sent: 5, saw: 1, known: 2 }]);
}

#[test]
fn a_revision_seen_and_never_stored_is_flagged() {
    let events = [write(10, (1, 2), Answer::Unknown), read(Some(rev(1, 10)), (3, 4))];
    check_one(&events, &[], &[Violation::SawNothing { key: KEY, seen: rev(1, 10) }]);
    // The right write under a wrong counter is not in the chain either.
    let events = [write(10, (1, 2), ok(1)), read(Some(rev(2, 10)), (3, 4))];
    let wrong = Violation::SawNothing { key: KEY, seen: rev(2, 10) };
    check_one(&events, &[rev(1, 10)], &[wrong]);
}

#[test]
fn a_write_seen_before_it_was_sent_is_flagged() {
    let events = [read(Some(rev(1, 10)), (1, 2)), write(10, (3, 4), ok(1))];
    let wrong = Violation::BackInTime { key: KEY, tag: 10, sent: 3, counter: 1, known: 1 };
    check_one(&events, &[rev(1, 10)], &[wrong]);
}

#[test]
fn an_acknowledged_write_before_one_that_had_ended_is_flagged() {
    let chain = [rev(1, 20), rev(2, 10)];
    let events = [write(10, (1, 2), ok(2)), write(20, (3, 4), ok(1))];
    let wrong = Violation::BackInTime { key: KEY, tag: 20, sent: 3, counter: 1, known: 2 };
    check_one(&events, &chain, &[wrong]);
    // An unknown write may come late, but not before it was sent.
    let events = [write(20, (1, 2), Answer::Unknown), write(10, (3, 4), ok(1))];
    check_one(&events, &[rev(1, 10), rev(2, 20)], &[]);
    let events = [write(10, (1, 2), ok(2)), write(20, (3, 4), Answer::Unknown)];
    let wrong = Violation::BackInTime { key: KEY, tag: 20, sent: 3, counter: 1, known: 2 };
    check_one(&events, &chain, &[wrong]);
}

#[test]
fn two_writes_sent_with_one_tag_are_a_fault_of_the_test() {
    let events = [write(10, (1, 2), ok(1)), write(10, (3, 4), Answer::Failed)];
    let found = check(&events, &BTreeMap::from([(KEY, vec![rev(1, 10)])]));
    assert!(found.contains(&Violation::SameTag { key: KEY, tag: 10 }), "{found:?}");
}

#[test]
fn each_key_is_judged_by_itself() {
    let at = |key, tag, answer| {
        let action = Action::Write { tag, base: None, answer };
        Event { key, sent: tag, answered: tag + 1, action }
    };
    let events = [at("a", 1, ok(1)), at("b", 3, ok(1)), at("c", 5, ok(1))];
    let chains = BTreeMap::from([("a", vec![rev(1, 1)]), ("b", vec![])]);
    let lost = |key, tag| Violation::Lost { key, tag };
    assert_eq!(check(&events, &chains), [lost("b", 3), lost("c", 5)]);
}

#[test]
fn a_long_history_is_judged_quickly() {
    // With a quadratic walk this takes minutes in a debug build.
    let count = 200_000;
    let chain: Vec<Revision> = (1..=count).map(|n| rev(n, n)).collect();
    let events: Vec<_> = (1..=count).map(|n| write(n, (2 * n, 2 * n + 5), ok(n))).collect();
    check_one(&events, &chain, &[]);
}
