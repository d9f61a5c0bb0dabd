//! Lines: their one form, what may be left out, and what is refused.

use super::*;

fn standard(value: &str, users: &[&str], attributes: &str) -> Record {
    let users = users.iter().map(|user| (*user).to_owned()).collect();
    let (value, attributes) = (value.to_owned(), attributes.to_owned());
    let body = Body::Standard(Content { value, users, attributes });
    Record { store: "players".into(), scope: "global".into(), key: "u_1".into(), body }
}

#[track_caller]
fn check(record: &Record, line: &str) {
    assert_eq!(record.line(), line);
    assert_eq!(&Record::parse(line).unwrap(), record);
}

#[track_caller]
fn check_refused(line: &str, cause: &str) {
    let error = Record::parse(line).unwrap_err();
    assert!(format!("{error:#}").contains(cause), "{error:#}");
}

#[test]
fn a_line_has_one_form_and_keeps_the_value_byte_for_byte() {
    let start = r#"{"kind":"standard","store":"players","scope":"global","key":"u_1""#;
    check(&standard("1", &[], "{}"), &format!(r#"{start},"value":1}}"#));
    check(
        &standard(r#"{"a" : 1.0e2,"b":"\u00e9"}"#, &["7", "steam:1"], r#"{"vip":true}"#),
        &format!(
            r#"{start},"value":{{"a" : 1.0e2,"b":"\u00e9"}},"users":[7,"steam:1"],"attributes":{{"vip":true}}}}"#
        ),
    );
    check(&standard("null", &[], "{}"), &format!(r#"{start},"value":null}}"#));
    let large = "123456789012345678901234567890.5";
    check(&standard(large, &[], "{}"), &format!(r#"{start},"value":{large}}}"#));
}

#[test]
fn a_value_with_line_breaks_is_still_one_line() {
    let start = r#"{"kind":"standard","store":"players","scope":"global","key":"u_1""#;
    let broken = standard("{\n\t\"a\": 1\r\n}", &["7"], "{}");
    check(&broken, &format!(r#"{start},"text":"{{\n\t\"a\": 1\r\n}}","users":[7]}}"#));
}

#[test]
fn an_ordered_entry_is_a_number_of_64_bits() {
    for value in [i64::MIN, -1, 0, i64::MAX] {
        let record = Record {
            store: "coins".into(),
            scope: "week".into(),
            key: "u \"1\"".into(),
            body: Body::Ordered(value),
        };
        let line = format!(
            r#"{{"kind":"ordered","store":"coins","scope":"week","key":"u \"1\"","value":{value}}}"#
        );
        check(&record, &line);
    }
}

#[test]
fn what_has_a_default_may_be_left_out() {
    let parsed = Record::parse(r#" {"store":"players","key":"u_1","value": 1 , "users":[]} "#);
    assert_eq!(parsed.unwrap(), standard("1", &[], "{}"));
    // What is compact in the store is compact here.
    let parsed =
        Record::parse(r#"{"store":"players","key":"u_1","value":1,"attributes":{ "a" : 1 }}"#);
    assert_eq!(parsed.unwrap(), standard("1", &[], r#"{"a":1}"#));
}

#[test]
fn lines_of_another_shape_are_refused() {
    check_refused("[]", "it is not a JSON object");
    check_refused("{", "EOF while parsing");
    check_refused(r#"{"store":"s","key":"k"}"#, "`value` is missing");
    check_refused(r#"{"store":"s","key":"k","value":1,"text":"1"}"#, "both there");
    check_refused(r#"{"store":"s","key":"k","valu":1}"#, "unknown field `valu`");
    check_refused(r#"{"key":"k","value":1}"#, "missing field `store`");
    check_refused(r#"{"store":"s","key":"k","value":1,"value":2}"#, "duplicate field `value`");
    check_refused(r#"{"store":"s","key":"k","value":{"a":1,"a":2}}"#, "stands twice");
    check_refused(r#"{"store":"s","key":"k","text":"{"}"#, "not JSON");
    check_refused(r#"{"kind":"x","store":"s","key":"k","value":1}"#, "`x` is no kind of entry");
    check_refused(r#"{"store":"","key":"k","value":1}"#, "`data store name` is empty");
    check_refused(r#"{"store":"__steadfast_x","key":"k","value":1}"#, "reserved");
    check_refused(r#"{"store":"s","scope":"","key":"k","value":1}"#, "`scope` is empty");
    check_refused(r#"{"store":"s","key":"","value":1}"#, "`entry key` is empty");
    check_refused(
        r#"{"store":"s","key":"k","value":1,"users":[1.5]}"#,
        "neither a number nor text",
    );
    check_refused(r#"{"store":"s","key":"k","value":1,"users":[-1]}"#, "neither a number nor text");
    check_refused(
        r#"{"store":"s","key":"k","value":1,"attributes":[]}"#,
        "metadata is not an object",
    );
    let ordered = |rest: &str| format!(r#"{{"kind":"ordered","store":"s","key":"k"{rest}}}"#);
    check_refused(&ordered(""), "`value` is missing");
    check_refused(&ordered(r#","value":1.5"#), "whole number");
    check_refused(&ordered(r#","value":9223372036854775808"#), "whole number");
    check_refused(&ordered(r#","value":1,"users":[1]"#), "nothing beside it");
}

#[test]
fn users_are_limited_at_16() {
    let line = |count: u64| {
        let users: Vec<u64> = (0..count).collect();
        format!(r#"{{"store":"s","key":"k","value":1,"users":{}}}"#, Value::from(users))
    };
    assert!(Record::parse(&line(16)).is_ok());
    check_refused(&line(17), "17 users are given, the limit is 16");
}
