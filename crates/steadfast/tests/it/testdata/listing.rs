//! What a store holds, as text: one line for each row.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use steadfast::core::row::{EntryBody, RowBody, ScanReply, Span, StoreBody};
use steadfast::core::{
    BoardId, EntryId, Found, Order, Row, RowKey, RowRange, Scope, StoreId, StoreName, UniverseId,
    UtcHour,
};
use steadfast::storage::{Backend, wait};

/// Universes that are looked into: there is no list of them.
const UNIVERSES: [u64; 3] = [1, 7, u64::MAX];

/// Ordered data stores that are looked into, each in universe 1: there is no list of them either.
const BOARDS: [(&str, &str); 3] =
    [("Wins", "global"), ("Wins", "global\0"), ("PlayerData", "global")];

/// Longer values are shown by size and digest.
const SHOWN_SIZE_MAX: usize = 120;

/// Lists everything that can be reached.
pub(crate) fn listing(backend: &impl Backend) -> String {
    let mut lines = String::new();
    for row in rows(backend, RowRange::ApiKeys { after: None }) {
        line(&mut lines, &row);
    }
    for universe in UNIVERSES.map(UniverseId) {
        let row = wait(|done| backend.read(vec![RowKey::Universe(universe)], done));
        if let [Found::Row(row)] = &row.unwrap().unwrap().rows[..] {
            line(&mut lines, row);
        }
        for store in rows(backend, RowRange::Stores { universe, prefix: "".into(), after: None }) {
            line(&mut lines, &store);
            let RowKey::Store(store) = store.key else { panic!("{store:?}") };
            list_entries(backend, store, &mut lines);
        }
    }
    for (name, scope) in BOARDS {
        list_board(backend, name, scope, &mut lines);
    }
    for row in rows(backend, RowRange::Reviews { through: UtcHour(u32::MAX), after: None }) {
        line(&mut lines, &row);
    }
    lines
}

/// The entries of an ordered data store by key, and then a board by value.
fn list_board(backend: &impl Backend, name: &str, scope: &str, lines: &mut String) {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted(name) };
    let board = BoardId { store: store.clone(), scope: Scope::trusted(scope) };
    for row in rows(backend, RowRange::Ordered { store, after: None }) {
        line(lines, &row);
    }
    let (order, min, max) = (Order::Ascending, i64::MIN, i64::MAX);
    for row in rows(backend, RowRange::Board { board, order, min, max, beyond: None }) {
        write!(lines, "on its board: ").unwrap();
        line(lines, &row);
    }
}

fn list_entries(backend: &impl Backend, store: StoreId, lines: &mut String) {
    for row in rows(backend, RowRange::Entries { store, span: Span::all(), after: None }) {
        line(lines, &row);
        let RowKey::Entry(entry) = row.key else { panic!("{row:?}") };
        list_history(backend, entry, lines);
    }
}

fn list_history(backend: &impl Backend, entry: EntryId, lines: &mut String) {
    for row in rows(backend, RowRange::Revisions { entry, order: Order::Descending, beyond: None })
    {
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
        RowBody::Store(body) => store_text(row, body),
        RowBody::Entry(body) | RowBody::Revision(body) => entry_text(row, body),
        RowBody::Universe(body) => {
            let ticks = body.earlier_snapshots.iter().map(|at| at.ticks().to_string());
            format!("snapshots {}", ticks.collect::<Vec<_>>().join(" "))
        }
        RowBody::Ordered(body) => {
            body.value.map_or("removed".into(), |value| format!("value {value}"))
        }
        RowBody::Review => "due".to_owned(),
        RowBody::Record(_)
        | RowBody::Ends(_)
        | RowBody::Presence(_)
        | RowBody::Mail(_)
        | RowBody::Ledger(_) => format!("{:?}", row.body),
        // Its debug text leaves out what an attacker would like.
        RowBody::ApiKey(key) => {
            let birth = key.birth.time(row.stamped_at).ticks();
            format!("birth {birth} digest {} {key:?}", hex(&key.digest))
        }
    };
    writeln!(lines, "{} at {counter}.{tag:016x} stamp {stamp} {body}", name.escape_debug())
        .unwrap();
}

fn store_text(row: &Row, body: &StoreBody) -> String {
    let mut text = format!("birth {}", body.birth.time(row.stamped_at).ticks());
    if let Some(deleted) = body.deleted {
        write!(text, " deleted {}", deleted.time(row.stamped_at).ticks()).unwrap();
    }
    if let Some(history) = body.history {
        write!(text, " history {history}").unwrap();
    }
    text
}

fn entry_text(row: &Row, body: &EntryBody) -> String {
    let birth = body.birth.time(row.stamped_at).ticks();
    let pinned = if body.pinned { " pinned" } else { "" };
    let Some(content) = &body.content else { return format!("birth {birth}{pinned} tombstone") };
    let value = content.value.as_str();
    let value = if value.len() <= SHOWN_SIZE_MAX {
        value.escape_debug().to_string()
    } else {
        format!("{} bytes, SHA-256 {}", value.len(), hex(&Sha256::digest(value.as_bytes())))
    };
    let metadata = content.metadata.as_str();
    format!("birth {birth}{pinned} users {:?} metadata {metadata} value {value}", content.user_ids)
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}
