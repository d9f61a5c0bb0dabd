//! What there is to say about entries.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use steadfast_core::platform::parse_amount;
use steadfast_core::{Timestamp, UniverseId};
use steadfast_open_cloud::time;

use super::{Consent, Target, parse_universe};

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
    /// List the entries of a data store, by scope and key.
    List(EntryList),
    /// List the revisions of an entry that are kept, deletions included.
    Revisions(EntryRevisions),
    /// Compare two revisions of an entry.
    Diff(EntryDiff),
    /// Write an earlier revision of an entry again, as its newest one.
    Restore(EntryRestore),
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
    /// Also while a game server holds the entry, which loses it with what it did not save. Only in a
    /// data directory.
    #[arg(long)]
    pub(crate) force: bool,
    /// Force it without asking.
    #[arg(long, requires = "force")]
    pub(crate) yes: bool,
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
    /// Also while a game server holds the entry, which loses it with what it did not save. Only in a
    /// data directory.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// `entry list`.
#[derive(Args, Debug)]
pub(crate) struct EntryList {
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
    /// The entries of all scopes.
    #[arg(long, conflicts_with = "scope")]
    pub(crate) all_scopes: bool,
    /// Only keys that start with this text.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// Deleted entries too, as long as they are not purged.
    #[arg(long)]
    pub(crate) deleted: bool,
    /// Most entries that are listed.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
}

/// `entry revisions`.
#[derive(Args, Debug)]
pub(crate) struct EntryRevisions {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    #[command(flatten)]
    pub(crate) past: Past,
    /// Most revisions that are listed.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: u64,
}

/// Which revisions are listed, and in which order.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Past {
    /// Only those that were not written before this time, such as 2026-11-20T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) since: Option<Timestamp>,
    /// Only those that were not written after this time.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) until: Option<Timestamp>,
    /// The oldest one first instead of the newest.
    #[arg(long)]
    pub(crate) oldest_first: bool,
}

/// `entry diff`.
#[derive(Args, Debug)]
pub(crate) struct EntryDiff {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The revision before, as `entry revisions` shows it, or `current`.
    #[arg(value_name = "REVISION")]
    pub(crate) from: String,
    /// The revision after.
    #[arg(value_name = "REVISION", default_value = CURRENT)]
    pub(crate) to: String,
}

/// What names the revision that an entry is at.
pub(crate) const CURRENT: &str = "current";

/// `entry restore`.
#[derive(Args, Debug)]
pub(crate) struct EntryRestore {
    #[command(flatten)]
    pub(crate) place: EntryPlace,
    /// The revision, as `entry revisions` shows it.
    #[arg(value_name = "REVISION")]
    pub(crate) revision: String,
    /// Also while a game server holds the entry, which loses it with what it did not save. A key for
    /// a server needs the scope `steadfast.admin` for this.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    time::parse(text).map_err(|error| format!("{error}, such as 2026-11-20T08:00:00Z"))
}
