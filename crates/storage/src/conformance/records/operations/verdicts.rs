//! Facts about operators: verdicts, and dead letters that are queued again.

use steadfast_core::operation::{
    Death, JudgeRefusal, Judged, OperationStatus, QueueOperation, QueueRefusal, Verdict,
};
use steadfast_core::record::MailKind;
use steadfast_core::{OperationKind, Outcome};

use super::super::calls::{Scene, delete_mail, read_mail, server};
use super::support::{failure, hash_of, id, payload, queued, refused, settings};
use crate::conformance::RecordsHarness;

/// It stands with the operation, the holder is told, and nothing is settled by it.
pub fn a_verdict_waits_for_the_holder_and_tells_it<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["a", "b"], 1);
    let cancel = Verdict::Cancel("refunded".into());
    let judged = scene.judge("a", cancel.clone(), 3);
    assert_eq!(judged, Outcome::Committed(Judged { holder: None }));
    let verdicts = |scene: &Scene<H>| {
        scene.inbox().into_iter().map(|it| it.body.verdict.clone()).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&scene), [Some(cancel.clone()), None]);
    let queued_at: Vec<_> = scene.inbox().into_iter().map(|it| it.queued_at).collect();

    let held = scene.grant(4);
    for mail in read_mail(&*scene.records, server(4)) {
        delete_mail(&*scene.records, server(4), &mail);
    }
    let fail = Verdict::Fail("no such item".into());
    let holder = Some((server(4), held.body.fence));
    assert_eq!(scene.judge("b", fail.clone(), 5), Outcome::Committed(Judged { holder }));
    let mail = read_mail(&*scene.records, server(4));
    assert_eq!(mail.iter().map(|it| it.body.kind).collect::<Vec<_>>(), [MailKind::Operation]);
    assert_eq!(verdicts(&scene), [Some(cancel.clone()), Some(fail)]);
    // The same again, and another one in its place.
    assert_eq!(scene.judge("b", cancel.clone(), 6), Outcome::Committed(Judged { holder }));
    assert_eq!(scene.judge("b", cancel.clone(), 7), Outcome::Committed(Judged { holder }));
    assert_eq!(verdicts(&scene), [Some(cancel.clone()), Some(cancel)]);
    assert_eq!(scene.body(), held.body, "an operator does not write the record");
    assert_eq!(scene.receipt("a").status(), None);
    let now: Vec<_> = scene.inbox().into_iter().map(|it| it.queued_at).collect();
    assert_eq!(now, queued_at, "it was queued when it was");
}

/// Nothing is noted.
pub fn what_ended_or_is_unknown_cannot_be_judged<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let verdict = || Verdict::Cancel("late".into());
    let unknown = Outcome::Refused(JudgeRefusal::Unknown);
    assert_eq!(scene.judge("a", verdict(), 1), unknown);
    scene.must_queue(&["a"], 2);
    assert_eq!(scene.judge("b", verdict(), 3), unknown);
    let mut held = scene.grant(4);
    scene.settle_all(&mut held, 5, &settings(|_| {}));
    let settled = Outcome::Refused(JudgeRefusal::Settled(OperationStatus::Applied));
    assert_eq!(scene.judge("a", verdict(), 6), settled);
    assert!(scene.inbox().is_empty());
}

/// Its payload and kind go to an operation of another id, in one write with the mark in the letter.
pub fn a_dead_letter_is_queued_again_once<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    let request = scene.request("a", 1);
    assert!(queued(scene.queue(request.clone())).is_new);
    scene.must_queue(&["b"], 2);
    let mut held = scene.grant(3);
    let waiting = scene.inbox();
    let died: Vec<_> = waiting.iter().map(|it| failure(it, Death::Attempts)).collect();
    let kept = request.payload.as_ref().map_or(0, steadfast_core::JsonText::size);
    // The payload of the second has as many bytes.
    let limits = settings(|it| it.dead_letter_payload_max = kept);
    let save = scene.settling(&held, 4, died, &limits);
    let before = scene.now();
    let written = scene.must_write(&mut held, save);
    let letters = scene.dead_letters();
    let [letter, _] = &letters[..] else { panic!("two of them died: {letters:?}") };
    assert_eq!(letter.id, id("a"));
    let with_the_save = before..=written.stamped_at;
    assert!(with_the_save.contains(&letter.died_at), "{letter:?}");
    let body = &letter.body;
    assert_eq!((&body.payload, body.death, body.tries), (&request.payload, Death::Attempts, 3));
    assert_eq!((&*body.error, &body.requeued_as), ("it cannot be given", &None));
    assert_eq!(scene.receipt("a").status(), Some(OperationStatus::Failed));

    let requeue = |name: &str, of: &str, number| QueueOperation {
        payload: None,
        replaces: Some(id(of)),
        ..scene.request(name, number)
    };
    assert_eq!(refused(scene.queue(requeue("x", "never", 5))), QueueRefusal::NoDeadLetter);
    let again = queued(scene.queue(requeue("a2", "a", 6)));
    assert!(again.is_new && again.receipt.hash == hash_of(&request), "{again:?}");
    let waiting = scene.inbox();
    let [operation] = &waiting[..] else { panic!("it waits: {waiting:?}") };
    assert_eq!(Some(&operation.body.payload), request.payload.as_ref());
    assert_eq!((&operation.body.kind, &operation.body.replaces), (&request.kind, &Some(id("a"))));
    let marked = scene.dead_letters();
    assert_eq!(marked.first().and_then(|it| it.body.requeued_as.clone()), Some(id("a2")));
    assert_eq!(marked.first().map(|it| it.died_at), Some(letter.died_at));
    assert_eq!(refused(scene.queue(requeue("a3", "a", 7))), QueueRefusal::NoDeadLetter);
    // The same request is told what became of it.
    assert!(!queued(scene.queue(requeue("a2", "a", 8))).is_new);
    assert_eq!(scene.waiting(), ["a2"]);
    without_its_payload::<H>();
}

/// What was too large to be kept cannot be queued again, unless whoever queues has it.
fn without_its_payload<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["a"], 1);
    let mut held = scene.grant(2);
    let waiting = scene.inbox();
    let died = waiting.iter().map(|it| failure(it, Death::Operator)).collect();
    let save = scene.settling(&held, 3, died, &settings(|it| it.dead_letter_payload_max = 1));
    scene.must_write(&mut held, save);
    let letters = scene.dead_letters();
    let size = waiting.first().map(|it| it.body.payload.size()).and_then(|it| it.try_into().ok());
    let told = letters.first().map(|it| (it.body.payload.clone(), it.body.payload_size));
    assert_eq!(told, Some((None, size.unwrap_or(0))));
    let mut again = scene.request("a2", 4);
    (again.payload, again.replaces) = (None, Some(id("a")));
    assert_eq!(refused(scene.queue(again.clone())), QueueRefusal::NoDeadLetter);
    (again.payload, again.kind) = (Some(payload("\"whole\"")), OperationKind::trusted("give"));
    assert!(queued(scene.queue(again)).is_new);
}
