//! The lists of v1 and its versions.

use serde_json::{Value, json};
use steadfast_open_cloud::V1Code;

use crate::client::{Call, V1};
use crate::pages::{
    DATASTORES, KEYS, V1_ENTRIES, V1_STORES, VERSIONS, listed, members, page, pages, path_at,
};
use crate::world::{World, v1};

async fn set_in(world: &World, store: &str, scope: &str, key: &str) -> Value {
    let path = format!("{V1}?datastoreName={store}&scope={scope}&entryKey={key}");
    world.call(Call::new("POST", &path).json("1")).await.ok().json()
}

async fn delete(world: &World, key: &str) {
    world.call(Call::new("DELETE", &v1("S", key))).await.expect(204, "");
}

fn versions_of(key: &str) -> String {
    format!("{V1}/versions?datastoreName=S&entryKey={key}")
}

fn version_of(key: &str, version: &str) -> String {
    format!("{V1}/versions/version?datastoreName=S&entryKey={key}&versionId={version}")
}

async fn check_refused(world: &World, path: &str, code: V1Code) {
    let answer = world.get(path).await.expect(code.status(), code.name());
    assert_eq!(answer.json()["error"], json!(code.error()), "{path}");
}

#[tokio::test]
async fn h_80_data_stores_are_listed_by_name_one_to_a_page_unless_said_otherwise() {
    for world in World::both().await {
        assert_eq!(pages(&world, DATASTORES, V1_STORES).await, [Vec::<Value>::new()]);
        for store in ["b", "Players", "PlayerData", "a%20b"] {
            set_in(&world, store, "global", "k").await;
        }
        let elsewhere = v1("Elsewhere", "k").replace("universes/1/", "universes/2/");
        world.call(Call::new("POST", &elsewhere).json("1")).await.ok();
        let names = ["PlayerData", "Players", "a b", "b"];
        let found = pages(&world, DATASTORES, V1_STORES).await;
        assert!(found.iter().all(|page| page.len() == 1), "{found:?}");
        assert_eq!(members(&found.concat(), "name"), names);
        let all = format!("{V1_STORES}?limit=99&prefix=");
        let found = pages(&world, DATASTORES, &all).await;
        assert_eq!(
            (found.len(), members(&found[0], "name").as_slice()),
            (1, &names.map(String::from)[..])
        );
        let created = set_in(&world, "b", "global", "k").await["objectCreatedTime"].clone();
        assert_eq!(found[0][3]["createdTime"], created);
        let prefix = format!("{V1_STORES}?prefix=Player&limit=1");
        assert_eq!(listed(&world, DATASTORES, &prefix, "name").await, ["PlayerData", "Players"]);
        let prefix = format!("{V1_STORES}?prefix=player");
        assert!(listed(&world, DATASTORES, &prefix, "name").await.is_empty());
    }
}

#[tokio::test]
async fn s_06_a_data_store_is_listed_while_it_holds_something_and_is_not_deleted() {
    let world = World::new().await;
    set_in(&world, "S", "global", "k").await;
    set_in(&world, "T", "global", "k").await;
    let all = format!("{V1_STORES}?limit=9");
    let store = "/cloud/v2/universes/1/data-stores/T";
    world.call(Call::new("DELETE", store)).await.ok();
    assert_eq!(listed(&world, DATASTORES, &all, "name").await, ["S"]);
    world.call(Call::new("POST", &format!("{store}:undelete"))).await.ok();
    assert_eq!(listed(&world, DATASTORES, &all, "name").await, ["S", "T"]);
}

#[tokio::test]
async fn h_81_keys_are_listed_by_scope_and_key() {
    for world in World::both().await {
        let entries = format!("{V1_ENTRIES}?datastoreName=S");
        // K-14: a data store that nobody wrote to is empty, not missing.
        assert_eq!(world.get(&entries).await.ok().body, r#"{"keys":[],"nextPageCursor":""}"#);
        for (scope, key) in [
            ("global", "b"),
            ("global", "a%2F1"),
            ("s", "a"),
            ("s", "z"),
            ("s%2F1", "k"),
            ("-", "d"),
        ] {
            set_in(&world, "S", scope, key).await;
        }
        delete(&world, "b").await;
        let found = pages(&world, KEYS, &format!("{entries}&limit=1")).await;
        assert_eq!(found.len(), 2);
        // H-98: deleted keys stay until they are purged.
        let global = json!([{"scope": "global", "key": "a/1"}, {"scope": "global", "key": "b"}]);
        assert_eq!(Value::from(found.concat()), global);
        for (more, keys) in [
            ("&prefix=a", vec!["a/1"]),
            ("&prefix=a%2F1", vec!["a/1"]),
            ("&prefix=global", vec![]),
            ("&scope=s", vec!["a", "z"]),
            ("&scope=s&prefix=z", vec!["z"]),
            ("&scope=s/1", vec!["k"]),
            ("&scope=none", vec![]),
            // H-96: a client always sends both.
            ("&scope=global&AllScopes=False", vec!["a/1", "b"]),
        ] {
            let path = format!("{entries}{more}");
            assert_eq!(listed(&world, KEYS, &path, "key").await, keys, "{more}");
        }
    }
}

#[tokio::test]
async fn l_03_with_all_scopes_the_prefix_is_one_of_scope_and_key() {
    let world = World::new().await;
    for (scope, key) in
        [("global", "a"), ("s", "a"), ("s", "b"), ("s%2Fa", "k"), ("sa", "k"), ("z", "s")]
    {
        set_in(&world, "S", scope, key).await;
    }
    let all = format!("{V1_ENTRIES}?datastoreName=S&AllScopes=true");
    for (prefix, expected) in [
        ("", vec!["global/a", "s/a", "s/b", "s/a/k", "sa/k", "z/s"]),
        ("s", vec!["s/a", "s/b", "s/a/k", "sa/k"]),
        ("s%2F", vec!["s/a", "s/b", "s/a/k"]),
        ("s/a", vec!["s/a", "s/a/k"]),
        ("s/a/", vec!["s/a/k"]),
        ("gl", vec!["global/a"]),
        ("global/b", vec![]),
        ("/", vec![]),
    ] {
        for limit in [1, 2, 100] {
            let path = format!("{all}&prefix={prefix}&limit={limit}");
            let found = pages(&world, KEYS, &path).await.concat();
            let (scopes, keys) = (members(&found, "scope"), members(&found, "key"));
            let found: Vec<_> =
                scopes.iter().zip(keys).map(|(scope, key)| format!("{scope}/{key}")).collect();
            assert_eq!(found, expected, "{path}");
        }
    }
    check_refused(&world, &format!("{all}&scope=s"), V1Code::InvalidDataStoreScope).await;
}

#[tokio::test]
async fn h_81_a_page_of_keys_has_16_unless_said_otherwise_and_never_more_than_256() {
    let world = World::new().await;
    for index in 0..258 {
        set_in(&world, "S", "global", &format!("{index:03}")).await;
    }
    let entries = format!("{V1_ENTRIES}?datastoreName=S");
    for (limit, size) in [("", 16), ("&limit=256", 256), ("&limit=257", 256), ("&limit=9999", 256)]
    {
        let (found, next) = page(&world, KEYS, &format!("{entries}{limit}")).await;
        assert_eq!((found.len(), next.is_some()), (size, true), "{limit}");
    }
    let sizes: Vec<_> =
        pages(&world, KEYS, &format!("{entries}&limit=256")).await.iter().map(Vec::len).collect();
    assert_eq!(sizes, [256, 2]);
}

#[tokio::test]
async fn h_86_versions_are_listed_in_either_order_and_between_two_times() {
    for world in World::both().await {
        let mut written = Vec::new();
        for value in ["1", "22", "\"three\""] {
            written.push(world.set("k", value).await.json());
        }
        delete(&world, "k").await;
        let path = versions_of("k");
        let mut found = pages(&world, VERSIONS, &format!("{path}&limit=1")).await.concat();
        let deletion = found.pop().unwrap();
        assert_eq!(found, written);
        assert_eq!((&deletion["deleted"], &deletion["contentLength"]), (&json!(true), &json!(0)));
        assert_eq!(deletion["objectCreatedTime"], written[0]["createdTime"]);
        found.push(deletion);
        let at = |index: usize| found[index]["createdTime"].as_str().unwrap().to_owned();
        for (more, expected) in [
            (String::new(), vec![0, 1, 2, 3]),
            ("&sortOrder=Ascending".into(), vec![0, 1, 2, 3]),
            ("&sortOrder=Descending".into(), vec![3, 2, 1, 0]),
            // V-23: both ends are included.
            (format!("&startTime={}", at(1)), vec![1, 2, 3]),
            (format!("&endTime={}", at(1)), vec![0, 1]),
            (format!("&startTime={}&endTime={}&sortOrder=Descending", at(1), at(2)), vec![2, 1]),
            (format!("&startTime={}&endTime={}", at(2), at(1)), vec![]),
            ("&endTime=1970-01-01T00:00:00.000Z".into(), vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|index| found[index].clone()).collect();
            for limit in [1, 2, 256] {
                let path = format!("{path}{more}&limit={limit}");
                assert_eq!(pages(&world, VERSIONS, &path).await.concat(), expected, "{path}");
            }
        }
        check_refused(&world, &versions_of("missing"), V1Code::EntryNotFound).await;
    }
}

#[tokio::test]
async fn h_87_a_version_is_read_with_all_its_headers() {
    for world in World::both().await {
        let set = Call::new("POST", &v1("S", "k")).json(r#"{"a" : 1}"#);
        let set = set
            .header("roblox-entry-userids", "[1, 2]")
            .header("roblox-entry-attributes", r#"{"x":1}"#);
        let first = world.call(set).await.ok().json();
        let version = first["version"].as_str().unwrap();
        let current = world.get(&v1("S", "k")).await.ok();
        world.set("k", "2").await;
        delete(&world, "k").await;
        let read = world.get(&version_of("k", version)).await.ok();
        assert_eq!(read.body, r#"{"a" : 1}"#);
        for header in [
            "content-md5",
            "roblox-entry-version",
            "roblox-entry-created-time",
            "roblox-entry-version-created-time",
            "roblox-entry-attributes",
            "roblox-entry-userids",
            "content-type",
        ] {
            assert_eq!(read.header(header), current.header(header), "{header}");
        }
        // V-20: a version that is a deletion holds nothing.
        let found = listed(&world, VERSIONS, &versions_of("k"), "version").await;
        check_refused(&world, &version_of("k", &found[2]), V1Code::EntryNotFound).await;
        let unknown = version.replace(".0000000001.", ".0000000009.");
        check_refused(&world, &version_of("k", &unknown), V1Code::VersionNotFound).await;
        check_refused(&world, &version_of("missing", version), V1Code::EntryNotFound).await;
        for malformed in ["", "xx", "latest", &version[1..], &format!("{version}.01")] {
            let path = version_of("k", malformed);
            check_refused(&world, &path, V1Code::InvalidVersionId).await;
        }
    }
}

#[tokio::test]
async fn h_100_and_h_102_parameters_of_lists_have_codes_of_their_own() {
    let world = World::new().await;
    world.set("k", "1").await;
    let entries = format!("{V1_ENTRIES}?datastoreName=S");
    let (versions, stores) = (versions_of("k"), format!("{V1_STORES}?x"));
    for path in [&entries, &versions, &stores] {
        for limit in ["0", "-1", "x", "1.5"] {
            let path = format!("{path}&limit={limit}");
            check_refused(&world, &path, V1Code::InvalidLimit).await;
        }
        for cursor in ["x", "AQE", "%00", "a%20b", &"A".repeat(5_000)] {
            let path = format!("{path}&cursor={cursor}");
            check_refused(&world, &path, V1Code::InvalidCursor).await;
        }
        let elsewhere = path.replace("universes/1/", "universes/x/");
        check_refused(&world, &elsewhere, V1Code::InvalidUniverseId).await;
    }
    for (more, code) in [
        ("&sortOrder=ascending", V1Code::InvalidSortOrder),
        ("&startTime=yesterday", V1Code::InvalidStartTime),
        ("&endTime=2026-01-01T00:00:00%2B00:00Z", V1Code::InvalidEndTime),
        ("&scope=other&allScopes=true", V1Code::InvalidDataStoreScope),
    ] {
        check_refused(&world, &format!("{versions}{more}"), code).await;
    }
    check_refused(&world, V1_ENTRIES, V1Code::InvalidDataStoreName).await;
    let nameless = format!("{V1}/versions?datastoreName=S");
    check_refused(&world, &nameless, V1Code::InvalidEntryKey).await;
}

#[tokio::test]
async fn h_10_a_cursor_belongs_to_one_list_with_its_parameters() {
    let world = World::new().await;
    for (store, scope) in [("S", "global"), ("S", "s"), ("T", "global"), ("T", "s")] {
        for key in ["a", "b", "c"] {
            set_in(&world, store, scope, key).await;
        }
    }
    world.set("a", "2").await;
    let entries =
        |store: &str, more: &str| format!("{V1_ENTRIES}?datastoreName={store}&limit=2{more}");
    let versions = |key: &str, more: &str| format!("{}&limit=1{more}", versions_of(key));
    let (path, names) = (entries("S", ""), KEYS);
    let (_, token) = page(&world, names, &path).await;
    for other in [
        entries("T", ""),
        entries("S", "&scope=s"),
        entries("S", "&allScopes=true"),
        entries("S", "&prefix=a"),
        path.replace("limit=2", "limit=1"),
        path.replace("universes/1/", "universes/2/"),
        versions("a", ""),
        format!("{V1_STORES}?limit=2"),
    ] {
        let path = path_at(names, &other, token.as_deref());
        check_refused(&world, &path, V1Code::InvalidCursor).await;
    }
    // Another spelling of the same request is the same request.
    let same = format!("{path}&Scope=global&allScopes=False&prefix=&x=1");
    let (found, _) = page(&world, names, &path_at(names, &same, token.as_deref())).await;
    assert_eq!(members(&found, "key"), ["c"]);

    let path = versions("a", "");
    let (_, token) = page(&world, VERSIONS, &path).await;
    for other in [
        versions("b", ""),
        versions("a", "&scope=s"),
        versions("a", "&sortOrder=Descending"),
        versions("a", "&startTime=1970-01-01T00:00:00Z"),
        versions("a", "&endTime=2970-01-01T00:00:00Z"),
        path.replace("limit=1", "limit=2"),
    ] {
        let path = path_at(VERSIONS, &other, token.as_deref());
        check_refused(&world, &path, V1Code::InvalidCursor).await;
    }
    let path = format!("{V1_STORES}?limit=1");
    let (_, token) = page(&world, DATASTORES, &path).await;
    for other in [format!("{path}&prefix=S"), path.replace("limit=1", "limit=2")] {
        let path = path_at(DATASTORES, &other, token.as_deref());
        check_refused(&world, &path, V1Code::InvalidCursor).await;
    }
}
