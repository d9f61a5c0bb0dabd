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
use crate::bytes::{Damage, Family, unseal};
use crate::encode::bodied::{self, Bodied};
use crate::encode::entry::Current;
use crate::encode::index::Kind;
use crate::encode::keys::{
    entry_key, is_witnessed, parse_api_key_key, parse_entry_key, parse_place_key, parse_review_key,
    parse_revision_key, parse_store_key, parse_universe_key, parse_value_key, revision_key,
};
use crate::encode::ordered::Ordered;
use crate::encode::revision::Link;
use crate::encode::stamped::Stamped;
use crate::engine::{EngineError, FAMILIES, Source, is_original, table_name};
use crate::examine::{Traces, bodies};
use crate::read::ordered::witnessed;
use crate::read::{is_outrun, verify_content};
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
    /// A table whose name does not count as long as nothing is in it.
    begun: Option<Family>,
}

impl Digest {
    pub(super) fn new() -> Self {
        Self { hash: Xxh3::new(), rows: BTreeMap::new(), begun: None }
    }

    /// Begins a table. An empty one that the first stores did not have counts as it did there: not
    /// at all, so that their backups are still what their manifests say.
    pub(super) fn begin(&mut self, family: Family) {
        let name = table_name(family);
        if is_original(family) {
            self.sized(name.as_bytes());
        }
        self.begun = (!is_original(family)).then_some(family);
        self.rows.insert(name.to_owned(), 0);
    }

    /// Adds a record of the table that was begun last.
    pub(super) fn add(&mut self, family: Family, key: &[u8], record: &[u8]) {
        if let Some(begun) = self.begun.take() {
            self.sized(table_name(begun).as_bytes());
        }
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
        (Family::Universes, Kind::Universe),
        (Family::Ordered, Kind::Ordered),
        (Family::Board, Kind::Place),
        (Family::Records, Kind::Record),
        (Family::Presences, Kind::Presence),
        (Family::Ledgers, Kind::Ledger),
    ] {
        walk_both(source, family, kind, Bounds::ALL, |key, seen| {
            match seen {
                Seen::Both(..) => {}
                Seen::OnlyTable(_) if family == Family::Ledgers && !is_witnessed(key) => {}
                Seen::OnlyTable(_) => findings.note(family, key, "the index does not know it"),
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
            Ok(current) if is_outrun(source, key, current.newest_revision)? => {
                return Ok(Err(Damage::Outrun.to_string()));
            }
            Ok(current) => (key, current.state(), current.newest_revision),
            Err(damage) => return Ok(Err(damage.to_string())),
        },
        Family::Revisions => match (Link::decode(key, record), parse_revision_key(key)) {
            (Ok(link), Some((entry_key, _))) => (entry_key, Some(link.state), link.older),
            (Ok(_), None) => return Ok(Err("its key is malformed".to_owned())),
            (Err(damage), _) => return Ok(Err(damage.to_string())),
        },
        Family::Ordered | Family::Board => return check_ordered(source, family, key, record),
        Family::Records => return Ok(check_body(Bodied::Record, key, record)),
        Family::Ends => return Ok(check_body(Bodied::Ends, key, record)),
        Family::Presences => return Ok(check_body(Bodied::Presence, key, record)),
        Family::Mail => return Ok(check_body(Bodied::Mail, key, record)),
        Family::Ledgers => return Ok(check_body(Bodied::Ledger, key, record)),
        Family::Values
        | Family::Stores
        | Family::Index
        | Family::ApiKeys
        | Family::Meta
        | Family::Universes
        | Family::Reviews => {
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

fn check_body(of: Bodied, key: &[u8], record: &[u8]) -> Result<(), String> {
    bodied::decode(of, key, record).map(drop).map_err(|damage| damage.to_string())
}

/// Verifies an entry of an ordered data store against its place on the board, or the place against
/// the entry.
fn check_ordered(
    source: &impl Source,
    family: Family,
    key: &[u8],
    record: &[u8],
) -> Result<Result<(), String>, EngineError> {
    let malformed = || Err("its key is malformed".to_owned());
    let agrees = if family == Family::Ordered {
        let Some((_, scope, name)) = parse_entry_key(key) else { return Ok(malformed()) };
        witnessed(source, key, scope.as_str(), name.as_str(), record)?.map(drop)
    } else {
        let Some((number, scope, value, name)) = parse_place_key(key) else {
            return Ok(malformed());
        };
        let place = Stamped::decode(family, key, record);
        let key = entry_key(number, scope.as_str(), name.as_str());
        let record = source.table(Family::Ordered)?.get(&key[..])?;
        let ordered = record.and_then(|record| Ordered::decode(&key, record.value()).ok());
        let stands =
            |ordered: &Ordered, place| ordered.value == Some(value) && ordered.place() == place;
        place.and_then(|place| {
            let agrees = ordered.is_some_and(|ordered| stands(&ordered, place));
            if agrees { Ok(()) } else { Err(Damage::Disagrees) }
        })
    };
    Ok(agrees.map_err(|damage| damage.to_string()))
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
            Family::Universes => parse_universe_key(key).map(RowKey::Universe),
            Family::Ordered => Traces::name(key, &self.names).map(RowKey::Ordered),
            Family::Board => parse_place_key(key).and_then(|(number, scope, _, name)| {
                let entry_key = entry_key(number, scope.as_str(), name.as_str());
                Some(RowKey::Ordered(Traces::name(&entry_key, &self.names)?))
            }),
            Family::Reviews => {
                parse_review_key(key).map(|(hour, reviewed)| RowKey::Review(hour, reviewed))
            }
            Family::Records => bodies::name(Bodied::Record, key, &self.names),
            Family::Ends => bodies::name(Bodied::Ends, key, &self.names),
            Family::Presences => bodies::name(Bodied::Presence, key, &self.names),
            Family::Mail => bodies::name(Bodied::Mail, key, &self.names),
            Family::Ledgers => bodies::name(Bodied::Ledger, key, &self.names),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(families: &[Family], in_board: bool) -> Digest {
        let mut digest = Digest::new();
        for &family in families {
            digest.begin(family);
            if family == Family::Board && in_board {
                digest.add(family, b"key", b"record");
            }
        }
        digest
    }

    #[test]
    fn an_empty_table_that_the_first_stores_did_not_have_does_not_count() {
        let originals: Vec<Family> = FAMILIES.into_iter().filter(|f| is_original(*f)).collect();
        let (all, first) = (digest(&FAMILIES, false), digest(&originals, false));
        assert_eq!(all.content(), first.content());
        assert_eq!((all.rows.len(), first.rows.len()), (FAMILIES.len(), originals.len()));
        let filled = digest(&FAMILIES, true);
        assert_ne!(filled.content(), all.content());
        // The same record in another table is another content.
        let mut other = digest(&originals, false);
        other.begin(Family::Reviews);
        other.add(Family::Reviews, b"key", b"record");
        assert_ne!(filled.content(), other.content());
    }
}
