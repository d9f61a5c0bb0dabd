//! `backup`, `verify`, `restore`, `fork` and `upgrade`, of stopped directories and a running server.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;

use crate::program::{Place, Run, Server, run};
use crate::shown::filtered;

const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";
const PLAYERS: [&str; 4] = ["--universe", "1", "--store", "players"];

fn set(place: &Place, key: &str, value: &str) {
    place.run("entry set", &[&PLAYERS[..], &[key, value]].concat()).ok();
}

fn get(dir: &Path, key: &str) -> Run {
    Place::directory(dir).run("entry get", &[&PLAYERS[..], &[key]].concat())
}

fn start(dir: &Path, arguments: &[&str]) -> (Server, Place) {
    let server = Server::start(dir, &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], arguments);
    let place = Place::server(&server.url, ADMIN_KEY);
    (server, place)
}

/// A stopped directory with one entry.
fn filled(dir: &Path) {
    let (server, place) = start(dir, &[]);
    set(&place, "k", "1");
    assert_eq!(server.stop("TERM").0, Some(0));
}

/// What is shown, without what differs from run to run.
fn shown(text: &str, home: &Path) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("content checksum"));
    filtered(&lines.collect::<Vec<_>>().join("\n"), &[(home.to_str().unwrap(), "[HOME]")])
}

#[test]
fn a_stopped_directory_is_backed_up_verified_restored_and_forked() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (data, saved, restored) = (path("data"), path("saved"), path("restored"));
    filled(Path::new(&data));
    let made = run(&["backup", "--data", &data, "--to", &saved]).ok();
    assert_snapshot!(shown(&made, home.path()), @r"
    directory  [HOME]/saved
    format  1
    created by  0.1.0
    commit  2
    last write  [TIME]
    rows by table  cur 1, end 0, idx 3, key 1, led 0, mail 0, meta 1, ord 0, ordk 0, pre 0, rec 0, rev 0, sto 1, uni 0, val 0, ver 1
    damaged  none
    ");
    assert_eq!(run(&["verify", &saved]).ok(), made);
    let json = run(&["restore", &saved, "--to", &restored, "--format", "json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["rows"]["cur"], serde_json::json!(1));
    assert_eq!(json["damage"], serde_json::json!([]));
    let content = json["content"].as_str().unwrap();
    assert!(made.contains(content), "{made}");
    assert_eq!(get(Path::new(&restored), "k").ok(), "1\n");

    // A fork is on its own from then on.
    let forked = path("forked");
    assert!(run(&["fork", &data, &forked]).ok().contains(content));
    set(&Place::directory(Path::new(&forked)), "k", "2");
    assert_eq!(get(Path::new(&data), "k").ok(), "1\n");
    assert!(run(&["doctor", &saved]).ok().contains("healthy          yes"));
}

#[test]
fn what_cannot_be_copied_says_why() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (data, saved, new, partial) = (path("data"), path("saved"), path("new"), path("partial"));
    filled(Path::new(&data));
    run(&["backup", "--data", &data, "--to", &saved]).ok();
    let failed = |arguments: &[&str], code| shown(&run(arguments).failed(code), home.path());
    assert_snapshot!(failed(&["restore", &saved, "--to", &data], 2), @r"
    error: cannot restore `[HOME]/saved` to `[HOME]/data`
      caused by: the directory `[HOME]/data` holds a store already
    ");
    assert_snapshot!(failed(&["restore", &data, "--to", &new], 2), @r"
    error: cannot restore `[HOME]/data` to `[HOME]/new`
      caused by: the directory `[HOME]/data` is not a backup: it has no MANIFEST

    hint: `fork DIR NEW` copies a data directory
    ");
    assert_snapshot!(failed(&["backup", "--data", &new, "--to", &saved], 1), @r"
    error: cannot back up `[HOME]/new` to `[HOME]/saved`
      caused by: there is no directory `[HOME]/new`
    ");
    // As a crash leaves it.
    fs::create_dir(&partial).unwrap();
    let format = fs::read_to_string(home.path().join("saved/FORMAT")).unwrap();
    fs::write(Path::new(&partial).join("FORMAT"), format.replace("ready", "copying")).unwrap();
    assert_snapshot!(failed(&["restore", &partial, "--to", &new], 5), @r"
    error: cannot restore `[HOME]/partial` to `[HOME]/new`
      caused by: the directory `[HOME]/partial` holds a copy that was not finished

    hint: make the backup or the restore again, into it or another directory
    ");
    assert_snapshot!(shown(&get(Path::new(&partial), "k").failed(5), home.path()), @r"
    error: cannot get `1/players/global/k`
      caused by: cannot open the data directory `[HOME]/partial`
      caused by: the directory `[HOME]/partial` holds a copy that was not finished

    hint: make the backup or the restore again, into it or another directory
    ");
    assert!(run(&["serve", "--data", &partial]).failed(5).contains("not finished"));

    let manifest = home.path().join("saved/MANIFEST");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("rows cur 1", "rows cur 2")).unwrap();
    assert_snapshot!(failed(&["verify", &saved], 5), @r"
    error: cannot verify the backup `[HOME]/saved`
      caused by: the backup `[HOME]/saved` is not what its MANIFEST says: the MANIFEST itself is damaged

    hint: use another backup; `salvage BACKUP --to NEW` saves what can be read of this one
    ");
    run(&["restore", &saved, "--to", &new]).failed(5);
    assert!(!Path::new(&new).exists());

    let (server, _) = start(Path::new(&data), &[]);
    let locked = run(&["fork", &data, &new]).failed(1);
    assert!(locked.contains(&format!("process {} on ", server.pid)), "{locked}");
    assert!(locked.contains("hint: a running server makes a backup with"), "{locked}");
}

#[test]
fn damaged_rows_are_copied_and_told() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (data, saved, restored) = (path("data"), path("saved"), path("restored"));
    let (server, place) = start(Path::new(&data), &[]);
    set(&place, "k", "1");
    set(&place, "hit", "\"find these bytes\"");
    assert_eq!(server.stop("TERM").0, Some(0));
    let file = home.path().join("data/data.redb");
    let mut bytes = fs::read(&file).unwrap();
    for at in 0..bytes.len() - 20 {
        if bytes[at..].starts_with(b"\"find these bytes\"") {
            bytes[at + 3] ^= 1;
        }
    }
    fs::write(file, bytes).unwrap();
    let made = run(&["backup", "--data", &data, "--to", &saved]);
    assert_eq!(made.code, Some(5), "{}", made.stderr);
    assert!(made.stdout.contains("entry 1/players/global/hit: the checksum"), "{}", made.stdout);
    assert_snapshot!(made.stderr, @r"
    error: the store has damaged rows
      caused by: 2 damaged rows were copied as they are

    hint: the backup is complete and can be restored; write these rows again
    ");
    let restore = run(&["restore", &saved, "--to", &restored]);
    assert_eq!(restore.code, Some(0), "{}", restore.stderr);
    assert_snapshot!(restore.stderr, @"rows that were damaged before still answer as such");
    assert_eq!(get(Path::new(&restored), "k").ok(), "1\n");
    get(Path::new(&restored), "hit").failed(5);
}

#[test]
fn a_running_server_makes_a_backup_where_it_allows_them() {
    let home = tempfile::tempdir().unwrap();
    let (data, backups) = (home.path().join("data"), home.path().join("backups"));
    let allowed = ["--backups", backups.to_str().unwrap()];
    let serve = ["serve", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let missing = run(&[&serve[..], &allowed[..]].concat()).failed(2);
    assert!(missing.contains("which is no directory"), "{missing}");
    fs::create_dir(&backups).unwrap();
    let (server, place) = start(&data, &allowed);
    set(&place, "k", "1");
    let made = place.run("backup", &["--to", "monday"]).ok();
    assert!(made.contains(backups.join("monday").to_str().unwrap()), "{made}");
    let refused = place.run("backup", &["--to", "../monday"]).failed(2);
    assert_snapshot!(refused, @r"
    error: cannot make the backup `../monday`
      caused by: the server answered 400 `InvalidDirectory`: `directory` must be a name of 1 to 128 letters, digits, `-`, `_` and `.`, not a path: it is made below the directory of `serve --backups`
    ");
    drop(server);
    let saved = backups.join("monday");
    assert_eq!(run(&["verify", saved.to_str().unwrap()]).ok(), made);
    let new = home.path().join("new");
    run(&["fork", saved.to_str().unwrap(), new.to_str().unwrap()]).ok();
    assert_eq!(get(&new, "k").ok(), "1\n");

    let (_server, place) = start(&data, &[]);
    assert_snapshot!(place.run("backup", &["--to", "tuesday"]).failed(2), @r"
    error: cannot make the backup `tuesday`
      caused by: the server answered 400 `BackupsDisabled`: this server makes no backups: start it with `serve --backups DIR`
    ");
}

#[test]
fn an_upgrade_has_nothing_to_do_and_refuses_what_it_does_not_know() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    filled(&data);
    let before = fs::read(data.join("data.redb")).unwrap();
    let dir = data.to_str().unwrap();
    let plan = run(&["upgrade", dir, "--dry-run"]).ok();
    assert_snapshot!(shown(&plan, home.path()), @r"
    directory  [HOME]/data
    created by  0.1.0
    format found  1
    format wanted  1
    steps  none
    ");
    assert_eq!(run(&["upgrade", dir]).ok(), plan);
    let json = run(&["upgrade", dir, "--dry-run", "--format", "json"]).ok();
    assert!(
        json.contains(r#""formatFound":1,"formatWanted":1,"dryRun":true,"steps":[]"#),
        "{json}"
    );
    assert_eq!(fs::read(data.join("data.redb")).unwrap(), before);
    let format = fs::read_to_string(data.join("FORMAT")).unwrap();
    let newer = format.replace("format 1", "format 2").replace("0.1.0", "0.9.0");
    fs::write(data.join("FORMAT"), newer).unwrap();
    let refused = run(&["upgrade", dir, "--dry-run"]).failed(2);
    assert_snapshot!(shown(&refused, home.path()), @r"
    error: cannot upgrade `[HOME]/data`
      caused by: the store has format 2 (created-by 0.9.0), this version reads format 1: open it with the version that wrote it, or a newer one

    hint: nothing was changed; install that version, or restore a backup of this one
    ");
    assert_eq!(run(&["upgrade", home.path().to_str().unwrap()]).code, Some(2), "not a store");
}
