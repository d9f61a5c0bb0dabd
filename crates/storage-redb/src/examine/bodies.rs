//! What is left of the families that have a body: records, their operations, game servers and mail.

use std::collections::{BTreeMap, HashMap};

use steadfast_core::{RowKey, StoreId};

use super::{Patient, Traces};
use crate::bytes::{Damage, Family};
use crate::encode::bodied::{self, Bodied};
use crate::encode::keys::{parse_ledger_key, parse_mail_key, parse_server_key};
use crate::encode::stamped::Stamped;

/// The row of a key of one of these families.
pub(crate) fn name(of: Bodied, key: &[u8], stores: &HashMap<u32, StoreId>) -> Option<RowKey> {
    match of {
        Bodied::Record => Traces::name(key, stores).map(RowKey::Record),
        Bodied::Ends => Traces::name(key, stores).map(RowKey::Ends),
        Bodied::Presence => parse_server_key(key).map(RowKey::Presence),
        Bodied::Mail => parse_mail_key(key).map(|(server, entry)| RowKey::Mail(server, entry)),
        Bodied::Ledger => {
            let (entry_key, name) = parse_ledger_key(key)?;
            Traces::name(entry_key, stores).map(|entry| RowKey::Ledger(entry, name))
        }
    }
}

/// A verified row, with its body as it is stored: one of another format is kept whole so.
pub(crate) type Kept = (Stamped, Vec<u8>);

/// What the tables know of a row of one of these families.
#[derive(Debug, Default)]
pub(crate) struct BodyTraces {
    /// What its table holds.
    pub(crate) kept: Option<Result<Kept, Damage>>,
    is_indexed: bool,
}

impl BodyTraces {
    /// What is wrong, if anything is.
    pub(crate) fn problem(&self, of: Bodied, key: &[u8]) -> Option<String> {
        match &self.kept {
            Some(Ok(_)) if self.is_indexed || of.witness(key).is_none() => None,
            Some(Ok(_)) => Some("the index does not know it".to_owned()),
            Some(Err(damage)) => Some(damage.to_string()),
            None => Some("only the index knows it".to_owned()),
        }
    }
}

impl Patient {
    /// What stands at each key of one of these families that any table knows.
    pub(crate) fn bodies(&mut self, of: Bodied) -> BTreeMap<Vec<u8>, BodyTraces> {
        let mut rows: BTreeMap<Vec<u8>, BodyTraces> = BTreeMap::new();
        if let Some(kind) = of.kind() {
            self.walk(Family::Index, &[kind.byte()], |key, _| {
                if let Some(key) = key.get(1..) {
                    rows.entry(key.to_vec()).or_default().is_indexed = true;
                }
            });
        }
        self.walk(of.family(), &[], |key, record| {
            let kept = bodied::decode(of, key, record).and_then(|_| bodied::open(of, key, record));
            let kept = kept.map(|(stamped, body)| (stamped, body.to_vec()));
            rows.entry(key.to_vec()).or_default().kept = Some(kept);
        });
        rows
    }
}
