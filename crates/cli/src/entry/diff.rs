//! `entry diff`: two revisions of an entry side by side.

use serde::Serialize;
use serde_json::Value;
use steadfast_core::ErrorKind;

use crate::args::{CURRENT, EntryDiff};
use crate::difference::{self, Change};
use crate::failure::{Failure, Result};
use crate::printer::{Printer, Show, shortened};
use crate::target::{EntryName, State, Target, user_as_json};

pub(super) async fn run(diff: EntryDiff, printer: Printer) -> Result<()> {
    let name = super::name_of(&diff.place);
    let work = async |target: &Target| {
        let before = revision(target, &name, &diff.from).await?;
        let after = revision(target, &name, &diff.to).await?;
        Ok((before, after))
    };
    let (before, after) = Target::with(&diff.place.target, work)
        .await
        .map_err(|failure| failure.context(format!("cannot compare revisions of `{name}`")))?;
    print(&changes(Some(&before), &after)?, printer)
}

async fn revision(target: &Target, name: &EntryName, revision: &str) -> Result<State> {
    let version = (revision != CURRENT).then_some(revision);
    let state = target.get(name, version).await;
    state.map_err(|failure| {
        let failure = failure.context(format!("cannot get the revision `{revision}`"));
        failure.hint("`entry revisions` lists the revisions that are kept")
    })
}

/// Prints differences; that there are none is worth a word where people read.
pub(super) fn print(changes: &[Change], printer: Printer) -> Result<()> {
    if changes.is_empty() && !printer.is_json() {
        return crate::printer::line("there is no difference");
    }
    printer.list(&changes.iter().cloned().map(Line).collect::<Vec<_>>())
}

/// What differs between two states. Nothing before is an entry that was not there.
pub(super) fn changes(before: Option<&State>, after: &State) -> Result<Vec<Change>> {
    let mut changes = match before {
        Some(before) => values(&before.value, &after.value)?,
        None => vec![difference::added("/value", &parse("value", &after.value)?)],
    };
    let users = before.map(|before| &*before.users).unwrap_or_default();
    changes.extend(user_changes(users, &after.users));
    let attributes = before.map_or("{}", |before| &before.attributes);
    let (attributes, now) =
        (parse("attributes", attributes)?, parse("attributes", &after.attributes)?);
    changes.extend(difference::differences("/attributes", &attributes, &now));
    Ok(changes)
}

/// Two texts may be one value: white space and the order of keys say nothing.
fn values(before: &str, after: &str) -> Result<Vec<Change>> {
    if before == after {
        return Ok(Vec::new());
    }
    Ok(difference::differences("/value", &parse("value", before)?, &parse("value", after)?))
}

/// Users have no order that means anything.
fn user_changes(before: &[String], after: &[String]) -> Vec<Change> {
    let gone = before.iter().filter(|user| !after.contains(user));
    let gone = gone.map(|user| difference::removed("/users", &user_as_json(user)));
    let new = after.iter().filter(|user| !before.contains(user));
    gone.chain(new.map(|user| difference::added("/users", &user_as_json(user)))).collect()
}

fn parse(what: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|error| {
        // JSON knows no largest number, and we keep what was sent.
        let message = format!("the {what} cannot be compared: a number in it is too large");
        Failure::of(ErrorKind::Invalid, error).context(message)
    })
}

/// One line of `entry diff`.
#[derive(Serialize)]
#[serde(transparent)]
struct Line(Change);

impl Show for Line {
    fn titles() -> Vec<&'static str> {
        vec!["change", "path", "before", "after"]
    }

    fn cells(&self) -> Vec<String> {
        let Change { op, path, before, after } = &self.0;
        let cell = |value: &Option<Value>| {
            value.as_ref().map_or_else(String::new, |value| shortened(&value.to_string()))
        };
        vec![op.name().to_owned(), path.clone(), cell(before), cell(after)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_reader_holds_are_not_compared() {
        assert_eq!(values("1e999", "1e999").unwrap(), []);
        assert_eq!(values("1e999", "1").unwrap_err().kind(), ErrorKind::Invalid);
    }
}
