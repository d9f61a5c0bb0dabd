//! The lists of Open Cloud, and data stores as a whole.

use steadfast_core::key::KeyScope::{
    EntryList, RevisionList, StoreDelete, StoreList, StoreSnapshot,
};

use super::super::parameters::Parameter as P;
use super::super::responses::json_answer;
use super::super::schema;
use super::Operation;
use super::open_cloud::V1_ENTRY;

const LIST_REFUSALS: &[u16] = &[400, 403, 404, 429, 500, 502];

pub(super) fn v1_stores() -> Operation {
    Operation {
        summary: "List data stores",
        description:
            "Those that hold an entry and are not deleted, by name. A key that is limited \
            to data stores sees those."
                .into(),
        scopes: &[&[StoreList]],
        parameters: vec![P::Universe, P::Prefix, P::Limit, P::Cursor],
        body: None,
        success: (200, json_answer("A page of data stores.", &schema("DatastorePage"))),
        refusals: &[400, 403, 429, 500, 502],
        others: Vec::new(),
    }
}

pub(super) fn v1_entries() -> Operation {
    Operation {
        summary: "List entries",
        description: "By scope and key, deleted ones too until they are purged. With `allScopes` \
            the prefix is one of `scope/key`."
            .into(),
        scopes: &[&[EntryList]],
        parameters: vec![
            P::Universe,
            P::DatastoreName,
            P::QueryScope,
            P::AllScopes,
            P::Prefix,
            P::Limit,
            P::Cursor,
        ],
        body: None,
        success: (200, json_answer("A page of keys.", &schema("KeyPage"))),
        refusals: LIST_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v1_versions() -> Operation {
    let parameters = [P::StartTime, P::EndTime, P::SortOrder, P::Limit, P::Cursor];
    Operation {
        summary: "List the versions of an entry",
        description: "Those that are there, deletions too.".into(),
        scopes: &[&[RevisionList]],
        parameters: [&V1_ENTRY[..], &parameters[..]].concat(),
        body: None,
        success: (200, json_answer("A page of versions.", &schema("VersionPage"))),
        refusals: LIST_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v2_stores() -> Operation {
    Operation {
        summary: "List data stores",
        description:
            "Those that hold an entry, by name. A key that is limited to data stores sees \
            those."
                .into(),
        scopes: &[&[StoreList]],
        parameters: vec![P::Universe, P::MaxPageSize, P::PageToken, P::Filter, P::ShowDeleted],
        body: None,
        success: (200, json_answer("A page of data stores.", &schema("DataStorePage"))),
        refusals: &[400, 403, 429, 500, 502],
        others: Vec::new(),
    }
}

pub(super) fn v2_snapshot() -> Operation {
    Operation {
        summary: "Take a snapshot",
        description:
            "Keeps the current revision of every entry when it is next written. One a day \
            of UTC: a second call answers with the first. Not for a key that is limited to data \
            stores. A body is not read."
                .into(),
        scopes: &[&[StoreSnapshot]],
        parameters: vec![P::Universe],
        body: None,
        success: (200, json_answer("The snapshot of the day.", &schema("Snapshot"))),
        refusals: &[400, 403, 429, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn v2_store_delete() -> Operation {
    Operation {
        summary: "Delete a data store",
        description: "Its entries are out of reach at once, and purged 30 days later. One that is \
            deleted is answered as it is."
            .into(),
        scopes: &[&[StoreDelete]],
        parameters: vec![P::Universe, P::Store],
        body: None,
        success: (200, json_answer("The data store is deleted.", &schema("DataStore"))),
        refusals: &[400, 403, 404, 429, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn v2_store_undelete() -> Operation {
    Operation {
        summary: "Take the deletion of a data store back",
        description: "As long as it is not purged. A body is not read.".into(),
        success: (200, json_answer("The data store is back.", &schema("DataStore"))),
        ..v2_store_delete()
    }
}

pub(super) fn v2_entries() -> Operation {
    Operation {
        summary: "List entries",
        description: "By scope and key.".into(),
        scopes: &[&[EntryList]],
        parameters: vec![
            P::Universe,
            P::Store,
            P::MaxPageSize,
            P::PageToken,
            P::Filter,
            P::ShowDeleted,
        ],
        body: None,
        success: (200, json_answer("A page of entries.", &schema("EntryPage"))),
        refusals: LIST_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn v2_revisions() -> Operation {
    Operation {
        summary: "List the revisions of an entry",
        description: "Those that are there, deletions too, the newest first.".into(),
        scopes: &[&[RevisionList]],
        parameters: vec![
            P::Universe,
            P::Store,
            P::Entry,
            P::MaxPageSize,
            P::PageToken,
            P::TimeFilter,
        ],
        body: None,
        success: (200, json_answer("A page of revisions.", &schema("RevisionPage"))),
        refusals: LIST_REFUSALS,
        others: Vec::new(),
    }
}
