//! Facts about documents over a `serde` type.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};

use super::super::count::checked_size;
use super::*;
use crate::value::tests::{any_value, applied, zoo};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Save {
    coins: u64,
    #[serde(default)]
    pace: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
    #[serde(default)]
    quests: BTreeMap<u32, Quest>,
    #[serde(skip)]
    connection: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Item {
    id: String,
    count: i32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Quest {
    Open,
    Step(u8, u8),
    Done { at: u64 },
}

const STORED: &str =
    r#"{"coins":5,"pace":1.5,"items":[{"id":"a","count":1}],"quests":{"7":"Open"}}"#;

fn save() -> Typed<Save> {
    Typed::parse(JsonText::trusted(STORED), DocumentLimits::default()).unwrap()
}

fn refused<T: fmt::Debug>(result: Result<T, EditError>) -> (String, Problem) {
    let InvalidData { path, problem } = invalid(result);
    (path.to_string(), problem)
}

fn edit<T>(document: &mut Typed<T>, edit: impl FnOnce(&mut T))
where
    T: Serialize + serde::de::DeserializeOwned + Clone + Send + 'static,
{
    let edited = document.edit(|value| {
        edit(value);
        Ok(())
    });
    edited.unwrap();
}

#[test]
fn an_edit_is_swapped_in_whole_and_stored_as_the_type_writes_it() {
    let mut save = save();
    assert_eq!(save.encode().as_str(), STORED);
    let had = save.edit(|s| Ok(std::mem::replace(&mut s.coins, 7))).unwrap();
    assert_eq!((had, save.get().coins), (5, 7));
    edit(&mut save, |s| assert!(s.quests.insert(8, Quest::Step(1, 2)).is_none()));
    let text = STORED
        .replace(r#""coins":5"#, r#""coins":7"#)
        .replace(r#""Open"}"#, r#""Open","8":{"Step":[1,2]}}"#);
    assert_eq!(save.size(), text.len());
    assert_eq!(save.encode().as_str(), text);
    assert!(std::ptr::eq(save.encode().as_str(), save.encode().as_str()));
    let again: Typed<Save> = Typed::parse(save.encode(), DocumentLimits::default()).unwrap();
    assert_eq!(again.get(), save.get());
}

#[test]
fn an_edit_that_fails_is_cancelled_or_panics_changes_nothing() {
    let mut save = save();
    let before = save.get().clone();
    let cancelled = save.edit(|s| -> Result<(), Cancel> {
        s.coins = 0;
        Err(Cancel::because("no"))
    });
    assert!(matches!(cancelled, Err(EditError::Cancelled(_))));
    let infinite = save.edit(|s| {
        (s.coins, s.pace) = (0, f64::INFINITY);
        Ok(())
    });
    assert_eq!(refused(infinite), ("pace".into(), Problem::NotFinite));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        save.edit(|s| -> Result<(), Cancel> {
            s.coins = 0;
            panic!("a bug in the game")
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(save.get(), &before);
    assert_eq!(save.encode().as_str(), STORED);
    assert!(save.difference().is_empty());
}

#[test]
fn the_difference_is_exact_and_counts_from_the_last_call() {
    let mut save = save();
    assert!(save.difference().is_empty());
    save.edit(|s| {
        s.coins += 1;
        s.items.push(Item { id: "b".into(), count: 1 });
        s.quests.insert(7, Quest::Done { at: 3 });
        s.connection = 9;
        Ok(())
    })
    .unwrap();
    edit(&mut save, |s| s.items[0].count += 1);
    assert_eq!(shown(&save.difference()), ["coins", "items", "quests.7"]);
    assert!(save.difference().is_empty());
    edit(&mut save, |s| s.items[1].count += 1);
    save.rest();
    assert_eq!(shown(&save.difference()), ["items[1].count"]);
    save.rest();
    edit(&mut save, |s| s.items.clear());
    assert_eq!(shown(&save.difference()), ["items"]);
    edit(&mut save, |_| ());
    assert!(save.difference().is_empty(), "an edit that changed nothing differs nowhere");
}

#[test]
fn what_serde_skips_survives_edits_and_rest() {
    let mut save = save();
    edit(&mut save, |s| s.connection = 9);
    save.rest();
    assert_eq!(save.get().connection, 9);
    assert_eq!(save.encode().as_str(), STORED);
    assert_eq!(save.size(), STORED.len());
}

#[test]
fn a_document_that_rests_as_text_is_made_again_without_what_serde_skips() {
    let mut save = save().resting_as_text();
    save.edit(|s| {
        (s.coins, s.connection) = (6, 9);
        Ok(())
    })
    .unwrap();
    save.rest();
    assert!(save.is_resting());
    assert_eq!(shown(&save.difference()), ["coins"]);
    assert_eq!((save.get().coins, save.get().connection), (6, 0));
    save.rest();
    edit(&mut save, |s| s.coins = 7);
    assert_eq!(save.encode().as_str(), STORED.replace(r#""coins":5"#, r#""coins":7"#));
}

#[test]
fn a_type_that_does_not_read_what_it_writes_keeps_its_value() {
    #[derive(Clone, Serialize, Deserialize)]
    struct OneWay {
        #[serde(rename(serialize = "out", deserialize = "in"))]
        number: u8,
    }
    let made = Typed::new(OneWay { number: 3 }, DocumentLimits::default()).unwrap();
    let mut document = made.resting_as_text();
    document.rest();
    assert!(!document.is_resting());
    assert_eq!(document.get().number, 3);
    assert_eq!(document.encode().as_str(), r#"{"out":3}"#);
}

#[test]
fn what_is_stored_but_not_of_the_type_is_named_with_its_place() {
    for (text, path, message) in [
        (r#"{"coins":"x"}"#, "coins", r#"invalid type: string "x", expected u64"#),
        (r#"{"coins":1,"items":[{"id":"a"}]}"#, "items[0]", "missing field `count`"),
        (
            "{\n\"coins\":1,\n\"items\":[3]}",
            "items[0]",
            "invalid type: integer `3`, expected struct Item",
        ),
        ("[]", "(root)", "invalid length 0, expected struct Save with 4 elements"),
    ] {
        let refused = Typed::<Save>::parse(JsonText::trusted(text), DocumentLimits::default());
        let InvalidData { path: at, problem } = refused.unwrap_err();
        let expected = Problem::WrongType { message: message.into() };
        assert_eq!((at.to_string().as_str(), problem), (path, expected));
    }
}

#[test]
fn v5_the_size_limit_of_a_typed_document_is_exact() {
    let exact = up_to(STORED.len());
    let mut save = Typed::<Save>::parse(JsonText::trusted(STORED), exact).unwrap();
    edit(&mut save, |s| s.coins = 9);
    let larger = save.edit(|s| {
        s.coins = 10;
        Ok(())
    });
    let problem = Problem::TooLarge { actual: STORED.len() + 1, limit: STORED.len() };
    assert_eq!(refused(larger), ("(root)".into(), problem));
    let smaller = up_to(STORED.len() - 1);
    assert!(Typed::<Save>::parse(JsonText::trusted(STORED), smaller).is_err());
    assert!(Typed::new(save.get().clone(), smaller).is_err());
}

#[test]
fn v5_the_deepest_typed_document_can_be_read_again() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Nest(Vec<Nest>);

    let nest = |depth| (1..depth).fold(Nest(vec![]), |inner, _| Nest(vec![inner]));
    let mut document = Typed::new(nest(TYPED_DEPTH_MAX), DocumentLimits::default()).unwrap();
    let text = document.encode();
    assert!(Typed::<Nest>::parse(text, DocumentLimits::default()).is_ok());
    let deeper = document.edit(|n| {
        *n = nest(TYPED_DEPTH_MAX + 1);
        Ok(())
    });
    assert_eq!(refused(deeper).1, Problem::TooDeep { limit: TYPED_DEPTH_MAX });
    assert!(Typed::new(nest(4), deep_up_to(3)).is_err());
    assert!(Typed::new(nest(3), deep_up_to(3)).is_ok());
}

#[test]
fn counting_finds_what_building_finds() {
    fn check<T: Serialize>(source: &T) {
        let counted = checked_size(source, DocumentLimits::default()).map(|_| ());
        let built = Value::from_serialize(source, DocumentLimits::DEPTH_MAX).map(|_| ());
        assert_eq!(counted, built);
        assert!(built.is_err());
    }
    #[derive(Serialize)]
    struct Flat {
        z: u8,
        #[serde(flatten)]
        rest: BTreeMap<&'static str, u8>,
    }

    check(&BTreeMap::from([("a", BTreeMap::from([("b", vec![1.0, f64::NAN])]))]));
    check(&(1, [BTreeMap::from([((1, 2), 3)])]));
    check(&BTreeMap::from([("x", Flat { z: 1, rest: BTreeMap::from([("a", 1), ("z", 1)]) })]));
    check(&[(1, u128::MAX)]);
    check(&Some(serde_json::value::RawValue::from_string("1".into()).unwrap()));
    check(&BTreeMap::from([("a", f32::NAN)]));
}

#[test]
fn counting_gives_the_size_of_the_text_of_every_shape() {
    let text = serde_json::to_string(&zoo()).unwrap();
    assert_eq!(checked_size(&zoo(), DocumentLimits::default()), Ok(text.len()));
    let unordered: HashMap<String, u8> = (0..200).map(|n| (format!("k{n}"), n)).collect();
    let text = serde_json::to_string(&unordered).unwrap();
    assert_eq!(checked_size(&unordered, DocumentLimits::default()), Ok(text.len()));
}

#[test]
fn a_typed_document_shows_nothing_of_its_values_when_it_is_logged() {
    let document: Box<dyn Document> = Box::new(save());
    assert_eq!(
        format!("{document:?}"),
        format!(
            "Typed {{ size: {}, limits: DocumentLimits {{ size_max: 3800000, depth_max: 127 }}, .. }}",
            STORED.len()
        )
    );
    assert!(document.as_any().is::<Typed<Save>>());
}

#[test]
fn a_typed_document_is_edited_by_path_and_the_type_has_the_last_word() {
    let mut save = save();
    edit(&mut save, |s| s.connection = 9);
    let mut add = |draft: &mut Draft| {
        draft.add("coins", 3)?;
        draft.insert("items", value(r#"{"id":"b","count":2}"#), Insert::END)?;
        Ok(())
    };
    assert_eq!(shown(&save.edit_value(&mut add).unwrap()), ["coins", "items[1]"]);
    assert_eq!((save.get().coins, save.get().items[1].count), (8, 2));
    assert_eq!(save.get().connection, 0, "what serde skips begins anew");
    assert_eq!(shown(&save.difference()), ["coins", "items[1]"]);
    // Left out because it is empty: nothing is lost.
    let cleared = save.edit_value(&mut |draft| Ok(draft.set("items", value("[]")).map(drop)?));
    assert_eq!(shown(&cleared.unwrap()), ["items"]);
    assert_eq!(save.snapshot_value().get(&at("items")), None);
}

#[test]
fn an_edit_by_path_that_the_type_cannot_hold_changes_nothing() {
    let mut save = save();
    let stored = save.encode();
    let wrong = |message: &str| Problem::WrongType { message: message.into() };
    for (path, put, at, problem) in [
        ("coins", "-1", "coins", wrong("invalid value: integer `-1`, expected u64")),
        ("items[0]", "{}", "items[0]", wrong("missing field `id`")),
        ("gems", "1", "gems", Problem::NotKept),
        ("items[0]", r#"{"id":"a","count":0,"age":[1]}"#, "items[0].age", Problem::NotKept),
    ] {
        let put = value(put);
        let set =
            save.edit_value(&mut |draft| Ok(draft.set(super::at(path), put.clone()).map(drop)?));
        assert_eq!(refused(set), (at.to_owned(), problem), "{path}");
    }
    let gone = save.edit_value(&mut |draft| Ok(draft.remove("coins").map(drop)?));
    assert_eq!(refused(gone), ("(root)".into(), wrong("missing field `coins`")));
    let cancelled = save.edit_value(&mut |draft| {
        draft.add("coins", 1)?;
        Err(Cancel::because("no"))
    });
    assert!(matches!(cancelled, Err(EditError::Cancelled(_))));
    let nothing = save.edit_value(&mut |draft| Ok(draft.set("coins", 5).map(drop)?)).unwrap();
    assert!(nothing.is_empty());
    assert!(save.difference().is_empty());
    assert_eq!(save.encode(), stored);
}

proptest::proptest! {
    /// What is counted is what is written, whatever it is.
    #[test]
    fn counting_agrees_with_writing(v in any_value()) {
        let text = serde_json::to_string(&v).unwrap();
        proptest::prop_assert_eq!(checked_size(&v, DocumentLimits::default()), Ok(text.len()));
    }

    /// A fraction comes back bit by bit.
    #[test]
    fn a_fraction_is_read_as_it_was_stored(number in proptest::num::f64::NORMAL) {
        let mut stored = Typed::new(number, DocumentLimits::default()).unwrap();
        let read = Typed::<f64>::parse(stored.encode(), DocumentLimits::default()).unwrap();
        proptest::prop_assert_eq!(read.get().to_bits(), number.to_bits());
    }

    /// The difference of a typed document leads from what was to what is.
    #[test]
    fn the_difference_leads_from_what_was_to_what_is(a in any_value(), b in any_value()) {
        let typed = |v: &Value| serde_json::from_str::<serde_json::Value>(v.to_json().as_str()).unwrap();
        let mut document = Typed::new(typed(&a), DocumentLimits::default()).unwrap();
        let before = Value::from_serialize(document.get(), 128).unwrap();
        edit(&mut document, |v| *v = typed(&b));
        let after = Value::from_serialize(document.get(), 128).unwrap();
        let changes = document.difference();
        proptest::prop_assert_eq!(applied(&before, &after, &changes.paths), after);
    }
}
