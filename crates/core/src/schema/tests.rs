//! Facts about schemas: what runs, what is refused, and what is stored with which number.

use std::sync::Mutex;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::code::Code;
use crate::document::{Document, DocumentLimits, EditError, Insert};
use crate::json::JsonText;
use crate::limits::Limits;
use crate::value::tests::any_value;
use crate::value::{InvalidData, Problem};

const LIMITS: DocumentLimits = DocumentLimits { size_max: 60, depth_max: 4 };

fn value(text: &str) -> Value {
    Value::parse(text, &Limits::native()).unwrap()
}

/// Steps that each note their version in the data, up to one of them.
fn noting(version: u32) -> Schema {
    (1..=version).fold(Schema::new(version), |schema, to| {
        schema.step(to, move |data| {
            let ran = data.item_count(&"ran".into());
            if ran.is_err() {
                data.set(&"ran".into(), Value::array([]))?;
            }
            data.set(&Path::from("ran").join(ran.unwrap_or(0)), to.into())?;
            Ok(())
        })
    })
}

fn load(schema: &Schema, text: &str, number: u32) -> Result<(String, u32, LoadChange), LoadError> {
    load_as(schema, text, number, false)
}

fn load_as(
    schema: &Schema,
    text: &str,
    number: u32,
    is_new: bool,
) -> Result<(String, u32, LoadChange), LoadError> {
    let text = JsonText::trusted(text);
    let loaded = schema.load_tree(Stored { text: &text, schema: number, is_new }, LIMITS)?;
    let Loaded { mut document, schema, change, .. } = loaded;
    Ok((document.encode().as_str().to_owned(), schema, change))
}

#[track_caller]
fn check(schema: &Schema, text: &str, number: u32, becomes: &str, of: u32, how: LoadChange) {
    assert_eq!(load(schema, text, number), Ok((becomes.to_owned(), of, how)), "{text} of {number}");
}

#[test]
fn m2_steps_run_in_order_each_once_from_the_stored_version_on() {
    let schema = noting(3);
    check(&schema, "{}", 0, r#"{"ran":[1,2,3]}"#, 3, LoadChange::Migrated);
    check(&schema, "{}", 2, r#"{"ran":[3]}"#, 3, LoadChange::Migrated);
    check(&schema, "{ }", 3, "{ }", 3, LoadChange::None);
    check(&schema.absence_is(2), "{}", 0, r#"{"ran":[3]}"#, 3, LoadChange::Migrated);
}

#[test]
fn new_data_is_stamped_and_nothing_runs() {
    let created = |schema: &Schema| load_as(schema, "{}", 0, true).unwrap();
    assert_eq!(created(&noting(3)), ("{}".to_owned(), 3, LoadChange::Created));
    let in_data = noting(3).version_field("version").template(value(r#"{"coins":0}"#));
    let expected = (r#"{"coins":0,"version":3}"#.to_owned(), 3, LoadChange::Created);
    assert_eq!(created(&in_data), expected);
    // No object, nowhere to write it.
    let InvalidData { path, .. } = invalid(load_as(&in_data, "[]", 0, true));
    assert_eq!(path, Path::root());
}

#[test]
fn every_step_is_there_before_any_runs_and_the_first_that_lacks_is_named() {
    let ran = Arc::new(Mutex::new(0));
    let count = Arc::clone(&ran);
    let schema = Schema::new(4).step(4, |_| Ok(())).step(1, move |_| {
        *count.lock().unwrap() += 1;
        Ok(())
    });
    assert_eq!(load(&schema, "{}", 0), Err(LoadError::MigrationMissing { version: 2 }));
    assert_eq!(load(&schema, "{}", 2), Err(LoadError::MigrationMissing { version: 3 }));
    assert_eq!(*ran.lock().unwrap(), 0);
    assert!(load(&schema, "{}", 3).is_ok());
    let none = Schema::new(u32::MAX);
    assert_eq!(load(&none, "{}", 0), Err(LoadError::MigrationMissing { version: 1 }));
}

#[test]
fn m1_a_step_that_fails_panics_or_leaves_what_cannot_be_stored_leaves_the_data_as_it_was() {
    type Broken = fn(&mut Value) -> Result<(), Cancel>;
    let broken: [(Broken, &str); 5] = [
        (|data| Ok(data.remove(&"gems".into()).map(drop)?), "nothing stands at `gems`"),
        (|_| Err(InvalidData::because("coins", "less than nothing"))?, "less than nothing"),
        (|_| panic!("a mistake in the game"), "panicked"),
        (|data| Ok(data.set(&"a".into(), value("[[[[1]]]]")).map(drop)?), "deeper than 4"),
        (|data| Ok(data.set(&"a".into(), "x".repeat(60).into()).map(drop)?), "the limit is 60"),
    ];
    for (step, named) in broken {
        let schema = noting(3).step(2, move |data| {
            data.set(&"coins".into(), 0.into())?;
            step(data)
        });
        let before = value(r#"{"coins":7}"#);
        let failed = schema.migrate(&before, 0, LIMITS).unwrap_err();
        let LoadError::MigrationFailed { version: 2, reason } = &failed else { panic!("{failed}") };
        assert!(reason.contains(named), "{reason}");
        assert_eq!(before, value(r#"{"coins":7}"#));
        assert_eq!(load(&schema, r#"{"coins":7}"#, 0), Err(failed));
    }
}

#[test]
fn a_step_may_fill_the_data_up_to_the_limit() {
    let fill = |size: usize| {
        Schema::new(1).step(1, move |data| {
            *data = "x".repeat(size - 2).into();
            Ok(())
        })
    };
    assert!(load(&fill(60), "{}", 0).is_ok());
    assert!(matches!(load(&fill(61), "{}", 0), Err(LoadError::MigrationFailed { .. })));
}

#[test]
fn m3_data_of_a_later_version_is_not_opened() {
    let ahead = |stored, known| Err(LoadError::SchemaAhead { stored, known });
    assert_eq!(load(&noting(3), "{}", 4), ahead(4, 3));
    assert_eq!(load(&Schema::default(), "{}", 1), ahead(1, 0));
    assert_eq!(load(&Schema::new(1).absence_is(2), "{}", 0), ahead(2, 1));
    // Later code deleted it, or keeps its version elsewhere.
    assert_eq!(load_as(&noting(3), "{}", 4, true), ahead(4, 3));
    let in_data = noting(3).version_field("version");
    assert_eq!(load(&in_data, r#"{"version":1}"#, 4), ahead(4, 3));
    assert_eq!(load(&in_data, r#"{"version":4}"#, 0), ahead(4, 3));
}

#[test]
fn data_that_is_passed_through_stays_as_it_is_with_its_number_and_a_warning() {
    let schema = noting(3).ahead(Ahead::PassThrough).template(value(r#"{"coins":0}"#));
    for (schema, text, number) in [
        (schema.clone(), "{ }", 5),
        (schema.clone().version_field("version"), r#"{ "version": 5 }"#, 2),
        (schema.clone().version_field("version"), r#"{ "version": 2 }"#, 5),
    ] {
        let stored = JsonText::trusted(text);
        let stored = Stored { text: &stored, schema: number, is_new: false };
        let mut loaded = schema.load_tree(stored, LIMITS).unwrap();
        assert_eq!((loaded.schema, loaded.change), (5, LoadChange::None));
        assert_eq!(loaded.warnings, [LoadWarning::SchemaAhead { stored: 5, known: 3 }]);
        assert_eq!(loaded.document.encode().as_str(), text);
    }
    let refusing = schema.check(|_| Err(Cancel::because("no")));
    assert_eq!(invalid(load(&refusing, "{}", 5)).path, Path::root());
}

#[test]
fn a_version_in_the_data_is_read_from_there_and_written_after_a_migration() {
    let schema = noting(3).version_field("_schemaVersion");
    let becomes = r#"{"_schemaVersion":3,"ran":[1,2,3]}"#;
    check(&schema, "{}", 0, becomes, 3, LoadChange::Migrated);
    let becomes = r#"{"_schemaVersion":3,"ran":[2,3]}"#;
    check(&schema, r#"{"_schemaVersion":1}"#, 0, becomes, 3, LoadChange::Migrated);
    // Somebody put back an old revision: it goes with its own version.
    check(&schema, r#"{"_schemaVersion":1}"#, 3, becomes, 3, LoadChange::Migrated);
    check(&schema, r#"{"_schemaVersion":3}"#, 0, r#"{"_schemaVersion":3}"#, 3, LoadChange::None);
    // Without the field the number beside counts, and without that what absence means.
    check(&schema, "{}", 3, "{}", 3, LoadChange::None);
    let one = noting(2).version_field("version").absence_is(1);
    check(&one, "{}", 0, r#"{"ran":[2],"version":2}"#, 2, LoadChange::Migrated);
    for text in [r#"{"_schemaVersion":-1}"#, r#"{"_schemaVersion":"3"}"#] {
        let refused = invalid(load(&schema, text, 0));
        assert_eq!(refused, InvalidData::because("_schemaVersion", "it is no version"));
    }
    let leaves_none = noting(1).version_field("version").step(1, |data| {
        *data = Value::Null;
        Ok(())
    });
    let failed = load(&leaves_none, "{}", 0);
    assert!(matches!(failed, Err(LoadError::MigrationFailed { version: 1, .. })), "{failed:?}");
}

#[test]
fn defaults_are_supplied_after_the_steps_and_are_no_migration() {
    let schema = Schema::new(1)
        .step(1, |data| Ok(data.remove(&"old".into()).map(drop)?))
        .template(value(r#"{"old":1,"pets":["cat"],"stats":{"kills":0}}"#));
    let becomes = r#"{"old":1,"pets":[],"stats":{"kills":0}}"#;
    check(&schema, r#"{"old":7,"pets":[]}"#, 0, becomes, 1, LoadChange::Migrated);
    check(&schema, r#"{"old":1,"pets":[]}"#, 1, becomes, 1, LoadChange::Reconciled);
    check(&schema, becomes, 1, becomes, 1, LoadChange::None);
}

#[test]
fn what_is_opened_is_within_the_limits_and_passes_the_check_of_the_game() {
    let code = |result: Result<_, LoadError>| result.unwrap_err().code();
    let exactly = format!("\"{}\"", "x".repeat(58));
    assert!(load(&Schema::default(), &exactly, 0).is_ok());
    let larger = format!("\"{}\"", "x".repeat(59));
    assert_eq!(code(load(&Schema::default(), &larger, 0)), Code::DataTooLarge);
    let filled = Schema::default().template(value(&format!(r#"{{"a":"{}"}}"#, "x".repeat(60))));
    assert_eq!(code(load(&filled, "{}", 0)), Code::DataTooLarge);
    assert_eq!(code(load(&Schema::default(), "[[[[[]]]]]", 0)), Code::InvalidData);
    let checked = Schema::default().check(|data| match data.get(&"coins".into()) {
        Some(Value::Number(coins)) if coins.compare(0.into()).is_lt() => {
            Err(InvalidData::because("coins", "less than nothing"))?
        }
        _ => Ok(()),
    });
    assert!(load(&checked, r#"{"coins":0}"#, 0).is_ok());
    let refused = invalid(load(&checked, r#"{"coins":-1}"#, 0));
    assert_eq!(refused, InvalidData::because("coins", "less than nothing"));
    for (error, code) in [
        (LoadError::MigrationMissing { version: 1 }, Code::MigrationMissing),
        (LoadError::MigrationFailed { version: 1, reason: "no".into() }, Code::MigrationFailed),
        (LoadError::SchemaAhead { stored: 2, known: 1 }, Code::SchemaAhead),
        (LoadError::Invalid(refused), Code::InvalidData),
        (LoadError::Panicked, Code::InvalidData),
    ] {
        assert_eq!((error.code(), error.kind()), (code, code.kind()), "{error}");
    }
}

#[test]
fn a_document_keeps_the_rules_of_its_schema() {
    let schema = Schema::default()
        .template(value(r#"{"pets":[],"target":null}"#))
        .transient("target")
        .capacity("pets", 1)
        .check(|data| match data.get(&"cheat".into()) {
            None => Ok(()),
            Some(_) => Err(Cancel::because("no cheating")),
        });
    let text = JsonText::trusted(r#"{"pets":[],"target":"left by earlier code"}"#);
    let stored = Stored { text: &text, schema: 0, is_new: false };
    let mut tree = schema.load_tree(stored, LIMITS).unwrap().document;
    assert_eq!(tree.get("target"), Some(&Value::Null), "it begins anew, as the template says");
    assert_eq!(tree.encode().as_str(), r#"{"pets":[]}"#);
    tree.insert("pets", "cat", Insert::END).unwrap();
    let full = tree.insert("pets", "dog", Insert::END).unwrap_err();
    assert!(matches!(full, EditError::Full { capacity: 1, .. }), "{full}");
    let refused = tree.set("cheat", 1).unwrap_err();
    assert!(matches!(&refused, EditError::Invalid(it) if it.path == Path::root()), "{refused}");
    assert_eq!(tree.encode().as_str(), r#"{"pets":["cat"]}"#);
}

#[derive(Clone, Deserialize, serde::Serialize)]
struct Save {
    coins: i64,
    #[serde(default)]
    pets: Vec<String>,
}

fn load_save(
    schema: &Schema,
    text: &str,
) -> Result<Loaded<crate::document::Typed<Save>>, LoadError> {
    let text = JsonText::trusted(text);
    let check: crate::document::TypedCheck<Save> = Arc::new(|save| {
        if save.coins < 0 {
            Err(InvalidData::because("coins", "less than nothing"))?
        } else {
            Ok(())
        }
    });
    schema.load_typed(Stored { text: &text, schema: 0, is_new: false }, LIMITS, Some(check))
}

#[test]
fn a_type_is_read_after_the_migration_and_checked_at_every_edit() {
    let schema = Schema::new(1)
        .step(1, |data| {
            let gold = data.remove(&"gold".into())?;
            data.set(&"coins".into(), gold)?;
            Ok(())
        })
        .capacity("pets", 1);
    let mut loaded = load_save(&schema, r#"{"gold":5}"#).unwrap();
    assert_eq!((loaded.schema, loaded.change), (1, LoadChange::Migrated));
    assert_eq!(loaded.document.encode().as_str(), r#"{"coins":5}"#, "as the steps left it");
    let poor = loaded.document.edit(|save| {
        save.coins = -1;
        Ok(())
    });
    let Err(EditError::Invalid(poor)) = poor else { panic!("{poor:?}") };
    assert_eq!(poor, InvalidData::because("coins", "less than nothing"));
    let full = loaded.document.edit_value(&mut |draft| {
        draft.insert("pets", "cat", Insert::END)?;
        Ok(draft.insert("pets", "dog", Insert::END).map(drop)?)
    });
    assert!(matches!(full, Err(EditError::Full { capacity: 1, .. })), "{full:?}");
    assert_eq!(loaded.document.get().coins, 5);
    assert_eq!(invalid(load_save(&schema, r#"{"gold":-5}"#)).path, "coins".into());
    assert_eq!(invalid(load_save(&schema, r#"{"gold":"5"}"#)).path, "coins".into());
}

#[test]
fn a_type_that_would_lose_what_its_schema_says_is_not_opened() {
    let forgets = Schema::new(0).version_field("version");
    assert!(load_save(&forgets, r#"{"coins":1}"#).is_ok());
    let refused = invalid(load_save(&forgets, r#"{"coins":1,"version":0}"#));
    assert_eq!(refused, InvalidData { path: "version".into(), problem: Problem::NotKept });
    let transient = Schema::default().transient("pets");
    assert_eq!(invalid(load_save(&transient, r#"{"coins":1}"#)).path, "pets".into());
}

#[track_caller]
fn invalid<T: fmt::Debug>(result: Result<T, LoadError>) -> InvalidData {
    let error = result.unwrap_err();
    let LoadError::Invalid(invalid) = error else { panic!("{error}") };
    invalid
}

/// A schema whose steps wrap whatever there is, and fail at one version if at all.
fn wrapping(version: u32, broken: Option<u32>) -> Schema {
    (1..=version).fold(Schema::new(version), |schema, to| {
        schema.step(to, move |data| {
            let old = std::mem::take(data);
            *data = Value::object([("of", old), ("version", to.into())]);
            if broken == Some(to) { Err(Cancel::because("broken")) } else { Ok(()) }
        })
    })
}

proptest! {
    /// What was migrated is of the version of the code: nothing is left to do.
    #[test]
    fn m2_migrating_again_changes_nothing(v in any_value(), from in 0_u32..4, to in 0_u32..4) {
        let (schema, limits) = (wrapping(to, None), DocumentLimits::default());
        let once = schema.migrate(&v, from, limits).unwrap();
        prop_assert_eq!(schema.migrate(&once, from.max(to), limits), Ok(once.clone()));
        // Each step ran once, the last of them last.
        let mut inner = &once;
        for version in (from + 1..=to).rev() {
            prop_assert_eq!(inner.get(&"version".into()), Some(&Value::from(version)));
            inner = inner.get(&"of".into()).unwrap();
        }
        prop_assert_eq!(inner, &v);
        // The same by way of the text and the number that are stored.
        let text = once.to_json();
        let stored = Stored { text: &text, schema: from.max(to), is_new: false };
        if from <= to {
            let again = schema.load(stored, limits).unwrap();
            prop_assert_eq!(again.change, LoadChange::None);
            prop_assert_eq!((again.document, again.schema), (Held::Text(text.clone()), to));
        }
    }

    /// A step that fails leaves everything as it was, wherever it stands.
    #[test]
    fn m1_a_migration_happens_as_a_whole_or_not_at_all(v in any_value(), broken in 1_u32..4) {
        let before = v.clone();
        let failed = wrapping(3, Some(broken)).migrate(&v, 0, DocumentLimits::default());
        let is_named = matches!(failed, Err(LoadError::MigrationFailed { version, .. }) if version == broken);
        prop_assert!(is_named);
        prop_assert_eq!(v, before);
    }

    /// A second reading of what a first one made adds no defaults.
    #[test]
    fn reconciling_again_changes_nothing(v in any_value(), template in any_value()) {
        let schema = Schema::default().template(template);
        let limits = DocumentLimits::default();
        let text = v.to_json();
        let stored = Stored { text: &text, schema: 0, is_new: false };
        let once = schema.load_tree(stored, limits).unwrap().document.encode();
        let again = Stored { text: &once, ..stored };
        let again = schema.load(again, limits).unwrap();
        prop_assert_eq!(again.change, LoadChange::None);
    }
}
