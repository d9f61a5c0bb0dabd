//! Each rule of the audit, broken once.

use super::*;
use crate::told::Line;
use crate::world::Item;

fn ended(status: OperationStatus, kind: Kind, minted: i64, burned: i64) -> Ended {
    let flow = (status == OperationStatus::Applied).then_some(Flow { minted, burned });
    Ended { status, kind: Some(kind), flow }
}

/// Two players after a match, one of whom has bought something.
fn good() -> Vec<Stored> {
    let applied = OperationStatus::Applied;
    let item = Item { name: "ring".into(), from: "shop-1-0".into() };
    let save = Save {
        coins: 10,
        items: vec![item],
        step_count: 8,
        match_count: 1,
        win_count: 1,
        paid_count: 1,
        ..Save::default()
    };
    let one = Stored {
        player: 1,
        save,
        ended: [
            ("match-1-0".to_owned(), ended(applied, Kind::Match, 30, 0)),
            ("shop-1-0".to_owned(), ended(applied, Kind::Shop, 0, 20)),
            ("crate-1-0".to_owned(), ended(OperationStatus::Failed, Kind::Crate, 0, 0)),
        ]
        .into(),
        ..Stored::default()
    };
    let two = Stored {
        player: 2,
        save: Save { match_count: 1, paid_count: 1, ..Save::default() },
        expected: ["match-2-0".to_owned()].into(),
        waiting: vec!["match-2-0".to_owned()],
        ..Stored::default()
    };
    vec![one, two]
}

fn told() -> Told {
    let mut told = Told::default();
    for line in [
        "ack 1 8",
        "queued 1 match-1-0 match 30 new",
        "ended 1 match-1-0 applied",
        "queued 1 crate-1-0 crate -40 new",
        "ended 1 crate-1-0 failed",
        "queued 2 match-2-0 match 12 new",
    ] {
        told.hear(Line::parse(line).unwrap());
    }
    told
}

#[test]
fn what_was_told_and_is_so_passes() {
    let findings = judge(&good(), &told());
    assert_eq!(findings.wrong, Vec::<String>::new());
    let Findings { coins, minted, burned, applied, without_effect, waiting, untold, .. } = findings;
    assert_eq!((coins, minted, burned), (10, 30, 20));
    assert_eq!((applied, without_effect, waiting), (2, 1, 1));
    assert_eq!(untold, BTreeSet::from(["shop-1-0".to_owned()]));
}

#[track_caller]
fn check_store(break_it: impl FnOnce(&mut Stored, &mut Stored), says: &str) {
    let mut stored = good();
    let [one, two] = &mut stored[..] else { panic!("there are two players") };
    break_it(one, two);
    let wrong = judge(&stored, &told()).wrong;
    assert!(wrong.iter().any(|it| it.contains(says)), "{wrong:?}");
}

#[test]
fn every_broken_rule_of_the_store_is_found() {
    check_store(|one, _| one.save.coins += 1, "player 1 has 11 coins");
    check_store(|one, _| one.save.coins += 1, "11 coins exist");
    let forget_answer = |one: &mut Stored, _: &mut Stored| {
        one.ended.get_mut("match-1-0").unwrap().flow = None;
    };
    check_store(forget_answer, "has no answer");
    check_store(|one, _| one.save.items.push(one.save.items[0].clone()), "two items of shop-1-0");
    check_store(|one, _| one.save.items[0].from = "shop-1-9".into(), "shop-1-9, not applied");
    check_store(|one, _| one.save.used_count += 1, "had 2 items, and operations gave 1");
    check_store(|_, two| two.waiting.push("match-2-0".into()), "waits twice");
    check_store(|one, _| one.waiting.push("shop-1-0".into()), "has ended, and waits");
    check_store(|_, two| two.waiting.clear(), "its receipt without it");
    check_store(|_, two| two.waiting.push("gift-2-0".into()), "waits without its receipt");
    check_store(|one, _| one.save.paid_count += 1, "no reward match-1-1");
    check_store(|_, two| two.save.match_count += 1, "3 players fought, and 1");
}

#[track_caller]
fn check_told(line: &str, says: &str) {
    let mut told = told();
    told.hear(Line::parse(line).unwrap());
    let wrong = judge(&good(), &told).wrong;
    assert!(wrong.iter().any(|it| it.contains(says)), "{wrong:?}");
}

#[test]
fn everything_that_was_told_and_is_not_so_is_found() {
    check_told("ack 1 9", "a save at step 9 was acknowledged, Some(8) is stored");
    check_told("ack 3 1", "None is stored");
    check_told("ended 2 match-2-0 applied", "match-2-0 was told to be applied");
    check_told("ended 1 shop-1-0 cancelled", "its receipt: Some(\"applied\")");
    check_told("queued 1 gift-1-5 gift 3 new", "nobody knows it");
    check_told("queued 1 shop-1-0 shop -21 new", "about -21 coins, and did -20");
    check_told("ended 1 match-1-0 failed", "in two ways");
}
