//! What operators do to records.

use steadfast_core::key::KeyScope::Admin;

use super::super::Sizes;
use super::super::parameters::Parameter as P;
use super::super::responses::json_answer;
use super::super::schema;
use super::{Operation, body};

/// What names a record, as it stands in the path.
const RECORD: [P; 4] = [P::Universe, P::Store, P::Scope, P::Entry];
/// What says which page.
const PAGE: [P; 2] = [P::After, P::ListLimit];
/// The same where the place is the id of a game server.
const PAGE_OF_SERVERS: [P; 2] = [P::AfterServer, P::ListLimit];
/// The same where the place is the number of a revision.
const PAGE_OF_REVISIONS: [P; 2] = [P::AfterRevision, P::ListLimit];

const LOOK_REFUSALS: &[u16] = &[400, 403, 404, 409, 414, 429, 431, 500, 502, 504];
const CHANGE_REFUSALS: &[u16] = &[400, 403, 404, 408, 409, 413, 414, 429, 431, 500, 502, 504];

fn look(
    (summary, description): (&'static str, &'static str),
    parameters: Vec<P>,
    (answer, name): (&str, &str),
) -> Operation {
    Operation {
        summary,
        description: description.into(),
        scopes: &[&[Admin]],
        parameters,
        body: None,
        success: (200, json_answer(answer, &schema(name))),
        refusals: LOOK_REFUSALS,
        others: Vec::new(),
    }
}

pub(super) fn servers() -> Operation {
    let words = ("List game servers", "Of all universes, by id, with whether they live.");
    look(words, PAGE_OF_SERVERS.into(), ("The game servers.", "ServerPage"))
}

pub(super) fn log() -> Operation {
    let about = "Every change of a record by an operator, the newest first: who, when, why, what, \
        and what became of it.";
    let parameters = [&[P::Universe][..], &PAGE].concat();
    look(("Read the log of operators", about), parameters, ("The lines.", "LogPage"))
}

pub(super) fn sessions() -> Operation {
    let about = "The records of a data store that game servers hold, of all scopes. A page looks at \
        a limited number of records, so that it may be empty although more follow.";
    let parameters = [&[P::Universe, P::Store][..], &PAGE].concat();
    look(("List sessions", about), parameters, ("Who holds what.", "SessionPage"))
}

pub(super) fn record() -> Operation {
    let about = "Its data, who holds it, and its ledger in numbers. Nobody is disturbed; a missing \
        record is no error.";
    look(("Look at a record", about), RECORD.into(), ("The record.", "Record"))
}

pub(super) fn history() -> Operation {
    let parameters =
        [&RECORD[..], &PAGE_OF_REVISIONS, &[P::OldestFirst, P::Since, P::Until]].concat();
    let words = ("List the revisions of a record", "Deletions included.");
    look(words, parameters, ("The revisions.", "HistoryPage"))
}

pub(super) fn diff() -> Operation {
    let parameters = [&RECORD[..], &[P::DiffFrom, P::DiffTo]].concat();
    let words = ("Compare two states of a record", "By the paths of what differs.");
    look(words, parameters, ("The differences.", "Differences"))
}

pub(super) fn export() -> Operation {
    let about = "Its lease, data, history, operations, receipts and dead letters as one document.";
    let parameters = [&RECORD[..], &[P::ExportValues]].concat();
    look(("Take out everything of a record", about), parameters, ("The document.", "RecordExport"))
}

pub(super) fn operations() -> Operation {
    let parameters = [&RECORD[..], &PAGE, &[P::OperationList, P::OperationId]].concat();
    let words = ("List the operations of a record", "Those that wait, receipts, or dead letters.");
    look(words, parameters, ("The operations.", "OperationPage"))
}

pub(super) fn change(sizes: Sizes<'_>) -> Operation {
    let value_size_max = sizes.limits.value_size_max;
    let size_max = value_size_max.saturating_mul(2).saturating_add(sizes.config.body_slack_size);
    let content = format!("The change, in at most {size_max} bytes.");
    Operation {
        summary: "Change a record as an operator",
        description: "Edits, restores, deletes, queues and ends operations, takes leases, prunes the \
            ledger. Each needs an operator's name and a reason, which the log keeps, and answers \
            what would happen if it is a dry run. It is carried out to its end also if nobody waits \
            for the answer."
            .into(),
        scopes: &[&[Admin]],
        parameters: RECORD.into(),
        body: Some(body("ChangeInput", &content)),
        success: (200, json_answer("What was done, or would be.", &schema("ChangeDone"))),
        refusals: CHANGE_REFUSALS,
        others: Vec::new(),
    }
}
