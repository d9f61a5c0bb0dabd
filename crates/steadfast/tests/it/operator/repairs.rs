//! Repairs: operations, leases and ledgers, of records that are held and that are not.

use std::time::Duration;

use steadfast::core::operation::{LedgerKey, OperationStatus};
use steadfast::core::{Code, JsonText, RowKey, Timestamp};
use steadfast::operator::{Fence, LedgerInfo, NewOperation, Operator, OperatorError};
use steadfast::{LossReason, SessionEvent, SessionState};

use super::support::{because, both, check, coins, desk, dry, gift, id, keeps, key, leave};
use crate::sessions::world::World;

#[track_caller]
fn status(world: &World, alice: &Operator, name: &str) -> Option<OperationStatus> {
    let view = world.run(&[], alice.operation(key("7"), &id(name))).unwrap();
    view.receipt.expect("it is known").status()
}

#[test]
fn an_operation_is_queued_once_and_refused_for_what_is_wrong_with_it() {
    both(|world| {
        let a = world.server("desk");
        let (alice, seven) = (desk(&a), key("7"));
        let queue = |operation| world.run(&[], alice.queue(seven, because(), operation));
        assert!(queue(gift("g-1", 5)).unwrap().is_new, "the record need not exist");
        assert!(!queue(gift("g-1", 5)).unwrap().is_new);
        check(queue(gift("g-1", 6)), Code::OperationPayloadMismatch);
        let large = format!(r#"{{"path":"coins","amount":1,"x":"{}"}}"#, "x".repeat(70_000));
        let large = NewOperation { payload: JsonText::trusted(large), ..gift("g-2", 1) };
        check(queue(large), Code::OperationPayloadTooLarge);
        let ahead = a.now().saturating_add(Duration::from_mins(11));
        let ahead = NewOperation { issued_at: Some(ahead), ..gift("g-3", 1) };
        check(queue(ahead), Code::InvalidTimestamp);
        let page = world.run(&[], alice.pending(seven, None, 10)).unwrap();
        assert_eq!(page.operations.len(), 1);
        let (receipts, has_more) = world.run(&[], alice.receipts(seven, None, 10)).unwrap();
        assert_eq!((receipts.len(), has_more), (1, false));
        let unknown = world.run(&[], alice.operation(seven, &id("nobody"))).unwrap();
        assert_eq!(unknown.receipt, None);
    });
}

#[test]
fn do6_a_full_inbox_and_a_full_ledger_refuse() {
    let world = World::new();
    let mut options = world.options();
    options.operations.pending_max = 2;
    let a = world.over(options);
    let alice = desk(&a);
    let queue = |name| world.run(&[], alice.queue(key("7"), because(), gift(name, 1)));
    assert!(queue("g-1").is_ok() && queue("g-2").is_ok());
    check(queue("g-3"), Code::InboxFull);
    let mut options = world.options();
    options.operations.ledger_size_max = 60;
    let alice = desk(&world.over(options));
    let queue = |name| world.run(&[], alice.queue(key("8"), because(), gift(name, 1)));
    // Each id counts 19 bytes at least.
    assert!(queue("g-1").is_ok() && queue("g-2").is_ok() && queue("g-3").is_ok());
    check(queue("g-4"), Code::LedgerFull);
}

#[test]
fn do4_a_cancelled_operation_ends_without_effect_wherever_it_waits() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        leave(world, &a, "7", 5);
        world.run(&[], alice.queue(seven, because(), gift("g-1", 5))).unwrap();
        let ended = world.run(&[], alice.cancel(seven, because(), &id("g-1"))).unwrap();
        assert_eq!(ended.holder, None);
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        world.until(&[&a], || status(world, &alice, "g-1"));
        assert_eq!(status(world, &alice, "g-1"), Some(OperationStatus::Cancelled));
        assert_eq!(p.get(|save| save.coins), Ok(5));
        check(world.run(&[], alice.cancel(seven, because(), &id("g-1"))), Code::OperationSettled);
        check(world.run(&[], alice.fail(seven, because(), &id("nobody"))), Code::OperationNotFound);
    });
}

#[test]
fn a_failed_operation_leaves_a_dead_letter_that_is_queued_again_once() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        leave(world, &a, "7", 5);
        world.run(&[], alice.queue(seven, because(), gift("g-1", 10))).unwrap();
        world.run(&[], alice.fail(seven, because(), &id("g-1"))).unwrap();
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        world.until(&[&a], || status(world, &alice, "g-1"));
        assert_eq!(status(world, &alice, "g-1"), Some(OperationStatus::Failed));
        let (letters, _) = world.run(&[], alice.dead_letters(seven, None, 10)).unwrap();
        assert_eq!((letters.len(), &*letters[0].body.error), (1, "ticket 81"));
        let ledger = world.run(&[], alice.record(seven)).unwrap().ledger;
        assert_eq!((ledger.dead, ledger.pending), (1, 0));

        let requeue =
            |name: &str| world.run(&[], alice.requeue(seven, because(), &id("g-1"), id(name)));
        let queued = requeue("g-1b").unwrap();
        assert!(queued.is_new && queued.holder.is_some());
        check(requeue("g-1c"), Code::DeadLetterNotFound);
        world.until(&[&a], || (p.get(|save| save.coins) == Ok(15)).then_some(()));
        world.until(&[&a], || status(world, &alice, "g-1b"));
        let (letters, _) = world.run(&[], alice.dead_letters(seven, None, 10)).unwrap();
        assert_eq!(letters[0].body.requeued_as, Some(id("g-1b")));
    });
}

#[test]
fn a_forced_release_takes_exactly_the_lease_that_was_inspected() {
    both(|world| {
        let (a, b) = (world.server_with("game-1", keeps()), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        let events = p.events();
        let fence = world.run(&[], alice.record(seven)).unwrap().fence.unwrap();
        // Saves leave the fence as it is.
        p.edit(|save| Ok(save.coins = 5)).unwrap();
        world.run(&[&a], p.checkpoint()).unwrap();
        p.edit(|save| Ok(save.coins = 6)).unwrap();
        let wrong = Fence { counter: fence.counter + 1, ..fence };
        let refused = world.run(&[], alice.force_release(seven, because(), wrong)).unwrap_err();
        assert_eq!(refused.code(), Code::LeaseTokenMismatch);
        let OperatorError::LeaseTokenMismatch { stored, .. } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(stored, Some(fence));
        let taken = world.run(&[], alice.force_release(seven, because(), fence)).unwrap();
        assert_eq!(taken.fence, fence);
        let began = world.seconds();
        world.until(&[&a], || (p.state() == SessionState::LeaseLost).then_some(()));
        assert!(world.seconds() - began < 3.5, "the mail tells it within one renewal");
        let lost = std::iter::from_fn(|| events.try_next()).last();
        let is_stolen = matches!(
            &lost,
            Some(SessionEvent::Lost { reason: LossReason::Stolen, spill: Some(_) })
        );
        assert!(is_stolen, "{lost:?}");
        let info = world.run(&[], alice.record(seven)).unwrap();
        assert_eq!((coins(&info), info.lease, info.ends.len()), (5, None, 1));
        check(
            world.run(&[], alice.force_release(seven, because(), fence)),
            Code::LeaseTokenMismatch,
        );
        check(
            world.run(&[], alice.force_release(key("8"), because(), fence)),
            Code::LeaseTokenMismatch,
        );
        assert!(world.run(&[&b], world.players(&b).open("7")).is_ok());
    });
}

#[test]
fn a_steal_asks_first_and_leaves_the_record_free() {
    let world = World::new();
    let (a, b) = (world.server_with("game-1", keeps()), world.server("desk"));
    let (alice, seven) = (desk(&b), key("7"));
    let free = world.run(&[&b], alice.steal(seven, because())).unwrap_err();
    assert!(matches!(free, OperatorError::NotHeld { .. }), "{free:?}");
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    let fence = world.run(&[], alice.record(seven)).unwrap().fence.unwrap();
    let began = world.seconds();
    let taken = world.run(&[&a, &b], alice.steal(seven, because())).unwrap();
    assert!(world.seconds() - began >= 4.0, "it was given time to let go");
    assert_eq!(taken.fence, fence);
    world.until(&[&a, &b], || (p.state() == SessionState::LeaseLost).then_some(()));
    assert_eq!(world.run(&[], alice.record(seven)).unwrap().lease, None);
}

#[test]
fn a_ledger_is_compacted_by_age_unless_its_record_is_held() {
    both(|world| {
        let (a, b) = (world.server("game-1"), world.server("desk"));
        let (alice, seven) = (desk(&b), key("7"));
        for name in ["g-1", "g-2", "g-3"] {
            world.run(&[], alice.queue(seven, because(), gift(name, 1))).unwrap();
        }
        let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
        world.until(&[&a], || status(world, &alice, "g-3"));
        check(world.run(&[&a, &b], alice.compact(seven, because())), Code::ActiveLease);
        world.run(&[&a], p.release()).unwrap();
        let young = world.run(&[&b], alice.compact(seven, because())).unwrap();
        assert_eq!((young.before, young.after.full), (young.after, 3));

        world.pass(Duration::from_hours(8 * 24));
        let plan = world.run(&[&b], alice.compact(seven, dry())).unwrap();
        assert_eq!((plan.after.full, plan.is_dry_run), (0, true));
        let before = world.run(&[&b], alice.record(seven)).unwrap();
        assert_eq!(before.ledger.full, 3);
        let old = world.run(&[&b], alice.compact(seven, because())).unwrap();
        assert_eq!((old.before.full, old.after.full, old.after.size), (3, 0, 0));
        assert_eq!((plan.after, plan.before), (old.after, old.before));
        let after = world.run(&[&b], alice.record(seven)).unwrap();
        assert!(after.ledger.horizon.is_some());
        assert_eq!((coins(&after), after.revision()), (3, before.revision()));
        assert!(after.fence.unwrap().counter > before.fence.unwrap().counter);
        let issued_at = Some(Timestamp::from_unix_seconds(1_700_000_000));
        let replayed = NewOperation { issued_at, ..gift("g-1", 1) };
        check(world.run(&[], alice.queue(seven, because(), replayed)), Code::OperationExpired);
    });
}

#[test]
fn a_ledger_whose_numbers_are_damaged_is_shown_so_and_counted_anew() {
    let world = World::new();
    let (a, b) = (world.server("game-1"), world.server("desk"));
    let (alice, seven) = (desk(&b), key("7"));
    world.run(&[], alice.queue(seven, because(), gift("g-1", 1))).unwrap();
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    world.until(&[&a], || status(&world, &alice, "g-1"));
    world.run(&[&a], p.release()).unwrap();
    world.run(&[], alice.queue(seven, because(), gift("g-2", 1))).unwrap();
    let whole = world.run(&[], alice.record(seven)).unwrap().ledger;

    world.backend.damage(RowKey::Ledger(alice.entry(seven), LedgerKey::Head));
    let damaged = world.run(&[], alice.record(seven)).unwrap().ledger;
    assert_eq!(damaged, LedgerInfo { is_damaged: true, ..LedgerInfo::default() });
    let queued = alice.queue(seven, because(), gift("g-3", 1));
    check(world.run(&[], queued), Code::Corrupt);
    let plan = world.run(&[&b], alice.compact(seven, dry())).unwrap();
    assert!(plan.before.is_damaged && !plan.after.is_damaged && plan.is_dry_run);
    assert!(world.run(&[], alice.record(seven)).unwrap().ledger.is_damaged, "nothing was done");

    let asked_at = b.now();
    let counted = world.run(&[&b], alice.compact(seven, because())).unwrap();
    let horizon = counted.after.horizon;
    assert!(horizon.is_some_and(|horizon| horizon >= asked_at && horizon <= b.now()));
    assert_eq!(counted.after, LedgerInfo { horizon, ..whole });
    let early = NewOperation { issued_at: Some(asked_at), ..gift("g-4", 1) };
    check(world.run(&[], alice.queue(seven, because(), early)), Code::OperationExpired);
    world.run(&[], alice.queue(seven, because(), gift("g-5", 1))).unwrap();
    let p = world.run(&[&a], world.players(&a).open("7")).unwrap();
    world.until(&[&a], || status(&world, &alice, "g-5"));
    assert_eq!(p.get(|save| save.coins), Ok(3), "all that waited");
}
