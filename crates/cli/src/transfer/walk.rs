//! The entries of a target one after the other, always in the same order.

use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use steadfast_core::{ErrorKind, UniverseId};

use super::record::{Body, Content, Record};
use crate::failure::Result;
use crate::target::{BoardQuery, BoardRef, EntryQuery, Listed, StoreQuery, StoreRef, Target};

/// What v2 allows on a page of a board.
const BOARD_PAGE_SIZE: usize = 100;

/// Something that is walked through from its first entry to its last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Section {
    /// A data store: by scope and key.
    Store(String),
    /// A board, by its store and scope: by value and key.
    Board(String, String),
}

/// Behind which entry of a section a walk stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Position {
    /// What the page with this entry was asked for with; none for the first.
    pub(crate) page: Option<String>,
    /// The entry.
    pub(crate) last: Last,
}

/// An entry by its place in the order of its section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Last {
    /// Scope and key, by their bytes.
    Entry(String, String),
    /// Value and key.
    Item(i64, String),
}

impl Last {
    fn is_before_entry(&self, scope: &str, key: &str) -> bool {
        match self {
            Self::Entry(last_scope, last_key) => (&**last_scope, &**last_key) < (scope, key),
            Self::Item(..) => true,
        }
    }

    fn is_before_item(&self, value: i64, key: &str) -> bool {
        match self {
            Self::Item(last_value, last_key) => (*last_value, &**last_key) < (value, key),
            Self::Entry(..) => true,
        }
    }
}

/// Reads the entries of a universe in order.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    target: &'a Target,
    universe: UniverseId,
}

impl<'a> Walk<'a> {
    /// Through a universe of a target.
    pub(crate) fn new(target: &'a Target, universe: UniverseId) -> Self {
        Self { target, universe }
    }

    /// The names of all data stores that are not deleted, in the order of their bytes.
    ///
    /// # Errors
    /// They cannot be listed.
    pub(crate) async fn stores(self) -> Result<Vec<String>> {
        let universe = self.universe;
        let query = StoreQuery { universe, prefix: String::new(), with_deleted: false };
        let (mut names, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.target.list_stores(&query, cursor.as_deref()).await?;
            names.extend(page.items.into_iter().map(|store| store.name));
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes sure that there is a data store.
    ///
    /// # Errors
    /// There is none, or it is deleted.
    pub(crate) async fn check_store(self, name: &str) -> Result<()> {
        let store = StoreRef { universe: self.universe, name: name.to_owned() };
        self.target.check_store(&store).await
    }

    /// Hands over every entry of a section behind a position, in order.
    ///
    /// # Errors
    /// It cannot be read, or `take` fails.
    pub(crate) async fn section(
        self,
        section: &Section,
        from: Option<Position>,
        take: impl AsyncFnMut(Record, Position) -> Result<()>,
    ) -> Result<()> {
        match section {
            Section::Store(name) => self.store(name, from, take).await,
            Section::Board(store, scope) => self.board(store, scope, from, take).await,
        }
    }

    async fn store(
        self,
        name: &str,
        from: Option<Position>,
        mut take: impl AsyncFnMut(Record, Position) -> Result<()>,
    ) -> Result<()> {
        let store = StoreRef { universe: self.universe, name: name.to_owned() };
        let query = EntryQuery {
            store: store.clone(),
            scope: None,
            prefix: String::new(),
            with_deleted: false,
            page_size: self.target.page_size_max(),
        };
        let (mut cursor, last) = from.map_or((None, None), |from| (from.page, Some(from.last)));
        loop {
            let page = self.target.list_entries(&query, cursor.as_deref()).await?;
            let items = page.items.into_iter().filter(|item| {
                last.as_ref().is_none_or(|last| last.is_before_entry(&item.scope, &item.key))
            });
            let reads = stream::iter(items).map(|item| self.read(&store, item));
            let mut reads = reads.buffered(Target::READ_COUNT_MAX);
            while let Some(record) = reads.next().await {
                // Nothing, if it was removed since it was listed.
                let Some(record) = record? else { continue };
                let last = Last::Entry(record.scope.clone(), record.key.clone());
                take(record, Position { page: cursor.clone(), last }).await?;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn read(self, store: &StoreRef, listed: Listed) -> Result<Option<Record>> {
        let name = store.entry(&listed.scope, &listed.key);
        match self.target.get(&name, None).await {
            Ok(state) => Ok(Some(Record {
                store: name.store,
                scope: name.scope,
                key: name.key,
                body: Body::Standard(Content::of(state)),
            })),
            Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(None),
            Err(failure) => Err(failure.context(format!("cannot get `{name}`"))),
        }
    }

    async fn board(
        self,
        store: &str,
        scope: &str,
        from: Option<Position>,
        mut take: impl AsyncFnMut(Record, Position) -> Result<()>,
    ) -> Result<()> {
        let (store, scope) = (store.to_owned(), scope.to_owned());
        let query = BoardQuery {
            board: BoardRef { universe: self.universe, store, scope },
            ascending: true,
            min: i64::MIN,
            max: i64::MAX,
            page_size: BOARD_PAGE_SIZE,
        };
        let (mut cursor, last) = from.map_or((None, None), |from| (from.page, Some(from.last)));
        loop {
            let page = self.target.list_board(&query, cursor.as_deref()).await?;
            for item in page.items {
                if last.as_ref().is_some_and(|last| !last.is_before_item(item.value, &item.key)) {
                    continue;
                }
                let last = Last::Item(item.value, item.key.clone());
                let record = Record {
                    store: query.board.store.clone(),
                    scope: query.board.scope.clone(),
                    key: item.key,
                    body: Body::Ordered(item.value),
                };
                take(record, Position { page: cursor.clone(), last }).await?;
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }
}
