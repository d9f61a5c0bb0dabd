//! Facts about paths.

use proptest::prelude::*;
use steadfast_core::Timestamp;

use super::*;

const REVISION: &str = "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01";

fn segment(path: &str) -> EntrySegment<'_> {
    match Endpoint::find(path) {
        Some(Endpoint::V2Entry(_, segment)) => segment,
        other => panic!("{path} is {other:?}"),
    }
}

/// The readings of an id as `key` and what of it.
fn readings(id: &str) -> Result<Vec<(String, Which)>, PathError> {
    let path = format!("/cloud/v2/universes/1/data-stores/s/entries/{id}");
    let readings = segment(&path).readings(&Limits::roblox())?;
    Ok(readings.into_iter().map(|reading| (reading.key.to_string(), reading.which)).collect())
}

#[track_caller]
fn check(id: &str, expected: &[(&str, Which)]) {
    let expected: Vec<_> =
        expected.iter().map(|(key, which)| ((*key).to_owned(), which.clone())).collect();
    assert_eq!(readings(id), Ok(expected), "{id}");
}

fn revision(text: &str) -> Which {
    Which::Revision(RevisionId::from_client(text))
}

#[test]
fn both_path_forms_name_the_same_call() {
    let limits = Limits::roblox();
    for (path, scope) in [
        ("/cloud/v2/universes/7/data-stores/Player%20Data/entries", "global"),
        ("/cloud/v2/universes/7/data-stores/Player%20Data/scopes/s%2F1/entries", "s/1"),
        ("/cloud/v2/universes/7/data-stores/Player%20Data/scopes/scopes/entries", "scopes"),
    ] {
        let Some(Endpoint::V2Entries(parent)) = Endpoint::find(path) else { panic!("{path}") };
        let (store, found) = parent.read(&limits).unwrap();
        assert_eq!((store.universe.0, store.name.as_str()), (7, "Player Data"), "{path}");
        assert_eq!(found.as_str(), scope, "{path}");
    }
}

#[test]
fn paths_of_no_call_are_not_found() {
    for path in [
        "/",
        "/datastores/v1/universes/1/standard-datastores/",
        "/datastores/v1/universes/1/standard-datastores/datastore",
        "/datastores/v1/universes/1/standard-datastores/datastore/entries/",
        "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry/versions/",
        "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry/version",
        "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry/increment/",
        "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry/increment/x",
        "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry/",
        "/cloud/v2/universes/1/data-stores:undelete",
        "/cloud/v2/universes/1/data-stores:snapshot/",
        "/cloud/v2/universes/1/data-storesx",
        "/cloud/v2/universes/1",
        "/cloud/v2/universes/1/data-stores/s/entry",
        "/cloud/v2/universes/1/data-stores/s/entriesx",
        "/cloud/v2/universes/1/data-stores/s/scopes/x",
        "/cloud/v2/universes/1/ordered-data-stores/s/scopes/x/entries/k",
    ] {
        assert_eq!(Endpoint::find(path), None, "{path}");
    }
    let path = "/datastores/v1/universes/x1/standard-datastores/datastore/entries/entry";
    assert_eq!(Endpoint::find(path), Some(Endpoint::V1Entry { universe: "x1" }));
    let path = format!("{path}/increment");
    assert_eq!(Endpoint::find(&path), Some(Endpoint::V1Increment { universe: "x1" }));
}

#[test]
fn h_80_to_h_87_the_lists_of_v1_have_paths_of_their_own() {
    let universe = "7";
    for (rest, expected) in [
        ("standard-datastores", Endpoint::V1Stores { universe }),
        ("standard-datastores/datastore/entries", Endpoint::V1Entries { universe }),
        ("standard-datastores/datastore/entries/entry/versions", Endpoint::V1Versions { universe }),
        (
            "standard-datastores/datastore/entries/entry/versions/version",
            Endpoint::V1Version { universe },
        ),
    ] {
        let path = format!("/datastores/v1/universes/7/{rest}");
        assert_eq!(Endpoint::find(&path), Some(expected), "{path}");
    }
}

#[test]
fn h_08_the_verbs_of_data_stores_are_known_and_stand_last() {
    let limits = Limits::roblox();
    let base = "/cloud/v2/universes/7/data-stores";
    let snapshot = format!("{base}:snapshot");
    assert_eq!(Endpoint::find(base), Some(Endpoint::V2Stores { universe: "7" }));
    assert_eq!(Endpoint::find(&snapshot), Some(Endpoint::V2Snapshot { universe: "7" }));
    for (part, literal, undeleted) in [
        ("Player%20Data", "Player Data", None),
        ("a:b", "a:b", None),
        ("s:undelete", "s:undelete", Some("s")),
        ("a:b:undelete", "a:b:undelete", Some("a:b")),
        ("s:undelete:x", "s:undelete:x", None),
        ("s%3Aundelete", "s:undelete", None),
        ("s:Undelete", "s:Undelete", None),
        ("a%2Fb", "a/b", None),
    ] {
        let path = format!("{base}/{part}");
        let Some(Endpoint::V2Store(segment)) = Endpoint::find(&path) else { panic!("{path}") };
        assert_eq!(segment.read(&limits).unwrap().name.as_str(), literal);
        let found = segment.of_undelete().map(|segment| segment.read(&limits).unwrap().name);
        assert_eq!(found.as_ref().map(StoreName::as_str), undeleted, "{path}");
    }
    for path in [format!("{base}/"), format!("{base}/:undelete"), format!("{base}/__steadfast")] {
        let Some(Endpoint::V2Store(segment)) = Endpoint::find(&path) else { panic!("{path}") };
        let segment = segment.of_undelete().unwrap_or(segment);
        assert!(matches!(segment.read(&limits), Err(PathError::Name(_))), "{path}");
    }
}

#[test]
fn rule_14_a_dash_stands_for_all_scopes_in_lists_only() {
    let limits = Limits::roblox();
    for (middle, scope, names_scope) in [
        ("", Some("global"), false),
        ("/scopes/global", Some("global"), true),
        ("/scopes/x", Some("x"), true),
        ("/scopes/-", None, true),
        ("/scopes/%2D", None, true),
        ("/scopes/--", Some("--"), true),
    ] {
        let path = format!("/cloud/v2/universes/7/data-stores/s{middle}/entries");
        let Some(Endpoint::V2Entries(parent)) = Endpoint::find(&path) else { panic!("{path}") };
        let (_, found) = parent.read_list(&limits).unwrap();
        assert_eq!(found.as_ref().map(Scope::as_str), scope, "{path}");
        assert_eq!(parent.names_scope(), names_scope);
        assert_eq!(parent.read(&limits).is_err(), scope.is_none());
    }
}

#[test]
fn h_04_a_universe_is_a_decimal_number() {
    assert_eq!(parse_universe("3310576216"), Some(UniverseId(3_310_576_216)));
    assert_eq!(parse_universe("18446744073709551615"), Some(UniverseId(u64::MAX)));
    for text in ["", "-1", "+1", "1.0", "0x1", "18446744073709551616", "%31", "a"] {
        assert_eq!(parse_universe(text), None, "{text}");
    }
}

#[test]
fn parts_that_cannot_be_used_are_named() {
    let limits = Limits::roblox();
    let read = |middle: &str| {
        let path = format!("/cloud/v2/universes/{middle}/entries");
        match Endpoint::find(&path) {
            Some(Endpoint::V2Entries(parent)) => parent.read(&limits).unwrap_err(),
            other => panic!("{path} is {other:?}"),
        }
    };
    assert_eq!(read("x/data-stores/s"), PathError::Universe);
    assert_eq!(read("1/data-stores/%FF"), PathError::Encoding { what: "data store id" });
    assert!(matches!(read("1/data-stores/"), PathError::Name(NameError::Empty { .. })));
    assert!(matches!(
        read("1/data-stores/__steadfast_x"),
        PathError::Name(NameError::Reserved { .. })
    ));
    let long = format!("1/data-stores/s/scopes/{}", "x".repeat(51));
    assert!(matches!(read(&long), PathError::Name(NameError::TooLong { .. })));
    assert_eq!(read("1/data-stores/s/scopes/-"), PathError::AllScopes);
}

#[test]
fn h_36_ids_may_contain_anything() {
    check("User_1", &[("User_1", Which::Current)]);
    check("a/b%20c", &[("a/b c", Which::Current)]);
    check("a%2Fb", &[("a/b", Which::Current)]);
    check("a:b", &[("a:b", Which::Current)]);
    check("%E2%82%AC", &[("\u{20ac}", Which::Current)]);
    check("..", &[("..", Which::Current)]);
}

#[test]
fn h_37_a_literal_mark_splits_from_the_right() {
    check(&format!("k@{REVISION}"), &[("k", revision(REVISION))]);
    check("my@id@xx", &[("my@id", revision("xx"))]);
    check("a%40b@xx", &[("a@b", revision("xx"))]);
    check("k@", &[("k", revision(""))]);
    check("k@latestx", &[("k", revision("latestx"))]);
}

#[test]
fn h_38_latest_is_the_current_state() {
    check("a/b%20c@latest", &[("a/b c", Which::Current)]);
    check("my@id@latest", &[("my@id", Which::Current)]);
}

#[test]
fn h_39_a_time_is_read_with_any_offset_and_not_with_two() {
    let hour = Which::At(Timestamp::from_unix_seconds(3_600));
    check("k@latest:1970-01-01T01:00:00Z", &[("k", hour.clone())]);
    check("k@latest%3A1970-01-01T03%3A00%3A00+02:00", &[("k", hour)]);
    let two = readings("k@latest:2026-01-01T00:00:00+00:00Z");
    assert_eq!(two, Err(PathError::Time(time::TimeError)));
}

#[test]
fn an_encoded_mark_is_tried_as_part_of_the_id_first() {
    check("Player_156%40r2", &[("Player_156@r2", Which::Current), ("Player_156", revision("r2"))]);
    check("a%40b%40latest", &[("a@b@latest", Which::Current), ("a@b", Which::Current)]);
    // Nothing is in front of the mark, or its time makes no sense: it can only be part of the id.
    check("%40x", &[("@x", Which::Current)]);
    check("k%40latest:x", &[("k@latest:x", Which::Current)]);
}

#[test]
fn an_id_that_is_too_long_with_its_mark_is_read_without_it() {
    check(&format!("Player_156%40{REVISION}"), &[("Player_156", revision(REVISION))]);
    let too_long = readings(&format!("{}%40x", "x".repeat(51)));
    assert!(matches!(too_long, Err(PathError::Name(NameError::TooLong { .. }))));
}

#[test]
fn h_40_a_write_takes_the_whole_part_as_the_id() {
    let path = "/cloud/v2/universes/1/data-stores/s/entries/k@rev%40x";
    assert_eq!(segment(path).literal(&Limits::roblox()).unwrap().as_str(), "k@rev@x");
    let empty = segment("/cloud/v2/universes/1/data-stores/s/entries/");
    assert!(matches!(
        empty.literal(&Limits::roblox()),
        Err(PathError::Name(NameError::Empty { .. }))
    ));
    assert!(readings("").is_err());
    assert!(readings("@latest").is_err());
}

#[test]
fn h_08_only_known_verbs_behind_the_last_colon_count() {
    let verb =
        |id: &str| segment(&format!("/cloud/v2/universes/1/data-stores/s/entries/{id}")).verb();
    assert_eq!(verb("a:b:increment"), Some(Verb::Increment));
    assert_eq!(verb("k:listRevisions"), Some(Verb::ListRevisions));
    assert_eq!(verb("a:b"), None);
    assert_eq!(verb("k%3Aincrement"), None);
}

#[test]
fn h_42_what_stands_before_a_verb_is_the_id_marks_and_all() {
    for (id, expected) in [
        ("cnt:increment", "cnt"),
        ("a:b:increment", "a:b"),
        ("k:increment:increment", "k:increment"),
        ("k@r2:increment", "k@r2"),
        ("a/b%3Ac%40latest:increment", "a/b:c@latest"),
        ("k%3Aincrement", "k:increment"),
        ("a:b", "a:b"),
    ] {
        let path = format!("/cloud/v2/universes/1/data-stores/s/scopes/x/entries/{id}");
        let key = segment(&path).without_verb().literal(&Limits::roblox());
        assert_eq!(key.unwrap().as_str(), expected, "{id}");
    }
    let empty = segment("/cloud/v2/universes/1/data-stores/s/entries/:increment");
    assert!(empty.without_verb().literal(&Limits::roblox()).is_err());
}

proptest! {
    #[test]
    fn any_path_can_be_tried(text in "[/a-z@:%0-9.-]{0,60}") {
        let path = format!("/cloud/v2/universes/{text}");
        if let Some(Endpoint::V2Entry(parent, segment)) = Endpoint::find(&path) {
            drop(parent.read(&Limits::native()));
            drop(segment.readings(&Limits::native()));
            drop(segment.literal(&Limits::native()));
        }
    }
}
