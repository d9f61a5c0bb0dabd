//! The suite that every backend must pass.

use steadfast_storage::conformance::BackendHarness;
use steadfast_storage_redb::{Options, RedbBackend};
use tempfile::TempDir;

struct Redb {
    directory: TempDir,
}

impl Redb {
    fn start(&self) -> RedbBackend {
        let options = Options { cache_size: 4 * 1_024 * 1_024, ..Options::default() };
        RedbBackend::open(self.directory.path(), options).expect("the store opens")
    }
}

impl BackendHarness for Redb {
    type Backend = RedbBackend;

    fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory can be made") }
    }

    fn open(&mut self) -> RedbBackend {
        self.start()
    }

    fn reopen(&mut self, backend: RedbBackend) -> RedbBackend {
        backend.close().expect("the store closes");
        self.start()
    }
}

steadfast_storage::conformance!(Redb);
