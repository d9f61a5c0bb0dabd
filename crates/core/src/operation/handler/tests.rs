//! Facts about what handles operations.

use std::sync::Arc;

use super::*;
use crate::document::{DocumentLimits, Tree};
use crate::operation::ADD;
use crate::operation::tests::support::{kind, waiting};

fn tree() -> Tree {
    Tree::parse(JsonText::trusted(r#"{"coins":5}"#), DocumentLimits::default()).unwrap()
}

fn set_coins(document: &mut dyn Document, coins: i64) -> Result<(), EditError> {
    let edited = document.edit_value(&mut |draft| {
        draft.set("coins", coins)?;
        Ok(())
    });
    edited.map(drop)
}

#[test]
fn a_handler_changes_the_document_and_answers() {
    let mut handlers = Handlers::new();
    let run: HandlerFn = Arc::new(|document, operation| {
        set_coins(document, 9)?;
        Ok(Handled { result: Some(operation.body.payload.clone()), ..Handled::default() })
    });
    handlers.insert(kind("gift"), run, true).unwrap();
    let mut tree = tree();
    let handled = handlers.apply(&mut tree, &waiting("gift", "7")).unwrap().unwrap();
    assert_eq!(handled.result, Some(JsonText::trusted("7")));
    assert_eq!(tree.encode().as_str(), r#"{"coins":9}"#);
    assert!(handlers.handles(&kind("gift")) && handlers.is_permanent(&kind("gift")));
    assert_eq!(format!("{handlers:?}"), r#"{"gift"}"#);
}

#[test]
fn the_last_handler_of_a_kind_counts() {
    let mut handlers = Handlers::new();
    let answers = |text: &'static str| -> HandlerFn {
        Arc::new(move |_, _| {
            Ok(Handled { result: Some(JsonText::trusted(text)), ..Handled::default() })
        })
    };
    handlers.insert(kind("gift"), answers("1"), true).unwrap();
    handlers.insert(kind("gift"), answers("2"), false).unwrap();
    let handled = handlers.apply(&mut tree(), &waiting("gift", "0")).unwrap().unwrap();
    assert_eq!(handled.result, Some(JsonText::trusted("2")));
    assert!(!handlers.is_permanent(&kind("gift")));
}

#[test]
fn a_handler_that_panics_has_failed_and_changed_nothing() {
    let mut handlers = Handlers::new();
    let run: HandlerFn = Arc::new(|document, _| {
        let edited = document.edit_value(&mut |draft| {
            draft.set("coins", 9)?;
            panic!("a fault of the game")
        });
        edited.map(|_| Handled::default()).map_err(HandlerError::from)
    });
    handlers.insert(kind("gift"), run, false).unwrap();
    let mut tree = tree();
    let refused = handlers.apply(&mut tree, &waiting("gift", "0")).unwrap();
    assert_eq!(refused, Err(HandlerError::Retry("its handler panicked".into())));
    assert_eq!(tree.encode().as_str(), r#"{"coins":5}"#);
}

#[test]
fn nothing_handles_an_unknown_kind() {
    let handlers = Handlers::new();
    assert!(!handlers.handles(&kind("gift")) && !handlers.is_permanent(&kind("gift")));
    assert_eq!(handlers.apply(&mut tree(), &waiting("gift", "0")), None);
}

#[test]
fn our_own_kinds_cannot_be_taken() {
    let mut handlers = Handlers::new();
    let run: HandlerFn = Arc::new(|_, _| Ok(Handled::default()));
    for name in [ADD, "steadfast.", "steadfast.later"] {
        let kind = kind(name);
        let refused = handlers.insert(kind.clone(), Arc::clone(&run), true);
        assert_eq!(refused, Err(ReservedKind { kind: kind.clone() }));
        assert!(!handlers.is_permanent(&kind));
    }
    assert!(!handlers.handles(&kind("steadfast.later")));
    assert!(handlers.handles(&kind(ADD)));
    handlers.insert(kind("steadfast"), Arc::clone(&run), false).unwrap();
    handlers.insert(kind("my.steadfast.add"), run, false).unwrap();
    let error = ReservedKind { kind: kind("steadfast.x") };
    let text = "the operation kind `steadfast.x` starts with `steadfast.`, which is reserved";
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_edit_that_fails_may_pass_but_for_what_the_handler_decided() {
    let missing = set_coins_of_nothing();
    assert!(matches!(HandlerError::from(missing), HandlerError::Retry(_)));
    for own in [
        HandlerError::Retry("later".into()),
        HandlerError::Fail("broken".into()),
        HandlerError::Cancel("not wanted".into()),
    ] {
        assert_eq!(HandlerError::from(Cancel::from(own.clone())), own);
    }
    let because = HandlerError::from(Cancel::because("not today"));
    assert_eq!(because, HandlerError::Retry("not today".into()));
}

fn set_coins_of_nothing() -> EditError {
    let edited = tree().edit_value(&mut |draft| {
        draft.remove("nothing")?;
        Ok(())
    });
    edited.unwrap_err()
}
