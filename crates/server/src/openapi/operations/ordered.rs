//! The calls of Open Cloud on ordered data stores, in both generations.

use serde_json::{Value, json};
use steadfast_core::key::KeyScope::{OrderedRead, OrderedWrite};
use steadfast_open_cloud::ordered::Generation;

use super::super::parameters::Parameter as P;
use super::super::responses::{add_headers, json_answer};
use super::super::schema;
use super::{Operation, body};
use crate::ordered::BODY_SIZE_MAX;

/// What names a board, as it stands in the path.
const BOARD: [P; 3] = [P::Universe, P::Store, P::Scope];
/// What names an entry of one.
const ENTRY: [P; 4] = [P::Universe, P::Store, P::Scope, P::Entry];

const WRITE_REFUSALS: &[u16] = &[400, 403, 404, 429, 500, 502, 504];

pub(super) fn list(generation: Generation) -> Operation {
    let (page, parameters) = match generation {
        Generation::V1 => (
            "OrderedPageV1",
            [P::BoardPageSizeV1, P::BoardPageTokenV1, P::BoardOrderV1, P::BoardFilter],
        ),
        Generation::V2 => {
            ("OrderedPage", [P::BoardPageSize, P::BoardPageToken, P::BoardOrder, P::BoardFilter])
        }
    };
    Operation {
        summary: "List the entries of an ordered data store",
        description: "By value, and by id among equal values; descending is the exact reverse."
            .into(),
        scopes: &[&[OrderedRead]],
        parameters: [&BOARD[..], &parameters[..]].concat(),
        body: None,
        success: (200, json_answer("A page.", &schema(page))),
        refusals: &[400, 403, 404, 429, 500, 502],
        others: Vec::new(),
    }
}

pub(super) fn create(_: Generation) -> Operation {
    Operation {
        summary: "Create an ordered entry",
        description: "Refused with 400 if the entry exists.".into(),
        scopes: &[&[OrderedWrite]],
        parameters: [&BOARD[..], &[P::Id]].concat(),
        body: Some(number_body("OrderedInput", "The value")),
        success: (200, shown("The entry as it was written.")),
        refusals: &[400, 403, 429, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn get(_: Generation) -> Operation {
    Operation {
        summary: "Get an ordered entry",
        description: "Answers its current value; there are no others.".into(),
        scopes: &[&[OrderedRead]],
        parameters: ENTRY.into(),
        body: None,
        success: (200, shown("The entry.")),
        refusals: &[400, 403, 404, 429, 500, 502],
        others: Vec::new(),
    }
}

pub(super) fn update(generation: Generation) -> Operation {
    let allow_missing = match generation {
        Generation::V1 => P::AllowMissingV1,
        Generation::V2 => P::AllowMissing,
    };
    Operation {
        summary: "Update an ordered entry",
        description: "Gives it another value.".into(),
        scopes: &[&[OrderedWrite]],
        parameters: [&ENTRY[..], &[allow_missing]].concat(),
        body: Some(number_body("OrderedInput", "The value")),
        success: (200, shown("The entry as it was written.")),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn increment(_: Generation) -> Operation {
    Operation {
        summary: "Add to the value of an ordered entry",
        description: "A missing entry counts from 0.".into(),
        scopes: &[&[OrderedWrite]],
        parameters: ENTRY.into(),
        body: Some(number_body("OrderedIncrementInput", "The amount")),
        success: (200, shown("The entry as it was written.")),
        refusals: &[400, 403, 429, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn delete(generation: Generation) -> Operation {
    let (description, success, refusals) = match generation {
        Generation::V1 => {
            let mut empty = json!({"description": "The entry is not there (any more). No body."});
            add_headers(&mut empty, &["cache-control"]);
            let description = "For good. Also a success if it was not there.";
            (description, empty, &[400, 403, 429, 500, 502, 504][..])
        }
        Generation::V2 => {
            let empty = json_answer("The entry is deleted.", &schema("Empty"));
            ("For good. Refused with 404 if it was not there.", empty, WRITE_REFUSALS)
        }
    };
    Operation {
        summary: "Delete an ordered entry",
        description: description.into(),
        scopes: &[&[OrderedWrite]],
        parameters: ENTRY.into(),
        body: None,
        success: (200, success),
        refusals,
        others: Vec::new(),
    }
}

fn number_body(name: &str, what: &str) -> Value {
    body(name, &format!("{what}, in at most {BODY_SIZE_MAX} bytes."))
}

fn shown(description: &str) -> Value {
    json_answer(description, &schema("OrderedEntry"))
}
