//! A run of a board, by value.

use steadfast_core::{BoardId, EntryId, EntryKey, Found, Order, RowKey};

use super::{Bounds, Page, Seen, walk_both_in};
use crate::bytes::Family;
use crate::encode::index::Kind;
use crate::encode::keys::{board_bounds, board_prefix, parse_place_key, place_key};
use crate::engine::{EngineError, Source};
use crate::read::ordered::placed;
use crate::stores::StoreNumbers;

/// Reads the places of a board in one direction. A place that only the table or only the index
/// knows is corrupt, by the name that its key gives.
pub(super) fn board(
    source: &impl Source,
    stores: &StoreNumbers,
    board: &BoardId,
    order: Order,
    (min, max): (i64, i64),
    beyond: Option<&(i64, EntryKey)>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let Some(number) = stores.get(&board.store) else { return Ok(()) };
    if min > max {
        return Ok(());
    }
    let scope = board.scope.as_str();
    let beyond = beyond.map(|(value, key)| place_key(number, scope, *value, key.as_str()));
    let bounds = Bounds::new(board_bounds(number, scope, min, max));
    let bounds = match order {
        Order::Ascending => bounds.behind(beyond),
        Order::Descending => bounds.before(beyond),
    };
    walk_both_in(source, Family::Board, Kind::Place, bounds, order, |key, seen| {
        let entry = entry_at(board, number, key);
        Ok(page.push(match seen {
            Seen::Both(record, witness) => placed(entry, key, record, witness),
            Seen::OnlyTable(_) | Seen::OnlyIndex => Found::Corrupt(RowKey::Ordered(entry)),
        }))
    })
}

/// The entry that a place is of. A damaged key may not be text: then as far as it can be read.
fn entry_at(board: &BoardId, number: u32, key: &[u8]) -> EntryId {
    if let Some((.., name)) = parse_place_key(key) {
        return board.entry(name);
    }
    let name_start = board_prefix(number, board.scope.as_str()).len() + 8;
    let name = key.get(name_start..).unwrap_or_default();
    board.entry(EntryKey::trusted(String::from_utf8_lossy(name)))
}
