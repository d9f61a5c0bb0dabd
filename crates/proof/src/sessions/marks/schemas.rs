//! Marks of data of several versions.

use steadfast_core::record::RecordBody;
use steadfast_core::schema::LoadError;
use steadfast_core::{Batch, RowBody, Write};

use super::{Before, Mark, Marks};

impl Marks {
    /// A record was written: a grant that pins what it stores has migrated it.
    pub(super) fn migrated(&mut self, batch: &Batch, before: &Before, after: &RecordBody) {
        let session = |body: &RecordBody| body.lease.map(|lease| lease.session);
        let old = before.record.as_ref().and_then(session);
        let is_grant = session(after).is_some() && session(after) != old;
        let pins = |write: &Write| matches!(write, Write::Put { body: RowBody::Entry(body), .. } if body.pinned);
        self.meet_if(Mark::Migrated, is_grant && batch.writes.iter().any(pins));
    }

    /// What a record holds was not opened.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest says nothing about versions, nor will what is added"
    )]
    pub(super) fn not_loaded(&mut self, error: &LoadError) {
        match error {
            LoadError::SchemaAhead { .. } => self.meet(Mark::SchemaAhead),
            LoadError::MigrationFailed { reason, .. } => {
                let is_panic = &**reason == "it panicked";
                self.meet(if is_panic { Mark::StepPanicked } else { Mark::StepFailed });
            }
            _ => {}
        }
    }
}
