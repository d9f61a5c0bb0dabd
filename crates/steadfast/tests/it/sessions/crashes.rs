//! What is left after a process ended without a word, and what a close leaves.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use steadfast::core::ErrorKind;
use steadfast::{
    Drive, OpenError, Options, Ownership, SessionEvent, SessionSettings, SessionState, Steadfast,
    Store,
};

use super::world::{Save, World};

/// A directory, in real time as disks are. Dropped without a poll, it is as good as killed: nobody
/// makes its sessions go on.
fn open(dir: &tempfile::TempDir) -> Steadfast {
    let options = Options { drive: Drive::ByPoll, ..Options::default() };
    Steadfast::open_with(dir.path(), options).unwrap()
}

/// Makes sessions go on until a future is done.
fn run<T>(db: &Steadfast, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        db.poll();
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::yield_now(),
        }
    }
}

fn players(db: &Steadfast) -> Store<Save> {
    run(db, db.store("PlayerData")).unwrap()
}

#[test]
fn a_checkpoint_survives_a_crash_and_the_record_is_free_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir);
    let p = run(&db, players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    run(&db, p.checkpoint()).unwrap();
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    drop((p, db));

    let db = open(&dir);
    let began = db.now();
    let p = run(&db, players(&db).open("7")).unwrap();
    // The lease of a server that somebody would have to declare dead costs ten seconds.
    assert!(db.now().saturating_since(began) < Duration::from_secs(5));
    assert_eq!(p.get(|save| save.coins), Ok(5), "what was promised, and no more");
}

#[test]
fn a_close_saves_and_releases_everything() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir);
    let store = players(&db);
    let sessions: Vec<_> = (0..10_i64)
        .map(|player| {
            let p = run(&db, store.open(&player.to_string())).unwrap();
            p.edit(|save| Ok(save.coins = player)).unwrap();
            p
        })
        .collect();
    db.close().unwrap();
    assert!(sessions.iter().all(|p| p.state() == SessionState::Released));
    drop((sessions, store));
    let db = open(&dir);
    let store = players(&db);
    for player in 0..10_i64 {
        let p = run(&db, store.open(&player.to_string())).unwrap();
        assert_eq!(p.get(|save| save.coins), Ok(player));
    }
    assert_eq!(db.spills(), []);
}

#[test]
fn a_store_that_only_serves_data_has_no_game_server() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&dir);
    assert!(db.server_events().is_none());
    assert_eq!((db.poll(), db.session_count()), (None, 0));
    players(&db);
    assert!(db.server_events().is_some());
    assert!(db.poll().is_some());
}

/// The settings of a process that owns its store, and keeps what it cannot save in a directory.
fn owner(world: &World, dir: &tempfile::TempDir) -> Options {
    let spills_in = Some(dir.path().join("spills"));
    Options { ownership: Ownership::Sole, spills_in, ..world.options() }
}

#[test]
fn what_a_close_could_not_save_is_picked_up_at_the_next_opening_of_its_record() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    world.run(&[&db], p.checkpoint()).unwrap();
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    world.backend.turn(true);
    let began = world.seconds();
    let unsaved = world.run(&[&db], db.close_sessions());
    assert!(world.seconds() - began < 25.1, "{}", world.seconds() - began);
    assert_eq!(unsaved.len(), 1);
    drop((p, db));

    world.backend.turn(false);
    let db = world.over(owner(&world, &dir));
    let kept = db.spills();
    assert_eq!(kept.iter().map(|kept| &kept.spill).collect::<Vec<_>>(), [&unsaved[0]]);
    assert!(kept[0].path.as_ref().is_some_and(|path| path.exists()));
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!((p.get(|save| save.coins), db.spills()), (Ok(6), vec![]));
    assert!(!kept[0].path.as_ref().is_some_and(|path| path.exists()));
    // It is stored with the grant: a crash right after it loses nothing.
    drop((p, db));
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(6));
}

#[test]
fn what_a_close_could_not_save_never_overwrites_what_came_after() {
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    world.backend.turn(true);
    world.run(&[&db], db.close_sessions());
    world.backend.turn(false);
    drop((p, db));
    // Somebody who knows nothing of the directory.
    let other = world.over(Options { spills_in: None, ..owner(&world, &dir) });
    let q = world.run(&[&other], world.players(&other).open("7")).unwrap();
    q.edit(|save| Ok(save.coins = 9)).unwrap();
    world.run(&[&other], q.release()).unwrap();

    let db = world.over(owner(&world, &dir));
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(9));
    assert_eq!(p.events().try_next(), Some(SessionEvent::SpillStale));
    assert_eq!(db.spills().len(), 1, "a person decides");
}

#[test]
fn a_close_without_a_thread_ends_although_its_clock_stands_still() {
    let world = World::new();
    let short = SessionSettings { close_timeout: Duration::from_millis(50), ..Default::default() };
    let db = world.server_with("game-1", short);
    let p = world.run(&[&db], world.players(&db).open("7")).unwrap();
    p.edit(|save| Ok(save.coins = 6)).unwrap();
    world.backend.turn(true);
    db.close().unwrap();
}

#[test]
fn settings_that_do_not_fit_together_are_refused_at_the_opening() {
    let wrong = SessionSettings { margin: Duration::ZERO, ..SessionSettings::default() };
    let refused = Steadfast::in_memory(Options { sessions: wrong, ..Options::default() });
    let refused = refused.unwrap_err();
    assert!(matches!(refused, OpenError::Settings(_)), "{refused:?}");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}
