//! What earlier releases wrote opens, and is all there (`testdata/README.md`).

mod fill;
mod listing;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast::core::platform::{Get, Request, Which};
use steadfast::core::{EntryId, EntryKey, Scope, StoreId, StoreName, UniverseId, UserId};
use steadfast::{Options, Steadfast};
use steadfast_storage_redb::{RedbBackend, doctor};

use self::fill::{ADMIN_SECRET, fill};
use self::listing::listing;

fn release(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(version)
}

/// A copy of what a release wrote.
fn unpack(version: &str, to: &Path) {
    let from = release(version);
    for name in ["FORMAT", "CLOSED"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let packed = fs::File::open(from.join("data.redb.zst")).unwrap();
    let data = fs::File::create(to.join("data.redb")).unwrap();
    zstd::stream::copy_decode(packed, data).unwrap();
}

/// One by one, so that a failure is readable.
#[track_caller]
fn check_lines<'a>(
    found: impl Iterator<Item = &'a str>,
    mut expected: impl Iterator<Item = &'a str>,
) {
    let mut count = 0;
    for line in found {
        assert_eq!(Some(line), expected.next());
        count += 1;
    }
    assert_eq!(expected.next(), None);
    assert!(count > 40, "{count} lines");
}

#[tokio::test]
async fn what_0_1_0_wrote_opens_and_is_all_there() {
    let dir = tempfile::tempdir().unwrap();
    unpack("0.1.0", dir.path());
    let report = doctor(dir.path()).unwrap();
    assert!(report.is_clean() && report.is_closed, "{report:?}");
    let backend = RedbBackend::open(dir.path(), steadfast_storage_redb::Options::default());
    let backend = backend.unwrap();
    let expected = fs::read_to_string(release("0.1.0").join("LISTING.txt")).unwrap();
    check_lines(listing(&backend).lines(), expected.lines());
    backend.close().unwrap();

    // And it serves.
    let db = Steadfast::open_with(dir.path(), Options::default()).unwrap();
    assert_eq!(db.keys().ensure_admin(Some(ADMIN_SECRET)).await.unwrap(), None);
    assert!(db.keys().authenticate(ADMIN_SECRET).await.unwrap().is_some());
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("PlayerData") };
    let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted("revived") };
    let get = Request::Get(Get { entry: entry.clone(), which: Which::Current });
    let read = db.execute(get).await.unwrap();
    assert_eq!((read.revision.counter, read.content.unwrap().value.as_str()), (3, "-0.1e+5"));
    let content = Arc::new(steadfast::core::Content {
        value: steadfast::core::JsonText::trusted("1"),
        user_ids: vec![UserId::Number(1)],
        metadata: steadfast::core::row::Metadata::empty(),
    });
    let change = db
        .update(entry, steadfast::core::platform::Permit::ALL, move |_| Some(Arc::clone(&content)));
    assert_eq!(change.await.unwrap().unwrap().revision.counter, 4, "counters go on");
    db.close().unwrap();
}

/// Until the release it is made anew when the format changes. This says when that is due; once the
/// release is out it goes, and the data stays.
#[tokio::test]
async fn this_version_still_writes_what_is_kept_as_0_1_0() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path()).await;
    let backend = RedbBackend::open(dir.path(), steadfast_storage_redb::Options::default());
    let expected = fs::read_to_string(release("0.1.0").join("LISTING.txt")).unwrap();
    // A key that the library makes has a random tag.
    let is_ours = |line: &&str| !line.contains(r#"name: "admin""#);
    let found = listing(&backend.unwrap());
    check_lines(found.lines().filter(is_ours), expected.lines().filter(is_ours));
}
