//! Answers about ordered data stores.

use steadfast_core::platform::{
    FindStanding, ListOrdered, OrderedAction, OrderedItem, OrderedPage, OrderedRequest,
    OrderedState, Place, Standing,
};
use steadfast_core::{BoardId, EntryKey, Order, Revision};

use super::answers::{Span, ensure};
use super::{Check, Oracle};
use crate::data::boards::{OrderedVersion, Standings};

impl Oracle {
    pub(super) fn check_ordered(
        &self,
        request: &OrderedRequest,
        state: &OrderedState,
        span: Span,
    ) -> Check {
        if request.action == OrderedAction::Get {
            return ensure(self.ordered_stood(state, span), || "O-01: it never was".to_owned());
        }
        let versions = self.boards.versions(&request.entry);
        let tag = request.write_id.tag();
        let place = versions.iter().rposition(|it| it.revision.tag == tag && !it.is_gone);
        let version = place.and_then(|place| versions.get(place));
        let before = place.and_then(|place| place.checked_sub(1)).and_then(|it| versions.get(it));
        let is_same = version.is_some_and(|it| {
            let value = it.value.or(before.and_then(|before| before.value));
            let is_now = span.began.seq < it.seq && it.seq <= span.ended.seq;
            is_now && same(state, it, value)
        });
        ensure(is_same, || format!("W1: what was acknowledged is {version:?}"))
    }

    /// Whether an entry held that at a moment.
    pub(super) fn ordered_stood(&self, state: &OrderedState, span: Span) -> bool {
        span.seqs().any(|seq| {
            self.boards.at(&state.entry, seq).is_some_and(|it| same(state, it, it.value))
        })
    }

    pub(super) fn check_board(
        &self,
        request: &ListOrdered,
        page: &OrderedPage,
        span: Span,
    ) -> Check {
        let seqs = self.boards.changes(&request.board, span.began.seq, span.ended.seq);
        let is_right = seqs
            .iter()
            .any(|seq| page_of(&self.boards.board(&request.board, *seq), request) == *page);
        ensure(is_right, || {
            let now = page_of(&self.boards.board(&request.board, span.ended.seq), request);
            format!("X1: the board was never so; now it is {now:?}")
        })
    }

    pub(super) fn check_standing(
        &self,
        request: &FindStanding,
        found: &Standing,
        span: Span,
    ) -> Check {
        let board = BoardId::of(&request.entry);
        // What was written and not told before the question may be missing from the answer.
        let seqs = self.boards.changes(&board, span.began.told, span.ended.seq);
        let is_right = seqs.iter().any(|seq| {
            standing_of(&self.boards.board(&board, *seq), request).as_ref() == Some(found)
        });
        ensure(is_right, || {
            let now = standing_of(&self.boards.board(&board, span.ended.seq), request);
            format!("X1: it never stood there; now it is {now:?}")
        })
    }
}

fn same(state: &OrderedState, version: &OrderedVersion, value: Option<i64>) -> bool {
    let revision: Revision = version.revision;
    let is_same = state.revision == revision && state.updated_at == version.stamped_at;
    is_same && value == Some(state.value)
}

/// The items of a board in an order.
pub(super) fn in_order(board: &Standings, order: Order) -> Vec<(i64, EntryKey)> {
    let mut items: Vec<(i64, EntryKey)> = board.iter().cloned().collect();
    if order == Order::Descending {
        items.reverse();
    }
    items
}

fn page_of(board: &Standings, request: &ListOrdered) -> OrderedPage {
    let size = request.page_size.max(1);
    let mut items = in_order(board, request.order);
    items.retain(|item| (request.min..=request.max).contains(&item.0));
    if let Some(beyond) = &request.beyond {
        items.retain(|item| match request.order {
            Order::Ascending => item > beyond,
            Order::Descending => item < beyond,
        });
    }
    let more = items.len() > size;
    items.truncate(size);
    let next = items.last().cloned().filter(|_| more);
    let items = items.into_iter().map(|(value, key)| OrderedItem { key, value }).collect();
    OrderedPage { items, next }
}

fn standing_of(board: &Standings, request: &FindStanding) -> Option<Standing> {
    let items = in_order(board, request.order);
    let place = |index: usize| {
        let (value, key) = items.get(index)?.clone();
        let better = items.iter().position(|item| item.0 == value)?;
        let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX) + 1;
        Some(Place { key, value, position: number(index), rank: number(better) })
    };
    let index = items.iter().position(|(_, key)| *key == request.entry.key)?;
    let around = index.saturating_sub(request.around)..items.len().min(index + request.around + 1);
    Some(Standing {
        place: place(index)?,
        entry_count: u64::try_from(items.len()).unwrap_or(u64::MAX),
        around: around.filter_map(place).collect(),
    })
}
