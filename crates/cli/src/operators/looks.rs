//! Looking at one record.

use std::time::Duration;

use serde::Serialize;
use steadfast_server::operator::wire;

use super::shown::{or_none, yes_or_no};
use crate::args::{EntryPlace, RecordDiff, RecordExport};
use crate::duration::shown_duration;
use crate::entry::name_of;
use crate::failure::Result;
use crate::printer::{self, Printer, Show, shortened};
use crate::target::{EntryName, Target};

pub(super) async fn look(place: &EntryPlace, name: &EntryName) -> Result<wire::Record> {
    Target::with(&place.target, async |target| target.record(name).await)
        .await
        .map_err(|failure| failure.context(format!("cannot look at `{name}`")))
}

pub(super) async fn record(place: &EntryPlace, printer: Printer) -> Result<()> {
    printer.one(&look(place, &name_of(place)).await?)
}

impl Show for wire::Record {
    fn titles() -> Vec<&'static str> {
        vec![
            "record",
            "revision",
            "created",
            "updated",
            "users",
            "tags",
            "schema",
            "held by",
            "fence",
            "saves",
            "touched",
            "last login",
            "play time",
            "ends",
            "waiting",
            "receipts",
            "dead letters",
            "ledger size",
            "horizon",
            "data",
        ]
    }

    fn cells(&self) -> Vec<String> {
        let state = self.state.as_ref();
        let of_state = |text: fn(&wire::State) -> String| state.map_or_else(String::new, text);
        let ends = self
            .ends
            .iter()
            .map(|end| format!("{} {} after {} saves", end.fence, end.how, end.save_count));
        let wire::Ledger { pending, full, kept, permanent, dead, size, horizon, damaged } =
            &self.ledger;
        let size = if *damaged { "damaged".to_owned() } else { format!("{size} bytes") };
        let data = match state {
            None => "missing".to_owned(),
            Some(state) if state.deleted => "deleted".to_owned(),
            Some(state) => json_of(state.value.as_deref()),
        };
        vec![
            self.entry.clone(),
            state.map_or_else(|| "none".to_owned(), |state| state.revision.clone()),
            of_state(|state| state.created_at.clone()),
            of_state(|state| state.updated_at.clone()),
            of_state(|state| state.users.join(", ")),
            of_state(|state| json_of(state.attributes.as_deref())),
            self.schema.to_string(),
            holder(self.lease.as_ref()),
            or_none(self.fence.as_ref()),
            self.save_count.to_string(),
            or_none(self.touched_at.as_ref()),
            or_none(self.last_login.as_ref()),
            shown_duration(Duration::from_millis(self.play_time_ms)),
            crate::inspect::lines_or_none(ends),
            pending.to_string(),
            format!("{full} full, {kept} ids, {permanent} permanent"),
            dead.to_string(),
            size,
            or_none(horizon.as_ref()),
            data,
        ]
    }
}

fn json_of(text: Option<&serde_json::value::RawValue>) -> String {
    text.map_or_else(String::new, |text| text.get().to_owned())
}

/// Who holds a record, on one line.
pub(super) fn holder(lease: Option<&wire::Lease>) -> String {
    let Some(lease) = lease else { return "nobody".to_owned() };
    let at = if lease.address.is_empty() { "" } else { " at " };
    let wire::Lease { server, address, liveness, since, .. } = lease;
    format!("{server}{at}{address}, {liveness}, since {since}")
}

/// What `session show` prints.
#[derive(Serialize)]
struct Holder {
    entry: String,
    lease: Option<wire::Lease>,
}

impl Show for Holder {
    fn titles() -> Vec<&'static str> {
        vec!["record", "held by", "session", "fence", "lasts"]
    }

    fn cells(&self) -> Vec<String> {
        let of = |text: fn(&wire::Lease) -> &String| {
            self.lease.as_ref().map_or_else(|| "none".to_owned(), |lease| text(lease).clone())
        };
        vec![
            self.entry.clone(),
            holder(self.lease.as_ref()),
            of(|lease| &lease.session),
            of(|lease| &lease.fence),
            of(|lease| &lease.mode),
        ]
    }
}

pub(super) async fn session(place: &EntryPlace, printer: Printer) -> Result<()> {
    let record = look(place, &name_of(place)).await?;
    printer.one(&Holder { entry: record.entry, lease: record.lease })
}

pub(super) async fn diff(diff: &RecordDiff, printer: Printer) -> Result<()> {
    let name = name_of(&diff.place);
    let states = (&*diff.from, &*diff.to);
    let compare = async |target: &Target| target.record_diff(&name, states).await;
    let differences = Target::with(&diff.place.target, compare).await.map_err(|failure| {
        let failure = failure.context(format!("cannot compare states of `{name}`"));
        failure.hint("`record history` lists the revisions that are kept")
    })?;
    if differences.is_empty() && !printer.is_json() {
        return printer::line("there is no difference");
    }
    printer.list(&differences)
}

impl Show for wire::Difference {
    fn titles() -> Vec<&'static str> {
        vec!["path", "before", "after"]
    }

    fn cells(&self) -> Vec<String> {
        let cell = |text: Option<&serde_json::value::RawValue>| {
            text.map_or_else(|| "nothing".to_owned(), |text| shortened(text.get()))
        };
        vec![self.path.clone(), cell(self.before.as_deref()), cell(self.after.as_deref())]
    }
}

pub(super) async fn export(export: &RecordExport) -> Result<()> {
    let name = name_of(&export.place);
    let take = async |target: &Target| target.record_export(&name, export.values).await;
    let document = Target::with(&export.place.target, take)
        .await
        .map_err(|failure| failure.context(format!("cannot export `{name}`")))?;
    printer::line(&document)
}

impl Show for wire::Session {
    fn titles() -> Vec<&'static str> {
        vec!["scope", "key", "held by", "fence", "saves", "touched"]
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.scope.clone(),
            self.key.clone(),
            holder(Some(&self.lease)),
            self.lease.fence.clone(),
            self.save_count.to_string(),
            self.touched_at.clone(),
        ]
    }
}

impl Show for wire::Revision {
    fn titles() -> Vec<&'static str> {
        vec!["revision", "updated", "kept for good", "schema", "size"]
    }

    fn cells(&self) -> Vec<String> {
        let size = match self.value_size {
            _ if self.deleted => "deleted".to_owned(),
            Some(size) => format!("{size} bytes"),
            None => "unknown".to_owned(),
        };
        vec![
            self.revision.clone(),
            self.updated_at.clone(),
            yes_or_no(self.pinned),
            self.schema.map(|schema| schema.to_string()).unwrap_or_default(),
            size,
        ]
    }
}
