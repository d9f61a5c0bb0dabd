//! Facts about what leaves a ledger, and what is never taken for new because of it.

use std::sync::Arc;
use std::time::Duration;

use steadfast_core::Timestamp;
use steadfast_core::operation::{
    Death, OperationSettings, OperationStatus, QueueRefusal, ReceiptState,
};

use super::super::calls::{Held, Scene};
use super::support::{failure, queued, refused, settings};
use crate::conformance::RecordsHarness;

const NAMES: [&str; 6] = ["f", "e", "d", "c", "b", "a"];

/// When the operation at this place of [`NAMES`] is issued: apart from its queueing, and in the
/// order of the list.
fn issued_at(now: Timestamp, place: usize) -> Timestamp {
    let ahead = u64::try_from(place).unwrap_or(0);
    let back = Timestamp::from_ticks(now.ticks() / 1_000 * 999);
    back.saturating_add(Duration::from_secs(ahead))
}

/// Queues all of them, the youngest first, so that the order of the queue is not that of their ages.
#[track_caller]
fn queue_all<H: RecordsHarness>(scene: &Scene<H>, now: Timestamp, first: u64) {
    for ((place, name), number) in NAMES.iter().enumerate().rev().zip(first..) {
        let mut request = scene.request(name, number);
        request.issued_at = issued_at(now, place);
        assert!(queued(scene.queue(request)).is_new, "{name}");
    }
}

fn ageless(change: impl FnOnce(&mut OperationSettings)) -> Arc<OperationSettings> {
    settings(|it| {
        it.receipt_age_max = Duration::from_hours(24 * 365 * 100);
        change(it);
    })
}

/// A record whose six operations were settled with room for two receipts and three ids.
fn pruned<H: RecordsHarness>() -> (Scene<H>, Held, Timestamp) {
    let scene = Scene::<H>::new();
    let now = scene.now();
    queue_all(&scene, now, 1);
    let mut held = scene.grant(10);
    let limits = ageless(|it| (it.receipts_max, it.kept_max) = (2, 3));
    scene.settle_all(&mut held, 11, &limits);
    (scene, held, now)
}

/// The oldest by their issue first, whatever their ids and their places in the queue.
pub fn the_oldest_receipts_give_way_to_ids_and_those_leave<H: RecordsHarness>() {
    let (scene, ..) = pruned::<H>();
    let states: Vec<(String, bool)> = scene
        .receipts()
        .into_iter()
        .map(|(id, body)| (id, matches!(body.state, ReceiptState::Full(_))))
        .collect();
    let wanted = [("a", true), ("b", true), ("c", false), ("d", false), ("e", false)];
    assert_eq!(states, wanted.map(|(id, is_full)| (id.to_owned(), is_full)));
    let kept = scene.receipt("d");
    assert_eq!(kept.status(), Some(OperationStatus::Applied), "that it was applied is known");
    assert!(scene.operation("f").receipt.is_none());
}

/// DO2: its own issue time, or an earlier one, is not taken any more; a later one is.
pub fn do2_what_was_pruned_is_never_queued_again<H: RecordsHarness>() {
    let (scene, mut held, now) = pruned::<H>();
    let horizon = issued_at(now, 0);
    assert_eq!(scene.operation("f").horizon, Some(horizon));
    let issued = |name, number, issued_at| {
        let mut request = scene.request(name, number);
        request.issued_at = issued_at;
        request
    };
    for (name, issued_at) in
        [("f", horizon), ("g", horizon), ("g", Timestamp::from_ticks(horizon.ticks() - 1))]
    {
        let refusal = refused(scene.queue(issued(name, 20, issued_at)));
        assert_eq!(refusal, QueueRefusal::Expired { issued_at, horizon }, "{name}");
    }
    // What is known is told, however old it is.
    assert!(!queued(scene.queue(issued("e", 21, horizon))).is_new);
    assert!(queued(scene.queue(issued("g", 22, horizon.next()))).is_new);
    assert_eq!(scene.waiting(), ["g"]);
    // The next one to leave raises it, and nothing lowers it.
    let limits = ageless(|it| (it.receipts_max, it.kept_max) = (1, 1));
    scene.settle_all(&mut held, 23, &limits);
    let known: Vec<String> = scene.receipts().into_iter().map(|(id, _)| id).collect();
    assert_eq!(known, ["a", "b"]);
    let raised = issued_at(now, 3);
    assert_eq!(scene.operation("f").horizon, Some(raised));
    scene.settle_all(&mut held, 24, &Arc::default());
    assert_eq!(scene.operation("f").horizon, Some(raised));
    let refusal = refused(scene.queue(issued("g", 25, raised)));
    assert_eq!(refusal, QueueRefusal::Expired { issued_at: raised, horizon: raised });
}

/// It is told for ever, keeps no room from others, and raises no horizon.
pub fn what_is_permanent_never_leaves_and_counts_nowhere<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    for (name, number) in [("a", 1), ("b", 2)] {
        let mut request = scene.request(name, number);
        request.is_permanent = true;
        request.settings = settings(|it| it.ledger_size_max = 0);
        assert!(queued(scene.queue(request)).is_new, "{name}");
    }
    let mut held = scene.grant(3);
    let limits = settings(|it| {
        (it.receipts_max, it.kept_max, it.ledger_size_max) = (0, 0, 0);
        it.receipt_age_max = Duration::ZERO;
    });
    scene.settle_all(&mut held, 4, &limits);
    scene.settle_all(&mut held, 5, &limits);
    for name in ["a", "b"] {
        assert!(matches!(scene.receipt(name).state, ReceiptState::Full(_)), "{name}");
    }
    assert_eq!(scene.operation("a").horizon, None);
}

/// As many as may stay, those that died last.
pub fn the_oldest_dead_letters_leave<H: RecordsHarness>() {
    let scene = Scene::<H>::new();
    scene.must_queue(&["c", "b", "a"], 1);
    let mut held = scene.grant(4);
    let limits = settings(|it| it.dead_letters_max = 2);
    for number in 5..8 {
        let waiting = scene.inbox();
        let first = waiting.first().expect("one dies with each save");
        let settled = vec![failure(first, Death::Handler)];
        let save = scene.settling(&held, number, settled, &limits);
        scene.must_write(&mut held, save);
    }
    let letters: Vec<String> =
        scene.dead_letters().into_iter().map(|letter| letter.id.as_str().to_owned()).collect();
    assert_eq!(letters, ["a", "b"]);
    assert_eq!(scene.receipt("c").status(), Some(OperationStatus::Failed), "its receipt stays");
}
