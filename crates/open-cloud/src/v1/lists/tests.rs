//! Facts about the lists of v1.

use steadfast_core::{EntryKey, Scope, StoreId, StoreName, UniverseId};

use super::*;

fn code<T: std::fmt::Debug>(result: Result<T, V1Error>) -> Option<V1Code> {
    result.unwrap_err().code
}

#[test]
fn h_100_a_limit_is_at_least_1_and_cut_to_256() {
    let limit = |text: &str| limit(&Query::parse(text), 16);
    for (text, expected) in [
        ("", 16),
        ("limit=", 16),
        ("limit=1", 1),
        ("Limit=256", 256),
        ("limit=257", 256),
        ("limit=99999999999999999999", 256),
    ] {
        assert_eq!(limit(text), Ok(expected), "{text}");
    }
    for text in ["limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=%FF", "limit=1&limit=2"] {
        assert_eq!(code(limit(text)), Some(V1Code::InvalidLimit), "{text}");
    }
}

#[test]
fn h_102_an_order_is_one_of_two_names() {
    let order = |text: &str| sort_order(&Query::parse(text));
    assert_eq!(order(""), Ok(Order::Ascending));
    assert_eq!(order("sortOrder=Ascending"), Ok(Order::Ascending));
    assert_eq!(order("sortorder=Descending"), Ok(Order::Descending));
    for text in ["sortOrder=descending", "sortOrder=desc", "sortOrder=1", "sortOrder=%FF"] {
        assert_eq!(code(order(text)), Some(V1Code::InvalidSortOrder), "{text}");
    }
}

#[test]
fn h_102_times_have_codes_of_their_own() {
    let times = |text: &str| version_times(&Query::parse(text));
    let at = |seconds| Some(Timestamp::from_unix_seconds(seconds));
    assert_eq!(times(""), Ok((None, None)));
    assert_eq!(times("startTime=1970-01-01T00:00:00.000Z"), Ok((at(0), None)));
    let both = "startTime=1970-01-01T00:00:01Z&endTime=1970-01-01T00:00:00%2B00:00";
    assert_eq!(times(both), Ok((at(1), at(0))));
    for (text, expected) in [
        ("startTime=x", V1Code::InvalidStartTime),
        ("startTime=2026-01-01T00:00:00%2B00:00Z", V1Code::InvalidStartTime),
        ("startTime=%FF", V1Code::InvalidStartTime),
        ("endTime=1", V1Code::InvalidEndTime),
        ("endTime=2026-13-01T00:00:00Z", V1Code::InvalidEndTime),
    ] {
        assert_eq!(code(times(text)), Some(expected), "{text}");
    }
}

#[test]
fn h_87_a_version_id_has_its_shape() {
    let id = "08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01";
    let read = |text: &str| version_id(&Query::parse(text));
    assert_eq!(read(&format!("versionId={id}")).unwrap().as_str(), id);
    for text in ["", "versionId=", "versionId=xx", "versionId=%FF", "versionId=latest"] {
        assert_eq!(code(read(text)), Some(V1Code::InvalidVersionId), "{text}");
    }
}

#[test]
fn h_80_to_h_92_pages_have_the_forms_of_the_wire() {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("S \"1\"") };
    let (created_at, updated_at) =
        (Timestamp::from_ticks(1_000_000), Timestamp::from_unix_seconds(2));
    let info = StoreInfo { store, created_at, updated_at, deleted_at: None, history: None };
    insta::assert_snapshot!(stores_body(&[info], "abc"), @r#"{"datastores":[{"name":"S \"1\"","createdTime":"1970-01-01T00:00:00.1Z"}],"nextPageCursor":"abc"}"#);
    let key = |scope, key, is_deleted| ListedEntry {
        scope: Scope::trusted(scope),
        key: EntryKey::trusted(key),
        is_deleted,
    };
    insta::assert_snapshot!(keys_body(&[key("global", "a", false), key("s", "b/c", true)], ""), @r#"{"keys":[{"scope":"global","key":"a"},{"scope":"s","key":"b/c"}],"nextPageCursor":""}"#);
    let id = RevisionId::from_client("08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01");
    let version = ListedRevision {
        id,
        created_at,
        updated_at,
        is_deleted: false,
        is_pinned: true,
        schema: None,
        value_size: Some(7),
    };
    let deletion = ListedRevision { is_deleted: true, value_size: None, ..version.clone() };
    insta::assert_snapshot!(versions_body(&[version, deletion], "x"), @r#"{"versions":[{"version":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","deleted":false,"contentLength":7,"createdTime":"1970-01-01T00:00:02Z","objectCreatedTime":"1970-01-01T00:00:00.1Z"},{"version":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","deleted":true,"contentLength":0,"createdTime":"1970-01-01T00:00:02Z","objectCreatedTime":"1970-01-01T00:00:00.1Z"}],"nextPageCursor":"x"}"#);
}

#[test]
fn rule_18_and_19_an_empty_page_has_its_array_and_an_empty_cursor() {
    assert_eq!(stores_body(&[], ""), r#"{"datastores":[],"nextPageCursor":""}"#);
    assert_eq!(keys_body(&[], ""), r#"{"keys":[],"nextPageCursor":""}"#);
    assert_eq!(versions_body(&[], ""), r#"{"versions":[],"nextPageCursor":""}"#);
}
