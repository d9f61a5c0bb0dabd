//! Rescue of records, their operations, game servers and mail.

use std::collections::HashMap;

use steadfast_core::{StoreId, Timestamp};

use super::{Rescue, nameless};
use crate::encode::bodied::Bodied;
use crate::engine::EngineError;
use crate::examine::bodies::name;
use crate::prepare::{BodyRef, Change};

impl Rescue<'_> {
    pub(super) fn rescue_bodies(
        &mut self,
        stores: &HashMap<u32, StoreId>,
    ) -> Result<(), EngineError> {
        for of in Bodied::ALL {
            for (key, found) in self.patient.bodies(of) {
                let Some(row) = name(of, &key, stores) else {
                    self.report.lost.push(match of {
                        Bodied::Record | Bodied::Ends => nameless(&key, stores),
                        Bodied::Presence => "a game server whose key cannot be read".to_owned(),
                        Bodied::Mail => "mail whose key cannot be read".to_owned(),
                        Bodied::Ledger => "a row of operations without a name".to_owned(),
                    });
                    continue;
                };
                let at = BodyRef::new(&self.stores, &row).expect("these families have a body");
                if let Some(Ok((stamped, body))) = found.kept {
                    *self.count(of) += 1;
                    let (revision, asked) = (stamped.revision, None);
                    let put = Change::PutBody { at, revision, body, asked };
                    self.change(put, stamped.stamped_at)?;
                } else if of.witness(&key).is_some() {
                    self.report.damaged.push(row);
                    self.change(Change::MarkBody { at }, Timestamp::EPOCH)?;
                } else {
                    self.report.lost.push(row.to_string());
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, of: Bodied) -> &mut u64 {
        match of {
            Bodied::Record => &mut self.report.record_count,
            Bodied::Ends => &mut self.report.ends_count,
            Bodied::Presence => &mut self.report.presence_count,
            Bodied::Mail => &mut self.report.mail_count,
            Bodied::Ledger => &mut self.report.ledger_count,
        }
    }
}
