//! What a store holds, as text: one line for each row.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use steadfast::core::row::{EntryBody, RowBody, ScanReply};
use steadfast::core::{EntryId, Found, Row, RowKey, RowRange, StoreId, UniverseId};
use steadfast::storage::{Backend, wait};

/// Universes that are looked into: there is no list of them.
const UNIVERSES: [u64; 3] = [1, 7, u64::MAX];

/// Longer values are shown by size and digest.
const SHOWN_SIZE_MAX: usize = 120;

/// Lists everything that can be reached.
pub(crate) fn listing(backend: &impl Backend) -> String {
    let mut lines = String::new();
    for row in rows(backend, RowRange::ApiKeys { after: None }) {
        line(&mut lines, &row);
    }
    for universe in UNIVERSES.map(UniverseId) {
        for store in rows(backend, RowRange::Stores { universe, after: None }) {
            line(&mut lines, &store);
            let RowKey::Store(store) = store.key else { panic!("{store:?}") };
            list_entries(backend, store, &mut lines);
        }
    }
    lines
}

fn list_entries(backend: &impl Backend, store: StoreId, lines: &mut String) {
    for row in rows(backend, RowRange::Entries { store, after: None }) {
        line(lines, &row);
        let RowKey::Entry(entry) = row.key else { panic!("{row:?}") };
        list_history(backend, entry, lines);
    }
}

fn list_history(backend: &impl Backend, entry: EntryId, lines: &mut String) {
    for row in rows(backend, RowRange::Revisions { entry, before: None }) {
        line(lines, &row);
    }
}

fn rows(backend: &impl Backend, range: RowRange) -> Vec<Row> {
    let ScanReply { rows, more } = wait(|done| backend.scan(range, 1_000, done)).unwrap().unwrap();
    assert!(!more, "the test data is small");
    let rows = rows.into_iter().map(|found| match found {
        Found::Row(row) => row,
        damaged @ (Found::Absent | Found::Corrupt(_)) => panic!("{damaged:?}"),
    });
    rows.collect()
}

fn line(lines: &mut String, row: &Row) {
    let name = row.key.to_string();
    let (counter, tag) = (row.revision.counter, row.revision.tag);
    let stamp = row.stamped_at.ticks();
    let body = match &row.body {
        RowBody::Store(body) => format!("birth {}", body.birth.time(row.stamped_at).ticks()),
        RowBody::Entry(body) | RowBody::Revision(body) => entry_text(row, body),
        // Its debug text leaves out what an attacker would like.
        RowBody::ApiKey(key) => {
            let birth = key.birth.time(row.stamped_at).ticks();
            format!("birth {birth} digest {} {key:?}", hex(&key.digest))
        }
    };
    writeln!(lines, "{} at {counter}.{tag:016x} stamp {stamp} {body}", name.escape_debug())
        .unwrap();
}

fn entry_text(row: &Row, body: &EntryBody) -> String {
    let birth = body.birth.time(row.stamped_at).ticks();
    let Some(content) = &body.content else { return format!("birth {birth} tombstone") };
    let value = content.value.as_str();
    let value = if value.len() <= SHOWN_SIZE_MAX {
        value.escape_debug().to_string()
    } else {
        format!("{} bytes, SHA-256 {}", value.len(), hex(&Sha256::digest(value.as_bytes())))
    };
    let metadata = content.metadata.as_str();
    format!("birth {birth} users {:?} metadata {metadata} value {value}", content.user_ids)
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
