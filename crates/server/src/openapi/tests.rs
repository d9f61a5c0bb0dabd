//! The document and the table of routes agree, and the document holds together.

use std::collections::BTreeSet;

use super::*;
use crate::route::Surface;

fn documents() -> [Value; 2] {
    [Limits::native(), Limits::roblox()].map(|limits| document(&limits, &Config::default()))
}

/// Every value below one, with its path.
fn walk<'a>(value: &'a Value, at: String, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| walk(item, format!("{at}/{index}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.push((at, value));
}

fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(|(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    operations.collect()
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let routes: BTreeSet<(String, String)> = Route::ALL
        .iter()
        .flat_map(|route| {
            let method = method_key(&route.method());
            route.paths().iter().map(move |path| ((*path).to_owned(), method.clone()))
        })
        .collect();
    for document in documents() {
        let described = operations(&document);
        let described: BTreeSet<_> =
            described.iter().map(|(path, method, _)| ((*path).into(), (*method).into())).collect();
        assert_eq!(described, routes);
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    for document in documents() {
        let mut values = Vec::new();
        walk(&document, String::new(), &mut values);
        let references: BTreeSet<&str> = values
            .iter()
            .filter(|(at, _)| at.ends_with("/$ref"))
            .map(|(_, target)| target.as_str().unwrap().strip_prefix('#').unwrap())
            .collect();
        for target in &references {
            assert!(document.pointer(target).is_some(), "{target}");
        }
        for section in ["schemas", "parameters", "headers", "responses"] {
            for name in document["components"][section].as_object().unwrap().keys() {
                let target = format!("/components/{section}/{name}");
                assert!(references.contains(target.as_str()), "{target} is not used");
            }
        }
    }
}

#[test]
fn an_operation_names_itself_its_path_and_its_scopes() {
    for document in documents() {
        let mut ids = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter_map(|parameter| {
                let at = parameter["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
                let parameter = document.pointer(at).unwrap();
                (parameter["in"] == "path").then(|| parameter["name"].as_str().unwrap())
            });
            // A verb may stand behind a placeholder.
            let placeholders = path.split('/').filter_map(|part| {
                part.strip_prefix('{').and_then(|part| part.split_once('}')).map(|(name, _)| name)
            });
            assert_eq!(in_path.collect::<Vec<_>>(), placeholders.collect::<Vec<_>>(), "{path}");
            let needs_key = Surface::of(path).needs_key();
            assert_eq!(!operation["security"].as_array().unwrap().is_empty(), needs_key, "{path}");
            assert_eq!(operation["responses"].get("401").is_some(), needs_key, "{path}");
        }
        // What goes on from an answer exists.
        let mut values = Vec::new();
        walk(&document, String::new(), &mut values);
        let links = values.iter().filter(|(at, _)| at.contains("/links/"));
        for (_, id) in links.filter(|(at, _)| at.ends_with("/operationId")) {
            assert!(ids.contains(id.as_str().unwrap()), "{id}");
        }
    }
}

#[test]
fn open_cloud_lists_no_status_that_its_clients_abort_on() {
    for document in documents() {
        for (path, method, operation) in operations(&document) {
            let surface = Surface::of(path);
            for status in operation["responses"].as_object().unwrap().keys() {
                let known =
                    steadfast_open_cloud::error::STATUSES.contains(&status.parse().unwrap());
                let is_ours = matches!(surface, Surface::Own | Surface::Admin | Surface::Public);
                let is_unbuilt = operation["tags"][0] == "unbuilt" && status == "501";
                assert!(known || is_ours || is_unbuilt, "{method} {path}: {status}");
            }
        }
    }
}

#[test]
fn names_and_sizes_are_those_of_the_running_server() {
    for (document, limits) in documents().iter().zip([Limits::native(), Limits::roblox()]) {
        let parameters = &document["components"]["parameters"];
        for (name, size_max) in [
            ("Store", limits.store_name_size_max),
            ("DatastoreName", limits.store_name_size_max),
            ("Scope", limits.scope_size_max),
            ("QueryScope", limits.scope_size_max),
            ("Entry", limits.key_size_max),
            ("EntryKey", limits.key_size_max),
            ("Id", limits.key_size_max),
        ] {
            assert_eq!(parameters[name]["schema"]["maxLength"], json!(size_max), "{name}");
        }
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["UserIds"]["anyOf"][0]["maxItems"], json!(limits.user_id_count_max));
        let users = &schemas["EntryInput"]["properties"]["users"];
        assert_eq!(users["maxItems"], json!(limits.user_id_count_max));
        let text = document.to_string();
        for size in [limits.value_size_max, limits.metadata_size_max] {
            assert!(text.contains(&format!("most {size} bytes")), "{size}");
        }
    }
}
