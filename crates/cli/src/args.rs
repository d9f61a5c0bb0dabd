//! The command line: noun, then verb.

mod entry;
mod operators;
mod ordered;
mod store;
mod transfer;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use steadfast_core::key::KeyScope;
use steadfast_core::platform::{History, Settings};
use steadfast_core::{ApiKeyId, Limits, UniverseId};
use steadfast_proxy::{HostName, Target as ProxyTarget};

pub(crate) use self::entry::{
    CURRENT, Entry, EntryDiff, EntryGet, EntryIncrement, EntryList, EntryPlace, EntryRemove,
    EntryRestore, EntryRevisions, EntrySet, Past,
};
pub(crate) use self::operators::{
    Changing, DeadLetter, DeadLetterList, Limit, Log, LogList, Mandate, Operation, OperationEnd,
    OperationKind, OperationList, OperationQueue, Record, RecordDelete, RecordDiff, RecordEdit,
    RecordExport, RecordHistory, RecordRestore, Repair, RepairLease, Requeue, Session, SessionList,
    Status,
};
pub(crate) use self::ordered::{
    BoardPlace, Ordered, OrderedAround, OrderedChange, OrderedEntry, OrderedRank, OrderedRemove,
    OrderedTop,
};
pub(crate) use self::store::{
    Store, StoreCopy, StoreDelete, StoreHistory, StoreList, StorePlace, UniversePlace,
};
pub(crate) use self::transfer::{Export, Import, Seed};
use crate::duration::parse_duration;
use crate::environment;
use crate::printer::Format;

/// Player data that cannot be lost: the server and its tools.
#[derive(Parser, Debug)]
#[command(name = "steadfast", version, after_help = environment::documentation())]
pub(crate) struct Cli {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Serve a data directory over HTTP until SIGTERM or SIGINT.
    Serve(Serve),
    /// Show and check the configuration of `serve`.
    #[command(subcommand)]
    Config(Config),
    /// Pose as the live service for clients that cannot be given another address, until SIGTERM
    /// or SIGINT. Prints the variables that send them here.
    Proxy(Proxy),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(Key),
    /// List, delete, undelete and copy data stores.
    #[command(subcommand)]
    Store(Store),
    /// Read, write and remove entries, and look into their past.
    #[command(subcommand)]
    Entry(Entry),
    /// Read and write boards: ordered data stores, which hold one whole number per key.
    #[command(subcommand)]
    Ordered(Ordered),
    /// Look at players' records, edit, restore and delete them.
    #[command(subcommand)]
    Record(Record),
    /// Show which game servers hold which records.
    #[command(subcommand)]
    Session(Session),
    /// Queue, list and end operations on records.
    #[command(subcommand)]
    Operation(Operation),
    /// List operations that failed for good, and queue them again.
    #[command(subcommand, name = "deadletter")]
    DeadLetter(DeadLetter),
    /// Repair what records have beside their data.
    #[command(subcommand)]
    Repair(Repair),
    /// Show what operators did.
    #[command(subcommand)]
    Log(Log),
    /// Show on one page how the store and its game servers are.
    Status(Status),
    /// Write the entries of a universe to one compressed file with a checksum.
    Export(Export),
    /// Write the entries of an exported file to a data directory or a server.
    Import(Import),
    /// Create or replace the entries of a file that was written by hand.
    Seed(Seed),
    /// Copy the data as of one moment to a directory that can be verified and restored.
    Backup(Backup),
    /// Read a backup from its files and compare it with what was backed up.
    Verify(Verify),
    /// Make a data directory from a backup, after verifying it.
    Restore(Restore),
    /// Copy a data directory that no process holds, or a backup, to try things on.
    Fork(Fork),
    /// Bring a data directory to the format of this version.
    Upgrade(Upgrade),
    /// Check every record of a data directory that no process holds. Changes nothing.
    Doctor(Doctor),
    /// Copy what can be read of a damaged data directory into a new one.
    Salvage(Salvage),
}

/// `serve`. What is not given is taken from the file, else it is the default.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// A file with settings. What is said here comes before it.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data directory. It is made if there is none. [default: data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address to listen on. Port 0 takes a free one. [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// An existing directory below which administrators may have backups made.
    #[arg(long, value_name = "DIR")]
    pub(crate) backups: Option<PathBuf>,
    /// The limits of requests. [default: native]
    #[arg(long, value_enum, value_name = "PROFILE")]
    pub(crate) limits: Option<Profile>,
    /// Players in an experience at a time: with `--limits roblox`, some budgets grow with them.
    /// [default: 0]
    #[arg(long, value_name = "PLAYERS")]
    pub(crate) ccu: Option<u64>,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// Which earlier versions of entries are kept, in data stores without a choice of their own.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Which earlier versions are kept, for 30 days at most: `thinned` keeps all for an hour, then
    /// one a minute for a day, then one an hour; `hourly` those that the live service keeps;
    /// `every` all of them. With `--limits roblox` it is `hourly` unless given, else `thinned`.
    #[arg(
        long, value_name = "HISTORY", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(History::ALL.map(History::name))
            .try_map(|name| History::parse(&name).ok_or("no such history")),
    )]
    history: Option<History>,
    /// Keep only the versions that the live service keeps, so that tests see what it would not:
    /// `--history hourly` with any limits.
    #[arg(long, conflicts_with = "history")]
    strict_revisions: bool,
}

impl Kept {
    /// The history that was asked for; nothing where it follows the limits.
    pub(crate) fn history(self) -> Option<History> {
        if self.strict_revisions { Some(History::Hourly) } else { self.history }
    }
}

/// `config`.
#[derive(Subcommand, Debug)]
pub(crate) enum Config {
    /// Show what `serve` would run with, given the same flags, and where each value comes from.
    Show(Serve),
    /// Check a file of `serve --config`, and name everything that is wrong with it.
    Check(ConfigCheck),
}

/// `config check`.
#[derive(Args, Debug)]
pub(crate) struct ConfigCheck {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `proxy`.
#[derive(Args, Debug)]
pub(crate) struct Proxy {
    /// The server that requests go to, such as `http://127.0.0.1:8787`.
    #[arg(long, value_name = "URL")]
    pub(crate) to: ProxyTarget,
    /// The address to listen on, on this machine only. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// A host to pose as besides apis.roblox.com; may be given more than once.
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<HostName>,
    /// Where to write the certificate that clients must trust. Without it, a directory that is
    /// removed at the end.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// The limits of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// Our own.
    #[default]
    Native,
    /// Those of the live service.
    Roblox,
}

impl Profile {
    /// The limits of the profile.
    pub(crate) fn limits(self) -> Limits {
        match self {
            Self::Native => Limits::native(),
            Self::Roblox => Limits::roblox(),
        }
    }

    /// What data stores do under it where the live service leaves it open.
    pub(crate) fn settings(self) -> Settings {
        match self {
            Self::Native => Settings::native(),
            Self::Roblox => Settings::roblox(),
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Roblox => "roblox",
        }
    }
}

/// Where the data is: in a directory, or behind a server.
#[derive(Args, Debug)]
#[group(skip)]
pub(crate) struct Target {
    /// The data directory, while no server runs on it.
    #[arg(long, value_name = "DIR", required_unless_present = "server")]
    pub(crate) data: Option<PathBuf>,
    /// The address of a running server. Its API key is in `STEADFAST_API_KEY`.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub(crate) server: Option<String>,
    /// Read the API key from the first line of this file instead.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub(crate) key_file: Option<PathBuf>,
}

/// Consent to what cannot be undone.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Consent {
    /// Do it without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only say what would be done.
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

/// `key`.
#[derive(Subcommand, Debug)]
pub(crate) enum Key {
    /// Make an API key and print its secret, which cannot be had again.
    Create(KeyCreate),
    /// List all API keys, revoked ones included.
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Refuse an API key from now on.
    Revoke {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        consent: Consent,
        /// The id of the key, as `key list` shows it.
        #[arg(value_name = "ID", value_parser = parse_key_id)]
        id: ApiKeyId,
    },
}

/// `key create`.
#[derive(Args, Debug)]
pub(crate) struct KeyCreate {
    #[command(flatten)]
    pub(crate) target: Target,
    /// What people call it.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// What it may do.
    #[arg(
        long, value_name = "SCOPE", required = true, num_args = 1..,
        value_parser = PossibleValuesParser::new(KeyScope::ALL.map(KeyScope::name)),
    )]
    pub(crate) scope: Vec<String>,
    /// In which universes; in all of them if none is given.
    #[arg(long, value_name = "UNIVERSE", num_args = 1.., value_parser = parse_universe)]
    pub(crate) universe: Vec<UniverseId>,
    /// In which data stores of these; in all of them if none is given.
    #[arg(long, value_name = "STORE", num_args = 1..)]
    pub(crate) store: Vec<String>,
    /// From when on it is refused, such as 12h, 30d or 4w from now; never if it is not given.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) expires_in: Option<Duration>,
}

/// `backup`.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The directory of the backup. There must be nothing yet. With `--server` a plain name: the
    /// server makes it on its machine, below the directory of its `--backups`.
    #[arg(long, value_name = "NEW")]
    pub(crate) to: PathBuf,
}

/// `verify`.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// The directory of the backup. It is only read.
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,
}

/// `restore`.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The directory of the backup. It is only read.
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: PathBuf,
    /// The new data directory. There must be nothing yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}

/// `fork`.
#[derive(Args, Debug)]
pub(crate) struct Fork {
    /// The data directory or backup. It is only read.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The new data directory. There must be nothing yet.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
}

/// `upgrade`.
#[derive(Args, Debug)]
pub(crate) struct Upgrade {
    /// The data directory.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The data directory.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// `salvage`.
#[derive(Args, Debug)]
pub(crate) struct Salvage {
    /// The damaged data directory. It is only read.
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The new data directory. There must be nothing yet.
    #[arg(long, value_name = "NEW")]
    pub(crate) to: PathBuf,
}

fn parse_universe(text: &str) -> Result<UniverseId, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    number.map(UniverseId).ok_or_else(|| "a universe is a whole number".to_owned())
}

fn parse_key_id(text: &str) -> Result<ApiKeyId, String> {
    ApiKeyId::parse(text).ok_or_else(|| "an id has 32 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
