//! `record`, `session`, `operation`, `deadletter`, `repair`, `log` and `status`: what support staff
//! do, of a directory and of a server.

use insta::assert_snapshot;
use serde_json::Value;

use crate::both::{check_both, empty_directory, hold, server};
use crate::program::{Place, Run};
use crate::shown::filtered;

const PLAYERS: [&str; 4] = ["--universe", "7", "--store", "players"];
const TICKET: [&str; 4] = ["--reason", "ticket 81", "--operator", "alice"];

pub(crate) fn run(place: &Place, words: &str, arguments: &[&str]) -> Run {
    place.run(words, &[&PLAYERS[..], arguments].concat())
}

/// A change with who and why.
pub(crate) fn change(place: &Place, words: &str, arguments: &[&str]) -> Run {
    run(place, words, &[&TICKET[..], arguments].concat())
}

/// The one object, or the first, that a command prints as JSON.
#[track_caller]
pub(crate) fn json(run: Run) -> Value {
    let text = run.ok();
    serde_json::from_str(text.lines().next().expect("there is a line")).unwrap()
}

pub(crate) fn show(place: &Place, key: &str) -> Value {
    json(run(place, "record show", &[key, "--format", "json"]))
}

#[test]
fn a_record_is_shown_and_edited() {
    check_both(|place| {
        run(place, "entry set", &["u_1", r#"{"coins":5}"#, "--users", "7"]).ok();
        assert_snapshot!(filtered(&run(place, "record show", &["u_1"]).ok(), &[]), @r#"
        record  7/players/global/u_1
        revision  [VERSION]
        created  [TIME]
        updated  [TIME]
        users  7
        tags  {}
        schema  0
        held by  nobody
        fence  none
        saves  0
        touched  none
        last login  none
        play time  0 s
        ends  none
        waiting  0
        receipts  0 full, 0 ids, 0 permanent
        dead letters  0
        ledger size  0 bytes
        horizon  none
        data  {"coins":5}
        "#);
        let edits = ["u_1", "--set", "name=\"x\"", "--add", "coins=10"];
        let plan = change(place, "record edit", &[&edits[..], &["--dry-run"]].concat()).ok();
        assert_snapshot!(filtered(&plan, &[]), @r#"
        record  7/players/global/u_1
        done  no, it is a dry run
        before  [VERSION]
        after  [VERSION]
        schema  0
        held by  nobody
        differences  coins: 5 -> 15
          name: nothing -> "x"
        "#);
        assert_eq!(show(place, "u_1")["state"]["value"].to_string(), r#"{"coins":5}"#);
        let edited = change(place, "record edit", &[&edits[..], &["--yes"]].concat()).ok();
        assert_snapshot!(filtered(&edited, &[]), @r#"
        record  7/players/global/u_1
        done  yes
        before  [VERSION]
        after  [VERSION]
        schema  0
        held by  nobody
        differences  coins: 5 -> 15
          name: nothing -> "x"
        "#);
        let remove = ["u_1", "--remove", "name", "--yes", "--format", "json"];
        let removed = change(place, "record edit", &remove).ok();
        assert_snapshot!(filtered(&removed, &[]), @r#"{"entry":"7/players/global/u_1","before":"[VERSION]","after":"[VERSION]","differences":[{"path":"name","before":"x"}],"schema":0,"holder":null,"dryRun":false}"#);
    });
}

#[test]
fn a_record_has_a_past_that_is_compared_put_back_and_exported() {
    check_both(|place| {
        run(place, "entry set", &["u_1", r#"{"coins":5}"#]).ok();
        let first = show(place, "u_1")["state"]["revision"].as_str().unwrap().to_owned();
        change(place, "record edit", &["u_1", "--add", "coins=10", "--set", "name=\"x\"", "--yes"])
            .ok();
        change(place, "record edit", &["u_1", "--remove", "name", "--yes"]).ok();
        let history = run(place, "record history", &["u_1"]).ok();
        assert_snapshot!(filtered(&history, &[]), @"
        REVISION  UPDATED  KEPT FOR GOOD  SCHEMA  SIZE
        [VERSION]  [TIME]  yes  0  12 bytes
        [VERSION]  [TIME]  yes  0  23 bytes
        [VERSION]  [TIME]  yes  11 bytes
        ");
        let oldest = ["u_1", "--oldest-first", "--limit", "1", "--format", "json"];
        let oldest = run(place, "record history", &oldest);
        assert!(oldest.stdout.contains(&first), "{}", oldest.stdout);
        assert_eq!(oldest.stderr, "there are more: list them with a larger `--limit`\n");
        let diff = run(place, "record diff", &["u_1", &first]).ok();
        assert_snapshot!(diff.trim_end(), @"
        PATH   BEFORE  AFTER
        coins  5       15
        ");
        assert_eq!(run(place, "record diff", &["u_1", "current"]).ok(), "there is no difference\n");

        let restored = change(place, "record restore", &["u_1", &first, "--yes"]).ok();
        assert_snapshot!(filtered(&restored, &[]), @"
        record  7/players/global/u_1
        done  yes
        before  [VERSION]
        after  [VERSION]
        schema  0
        held by  nobody
        differences  coins: 15 -> 5
        ");
        assert_eq!(show(place, "u_1")["state"]["value"].to_string(), r#"{"coins":5}"#);
        let export = run(place, "record export", &["u_1", "--values"]);
        let export = json(export);
        assert_eq!(export["history"].as_array().unwrap().len(), 4);
        assert_eq!(export["history"][1]["data"]["value"]["coins"], 15);
    });
}

#[test]
fn a_record_is_deleted_with_its_exact_name_only() {
    check_both(|place| {
        run(place, "entry set", &["u_1", "1"]).ok();
        let refused = change(place, "record delete", &["u_1", "--yes"]).failed(2);
        assert_snapshot!(refused.trim(), @"
        error: will not delete `7/players/global/u_1` without being told to

        hint: use `--confirm 'delete 7/players/global/u_1' --yes`, or `--dry-run` to look first
        ");
        let wrong = ["u_1", "--yes", "--confirm", "delete u_1"];
        let refused = change(place, "record delete", &wrong).failed(2);
        assert!(refused.contains("DeleteConfirmationMismatch"), "{refused}");
        let plan = change(place, "record delete", &["u_1", "--dry-run"]).ok();
        assert_snapshot!(filtered(&plan, &[]), @"
        record  7/players/global/u_1
        done  no, it is a dry run
        before  [VERSION]
        after  [VERSION]
        schema  0
        held by  nobody
        differences  (root): 1 -> null
        ");
        assert_eq!(run(place, "entry get", &["u_1"]).ok(), "1\n");
        let right = ["u_1", "--yes", "--confirm", "delete 7/players/global/u_1"];
        change(place, "record delete", &right).ok();
        assert_eq!(show(place, "u_1")["state"]["deleted"], true);
        let shown = run(place, "record show", &["u_1"]).ok();
        assert!(shown.contains("data          deleted"), "{shown}");
    });
}

#[test]
fn operations_wait_for_a_record_that_nobody_has_opened_yet() {
    check_both(|place| {
        let payload = r#"{"path":"coins","amount":100}"#;
        let queue = ["u_1", "--kind", "steadfast.add", "--payload", payload, "--id", "gift-1"];
        let plan = change(place, "operation queue", &[&queue[..], &["--dry-run"]].concat()).ok();
        assert_snapshot!(plan.trim_end(), @"
        operation  gift-1
        done       no, it is a dry run
        new        yes
        state      pending
        held by    nobody
        ");
        let queued = change(place, "operation queue", &[&queue[..], &["--yes"]].concat()).ok();
        assert_snapshot!(queued.trim_end(), @"
        operation  gift-1
        done       yes
        new        yes
        state      pending
        held by    nobody
        ");
        // Sent again it counts once.
        let again = [&queue[..], &["--yes", "--format", "json"]].concat();
        assert_eq!(json(change(place, "operation queue", &again))["new"], false);
        let own_id = ["u_1", "--kind", "game.mail", "--yes", "--format", "json"];
        let made_up = json(change(place, "operation queue", &own_id));
        let made_up = made_up["id"].as_str().unwrap();
        assert!(made_up.starts_with("operator-"), "{made_up}");
        let listed = run(place, "operation list", &["u_1"]).ok();
        assert_snapshot!(filtered(&listed, &[(made_up, "MADE_UP")]), @r#"
        ID  STATE  KIND  ISSUED  TRIES  ERROR  PAYLOAD  AGAIN AS
        gift-1  pending  steadfast.add  [TIME]  0  {"path":"coins","amount":100}
        MADE_UP  pending  game.mail  [TIME]  0  null
        "#);
        let one =
            json(run(place, "operation list", &["u_1", "--id", "gift-1", "--format", "json"]));
        assert_eq!((&one["id"], &one["state"]), (&"gift-1".into(), &"pending".into()));
        let unknown = run(place, "operation list", &["u_1", "--id", "x", "--format", "json"]).ok();
        assert_eq!(unknown, "");
        let receipts = ["u_1", "--list", "receipts", "--format", "json"];
        assert_eq!(run(place, "operation list", &receipts).ok().lines().count(), 2);

        let cancelled = change(place, "operation cancel", &["u_1", "gift-1", "--yes"]).ok();
        assert_snapshot!(cancelled.trim_end(), @"
        operation  gift-1
        done       yes
        held by    nobody
        ");
        change(place, "operation fail", &["u_1", made_up, "--yes"]).ok();
        let listed = run(place, "operation list", &["u_1", "--format", "json"]).ok();
        let verdicts: Vec<Value> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (&verdicts[0]["verdict"], &verdicts[1]["verdict"]),
            (&"cancel".into(), &"fail".into())
        );

        let online = ["u_1", "--add", "coins=1", "--set", "vip=true", "--online", "--yes"];
        let online = change(place, "record edit", &[&online[..], &["--format", "json"]].concat());
        assert_eq!(online.ok().lines().count(), 2, "one operation for each edit");
        assert_eq!(show(place, "u_1")["ledger"]["pending"], 4);
        assert_eq!(run(place, "deadletter list", &["u_1", "--format", "json"]).ok(), "");
        let ledger = change(place, "repair ledger", &["u_1", "--yes"]).ok();
        assert_snapshot!(ledger.trim_end(), @"
        done    yes
        before  0 full receipts, 0 ids, 0 permanent, 0 dead letters, 4 waiting, 0 bytes
        after   0 full receipts, 0 ids, 0 permanent, 0 dead letters, 4 waiting, 0 bytes
        ");
    });
}

#[test]
fn everything_that_waits_for_a_record_ends_at_once() {
    check_both(|place| {
        for id in ["a", "b", "c"] {
            let queue = ["u_1", "--kind", "game.mail", "--id", id, "--yes"];
            change(place, "operation queue", &queue).ok();
        }
        let verdicts = || -> Vec<Value> {
            let listed = run(place, "operation list", &["u_1", "--format", "json"]).ok();
            let verdict = |line| serde_json::from_str::<Value>(line).unwrap()["verdict"].clone();
            listed.lines().map(verdict).collect()
        };
        let dry = ["u_1", "--all", "--dry-run", "--format", "json"];
        assert_eq!(change(place, "operation cancel", &dry).ok().lines().count(), 3);
        assert_eq!(verdicts(), [Value::Null, Value::Null, Value::Null]);
        let all = ["--all", "--yes", "--format", "json"];
        let ended = change(place, "operation cancel", &[&["u_1"][..], &all].concat()).ok();
        assert_eq!(ended.lines().count(), 3, "{ended}");
        assert_eq!(verdicts(), ["cancel", "cancel", "cancel"]);
        let nothing = change(place, "operation fail", &[&["u_2"][..], &all].concat());
        assert_eq!((nothing.code, &*nothing.stdout), (Some(0), ""));
        assert_eq!(nothing.stderr, "no operation waits for `7/players/global/u_2`\n");
    });
}

#[test]
fn a_dead_letter_is_queued_again_under_a_new_id() {
    let dir = tempfile::tempdir().unwrap();
    let place = &empty_directory(dir.path());
    let payload = r#"{"path":"name","amount":1}"#;
    for id in ["g-1", "g-2"] {
        let queue = ["u_1", "--kind", "steadfast.add", "--payload", payload, "--id", id, "--yes"];
        change(place, "operation queue", &queue).ok();
        change(place, "operation fail", &["u_1", id, "--yes"]).ok();
    }
    // A game server opens the record, and carries the verdicts out.
    let db = steadfast::Steadfast::open_with(
        dir.path(),
        steadfast::Options {
            universe: steadfast::core::UniverseId(7),
            ..steadfast::Options::default()
        },
    )
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let p = db.values("players").await.unwrap().open("u_1").await.unwrap();
        p.release().await.unwrap();
    });
    db.close().unwrap();
    let check = |place: &Place, requeue: [&str; 3]| {
        let [words, letter, id] = requeue;
        let listed = run(place, "deadletter list", &["u_1"]).ok();
        assert!(listed.contains("ticket 81"), "{listed}");
        assert!(listed.contains("failed HandlerFailed"), "{listed}");
        let again = change(place, words, &["u_1", letter, "--id", id, "--yes"]).ok();
        assert!(again.starts_with(&format!("operation  {id}\n")), "{again}");
        let refused = change(place, words, &["u_1", letter, "--id", "g-9", "--yes"]).failed(1);
        assert!(refused.contains("DeadLetterNotFound"), "{refused}");
        assert!(run(place, "deadletter list", &["u_1"]).ok().contains(id));
    };
    check(place, ["deadletter requeue", "g-1", "g-3"]);
    let (server, place) = server(dir.path());
    check(&place, ["operation retry", "g-2", "g-4"]);
    assert_eq!(server.stop("TERM").0, Some(0));
}

/// The same of a directory and of a server, on a record whose game server is gone without a word.
fn check_held(check: impl Fn(&Place)) {
    insta::allow_duplicates! {
        for with_server in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let place = empty_directory(dir.path());
            run(&place, "entry set", &["k", "1"]).ok();
            hold(dir.path(), "k");
            if with_server {
                let (server, place) = server(dir.path());
                check(&place);
                assert_eq!(server.stop("TERM").0, Some(0));
            } else {
                check(&place);
            }
        }
    }
}

#[test]
fn a_session_is_shown_and_its_lease_repaired_by_its_fence() {
    check_held(|place| {
        let listed = run(place, "session list", &[]).ok();
        assert_snapshot!(filtered(&listed, &[]), @"
        SCOPE  KEY  HELD BY  FENCE  SAVES  TOUCHED
        global  k  [ID], dead, since [TIME]  1.00000000000000000000000000000003  0  [TIME]
        ");
        assert_snapshot!(filtered(&run(place, "session show", &["k"]).ok(), &[]), @"
        record  7/players/global/k
        held by  [ID], dead, since [TIME]
        session  [ID]
        fence  1.00000000000000000000000000000003
        lasts  presence
        ");
        let other = format!("9.{:032x}", 9);
        let refused = change(place, "repair lease", &["k", "--fence", &other, "--yes"]).failed(1);
        assert!(refused.contains("LeaseTokenMismatch"), "{refused}");
        let plan = change(place, "repair lease", &["k", "--dry-run"]).ok();
        assert_snapshot!(filtered(&plan, &[]), @"
        taken from  [ID]
        done  no, it is a dry run
        fence  1.00000000000000000000000000000003
        ");
        change(place, "repair lease", &["k", "--yes"]).ok();
        let free = run(place, "session show", &["k"]).ok();
        assert_snapshot!(free.trim_end(), @"
        record   7/players/global/k
        held by  nobody
        session  none
        fence    none
        lasts    none
        ");
        let refused = change(place, "repair lease", &["k", "--yes"]).failed(1);
        assert_eq!(refused.trim(), "error: nobody holds the record `7/players/global/k`");
        assert_eq!(run(place, "session list", &["--format", "json"]).ok(), "");
    });
}

#[test]
fn a_session_is_stolen() {
    check_held(|place| {
        change(place, "session steal", &["k", "--yes"]).ok();
        let refused = change(place, "session steal", &["k", "--yes"]).failed(1);
        assert!(refused.contains("nobody holds the record"), "{refused}");
        assert_eq!(show(place, "k")["lease"], Value::Null);
    });
}

#[test]
fn the_log_has_a_line_for_every_change_and_none_for_dry_runs() {
    check_both(|place| {
        run(place, "entry set", &["u_1", r#"{"coins":5}"#]).ok();
        change(place, "record edit", &["u_1", "--add", "coins=1", "--dry-run"]).ok();
        let log = |arguments: &[&str]| {
            place.run("log list", &[&["--universe", "7"], arguments].concat()).ok()
        };
        assert_eq!(log(&["--format", "json"]), "");
        change(place, "record edit", &["u_1", "--add", "coins=1", "--yes"]).ok();
        change(place, "operation cancel", &["u_1", "x", "--yes"]).failed(1);
        assert_snapshot!(filtered(&log(&[]), &[]), @"
        AT  OPERATOR  ACTION  RECORD  STATE  REASON  DETAIL  AFTER
        [TIME]  alice  cancel  players/global/u_1  refused OperationNotFound  ticket 81  x  none
        [TIME]  alice  update  players/global/u_1  done  ticket 81  [VERSION]
        ");
        // Who is logged in does it, unless somebody is named.
        let as_user = ["u_1", "--reason", "r", "--add", "coins=1", "--yes"];
        let mut command = place.command("record edit", &[&PLAYERS[..], &as_user].concat());
        Run::of(&command.env("USER", "bob").output().unwrap()).ok();
        let newest: Value =
            serde_json::from_str(log(&["--format", "json"]).lines().next().unwrap()).unwrap();
        assert_eq!(newest["operator"], "bob");
    });
}

#[test]
fn the_status_is_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let place = empty_directory(dir.path());
    run(&place, "entry set", &["k", "1"]).ok();
    let (name, version) = (dir.path().canonicalize().unwrap(), env!("CARGO_PKG_VERSION"));
    let name = [(name.to_str().unwrap(), "DIR"), (version, "VERSION")];
    let page = place.run("status", &["--universe", "7"]).ok();
    assert_snapshot!(filtered(&page, &name), @"
    source  directory DIR
    version  VERSION
    healthy  yes
    time  [TIME]
    up for  no server
    game servers  none
    held records  players: 0
    ");
    let (server, place) = server(dir.path());
    let url = [(&*server.url, "URL")];
    let page: Value = json(place.run("status", &["--format", "json"]));
    assert_eq!((&page["healthy"], &page["version"]), (&true.into(), &version.into()));
    assert!(page["uptimeSeconds"].is_u64() && page["held"].is_null(), "{page}");
    assert_eq!(filtered(page["source"].as_str().unwrap(), &url), "server URL");
    assert_eq!(server.stop("TERM").0, Some(0));
}
