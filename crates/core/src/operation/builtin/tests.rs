//! Facts about the kinds that every record understands.

use serde::{Deserialize, Serialize};

use super::*;
use crate::document::{DocumentLimits, Tree, Typed};
use crate::json::JsonText;
use crate::operation::Handlers;
use crate::operation::tests::support::waiting;

const PLAYER: &str = r#"{"coins":5,"items":["a","b"],"name":"x"}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Save {
    coins: u32,
    items: Vec<String>,
    name: String,
}

/// What an operation makes of a document of either kind, and what it answers.
fn both(kind: &str, payload: &str) -> Result<(String, Option<String>), HandlerError> {
    let limits = DocumentLimits::default();
    let mut tree = Tree::parse(JsonText::trusted(PLAYER), limits).unwrap();
    let mut typed: Typed<Save> = Typed::parse(JsonText::trusted(PLAYER), limits).unwrap();
    let apply = |document: &mut dyn Document| {
        let handled = Handlers::new().apply(document, &waiting(kind, payload)).unwrap();
        let text = document.encode().as_str().to_owned();
        match handled {
            Ok(handled) => Ok((text, handled.result.map(|result| result.as_str().to_owned()))),
            Err(error) => {
                assert_eq!(text, PLAYER, "nothing is changed");
                Err(error)
            }
        }
    };
    let (of_tree, of_type) = (apply(&mut tree), apply(&mut typed));
    match (&of_tree, &of_type) {
        (Ok(tree), Ok(typed)) => assert_eq!(tree, typed),
        (Err(HandlerError::Fail(_)), Err(HandlerError::Fail(_))) => {}
        other => panic!("{other:?}"),
    }
    of_tree
}

#[track_caller]
fn fails(kind: &str, payload: &str) -> String {
    match both(kind, payload) {
        Err(HandlerError::Fail(reason)) => reason.to_string(),
        other => panic!("{payload}: {other:?}"),
    }
}

#[test]
fn set_puts_a_value_at_a_path() {
    let (text, answer) = both(SET, r#"{"path":"items[1]","value":"c"}"#).unwrap();
    assert_eq!(text, r#"{"coins":5,"items":["a","c"],"name":"x"}"#);
    assert_eq!(answer, None);
    let (text, _) = both(SET, r#"{"path":["items",2],"value":"c"}"#).unwrap();
    assert_eq!(text, r#"{"coins":5,"items":["a","b","c"],"name":"x"}"#);
}

#[test]
fn add_adds_to_a_number_and_answers_the_sum() {
    let (text, answer) = both(ADD, r#"{"path":"coins","amount":7}"#).unwrap();
    assert_eq!(text, r#"{"coins":12,"items":["a","b"],"name":"x"}"#);
    assert_eq!(answer.as_deref(), Some("12"));
    let (_, answer) = both(ADD, r#"{"path":["coins"],"amount":-5}"#).unwrap();
    assert_eq!(answer.as_deref(), Some("0"));
}

#[test]
fn remove_takes_out_what_stands_at_a_path() {
    let (text, answer) = both(REMOVE, r#"{"path":"items[0]"}"#).unwrap();
    assert_eq!(text, r#"{"coins":5,"items":["b"],"name":"x"}"#);
    assert_eq!(answer, None);
}

#[test]
fn what_the_data_refuses_fails_for_good() {
    fails(ADD, r#"{"path":"name","amount":1}"#);
    fails(ADD, r#"{"path":"items[9]","amount":1}"#);
    fails(REMOVE, r#"{"path":"nothing"}"#);
    fails(SET, r#"{"path":"items[9]","value":1}"#);
    fails(SET, r#"{"path":"coins[0]","value":1}"#);
}

#[test]
fn a_type_refuses_what_it_cannot_hold() {
    let limits = DocumentLimits::default();
    let mut typed: Typed<Save> = Typed::parse(JsonText::trusted(PLAYER), limits).unwrap();
    for (kind, payload) in [
        (SET, r#"{"path":"coins","value":"many"}"#),
        (ADD, r#"{"path":"coins","amount":-6}"#),
        (REMOVE, r#"{"path":"name"}"#),
    ] {
        let handled = Handlers::new().apply(&mut typed, &waiting(kind, payload)).unwrap();
        assert!(matches!(handled, Err(HandlerError::Fail(_))), "{kind}: {handled:?}");
        assert_eq!(typed.encode().as_str(), PLAYER);
    }
}

#[test]
fn a_payload_that_says_nothing_fails_for_good() {
    for payload in ["{", "[]", "1", "{}", r#"{"value":1}"#] {
        fails(SET, payload);
        fails(ADD, payload);
        fails(REMOVE, payload);
    }
    assert_eq!(fails(SET, r#"{"path":"coins"}"#), "its payload has no `value`");
    assert_eq!(fails(ADD, r#"{"path":"coins"}"#), "its payload has no `amount`");
    assert_eq!(fails(ADD, r#"{"path":"coins","amount":"1"}"#), "`amount` is not a number");
}

#[test]
fn a_path_is_text_or_a_list_of_keys_and_indexes() {
    for path in ["1", "null", "true", r#"{"a":1}"#] {
        let payload = format!(r#"{{"path":{path}}}"#);
        assert_eq!(fails(REMOVE, &payload), "`path` is neither text nor a list");
    }
    for path in ["[-1]", "[1.5]", "[null]", "[[1]]", r#"["items",-1]"#] {
        let reason = fails(REMOVE, &format!(r#"{{"path":{path}}}"#));
        assert!(reason.ends_with("is no step of a path"), "{reason}");
    }
    fails(REMOVE, r#"{"path":"items["}"#);
}
