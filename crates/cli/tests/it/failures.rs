//! Every kind of failure has its exit code, whoever reports it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use insta::assert_snapshot;

use crate::program::{Place, run};

const ENTRY: [&str; 5] = ["--universe", "1", "--store", "s", "k"];

fn with<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    ENTRY.iter().copied().chain(rest.iter().copied()).collect()
}

/// A server that reads the head of one request and answers this, whatever was asked.
fn answering(answer: &'static str) -> (Place, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
    });
    (Place::server(&url, "some-key"), thread)
}

#[track_caller]
fn check_answer(answer: &'static str, get: i32, set: i32) {
    let (place, thread) = answering(answer);
    place.run("entry get", &with(&[])).failed(get);
    thread.join().unwrap();
    let (place, thread) = answering(answer);
    place.run("entry set", &with(&["1"])).failed(set);
    thread.join().unwrap();
}

/// A server that answers one request after the other, each on a connection of its own.
fn answering_in_turn(answers: &'static [&'static str]) -> (Place, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n1") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (Place::server(&url, "some-key"), thread)
}

#[test]
fn work_of_many_requests_waits_where_the_server_has_no_room() {
    const TOO_SOON: &str = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\n\
                            connection: close\r\ncontent-length: 0\r\n\r\n";
    const WRITTEN: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    const NEVER: &str = "HTTP/1.1 429 Too Many Requests\r\nconnection: close\r\n\
                         content-length: 0\r\n\r\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("seeds.ndjson");
    std::fs::write(&file, r#"{"store":"s","key":"k","value":1}"#).unwrap();
    let arguments = ["--universe", "1", file.to_str().unwrap()];
    let (place, thread) = answering_in_turn(&[TOO_SOON, TOO_SOON, WRITTEN]);
    assert!(place.run("seed", &arguments).ok().contains("created     1"));
    thread.join().unwrap();
    // Eleven times is enough, and so is once where nobody says how long.
    let (place, thread) = answering_in_turn(&[TOO_SOON; 11]);
    place.run("seed", &arguments).failed(3);
    thread.join().unwrap();
    let (place, thread) = answering_in_turn(&[NEVER]);
    place.run("seed", &arguments).failed(3);
    thread.join().unwrap();
}

#[test]
fn statuses_of_a_server_become_exit_codes() {
    check_answer("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", 2, 2);
    check_answer("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", 1, 1);
    check_answer("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n", 3, 3);
    check_answer("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", 3, 3);
    check_answer("HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n", 3, 4);
    check_answer("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n", 5, 5);
    // Something that is no server of ours.
    check_answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", 5, 5);
    check_answer("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", 5, 5);
}

#[test]
fn a_write_without_an_answer_is_unknown_and_a_read_is_not() {
    let (place, thread) = answering("");
    let unknown = place.run("entry set", &with(&["1"])).failed(4);
    thread.join().unwrap();
    let first: Vec<_> = unknown.lines().filter(|line| !line.contains("caused by")).collect();
    assert_snapshot!(first.join("\n"), @r"
    error: cannot set `1/s/global/k`

    hint: the write may have been made or not: read before you write again
    ");
    let (place, thread) = answering("");
    place.run("entry get", &with(&[])).failed(3);
    thread.join().unwrap();
    // The answer began, and then nothing more came.
    check_answer("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{", 3, 4);
}

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = Place::server(&url, "some-key");
    let failure = place.run("entry set", &with(&["1"])).failed(3);
    let first: Vec<_> = failure.lines().filter(|line| !line.contains("caused by")).collect();
    assert_snapshot!(first.join("\n"), @r"
    error: cannot set `1/s/global/k`

    hint: is the server running, and is this its address?
    ");
}

#[test]
fn a_wrong_path_is_no_new_store() {
    let dir = tempfile::tempdir().unwrap();
    let typo = dir.path().join("dta");
    let failure = Place::directory(&typo).run("entry set", &with(&["1"])).failed(1);
    assert_snapshot!(failure.replace(dir.path().to_str().unwrap(), "[DIR]"), @r"
    error: cannot set `1/s/global/k`
      caused by: there is no data directory `[DIR]/dta`

    hint: `serve --data DIR` makes a data directory
    ");
    assert!(!typo.exists());
    // Nor is an empty directory, or one of somebody else's.
    assert_eq!(Place::directory(dir.path()).run("key list", &[]).code, Some(1));
    std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    assert_eq!(Place::directory(dir.path()).run("key list", &[]).code, Some(2));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &[][..],
        &["entry"],
        &["entry", "get", "--universe", "1", "--store", "s", "k"],
        &["entry", "get", "--data", "d", "--server", "http://h", "--universe", "1", "k"],
        &["entry", "get", "--data", "d", "--universe", "-1", "--store", "s", "k"],
        &["entry", "set", "--data", "d", "--universe", "1", "--store", "s", "k"],
        &[
            "entry",
            "remove",
            "--data",
            "d",
            "--universe",
            "1",
            "--store",
            "s",
            "k",
            "--yes",
            "--dry-run",
        ],
        &["key", "list", "--data", "d", "--format", "xml"],
        &["serve", "--listen", "nowhere"],
        &["frobnicate"],
    ] {
        assert_eq!(run(arguments).code, Some(2), "{arguments:?}");
    }
    let no_key = run(&["key", "list", "--server", "http://127.0.0.1:1"]).failed(2);
    assert_snapshot!(no_key, @r"
    error: cannot list the API keys
      caused by: there is no API key for the server

    hint: set `STEADFAST_API_KEY`, or use `--key-file FILE`
    ");
    let address = run(&["key", "list", "--server", "https://127.0.0.1:1"]).failed(2);
    assert_snapshot!(address, @r"
    error: cannot list the API keys
      caused by: `https://127.0.0.1:1` is not the address of a server
      caused by: TLS is not built in yet

    hint: it looks like `http://127.0.0.1:8787`
    ");
}
