//! `record edit`.

use serde_json::value::RawValue;
use steadfast_core::{ErrorKind, Limits, Value};
use steadfast_server::operator::wire::{Change, Edit, Update};

use super::{carry_out, editor, looks, operator_of};
use crate::args::RecordEdit;
use crate::entry::name_of;
use crate::environment;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer};

/// Edits a record.
///
/// # Errors
/// [`Failure`]: what to do is in its kind.
pub(super) async fn run(edit: RecordEdit, printer: Printer) -> Result<()> {
    let edits = edit.edits();
    let name = name_of(&edit.place);
    let RecordEdit { place, online, mandate, .. } = &edit;
    if edits.is_empty() {
        if *online {
            let message = "there is no edit to make by an operation";
            let hint = "use `--set`, `--add` or `--remove`";
            return Err(Failure::new(ErrorKind::Invalid, message).hint(hint));
        }
        let Some(update) = with_editor(&edit).await? else {
            printer::note("nothing was changed");
            return Ok(());
        };
        let action = format!("edit `{name}`");
        return carry_out(place, mandate, vec![Change::Update(update)], &action, printer).await;
    }
    if *online {
        let action = format!("edit `{name}` by {} operations, one for each edit", edits.len());
        let changes = edits.into_iter().map(Change::EditOnline).collect();
        return carry_out(place, mandate, changes, &action, printer).await;
    }
    let change = Change::Update(Update { edits, if_value: None });
    let edited = carry_out(place, mandate, vec![change], &format!("edit `{name}`"), printer).await;
    edited.map_err(|failure| {
        if failure.kind() == ErrorKind::Conflict {
            let hint = "`session show` tells who holds it; `--online` edits it where it is";
            return failure.hint(hint);
        }
        failure
    })
}

/// What somebody made of the data in an editor; nothing if it is what it was.
async fn with_editor(edit: &RecordEdit) -> Result<Option<Update>> {
    let name = name_of(&edit.place);
    let cannot = |message: &str, hint: &str| {
        Failure::new(ErrorKind::Invalid, message)
            .hint(hint)
            .context(format!("cannot edit `{name}`"))
    };
    if !printer::has_terminal() {
        let hint = "use `--set`, `--add` or `--remove`";
        return Err(cannot("there is no edit, and no terminal for an editor", hint));
    }
    let Some(editor) = environment::editor()? else {
        return Err(cannot("there is no editor", "set `EDITOR`, or use `--set`"));
    };
    // Before anybody edits for nothing.
    operator_of(&edit.mandate)?;
    let record = looks::look(&edit.place, &name).await?;
    let Some(before) = record.state.and_then(|state| state.value) else {
        let failure = Failure::new(ErrorKind::NotFound, "there is no such record");
        return Err(failure.context(format!("cannot edit `{name}`")));
    };
    let text = editor::edit(&editor, &readable(before.get()))?;
    let after: Box<RawValue> = serde_json::from_str(&text).map_err(|error| {
        let failure =
            Failure::of(ErrorKind::Invalid, error).context("the text is no JSON any more");
        failure.hint("nothing was written")
    })?;
    if same(before.get(), after.get()) {
        return Ok(None);
    }
    let edits = vec![Edit::Set { path: "(root)".to_owned(), value: after }];
    Ok(Some(Update { edits, if_value: Some(before) }))
}

/// Whether two texts are one value.
fn same(one: &str, other: &str) -> bool {
    let parse = |text: &str| Value::parse(text, &Limits::native()).ok();
    parse(one).is_some_and(|one| parse(other) == Some(one))
}

/// JSON on many lines, if that leaves it the same value: not every number is kept by every reader.
fn readable(text: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(text).ok();
    let lines = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    lines.filter(|lines| same(lines, text)).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_edit_is_the_same_value_on_lines() {
        assert_eq!(readable(r#"{"coins":5}"#), "{\n  \"coins\": 5\n}");
        // Another reader would make another number of it.
        let text = r#"{"n":1e999}"#;
        assert_eq!(readable(text), text);
        assert!(same("{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }"));
        assert!(!same("1", "2") && !same("x", "x"));
    }
}
