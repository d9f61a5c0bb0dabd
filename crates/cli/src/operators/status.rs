//! `status`: how the store and its game servers are, on one page.

use serde::Serialize;
use steadfast_core::UniverseId;
use steadfast_open_cloud::time::v1_json;
use steadfast_server::operator::{PAGE_SIZE_MAX, wire};

use crate::args;
use crate::failure::Result;
use crate::inspect::lines_or_none;
use crate::printer::{Printer, Show};
use crate::target::{ListPart, StoreQuery, StoreRef, Target};

/// Most data stores of which sessions are counted.
const STORE_COUNT_MAX: usize = 100;

/// Prints the page.
///
/// # Errors
/// The data cannot be reached.
pub(crate) async fn run(status: &args::Status, printer: Printer) -> Result<()> {
    let source = Target::describe(&status.target);
    let look = async |target: &Target| {
        let about = target.status().await?;
        let first = ListPart { after: None, limit: PAGE_SIZE_MAX };
        let servers = target.servers(first).await?;
        let held = match status.universe {
            Some(universe) => Some(held(target, universe).await?),
            None => None,
        };
        Ok((about, servers, held))
    };
    let (about, servers, held) = Target::with(&status.target, look)
        .await
        .map_err(|failure| failure.context("cannot tell the status"))?;
    printer.one(&Status {
        source,
        version: about.version,
        healthy: about.stopped.is_none(),
        reason: about.stopped,
        time: v1_json(about.time),
        uptime_seconds: about.uptime_seconds,
        servers: servers.items,
        more_servers: servers.next.is_some(),
        held,
    })
}

/// How many records of each data store are held, of as many as one page looks at.
async fn held(target: &Target, universe: UniverseId) -> Result<Vec<Held>> {
    let query = StoreQuery { universe, prefix: String::new(), with_deleted: false };
    let mut all = Vec::new();
    for store in target.list_stores(&query, None).await?.items.into_iter().take(STORE_COUNT_MAX) {
        let store = StoreRef { universe, name: store.name };
        let part = ListPart { after: None, limit: PAGE_SIZE_MAX };
        let page = target.sessions(&store, part).await?;
        let (count, more) = (page.items.len(), page.next.is_some());
        all.push(Held { store: store.name, count, more });
    }
    Ok(all)
}

/// Records of a data store that are held.
#[derive(Serialize)]
struct Held {
    store: String,
    count: usize,
    /// Whether there are more records than were looked at.
    more: bool,
}

/// What `status` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    source: String,
    version: String,
    healthy: bool,
    reason: Option<String>,
    time: String,
    uptime_seconds: Option<u64>,
    servers: Vec<wire::Server>,
    more_servers: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Vec<Held>>,
}

impl Show for Status {
    fn titles() -> Vec<&'static str> {
        vec!["source", "version", "healthy", "time", "up for", "game servers", "held records"]
    }

    fn cells(&self) -> Vec<String> {
        let healthy = match &self.reason {
            None => "yes".to_owned(),
            Some(reason) => format!("no: {reason}"),
        };
        let servers = self.servers.iter().map(|server| {
            let wire::Server { server, address, liveness, renewed_at, home } = server;
            let home = if *home { ", at home" } else { "" };
            format!("{server} {address} {liveness}, renewed {renewed_at}{home}")
        });
        let more = self.more_servers.then(|| "and more".to_owned());
        let held = match &self.held {
            None => "not counted: use `--universe`".to_owned(),
            Some(held) => lines_or_none(held.iter().map(|Held { store, count, more }| {
                format!("{store}: {count}{}", if *more { " of the first records" } else { "" })
            })),
        };
        vec![
            self.source.clone(),
            self.version.clone(),
            healthy,
            self.time.clone(),
            self.uptime_seconds.map_or_else(|| "no server".to_owned(), |up| format!("{up} s")),
            lines_or_none(servers.chain(more)),
            held,
        ]
    }
}
