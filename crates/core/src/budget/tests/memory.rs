//! How much is held, and that dropping it never lets anybody do more.

use super::*;

fn with_cap(window_count_max: usize) -> Budgets {
    let settings = BudgetSettings::new(Rates::roblox(), 1_000_000);
    Budgets::new(BudgetSettings { window_count_max, ..settings })
}

#[test]
fn at_the_cap_a_new_window_is_refused_and_those_that_there_are_go_on() {
    // The experience, the owner and one entry are three windows; each further entry is one more.
    for cap in [9, 10, 11] {
        let mut budgets = with_cap(cap);
        let write = demand(Door::V2, Kind::Write, "k", 1);
        let (granted, denial) = count_granted(&mut budgets, seconds(0), &write);
        assert_eq!((granted, denial.pool), (u64::try_from(cap).unwrap() - 2, Pool::Windows));
        assert_eq!(budgets.window_count(), cap);
        assert_eq!(denial.wait, WINDOW + NANO);
        assert_eq!(denial.standing.remaining, 0);
        // An entry with a window is written as before.
        let known = demand(Door::V2, Kind::Write, "0", 1);
        budgets.charge(seconds(30), one(&known)).unwrap();
        // A minute later all the others are idle, and there is room for new ones.
        let new = demand(Door::V2, Kind::Write, "new", 1);
        budgets.charge(at(WINDOW), one(&new)).unwrap_err();
        budgets.charge(at(WINDOW + denial.wait), &[new]).unwrap();
        assert!(budgets.window_count() < cap);
    }
}

#[test]
fn a_window_in_use_is_never_dropped() {
    let mut budgets = with_cap(10);
    let largest = demand(Door::V2, Kind::Write, "held", 4 * MIB);
    budgets.charge(seconds(30), one(&largest)).unwrap();
    for second in 30..=90 {
        // Others come and go, and push against the cap all the time.
        for key in 0..20 {
            let key = format!("{second}-{key}");
            budgets.charge(seconds(second), &[demand(Door::V2, Kind::Write, &key, 1)]).ok();
        }
        budgets.charge(seconds(second), one(&largest)).unwrap_err();
        assert!(budgets.window_count() <= 10);
    }
}

#[test]
fn idle_windows_are_dropped_a_few_with_each_request() {
    let mut budgets = with_cap(WINDOW_COUNT_MAX);
    for index in 0..10_000_u32 {
        let write = demand(Door::V2, Kind::Write, &index.to_string(), 1);
        budgets.charge(seconds(0), &[write]).unwrap();
    }
    assert_eq!(budgets.window_count(), 10_002);
    let again = demand(Door::V2, Kind::Write, "again", 1);
    budgets.charge(seconds(61), one(&again)).unwrap();
    let after_one = budgets.window_count();
    assert!((9_985..10_002).contains(&after_one), "{after_one}");
    for _ in 0..=10_002 / 16 {
        budgets.charge(seconds(61), one(&again)).unwrap();
    }
    assert_eq!(budgets.window_count(), 3);
}

#[test]
fn a_window_has_few_slots_however_many_requests_it_counts() {
    let mut window = window::Window::default();
    let mut now = Monotonic::default();
    for _ in 0..600_000 {
        now = now.saturating_add(Duration::from_micros(200));
        window.forget_until(now);
        window.add(now, 1);
    }
    let slots = WINDOW.as_millis() / SLOT.as_millis() + 2;
    assert!(u128::try_from(window.slot_count()).unwrap() <= slots, "{}", window.slot_count());
    assert!((300_000..301_000).contains(&window.used()), "{}", window.used());
}

#[test]
fn a_clock_that_goes_back_gives_nothing_back() {
    let mut budgets = roblox(0);
    let largest = demand(Door::V2, Kind::Write, "k", 4 * MIB);
    budgets.charge(seconds(100), one(&largest)).unwrap();
    for second in [40, 0, 100] {
        let denial = budgets.charge(seconds(second), one(&largest)).unwrap_err();
        assert_eq!(denial.wait, WINDOW + NANO);
    }
    // What is granted meanwhile counts from the latest time there was.
    budgets.charge(seconds(0), &[demand(Door::V2, Kind::Write, "other", 4 * MIB)]).unwrap();
    budgets.charge(seconds(159), &[demand(Door::V2, Kind::Write, "other", 1)]).unwrap_err();
    budgets.charge(at(Duration::from_secs(160) + NANO), &[largest]).unwrap();
    let last = Now { mono: Monotonic::from_nanos(u64::MAX), wall: Timestamp::EPOCH };
    budgets.charge(last, &[demand(Door::V2, Kind::Write, "k", 1)]).unwrap();
}
