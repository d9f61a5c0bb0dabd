//! Our own calls on data.

use steadfast_core::key::KeyScope::{
    EntryDelete, EntryUpdate, OrderedRead, RevisionRead, StoreCreate, StoreList,
};

use super::super::parameters::Parameter as P;
use super::super::responses::json_answer;
use super::super::schema;
use super::{Operation, body};
use crate::data::BODY_SIZE_MAX;

/// What names an entry, as it stands in the path.
const ENTRY: [P; 4] = [P::Universe, P::Store, P::Scope, P::Entry];

const READ_REFUSALS: &[u16] = &[400, 403, 404, 414, 429, 431, 500, 502, 504];
const WRITE_REFUSALS: &[u16] = &[400, 403, 404, 408, 409, 413, 414, 429, 431, 500, 502, 504];

pub(super) fn standing() -> Operation {
    Operation {
        summary: "Tell where an ordered entry stands",
        description: "Its position and rank among all entries of its board, exactly, and who \
            stands around it. The first question about a board counts it, later ones do not."
            .into(),
        scopes: &[&[OrderedRead]],
        parameters: [&ENTRY[..], &[P::StandingOrder, P::Around]].concat(),
        body: None,
        success: (200, json_answer("Where it stands.", &schema("Standing"))),
        refusals: READ_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn restore() -> Operation {
    let content = format!("The revision, in at most {BODY_SIZE_MAX} bytes.");
    Operation {
        summary: "Write an earlier revision of an entry again",
        description: "With its users and attributes, as the newest revision. This one and the one \
            before it are kept until the entry is purged, so that there is a way back."
            .into(),
        scopes: &[&[EntryUpdate, RevisionRead]],
        parameters: ENTRY.into(),
        body: Some(body("RestoreInput", &content)),
        success: (200, json_answer("The entry as it was written.", &schema("Entry"))),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn revision_remove() -> Operation {
    Operation {
        summary: "Remove one revision of an entry from history",
        description: "For good. The current one is refused. A key that may also read revisions is \
            shown what it was."
            .into(),
        scopes: &[&[EntryDelete]],
        parameters: [&ENTRY[..], &[P::RevisionId]].concat(),
        body: None,
        success: (200, json_answer("The revision is removed.", &schema("RemovedRevision"))),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn store_get() -> Operation {
    Operation {
        summary: "Tell what a data store is",
        description: "Also of a deleted one that is not purged.".into(),
        scopes: &[&[StoreList]],
        parameters: vec![P::Universe, P::Store],
        body: None,
        success: (200, json_answer("The data store.", &schema("Store"))),
        refusals: READ_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn store_update() -> Operation {
    let content = format!("The choice, in at most {BODY_SIZE_MAX} bytes.");
    Operation {
        summary: "Choose which revisions a data store keeps",
        description: "Holds for what is there already, too.".into(),
        scopes: &[&[StoreCreate]],
        parameters: vec![P::Universe, P::Store],
        body: Some(body("StoreInput", &content)),
        success: (200, json_answer("The data store.", &schema("Store"))),
        refusals: WRITE_REFUSALS,
        others: Vec::new(),
    }
}
