//! Facts about places in memory only, capacities and checks, and about the details of changes.

use proptest::prelude::*;

use super::*;
use crate::value::tests::any_value;

fn under(text: &str, limits: DocumentLimits, rules: Rules) -> Tree {
    Tree::parse(JsonText::trusted(text), limits).unwrap().under(rules.into())
}

fn aiming() -> Tree {
    let rules = Rules::default().transient(["aim", "at"]).transient("path");
    under(r#"{"aim":{"x":1},"coins":5}"#, DocumentLimits::default(), rules)
}

#[test]
fn what_is_in_memory_only_is_neither_stored_nor_counted() {
    let mut tree = aiming();
    let stored = tree.encode();
    let (_, changes) = tree.set(["aim", "at"], value(r#"["a","b"]"#)).unwrap();
    assert!(!changes.must_be_saved() && !changes.is_empty());
    assert_eq!((changes.paths, changes.transient), (vec![], vec![at("aim.at")]));
    let (_, changes) = tree.set("path", 1).unwrap();
    assert_eq!(changes.transient, [at("path")]);
    assert_eq!((tree.encode(), tree.size()), (stored.clone(), stored.size()));
    // It stays in memory at rest, and with edits of what is stored.
    tree.rest();
    assert!(tree.is_resting());
    assert_eq!(tree.get(at("aim.at[1]")), Some(&"b".into()));
    let (_, changes) = tree.add("coins", 1).unwrap();
    assert_eq!((shown(&changes), changes.transient), (vec!["coins".to_owned()], vec![]));
    assert_eq!(tree.encode().as_str(), r#"{"aim":{"x":1},"coins":6}"#);
    tree.rest();
    tree.rest();
    assert_eq!(tree.snapshot(), value(r#"{"aim":{"at":["a","b"],"x":1},"coins":6,"path":1}"#));
    tree.remove("path").unwrap();
    tree.rest();
    assert_eq!(tree.get("path"), None);
}

#[test]
fn a_change_around_a_place_in_memory_counts_as_what_it_changed() {
    let mut tree = aiming();
    let (_, changes) = tree.set("aim", value(r#"{"at":7,"x":1}"#)).unwrap();
    assert_eq!((changes.paths, changes.transient), (vec![], vec![at("aim")]));
    let (_, changes) = tree.set("aim", value(r#"{"at":8,"x":2}"#)).unwrap();
    assert_eq!((changes.paths, changes.transient), (vec![at("aim")], vec![]));
    let before = tree.snapshot();
    let both = |draft: &mut Draft| {
        draft.set("path", 1)?;
        draft.set("coins", 6).map(drop)
    };
    let ((), changes) = tree.transaction(|draft| Ok(both(draft)?)).unwrap();
    let details = changes.details(&before, &tree.snapshot());
    let shown = |change: &Change| (change.path.to_string(), change.old.clone(), change.new.clone());
    let expected =
        [("coins".into(), Some(5.into()), Some(6.into())), ("path".into(), None, Some(1.into()))];
    assert_eq!(details.iter().map(shown).collect::<Vec<_>>(), expected);
}

#[test]
fn what_text_holds_in_a_place_of_memory_is_gone() {
    let rules = Rules::default().transient("path");
    let mut tree = under(r#"{ "coins":5, "path":1 }"#, DocumentLimits::default(), rules);
    assert_eq!(tree.get("path"), None);
    assert_eq!(tree.encode().as_str(), r#"{"coins":5}"#);
    let rules = Rules::default().transient("path");
    let mut tree = under(r#"{ "coins":5 }"#, DocumentLimits::default(), rules);
    assert!(tree.is_resting());
    assert_eq!(tree.encode().as_str(), r#"{ "coins":5 }"#);
    tree.set("path", 1).unwrap();
    assert_eq!(tree.encode().as_str(), r#"{ "coins":5 }"#, "what is stored is still that text");
}

#[test]
fn v5_the_size_limit_counts_what_is_stored_alone() {
    let stored = r#"{"coins":5}"#;
    let rules = Rules::default().transient("path");
    let mut tree = under(stored, up_to(stored.len()), rules);
    tree.set("path", "x".repeat(100)).unwrap();
    tree.set("coins", 9).unwrap();
    let problem = Problem::TooLarge { actual: stored.len() + 1, limit: stored.len() };
    let refused = InvalidData { path: at("coins"), problem };
    assert_eq!(invalid(tree.set("coins", 10)), refused);
    assert_eq!(tree.size(), stored.len());
    let with = Value::object([("coins", 5.into()), ("path", "x".repeat(100).into())]);
    let rules = Arc::new(Rules::default().transient("path"));
    assert!(Tree::with_rules(with.clone(), up_to(stored.len()), Arc::clone(&rules)).is_ok());
    assert!(Tree::with_rules(with, up_to(stored.len() - 1), rules).is_err());
}

#[test]
fn a_place_inside_another_is_part_of_it_and_one_in_an_array_is_refused() {
    let rules = Rules::default().transient(["a", "b"]).transient("a").transient(["a", "c"]);
    assert_eq!(rules.transient_places(), [at("a")]);
    for path in [Path::root(), at("a[0]")] {
        assert!(std::panic::catch_unwind(|| Rules::default().transient(path)).is_err());
    }
}

#[test]
fn an_array_keeps_its_declared_capacity_however_it_is_changed() {
    let rules = Rules::default().capacity(["bag", "items"], 9).capacity(["bag", "items"], 2);
    let mut tree = under(r#"{"bag":{"items":[1]}}"#, DocumentLimits::default(), rules);
    let items = || at("bag.items");
    let full = |result: Result<(), EditError>| {
        let is_full =
            matches!(&result, Err(EditError::Full { path, capacity: 2 }) if *path == items());
        assert!(is_full, "{result:?}");
    };
    tree.insert(items(), 0, Insert::at(0)).unwrap();
    full(tree.insert(items(), 2, Insert::END.within(3)).map(drop));
    full(tree.insert(items(), 2, Insert::at(0)).map(drop));
    full(tree.set(items().join(2), 2).map(drop));
    full(tree.set(items(), value("[1,2,3]")).map(drop));
    full(tree.set("bag", value(r#"{"items":[1,2,3]}"#)).map(drop));
    full(tree.set(Path::root(), value(r#"{"bag":{"items":[1,2,3]}}"#)).map(drop));
    tree.set(items().join(1), 7).unwrap();
    tree.set("bag", value(r#"{"items":[5,6]}"#)).unwrap();
    let smaller = tree.insert(items(), 1, Insert::END.within(1));
    assert!(matches!(smaller, Err(EditError::Full { capacity: 1, .. })));
    assert_eq!(tree.encode().as_str(), r#"{"bag":{"items":[5,6]}}"#);
}

#[test]
fn an_array_that_is_over_its_capacity_may_stay_or_shrink() {
    let rules = Rules::default().capacity("items", 1);
    let mut tree = under(r#"{"items":[1,2,3]}"#, DocumentLimits::default(), rules);
    tree.set("items", value("[3,2,1]")).unwrap();
    tree.set("items", value("[3,2]")).unwrap();
    assert!(tree.set("items", value("[3,2,1]")).is_err());
    assert!(tree.insert("items", 0, Insert::END).is_err());
    tree.remove(at("items[0]")).unwrap();
    assert_eq!(tree.encode().as_str(), r#"{"items":[2]}"#);
}

#[test]
fn an_edit_that_the_check_refuses_or_that_panics_in_it_changes_nothing() {
    let rules = Rules::default().transient("path").check(|data| {
        assert!(data.get(&"panic".into()).is_none());
        assert!(data.get(&"path".into()).is_none(), "it sees what is stored");
        match data.get(&"coins".into()) {
            Some(_) => Ok(()),
            None => Err(InvalidData::because("coins", "they are gone"))?,
        }
    });
    let mut tree = under(r#"{"coins":5}"#, DocumentLimits::default(), rules);
    tree.set("path", 1).unwrap();
    assert_eq!(invalid(tree.remove("coins")), InvalidData::because("coins", "they are gone"));
    let edit = tree.edit_value(&mut |draft| Ok(draft.remove("coins").map(drop)?));
    assert_eq!(invalid(edit).path, at("coins"));
    let panicked = std::panic::AssertUnwindSafe(|| tree.set("panic", 1));
    assert!(std::panic::catch_unwind(panicked).is_err());
    assert_eq!(tree.encode().as_str(), r#"{"coins":5}"#);
    tree.set("coins", 6).unwrap();
}

#[test]
fn a_difference_tells_what_was_and_what_is() {
    let (before, after) = (value(r#"{"a":[1],"b":1,"c":1}"#), value(r#"{"a":[1,2],"b":2,"d":{}}"#));
    let shown = |change: Change| {
        let text = |value: Option<Value>| value.map(|value| value.to_json().as_str().to_owned());
        (change.path.to_string(), text(change.old), text(change.new))
    };
    let some = |text: &str| Some(text.to_owned());
    let expected = [
        ("a[1]".to_owned(), None, some("2")),
        ("b".to_owned(), some("1"), some("2")),
        ("c".to_owned(), some("1"), None),
        ("d".to_owned(), None, some("{}")),
    ];
    assert_eq!(diff(&before, &after).into_iter().map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(diff(&before, &before), []);
    let gone = Change { path: at("x.y"), old: None, new: Some(1.into()) };
    assert!(gone.apply_to(&mut value("{}")).is_err());
}

#[derive(Clone, Debug)]
enum Step {
    Set(Path, Value),
    Remove(Path),
    Push(Path, Value),
}

fn any_step() -> impl Strategy<Value = Step> {
    let paths = ["a", "m", "a.m", "a.b", "b", "m.x", "b[0]", "b[1]"].map(at);
    let path = || proptest::sample::select(paths.to_vec());
    let values = [r#"{"m":[1,2],"b":{}}"#, "[]", "7", r#"{"x":{"y":"\n"}}"#, "null"].map(value);
    let any = || proptest::sample::select(values.to_vec());
    prop_oneof![
        (path(), any()).prop_map(|(path, value)| Step::Set(path, value)),
        path().prop_map(Step::Remove),
        (path(), any()).prop_map(|(path, value)| Step::Push(path, value)),
    ]
}

proptest! {
    /// Doing the changes to what was gives what is.
    #[test]
    fn doing_a_difference_gives_what_it_leads_to(before in any_value(), after in any_value()) {
        let changes = diff(&before, &after);
        let mut value = before.clone();
        for change in &changes {
            prop_assert_eq!(value.get(&change.path).cloned(), change.old.clone());
            change.apply_to(&mut value).unwrap();
        }
        prop_assert_eq!(value, after);
    }

    /// Whatever is edited, what is stored is the value without its places in memory, its size is that
    /// of its text, and the changes say what has to be saved.
    #[test]
    fn places_in_memory_stay_apart_in_every_edit(steps in prop::collection::vec(any_step(), 1..20)) {
        let rules = Arc::new(Rules::default().transient("m").transient(["a", "m"]));
        let limits = up_to(60);
        let mut tree = Tree::with_rules(value("{}"), limits, Arc::clone(&rules)).unwrap();
        for (index, step) in steps.into_iter().enumerate() {
            let (before, stored) = (tree.snapshot(), tree.encode());
            let changes = match step {
                Step::Set(path, value) => tree.set(path, value).map(|it| it.1),
                Step::Remove(path) => tree.remove(path).map(|it| it.1),
                Step::Push(path, item) => tree.insert(path, item, Insert::END).map(|it| it.1),
            };
            let changes = changes.unwrap_or_default();
            let mut value = before.clone();
            for change in changes.details(&before, &tree.snapshot()) {
                change.apply_to(&mut value).unwrap();
            }
            prop_assert_eq!(&value, tree.value());
            prop_assert_eq!(changes.must_be_saved(), tree.encode() != stored);
            prop_assert_eq!(tree.encode(), rules.stored(&value).to_json());
            prop_assert_eq!(tree.size(), tree.encode().size());
            prop_assert!(tree.size() <= 60);
            if index % 3 == 0 {
                tree.rest();
                prop_assert_eq!(&value, tree.value());
            }
        }
    }
}
