//! Facts about which revisions are there.

use super::*;
use crate::id::{EntryId, EntryKey, Revision, Scope, StoreId, StoreName, UniverseId};
use crate::row::{Birth, Row, RowKey, StoreBody, UniverseBody};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Midnight of some day, in seconds.
const DAY_0: i64 = 20_000 * DAY;

/// A time of that day.
fn clock(hours: i64, minutes: i64, seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(DAY_0 + hours * HOUR + minutes * MINUTE + seconds)
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_ticks(time.ticks() + seconds * crate::time::TICKS_PER_SECOND)
}

fn just_before(time: Timestamp) -> Timestamp {
    Timestamp::from_ticks(time.ticks() - 1)
}

fn past(written_at: Timestamp, superseded_at: Timestamp) -> Past {
    let (is_tombstone, is_deleted_next, is_pinned) = (false, false, false);
    Past { written_at, superseded_at, is_tombstone, is_deleted_next, is_pinned }
}

fn rule(history: History) -> Rule {
    Rule { history, snapshots: vec![] }
}

/// Checks that a revision is there up to a time and from then on not.
#[track_caller]
fn check_until(rule: &Rule, past: &Past, until: Timestamp) {
    assert_eq!(rule.kept_until(past), Some(until));
    assert!(rule.is_kept(past, just_before(until)));
    assert!(!rule.is_kept(past, until));
}

const MONTH: i64 = 30 * DAY;

#[test]
fn v_10_the_last_of_each_hour_is_a_backup_and_nothing_else() {
    let rule = rule(History::Hourly);
    let within = past(clock(10, 5, 0), clock(10, 50, 0));
    check_until(&rule, &within, clock(10, 50, 0));
    let last = past(clock(10, 50, 0), clock(11, 1, 0));
    check_until(&rule, &last, later(clock(11, 1, 0), MONTH));
    // The edges of the hour.
    let whole = past(clock(10, 0, 0), just_before(clock(11, 0, 0)));
    assert!(!rule.is_kept(&whole, whole.superseded_at));
    let over = past(just_before(clock(11, 0, 0)), clock(11, 0, 0));
    assert!(rule.is_kept(&over, over.superseded_at));
}

#[test]
fn v_11_a_snapshot_makes_a_backup_of_what_was_current_then() {
    let covered = past(clock(10, 5, 0), clock(10, 50, 0));
    for (at, is_backup) in [
        (just_before(clock(10, 5, 0)), false),
        (clock(10, 5, 0), true),
        (clock(10, 20, 0), true),
        (clock(10, 50, 0), true),
        (clock(10, 50, 0).next(), false),
    ] {
        let rule = Rule { history: History::Hourly, snapshots: vec![clock(9, 0, 0), at] };
        assert_eq!(rule.is_kept(&covered, clock(12, 0, 0)), is_backup, "{at:?}");
    }
}

#[test]
fn v_12_a_backup_expires_30_days_after_it_was_superseded() {
    for history in History::ALL {
        let last = past(clock(10, 50, 0), clock(11, 1, 0));
        check_until(&rule(history), &last, later(clock(11, 1, 0), MONTH));
    }
}

#[test]
fn v_14_and_v_15_deletions_and_what_they_hid_are_kept_whatever_the_time() {
    let (written, superseded) = (clock(10, 5, 10), clock(10, 5, 20));
    for history in [History::Hourly, History::Thinned] {
        let hidden = Past { is_deleted_next: true, ..past(written, superseded) };
        let tombstone = Past { is_tombstone: true, ..past(written, superseded) };
        for past in [hidden, tombstone] {
            check_until(&rule(history), &past, later(superseded, MONTH));
        }
    }
}

#[test]
fn thinned_keeps_every_one_for_an_hour_and_the_last_of_minutes_and_hours_for_longer() {
    let rule = rule(History::Thinned);
    let same_minute = past(clock(10, 5, 0), just_before(clock(10, 6, 0)));
    check_until(&rule, &same_minute, later(same_minute.superseded_at, HOUR));
    let last_of_minute = past(just_before(clock(10, 6, 0)), clock(10, 6, 0));
    check_until(&rule, &last_of_minute, later(clock(10, 6, 0), DAY));
    let same_hour = past(clock(10, 0, 0), just_before(clock(11, 0, 0)));
    check_until(&rule, &same_hour, later(same_hour.superseded_at, DAY));
    let last_of_hour = past(just_before(clock(11, 0, 0)), clock(11, 0, 0));
    check_until(&rule, &last_of_hour, later(clock(11, 0, 0), MONTH));
}

#[test]
fn every_keeps_each_one_for_30_days() {
    let rule = rule(History::Every);
    let short = past(clock(10, 5, 0), clock(10, 5, 1));
    check_until(&rule, &short, later(clock(10, 5, 1), MONTH));
}

#[test]
fn what_is_pinned_stays_as_long_as_its_entry() {
    for history in History::ALL {
        let pinned = Past { is_pinned: true, ..past(clock(10, 5, 0), clock(10, 5, 1)) };
        assert_eq!(rule(history).kept_until(&pinned), None);
        assert_eq!(rule(history).removable_at(&pinned), None);
        assert!(rule(history).is_kept(&pinned, Timestamp::from_ticks(i64::MAX)));
    }
}

#[test]
fn rows_remain_an_hour_after_they_were_superseded_although_they_are_not_there() {
    let within = past(clock(10, 5, 0), clock(10, 50, 0));
    let remains = clock(11, 50, 0);
    assert_eq!(rule(History::Hourly).removable_at(&within), Some(remains));
    let last = past(clock(10, 50, 0), clock(11, 1, 0));
    let expired = later(clock(11, 1, 0), MONTH);
    assert_eq!(rule(History::Hourly).removable_at(&last), Some(expired));
}

fn entry() -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted("u_1") }
}

fn head(counter: u64, stamped_at: Timestamp) -> Head {
    Head {
        key: RowKey::Revision(entry(), counter),
        revision: Revision { counter, tag: counter },
        stamped_at,
        created_at: clock(0, 0, 0),
        is_tombstone: false,
        pinned: false,
        schema: None,
        value_size: None,
    }
}

fn chronicle(history: History, current: Head, now: Timestamp) -> Chronicle {
    Chronicle::new(rule(history), current, now)
}

fn damaged(counter: u64) -> FoundHead {
    FoundHead::Corrupt(RowKey::Revision(entry(), counter))
}

#[test]
fn the_current_revision_is_there_and_its_row_stays() {
    let current = head(3, clock(10, 0, 0));
    let chronicle = chronicle(History::Hourly, current.clone(), later(clock(10, 0, 0), 2 * MONTH));
    assert!(chronicle.shows(&current, None));
    assert_eq!(chronicle.removable_at(&current, None), None);
    // What stands above the entry's own row is none of its revisions.
    assert!(!chronicle.shows(&head(4, clock(9, 0, 0)), None));
}

#[test]
fn a_revision_is_judged_by_the_next_one_that_stands() {
    let now = clock(10, 30, 0);
    let chronicle = chronicle(History::Hourly, head(5, clock(10, 20, 0)), now);
    let (old, next) = (head(2, clock(9, 50, 0)), head(3, clock(9, 59, 0)));
    assert!(!chronicle.shows(&old, Some(&FoundHead::Head(next))));
    // The entry's own row stands for the one of the current revision.
    assert!(chronicle.shows(&old, None));
    assert!(chronicle.shows(&old, Some(&FoundHead::Head(head(5, clock(10, 20, 0))))));
    assert!(!chronicle.shows(&head(4, clock(10, 5, 0)), None));
}

#[test]
fn a_pin_holds_for_the_revision_and_the_very_one_before() {
    let now = clock(10, 30, 0);
    let current = Head { pinned: true, ..head(5, clock(10, 20, 0)) };
    let chronicle = chronicle(History::Hourly, current.clone(), now);
    let above = FoundHead::Head(current);
    assert!(chronicle.shows(&head(4, clock(10, 10, 0)), Some(&above)));
    assert_eq!(chronicle.removable_at(&head(4, clock(10, 10, 0)), Some(&above)), None);
    assert!(!chronicle.shows(&head(3, clock(10, 10, 0)), Some(&above)));
    let pinned = Head { pinned: true, ..head(2, clock(10, 1, 0)) };
    let next = FoundHead::Head(head(3, clock(10, 2, 0)));
    assert!(chronicle.shows(&pinned, Some(&next)));
}

#[test]
fn damage_above_a_revision_speaks_for_keeping_it() {
    let now = clock(12, 0, 0);
    let old = head(2, clock(10, 5, 0));
    let chronicle = chronicle(History::Hourly, head(5, clock(10, 20, 0)), now);
    assert!(chronicle.shows(&old, Some(&damaged(3))));
    assert_eq!(chronicle.removable_at(&old, Some(&damaged(3))), None);
    let earlier_life = Head { created_at: clock(-1, 0, 0), ..old.clone() };
    assert!(chronicle.shows(&earlier_life, Some(&damaged(3))));
    let now = later(old.stamped_at, MONTH);
    let chronicle = Chronicle { now, ..chronicle };
    assert!(!chronicle.shows(&earlier_life, Some(&damaged(3))));
}

/// What brought the entry back within 30 days may be gone, and the next one that stands be younger.
#[test]
fn v_15_a_deletion_within_a_life_is_kept_although_its_neighbour_came_a_month_later() {
    let deleted = clock(10, 0, 0);
    let tombstone = Head { is_tombstone: true, ..head(2, deleted) };
    let next = head(5, later(deleted, MONTH));
    let above = FoundHead::Head(next.clone());
    for history in History::ALL {
        let superseded = next.stamped_at;
        let chronicle = chronicle(history, next.clone(), later(superseded, HOUR));
        assert!(chronicle.shows(&tombstone, Some(&above)), "{history}");
        let until = Some(later(superseded, MONTH));
        assert_eq!(chronicle.removable_at(&tombstone, Some(&above)), until, "{history}");
    }
}

#[test]
fn v_16_a_deletion_that_stood_for_30_days_ends_a_life() {
    let deleted = clock(10, 0, 0);
    let tombstone = Head { is_tombstone: true, ..head(3, deleted) };
    let hidden = Head { pinned: true, ..head(2, clock(9, 0, 0)) };
    for (now, is_there) in [(later(deleted, MONTH - 1), true), (later(deleted, MONTH), false)] {
        let chronicle = chronicle(History::Every, tombstone.clone(), now);
        assert_eq!(chronicle.is_purged(), !is_there);
        assert_eq!(chronicle.shows(&tombstone, None), is_there);
        let above = FoundHead::Head(tombstone.clone());
        assert_eq!(chronicle.shows(&hidden, Some(&above)), is_there);
    }
    // The life after it shows nothing of it, pinned or not, and lets go of it.
    let born = later(deleted, MONTH);
    let reborn = Head { created_at: born, ..head(4, born) };
    let chronicle = chronicle(History::Every, reborn.clone(), later(born, 1));
    let above = FoundHead::Head(reborn);
    assert!(!chronicle.shows(&tombstone, Some(&above)));
    assert_eq!(chronicle.removable_at(&tombstone, Some(&above)), Some(later(born, HOUR)));
    let above = FoundHead::Head(tombstone);
    assert!(!chronicle.shows(&hidden, Some(&above)));
    assert!(chronicle.removable_at(&hidden, Some(&above)).is_some());
}

fn row(key: RowKey, body: RowBody, stamped_at: Timestamp) -> Found {
    Found::Row(Row { key, revision: Revision { counter: 1, tag: 1 }, stamped_at, body })
}

fn store(body: StoreBody) -> Found {
    row(RowKey::Store(entry().store), RowBody::Store(body), clock(1, 0, 0))
}

#[test]
fn the_rule_is_that_of_the_data_store_else_of_the_settings() {
    let settings = Settings::roblox();
    for (choice, expected) in [
        (None, History::Hourly),
        (Some(History::Every), History::Every),
        (Some(History::Thinned), History::Thinned),
    ] {
        let store = store(StoreBody { history: choice, ..StoreBody::NEW });
        assert_eq!(Rule::of(&store, &Found::Absent, &settings), rule(expected));
    }
    assert_eq!(Rule::of(&Found::Absent, &Found::Absent, &settings), rule(History::Hourly));
    let body = UniverseBody { earlier_snapshots: vec![clock(-24, 0, 0)] };
    let key = RowKey::Universe(UniverseId(1));
    let universe = row(key.clone(), RowBody::Universe(body), clock(2, 0, 0));
    let rule_of = Rule::of(&store(StoreBody::NEW), &universe, &settings);
    assert_eq!(rule_of.snapshots, [clock(-24, 0, 0), clock(2, 0, 0)]);
    // What is damaged speaks for keeping.
    let damaged = Found::Corrupt(RowKey::Store(entry().store));
    assert_eq!(Rule::of(&damaged, &Found::Absent, &settings), rule(History::Every));
    let damaged = Found::Corrupt(key);
    let of = |settings: Settings| Rule::of(&store(StoreBody::NEW), &damaged, &settings).history;
    assert_eq!(of(Settings::roblox()), History::Every);
    assert_eq!(of(Settings::native()), History::Thinned, "needs no snapshots");
}

#[test]
fn a_store_tells_when_it_was_deleted() {
    assert_eq!(deleted_at(&store(StoreBody::NEW)), None);
    let deleted = |at| store(StoreBody { deleted: Some(at), ..StoreBody::NEW });
    assert_eq!(deleted_at(&deleted(Birth::ThisWrite)), Some(clock(1, 0, 0)));
    assert_eq!(deleted_at(&deleted(Birth::At(clock(0, 5, 0)))), Some(clock(0, 5, 0)));
    assert_eq!(deleted_at(&Found::Absent), None);
    assert_eq!(deleted_at(&Found::Corrupt(RowKey::Store(entry().store))), None);
}

#[test]
fn names_of_settings_are_read_as_they_are_written() {
    for history in History::ALL {
        assert_eq!(History::parse(&history.to_string()), Some(history));
    }
    assert_eq!(History::parse("Hourly"), None);
}
