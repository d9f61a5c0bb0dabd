//! `serve --limits roblox`: the real server refuses what the live service would.

use std::io::{Read, Write};
use std::net::TcpStream;

use insta::assert_snapshot;

use crate::program::{Place, Server, run};

const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";

/// Status and head of an answer.
struct Answer {
    status: String,
    text: String,
}

impl Answer {
    #[track_caller]
    fn header(&self, name: &str) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no `{name}` in {}", self.text))
    }
}

/// Sends one request on a connection of its own.
fn send(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let size = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {ADMIN_KEY}\r\n\
         content-type: application/json\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    Answer { status: text.split(' ').nth(1).unwrap().to_owned(), text }
}

fn set(server: &Server, key: &str) -> Answer {
    let entry = "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry";
    send(server, "POST", &format!("{entry}?datastoreName=s&entryKey={key}"), "1")
}

fn update(server: &Server, key: &str) -> Answer {
    let entries = "/cloud/v2/universes/1/data-stores/s/entries";
    send(server, "PATCH", &format!("{entries}/{key}?allowMissing=true"), r#"{"value":1}"#)
}

#[test]
fn b_50_the_301st_write_of_a_minute_is_refused_with_the_time_to_wait() {
    let dir = tempfile::tempdir().unwrap();
    let variables = [("STEADFAST_ADMIN_KEY", ADMIN_KEY)];
    let server = Server::start(dir.path(), &variables, &["--limits", "roblox", "--ccu", "1"]);
    for left in (0..300).rev() {
        let answer = set(&server, "k");
        assert_eq!(answer.status, "200", "{}", answer.text);
        assert_eq!(answer.header("x-ratelimit-limit"), "300, 300;w=60");
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
    }
    let refused = set(&server, "k");
    assert_eq!(refused.status, "429", "{}", refused.text);
    assert!(refused.text.contains("\"RESOURCE_EXHAUSTED\""), "{}", refused.text);
    assert!(refused.text.contains("\"TooManyRequests\""), "{}", refused.text);
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    let metrics = send(&server, "GET", "/metrics", "").text;
    let counted = "steadfast_throttled_requests_total{pool=\"v1_standard_write_count\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
    // v2 has pools of its own, and this one grows by 20 with the player.
    assert_eq!(update(&server, "k").header("x-ratelimit-remaining"), "319");
    let place = Place::server(&server.url, ADMIN_KEY);
    let said = place.run("entry set", &["--universe", "1", "--store", "s", "k", "1"]).failed(3);
    assert!(said.starts_with("error: cannot set `1/s/global/k`"), "{said}");
}

#[test]
fn the_native_limits_never_throttle() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path(), &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]);
    for _ in 0..301 {
        for answer in [set(&server, "k"), update(&server, "k")] {
            assert_eq!(answer.status, "200", "{}", answer.text);
            assert!(!answer.text.contains("x-ratelimit"), "{}", answer.text);
        }
    }
}

#[test]
fn players_without_budgets_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let refused = run(&["serve", "--data", data, "--ccu", "1"]).failed(2);
    assert_snapshot!(refused, @r"
    error: `--ccu` says nothing to limits that count no requests

    hint: add `--limits roblox`
    ");
}
