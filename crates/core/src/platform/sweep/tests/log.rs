//! The sweep against a full log: nothing that is there goes, and everything that may go does.

use proptest::prelude::*;

use super::*;

/// What a log of writes says is there: each revision judged by the very one that superseded it.
fn by_the_log(log: &[(EntryState, bool)], rule: &Rule, now: Timestamp) -> Vec<u64> {
    let mut there = Vec::new();
    for (index, (state, pinned)) in log.iter().enumerate() {
        let is_there = log.get(index + 1).is_none_or(|(next, next_pinned)| {
            let past = Past {
                written_at: state.updated_at,
                superseded_at: next.updated_at,
                is_tombstone: state.content.is_none(),
                is_deleted_next: next.content.is_none(),
                is_pinned: *pinned || *next_pinned,
            };
            rule.is_kept(&past, now)
        });
        if is_there {
            there.push(state.revision.counter);
        }
    }
    there
}

#[derive(Clone, Debug)]
enum Event {
    Set,
    Remove,
    Restore(prop::sample::Index),
    Snapshot,
    Sweep,
    Undo,
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let gap = prop_oneof![
        4 => 1..90_i64,
        4 => 90..4_000_i64,
        2 => 4_000..100_000_i64,
        1 => 20 * DAY..31 * DAY,
    ];
    let event = prop_oneof![
        8 => Just(Event::Set),
        2 => Just(Event::Remove),
        1 => any::<prop::sample::Index>().prop_map(Event::Restore),
        1 => Just(Event::Snapshot),
        4 => Just(Event::Sweep),
        1 => Just(Event::Undo),
    ];
    prop::collection::vec((gap, event), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a log of all that was written: nothing that is there is ever removed, what is not
    /// goes, and no sweep changes what is shown.
    #[test]
    fn hv1_rows_after_sweeps_agree_with_the_rule_on_the_whole_log(
        events in events(),
        history in prop::sample::select(&History::ALL),
    ) {
        let mut world = World::new(Settings { history, ..Settings::native() });
        let mut log: Vec<(EntryState, bool)> = Vec::new();
        let mut snapshots = Vec::new();
        let mut time = clock(0, 0, 0);
        for (gap, event) in events {
            time = later(time, gap);
            world.now = time;
            let is_dead = |log: &[(EntryState, bool)]| log.last().is_some_and(|(state, _)| {
                state.content.is_none() && is_purged(state.updated_at, time)
            });
            let ever: Vec<EntryState> = log.iter().map(|(state, _)| state.clone()).collect();
            match event {
                Event::Set => {
                    if is_dead(&log) {
                        log.clear();
                    }
                    log.push((world.set_at(&player(), time), false));
                }
                Event::Remove => {
                    if world.get(&player(), Which::Current).is_ok() {
                        world.remove_at(&player(), time);
                        log.push((state(&world, &RowKey::Entry(player())), false));
                    }
                }
                Event::Restore(index) => {
                    if !ever.is_empty() {
                        let id = index.get(&ever).revision_id();
                        if let Ok(made) = world.restore(&player(), id) {
                            log.push((made, true));
                        }
                    }
                }
                Event::Snapshot => {
                    world.snapshot_at(time);
                    snapshots.push(time);
                }
                Event::Sweep => {
                    let before = world.shown(&player(), &ever);
                    world.sweep();
                    prop_assert_eq!(&world.shown(&player(), &ever), &before);
                    check_swept(&world)?;
                }
                Event::Undo => {
                    // A batch that was lost leaves nothing.
                    let request = world.set_request(&player());
                    let mut running = world.start(request);
                    world.step(&mut running);
                }
            }
            check_against(&mut world, &log, &Rule { history, snapshots: snapshots.clone() })?;
        }
    }
}

/// Whatever could go before this hour is gone.
fn check_swept(world: &World) -> Result<(), TestCaseError> {
    let Some(current) = world.rows.get(&RowKey::Entry(player())) else { return Ok(()) };
    let now = world.now;
    let head = |row: &Row| Head::of_row(row).unwrap();
    let store = world.found(&RowKey::Store(player().store));
    let universe = world.found(&RowKey::Universe(player().store.universe));
    let rule = Rule::of(&store, &universe, &world.settings);
    let chronicle = Chronicle::new(rule, head(current), now);
    let standing = world.standing(&player());
    let heads: Vec<Head> = standing
        .iter()
        .map(|counter| head(&world.rows[&RowKey::Revision(player(), *counter)]))
        .collect();
    for (index, head) in heads.iter().enumerate() {
        let newer = heads.get(index + 1).cloned().map(crate::row::FoundHead::Head);
        let at = chronicle.removable_at(head, newer.as_ref());
        let is_late = at.is_some_and(|at| review_hour(at) <= now.utc_hour());
        prop_assert!(!is_late, "{} could go long ago", head.revision.counter);
    }
    Ok(())
}

fn check_against(
    world: &mut World,
    log: &[(EntryState, bool)],
    rule: &Rule,
) -> Result<(), TestCaseError> {
    let now = world.now;
    let ever: Vec<EntryState> = log.iter().map(|(state, _)| state.clone()).collect();
    let shown = world.shown(&player(), &ever);
    let is_dead = ever
        .last()
        .is_some_and(|state| state.content.is_none() && is_purged(state.updated_at, now));
    if is_dead {
        prop_assert!(shown.is_empty());
        return Ok(());
    }
    let there = by_the_log(log, rule, now);
    let standing = world.standing(&player());
    for counter in &there {
        prop_assert!(shown.contains(counter), "{counter} is there and not shown");
        prop_assert!(standing.contains(counter), "{counter} is there and was removed");
    }
    // Where the one that superseded it is gone, it is judged by the next one that is not, which
    // came within the same hour: it stays as much longer, and no more.
    for counter in &shown {
        let earlier = Timestamp::from_ticks(now.ticks() - HOUR * crate::time::TICKS_PER_SECOND);
        let is_late = by_the_log(log, rule, earlier).contains(counter);
        prop_assert!(there.contains(counter) || is_late, "{counter} is shown and long gone");
    }
    // What still stands and is not shown went within the hours until its review.
    for counter in standing.iter().filter(|counter| !shown.contains(counter)) {
        prop_assert!(world.reviews(&player()) > 0, "{counter} is never looked at");
    }
    Ok(())
}
