//! rbxcloud 0.17, unmodified and unaware, against a Steadfast server behind its proxy.
//!
//! The crate has no setting for another address and asks for `https://apis.roblox.com`. The variables
//! that `steadfast proxy` prints send it to our server. It trusts the certificates of the system,
//! and so that of the proxy, only because its HTTP library is built here with that feature.
//!
//! Every call of the crate on standard and ordered data stores. One line per check; the first
//! difference ends the run with exit code 1.
#![expect(clippy::disallowed_methods, reason = "a program of its own reads environment and clock")]
#![expect(clippy::indexing_slicing, reason = "what is not there ends the program, as it should")]

use std::env;
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use rbxcloud::rbx::error::Error;
use rbxcloud::rbx::types::{PageSize, ReturnLimit, RobloxUserId, UniverseId};
use rbxcloud::rbx::v1::datastore::ListEntriesResponse;
use rbxcloud::rbx::v1::{
    DataStoreDeleteEntry, DataStoreGetEntry, DataStoreGetEntryVersion, DataStoreIncrementEntry,
    DataStoreListEntries, DataStoreListEntryVersions, DataStoreListStores, DataStoreSetEntry,
    OrderedDataStoreCreateEntry, OrderedDataStoreEntry, OrderedDataStoreIncrementEntry,
    OrderedDataStoreListEntries, OrderedDataStoreUpdateEntry, RbxCloud, RbxDataStore,
    RbxOrderedDataStore,
};

const STORE: &str = "Player Data";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let proxy = env::var("HTTPS_PROXY").context("HTTPS_PROXY")?;
    check("the proxy is on this machine", proxy.starts_with("http://127.0.0.1:"), &proxy)?;
    let key = env::var("STEADFAST_API_KEY").context("STEADFAST_API_KEY")?;
    // A universe of its own, so that this runs any number of times on one server.
    let universe = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let cloud = RbxCloud::new(&key);
    let store = cloud.datastore(UniverseId(universe));
    set_and_get(&store).await?;
    conditions(&store).await?;
    increment(&store).await?;
    list_entries(&store).await?;
    versions(&store).await?;
    list_stores(&store).await?;
    ordered(&cloud.ordered_datastore(UniverseId(universe))).await?;
    wrong_key(universe).await?;
    passed("rbxcloud 0.17: every check");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program that reports")]
fn passed(what: &str) {
    println!("ok  {what}");
}

fn check(what: &str, holds: bool, detail: impl Debug) -> Result<()> {
    if !holds {
        bail!("DIFFERENT  {what}: {detail:?}");
    }
    passed(what);
    Ok(())
}

fn check_equal<T: PartialEq + Debug>(what: &str, actual: T, expected: T) -> Result<()> {
    check(what, actual == expected, (actual, expected))
}

/// Expects the crate's own error of a data store, which shows the code that the server sent.
fn check_code<T: Debug>(what: &str, answer: Result<T, Error>, code: &str) -> Result<()> {
    match answer {
        Err(Error::DataStoreError(error)) => {
            let shown = error.to_string();
            check(what, shown.starts_with(&format!("[{code}] - ")), shown)
        }
        other => check(what, false, other),
    }
}

/// Expects an HTTP status from an ordered data store.
fn check_status<T: Debug>(what: &str, answer: Result<T, Error>, status: u16) -> Result<()> {
    match answer {
        Err(Error::HttpStatusError { code, .. }) if code == status => {
            passed(what);
            Ok(())
        }
        other => check(what, false, other),
    }
}

/// The crate's error, as this program's.
fn ok<T>(what: &str, answer: Result<T, Error>) -> Result<T> {
    answer.map_err(|error| anyhow::anyhow!("DIFFERENT  {what}: {error:?}"))
}

fn get(key: &str) -> DataStoreGetEntry {
    DataStoreGetEntry { name: STORE.into(), scope: None, key: key.into() }
}

fn set(key: &str, data: &str) -> DataStoreSetEntry {
    DataStoreSetEntry {
        name: STORE.into(),
        scope: None,
        key: key.into(),
        match_version: None,
        exclusive_create: None,
        roblox_entry_user_ids: None,
        roblox_entry_attributes: None,
        data: data.into(),
    }
}

async fn set_and_get(store: &RbxDataStore) -> Result<()> {
    let answer = store.get_entry_string(&get("User_1")).await;
    check_code("get from a store that does not exist", answer, "DatastoreNotFound")?;
    let request = DataStoreSetEntry {
        roblox_entry_user_ids: Some(vec![RobloxUserId(1), RobloxUserId(2)]),
        roblox_entry_attributes: Some(r#"{"k": "v"}"#.into()),
        ..set("User_1", r#"{"coins": 5}"#)
    };
    let written = ok("set", store.set_entry(&request).await)?;
    check_equal("set answers with the length of what was sent", written.content_length, 12)?;
    check_equal(
        "a new entry is as old as its version",
        &written.created_time,
        &written.object_created_time,
    )?;
    let text = ok("get", store.get_entry_string(&get("User_1")).await)?;
    check_equal("get returns the value as it was sent", text.as_str(), r#"{"coins": 5}"#)?;
    let value: serde_json::Value = ok("get", store.get_entry(&get("User_1")).await)?;
    check_equal("and as what it stands for", value, serde_json::json!({ "coins": 5 }))?;
    let answer = store.set_entry(&set("User_2", "no JSON")).await;
    check_code("text that is not JSON is refused", answer, "ContentNotJson")?;

    let request = || DataStoreDeleteEntry { name: STORE.into(), scope: None, key: "User_3".into() };
    ok("set", store.set_entry(&set("User_3", "3")).await)?;
    ok("delete", store.delete_entry(&request()).await)?;
    check_code(
        "a deleted entry is gone",
        store.get_entry_string(&get("User_3")).await,
        "EntryNotFound",
    )?;
    check_code("deleting it again", store.delete_entry(&request()).await, "EntryNotFound")
}

async fn conditions(store: &RbxDataStore) -> Result<()> {
    let first = ok("set", store.set_entry(&set("matched", "1")).await)?;
    let matching = |version: &str, data| DataStoreSetEntry {
        match_version: Some(version.into()),
        ..set("matched", data)
    };
    ok("set on a version", store.set_entry(&matching(&first.version, "2")).await)?;
    // A refusal carries the current value, which the crate cannot read as an error.
    let refused = store.set_entry(&matching(&first.version, "3")).await;
    check(
        "an old version is refused with the value",
        matches!(&refused, Err(Error::EndpointError(text)) if text == "2"),
        &refused,
    )?;
    let create = DataStoreSetEntry { exclusive_create: Some(true), ..set("matched", "4") };
    let refused = store.set_entry(&create).await;
    check(
        "so is a creation over an entry",
        matches!(&refused, Err(Error::EndpointError(text)) if text == "2"),
        &refused,
    )?;
    let both = DataStoreSetEntry { exclusive_create: Some(true), ..matching(&first.version, "5") };
    check_code(
        "both conditions together",
        store.set_entry(&both).await,
        "ExclusiveCreateAndMatchVersionCannotBeSet",
    )
}

async fn increment(store: &RbxDataStore) -> Result<()> {
    let by = |key: &str, increment_by| DataStoreIncrementEntry {
        name: STORE.into(),
        scope: None,
        key: key.into(),
        roblox_entry_user_ids: Some(vec![RobloxUserId(7)]),
        roblox_entry_attributes: None,
        increment_by,
    };
    let sum = ok("increment", store.increment_entry(&by("sum", 5.0)).await)?;
    check("increment makes what is missing", (sum - 5.0).abs() < f64::EPSILON, sum)?;
    let sum = ok("increment", store.increment_entry(&by("sum", -7.0)).await)?;
    check("and goes below zero", (sum + 2.0).abs() < f64::EPSILON, sum)?;
    let answer = store.increment_entry(&by("User_1", 1.0)).await;
    check_code("increment of what is no number", answer, "ExistingValueNotNumeric")
}

async fn list_entries(store: &RbxDataStore) -> Result<()> {
    for number in 10..30 {
        ok("set", store.set_entry(&set(&format!("list_{number}"), "1")).await)?;
    }
    let scoped = DataStoreSetEntry { scope: Some("season".into()), ..set("list_10", "1") };
    ok("set in a scope", store.set_entry(&scoped).await)?;
    let page = |all_scopes, limit, cursor: Option<String>| DataStoreListEntries {
        name: STORE.into(),
        scope: None,
        all_scopes,
        prefix: (!all_scopes).then(|| "list_".into()),
        limit: ReturnLimit(limit),
        cursor,
    };
    let names = |page: &ListEntriesResponse| {
        page.keys.iter().map(|key| key.key.clone()).collect::<Vec<_>>()
    };
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let answer = ok("list", store.list_entries(&page(false, 7, cursor)).await)?;
        keys.extend(names(&answer));
        cursor = answer.next_page_cursor.filter(|cursor| !cursor.is_empty());
        if cursor.is_none() {
            break;
        }
    }
    check_equal(
        "a prefix is listed page by page",
        keys,
        (10..30).map(|n| format!("list_{n}")).collect(),
    )?;
    let all = ok("list", store.list_entries(&page(true, 100, None)).await)?;
    check(
        "all scopes are listed",
        all.keys.iter().any(|key| key.scope == "season" && key.key == "list_10"),
        &all.keys,
    )?;
    let answer = store.list_entries(&page(false, 7, Some("no cursor".into()))).await;
    check_code("text that is no cursor", answer, "InvalidCursor")
}

async fn versions(store: &RbxDataStore) -> Result<()> {
    for data in ["1", "22", "333"] {
        ok("set", store.set_entry(&set("versioned", data)).await)?;
    }
    let page = |sort_order: &str, limit| DataStoreListEntryVersions {
        name: STORE.into(),
        scope: None,
        key: "versioned".into(),
        start_time: None,
        end_time: None,
        sort_order: sort_order.into(),
        limit: ReturnLimit(limit),
        cursor: None,
    };
    let listed = ok("list versions", store.list_entry_versions(&page("Ascending", 10)).await)?;
    let sizes: Vec<_> = listed.versions.iter().map(|version| version.content_length).collect();
    check_equal("versions are listed oldest first", sizes, vec![1, 2, 3])?;
    let newest = ok("list versions", store.list_entry_versions(&page("Descending", 1)).await)?;
    check_equal("or newest first", newest.versions[0].content_length, 3)?;
    check(
        "and there are more",
        newest.next_page_cursor.is_some_and(|cursor| !cursor.is_empty()),
        (),
    )?;
    let version = |version_id: &str| DataStoreGetEntryVersion {
        name: STORE.into(),
        scope: None,
        key: "versioned".into(),
        version_id: version_id.into(),
    };
    let second =
        ok("get version", store.get_entry_version(&version(&listed.versions[1].version)).await)?;
    check_equal("a version is read", second.as_str(), "22")?;
    check_code(
        "text that is no version",
        store.get_entry_version(&version("xx")).await,
        "InvalidVersionId",
    )?;
    let answer = store.list_entry_versions(&page("Sideways", 1)).await;
    check_code("an order that there is not", answer, "InvalidSortOrder")
}

async fn list_stores(store: &RbxDataStore) -> Result<()> {
    let other = DataStoreSetEntry { name: "Plunder".into(), ..set("k", "1") };
    ok("set", store.set_entry(&other).await)?;
    let page = |prefix: Option<&str>, cursor| DataStoreListStores {
        prefix: prefix.map(str::to_owned),
        limit: ReturnLimit(1),
        cursor,
    };
    let first = ok("list stores", store.list_stores(&page(Some("Pl"), None)).await)?;
    check_equal("stores are listed", first.datastores[0].name.as_str(), STORE)?;
    let second =
        ok("list stores", store.list_stores(&page(Some("Pl"), first.next_page_cursor)).await)?;
    check_equal("page by page", second.datastores[0].name.as_str(), "Plunder")?;
    check_equal("to the end", second.next_page_cursor.unwrap_or_default(), String::new())
}

async fn ordered(board: &RbxOrderedDataStore) -> Result<()> {
    let name = || "Top".to_owned();
    let entry = |id: &str| OrderedDataStoreEntry { name: name(), scope: None, id: id.into() };
    check_status("an ordered entry that does not exist", board.get_entry(&entry("u")).await, 404)?;
    let create = |id: &str, value| OrderedDataStoreCreateEntry {
        name: name(),
        scope: None,
        id: id.into(),
        value,
    };
    check_equal("create", ok("create", board.create_entry(&create("u", 10)).await)?.value, 10)?;
    check_status("create over an entry", board.create_entry(&create("u", 11)).await, 400)?;
    let update = |id: &str, value, allow_missing| OrderedDataStoreUpdateEntry {
        name: name(),
        scope: None,
        id: id.into(),
        value,
        allow_missing,
    };
    check_equal(
        "update",
        ok("update", board.update_entry(&update("u", -3, None)).await)?.value,
        -3,
    )?;
    check_status(
        "update of a missing entry",
        board.update_entry(&update("v", 1, None)).await,
        404,
    )?;
    let made = ok("update", board.update_entry(&update("v", i64::MAX, Some(true))).await)?;
    check_equal("update makes it where that is allowed", made.value, i64::MAX)?;
    let by = |id: &str, increment| OrderedDataStoreIncrementEntry {
        name: name(),
        scope: None,
        id: id.into(),
        increment,
    };
    check_equal("increment", ok("increment", board.increment_entry(&by("u", 5)).await)?.value, 2)?;
    check_status("a sum beyond 64 bits", board.increment_entry(&by("v", 1)).await, 400)?;
    check_equal("get", ok("get", board.get_entry(&entry("u")).await)?.value, 2)?;
    for (id, value) in [("a", 2), ("b", 1), ("c", 3)] {
        ok("create", board.create_entry(&create(id, value)).await)?;
    }
    list_ordered(board).await?;
    ok("delete", board.delete_entry(&entry("u")).await)?;
    check_status("a deleted entry is gone", board.get_entry(&entry("u")).await, 404)?;
    ok("deleting it again is no fault", board.delete_entry(&entry("u")).await)
}

async fn list_ordered(board: &RbxOrderedDataStore) -> Result<()> {
    let name = || "Top".to_owned();
    let page =
        |order: Option<&str>, filter: Option<&str>, page_token| OrderedDataStoreListEntries {
            name: name(),
            scope: None,
            max_page_size: Some(PageSize(2)),
            page_token,
            order_by: order.map(str::to_owned),
            filter: filter.map(str::to_owned),
        };
    let ids = |entries: &[rbxcloud::rbx::v1::ordered_datastore::OrderedEntry]| {
        entries.iter().map(|entry| entry.id.clone()).collect::<Vec<_>>()
    };
    let first = ok("list", board.list_entries(&page(None, Some("entry <= 3"), None)).await)?;
    check_equal(
        "the smallest come first",
        ids(&first.entries),
        vec!["b".to_owned(), "a".to_owned()],
    )?;
    let second = ok(
        "list",
        board.list_entries(&page(None, Some("entry <= 3"), first.next_page_token)).await,
    )?;
    check_equal("page by page", ids(&second.entries), vec!["u".to_owned(), "c".to_owned()])?;
    check_equal("to the end", second.next_page_token.unwrap_or_default(), String::new())?;
    let largest = ok("list", board.list_entries(&page(Some("desc"), None, None)).await)?;
    check_equal("or the largest", ids(&largest.entries), vec!["v".to_owned(), "c".to_owned()])
}

async fn wrong_key(universe: u64) -> Result<()> {
    let store = RbxCloud::new("not-a-key").datastore(UniverseId(universe));
    let answer = store.get_entry_string(&get("User_1")).await;
    check("a wrong key is refused", matches!(answer, Err(Error::EndpointError(_))), &answer)
}
