//! One operation for each route: what it takes, and everything that it can answer.

mod data;
mod lists;
mod open_cloud;
mod operators;
mod ordered;
mod own;
mod unbuilt;

use http::Method;
use serde_json::{Map, Value, json};
use steadfast_core::key::KeyScope;
use steadfast_open_cloud::ordered::Generation;

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
    // Of the calls that also have a path without one.
    let is_scoped = route.paths().len() > 1 && path.contains("{scope}");
    let mut described = describe(route, is_scoped, sizes);
    if is_scoped {
        // Behind universe and store, as in the path.
        let is_list = route == Route::V2Entries;
        let scope = if is_list { Parameter::ListedScope } else { Parameter::Scope };
        described.parameters.insert(2, scope);
    }
    let surface = Surface::of(path);
    if takes_write_id(route, surface) {
        described.parameters.push(Parameter::WriteId);
    }
    let (tag, words) = match surface {
        _ if unbuilt::is_of(route) => ("unbuilt", Words::V2),
        Surface::V1 => ("v1", Words::V1),
        Surface::V2 => ("v2", Words::V2),
        Surface::Ordered => ("v1", Words::V2),
        Surface::Messages => ("unbuilt", Words::V2),
        Surface::Own => ("data", Words::Own),
        Surface::Admin => ("admin", Words::Own),
        Surface::Public => ("public", Words::Own),
    };
    let mut answers = Map::new();
    let (status, mut success) = described.success;
    if matches!(surface, Surface::V1 | Surface::V2 | Surface::Ordered | Surface::Own) {
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

#[expect(clippy::too_many_lines, reason = "a line or two for each route")]
fn describe(route: Route, is_scoped: bool, sizes: Sizes<'_>) -> Operation {
    match route {
        Route::V1Stores => lists::v1_stores(),
        Route::V1Entries => lists::v1_entries(),
        Route::V1Get => open_cloud::v1_get(),
        Route::V1Set => open_cloud::v1_set(sizes),
        Route::V1Increment => open_cloud::v1_increment(),
        Route::V1Delete => open_cloud::v1_delete(),
        Route::V1Versions => lists::v1_versions(),
        Route::V1Version => open_cloud::v1_version(),
        Route::V2Stores => lists::v2_stores(),
        Route::V2Snapshot => lists::v2_snapshot(),
        Route::V2StoreDelete => lists::v2_store_delete(),
        Route::V2StoreUndelete => lists::v2_store_undelete(),
        Route::V2Entries => lists::v2_entries(),
        Route::V2Create => open_cloud::v2_create(is_scoped, sizes),
        Route::V2Get => open_cloud::v2_get(),
        Route::V2Update => open_cloud::v2_update(sizes),
        Route::V2Increment => open_cloud::v2_increment(sizes),
        Route::V2Delete => open_cloud::v2_delete(),
        Route::V2Revisions => lists::v2_revisions(),
        Route::V1OrderedList => ordered::list(Generation::V1),
        Route::V1OrderedCreate => ordered::create(Generation::V1),
        Route::V1OrderedGet => ordered::get(Generation::V1),
        Route::V1OrderedUpdate => ordered::update(Generation::V1),
        Route::V1OrderedIncrement => ordered::increment(Generation::V1),
        Route::V1OrderedDelete => ordered::delete(Generation::V1),
        Route::V2OrderedList => ordered::list(Generation::V2),
        Route::V2OrderedCreate => ordered::create(Generation::V2),
        Route::V2OrderedGet => ordered::get(Generation::V2),
        Route::V2OrderedUpdate => ordered::update(Generation::V2),
        Route::V2OrderedIncrement => ordered::increment(Generation::V2),
        Route::V2OrderedDelete => ordered::delete(Generation::V2),
        Route::SortedMapList | Route::SortedMapCreate => {
            unbuilt::operation(&[Parameter::Universe, Parameter::Map])
        }
        Route::SortedMapGet | Route::SortedMapUpdate | Route::SortedMapDelete => {
            unbuilt::operation(&[Parameter::Universe, Parameter::Map, Parameter::Item])
        }
        Route::QueueAdd | Route::QueueAddOld | Route::QueueRead | Route::QueueDiscard => {
            unbuilt::operation(&[Parameter::Universe, Parameter::Queue])
        }
        Route::MemoryFlush | Route::V2Publish => unbuilt::operation(&[Parameter::Universe]),
        Route::MemoryOperation => {
            unbuilt::operation(&[Parameter::Universe, Parameter::MemoryOperation])
        }
        Route::V1Publish => unbuilt::operation(&[Parameter::Universe, Parameter::Topic]),
        Route::Standing => data::standing(),
        Route::Restore => data::restore(),
        Route::RevisionRemove => data::revision_remove(),
        Route::StoreGet => data::store_get(),
        Route::StoreUpdate => data::store_update(),
        Route::KeyCreate => own::key_create(),
        Route::KeyList => own::key_list(),
        Route::KeyRevoke => own::key_revoke(),
        Route::Status => own::status(),
        Route::BackupCreate => own::backup_create(),
        Route::BackupGet => own::backup_get(),
        Route::Servers => operators::servers(),
        Route::OperatorLog => operators::log(),
        Route::Sessions => operators::sessions(),
        Route::Record => operators::record(),
        Route::RecordHistory => operators::history(),
        Route::RecordDiff => operators::diff(),
        Route::RecordExport => operators::export(),
        Route::RecordOperations => operators::operations(),
        Route::RecordChange => operators::change(sizes),
        Route::Healthz => own::healthz(),
        Route::Readyz => own::readyz(),
        Route::Metrics => own::metrics(),
        Route::OpenApi => own::open_api(),
    }
}

/// Whether a client may name the write of the call.
fn takes_write_id(route: Route, surface: Surface) -> bool {
    let is_of_data = matches!(surface, Surface::V1 | Surface::V2 | Surface::Ordered | Surface::Own);
    is_of_data && route.method() != Method::GET && !unbuilt::is_of(route)
}

/// The name of an operation, for programs: `v2GetEntry`, `v2GetEntryInScope`.
#[expect(clippy::too_many_lines, reason = "a line for each route")]
fn operation_id(route: Route, is_scoped: bool) -> String {
    let name = match route {
        Route::V1Stores => "v1ListDataStores",
        Route::V1Entries => "v1ListEntries",
        Route::V1Get => "v1GetEntry",
        Route::V1Set => "v1SetEntry",
        Route::V1Increment => "v1IncrementEntry",
        Route::V1Delete => "v1DeleteEntry",
        Route::V1Versions => "v1ListVersions",
        Route::V1Version => "v1GetVersion",
        Route::V2Stores => "v2ListDataStores",
        Route::V2Snapshot => "v2TakeSnapshot",
        Route::V2StoreDelete => "v2DeleteDataStore",
        Route::V2StoreUndelete => "v2UndeleteDataStore",
        Route::V2Entries => "v2ListEntries",
        Route::V2Create => "v2CreateEntry",
        Route::V2Get => "v2GetEntry",
        Route::V2Update => "v2UpdateEntry",
        Route::V2Increment => "v2IncrementEntry",
        Route::V2Delete => "v2DeleteEntry",
        Route::V2Revisions => "v2ListRevisions",
        Route::V1OrderedList => "v1ListOrderedEntries",
        Route::V1OrderedCreate => "v1CreateOrderedEntry",
        Route::V1OrderedGet => "v1GetOrderedEntry",
        Route::V1OrderedUpdate => "v1UpdateOrderedEntry",
        Route::V1OrderedIncrement => "v1IncrementOrderedEntry",
        Route::V1OrderedDelete => "v1DeleteOrderedEntry",
        Route::V2OrderedList => "v2ListOrderedEntries",
        Route::V2OrderedCreate => "v2CreateOrderedEntry",
        Route::V2OrderedGet => "v2GetOrderedEntry",
        Route::V2OrderedUpdate => "v2UpdateOrderedEntry",
        Route::V2OrderedIncrement => "v2IncrementOrderedEntry",
        Route::V2OrderedDelete => "v2DeleteOrderedEntry",
        Route::SortedMapList => "listSortedMapItems",
        Route::SortedMapCreate => "createSortedMapItem",
        Route::SortedMapGet => "getSortedMapItem",
        Route::SortedMapUpdate => "updateSortedMapItem",
        Route::SortedMapDelete => "deleteSortedMapItem",
        Route::QueueAdd => "addQueueItem",
        Route::QueueAddOld => "addQueueItemAsOf2024",
        Route::QueueRead => "readQueueItems",
        Route::QueueDiscard => "discardQueueItems",
        Route::MemoryFlush => "flushMemoryStore",
        Route::MemoryOperation => "getMemoryStoreOperation",
        Route::V2Publish => "v2PublishMessage",
        Route::V1Publish => "v1PublishMessage",
        Route::Standing => "findStanding",
        Route::Restore => "restoreEntry",
        Route::RevisionRemove => "removeRevision",
        Route::StoreGet => "getStore",
        Route::StoreUpdate => "updateStore",
        Route::KeyCreate => "createKey",
        Route::KeyList => "listKeys",
        Route::KeyRevoke => "revokeKey",
        Route::Status => "getStatus",
        Route::BackupCreate => "makeBackup",
        Route::BackupGet => "getBackup",
        Route::Servers => "listGameServers",
        Route::OperatorLog => "readOperatorLog",
        Route::Sessions => "listSessions",
        Route::Record => "getRecord",
        Route::RecordHistory => "listRecordHistory",
        Route::RecordDiff => "compareRecord",
        Route::RecordExport => "exportRecord",
        Route::RecordOperations => "listOperations",
        Route::RecordChange => "changeRecord",
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
