//! Facts about the lists of v2.

use steadfast_core::platform::RevisionId;
use steadfast_core::{EntryKey, Scope, StoreName, Timestamp, UniverseId};

use super::*;

fn store() -> StoreId {
    StoreId { universe: UniverseId(7), name: StoreName::trusted("Player Data") }
}

#[test]
fn h_12_a_page_size_is_cut_to_its_maximum_and_what_is_not_positive_is_none() {
    let size = |text: &str| page_size(&Query::parse(text), 100);
    for (text, expected) in [
        ("", 10),
        ("maxPageSize=", 10),
        ("maxPageSize=0", 10),
        ("maxPageSize=-5", 10),
        ("maxPageSize=1", 1),
        ("max_page_size=100", 100),
        ("maxPageSize=101", 100),
        ("maxPageSize=99999999999999999999", 100),
    ] {
        assert_eq!(size(text), Ok(expected), "{text}");
    }
    for text in ["maxPageSize=x", "maxPageSize=1.0", "maxPageSize=1&maxPageSize=2"] {
        assert_eq!(size(text).unwrap_err().code.name(), "INVALID_ARGUMENT", "{text}");
    }
}

#[test]
fn h_30_a_data_store_tells_its_expiry_only_once_it_is_deleted() {
    let at = Timestamp::from_unix_seconds;
    let (created_at, updated_at) = (at(0), at(5));
    let active =
        StoreInfo { store: store(), created_at, updated_at, deleted_at: None, history: None };
    let deleted = StoreInfo { deleted_at: Some(at(60)), ..active.clone() };
    insta::assert_snapshot!(store_body(&deleted), @r#"{"path":"universes/7/data-stores/Player Data","createTime":"1970-01-01T00:00:00Z","expireTime":"1970-01-31T00:01:00Z","state":"DELETED","id":"Player Data"}"#);
    insta::assert_snapshot!(stores_body(&[active], "abc"), @r#"{"dataStores":[{"path":"universes/7/data-stores/Player Data","createTime":"1970-01-01T00:00:00Z","state":"ACTIVE","id":"Player Data"}],"nextPageToken":"abc"}"#);
    assert_eq!(stores_body(&[], ""), r#"{"dataStores":[],"nextPageToken":""}"#);
}

#[test]
fn h_34_an_entry_of_a_list_has_its_path_and_its_id() {
    let entry = ListedEntry {
        scope: Scope::trusted("s/1"),
        key: EntryKey::trusted("a/b"),
        is_deleted: true,
    };
    insta::assert_snapshot!(entries_body(&store(), &[entry], ""), @r#"{"dataStoreEntries":[{"path":"universes/7/data-stores/Player Data/scopes/s/1/entries/a/b","id":"a/b","state":"DELETED"}],"nextPageToken":""}"#);
    let empty = r#"{"dataStoreEntries":[],"nextPageToken":""}"#;
    assert_eq!(entries_body(&store(), &[], ""), empty);
}

#[test]
fn h_43_a_revision_of_a_list_is_named_with_its_mark() {
    let entry = EntryId { store: store(), scope: Scope::global(), key: EntryKey::trusted("k") };
    let revision = ListedRevision {
        id: RevisionId::from_client("08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01"),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::from_ticks(10_000_000 + 1),
        is_deleted: true,
        is_pinned: false,
        schema: None,
        value_size: None,
    };
    insta::assert_snapshot!(revisions_body(&entry, &[revision], "x"), @r#"{"dataStoreEntries":[{"path":"universes/7/data-stores/Player Data/scopes/global/entries/k@08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","createTime":"1970-01-01T00:00:00Z","revisionId":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","revisionCreateTime":"1970-01-01T00:00:01.000000100Z","state":"DELETED","etag":"08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01","id":"k@08D9E6A3F2188CFF.0000000001.08D9E6A3F2188CFF.01"}],"nextPageToken":"x"}"#);
    let empty = r#"{"dataStoreEntries":[],"nextPageToken":""}"#;
    assert_eq!(revisions_body(&entry, &[], ""), empty);
}

#[test]
fn h_33_a_snapshot_tells_whether_it_is_new() {
    let snapshot = Snapshot { is_new: true, taken_at: Timestamp::from_unix_seconds(1) };
    insta::assert_snapshot!(snapshot_body(&snapshot), @r#"{"newSnapshotTaken":true,"latestSnapshotTime":"1970-01-01T00:00:01Z"}"#);
}
