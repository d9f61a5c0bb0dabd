//! The stable code of every error, with what it means for whoever gets it.
//!
//! One table says it all: the code, its [`ErrorKind`], and one sentence on what to do. HTTP status
//! and exit code follow from the kind; a few refusals of a request as such have a status of their
//! own. Open Cloud's words for the same errors are not here: they stay with its wire types.
//!
//! Invariants: a name is never given another meaning; every code has exactly one kind, so that an
//! error answers `kind()` from its code. Start reading at [`Code`].

use std::fmt;

use crate::error::ErrorKind;

macro_rules! status {
    ($kind:ident) => {
        ErrorKind::$kind.status()
    };
    ($kind:ident $status:literal) => {
        $status
    };
}

macro_rules! codes {
    ($($name:ident: $kind:ident $(($status:literal))?, $meaning:literal, $advice:literal;)*) => {
        /// What exactly went wrong, as programs see it: in JSON, in logs, from [`Code::name`].
        ///
        /// Codes of parts that are not built yet are here too, so that they mean the same from the
        /// first release that gives them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in the order in which they are documented.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What the caller does now, as one of a few kinds.
            pub const fn kind(self) -> ErrorKind {
                match self {
                    $(Self::$name => ErrorKind::$kind,)*
                }
            }

            /// The HTTP status on routes of our own.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => status!($kind $($status)?),)*
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }

            /// What to do about it, in one sentence.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

codes! {
    // Sessions and their records.
    LockTimeout: Exhausted,
        "Another game server holds the record and did not let go in time.",
        "Try again, ask that server, or steal the record.";
    LeaseLost: Fenced,
        "Another server has the record now, and this was not saved.",
        "Drop the local copy and never retry.";
    Fenced: Fenced,
        "The write was made under a lease that is not the record's any more.",
        "Drop the local copy and never retry.";
    ActiveLease: Conflict,
        "A game server holds the record, or this one has it open already.",
        "Wait for its release, ask for it through its session, or force it.";
    LeaseTokenMismatch: Conflict,
        "The lease is another one than the one that was looked at.",
        "Look at it again, then decide again.";
    OpenCancelled: Conflict,
        "The opening was given up by its caller before it was answered.",
        "Open the record again if it is still wanted.";
    SaveRefused: Conflict,
        "A hook of the game refused a save, which is tried again later, or a transaction.",
        "Look at the reason that it gave.";
    SessionClosed: Fenced,
        "The session is over, or its release is under way.",
        "Open the record again.";
    SessionSuspended: Unavailable,
        "The session is suspended, and its settings refuse edits then.",
        "Wait until the store answers again.";
    SessionUnsaved: Fenced,
        "The record could not be loaded: its session has defaults, and is never saved.",
        "End it, and open the record again.";
    Undurable: Unavailable,
        "The record was not durable for too long to take a debit.",
        "Wait until a save of it succeeded.";
    PlayerDataUnavailable: Unavailable,
        "The player has no session that is ready.",
        "Grant nothing; wait for the session, or stop the action.";
    NamedLockTimeout: Exhausted,
        "Another task holds the named lock and did not let go in time.",
        "Try again; look for a task that holds it too long.";
    StoreClosed: Unavailable,
        "The store or its game server is closed, or is stopping.",
        "Open it again.";

    // Data and its shape.
    InvalidData: Invalid,
        "The data cannot be stored, or is not what was expected there.",
        "Fix what the message names.";
    DataTooLarge: Invalid,
        "The data would be larger than what may be stored.",
        "Remove something, or split the data.";
    PathNotFound: NotFound, "The data has nothing at that path.", "Create it, or correct the path.";
    ArrayFull: Conflict,
        "The array holds as many items as it may.",
        "Remove an item, or refuse the action.";
    TransactionCancelled: Conflict,
        "The transaction gave itself up; nothing was changed.",
        "Look at the reason that it gave.";
    TransactionPending: Exhausted,
        "The session takes part in a transaction over several sessions that is not settled.",
        "Wait for the receipt of that one, then try again.";
    InsufficientFunds: Conflict,
        "There is less than the debit asks for.",
        "Tell the player; nothing was taken.";
    MigrationMissing: Invalid,
        "The code has no migration to the version that the data needs.",
        "Add the migration; the record is as it was.";
    MigrationFailed: Invalid,
        "A migration refused the data or panicked.",
        "Fix the migration; the record is as it was.";
    SchemaAhead: Conflict, "The data was written by code of a newer version.", "Use that version.";
    UnknownFormat: Conflict,
        "What is stored has a format that this version does not know.",
        "Use the version that wrote it, or a newer one.";

    // Durable operations.
    OperationExpired: Conflict,
        "The operation is too old to be told from one that was applied before.",
        "Find out what became of it before asking under a new id.";
    OperationPayloadMismatch: Conflict,
        "An operation of this id with another payload exists.",
        "Use a new id for a new operation.";
    OperationPayloadTooLarge: Invalid,
        "The payload of the operation is larger than it may be.",
        "Send less, such as a reference.";
    LedgerFull: Exhausted,
        "The ledgers of the record have no room for another operation.",
        "Wait until older ones have left, or compact them.";
    InboxFull: Exhausted,
        "As many operations of the record wait as may.",
        "Wait until some are settled.";
    OperationNotFound: NotFound, "Nobody knows the operation.", "Look for it under its exact id.";
    OperationSettled: Conflict, "The operation has ended already.", "Look at its receipt.";
    DeadLetterNotFound: NotFound,
        "There is no dead letter of this id that can be queued again.",
        "List the dead letters of the record.";
    MissingHandler: Invalid,
        "No handler is registered for the kind of the operation.",
        "Register one, or cancel the operation.";
    HandlerFailed: Conflict,
        "The handler of the operation refused it or panicked.",
        "Look at the reason; fix the handler, or cancel the operation.";

    // Administration and repair.
    AdminAccessDisabled: Denied,
        "The store has nobody who decides about administrators.",
        "Set one up where the store is opened.";
    AdminAccessDenied: Denied, "The caller is no administrator.", "Use the credentials of one.";
    DeleteConfirmationMismatch: Invalid,
        "The confirmation is not the one that was asked for.",
        "Ask for it again, and repeat it exactly.";
    NeedsRepair: Corrupt,
        "The record holds something that only a person can settle.",
        "Look at it with the repair commands.";

    // Entries, revisions and data stores.
    EntryNotFound: NotFound,
        "The entry does not exist, or did not at that time.",
        "Create it, or correct the key.";
    EntryExists: Conflict,
        "The entry exists, and the request was for a missing one.",
        "Read it, then decide again.";
    RevisionMismatch: Conflict,
        "The entry is at another revision than the one that was named.",
        "Read it, then decide again.";
    VersionNotFound: NotFound, "The entry has no such revision.", "List its revisions.";
    RevisionIsCurrent: Conflict,
        "The revision is the current one, which history cannot lose.",
        "Write another one first.";
    StoreNotFound: NotFound,
        "Nothing was ever written to that data store.",
        "Correct the name, or write to it first.";
    DatastoreDeleted: NotFound,
        "The data store is deleted, and will be purged.",
        "Bring it back within 30 days.";
    ExistingValueNotNumeric: Invalid,
        "The entry holds something that is no integer.",
        "Set it to a whole number first.";
    IncrementValueTooLarge: Invalid, "The sum would be beyond 64 bits.", "Add less.";
    IncrementValueTooSmall: Invalid, "The sum would be below 64 bits.", "Take less.";
    AmbiguousIncrement: OutcomeUnknown,
        "Whether the increment was made is unknown.",
        "Read the value before adding again.";
    RankScanLimit: Invalid,
        "The entry has no place among as many as may be looked through.",
        "Look through more, or show no rank.";
    Contended: Exhausted,
        "Other writers came first, time and again.",
        "Wait a little, then try again.";

    // The store.
    StorageUnavailable: Unavailable,
        "The store is out of reach, or did not answer in time.",
        "Wait, then try again.";
    StorageFull: Exhausted,
        "The store has no room; nothing was written.",
        "Make room, then try again.";
    OutcomeUnknown: OutcomeUnknown,
        "Whether the write was made is unknown.",
        "Send it again under the same id, or look.";
    BudgetTimeout: Exhausted,
        "No budget had room for the request in time.",
        "Ask less often, or wait longer.";
    Throttled: Exhausted,
        "A limit on requests or memory was reached; nothing was done.",
        "Wait, then try again.";
    Corrupt: Corrupt, "Stored bytes are damaged.", "Restore a backup, or salvage what is left.";
    Internal: Internal,
        "A fault of this program, or what it takes for impossible.",
        "Report it with the log.";

    // Who may ask, and settings.
    Denied: Denied, "The credentials do not allow it.", "Use others.";
    InsufficientScope: Denied, "The API key lacks a scope.", "Use a key that has it.";
    ReadOnly: Denied, "The client may only read; nothing was sent.", "Tell it that it may write.";
    KeyNotFound: NotFound, "There is no such API key.", "List the keys.";
    KeyExists: Conflict, "There is an API key with this secret already.", "Use another secret.";
    KeyConflict: Conflict,
        "The API key was changed by somebody else at the same time.",
        "List the keys, then decide again.";
    WeakSecret: Invalid, "The secret is too short to be one.", "Use a longer one.";
    InvalidSettings: Invalid,
        "Settings are out of range, or do not fit together.",
        "Fix everything that the message lists.";
    Unsupported: Invalid,
        "The store or the service has no such call.",
        "Do without it, or use another one.";

    // Requests.
    InvalidRequest: Invalid,
        "The request is wrong, and has no code that says more.",
        "Fix what the message names.";
    NotFound: NotFound, "There is nothing at that path.", "Correct the path.";
    Conflict: Conflict,
        "What is stored is not what the request was made for.",
        "Read it, then decide again.";
    ReservedName: Invalid, "The name starts as the store's own names do.", "Use another name.";
    InvalidName: Invalid, "The name is empty or too long.", "Use another name.";
    InvalidPath: Invalid, "The path of the request cannot be read.", "Fix what the message names.";
    InvalidQuery: Invalid,
        "The query of the request cannot be read.",
        "Fix what the message names.";
    InvalidBody: Invalid,
        "The body of the request is not what it must be.",
        "Fix what the message names.";
    InvalidWriteId: Invalid,
        "The id of the write is not 32 hexadecimal digits, or stands twice.",
        "Send one id of that form.";
    InvalidVersionId: Invalid,
        "The id of a revision is missing or cannot be read.",
        "Use an id that a list gave.";
    InvalidTimestamp: Invalid,
        "The time is before 1970, or more than ten minutes ahead.",
        "Use a time between them.";
    InvalidOrder: Invalid, "The order is not `asc` or `desc`.", "Use one of them.";
    InvalidAround: Invalid, "The number of neighbours is too large or no number.", "Ask for fewer.";
    InvalidHistory: Invalid,
        "There is no history of that name.",
        "Use a name that the message lists.";
    InvalidKeyId: Invalid, "That is not the id of an API key.", "Use an id that a list gave.";
    InvalidScope: Invalid,
        "There is no scope of that name, or none was given.",
        "Use a name that the message lists.";
    InvalidUniverse: Invalid, "The id of a universe is not a number.", "Use its number.";
    InvalidStore: Invalid,
        "That cannot be the name of a data store.",
        "Fix what the message names.";
    InvalidExpiry: Invalid,
        "The time at which the key expires cannot be read.",
        "Write it as RFC 3339 does.";
    InvalidRestriction: Invalid,
        "A restriction of the key is empty or too long.",
        "Name some, or leave it out.";
    InvalidDirectory: Invalid, "The directory cannot be used for this.", "Name another one.";
    UnknownDirectoryFormat: Invalid,
        "The data directory has a format that this version does not know.",
        "Use the version that wrote it, or a newer one.";
    DirectoryLocked: Conflict,
        "Another process has the directory open.",
        "Stop that process, or ask it.";
    BackupsDisabled: Invalid,
        "The server was started without a directory for backups.",
        "Start it with `--backups DIR`.";
    BackupRunning: Conflict, "Another backup is being made.", "Wait for it.";
    BackupNotFound: NotFound,
        "No backup of that name was asked for since the server started.",
        "Ask for one.";
    UriTooLong: Invalid (414), "The path with its query is too long.", "Send less.";
    HeadersTooLarge: Invalid (431), "The headers are too many or too large.", "Send fewer.";
    BodyTooLarge: Invalid (413), "The body is too large.", "Send less.";
    BodyTimeout: Invalid (408), "The body took too long.", "Send it faster, or in smaller pieces.";
    BodyCut: Invalid, "The body ended early.", "Send it again as a whole.";
}

impl Code {
    /// The code of an error of which only the kind is known.
    pub const fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::InvalidRequest,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Fenced => Self::Fenced,
            ErrorKind::Exhausted => Self::Throttled,
            ErrorKind::Unavailable => Self::StorageUnavailable,
            ErrorKind::OutcomeUnknown => Self::OutcomeUnknown,
            ErrorKind::Corrupt => Self::Corrupt,
            ErrorKind::Internal => Self::Internal,
        }
    }

    /// The exit code of a program that ends with it.
    pub const fn exit_code(self) -> u8 {
        self.kind().exit_code()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_a_name_of_its_own_and_sentences() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(code.to_string(), code.name());
            for sentence in [code.meaning(), code.advice()] {
                assert!(sentence.ends_with('.') && sentence.is_ascii(), "{code}: {sentence}");
                assert!(!sentence.contains('|'), "{code}: it would end a cell of the page");
            }
        }
    }

    #[test]
    fn only_what_is_wrong_with_a_request_as_such_has_a_status_of_its_own() {
        let own: Vec<_> = Code::ALL
            .into_iter()
            .filter(|code| code.status() != code.kind().status())
            .map(|code| (code, code.kind(), code.status()))
            .collect();
        let invalid = ErrorKind::Invalid;
        let expected = [
            (Code::UriTooLong, invalid, 414),
            (Code::HeadersTooLarge, invalid, 431),
            (Code::BodyTooLarge, invalid, 413),
            (Code::BodyTimeout, invalid, 408),
        ];
        assert_eq!(own, expected);
    }

    #[test]
    fn every_kind_has_a_code_for_what_has_no_other() {
        for kind in ErrorKind::ALL {
            assert_eq!(Code::of(kind).kind(), kind);
            assert_eq!(Code::of(kind).exit_code(), kind.exit_code());
        }
    }

    #[test]
    fn the_codes_that_games_know_are_all_there() {
        // `spec/features.md` section 15.
        let names = "LockTimeout LeaseLost PlayerDataUnavailable AdminAccessDisabled \
            AdminAccessDenied LeaseTokenMismatch RankScanLimit AmbiguousIncrement BudgetTimeout \
            InvalidData DataTooLarge MigrationMissing MigrationFailed SchemaAhead UnknownFormat \
            TransactionCancelled SessionClosed OperationPayloadTooLarge \
            DeleteConfirmationMismatch ActiveLease VersionNotFound StoreClosed StorageUnavailable \
            OutcomeUnknown Fenced SessionSuspended SessionUnsaved OperationExpired \
            OperationPayloadMismatch LedgerFull MissingHandler HandlerFailed InsufficientFunds \
            NamedLockTimeout ReservedName Corrupt Undurable NeedsRepair Throttled";
        let known: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        let missing: Vec<_> =
            names.split_whitespace().filter(|name| !known.contains(name)).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}
