//! `store`: data stores as wholes, of a directory and of a server.

use insta::assert_snapshot;

use crate::both::{check_both, empty_directory, seed, server};
use crate::program::{Place, Run};
use crate::shown::filtered;

const SEEDS: &str = r#"
{"store":"players","key":"u_1","value":{"coins": 5},"users":[7,"steam:1"],"attributes":{"vip":true}}
{"store":"players","scope":"season","key":"u_1","value":1}
{"store":"pets","key":"p_1","value":"cat"}
"#;

fn run(place: &Place, words: &str, arguments: &[&str]) -> Run {
    let universe = ["--universe", "7"];
    place.run(words, &[&universe[..], arguments].concat())
}

#[test]
fn s_06_data_stores_are_listed_by_name() {
    check_both(|place| {
        assert_snapshot!(filtered(&run(place, "store list", &[]).ok(), &[]), @"NAME  STATE  CREATED  EXPIRES");
        seed(place, SEEDS);
        assert_snapshot!(filtered(&run(place, "store list", &[]).ok(), &[]), @r"
        NAME  STATE  CREATED  EXPIRES
        pets  active  [TIME]  never
        players  active  [TIME]  never
        ");
        let listed = run(place, "store list", &["--prefix", "pl", "--format", "json"]).ok();
        assert_snapshot!(filtered(&listed, &[]), @r#"{"name":"players","state":"active","createdAt":"[TIME]","expiresAt":null}"#);
        let other = place.run("store list", &["--universe", "8", "--format", "json"]).ok();
        assert_eq!(other, "");
    });
}

#[test]
fn h_31_a_data_store_is_deleted_with_consent_and_the_deletion_is_taken_back() {
    check_both(|place| {
        seed(place, SEEDS);
        let refused = run(place, "store delete", &["players"]).failed(2);
        assert_snapshot!(refused, @r"
        error: will not delete the data store `7/players` with all its entries without being told to

        hint: there is no terminal to ask on: use `--yes`, or `--dry-run` to look first
        ");
        let plan = run(place, "store delete", &["players", "--dry-run"]).ok();
        assert_snapshot!(filtered(&plan, &[]), @r"
        name  players
        deleted  no, it is a dry run
        expires  never
        ");
        assert_eq!(run(place, "entry get", &["--store", "players", "u_1"]).code, Some(0));
        let deleted = run(place, "store delete", &["players", "--yes", "--format", "json"]).ok();
        assert_snapshot!(filtered(&deleted, &[]), @r#"{"name":"players","deleted":true,"expiresAt":"[TIME]"}"#);
        run(place, "entry get", &["--store", "players", "u_1"]).failed(1);
        assert!(!run(place, "store list", &[]).ok().contains("players"));
        assert_snapshot!(filtered(&run(place, "store list", &["--deleted"]).ok(), &[]), @r"
        NAME  STATE  CREATED  EXPIRES
        pets  active  [TIME]  never
        players  deleted  [TIME]  [TIME]
        ");
        let shown = run(place, "store undelete", &["players"]).ok();
        assert!(shown.contains("active"), "{shown}");
        assert_eq!(run(place, "entry get", &["--store", "players", "u_1"]).code, Some(0));
        run(place, "store delete", &["nothing", "--yes"]).failed(1);
    });
}

#[test]
fn the_history_of_a_data_store_is_chosen_and_shown() {
    check_both(|place| {
        seed(place, SEEDS);
        assert_snapshot!(filtered(&run(place, "store show", &["players"]).ok(), &[]), @r"
        name  players
        state  active
        created  [TIME]
        expires  never
        updated  [TIME]
        history  default
        ");
        for history in ["thinned", "hourly", "every"] {
            let shown = run(place, "store history", &["players", history]).ok();
            assert!(shown.contains(&format!("history  {history}")), "{shown}");
            assert_eq!(run(place, "store show", &["players"]).ok(), shown);
        }
        let shown = run(place, "store history", &["players", "default", "--format", "json"]).ok();
        assert!(shown.contains("\"history\":null"), "{shown}");
        assert_eq!(run(place, "store history", &["players", "monthly"]).code, Some(2));
        let missing = run(place, "store show", &["nothing"]).failed(1);
        assert!(missing.starts_with("error: cannot show `7/nothing`\n"), "{missing}");
        run(place, "store history", &["nothing", "hourly"]).failed(1);
    });
}

#[test]
fn h_33_there_is_one_snapshot_a_day() {
    check_both(|place| {
        seed(place, SEEDS);
        let first = run(place, "store snapshot", &["--format", "json"]).ok();
        assert_snapshot!(filtered(&first, &[]), @r#"{"isNew":true,"takenAt":"[TIME]"}"#);
        let second = run(place, "store snapshot", &[]).ok();
        // The day may end in between.
        assert!(second.contains("today already") || second.contains("new"), "{second}");
    });
}

#[test]
fn a_data_store_is_copied_with_users_attributes_and_scopes() {
    check_both(|place| {
        seed(place, SEEDS);
        let copied = run(place, "store copy", &["players", "copies"]).ok();
        assert_snapshot!(filtered(&copied, &[]), @r"
        created  2
        unchanged  0
        replaced  0
        left alone  0
        ");
        let get = |arguments: &[&str]| run(place, "entry get", arguments).ok();
        let details = get(&["--store", "copies", "u_1", "--details", "--format", "json"]);
        assert!(
            details.contains(r#""users":["7","steam:1"],"attributes":{"vip":true}"#),
            "{details}"
        );
        assert_eq!(get(&["--store", "copies", "u_1"]), "{\"coins\": 5}\n");
        assert_eq!(get(&["--store", "copies", "--scope", "season", "u_1"]), "1\n");

        // Once more nothing happens, and what differs is left alone unless it is said otherwise.
        let again = run(place, "store copy", &["players", "copies", "--format", "json"]).ok();
        assert_snapshot!(again.trim(), @r#"{"created":0,"unchanged":2,"replaced":0,"refused":0,"firstRefused":[]}"#);
        run(place, "entry set", &["--store", "copies", "u_1", "0"]).ok();
        let refused = run(place, "store copy", &["players", "copies"]);
        assert_eq!(refused.code, Some(1));
        assert_snapshot!(refused.stderr, @r"
        error: cannot copy `7/players` to `7/copies`
          caused by: 1 entry exists with another value: `7/copies/global/u_1`

        hint: they were left as they are; `--overwrite` replaces them
        ");
        assert_eq!(get(&["--store", "copies", "u_1"]), "0\n");
        let plan = run(place, "store copy", &["players", "copies", "--overwrite", "--dry-run"]);
        assert!(plan.ok().contains("replaced    1"));
        assert_eq!(get(&["--store", "copies", "u_1"]), "0\n");
        run(place, "store copy", &["players", "copies", "--overwrite"]).ok();
        assert_eq!(get(&["--store", "copies", "u_1"]), "{\"coins\": 5}\n");

        run(place, "store copy", &["nothing", "copies"]).failed(1);
        let same = run(place, "store copy", &["players", "players"]).failed(2);
        assert!(same.contains("both are the same data store"), "{same}");
    });
}

#[test]
fn a_data_store_is_copied_from_one_place_to_another() {
    let home = tempfile::tempdir().unwrap();
    let (here, there) = (home.path().join("here"), home.path().join("there"));
    let directory = empty_directory(&here);
    seed(&directory, SEEDS);
    let (server, remote) = server(&there);
    let mut command = directory.command(
        "store copy",
        &[
            "--universe",
            "7",
            "players",
            "players",
            "--to-universe",
            "9",
            "--to-server",
            &server.url,
        ],
    );
    command.env("STEADFAST_API_KEY", "an-admin-key-of-the-tests-0123456789");
    let copied = Run::of(&command.output().unwrap()).ok();
    assert!(copied.contains("created     2"), "{copied}");
    let get = ["--universe", "9", "--store", "players", "u_1"];
    assert_eq!(remote.run("entry get", &get).ok(), "{\"coins\": 5}\n");
    // And back, beside what was there.
    let here = here.to_str().unwrap();
    let back = ["--universe", "9", "players", "back", "--to-universe", "7", "--to-data", here];
    remote.run("store copy", &back).ok();
    let get = ["--universe", "7", "--store", "back", "--scope", "season", "u_1"];
    assert_eq!(directory.run("entry get", &get).ok(), "1\n");
    assert_eq!(server.stop("TERM").0, Some(0));
}
