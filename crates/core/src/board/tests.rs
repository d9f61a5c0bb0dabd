//! Facts about boards.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// Two chunks and a bit, so that splitting and joining have neighbours on both sides.
const SEVERAL_CHUNKS: i64 = 1_200;

fn key(text: &str) -> EntryKey {
    EntryKey::trusted(text)
}

fn numbered(number: i64) -> EntryKey {
    key(&format!("k{number}"))
}

fn filled(count: i64) -> Board {
    (0..count).map(|value| (value, numbered(value))).collect()
}

/// What the module promises of chunks and sums.
#[track_caller]
fn check_shape(board: &Board) {
    let lengths: Vec<usize> = board.chunks.iter().map(|chunk| chunk.items.len()).collect();
    let is_kept = |length: &usize| (1..=CHUNK_SIZE_MAX).contains(length);
    assert!(lengths.iter().all(is_kept), "empty or too long: {lengths:?}");
    let others = lengths.len().saturating_sub(1);
    assert!(lengths[..others].iter().all(|n| *n >= CHUNK_SIZE_MIN), "too short: {lengths:?}");
    assert_eq!(board.len, lengths.iter().sum::<usize>());
    assert_eq!(board.counts, lengths.into_iter().collect());
    for chunk in &board.chunks {
        assert_eq!(chunk.first, chunk.items[0].0);
        assert!(chunk.items.capacity() <= CHUNK_SIZE_MAX + 64, "{}", chunk.items.capacity());
    }
    let items: Vec<&Item> = board.chunks.iter().flat_map(|chunk| &chunk.items).collect();
    assert!(items.is_sorted_by(|a, b| a < b), "not in order");
}

#[track_caller]
fn check_agrees(board: &Board, naive: &BTreeSet<Item>, around: usize) {
    check_shape(board);
    let items: Vec<&Item> = naive.iter().collect();
    assert_eq!(board.len(), items.len());
    assert_eq!(board.is_empty(), items.is_empty());
    assert_eq!(board.nth(items.len()), None);
    let places = |order: Order| -> Vec<Place> {
        let better = |value: i64| match order {
            Order::Ascending => items.iter().filter(|item| item.0 < value).count(),
            Order::Descending => items.iter().filter(|item| item.0 > value).count(),
        };
        let mut items = items.clone();
        if order == Order::Descending {
            items.reverse();
        }
        let place = |(index, item): (usize, &&Item)| Place {
            key: item.1.clone(),
            value: item.0,
            position: counted(index + 1),
            rank: counted(better(item.0) + 1),
        };
        items.iter().enumerate().map(place).collect()
    };
    for order in [Order::Ascending, Order::Descending] {
        let places = places(order);
        for (index, place) in places.iter().enumerate() {
            let (value, key) = (place.value, &place.key);
            let from = index.saturating_sub(around);
            let to = (index + around + 1).min(places.len());
            let wanted = Standing {
                place: place.clone(),
                entry_count: counted(places.len()),
                around: places[from..to].to_vec(),
            };
            assert_eq!(board.standing(value, key, order, around), Some(wanted));
            assert_eq!(board.position(value, key, order).map(counted), Some(place.position));
            assert_eq!(counted(board.rank(value, order)), place.rank);
            if order == Order::Ascending {
                assert_eq!(board.nth(index), Some((value, key)));
                assert_eq!(board.index_of(value, key), Some(index));
            }
        }
        let listed: Vec<_> = board.items_from(0, order).collect();
        let wanted: Vec<_> = places.iter().map(|place| (place.value, &place.key)).collect();
        assert_eq!(listed, wanted, "{order:?}");
        assert_eq!(board.items_from(items.len(), order).count(), 0);
    }
}

#[test]
fn o_05_equal_values_are_in_the_order_of_their_key_bytes() {
    let keys = ["B", "a", "aa", "b", "\u{e9}"];
    let board: Board = keys.iter().rev().map(|text| (7, key(text))).collect();
    let listed = |order| -> Vec<String> {
        board.items_from(0, order).map(|(_, key)| key.to_string()).collect()
    };
    assert_eq!(listed(Order::Ascending), keys);
    let reverse: Vec<&str> = keys.iter().rev().copied().collect();
    assert_eq!(listed(Order::Descending), reverse);
    assert_eq!(board.position(7, &key("aa"), Order::Ascending), Some(3));
    assert_eq!(board.position(7, &key("B"), Order::Descending), Some(5));
    for order in [Order::Ascending, Order::Descending] {
        assert_eq!(board.rank(7, order), 1, "equals share a rank");
    }
}

#[test]
fn a_rank_counts_what_is_strictly_better_also_for_a_value_that_is_not_there() {
    let board: Board =
        [-5, 0, 0, 9].into_iter().zip(0..).map(|(value, n)| (value, numbered(n))).collect();
    let ranks = |order| [i64::MIN, -5, -1, 0, 9, i64::MAX].map(|value| board.rank(value, order));
    assert_eq!(ranks(Order::Ascending), [1, 1, 2, 2, 4, 5]);
    assert_eq!(ranks(Order::Descending), [5, 4, 4, 2, 1, 1]);
    assert_eq!(Board::new().rank(0, Order::Descending), 1);
}

#[test]
fn an_item_is_there_once_and_both_ends_of_the_range_are_values() {
    let mut board = Board::new();
    for value in [i64::MAX, 0, i64::MIN] {
        assert!(board.insert(value, key("k")));
        assert!(!board.insert(value, key("k")));
    }
    assert_eq!(board.len(), 3);
    assert!(!board.remove(1, &key("k")));
    assert!(!board.remove(0, &key("l")));
    assert!(board.remove(0, &key("k")));
    assert!(!board.remove(0, &key("k")));
    assert_eq!(board.position(i64::MAX, &key("k"), Order::Descending), Some(1));
    assert_eq!(board.position(0, &key("k"), Order::Descending), None);
    assert_eq!(board.standing(0, &key("k"), Order::Descending, 1), None);
}

#[test]
fn neighbours_end_where_the_board_ends() {
    let board = filled(10);
    let around = |value: i64, count| {
        let standing = board.standing(value, &numbered(value), Order::Ascending, count).unwrap();
        standing.around.into_iter().map(|place| place.value).collect::<Vec<_>>()
    };
    assert_eq!(around(0, 2), [0, 1, 2]);
    assert_eq!(around(5, 2), [3, 4, 5, 6, 7]);
    assert_eq!(around(9, 2), [7, 8, 9]);
    assert_eq!(around(5, 0), [5]);
    assert_eq!(around(5, usize::MAX).len(), 10);
}

#[test]
fn items_that_come_in_order_fill_their_chunks_and_leave_room() {
    let mut board = filled(SEVERAL_CHUNKS);
    check_shape(&board);
    let lengths: Vec<usize> = board.chunks.iter().map(|chunk| chunk.items.len()).collect();
    assert_eq!(lengths, [CHUNK_SIZE_FILLED, CHUNK_SIZE_FILLED, 304]);
    // The room is used up, and one more splits.
    let room = i64::try_from(CHUNK_SIZE_MAX - CHUNK_SIZE_FILLED).unwrap();
    for number in 0..room {
        assert!(board.insert(0, key(&format!("more {number}"))));
    }
    assert_eq!(board.chunks.len(), 3);
    assert!(board.insert(0, key("one more")));
    assert_eq!(board.chunks.len(), 4);
    check_shape(&board);
}

#[test]
fn a_chunk_that_gets_too_short_is_joined_with_its_neighbour() {
    // The one behind it, or the one before it if it is the last.
    for (start, end, joined) in [
        (0, 448, &[160, 288, 304][..]),
        (448, 896, &[448, 304][..]),
        (896, 1_200, &[448, 287, 161][..]),
    ] {
        let mut board = filled(SEVERAL_CHUNKS);
        let mut naive: BTreeSet<Item> = board
            .items_from(0, Order::Ascending)
            .map(|(value, key)| (value, key.clone()))
            .collect();
        for value in start..end {
            assert!(board.remove(value, &numbered(value)));
            naive.remove(&(value, numbered(value)));
            check_shape(&board);
        }
        let lengths: Vec<usize> = board.chunks.iter().map(|chunk| chunk.items.len()).collect();
        assert_eq!(lengths, joined, "without {start} to {end}");
        check_agrees(&board, &naive, 1);
    }
}

#[test]
fn a_short_chunk_and_a_long_neighbour_part_evenly() {
    let mut board = filled(896);
    for number in 0..64 {
        assert!(board.insert(448, key(&format!("more {number}"))));
    }
    assert_eq!(board.chunks.len(), 2);
    for value in 0..321 {
        assert!(board.remove(value, &numbered(value)));
    }
    check_shape(&board);
    let lengths: Vec<usize> = board.chunks.iter().map(|chunk| chunk.items.len()).collect();
    assert_eq!(lengths, [319, 320]);
}

#[test]
fn a_board_is_emptied_from_either_end_and_filled_again() {
    for is_from_the_end in [false, true] {
        let mut board = filled(SEVERAL_CHUNKS);
        for number in 0..SEVERAL_CHUNKS {
            let value = if is_from_the_end { SEVERAL_CHUNKS - 1 - number } else { number };
            assert!(board.remove(value, &numbered(value)));
            check_shape(&board);
        }
        assert!(board.is_empty() && board.chunks.is_empty());
        for number in 0..SEVERAL_CHUNKS {
            let value = if is_from_the_end { -number } else { number };
            assert!(board.insert(value, numbered(value)));
            check_shape(&board);
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(i64, u16),
    Remove(i64, u16),
    /// Removes so many, from this one on.
    Clear(usize, usize),
    /// Inserts so many, upwards from a value.
    Run(i64, u16),
}

fn op() -> impl Strategy<Value = Op> {
    let value = || prop_oneof![4 => -3..3_i64, 2 => -500..500_i64, 1 => any::<i64>()];
    prop_oneof![
        6 => (value(), 0..40_u16).prop_map(|(value, key)| Op::Insert(value, key)),
        4 => (value(), 0..40_u16).prop_map(|(value, key)| Op::Remove(value, key)),
        2 => (any::<usize>(), 0..600_usize).prop_map(|(from, count)| Op::Clear(from, count)),
        2 => (-500..500_i64, 0..600_u16).prop_map(|(value, count)| Op::Run(value, count)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_board_agrees_with_a_sorted_list(
        ops in prop::collection::vec(op(), 0..40),
        around in 0..4_usize,
    ) {
        let (mut board, mut naive) = (Board::new(), BTreeSet::new());
        for op in ops {
            match op {
                Op::Insert(value, number) => {
                    let key = numbered(number.into());
                    prop_assert_eq!(
                        board.insert(value, key.clone()),
                        naive.insert((value, key))
                    );
                }
                Op::Remove(value, number) => {
                    let key = numbered(number.into());
                    prop_assert_eq!(board.remove(value, &key), naive.remove(&(value, key)));
                }
                Op::Clear(from, count) => {
                    let from = from.checked_rem(naive.len()).unwrap_or(0);
                    let gone: Vec<Item> = naive.iter().skip(from).take(count).cloned().collect();
                    for item in gone {
                        prop_assert!(board.remove(item.0, &item.1));
                        naive.remove(&item);
                    }
                }
                Op::Run(value, count) => {
                    for (value, number) in (value..).zip(0..count) {
                        let key = numbered(number.into());
                        prop_assert_eq!(
                            board.insert(value, key.clone()),
                            naive.insert((value, key))
                        );
                    }
                }
            }
            check_shape(&board);
        }
        check_agrees(&board, &naive, around);
    }
}
