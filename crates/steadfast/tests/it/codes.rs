//! Every code of errors: what provokes it here, or why nothing does.

use std::collections::BTreeSet;
use std::time::Duration;

use steadfast::core::document::Insert;
use steadfast::core::{Code, Path, RowKey, SessionId, Timestamp};
use steadfast::operator::{Fence, Operator, Restore, RestoreTo};
use steadfast::{
    Cancel, NewOperation, OnLoadFailure, OperationSettings, Options, PlayerSettings, Schema,
    Session, SessionOpenError, SessionSettings, SessionState, Steadfast, Store, StoreEvent,
    UnknownOperationPolicy, transact_two,
};

use crate::operator::restores::change_row;
use crate::operator::support::{because, closed_desk, desk, keeps, key, leave};
use crate::players::{Game, code, seconds};
use crate::sessions::world::{Save, World};

const SECOND: Duration = Duration::from_secs(1);

type Provoke = fn(&Stage) -> Code;

/// A store with a game server, and a record in it.
struct Stage {
    world: World,
    db: Steadfast,
}

impl Stage {
    fn new() -> Self {
        let world = World::new();
        let db = world.server("game-1");
        Self { world, db }
    }

    fn players(&self) -> Store<Save> {
        self.world.players(&self.db)
    }

    fn open(&self) -> Session<Save> {
        self.world.run(&[&self.db], self.players().open("7")).unwrap()
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.world.run(&[&self.db], future)
    }

    /// Leaves a record that somebody may open.
    fn leave(&self) {
        leave(&self.world, &self.db, "7", 5);
    }

    fn refused(&self, store: &Store<Save>) -> SessionOpenError {
        self.run(store.open("7")).unwrap_err()
    }

    fn game(&self, settings: PlayerSettings) -> Game {
        Game::with(&self.world, self.db.clone(), settings)
    }

    fn desk(&self) -> Operator {
        desk(&self.db)
    }

    /// A server with other limits of operations.
    fn limited(&self, operations: OperationSettings) -> Steadfast {
        self.world.over(Options { operations, ..self.world.options() })
    }

    /// The refusal of the second operation within these limits.
    fn queue_two(&self, limits: OperationSettings) -> Code {
        let db = self.limited(limits);
        let players = self.world.players(&db);
        let queue = |id| self.world.run(&[&db], players.queue("7", add(id, 1)));
        queue("one").unwrap();
        queue("two").unwrap_err().code()
    }

    fn queue(&self, operation: NewOperation) -> Code {
        self.run(self.players().queue("7", operation)).unwrap_err().code()
    }
}

fn add(id: &str, amount: i64) -> NewOperation {
    NewOperation::add(id, "coins", amount).unwrap()
}

/// A code, and what provokes it.
const PROVOKED: &[(Code, &str, Provoke)] = &[
    (Code::LockTimeout, "an opening of what another server keeps", |stage| {
        let keeper = stage.world.server_with("game-2", keeps());
        let _kept = stage.world.run(&[&keeper], stage.world.players(&keeper).open("7")).unwrap();
        let opening = stage.players();
        stage.world.run(&[&stage.db, &keeper], opening.open("7")).unwrap_err().code()
    }),
    (Code::LeaseLost, "a checkpoint of a session whose lease was taken", |stage| {
        let p = stage.open();
        let fence = stage.run(stage.desk().record(key("7"))).unwrap().fence.unwrap();
        stage.world.run(&[], stage.desk().force_release(key("7"), because(), fence)).unwrap();
        p.edit(|save| Ok(save.coins = 1)).unwrap();
        stage.run(p.checkpoint()).unwrap_err().code()
    }),
    (Code::ActiveLease, "a second opening by one server", |stage| {
        let _open = stage.open();
        stage.refused(&stage.players()).code()
    }),
    (Code::LeaseTokenMismatch, "a forced release of another lease", |stage| {
        stage.leave();
        let wrong = Fence { counter: 99, session: SessionId(9) };
        let forced = stage.desk();
        stage.run(forced.force_release(key("7"), because(), wrong)).unwrap_err().code()
    }),
    (Code::SaveRefused, "a save that a hook refuses", |stage| {
        let strict = stage.players().before_save(|_| Err(Cancel::because("not now")));
        let p = stage.run(strict.open("7")).unwrap();
        p.edit(|save| Ok(save.coins = 1)).unwrap();
        stage.run(p.checkpoint()).unwrap_err().code()
    }),
    (Code::SessionClosed, "an edit after the release", |stage| {
        let p = stage.open();
        stage.run(p.release()).unwrap();
        p.edit(|save| Ok(save.coins = 1)).unwrap_err().code()
    }),
    (Code::SessionSuspended, "an edit in an outage, where the settings refuse it", |stage| {
        let on_suspend = steadfast::core::session::SuspendPolicy::Freeze;
        let freezes = SessionSettings { on_suspend, ..SessionSettings::default() };
        let db = stage.world.server_with("game-2", freezes);
        let p = stage.world.run(&[&db], stage.world.players(&db).open("7")).unwrap();
        stage.world.backend.turn(true);
        stage.world.until(&[&db], || (p.state() == SessionState::Suspended).then_some(()));
        p.edit(|save| Ok(save.coins = 1)).unwrap_err().code()
    }),
    (Code::SessionUnsaved, "a checkpoint of a player who plays from the template", |stage| {
        let on_load_failure = OnLoadFailure::PlayUnsaved;
        let settings =
            PlayerSettings { on_load_failure, load_attempts_max: 1, ..PlayerSettings::default() };
        let game = stage.game(settings);
        stage.world.backend.turn(true);
        game.players.join(7).unwrap();
        stage.run(game.players.wait(7, seconds(60))).unwrap();
        code(stage.run(game.players.checkpoint(7)))
    }),
    (Code::Undurable, "a debit while nothing became durable for two minutes", |stage| {
        let game = stage.game(PlayerSettings::default());
        game.join(&stage.world, 7);
        stage.world.backend.turn(true);
        game.players.set(7, "coins", 9).unwrap();
        stage.world.pass(seconds(120));
        code(game.players.try_debit(7, "coins", 1))
    }),
    (Code::PlayerDataUnavailable, "an edit of a player who never joined", |stage| {
        let game = stage.game(PlayerSettings::default());
        code(game.players.edit(7, |_| Ok(())))
    }),
    (Code::NamedLockTimeout, "a named lock that somebody holds", |stage| {
        let p = stage.open();
        let _held = stage.run(p.lock("shop", SECOND)).unwrap();
        stage.run(p.lock("shop", SECOND)).unwrap_err().code()
    }),
    (Code::StoreClosed, "an opening after the close", |stage| {
        let players = stage.players();
        stage.run(stage.db.close_sessions());
        stage.refused(&players).code()
    }),
    (Code::InvalidData, "an edit that leaves what is no JSON", |stage| {
        stage.open().edit(|save| Ok(save.share = f64::NAN)).unwrap_err().code()
    }),
    (Code::DataTooLarge, "an edit that leaves too much", |stage| {
        let huge = |save: &mut Save| Ok(save.items = vec!["x".repeat(3_800_000)]);
        stage.open().edit(huge).unwrap_err().code()
    }),
    (Code::PathNotFound, "a removal of what is not there", |stage| {
        let values = stage.run(stage.db.values("PlayerData")).unwrap();
        stage.run(values.open("7")).unwrap().remove("hat").unwrap_err().code()
    }),
    (Code::ArrayFull, "an item beyond the capacity", |stage| {
        let values = stage.run(stage.db.values("PlayerData")).unwrap();
        let p = stage.run(values.open("7")).unwrap();
        p.set("items", steadfast::core::Value::array([])).unwrap();
        p.insert("items", "hat", Insert::END.within(0)).unwrap_err().code()
    }),
    (Code::TransactionCancelled, "an edit that gives itself up", |stage| {
        let gives_up = |_: &mut Save| Err::<(), _>(Cancel::because("too expensive"));
        stage.open().edit(gives_up).unwrap_err().code()
    }),
    (Code::TransactionPending, "a transaction behind one that is not settled", |stage| {
        let [p, q] = ["7", "8"].map(|key| stage.run(stage.players().open(key)).unwrap());
        stage.world.backend.turn(true);
        let give = |p: &mut Save, q: &mut Save| Ok((p.coins, q.coins) = (p.coins - 1, 1));
        drop(transact_two(&p, &q, give).unwrap());
        transact_two(&q, &p, |_, _| Ok(())).unwrap_err().code()
    }),
    (Code::InsufficientFunds, "a debit of more than there is", |stage| {
        let values = stage.run(stage.db.values("PlayerData")).unwrap();
        let p = stage.run(values.open("7")).unwrap();
        p.set("coins", 1).unwrap();
        p.try_debit("coins", 2).unwrap_err().code()
    }),
    (Code::MigrationMissing, "an opening by code that lacks a step", |stage| {
        stage.leave();
        let gap = Schema::new(2).step(2, |_| Ok(()));
        stage.refused(&stage.players().schema(gap)).code()
    }),
    (Code::MigrationFailed, "an opening whose step refuses or panics", |stage| {
        stage.leave();
        let refuses = Schema::new(1).step(1, |_| Err(Cancel::because("never seen")));
        let panics = Schema::new(1).step(1, |_| panic!("a bug of the game"));
        let [refused, panicked] =
            [refuses, panics].map(|schema| stage.refused(&stage.players().schema(schema)).code());
        assert_eq!(refused, panicked);
        // It is as it was, and code without that step opens it.
        assert_eq!(stage.open().get(|save| save.coins), Ok(5));
        refused
    }),
    (Code::SchemaAhead, "an opening by older code", |stage| {
        let newer = stage.players().schema(Schema::new(1).step(1, |_| Ok(())));
        let p = stage.run(newer.open("7")).unwrap();
        stage.run(p.release()).unwrap();
        stage.refused(&stage.players()).code()
    }),
    (Code::UnknownFormat, "an opening of a record of a later format", |stage| {
        stage.leave();
        change_row(&stage.world, &stage.desk(), |body| body.format += 1);
        stage.refused(&stage.players()).code()
    }),
    (Code::Corrupt, "an opening of a record whose row is damaged", |stage| {
        stage.leave();
        let row = RowKey::Record(stage.desk().entry(key("7")));
        stage.world.backend.damage(row);
        stage.refused(&stage.players()).code()
    }),
    (Code::OperationExpired, "an id that was pruned", |stage| {
        let limits = OperationSettings { receipts_max: 1, kept_max: 0, ..Default::default() };
        let db = stage.limited(limits);
        let (start, run) = (db.now(), stage.world.players(&db));
        let p = stage.world.run(&[&db], run.open("7")).unwrap();
        let numbered = |number: u64| {
            let time = start.saturating_add(Duration::from_millis(number));
            add(&number.to_string(), 1).issued_at(time)
        };
        for number in 1..=3 {
            stage.world.run(&[&db], p.queue_and_wait(numbered(number), SECOND)).unwrap();
        }
        stage.world.run(&[&db], p.queue(numbered(1))).unwrap_err().code()
    }),
    (Code::OperationPayloadMismatch, "an id with another payload", |stage| {
        stage.run(stage.players().queue("7", add("o", 1))).unwrap();
        stage.queue(add("o", 2))
    }),
    (Code::OperationPayloadTooLarge, "a payload over the limit", |stage| {
        stage.queue(NewOperation::new("o", "note", &"x".repeat(70_000)).unwrap())
    }),
    (Code::LedgerFull, "operations beyond the size of the ledger", |stage| {
        stage.queue_two(OperationSettings { ledger_size_max: 30, ..Default::default() })
    }),
    (Code::InboxFull, "operations beyond those that may wait", |stage| {
        stage.queue_two(OperationSettings { pending_max: 1, ..Default::default() })
    }),
    (Code::OperationNotFound, "the answer of one that nobody queued", |stage| {
        let state = stage.run(stage.players().operation("7", "nobody")).unwrap();
        state.applied::<()>().unwrap_err().code()
    }),
    (Code::OperationSettled, "a verdict on one that has ended", |stage| {
        let p = stage.open();
        stage.run(p.queue_and_wait(add("o", 1), SECOND)).unwrap();
        let id = steadfast::core::OperationId::parse("o").unwrap();
        stage.run(stage.desk().cancel(key("7"), because(), &id)).unwrap_err().code()
    }),
    (Code::DeadLetterNotFound, "a second try of what never failed", |stage| {
        stage.queue(NewOperation::again("o", "gift", "none").unwrap())
    }),
    (Code::MissingHandler, "an operation of no kind that is known, where those fail", |stage| {
        let on_unknown = UnknownOperationPolicy::Fail;
        let db = stage.limited(OperationSettings { on_unknown, ..Default::default() });
        let events = db.events();
        let p = stage.world.run(&[&db], stage.world.players(&db).open("7")).unwrap();
        let unknown = NewOperation::new("o", "unknown", &1).unwrap();
        stage.world.run(&[&db], p.queue_and_wait(unknown, SECOND)).unwrap();
        let failed = std::iter::from_fn(|| events.try_next()).find_map(|event| {
            if let StoreEvent::OperationFailed { code, .. } = event { Some(code) } else { None }
        });
        failed.unwrap()
    }),
    (Code::HandlerFailed, "an operation that its handler refuses", |stage| {
        let nothing = NewOperation::remove("o", Path::from("items").join(3)).unwrap();
        let state = stage.run(stage.open().queue_and_wait(nothing, SECOND)).unwrap();
        state.applied::<()>().unwrap_err().code()
    }),
    (Code::AdminAccessDisabled, "a repair where nobody decides who may", |stage| {
        let forced = closed_desk(&stage.db);
        stage.run(forced.compact(key("7"), because())).unwrap_err().code()
    }),
    (Code::AdminAccessDenied, "a look where whoever decides says no", |stage| {
        let denied = closed_desk(&stage.db).authorize(|_| false);
        stage.run(denied.record(key("7"))).unwrap_err().code()
    }),
    (Code::DeleteConfirmationMismatch, "a deletion of another record than confirmed", |stage| {
        stage.leave();
        let other = stage.desk().delete_confirmation(key("8"));
        stage.run(stage.desk().delete(key("7"), because(), &other)).unwrap_err().code()
    }),
    (Code::VersionNotFound, "a restore to a time before the record", |stage| {
        stage.leave();
        let early = Restore::to(RestoreTo::Time(Timestamp::from_unix_seconds(5)));
        stage.run(stage.desk().restore(key("7"), because(), early)).unwrap_err().code()
    }),
    (Code::StorageUnavailable, "an opening in an outage", |stage| {
        stage.world.backend.turn(true);
        stage.refused(&stage.players()).code()
    }),
    (Code::OutcomeUnknown, "the answer of an operation that has not ended", |stage| {
        let state = stage.run(stage.players().queue("7", add("o", 1))).unwrap().state;
        state.applied::<()>().unwrap_err().code()
    }),
    (Code::Internal, "a save whose hook panics", |stage| {
        let panics = stage.players().before_save(|_| panic!("a bug of the game"));
        let p = stage.run(panics.open("7")).unwrap();
        p.edit(|save| Ok(save.coins = 1)).unwrap();
        stage.run(p.checkpoint()).unwrap_err().code()
    }),
    (Code::ReservedName, "a handler of a built-in kind", |stage| {
        let handled = stage.players().handle("steadfast.set", |_: &mut Save, (): ()| Ok(()));
        handled.unwrap_err().code()
    }),
    (Code::InvalidName, "a key without a name", |stage| {
        stage.run(stage.players().open("")).unwrap_err().code()
    }),
    (Code::InvalidRequest, "a transaction of one session", |stage| {
        let p = stage.open();
        transact_two(&p, &p, |_, _| Ok(())).unwrap_err().code()
    }),
];

/// Codes that games know (`spec/features.md`, section 15) and that nothing here gives so far, and why.
const NOT_GIVEN: &[(Code, &str)] = &[
    (
        Code::Fenced,
        "of a kind only: what a session lost says `LeaseLost`, one that is over \
        `SessionClosed`; `Code::of` gives it for what a server says that has no code we know",
    ),
    (Code::NeedsRepair, "of trades, which are not built"),
    (Code::AmbiguousIncrement, "of increments on the live service, which are not built"),
    (Code::BudgetTimeout, "of the budgets of the live service, which local stores have not"),
    (Code::RankScanLimit, "of ranks in memory stores, which are not built"),
    (Code::Throttled, "of requests to data stores: sessions wait instead"),
];

/// Codes of other calls than those of sessions, players and operators, and those of them that are
/// provoked where their own facts stand: requests to data stores, the server and its settings.
const OF_OTHERS: &str = "OpenCancelled EntryNotFound EntryExists RevisionMismatch RevisionIsCurrent \
    StoreNotFound DatastoreDeleted ExistingValueNotNumeric IncrementValueTooLarge \
    IncrementValueTooSmall Contended StorageFull Denied InsufficientScope ReadOnly KeyNotFound \
    KeyExists KeyConflict WeakSecret InvalidSettings Unsupported NotFound Conflict InvalidPath \
    InvalidQuery InvalidBody InvalidWriteId InvalidVersionId InvalidTimestamp InvalidOrder \
    InvalidAround InvalidHistory InvalidKeyId InvalidScope InvalidUniverse InvalidStore \
    InvalidExpiry InvalidRestriction InvalidDirectory UnknownDirectoryFormat DirectoryLocked \
    BackupsDisabled BackupRunning BackupNotFound UriTooLong HeadersTooLarge BodyTooLarge \
    BodyTimeout BodyCut";

#[test]
fn each_code_is_provoked_by_what_the_table_says() {
    for (code, what, provoke) in PROVOKED {
        assert_eq!(provoke(&Stage::new()), *code, "{what}");
    }
}

#[test]
fn no_code_is_forgotten_and_none_stands_twice() {
    let provoked = PROVOKED.iter().map(|(code, ..)| code.name());
    let not_given = NOT_GIVEN.iter().map(|(code, _)| code.name());
    let listed: Vec<_> = provoked.chain(not_given).chain(OF_OTHERS.split_whitespace()).collect();
    let known: BTreeSet<_> = listed.iter().copied().collect();
    assert_eq!(known.len(), listed.len(), "each stands in one place");
    let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(known, all, "say what provokes it, or why nothing does");
    assert!(NOT_GIVEN.iter().all(|(_, why)| !why.is_empty()));
}
