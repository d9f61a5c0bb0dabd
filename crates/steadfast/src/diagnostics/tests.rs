//! Facts about what is counted, and about the critical state, in virtual time.

use std::collections::BTreeSet;

use steadfast_core::operation::LedgerWrite;
use steadfast_core::platform::{EntryBase, PlatformError, StoreBase};
use steadfast_core::record::{
    Fence, RECORD_FORMAT, RecordBase, RecordBody, RecordWrite, Usage, Written,
};
use steadfast_core::{
    Code, EntryId, EntryKey, Scope, ServerId, SessionId, StoreId, StoreName, Timestamp, UniverseId,
    WriteId,
};

use super::*;
use crate::driver::Events;

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Monotonic {
    Monotonic::from_nanos(seconds * SECOND)
}

fn entry() -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("s") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted("k") }
}

fn error() -> StoreEvent {
    StoreEvent::Error { entry: entry(), code: Code::StorageUnavailable, message: "down".into() }
}

fn critical(events: &Events<StoreEvent>) -> Vec<bool> {
    let told = std::iter::from_fn(|| events.try_next());
    told.filter_map(|event| if let StoreEvent::Critical(is) = event { Some(is) } else { None })
        .collect()
}

#[test]
fn five_errors_within_two_minutes_are_critical_and_a_quiet_minute_ends_it() {
    let monitor = Monitor::new(CriticalSettings::default());
    let events = Events::of(&monitor.events);
    // Four in the window, and one that has just left it.
    monitor.tell(error(), at(0));
    for seconds in [60, 70, 80] {
        monitor.tell(error(), at(seconds));
    }
    monitor.tell(error(), Monotonic::from_nanos(120 * SECOND + 1));
    assert_eq!((critical(&events), monitor.next_wake()), (vec![], None));
    assert_eq!(monitor.diagnostics().recent_errors, 4);
    // The fifth, exactly at the edge of the window of the oldest.
    monitor.tell(error(), at(180));
    assert_eq!((critical(&events), monitor.diagnostics().is_critical), (vec![true], true));
    // Another one puts the recovery off, and is told once.
    monitor.tell(error(), at(200));
    assert_eq!(monitor.next_wake(), Some(at(260)));
    monitor.step(Monotonic::from_nanos(260 * SECOND - 1));
    assert!(monitor.diagnostics().is_critical);
    monitor.step(at(260));
    assert_eq!((critical(&events), monitor.next_wake()), (vec![false], None));
    // It begins anew: what was before does not count again.
    monitor.tell(error(), at(261));
    assert!(!monitor.diagnostics().is_critical);
    assert_eq!(monitor.diagnostics().errors, 8);
}

#[test]
fn a_command_counts_once_its_copies_as_retries_and_its_first_answer_as_latency() {
    let monitor = Monitor::new(CriticalSettings::default());
    let command = RecordCommand::ReadMail { server: ServerId(7) };
    let id = CommandId(1);
    monitor.sent(id, &command, at(0));
    monitor.sent(id, &command, at(1));
    let unavailable = || PlatformError::Unavailable { reason: "down".into() };
    monitor.answered(Asker::Server(id), &Err(unavailable()), at(2));
    monitor.answered(Asker::Server(id), &Ok(RecordReply::Mail(vec![])), at(3));
    let diagnostics = monitor.diagnostics();
    let mail = &diagnostics.requests[&RequestKind::Mail];
    assert_eq!((mail.count, mail.retries, mail.failures), (1, 1, 1));
    assert_eq!((mail.latency.count(), mail.latency.sum), (1, Duration::from_secs(2)));
}

#[test]
fn restores_and_deletions_count_once_they_are_committed() {
    let monitor = Monitor::new(CriticalSettings::default());
    let write_id = WriteId(7);
    let settings = Arc::default();
    let (settled, tried, undo_after, rebuild) = (vec![], vec![], Some(3), false);
    let ledger = LedgerWrite { settled, tried, undo_after, rebuild, settings };
    let base = RecordBase {
        record: None,
        entry: EntryBase { entry: None, row: None, store: StoreBase::Unread },
    };
    let (format, schema, save_seq) = (RECORD_FORMAT, 0, 1);
    let fence = Fence::first(SessionId(1));
    let (lease, usage) = (None, Usage::default());
    let body = RecordBody { format, schema, lease, fence, save_seq, write_id, usage };
    let ledger = Some(Box::new(ledger));
    let write = RecordWrite { ledger, ..RecordWrite::new(entry(), base, body, Data::Delete) };
    let command = RecordCommand::Write(Box::new(write));
    let counts = || {
        let Diagnostics { restores, deletes, .. } = monitor.diagnostics();
        (restores, deletes)
    };
    monitor.sent(CommandId(1), &command, at(0));
    monitor.answered(
        Asker::Server(CommandId(1)),
        &Ok(RecordReply::Written(Outcome::Unknown)),
        at(1),
    );
    assert_eq!(counts(), (0, 0));
    monitor.sent(CommandId(2), &command, at(1));
    let written = Written { base, stamped_at: Timestamp::EPOCH, inbox: None };
    let committed = Ok(RecordReply::Written(Outcome::Committed(written)));
    monitor.answered(Asker::Server(CommandId(2)), &committed, at(2));
    assert_eq!(counts(), (1, 1));
    assert_eq!(monitor.diagnostics().requests[&RequestKind::Release].count, 2);
}

#[test]
fn commands_without_an_answer_are_forgotten_in_the_end() {
    let monitor = Monitor::new(CriticalSettings::default());
    let command = RecordCommand::ReadMail { server: ServerId(7) };
    let most = u64::try_from(OUT_MAX).unwrap();
    for id in 0..=most {
        monitor.sent(CommandId(id), &command, at(0));
    }
    assert_eq!(monitor.counts().out.len(), OUT_MAX);
    monitor.answered(Asker::Server(CommandId(0)), &Ok(RecordReply::Mail(vec![])), at(1));
    assert_eq!(monitor.diagnostics().requests[&RequestKind::Mail].latency.count(), 0);
    monitor.answered(Asker::Server(CommandId(most)), &Ok(RecordReply::Mail(vec![])), at(1));
    assert_eq!(monitor.diagnostics().requests[&RequestKind::Mail].latency.count(), 1);
}

#[test]
fn times_are_counted_at_the_edges_of_their_classes() {
    let mut times = Histogram::default();
    for bound in Histogram::BOUNDS {
        times.add(bound);
        times.add(bound + Duration::from_nanos(1));
    }
    let mut expected = [2; Histogram::BOUNDS.len() + 1];
    expected[0] = 1;
    expected[Histogram::BOUNDS.len()] = 1;
    assert_eq!(times.counts, expected);
}

#[test]
fn every_number_has_a_name_of_its_own() {
    let mut diagnostics = Diagnostics::default();
    for kind in RequestKind::ALL {
        diagnostics.requests.insert(kind, Requests::default());
    }
    let metrics = diagnostics.metrics();
    let names: BTreeSet<_> = metrics.iter().map(|metric| (metric.name, metric.kind)).collect();
    assert_eq!(names.len(), metrics.len());
    assert!(metrics.iter().all(|metric| metric.name.starts_with("steadfast_")));
    let labels: BTreeSet<_> = RequestKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(labels.len(), RequestKind::ALL.len());
}

#[test]
fn only_what_the_store_did_not_do_is_a_failure() {
    let refusal = || RecordRefusal::Unavailable { reason: "down".into() };
    let failures = [
        Ok(RecordReply::Written(Outcome::Refused(refusal()))),
        Ok(RecordReply::Written(Outcome::Unknown)),
        Ok(RecordReply::Presence(Outcome::Refused(PresenceRefusal::Store(refusal())))),
        Ok(RecordReply::Queued(Outcome::Refused(QueueRefusal::Store(refusal())))),
        Ok(RecordReply::Judged(Outcome::Refused(JudgeRefusal::Store(refusal())))),
        Err(PlatformError::Unavailable { reason: "down".into() }),
    ];
    for answer in failures {
        assert!(is_failure(&answer), "{answer:?}");
    }
    let done = [
        Ok(RecordReply::Noted),
        Ok(RecordReply::Presence(Outcome::Refused(PresenceRefusal::Moved(None)))),
        Ok(RecordReply::Queued(Outcome::Refused(QueueRefusal::PayloadMismatch))),
        Ok(RecordReply::Judged(Outcome::Refused(JudgeRefusal::Unknown))),
    ];
    for answer in done {
        assert!(!is_failure(&answer), "{answer:?}");
    }
}
