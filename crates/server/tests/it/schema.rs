//! The part of JSON Schema that the document uses, as a check of values.
//!
//! A keyword or pattern that is not known here fails the test, so that no schema passes for want of
//! a reader.

use serde_json::{Map, Value};

/// What is wrong with a value; nothing if it has the shape of the schema.
pub(crate) fn problem(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let rules = schema.as_object().expect("a schema is an object");
    rules.iter().find_map(|(keyword, rule)| match keyword.as_str() {
        "$ref" => problem(document, follow(document, rule), value),
        "allOf" => list(rule).iter().find_map(|part| problem(document, part, value)),
        "properties" => {
            members(value).find_map(|(name, member)| problem(document, rule.get(name)?, member))
        }
        "additionalProperties" => unlisted(rules, value).find_map(|(name, member)| {
            if *rule == Value::Bool(false) {
                return Some(format!("`{name}` is not a member"));
            }
            problem(document, rule, member)
        }),
        "items" => items(value).find_map(|item| problem(document, rule, item)),
        _ => (!holds(document, keyword, rule, value))
            .then(|| format!("`{keyword}: {rule}` does not hold of {value}")),
    })
}

/// Whether a rule holds that concerns the value as a whole. One of another type is not concerned.
fn holds(document: &Value, keyword: &str, rule: &Value, value: &Value) -> bool {
    let text = value.as_str();
    let size = |text: &str| u64::try_from(text.chars().count()).unwrap();
    let count = || value.as_array().map(|items| u64::try_from(items.len()).unwrap());
    match keyword {
        "description" => true,
        "anyOf" => list(rule).iter().any(|part| problem(document, part, value).is_none()),
        "type" if rule.is_array() => list(rule).iter().any(|name| has_type(name, value)),
        "type" => has_type(rule, value),
        "const" => rule == value,
        "enum" => list(rule).contains(value),
        "required" => value.as_object().is_none_or(|members| {
            list(rule).iter().all(|name| members.contains_key(name.as_str().unwrap()))
        }),
        "minItems" => count().is_none_or(|count| count >= rule.as_u64().unwrap()),
        "maxItems" => count().is_none_or(|count| count <= rule.as_u64().unwrap()),
        "minLength" => text.is_none_or(|text| size(text) >= rule.as_u64().unwrap()),
        "maxLength" => text.is_none_or(|text| size(text) <= rule.as_u64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
        "format" => text.is_none_or(|text| has_format(rule.as_str().unwrap(), text)),
        "pattern" => text.is_none_or(|text| fits(rule.as_str().unwrap(), text)),
        _ => panic!("the tests do not know the keyword `{keyword}`"),
    }
}

/// What a reference leads to.
pub(crate) fn follow<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let at = reference.as_str().unwrap().strip_prefix('#').unwrap();
    document.pointer(at).unwrap_or_else(|| panic!("{at} leads nowhere"))
}

fn list(rule: &Value) -> &Vec<Value> {
    rule.as_array().expect("the rule is a list")
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// The members that a schema does not name.
fn unlisted<'a>(
    rules: &'a Map<String, Value>,
    value: &'a Value,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let listed = rules.get("properties");
    members(value).filter(move |(name, _)| listed.is_none_or(|listed| listed.get(name).is_none()))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn has_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        name => panic!("the tests do not know the type `{name}`"),
    }
}

fn has_format(format: &str, text: &str) -> bool {
    assert_eq!(format, "date-time", "the tests know no other");
    steadfast_open_cloud::time::parse(text).is_ok()
}

/// The few patterns of answers, read by hand.
fn fits(pattern: &str, text: &str) -> bool {
    let is_upper_hex = |text: &str, min: usize, max: usize| {
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F');
        (min..=max).contains(&text.len()) && text.bytes().all(is_digit)
    };
    match pattern {
        r"^[0-9A-F]{16}\.[0-9A-F]{10,16}\.[0-9A-F]{16}\.01$" => {
            let parts: Vec<&str> = text.split('.').collect();
            matches!(parts[..], [birth, counter, time, "01"] if is_upper_hex(birth, 16, 16)
                && is_upper_hex(counter, 10, 16) && is_upper_hex(time, 16, 16))
        }
        "^[0-9A-Fa-f]{32}$" => is_upper_hex(&text.to_ascii_uppercase(), 32, 32),
        "^[0-9]{1,20}$" => {
            (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        }
        "^users/." => text.strip_prefix("users/").is_some_and(|id| !id.is_empty()),
        _ => panic!("the tests do not know the pattern `{pattern}`"),
    }
}

#[test]
fn values_of_another_shape_are_found() {
    let document = serde_json::json!({"named": {"type": "integer", "minimum": 1}});
    let schema = serde_json::json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"$ref": "#/named"},
            "b": {"type": ["array", "null"], "maxItems": 1, "items": {"type": "string"}},
            "c": {"anyOf": [{"const": "x"}, {"enum": [1, 2]}]},
            "d": {"type": "string", "minLength": 2, "format": "date-time"},
        },
        "additionalProperties": false,
    });
    let check = |text: &str| problem(&document, &schema, &serde_json::from_str(text).unwrap());
    for text in [
        r#"{"a":1}"#,
        r#"{"a":1,"b":null,"c":"x"}"#,
        r#"{"a":2,"b":["y"],"c":2,"d":"2026-01-01T00:00:00Z"}"#,
    ] {
        assert_eq!(check(text), None, "{text}");
    }
    for text in [
        "{}",
        "[]",
        r#"{"a":0}"#,
        r#"{"a":"1"}"#,
        r#"{"a":1,"b":["y","z"]}"#,
        r#"{"a":1,"b":[1]}"#,
        r#"{"a":1,"b":"y"}"#,
        r#"{"a":1,"c":"y"}"#,
        r#"{"a":1,"c":3}"#,
        r#"{"a":1,"d":"2"}"#,
        r#"{"a":1,"d":"20"}"#,
        r#"{"a":1,"e":1}"#,
    ] {
        assert!(check(text).is_some(), "{text}");
    }
}
