//! Ordered data stores.

use crate::failure::Result;
use crate::target::{BoardItem, BoardQuery, OrderedName, Page, Standing, Target};

impl Target {
    /// Lists a board by value.
    pub(crate) async fn list_board(
        &self,
        query: &BoardQuery,
        cursor: Option<&str>,
    ) -> Result<Page<BoardItem>> {
        match self {
            Self::Directory(directory) => directory.list_board(query, cursor).await,
            Self::Server(server) => server.list_board(query, cursor).await,
        }
    }

    /// Tells where a key stands on its board, with so many others on each side.
    pub(crate) async fn find_standing(
        &self,
        name: &OrderedName,
        ascending: bool,
        around: u32,
    ) -> Result<Standing> {
        match self {
            Self::Directory(directory) => directory.find_standing(name, ascending, around).await,
            Self::Server(server) => server.find_standing(name, ascending, around).await,
        }
    }

    /// Reads the value of a key.
    pub(crate) async fn get_ordered(&self, name: &OrderedName) -> Result<i64> {
        match self {
            Self::Directory(directory) => directory.get_ordered(name).await,
            Self::Server(server) => server.get_ordered(name).await,
        }
    }

    /// Gives a key a value.
    pub(crate) async fn set_ordered(&self, name: &OrderedName, value: i64) -> Result<i64> {
        match self {
            Self::Directory(directory) => directory.set_ordered(name, value).await,
            Self::Server(server) => server.set_ordered(name, value).await,
        }
    }

    /// Gives a key that has none a value.
    pub(crate) async fn create_ordered(&self, name: &OrderedName, value: i64) -> Result<i64> {
        match self {
            Self::Directory(directory) => directory.create_ordered(name, value).await,
            Self::Server(server) => server.create_ordered(name, value).await,
        }
    }

    /// Adds to the value of a key. Returns the sum.
    pub(crate) async fn increment_ordered(&self, name: &OrderedName, by: i64) -> Result<i64> {
        match self {
            Self::Directory(directory) => directory.increment_ordered(name, by).await,
            Self::Server(server) => server.increment_ordered(name, by).await,
        }
    }

    /// Removes a key.
    pub(crate) async fn remove_ordered(&self, name: &OrderedName) -> Result<()> {
        match self {
            Self::Directory(directory) => directory.remove_ordered(name).await,
            Self::Server(server) => server.remove_ordered(name).await,
        }
    }
}
