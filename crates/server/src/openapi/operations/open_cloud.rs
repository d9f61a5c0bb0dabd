//! The calls of Open Cloud.

use serde_json::{Map, Value, json};
use steadfast_core::key::KeyScope::{
    EntryCreate, EntryDelete, EntryRead, EntryUpdate, RevisionRead,
};

use super::super::parameters::Parameter as P;
use super::super::responses::{self, ENTRY_HEADERS, json_answer, no_content};
use super::super::{Sizes, reference, schema};
use super::{Operation, body, operation_id};
use crate::route::Route;

/// What names an entry of v1.
pub(super) const V1_ENTRY: [P; 5] =
    [P::Universe, P::DatastoreName, P::QueryScope, P::AllScopes, P::EntryKey];

const WRITE_REFUSALS: &[u16] = &[400, 403, 404, 409, 429, 500, 502, 504];

pub(super) fn v1_get() -> Operation {
    let mut value = json_answer("The value, byte for byte.", &schema("Json"));
    responses::add_headers(&mut value, &ENTRY_HEADERS);
    Operation {
        summary: "Get an entry",
        description: "Answers the value as it was written.".into(),
        scopes: &[&[EntryRead]],
        parameters: V1_ENTRY.into(),
        body: None,
        success: (200, value),
        refusals: &[400, 403, 404, 429, 500, 502],
        others: Vec::new(),
    }
}

pub(super) fn v1_version() -> Operation {
    Operation {
        summary: "Get a version of an entry",
        description: "Answers the value as it was written. A version that is not there is refused \
            with 404, as is one that is a deletion."
            .into(),
        scopes: &[&[RevisionRead]],
        parameters: [&V1_ENTRY[..], &[P::VersionId]].concat(),
        ..v1_get()
    }
}

pub(super) fn v1_set(Sizes { limits, config }: Sizes<'_>) -> Operation {
    let (value_size_max, depth_max) = (limits.value_size_max, limits.value_depth_max);
    let body_size_max = value_size_max.saturating_add(config.body_slack_size);
    let content = format!(
        "The value: at most {value_size_max} bytes and {depth_max} levels, in a body of at most \
         {body_size_max} bytes."
    );
    let written = json_answer("The version that was written.", &schema("EntryVersion"));
    let conditions =
        [P::MatchVersion, P::ExclusiveCreate, P::UserIds, P::Attributes, P::ContentMd5];
    Operation {
        summary: "Set an entry",
        description: "Writes the body as the value. User ids and attributes that are not sent are \
            cleared. An entry that is there needs the scope for updates, another one that for \
            creation, the first of a data store also `universe-datastores.control:create`."
            .into(),
        scopes: &[&[EntryUpdate], &[EntryCreate]],
        parameters: [&V1_ENTRY[..], &conditions[..]].concat(),
        body: Some(body("Json", &content)),
        success: (200, written),
        refusals: WRITE_REFUSALS,
        others: vec![("412".into(), refused_set())],
    }
}

/// A v1 set whose condition does not hold.
fn refused_set() -> Value {
    let description = "`matchVersion` or `exclusiveCreate` does not hold. A key that may read gets \
        the current value with its headers, another one a `V1Error`.";
    let mut refused = json_answer(description, &schema("Json"));
    responses::add_optional_headers(&mut refused, &ENTRY_HEADERS);
    refused
}

pub(super) fn v1_increment() -> Operation {
    let mut sum = json_answer("The sum, which is the value from now on.", &schema("Sum"));
    responses::add_headers(&mut sum, &ENTRY_HEADERS);
    Operation {
        summary: "Add to the number of an entry",
        description:
            "A missing entry counts from 0. There is no body. User ids and attributes that \
            are not sent are cleared. An entry that is there needs the scope for updates, another \
            one that for creation, the first of a data store also \
            `universe-datastores.control:create`."
                .into(),
        scopes: &[&[EntryUpdate], &[EntryCreate]],
        parameters: [&V1_ENTRY[..], &[P::IncrementBy, P::UserIds, P::Attributes]].concat(),
        body: None,
        success: (200, sum),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v1_delete() -> Operation {
    Operation {
        summary: "Delete an entry",
        description: "Leaves a deletion as the newest version.".into(),
        scopes: &[&[EntryDelete]],
        parameters: V1_ENTRY.into(),
        body: None,
        success: (204, no_content("The entry is deleted.")),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v2_create(is_scoped: bool, sizes: Sizes<'_>) -> Operation {
    let mut made = json_answer("The entry as it was written.", &schema("Entry"));
    if let Some(made) = made.as_object_mut() {
        made.insert("links".into(), links(is_scoped));
    }
    Operation {
        summary: "Create an entry",
        description: "Refused with 400 if the entry exists, with 404 if the data store is deleted. The first entry of a data store also \
            needs `universe-datastores.control:create`."
            .into(),
        scopes: &[&[EntryCreate]],
        parameters: vec![P::Universe, P::Store, P::Id],
        body: Some(entry_body(sizes)),
        success: (200, made),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v2_get() -> Operation {
    // `…:increment` and the like are calls of their own, not entries.
    let not_found = ("404".into(), reference("responses", "NoEntryOrCall"));
    Operation {
        summary: "Get an entry",
        description: "Answers its current state, or a revision. A revision that is not there is \
            refused with 400, one that is a deletion with 404."
            .into(),
        scopes: &[&[EntryRead]],
        parameters: vec![P::Universe, P::Store, P::EntryRevision],
        body: None,
        success: (200, json_answer("The entry, or the revision.", &schema("Entry"))),
        refusals: &[400, 403, 429, 500, 502],
        others: vec![not_found],
    }
}

pub(super) fn v2_update(sizes: Sizes<'_>) -> Operation {
    Operation {
        summary: "Update an entry",
        description: "Writes the whole entry. Also brings back a deleted one. With \
            `allowMissing` it creates one that never was; the first entry of a data store then \
            also needs `universe-datastores.control:create`."
            .into(),
        scopes: &[&[EntryUpdate]],
        parameters: vec![P::Universe, P::Store, P::Entry, P::AllowMissing],
        body: Some(entry_body(sizes)),
        success: (200, json_answer("The entry as it was written.", &schema("Entry"))),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v2_increment(Sizes { limits, config }: Sizes<'_>) -> Operation {
    let size_max = limits.value_size_max.saturating_add(config.body_slack_size);
    let amount = format!("The amount, in at most {size_max} bytes.");
    Operation {
        summary: "Add to the number of an entry",
        description: "A missing entry counts from 0. The first entry of a data store also needs \
            `universe-datastores.control:create`."
            .into(),
        scopes: &[&[EntryCreate, EntryUpdate]],
        parameters: vec![P::Universe, P::Store, P::Entry],
        body: Some(body("IncrementInput", &amount)),
        success: (200, json_answer("The entry as it was written.", &schema("Entry"))),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v2_delete() -> Operation {
    Operation {
        summary: "Delete an entry",
        description: "Leaves a deletion as the newest revision.".into(),
        scopes: &[&[EntryDelete]],
        parameters: vec![P::Universe, P::Store, P::Entry, P::Etag],
        body: None,
        success: (200, json_answer("The entry is deleted.", &schema("Empty"))),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

fn entry_body(Sizes { limits, config }: Sizes<'_>) -> Value {
    let size_max = limits.value_size_max.saturating_add(config.body_slack_size);
    body("EntryInput", &format!("The entry, in at most {size_max} bytes."))
}

/// The calls that go on with a created entry.
fn links(is_scoped: bool) -> Value {
    let mut parameters = Map::from_iter([
        ("universe".into(), json!("$request.path.universe")),
        ("store".into(), json!("$request.path.store")),
        ("entry".into(), json!("$response.body#/id")),
    ]);
    if is_scoped {
        parameters.insert("scope".into(), json!("$request.path.scope"));
    }
    let link = |route| {
        let id = operation_id(route, is_scoped);
        (id.clone(), json!({"operationId": id, "parameters": parameters}))
    };
    [Route::V2Get, Route::V2Update, Route::V2Delete, Route::V2Revisions]
        .into_iter()
        .map(link)
        .collect()
}
