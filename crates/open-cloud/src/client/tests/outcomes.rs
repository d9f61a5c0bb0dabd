//! What came of a request: nothing, something, or nobody knows.

use super::stub::{error, json, with_headers};
use super::*;

#[test]
fn without_a_connection_nothing_was_written() {
    let stub = Stub::new([]);
    // The thread of the stub lets go of its address on its own time.
    let client = ours(&Stub::new([]));
    drop(stub);
    let refused = connect(Config {
        url: "http://127.0.0.1:1".into(),
        ..Config::steadfast("", Key::new("k"))
    });
    for request in [current(), set(When::Always), set(matches(ID)), increment()] {
        assert_eq!(kind(&execute(&refused, request)), ErrorKind::Unavailable);
    }
    drop(client);
}

#[test]
fn a_write_that_is_cut_off_is_unknown_and_a_read_unavailable() {
    for act in [Act::Cut, Act::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec())] {
        let stub = Stub::new([act]);
        assert_eq!(execute(&ours(&stub), set(When::Always)), Err(unknown()));
        assert_eq!(stub.lines().len(), 1, "what may have happened is not done again");
    }
    let stub = Stub::new([Act::Cut, Act::Cut]);
    assert_eq!(kind(&execute(&ours(&stub), current())), ErrorKind::Unavailable);
    // Closed before anything was read: it may have been sent all the same.
    let stub = Stub::new([Act::Refuse]);
    assert_eq!(execute(&ours(&stub), increment()), Err(unknown()));
}

#[test]
fn w6_a_write_that_names_its_revision_is_sent_again_under_its_id() {
    let stub = Stub::new([Act::Cut, error(500, "INTERNAL", "x"), json(200, VERSION)]);
    assert_eq!(execute(&ours(&stub), set(matches(ID))), Ok(shown()));
    let heard = stub.heard();
    assert_eq!(heard.len(), 3);
    for copy in &heard {
        assert_eq!(copy.text, heard[0].text);
        assert_eq!(copy.header("steadfast-write-id"), Some("00000000000000000000000000000005"));
        assert!(copy.line().contains(&format!("matchVersion={ID}")), "{}", copy.line());
    }
}

#[test]
fn w6_after_the_last_try_and_after_any_other_error_it_is_unknown() {
    let stub = Stub::new([Act::Cut, Act::Cut, Act::Cut, Act::Cut, json(200, VERSION)]);
    assert_eq!(execute(&ours(&stub), set(matches(ID))), Err(unknown()));
    assert_eq!(stub.lines().len(), 4, "once, and three times more");
    let denied = error(403, "PERMISSION_DENIED", "The scope `x` is missing.");
    let stub = Stub::new([Act::Cut, denied]);
    assert_eq!(execute(&ours(&stub), set(matches(ID))), Err(unknown()));
    let unavailable = error(502, "UNAVAILABLE", "Nothing was written.");
    let stub = Stub::new([Act::Cut, unavailable, json(200, VERSION)]);
    assert_eq!(execute(&ours(&stub), set(matches(ID))), Ok(shown()));
}

#[test]
fn w6_a_conflict_of_a_later_copy_is_certain() {
    let headers = [
        "roblox-entry-version: 08D9E6A3F2188CFF.0000000003.08D9E6A3F2188D00.01",
        "roblox-entry-created-time: 2022-02-02T23:30:06.5388799+00:00",
        "roblox-entry-version-created-time: 2022-02-02T23:30:06.5388800+00:00",
        "roblox-entry-attributes: {\"x\":1}",
        "roblox-entry-userids: [7]",
    ];
    let stub = Stub::new([Act::Cut, with_headers(412, &headers, r#"{"a": 1}"#)]);
    let mismatch = PlatformError::Mismatch { current: Box::new(shown()) };
    assert_eq!(execute(&ours(&stub), set(matches("x"))), Err(mismatch));
    let stub = Stub::new([with_headers(412, &headers, r#"{"a": 1}"#)]);
    let exists = PlatformError::Exists { current: Box::new(shown()) };
    assert_eq!(execute(&live(&stub), set(When::Missing)), Err(exists));
}

#[test]
fn the_live_service_is_sent_every_write_once_and_no_write_id() {
    for request in [set(When::Always), set(When::Missing), set(matches(ID)), increment()] {
        for act in [Act::Cut, error(503, "UNAVAILABLE", "x"), error(502, "UNAVAILABLE", "x")] {
            let stub = Stub::new([act, json(200, VERSION)]);
            assert_eq!(execute(&live(&stub), request.clone()), Err(unknown()));
            let heard = stub.heard();
            assert_eq!(heard.len(), 1);
            assert_eq!(heard[0].header("steadfast-write-id"), None);
        }
    }
}

#[test]
fn five_hundreds_after_sending_are_unknown_but_for_our_servers_own_promise() {
    for status in [500, 501, 502, 503, 504, 520] {
        for body in ["<html>", "", r#"{"code":"INTERNAL","message":"x"}"#] {
            let stub = Stub::new([json(status, body)]);
            assert_eq!(execute(&ours(&stub), set(When::Always)), Err(unknown()), "{status} {body}");
            let stub = Stub::new([json(status, body)]);
            let read = execute(&ours(&stub), current());
            assert_eq!(kind(&read), ErrorKind::Unavailable, "{status} {body}");
        }
    }
    let stub = Stub::new([error(502, "UNAVAILABLE", "x"), error(502, "UNAVAILABLE", "x")]);
    let client = ours(&stub);
    assert_eq!(kind(&execute(&client, set(When::Always))), ErrorKind::Unavailable);
    assert_eq!(kind(&execute(&client, set(matches(ID)))), ErrorKind::Unavailable);
}

#[test]
fn an_answer_that_is_not_understood_is_no_success_and_no_absence() {
    let no_value = ENTRY.replace(r#""value":{"a": 1},"#, "");
    let wrong_time = ENTRY.replace("2022-02-02T", "yesterday");
    let cut = &ENTRY[..ENTRY.len() - 1];
    for body in ["", "{}", "null", "garbage", "\u{feff}{}", &no_value, &wrong_time, cut] {
        let stub = Stub::new([json(200, body), json(200, body)]);
        let client = ours(&stub);
        assert_eq!(kind(&execute(&client, current())), ErrorKind::Unavailable, "{body}");
        assert_eq!(execute(&client, set(When::Always)), Err(unknown()), "{body}");
    }
}

#[test]
fn a_page_of_something_on_the_way_says_nothing_about_data() {
    for (status, body) in [
        (404, "<html>not here</html>"),
        (404, ""),
        (404, "{}"),
        (404, r#"{"message":"Entry not found."}"#),
        (400, "<html>"),
        (409, "<html>"),
        (412, "<html>"),
        (302, ""),
        (301, r#"{"code":"NOT_FOUND","message":"x"}"#),
    ] {
        let acts = || [json(status, body), json(status, body)];
        let stub = Stub::new(acts());
        let client = ours(&stub);
        assert_eq!(kind(&execute(&client, current())), ErrorKind::Unavailable, "{status} {body}");
        assert_eq!(execute(&client, increment()), Err(unknown()), "{status} {body}");
    }
    // What stands before the API knows no data either, but certainly did nothing.
    let stub = Stub::new([json(404, r#"{"errors":[{"code":0,"message":"NotFound"}]}"#)]);
    assert_eq!(kind(&execute(&live(&stub), current())), ErrorKind::Invalid);
}

#[test]
fn absence_is_what_the_service_says_in_its_own_words() {
    let missing = PlatformError::EntryNotFound { entry: entry("k") };
    let no_store = PlatformError::StoreNotFound { store: entry("k").store };
    for (body, expected) in [
        (r#"{"code":"NOT_FOUND","message":"Entry not found."}"#, &missing),
        (r#"{"code":5,"message":"Entry not found in the datastore."}"#, &missing),
        (r#"{"code":"NOT_FOUND","message":"The data store does not exist."}"#, &no_store),
        (r#"{"code":5,"message":"Datastore not found."}"#, &no_store),
    ] {
        let stub = Stub::new([json(404, body)]);
        assert_eq!(execute(&live(&stub), current()).as_ref(), Err(expected), "{body}");
    }
}

#[test]
fn a_redirection_is_not_followed_and_the_key_stays_with_its_host() {
    let elsewhere = Stub::new([json(200, ENTRY)]);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/cloud/v2", elsewhere.url());
        let stub = Stub::new([with_headers(status, &[&location], "")]);
        let answer = execute(&ours(&stub), current());
        assert_eq!(kind(&answer), ErrorKind::Unavailable, "{status}");
    }
    assert!(elsewhere.heard().is_empty());
}

#[test]
fn an_answer_that_does_not_come_in_time_is_unknown_or_unavailable() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"create".to_vec();
    for bytes in [Vec::new(), head] {
        let stub = Stub::new([Act::Hold(bytes.clone()), Act::Hold(bytes)]);
        let request_timeout = Duration::from_millis(100);
        let client = connect(Config { request_timeout, ..ours_config(&stub) });
        assert_eq!(kind(&execute(&client, current())), ErrorKind::Unavailable);
        assert_eq!(execute(&client, set(When::Always)), Err(unknown()));
    }
}

#[test]
fn an_answer_may_be_as_large_as_the_largest_value_and_some_more() {
    let limits = Limits { value_size_max: 1024, ..Limits::native() };
    let slack = 256 * 1024;
    let padded = |size: usize| format!("{ENTRY}{}", " ".repeat(size - ENTRY.len()));
    let chunked = |size: usize| {
        let body = padded(size);
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        Act::Bytes(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes())
    };
    for (act, fits) in [
        (json(200, &padded(1024 + slack)), true),
        (json(200, &padded(1024 + slack + 1)), false),
        (chunked(1024 + slack), true),
        (chunked(1024 + slack + 1), false),
    ] {
        let stub = Stub::new([act]);
        let client = connect(Config { limits: limits.clone(), ..ours_config(&stub) });
        let answer = execute(&client, current());
        if fits {
            assert_eq!(answer, Ok(shown()));
        } else {
            assert_eq!(kind(&answer), ErrorKind::Unavailable);
        }
    }
}

#[test]
fn a_value_beyond_the_limits_is_an_error_and_not_cut_off() {
    let stub = Stub::new([json(200, ENTRY)]);
    let limits = Limits { value_size_max: 7, ..Limits::native() };
    let client = connect(Config { limits, ..ours_config(&stub) });
    assert_eq!(kind(&execute(&client, current())), ErrorKind::Unavailable);
}
