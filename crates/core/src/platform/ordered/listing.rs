//! A page of a board.

use crate::id::{EntryId, WriteId};
use crate::platform::{
    Input, ListOrdered, Machine, Operation, OrderedItem, OrderedPage, PlatformError, Settings, Step,
};
use crate::row::{Found, Row, RowBody, RowKey, RowRange, ScanReply};

/// Carries out one [`ListOrdered`].
#[derive(Debug)]
pub struct OrderedListing;

impl Operation for ListOrdered {
    type Answer = OrderedPage;
    type Machine = OrderedListing;

    fn lane(&self) -> Option<EntryId> {
        None
    }

    fn write_id(&self) -> Option<WriteId> {
        None
    }

    fn start(self, _: &Settings) -> (OrderedListing, Step<OrderedPage>) {
        let Self { board, order, min, max, beyond, page_size } = self;
        if min > max {
            let page = OrderedPage { items: vec![], next: None };
            return (OrderedListing, Step::Done(Ok(page)));
        }
        let range = RowRange::Board { board, order, min, max, beyond };
        // A page of nothing could not say where the next one starts.
        (OrderedListing, Step::Scan(range, page_size.max(1)))
    }
}

impl Machine for OrderedListing {
    type Answer = OrderedPage;

    fn on(&mut self, input: Input) -> Step<OrderedPage> {
        let Input::Scanned(reply) = input else { panic!("a page was given {input:?}") };
        Step::Done(reply.map_err(PlatformError::from).and_then(|reply| page(&reply)))
    }
}

fn page(reply: &ScanReply) -> Result<OrderedPage, PlatformError> {
    let items = reply.rows.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    let last = items.last().filter(|_| reply.more);
    let next = last.map(|item: &OrderedItem| (item.value, item.key.clone()));
    Ok(OrderedPage { items, next })
}

fn item(found: &Found) -> Result<OrderedItem, PlatformError> {
    match found {
        Found::Absent => unreachable!("a scan answers what is there"),
        Found::Corrupt(row) => Err(PlatformError::Corrupt { row: Box::new(row.clone()) }),
        Found::Row(row) => {
            value_of(row).ok_or_else(|| PlatformError::Corrupt { row: Box::new(row.key.clone()) })
        }
    }
}

/// The item that a row of a board is. A row without a value does not belong there.
fn value_of(row: &Row) -> Option<OrderedItem> {
    let (RowKey::Ordered(entry), RowBody::Ordered(body)) = (&row.key, &row.body) else {
        return None;
    };
    body.value.map(|value| OrderedItem { key: entry.key.clone(), value })
}
