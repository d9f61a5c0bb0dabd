//! The command line: noun, then verb.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use steadfast_core::key::KeyScope;
use steadfast_core::platform::parse_amount;
use steadfast_core::{ApiKeyId, Limits, UniverseId};
use steadfast_proxy::{HostName, Target as ProxyTarget};

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
    /// Pose as the live service for clients that cannot be given another address, until SIGTERM
    /// or SIGINT. Prints the variables that send them here.
    Proxy(Proxy),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(Key),
    /// Read, write and remove entries.
    #[command(subcommand)]
    Entry(Entry),
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

/// `serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The data directory. It is made if there is none.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) data: PathBuf,
    /// The address to listen on. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// An existing directory below which administrators may have backups made.
    #[arg(long, value_name = "DIR")]
    pub(crate) backups: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) profile: Profile,
    /// Players in an experience at a time: with `--limits roblox`, some budgets grow with them.
    #[arg(long, value_name = "PLAYERS", default_value_t = 0)]
    pub(crate) ccu: u64,
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
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Profile {
    /// The limits of requests.
    #[arg(long, value_enum, default_value = "native", value_name = "PROFILE")]
    limits: LimitsName,
}

impl Profile {
    /// The limits of the profile.
    pub(crate) fn limits(self) -> Limits {
        match self.limits {
            LimitsName::Native => Limits::native(),
            LimitsName::Roblox => Limits::roblox(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LimitsName {
    /// Our own.
    Native,
    /// Those of the live service.
    Roblox,
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

/// `entry`.
#[derive(Subcommand, Debug)]
pub(crate) enum Entry {
    /// Print the value of an entry.
    Get(EntryGet),
    /// Write an entry: its value, users and attributes are replaced together.
    Set(EntrySet),
    /// Add to the number that an entry holds, and print the sum. Users and attributes are replaced.
    Increment(EntryIncrement),
    /// Remove an entry. Its earlier versions stay readable.
    Remove(EntryRemove),
}

/// Names an entry.
#[derive(Args, Debug)]
pub(crate) struct EntryPlace {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The universe.
    #[arg(long, value_name = "UNIVERSE", value_parser = parse_universe)]
    pub(crate) universe: UniverseId,
    /// The data store.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: String,
    /// The scope within the data store.
    #[arg(long, value_name = "SCOPE", default_value = steadfast_core::id::DEFAULT_SCOPE)]
    pub(crate) scope: String,
    /// The key of the entry.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
}

/// `entry get`.
#[derive(Args, Debug)]
pub(crate) struct EntryGet {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// This version instead of the current one.
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Print version, times, users and attributes instead of the value.
    #[arg(long)]
    pub(crate) details: bool,
}

/// `entry set`.
#[derive(Args, Debug)]
pub(crate) struct EntrySet {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The value, as JSON; `-` reads it from stdin.
    #[arg(value_name = "VALUE", required_unless_present = "file", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
    /// Read the value from this file instead; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    pub(crate) file: Option<PathBuf>,
    /// The users whose data it holds, with commas between them.
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pub(crate) users: Vec<String>,
    /// Attributes, as a JSON object of strings, numbers and booleans.
    #[arg(long, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub(crate) attributes: String,
    /// Only if the entry is at this version.
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_version: Option<String>,
    /// Only if the entry does not exist.
    #[arg(long, conflicts_with = "if_version")]
    pub(crate) if_missing: bool,
}

/// `entry increment`.
#[derive(Args, Debug)]
pub(crate) struct EntryIncrement {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// How much is added: a whole number of 64 bits, which may be below zero.
    #[arg(
        long, value_name = "N", default_value = "1", allow_hyphen_values = true,
        value_parser = parse_amount,
    )]
    pub(crate) by: i64,
    /// The users whose data it holds, with commas between them.
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pub(crate) users: Vec<String>,
    /// Attributes, as a JSON object of strings, numbers and booleans.
    #[arg(long, value_name = "JSON", default_value = "{}", hide_default_value = true)]
    pub(crate) attributes: String,
}

/// `entry remove`.
#[derive(Args, Debug)]
pub(crate) struct EntryRemove {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    #[command(flatten)]
    pub(crate) consent: Consent,
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
