//! `entry list`, `entry revisions`, `entry diff` and `entry restore`, of a directory and of a server.

use insta::assert_snapshot;

use crate::both::{check_both, seed};
use crate::program::{Place, Run};
use crate::shown::filtered;

const PLAYERS: [&str; 4] = ["--universe", "7", "--store", "players"];

fn run(place: &Place, words: &str, arguments: &[&str]) -> Run {
    place.run(words, &[&PLAYERS[..], arguments].concat())
}

/// Sets an entry and returns the revision.
#[track_caller]
fn set(place: &Place, arguments: &[&str]) -> String {
    let arguments = [arguments, &["--format", "json"]].concat();
    let receipt = run(place, "entry set", &arguments).ok();
    let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    receipt["version"].as_str().unwrap().to_owned()
}

#[test]
fn l_04_entries_are_listed_by_scope_and_key() {
    check_both(|place| {
        seed(
            place,
            r#"
            {"store":"players","key":"u_2","value":1}
            {"store":"players","key":"u_1","value":1}
            {"store":"players","key":"x \"1\\","value":1}
            {"store":"players","scope":"a/b","key":"u_1/entries/x","value":1}
            {"store":"other","key":"u_9","value":1}
            "#,
        );
        let list = |arguments: &[&str]| run(place, "entry list", arguments).ok();
        assert_snapshot!(filtered(&list(&[]), &[]), @r#"
        SCOPE  KEY  DELETED
        global  u_1  no
        global  u_2  no
        global  x "1\  no
        "#);
        assert_snapshot!(list(&["--all-scopes", "--prefix", "u_1", "--format", "json"]).trim(), @r#"
        {"scope":"a/b","key":"u_1/entries/x","deleted":false}
        {"scope":"global","key":"u_1","deleted":false}
        "#);
        let quoted = list(&["--prefix", "x \"1\\", "--format", "json"]);
        assert_eq!(quoted.lines().count(), 1, "{quoted}");
        assert_eq!(list(&["--scope", "none", "--format", "json"]), "");
        // L-01: a deleted entry is listed where it is asked for.
        run(place, "entry remove", &["u_2", "--yes"]).ok();
        assert!(!list(&[]).contains("u_2"));
        let deleted = list(&["--deleted", "--prefix", "u_", "--format", "json"]);
        assert_snapshot!(deleted.trim(), @r#"
        {"scope":"global","key":"u_1","deleted":false}
        {"scope":"global","key":"u_2","deleted":true}
        "#);
        let cut = run(place, "entry list", &["--limit", "1", "--format", "json"]);
        assert_eq!(cut.stdout, "{\"scope\":\"global\",\"key\":\"u_1\",\"deleted\":false}\n");
        assert_eq!(cut.stderr, "there are more: list them with a larger `--limit`\n");
        assert_eq!(
            run(place, "entry list", &["--limit", "2", "--prefix", "x"]).ok().lines().count(),
            2
        );
        let missing = place.run("entry list", &["--universe", "7", "--store", "none"]).failed(1);
        assert!(missing.starts_with("error: cannot list the entries of `7/none`\n"), "{missing}");
        assert_eq!(run(place, "entry list", &["--limit", "0"]).code, Some(2));
    });
}

#[test]
fn v_24_revisions_are_listed_with_deletions() {
    check_both(|place| {
        let first = set(place, &["u_1", "1"]);
        let second = set(place, &["u_1", "[1, 2]"]);
        run(place, "entry remove", &["u_1", "--yes"]).ok();
        let list = |arguments: &[&str]| run(place, "entry revisions", arguments).ok();
        assert_snapshot!(filtered(&list(&["u_1"]), &[]), @r"
        REVISION  UPDATED  SIZE
        [VERSION]  [TIME]  deleted
        [VERSION]  [TIME]  6 bytes
        [VERSION]  [TIME]  1 bytes
        ");
        let oldest = list(&["u_1", "--oldest-first", "--format", "json"]);
        let oldest: Vec<serde_json::Value> =
            oldest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&*first, &*second), (text(&oldest[0]), text(&oldest[1])));
        assert_eq!(oldest[2]["deleted"], serde_json::json!(true));
        assert_eq!(oldest[2]["valueSize"], serde_json::Value::Null);
        // V-23: both ends are included.
        let at = oldest[1]["updatedAt"].as_str().unwrap();
        let one = list(&["u_1", "--since", at, "--until", at, "--format", "json"]);
        assert!(one.contains(&second) && !one.contains(&first), "{one}");
        let limited = run(place, "entry revisions", &["u_1", "--limit", "2"]);
        assert_eq!(limited.stderr, "there are more: list them with a larger `--limit`\n");
        assert_eq!(limited.stdout.lines().count(), 3);
        assert_eq!(run(place, "entry revisions", &["u_1", "--since", "noon"]).code, Some(2));
        run(place, "entry revisions", &["nobody"]).failed(1);
    });
}

fn text(revision: &serde_json::Value) -> &str {
    revision["revision"].as_str().unwrap()
}

#[test]
fn two_revisions_are_compared_by_path() {
    check_both(|place| {
        let first = set(
            place,
            &[
                "u_1",
                r#"{"coins":5,"pets":["cat","dog"],"name":"x","gone":true}"#,
                "--users",
                "7,8",
                "--attributes",
                r#"{"vip":true}"#,
            ],
        );
        let second = set(
            place,
            &["u_1", r#"{"name": "x","coins":7,"pets":["dog"],"new":{}}"#, "--users", "8,steam:1"],
        );
        let diff = |arguments: &[&str]| run(place, "entry diff", arguments).ok();
        assert_snapshot!(filtered(&diff(&["u_1", &first, &second]), &[]), @r#"
        CHANGE  PATH  BEFORE  AFTER
        changed  /value/coins  5  7
        removed  /value/gone  true
        added  /value/new  {}
        removed  /value/pets/0  "cat"
        removed  /users  7
        added  /users  "steam:1"
        removed  /attributes/vip  true
        "#);
        // Against the current one, which is the second.
        assert_eq!(diff(&["u_1", &first]), diff(&["u_1", &first, &second]));
        assert_snapshot!(diff(&["u_1", "current", &first, "--format", "json"]).lines().next().unwrap(), @r#"{"op":"changed","path":"/value/coins","before":7,"after":5}"#);
        assert_eq!(diff(&["u_1", &first, &first]), "there is no difference\n");
        assert_eq!(diff(&["u_1", &first, &first, "--format", "json"]), "");
        // White space is none.
        let third = set(
            place,
            &["u_1", r#"{"coins" : 7,"name":"x","pets":["dog"],"new":{}}"#, "--users", "8,steam:1"],
        );
        assert_eq!(diff(&["u_1", &second, &third]), "there is no difference\n");

        let unknown = first.replace("0000000001", "0000000009");
        let failed = run(place, "entry diff", &["u_1", &unknown]);
        assert!(matches!(failed.code, Some(1 | 2)), "{:?}", failed.code);
        assert!(failed.stderr.contains("hint: `entry revisions` lists"), "{}", failed.stderr);
        run(place, "entry diff", &["nobody", "current"]).failed(1);
    });
}

#[test]
fn v_27_a_revision_is_restored_with_consent() {
    check_both(|place| {
        let first = set(place, &["u_1", "1", "--users", "7", "--attributes", "{\"a\":1}"]);
        let second = set(place, &["u_1", "2"]);
        let refused = run(place, "entry restore", &["u_1", &first]).failed(2);
        assert_snapshot!(filtered(&refused, &[]), @r"
        changed /value
        added /users
        added /attributes/a
        error: will not restore the revision `[VERSION]` of `7/players/global/u_1` without being told to

        hint: there is no terminal to ask on: use `--yes`, or `--dry-run` to look first
        ");
        let plan = run(place, "entry restore", &["u_1", &first, "--dry-run"]).ok();
        assert_snapshot!(filtered(&plan, &[]), @r"
        CHANGE  PATH  BEFORE  AFTER
        changed  /value  2  1
        added  /users  7
        added  /attributes/a  1
        ");
        assert_eq!(run(place, "entry get", &["u_1"]).ok(), "2\n");
        let restored = run(place, "entry restore", &["u_1", &first, "--yes"]).ok();
        assert_snapshot!(filtered(&restored, &[]), @r"
        entry  7/players/global/u_1
        restored from  [VERSION]
        version  [VERSION]
        updated  [TIME]
        size  1 bytes
        ");
        assert_eq!(run(place, "entry get", &["u_1"]).ok(), "1\n");
        let details = run(place, "entry get", &["u_1", "--details", "--format", "json"]).ok();
        assert!(details.contains(r#""users":["7"],"attributes":{"a":1}"#), "{details}");
        // The way back is there.
        assert!(run(place, "entry revisions", &["u_1"]).ok().contains(&second));

        // So is that of an entry that was removed.
        run(place, "entry remove", &["u_1", "--yes"]).ok();
        let plan = run(place, "entry restore", &["u_1", &first, "--dry-run", "--format", "json"]);
        assert!(plan.ok().starts_with(r#"{"op":"added","path":"/value","after":1}"#));
        run(place, "entry restore", &["u_1", &first, "--yes"]).ok();
        assert_eq!(run(place, "entry get", &["u_1"]).ok(), "1\n");
        // Where nobody holds it, force changes nothing.
        run(place, "entry set", &["u_1", "3"]).ok();
        run(place, "entry restore", &["u_1", &first, "--force", "--yes"]).ok();
        assert_eq!(run(place, "entry get", &["u_1"]).ok(), "1\n");

        let unknown = first.replace("0000000001", "0000000099");
        let failed = run(place, "entry restore", &["u_1", &unknown, "--yes"]);
        assert!(matches!(failed.code, Some(1 | 2)), "{:?}", failed.code);
        assert!(failed.stderr.contains("hint: `entry revisions` lists"), "{}", failed.stderr);
    });
}
