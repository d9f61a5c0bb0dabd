//! Facts about documents over a value.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::error::ErrorKind;
use crate::value::{ArithmeticError, Number, PathError};

const PLAYER: &str = r#"{"coins":5,"items":["a","b"],"name":"x","stats":{"kills":1}}"#;

/// The places that a transaction changes.
fn changed(edit: impl FnOnce(&mut Draft) -> Result<(), Cancel>) -> Vec<String> {
    let mut tree = tree(PLAYER);
    let ((), changes) = tree.transaction(edit).unwrap();
    shown(&changes)
}

#[test]
fn a_transaction_swaps_in_everything_and_names_the_places() {
    let mut tree = tree(PLAYER);
    let (left, changes) = tree
        .transaction(|draft| {
            draft.set(at("stats.wins"), 1)?;
            draft.insert("items", "c", Insert::END)?;
            draft.remove("name")?;
            Ok(draft.try_debit("coins", 2)?)
        })
        .unwrap();
    assert_eq!(left, 3.into());
    assert_eq!(shown(&changes), ["stats.wins", "items[2]", "name", "coins"]);
    let text = r#"{"coins":3,"items":["a","b","c"],"stats":{"kills":1,"wins":1}}"#;
    assert_eq!(tree.encode().as_str(), text);
    assert_eq!(tree.size(), text.len());
}

#[test]
fn a_draft_shows_its_own_steps_and_the_document_none_of_them() {
    let mut tree = tree(PLAYER);
    let before = tree.snapshot();
    let refused = tree.transaction(|draft| -> Result<(), Cancel> {
        draft.set("coins", 100)?;
        assert_eq!(draft.get("coins"), Some(&Value::from(100)));
        assert_eq!(draft.value().get(&at("items[0]")), Some(&Value::from("a")));
        Err(Cancel::because("not today"))
    });
    let error = refused.unwrap_err();
    assert_eq!(error.to_string(), "the edit was cancelled");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "not today");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(tree.value(), &before);
    assert_eq!(tree.encode().as_str(), PLAYER);
}

#[test]
fn an_error_of_the_caller_comes_back_as_what_it_is() {
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("the shop is closed")]
    struct Closed;

    let refused = tree(PLAYER).transaction(|_| -> Result<(), Cancel> { Err(Closed)? });
    let error = refused.unwrap_err();
    assert_eq!(error.cancelled_by::<Closed>(), Some(&Closed));
    assert_eq!(error.cancelled_by::<std::io::Error>().map(ToString::to_string), None);
}

#[test]
fn a_step_that_failed_may_be_caught_and_the_transaction_goes_on() {
    let paths = changed(|draft| {
        assert!(draft.try_debit("coins", 6).is_err());
        assert!(draft.set("a.b", 1).is_ok(), "text that looks like a path is one key");
        draft.add(at("stats.kills"), 1)?;
        Ok(())
    });
    assert_eq!(paths, [r#"["a.b"]"#, "stats.kills"]);
}

#[test]
fn a_panic_in_an_edit_leaves_the_document_as_it_was() {
    let mut tree = tree(PLAYER);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        tree.transaction(|draft| -> Result<(), Cancel> {
            draft.set("coins", 100)?;
            panic!("a bug in the game");
        })
    }));
    assert!(panicked.is_err());
    let panicked = catch_unwind(AssertUnwindSafe(|| tree.patch("coins", |_| panic!("a bug"))));
    assert!(panicked.is_err());
    assert_eq!(tree.value(), &value(PLAYER));
    assert_eq!(tree.encode().as_str(), PLAYER);
    assert_eq!(tree.add("coins", 1).unwrap().0, 6.into());
}

#[test]
fn places_inside_a_changed_place_are_not_named_again() {
    let inner_first = changed(|draft| {
        draft.set(at("stats.kills"), 2)?;
        draft.set("coins", 1)?;
        draft.set("stats", Value::object([("wins", Value::from(1))]))?;
        draft.set(at("stats.wins"), 2)?;
        Ok(())
    });
    assert_eq!(inner_first, ["stats", "coins"]);
    let neighbours = changed(|draft| {
        draft.set("stats2", 1)?;
        draft.set(at("stats.kills"), 3)?;
        draft.set("stats", 1)?;
        Ok(())
    });
    assert_eq!(neighbours, ["stats2", "stats"]);
    assert_eq!(
        changed(|draft| draft.set(Path::root(), 1).map(drop).map_err(Into::into)),
        ["(root)"]
    );
}

#[test]
fn what_was_changed_back_is_no_change() {
    let mut tree = tree(PLAYER);
    let text = tree.encode();
    let ((), changes) = tree
        .transaction(|draft| {
            draft.add("coins", 1)?;
            draft.add("coins", -1)?;
            draft.set("name", "x")?;
            let items = draft.remove("items")?;
            draft.set("items", items)?;
            draft.insert("items", "c", Insert::END)?;
            draft.remove(at("items[2]"))?;
            Ok(())
        })
        .unwrap();
    assert!(changes.is_empty());
    assert!(tree.set("coins", 5).unwrap().1.is_empty());
    let mut nothing = Tree::new(Value::Null, DocumentLimits::default()).unwrap();
    assert!(nothing.remove(Path::root()).unwrap().1.is_empty());
    let same = tree.encode();
    assert!(std::ptr::eq(text.as_str(), same.as_str()), "the text is the one that was cached");
}

#[test]
fn an_array_that_moved_its_items_changed_as_a_whole() {
    let inserted = |index| {
        changed(move |draft| {
            assert_eq!(draft.insert("items", 1, Insert::at(index))?, index);
            Ok(())
        })
    };
    assert_eq!(inserted(0), ["items"]);
    assert_eq!(inserted(2), ["items[2]"]);
    let removed = changed(|draft| {
        draft.remove(at("items[1]"))?;
        Ok(())
    });
    assert_eq!(removed, ["items"]);
    let replaced = changed(|draft| {
        draft.set(at("items[1]"), 1)?;
        Ok(())
    });
    assert_eq!(replaced, ["items[1]"]);
}

#[test]
fn arithmetic_is_checked_and_refuses_what_is_no_number() {
    let mut tree = tree(r#"{"big":9223372036854775807,"name":"x","half":0.5}"#);
    assert_eq!(tree.add("big", 1).unwrap().0, Number::Unsigned(1 << 63));
    assert_eq!(tree.add("new", -3).unwrap().0, Number::Integer(-3));
    assert_eq!(tree.add("half", 2).unwrap().0.compare(2.into()), std::cmp::Ordering::Greater);
    let before = tree.snapshot();
    let error = tree.add("big", u64::MAX).unwrap_err();
    assert!(matches!(
        error,
        EditError::Arithmetic { ref path, source: ArithmeticError::OutOfRange }
            if *path == at("big")
    ));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = tree.add("half", (1_i64 << 53) + 1).unwrap_err();
    assert!(matches!(error, EditError::Arithmetic { source: ArithmeticError::Inexact, .. }));
    let error = tree.add("name", 1).unwrap_err();
    assert!(matches!(error, EditError::NotNumber { ref path } if *path == at("name")));
    assert_eq!(error.to_string(), "`name` is not a number");
    assert_eq!(tree.value(), &before);
}

#[test]
fn a_debit_takes_all_or_tells_what_there_is() {
    let mut tree = tree(r#"{"coins":5,"gems":0.5}"#);
    assert_eq!(tree.try_debit("coins", 5).unwrap().0, 0.into());
    assert_eq!(tree.try_debit("coins", 0).unwrap().0, 0.into());
    for (path, amount, available) in [("coins", 1, 0.into()), ("nothing", 1, 0.into())] {
        let error = tree.try_debit(path, amount).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let EditError::InsufficientFunds { path: at, available: found } = error else {
            panic!("{error}");
        };
        assert_eq!((at, found), (path.into(), available));
    }
    let error = tree.try_debit("gems", 1).unwrap_err();
    assert!(matches!(error, EditError::InsufficientFunds { .. }));
    let error = tree.try_debit("coins", -1).unwrap_err();
    assert!(matches!(error, EditError::NegativeDebit { .. }), "a debit never gives");
    let error = tree.try_debit("coins", u64::MAX).unwrap_err();
    assert!(matches!(error, EditError::InsufficientFunds { .. }));
    assert_eq!(tree.get("nothing"), None);
}

#[test]
fn an_array_takes_items_up_to_its_capacity() {
    let mut tree = tree(r#"{"items":[1]}"#);
    assert_eq!(tree.insert("items", 2, Insert::END.within(2)).unwrap().0, 1);
    let error = tree.insert("items", 3, Insert::at(0).within(2)).unwrap_err();
    assert!(matches!(error, EditError::Full { capacity: 2, .. }));
    assert_eq!(error.to_string(), "`items` is full with 2 items");
    let error = tree.insert("items", 3, Insert::at(3)).unwrap_err();
    assert!(
        matches!(&error, EditError::Path(PathError::Missing { path }) if *path == at("items[3]"))
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = tree.insert("pets", 3, Insert::END).unwrap_err();
    assert!(matches!(&error, EditError::Path(PathError::Missing { path }) if *path == at("pets")));
    assert_eq!(tree.insert("items", 0, Insert::at(0)).unwrap().0, 0);
    assert_eq!(tree.encode().as_str(), r#"{"items":[0,1,2]}"#);
}

#[test]
fn patch_sees_what_stands_there() {
    let mut tree = tree(PLAYER);
    let (old, changes) =
        tree.patch("name", |name| Ok(Value::from(format!("{}!", name.is_some())))).unwrap();
    assert_eq!((old, shown(&changes)), (Some(Value::from("x")), vec!["name".to_owned()]));
    assert_eq!(tree.get("name"), Some(&Value::from("true!")));
    let refused = tree.patch("name", |_| Err(Cancel::because("no")));
    assert!(matches!(refused, Err(EditError::Cancelled(_))));
    let patched = tree.transaction(|draft| Ok(draft.patch("new", |_| Ok(Value::Null))?));
    assert_eq!(patched.unwrap().0, None);
    assert_eq!(tree.get("new"), Some(&Value::Null));
}

#[test]
fn v5_a_size_at_the_limit_is_accepted_and_one_byte_more_refused() {
    let text = r#"{"name":"xxxx"}"#;
    let exact = up_to(text.len());
    let mut tree = Tree::parse(JsonText::trusted(text), exact).unwrap();
    assert!(tree.set("name", "yyyy").is_ok());
    let problem = Problem::TooLarge { actual: text.len() + 1, limit: text.len() };
    let refused = InvalidData { path: at("name"), problem };
    for longer in ["yyyyy", "yyy\""] {
        assert_eq!(invalid(tree.set("name", longer)), refused);
    }
    assert_eq!(refused.to_string(), "the data at `name` cannot be stored");
    assert_eq!(refused.problem.to_string(), "it would have 16 bytes as JSON, the limit is 15");
    assert!(tree.set("b", 1).is_err());
    assert_eq!(tree.encode().as_str(), r#"{"name":"yyyy"}"#);
    assert!(Tree::parse(JsonText::trusted(text), up_to(text.len() - 1)).is_err());
    assert!(Tree::new(value(text), exact).is_ok());
    assert!(Tree::new(value(text), up_to(text.len() - 1)).is_err());
}

#[test]
fn v5_a_depth_at_the_limit_is_accepted_and_one_more_refused() {
    let mut tree = Tree::parse(JsonText::trusted(r#"{"a":[]}"#), deep_up_to(3)).unwrap();
    assert!(tree.set("b", value("[[]]")).is_ok());
    let too_deep = InvalidData { path: at("b"), problem: Problem::TooDeep { limit: 3 } };
    for (path, inner) in [("b", "[[[]]]"), ("b", "[[{}]]")] {
        assert_eq!(invalid(tree.set(path, value(inner))), too_deep);
    }
    assert!(tree.insert("a", value("[1]"), Insert::END).is_ok());
    assert!(tree.insert("a", value("[]"), Insert::at(0)).is_ok());
    assert!(tree.insert("a", value("[[]]"), Insert::at(0)).is_err());
    assert!(Tree::parse(JsonText::trusted("[[[[]]]]"), deep_up_to(3)).is_err());
    assert!(Tree::parse(JsonText::trusted("[[[]]]"), deep_up_to(3)).is_ok());
}

#[test]
fn text_that_no_session_can_hold_is_refused_where_it_stands() {
    let text = JsonText::trusted(r#"{"a":[1,18446744073709551616]}"#);
    let refused = Tree::parse(text, DocumentLimits::default()).unwrap_err();
    assert_eq!(refused.path, at("a[1]"));
    assert!(matches!(refused.problem, Problem::NotValue(_)));
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[test]
fn at_rest_only_the_text_is_kept_and_everything_goes_on() {
    let sent = " {\"b\" : 1e2, \"a\":\"\\u0041\"}";
    let mut tree = tree(sent);
    tree.rest();
    assert!(tree.is_resting());
    assert_eq!(tree.encode().as_str(), sent, "an unchanged document is what was stored");
    assert_eq!(tree.size(), sent.len());
    assert_eq!(tree.get("a"), Some(&Value::from("A")));
    tree.rest();
    tree.set("c", true).unwrap();
    assert_eq!(tree.size(), r#"{"a":"A","b":100.0,"c":true}"#.len());
    tree.rest();
    assert!(tree.is_resting());
    assert_eq!(tree.encode().as_str(), r#"{"a":"A","b":100.0,"c":true}"#);
    tree.rest();
    assert_eq!(tree.transaction(|draft| Ok(draft.remove("c")?)).unwrap().0, Value::Bool(true));
}

#[test]
fn a_snapshot_never_changes_and_the_document_never_through_it() {
    let mut tree = tree(PLAYER);
    let snapshot = tree.snapshot();
    tree.set(at("stats.kills"), 9).unwrap();
    let mut own = tree.snapshot();
    own.set(&at("stats.kills"), 100.into()).unwrap();
    assert_eq!(snapshot.to_json().as_str(), PLAYER);
    assert_eq!(tree.get(at("stats.kills")), Some(&Value::from(9)));
}

#[test]
fn a_template_fills_a_draft_within_the_limits() {
    let template = value(r#"{"coins":0,"stats":{"wins":0}}"#);
    let mut tree = tree(PLAYER);
    let ((), changes) = tree.transaction(|draft| Ok(draft.reconcile(&template)?)).unwrap();
    assert_eq!(shown(&changes), ["stats.wins"]);
    let full = tree.encode();
    assert_eq!(full.size(), PLAYER.len() + r#","wins":0"#.len());
    let mut small = Tree::parse(JsonText::trusted(PLAYER), up_to(full.size() - 1)).unwrap();
    let refused = small.transaction(|draft| Ok(draft.reconcile(&template)?));
    assert!(matches!(refused, Err(EditError::Invalid(_))));
}

#[test]
fn a_document_shows_nothing_of_its_values_when_it_is_logged() {
    let mut tree = tree(r#"{"secret":"hidden"}"#);
    tree.set("other", "hidden").unwrap();
    assert!(!format!("{tree:?}").contains("hidden"));
    let document: Box<dyn Document> = Box::new(tree);
    assert!(document.as_any().is::<Tree>());
}

#[test]
fn a_tree_is_edited_by_path_as_in_a_transaction() {
    let mut document = tree(r#"{"coins":5,"pets":["cat"]}"#);
    let before = document.snapshot_value();
    let changes = document.edit_value(&mut |draft| {
        draft.add("coins", 2)?;
        draft.remove(["pets"])?;
        Ok(())
    });
    assert_eq!(shown(&changes.unwrap()), ["coins", "pets"]);
    assert_eq!(document.encode().as_str(), r#"{"coins":7}"#);
    let refused = document.edit_value(&mut |draft| {
        draft.add("coins", 2)?;
        Ok(draft.add("name", 1).and_then(|_| draft.remove("gems")).map(drop)?)
    });
    assert!(matches!(refused, Err(EditError::Path(_))));
    assert_eq!(document.snapshot_value(), value(r#"{"coins":7}"#));
    assert_eq!(before, value(r#"{"coins":5,"pets":["cat"]}"#), "a snapshot remains as it is");
}
