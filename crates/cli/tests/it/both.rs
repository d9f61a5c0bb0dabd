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
