//! How much memory a document takes, active and at rest.
//!
//! ```sh
//! cargo run --release -p steadfast-core --example document_bytes
//! ```
//!
//! Bytes are those of the chunks that the C library's allocator takes from its heap: the size asked
//! for with 8 bytes of its own, in steps of 16, at least 32; and the document itself.
#![expect(clippy::print_stdout, reason = "it measures and prints")]

mod counting;
#[path = "../../benches/documents/profile.rs"]
mod profile;

use steadfast_core::JsonText;
use steadfast_core::document::{Document, DocumentLimits, Insert, Tree, Typed};

use counting::taken;
use profile::{Profile, profile};

const SIZES: [usize; 3] = [2_000, 20_000, 100_000];

/// What a document at rest may take besides its text.
const REST_MAX: usize = 200;

/// What an active tree may take, as a multiple of its text.
const ACTIVE_MAX: usize = 5;

/// What an active typed document may take: it holds its type twice until it is compared.
const ACTIVE_TYPED_MAX: usize = 8;

fn main() {
    println!("{:<44} {:>9} {:>9} {:>8} {:>9}", "document", "JSON", "bytes", "multiple", "besides");
    for size in SIZES {
        let source = profile(size);
        measure_tree(&source);
        measure_typed(&source);
    }
}

fn measure_tree(source: &JsonText) {
    let start = taken();
    let parsed = Tree::parse(copy_of(source), DocumentLimits::default());
    let mut tree = parsed.expect("a profile can be held");
    print("tree: just opened", &tree, start, source.size());
    tree.value();
    let active = print("tree: looked at, with its text", &tree, start, source.size());
    tree.add("coins", 1).expect("coins can be added");
    let size = tree.size();
    print("tree: edited", &tree, start, size);
    tree.encode();
    let saved = print("tree: edited and encoded", &tree, start, size);
    for friend in 0..64_i64 {
        let added = tree.insert("friends", 76_561_198_000_000_001 + friend, Insert::END);
        added.expect("the profile has room");
    }
    for stat in 0..48 {
        let key = format!("stat_{stat}");
        tree.set(["stats", key.as_str()], stat).expect("the profile has room");
    }
    tree.encode();
    let size = tree.size();
    let grown = print("tree: with 64 friends and 48 stats more", &tree, start, size);
    tree.rest();
    let rest = print("tree: at rest", &tree, start, size);
    assert!(rest <= size + REST_MAX, "a tree at rest takes {rest} bytes for {size}");
    for (bytes, size) in [(active, source.size()), (saved, source.size()), (grown, size)] {
        assert!(bytes <= ACTIVE_MAX * size, "an active tree takes {bytes} bytes for {size}");
    }
}

fn measure_typed(source: &JsonText) {
    let start = taken();
    let parsed = Typed::<Profile>::parse(copy_of(source), DocumentLimits::default());
    let mut typed = parsed.expect("a profile is of its type").resting_as_text();
    print("typed: just read, with its text", &typed, start, source.size());
    let edited = typed.edit(|profile| {
        profile.coins += 1;
        Ok(())
    });
    edited.expect("coins can be added");
    print("typed: edited, what was kept to compare", &typed, start, source.size());
    typed.encode();
    let active = print("typed: encoded, what was kept to compare", &typed, start, source.size());
    typed.difference();
    print("typed: encoded and compared", &typed, start, source.size());
    typed.rest();
    let rest = print("typed: at rest as text", &typed, start, source.size());
    assert!(rest <= source.size() + REST_MAX, "a type at rest takes {rest} bytes");
    assert!(active <= ACTIVE_TYPED_MAX * source.size(), "an active type takes {active} bytes");
}

/// The text in an allocation of its own, as it comes from the store.
fn copy_of(source: &JsonText) -> JsonText {
    JsonText::trusted(source.as_str())
}

/// Prints a row and returns the bytes of a document that is the only thing allocated since.
fn print<D>(what: &str, document: &D, start: usize, size: usize) -> usize {
    let bytes = taken() - start + size_of_val(document);
    let (whole, hundredth) = (bytes / size, bytes * 100 / size % 100);
    let besides = bytes.saturating_sub(size);
    println!("{what:<44} {size:>9} {bytes:>9} {whole:>5}.{hundredth:02} {besides:>9}");
    bytes
}
