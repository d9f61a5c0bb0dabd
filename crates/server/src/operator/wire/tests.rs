//! What is written is read as what it was.

use super::*;

#[test]
fn null_is_a_value_and_nothing_is_none() {
    let text = r#"{"path":"a","before":null}"#;
    let difference: Difference = serde_json::from_str(text).unwrap();
    assert!(difference.before.is_some() && difference.after.is_none());
    assert_eq!(serde_json::to_string(&difference).unwrap(), text);
}

#[test]
fn a_change_is_read_as_it_is_written() {
    for change in [
        r#"{"update":{"edits":[{"set":{"path":"a","value":1.0}},{"remove":{"path":"b"}}],"ifValue":null}}"#,
        r#"{"editOnline":{"add":{"path":"a","amount":-1}}}"#,
        r#"{"restore":{"to":"x","schema":3,"force":true}}"#,
        r#"{"queue":{"id":"a","kind":"b","payload":[],"schema":0,"permanent":false}}"#,
        r#"{"steal":{}}"#,
    ] {
        let read: Change = serde_json::from_str(change).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), change);
    }
    for wrong in [r#"{"steal":{"a":1}}"#, r#"{"restore":{"to":"x","too":1}}"#, r#""steal""#] {
        assert!(serde_json::from_str::<Change>(wrong).is_err(), "{wrong}");
    }
}
