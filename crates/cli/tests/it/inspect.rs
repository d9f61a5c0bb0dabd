//! `doctor` and `salvage`, on directories that are whole and on one that is not.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::program::{Place, Server, run, run_with_stdin};
use crate::shown::filtered;

const PLAYERS: [&str; 4] = ["--universe", "1", "--store", "players"];

/// A directory with the entries `k0` to `k9` and a large one, closed in order.
fn filled(dir: &Path) {
    drop(Server::start(dir, &[], &[]).stop("TERM"));
    let place = Place::directory(dir);
    for index in 0..10 {
        let key = format!("k{index}");
        place.run("entry set", &[&PLAYERS[..], &[&key, "1"]].concat()).ok();
    }
    let set = place.command("entry set", &[&PLAYERS[..], &["big", "-"]].concat());
    run_with_stdin(set, large_value().as_bytes()).ok();
}

/// Random digits, so that its bytes are found in the data file as they are.
fn large_value() -> String {
    let mut rng = steadfast_core::Rng::seeded(1);
    let digits = (0..20_000).map(|_| format!("{:016x}", rng.next_u64())).collect::<Vec<_>>();
    format!("\"{}\"", digits.concat())
}

/// Flips a bit in the middle of the large value: nothing else of the file is touched.
fn damage(dir: &Path) {
    let path = dir.join("data.redb");
    let mut bytes = fs::read(&path).unwrap();
    // Its page is the one with the least order: no other has this many different bytes.
    let disorder = |page: &[u8]| page.iter().collect::<std::collections::BTreeSet<_>>().len();
    let pages = bytes.chunks(4096).enumerate();
    let (index, _) = pages.max_by_key(|(_, page)| disorder(page)).unwrap();
    bytes[index * 4096 + 2048] ^= 1;
    fs::write(&path, bytes).unwrap();
}

#[test]
fn a_whole_directory_is_healthy_and_can_be_copied() {
    let dir = tempfile::tempdir().unwrap();
    let (data, new) = (dir.path().join("data"), dir.path().join("new"));
    filled(&data);
    let report = run(&["doctor", data.to_str().unwrap()]).ok();
    assert_snapshot!(without_commit(&report), @r"
    healthy          yes
    closed in order  yes
    data stores      1
    entries          11
    revisions        11
    ordered entries  0
    records          0
    operation rows   0
    game servers     0
    API keys         1
    orphaned values  0
    damaged          none
    problems         none
    ");
    let json = run(&["doctor", data.to_str().unwrap(), "--format", "json"]).ok();
    assert!(json.starts_with(r#"{"healthy":true,"closedInOrder":true,"commit":"#), "{json}");

    let salvage = ["salvage", data.to_str().unwrap(), "--to", new.to_str().unwrap()];
    assert_snapshot!(run(&salvage).ok(), @r"
    data stores             1
    entries                 11
    revisions               11
    ordered entries         0
    records                 0
    operation rows          0
    game servers            0
    API keys                1
    still damaged           none
    recovered as revisions  none
    lost                    none
    the engine said         none
    may be older            no
    ");
    let got = Place::directory(&new).run("entry get", &[&PLAYERS[..], &["k9"]].concat());
    assert_eq!(got.ok(), "1\n");
    let again = run(&salvage).failed(2);
    let path = dir.path().to_str().unwrap();
    assert_snapshot!(again.replace(path, "[DIR]"), @r"
    error: cannot salvage `[DIR]/data` to `[DIR]/new`
      caused by: the directory `[DIR]/new` holds a store already
    ");
}

#[test]
fn damage_is_found_and_named_and_the_rest_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let (data, new) = (dir.path().join("data"), dir.path().join("new"));
    filled(&data);
    damage(&data);
    let found = run(&["doctor", data.to_str().unwrap()]);
    assert_eq!(found.code, Some(5), "{}", found.stderr);
    assert!(found.stdout.contains("1/players/global/big"), "{}", found.stdout);
    let path = dir.path().to_str().unwrap();
    assert_snapshot!(filtered(&found.stderr, &[(path, "[DIR]")]), @r"
    error: the data directory `[DIR]/data` is damaged
      caused by: 2 damaged rows and 1 other problems were found

    hint: restore a backup, or save what can be read: `salvage DIR --to NEW`
    ");

    let salvage = run(&["salvage", data.to_str().unwrap(), "--to", new.to_str().unwrap()]);
    assert_eq!(salvage.code, Some(0), "{}", salvage.stderr);
    assert_snapshot!(salvage.stderr, @"not everything could be read: rows that were damaged still answer as such");
    let get = |key: &str| Place::directory(&new).run("entry get", &[&PLAYERS[..], &[key]].concat());
    assert_eq!(get("k0").ok(), "1\n");
    // Never taken for missing.
    let damaged = get("big").failed(5);
    assert!(damaged.contains("damaged"), "{damaged}");
}

#[test]
fn a_directory_that_cannot_be_examined_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none");
    let missing = run(&["doctor", missing.to_str().unwrap()]).failed(1);
    let path = dir.path().to_str().unwrap();
    assert_snapshot!(missing.replace(path, "[DIR]"), @r"
    error: cannot examine `[DIR]/none`
      caused by: there is no directory `[DIR]/none`
    ");
    assert_eq!(run(&["doctor", path]).code, Some(2), "an empty one is not a store");
    let data = dir.path().join("data");
    let server = Server::start(&data, &[], &[]);
    let held = run(&["doctor", data.to_str().unwrap()]).failed(1);
    assert!(held.contains(&format!("process {} on ", server.pid)), "{held}");
    assert!(held.contains("hint: stop the process that holds it first"), "{held}");
}

fn without_commit(report: &str) -> String {
    let lines = report.lines().filter(|line| !line.starts_with("commit"));
    lines.collect::<Vec<_>>().join("\n")
}
