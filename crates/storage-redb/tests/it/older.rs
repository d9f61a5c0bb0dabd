//! Records from another time in place of those of now, as a damaged page can bring them back: what
//! a second witness is for.

use std::path::Path;

use redb::{ReadableTable, TableDefinition};
use steadfast_core::row::{FoundHead, OrderedBody, Reviewed, RowBody};
use steadfast_core::{
    Condition, EntryId, Found, Order, Outcome, RowKey, RowRange, UniverseId, UtcHour, Write,
};
use steadfast_storage::{Backend, wait};
use steadfast_storage_redb::{RedbBackend, doctor, salvage};

use crate::support::*;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

const TABLES: [&str; 5] = ["cur", "ordk", "ord", "idx", "ver"];

fn table(name: &str) -> TableDefinition<'_, &'static [u8], &'static [u8]> {
    TableDefinition::new(name)
}

/// Every record of a table of a closed store.
fn records(dir: &Path, name: &str) -> Pairs {
    let database = redb::Database::open(dir.join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let opened = write.open_table(table(name)).unwrap();
    let pairs = opened.iter().unwrap().map(|item| {
        let (key, record) = item.unwrap();
        (key.value().to_vec(), record.value().to_vec())
    });
    pairs.collect()
}

/// Replaces every record of a table of a closed store.
fn replace(dir: &Path, name: &str, pairs: &Pairs) {
    let database = redb::Database::open(dir.join("data.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let mut opened = write.open_table(table(name)).unwrap();
    opened.retain(|_, _| false).unwrap();
    for (key, record) in pairs {
        opened.insert(&key[..], &record[..]).unwrap();
    }
    drop(opened);
    write.commit().unwrap();
}

fn open(dir: &Path) -> RedbBackend {
    RedbBackend::open(dir, options()).unwrap()
}

/// Two writes, and the tables after the first.
fn two_times(dir: &Path, first: Vec<Write>, second: Vec<Write>) -> Vec<(&'static str, Pairs)> {
    let backend = open(dir);
    committed(&backend, unconditional(first));
    backend.close().unwrap();
    let older = TABLES.map(|name| (name, records(dir, name)));
    let backend = open(dir);
    committed(&backend, unconditional(second));
    backend.close().unwrap();
    older.into()
}

fn state(id: &EntryId, counter: u64, text: &str) -> Vec<Write> {
    let (revision, content) = (revision(counter, counter), Some(content(text.to_owned())));
    vec![put_entry(id, revision, content.clone()), put_revision(id, revision, content)]
}

fn heads(backend: &RedbBackend, range: RowRange) -> Vec<FoundHead> {
    wait(|done| backend.heads(range, 100, true, done)).unwrap().unwrap().heads
}

#[test]
fn an_entry_that_its_history_has_outrun_is_corrupt_until_it_is_written_again() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let id = entry("A", "global", "p");
    let key = RowKey::Entry(id.clone());
    let older = two_times(dir.path(), state(&id, 1, "\"old\""), state(&id, 2, "\"new\""));
    // Thinned away: only the newest revision tells.
    let backend = open(dir.path());
    let thin = Write::Delete { key: RowKey::Revision(id.clone(), 1) };
    committed(&backend, unconditional(vec![thin]));
    backend.close().unwrap();
    replace(dir.path(), "cur", &older[0].1);

    let report = doctor(dir.path()).unwrap();
    let expected = (key.clone(), "the history is newer".to_owned());
    assert_eq!((report.damaged, report.revision_count), (vec![expected], 1));
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.damaged, vec![key.clone()]);
    let salvaged = open(new.path());
    assert_eq!(read(&salvaged, &key), Found::Corrupt(key.clone()));
    let newest = RowKey::Revision(id.clone(), 2);
    assert!(matches!(read(&salvaged, &newest), Found::Row(_)));

    let backend = open(dir.path());
    assert_eq!(read(&backend, &key), Found::Corrupt(key.clone()));
    assert_eq!(
        scan(&backend, &entries_of(id.store.clone()), 10).rows,
        [Found::Corrupt(key.clone())]
    );
    let found = heads(&backend, entries_of(id.store.clone()));
    assert_eq!(found, [FoundHead::Corrupt(key.clone())]);
    assert!(matches!(read(&backend, &newest), Found::Row(_)));
    // A writer of that time is too late.
    let mut late = unconditional(state(&id, 2, "\"late\""));
    late.conditions.push((key.clone(), Condition::At(revision(1, 1))));
    assert!(matches!(commit(&backend, late), Outcome::Refused(_)));
    committed(&backend, unconditional(state(&id, 3, "\"again\"")));
    assert_eq!(read(&backend, &key).revision(), Some(revision(3, 3)));
    let history = scan(&backend, &history_of(id), 10).rows;
    let counters: Vec<_> = history.iter().map(|found| found.revision().unwrap().counter).collect();
    assert_eq!(counters, [3, 2]);
    backend.close().unwrap();
    assert!(doctor(dir.path()).unwrap().is_clean());
}

#[test]
fn a_missing_or_damaged_revision_says_nothing_about_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    let id = entry("A", "global", "p");
    let older = two_times(dir.path(), state(&id, 1, "\"old\""), state(&id, 2, "\"new\""));
    replace(dir.path(), "ver", &older[4].1);
    let backend = open(dir.path());
    let newest = RowKey::Revision(id.clone(), 2);
    assert_eq!(read(&backend, &newest), Found::Corrupt(newest.clone()));
    assert_eq!(read(&backend, &RowKey::Entry(id.clone())).revision(), Some(revision(2, 2)));
    // Both ways of reading a history say where it is broken.
    let mut range = history_of(id);
    let down: Vec<RowKey> = scan(&backend, &range, 10).rows.iter().map(key_of).collect();
    if let RowRange::Revisions { order, .. } = &mut range {
        *order = Order::Ascending;
    }
    let reply = scan(&backend, &range, 10);
    assert_eq!(reply.rows[1], Found::Corrupt(newest));
    let mut up: Vec<RowKey> = reply.rows.iter().map(key_of).collect();
    up.reverse();
    assert_eq!(up, down);
}

/// Where an entry of an ordered data store stands after a record of it was replaced.
#[track_caller]
fn check_ordered(name: &str, first: Option<i64>, second: Option<i64>, is_saved: bool) {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (id, other) = (entry("A", "g\0", "p"), entry("A", "g\0", "q"));
    let key = RowKey::Ordered(id.clone());
    let put = |counter, value| put_ordered(&id, revision(counter, counter), value);
    let neighbour = put_ordered(&other, revision(1, 1), Some(3));
    let older = two_times(dir.path(), vec![neighbour, put(1, first)], vec![put(2, second)]);
    let (_, pairs) = older.iter().find(|(table, _)| *table == name).unwrap();
    replace(dir.path(), name, pairs);

    let report = doctor(dir.path()).unwrap();
    let damaged: Vec<_> = report.damaged.iter().map(|(key, _)| key).collect();
    assert_eq!(damaged, [&key], "{report:?}");
    assert_eq!(report.ordered_count, 1);
    let copy = tempfile::tempdir().unwrap();
    let go_on = &mut |_| std::ops::ControlFlow::Continue(());
    let made = steadfast_storage_redb::backup::backup(dir.path(), copy.path(), go_on).unwrap();
    assert!(
        made.damage
            .iter()
            .all(|text| text.starts_with(&key.to_string().escape_debug().to_string())
                || text.starts_with("ordered entry")),
        "{made:?}"
    );
    assert!(made.damage_count > 0);
    salvage(dir.path(), new.path()).unwrap();
    let salvaged = open(new.path());
    let found = read(&salvaged, &key);
    if is_saved {
        let Found::Row(row) = found else { panic!("it is not saved") };
        let body = RowBody::Ordered(OrderedBody { value: second });
        assert_eq!((row.revision, row.body), (revision(2, 2), body));
    } else {
        assert_eq!(found, Found::Corrupt(key.clone()));
    }
    salvaged.close().unwrap();
    assert_eq!(doctor(new.path()).unwrap().is_clean(), is_saved);

    let backend = open(dir.path());
    assert_eq!(read(&backend, &key), Found::Corrupt(key.clone()));
    let range = RowRange::Ordered { store: id.store.clone(), after: None };
    assert_eq!(scan(&backend, &range, 10).rows[0], Found::Corrupt(key.clone()));
    for order in [Order::Ascending, Order::Descending] {
        let rows = scan(&backend, &board_of(&id, order), 10).rows;
        let is_readable = |found: &&Found| **found != Found::Corrupt(key.clone());
        for found in rows.iter().filter(is_readable) {
            let Found::Row(row) = found else { panic!("{found:?}") };
            let right = if row.key == key { second } else { Some(3) };
            let body = RowBody::Ordered(OrderedBody { value: right });
            assert_eq!(row.body, body, "nobody is shown with a wrong value");
        }
        let is_there = |key: &RowKey| rows.iter().any(|found| key_of(found) == *key);
        assert!(is_there(&RowKey::Ordered(other.clone())));
        assert!(second.is_none() || is_there(&key), "it does not vanish from its board");
    }
    committed(&backend, unconditional(vec![put(3, Some(3))]));
    let rows = scan(&backend, &board_of(&id, Order::Descending), 10).rows;
    let names: Vec<_> = rows.iter().map(key_of).collect();
    assert_eq!(names, [RowKey::Ordered(other), key.clone()], "it stands at one place");
    assert_eq!(read(&backend, &key).revision(), Some(revision(3, 3)));
    backend.close().unwrap();
    let report = doctor(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn an_older_entry_of_an_ordered_data_store_is_corrupt() {
    check_ordered("ordk", Some(5), Some(7), true);
    check_ordered("ordk", None, Some(7), true);
    // Only the revision of the removal is known, not its time.
    check_ordered("ordk", Some(5), None, false);
    check_ordered("ordk", None, None, false);
}

#[test]
fn an_older_board_is_corrupt_where_it_is_wrong() {
    check_ordered("ord", Some(5), Some(7), true);
    check_ordered("ord", None, Some(7), true);
    // The same place, an older write.
    check_ordered("ord", Some(7), Some(7), true);
}

#[test]
fn a_value_that_is_gone_from_the_board_only_is_shown_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let id = entry("A", "global", "p");
    let removed = put_ordered(&id, revision(2, 2), None);
    let first = vec![put_ordered(&id, revision(1, 1), Some(5))];
    let older = two_times(dir.path(), first, vec![removed]);
    replace(dir.path(), "ord", &older[2].1);
    let backend = open(dir.path());
    // The removal itself is whole; what stands on the board is not believed.
    let key = RowKey::Ordered(id.clone());
    assert_eq!(read(&backend, &key).revision(), Some(revision(2, 2)));
    let rows = scan(&backend, &board_of(&id, Order::Ascending), 10).rows;
    assert_eq!(rows, [Found::Corrupt(key)]);
    backend.close().unwrap();
    assert!(!doctor(dir.path()).unwrap().is_clean());
}

#[test]
fn a_removal_that_the_index_does_not_know_of_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let id = entry("A", "global", "p");
    let (first, second) = ([Some(5), None], [None, None]);
    for ((first, second), expected) in first.into_iter().zip(second).zip([true, true]) {
        let dir = dir.path().join(format!("{first:?}"));
        let put = |counter, value| vec![put_ordered(&id, revision(counter, counter), value)];
        let older = two_times(&dir, put(1, first), put(2, second));
        replace(&dir, "idx", &older[3].1);
        let backend = open(&dir);
        let key = RowKey::Ordered(id.clone());
        assert_eq!(read(&backend, &key) == Found::Corrupt(key), expected);
        backend.close().unwrap();
        assert!(!doctor(&dir).unwrap().is_clean());
    }
}

#[test]
fn what_only_one_witness_knows_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let backend = open(dir.path());
    let id = entry("A", "global", "p");
    committed(
        &backend,
        unconditional(vec![
            put_ordered(&id, revision(1, 1), Some(5)),
            put_universe(7, revision(1, 1), &[1]),
        ]),
    );
    backend.close().unwrap();
    let (ordered, universe) = (RowKey::Ordered(id.clone()), RowKey::Universe(UniverseId(7)));
    for name in ["ordk", "uni"] {
        replace(dir.path(), name, &Vec::new());
    }
    let report = doctor(dir.path()).unwrap();
    let damaged: Vec<_> = report.damaged.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(damaged, [universe.clone(), ordered.clone()]);
    let backend = open(dir.path());
    for key in [&ordered, &universe] {
        assert_eq!(read(&backend, key), Found::Corrupt(key.clone()));
    }
    // Its board does not need it.
    let rows = scan(&backend, &board_of(&id, Order::Ascending), 10).rows;
    assert_eq!(rows.iter().map(Found::revision).collect::<Vec<_>>(), [Some(revision(1, 1))]);
    backend.close().unwrap();
    let new = tempfile::tempdir().unwrap();
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!((saved.damaged, saved.recovered), (vec![universe.clone()], vec![ordered.clone()]));
    let backend = open(new.path());
    assert_eq!(read(&backend, &universe), Found::Corrupt(universe));
    assert_eq!(read(&backend, &ordered).revision(), Some(revision(1, 1)));
}

#[test]
fn a_place_whose_key_is_damaged_is_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let backend = open(dir.path());
    for (name, value) in [("p", 5), ("q", 6), ("r", 7)] {
        let id = entry("A", "global", name);
        committed(&backend, unconditional(vec![put_ordered(&id, revision(1, 1), Some(value))]));
    }
    backend.close().unwrap();
    let mut places = records(dir.path(), "ord");
    // The key of the second: its name, which is no text any more.
    *places[1].0.last_mut().unwrap() = 0xff;
    replace(dir.path(), "ord", &places);
    let backend = open(dir.path());
    let rows = scan(&backend, &board_of(&entry("A", "global", ""), Order::Ascending), 10).rows;
    let corrupt = |name| Found::Corrupt(RowKey::Ordered(entry("A", "global", name)));
    assert_eq!(rows[1..3], [corrupt("q"), corrupt("\u{fffd}")], "by both names");
    assert_eq!(rows.len(), 4);
    backend.close().unwrap();
    let report = doctor(dir.path()).unwrap();
    assert_eq!(report.problems, ["1 places on boards whose keys cannot be read"]);
    let missing = report.damaged.iter().map(|(_, text)| &text[..]).collect::<Vec<_>>();
    assert_eq!(missing, ["it does not stand at its place on the board"]);
}

#[test]
fn places_that_one_of_the_two_trees_lost_are_corrupt_in_both_directions() {
    let dir = tempfile::tempdir().unwrap();
    let backend = open(dir.path());
    for n in 0..20 {
        let id = entry("A", "global", &format!("p{n:02}"));
        committed(&backend, unconditional(vec![put_ordered(&id, revision(1, 1), Some(n))]));
    }
    backend.close().unwrap();
    let (places, index) = (records(dir.path(), "ord"), records(dir.path(), "idx"));
    for name in ["ord", "idx"] {
        let lost = |n: usize, key: &[u8]| (name == "ord" || key[0] == b'b') && n % 3 == 1;
        let pairs = if name == "ord" { &places } else { &index };
        let kept = pairs.iter().enumerate().filter(|(n, (key, _))| !lost(*n, key));
        replace(dir.path(), name, &kept.map(|(_, pair)| pair.clone()).collect());
        let backend = open(dir.path());
        for order in [Order::Ascending, Order::Descending] {
            let rows = scan(&backend, &board_of(&entry("A", "global", ""), order), 100).rows;
            let mut names: Vec<_> = rows.iter().map(key_of).collect();
            if order == Order::Descending {
                names.reverse();
            }
            let all = (0..20).map(|n| RowKey::Ordered(entry("A", "global", &format!("p{n:02}"))));
            assert_eq!(names, all.collect::<Vec<_>>(), "nothing vanishes");
            let corrupt = rows.iter().filter(|found| matches!(found, Found::Corrupt(_)));
            assert!((5..9).contains(&corrupt.count()));
        }
        backend.close().unwrap();
        assert!(!doctor(dir.path()).unwrap().is_clean());
        replace(dir.path(), name, pairs);
        assert!(doctor(dir.path()).unwrap().is_clean());
    }
}

#[test]
fn lost_reminders_are_made_anew_by_a_salvage() {
    let (dir, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (id, gone) = (entry("A", "global", "p"), entry("A", "global", "gone"));
    let backend = open(dir.path());
    let kept = put_review(3, Reviewed::Entry(id.clone()), revision(1, 1));
    let lost = put_review(4, Reviewed::Entry(id.clone()), revision(1, 1));
    let mut writes = state(&id, 1, "1");
    writes.extend([put_ordered(&gone, revision(1, 1), None), kept, lost]);
    committed(&backend, unconditional(writes));
    backend.close().unwrap();
    let mut reminders = records(dir.path(), "rev");
    reminders[1].1[5] ^= 1;
    replace(dir.path(), "rev", &reminders);
    let damaged = RowKey::Review(UtcHour(4), Reviewed::Entry(id.clone()));
    let report = doctor(dir.path()).unwrap();
    assert_eq!(report.damaged, [(damaged.clone(), "the checksum does not match".to_owned())]);
    assert_eq!(report.review_count, 1);
    let backend = open(dir.path());
    let all = RowRange::Reviews { through: UtcHour(u32::MAX), after: None };
    let rows = scan(&backend, &all, 10).rows;
    assert_eq!(rows[1], Found::Corrupt(damaged));
    backend.close().unwrap();
    let saved = salvage(dir.path(), new.path()).unwrap();
    assert_eq!(saved.review_count, 3, "{saved:?}");
    let backend = open(new.path());
    let rows = scan(&backend, &all, 10).rows;
    // The clock of these tests stands at 1,000 s after the epoch.
    assert_eq!(
        rows.iter().map(key_of).collect::<Vec<_>>(),
        [
            RowKey::Review(UtcHour(1), Reviewed::Entry(id.clone())),
            RowKey::Review(UtcHour(1), Reviewed::Ordered(gone)),
            RowKey::Review(UtcHour(3), Reviewed::Entry(id)),
        ]
    );
}
