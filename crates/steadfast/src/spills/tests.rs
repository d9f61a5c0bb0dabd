//! Facts about what could not be saved.

use std::sync::Arc;

use steadfast_core::{
    Content, EntryKey, JsonText, Metadata, Revision, Scope, StoreId, StoreName, UniverseId, UserId,
};

use super::*;

fn entry(key: &str) -> EntryId {
    let store = StoreId { universe: UniverseId(7), name: StoreName::trusted("Players") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(key) }
}

fn spill(key: &str, value: &str) -> Spill {
    let content = Content {
        value: JsonText::trusted(value),
        user_ids: vec![UserId::Number(u64::MAX), UserId::Text("a".into())],
        metadata: Metadata::trusted(r#"{"level":3}"#),
    };
    let revision = |counter| Revision { counter, tag: u64::MAX - counter };
    let (base, stored_at) = (Some(revision(4)), vec![revision(5), revision(6)]);
    Spill { entry: entry(key), base, stored_at, content: Arc::new(content) }
}

fn open(data: &Path) -> Spills {
    Spills::open(Some(&data.join("spills"))).unwrap()
}

fn values(spills: &Spills) -> Vec<String> {
    spills.list().iter().map(|kept| kept.spill.content.value.as_str().to_owned()).collect()
}

fn files(data: &Path) -> usize {
    fs::read_dir(data.join("spills")).map_or(0, Iterator::count)
}

#[test]
fn what_was_kept_is_there_after_a_reopening_byte_for_byte() {
    let data = tempfile::tempdir().unwrap();
    let kept = spill("a/b", "{ \"n\" : 1e400, \"e\": \"\\u00e9\u{e9}\" }");
    let spills = open(data.path());
    assert_eq!(files(data.path()), 0, "a store without spills has no directory for them");
    spills.keep(kept.clone());
    let again = open(data.path());
    assert_eq!(again.find(&entry("a/b")), Some(kept));
    assert_eq!(again.find(&entry("a")), None);
    again.forget(&entry("a/b"));
    assert_eq!((again.list(), files(data.path())), (vec![], 0));
}

#[test]
fn an_older_one_is_set_aside_and_never_written_over() {
    let data = tempfile::tempdir().unwrap();
    let spills = open(data.path());
    for value in ["1", "2", "3"] {
        spills.keep(spill("k", value));
    }
    for spills in [&spills, &open(data.path())] {
        assert_eq!(values(spills), ["3", "1", "2"]);
        assert_eq!(spills.find(&entry("k")), Some(spill("k", "3")));
        assert!(spills.list().iter().all(|kept| kept.path.as_ref().is_some_and(|it| it.exists())));
    }
    spills.forget(&entry("k"));
    assert_eq!(values(&open(data.path())), ["1", "2"]);
}

#[test]
fn a_damaged_file_is_reported_and_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let spills = open(data.path());
    spills.keep(spill("k", "{\"coins\":10}"));
    let path = spills.list().pop().unwrap().path.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    for damaged in [text.replace("coins", "cains"), text.replace("\"format\":1", "\"format\":2")] {
        assert_ne!(damaged, text);
        fs::write(&path, damaged).unwrap();
        let again = open(data.path());
        assert_eq!((again.list(), again.unreadable()), (vec![], vec![path.clone()]));
        assert!(path.exists());
    }
}

#[test]
fn what_a_crash_left_half_written_is_not_read() {
    let data = tempfile::tempdir().unwrap();
    let spills = open(data.path());
    spills.keep(spill("k", "1"));
    let path = spills.list().pop().unwrap().path.unwrap();
    fs::write(path.with_extension("unfinished"), "{").unwrap();
    let again = open(data.path());
    assert_eq!((values(&again), again.unreadable()), (vec!["1".to_owned()], vec![]));
}

#[test]
fn without_a_disk_they_are_kept_in_memory_and_the_list_says_so() {
    let data = tempfile::tempdir().unwrap();
    // A file stands where the directory would be.
    let nowhere = data.path().join("file");
    fs::write(&nowhere, "").unwrap();
    let spills = Spills { directory: Some(nowhere.join("spills")), ..Spills::default() };
    spills.keep(spill("k", "1"));
    spills.keep(spill("k", "2"));
    assert_eq!(values(&spills), ["2", "1"]);
    assert!(spills.list().iter().all(|kept| kept.path.is_none()));
    let memory = Spills::default();
    memory.keep(spill("k", "1"));
    assert_eq!(memory.find(&entry("k")), Some(spill("k", "1")));
}
