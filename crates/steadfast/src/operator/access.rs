//! Who may do what, and why it is done.

use std::fmt;
use std::sync::Arc;

use steadfast_core::{EntryKey, Scope, StoreId};

use crate::operator::{Operator, OperatorError};

/// Longest reason, in bytes.
pub const REASON_SIZE_MAX: usize = 1_024;

/// Longest name of an operator, in bytes.
pub const OPERATOR_NAME_SIZE_MAX: usize = 128;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $is_repair:literal;)*) => {
        /// What an operator does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Action {
            $($(#[$doc])* $variant,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];

            /// The name, as the log and JSON have it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether nobody may do it until somebody says who may.
            pub const fn is_repair(self) -> bool {
                match self {
                    $(Self::$variant => $is_repair,)*
                }
            }
        }
    };
}

actions! {
    /// Looks at a record and its lease.
    View = "view", false;
    /// Looks at its past.
    History = "history", false;
    /// Edits a record that nobody holds.
    Update = "update", false;
    /// Edits a record wherever it is, by an operation.
    EditOnline = "edit_online", false;
    /// Puts an earlier state back.
    Restore = "restore", false;
    /// Deletes a record.
    Delete = "delete", false;
    /// Takes out everything of a record as one document.
    Export = "export", true;
    /// Looks at operations, receipts and dead letters.
    ListOperations = "list_operations", true;
    /// Queues an operation.
    Queue = "queue", true;
    /// Ends an operation without effect.
    Cancel = "cancel", true;
    /// Lets an operation fail.
    Fail = "fail", true;
    /// Queues a dead letter again.
    Requeue = "requeue", true;
    /// Takes the lease away that was looked at.
    ForceRelease = "force_release", true;
    /// Takes a record from whoever holds it.
    Steal = "steal", true;
    /// Prunes a ledger.
    Compact = "compact", true;
    /// Lists game servers.
    ListServers = "list_servers", true;
    /// Lists records that are held.
    ListSessions = "list_sessions", true;
    /// Reads the log.
    ReadLog = "read_log", true;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why something is done, and whether it is done at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mandate {
    reason: Arc<str>,
    is_dry_run: bool,
}

impl Mandate {
    /// To be done, for this reason: at most [`REASON_SIZE_MAX`] bytes that are not blank.
    pub fn because(reason: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into(), is_dry_run: false }
    }

    /// To be answered what would happen, and nothing else: nothing is written, nobody is asked to let
    /// go of a record, and no line is left in the log.
    #[must_use]
    pub fn dry_run(self) -> Self {
        Self { is_dry_run: true, ..self }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether nothing is to be done.
    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }
}

/// What is asked for, for whoever decides whether it may be done.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What.
    pub action: Action,
    /// By whom.
    pub operator: &'a str,
    /// In which data store.
    pub store: &'a StoreId,
    /// In which scope.
    pub scope: &'a Scope,
    /// On which record; nothing for lists.
    pub key: Option<&'a EntryKey>,
    /// Why, if it changes something.
    pub mandate: Option<&'a Mandate>,
}

impl Operator {
    /// Refuses what may not be done.
    pub(super) fn check_access(
        &self,
        action: Action,
        key: Option<&EntryKey>,
        mandate: Option<&Mandate>,
    ) -> Result<(), OperatorError> {
        let Some(authorize) = &self.authorize else {
            let is_closed = action.is_repair();
            return if is_closed { Err(OperatorError::AccessDisabled { action }) } else { Ok(()) };
        };
        let (store, scope, operator) = (&self.store, &self.scope, &*self.name);
        let asked = Asked { action, operator, store, scope, key, mandate };
        if authorize(&asked) {
            return Ok(());
        }
        Err(OperatorError::AccessDenied { action, operator: Arc::clone(&self.name) })
    }

    /// Refuses a change that nobody answers for.
    pub(super) fn check_mandate(&self, mandate: &Mandate) -> Result<(), OperatorError> {
        check_text("operator", &self.name, OPERATOR_NAME_SIZE_MAX)?;
        check_text("reason", &mandate.reason, REASON_SIZE_MAX)
    }
}

fn check_text(what: &'static str, text: &str, limit: usize) -> Result<(), OperatorError> {
    if text.trim().is_empty() {
        return Err(OperatorError::Blank { what });
    }
    let actual = text.len();
    if actual > limit {
        return Err(OperatorError::TooLong { what, actual, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
    }

    #[test]
    fn texts_are_checked_at_their_edges() {
        let check = |text: &str| check_text("reason", text, REASON_SIZE_MAX);
        assert!(matches!(check(""), Err(OperatorError::Blank { what: "reason" })));
        assert!(matches!(check(" \t\n"), Err(OperatorError::Blank { .. })));
        assert!(check(&"x".repeat(REASON_SIZE_MAX)).is_ok());
        let over = check(&"x".repeat(REASON_SIZE_MAX + 1));
        assert!(matches!(over, Err(OperatorError::TooLong { actual: 1_025, limit: 1_024, .. })));
    }
}
