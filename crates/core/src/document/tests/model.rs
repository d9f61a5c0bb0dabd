//! Random edits against a naive model: another JSON library, whole copies, sizes by writing.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::path::Step;
use crate::value::tests::applied;

const LIMITS: DocumentLimits = DocumentLimits { size_max: 160, depth_max: 4 };

#[derive(Clone, Debug)]
enum Edit {
    Set(Path, Value),
    Remove(Path),
    Add(Path, i64),
    Debit(Path, i64),
    Insert(Path, Insert, Value),
}

fn model(value: &Value) -> Json {
    serde_json::from_str(value.to_json().as_str()).unwrap()
}

fn steps_to<'a>(root: &'a mut Json, steps: &[Step]) -> Option<&'a mut Json> {
    steps.iter().try_fold(root, |json, step| match step {
        Step::Key(key) => json.as_object_mut()?.get_mut(&**key),
        Step::Index(index) => json.as_array_mut()?.get_mut(*index),
    })
}

fn put(root: &mut Json, path: &Path, new: Json) -> Option<()> {
    let Some((last, parents)) = path.steps().split_last() else {
        *root = new;
        return Some(());
    };
    match (steps_to(root, parents)?, last) {
        (Json::Object(members), Step::Key(key)) => drop(members.insert(key.to_string(), new)),
        (Json::Array(items), Step::Index(index)) if *index < items.len() => items[*index] = new,
        (Json::Array(items), Step::Index(index)) if *index == items.len() => items.push(new),
        _ => return None,
    }
    Some(())
}

fn take(root: &mut Json, path: &Path) -> Option<()> {
    let Some((last, parents)) = path.steps().split_last() else {
        *root = Json::Null;
        return Some(());
    };
    match (steps_to(root, parents)?, last) {
        (Json::Object(members), Step::Key(key)) => members.remove(&**key).map(drop),
        (Json::Array(items), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
            Some(())
        }
        _ => None,
    }
}

fn number(root: &mut Json, path: &Path) -> Option<i64> {
    steps_to(root, path.steps()).map_or(Some(0), |json| json.as_i64())
}

fn depth(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
    }
}

/// The model after an edit, if that can be made.
fn edited(before: &Json, edit: &Edit) -> Option<Json> {
    let mut json = before.clone();
    match edit {
        Edit::Set(path, new) => put(&mut json, path, model(new))?,
        Edit::Remove(path) => return take(&mut json, path).map(|()| json),
        Edit::Add(path, by) => {
            let sum = number(&mut json, path)?.checked_add(*by)?;
            put(&mut json, path, sum.into())?;
        }
        Edit::Debit(path, by) => {
            let left = number(&mut json, path)?.checked_sub(*by).filter(|left| *left >= 0)?;
            put(&mut json, path, Some(left).filter(|_| *by >= 0)?.into())?;
        }
        Edit::Insert(path, Insert { index, capacity }, new) => {
            let items = steps_to(&mut json, path.steps())?.as_array_mut()?;
            let index = index.unwrap_or(items.len());
            if index > items.len() || capacity.is_some_and(|capacity| items.len() >= capacity) {
                return None;
            }
            items.insert(index, model(new));
        }
    }
    let fits = depth(&json) <= LIMITS.depth_max && json.to_string().len() <= LIMITS.size_max;
    (fits || json == *before).then_some(json)
}

fn run(draft: &mut Draft, edit: Edit) -> Result<(), EditError> {
    match edit {
        Edit::Set(path, value) => draft.set(path, value).map(drop),
        Edit::Remove(path) => draft.remove(path).map(drop),
        Edit::Add(path, by) => draft.add(path, by).map(drop),
        Edit::Debit(path, by) => draft.try_debit(path, by).map(drop),
        Edit::Insert(path, at, value) => draft.insert(path, value, at).map(drop),
    }
}

fn run_alone(tree: &mut Tree, edit: Edit) -> Result<Changes, EditError> {
    Ok(match edit {
        Edit::Set(path, value) => tree.set(path, value)?.1,
        Edit::Remove(path) => tree.remove(path)?.1,
        Edit::Add(path, by) => tree.add(path, by)?.1,
        Edit::Debit(path, by) => tree.try_debit(path, by)?.1,
        Edit::Insert(path, at, value) => tree.insert(path, value, at)?.1,
    })
}

#[track_caller]
fn check_changes(before: &Value, after: &Value, changes: &Changes) {
    assert_eq!(applied(before, after, &changes.paths), *after, "{changes:?}");
    for (index, path) in changes.paths.iter().enumerate() {
        let others = changes.paths.iter().enumerate().filter(|(other, _)| *other != index);
        assert!(others.into_iter().all(|(_, other)| !path.contains(other)), "{changes:?}");
        assert_ne!(before.get(path), after.get(path), "{path} did not change");
    }
    assert_eq!(changes.is_empty(), before == after);
}

#[track_caller]
fn check_same(tree: &mut Tree, json: &Json) {
    assert_eq!(model(tree.value()), *json);
    let size = tree.size();
    let text = tree.encode();
    assert_eq!(size, text.size());
    assert_eq!(text.as_str(), tree.value().to_json().as_str());
}

fn any_path() -> impl Strategy<Value = Path> {
    let step = prop_oneof![
        3 => "[ab]".prop_map(|key| Step::from(key.as_str())),
        2 => (0..4_usize).prop_map(Step::from),
    ];
    proptest::collection::vec(step, 0..5).prop_map(Path::from_iter)
}

fn any_small() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (-9..100_i64).prop_map(Value::from),
        "[x\"\n]{0,30}".prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(Value::object),
        ]
    })
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let insert = (any_path(), any::<Option<u8>>(), any::<Option<u8>>(), any_small());
    prop_oneof![
        4 => (any_path(), any_small()).prop_map(|(path, value)| Edit::Set(path, value)),
        2 => any_path().prop_map(Edit::Remove),
        1 => (any_path(), -9..100_i64).prop_map(|(path, by)| Edit::Add(path, by)),
        1 => (any_path(), -9..100_i64).prop_map(|(path, by)| Edit::Debit(path, by)),
        3 => insert.prop_map(|(path, index, capacity, value)| {
            let small = |number: u8| usize::from(number % 5);
            let at = Insert { index: index.map(small), capacity: capacity.map(small) };
            Edit::Insert(path, at, value)
        }),
    ]
}

fn start() -> Value {
    value(r#"{"a":[1,{"b":2},[3]],"b":{"a":[],"b":5}}"#)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Every single edit does what the model does, or fails as it does and changes nothing.
    #[test]
    fn single_edits_agree_with_the_model(edits in proptest::collection::vec(any_edit(), 1..30)) {
        let mut tree = Tree::new(start(), LIMITS).unwrap();
        let mut json = model(&start());
        let mut kept = Vec::new();
        for (index, edit) in edits.into_iter().enumerate() {
            let before = tree.snapshot();
            let expected = edited(&json, &edit);
            let done = run_alone(&mut tree, edit);
            prop_assert_eq!(done.is_ok(), expected.is_some(), "{:?}", done);
            check_changes(&before, tree.value(), &done.unwrap_or_default());
            json = expected.unwrap_or(json);
            check_same(&mut tree, &json);
            kept.push((before.to_json(), before));
            if index % 3 == 0 {
                tree.rest();
            }
        }
        for (text, snapshot) in kept {
            prop_assert_eq!(snapshot.to_json(), text, "a snapshot changed");
        }
    }

    /// A transaction does all its steps or, when it is cancelled, none; failed steps do nothing.
    #[test]
    fn transactions_agree_with_the_model(
        transactions in proptest::collection::vec(
            (proptest::collection::vec(any_edit(), 0..12), any::<bool>()), 1..5)
    ) {
        let mut tree = Tree::new(start(), LIMITS).unwrap();
        let mut json = model(&start());
        for (edits, is_cancelled) in transactions {
            let before = tree.snapshot();
            let mut expected = json.clone();
            let done = tree.transaction(|draft| {
                for edit in edits {
                    let next = edited(&expected, &edit);
                    assert_eq!(run(draft, edit).is_ok(), next.is_some());
                    expected = next.unwrap_or(expected.clone());
                    assert_eq!(model(draft.value()), expected);
                }
                if is_cancelled { Err(Cancel::because("cancelled")) } else { Ok(()) }
            });
            prop_assert_eq!(done.is_err(), is_cancelled);
            let changes = done.map(|((), changes)| changes).unwrap_or_default();
            check_changes(&before, tree.value(), &changes);
            json = if is_cancelled { json } else { expected };
            check_same(&mut tree, &json);
        }
    }
}
