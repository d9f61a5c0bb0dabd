//! A board in the making, under every order in which pages, commits and notices can come.

use std::collections::BTreeMap;

use steadfast_core::Board;

use super::assembly::Assembly;
use super::*;

/// Enough that an entry can leave the board or a page and come back.
const SCRIPT_LEN: u32 = 3;

const KEYS: [&str; 2] = ["a", "b"];

/// Before and behind where the entries begin, and nowhere.
const VALUES: [Option<i64>; 3] = [None, Some(1), Some(3)];

type State = BTreeMap<&'static str, i64>;

/// What is written, one after the other.
type Script = Vec<(&'static str, Option<i64>)>;

#[derive(Clone)]
enum Phase {
    /// Pages are read, this one from there on.
    Reading(Assembly, Option<(i64, EntryKey)>),
    /// A page was read and is on its way.
    Taking(Assembly, ScanReply),
    /// So many commits must be told before the board is finished.
    Draining(Assembly, usize),
    Ready(Board),
}

/// One moment of one order.
#[derive(Clone)]
struct Moment<'a> {
    states: &'a [State],
    script: &'a Script,
    /// How many commits reads see, and how many of them were told.
    visible: usize,
    told: usize,
    phase: Phase,
}

impl Moment<'_> {
    fn commit(mut self) -> Option<Self> {
        self.visible += 1;
        (self.visible <= self.script.len()).then_some(self)
    }

    fn tell(mut self) -> Option<Self> {
        if self.told == self.visible {
            return None;
        }
        let (key, after) = self.script[self.told];
        let before = self.states[self.told].get(key).copied();
        let change = OrderedChange { entry: entry("b", key), before, after };
        match &mut self.phase {
            Phase::Reading(assembly, _)
            | Phase::Taking(assembly, _)
            | Phase::Draining(assembly, _) => assembly.change(&change),
            Phase::Ready(board) => assert!(shelf::apply(board, &change)),
        }
        self.told += 1;
        Some(self)
    }

    /// Goes on with the build.
    fn build(mut self) -> Option<Self> {
        self.phase = match self.phase {
            Phase::Reading(assembly, beyond) => {
                Phase::Taking(assembly, page(&self.states[self.visible], beyond.as_ref()))
            }
            Phase::Taking(mut assembly, reply) => match assembly.page(&reply).unwrap() {
                Some(beyond) => Phase::Reading(assembly, Some(beyond)),
                None => Phase::Draining(assembly, self.visible),
            },
            Phase::Draining(assembly, until) if self.told >= until => {
                Phase::Ready(assembly.finish())
            }
            Phase::Draining(..) | Phase::Ready(_) => return None,
        };
        Some(self)
    }

    fn check(&self) {
        let Phase::Ready(board) = &self.phase else { return };
        let items = board.items_from(0, Order::Ascending);
        let found: Vec<(i64, &str)> = items.map(|(value, key)| (value, key.as_str())).collect();
        let state = &self.states[self.told];
        let mut wanted: Vec<(i64, &str)> =
            state.iter().map(|(key, value)| (*value, *key)).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{:?}, of which {} were told", self.script, self.told);
    }
}

/// One row at a time.
fn page(state: &State, beyond: Option<&(i64, EntryKey)>) -> ScanReply {
    let items = state.iter().map(|(key, value)| (*value, EntryKey::trusted(*key)));
    let mut items: Vec<_> = items.filter(|item| beyond.is_none_or(|last| item > last)).collect();
    items.sort_unstable();
    let more = items.len() > 1;
    let row = |(value, key): (i64, EntryKey)| {
        Found::Row(Row {
            key: RowKey::Ordered(entry("b", key.as_str())),
            revision: Revision { counter: 1, tag: 1 },
            stamped_at: Timestamp::EPOCH,
            body: RowBody::Ordered(OrderedBody { value: Some(value) }),
        })
    };
    ScanReply { rows: items.into_iter().take(1).map(row).collect(), more }
}

/// Follows every order from a moment on, and returns how many there are.
fn follow(moment: &Moment<'_>) -> usize {
    moment.check();
    let next = [moment.clone().commit(), moment.clone().tell(), moment.clone().build()];
    let orders = next.iter().flatten().map(follow).sum();
    if next.iter().all(Option::is_none) { 1 } else { orders }
}

fn states(first: &State, script: &Script) -> Vec<State> {
    let mut states = vec![first.clone()];
    for (key, value) in script {
        let mut state = states.last().unwrap().clone();
        match value {
            Some(value) => drop(state.insert(key, *value)),
            None => drop(state.remove(key)),
        }
        states.push(state);
    }
    states
}

#[test]
fn a_finished_board_is_what_the_last_told_commit_left_in_every_order() {
    let writes: Vec<(&'static str, Option<i64>)> =
        KEYS.iter().flat_map(|key| VALUES.map(|value| (*key, value))).collect();
    let count = writes.len();
    let mut orders = 0;
    for first in [State::from([("a", 2)]), State::from([("a", 2), ("b", 2)])] {
        for number in 0..count.pow(SCRIPT_LEN) {
            let write = |place| writes[number / count.pow(place) % count];
            let script: Script = (0..SCRIPT_LEN).map(write).collect();
            let states = states(&first, &script);
            let phase = Phase::Reading(Assembly::default(), None);
            let (visible, told) = (0, 0);
            orders += follow(&Moment { states: &states, script: &script, visible, told, phase });
        }
    }
    assert!(orders > 100_000, "{orders} orders");
}
