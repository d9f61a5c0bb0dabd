//! The calls of v2, one after the other.

use serde_json::json;

use crate::client::{Call, V2};
use crate::world::{World, v1, v2};

fn create(id: &str, body: &str) -> Call {
    Call::new("POST", &format!("{V2}?id={id}")).json(body)
}

fn patch(path: &str, body: &str) -> Call {
    Call::new("PATCH", path).json(body)
}

#[tokio::test]
async fn h_35_a_create_answers_the_full_entry() {
    for world in World::both().await {
        let body = r#"{"value": {"a" : 1.0}, "users": ["users/5"], "attributes": {"q": 1}}"#;
        let created = world.call(create("a:b", body)).await.ok();
        assert!(created.body.contains(r#""value":{"a" : 1.0},"#), "{created:?}");
        let entry = created.json();
        assert_eq!(entry["path"], json!("universes/1/data-stores/S/scopes/global/entries/a:b"));
        assert_eq!(entry["id"], json!("a:b"));
        assert_eq!(entry["state"], json!("ACTIVE"));
        assert_eq!(entry["users"], json!(["users/5"]));
        assert_eq!(entry["attributes"], json!({"q": 1}));
        assert_eq!(entry["etag"], entry["revisionId"]);
        assert_eq!(entry["createTime"], entry["revisionCreateTime"]);
        assert_eq!(world.get(&v2("a:b")).await.ok().json(), entry);
        world.check_alive().await;
    }
}

#[tokio::test]
async fn h_35_a_create_over_an_existing_entry_is_400_and_over_a_deleted_one_is_not() {
    for world in World::both().await {
        world.call(create("k", r#"{"value":1}"#)).await.ok();
        let refused = world.call(create("k", r#"{"value":2}"#)).await;
        let refused = refused.expect(400, "INVALID_ARGUMENT");
        assert_eq!(refused.json()["message"], json!("Entry already exists."));
        assert_eq!(world.stored("k").await.as_deref(), Some("1"));
        world.call(Call::new("DELETE", &v2("k"))).await.ok();
        world.call(create("k", r#"{"value":3}"#)).await.ok();
        assert_eq!(world.stored("k").await.as_deref(), Some("3"));
    }
}

#[tokio::test]
async fn h_35_a_create_needs_an_id() {
    let world = World::new().await;
    for path in [V2.to_owned(), format!("{V2}?id=")] {
        let call = Call::new("POST", &path).json(r#"{"value":1,"id":"k"}"#);
        world.call(call).await.expect(400, "INVALID_ARGUMENT");
    }
}

#[tokio::test]
async fn h_36_a_missing_or_deleted_entry_is_not_found() {
    for world in World::both().await {
        world.get(&v2("k")).await.expect(404, "NOT_FOUND");
        world.set("k", "1").await;
        world.get(&v2("k")).await.ok();
        world.call(Call::new("DELETE", &v2("k"))).await.ok();
        world.get(&v2("k")).await.expect(404, "NOT_FOUND");
        world.get(&v2("k@latest")).await.expect(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn h_37_a_revision_is_read_by_its_id() {
    for world in World::both().await {
        world.set("k", "1").await;
        let first = world.get(&v2("k")).await.ok().json();
        let revision = first["revisionId"].as_str().unwrap();
        world.set("k", "2").await;
        for mark in ["@", "%40"] {
            let read = world.get(&v2(&format!("k{mark}{revision}"))).await.ok().json();
            assert_eq!(read, first, "{mark}");
        }
        let unknown = world.get(&v2("k@xx")).await.expect(400, "INVALID_ARGUMENT");
        assert_eq!(unknown.json()["message"], json!("Invalid version id."));
        let shaped = revision.replace(".01", ".02").replace("0000000001", "0000000009");
        let shaped = shaped.replace(".02", ".01");
        world.get(&v2(&format!("k%40{shaped}"))).await.expect(400, "INVALID_ARGUMENT");
        world.get(&v2("missing@xx")).await.expect(404, "NOT_FOUND");
        // The revision of a deletion holds nothing.
        world.call(Call::new("DELETE", &v2("k"))).await.ok();
        world.get(&v2(&format!("k@{revision}"))).await.ok();
    }
}

#[tokio::test]
async fn h_38_ids_with_marks_slashes_and_colons() {
    let world = World::new().await;
    for (id, path) in [
        ("my%40id", "my@id@latest"),
        ("my%40id", "my%40id"),
        ("my%40id", "my%40id@latest"),
        ("my%40id", "my%40id%40latest"),
        ("a%2Fb+c", "a/b%20c@latest"),
        ("a%2Fb+c", "a%2Fb%20c"),
        ("x:increment", "x:increment"),
        ("%E2%82%AC", "%E2%82%AC"),
        ("..%2F..", "../.."),
    ] {
        world.call(create(id, r#"{"value":1}"#)).await;
        let found = world.get(&v2(path)).await;
        let expected = if path.contains(":increment") { 404 } else { 200 };
        assert_eq!(found.status, expected, "{path}: {found:?}");
    }
    // Without an entry of the whole name the mark is split off; and text is not taken for one.
    world.set("bob", "1").await;
    world.get(&v2("bob%40home")).await.expect(404, "NOT_FOUND");
    world.get(&v2("bob@home")).await.expect(400, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn h_39_the_revision_of_a_moment() {
    for world in World::both().await {
        let before = world.get(&v2("k@latest:2001-01-01T00:00:00Z")).await;
        before.expect(404, "NOT_FOUND");
        world.set("k", "1").await;
        let first = world.get(&v2("k")).await.ok().json();
        world.set("k", "2").await;
        let at = first["revisionCreateTime"].as_str().unwrap();
        assert_eq!(world.get(&v2(&format!("k@latest:{at}"))).await.ok().json(), first);
        let earlier = "2001-01-01T00:00:00+02:00";
        world.get(&v2(&format!("k@latest:{earlier}"))).await.expect(404, "NOT_FOUND");
        for wrong in [
            "2026-01-01T00:00:00+00:00Z",
            "1970-01-01T00:00:00Z",
            "9000-01-01T00:00:00Z",
            "yesterday",
            "",
        ] {
            let path = v2(&format!("k@latest:{wrong}"));
            world.get(&path).await.expect(400, "INVALID_ARGUMENT");
        }
    }
}

#[tokio::test]
async fn h_40_an_update_replaces_everything() {
    for world in World::both().await {
        let full = r#"{"value":1,"users":["users/1"],"attributes":{"a":1}}"#;
        world.call(patch(&v2("k"), full)).await.expect(404, "NOT_FOUND");
        world.call(patch(&format!("{}?allowMissing=true", v2("k")), full)).await.ok();
        let bare = world.call(patch(&v2("k"), r#"{"value":null}"#)).await.ok().json();
        assert_eq!(
            (&bare["value"], &bare["users"], &bare["attributes"]),
            (&json!(null), &json!([]), &json!({}))
        );
        world.call(patch(&v2("k"), "{}")).await.expect(400, "INVALID_ARGUMENT");
        world.call(Call::new("DELETE", &v2("k"))).await.ok();
        // A deleted entry is brought back also without `allowMissing`.
        world.call(patch(&v2("k"), r#"{"value":2}"#)).await.ok();
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn h_40_a_mark_in_the_path_of_a_write_is_part_of_the_id() {
    let world = World::new().await;
    world.set("k", "1").await;
    let path = format!("{}?allow_missing=True", v2("k@rev"));
    let created = world.call(patch(&path, r#"{"value":2}"#)).await.ok().json();
    assert_eq!(created["id"], json!("k@rev"));
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
    world.call(patch(&v2("k@latest"), r#"{"value":3}"#)).await.expect(404, "NOT_FOUND");
    world.call(Call::new("DELETE", &v2("k@latest"))).await.expect(404, "NOT_FOUND");
    world.call(Call::new("DELETE", &v2("k@rev"))).await.ok();
    assert_eq!(world.stored("k").await.as_deref(), Some("1"));
}

#[tokio::test]
async fn h_41_a_delete_answers_an_empty_object_once() {
    for world in World::both().await {
        world.set("k", "1").await;
        let deleted = world.call(Call::new("DELETE", &v2("k"))).await.ok();
        assert_eq!(deleted.body, "{}");
        world.call(Call::new("DELETE", &v2("k"))).await.expect(404, "NOT_FOUND");
        world.call(Call::new("DELETE", &v2("never"))).await.expect(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn h_45_a_stale_etag_is_a_conflict() {
    for world in World::both().await {
        world.set("k", "1").await;
        let etag = world.get(&v2("k")).await.json()["etag"].as_str().unwrap().to_owned();
        let body = |etag: &str| format!(r#"{{"value":2,"etag":"{etag}"}}"#);
        world.call(patch(&v2("k"), &body(&etag))).await.ok();
        world.call(patch(&v2("k"), &body(&etag))).await.expect(409, "ABORTED");
        let allow = format!("{}?allowMissing=true", v2("missing"));
        world.call(patch(&allow, &body(&etag))).await.expect(404, "NOT_FOUND");
        let delete = |etag: &str| Call::new("DELETE", &format!("{}?etag={etag}", v2("k")));
        world.call(delete(&etag)).await.expect(409, "ABORTED");
        assert_eq!(world.stored("k").await.as_deref(), Some("2"));
        let etag = world.get(&v2("k")).await.json()["etag"].as_str().unwrap().to_owned();
        world.call(delete(&etag)).await.ok();
        world.get(&v2("k")).await.expect(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn both_path_forms_reach_one_entry() {
    let world = World::new().await;
    let base = "/cloud/v2/universes/1/data-stores/Player%20Data";
    let post = |path: &str| Call::new("POST", path).json(r#"{"value":1}"#);
    world.call(post(&format!("{base}/entries?id=k"))).await.ok();
    let read = world.get(&format!("{base}/scopes/global/entries/k")).await.ok().json();
    assert_eq!(read["path"], json!("universes/1/data-stores/Player Data/scopes/global/entries/k"));
    world.get(&format!("{base}/scopes/other/entries/k")).await.expect(404, "NOT_FOUND");
    world.call(post(&format!("{base}/scopes/other/entries?id=k"))).await.ok();
    let read = world.get(&format!("{}&scope=other", v1("Player+Data", "k"))).await.ok();
    assert_eq!(read.body, "1");
    world.get(&format!("{base}/scopes/-/entries/k")).await.expect(400, "INVALID_ARGUMENT");
}

#[tokio::test]
async fn paths_that_cannot_be_are_400_and_calls_of_later_are_404() {
    let world = World::new().await;
    let base = "/cloud/v2/universes/1/data-stores";
    for path in [
        "/cloud/v2/universes/x/data-stores/S/entries/k".to_owned(),
        format!("{base}/%FF/entries/k"),
        format!("{base}/__steadfast/entries/k"),
        format!("{base}//entries/k"),
        format!("{base}/S/entries/"),
        format!("{base}/S/entries/%zz"),
        format!("{base}/S/entries/@latest"),
    ] {
        world.get(&path).await.expect(400, "INVALID_ARGUMENT");
    }
    for (method, path) in [
        ("POST", base.to_owned()),
        ("DELETE", base.to_owned()),
        ("PATCH", V2.to_owned()),
        ("GET", format!("{base}:snapshot")),
        ("GET", format!("{base}/S")),
        ("POST", format!("{base}/S")),
        ("GET", format!("{base}/S:undelete")),
        ("POST", format!("{base}/S%3Aundelete")),
        ("GET", v2("k:increment")),
        ("POST", v2("k%3Aincrement")),
        ("POST", v2("k:listRevisions")),
        ("PUT", v2("k")),
        ("POST", v2("k")),
    ] {
        world.call(Call::new(method, &path)).await.expect(404, "NotFound");
    }
}

#[tokio::test]
async fn h_05_a_write_needs_a_body_of_json() {
    let world = World::new().await;
    let path = format!("{V2}?id=k");
    world.call(Call::new("POST", &path)).await.expect(400, "INVALID_ARGUMENT");
    world.call(Call::new("POST", &path).raw_body("{}")).await.expect(400, "INVALID_ARGUMENT");
    let update = Call::new("PATCH", &v2("k")).raw_body(r#"{"value":1}"#);
    world.call(update.header("content-type", "text/plain")).await.expect(400, "INVALID_ARGUMENT");
    let maybe = format!("{}?allowMissing=maybe", v2("k"));
    world.call(patch(&maybe, r#"{"value":1}"#)).await.expect(400, "INVALID_ARGUMENT");
    assert_eq!(world.stored("k").await, None);
}
