//! Edits and reads by path, whatever the data is.

use steadfast_core::Value;
use steadfast_core::document::{self, Cancel, Changes, Document, Draft};
use steadfast_core::game_server::EditRefused;
use steadfast_core::session::Access;

use super::Session;
use crate::errors::EditError;
use crate::signals::{Edited, Note};

impl<T> Session<T> {
    /// Edits the data by path, whatever it is.
    pub(crate) fn edit_by_path<R>(
        &self,
        note: Note,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), EditError> {
        let result = self.hold.edit(note, |document, log| {
            let before = log.is_on().then(|| document.snapshot_value());
            let (answer, changes) = edit_any(document, edit)?;
            let is_changed = changes.must_be_saved();
            let places = before
                .map(|before| log.places(changes.clone(), &before, &document.snapshot_value()));
            Ok(Edited { answer: (answer, changes), is_changed, places })
        });
        result.map_err(|refused| match refused {
            EditRefused::Access(access) => EditError::Access(access),
            EditRefused::Edit(error) => EditError::Edit(error),
        })
    }

    /// What it holds, as a value.
    pub(crate) fn snapshot_value(&self) -> Result<Value, Access> {
        self.hold.read(|document| document.snapshot_value())
    }
}

/// Edits a document by path, whatever it is.
pub(crate) fn edit_any<R>(
    document: &mut dyn Document,
    edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
) -> Result<(R, Changes), document::EditError> {
    let (mut edit, mut answer) = (Some(edit), None);
    let changes = document.edit_value(&mut |draft| {
        let edit = edit.take().expect("a document makes an edit once");
        answer = Some(edit(draft)?);
        Ok(())
    })?;
    Ok((answer.expect("an edit that succeeded has answered"), changes))
}
