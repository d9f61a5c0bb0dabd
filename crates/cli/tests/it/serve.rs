//! `serve`: its first start and its later ones, its end, and what it says on the way.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use insta::assert_snapshot;

use crate::program::{PROGRAM, Place, Server, command, run, run_with_stdin, without_variables};
use crate::shown::filtered;

const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";
const ENTRY: [&str; 5] = ["--universe", "1", "--store", "s", "k"];

fn with<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ENTRY.iter().copied().chain(rest.iter().copied()).collect()
}

#[test]
fn the_admin_key_is_printed_once_and_everything_is_there_after_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::start(dir.path(), &[], &[]);
    let lines = filtered(&first.lines.join("\n"), &[(&first.url, "[URL]")]);
    assert_snapshot!(lines, @r"
    the administrator's key, shown this once: [SECRET]
    listening on [URL]
    ");
    let secret = first.lines[0].rsplit(' ').next().unwrap().to_owned();
    let place = Place::server(&first.url, &secret);
    place.run("entry set", &with(&[r#"{"kept": true}"#])).ok();
    let (code, log) = first.stop("TERM");
    assert_eq!(code, Some(0), "{log}");

    let second = Server::start(dir.path(), &[], &[]);
    let lines = second.lines.join("\n").replace(&second.url, "[URL]");
    assert_snapshot!(lines, @"listening on [URL]");
    let place = Place::server(&second.url, &secret);
    assert_eq!(place.run("entry get", &with(&[])).ok(), "{\"kept\": true}\n");
    assert_eq!(second.stop("INT").0, Some(0));
    let place = Place::directory(dir.path());
    assert_eq!(place.run("entry get", &with(&[])).ok(), "{\"kept\": true}\n");
}

#[test]
fn a_preset_admin_key_is_accepted_and_not_printed() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let server = Server::start(dir.path(), &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]);
        assert_eq!(server.lines.len(), 1, "only the address");
        Place::server(&server.url, ADMIN_KEY).run("key list", &[]).ok();
        assert_eq!(server.stop("TERM").0, Some(0));
    }
}

#[test]
fn a_short_admin_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    serve.arg(dir.path()).env("STEADFAST_ADMIN_KEY", "short");
    let refused = crate::program::Run::of(&serve.output().unwrap()).failed(2);
    assert_snapshot!(refused, @r"
    error: cannot make the administrator's key
      caused by: the secret has 5 bytes, at least 20 are needed
    ");
}

#[test]
fn a_directory_in_use_is_refused_with_the_name_of_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[], &[]);
    let data = dir.path().to_str().unwrap();
    let holder = format!("process {} on ", server.pid);
    let second = run(&["serve", "--data", data, "--listen", "127.0.0.1:0"]).failed(1);
    assert!(second.contains(&holder), "{second}");
    let get = Place::directory(dir.path()).run("entry get", &with(&[])).failed(1);
    assert!(get.contains(&holder), "{get}");
    // The holder has a host and a time in its name.
    let shown: Vec<_> = get.lines().filter(|line| !line.contains(&holder)).collect();
    assert_snapshot!(shown.join("\n").replace(data, "[DIR]"), @r"
    error: cannot get `1/s/global/k`
      caused by: cannot open the data directory `[DIR]`

    hint: a running server is reached with `--server URL`
    ");
}

#[test]
fn an_address_in_use_is_refused_and_leaves_no_key_behind() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = dir.path().to_str().unwrap();
    let refused = run(&["serve", "--data", data, "--listen", &address]).failed(3);
    assert_snapshot!(refused.replace(&address, "[ADDRESS]"), @r"
    error: cannot listen on `[ADDRESS]`
      caused by: Address already in use (os error 98)
    ");
    let server = Server::start(dir.path(), &[], &[]);
    assert_eq!(server.lines.len(), 2, "the key is printed by the first start that works");
}

#[test]
fn the_limits_of_the_live_service_can_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("STEADFAST_ADMIN_KEY", ADMIN_KEY)];
    let server = Server::start(dir.path(), &variables, &["--limits", "roblox"]);
    let place = Place::server(&server.url, ADMIN_KEY);
    let set =
        |key: &str| place.run("entry set", &["--universe", "1", "--store", "s", key, "1"]).code;
    assert_eq!(set(&"k".repeat(50)), Some(0));
    assert_eq!(set(&"k".repeat(51)), Some(2));
}

/// Which revisions a data store keeps that has no choice of its own.
fn history_in_force(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], arguments);
    let place = Place::server(&server.url, ADMIN_KEY);
    place.run("entry set", &with(&["1"])).ok();
    let path = "/steadfast/v1/universes/1/data-stores/s";
    let head = format!("GET {path} HTTP/1.0\r\nx-api-key: {ADMIN_KEY}\r\n\r\n");
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, rest) = answer.split_once("\"historyInForce\":\"").expect(&answer);
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn the_history_follows_the_limits_unless_it_is_asked_for() {
    for (arguments, expected) in [
        (&[][..], "thinned"),
        (&["--limits", "roblox"], "hourly"),
        (&["--limits", "roblox", "--history", "thinned"], "thinned"),
        (&["--history", "every"], "every"),
        (&["--history", "hourly"], "hourly"),
        (&["--strict-revisions"], "hourly"),
        (&["--strict-revisions", "--limits", "roblox"], "hourly"),
    ] {
        assert_eq!(history_in_force(arguments), expected, "{arguments:?}");
    }
    for arguments in [
        &["serve", "--history", "daily"][..],
        &["serve", "--history", "every", "--strict-revisions"],
    ] {
        run(arguments).failed(2);
    }
}

#[test]
fn the_log_has_neither_values_nor_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("STEADFAST_ADMIN_KEY", ADMIN_KEY), ("STEADFAST_LOG", "trace")];
    let server = Server::start(dir.path(), &variables, &[]);
    let place = Place::server(&server.url, ADMIN_KEY);
    place.run("entry set", &with(&[r#""a value of the player""#])).ok();
    place.run("entry get", &with(&[])).ok();
    place.run("entry set", &with(&["{a broken value of the player"])).failed(2);
    let created = place.run("key create", &["--name", "x", "--scope", "steadfast.admin"]);
    let secret = filtered(&created.stdout, &[]);
    assert!(secret.contains("[SECRET]"), "{secret}");
    let (code, log) = server.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("asked to stop by SIGTERM"), "{log}");
    for secret in ["value of the player", ADMIN_KEY, "sfk_"] {
        assert!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
    }
}

#[test]
fn a_store_that_stops_by_itself_ends_the_server_with_5() {
    let dir = tempfile::tempdir().unwrap();
    // The data file cannot grow beyond 8 or 16 MiB; what the shell counts in differs.
    let line = r#"trap "" XFSZ; ulimit -f 16384; exec "$0" serve --data "$1" --listen 127.0.0.1:0"#;
    let mut limited = Command::new("sh");
    limited.args(["-c", line, PROGRAM]).arg(dir.path());
    without_variables(&mut limited);
    limited.env("STEADFAST_ADMIN_KEY", ADMIN_KEY);
    let server = Server::start_command(limited);
    let place = Place::server(&server.url, ADMIN_KEY);
    let mut rng = steadfast_core::Rng::seeded(1);
    let mut digits = || char::from_digit(u32::try_from(rng.below(16)).unwrap(), 16).unwrap();
    let value = format!("\"{}\"", (0..1 << 20).map(|_| digits()).collect::<String>());
    let key_of = |index: u32| format!("k{index}");
    let set = |index: u32| {
        let key = key_of(index);
        let command = place.command("entry set", &["--universe", "1", "--store", "s", &key, "-"]);
        run_with_stdin(command, value.as_bytes()).code
    };
    let refused = (0..64).find(|index| set(*index) != Some(0)).expect("the file is full");
    let (code, log) = server.end();
    assert_eq!(code, Some(5), "{log}");
    assert!(log.contains("the store stopped by itself"), "{log}");
    assert!(log.contains("error: "), "{log}");
    // What was acknowledged is there.
    let place = Place::directory(dir.path());
    for index in 0..refused {
        let got = place.run("entry get", &["--universe", "1", "--store", "s", &key_of(index)]);
        assert!(got.ok().trim_end() == value, "{index}");
    }
}

#[test]
fn a_log_filter_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    serve.arg(dir.path()).env("STEADFAST_LOG", "steadfast=loud");
    let refused = crate::program::Run::of(&serve.output().unwrap()).failed(2);
    assert_snapshot!(refused, @r#"
    error: `STEADFAST_LOG` is not a log filter
      caused by: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5

    hint: it looks like `warn` or `info,steadfast_server=debug`
    "#);
}
