//! A walk over every record of a store, to see that all of it reads back as it was written.
//!
//! It needs little memory, whatever the size of the store: what an examination by
//! [`doctor`](crate::doctor()) compares in sets is looked up here record by record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use redb::{ReadableTable, ReadableTableMetadata};
use steadfast_core::{RowKey, StoreId, Timestamp};
use xxhash_rust::xxh3::Xxh3;

use super::manifest::DAMAGE_COUNT_MAX;
use super::watch::{Ended, Stage, Watch};
use crate::backend::load_counters;
use crate::bytes::{Family, unseal};
use crate::encode::entry::Current;
use crate::encode::index::Kind;
use crate::encode::keys::{
    parse_api_key_key, parse_revision_key, parse_store_key, parse_value_key, revision_key,
};
use crate::encode::revision::Link;
use crate::engine::{EngineError, FAMILIES, Source, table_name};
use crate::examine::Traces;
use crate::read::verify_content;
use crate::scan::{Bounds, Seen, walk_both};
use crate::stores::StoreNumbers;

/// What was found in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Survey {
    pub(crate) commit: u64,
    pub(crate) stamped_at: Timestamp,
    pub(crate) content: u64,
    pub(crate) rows: BTreeMap<String, u64>,
    pub(crate) damage_count: u64,
    pub(crate) damage: BTreeSet<String>,
}

/// The checksum of all records, in the order of tables and keys.
pub(super) struct Digest {
    hash: Xxh3,
    rows: BTreeMap<String, u64>,
}

impl Digest {
    pub(super) fn new() -> Self {
        Self { hash: Xxh3::new(), rows: BTreeMap::new() }
    }

    /// Begins a table.
    pub(super) fn begin(&mut self, family: Family) {
        let name = table_name(family);
        self.sized(name.as_bytes());
        self.rows.insert(name.to_owned(), 0);
    }

    /// Adds a record of the table that was begun last.
    pub(super) fn add(&mut self, family: Family, key: &[u8], record: &[u8]) {
        self.sized(key);
        self.sized(record);
        if let Some(count) = self.rows.get_mut(table_name(family)) {
            *count += 1;
        }
    }

    /// The size goes first, so that no two lists of records are the same bytes.
    fn sized(&mut self, bytes: &[u8]) {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hash.update(&size.to_le_bytes());
        self.hash.update(bytes);
    }

    pub(super) fn content(&self) -> u64 {
        self.hash.digest()
    }
}

/// Why a walk did not come to its end.
#[derive(Debug)]
pub(super) enum Broken {
    Engine(EngineError),
    Ended,
}

impl From<EngineError> for Broken {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<redb::StorageError> for Broken {
    fn from(error: redb::StorageError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Ended> for Broken {
    fn from(Ended: Ended) -> Self {
        Self::Ended
    }
}

/// The records of all tables, as the engine counts them.
pub(super) fn row_count(source: &impl Source) -> Result<u64, EngineError> {
    let mut count = 0;
    for family in FAMILIES {
        count += source.table(family)?.len()?;
    }
    Ok(count)
}

/// Reads and verifies everything.
pub(super) fn survey(source: &impl Source, watch: &mut Watch<'_>) -> Result<Survey, Broken> {
    watch.begin(Stage::Verifying, row_count(source)?)?;
    let counters = load_counters(source)?;
    let names = StoreNumbers::load(source)?.by_number();
    let mut findings = Findings { names, count: 0, texts: BTreeSet::new() };
    let mut digest = Digest::new();
    for family in FAMILIES {
        digest.begin(family);
        let mut last: Option<Vec<u8>> = None;
        for item in source.table(family)?.iter()? {
            let (key, record) = item?;
            let (key, record) = (key.value(), record.value());
            if last.as_deref().is_some_and(|last| last >= key) {
                findings.note(family, key, "its table is out of order");
            }
            last = Some(key.to_vec());
            digest.add(family, key, record);
            if let Err(reason) = check_record(source, family, key, record)? {
                findings.note(family, key, &reason);
            }
            watch.step()?;
        }
    }
    for (family, kind) in [
        (Family::Current, Kind::Entry),
        (Family::Stores, Kind::Store),
        (Family::ApiKeys, Kind::ApiKey),
    ] {
        walk_both(source, family, kind, Bounds::new(Vec::new(), None, None), |key, seen| {
            match seen {
                Seen::Both(_) => {}
                Seen::OnlyTable => findings.note(family, key, "the index does not know it"),
                Seen::OnlyIndex => findings.note(family, key, "only the index knows it"),
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let content = digest.content();
    let (commit, stamped_at) = (counters.commit, counters.stamped_at);
    let (damage_count, damage) = (findings.count, findings.texts);
    Ok(Survey { commit, stamped_at, content, rows: digest.rows, damage_count, damage })
}

/// Verifies a record, and that what it points to is there.
fn check_record(
    source: &impl Source,
    family: Family,
    key: &[u8],
    record: &[u8],
) -> Result<Result<(), String>, EngineError> {
    let (entry_key, state, older) = match family {
        Family::Current => match Current::decode(key, record) {
            Ok(current) => (key, current.state(), current.newest_revision),
            Err(damage) => return Ok(Err(damage.to_string())),
        },
        Family::Revisions => match (Link::decode(key, record), parse_revision_key(key)) {
            (Ok(link), Some((entry_key, _))) => (entry_key, Some(link.state), link.older),
            (Ok(_), None) => return Ok(Err("its key is malformed".to_owned())),
            (Err(damage), _) => return Ok(Err(damage.to_string())),
        },
        Family::Values | Family::Stores | Family::Index | Family::ApiKeys | Family::Meta => {
            let sealed = unseal(family, key, record);
            return Ok(sealed.map(drop).map_err(|damage| damage.to_string()));
        }
    };
    if let Some(state) = state
        && let Err(damage) = verify_content(source, entry_key, &state)?
    {
        return Ok(Err(damage.to_string()));
    }
    if let Some(older) = older {
        let link = revision_key(entry_key, older);
        if source.table(Family::Revisions)?.get(&link[..])?.is_none() {
            return Ok(Err(format!("revision {older} of its history is missing")));
        }
    }
    Ok(Ok(()))
}

/// Damage by name, as much as is listed.
struct Findings {
    names: HashMap<u32, StoreId>,
    count: u64,
    texts: BTreeSet<String>,
}

impl Findings {
    fn note(&mut self, family: Family, key: &[u8], reason: &str) {
        self.count += 1;
        if self.texts.len() < DAMAGE_COUNT_MAX {
            let text = format!("{}: {reason}", self.name(family, key));
            // Names may hold line breaks.
            self.texts.insert(text.chars().flat_map(escaped).collect());
        }
    }

    fn name(&self, family: Family, key: &[u8]) -> String {
        let row = match family {
            Family::Current => Traces::name(key, &self.names).map(RowKey::Entry),
            Family::Revisions => parse_revision_key(key).and_then(|(entry_key, counter)| {
                Some(RowKey::Revision(Traces::name(entry_key, &self.names)?, counter))
            }),
            Family::Stores => parse_store_key(key).map(RowKey::Store),
            Family::ApiKeys => parse_api_key_key(key).map(RowKey::ApiKey),
            Family::Values => {
                let value = parse_value_key(key);
                return value.map_or_else(
                    || "a value whose key is malformed".to_owned(),
                    |(seq, chunk)| format!("value {seq}, chunk {chunk}"),
                );
            }
            Family::Index | Family::Meta => None,
        };
        row.map_or_else(
            || format!("a record of the table `{}`", table_name(family)),
            |row| row.to_string(),
        )
    }
}

fn escaped(char: char) -> impl Iterator<Item = char> {
    let (plain, escape) =
        if char.is_control() { (None, Some(char.escape_default())) } else { (Some(char), None) };
    plain.into_iter().chain(escape.into_iter().flatten())
}
