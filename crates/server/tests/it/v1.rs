//! The calls of v1, one after the other.

use serde_json::json;

use crate::client::{Call, V1};
use crate::world::{World, v1};

const UNICODE: &str = "{\"k\":\"\u{e9}\u{1f600}\\u007f\\u0000\"}";

#[tokio::test]
async fn h_82_and_h_83_a_value_comes_back_byte_for_byte() {
    for world in World::both().await {
        for value in [
            r#"{"coins" : 5, "n": "\u00e9é"}"#,
            "1",
            "null",
            "\"\"",
            "[ ]",
            "123456789012345678901234567890.50",
            "1e999999",
            "-0.0",
            r#"{"m":null,"t":"numeric","v":"inf"}"#,
        ] {
            let written = world.set("k", value).await.json();
            assert_eq!(written["deleted"], json!(false));
            assert_eq!(written["contentLength"], json!(value.len()));
            let read = world.get(&v1("S", "k")).await.ok();
            assert_eq!(read.body, value);
            assert_eq!(read.header("content-type"), "application/json");
            assert_eq!(read.header("roblox-entry-version"), written["version"].as_str().unwrap());
        }
        world.check_alive().await;
    }
}

#[tokio::test]
async fn h_83_white_space_around_a_value_is_not_part_of_it() {
    let world = World::new().await;
    world.set("k", " \r\n{\"a\":1}\n").await;
    assert_eq!(world.stored("k").await.as_deref(), Some("{\"a\":1}"));
}

#[tokio::test]
async fn h_83_the_answer_to_a_set_has_five_members() {
    let world = World::new().await;
    let first = world.set("k", "1").await.json();
    let second = world.set("k", "22").await.json();
    assert_eq!(first.as_object().unwrap().len(), 5);
    assert_eq!(second["contentLength"], json!(2));
    assert_eq!(second["objectCreatedTime"], first["objectCreatedTime"]);
    assert!(first["createdTime"].as_str().unwrap().ends_with('Z'));
    assert!(first["version"].as_str() < second["version"].as_str());
}

#[tokio::test]
async fn h_84_and_h_93_a_deleted_entry_is_not_found() {
    for world in World::both().await {
        let path = v1("S", "k");
        world.get(&path).await.expect(404, "DatastoreNotFound");
        world.set("other", "1").await;
        world.get(&path).await.expect(404, "EntryNotFound");
        world.call(Call::new("DELETE", &path)).await.expect(404, "EntryNotFound");
        world.set("k", "1").await;
        let deleted = world.call(Call::new("DELETE", &path)).await.expect(204, "");
        assert_eq!(deleted.body, "");
        world.get(&path).await.expect(404, "EntryNotFound");
        world.call(Call::new("DELETE", &path)).await.expect(404, "EntryNotFound");
        world.set("k", "2").await;
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn h_90_all_headers_are_always_there_and_ascii() {
    for world in World::both().await {
        let set = Call::new("POST", &v1("S", "k"))
            .json("\"v\"")
            .header("roblox-entry-userids", "[1, 2]")
            .header("roblox-entry-attributes", UNICODE);
        let written = world.call(set).await.ok().json();
        let read = world.get(&v1("S", "k")).await.ok();
        assert_eq!(read.header("roblox-entry-userids"), "[1, 2]");
        let attributes = read.header("roblox-entry-attributes");
        assert!(attributes.is_ascii(), "{attributes}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(attributes).unwrap(),
            serde_json::from_str::<serde_json::Value>(UNICODE).unwrap()
        );
        let version = written["version"].as_str().unwrap();
        assert_eq!(read.header("roblox-entry-version"), version);
        assert_eq!(read.header("etag"), format!("\"{version}\""));
        assert_eq!(read.header("content-md5"), "WblD0v5q7eGCD0cKwelOGg==");
        for name in ["roblox-entry-created-time", "roblox-entry-version-created-time"] {
            let time = read.header(name);
            assert!(time.ends_with("+00:00") && time.len() == 33, "{time}");
        }
        world.set("plain", "1").await;
        let plain = world.get(&v1("S", "plain")).await.ok();
        assert_eq!(plain.header("roblox-entry-userids"), "[]");
        assert_eq!(plain.header("roblox-entry-attributes"), "{}");
    }
}

#[tokio::test]
async fn h_101_missing_headers_clear_what_was_there() {
    let world = World::new().await;
    let call = |headers: &[(&str, &str)]| {
        let call = Call::new("POST", &v1("S", "k")).json("1");
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    let (users, attributes) = ("roblox-entry-userids", "roblox-entry-attributes");
    for cleared in
        [vec![], vec![(users, ""), (attributes, "")], vec![(users, "[]"), (attributes, "{}")]]
    {
        world.call(call(&[(users, "[7]"), (attributes, "{\"a\": 1}")])).await.ok();
        let read = world.get(&v1("S", "k")).await.ok();
        assert_eq!((read.header(users), read.header(attributes)), ("[7]", "{\"a\":1}"));
        world.call(call(&cleared)).await.ok();
        let read = world.get(&v1("S", "k")).await.ok();
        assert_eq!((read.header(users), read.header(attributes)), ("[]", "{}"));
    }
}

#[tokio::test]
async fn h_94_a_condition_that_does_not_hold_is_answered_with_the_current_value() {
    for world in World::both().await {
        let path = v1("S", "k");
        let first = world.set("k", "1").await.json();
        let version = first["version"].as_str().unwrap();
        let matching = format!("{path}&exclusiveCreate=False&matchVersion={version}");
        world.call(Call::new("POST", &matching).json("2")).await.ok();
        let exclusive = format!("{path}&exclusiveCreate=True");
        for path in [&matching, &exclusive, &format!("{path}&matchVersion=zz")] {
            let clash = world.call(Call::new("POST", path).json("3")).await.expect(412, "");
            assert_eq!(clash.body, "2");
            let read = world.get(&v1("S", "k")).await.ok();
            for name in [
                "content-md5",
                "roblox-entry-version",
                "roblox-entry-created-time",
                "roblox-entry-version-created-time",
                "roblox-entry-attributes",
                "roblox-entry-userids",
            ] {
                assert_eq!(clash.header(name), read.header(name), "{name}");
            }
        }
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn h_94_a_condition_on_a_missing_or_deleted_entry() {
    let world = World::new().await;
    let path = v1("S", "k");
    let post = |suffix: &str| Call::new("POST", &format!("{path}{suffix}")).json("1");
    world.call(post("&matchVersion=x")).await.expect(404, "DatastoreNotFound");
    world.set("other", "1").await;
    world.call(post("&matchVersion=x")).await.expect(404, "EntryNotFound");
    assert_eq!(world.stored("k").await, None);
    world.call(post("&exclusiveCreate=true")).await.ok();
    world.call(Call::new("DELETE", &path)).await.expect(204, "");
    world.call(post("&matchVersion=x")).await.expect(404, "EntryNotFound");
    world.call(post("&exclusiveCreate=true")).await.ok();
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn h_95_two_conditions_exclude_each_other() {
    let world = World::new().await;
    let path = format!("{}&matchVersion=x&exclusiveCreate=True", v1("S", "k"));
    let code = "ExclusiveCreateAndMatchVersionCannotBeSet";
    world.call(Call::new("POST", &path).json("1")).await.expect(400, code);
}

#[tokio::test]
async fn h_96_a_scope_and_all_scopes_exclude_each_other() {
    let world = World::new().await;
    let path = v1("S", "k");
    let both = format!("{path}&scope=other&AllScopes=true");
    world.get(&both).await.expect(400, "InvalidDataStoreScope");
    world.set("k", "1").await;
    // rbxcloud always sends the scope, `global` where it was given none.
    world.get(&format!("{path}&scope=global&AllScopes=true")).await.ok();
    world.get(&format!("{path}&scope=global&AllScopes=False")).await.ok();
    world.get(&format!("{path}&scope=")).await.ok();
    world.get(&format!("{path}&scope=other")).await.expect(404, "EntryNotFound");
    world.get(&format!("{path}&AllScopes=maybe")).await.expect(400, "InvalidDataStoreScope");
}

#[tokio::test]
async fn h_97_a_checksum_is_checked_if_it_is_there() {
    let world = World::new().await;
    let set = |digest: &str| {
        Call::new("POST", &v1("S", "k")).json("{\"a\":1}").header("content-md5", digest)
    };
    world.call(set("u2y1xo30ZSlByvZSo2by2A==")).await.ok();
    world.call(set("qrRX4OwkT0d+4MCXuUonKA==")).await.expect(400, "ChecksumMismatch");
    world.call(set("x")).await.expect(400, "ChecksumMismatch");
    world.call(set("")).await.ok();
}

#[tokio::test]
async fn the_parameters_that_name_an_entry() {
    let world = World::new().await;
    for (path, code) in [
        (V1.to_owned(), "InvalidDataStoreName"),
        (format!("{V1}?datastoreName=&entryKey=k"), "InvalidDataStoreName"),
        (format!("{V1}?datastoreName=__steadfast_x&entryKey=k"), "InvalidDataStoreName"),
        (format!("{V1}?datastoreName=%FF&entryKey=k"), "InvalidDataStoreName"),
        (format!("{V1}?datastoreName=S"), "InvalidEntryKey"),
        (format!("{V1}?datastoreName=S&entryKey=a&entryKey=b"), "InvalidEntryKey"),
        (format!("{V1}?datastoreName=S&entryKey=%zz"), "InvalidEntryKey"),
        (v1("S", "k").replace("universes/1/", "universes/x/"), "InvalidUniverseId"),
        (v1("S", "k").replace("universes/1/", "universes/-1/"), "InvalidUniverseId"),
    ] {
        for call in [
            Call::new("GET", &path),
            Call::new("DELETE", &path),
            Call::new("POST", &path).json("1"),
        ] {
            world.call(call).await.expect(400, code);
        }
    }
    let odd = format!("{V1}?DATASTORENAME=Player+Data&entrykey=a%2Fb%40c&x=%zz&prefix=");
    world.call(Call::new("POST", &odd).json("7")).await.ok();
    world.get(&format!("{V1}?datastoreName=Player%20Data&entryKey=a/b@c")).await.ok();
}

#[tokio::test]
async fn h_05_a_set_needs_a_body_of_json() {
    let world = World::new().await;
    let set = || Call::new("POST", &v1("S", "k"));
    world.call(set()).await.expect(400, "ContentLengthRequired");
    world.call(set().json("")).await.expect(400, "ContentLengthRequired");
    world.call(set().raw_body("1")).await.expect(400, "ContentNotJson");
    let form = set().raw_body("1").header("content-type", "application/x-www-form-urlencoded");
    world.call(form).await.expect(400, "ContentNotJson");
    let charset = set().raw_body("1").header("content-type", "application/json; charset=utf-8");
    world.call(charset).await.ok();
}

#[tokio::test]
async fn u_14_headers_that_are_no_lists_are_refused() {
    let world = World::new().await;
    let set = |name: &str, value: &[u8]| {
        world.call(Call::new("POST", &v1("S", "k")).json("1").header(name, value))
    };
    for wrong in [&b"{}"[..], b"[x]", b"[-1]", b"[1.5]", b"[\xff]", b"["] {
        set("roblox-entry-userids", wrong).await.expect(400, "InvalidUserIds");
    }
    for wrong in [&b"[]"[..], b"{", b"{\"a\":[]}", b"\xff", b"{\"a\":1,\"a\":2}"] {
        set("roblox-entry-attributes", wrong).await.expect(400, "InvalidAttributes");
    }
    let twice = Call::new("POST", &v1("S", "k")).json("1");
    let twice = twice.header("roblox-entry-userids", "[1]").header("roblox-entry-userids", "[2]");
    world.call(twice).await.expect(400, "InvalidUserIds");
    assert_eq!(world.stored("k").await, None);
    world.check_alive().await;
}

#[tokio::test]
async fn requests_with_needless_parts_are_served() {
    let world = World::new().await;
    world.set("k", "1").await;
    let path = v1("S", "k");
    world.call(Call::new("GET", &path).json("{}")).await.ok();
    let cookie = Call::new("GET", &path).header("cookie", ".ROBLOSECURITY=");
    world.call(cookie.header("content-type", "application/json")).await.ok();
    let leak = format!("{path}&roblox-entry-attributes=[object%20Object]&prefix=&filter=");
    world.get(&leak).await.ok();
    world.call(Call::new("DELETE", &path).json("{}")).await.expect(204, "");
}

#[tokio::test]
async fn other_paths_and_methods_are_not_found() {
    let world = World::new().await;
    let base = "/datastores/v1/universes/1/standard-datastores";
    for (method, path) in [
        ("POST", base.to_owned()),
        ("GET", format!("{base}/")),
        ("GET", format!("{base}/datastore")),
        ("POST", format!("{base}/datastore/entries?datastoreName=S")),
        ("GET", format!("{base}/datastore/entries/entry/increment?datastoreName=S&entryKey=k")),
        ("POST", format!("{base}/datastore/entries/entry/increment/?datastoreName=S&entryKey=k")),
        ("DELETE", format!("{base}/datastore/entries/entry/versions?datastoreName=S&entryKey=k")),
        ("POST", format!("{base}/datastore/entries/entry/versions/version?datastoreName=S")),
        ("PUT", v1("S", "k")),
        ("OPTIONS", v1("S", "k")),
        ("GET", "/datastores".to_owned()),
        ("GET", "/cloud/v2".to_owned()),
        ("GET", "/steadfast/v1/admin".to_owned()),
        ("GET", "/".to_owned()),
        ("GET", "/ordered-data-stores/v1/universes/1".to_owned()),
    ] {
        world.call(Call::new(method, &path)).await.expect(404, "NotFound");
    }
}
