//! Ordered data stores of a directory.

use steadfast_core::platform::{
    FindStanding, ListOrdered, OrderedAction, OrderedRequest, OrderedWhen, Place,
};
use steadfast_core::{BoardId, EntryId, EntryKey, ErrorKind, Order, Scope, StoreId, StoreName};

use super::{Directory, invalid, platform_failure};
use crate::failure::{Failure, Result};
use crate::target::{BoardItem, BoardQuery, BoardRef, OrderedName, Page, Standee, Standing};

impl Directory {
    pub(in crate::target) async fn list_board(
        &self,
        query: &BoardQuery,
        cursor: Option<&str>,
    ) -> Result<Page<BoardItem>> {
        let request = ListOrdered {
            board: self.board_id(&query.board)?,
            order: order(query.ascending),
            min: query.min,
            max: query.max,
            beyond: cursor.map(read_cursor).transpose()?,
            page_size: query.page_size,
        };
        let page = self.db.list_ordered(request).await.map_err(platform_failure)?;
        let items = page.items.iter();
        let items =
            items.map(|item| BoardItem { key: item.key.as_str().to_owned(), value: item.value });
        let next = page.next.as_ref().map(|(value, key)| {
            // As text: a number of this size is not one to every reader of JSON.
            serde_json::json!([value.to_string(), key.as_str()]).to_string()
        });
        Ok(Page { items: items.collect(), next })
    }

    pub(in crate::target) async fn find_standing(
        &self,
        name: &OrderedName,
        ascending: bool,
        around: u32,
    ) -> Result<Standing> {
        let around = usize::try_from(around).unwrap_or(usize::MAX);
        let request =
            FindStanding { entry: self.ordered_id(name)?, order: order(ascending), around };
        let standing = self.db.find_standing(request).await.map_err(platform_failure)?;
        Ok(Standing {
            own: standee(&standing.place),
            entry_count: standing.entry_count,
            around: standing.around.iter().map(standee).collect(),
        })
    }

    pub(in crate::target) async fn get_ordered(&self, name: &OrderedName) -> Result<i64> {
        self.ordered(name, OrderedAction::Get).await
    }

    pub(in crate::target) async fn set_ordered(
        &self,
        name: &OrderedName,
        value: i64,
    ) -> Result<i64> {
        self.ordered(name, OrderedAction::Set { value, when: OrderedWhen::Always }).await
    }

    pub(in crate::target) async fn create_ordered(
        &self,
        name: &OrderedName,
        value: i64,
    ) -> Result<i64> {
        self.ordered(name, OrderedAction::Set { value, when: OrderedWhen::Missing }).await
    }

    pub(in crate::target) async fn increment_ordered(
        &self,
        name: &OrderedName,
        by: i64,
    ) -> Result<i64> {
        self.ordered(name, OrderedAction::Increment { by }).await
    }

    pub(in crate::target) async fn remove_ordered(&self, name: &OrderedName) -> Result<()> {
        self.ordered(name, OrderedAction::Remove).await.map(drop)
    }

    async fn ordered(&self, name: &OrderedName, action: OrderedAction) -> Result<i64> {
        let (entry, write_id) = (self.ordered_id(name)?, self.db.new_write_id());
        let request = OrderedRequest { entry, action, write_id };
        let state = self.db.execute_ordered(request).await.map_err(platform_failure)?;
        Ok(state.value)
    }

    fn board_id(&self, board: &BoardRef) -> Result<BoardId> {
        let limits = self.db.limits();
        let name = StoreName::parse(&board.store, limits).map_err(invalid)?;
        let scope = Scope::parse(&board.scope, limits).map_err(invalid)?;
        Ok(BoardId { store: StoreId { universe: board.universe, name }, scope })
    }

    fn ordered_id(&self, name: &OrderedName) -> Result<EntryId> {
        let key = EntryKey::parse(&name.key, self.db.limits()).map_err(invalid)?;
        Ok(self.board_id(&name.board)?.entry(key))
    }
}

fn order(ascending: bool) -> Order {
    if ascending { Order::Ascending } else { Order::Descending }
}

fn standee(place: &Place) -> Standee {
    Standee {
        key: place.key.as_str().to_owned(),
        value: place.value,
        position: place.position,
        rank: place.rank,
    }
}

fn read_cursor(cursor: &str) -> Result<(i64, EntryKey)> {
    let wrong = |error: anyhow::Error| {
        Failure::of(ErrorKind::Invalid, error).context("that is no place on a board")
    };
    let (value, key): (String, String) =
        serde_json::from_str(cursor).map_err(|error| wrong(error.into()))?;
    let value = value.parse().map_err(|error: std::num::ParseIntError| wrong(error.into()))?;
    Ok((value, EntryKey::trusted(key)))
}
