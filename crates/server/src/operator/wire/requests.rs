//! What is asked for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::some;

/// A change of a record that somebody wants.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeRequest {
    /// Who.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// Whether only what would happen is told.
    #[serde(default)]
    pub dry_run: bool,
    /// What.
    pub change: Change,
}

/// What is changed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Edits a record that nobody holds.
    Update(Update),
    /// Makes one edit by an operation, wherever the record is.
    EditOnline(Edit),
    /// Puts an earlier state back.
    Restore(Restore),
    /// Deletes the record.
    Delete(Delete),
    /// Queues an operation.
    Queue(Queue),
    /// Ends an operation without effect.
    Cancel(Named),
    /// Lets an operation fail.
    Fail(Named),
    /// Queues a dead letter again.
    Requeue(Requeue),
    /// Takes the record from whoever holds it, who is asked first.
    Steal(Nothing),
    /// Takes exactly one lease away, at once.
    Release(Release),
    /// Prunes the ledger.
    Compact(Nothing),
}

/// Edits, made all or not at all.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Update {
    /// They, in this order.
    pub edits: Vec<Edit>,
    /// Only if the record holds exactly this.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    pub if_value: Option<Box<RawValue>>,
}

/// One edit, at a path such as `stats.kills[3]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Edit {
    /// Puts a value there.
    Set {
        /// Where; `(root)` for all of it.
        path: String,
        /// What.
        value: Box<RawValue>,
    },
    /// Adds to the number there; a missing one counts as 0.
    Add {
        /// Where.
        path: String,
        /// How much, a number.
        amount: Box<RawValue>,
    },
    /// Takes out what stands there.
    Remove {
        /// Where.
        path: String,
    },
}

/// A restore.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// A revision, or a time.
    pub to: String,
    /// The schema that the data of that state has, where it may have changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// Whether a holder that does not let go loses the record.
    #[serde(default)]
    pub force: bool,
}

/// A deletion.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delete {
    /// `delete `, and the name of the record as it is shown.
    pub confirmation: String,
}

/// An operation to be queued.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// Its id, never used before. Sent again with the same id, it counts once.
    pub id: String,
    /// What handles it.
    pub kind: String,
    /// What the handler is given.
    pub payload: Box<RawValue>,
    /// When it was issued; now if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<String>,
    /// The schema that its payload was written for.
    #[serde(default)]
    pub schema: u32,
    /// Whether its receipt never leaves.
    #[serde(default)]
    pub permanent: bool,
}

/// An operation by its id.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Named {
    /// Its id.
    pub id: String,
}

/// A dead letter to be queued again.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Requeue {
    /// The id that failed.
    pub letter: String,
    /// Its new id, never used before.
    pub id: String,
}

/// A lease that is taken away.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// Its fence, as the record shows it.
    pub fence: String,
}

/// There is nothing more to say.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
