//! Facts about answers.

use proptest::prelude::*;

use super::*;
use crate::client::tests::entry as id_of;

fn reply(body: &str) -> Reply {
    Reply { headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
}

fn parsed(body: &str) -> Parsed<Told> {
    entry(&reply(body), &id_of("k"), &Limits::native())
}

fn content(body: &str) -> Content {
    let content = parsed(body).unwrap().state.content.unwrap();
    (*content).clone()
}

const TIMES: &str = r#""createTime":"1970-01-01T00:00:01Z","revisionId":"r","revisionCreateTime":"1970-01-01T00:00:02Z""#;

#[test]
fn h_14_users_and_attributes_may_be_missing_or_null() {
    for rest in ["", r#","users":null,"attributes":null"#, r#","users":[],"attributes":{}"#] {
        let content = content(&format!("{{{TIMES},\"value\":1{rest}}}"));
        assert!(content.user_ids.is_empty() && content.metadata.is_empty(), "{rest}");
    }
}

#[test]
fn null_is_a_value_and_a_missing_one_is_not() {
    assert_eq!(content(&format!("{{{TIMES},\"value\":null}}")).value.as_str(), "null");
    assert!(parsed(&format!("{{{TIMES}}}")).is_err());
    let deleted = parsed(&format!("{{{TIMES},\"state\":\"DELETED\"}}")).unwrap();
    assert_eq!(deleted.state.content, None);
}

#[test]
fn a_value_is_kept_byte_for_byte() {
    for value in ["1e999999", "-0", r#"{"b" :1, "a":[ ]}"#, r#""\u00e9\/é""#] {
        assert_eq!(content(&format!("{{{TIMES},\"value\":{value}}}")).value.as_str(), value);
    }
}

#[test]
fn what_must_be_there_and_is_not_is_an_error() {
    for body in [
        r#"{"value":1}"#.to_owned(),
        format!("{{{},\"value\":1}}", TIMES.replace("\"r\"", "\"\"")),
        format!("{{{},\"value\":1}}", TIMES.replace("01Z", "01")),
        format!("{{{TIMES},\"value\":1,\"users\":[\"users/\"]}}"),
        format!("{{{TIMES},\"value\":1,\"attributes\":[]}}"),
        format!("{{{TIMES},\"value\":{{\"a\":1,\"a\":2}}}}"),
        format!("[{{{TIMES},\"value\":1}}]"),
    ] {
        assert!(parsed(&body).is_err(), "{body}");
    }
}

#[test]
fn the_reason_holds_nothing_of_the_body() {
    for body in [r#"{"value": "a secret"#, "a secret", r#"{"createTime":{"a secret":1}}"#] {
        let reason = parsed(body).unwrap_err().reason();
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[test]
fn the_counter_is_that_of_the_id() {
    for (id, counter) in [
        ("08D9E6A3F2188CFF.000000000A.08D9E6A3F2188CFF.01", 10),
        ("08DEF1A1B5E3ADA9.0000000002.01", 2),
        ("opaque", 0),
        ("a.zz.b", 0),
    ] {
        assert_eq!(counter_of(id), counter, "{id}");
    }
}

#[test]
fn a_removed_revision_that_is_not_shown_is_known_by_its_id() {
    let id = RevisionId::from_client("08D9E6A3F2188CFF.0000000003.08D9E6A3F2188D00.01");
    let told = removed(&reply(" {} "), &id_of("k"), &id, &Limits::native()).unwrap();
    assert_eq!((told.state.revision_id(), told.state.content), (id, None));
    let id = RevisionId::from_client("opaque");
    assert!(removed(&reply("{}"), &id_of("k"), &id, &Limits::native()).is_err());
}

proptest! {
    #[test]
    fn any_answer_can_be_tried(body in prop::collection::vec(any::<u8>(), 0..80)) {
        let reply = Reply { headers: HeaderMap::new(), body };
        let (id, limits) = (id_of("k"), Limits::native());
        drop(entry(&reply, &id, &limits));
        drop(entries(&reply, &id.store, None, &limits));
        drop(revisions(&reply));
        drop(versions(&reply));
        drop(store(&reply, &id.store, &limits));
        drop(stores(&reply, id.store.universe, &limits));
        drop(snapshot(&reply));
        drop(ordered_value(&reply));
        drop(ordered(&reply, &limits));
        drop(standing(&reply, &limits));
    }

    #[test]
    fn a_path_and_its_id_agree(scope in "[a-z/]{1,6}", key in "[a-z/]{1,6}") {
        let store = id_of("k").store;
        let path = format!("universes/1/data-stores/S/scopes/{scope}/entries/{key}");
        let found = place_of(Some(&path), &key, &store, None).map(|(scope, key)| format!("{scope} {key}"));
        prop_assert_eq!(found, Some(format!("{scope} {key}")));
    }
}
