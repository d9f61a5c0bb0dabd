//! Examines a store without changing it.
//!
//! The engine's own check of its pages runs on an overlay, so what it repairs is not kept; the
//! source is not changed, except that its LOCK file names this process. Then every row is read
//! and compared with its witnesses.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use steadfast_core::{RowKey, StoreId};

use crate::backend::{file_backend, went_back};
use crate::bytes::Family;
use crate::directory::Directory;
use crate::encode::bodied::Bodied;
use crate::encode::entry::Current;
use crate::encode::index::Kind;
use crate::encode::keys::{
    parse_api_key_key, parse_review_key, parse_store_key, parse_universe_key, parse_value_key,
};
use crate::encode::revision::Link;
use crate::encode::stamped::Stamped;
use crate::encode::store::Store;
use crate::encode::{api_key, universe};
use crate::error::OpenError;
use crate::examine::{Finding, Patient, Traces, bodies};
use crate::options::Options;

/// What an examination found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The engine's commits so far, as the store counts them.
    pub commit: Option<u64>,
    /// Whether the store was closed properly.
    pub is_closed: bool,
    /// Entries that can be read, tombstones included.
    pub entry_count: u64,
    /// Revision rows that can be read.
    pub revision_count: u64,
    /// Data stores that can be read.
    pub store_count: u64,
    /// API keys that can be read.
    pub api_key_count: u64,
    /// Entries of ordered data stores that can be read, removed ones included.
    pub ordered_count: u64,
    /// Rows of universes that can be read.
    pub universe_count: u64,
    /// Reminders of history to be looked at. A lost one costs space, not data.
    pub review_count: u64,
    /// Records that can be read: who may write an entry.
    pub record_count: u64,
    /// Records whose last ends of grants can be read. Damaged ones count as forgotten.
    pub ends_count: u64,
    /// Game servers that can be read.
    pub presence_count: u64,
    /// Mail to game servers that can be read. Lost mail is asked for again.
    pub mail_count: u64,
    /// Rows of the operations of records that can be read.
    pub ledger_count: u64,
    /// Values that nothing points to: lost space, not damage.
    pub orphan_count: u64,
    /// Rows that exist and cannot be read, with the reason.
    pub damaged: Vec<(RowKey, String)>,
    /// Everything else that is wrong.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether everything reads back as it was written.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.problems.is_empty()
    }
}

/// Examines the store in a directory, which must not be open.
///
/// # Errors
/// [`OpenError`]: in use, not a store, or not accessible. Damage is what the report is for.
pub fn doctor(dir: &Path) -> Result<Report, OpenError> {
    let options = Options::default();
    let directory = Directory::lock_store(dir, (options.clock)())?;
    let closed_at = directory.closed_at()?;
    let base = Arc::new(file_backend(directory.open_data()?)?);
    let mut report = Report { is_closed: closed_at.is_some(), ..Report::default() };
    let mut patient = Patient::new(base, options);
    match patient.check_integrity() {
        Ok(true) => {}
        Ok(false) => report.problems.push("the engine had to repair its pages".to_owned()),
        Err(error) => report.problems.push(format!("the engine's check failed: {error}")),
    }
    match patient.counters() {
        Ok(counters) => {
            report.commit = Some(counters.commit);
            match closed_at {
                Some(Ok(commit)) => report.problems.extend(went_back(Some(commit), &counters)),
                Some(Err(reason)) => report.problems.push(reason),
                None => {}
            }
        }
        Err(error) => report.problems.push(error.to_string()),
    }
    let stores = patient.stores();
    examine_stores(&mut patient, &mut report);
    examine_api_keys(&mut patient, &mut report);
    examine_universes(&mut patient, &mut report);
    examine_ordered(&mut patient, &mut report, &stores);
    examine_reviews(&mut patient, &mut report);
    examine_bodies(&mut patient, &mut report, &stores);
    examine_entries(&mut patient, &mut report, &stores);
    report.problems.extend(patient.failures.iter().cloned());
    Ok(report)
}

/// Keys of a table, each with what is wrong with its record, and those that the index knows.
type Witnesses = (HashMap<Vec<u8>, Result<(), String>>, BTreeSet<Vec<u8>>);

/// Asks both witnesses of a family for their keys.
fn witnesses(
    patient: &mut Patient,
    family: Family,
    kind: Kind,
    mut decodes: impl FnMut(&[u8], &[u8]) -> Result<(), String>,
) -> Witnesses {
    let mut stored = HashMap::new();
    patient.walk(family, &[], |key, record| {
        stored.insert(key.to_vec(), decodes(key, record));
    });
    let mut indexed = BTreeSet::new();
    patient.walk(Family::Index, &[kind.byte()], |key, _| {
        indexed.extend(key.get(1..).map(<[u8]>::to_vec));
    });
    (stored, indexed)
}

fn compare(
    report: &mut Report,
    (stored, indexed): Witnesses,
    name: impl Fn(&[u8]) -> Option<RowKey>,
) -> u64 {
    let mut readable = 0;
    let keys: BTreeSet<&Vec<u8>> = stored.keys().chain(&indexed).collect();
    for key in keys {
        let problem = match (stored.get(key), indexed.contains(key)) {
            (Some(Ok(())), true) => {
                readable += 1;
                continue;
            }
            (Some(Err(damage)), _) => damage.clone(),
            (Some(Ok(())), false) => "the index does not know it".to_owned(),
            (None, _) => "only the index knows it".to_owned(),
        };
        match name(key) {
            Some(name) => report.damaged.push((name, problem)),
            None => report.problems.push(format!("a key that names nothing: {problem}")),
        }
    }
    readable
}

fn examine_stores(patient: &mut Patient, report: &mut Report) {
    let found = witnesses(patient, Family::Stores, Kind::Store, |key, record| {
        Store::decode(key, record).map(drop).map_err(|damage| damage.to_string())
    });
    report.store_count = compare(report, found, |key| parse_store_key(key).map(RowKey::Store));
}

fn examine_api_keys(patient: &mut Patient, report: &mut Report) {
    let found = witnesses(patient, Family::ApiKeys, Kind::ApiKey, |key, record| {
        let id = parse_api_key_key(key).ok_or("the key is malformed")?;
        api_key::decode(id, record).map(drop).map_err(|damage| damage.to_string())
    });
    report.api_key_count = compare(report, found, |key| parse_api_key_key(key).map(RowKey::ApiKey));
}

fn examine_universes(patient: &mut Patient, report: &mut Report) {
    let found = witnesses(patient, Family::Universes, Kind::Universe, |key, record| {
        let id = parse_universe_key(key).ok_or("the key is malformed")?;
        universe::decode(id, record).map(drop).map_err(|damage| damage.to_string())
    });
    let name = |key: &[u8]| parse_universe_key(key).map(RowKey::Universe);
    report.universe_count = compare(report, found, name);
}

fn examine_ordered(patient: &mut Patient, report: &mut Report, stores: &HashMap<u32, StoreId>) {
    let (entries, nameless) = patient.ordered();
    if nameless > 0 {
        report.problems.push(format!("{nameless} places on boards whose keys cannot be read"));
    }
    for (entry_key, traces) in entries {
        match (Traces::name(&entry_key, stores), traces.problem()) {
            (Some(_), None) => report.ordered_count += 1,
            (Some(entry), Some(problem)) => report.damaged.push((RowKey::Ordered(entry), problem)),
            (None, _) => {
                let problem = "an entry of an unknown ordered data store".to_owned();
                report.problems.push(problem);
            }
        }
    }
}

fn examine_reviews(patient: &mut Patient, report: &mut Report) {
    patient.walk(Family::Reviews, &[], |key, record| {
        let name = parse_review_key(key).map(|(hour, reviewed)| RowKey::Review(hour, reviewed));
        match (name, Stamped::decode(Family::Reviews, key, record)) {
            (Some(_), Ok(_)) => report.review_count += 1,
            (Some(name), Err(damage)) => report.damaged.push((name, damage.to_string())),
            (None, _) => report.problems.push("a reminder whose key is malformed".to_owned()),
        }
    });
}

fn examine_bodies(patient: &mut Patient, report: &mut Report, stores: &HashMap<u32, StoreId>) {
    for of in Bodied::ALL {
        let mut readable = 0;
        for (key, found) in patient.bodies(of) {
            let Some(problem) = found.problem(of, &key) else {
                readable += 1;
                continue;
            };
            match bodies::name(of, &key, stores) {
                Some(name) => report.damaged.push((name, problem)),
                None => report.problems.push(format!("a key that names nothing: {problem}")),
            }
        }
        *match of {
            Bodied::Record => &mut report.record_count,
            Bodied::Ends => &mut report.ends_count,
            Bodied::Presence => &mut report.presence_count,
            Bodied::Mail => &mut report.mail_count,
            Bodied::Ledger => &mut report.ledger_count,
        } = readable;
    }
}

fn examine_entries(patient: &mut Patient, report: &mut Report, stores: &HashMap<u32, StoreId>) {
    // Entries are read one by one below; here only the two witnesses are compared.
    let mut used = BTreeSet::new();
    let found = witnesses(patient, Family::Current, Kind::Entry, |key, record| {
        let current = Current::decode(key, record).map_err(|damage| damage.to_string())?;
        used.extend(current.state().and_then(|state| state.pointer()).map(|at| at.seq));
        Ok(())
    });
    let name = |key: &[u8]| Traces::name(key, stores).map(RowKey::Entry);
    compare(report, found, name);
    patient.walk(Family::Revisions, &[], |key, record| match Link::decode(key, record) {
        Ok(link) => used.extend(link.state.pointer().map(|at| at.seq)),
        Err(damage) => report.problems.push(format!("a revision row: {damage}")),
    });
    let mut orphans = BTreeSet::new();
    patient.walk(Family::Values, &[], |key, _| {
        orphans.extend(parse_value_key(key).map(|(seq, _)| seq).filter(|seq| !used.contains(seq)));
    });
    report.orphan_count = u64::try_from(orphans.len()).unwrap_or(u64::MAX);
    for (entry_key, traces) in patient.entries() {
        let Some(entry) = Traces::name(&entry_key, stores) else {
            report.problems.push("an entry of an unknown data store".to_owned());
            continue;
        };
        let (current, newest) = patient.entry(&entry_key);
        let mut note = |key: RowKey, damage: String| {
            if !report.damaged.iter().any(|(known, _)| *known == key) {
                report.damaged.push((key, damage));
            }
        };
        match current {
            Finding::Here(_) => report.entry_count += 1,
            Finding::Absent => {}
            Finding::Damaged(damage) => note(RowKey::Entry(entry.clone()), damage),
        }
        for counter in traces.revisions.iter().copied().chain(newest).collect::<BTreeSet<_>>() {
            match patient.revision(&entry_key, counter) {
                Finding::Here(_) => report.revision_count += 1,
                Finding::Absent => {}
                Finding::Damaged(damage) => {
                    note(RowKey::Revision(entry.clone(), counter), damage);
                }
            }
        }
    }
}
