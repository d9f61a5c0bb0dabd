//! What edits of a document cost, and that a tree's do not grow with it.
//!
//! A tree is edited at places whose surroundings are the same in both documents; the rest of the
//! large one is bulk beside them. "in a chest" is a place whose own branch grows too: up to 64
//! chests of 64 items are copied there, references only. Runs of both sizes are interleaved;
//! figures are medians over the runs.
//!
//!     cargo bench -p steadfast-core

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and prints")]

mod profile;

use std::hint::black_box;
use std::time::Instant;

use steadfast_core::document::{Cancel, Document, DocumentLimits, Draft, Tree, Typed};
use steadfast_core::{JsonText, Path, Value};

use profile::{Profile, profile};

const SIZES: [usize; 2] = [2_000, 100_000];

/// Runs of a figure, which is their median.
const RUN_COUNT: usize = 201;

/// The largest ratio of a tree's figures between the sizes.
const RATIO_MAX: f64 = 1.3;

struct Case<T> {
    what: &'static str,
    /// Whether the figure must not grow with the document.
    is_flat: bool,
    operation_count: u32,
    operation: fn(&mut T),
}

/// Blocks that leave room behind, and the size of each.
const ROOM: (usize, usize) = (32_000, 512);

fn main() {
    let _pin = make_room();
    let trees = SIZES.map(|size| tree(&profile(size)));
    let typed = SIZES.map(|size| {
        Typed::<Profile>::parse(profile(size), DocumentLimits::default())
            .expect("a profile is of its type")
    });
    println!(
        "{:<44} {:>10} {:>10} {:>7} {:>21}",
        "nanoseconds, medians",
        format!("{} B", profile(SIZES[0]).size()),
        format!("{} B", profile(SIZES[1]).size()),
        "ratio",
        "least"
    );
    let are_flat = [compare(trees, &TREE_CASES), compare(typed, &TYPED_CASES)];
    assert!(are_flat.into_iter().all(|is_flat| is_flat), "a figure grows with the document");
}

const fn case<T>(what: &'static str, operation_count: u32, operation: fn(&mut T)) -> Case<T> {
    Case { what, is_flat: false, operation_count, operation }
}

const fn flat<T>(what: &'static str, operation: fn(&mut T)) -> Case<T> {
    Case { what, is_flat: true, operation_count: 200, operation }
}

const TREE_CASES: [Case<Tree>; 10] = [
    flat("tree: edit of `coins`", |tree| drop(black_box(tree.add("coins", 1)))),
    flat("tree: edit of `stats.kills`", |tree| drop(black_box(tree.add(["stats", "kills"], 1)))),
    flat("tree: edit after a snapshot", |tree| {
        let snapshot = tree.snapshot();
        drop(black_box(tree.add(["stats", "kills"], 1)));
        drop(snapshot);
    }),
    flat("tree: transaction of one step", |tree| {
        drop(black_box(tree.transaction(|draft| Ok(draft.add(["stats", "kills"], 1)?))));
    }),
    flat("tree: transaction of three steps", |tree| drop(black_box(tree.transaction(buy)))),
    flat("tree: cancelled transaction", |tree| {
        drop(black_box(tree.transaction(|draft| {
            draft.add("coins", 1)?;
            Err::<(), _>(Cancel::because("no"))
        })));
    }),
    flat("tree: snapshot", |tree| drop(black_box(tree.snapshot()))),
    case("tree: edit in a chest", 200, |tree| drop(black_box(tree.add(in_chest(), 1)))),
    case("tree: transaction in a chest", 200, |tree| {
        drop(black_box(tree.transaction(|draft| Ok(draft.add(in_chest(), 1)?))));
    }),
    case("tree: edit, then encode and rest, then read", 2, |tree| {
        tree.add("coins", 1).expect("coins can be added");
        tree.rest();
        black_box(tree.value());
    }),
];

const TYPED_CASES: [Case<Typed<Profile>>; 5] = [
    case("typed: edit", 10, edit),
    case("typed: edit and difference", 5, |typed| {
        edit(typed);
        assert_eq!(black_box(typed.difference()).paths.len(), 1);
    }),
    case("typed: edit and encode", 5, |typed| {
        edit(typed);
        drop(black_box(typed.encode()));
    }),
    case("typed: as a value alone", 5, |typed| {
        drop(black_box(Value::from_serialize(typed.get(), 128)));
    }),
    case("typed: copy of the type alone", 10, |typed| drop(black_box(typed.get().clone()))),
];

/// Leaves a heap with free room below something that stays, as in a process that has run for a
/// while: otherwise the allocator gives memory back after each operation, and page faults are
/// measured.
fn make_room() -> Box<[u8]> {
    let (count, size) = ROOM;
    let blocks: Vec<_> = (0..count).map(|_| vec![1_u8; size].into_boxed_slice()).collect();
    let pin = vec![1_u8; size].into_boxed_slice();
    drop(black_box(blocks));
    pin
}

fn tree(text: &JsonText) -> Tree {
    Tree::parse(text.clone(), DocumentLimits::default()).expect("a profile can be held")
}

fn in_chest() -> Path {
    Path::from(["chests", "chest_00"]).join(7).join("count")
}

fn buy(draft: &mut Draft) -> Result<(), Cancel> {
    draft.add("coins", 1)?;
    draft.add("gems", 1)?;
    draft.add(["stats", "coinsSpent"], 1)?;
    Ok(())
}

fn edit(typed: &mut Typed<Profile>) {
    let edited = typed.edit(|profile| {
        profile.coins += 1;
        Ok(())
    });
    edited.expect("coins can be added");
}

/// Prints the medians of each case, and tells whether those that must be flat are.
fn compare<T>(mut documents: [T; 2], cases: &[Case<T>]) -> bool {
    let mut are_flat = true;
    for case in cases {
        let mut runs = [Vec::new(), Vec::new()];
        for _ in 0..RUN_COUNT {
            for (document, runs) in documents.iter_mut().zip(&mut runs) {
                let start = Instant::now();
                (0..case.operation_count).for_each(|_| (case.operation)(document));
                runs.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(case.operation_count));
            }
        }
        let [(small, small_least), (large, large_least)] = runs.map(median_and_least);
        let ratio = large / small;
        println!(
            "{:<44} {small:>10.0} {large:>10.0} {ratio:>7.2} {small_least:>10.0} {large_least:>10.0}",
            case.what
        );
        are_flat &= !case.is_flat || ratio <= RATIO_MAX;
    }
    are_flat
}

/// The least is what remains where other work takes the processor away from long operations.
fn median_and_least(mut figures: Vec<f64>) -> (f64, f64) {
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().unwrap_or_default();
    (at(figures.len() / 2), at(0))
}
