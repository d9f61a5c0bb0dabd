//! `entry get`, `entry set`, `entry increment` and `entry remove`, on a directory and through a server.

use std::fs;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::both::{empty_directory, hold, server};
use crate::program::{Place, Run, Server, run_with_stdin};
use crate::shown::filtered;

const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";
const PLAYERS: [&str; 4] = ["--universe", "7", "--store", "players"];

fn with<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    PLAYERS.iter().copied().chain(arguments.iter().copied()).collect()
}

fn run(place: &Place, words: &str, arguments: &[&str]) -> Run {
    place.run(words, &with(arguments))
}

/// The version that a receipt in JSON names.
fn version_of(receipt: &str) -> String {
    let receipt: serde_json::Value = serde_json::from_str(receipt).unwrap();
    receipt["version"].as_str().unwrap().to_owned()
}

/// Does with the place what a user does, and expects the same of every place.
fn check_place(place: &Place) {
    check_set_and_get(place);
    check_conditions(place);
    check_values(place);
    check_increments(place);
    check_removal(place);
}

fn check_set_and_get(place: &Place) {
    let arguments =
        ["u_1", r#"{"coins": 5}"#, "--users", "7,steam:1", "--attributes", "{\n\"a\": 1}"];
    let set = run(place, "entry set", &arguments).ok();
    assert_snapshot!(filtered(&set, &[]), @r"
    entry  7/players/global/u_1
    version  [VERSION]
    created  [TIME]
    updated  [TIME]
    size  12 bytes
    ");
    assert_eq!(run(place, "entry get", &["u_1"]).ok(), "{\"coins\": 5}\n");
    let details = run(place, "entry get", &["u_1", "--details"]).ok();
    assert_snapshot!(filtered(&details, &[]), @r#"
    entry  7/players/global/u_1
    version  [VERSION]
    created  [TIME]
    updated  [TIME]
    size  12 bytes
    users  7, steam:1
    attributes  {"a":1}
    "#);
    let details = run(place, "entry get", &["u_1", "--details", "--format", "json"]).ok();
    assert_snapshot!(filtered(&details, &[]), @r#"{"entry":"7/players/global/u_1","version":"[VERSION]","createdAt":"[TIME]","updatedAt":"[TIME]","valueSize":12,"users":["7","steam:1"],"attributes":{"a":1}}"#);
    // Another scope is another entry.
    let scoped = run(place, "entry get", &["u_1", "--scope", "season"]);
    assert_eq!(scoped.code, Some(1));
}

fn check_conditions(place: &Place) {
    let set = |arguments: &[&str]| run(place, "entry set", arguments);
    let first = version_of(&set(&["c", "1", "--if-missing", "--format", "json"]).ok());
    assert_eq!(set(&["c", "2", "--if-missing"]).code, Some(1));
    let second = version_of(&set(&["c", "2", "--if-version", &first, "--format", "json"]).ok());
    assert_ne!(first, second);
    let stale = set(&["c", "3", "--if-version", &first]).failed(1);
    assert!(stale.contains(&format!("hint: it is at version `{second}`")), "{stale}");
    assert_eq!(run(place, "entry get", &["c"]).ok(), "2\n");
    assert_eq!(run(place, "entry get", &["c", "--version", &first]).ok(), "1\n");
    let both = set(&["c", "3", "--if-version", &first, "--if-missing"]);
    assert_eq!(both.code, Some(2));
}

fn check_values(place: &Place) {
    let stdin = run_with_stdin(place.command("entry set", &with(&["v", "-"])), b" [1, 2]\n").ok();
    assert!(stdin.contains("6 bytes"), "{stdin}");
    assert_eq!(run(place, "entry get", &["v"]).ok(), "[1, 2]\n");
    let command = place.command("entry set", &with(&["v", "--file", "-"]));
    run_with_stdin(command, b"\"from stdin\"").ok();
    assert_eq!(run(place, "entry get", &["v"]).ok(), "\"from stdin\"\n");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("value.json");
    fs::write(&file, "{\"from\": \"a file\"}\n").unwrap();
    run(place, "entry set", &["v", "--file", file.to_str().unwrap()]).ok();
    assert_eq!(run(place, "entry get", &["v"]).ok(), "{\"from\": \"a file\"}\n");
    let missing = dir.path().join("none");
    let missing = run(place, "entry set", &["v", "--file", missing.to_str().unwrap()]);
    assert!(missing.failed(2).contains("cannot read the value from"));

    // Keys that a path or a query could be cut at in the wrong place.
    for key in ["a/b c", "a@b", "x:increment", "100%", "a&b=c+d?#", "\u{e9}\u{20ac}"] {
        let receipt = run(place, "entry set", &[key, "-5", "--format", "json"]).ok();
        assert_eq!(run(place, "entry get", &[key]).ok(), "-5\n", "{key}");
        let version = version_of(&receipt);
        assert_eq!(run(place, "entry get", &[key, "--version", &version]).ok(), "-5\n", "{key}");
    }
    assert_eq!(run(place, "entry set", &["v", "{broken"]).code, Some(2));
    assert_eq!(run(place, "entry set", &["v", "1", "--attributes", "[]"]).code, Some(2));
    assert_eq!(run(place, "entry get", &["v"]).ok(), "{\"from\": \"a file\"}\n");
}

fn check_increments(place: &Place) {
    let increment = |arguments: &[&str]| run(place, "entry increment", arguments);
    let first = increment(&["n", "--by", "40", "--users", "7", "--attributes", "{\"a\":1}"]).ok();
    assert_snapshot!(filtered(&first, &[]), @r"
    entry  7/players/global/n
    version  [VERSION]
    created  [TIME]
    updated  [TIME]
    size  2 bytes
    value  40
    ");
    let details = run(place, "entry get", &["n", "--details", "--format", "json"]).ok();
    assert!(details.contains(r#""users":["7"],"attributes":{"a":1}"#), "{details}");
    let second = increment(&["n", "--format", "json"]).ok();
    assert_snapshot!(filtered(&second, &[]), @r#"{"entry":"7/players/global/n","version":"[VERSION]","createdAt":"[TIME]","updatedAt":"[TIME]","valueSize":2,"value":41}"#);
    let details = run(place, "entry get", &["n", "--details", "--format", "json"]).ok();
    assert!(details.contains(r#""users":[],"attributes":{}"#), "{details}");
    increment(&["n", "--by", "-42"]).ok();
    assert_eq!(run(place, "entry get", &["n"]).ok(), "-1\n");
    increment(&["n", "--by=9223372036854775807"]).ok();
    increment(&["n", "--by", "2"]).failed(2);
    for wrong in ["2.5", "x", "", "9223372036854775808", "-9223372036854775809"] {
        let refused = increment(&["n", "--by", wrong]).failed(2);
        assert!(refused.contains("amount"), "{refused}");
    }
    increment(&["n", "--attributes", "[]"]).failed(2);
    assert_eq!(run(place, "entry get", &["n"]).ok(), "9223372036854775806\n");
}

fn check_removal(place: &Place) {
    let receipt = run(place, "entry set", &["gone", "1", "--format", "json"]).ok();
    let refused = run(place, "entry remove", &["gone"]).failed(2);
    assert_snapshot!(refused, @r"
    error: will not remove `7/players/global/gone` without being told to

    hint: there is no terminal to ask on: use `--yes`, or `--dry-run` to look first
    ");
    let plan = run(place, "entry remove", &["gone", "--dry-run"]).ok();
    assert_snapshot!(filtered(&plan, &[]), @r"
    entry  7/players/global/gone
    removed  no, it is a dry run; it is at version [VERSION]
    ");
    assert_eq!(run(place, "entry get", &["gone"]).ok(), "1\n");
    let removed = run(place, "entry remove", &["gone", "--yes"]).ok();
    assert_snapshot!(removed, @r"
    entry    7/players/global/gone
    removed  yes
    ");
    assert_eq!(run(place, "entry get", &["gone"]).code, Some(1));
    let version = version_of(&receipt);
    assert_eq!(run(place, "entry get", &["gone", "--version", &version]).ok(), "1\n");
    assert_eq!(run(place, "entry remove", &["never", "--dry-run"]).code, Some(1));
    let json = run(place, "entry set", &["gone", "2"])
        .code
        .zip(run(place, "entry remove", &["gone", "--yes", "--format", "json"]).code);
    assert_eq!(json, Some((0, 0)));
}

#[test]
fn entries_of_a_directory_are_read_written_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    // A server makes the directory; the commands do not.
    drop(Server::start(dir.path(), &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]).stop("TERM"));
    let place = Place::directory(dir.path());
    insta::allow_duplicates! { check_place(&place) };
    let failure = run(&place, "entry get", &["none"]).failed(1);
    assert_snapshot!(failure, @r"
    error: cannot get `7/players/global/none`
      caused by: the entry `7/players/global/none` does not exist
    ");
    let failure = run(&place, "entry increment", &["v"]).failed(2);
    assert_snapshot!(failure, @r"
    error: cannot increment `7/players/global/v`
      caused by: the entry `7/players/global/v` does not hold an integer
    ");
    let failure = run(&place, "entry set", &["v", "{broken"]).failed(2);
    assert_snapshot!(failure, @r"
    error: cannot set `7/players/global/v`
      caused by: the value is refused
      caused by: not JSON: Parser error at line 1 column 2: Unexpected char: 'b'
    ");
}

#[test]
fn entries_behind_a_server_are_read_written_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]);
    let place = Place::server(&server.url, ADMIN_KEY);
    insta::allow_duplicates! { check_place(&place) };
    let failure = run(&place, "entry get", &["none"]).failed(1);
    assert_snapshot!(failure, @r"
    error: cannot get `7/players/global/none`
      caused by: the server answered 404 `EntryNotFound`: Entry not found.
    ");
    let failure = run(&place, "entry increment", &["v"]).failed(2);
    assert_snapshot!(failure, @r"
    error: cannot increment `7/players/global/v`
      caused by: the server answered 400 `ExistingValueNotNumeric`: The entry does not hold an integer. Nothing was written.
    ");
    let failure = run(&place, "entry set", &["v", "{broken"]).failed(2);
    assert_snapshot!(failure, @r"
    error: cannot set `7/players/global/v`
      caused by: the server answered 400 `ContentNotJson`: not JSON: Parser error at line 1 column 2: Unexpected char: 'b'
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    drop(Server::start(dir.path(), &[], &[]).stop("TERM"));
    let place = Place::directory(dir.path());
    // More than any pipe holds.
    let value = format!("\"{}\"", "x".repeat(4 << 20));
    run_with_stdin(place.command("entry set", &with(&["big", "-"])), value.as_bytes()).ok();
    let mut get = place.command("entry get", &with(&["big"]));
    let mut child = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Run { code, stderr, .. } = Run::of(&child.wait_with_output().unwrap());
    assert_eq!((code, &*stderr), (Some(0), ""));
}

#[test]
fn force_asks_first_and_changes_nothing_where_nobody_holds_the_entry() {
    let dir = tempfile::tempdir().unwrap();
    let place = &empty_directory(dir.path());
    run(place, "entry set", &["k", "1"]).ok();
    let refused = run(place, "entry set", &["k", "2", "--force"]).failed(2);
    assert_snapshot!(refused.trim(), @"
    error: will not set `7/players/global/k`, also from a game server that holds it without being told to

    hint: there is no terminal to ask on: use `--yes`
    ");
    assert_eq!(run(place, "entry set", &["k", "2", "--yes"]).code, Some(2), "`--yes` to what?");
    assert_eq!(run(place, "entry get", &["k"]).ok(), "1\n");
    run(place, "entry set", &["k", "2", "--force", "--yes"]).ok();
    assert_eq!(run(place, "entry get", &["k"]).ok(), "2\n");
    let refused = run(place, "entry remove", &["k", "--force"]).failed(2);
    assert!(refused.contains("also from a game server"), "{refused}");
    run(place, "entry remove", &["k", "--force", "--yes"]).ok();
    assert_eq!(run(place, "entry get", &["k"]).code, Some(1));
}

#[test]
fn a_server_lets_nobody_force_a_set_or_a_removal() {
    let dir = tempfile::tempdir().unwrap();
    let (server, place) = server(dir.path());
    run(&place, "entry set", &["k", "1"]).ok();
    for (words, arguments) in [
        ("entry set", &["k", "2", "--force", "--yes"][..]),
        ("entry remove", &["k", "--force", "--yes"]),
    ] {
        let refused = run(&place, words, arguments).failed(2);
        assert!(refused.contains("`--force` needs a data directory"), "{refused}");
    }
    assert_eq!(run(&place, "entry get", &["k"]).ok(), "1\n");
    assert_eq!(server.stop("TERM").0, Some(0));
}

#[test]
fn an_entry_that_a_game_server_holds_is_written_by_force_only() {
    let dir = tempfile::tempdir().unwrap();
    let place = &empty_directory(dir.path());
    run(place, "entry set", &["k", "1"]).ok();
    hold(dir.path(), "k");
    let refused = run(place, "entry set", &["k", "2"]).failed(1);
    assert!(refused.contains("0000feed"), "{refused}");
    run(place, "entry remove", &["k", "--yes"]).failed(1);
    assert_eq!(run(place, "entry get", &["k"]).ok(), "1\n", "reads always work");
    run(place, "entry set", &["k", "2", "--force", "--yes"]).ok();
    assert_eq!(run(place, "entry get", &["k"]).ok(), "2\n");
    run(place, "entry set", &["k", "3"]).ok();
}
