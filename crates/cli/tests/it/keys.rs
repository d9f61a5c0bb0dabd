//! `key create`, `key list` and `key revoke`, on a directory and through a server.

use std::fs;

use insta::assert_snapshot;

use crate::program::{Place, Server};
use crate::shown::filtered;

const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";
const READ: &str = "universe-datastores.objects:read";
const UPDATE: &str = "universe-datastores.objects:update";

/// Does with the place what an administrator does. Returns the secret of a key that can read the
/// entries of universe 7 and nothing else.
fn check_place(place: &Place) -> String {
    let arguments = ["--name", "reader", "--scope", READ, "--universe", "7", "--expires-in", "30d"];
    let created = place.run("key create", &[&arguments[..], &["--format", "json"]].concat());
    assert_eq!(created.stderr, "the secret is shown this once: keep it now\n");
    assert_eq!(created.code, Some(0));
    assert_snapshot!(filtered(&created.stdout, &[]), @r#"{"id":"[ID]","name":"reader","secret":"[SECRET]","expiresAt":"[TIME]"}"#);
    let created: serde_json::Value = serde_json::from_str(&created.stdout).unwrap();

    let arguments = ["--name", "bot", "--scope", READ, UPDATE, "--store", "a", "--store", "b"];
    let bot = place.run("key create", &arguments);
    assert_snapshot!(filtered(&bot.stdout, &[]), @r"
    id  [ID]
    name  bot
    secret  [SECRET]
    expires  never
    ");
    let listed = place.run("key list", &["--format", "json"]).ok();
    let mut lines: Vec<_> = listed.lines().map(|line| filtered(line, &[])).collect();
    // They are listed by id, which is random.
    lines.sort();
    assert_snapshot!(lines.join("\n"), @r#"
    {"id":"[ID]","name":"admin","scopes":["steadfast.admin","universe-datastores.control:create","universe-datastores.objects:read","universe-datastores.objects:create","universe-datastores.objects:update","universe-datastores.objects:delete","universe-datastores.objects:list","universe-datastores.versions:list","universe-datastores.versions:read","universe-datastores.control:list","universe-datastores.control:delete","universe-datastores.control:snapshot","universe.ordered-data-store.scope.entry:read","universe.ordered-data-store.scope.entry:write"],"universes":null,"stores":null,"createdAt":"[TIME]","expiresAt":null,"revoked":false}
    {"id":"[ID]","name":"bot","scopes":["universe-datastores.objects:read","universe-datastores.objects:update"],"universes":null,"stores":["a","b"],"createdAt":"[TIME]","expiresAt":null,"revoked":false}
    {"id":"[ID]","name":"reader","scopes":["universe-datastores.objects:read"],"universes":["7"],"stores":null,"createdAt":"[TIME]","expiresAt":"[TIME]","revoked":false}
    "#);
    let table = place.run("key list", &[]).ok();
    let first = filtered(&table, &[]).lines().next().unwrap().to_owned();
    assert_snapshot!(first, @"ID  NAME  REVOKED  CREATED  EXPIRES  UNIVERSES  STORES  SCOPES");

    let id = listed.lines().find(|line| line.contains("bot")).unwrap();
    let id: serde_json::Value = serde_json::from_str(id).unwrap();
    let id = id["id"].as_str().unwrap();
    let refused = place.run("key revoke", &[id]).failed(2);
    assert_snapshot!(filtered(&refused, &[]), @r"
    error: will not revoke the API key `[ID]`, called `bot` without being told to

    hint: there is no terminal to ask on: use `--yes`, or `--dry-run` to look first
    ");
    let plan = place.run("key revoke", &[id, "--dry-run"]).ok();
    assert_snapshot!(filtered(&plan, &[]), @r"
    id  [ID]
    name  bot
    revoked  no, it is a dry run
    ");
    let revoked = place.run("key revoke", &[id, "--yes"]).ok();
    assert_snapshot!(filtered(&revoked, &[]), @r"
    id  [ID]
    name  bot
    revoked  yes
    ");
    let listed = place.run("key list", &["--format", "json"]).ok();
    let bot = listed.lines().find(|line| line.contains("bot")).unwrap();
    assert!(bot.contains(r#""revoked":true"#), "{bot}");

    let unknown = "0".repeat(32);
    let unknown = place.run("key revoke", &[&unknown, "--yes"]).failed(1);
    assert_snapshot!(filtered(&unknown, &[]), @r"
    error: cannot revoke the API key `[ID]`
      caused by: there is no such key

    hint: `key list` shows the ids of all API keys
    ");
    assert_eq!(place.run("key revoke", &["abc", "--yes"]).code, Some(2));
    assert_eq!(place.run("key create", &["--name", "x", "--scope", "nope"]).code, Some(2));
    assert_eq!(place.run("key create", &["--name", "x"]).code, Some(2));
    created["secret"].as_str().unwrap().to_owned()
}

/// The key reads where it may, and does nothing else.
fn check_reader(server: &Server, secret: &str) {
    let admin = Place::server(&server.url, ADMIN_KEY);
    let set = |universe: &str| {
        admin.run("entry set", &["--universe", universe, "--store", "s", "k", "1"]).ok();
    };
    set("7");
    set("8");
    let reader = Place::server(&server.url, secret);
    let run = |words: &str, universe: &str, rest: &[&str]| {
        let place = ["--universe", universe, "--store", "s", "k"];
        reader.run(words, &[&place, rest].concat())
    };
    assert_eq!(run("entry get", "7", &[]).ok(), "1\n");
    assert_eq!(run("entry get", "8", &[]).code, Some(1));
    let denied = run("entry set", "7", &["2"]).failed(1);
    assert_snapshot!(denied, @r"
    error: cannot set `7/s/global/k`
      caused by: the server answered 403 `InsufficientScope`: The scope `universe-datastores.objects:update` is missing.

    hint: `key list` shows what each API key may do; use another one
    ");
    let denied = reader.run("key list", &[]).failed(1);
    assert_snapshot!(denied, @r"
    error: cannot list the API keys
      caused by: the server answered 403 `InsufficientScope`: The scope `steadfast.admin` is missing.

    hint: `key list` shows what each API key may do; use another one
    ");
}

#[test]
fn keys_of_a_directory_are_made_listed_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("STEADFAST_ADMIN_KEY", ADMIN_KEY)];
    drop(Server::start(dir.path(), &variables, &[]).stop("TERM"));
    let place = Place::directory(dir.path());
    let secret = insta::allow_duplicates! { check_place(&place) };
    let server = Server::start(dir.path(), &variables, &[]);
    insta::allow_duplicates! { check_reader(&server, &secret) };
}

#[test]
fn keys_behind_a_server_are_made_listed_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]);
    let place = Place::server(&server.url, ADMIN_KEY);
    let secret = insta::allow_duplicates! { check_place(&place) };
    insta::allow_duplicates! { check_reader(&server, &secret) };
}

#[test]
fn a_key_file_comes_before_the_variable() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(&data, &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]);
    let file = dir.path().join("key");
    fs::write(&file, format!("{ADMIN_KEY}\n")).unwrap();
    let place = Place::server(&server.url, "not-a-key-at-all");
    assert_eq!(place.run("key list", &[]).code, Some(1));
    place.run("key list", &["--key-file", file.to_str().unwrap()]).ok();
}
