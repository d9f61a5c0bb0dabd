//! What is asked of ordered data stores, and what a sorted list says to it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use steadfast_core::platform::{
    OrderedAction, OrderedRequest, OrderedState, OrderedWhen, PlatformError, Standing,
};
use steadfast_core::{BoardId, EntryId, EntryKey, Order};

use super::{ORDERS, act, all, places, standing, value};
use crate::conformance::samples::entry_in;
use crate::platform::{Answer, Platform};

/// Two boards of one store, and one of another whose name the first one's starts with.
const NAMES: [(&str, &str, &str); 9] = [
    ("Wins", "global", "a"),
    ("Wins", "global", "b"),
    ("Wins", "global", "B"),
    ("Wins", "global", "a/b c"),
    ("Wins", "global", "\u{e9}"),
    ("Wins", "season", "a"),
    ("Wins", "season", "b"),
    ("Win", "global", "a"),
    ("Win", "s", "b"),
];

const VALUES: [i64; 8] = [0, 1, -1, 5, 5, 1_000_000_007, i64::MAX, i64::MIN];

#[derive(Clone, Debug)]
pub(super) enum Op {
    Act {
        entry: usize,
        action: ActionPick,
    },
    /// The last write once more.
    Again,
    List {
        board: usize,
        is_down: bool,
        min: usize,
        max: usize,
        page_size: usize,
    },
    Stand {
        entry: usize,
        is_down: bool,
        around: usize,
    },
    Reopen,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum ActionPick {
    Get,
    Set(usize, u8),
    Increment(usize),
    Remove,
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let entry = || prop_oneof![3 => 0..5_usize, 1 => 0..NAMES.len()];
    let picked = || 0..VALUES.len();
    let action = prop_oneof![
        2 => Just(ActionPick::Get),
        6 => (picked(), 0..4_u8).prop_map(|(value, when)| ActionPick::Set(value, when)),
        4 => picked().prop_map(ActionPick::Increment),
        3 => Just(ActionPick::Remove),
    ];
    prop_oneof![
        12 => (entry(), action).prop_map(|(entry, action)| Op::Act { entry, action }),
        2 => Just(Op::Again),
        3 => (entry(), any::<bool>(), picked(), picked(), 1..4_usize).prop_map(
            |(board, is_down, min, max, page_size)| {
                Op::List { board, is_down, min, max, page_size }
            }
        ),
        3 => (entry(), any::<bool>(), 0..3_usize)
            .prop_map(|(entry, is_down, around)| Op::Stand { entry, is_down, around }),
        1 => Just(Op::Reopen),
    ]
}

pub(super) fn name(index: usize) -> EntryId {
    let (store, scope, key) = NAMES.get(index).expect("a pick is within its list");
    entry_in(store, scope, key)
}

pub(super) fn number(index: usize) -> i64 {
    VALUES.get(index).copied().expect("a pick is within its list")
}

pub(super) fn order(is_down: bool) -> Order {
    if is_down { Order::Descending } else { Order::Ascending }
}

pub(super) fn action_of(pick: ActionPick) -> OrderedAction {
    match pick {
        ActionPick::Get => OrderedAction::Get,
        ActionPick::Set(value, when) => OrderedAction::Set {
            value: number(value),
            when: match when {
                2 => OrderedWhen::Missing,
                3 => OrderedWhen::Exists,
                _ => OrderedWhen::Always,
            },
        },
        ActionPick::Increment(by) => OrderedAction::Increment { by: number(by) },
        ActionPick::Remove => OrderedAction::Remove,
    }
}

/// Every entry that was ever written.
pub(super) struct Model {
    /// Its last state, and its value while it has one.
    entries: BTreeMap<EntryId, (OrderedState, Option<i64>)>,
    /// Whether a state tells which write it was.
    tells_writes: bool,
}

/// What a request must answer: a value with whether it was written, or an error.
type Wanted = Result<i64, PlatformError>;

impl Model {
    pub(super) fn new(tells_writes: bool) -> Self {
        Self { entries: BTreeMap::new(), tells_writes }
    }

    pub(super) fn value(&self, entry: &EntryId) -> Option<i64> {
        self.entries.get(entry).and_then(|(_, value)| *value)
    }

    pub(super) fn items(&self, board: &BoardId, order: Order) -> Vec<(i64, EntryKey)> {
        let of_board = self.entries.iter().filter(|(entry, _)| BoardId::of(entry) == *board);
        let item = |(entry, (_, value)): (&EntryId, &(OrderedState, Option<i64>))| {
            value.map(|value| (value, entry.key.clone()))
        };
        let mut items: Vec<_> = of_board.filter_map(item).collect();
        items.sort();
        if order == Order::Descending {
            items.reverse();
        }
        items
    }

    pub(super) fn wanted(&self, request: &OrderedRequest) -> Wanted {
        let entry = || request.entry.clone();
        let missing = || PlatformError::EntryNotFound { entry: entry() };
        let before = self.value(&request.entry);
        match request.action {
            OrderedAction::Get | OrderedAction::Remove => before.ok_or_else(missing),
            OrderedAction::Set { value, when } => match (when, before) {
                (OrderedWhen::Missing, Some(_)) => {
                    let (current, _) = self.entries.get(&request.entry).expect("it has a value");
                    Err(PlatformError::OrderedExists { current: current.clone() })
                }
                (OrderedWhen::Exists, None) => Err(missing()),
                (OrderedWhen::Always | OrderedWhen::Missing | OrderedWhen::Exists, _) => Ok(value),
            },
            OrderedAction::Increment { by } => {
                let sum = i128::from(before.unwrap_or(0)) + i128::from(by);
                i64::try_from(sum).map_err(|_| {
                    if sum < 0 {
                        PlatformError::SumTooSmall { entry: entry() }
                    } else {
                        PlatformError::SumTooLarge { entry: entry() }
                    }
                })
            }
        }
    }

    /// Checks an answer, and takes over what was written.
    pub(super) fn take(&mut self, request: &OrderedRequest, answer: Answer<OrderedState>) {
        let wanted = self.wanted(request);
        let state = match (wanted, answer) {
            (Err(wanted), answer) => return assert_eq!(answer, Err(wanted), "{request:?}"),
            (Ok(value), Ok(state)) if state.value == value => state,
            (wanted, answer) => panic!("{wanted:?} expected, {answer:?} answered to {request:?}"),
        };
        let last = self.entries.get(&request.entry).map(|(last, _)| last);
        if request.action == OrderedAction::Get {
            return assert_eq!(Some(&state), last, "what the last write left");
        }
        assert_eq!(state.entry, request.entry);
        if self.tells_writes {
            let counter = last.map_or(0, |last| last.revision.counter);
            assert_eq!(state.revision.counter, counter + 1, "the number of a write");
            let times = self.entries.values().map(|(state, _)| state.updated_at);
            assert!(times.max() <= Some(state.updated_at), "the time of a write went back");
        }
        let is_removal = request.action == OrderedAction::Remove;
        let value = (!is_removal).then_some(state.value);
        self.entries.insert(request.entry.clone(), (state, value));
    }

    /// Sent again, a write is recognised while it is the last, and a removal finds nothing.
    pub(super) fn check_again(&self, platform: &dyn Platform, last: &OrderedRequest) {
        let answer = act(platform, last.clone());
        let (state, value) = self.entries.get(&last.entry).expect("it was written");
        let entry = last.entry.clone();
        let missing = PlatformError::EntryNotFound { entry };
        let wanted = value.map(|_| state.clone()).ok_or(missing);
        assert_eq!(answer, wanted, "{last:?}");
    }

    pub(super) fn check_standing(
        &self,
        platform: &dyn Platform,
        id: &EntryId,
        order: Order,
        around: usize,
    ) {
        let places = places(&self.items(&BoardId::of(id), order));
        let wanted = match places.iter().position(|place| place.key == id.key) {
            None => Err(PlatformError::EntryNotFound { entry: id.clone() }),
            Some(index) => {
                let from = index.saturating_sub(around);
                let to = (index + around + 1).min(places.len());
                let around = places.get(from..to).expect("within the list").to_vec();
                let place = places.get(index).expect("it was found").clone();
                let entry_count = u64::try_from(places.len()).expect("a short list");
                Ok(Standing { place, entry_count, around })
            }
        };
        assert_eq!(standing(platform, id, order, around), wanted, "{id} {order:?}");
    }

    pub(super) fn audit(&self, platform: &dyn Platform) {
        let boards: BTreeSet<BoardId> =
            (0..NAMES.len()).map(|index| BoardId::of(&name(index))).collect();
        for order in ORDERS {
            for board in &boards {
                assert_eq!(all(platform, board, order), self.items(board, order), "{board}");
            }
            for index in 0..NAMES.len() {
                self.check_standing(platform, &name(index), order, 1);
            }
        }
        for index in 0..NAMES.len() {
            assert_eq!(value(platform, &name(index)), self.value(&name(index)));
        }
    }
}
