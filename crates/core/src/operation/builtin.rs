//! The kinds that every record understands: for operators, on paths of the data.

use crate::document::{Cancel, Document, Draft, EditError};
use crate::id::OperationKind;
use crate::limits::Limits;
use crate::operation::{Handled, HandlerError, PendingOperation};
use crate::path::{Path, Step};
use crate::value::{Number, Value};

/// Kinds that start so are ours.
pub const BUILT_IN_PREFIX: &str = "steadfast.";

/// Puts a value at a path: `{"path": "stats.kills[3]", "value": 5}`. The path may also be a list of
/// keys and indexes.
pub const SET: &str = "steadfast.set";

/// Adds to the number at a path: `{"path": "coins", "amount": 5}`.
pub const ADD: &str = "steadfast.add";

/// Takes out what stands at a path: `{"path": "items[0]"}`.
pub const REMOVE: &str = "steadfast.remove";

type BuiltIn = fn(&mut dyn Document, &PendingOperation) -> Result<Handled, HandlerError>;

/// The built-in handler of a kind.
pub(super) fn find(kind: &OperationKind) -> Option<BuiltIn> {
    match kind.as_str() {
        SET => Some(set),
        ADD => Some(add),
        REMOVE => Some(remove),
        _ => None,
    }
}

fn set(document: &mut dyn Document, operation: &PendingOperation) -> Result<Handled, HandlerError> {
    let (path, value) = (path(operation)?, member(operation, "value")?);
    edit(document, &|draft| draft.set(&path, value.clone()).map(|_| None))
}

fn add(document: &mut dyn Document, operation: &PendingOperation) -> Result<Handled, HandlerError> {
    let path = path(operation)?;
    let Value::Number(amount) = member(operation, "amount")? else {
        return Err(HandlerError::Fail("`amount` is not a number".into()));
    };
    edit(document, &|draft| draft.add(&path, amount).map(Some))
}

fn remove(
    document: &mut dyn Document,
    operation: &PendingOperation,
) -> Result<Handled, HandlerError> {
    let path = path(operation)?;
    edit(document, &|draft| draft.remove(&path).map(|_| None))
}

/// What the data refuses today it refuses tomorrow: there is nothing to try again.
fn edit(
    document: &mut dyn Document,
    step: &dyn Fn(&mut Draft) -> Result<Option<Number>, EditError>,
) -> Result<Handled, HandlerError> {
    let mut number = None;
    let edited = document.edit_value(&mut |draft| {
        number = step(draft).map_err(Cancel::from)?;
        Ok(())
    });
    let changes = edited.map_err(|error| HandlerError::Fail(error.to_string().into()))?;
    Ok(Handled { changes, result: number.map(|number| Value::Number(number).to_json()) })
}

fn payload(operation: &PendingOperation) -> Result<Value, HandlerError> {
    let text = operation.body.payload.as_str();
    Value::parse(text, &Limits::native())
        .map_err(|error| HandlerError::Fail(format!("its payload: {error}").into()))
}

fn member(operation: &PendingOperation, name: &str) -> Result<Value, HandlerError> {
    let payload = payload(operation)?;
    let found = payload.get(&Path::from(name)).cloned();
    found.ok_or_else(|| HandlerError::Fail(format!("its payload has no `{name}`").into()))
}

fn path(operation: &PendingOperation) -> Result<Path, HandlerError> {
    let refuse = |what: String| HandlerError::Fail(what.into());
    match member(operation, "path")? {
        Value::String(text) => Path::parse(&text).map_err(|error| refuse(error.to_string())),
        Value::Array(steps) => steps
            .iter()
            .map(|step| {
                step_of(step).ok_or_else(|| refuse(format!("{step:?} is no step of a path")))
            })
            .collect::<Result<Vec<Step>, _>>()
            .map(|steps| steps.into_iter().collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(refuse("`path` is neither text nor a list".to_owned()))
        }
    }
}

fn step_of(step: &Value) -> Option<Step> {
    match step {
        Value::String(key) => Some(Step::from(&**key)),
        Value::Number(Number::Integer(number)) => usize::try_from(*number).ok().map(Step::from),
        Value::Null
        | Value::Bool(_)
        | Value::Number(Number::Unsigned(_) | Number::Float(_))
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}

#[cfg(test)]
#[path = "builtin/tests.rs"]
mod tests;
