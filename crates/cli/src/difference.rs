//! What differs between two JSON values, by path.
//!
//! Objects are compared by key, in the order of the keys' bytes. Arrays are compared by what they
//! begin and end with in common, so that one item that came or went is one change; what stands
//! between is compared by its place.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    pub(crate) op: Op,
    /// A JSON pointer (RFC 6901), in the value before for what was removed or changed, in the value
    /// after for what was added.
    pub(crate) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
}

/// What happened at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    Added,
    Removed,
    Changed,
}

impl Op {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// What differs between two values below a path. Nothing if they are equal.
pub(crate) fn differences(path: &str, before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(path, before, after, &mut changes);
    changes
}

/// Something that was not there before.
pub(crate) fn added(path: &str, after: &Value) -> Change {
    let (path, after) = (path.to_owned(), Some(after.clone()));
    Change { op: Op::Added, path, before: None, after }
}

/// Something that is not there any more.
pub(crate) fn removed(path: &str, before: &Value) -> Change {
    let (path, before) = (path.to_owned(), Some(before.clone()));
    Change { op: Op::Removed, path, before, after: None }
}

fn changed(path: &str, before: &Value, after: &Value) -> Change {
    let (before, after) = (Some(before.clone()), Some(after.clone()));
    Change { op: Op::Changed, path: path.to_owned(), before, after }
}

/// How deep it goes is what the limit of a value's depth allows.
fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let path = child(path, key);
                match (before.get(key), after.get(key)) {
                    (Some(before), Some(after)) => compare(&path, before, after, changes),
                    (Some(before), None) => changes.push(removed(&path, before)),
                    (None, Some(after)) => changes.push(added(&path, after)),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => arrays(path, before, after, changes),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_),
            _,
        ) => changes.push(changed(path, before, after)),
    }
}

fn arrays(path: &str, before: &[Value], after: &[Value], changes: &mut Vec<Change>) {
    let start = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    let (before, after) = (rest(before, start), rest(after, start));
    let pairs = before.iter().rev().zip(after.iter().rev());
    let end = pairs.take_while(|(before, after)| before == after).count();
    let before = before.get(..before.len().saturating_sub(end)).unwrap_or_default();
    let after = after.get(..after.len().saturating_sub(end)).unwrap_or_default();
    let at = |index: usize| child(path, &start.saturating_add(index).to_string());
    let common = before.len().min(after.len());
    for (index, (before, after)) in before.iter().zip(after).enumerate() {
        compare(&at(index), before, after, changes);
    }
    for (index, before) in before.iter().enumerate().skip(common) {
        changes.push(removed(&at(index), before));
    }
    for (index, after) in after.iter().enumerate().skip(common) {
        changes.push(added(&at(index), after));
    }
}

fn rest(items: &[Value], start: usize) -> &[Value] {
    items.get(start..).unwrap_or_default()
}

fn child(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: &Value, after: &Value, expected: &[&str]) {
        let lines = differences("", before, after).into_iter().map(|change| {
            let text = |value: Option<Value>| value.map_or_else(String::new, |v| v.to_string());
            let (before, after) = (text(change.before), text(change.after));
            format!("{} {} {before}>{after}", change.op.name(), change.path)
        });
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn equal_values_do_not_differ_whatever_the_order_of_their_keys() {
        check(&json!({"a": 1, "b": [2]}), &json!({"b": [2], "a": 1}), &[]);
    }

    #[test]
    fn keys_are_compared_in_the_order_of_their_bytes() {
        check(
            &json!({"b": 1, "gone": {"x": 1}, "same": 0, "deep": {"n": 1}}),
            &json!({"new": null, "same": 0, "b": "1", "deep": {"n": 2}}),
            &[
                "changed /b 1>\"1\"",
                "changed /deep/n 1>2",
                "removed /gone {\"x\":1}>",
                "added /new >null",
            ],
        );
    }

    #[test]
    fn one_item_that_came_or_went_is_one_change() {
        let items = json!([1, 2, 3, 4]);
        check(&items, &json!([1, 3, 4]), &["removed /1 2>"]);
        check(&json!([1, 3, 4]), &items, &["added /1 >2"]);
        check(&json!([]), &json!([1, 2]), &["added /0 >1", "added /1 >2"]);
        // Equal items are taken from both ends only once.
        check(&json!([1, 1]), &json!([1, 1, 1]), &["added /2 >1"]);
    }

    #[test]
    fn items_in_between_are_compared_by_their_place() {
        check(
            &json!([0, {"n": 1}, "x", 9]),
            &json!([0, {"n": 2}, 9]),
            &["changed /1/n 1>2", "removed /2 \"x\">"],
        );
    }

    #[test]
    fn values_of_different_kinds_are_changed_as_a_whole() {
        check(&json!({"a": {}}), &json!({"a": []}), &["changed /a {}>[]"]);
        check(&json!(1), &json!({"a": 1}), &["changed  1>{\"a\":1}"]);
        check(&Value::Null, &json!(false), &["changed  null>false"]);
    }

    #[test]
    fn paths_are_json_pointers() {
        check(&json!({"a/b": {"~": 1}}), &json!({"a/b": {}}), &["removed /a~1b/~0 1>"]);
    }
}
