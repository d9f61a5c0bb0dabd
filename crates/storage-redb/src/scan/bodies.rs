//! Runs of records, their operations, game servers and mail.

use std::ops::ControlFlow::Continue;

use steadfast_core::operation::{LedgerKey, LedgerRun};
use steadfast_core::row::Span;
use steadfast_core::{EntryId, Found, Order, RowKey, ServerId, StoreId};

use super::{Bounds, Page, Seen, Start, Walk, start_key, walk_both};
use crate::bytes::Family;
use crate::encode::bodied::Bodied;
use crate::encode::index::Kind;
use crate::encode::keys::{
    is_witnessed, ledger_bounds, ledger_key, mail_bounds, mail_key, parse_entry_key,
    parse_ledger_key, parse_mail_key, parse_server_key, server_key, span_bounds,
};
use crate::engine::{EngineError, Source};
use crate::read::{body::found, key_of};
use crate::stores::StoreNumbers;

/// Reads who may write the entries of a data store.
pub(super) fn records(
    source: &impl Source,
    stores: &StoreNumbers,
    store: &StoreId,
    after: Start<'_>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let Some(number) = stores.get(store) else { return Ok(()) };
    let bounds = Bounds::new(span_bounds(number, &Span::all())).behind(start_key(number, after));
    walk_both(source, Family::Records, Kind::Record, bounds, |key, seen| {
        let Some((_, scope, name)) = parse_entry_key(key) else {
            return Ok(Continue(()));
        };
        let row = RowKey::Record(EntryId { store: store.clone(), scope, key: name });
        Ok(page.push(either(Bodied::Record, row, key, &seen)))
    })
}

/// Reads all game servers.
pub(super) fn presences(
    source: &impl Source,
    after: Option<ServerId>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let bounds = Bounds::ALL.behind(after.map(|server| server_key(server).to_vec()));
    walk_both(source, Family::Presences, Kind::Presence, bounds, |key, seen| {
        let Some(server) = parse_server_key(key) else {
            return Ok(Continue(()));
        };
        Ok(page.push(either(Bodied::Presence, RowKey::Presence(server), key, &seen)))
    })
}

/// Reads the mail of a game server.
pub(super) fn mail(
    source: &impl Source,
    server: ServerId,
    after: Option<&EntryId>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let after = after.map(|entry| mail_key(server, entry));
    let bounds = Bounds::new(mail_bounds(server)).behind(after);
    for item in Walk::open(source, Family::Mail, bounds, Order::Ascending)? {
        let (key, record) = item?;
        // Mail whose name cannot be read is about nothing: whoever waits asks again.
        let Some((_, entry)) = parse_mail_key(key.value()) else { continue };
        let row = RowKey::Mail(server, entry);
        if page.push(found(Bodied::Mail, row, key.value(), record.value())).is_break() {
            break;
        }
    }
    Ok(())
}

/// Reads rows of the operations of a record.
pub(super) fn ledger(
    source: &impl Source,
    stores: &StoreNumbers,
    entry: &EntryId,
    run: LedgerRun,
    after: Option<&LedgerKey>,
    page: &mut Page<Found>,
) -> Result<(), EngineError> {
    let Some(entry_key) = key_of(stores, entry) else { return Ok(()) };
    let after = after.map(|name| ledger_key(&entry_key, name));
    let bounds = Bounds::new(ledger_bounds(&entry_key, run)).behind(after);
    walk_both(source, Family::Ledgers, Kind::Ledger, bounds, |key, seen| {
        let Some((_, name)) = parse_ledger_key(key) else {
            return Ok(Continue(()));
        };
        let row = RowKey::Ledger(entry.clone(), name);
        Ok(page.push(match seen {
            Seen::OnlyTable(record) if !is_witnessed(key) => {
                found(Bodied::Ledger, row, key, record)
            }
            Seen::Both(..) | Seen::OnlyTable(_) | Seen::OnlyIndex => {
                either(Bodied::Ledger, row, key, &seen)
            }
        }))
    })
}

fn either(of: Bodied, row: RowKey, key: &[u8], seen: &Seen<'_>) -> Found {
    match seen {
        Seen::Both(record, _) => found(of, row, key, record),
        Seen::OnlyTable(_) | Seen::OnlyIndex => Found::Corrupt(row),
    }
}
