//! Lists of what operators look at.

use steadfast_server::operator::{Listed, PAGE_SIZE_MAX, wire};

use super::shown::or_none;
use crate::args::{
    DeadLetterList, EntryPlace, Limit, LogList, OperationKind, OperationList, Past, RecordHistory,
    SessionList,
};
use crate::entry::name_of;
use crate::failure::Result;
use crate::paging::Paging;
use crate::printer::{Printer, Show, shortened};
use crate::target::{HistoryPart, ListPart, StoreRef, Target};

/// Prints the pages of a list.
async fn all<T: Show>(
    printer: Printer,
    Limit { limit }: Limit,
    page: impl AsyncFn(ListPart<'_>) -> Result<wire::Page<T>>,
) -> Result<()> {
    let mut paging = Paging::new(printer, limit);
    let mut after: Option<String> = None;
    loop {
        let part = ListPart { after: after.as_deref(), limit: PAGE_SIZE_MAX };
        let found = page(part).await?;
        match paging.take(found.items, found.next)? {
            Some(next) => after = Some(next),
            None => return paging.finish(),
        }
    }
}

pub(super) async fn history(history: RecordHistory, printer: Printer) -> Result<()> {
    let RecordHistory { place, past: Past { since, until, oldest_first }, limit } = history;
    let name = name_of(&place);
    let list = async |target: &Target| {
        let page = async |part: ListPart<'_>| {
            let part = HistoryPart { part, oldest_first, since, until };
            target.record_history(&name, part).await
        };
        all(printer, limit, page).await
    };
    Target::with(&place.target, list)
        .await
        .map_err(|failure| failure.context(format!("cannot list the revisions of `{name}`")))
}

pub(super) async fn operations(list: OperationList, printer: Printer) -> Result<()> {
    let listed = match (list.id, list.list) {
        (Some(id), _) => Listed::One(id),
        (None, OperationKind::Pending) => Listed::Pending,
        (None, OperationKind::Receipts) => Listed::Receipts,
    };
    listed_operations(&list.place, &listed, list.limit, printer).await
}

pub(super) async fn dead_letters(list: DeadLetterList, printer: Printer) -> Result<()> {
    listed_operations(&list.place, &Listed::Dead, list.limit, printer).await
}

async fn listed_operations(
    place: &EntryPlace,
    listed: &Listed,
    limit: Limit,
    printer: Printer,
) -> Result<()> {
    let name = name_of(place);
    let list = async |target: &Target| {
        let page = async |part: ListPart<'_>| target.operations(&name, listed, part).await;
        all(printer, limit, page).await
    };
    Target::with(&place.target, list)
        .await
        .map_err(|failure| failure.context(format!("cannot list operations of `{name}`")))
}

/// The ids of all operations that wait for a record.
pub(super) async fn pending_ids(place: &EntryPlace) -> Result<Vec<String>> {
    let name = name_of(place);
    let list = async |target: &Target| {
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let part = ListPart { after: after.as_deref(), limit: PAGE_SIZE_MAX };
            let page = target.operations(&name, &Listed::Pending, part).await?;
            ids.extend(page.items.into_iter().map(|operation| operation.id));
            after = page.next;
            if after.is_none() {
                return Ok(ids);
            }
        }
    };
    Target::with(&place.target, list)
        .await
        .map_err(|failure| failure.context(format!("cannot list operations of `{name}`")))
}

pub(super) async fn sessions(list: SessionList, printer: Printer) -> Result<()> {
    let SessionList { universe: place, store, limit } = list;
    let store = StoreRef { universe: place.universe, name: store };
    let work = async |target: &Target| {
        all(printer, limit, async |part: ListPart<'_>| target.sessions(&store, part).await).await
    };
    Target::with(&place.target, work)
        .await
        .map_err(|failure| failure.context(format!("cannot list the sessions of `{store}`")))
}

pub(super) async fn log(list: LogList, printer: Printer) -> Result<()> {
    let LogList { universe: place, limit } = list;
    let universe = place.universe;
    let work = async |target: &Target| {
        all(printer, limit, async |part: ListPart<'_>| target.log(universe, part).await).await
    };
    Target::with(&place.target, work)
        .await
        .map_err(|failure| failure.context(format!("cannot read the log of universe {universe}")))
}

impl Show for wire::Operation {
    fn titles() -> Vec<&'static str> {
        vec!["id", "state", "kind", "issued", "tries", "error", "payload", "again as"]
    }

    fn cells(&self) -> Vec<String> {
        let state = match (&self.verdict, &self.code) {
            (Some(verdict), _) => format!("{}, to {verdict}", self.state),
            (None, Some(code)) => format!("{} {code}", self.state),
            (None, None) => self.state.clone(),
        };
        let payload = match (&self.payload, self.payload_size) {
            (Some(payload), _) => shortened(payload.get()),
            (None, Some(size)) => format!("{size} bytes, not kept"),
            (None, None) => String::new(),
        };
        vec![
            self.id.clone(),
            state,
            self.kind.clone().unwrap_or_default(),
            self.issued_at.clone(),
            self.tries.map(|tries| tries.to_string()).unwrap_or_default(),
            self.error.as_deref().map(shortened).unwrap_or_default(),
            payload,
            self.requeued_as.clone().unwrap_or_default(),
        ]
    }
}

impl Show for wire::LogLine {
    fn titles() -> Vec<&'static str> {
        vec!["at", "operator", "action", "record", "state", "reason", "detail", "after"]
    }

    fn cells(&self) -> Vec<String> {
        let state = match &self.code {
            Some(code) => format!("{} {code}", self.state),
            None => self.state.clone(),
        };
        vec![
            self.at.clone(),
            self.operator.clone(),
            self.action.clone(),
            format!("{}/{}/{}", self.store, self.scope, self.key),
            state,
            self.reason.clone(),
            self.detail.clone(),
            or_none(self.after.as_ref()),
        ]
    }
}
