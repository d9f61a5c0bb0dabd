//! Facts about API keys.

use std::sync::atomic::{AtomicI64, Ordering};

use steadfast_storage::{Fault, FaultyBackend, MemoryBackend};

use super::*;

struct World {
    seconds: Arc<AtomicI64>,
    backend: Arc<FaultyBackend<MemoryBackend>>,
    keys: ApiKeys,
}

fn world() -> World {
    let seconds = Arc::new(AtomicI64::new(1_000));
    let clock = Arc::clone(&seconds);
    let now = move || Timestamp::from_unix_seconds(clock.load(Ordering::Relaxed));
    let backend = Arc::new(FaultyBackend::new(MemoryBackend::new(now)));
    let shared: Arc<dyn Backend> = backend.clone();
    let keys = ApiKeys::new(shared);
    World { seconds, backend, keys }
}

fn reader(expires_at: Option<Timestamp>) -> NewKey {
    NewKey {
        name: "reader".into(),
        scopes: [KeyScope::EntryRead].into(),
        universes: Only::Any,
        stores: Only::Any,
        expires_at,
    }
}

#[tokio::test]
async fn only_the_whole_secret_is_accepted() {
    let World { keys, .. } = world();
    let (id, secret) = keys.create(reader(None)).await.unwrap();
    assert!(secret.starts_with("sfk_") && secret.len() == 47);
    assert_eq!(keys.authenticate(&secret).await.unwrap().map(|(id, _)| id), Some(id));
    for wrong in ["", "sfk_", &secret[1..], &format!("{secret}x"), &secret.to_lowercase()] {
        assert_eq!(keys.authenticate(wrong).await, Ok(None), "{wrong}");
    }
}

#[tokio::test]
async fn a_key_that_shares_the_first_half_of_its_digest_is_refused() {
    let World { keys, backend, .. } = world();
    let (id, secret) = keys.create(reader(None)).await.unwrap();
    let (row, mut key) = keys.find(id).await.unwrap().unwrap();
    key.digest[31] ^= 1;
    let revision = row.revision.next(WriteId(9));
    assert_eq!(keys.write(id, Condition::At(row.revision), revision, key).await, Ok(true));
    assert_eq!(keys.authenticate(&secret).await, Ok(None));
    drop(backend);
}

#[tokio::test]
async fn expired_and_revoked_keys_are_refused_from_that_moment_on() {
    let World { keys, seconds, .. } = world();
    let expiry = Timestamp::from_unix_seconds(2_000);
    let (_, expiring) = keys.create(reader(Some(expiry))).await.unwrap();
    let (revoked_id, revoked) = keys.create(reader(None)).await.unwrap();
    assert!(keys.authenticate(&expiring).await.unwrap().is_some());
    assert!(keys.authenticate(&revoked).await.unwrap().is_some());

    keys.revoke(revoked_id).await.unwrap();
    assert_eq!(keys.authenticate(&revoked).await, Ok(None));
    assert_eq!(keys.revoke(revoked_id).await, Ok(()));
    let missing = ApiKeyId(1);
    assert_eq!(keys.revoke(missing).await, Err(KeyError::NotFound { id: missing }));

    seconds.store(1_999, Ordering::Relaxed);
    assert!(keys.authenticate(&expiring).await.unwrap().is_some());
    seconds.store(2_000, Ordering::Relaxed);
    assert_eq!(keys.authenticate(&expiring).await, Ok(None));
}

#[tokio::test]
async fn keys_stay_listed_with_the_time_at_which_they_were_made() {
    let World { keys, seconds, .. } = world();
    let (id, _) = keys.create(reader(None)).await.unwrap();
    seconds.store(5_000, Ordering::Relaxed);
    keys.revoke(id).await.unwrap();
    let listed = keys.list().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].0, listed[0].1.revoked), (id, true));
    assert_eq!(listed[0].2, Timestamp::from_unix_seconds(1_000));
}

#[tokio::test]
async fn lists_are_whole_beyond_one_page() {
    let World { keys, .. } = world();
    for _ in 0..=KEYS_PER_SCAN {
        keys.create(reader(None)).await.unwrap();
    }
    assert_eq!(keys.list().await.unwrap().len(), KEYS_PER_SCAN + 1);
}

#[tokio::test]
async fn the_first_start_makes_one_admin_key_and_later_starts_none() {
    let World { keys, .. } = world();
    let secret = keys.ensure_admin(None).await.unwrap().unwrap();
    assert_eq!(keys.ensure_admin(None).await, Ok(None));
    let (_, key) = keys.authenticate(&secret).await.unwrap().unwrap();
    assert!(KeyScope::ALL.into_iter().all(|scope| key.allows(scope)));
}

#[tokio::test]
async fn a_preset_secret_works_at_every_start_and_must_not_be_short() {
    let World { keys, .. } = world();
    let preset = "x".repeat(SECRET_SIZE_MIN);
    assert_eq!(keys.ensure_admin(Some(&preset)).await, Ok(None));
    assert_eq!(keys.ensure_admin(Some(&preset)).await, Ok(None));
    assert_eq!(keys.list().await.unwrap().len(), 1);
    assert!(keys.authenticate(&preset).await.unwrap().is_some());
    let short = keys.ensure_admin(Some(&preset[1..])).await;
    assert_eq!(short, Err(KeyError::WeakSecret { actual: SECRET_SIZE_MIN - 1 }));
    assert_eq!(short.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_store_that_cannot_tell_is_not_a_wrong_key() {
    let World { keys, backend, .. } = world();
    let (id, secret) = keys.create(reader(None)).await.unwrap();
    backend.plan_reads([true]);
    let answer = keys.authenticate(&secret).await;
    assert!(matches!(answer, Err(KeyError::Unavailable { .. })));
    backend.plan_commits([Some(Fault::AppliedThenUnknown)]);
    assert_eq!(keys.revoke(id).await, Err(KeyError::OutcomeUnknown { id }));
    backend.plan_commits([Some(Fault::Full)]);
    let full = keys.create(reader(None)).await;
    assert!(matches!(full, Err(KeyError::StoreFull { .. })));
}
