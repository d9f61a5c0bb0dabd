//! Commands carried out up to their first write.

use std::sync::Arc;

use steadfast_core::Batch;
use steadfast_core::platform::{Input, Machine, Operation, PlatformError, Step};
use steadfast_core::record::{RecordCommand, RecordReply, RecordRequest};
use steadfast_storage::{Backend, Done};

use crate::answer::submit;
use crate::commits::ended;
use crate::operator::Operator;

/// What a command comes to that writes nothing.
#[derive(Debug)]
pub(super) enum Rehearsal {
    /// It would be answered so, without a write.
    Answered(RecordReply),
    /// It would write this, on exactly what it has read.
    Writes(Batch),
}

impl Operator {
    /// Carries out a command by the very machine that does it in earnest, but for its writes.
    pub(super) async fn rehearse(
        &self,
        command: RecordCommand,
    ) -> Result<Rehearsal, PlatformError> {
        let (backend, store) = (self.db.backend(), self.db.records().facts());
        let request = RecordRequest { command: Arc::new(command), store };
        let (mut machine, mut step) = request.start(self.db.settings());
        loop {
            let input = match step {
                Step::Done(answer) => return answer.map(Rehearsal::Answered),
                Step::Commit(batch) => return Ok(Rehearsal::Writes(batch)),
                Step::Read(rows) => Input::Read(ask(|done| backend.read(rows, done)).await?),
                Step::Scan(range, limit) => {
                    Input::Scanned(ask(|done| backend.scan(range, limit, done)).await?)
                }
                Step::Heads(range, limit, with_sizes) => {
                    Input::Heads(ask(|done| backend.heads(range, limit, with_sizes, done)).await?)
                }
            };
            step = machine.on(input);
        }
    }
}

/// Asks a backend, and waits for its answer.
pub(super) async fn ask<T: Send + 'static>(
    request: impl FnOnce(Done<T>),
) -> Result<T, PlatformError> {
    submit(request).await.ok_or_else(ended)
}
