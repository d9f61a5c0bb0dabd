//! The rows of the contract, one by one.

use super::*;

#[track_caller]
fn check_count(player_count: u64, demand: &Demand, expected: u64, pool: Pool) {
    let mut budgets = roblox(player_count);
    let (granted, denial) = count_granted(&mut budgets, seconds(0), demand);
    assert_eq!((granted, denial.pool), (expected, pool), "{demand:?}");
    assert_eq!(denial.standing.limit, expected);
}

#[test]
fn b_20_to_b_23_an_experience_has_a_pool_for_each_kind_that_grows_with_its_players() {
    for (kind, per_player) in
        [(Kind::Read, 40), (Kind::Write, 20), (Kind::List, 2), (Kind::Remove, 40)]
    {
        for family in [Family::Standard, Family::Ordered] {
            for player_count in [0, 1, 30] {
                let demand = Demand { family, ..demand(Door::V2, kind, "k", 1) };
                let limit = 300 + per_player * player_count;
                check_count(player_count, &demand, limit, Pool::Experience(family, kind));
            }
        }
    }
}

#[test]
fn b_20_the_pools_of_an_experience_do_not_touch_each_other() {
    let mut budgets = roblox(0);
    let read = demand(Door::V2, Kind::Read, "k", 1);
    assert_eq!(count_granted(&mut budgets, seconds(0), &read).0, 300);
    for free in [
        demand(Door::V2, Kind::Write, "k", 1),
        demand(Door::V2, Kind::List, "k", 1),
        demand(Door::V2, Kind::Remove, "k", 1),
        demand(Door::V1, Kind::Read, "k", 1),
        Demand { family: Family::Ordered, ..read.clone() },
        Demand { universe: UniverseId(2), ..read.clone() },
    ] {
        assert!(budgets.charge(seconds(0), one(&free)).is_ok(), "{free:?}");
    }
}

#[test]
fn b_24_a_read_and_a_write_of_one_request_draw_on_both_or_on_neither() {
    let mut budgets = roblox(0);
    let parts = [demand(Door::V2, Kind::Read, "k", 1), demand(Door::V2, Kind::Write, "k", 1)];
    for _ in 0..299 {
        budgets.charge(seconds(0), &parts).unwrap();
    }
    budgets.charge(seconds(0), &parts[1..]).unwrap();
    assert_eq!(
        budgets.charge(seconds(0), &parts).unwrap_err().pool,
        Pool::Experience(Family::Standard, Kind::Write)
    );
    // T-08: the read half of what was refused is still there.
    budgets.charge(seconds(0), &parts[..1]).unwrap();
    budgets.charge(seconds(0), &parts[..1]).unwrap_err();
}

#[test]
fn b_27_and_b_54_snapshots_have_60_a_minute_of_an_owner_and_touch_nothing_else() {
    let mut budgets = roblox(0);
    let snapshot = Demand { entry: None, ..demand(Door::Snapshot, Kind::Write, "k", 0) };
    let (granted, denial) = count_granted(&mut budgets, seconds(0), &snapshot);
    assert_eq!((granted, denial.standing.limit), (60, 60));
    assert_eq!(denial.pool, Pool::Owner(Door::Snapshot, Family::Standard));
    let elsewhere = Demand { universe: UniverseId(2), ..snapshot.clone() };
    budgets.charge(seconds(0), one(&elsewhere)).unwrap_err();
    let other = Demand { owner: ApiKeyId(2), ..snapshot };
    budgets.charge(seconds(0), one(&other)).unwrap();
    let write = demand(Door::V2, Kind::Write, "k", 1);
    let standing = budgets.charge(seconds(0), one(&write)).unwrap();
    assert_eq!((standing.limit, standing.remaining), (300, 299));
}

#[test]
fn b_25_the_window_slides_and_holds_a_request_for_exactly_60_seconds() {
    let mut budgets = roblox(0);
    let write = demand(Door::V2, Kind::Write, "k", 1);
    for second in 0..300 {
        // Five in a second, 200 ms apart, are the limit for as long as one likes.
        let due = Duration::from_millis(200) * second;
        budgets.charge(at(due), one(&write)).unwrap();
    }
    let denial = budgets.charge(at(WINDOW), one(&write)).unwrap_err();
    assert_eq!((denial.wait, denial.retry_after_seconds()), (NANO, 1));
    let standing = budgets.charge(at(WINDOW + NANO), one(&write)).unwrap();
    assert_eq!((standing.limit, standing.remaining), (300, 0));
    assert_eq!(standing.reset, Duration::from_millis(200).saturating_sub(NANO));
    budgets.charge(at(WINDOW + NANO), &[write]).unwrap_err();
}

#[test]
fn b_28_a_universe_may_have_numbers_of_its_own() {
    let mut settings = BudgetSettings::new(Rates::roblox(), 0);
    let rates =
        Rates { standard_write_count: Scaled { base: 5, per_player: 1 }, ..Rates::roblox() };
    settings.universes.insert(UniverseId(7), Quota { rates, player_count: 2 });
    let mut budgets = Budgets::new(settings);
    let write = demand(Door::V2, Kind::Write, "k", 1);
    let own = Demand { universe: UniverseId(7), ..write.clone() };
    assert_eq!(count_granted(&mut budgets, seconds(0), &own).0, 7);
    assert_eq!(count_granted(&mut budgets, seconds(0), &write).0, 300);
}

#[test]
fn b_50_to_b_53_v1_counts_requests_of_a_universe_whatever_its_players() {
    for (kind, access) in [
        (Kind::Read, Access::Read),
        (Kind::List, Access::Read),
        (Kind::Write, Access::Write),
        (Kind::Remove, Access::Write),
    ] {
        for family in [Family::Standard, Family::Ordered] {
            for player_count in [0, 1_000] {
                let demand = Demand { family, ..demand(Door::V1, kind, "k", 1) };
                check_count(player_count, &demand, 300, Pool::V1Count(family, access));
            }
        }
    }
}

#[test]
fn b_50_and_b_51_v1_counts_the_bytes_of_a_universe() {
    for (kind, limit, access) in [(Kind::Write, 10, Access::Write), (Kind::Read, 20, Access::Read)]
    {
        let mut budgets = roblox(0);
        let large = demand(Door::V1, kind, "k", MIB);
        let (granted, denial) = count_granted(&mut budgets, seconds(0), &large);
        assert_eq!((granted, denial.pool), (limit, Pool::V1Size(access)));
        // There are requests left, but none of this size.
        assert_eq!((denial.standing.limit, denial.standing.remaining), (300, 0));
        let through_v2 = Demand { door: Door::V2, ..large };
        assert!(budgets.charge(seconds(0), &[through_v2]).is_ok());
    }
}

#[test]
fn b_54_an_owner_has_pools_over_all_universes() {
    for (door, family, limit) in [
        (Door::V1, Family::Standard, 5_000),
        (Door::V1, Family::Ordered, 500),
        (Door::V2, Family::Ordered, 1_000_000),
    ] {
        let mut budgets = roblox(0);
        let now = seconds(0);
        let spread = |universe| {
            let base = demand(door, Kind::List, "", 0);
            Demand { family, universe: UniverseId(universe), entry: None, ..base }
        };
        // Universe after universe, each up to its own limit, until nothing is granted in a new one.
        let mut granted = 0;
        for universe in 0.. {
            let (count, denial) = count_granted(&mut budgets, now, &spread(universe));
            granted += count;
            if count == 0 {
                assert!(matches!(denial.pool, Pool::Owner(over, _) if over == door));
                break;
            }
        }
        assert_eq!(granted, limit);
        let another = Demand { owner: ApiKeyId(2), ..spread(u64::MAX) };
        assert!(budgets.charge(now, &[another]).is_ok());
    }
}

#[test]
fn t_01_reads_of_one_entry_are_25_mb() {
    for door in [Door::V1, Door::V2] {
        let mut budgets = roblox(0);
        let part = 5 * MIB / 2;
        let read = demand(door, Kind::Read, "k", part);
        // v1 lets a universe read 20 MB.
        let count = if door == Door::V1 { 8 } else { 10 };
        for _ in 0..count {
            budgets.charge(seconds(0), one(&read)).unwrap();
        }
        let pool = budgets.charge(seconds(0), one(&read)).unwrap_err().pool;
        let expected =
            if door == Door::V1 { Pool::V1Size(Access::Read) } else { Pool::Key(Access::Read) };
        assert_eq!(pool, expected);
        let other = Demand { entry: Some(entry(1, "other")), door: Door::V2, ..read };
        assert!(budgets.charge(seconds(0), &[other]).is_ok());
    }
}

#[test]
fn t_02_one_value_of_the_largest_size_is_written_in_a_minute() {
    // Test seed 9: the second one within 60 s is refused, at 60 s and a little more it is not.
    let largest = demand(Door::V2, Kind::Write, "k", 4 * MIB);
    let mut budgets = roblox(0);
    budgets.charge(seconds(5), one(&largest)).unwrap();
    for part in [seconds(5), seconds(35), seconds(65)] {
        let denial = budgets.charge(part, one(&largest)).unwrap_err();
        assert_eq!(denial.pool, Pool::Key(Access::Write));
        assert_eq!(denial.pool.error_name(), "KeyThrottled");
    }
    let denial = budgets.charge(seconds(35), &[demand(Door::V2, Kind::Write, "k", 1)]).unwrap_err();
    assert_eq!((denial.wait, denial.retry_after_seconds()), (NANO, 1), "the clock stands at 65 s");
    budgets.charge(at(Duration::from_secs(65) + NANO), &[largest]).unwrap();
}

#[test]
fn t_02_writes_of_both_doors_and_removals_share_the_entry() {
    let mut budgets = roblox(0);
    budgets.charge(seconds(0), &[demand(Door::V1, Kind::Write, "k", 2 * MIB)]).unwrap();
    budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "k", 2 * MIB - 1024)]).unwrap();
    budgets.charge(seconds(0), &[demand(Door::V2, Kind::Remove, "k", 0)]).unwrap();
    let remove = demand(Door::V1, Kind::Remove, "k", 0);
    let denial = budgets.charge(seconds(0), one(&remove)).unwrap_err();
    assert_eq!(denial.pool, Pool::Key(Access::Write));
    // T-06: an ordered data store of the same name has another entry.
    let ordered = Demand { family: Family::Ordered, ..remove };
    assert!(budgets.charge(seconds(0), &[ordered]).is_ok());
    assert!(budgets.charge(seconds(0), &[demand(Door::V1, Kind::Read, "k", 4 * MIB)]).is_ok());
}

#[test]
fn t_03_the_request_itself_is_included() {
    for (size, is_granted) in [(MIB - 1024, true), (MIB, true), (MIB + 1, false)] {
        let mut budgets = roblox(0);
        budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "k", 3 * MIB)]).unwrap();
        let last = budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "k", size)]);
        assert_eq!(last.is_ok(), is_granted, "{size}");
    }
}

#[test]
fn t_04_each_request_is_rounded_up_to_whole_kb() {
    let rates = Rates { key_write_kib: 3, ..Rates::roblox() };
    let mut budgets = Budgets::new(BudgetSettings::new(rates, 0));
    // 800 B and 1.2 KB are 3 KB.
    budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "k", 800)]).unwrap();
    budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "k", 1_229)]).unwrap();
    budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "k", 1)]).unwrap_err();
}

#[test]
fn t_05_a_missing_key_counts_1_kb() {
    let rates = Rates { key_read_kib: 2, ..Rates::roblox() };
    let mut budgets = Budgets::new(BudgetSettings::new(rates, 0));
    let missing = demand(Door::V2, Kind::Read, "k", 0);
    budgets.charge(seconds(0), one(&missing)).unwrap();
    budgets.charge(seconds(0), one(&missing)).unwrap();
    budgets.charge(seconds(0), &[missing]).unwrap_err();
}

#[test]
fn t_08_what_is_refused_and_what_is_only_checked_takes_nothing() {
    let mut budgets = roblox(0);
    let (small, large) =
        (demand(Door::V1, Kind::Write, "k", 1), demand(Door::V1, Kind::Write, "k", 4 * MIB));
    budgets.charge(seconds(0), one(&large)).unwrap();
    for _ in 0..1_000 {
        budgets.charge(seconds(0), one(&large)).unwrap_err();
        budgets.check(seconds(0), one(&large)).unwrap_err();
        budgets.check(seconds(0), &[demand(Door::V1, Kind::Write, "other", 1)]).unwrap();
    }
    // 299 requests and 6 MB are left to the universe.
    let free = demand(Door::V1, Kind::Write, "other", MIB);
    assert_eq!(budgets.charge(seconds(0), &[free]).unwrap().remaining, 298);
    budgets.charge(seconds(0), &[small]).unwrap_err();
}

#[test]
fn a_request_larger_than_its_pool_is_never_granted_and_waits_for_a_window() {
    let mut budgets = roblox(0);
    let over = demand(Door::V2, Kind::Write, "k", 4 * MIB + 1);
    for second in [0, 61, 600] {
        let denial = budgets.charge(seconds(second), one(&over)).unwrap_err();
        assert_eq!((denial.wait, denial.retry_after_seconds()), (WINDOW, 60));
    }
}

#[test]
fn waits_are_whole_seconds_rounded_up_and_at_least_one() {
    let denial = |wait| {
        let standing = Standing { limit: 1, remaining: 0, reset: wait };
        Denial { pool: Pool::Windows, wait, standing }
    };
    for (wait, expected) in [
        (Duration::ZERO, 1),
        (NANO, 1),
        (Duration::from_secs(1), 1),
        (Duration::from_secs(1) + NANO, 2),
        (Duration::from_nanos(59_999_999_999), 60),
    ] {
        assert_eq!(denial(wait).retry_after_seconds(), expected);
    }
    assert_eq!(denial(Duration::ZERO).standing.reset_seconds(), 0);
}

#[test]
fn b_56_the_tightest_pool_of_requests_is_told() {
    let mut budgets = roblox(0);
    let unused = budgets.unused(Door::V1, Family::Standard);
    assert_eq!((unused.limit, unused.remaining, unused.reset), (5_000, 5_000, Duration::ZERO));
    let write = demand(Door::V1, Kind::Write, "k", 1);
    let first = budgets.charge(seconds(0), one(&write)).unwrap();
    assert_eq!((first.limit, first.remaining), (300, 299));
    let second = budgets.charge(seconds(20), &[write]).unwrap();
    assert_eq!((second.remaining, second.reset_seconds()), (298, 40));
    let owner = budgets.standing_of(seconds(20), ApiKeyId(1), Door::V1, Family::Standard);
    assert_eq!((owner.limit, owner.remaining), (5_000, 4_998));
    let other = budgets.standing_of(seconds(20), ApiKeyId(2), Door::V1, Family::Standard);
    assert_eq!(other, unused);
}

#[test]
fn every_pool_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Pool::ALL.iter().map(|pool| pool.name()).collect();
    assert_eq!(names.len(), Pool::ALL.len());
    // Contract section 4.2: eight names for experiences; and KeyThrottled, and the one of v1.
    let errors: BTreeSet<_> = Pool::ALL.iter().map(|pool| pool.error_name()).collect();
    assert_eq!(errors.len(), 10);
}
