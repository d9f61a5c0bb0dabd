//! Facts about values with shared branches.

use super::*;

fn value(text: &str) -> Value {
    Value::parse(text, &Limits::native()).unwrap()
}

fn path(text: &str) -> Path {
    text.split('.').fold(Path::root(), |path, step| match step.parse::<usize>() {
        Ok(index) => path.join(index),
        Err(_) => path.join(step),
    })
}

#[test]
fn a_value_is_written_as_it_was_read() {
    for text in [
        "null",
        "[true,false,1,-1,18446744073709551615,-9223372036854775808,1.5,-0.0,1e+300]",
        r#"{"a":{"b":[{},[]]},"é":"\"\n"}"#,
    ] {
        assert_eq!(value(text).to_json().as_str(), text);
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused_not_rounded() {
    for text in ["18446744073709551616", "-9223372036854775809", "1e400", "-1e400"] {
        let refused = Value::parse(&format!("[{text}]"), &Limits::native());
        assert_eq!(refused, Err(ValueError::Number { number: text.into() }));
    }
    assert_eq!(Finite::new(f64::NAN), None);
    assert_eq!(Finite::new(f64::INFINITY), None);
}

#[test]
fn a_change_copies_the_branches_of_its_path_and_no_others() {
    let before = value(r#"{"a":{"x":1},"b":{"y":[1,2]}}"#);
    let mut after = before.clone();
    assert_eq!(after.set(&path("a.x"), value("2")), Ok(Some(value("1"))));
    assert_eq!(before.to_json().as_str(), r#"{"a":{"x":1},"b":{"y":[1,2]}}"#);
    assert_eq!(after.to_json().as_str(), r#"{"a":{"x":2},"b":{"y":[1,2]}}"#);
    let branch = |value: &Value, at: &str| match value.get(&path(at)) {
        Some(Value::Object(members)) => Arc::as_ptr(members),
        other => panic!("no object at {at}: {other:?}"),
    };
    assert_eq!(branch(&before, "b"), branch(&after, "b"));
    assert_ne!(branch(&before, "a"), branch(&after, "a"));
}

#[test]
fn set_adds_keys_appends_to_arrays_and_replaces_the_root() {
    let mut v = value(r#"{"items":[1]}"#);
    assert_eq!(v.set(&path("coins"), value("5")), Ok(None));
    assert_eq!(v.set(&path("items.1"), value("2")), Ok(None));
    assert_eq!(v.set(&path("items.0"), value("0")), Ok(Some(value("1"))));
    assert_eq!(v.to_json().as_str(), r#"{"coins":5,"items":[0,2]}"#);
    assert!(v.set(&Path::root(), Value::Null).is_ok());
    assert_eq!(v, Value::Null);
}

#[test]
fn a_refused_change_names_the_place_and_changes_nothing() {
    let before = value(r#"{"items":[1],"name":"x"}"#);
    let mut v = before.clone();
    let missing = |at: &str| Err(PathError::Missing { path: path(at) });
    assert_eq!(v.set(&path("items.2"), Value::Null), missing("items.2"));
    assert_eq!(v.set(&path("pets.0.name"), Value::Null), missing("pets"));
    let wrong = |at: &str| Err(PathError::WrongKind { path: path(at) });
    assert_eq!(v.set(&path("name.x"), Value::Null), wrong("name"));
    assert_eq!(v.set(&path("items.x"), Value::Null), wrong("items"));
    assert_eq!(v.set(&path("items.0.x.y"), Value::Null), wrong("items.0"));
    assert_eq!(v.remove(&path("coins")), Err(PathError::Missing { path: path("coins") }));
    assert_eq!(v.remove(&path("items.1")), Err(PathError::Missing { path: path("items.1") }));
    assert_eq!(v, before);
}

#[test]
fn remove_takes_out_and_moves_up() {
    let mut v = value(r#"{"items":[1,2,3],"name":"x"}"#);
    assert_eq!(v.remove(&path("items.1")), Ok(value("2")));
    assert_eq!(v.remove(&path("name")), Ok(value("\"x\"")));
    assert_eq!(v.to_json().as_str(), r#"{"items":[1,3]}"#);
    assert!(v.remove(&Path::root()).is_ok());
    assert_eq!(v, Value::Null);
}

proptest::proptest! {
    /// Reading what was written gives the same value, whatever it is.
    #[test]
    fn writing_and_reading_agree(v in any_value()) {
        proptest::prop_assert_eq!(value(v.to_json().as_str()), v);
    }
}

fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let number = prop_oneof![
        any::<i64>().prop_map(Number::Integer),
        (1u64 << 63..).prop_map(Number::Unsigned),
        any::<f64>().prop_filter_map("finite", Finite::new).prop_map(Number::Float),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        any::<String>().prop_map(|text| Value::String(text.into())),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let array = prop::collection::vec(inner.clone(), 0..5);
        let object = prop::collection::btree_map(any::<String>(), inner, 0..5);
        prop_oneof![
            array.prop_map(|items| Value::Array(Arc::new(items))),
            object.prop_map(|members| {
                Value::Object(Arc::new(members.into_iter().map(|(k, v)| (k.into(), v)).collect()))
            }),
        ]
    })
}
