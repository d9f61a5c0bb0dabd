//! Facts about what could not be saved.

use std::sync::Arc;

use steadfast_core::id::{OperationId, OperationKind};
use steadfast_core::operation::{Death, OperationStatus, PendingBody, Settlement, Verdict};
use steadfast_core::row::Birth;
use steadfast_core::{
    Content, EntryKey, JsonText, Metadata, Revision, Scope, StoreId, StoreName, Timestamp,
    UniverseId, UserId,
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
    let settled = vec![settlement(None), settlement(Some(Verdict::Fail("no".into())))];
    let (entry, content) = (entry(key), Arc::new(content));
    Spill { entry, base, stored_at, schema: 3, content, settled, undo_after: Some(4) }
}

fn settlement(verdict: Option<Verdict>) -> Arc<Settlement> {
    let is_dead = verdict.is_some();
    let time = Timestamp::from_unix_seconds(1_700_000_000);
    let body = PendingBody {
        id: OperationId::trusted("gift-1"),
        kind: OperationKind::trusted("gift"),
        payload: JsonText::trusted("{ \"coins\": 1e400 }"),
        issued_at: time,
        queued: if is_dead { Birth::ThisWrite } else { Birth::At(time) },
        schema: 3,
        is_permanent: !is_dead,
        replaces: is_dead.then(|| OperationId::trusted("gift-0")),
        verdict,
    };
    Arc::new(Settlement {
        seq: u64::MAX,
        body: Arc::new(body),
        status: if is_dead { OperationStatus::Failed } else { OperationStatus::Applied },
        result: (!is_dead).then(|| JsonText::trusted("[1]")),
        error: is_dead.then(|| "no".into()),
        tries: 4,
        death: is_dead.then_some(Death::Operator),
        is_permanent: true,
    })
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
    for damaged in [
        text.replacen("coins", "cains", 1),
        text.replace("gift-1", "gift-2"),
        text.replace("\"applied\"", "\"cancelled\""),
        text.replace("\"settled_sha256\"", "\"unknown\""),
        text.replace("\"format\":2", "\"format\":3"),
    ] {
        assert_ne!(damaged, text);
        fs::write(&path, damaged).unwrap();
        let again = open(data.path());
        assert_eq!((again.list(), again.unreadable()), (vec![], vec![path.clone()]));
        assert!(path.exists());
    }
}

#[test]
fn a_file_of_the_first_format_is_of_version_0_and_has_no_operations() {
    let data = tempfile::tempdir().unwrap();
    let spills = open(data.path());
    let kept = Spill { settled: vec![], ..spill("k", "1") };
    spills.keep(kept.clone());
    let path = spills.list().pop().unwrap().path.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let later = ",\"settled\":[],\"settled_sha256\":null";
    assert!(text.contains("\"schema\":3,") && text.contains(later), "{text}");
    let first = text.replace("\"format\":2", "\"format\":1").replace("\"schema\":3,", "");
    fs::write(&path, first.replace(later, "")).unwrap();
    assert_eq!(open(data.path()).find(&entry("k")), Some(Spill { schema: 0, ..kept }));
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
