//! A directory and a server, to be treated alike.

use std::path::Path;

use steadfast::{Options, Steadfast};

use crate::program::{Place, Server};

const ADMIN_KEY: &str = "an-admin-key-of-the-tests-0123456789";

/// An empty data directory that no process holds.
pub(crate) fn empty_directory(dir: &Path) -> Place {
    Steadfast::open_with(dir, Options::default()).unwrap().close().unwrap();
    Place::directory(dir)
}

/// A server on a directory, with everything allowed.
pub(crate) fn server(dir: &Path) -> (Server, Place) {
    let server = Server::start(dir, &[("STEADFAST_ADMIN_KEY", ADMIN_KEY)], &[]);
    let place = Place::server(&server.url, ADMIN_KEY);
    (server, place)
}

/// Expects the same of a directory and of a server.
pub(crate) fn check_both(check: impl Fn(&Place)) {
    // The snapshots of both are the same.
    insta::allow_duplicates! {
        let dir = tempfile::tempdir().unwrap();
        check(&empty_directory(dir.path()));
        let dir = tempfile::tempdir().unwrap();
        let (server, place) = server(dir.path());
        check(&place);
        assert_eq!(server.stop("TERM").0, Some(0));
    }
}

/// Writes lines to a file for `seed`, and seeds universe 7 with them.
#[track_caller]
pub(crate) fn seed(place: &Place, lines: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("seeds.ndjson");
    std::fs::write(&file, lines).unwrap();
    place.run("seed", &["--universe", "7", file.to_str().unwrap()]).ok();
}

/// A game server that holds an entry of a directory, and is gone without a word.
pub(crate) fn hold(dir: &Path, key: &str) {
    use steadfast::core::record::{Fence, Lease, LeaseMode, RECORD_FORMAT, RecordBody, Usage};
    use steadfast::core::row::Birth;
    use steadfast::core::{
        Batch, EntryId, EntryKey, Revision, RowBody, RowKey, Scope, ServerId, SessionId, StoreId,
        StoreName, UniverseId, Write, WriteId,
    };
    use steadfast::storage::{Backend, wait};

    let store = StoreId { universe: UniverseId(7), name: StoreName::trusted("players") };
    let entry = EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) };
    let (session, write_id) = (SessionId(3), WriteId(9));
    let (server, mode, since) = (ServerId(0xfeed), LeaseMode::Presence, Birth::ThisWrite);
    let lease = Some(Lease { server, session, mode, since });
    let (format, schema, fence, save_seq) = (RECORD_FORMAT, 0, Fence::first(session), 0);
    let usage = Usage::default();
    let body =
        RowBody::Record(RecordBody { format, schema, lease, fence, save_seq, write_id, usage });
    let put = Write::Put { key: RowKey::Record(entry), revision: Revision::first(write_id), body };
    let batch = Batch { conditions: vec![], writes: vec![put] };
    let options = steadfast_storage_redb::Options::default();
    let backend = steadfast_storage_redb::RedbBackend::open(dir, options).unwrap();
    let outcome = wait(|done| backend.commit(batch, done)).unwrap();
    assert!(outcome.committed().is_some());
    backend.close().unwrap();
}
