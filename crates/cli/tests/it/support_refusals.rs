//! What `record` and its like refuse: without a yes, without a reason, and with which exit code.

use insta::assert_snapshot;

use crate::both::{check_both, empty_directory, hold, server};
use crate::program::Place;
use crate::support::{change, run, show};

/// Every command that changes something, as it may be called.
const CHANGES: [(&str, &[&str]); 10] = [
    ("record edit", &["k", "--set", "a=1"]),
    ("record edit", &["k", "--set", "a=1", "--online"]),
    ("record restore", &["k", "2020-01-01T00:00:00Z"]),
    ("operation queue", &["k", "--kind", "game.mail", "--id", "o-2"]),
    ("operation cancel", &["k", "o-1"]),
    ("operation fail", &["k", "o-1"]),
    ("operation retry", &["k", "o-1"]),
    ("session steal", &["k"]),
    ("repair lease", &["k", "--fence", "1.00000000000000000000000000000003"]),
    ("repair ledger", &["k"]),
];

#[test]
fn nothing_is_changed_without_a_yes_or_a_terminal() {
    check_both(|place| {
        run(place, "entry set", &["k", r#"{"a":0}"#]).ok();
        change(place, "operation queue", &["k", "--kind", "game.mail", "--id", "o-1", "--yes"])
            .ok();
        let before = show(place, "k");
        for (words, arguments) in CHANGES {
            let refused = change(place, words, arguments);
            // Those that could not be done anyway say that.
            let code = refused.code.unwrap();
            let refused = refused.stderr;
            assert!([1, 2].contains(&code), "{words}: {refused}");
            let asks = refused.contains("there is no terminal to ask on: use `--yes`");
            assert!(asks || code == 1, "{words}: {refused}");
        }
        let edit = change(place, "record edit", &["k", "--set", "a=1"]).failed(2);
        assert_snapshot!(edit.trim(), @"
        a: 0 -> 1
        error: will not edit `7/players/global/k` without being told to

        hint: there is no terminal to ask on: use `--yes`, or `--dry-run` to look first
        ");
        assert_eq!(show(place, "k")["state"], before["state"]);
        assert_eq!(show(place, "k")["ledger"], before["ledger"]);
    });
}

#[test]
fn every_change_needs_a_reason_and_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let place = empty_directory(dir.path());
    run(&place, "entry set", &["k", r#"{"a":0}"#]).ok();
    let delete = ("record delete", &["k", "--confirm", "delete 7/players/global/k"][..]);
    for (words, arguments) in CHANGES.into_iter().chain([delete]) {
        let refused = run(&place, words, &[arguments, &["--yes"]].concat()).failed(2);
        assert!(refused.contains("--reason <TEXT>"), "{words}: {refused}");
        let named = [arguments, &["--yes", "--reason", "r"]].concat();
        let refused = run(&place, words, &named).failed(2);
        assert!(refused.contains("hint: use `--operator NAME`"), "{words}: {refused}");
        let blank = [arguments, &["--yes", "--reason", " ", "--operator", "alice"]].concat();
        let refused = run(&place, words, &blank).failed(2);
        assert!(refused.contains("`reason` is blank"), "{words}: {refused}");
    }
    assert_eq!(show(&place, "k")["state"]["value"].to_string(), r#"{"a":0}"#);
}

#[test]
fn refusals_have_the_exit_code_of_their_kind() {
    check_both(|place| {
        run(place, "entry set", &["k", r#"{"a":"x"}"#]).ok();
        change(place, "operation queue", &["k", "--kind", "game.mail", "--id", "o-1", "--yes"])
            .ok();
        let other = ["k", "--kind", "game.mail", "--id", "o-1", "--payload", "1"];
        for (words, arguments, exit, code) in [
            ("record edit", &["none", "--set", "a=1"][..], 1, "EntryNotFound"),
            ("record edit", &["k", "--set", "b.c=1"], 1, "PathNotFound"),
            ("record edit", &["k", "--add", "a=1"], 2, "InvalidData"),
            ("record restore", &["k", "unknown"], 1, "VersionNotFound"),
            ("operation queue", &other, 1, "OperationPayloadMismatch"),
            ("operation cancel", &["k", "x"], 1, "OperationNotFound"),
            ("operation fail", &["k", "x"], 1, "OperationNotFound"),
            ("deadletter requeue", &["k", "x"], 1, "DeadLetterNotFound"),
            ("session steal", &["k"], 1, "Conflict"),
            ("repair lease", &["k", "--fence", "x"], 2, "InvalidRequest"),
        ] {
            for how in ["--yes", "--dry-run"] {
                let refused = change(place, words, &[arguments, &[how]].concat()).failed(exit);
                assert!(refused.contains(code), "{words} {how}: {refused}");
            }
        }
        run(place, "record export", &["none"]).failed(1);
        run(place, "record diff", &["k", "unknown"]).failed(1);
        for wrong in [&["k", "--set", "a"][..], &["k", "--set", "a=x"], &["k", "--add", "a=true"]] {
            assert_eq!(change(place, "record edit", &[wrong, &["--yes"]].concat()).code, Some(2));
        }
        let editor = change(place, "record edit", &["k", "--yes"]).failed(2);
        assert_snapshot!(editor.trim(), @"
        error: cannot edit `7/players/global/k`
          caused by: there is no edit, and no terminal for an editor

        hint: use `--set`, `--add` or `--remove`
        ");
        let online = change(place, "record edit", &["k", "--online", "--yes"]).failed(2);
        assert!(online.contains("there is no edit to make by an operation"), "{online}");
    });
}

#[test]
fn a_directory_that_a_server_has_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let place = empty_directory(dir.path());
    run(&place, "entry set", &["k", "1"]).ok();
    let (server, _) = server(dir.path());
    for (words, arguments) in [("record show", &["k"][..]), ("session list", &[])] {
        let refused = run(&place, words, arguments);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.contains(&server.pid.to_string()), "{}", refused.stderr);
        let hint = "hint: a running server is reached with `--server URL`";
        assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    }
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_key_without_the_right_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (server, admin) = server(dir.path());
    run(&admin, "entry set", &["k", r#"{"a":0}"#]).ok();
    let scope = ["--name", "x", "--scope", "universe-datastores.objects:read"];
    let made = admin.run("key create", &[&scope[..], &["--format", "json"]].concat()).stdout;
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let reader = Place::server(&server.url, made["secret"].as_str().unwrap());
    for (words, arguments) in CHANGES {
        let refused = change(&reader, words, &[arguments, &["--yes"]].concat()).failed(1);
        assert!(refused.contains("InsufficientScope"), "{words}: {refused}");
    }
    for (words, arguments) in [
        ("record show", &["k"][..]),
        ("record history", &["k"]),
        ("record export", &["k"]),
        ("operation list", &["k"]),
        ("session list", &[]),
    ] {
        run(&reader, words, arguments).failed(1);
    }
    assert_eq!(reader.run("log list", &["--universe", "7"]).code, Some(1));
    assert_eq!(reader.run("status", &[]).code, Some(1));
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn a_dead_holder_is_waited_out_by_an_edit() {
    let dir = tempfile::tempdir().unwrap();
    let place = empty_directory(dir.path());
    run(&place, "entry set", &["k", r#"{"a":0}"#]).ok();
    hold(dir.path(), "k");
    change(&place, "record edit", &["k", "--add", "a=1", "--yes"]).ok();
    assert_eq!(show(&place, "k")["state"]["value"].to_string(), r#"{"a":1}"#);
}
