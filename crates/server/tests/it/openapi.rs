//! The document of the API, and the check of every answer against it.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde_json::Value;
use steadfast_core::Limits;
use steadfast_server::Config;

use crate::client::{Answer, Call, V2};
use crate::schema::{follow, problem};
use crate::world::{World, config, v1};

/// The document. What it says of answers is the same for all limits.
fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT
        .get_or_init(|| steadfast_server::openapi::document(&Limits::native(), &Config::default()))
}

/// Checks an answer to a request against the document.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let problem = match find(method, path) {
        Some(operation) => answer_problem(operation, answer),
        None => unlisted_problem(answer),
    };
    assert_eq!(problem, None, "{method} {path}: {answer:?}");
}

/// Checks an answer of which the request is not known.
#[track_caller]
pub(crate) fn check_any(answer: &Answer) {
    assert_eq!(any_problem(answer), None, "{answer:?}");
}

/// What is wrong with an answer of which the request is not known: there is no call, and no request
/// that is none, that it could be of.
pub(crate) fn any_problem(answer: &Answer) -> Option<String> {
    if operations().any(|operation| answer_problem(operation, answer).is_none()) {
        return None;
    }
    unlisted_problem(answer)
}

/// The name of the operation of a request.
pub(crate) fn operation_id(method: &str, path: &str) -> Option<&'static str> {
    find(method, path).and_then(|operation| operation["operationId"].as_str())
}

/// The names of all operations.
pub(crate) fn operation_ids() -> BTreeSet<&'static str> {
    operations().filter_map(|operation| operation["operationId"].as_str()).collect()
}

fn operations() -> impl Iterator<Item = &'static Value> {
    let paths = document()["paths"].as_object().unwrap().values();
    paths.flat_map(|item| item.as_object().unwrap().values())
}

/// The operation of a request.
fn find(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let paths = document()["paths"].as_object().unwrap();
    let method = method.to_ascii_lowercase();
    // The longest template first: one with a verb tells more than one without.
    let fitting = paths.iter().filter(|(template, _)| fits(template, path));
    let mut known: Vec<_> =
        fitting.filter_map(|(template, item)| Some((template.len(), item.get(&method)?))).collect();
    known.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    known.first().map(|(_, operation)| *operation)
}

/// Whether a path is one of a template. An entry may hold slashes.
fn fits(template: &str, path: &str) -> bool {
    if let Some((template, verb)) = template.rsplit_once("}:") {
        let (template, verb) = (format!("{template}}}"), format!(":{verb}"));
        return path.strip_suffix(&verb).is_some_and(|path| fits(&template, path));
    }
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) | (Some("{entry}"), Some(_)) => return true,
            (Some(part), Some(_)) if part.starts_with('{') => {}
            (Some(part), Some(found)) if part == found => {}
            _ => return false,
        }
    }
}

fn answer_problem(operation: &'static Value, answer: &Answer) -> Option<String> {
    if is_of_the_library(answer) {
        return None;
    }
    let Some(documented) = operation["responses"].get(answer.status.to_string()) else {
        return Some(format!("the status {} is not documented", answer.status));
    };
    let documented = resolve(documented);
    header_problem(documented, answer).or_else(|| body_problem(documented, answer))
}

/// A refusal before any call: an empty body is the HTTP library's, see the document.
fn is_of_the_library(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 414 | 431) && answer.body.is_empty()
}

/// An answer to what is no call: the gateway's words, or those of a refused head.
fn unlisted_problem(answer: &Answer) -> Option<String> {
    let schema = match answer.status {
        401 | 404 => "GatewayError",
        400 | 414 | 431 | 500 | 502 => return None,
        status => return Some(format!("the status {status} is not documented of what is no call")),
    };
    let body = serde_json::from_str(&answer.body).ok();
    let schema = &document()["components"]["schemas"][schema];
    body.map_or_else(
        || Some("the body is not JSON".into()),
        |body| problem(document(), schema, &body),
    )
}

fn resolve(item: &'static Value) -> &'static Value {
    item.get("$ref").map_or(item, |reference| follow(document(), reference))
}

fn header_problem(documented: &'static Value, answer: &Answer) -> Option<String> {
    documented["headers"].as_object().unwrap().iter().find_map(|(name, header)| {
        let header = resolve(header);
        let Some(value) = answer.find_header(name) else {
            let is_needed = header["required"] == Value::Bool(true);
            return is_needed.then(|| format!("the header `{name}` is missing"));
        };
        // A number in a header is text.
        let is_number = header["schema"]["type"] == "integer";
        let value = if is_number { value.parse().ok()? } else { Value::from(value) };
        let problem = problem(document(), &header["schema"], &value);
        problem.map(|problem| format!("the header `{name}`: {problem}"))
    })
}

fn body_problem(documented: &'static Value, answer: &Answer) -> Option<String> {
    let Some(content) = documented.get("content") else {
        return (!answer.body.is_empty()).then(|| "there is a body".into());
    };
    let media_type = answer.find_header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default();
    let Some(content) = content.get(media_type) else {
        return Some(format!("the media type `{media_type}` is not documented"));
    };
    let is_json = media_type == "application/json";
    let body =
        if is_json { serde_json::from_str(&answer.body) } else { Ok(answer.body.as_str().into()) };
    match body {
        Ok(body) => problem(document(), &content["schema"], &body),
        // A value may be deeper, and its numbers larger, than the reader of the tests takes.
        Err(error) if error.to_string().starts_with("recursion limit") => None,
        Err(_) if content["schema"]["$ref"] == "#/components/schemas/Json" => None,
        Err(error) => Some(format!("the body is not JSON: {error}")),
    }
}

#[tokio::test]
async fn the_document_is_that_of_the_running_server() {
    for limits in [Limits::native(), Limits::roblox()] {
        let world = World::with(limits.clone(), config()).await;
        let served = world.send(&Call::new("GET", "/openapi.json")).await.ok();
        assert_eq!(served.header("content-type"), "application/json");
        let expected = steadfast_server::openapi::document(&limits, &config());
        assert_eq!(served.json(), expected);
        assert_eq!(served.json()["x-steadfast-limits"]["keySizeMax"], limits.key_size_max);
    }
}

#[test]
fn a_change_of_the_document_is_seen() {
    let mut document = document().clone();
    document["info"]["version"] = "[version]".into();
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
}

#[tokio::test]
async fn an_answer_that_the_document_does_not_know_is_found() {
    let world = World::new().await;
    let written = world.set("k", "1").await;
    let get = world.get(&v1("S", "k")).await;
    let find = |method, path: &str| find(method, path).unwrap();
    let (v1_set, v1_get) = (find("POST", &v1("S", "k")), find("GET", &v1("S", "k")));
    assert_eq!(answer_problem(v1_set, &written), None);
    assert_eq!(answer_problem(v1_get, &get), None);
    let problem = |operation, answer: Answer| answer_problem(operation, &answer).unwrap();
    // The status, a header, the media type, the body.
    assert!(problem(v1_get, get.clone().with_status(418)).contains("418"));
    assert!(problem(v1_get, get.clone().without("roblox-entry-userids")).contains("userids"));
    assert!(problem(v1_get, get.without("content-type")).contains("media type"));
    assert!(problem(find("GET", &format!("{V2}/k")), written.clone()).contains("contentLength"));
    assert!(problem(find("GET", "/healthz"), written).contains("media type"));
    let missing = world.get(&v1("S", "missing")).await;
    assert!(problem(find("GET", &format!("{V2}/k")), missing).contains("anyOf"));
}
