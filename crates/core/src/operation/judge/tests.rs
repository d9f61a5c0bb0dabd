//! Facts about verdicts.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

use std::sync::Arc;
use std::time::Duration;

use crate::batch::Refusal;
use crate::operation::tests::support::{applied, to_batch};
use crate::operation::tests::{Bench, ME, as_refused, error_of, operation_id};
use crate::operation::{
    JudgeOperation, JudgeRefusal, LedgerKey, OperationSettings, OperationStatus, REASON_SIZE_MAX,
    Verdict,
};
use crate::outcome::Outcome;
use crate::platform::tests::world::Running;
use crate::platform::{ATTEMPTS_MAX, Input, PlatformError};
use crate::record::{MailKind, RecordCommand, RecordRefusal, RecordReply, RecordRequest};
use crate::row::{RowBody, RowKey};

fn bench() -> Bench {
    Bench::new(OperationSettings::default())
}

fn cancel() -> Verdict {
    Verdict::Cancel("asked for".into())
}

fn start(bench: &mut Bench, id: &str) -> Running<RecordRequest> {
    let (entry, write_id) = (bench.entry.clone(), bench.write_id());
    let judgement = JudgeOperation { entry, id: operation_id(id), verdict: cancel(), write_id };
    bench.start(RecordCommand::Judge(Box::new(judgement)))
}

fn answer(running: Running<RecordRequest>) -> crate::operation::JudgeOutcome {
    match running.answer() {
        Ok(RecordReply::Judged(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

fn verdict(bench: &mut Bench) -> Option<Verdict> {
    bench.inbox(None, 1).operations[0].body.verdict.clone()
}

#[test]
fn a_verdict_stands_in_the_row_of_the_operation_and_the_holder_gets_mail() {
    let mut bench = bench();
    bench.queued("a");
    let queued_at = bench.world.now;
    bench.pass(Duration::from_secs(5));
    let free = bench.judge("a", cancel()).committed().unwrap();
    assert_eq!(free.holder, None);
    assert_eq!(verdict(&mut bench), Some(cancel()));
    bench.hold();
    let fail = Verdict::Fail("broken".into());
    let held = bench.judge("a", fail.clone()).committed().unwrap();
    assert_eq!(held.holder.map(|(server, _)| server), Some(ME));
    let waiting = bench.inbox(None, 1).operations.remove(0);
    assert_eq!((&waiting.body.verdict, waiting.queued_at), (&Some(fail), queued_at));
    let mail = RowKey::Mail(ME, bench.entry.clone());
    let row = bench.world.rows[&mail].clone();
    assert!(matches!(&row.body, RowBody::Mail(mail) if mail.kind == MailKind::Operation));
    bench.judge("a", cancel()).committed().unwrap();
    assert_eq!(bench.world.rows[&mail], row, "one is enough");
    assert_eq!(bench.state("a"), "pending", "the holder makes the receipt");
    bench.check();
}

#[test]
fn the_same_verdict_again_writes_nothing() {
    let mut bench = bench();
    bench.queued("a");
    bench.judge("a", cancel()).committed().unwrap();
    let before = bench.world.rows.clone();
    bench.judge("a", cancel()).committed().unwrap();
    assert_eq!(bench.world.rows, before);
}

#[test]
fn nothing_is_judged_that_is_unknown_or_has_ended() {
    let mut bench = bench();
    assert_eq!(as_refused(bench.judge("a", cancel())), JudgeRefusal::Unknown);
    bench.hold();
    bench.apply(&["a"]);
    let refusal = as_refused(bench.judge("a", cancel()));
    assert_eq!(refusal, JudgeRefusal::Settled(OperationStatus::Applied));
}

#[test]
fn a_verdict_that_comes_too_late_changes_nothing() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let mut early = start(&mut bench, "a");
    to_batch(&mut bench, &mut early);
    let mut earlier = start(&mut bench, "a");
    bench.world.step(&mut earlier);
    bench.settle_oldest(1);
    let before = bench.ledger();
    for mut running in [early, earlier] {
        while !running.is_over() {
            bench.world.step(&mut running);
        }
        let refusal = as_refused(answer(running));
        assert_eq!(refusal, JudgeRefusal::Settled(OperationStatus::Applied));
    }
    assert_eq!(bench.ledger(), before);
}

#[test]
fn an_operation_that_ends_takes_its_verdict_with_it() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let waiting = bench.inbox(None, 1).operations;
    bench.judge("a", cancel()).committed().unwrap();
    bench.settle(waiting.iter().map(applied).collect());
    assert!(bench.row(LedgerKey::Pending(0)).is_none());
    assert_eq!(bench.known("a").receipt.unwrap().status(), Some(OperationStatus::Applied));
    bench.check();
}

#[test]
fn who_loses_sixteen_times_is_told_so() {
    let mut bench = bench();
    bench.hold();
    bench.queued("a");
    let mut running = start(&mut bench, "a");
    for _ in 0..ATTEMPTS_MAX {
        to_batch(&mut bench, &mut running);
        let save = bench.save_of(crate::record::Data::Keep);
        bench.written(save);
        bench.world.step(&mut running);
    }
    let refusal = as_refused(answer(running));
    assert_eq!(refusal, JudgeRefusal::Contended { attempts: ATTEMPTS_MAX });
}

#[test]
fn w4_the_answers_of_the_store_are_passed_on() {
    let reason = || Arc::from("no");
    let exhausted = Outcome::Refused(Refusal::Exhausted { reason: reason() });
    for (outcome, told) in [(exhausted, true), (Outcome::Unknown, false)] {
        let mut bench = bench();
        bench.queued("a");
        let mut running = start(&mut bench, "a");
        to_batch(&mut bench, &mut running);
        running.give(Input::Committed(outcome));
        match answer(running) {
            Outcome::Refused(JudgeRefusal::Store(RecordRefusal::Exhausted { .. })) if told => {}
            Outcome::Unknown if !told => {}
            other => panic!("{other:?}"),
        }
    }
    for reads in 0..2 {
        let mut bench = bench();
        bench.queued("a");
        let mut running = start(&mut bench, "a");
        for _ in 0..reads {
            bench.world.step(&mut running);
        }
        running.fail();
        let error = error_of(running.answer());
        assert_eq!(error, PlatformError::Unavailable { reason: "gone".into() });
    }
}

#[test]
fn damage_is_told_and_nothing_is_judged() {
    let keys = [LedgerKey::Receipt(operation_id("a")), LedgerKey::Pending(0)];
    for key in keys {
        let mut bench = bench();
        bench.hold();
        bench.queued("a");
        let row = bench.key(key);
        bench.world.damaged.insert(row.clone());
        let mut running = start(&mut bench, "a");
        while !running.is_over() {
            bench.world.step(&mut running);
        }
        assert_eq!(error_of(running.answer()), PlatformError::Corrupt { row: Box::new(row) });
    }
}

#[test]
fn a_long_reason_is_cut_off() {
    let mut bench = bench();
    bench.queued("a");
    for (size, kept) in [(REASON_SIZE_MAX, REASON_SIZE_MAX), (REASON_SIZE_MAX + 1, REASON_SIZE_MAX)]
    {
        bench.judge("a", Verdict::Cancel("x".repeat(size).into())).committed().unwrap();
        let Some(Verdict::Cancel(reason)) = verdict(&mut bench) else { panic!("it is judged") };
        assert_eq!(reason.len(), kept);
    }
    let text = format!("{}\u{20ac}", "x".repeat(REASON_SIZE_MAX - 1));
    bench.judge("a", Verdict::Fail(text.into())).committed().unwrap();
    let Some(Verdict::Fail(reason)) = verdict(&mut bench) else { panic!("it is judged") };
    assert_eq!(reason.len(), REASON_SIZE_MAX - 1, "at a whole character");
}
