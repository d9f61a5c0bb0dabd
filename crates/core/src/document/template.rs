//! Defaults: what a template has and the stored value has not.

use super::Changes;
use crate::path::{Path, Step};
use crate::value::Value;

/// Adds to a stored value what a template has and it has not, and says what was added.
///
/// Deep where both are objects. Whatever is stored wins, also where it is of another type. Arrays are
/// never refilled: what a player gave away does not come back.
pub fn reconcile(stored: &mut Value, template: &Value) -> Changes {
    let mut paths = Vec::new();
    for (path, missing) in missing(stored, template) {
        stored.set(&path, missing.clone()).expect("its parent is an object of the stored value");
        paths.push(path);
    }
    Changes::from_paths(paths)
}

/// What a template has and a stored value has not, in the order of keys.
pub(super) fn missing<'a>(stored: &Value, template: &'a Value) -> Vec<(Path, &'a Value)> {
    let mut found = Vec::new();
    find(stored, template, &mut Path::root(), &mut found);
    found
}

fn find<'a>(
    stored: &Value,
    template: &'a Value,
    place: &mut Path,
    found: &mut Vec<(Path, &'a Value)>,
) {
    let (Value::Object(stored), Value::Object(template)) = (stored, template) else { return };
    for (key, default) in template.iter() {
        place.push(Step::from(key));
        match stored.get(key) {
            Some(stored) => find(stored, default, place, found),
            None => found.push((place.clone(), default)),
        }
        place.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn value(text: &str) -> Value {
        Value::parse(text, &Limits::native()).unwrap()
    }

    #[test]
    fn defaults_are_added_deep_and_what_is_stored_wins() {
        let template = value(r#"{"coins":0,"pets":["cat"],"stats":{"kills":0,"wins":{"a":1}}}"#);
        let mut stored = value(r#"{"pets":[],"stats":{"kills":"many"},"own":1}"#);
        let changes = reconcile(&mut stored, &template);
        let expected = r#"{"coins":0,"own":1,"pets":[],"stats":{"kills":"many","wins":{"a":1}}}"#;
        assert_eq!(stored.to_json().as_str(), expected);
        assert_eq!(changes.paths, [Path::from("coins"), Path::from(["stats", "wins"])]);
        assert!(reconcile(&mut stored, &template).is_empty());
    }

    #[test]
    fn nothing_is_added_where_the_types_differ() {
        for (stored, template) in
            [("[1]", r#"{"a":1}"#), ("null", r#"{"a":1}"#), (r#"{"a":null}"#, r#"{"a":{"b":1}}"#)]
        {
            let mut value_after = value(stored);
            assert!(reconcile(&mut value_after, &value(template)).is_empty());
            assert_eq!(value_after, value(stored));
        }
    }
}
