//! One fault at a time: what a command answers, and what is stored then.

use steadfast_core::platform::PlatformError;
use steadfast_core::record::{PresenceRefusal, RecordCommand, RecordRefusal, RecordReply, With};
use steadfast_core::{ErrorKind, Outcome, RowKey};

use super::calls::{
    Scene, alive, committed, content_in, grant, moved, read, renewed, server, submit, try_write,
    write_presence,
};
use crate::conformance::RecordsHarness;
use crate::conformance::platform::write_id;
use crate::conformance::samples::entry;
use crate::fault::Fault;

/// Nothing if this implementation cannot be made to fail.
pub(super) fn faulty<H: RecordsHarness>() -> Option<Scene<H>> {
    let mut scene = Scene::<H>::new();
    scene.harness.inject(&[], &[]).then_some(scene)
}

impl<H: RecordsHarness> Scene<H> {
    /// Carries something out while commits and reads fail as told; what is left of the plan is
    /// forgotten.
    pub(super) fn with<T>(
        &mut self,
        commits: &[Fault],
        reads: &[bool],
        act: impl FnOnce(&Self) -> T,
    ) -> T {
        let commits: Vec<_> = commits.iter().copied().map(Some).collect();
        assert!(self.harness.inject(&commits, reads), "it could be made to fail before");
        let result = act(self);
        self.harness.heal();
        result
    }
}

/// S1 and S9: said to be not written, and not written.
pub fn an_error_before_means_that_nothing_was_written<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let held = scene.grant(1);
    let before = scene.read();
    let save = held.save(&scene.entry, 2);
    let outcome = scene.with(&[Fault::ErrorBefore], &[], |scene| scene.write(&save));
    assert!(matches!(outcome, Outcome::Refused(RecordRefusal::Unavailable { .. })), "{outcome:?}");
    let outcome = scene.with(&[Fault::Full], &[], |scene| scene.write(&save));
    assert!(matches!(outcome, Outcome::Refused(RecordRefusal::Exhausted { .. })), "{outcome:?}");
    let after = scene.read();
    assert_eq!((after.record, after.data), (before.record, before.data));
    committed(scene.write(&save));
}

/// S2: unknown, and then known by its id, for grants, saves and releases alike.
pub fn a_write_without_an_answer_is_recognised_by_its_id<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let granting = grant(&scene.read(), 1);
    let mut unknown = |write: &steadfast_core::record::RecordWrite| {
        let outcome = scene.with(&[Fault::AppliedThenUnknown], &[], |scene| scene.write(write));
        assert_eq!(outcome, Outcome::Unknown);
        let view = moved(scene.write(write));
        let stored = view.record.as_ref().expect("it was written");
        assert_eq!(stored.body, write.body, "the write itself stands there");
        view
    };
    let view = unknown(&granting);
    let mut held =
        super::calls::Held { body: granting.body, base: view.base().expect("the data was read") };
    let save = held.save(&view.entry, 2);
    let view = unknown(&save);
    held = super::calls::Held { body: save.body, base: view.base().expect("the data was read") };
    let view = unknown(&held.release(&view.entry, 3, true));
    let end = view.end_of(|end| end.fence == held.body.fence).expect("its end is told");
    assert_eq!((end.write_id, end.save_seq), (write_id(3), 2));
}

/// Sent again with its id, it is written once.
pub fn a_lost_write_can_be_sent_again<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let held = scene.grant(1);
    let save = held.save(&scene.entry, 2);
    let outcome = scene.with(&[Fault::LostThenUnknown], &[], |scene| scene.write(&save));
    assert_eq!(outcome, Outcome::Unknown);
    committed(scene.write(&save));
    assert_eq!(scene.body().save_seq, 1);
}

/// S3: a save that arrives when the record is another's is refused, whatever its sender believes.
pub fn a_late_save_is_refused_by_a_newer_grant<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let mut held = scene.grant(1);
    let late = held.save(&scene.entry, 2);
    let outcome = scene.with(&[Fault::LateApply], &[], |scene| scene.write(&late));
    assert_eq!(outcome, Outcome::Unknown);
    let release = held.release(&scene.entry, 3, true);
    scene.must_write(&mut held, release);
    let next = scene.grant(4);
    let before = scene.read();
    scene.harness.release();
    let after = scene.read();
    assert_eq!((after.record, after.data), (before.record, before.data));
    assert_eq!(scene.body(), next.body);
}

/// No read that failed looks like a missing record, and no write is planned on it.
pub fn a_failed_read_is_an_error_and_not_absence<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let held = scene.grant(1);
    // The rows of the record, then the presence of its holder.
    for reads in [&[true][..], &[false, true]] {
        for with in [With::Data, With::DataIfFree] {
            let answer = scene.with(&[], reads, |scene| read(&*scene.records, &scene.entry, with));
            let kind = answer.as_ref().map_err(PlatformError::kind);
            assert_eq!(kind.err(), Some(ErrorKind::Unavailable), "{answer:?}");
        }
    }
    for command in [
        RecordCommand::Check(vec![scene.entry.clone()]),
        RecordCommand::ReadMail { server: server(1) },
    ] {
        let answer = scene.with(&[], &[true], |scene| submit(&*scene.records, command));
        assert!(matches!(answer, Err(PlatformError::Unavailable { .. })), "{answer:?}");
    }
    // Ends that cannot be read are not replaced.
    let release = held.release(&scene.entry, 2, true);
    let outcome = scene.with(&[], &[true], |scene| scene.write(&release));
    assert!(matches!(outcome, Outcome::Refused(RecordRefusal::Unavailable { .. })), "{outcome:?}");
    committed(scene.write(&release));
    // A refusal that cannot tell why is no answer; the next one is.
    let outcome = scene.with(&[], &[false, true], |scene| scene.write(&release));
    assert_eq!(outcome, Outcome::Unknown);
    assert_eq!(moved(scene.write(&release)).record.map(|record| record.body), Some(release.body));
}

/// As for records: the row says whose renewal it is.
pub fn a_renewal_without_an_answer_is_recognised_by_its_id<H: RecordsHarness>() {
    let Some(mut scene) = faulty::<H>() else { return };
    let created = renewed(write_presence(&*scene.records, server(1), None, alive(0), 1));
    let renew = |scene: &Scene<H>| {
        write_presence(&*scene.records, server(1), Some(created.revision), alive(1), 2)
    };
    let outcome = scene.with(&[Fault::AppliedThenUnknown], &[], renew);
    assert_eq!(outcome, Outcome::Unknown);
    let again = renew(&scene);
    let Outcome::Refused(PresenceRefusal::Moved(Some(stored))) = again else {
        panic!("not refused by what is stored: {again:?}")
    };
    assert_eq!(stored.revision, created.revision.next(write_id(2)));
    // Mail that cannot be read makes no renewal unknown.
    let outcome = scene.with(&[], &[true], |scene| {
        write_presence(&*scene.records, server(1), Some(stored.revision), alive(2), 3)
    });
    assert_eq!(renewed(outcome).mail, []);
}

/// A row that cannot be read is an error that names it. Ends are the exception: lost ones are
/// forgotten ones.
pub fn damage_is_never_a_free_record<H: RecordsHarness>() {
    let id = Scene::<H>::new().entry;
    let corrupt = |row: &RowKey| PlatformError::Corrupt { row: Box::new(row.clone()) };
    for row in [
        RowKey::Presence(server(1)),
        RowKey::Entry(id.clone()),
        RowKey::Record(id.clone()),
        RowKey::Ends(id),
    ] {
        let mut scene = Scene::<H>::new();
        let planned = grant(&scene.read(), 2);
        let mut held = scene.grant(1);
        let release = held.release(&scene.entry, 3, true);
        if matches!(row, RowKey::Ends(_)) {
            scene.must_write(&mut held, release);
        }
        if !scene.harness.damage(&row) {
            return;
        }
        let answer = read(&*scene.records, &scene.entry, With::Data);
        if matches!(row, RowKey::Ends(_)) {
            let view = answer.expect("ends are no reason to refuse a record");
            assert_eq!(view.ends.as_deref(), Some(&[][..]));
            assert!(content_in(&view).is_some());
            continue;
        }
        assert_eq!(answer, Err(corrupt(&row)));
        assert_eq!(try_write(&*scene.records, &planned), Err(corrupt(&row)));
    }
}

/// The others are told all the same.
pub fn a_check_names_what_is_damaged<H: RecordsHarness>() {
    let mut scene = Scene::<H>::new();
    let held = scene.grant(1);
    let row = RowKey::Record(entry("other"));
    if !scene.harness.damage(&row) {
        return;
    }
    let asked = vec![entry("other"), scene.entry.clone()];
    let answer = submit(&*scene.records, RecordCommand::Check(asked));
    let Ok(RecordReply::Checked(rows)) = answer else { panic!("no rows: {answer:?}") };
    let told: Vec<_> =
        rows.into_iter().map(|row| row.map(|record| record.map(|record| record.body))).collect();
    assert_eq!(told, [Err(PlatformError::Corrupt { row: Box::new(row) }), Ok(Some(held.body))]);
}
