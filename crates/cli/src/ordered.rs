//! `ordered`: boards, and the places on them.

use serde::Serialize;

use crate::args::{
    BoardPlace, Ordered, OrderedAround, OrderedChange, OrderedEntry, OrderedRank, OrderedRemove,
    OrderedTop,
};
use crate::consent;
use crate::failure::{Failure, Result};
use crate::paging::Paging;
use crate::printer::{Printer, Show};
use crate::target::{BoardItem, BoardQuery, BoardRef, OrderedName, Standee, Standing, Target};

/// What v2 allows on a page of a board.
const PAGE_SIZE: usize = 100;

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`]: what to do is in its kind.
pub(crate) async fn run(command: Ordered, printer: Printer) -> Result<()> {
    match command {
        Ordered::Top(top) => run_top(top, printer).await,
        Ordered::Rank(rank) => run_rank(rank, printer).await,
        Ordered::Around(around) => run_around(around, printer).await,
        Ordered::Get(entry) => {
            let (name, board) = names(entry);
            let get = async |target: &Target| target.get_ordered(&name).await;
            value("get", &name, Target::with(&board.target, get).await, printer)
        }
        Ordered::Set(OrderedChange { entry, amount }) => {
            let (name, board) = names(entry);
            let set = async |target: &Target| target.set_ordered(&name, amount).await;
            value("set", &name, Target::with(&board.target, set).await, printer)
        }
        Ordered::Increment(OrderedChange { entry, amount }) => {
            let (name, board) = names(entry);
            let add = async |target: &Target| target.increment_ordered(&name, amount).await;
            value("increment", &name, Target::with(&board.target, add).await, printer)
        }
        Ordered::Remove(remove) => run_remove(remove, printer).await,
    }
}

async fn run_top(top: OrderedTop, printer: Printer) -> Result<()> {
    let OrderedTop { board: place, limit, ascending, min, max } = top;
    let board = board_of(&place);
    let shown = board.to_string();
    let page_size = usize::try_from(limit).unwrap_or(PAGE_SIZE).saturating_add(1).min(PAGE_SIZE);
    let work = async |target: &Target| {
        let query = BoardQuery { board, ascending, min, max, page_size };
        let mut paging = Paging::new(printer, limit).without_note();
        let mut cursor = None;
        loop {
            let page = target.list_board(&query, cursor.as_deref()).await?;
            match paging.take(page.items.into_iter().map(Item::new), page.next)? {
                Some(next) => cursor = Some(next),
                None => return paging.finish(),
            }
        }
    };
    Target::with(&place.target, work)
        .await
        .map_err(|failure| failure.context(format!("cannot list the board `{shown}`")))
}

async fn run_rank(rank: OrderedRank, printer: Printer) -> Result<()> {
    let OrderedRank { entry, ascending } = rank;
    let standing = standing(entry, ascending, 0).await?;
    printer.one(&Rank::new(standing))
}

async fn run_around(around: OrderedAround, printer: Printer) -> Result<()> {
    let OrderedAround { rank: OrderedRank { entry, ascending }, count } = around;
    let standing = standing(entry, ascending, count).await?;
    printer.list(&standing.around.into_iter().map(Place::new).collect::<Vec<_>>())
}

async fn standing(entry: OrderedEntry, ascending: bool, count: u32) -> Result<Standing> {
    let (name, board) = names(entry);
    let find = async |target: &Target| target.find_standing(&name, ascending, count).await;
    Target::with(&board.target, find)
        .await
        .map_err(|failure| failure.context(format!("cannot find the place of `{name}`")))
}

async fn run_remove(remove: OrderedRemove, printer: Printer) -> Result<()> {
    let (name, board) = names(remove.entry);
    let cannot = |failure: Failure| failure.context(format!("cannot remove `{name}`"));
    if remove.consent.dry_run {
        let get = async |target: &Target| target.get_ordered(&name).await;
        let value = Target::with(&board.target, get).await.map_err(cannot)?;
        return printer.one(&Removal {
            entry: name.to_string(),
            value: Some(value),
            removed: false,
        });
    }
    consent::require(remove.consent, &format!("remove `{name}` for good"))?;
    let work = async |target: &Target| target.remove_ordered(&name).await;
    Target::with(&board.target, work).await.map_err(cannot)?;
    printer.one(&Removal { entry: name.to_string(), value: None, removed: true })
}

fn names(entry: OrderedEntry) -> (OrderedName, BoardPlace) {
    let OrderedEntry { board, key } = entry;
    (OrderedName { board: board_of(&board), key }, board)
}

fn board_of(place: &BoardPlace) -> BoardRef {
    let (store, scope) = (place.store.clone(), place.scope.clone());
    BoardRef { universe: place.universe, store, scope }
}

/// Prints the value that a request answered.
fn value(what: &str, name: &OrderedName, answer: Result<i64>, printer: Printer) -> Result<()> {
    let value = answer.map_err(|failure| failure.context(format!("cannot {what} `{name}`")))?;
    printer.text_or_json(&value.to_string(), &Item { key: name.key.clone(), value })
}

/// A key with its value, which is one line of `ordered top`.
#[derive(Serialize)]
struct Item {
    key: String,
    value: i64,
}

impl Item {
    fn new(BoardItem { key, value }: BoardItem) -> Self {
        Self { key, value }
    }
}

impl Show for Item {
    fn titles() -> Vec<&'static str> {
        vec!["key", "value"]
    }

    fn cells(&self) -> Vec<String> {
        vec![self.key.clone(), self.value.to_string()]
    }
}

/// One line of `ordered around`.
#[derive(Serialize)]
struct Place {
    rank: u64,
    position: u64,
    key: String,
    value: i64,
}

impl Place {
    fn new(Standee { key, value, position, rank }: Standee) -> Self {
        Self { rank, position, key, value }
    }
}

impl Show for Place {
    fn titles() -> Vec<&'static str> {
        vec!["rank", "position", "key", "value"]
    }

    fn cells(&self) -> Vec<String> {
        let (rank, position) = (self.rank.to_string(), self.position.to_string());
        vec![rank, position, self.key.clone(), self.value.to_string()]
    }
}

/// What `ordered rank` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rank {
    #[serde(flatten)]
    place: Place,
    entry_count: u64,
}

impl Rank {
    fn new(standing: Standing) -> Self {
        Self { place: Place::new(standing.own), entry_count: standing.entry_count }
    }
}

impl Show for Rank {
    fn titles() -> Vec<&'static str> {
        vec!["rank", "position", "key", "value", "entries"]
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = self.place.cells();
        cells.push(self.entry_count.to_string());
        cells
    }
}

/// What `ordered remove` prints.
#[derive(Serialize)]
struct Removal {
    entry: String,
    /// Known only if it was looked at first.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
    removed: bool,
}

impl Show for Removal {
    fn titles() -> Vec<&'static str> {
        vec!["entry", "removed"]
    }

    fn cells(&self) -> Vec<String> {
        let removed = match self.value {
            _ if self.removed => "yes".to_owned(),
            Some(value) => format!("no, it is a dry run; it has {value}"),
            None => "no".to_owned(),
        };
        vec![self.entry.clone(), removed]
    }
}
