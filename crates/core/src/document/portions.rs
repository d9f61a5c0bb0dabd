//! What an edit takes from a value and what it gives to it, apart.
//!
//! An edit of several documents that are stored together is not certain until they are. What it takes
//! is gone at once, so that nobody spends it twice; what it gives is there once it is certain; and if
//! it cannot be stored, what it took comes back. Edits made in between stay.
//!
//! A number that went down was taken from, one that went up was given to. A member or an item that
//! is gone was taken, a new one was given. What is neither, such as a text that became another, is
//! changed at once.

use std::sync::Arc;

use crate::path::{Path, Step};
use crate::value::{Number, Value};

/// One thing that an edit did at one place.
#[derive(Clone, Debug, PartialEq)]
enum Portion {
    /// The number there went down.
    Less(Move),
    /// It went up.
    More(Move),
    /// The member there is gone.
    Gone(Value),
    /// There is a new member.
    New(Value),
    /// These items of the array there are gone.
    ItemsGone(Vec<Value>),
    /// These are new.
    ItemsNew(Vec<Value>),
    /// Something else.
    Changed { before: Value, after: Value },
}

/// A number that became another. What lies between two fractions need not be a number that leads from
/// the one to the other, so that both are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Move {
    before: Number,
    after: Number,
    amount: Number,
}

impl Move {
    /// Nothing if what lies between is no number.
    fn between(before: Number, after: Number) -> Option<Self> {
        let (less, more) =
            if after.compare(before).is_lt() { (after, before) } else { (before, after) };
        let amount = more.checked_sub(less).ok()?;
        Some(Self { before, after, amount })
    }
}

/// What an edit did to a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Portions(Vec<(Path, Portion)>);

impl Portions {
    /// What makes the second value of the first.
    pub(crate) fn between(before: &Value, after: &Value) -> Self {
        let mut found = Vec::new();
        compare(before, after, &mut Path::root(), &mut found);
        Self(found)
    }

    /// The value before, without what is taken.
    pub(crate) fn taken_from(&self, before: &Value) -> Value {
        let mut value = before.clone();
        for (path, portion) in &self.0 {
            match portion {
                Portion::Less(Move { before, after, amount }) => {
                    let left = number_at(&value, path).and_then(|now| {
                        if now == *before { Some(*after) } else { now.checked_sub(*amount).ok() }
                    });
                    if let Some(left) = left {
                        put(&mut value, path, Value::Number(left));
                    }
                }
                Portion::Gone(_) => drop(value.remove(path)),
                Portion::ItemsGone(items) => take_items(&mut value, path, items),
                Portion::Changed { before, after } if *before != Value::Null => {
                    put(&mut value, path, after.clone());
                }
                Portion::Changed { .. }
                | Portion::More(_)
                | Portion::New(_)
                | Portion::ItemsNew(_) => {}
            }
        }
        value
    }

    /// The value of now, with what is given.
    pub(crate) fn given_to(&self, now: &Value) -> Value {
        let mut value = now.clone();
        for (path, portion) in &self.0 {
            match portion {
                Portion::More(Move { before, after, amount }) => {
                    add(&mut value, path, *amount, (*before, *after));
                }
                Portion::New(member) => join(&mut value, path, member),
                Portion::ItemsNew(items) => append(&mut value, path, items),
                Portion::Changed { before: Value::Null, after } => {
                    if value.get(path) == Some(&Value::Null) {
                        put(&mut value, path, after.clone());
                    }
                }
                Portion::Changed { .. }
                | Portion::Less(_)
                | Portion::Gone(_)
                | Portion::ItemsGone(_) => {}
            }
        }
        value
    }

    /// The value of now, with what was taken.
    pub(crate) fn returned_to(&self, now: &Value) -> Value {
        let mut value = now.clone();
        for (path, portion) in &self.0 {
            match portion {
                Portion::Less(Move { before, after, amount }) => {
                    add(&mut value, path, *amount, (*after, *before));
                }
                Portion::Gone(member) => join(&mut value, path, member),
                Portion::ItemsGone(items) => append(&mut value, path, items),
                Portion::Changed { before, after } if *before != Value::Null => {
                    if value.get(path) == Some(after) {
                        put(&mut value, path, before.clone());
                    }
                }
                Portion::Changed { .. }
                | Portion::More(_)
                | Portion::New(_)
                | Portion::ItemsNew(_) => {}
            }
        }
        value
    }
}

fn compare(before: &Value, after: &Value, place: &mut Path, found: &mut Vec<(Path, Portion)>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, before) in old.iter() {
                place.push(Step::from(key));
                match new.get(key) {
                    Some(after) => compare(before, after, place, found),
                    None => found.push((place.clone(), Portion::Gone(before.clone()))),
                }
                place.pop();
            }
            for (key, after) in new.iter().filter(|(key, _)| !old.contains_key(key)) {
                found.push((place.clone().join(key), Portion::New(after.clone())));
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (before, after)) in old.iter().zip(new.iter()).enumerate() {
                place.push(Step::Index(index));
                compare(before, after, place, found);
                place.pop();
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let (gone, added) = (without(old, new), without(new, old));
            if !gone.is_empty() {
                found.push((place.clone(), Portion::ItemsGone(gone)));
            }
            if !added.is_empty() {
                found.push((place.clone(), Portion::ItemsNew(added)));
            }
        }
        (Value::Number(old), Value::Number(new)) => {
            let kind = if new.compare(*old).is_lt() { Portion::Less } else { Portion::More };
            let portion = Move::between(*old, *new).map(kind);
            let (before, after) = (before.clone(), after.clone());
            let portion = portion.unwrap_or(Portion::Changed { before, after });
            found.push((place.clone(), portion));
        }
        _ => {
            let (before, after) = (before.clone(), after.clone());
            found.push((place.clone(), Portion::Changed { before, after }));
        }
    }
}

/// The items of one list that are left when each of another's takes one like it away.
fn without(items: &[Value], others: &[Value]) -> Vec<Value> {
    let mut others: Vec<&Value> = others.iter().collect();
    let mut left = Vec::new();
    for item in items {
        match others.iter().position(|other| *other == item) {
            Some(index) => drop(others.swap_remove(index)),
            None => left.push(item.clone()),
        }
    }
    left
}

fn number_at(value: &Value, path: &Path) -> Option<Number> {
    match value.get(path) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Puts a value where its parent is still there. What the game removed meanwhile stays removed.
fn put(value: &mut Value, path: &Path, new: Value) {
    drop(value.set(path, new));
}

/// Adds to a number, or makes of the one number the other.
fn add(value: &mut Value, path: &Path, amount: Number, (from, to): (Number, Number)) {
    let sum = match value.get(path) {
        None => Some(amount),
        Some(_) => number_at(value, path)
            .and_then(|now| if now == from { Some(to) } else { now.checked_add(amount).ok() }),
    };
    if let Some(sum) = sum {
        put(value, path, Value::Number(sum));
    }
}

/// Puts a member, or adds it to what came to be there meanwhile.
fn join(value: &mut Value, path: &Path, member: &Value) {
    match (value.get(path), member) {
        (Some(Value::Number(now)), Value::Number(amount)) => {
            if let Ok(sum) = now.checked_add(*amount) {
                put(value, path, Value::Number(sum));
            }
        }
        (Some(Value::Array(_)), Value::Array(items)) => append(value, path, items),
        (Some(Value::Object(_)), Value::Object(members)) => {
            for (key, member) in members.iter() {
                join(value, &path.clone().join(key), member);
            }
        }
        _ => put(value, path, member.clone()),
    }
}

fn append(value: &mut Value, path: &Path, items: &[Value]) {
    match value.get(path) {
        Some(Value::Array(there)) => {
            let all = there.iter().chain(items).cloned().collect::<Vec<_>>();
            put(value, path, Value::from(all));
        }
        None => put(value, path, Value::Array(Arc::new(items.to_vec()))),
        Some(_) => {}
    }
}

fn take_items(value: &mut Value, path: &Path, items: &[Value]) {
    if let Some(Value::Array(there)) = value.get(path) {
        let left = without(there, items);
        put(value, path, Value::from(left));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::Limits;
    use crate::value::tests::any_value;

    fn value(text: &str) -> Value {
        Value::parse(text, &Limits::native()).unwrap()
    }

    #[track_caller]
    fn check(before: &str, after: &str, meanwhile: &str) -> Portions {
        let (before, after) = (value(before), value(after));
        let portions = Portions::between(&before, &after);
        let shown = portions.taken_from(&before);
        assert_eq!(shown.to_json().as_str(), meanwhile);
        assert_eq!(portions.given_to(&shown), after);
        assert_eq!(portions.returned_to(&shown), before);
        portions
    }

    #[test]
    fn what_is_taken_is_gone_at_once_and_what_is_given_comes_later() {
        check(r#"{"coins":5}"#, r#"{"coins":2}"#, r#"{"coins":2}"#);
        check(r#"{"coins":5}"#, r#"{"coins":7}"#, r#"{"coins":5}"#);
        check(r#"{"a":5,"b":1}"#, r#"{"a":4,"b":2}"#, r#"{"a":4,"b":1}"#);
        check(r#"{"items":["a","b"]}"#, r#"{"items":["a"]}"#, r#"{"items":["a"]}"#);
        check(r#"{"items":["a"]}"#, r#"{"items":["a","b","b"]}"#, r#"{"items":["a"]}"#);
        check(r#"{"pets":{"cat":1}}"#, r#"{"pets":{}}"#, r#"{"pets":{}}"#);
        check(r#"{"pets":{}}"#, r#"{"pets":{"cat":1}}"#, r#"{"pets":{}}"#);
        check(r#"{"weapon":null}"#, r#"{"weapon":"axe"}"#, r#"{"weapon":null}"#);
        check(r#"{"weapon":"axe"}"#, r#"{"weapon":null}"#, r#"{"weapon":null}"#);
        check(r#"{"title":"a"}"#, r#"{"title":"b"}"#, r#"{"title":"b"}"#);
        check(r#"[{"n":3},{"n":1}]"#, r#"[{"n":1},{"n":2}]"#, r#"[{"n":1},{"n":1}]"#);
    }

    #[test]
    fn edits_made_meanwhile_stay() {
        let portions = check(
            r#"{"coins":10,"items":["a","b"],"gems":1}"#,
            r#"{"coins":4,"items":["a"],"gems":3}"#,
            r#"{"coins":4,"gems":1,"items":["a"]}"#,
        );
        let now = value(r#"{"coins":3,"items":["a","c"],"gems":0,"new":true}"#);
        let given = r#"{"coins":3,"gems":2,"items":["a","c"],"new":true}"#;
        assert_eq!(portions.given_to(&now).to_json().as_str(), given);
        let returned = r#"{"coins":9,"gems":0,"items":["a","c","b"],"new":true}"#;
        assert_eq!(portions.returned_to(&now).to_json().as_str(), returned);
    }

    #[test]
    fn fractions_between_which_no_number_lies_come_back_as_they_were() {
        check(r#"{"n":0.3}"#, r#"{"n":0.1}"#, r#"{"n":0.1}"#);
        check(r#"{"n":0.1}"#, r#"{"n":0.3}"#, r#"{"n":0.1}"#);
        let portions = check(r#"{"n":3.5e175}"#, r#"{"n":-2.1e-125}"#, r#"{"n":-2.1e-125}"#);
        let now = value(r#"{"n":1.0}"#);
        assert_eq!(portions.returned_to(&now), value(r#"{"n":3.5e175}"#));
    }

    #[test]
    fn what_the_game_removed_meanwhile_stays_removed() {
        let portions = check(r#"{"bag":{"n":1}}"#, r#"{"bag":{"n":2}}"#, r#"{"bag":{"n":1}}"#);
        assert_eq!(portions.given_to(&value("{}")), value("{}"));
    }

    proptest! {
        #[test]
        fn both_ways_lead_where_they_should(before in any_value(), after in any_value()) {
            let portions = Portions::between(&before, &after);
            let shown = portions.taken_from(&before);
            // Items may come back in another order.
            prop_assert_eq!(sorted(&portions.given_to(&shown)), sorted(&after));
            prop_assert_eq!(sorted(&portions.returned_to(&shown)), sorted(&before));
        }
    }

    fn sorted(value: &Value) -> String {
        match value {
            Value::Array(items) => {
                let mut items: Vec<String> = items.iter().map(sorted).collect();
                items.sort();
                format!("[{}]", items.join(","))
            }
            Value::Object(members) => {
                let member = |(key, value): (&str, &Value)| format!("{key}:{}", sorted(value));
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                other.to_json().as_str().to_owned()
            }
        }
    }
}
