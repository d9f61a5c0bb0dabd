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

/// Puts at each path what the new value holds there, or removes what it does not hold.
pub(crate) fn applied(before: &Value, after: &Value, paths: &[Path]) -> Value {
    let mut value = before.clone();
    for path in paths {
        match after.get(path) {
            Some(new) => drop(value.set(path, new.clone()).unwrap()),
            None => drop(value.remove(path).unwrap()),
        }
    }
    value
}

#[test]
fn a_value_takes_three_words() {
    assert_eq!(size_of::<Value>(), 24);
}

#[test]
fn an_item_is_inserted_before_its_index() {
    let mut v = value(r#"{"items":[1,2],"name":"x"}"#);
    assert_eq!(v.insert(&path("items"), 0, value("0")), Ok(()));
    assert_eq!(v.insert(&path("items"), 3, value("3")), Ok(()));
    assert_eq!(v.to_json().as_str(), r#"{"items":[0,1,2,3],"name":"x"}"#);
    let beyond = Err(PathError::Missing { path: path("items.5") });
    assert_eq!(v.insert(&path("items"), 5, value("5")), beyond);
    let wrong = PathError::WrongKind { path: path("name") };
    assert_eq!(v.insert(&path("name"), 0, value("0")), Err(wrong.clone()));
    assert_eq!(v.item_count(&path("name")), Err(wrong));
    assert_eq!(v.item_count(&path("pets")), Err(PathError::Missing { path: path("pets") }));
    assert_eq!(v.item_count(&path("items")), Ok(4));
}

#[test]
fn the_difference_names_the_smallest_places() {
    for (before, after, paths) in [
        (r#"{"a":{"x":1,"y":2}}"#, r#"{"a":{"x":1,"y":3}}"#, &["a.y"][..]),
        (r#"{"a":1,"b":1}"#, r#"{"b":1,"c":1}"#, &["a", "c"]),
        ("[1,2]", "[1,2,3,4]", &["[2]", "[3]"]),
        ("[1,2,3]", "[1,5,3]", &["[1]"]),
        ("[1,2,3]", "[2,3]", &["(root)"]),
        (r#"{"a":[1]}"#, r#"{"a":{}}"#, &["a"]),
        (r#"{"a":1}"#, r#"{"a":1.0}"#, &["a"]),
        ("1", "2", &["(root)"]),
        ("[]", "[]", &[]),
    ] {
        let found = value(after).difference(&value(before));
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), paths);
    }
}

#[test]
fn a_number_that_does_not_fit_is_named_with_its_place() {
    let read = Value::read(r#"{"a":[1,{"b":1e999}]}"#, &Limits::native());
    assert_eq!(read.map_err(|(_, path)| path.to_string()), Err("a[1].b".to_owned()));
}

#[test]
fn the_quick_way_reads_what_is_certain_and_leaves_the_rest() {
    let deep = "[".repeat(3) + &"]".repeat(3);
    for text in
        ["18446744073709551616", "-9223372036854775809", "1e19", r#"{"a":1,"a":1}"#, "[1", &deep]
    {
        assert_eq!(quick::read(text, 2), None, "{text}");
    }
    for text in
        ["-0", "18446744073709551615", "-9223372036854775808", "[0.1,{\"a\":null}]", "\"\\u0041\""]
    {
        assert_eq!(quick::read(text, 2), Some(value(text)), "{text}");
        let mut build = Build::new(2);
        build.read(Events::new(text, &Limits::native())).unwrap();
        assert_eq!(build.take(), Ok(value(text)), "{text}");
    }
}

#[test]
fn depth_is_counted_in_arrays_and_objects() {
    for (text, depth) in [("1", 0), ("[]", 1), ("{}", 1), (r#"{"a":[[1]]}"#, 3)] {
        assert!(!value(text).is_deeper_than(depth));
        assert!(depth == 0 || value(text).is_deeper_than(depth - 1));
    }
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

mod serialized;
pub(crate) use serialized::zoo;

proptest::proptest! {
    /// Reading what was written gives the same value, whatever it is.
    #[test]
    fn writing_and_reading_agree(v in any_value()) {
        proptest::prop_assert_eq!(value(v.to_json().as_str()), v);
    }

    /// Both ways of reading give the same value.
    #[test]
    fn the_quick_way_agrees_with_the_events(v in any_value()) {
        let text = v.to_json();
        if let Some(quick) = quick::read(text.as_str(), 128) {
            let mut build = Build::new(128);
            build.read(Events::new(text.as_str(), &Limits::native())).unwrap();
            proptest::prop_assert_eq!(build.take(), Ok(quick));
        }
    }

    /// The size is known without writing.
    #[test]
    fn the_size_is_that_of_the_text(v in any_value()) {
        proptest::prop_assert_eq!(v.json_size(), v.to_json().size());
    }

    /// A value that is serialized gives itself.
    #[test]
    fn serializing_a_value_gives_itself(v in any_value()) {
        proptest::prop_assert_eq!(Value::from_serialize(&v, 128), Ok(v));
    }

    /// What the difference names, and nothing else, turns one value into the other.
    #[test]
    fn the_difference_leads_from_one_value_to_the_other(a in any_value(), b in any_value()) {
        let paths = b.difference(&a);
        proptest::prop_assert_eq!(applied(&a, &b, &paths), b.clone());
        proptest::prop_assert_eq!(paths.is_empty(), a == b);
        proptest::prop_assert!(b.difference(&b.clone()).is_empty());
    }

    /// The same where only a part of the value differs.
    #[test]
    fn the_difference_is_no_larger_than_what_changed(a in any_value(), b in any_value()) {
        let before = Value::object([("left", a.clone()), ("right", a.clone())]);
        let mut after = before.clone();
        after.set(&path("right"), b.clone()).unwrap();
        let paths = after.difference(&before);
        proptest::prop_assert!(paths.iter().all(|changed| path("right").contains(changed)));
        proptest::prop_assert_eq!(applied(&before, &after, &paths), after);
    }
}

/// Any value, also with long keys and texts that must be escaped.
pub(crate) fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
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
        prop_oneof![array.prop_map(Value::array), object.prop_map(Value::object)]
    })
}
