//! `ordered`: boards of a directory and of a server.

use insta::assert_snapshot;

use crate::both::{check_both, seed};
use crate::program::{Place, Run};
use crate::shown::filtered;

const SEEDS: &str = r#"
{"kind":"ordered","store":"coins","key":"ann","value":30}
{"kind":"ordered","store":"coins","key":"bob","value":10}
{"kind":"ordered","store":"coins","key":"cem","value":30}
{"kind":"ordered","store":"coins","key":"dan","value":-5}
{"kind":"ordered","store":"coins","scope":"week","key":"ann","value":1}
"#;

fn run(place: &Place, words: &str, arguments: &[&str]) -> Run {
    place.run(words, &[&["--universe", "7"][..], arguments].concat())
}

#[test]
fn o_05_a_board_is_listed_by_value_from_either_end() {
    check_both(|place| {
        seed(place, SEEDS);
        let top = |arguments: &[&str]| run(place, "ordered top", arguments).ok();
        assert_snapshot!(filtered(&top(&["coins"]), &[]), @r"
        KEY  VALUE
        cem  30
        ann  30
        bob  10
        dan  -5
        ");
        assert_snapshot!(top(&["coins", "--ascending", "--limit", "2", "--format", "json"]).trim(), @r#"
        {"key":"dan","value":-5}
        {"key":"bob","value":10}
        "#);
        assert_eq!(
            top(&["coins", "--scope", "week", "--format", "json"]),
            "{\"key\":\"ann\",\"value\":1}\n"
        );
        // O-04: both bounds are included.
        let between = top(&["coins", "--min", "-5", "--max", "10", "--format", "json"]);
        assert_snapshot!(between.trim(), @r#"
        {"key":"bob","value":10}
        {"key":"dan","value":-5}
        "#);
        assert_eq!(top(&["nothing", "--format", "json"]), "");
        assert_eq!(run(place, "ordered top", &["coins", "--limit", "0"]).code, Some(2));
    });
}

#[test]
fn places_on_a_board_are_exact() {
    check_both(|place| {
        seed(place, SEEDS);
        let rank = run(place, "ordered rank", &["coins", "ann"]).ok();
        assert_snapshot!(filtered(&rank, &[]), @r"
        rank  1
        position  2
        key  ann
        value  30
        entries  4
        ");
        let rank = run(place, "ordered rank", &["coins", "ann", "--ascending", "--format", "json"]);
        assert_snapshot!(rank.ok().trim(), @r#"{"rank":3,"position":3,"key":"ann","value":30,"entryCount":4}"#);
        let around = run(place, "ordered around", &["coins", "bob", "--count", "1"]).ok();
        assert_snapshot!(filtered(&around, &[]), @r"
        RANK  POSITION  KEY  VALUE
        1  2  ann  30
        3  3  bob  10
        4  4  dan  -5
        ");
        let missing = run(place, "ordered rank", &["coins", "eve"]).failed(1);
        assert!(missing.starts_with("error: cannot find the place of `7/coins/global/eve`\n"));
    });
}

#[test]
fn values_on_a_board_are_written_and_removed_with_consent() {
    check_both(|place| {
        let on = |words: &str, arguments: &[&str]| {
            run(place, &format!("ordered {words}"), &[&["coins", "ann"][..], arguments].concat())
        };
        on("get", &[]).failed(1);
        assert_eq!(on("set", &["5"]).ok(), "5\n");
        assert_eq!(on("increment", &["-12"]).ok(), "-7\n");
        assert_eq!(on("get", &["--format", "json"]).ok(), "{\"key\":\"ann\",\"value\":-7}\n");
        for edge in [i64::MIN, i64::MAX] {
            on("set", &[&edge.to_string()]).ok();
            assert_eq!(on("get", &[]).ok(), format!("{edge}\n"));
        }
        assert_eq!(on("set", &["9223372036854775808"]).code, Some(2));
        let refused = on("remove", &[]).failed(2);
        assert!(refused.contains("will not remove `7/coins/global/ann` for good"), "{refused}");
        let plan = on("remove", &["--dry-run"]).ok();
        assert!(plan.contains("no, it is a dry run; it has 9223372036854775807"), "{plan}");
        let removed = on("remove", &["--yes", "--format", "json"]).ok();
        assert_snapshot!(removed.trim(), @r#"{"entry":"7/coins/global/ann","removed":true}"#);
        on("get", &[]).failed(1);
        on("remove", &["--yes"]).failed(1);
    });
}
