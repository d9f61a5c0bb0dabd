//! Sessions that a thread of the library drives, in real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use steadfast::core::game_server::ServerEvent;
use steadfast::core::row::{ReadResult, ScanResult};
use steadfast::core::{Batch, Code, CommitOutcome, RowKey, RowRange, Timestamp};
use steadfast::storage::{Backend, Capabilities, Done, MemoryBackend};
use steadfast::{Access, Options, Ownership, SaveError, SessionSettings, SessionState, Steadfast};

use super::world::Save;

/// Everything a hundred times as fast.
fn quick() -> Options {
    let millis = Duration::from_millis;
    let sessions = SessionSettings {
        renew_every: millis(30),
        presence_timeout: millis(4_000),
        watch: millis(2_000),
        resend_every: millis(250),
        poll_every: millis(5),
        ..SessionSettings::default()
    };
    Options { sessions, sweep_every: None, ownership: Ownership::Shared, ..Options::default() }
}

fn rows() -> Arc<MemoryBackend> {
    Arc::new(MemoryBackend::new(steadfast_storage_redb::system_clock))
}

async fn players(db: &Steadfast) -> steadfast::Store<Save> {
    db.store("PlayerData").await.unwrap()
}

#[tokio::test]
async fn a_record_goes_back_and_forth_between_two_game_servers() {
    let rows = rows();
    let open = || Steadfast::over(Arc::<MemoryBackend>::clone(&rows), quick()).unwrap();
    let (a, b) = (open(), open());
    let (on_a, on_b) = (players(&a).await, players(&b).await);
    for round in 0..4_i64 {
        let p = if round % 2 == 0 { on_a.open("7").await } else { on_b.open("7").await };
        let p = p.unwrap();
        assert_eq!(p.get(|save| save.coins), Ok(round));
        p.edit(|save| Ok(save.coins += 1)).unwrap();
        // Not released: the next one asks for it. The handle is kept for so long.
        let events = p.events();
        tokio::join!(
            async {
                let other = if round % 2 == 0 { &on_b } else { &on_a };
                let q = other.open("7").await.unwrap();
                q.release().await.unwrap();
            },
            async { while events.next().await.is_some() {} }
        );
        assert_eq!(p.state(), SessionState::Released);
    }
}

#[tokio::test]
async fn a_store_whose_handles_are_all_gone_saves_closes_and_ends_its_thread() {
    let rows = rows();
    let db = Steadfast::over(Arc::<MemoryBackend>::clone(&rows), quick()).unwrap();
    let p = players(&db).await.open("7").await.unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    drop(db);
    p.edit(|save| Ok(save.coins += 1)).unwrap();
    drop(p);
    while Arc::strong_count(&rows) > 1 {
        thread::yield_now();
    }
    assert_eq!(rows.stopped(), None);
    let db = Steadfast::over(Arc::<MemoryBackend>::clone(&rows), quick()).unwrap();
    let p = players(&db).await.open("7").await.unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(6));
}

#[tokio::test]
async fn a_close_waits_for_the_last_save() {
    let dir = tempfile::tempdir().unwrap();
    let db = Steadfast::open(dir.path()).await.unwrap();
    let p = players(&db).await.open("7").await.unwrap();
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    db.close().unwrap();
    assert_eq!(p.state(), SessionState::Released);
    let db = Steadfast::open(dir.path()).await.unwrap();
    let p = players(&db).await.open("7").await.unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sessions_at_once_all_end_as_they_were_left() {
    let db = Steadfast::in_memory(Options::default()).unwrap();
    let store = players(&db).await;
    for _ in 0..2 {
        let mut tasks = tokio::task::JoinSet::new();
        for player in 0..64 {
            let store = store.clone();
            tasks.spawn(async move {
                let p = store.open(&player.to_string()).await.unwrap();
                for _ in 0..10 {
                    p.edit(|save| Ok(save.coins += 1)).unwrap();
                }
                p.checkpoint().await.unwrap();
                p.release().await.unwrap();
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
    let p = store.open("63").await.unwrap();
    assert_eq!(p.get(|save| save.coins), Ok(20));
    assert_eq!(db.session_count(), 1);
}

/// Panics at commits once it is told to, on the thread that asks for them.
struct Panicking {
    rows: Arc<MemoryBackend>,
    panics: AtomicBool,
}

impl Backend for Panicking {
    fn capabilities(&self) -> Capabilities {
        self.rows.capabilities()
    }
    fn now(&self) -> Timestamp {
        self.rows.now()
    }
    fn started_at(&self) -> Timestamp {
        self.rows.started_at()
    }
    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        self.rows.read(rows, done);
    }
    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.rows.scan(range, limit, done);
    }
    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        assert!(!self.panics.load(Ordering::Relaxed), "planned");
        self.rows.commit(batch, done);
    }
}

#[tokio::test]
async fn a_panic_of_the_thread_ends_its_sessions_and_nobody_waits_for_ever() {
    let backend = Arc::new(Panicking { rows: rows(), panics: AtomicBool::new(false) });
    let db = Steadfast::over(Arc::<Panicking>::clone(&backend), quick()).unwrap();
    let store = players(&db).await;
    let (p, events) = (store.open("7").await.unwrap(), db.server_events().unwrap());
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    let minute = Duration::from_mins(1);
    let (_held, waiting) = (p.lock("trade", minute).await.unwrap(), p.lock("trade", minute));
    backend.panics.store(true, Ordering::Relaxed);
    assert_eq!(p.checkpoint().await, Err(SaveError::Closed));
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert_eq!(last, Some(ServerEvent::Stopped));
    assert_eq!((p.snapshot(), p.state()), (Err(Access::Closed), SessionState::LeaseLost));
    assert_eq!(p.next_event().await, None);
    assert_eq!(waiting.await.unwrap_err().code(), Code::SessionClosed);
    assert_eq!(store.open("8").await.unwrap_err().code(), Code::StoreClosed);
    assert_eq!(db.close_sessions().await, []);
    db.close().unwrap();
}

#[tokio::test]
async fn an_edit_waits_for_a_hook_that_is_slow_and_goes_on_after_it() {
    let db = Steadfast::in_memory(Options::default()).unwrap();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (end, may_end) = std::sync::mpsc::channel();
    let may_end = std::sync::Mutex::new(may_end);
    let store = players(&db).await.before_save(move |save| {
        begun.send(()).unwrap();
        may_end.lock().unwrap().recv().unwrap();
        save.items.push("saved".into());
        Ok(())
    });
    let (p, q) = (store.open("7").await.unwrap(), store.open("8").await.unwrap());
    p.edit(|save| Ok(save.coins = 5)).unwrap();
    thread::scope(|scope| {
        // Asking for the save may be what runs the hook.
        scope.spawn(|| drop(p.save().unwrap()));
        has_begun.recv().unwrap();
        let edit = scope.spawn(|| q.edit(|save| Ok(save.coins = 1)).unwrap());
        end.send(()).unwrap();
        edit.join().unwrap();
    });
    assert_eq!(p.checkpoint().await.map(drop), Ok(()));
    assert_eq!(p.get(|save| save.items.len()), Ok(1));
    assert!(p.is_active() && q.is_active());
    end.send(()).unwrap();
    db.close_sessions().await;
}
