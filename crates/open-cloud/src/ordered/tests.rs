//! Facts about ordered data stores on the wire.

use proptest::prelude::*;
use steadfast_core::{EntryKey, Limits, Scope, StoreId, StoreName, UniverseId};

use super::*;
use crate::path::PathError;

const V1: &str = "/ordered-data-stores/v1/universes/1/orderedDataStores/Top/scopes/global/entries";
const V2: &str = "/cloud/v2/universes/1/ordered-data-stores/Top/scopes/global/entries";

fn board() -> BoardId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Top") };
    BoardId { store, scope: Scope::global() }
}

fn asked(query: &str) -> Result<ListOrdered, V2Error> {
    list(Generation::V1, board(), &Query::parse(query)).map(|(request, _)| request)
}

#[test]
fn h_50_and_h_110_paths_name_a_board_or_an_entry_of_it() {
    for (generation, base) in [(Generation::V1, V1), (Generation::V2, V2)] {
        let path = OrderedPath::find(base).unwrap();
        assert_eq!((path.generation, path.entry), (generation, None));
        let (store, scope) = path.parent.read(&Limits::native()).unwrap();
        assert_eq!(BoardId { store, scope }, board());
        let path = format!("{base}/a%2Fb/c%20d");
        let entry = OrderedPath::find(&path).unwrap().entry.unwrap();
        assert_eq!(entry.literal(&Limits::native()).unwrap().as_str(), "a/b/c d");
        for path in [
            format!("{base}x"),
            base.replace("/scopes/global", ""),
            base.replace("ordered", "Ordered"),
            base.replace("/entries", ""),
            base.replace("scopes", "scope"),
        ] {
            assert_eq!(OrderedPath::find(&path), None, "{path}");
        }
        let all_scopes = base.replace("global", "-");
        let refused = OrderedPath::find(&all_scopes).unwrap().parent.read(&Limits::native());
        assert_eq!(refused, Err(PathError::AllScopes));
    }
    let mixed = V2.replace("ordered-data-stores", "orderedDataStores");
    assert_eq!(OrderedPath::find(&mixed), None);
}

#[test]
fn j_29_values_are_integers_of_64_bits_however_they_are_written() {
    for (body, expected) in [
        (r#"{"value":10}"#, 10),
        (r#"{"value": 10.0, "id": "ignored"}"#, 10),
        (r#"{"value":-1e2}"#, -100),
        (r#"{"value":9223372036854775807}"#, i64::MAX),
        (r#"{"value":-9223372036854775808}"#, i64::MIN),
        (r#"{"value":0}"#, 0),
    ] {
        assert_eq!(value(body.as_bytes()), Ok(expected), "{body}");
        let body = body.replace("value", "amount");
        assert_eq!(amount(body.as_bytes()), Ok(expected), "{body}");
    }
}

#[test]
fn j_29_anything_else_is_no_value() {
    for (body, expected) in [
        (r#"{"value":9223372036854775808}"#, "larger than 9223372036854775807"),
        (r#"{"value":-9223372036854775809}"#, "smaller than -9223372036854775808"),
        (r#"{"value":2.5}"#, "not an integer"),
        (r#"{"value":"10"}"#, "not an integer"),
        (r#"{"value":[1]}"#, "not an integer"),
        (r#"{"value":true}"#, "not an integer"),
        (r#"{"value":null}"#, "The value field is required."),
        (r#"{"Value":1}"#, "The value field is required."),
        ("{}", "The value field is required."),
        ("10", "The body is not an entry"),
        ("", "The body is not an entry"),
        (r#"{"value":1,"value":1}"#, "stands twice"),
        (r#"{"value":1} x"#, "The body is not an entry"),
        ("{\"value\":NaN}", "The body is not an entry"),
    ] {
        let error = value(body.as_bytes()).unwrap_err();
        assert_eq!(error.reply().status, 400, "{body}");
        assert!(error.message.contains(expected), "{body}: {}", error.message);
    }
    assert!(value(b"\xff").is_err());
    let missing = amount(br#"{"value":1}"#).unwrap_err();
    assert_eq!(missing.message, "The amount field is required.");
}

#[test]
fn h_12_page_sizes_are_10_unless_given_and_at_most_100() {
    for (query, expected) in [
        ("", 10),
        ("max_page_size=", 10),
        ("max_page_size=0", 10),
        ("max_page_size=-5", 10),
        ("max_page_size=1", 1),
        ("MaxPageSize=99", 99),
        ("maxPageSize=100", 100),
        ("max_page_size=101", 100),
        ("max_page_size=99999999999999999999999", 100),
    ] {
        assert_eq!(asked(query).unwrap().page_size, expected, "{query}");
    }
    for query in ["max_page_size=x", "max_page_size=1.5", "max_page_size=-", "max_page_size=%2B1"] {
        assert!(asked(query).is_err(), "{query}");
    }
}

#[test]
fn client_rule_13_orders_are_asc_desc_value_desc_and_empty() {
    for (query, expected) in [
        ("", Order::Ascending),
        ("order_by=", Order::Ascending),
        ("order_by=asc", Order::Ascending),
        ("orderBy=value", Order::Ascending),
        ("orderBy=value%20asc", Order::Ascending),
        ("order_by=desc", Order::Descending),
        ("ORDER_BY=value+desc", Order::Descending),
    ] {
        assert_eq!(asked(query).unwrap().order, expected, "{query}");
    }
    for query in ["order_by=DESC", "order_by=descending", "order_by=id", "order_by=value++desc"] {
        assert!(asked(query).is_err(), "{query}");
    }
}

#[test]
fn h_50_a_filter_has_at_most_one_bound_each_way() {
    for (filter, expected) in [
        ("entry <= 10", (i64::MIN, 10)),
        ("entry >= 10", (10, i64::MAX)),
        ("entry >= 10 && entry <= 30", (10, 30)),
        ("entry <= 30 && entry >= 10", (10, 30)),
        ("entry >= -5 && entry <= -5", (-5, -5)),
        ("entry <= 9223372036854775807", (i64::MIN, i64::MAX)),
        ("entry >= -9223372036854775808", (i64::MIN, i64::MAX)),
    ] {
        assert_eq!(bounds(Some(filter)), Ok(expected), "{filter}");
    }
    assert_eq!(bounds(None), Ok((i64::MIN, i64::MAX)));
}

#[test]
fn h_50_any_other_filter_is_refused() {
    for filter in [
        " ",
        "entry",
        "entry == 10",
        "entry > 10",
        "entry < 10",
        "entry = 10",
        "Entry >= 10",
        "value >= 10",
        "10 <= entry",
        "entry>=10",
        "entry  >= 10",
        "entry >=  10",
        "entry >= 10 ",
        " entry >= 10",
        "entry >= 10 &&  entry <= 30",
        "entry >= 10&&entry <= 30",
        "entry >= 10 and entry <= 30",
        "entry >= 10 || entry <= 30",
        "entry >= 10 && entry >= 30",
        "entry >= 10 && entry <= 30 && entry <= 40",
        "entry >= 10 && ",
        "entry >= 10.0",
        "entry >= 1e1",
        "entry >= +10",
        "entry >= --10",
        "entry >= -",
        "entry >= ",
        "entry >= \"10\"",
        "(entry >= 10)",
        "entry >= 9223372036854775808",
        "entry <= -9223372036854775809",
        // O-04.
        "entry >= 11 && entry <= 10",
    ] {
        assert!(bounds(Some(filter)).is_err(), "{filter}");
    }
}

#[test]
fn h_10_a_page_token_belongs_to_one_list() {
    let query = "max_page_size=2&order_by=desc&filter=entry+%3E%3D+1";
    let (first, listing) = list(Generation::V1, board(), &Query::parse(query)).unwrap();
    assert_eq!(first.beyond, None);
    let position = (-7, EntryKey::trusted("k/\u{e9}"));
    let token = listing.token(&position);
    let next = |generation, board, query: &str| {
        let query = Query::parse(&format!("{query}&page_token={token}"));
        list(generation, board, &query).map(|(request, _)| request.beyond)
    };
    assert_eq!(next(Generation::V1, board(), query), Ok(Some(position.clone())));
    // A blank token is the start, and what means the same is the same.
    assert_eq!(asked(&format!("{query}&page_token=")).unwrap().beyond, None);
    let same = query.replace("desc", "value+desc").replace("filter", "Filter");
    assert_eq!(next(Generation::V1, board(), &same), Ok(Some(position)));
    let other_store = StoreId { name: StoreName::trusted("Other"), ..board().store };
    for (generation, board, query) in [
        (Generation::V2, board(), query.to_owned()),
        (Generation::V1, BoardId { store: other_store, ..board() }, query.to_owned()),
        (Generation::V1, BoardId { scope: Scope::trusted("s"), ..board() }, query.to_owned()),
        (Generation::V1, board(), query.replace("=2", "=3")),
        (Generation::V1, board(), query.replace("desc", "asc")),
        (Generation::V1, board(), query.replace("+1", "+2")),
    ] {
        assert!(next(generation, board, &query).is_err(), "{query}");
    }
    for token in ["x", "%20", "AAAA", "*"] {
        assert!(asked(&format!("page_token={token}")).is_err(), "{token}");
    }
}

#[test]
fn h_112_bodies_have_the_documented_shape() {
    let BoardId { store, scope } = board();
    let entry = EntryId { store, scope, key: EntryKey::trusted("a/b \"c\"") };
    assert_eq!(
        entry_body(Generation::V1, &entry, i64::MIN),
        r#"{"path":"universes/1/orderedDataStores/Top/scopes/global/entries/a/b \"c\"","id":"a/b \"c\"","value":-9223372036854775808}"#
    );
    assert_eq!(
        entry_body(Generation::V2, &entry, 5),
        r#"{"path":"universes/1/ordered-data-stores/Top/scopes/global/entries/a/b \"c\"","id":"a/b \"c\"","value":5}"#
    );
    let items = [OrderedItem { key: EntryKey::trusted("k"), value: 1 }];
    assert_eq!(
        page_body(Generation::V1, &board(), &items, "next"),
        r#"{"entries":[{"path":"universes/1/orderedDataStores/Top/scopes/global/entries/k","id":"k","value":1}],"nextPageToken":"next"}"#
    );
    assert_eq!(
        page_body(Generation::V2, &board(), &[], ""),
        r#"{"orderedDataStoreEntries":[],"nextPageToken":""}"#
    );
}

proptest! {
    #[test]
    fn any_range_can_be_asked_for(one: i64, other: i64) {
        let (min, max) = (one.min(other), one.max(other));
        let filter = format!("entry >= {min} && entry <= {max}");
        prop_assert_eq!(bounds(Some(&filter)), Ok((min, max)));
    }

    #[test]
    fn any_text_can_be_tried(text in ".*") {
        drop((bounds(Some(&text)), order(Some(&text))));
        drop((value(text.as_bytes()), OrderedPath::find(&text)));
        drop(asked(&text));
    }
}
