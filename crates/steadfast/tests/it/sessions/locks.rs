//! Named locks of sessions: first come, first served, and never for ever.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use steadfast::core::Code;
use steadfast::{
    Cancel, LOCK_NAME_SIZE_MAX, LOCK_WAITERS_MAX, LockError, LockedTransactError, NamedLock,
    Session, Steadfast, lock_all, transact_two_locked,
};

use super::world::{Save, World};

const SECOND: Duration = Duration::from_secs(1);

type Taking = Pin<Box<dyn Future<Output = Result<NamedLock, LockError>>>>;

fn take(p: &Session<Save>, name: &str, timeout: Duration) -> Taking {
    Box::pin(p.lock(name, timeout))
}

fn ready<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn open(world: &World) -> (Steadfast, Session<Save>) {
    let db = world.server("game-1");
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    (db, p)
}

#[test]
fn a_lock_goes_from_hand_to_hand_in_the_order_of_asking() {
    let world = World::new();
    let (_db, p) = open(&world);
    let first = ready(&mut take(&p, "trade", SECOND)).unwrap().unwrap();
    assert_eq!((first.name(), p.is_locked("trade"), p.is_locked("other")), ("trade", true, false));
    let mut line: Vec<Taking> = (0..3).map(|_| take(&p, "trade", SECOND)).collect();
    assert!(line.iter_mut().all(|waiting| ready(waiting).is_none()));
    // Another name, and the same one of another session, are other locks.
    drop(ready(&mut take(&p, "other", SECOND)).unwrap().unwrap());
    // The first of the line gives up: it is passed over.
    drop(line.remove(0));
    drop(first);
    let second = ready(&mut line[0]).unwrap().unwrap();
    assert!(ready(&mut line[1]).is_none());
    // One that was handed the lock and never took it hands it on.
    drop(second);
    drop(line.remove(1));
    assert!(!p.is_locked("trade"));
}

#[test]
fn whoever_waits_too_long_is_told_and_the_line_moves_on() {
    let world = World::new();
    let (db, p) = open(&world);
    let held = ready(&mut take(&p, "trade", SECOND)).unwrap().unwrap();
    let mut patient = take(&p, "trade", 60 * SECOND);
    assert!(ready(&mut patient).is_none());
    let began = world.seconds();
    let refused = world.run(&[&db], p.lock("trade", 5 * SECOND)).unwrap_err();
    assert!((5.0..5.1).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    assert_eq!(refused, LockError::TimedOut { name: "trade".into() });
    assert_eq!(refused.code(), Code::NamedLockTimeout);
    // Who has no time does not wait at all.
    let refused = ready(&mut take(&p, "trade", Duration::ZERO)).unwrap();
    assert_eq!(refused.unwrap_err().code(), Code::NamedLockTimeout);
    drop(held);
    let patient = ready(&mut patient).unwrap();
    assert!(patient.is_ok());
}

#[test]
fn the_end_of_a_session_is_the_end_of_its_locks() {
    let world = World::new();
    let (db, p) = open(&world);
    let held = ready(&mut take(&p, "trade", SECOND)).unwrap().unwrap();
    let mut waiting = take(&p, "trade", 60 * SECOND);
    world.run(&[&db], p.release()).unwrap();
    let refused = ready(&mut waiting).unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::SessionClosed);
    assert!(!p.is_locked("trade"));
    drop(held);
    let refused = ready(&mut take(&p, "trade", SECOND)).unwrap().unwrap_err();
    assert_eq!(refused.code(), Code::SessionClosed);
}

#[test]
fn names_and_lines_of_locks_end_at_their_limits() {
    let world = World::new();
    let (_db, p) = open(&world);
    let longest = "x".repeat(LOCK_NAME_SIZE_MAX);
    let held = ready(&mut take(&p, &longest, SECOND)).unwrap().unwrap();
    for name in ["", &*format!("{longest}x")] {
        let refused = ready(&mut take(&p, name, SECOND)).unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::InvalidName);
    }
    let mut line: Vec<_> = (0..LOCK_WAITERS_MAX).map(|_| take(&p, &longest, 60 * SECOND)).collect();
    assert!(ready(&mut line[LOCK_WAITERS_MAX - 1]).is_none());
    let refused = ready(&mut take(&p, &longest, 60 * SECOND)).unwrap().unwrap_err();
    assert!(matches!(refused, LockError::Crowded { .. }), "{refused:?}");
    assert_eq!(refused.code(), Code::NamedLockTimeout);
    line.pop();
    assert!(ready(&mut take(&p, &longest, 60 * SECOND)).is_none());
    drop(held);
    assert!(ready(&mut line[0]).is_some());
}

#[test]
fn work_under_a_lock_is_alone_and_lets_go_also_when_it_is_given_up() {
    let world = World::new();
    let (db, p) = open(&world);
    let answer = world.run(&[&db], p.with_lock("trade", SECOND, async || p.is_locked("trade")));
    assert_eq!((answer, p.is_locked("trade")), (Ok(true), false));
    let mut forever = Box::pin(p.with_lock("trade", SECOND, std::future::pending::<()>));
    assert!(ready(&mut forever).is_none());
    assert!(p.is_locked("trade"));
    let refused = world
        .run(&[&db], p.with_lock_transaction("trade", SECOND, |save| Ok(save.coins = 5)))
        .unwrap_err();
    assert_eq!(refused.code(), Code::NamedLockTimeout);
    drop(forever);
    world.run(&[&db], p.with_lock_transaction("trade", SECOND, |save| Ok(save.coins = 5))).unwrap();
    let cancelled = world
        .run(
            &[&db],
            p.with_lock_transaction("trade", SECOND, |save| {
                save.coins = 0;
                Err::<(), _>(Cancel::because("no"))
            }),
        )
        .unwrap_err();
    assert_eq!(cancelled.code(), Code::TransactionCancelled);
    assert_eq!((p.get(|save| save.coins), p.is_locked("trade")), (Ok(5), false));
}

#[test]
fn locks_of_several_sessions_are_taken_in_one_order_and_let_go_of_together() {
    let world = World::new();
    let (db, p) = open(&world);
    let q = world.run(&[&db], world.players(&db).open("6")).unwrap();
    let targets = |order: [&Session<Save>; 2]| order.map(|it| it.lock_target("trade"));
    // Whatever the order they are named in, the second one waits and holds nothing that the first
    // wants.
    let held = world.run(&[&db], lock_all(targets([&p, &q]), SECOND)).unwrap();
    let order: Vec<_> = held.iter().map(NamedLock::name).collect();
    assert_eq!(order, ["trade", "trade"]);
    let mut second = Box::pin(lock_all(targets([&q, &p]), 60 * SECOND));
    assert!(ready(&mut second).is_none());
    drop(held);
    let both = world.run(&[&db], second).unwrap();
    assert!(p.is_locked("trade") && q.is_locked("trade"));
    drop(both);
    assert!(!p.is_locked("trade") && !q.is_locked("trade"));
    // The record with the smaller key comes first: while that one is taken, nothing else is held.
    let held = ready(&mut take(&q, "trade", SECOND)).unwrap().unwrap();
    let mut waiting = Box::pin(lock_all(targets([&p, &q]), 60 * SECOND));
    assert!(ready(&mut waiting).is_none());
    assert!(!p.is_locked("trade"));
    drop((waiting, held));
    // Named twice, taken once; and one that cannot be had leaves nothing held.
    let twice = [p.lock_target("trade"), p.lock_target("trade")];
    assert_eq!(world.run(&[&db], lock_all(twice, SECOND)).unwrap().len(), 1);
    let held = ready(&mut take(&p, "trade", SECOND)).unwrap().unwrap();
    let began = world.seconds();
    let refused = world.run(&[&db], lock_all(targets([&p, &q]), 5 * SECOND)).unwrap_err();
    assert!((5.0..5.1).contains(&(world.seconds() - began)), "{}", world.seconds() - began);
    assert_eq!((refused.code(), q.is_locked("trade")), (Code::NamedLockTimeout, false));
    drop(held);
}

/// It may be awaited on any task.
fn sendable<T: Send>(future: T) -> T {
    future
}

/// Two sessions of one server.
fn pair(world: &World, db: &Steadfast) -> (Session<Save>, Session<Save>) {
    let players = world.players(db);
    let open = |key| {
        let p = world.run(&[db], players.open(key)).unwrap();
        p.edit(|save| Ok(save.coins = 10)).unwrap();
        world.run(&[db], p.checkpoint()).unwrap();
        p
    };
    (open("7"), open("8"))
}

fn pay(from: &mut Save, to: &mut Save) -> Result<(), Cancel> {
    if from.coins < 4 {
        return Err(Cancel::because("too few coins"));
    }
    from.coins -= 4;
    to.coins += 4;
    Ok(())
}

#[test]
fn a_transaction_under_locks_is_durable_when_it_returns_and_lets_go() {
    let world = World::new();
    let db = world.server("game-1");
    let (one, other) = pair(&world, &db);
    let mut paid = Box::pin(transact_two_locked(&one, &other, "trade", SECOND, pay));
    // Locked, edited and sent by the first look at it.
    assert!(ready(&mut paid).is_none());
    assert!(one.is_locked("trade") && other.is_locked("trade"));
    assert_eq!((one.get(|save| save.coins), other.get(|save| save.coins)), (Ok(6), Ok(10)));
    world.run(&[&db], paid).unwrap();
    assert!(!one.is_locked("trade") && !other.is_locked("trade"));
    assert!(!one.is_dirty() && !other.is_dirty());
    assert_eq!((one.get(|save| save.coins), other.get(|save| save.coins)), (Ok(6), Ok(14)));
}

#[test]
fn a_transaction_that_gets_one_lock_only_changes_nothing_and_holds_none() {
    let world = World::new();
    let db = world.server("game-1");
    let (one, other) = pair(&world, &db);
    let taken = ready(&mut take(&other, "trade", SECOND)).unwrap().unwrap();
    let refused = world.run(&[&db], transact_two_locked(&one, &other, "trade", SECOND, pay));
    assert_eq!(refused.unwrap_err().code(), Code::NamedLockTimeout);
    assert!(!one.is_locked("trade"));
    drop(taken);
    one.edit(|save| Ok(save.coins = 3)).unwrap();
    let refused = world.run(&[&db], transact_two_locked(&one, &other, "trade", SECOND, pay));
    assert_eq!(refused.unwrap_err().code(), Code::TransactionCancelled);
    let alone = world.run(&[&db], transact_two_locked(&one, &one, "trade", SECOND, pay));
    assert_eq!(alone.unwrap_err().code(), Code::InvalidRequest);
    assert_eq!((one.get(|save| save.coins), other.get(|save| save.coins)), (Ok(3), Ok(10)));
    assert!(!one.is_locked("trade") && !other.is_locked("trade"));
}

#[test]
fn two_transactions_in_opposite_order_never_wait_for_each_other() {
    let world = World::new();
    let db = world.server("game-1");
    let (one, other) = pair(&world, &db);
    let there = sendable(transact_two_locked(&one, &other, "trade", SECOND, pay));
    let back = transact_two_locked(&other, &one, "trade", SECOND, pay);
    let (there, back) = world.run(&[&db], async { tokio::join!(there, back) });
    assert!(there.is_ok() && back.is_ok(), "{there:?}, {back:?}");
    assert_eq!((one.get(|save| save.coins), other.get(|save| save.coins)), (Ok(10), Ok(10)));
}

#[test]
fn a_transaction_under_locks_that_is_not_stored_says_so() {
    let world = World::new();
    let db = world.server("game-1");
    let (one, other) = pair(&world, &db);
    world.backend.turn(true);
    let paid = world.run(&[&db], transact_two_locked(&one, &other, "trade", SECOND, pay));
    let error = paid.unwrap_err();
    assert!(matches!(error, LockedTransactError::Save(_)), "{error:?}");
    assert_eq!(error.kind(), error.code().kind());
    assert!(!one.is_locked("trade"));
}
