//! What there is to say about data stores.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use steadfast_core::UniverseId;
use steadfast_core::platform::History;

use super::{Consent, Target, parse_universe};

/// `store`.
#[derive(Subcommand, Debug)]
pub(crate) enum Store {
    /// List the data stores of a universe by name.
    List(StoreList),
    /// Show one data store, deleted or not.
    Show(StorePlace),
    /// Delete a data store with all its entries. It can be taken back for 30 days.
    Delete(StoreDelete),
    /// Take the deletion of a data store back.
    Undelete(StorePlace),
    /// Choose which revisions the entries of a data store keep.
    History(StoreHistory),
    /// Copy the entries of a data store to another one, here or elsewhere.
    Copy(StoreCopy),
    /// Take the snapshot of the day: what every entry holds now is kept in its history.
    Snapshot(UniversePlace),
}

/// Names a universe.
#[derive(Args, Debug)]
pub(crate) struct UniversePlace {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The universe.
    #[arg(long, value_name = "UNIVERSE", value_parser = parse_universe)]
    pub(crate) universe: UniverseId,
}

/// Names a data store.
#[derive(Args, Debug)]
pub(crate) struct StorePlace {
    #[command(flatten)]
    pub(crate) place: UniversePlace,
    /// The name of the data store.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// `store list`.
#[derive(Args, Debug)]
pub(crate) struct StoreList {
    #[command(flatten)]
    pub(crate) place: UniversePlace,
    /// Only names that start with this text.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Deleted data stores too, as long as they are not purged.
    #[arg(long)]
    pub(crate) deleted: bool,
}

/// `store delete`.
#[derive(Args, Debug)]
pub(crate) struct StoreDelete {
    #[command(flatten)]
    pub(crate) store: StorePlace,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// `store history`.
#[derive(Args, Debug)]
pub(crate) struct StoreHistory {
    #[command(flatten)]
    pub(crate) store: StorePlace,
    /// Which revisions are kept.
    #[arg(value_name = "HISTORY", value_enum)]
    pub(crate) history: HistoryChoice,
}

/// Which revisions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryChoice {
    /// Every one for an hour, then the last of each minute for a day, then the last of each hour.
    Thinned,
    /// The live service's rule: the last of each hour.
    Hourly,
    /// Every one.
    Every,
    /// What the server or the directory does with data stores that have no choice of their own.
    Default,
}

impl HistoryChoice {
    /// The choice; none for that of whoever holds the data.
    pub(crate) fn history(self) -> Option<History> {
        match self {
            Self::Thinned => Some(History::Thinned),
            Self::Hourly => Some(History::Hourly),
            Self::Every => Some(History::Every),
            Self::Default => None,
        }
    }
}

/// `store copy`.
#[derive(Args, Debug)]
pub(crate) struct StoreCopy {
    #[command(flatten)]
    pub(crate) place: UniversePlace,
    /// The data store that is copied.
    #[arg(value_name = "SOURCE")]
    pub(crate) from: String,
    /// The data store that its entries are written to.
    #[arg(value_name = "DESTINATION")]
    pub(crate) to: String,
    /// Write to this data directory instead of the one that is read.
    #[arg(long, value_name = "DIR")]
    pub(crate) to_data: Option<PathBuf>,
    /// Write to this running server instead.
    #[arg(long, value_name = "URL", conflicts_with = "to_data")]
    pub(crate) to_server: Option<String>,
    /// Read the API key of that server from the first line of this file, instead of
    /// `STEADFAST_API_KEY`.
    #[arg(long, value_name = "FILE", requires = "to_server")]
    pub(crate) to_key_file: Option<PathBuf>,
    /// Write to this universe instead of the one that is read.
    #[arg(long, value_name = "UNIVERSE", value_parser = parse_universe)]
    pub(crate) to_universe: Option<UniverseId>,
    /// Replace entries that exist with another value. They are left as they are otherwise.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Only say what would be written.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl StoreCopy {
    /// Where the entries are written to, if it is not where they are read.
    pub(crate) fn other_target(&self) -> Option<Target> {
        let Self { to_data, to_server, to_key_file, .. } = self;
        let is_other = to_data.is_some() || to_server.is_some();
        is_other.then(|| Target {
            data: to_data.clone(),
            server: to_server.clone(),
            key_file: to_key_file.clone(),
        })
    }
}
