//! Writes the test data of a release: `testdata/README.md` says when.
//!
//! ```sh
//! cargo run -p steadfast --example testdata -- testdata/0.1.0
//! ```
#![expect(clippy::unwrap_used, reason = "a tool of the tests")]

#[path = "../tests/it/testdata/fill.rs"]
mod fill;
#[path = "../tests/it/testdata/listing.rs"]
mod listing;

use std::fs;
use std::path::PathBuf;

use steadfast_storage_redb::{Options, RedbBackend};

/// Slow and small: it is written once.
const ZSTD_LEVEL: i32 = 19;

#[tokio::main]
async fn main() {
    let to = PathBuf::from(std::env::args().nth(1).expect("name the directory of the release"));
    let dir = tempfile::tempdir().unwrap();
    fill::fill(dir.path()).await;
    fs::create_dir_all(&to).unwrap();
    for name in ["FORMAT", "CLOSED"] {
        fs::copy(dir.path().join(name), to.join(name)).unwrap();
    }
    let data = fs::File::open(dir.path().join("data.redb")).unwrap();
    let packed = fs::File::create(to.join("data.redb.zst")).unwrap();
    zstd::stream::copy_encode(data, packed, ZSTD_LEVEL).unwrap();
    let backend = RedbBackend::open(dir.path(), Options::default()).unwrap();
    fs::write(to.join("LISTING.txt"), listing::listing(&backend)).unwrap();
}
