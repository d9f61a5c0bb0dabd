//! What differs between two values, skipping the branches that they share.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Members, Value};
use crate::path::{Path, Step};

impl Value {
    /// The places where `self` differs from `before`, each once, none inside another, in the order
    /// of keys and indexes.
    ///
    /// Putting there what `self` holds, and removing what it does not hold, turns `before` into
    /// `self`. An array that only grew differs in its new items; one of another length in any other
    /// way differs as a whole.
    pub fn difference(&self, before: &Self) -> Vec<Path> {
        let mut found = Vec::new();
        compare(before, self, &mut Path::root(), &mut found);
        found
    }
}

fn compare(before: &Value, after: &Value, place: &mut Path, found: &mut Vec<Path>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            if !Arc::ptr_eq(before, after) {
                compare_members(before, after, place, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if Arc::ptr_eq(before, after) => {}
        (Value::Array(before), Value::Array(after))
            if before.len() == after.len() || after.starts_with(before) =>
        {
            for (index, item) in after.iter().enumerate() {
                match before.get(index) {
                    Some(before) => inside(|| Step::Index(index), before, item, place, found),
                    None => found.push(place.clone().join(index)),
                }
            }
        }
        _ if before == after => {}
        _ => found.push(place.clone()),
    }
}

/// Both lists of keys are in order: they are walked side by side.
fn compare_members(before: &Members, after: &Members, place: &mut Path, found: &mut Vec<Path>) {
    if before.has_keys_of(after) {
        for ((key, old), (_, new)) in before.pairs().zip(after.pairs()) {
            inside(|| Step::Key(key.to_shared()), old, new, place, found);
        }
        return;
    }
    let (mut old, mut new) = (before.pairs().peekable(), after.pairs().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => old.cmp(new),
        };
        let gone = if order.is_le() { old.next() } else { None };
        let came = if order.is_ge() { new.next() } else { None };
        let Some((key, _)) = gone.or(came) else { return };
        match (gone, came) {
            (Some((_, gone)), Some((_, came))) => {
                inside(|| Step::Key(key.to_shared()), gone, came, place, found);
            }
            _ => found.push(place.clone().join(Step::Key(key.to_shared()))),
        }
    }
}

/// Compares what stands one step further in.
fn inside(
    step: impl FnOnce() -> Step,
    before: &Value,
    after: &Value,
    place: &mut Path,
    found: &mut Vec<Path>,
) {
    if is_same_at_once(before, after) {
        return;
    }
    place.push(step());
    compare(before, after, place, found);
    place.pop();
}

/// Whether two values are equal as far as that can be seen without looking inside.
fn is_same_at_once(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b),
        (Value::Object(a), Value::Object(b)) => Arc::ptr_eq(a, b),
        _ => a == b,
    }
}
