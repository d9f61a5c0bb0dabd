//! Writes the store that every release leaves behind for later ones to open: something of
//! everything, the same at every run.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use steadfast::core::key::{ApiKey, KeyScope, Only};
use steadfast::core::platform::{History, Permit, Remove, Request, Set, When};
use steadfast::core::row::{
    Birth, EntryBody, OrderedBody, Reviewed, RowBody, StoreBody, UniverseBody,
};
use steadfast::core::{
    ApiKeyId, Batch, Content, EntryId, EntryKey, JsonText, Metadata, Outcome, Revision, Rng,
    RowKey, Scope, StoreId, StoreName, Timestamp, UniverseId, UserId, UtcHour, Write, WriteId,
};
use steadfast::storage::{Backend, wait};
use steadfast::{Options, Steadfast};
use steadfast_storage_redb::RedbBackend;

/// The secret of the administrator's key.
pub(crate) const ADMIN_SECRET: &str = "the-admin-secret-of-the-test-data";

/// 2026-01-02T03:04:05Z.
const START: i64 = 1_767_323_045;

struct Filler {
    db: Steadfast,
    seconds: Arc<AtomicI64>,
    write_count: u128,
}

impl Filler {
    /// A minute and an odd bit goes by, and there is a new write.
    fn next_write(&mut self) -> WriteId {
        self.seconds.fetch_add(61, Ordering::SeqCst);
        self.write_count += 1;
        WriteId((self.write_count << 64) | (self.write_count * 7))
    }

    async fn set(&mut self, entry: &EntryId, value: &str, users: &[UserId], metadata: &str) {
        let content = Content {
            value: JsonText::trusted(value),
            user_ids: users.to_vec(),
            metadata: Metadata::trusted(metadata),
        };
        let set = Set {
            entry: entry.clone(),
            content: Arc::new(content),
            when: When::Always,
            permit: Permit::ALL,
            write_id: self.next_write(),
        };
        self.db.execute(Request::Set(set)).await.unwrap();
    }

    async fn remove(&mut self, entry: &EntryId) {
        let remove = Remove {
            entry: entry.clone(),
            matches: None,
            force: false,
            write_id: self.next_write(),
        };
        self.db.execute(Request::Remove(remove)).await.unwrap();
    }
}

fn entry(universe: u64, store: &str, scope: &str, key: &str) -> EntryId {
    EntryId {
        store: StoreId { universe: UniverseId(universe), name: StoreName::trusted(store) },
        scope: Scope::trusted(scope),
        key: EntryKey::trusted(key),
    }
}

/// A JSON text that does not shrink to less than a half.
fn digits(seed: u64, size: usize) -> String {
    let mut rng = Rng::seeded(seed);
    let mut text = String::from("\"");
    while text.len() < size {
        write!(text, "{:016x}", rng.next_u64()).unwrap();
    }
    text.push('"');
    text
}

fn api_key(n: u8, universes: Only<UniverseId>, stores: Only<StoreName>) -> ApiKey {
    ApiKey {
        name: format!("key {n} \u{20ac}"),
        digest: [n; 32],
        scopes: [KeyScope::EntryRead, KeyScope::EntryUpdate].into(),
        universes,
        stores,
        birth: Birth::ThisWrite,
        expires_at: (n > 1).then(|| Timestamp::from_unix_seconds(START * 2)),
        revoked: n == 3,
    }
}

fn put_api_keys(backend: &RedbBackend) {
    let some = Only::These([UniverseId(1), UniverseId(u64::MAX)].into());
    let named = Only::These([StoreName::trusted("PlayerData")].into());
    for (n, universes, stores) in
        [(1, Only::Any, Only::Any), (2, some, named), (3, Only::Any, Only::Any)]
    {
        let key = RowKey::ApiKey(ApiKeyId((u128::from(n) << 120) | 5));
        let revision = Revision { counter: 1, tag: u64::from(n) };
        let body = RowBody::ApiKey(api_key(n, universes, stores));
        let writes = vec![Write::Put { key, revision, body }];
        let batch = Batch { conditions: Vec::new(), writes };
        let outcome = wait(|done| backend.commit(batch, done)).unwrap();
        assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
    }
}

fn put(backend: &RedbBackend, key: RowKey, counter: u64, body: RowBody) {
    let revision = Revision { counter, tag: counter * 3 };
    let batch = Batch { conditions: Vec::new(), writes: vec![Write::Put { key, revision, body }] };
    let outcome = wait(|done| backend.commit(batch, done)).unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
}

/// The rows of the families that are written by row here, so that what is in them does not depend
/// on how requests are planned.
fn put_other_families(backend: &RedbBackend) {
    for (universe, count) in [(1, 3), (u64::MAX, 0)] {
        let earlier_snapshots =
            (0..count).map(|day| Timestamp::from_unix_seconds(START - 86_400 * day)).collect();
        let body = RowBody::Universe(UniverseBody { earlier_snapshots });
        put(backend, RowKey::Universe(UniverseId(universe)), 4, body);
    }
    for (store, history, is_deleted) in [
        ("Thinned", Some(History::Thinned), false),
        ("Hourly", Some(History::Hourly), false),
        ("Every", Some(History::Every), false),
        ("Deleted", None, true),
    ] {
        let deleted = is_deleted.then_some(Birth::ThisWrite);
        let body = RowBody::Store(StoreBody { deleted, history, ..StoreBody::NEW });
        put(backend, RowKey::Store(entry(7, store, "", "").store), 2, body);
    }
    let content = |size| Content {
        value: JsonText::trusted(digits(5, size)),
        user_ids: vec![UserId::Number(7)],
        metadata: Metadata::trusted("{}"),
    };
    for (counter, size) in [(1, 10), (2, 3_000)] {
        let id = entry(7, "Thinned", "global", "pinned");
        let content = Some(Arc::new(content(size)));
        let body = EntryBody { birth: Birth::ThisWrite, content, pinned: true, schema: None };
        put(
            backend,
            RowKey::Revision(id.clone(), counter),
            counter,
            RowBody::Revision(body.clone()),
        );
        put(backend, RowKey::Entry(id), counter, RowBody::Entry(body));
    }
    for (store, scope, key, counter, value) in [
        ("Wins", "global", "Player_1", 1, Some(10)),
        ("Wins", "global", "zero\0inside", 1, Some(10)),
        ("Wins", "global", "\u{1f600}", 1, Some(i64::MAX)),
        ("Wins", "global", "lowest", 1, Some(i64::MIN)),
        ("Wins", "global", "moved", 1, Some(3)),
        ("Wins", "global", "moved", 2, Some(-3)),
        ("Wins", "global", "removed", 1, Some(5)),
        ("Wins", "global", "removed", 2, None),
        ("Wins", "global\0", "Player_1", 1, Some(0)),
        // An ordered data store of the same name is another one (K-13).
        ("PlayerData", "global", "Player_1", 1, Some(1)),
    ] {
        let key = RowKey::Ordered(entry(1, store, scope, key));
        put(backend, key, counter, RowBody::Ordered(OrderedBody { value }));
    }
    let removed = entry(1, "Wins", "global", "removed");
    for (hour, reviewed) in [
        (491_000, Reviewed::Ordered(removed)),
        (491_001, Reviewed::Entry(entry(1, "PlayerData", "global", "history"))),
        (491_000, Reviewed::Entry(entry(1, "PlayerData", "global", "zero\0inside"))),
    ] {
        put(backend, RowKey::Review(UtcHour(hour), reviewed), 1, RowBody::Review);
    }
}

/// Writes the store into a new directory and closes it.
pub(crate) async fn fill(dir: &Path) {
    let seconds = Arc::new(AtomicI64::new(START));
    let read = Arc::clone(&seconds);
    let clock = move || Timestamp::from_unix_seconds(read.load(Ordering::SeqCst));
    let backend = RedbBackend::open(
        dir,
        steadfast_storage_redb::Options {
            clock: Box::new(clock.clone()),
            ..steadfast_storage_redb::Options::default()
        },
    );
    let backend = Arc::new(backend.unwrap());
    let options = Options { clock: Arc::new(clock), ..Options::default() };
    let over: Arc<dyn Backend> = Arc::<RedbBackend>::clone(&backend);
    let db = Steadfast::over(over, options).unwrap();
    db.keys().ensure_admin(Some(ADMIN_SECRET)).await.unwrap();
    put_api_keys(&backend);
    let mut filler = Filler { db, seconds, write_count: 0 };
    let users =
        [UserId::Number(7), UserId::Number(u64::MAX), UserId::Text("steam:1 \u{e9}".into())];
    let metadata = r#"{"level":3,"name":"x","vip":true}"#;

    for (universe, store, scope, key) in [
        (1, "PlayerData", "global", "Player_1"),
        (1, "PlayerData", "global", "with a blank/slash%25\u{1f600}"),
        (1, "PlayerData", "global", "zero\0inside"),
        (1, "PlayerData", "global\0", "zero in the scope"),
        (1, "PlayerData", "other", "Player_1"),
        (1, "playerdata", "global", "Player_1"),
        (1, "\u{540d}\u{524d}", "\u{e9}", "e\u{301}"),
        (7, "PlayerData", "global", "Player_1"),
        (u64::MAX, "PlayerData", "global", "Player_1"),
    ] {
        let value = format!(r#"{{ "coins":5.0, "at":"{universe}" }}"#);
        filler.set(&entry(universe, store, scope, key), &value, &users, metadata).await;
    }
    let long = "k".repeat(200);
    filler.set(&entry(1, "PlayerData", "global", &long), "null", &[], "{}").await;

    let history = entry(1, "PlayerData", "global", "history");
    for (n, size) in (1..).zip([10, 200, 300, 1_200, 3_000, 9_000, 40]) {
        filler.set(&history, &digits(n, size), &users[..1], "{}").await;
    }
    let large = entry(1, "Large", "global", "chunks");
    filler.set(&large, &digits(77, 60_000), &users, metadata).await;
    filler.set(&large, &format!("\"{}\"", "ab".repeat(200_000)), &[], "{}").await;

    let gone = entry(1, "PlayerData", "global", "gone");
    filler.set(&gone, "true", &users[..1], "{}").await;
    filler.remove(&gone).await;
    let revived = entry(1, "PlayerData", "global", "revived");
    filler.set(&revived, "[1, 2]", &users[2..], "{}").await;
    filler.remove(&revived).await;
    filler.set(&revived, "-0.1e+5", &[], metadata).await;
    put_other_families(&backend);
    filler.db.clone().close().unwrap();
}
