//! `store`: data stores as wholes.

mod copy;

use serde::Serialize;
use steadfast_core::platform::{History, Snapshot, StoreChange};
use steadfast_open_cloud::time::v1_json;

use crate::args::{Store, StoreDelete, StoreHistory, StoreList, StorePlace, UniversePlace};
use crate::consent;
use crate::failure::{Failure, Result};
use crate::paging::Paging;
use crate::printer::{Printer, Show};
use crate::target::{StoreInfo, StoreQuery, StoreRef, Target};

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`]: what to do is in its kind.
pub(crate) async fn run(command: Store, printer: Printer) -> Result<()> {
    match command {
        Store::List(list) => run_list(list, printer).await,
        Store::Show(place) => {
            let info = change(&place, StoreChange::Look, "show").await?;
            printer.one(&Shown::new(info))
        }
        Store::Delete(delete) => run_delete(delete, printer).await,
        Store::Undelete(place) => {
            let info = change(&place, StoreChange::Undelete, "undelete").await?;
            printer.one(&Shown::new(info))
        }
        Store::History(StoreHistory { store, history }) => {
            let chosen = StoreChange::History(history.history());
            let info = change(&store, chosen, "choose the history of").await?;
            printer.one(&Shown::new(info))
        }
        Store::Copy(copy) => copy::run(copy, printer).await,
        Store::Snapshot(place) => run_snapshot(place, printer).await,
    }
}

async fn run_list(list: StoreList, printer: Printer) -> Result<()> {
    let StoreList { place: UniversePlace { target, universe }, prefix, deleted } = list;
    let work = async |target: &Target| {
        let query = StoreQuery { universe, prefix, with_deleted: deleted };
        let mut paging = Paging::new(printer, u64::MAX);
        let mut cursor = None;
        loop {
            let page = target.list_stores(&query, cursor.as_deref()).await?;
            match paging.take(page.items.into_iter().map(Listed::new), page.next)? {
                Some(next) => cursor = Some(next),
                None => return paging.finish(),
            }
        }
    };
    Target::with(&target, work).await.map_err(|failure| {
        failure.context(format!("cannot list the data stores of universe {universe}"))
    })
}

async fn run_delete(delete: StoreDelete, printer: Printer) -> Result<()> {
    let StoreDelete { store, consent } = delete;
    if consent.dry_run {
        let info = change(&store, StoreChange::Look, "look at").await?;
        return printer.one(&Deletion::new(info, false));
    }
    let name = name_of(&store);
    consent::require(consent, &format!("delete the data store `{name}` with all its entries"))?;
    let info = change(&store, StoreChange::Delete, "delete").await?;
    printer.one(&Deletion::new(info, true))
}

async fn run_snapshot(place: UniversePlace, printer: Printer) -> Result<()> {
    let UniversePlace { target, universe } = place;
    let take = async |target: &Target| target.take_snapshot(universe).await;
    let snapshot = Target::with(&target, take).await.map_err(|failure| {
        failure.context(format!("cannot take a snapshot of universe {universe}"))
    })?;
    printer.one(&Taken::new(snapshot))
}

async fn change(place: &StorePlace, change: StoreChange, what: &str) -> Result<StoreInfo> {
    let name = name_of(place);
    let work = async |target: &Target| target.change_store(&name, change).await;
    Target::with(&place.place.target, work)
        .await
        .map_err(|failure: Failure| failure.context(format!("cannot {what} `{name}`")))
}

fn name_of(place: &StorePlace) -> StoreRef {
    StoreRef { universe: place.place.universe, name: place.name.clone() }
}

fn state(is_deleted: bool) -> &'static str {
    if is_deleted { "deleted" } else { "active" }
}

/// One line of `store list`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    state: &'static str,
    created_at: String,
    expires_at: Option<String>,
}

impl Listed {
    fn new(info: StoreInfo) -> Self {
        Self {
            name: info.name,
            state: state(info.is_deleted),
            created_at: v1_json(info.created_at),
            expires_at: info.expires_at.map(v1_json),
        }
    }
}

impl Show for Listed {
    fn titles() -> Vec<&'static str> {
        vec!["name", "state", "created", "expires"]
    }

    fn cells(&self) -> Vec<String> {
        let expires = self.expires_at.clone().unwrap_or_else(|| "never".to_owned());
        vec![self.name.clone(), self.state.to_owned(), self.created_at.clone(), expires]
    }
}

/// A data store by itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    #[serde(flatten)]
    listed: Listed,
    updated_at: Option<String>,
    history: Option<&'static str>,
}

impl Shown {
    fn new(info: StoreInfo) -> Self {
        let updated_at = info.updated_at.map(v1_json);
        let history = info.history.map(History::name);
        Self { listed: Listed::new(info), updated_at, history }
    }
}

impl Show for Shown {
    fn titles() -> Vec<&'static str> {
        let mut titles = Listed::titles();
        titles.extend(["updated", "history"]);
        titles
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = self.listed.cells();
        cells.push(self.updated_at.clone().unwrap_or_else(|| "unknown".to_owned()));
        cells.push(self.history.unwrap_or("default").to_owned());
        cells
    }
}

/// What `store delete` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deletion {
    name: String,
    deleted: bool,
    expires_at: Option<String>,
}

impl Deletion {
    fn new(info: StoreInfo, deleted: bool) -> Self {
        Self { name: info.name, deleted, expires_at: info.expires_at.map(v1_json) }
    }
}

impl Show for Deletion {
    fn titles() -> Vec<&'static str> {
        vec!["name", "deleted", "expires"]
    }

    fn cells(&self) -> Vec<String> {
        let deleted = if self.deleted { "yes" } else { "no, it is a dry run" };
        let expires = self.expires_at.clone().unwrap_or_else(|| "never".to_owned());
        vec![self.name.clone(), deleted.to_owned(), expires]
    }
}

/// What `store snapshot` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    is_new: bool,
    taken_at: String,
}

impl Taken {
    fn new(snapshot: Snapshot) -> Self {
        Self { is_new: snapshot.is_new, taken_at: v1_json(snapshot.taken_at) }
    }
}

impl Show for Taken {
    fn titles() -> Vec<&'static str> {
        vec!["snapshot", "taken"]
    }

    fn cells(&self) -> Vec<String> {
        let is_new = if self.is_new { "new" } else { "there is one of today already" };
        vec![is_new.to_owned(), self.taken_at.clone()]
    }
}
