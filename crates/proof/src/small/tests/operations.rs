//! Facts about many operations on one record: those that were forgotten, and a flood of them.

use steadfast_core::game_server::QueueRequest;
use steadfast_core::operation::{Handled, HandlerError, PendingOperation, QueueRefusal};
use steadfast_core::session::QueueError;
use steadfast_core::{Monotonic, OperationId, OperationKind, Timestamp};

use super::*;

const KEY: u64 = 7;
const COUNT: u64 = 10_000;

/// A handler that counts how often it is run, in the data.
fn counting() -> Arc<Handlers> {
    let run = |document: &mut dyn Document, _: &PendingOperation| {
        let save = document.as_any_mut().downcast_mut::<Save>();
        let save = save.ok_or(HandlerError::Fail("it is no save".into()))?;
        let number = number_of(save.0.as_str()).ok_or(HandlerError::Fail("no number".into()))?;
        save.0 = value(number + 1, 10);
        Ok(Handled::default())
    };
    let mut handlers = Handlers::new();
    handlers.insert(OperationKind::trusted("count"), Arc::new(run), false).unwrap();
    Arc::new(handlers)
}

/// Two servers, of which the first has the record open.
fn with_record(operations: OperationSettings, way: Duration) -> (Small<'static>, SessionHandle) {
    let mut small = Small::new(11, move |_| Fate::After(way));
    (small.operations, small.handlers) = (operations, counting());
    small.start(SessionSettings::default(), Duration::ZERO);
    small.start(SessionSettings::default(), Duration::ZERO);
    small.run(Duration::from_secs(2));
    small.open(0, KEY);
    small.run(Duration::from_secs(2));
    let opened = std::mem::take(&mut small.events).into_iter().find_map(|(_, event)| {
        if let Event::Opened { session, .. } = event { Some(session) } else { None }
    });
    (small, opened.unwrap())
}

/// Queues the operation of a number, which was issued so many milliseconds after a time.
fn queue(small: &mut Small<'_>, server: usize, number: u64, since: Timestamp) {
    let request = QueueRequest {
        entry: entry(KEY),
        id: OperationId::trusted(format!("count-{number}")),
        kind: OperationKind::trusted("count"),
        payload: Some(JsonText::trusted("1".to_owned())),
        issued_at: Some(since.saturating_add(Duration::from_millis(number))),
        schema: 0,
        is_permanent: false,
        replaces: None,
    };
    small.with(server, |server, now, out| server.queue(now, request, out));
}

/// Queues all of them, as fast as they are done, and hands out what was answered: how many were new,
/// known, and expired.
fn queue_all(small: &mut Small<'_>, since: Timestamp) -> (u64, u64, u64) {
    let (mut new, mut known, mut expired) = (0, 0, 0);
    for number in 0..COUNT {
        queue(small, usize::from(number % 2 == 0), number, since);
        if number % 100 == 99 {
            small.run(Duration::from_millis(200));
        }
        for (_, event) in std::mem::take(&mut small.events) {
            let Event::Queued { result, .. } = event else { continue };
            match result {
                Ok(queued) if queued.is_new => new += 1,
                Ok(_) => known += 1,
                Err(QueueError::Refused(QueueRefusal::Expired { .. })) => expired += 1,
                Err(error) => panic!("operation {number} was not queued: {error}"),
            }
        }
    }
    (new, known, expired)
}

#[test]
fn do2_of_ten_thousand_forgotten_operations_none_is_applied_again() {
    let operations = OperationSettings { receipts_max: 20, kept_max: 30, ..Default::default() };
    let (mut small, session) = with_record(operations, Duration::from_millis(1));
    // Issued before now, all of them.
    let since = Timestamp::from_ticks(small.world.now().wall.ticks() - 200_000_000);
    assert_eq!(queue_all(&mut small, since), (COUNT, 0, 0));
    small.run(Duration::from_secs(5));
    assert_eq!(small.number_stored(KEY), Some(COUNT));
    let (new, known, expired) = queue_all(&mut small, since);
    small.run(Duration::from_secs(5));
    assert_eq!((new, known + expired), (0, COUNT));
    assert_eq!(known, 50, "those of which a receipt is kept");
    assert_eq!(small.number_in(0, session), Some(COUNT));
    assert_eq!(small.number_stored(KEY), Some(COUNT));
}

/// The longest time from a checkpoint to its answer within a minute, with so many operations a
/// second.
fn slowest(operations_per_second: u64, way: Duration) -> Duration {
    let (mut small, session) = with_record(OperationSettings::default(), way);
    let since = small.world.now().wall;
    let (mut slowest, mut asked) = (Duration::ZERO, None::<(Ticket, Monotonic)>);
    let mut answered = 0;
    for tick in 0..12_000_u64 {
        small.run(Duration::from_millis(5));
        let now = small.world.now().mono;
        for (_, event) in std::mem::take(&mut small.events) {
            let Event::Settled { ticket, result } = event else { continue };
            let (expected, at) = asked.take().unwrap();
            assert_eq!((ticket, result.is_ok()), (expected, true));
            slowest = slowest.max(now.saturating_since(at));
            answered += 1;
        }
        if tick * operations_per_second % 200 < operations_per_second {
            queue(&mut small, 1, tick, since);
        }
        if tick % 47 == 0 && asked.is_none() {
            assert!(small.edit(0, session, tick, 1_000));
            let ticket = small.with(0, |server, now, out| server.checkpoint(now, session, out));
            asked = Some((ticket.unwrap().unwrap(), now));
        }
    }
    assert!(answered > 200, "{answered} checkpoints were answered");
    slowest
}

#[test]
fn do7_200_operations_a_second_delay_a_checkpoint_by_one_round_trip_at_most() {
    let way = Duration::from_millis(25);
    let without = slowest(0, way);
    let with = slowest(200, way);
    // Whoever asks while a save of operations is out waits for that one first.
    let step = Duration::from_millis(5);
    assert!(without <= way * 2 + step, "{without:?}");
    assert!(with <= without + way * 2 + step, "{with:?}, without operations {without:?}");
}
