//! One operation for each route: what it takes, and everything that it can answer.

mod open_cloud;
mod own;

use serde_json::{Map, Value, json};
use steadfast_core::key::KeyScope;

use super::parameters::Parameter;
use super::responses::{self, Words};
use super::{API_KEY, Sizes, schema};
use crate::route::{Route, Surface};

/// A route in words.
struct Operation {
    summary: &'static str,
    description: String,
    /// Sets of scopes of which one is needed. None for what needs no key.
    scopes: &'static [&'static [KeyScope]],
    parameters: Vec<Parameter>,
    body: Option<Value>,
    success: (u16, Value),
    /// Statuses of refusals that have the same body for every call of the surface.
    refusals: &'static [u16],
    /// Other answers.
    others: Vec<(String, Value)>,
}

/// The operation of a route at one of its paths.
pub(super) fn operation(route: Route, path: &str, sizes: Sizes<'_>) -> Value {
    let is_scoped = path.contains("{scope}");
    let mut described = describe(route, is_scoped, sizes);
    if is_scoped {
        // Behind universe and store, as in the path.
        described.parameters.insert(2, Parameter::Scope);
    }
    let surface = Surface::of(path);
    let (tag, words) = match surface {
        Surface::V1 => ("v1", Words::V1),
        Surface::V2 => ("v2", Words::V2),
        Surface::Admin => ("admin", Words::Own),
        Surface::Public => ("public", Words::Own),
    };
    let mut answers = Map::new();
    let (status, mut success) = described.success;
    if words != Words::Own {
        responses::add_optional_headers(&mut success, &responses::RATE_HEADERS);
    }
    answers.insert(status.to_string(), success);
    if surface.needs_key() {
        answers.extend([responses::unauthenticated()]);
    }
    answers.extend(responses::refusals(words, described.refusals));
    answers.extend(described.others);
    answers.sort_keys();
    let scopes = described.scopes.iter().map(|scopes| {
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
        json!({API_KEY: names})
    });
    let parameters: Vec<Value> =
        described.parameters.into_iter().map(Parameter::reference).collect();
    let mut operation = json!({
        "operationId": operation_id(route, is_scoped),
        "tags": [tag],
        "summary": described.summary,
        "description": described.description,
        "security": scopes.collect::<Vec<_>>(),
        "parameters": parameters,
        "responses": answers,
    });
    if let (Some(operation), Some(body)) = (operation.as_object_mut(), described.body) {
        operation.insert("requestBody".into(), body);
    }
    operation
}

fn describe(route: Route, is_scoped: bool, sizes: Sizes<'_>) -> Operation {
    match route {
        Route::V1Get => open_cloud::v1_get(),
        Route::V1Set => open_cloud::v1_set(sizes),
        Route::V1Increment => open_cloud::v1_increment(),
        Route::V1Delete => open_cloud::v1_delete(),
        Route::V2Create => open_cloud::v2_create(is_scoped, sizes),
        Route::V2Get => open_cloud::v2_get(),
        Route::V2Update => open_cloud::v2_update(sizes),
        Route::V2Increment => open_cloud::v2_increment(sizes),
        Route::V2Delete => open_cloud::v2_delete(),
        Route::KeyCreate => own::key_create(),
        Route::KeyList => own::key_list(),
        Route::KeyRevoke => own::key_revoke(),
        Route::Status => own::status(),
        Route::BackupCreate => own::backup_create(),
        Route::BackupGet => own::backup_get(),
        Route::Healthz => own::healthz(),
        Route::Readyz => own::readyz(),
        Route::Metrics => own::metrics(),
        Route::OpenApi => own::open_api(),
    }
}

/// The name of an operation, for programs: `v2GetEntry`, `v2GetEntryInScope`.
fn operation_id(route: Route, is_scoped: bool) -> String {
    let name = match route {
        Route::V1Get => "v1GetEntry",
        Route::V1Set => "v1SetEntry",
        Route::V1Increment => "v1IncrementEntry",
        Route::V1Delete => "v1DeleteEntry",
        Route::V2Create => "v2CreateEntry",
        Route::V2Get => "v2GetEntry",
        Route::V2Update => "v2UpdateEntry",
        Route::V2Increment => "v2IncrementEntry",
        Route::V2Delete => "v2DeleteEntry",
        Route::KeyCreate => "createKey",
        Route::KeyList => "listKeys",
        Route::KeyRevoke => "revokeKey",
        Route::Status => "getStatus",
        Route::BackupCreate => "makeBackup",
        Route::BackupGet => "getBackup",
        Route::Healthz => "getHealth",
        Route::Readyz => "getReadiness",
        Route::Metrics => "getMetrics",
        Route::OpenApi => "getDescription",
    };
    format!("{name}{}", if is_scoped { "InScope" } else { "" })
}

/// A body in JSON.
fn body(name: &str, description: &str) -> Value {
    json!({
        "required": true,
        "description": description,
        "content": {"application/json": {"schema": schema(name)}},
    })
}
