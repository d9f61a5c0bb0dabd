//! Several sessions edited together: who is asked before, and what is told of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use steadfast::core::Value;
use steadfast::core::{Code, ErrorKind};
use steadfast::{
    Cancel, ChangeSettings, Changed, Dynamic, Events, LossReason, NewOperation, Note, Options,
    Session, SessionEvent, SessionSettings, SessionState, Steadfast, Store, TransactError,
    transact_as, transact_two,
};

use super::world::{Save, World};

/// Opens a record and leaves ten coins in it, saved.
fn with_ten(world: &World, db: &Steadfast, store: &Store<Save>, key: &str) -> Session<Save> {
    let p = world.run(&[db], store.open(key)).unwrap();
    p.edit(|save| Ok(save.coins = 10)).unwrap();
    world.run(&[db], p.checkpoint()).unwrap();
    p
}

fn pay(from: &mut Save, to: &mut Save, coins: i64) -> Result<(), Cancel> {
    if from.coins < coins {
        return Err(Cancel::because("not enough"));
    }
    from.coins -= coins;
    to.coins += coins;
    Ok(())
}

fn coins(p: &Session<Save>) -> i64 {
    p.get(|save| save.coins).unwrap()
}

#[test]
fn a_hook_sees_what_a_transaction_stores_and_adds_to_it() {
    let world = World::new();
    let db = world.server("game-1");
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let players = world.players(&db);
    let hooked = world.players(&db).before_save(move |save| {
        count.fetch_add(1, Ordering::Relaxed);
        save.items = vec![format!("saved {}", save.coins)];
        Ok(())
    });
    let (p, q) = (with_ten(&world, &db, &players, "7"), with_ten(&world, &db, &hooked, "8"));
    asked.store(0, Ordering::Relaxed);
    // What was edited before and is not saved is part of what the hook sees.
    q.edit(|save| Ok(save.coins += 5)).unwrap();
    let ((), receipt) = transact_two(&p, &q, |p, q| pay(p, q, 4)).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!((coins(&p), coins(&q)), (6, 15));
    world.run(&[&db], receipt).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1, "once, however it is sent");
    assert_eq!(q.get(|save| (save.coins, save.items.clone())), Ok((19, vec!["saved 19".into()])));
    assert_eq!(world.run(&[&db], q.diff()).unwrap(), []);
    assert!(!p.is_dirty() && !q.is_dirty());
}

#[test]
fn a_refused_transaction_names_the_record_and_leaves_no_trace() {
    let world = World::new();
    let db = world.over(Options { changes: AUDITED, ..world.options() });
    let players = world.players(&db);
    let strict = world.players(&db).before_save(|save| {
        if save.coins > 12 { Err(Cancel::because("too rich")) } else { Ok(()) }
    });
    let (p, q) = (with_ten(&world, &db, &players, "7"), with_ten(&world, &db, &strict, "8"));
    q.edit(|save| Ok(save.coins += 1)).unwrap();
    let (events, logged) = (q.events(), [p.audit_log().len(), q.audit_log().len()]);
    let refused = transact_two(&p, &q, |p, q| pay(p, q, 4)).unwrap_err();
    let TransactError::Refused { entry, reason } = &refused else { panic!("{refused:?}") };
    assert_eq!((entry, &**reason), (q.entry(), "too rich"));
    assert_eq!((refused.code(), refused.kind()), (Code::SaveRefused, ErrorKind::Conflict));
    assert!(refused.to_string().contains("too rich"), "{refused}");
    assert_eq!((coins(&p), coins(&q)), (10, 11));
    assert_eq!([p.audit_log().len(), q.audit_log().len()], logged);
    assert!(events.try_next().is_none() && !p.is_dirty());
    // A smaller one is taken, with the edit that was not saved.
    let ((), receipt) = transact_two(&p, &q, |p, q| pay(p, q, 1)).unwrap();
    world.run(&[&db], receipt).unwrap();
    assert_eq!((coins(&p), coins(&q), q.is_dirty()), (9, 12, false));
}

#[test]
fn a_hook_that_panics_ends_its_session_and_the_other_goes_on() {
    let world = World::new();
    let db = world.server("game-1");
    let players = world.players(&db);
    let panics = world.players(&db).before_save(|save| {
        assert!(save.coins != 14, "a bug of the game");
        Ok(())
    });
    let (p, q) = (with_ten(&world, &db, &players, "7"), with_ten(&world, &db, &panics, "8"));
    let events = q.events();
    let refused = transact_two(&p, &q, |p, q| pay(p, q, 4)).unwrap_err();
    assert!(matches!(&refused, TransactError::HookPanicked { entry } if entry == q.entry()));
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!((coins(&p), p.state()), (10, SessionState::Active));
    world.until(&[&db], || (q.state() == SessionState::LeaseLost).then_some(()));
    let lost = std::iter::from_fn(|| events.try_next()).last();
    let Some(SessionEvent::Lost { reason: LossReason::HookPanicked, spill: None }) = lost else {
        panic!("{lost:?}")
    };
    let again = world.run(&[&db], players.open("8")).unwrap();
    assert_eq!(coins(&again), 10, "free, and as it was");
    let ((), receipt) = transact_two(&p, &again, |p, q| pay(p, q, 4)).unwrap();
    world.run(&[&db], receipt).unwrap();
}

const AUDITED: ChangeSettings = ChangeSettings { track_details: true, audit_max: 64 };

/// Follows a session by its changes alone, from a snapshot on.
struct Follower {
    session: Session<Dynamic>,
    changes: Events<Arc<Changed>>,
    value: Value,
    count: u64,
    seen: Vec<Arc<Changed>>,
}

impl Follower {
    fn of(session: &Session<Dynamic>) -> Self {
        let changes = session.changes();
        let count = session.audit_log().last().map_or(0, |it| it.change_count);
        let value = session.snapshot().unwrap();
        Self { session: session.clone(), changes, value, count, seen: vec![] }
    }

    /// Takes what was told, and holds what the session holds then.
    #[track_caller]
    fn catches_up(&mut self) {
        while let Some(changed) = self.changes.try_next() {
            self.count += 1;
            assert_eq!(changed.change_count, self.count, "none is missing");
            match &changed.details {
                Some(details) => {
                    let places: Vec<_> = details.iter().map(|it| it.path.clone()).collect();
                    assert_eq!(places, changed.paths);
                    for change in details {
                        assert_eq!(self.value.get(&change.path), change.old.as_ref(), "in order");
                        change.apply_to(&mut self.value).unwrap();
                    }
                }
                None => {
                    for path in &changed.paths {
                        let now = self.session.get(path.clone()).unwrap().unwrap();
                        self.value.set(path, now).unwrap();
                    }
                }
            }
            self.seen.push(changed);
        }
        assert_eq!(Ok(&self.value), self.session.snapshot().as_ref());
        let audit = self.session.audit_log();
        let newest: Vec<_> = audit.iter().rev().take(self.seen.len()).rev().cloned().collect();
        assert_eq!(newest, self.seen);
    }

    /// Where something changed for this reason.
    fn places(&self, reason: &str) -> Vec<String> {
        let of = |it: &&Arc<Changed>| it.reason.as_deref() == Some(reason);
        let paths = self.seen.iter().filter(of).flat_map(|it| it.paths.iter());
        paths.map(ToString::to_string).collect()
    }
}

/// Two records of any JSON with ten coins and a hat each, followed. A hook counts their saves.
fn followed(world: &World, db: &Steadfast) -> [Follower; 2] {
    let values = world.run(&[db], db.values("PlayerData")).unwrap();
    let values = values.before_save(|draft| Ok(draft.add("saves", 1).map(drop)?));
    ["7", "8"].map(|key| {
        let p = world.run(&[db], values.open(key)).unwrap();
        let text = r#"{"coins":10,"items":["hat"],"rank":"new"}"#;
        p.transaction(|draft| {
            let value = Value::parse(text, db.limits()).unwrap();
            Ok(draft.set(steadfast::core::Path::root(), value)?)
        })
        .unwrap();
        world.run(&[db], p.checkpoint()).unwrap();
        Follower::of(&p)
    })
}

/// Coins and the hat for another rank.
fn trade(a: &Follower, b: &Follower) -> steadfast::Receipt {
    let note = Note::because("trade").from_source("market");
    let traded = transact_as(&[&a.session, &b.session], note, |drafts| {
        let [a, b] = drafts else { unreachable!("two were handed in") };
        a.try_debit("coins", 4)?;
        b.add("coins", 4)?;
        let hat = a.remove(steadfast::core::Path::from("items").join(0))?;
        b.insert("items", hat, steadfast::core::document::Insert::END)?;
        b.set("rank", "trader")?;
        Ok(())
    });
    traded.unwrap().1
}

#[test]
fn what_is_taken_and_given_is_told_to_who_follows_along() {
    let world = World::new();
    let db = world.over(Options { changes: AUDITED, ..world.options() });
    let [mut a, mut b] = followed(&world, &db);
    let receipt = trade(&a, &b);
    a.catches_up();
    b.catches_up();
    assert_eq!(a.places("trade"), ["coins", "items"], "what the hook gives shows later");
    assert_eq!(b.places("trade"), ["rank"], "what is neither taken nor given changes at once");
    world.run(&[&db], receipt).unwrap();
    a.catches_up();
    b.catches_up();
    assert_eq!(a.places("trade"), ["coins", "items", "saves"]);
    assert_eq!(b.places("trade"), ["rank", "coins", "items[1]", "saves"]);
    assert_eq!((a.places("before_save").len(), b.places("before_save").len()), (0, 0));
    for it in [&a, &b].map(|follower| follower.session.audit_log().pop().unwrap()) {
        assert_eq!((it.reason.as_deref(), it.source.as_deref()), (Some("trade"), Some("market")));
    }
}

#[test]
fn who_follows_along_sees_edits_and_operations_in_between_in_their_order() {
    let world = World::new();
    let db = world.over(Options { changes: AUDITED, ..world.options() });
    let [mut a, mut b] = followed(&world, &db);
    world.backend.turn(true);
    let receipt = trade(&a, &b);
    for follower in [&mut a, &mut b] {
        follower.session.add("coins", 100).unwrap();
        follower.session.insert("items", "map", steadfast::core::document::Insert::at(0)).unwrap();
        follower.catches_up();
        // Refused, and so told to nobody: nor does it change the note of the one before.
        let other = Note::because("another");
        let sessions = [&follower.session, &follower.session.clone()];
        transact_as(&sessions, other, |_| Ok(())).unwrap_err();
    }
    let pending = transact_as(&[&b.session, &a.session], Note::because("another"), |_| Ok(()));
    assert_eq!(pending.unwrap_err().code(), Code::TransactionPending);
    world.backend.turn(false);
    let add = NewOperation::add("o", "coins", 1).unwrap();
    drop(world.run(&[&db], b.session.queue(add)).unwrap());
    b.session.set("rank", "captain").unwrap();
    world.run(&[&db], receipt).unwrap();
    world.until(&[&db], || (b.session.get("coins") == Ok(Some(115.into()))).then_some(()));
    a.catches_up();
    b.catches_up();
    assert_eq!(b.places("trade"), ["rank", "coins", "items[2]", "saves"]);
    assert_eq!(b.places("steadfast.add"), ["coins"]);
    assert_eq!((a.places("another").len(), b.places("another").len()), (0, 0));
    world.run(&[&db], b.session.checkpoint()).unwrap();
    b.catches_up();
}

#[test]
fn who_follows_along_sees_what_comes_back() {
    let world = World::new();
    let keeps = SessionSettings { release_on_hand_off: false, ..SessionSettings::default() };
    let options = Options { changes: AUDITED, sessions: keeps, ..world.options() };
    let (db, other) = (world.over(options), world.server("game-2"));
    let [mut a, mut b] = followed(&world, &db);
    world.backend.turn(true);
    let receipt = trade(&a, &b);
    a.session.add("coins", 1).unwrap();
    a.catches_up();
    b.catches_up();
    world.backend.turn(false);
    // The partner's record is taken before the batch is stored: the first server sleeps.
    let _stolen = world.run(&[&other], world.players(&other).steal("8")).unwrap();
    let error = world.run(&[&db, &other], receipt).unwrap_err();
    assert_eq!(error.code(), Code::LeaseLost);
    world.until(&[&db, &other], || (a.session.get("coins") == Ok(Some(11.into()))).then_some(()));
    a.catches_up();
    assert_eq!(a.places("trade"), ["coins", "items", "coins", "items[0]"]);
    assert_eq!(a.session.get("items").unwrap(), Some(vec!["hat".into()].into()));
    let last = b.session.audit_log().pop().unwrap();
    assert_eq!((last.reason.as_deref(), last.paths[0].to_string()), (Some("trade"), "rank".into()));
    world.run(&[&db], a.session.checkpoint()).unwrap();
    a.catches_up();
}
