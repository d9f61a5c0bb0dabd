//! Facts about requests on ordered data stores.

use super::*;
use crate::batch::{Batch, BatchError, CommitOutcome, Committed, Condition, Refusal, Write};
use crate::code::Code;
use crate::error::ErrorKind;
use crate::id::{Scope, StoreId, StoreName, UniverseId};
use crate::outcome::Outcome;
use crate::platform::{
    ATTEMPTS_MAX, Input, Machine, Operation, PlatformError, RETENTION, SETTLES_MAX, Settings, Step,
};
use crate::row::{
    Found, OrderedBody, ReadError, ReadReply, Reviewed, Row, RowBody, RowKey, RowRange, ScanReply,
};
use crate::time::UtcHour;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);
const OURS: WriteId = WriteId(0x0009_0000_0000_0000_004d);
const THEIRS: WriteId = WriteId(5);

/// The hour in which a removal at [`NOW`] is looked at again.
const HOUR: UtcHour = UtcHour(1_000_000 / 3_600 + 30 * 24 + 1);

fn entry() -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("Wins") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted("u_1") }
}

fn row_key() -> RowKey {
    RowKey::Ordered(entry())
}

fn reminder_key() -> RowKey {
    RowKey::Review(HOUR, Reviewed::Ordered(entry()))
}

fn revision(counter: u64, write: WriteId) -> Revision {
    Revision { counter, tag: write.tag() }
}

fn at(counter: u64) -> Timestamp {
    Timestamp::from_unix_seconds(100 + i64::try_from(counter).unwrap())
}

/// The entry's row after so many writes, the last of them this one.
fn stands(counter: u64, write: WriteId, value: Option<i64>) -> Found {
    Found::Row(Row {
        key: row_key(),
        revision: revision(counter, write),
        stamped_at: at(counter),
        body: RowBody::Ordered(OrderedBody { value }),
    })
}

fn reminder(counter: u64, write: WriteId) -> Found {
    let (key, revision, stamped_at) = (reminder_key(), revision(counter, write), at(counter));
    Found::Row(Row { key, revision, stamped_at, body: RowBody::Review })
}

fn state(counter: u64, write: WriteId, value: i64) -> OrderedState {
    let revision = revision(counter, write);
    OrderedState { entry: entry(), value, revision, updated_at: at(counter) }
}

fn set(value: i64, when: OrderedWhen) -> OrderedAction {
    OrderedAction::Set { value, when }
}

fn add(by: i64) -> OrderedAction {
    OrderedAction::Increment { by }
}

/// A request between two steps.
struct Led {
    execution: OrderedExecution,
    step: Step<OrderedState>,
}

impl Led {
    fn start(action: OrderedAction) -> Self {
        let request = OrderedRequest { entry: entry(), action, write_id: OURS };
        let (execution, step) = request.start(&Settings::default());
        Self { execution, step }
    }

    /// A request whose first read found this.
    fn found(action: OrderedAction, found: Found) -> Self {
        let mut led = Self::start(action);
        assert_eq!(led.keys(), [row_key()]);
        led.read([found]);
        led
    }

    fn on(&mut self, input: Input) {
        self.step = self.execution.on(input);
    }

    #[track_caller]
    fn keys(&self) -> &[RowKey] {
        let Step::Read(keys) = &self.step else { panic!("no read: {:?}", self.step) };
        keys
    }

    #[track_caller]
    fn batch(&self) -> &Batch {
        let Step::Commit(batch) = &self.step else { panic!("no commit: {:?}", self.step) };
        batch
    }

    #[track_caller]
    fn check_plans(&self) {
        self.batch();
    }

    #[track_caller]
    fn read(&mut self, rows: impl IntoIterator<Item = Found>) {
        let rows: Vec<Found> = rows.into_iter().collect();
        assert_eq!(self.keys().len(), rows.len(), "the rows that were asked for");
        self.on(Input::Read(Ok(ReadReply { rows, now: NOW })));
    }

    #[track_caller]
    fn read_fails(&mut self) {
        self.keys();
        self.on(Input::Read(Err(ReadError::Unavailable { reason: "by hand".into() })));
    }

    #[track_caller]
    fn outcome(&mut self, outcome: CommitOutcome) {
        self.batch();
        self.on(Input::Committed(outcome));
    }

    #[track_caller]
    fn committed(&mut self, counter: u64) {
        self.outcome(Outcome::Committed(Committed { stamped_at: at(counter) }));
    }

    #[track_caller]
    fn refused(&mut self, row: Found) {
        self.outcome(Outcome::Refused(Refusal::Conditions(vec![row])));
    }

    #[track_caller]
    fn unknown(&mut self) {
        self.outcome(Outcome::Unknown);
    }

    #[track_caller]
    fn answer(&self) -> Result<OrderedState, PlatformError> {
        let Step::Done(answer) = &self.step else { panic!("no answer: {:?}", self.step) };
        answer.clone()
    }
}

const UNKNOWN: PlatformError = PlatformError::OutcomeUnknown { write_id: OURS };

fn not_found() -> PlatformError {
    PlatformError::EntryNotFound { entry: entry() }
}

#[test]
fn o_01_only_writes_have_an_id_and_take_a_lane() {
    let request = |action| OrderedRequest { entry: entry(), action, write_id: OURS };
    let get = request(OrderedAction::Get);
    assert_eq!((get.lane(), get.write_id()), (None, None));
    for action in [set(1, OrderedWhen::Always), add(1), OrderedAction::Remove] {
        let write = request(action);
        assert_eq!((write.lane(), write.write_id()), (Some(entry()), Some(OURS)));
    }
}

#[test]
fn k_13_a_write_is_one_row_of_its_own_name_space() {
    for (found, condition, counter) in [
        (Found::Absent, Condition::Absent, 1),
        (stands(4, THEIRS, Some(9)), Condition::At(revision(4, THEIRS)), 5),
        (stands(4, THEIRS, None), Condition::At(revision(4, THEIRS)), 5),
    ] {
        let mut led = Led::found(set(7, OrderedWhen::Always), found);
        let revision = revision(counter, OURS);
        let body = RowBody::Ordered(OrderedBody { value: Some(7) });
        let wanted = Batch {
            conditions: vec![(row_key(), condition)],
            writes: vec![Write::Put { key: row_key(), revision, body }],
        };
        assert_eq!(*led.batch(), wanted);
        led.committed(counter);
        assert_eq!(led.answer(), Ok(state(counter, OURS, 7)));
    }
}

#[test]
fn o_06_and_g_49_a_removal_leaves_a_row_without_a_value_and_a_reminder() {
    let mut led = Led::found(OrderedAction::Remove, stands(4, THEIRS, Some(9)));
    let revision = revision(5, OURS);
    let body = RowBody::Ordered(OrderedBody { value: None });
    let wanted = Batch {
        conditions: vec![(row_key(), Condition::At(self::revision(4, THEIRS)))],
        writes: vec![
            Write::Put { key: row_key(), revision, body },
            Write::Put { key: reminder_key(), revision, body: RowBody::Review },
        ],
    };
    assert_eq!(*led.batch(), wanted);
    assert!(HOUR > NOW.saturating_add(RETENTION).utc_hour());
    led.committed(5);
    assert_eq!(led.answer(), Ok(state(5, OURS, 9)), "the value before");
}

#[test]
fn what_is_removed_or_was_never_written_is_missing() {
    for found in [Found::Absent, stands(4, THEIRS, None)] {
        for action in [OrderedAction::Get, OrderedAction::Remove, set(1, OrderedWhen::Exists)] {
            assert_eq!(Led::found(action, found.clone()).answer(), Err(not_found()), "{action:?}");
        }
        for action in [set(1, OrderedWhen::Missing), set(1, OrderedWhen::Always), add(1)] {
            Led::found(action, found.clone()).check_plans();
        }
    }
}

#[test]
fn what_has_a_value_is_read_set_and_not_created() {
    let found = stands(4, THEIRS, Some(9));
    let read = Led::found(OrderedAction::Get, found.clone());
    assert_eq!(read.answer(), Ok(state(4, THEIRS, 9)));
    let refused = Led::found(set(1, OrderedWhen::Missing), found.clone()).answer().unwrap_err();
    assert_eq!(refused, PlatformError::OrderedExists { current: state(4, THEIRS, 9) });
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, Code::EntryExists));
    assert_eq!(refused.to_string(), "the entry `1/Wins/global/u_1` exists");
    Led::found(set(1, OrderedWhen::Exists), found).check_plans();
}

#[test]
fn the_value_that_is_there_already_is_written_like_any_other() {
    let mut led = Led::found(set(9, OrderedWhen::Always), stands(4, THEIRS, Some(9)));
    led.committed(5);
    assert_eq!(led.answer(), Ok(state(5, OURS, 9)));
}

#[test]
fn o_07_and_g_42_an_increment_begins_at_nothing() {
    for (found, counter) in [(Found::Absent, 1), (stands(4, THEIRS, None), 5)] {
        let mut led = Led::found(add(-3), found);
        led.committed(counter);
        assert_eq!(led.answer(), Ok(state(counter, OURS, -3)));
    }
}

#[test]
fn g_44_and_j_29_a_sum_ends_where_64_bits_end() {
    let (large, small) = (
        PlatformError::SumTooLarge { entry: entry() },
        PlatformError::SumTooSmall { entry: entry() },
    );
    for (value, by, sum) in [
        (i64::MAX - 1, 1, Ok(i64::MAX)),
        (i64::MAX, 1, Err(large.clone())),
        (i64::MAX, i64::MAX, Err(large)),
        (i64::MAX, i64::MIN, Ok(-1)),
        (i64::MIN + 1, -1, Ok(i64::MIN)),
        (i64::MIN, -1, Err(small.clone())),
        (i64::MIN, i64::MIN, Err(small)),
        (i64::MIN, 0, Ok(i64::MIN)),
    ] {
        let mut led = Led::found(add(by), stands(4, THEIRS, Some(value)));
        if sum.is_ok() {
            led.committed(5);
        }
        assert_eq!(led.answer(), sum.map(|sum| state(5, OURS, sum)), "{value} + {by}");
    }
}

#[test]
fn j_30_and_k_23_every_integer_is_a_value() {
    for value in [i64::MIN, -1, 0, 1, i64::MAX] {
        let mut led = Led::found(set(value, OrderedWhen::Always), Found::Absent);
        led.committed(1);
        assert_eq!(led.answer(), Ok(state(1, OURS, value)));
    }
}

#[test]
fn a_write_that_is_sent_again_counts_once_while_it_is_the_last() {
    let found = stands(4, OURS, Some(9));
    for action in [add(5), set(9, OrderedWhen::Always), set(9, OrderedWhen::Missing)] {
        let again = Led::found(action, found.clone());
        assert_eq!(again.answer(), Ok(state(4, OURS, 9)), "{action:?}");
    }
    // Another value of this id is no repetition, and what somebody else wrote last is no trace.
    Led::found(set(8, OrderedWhen::Always), found).check_plans();
    Led::found(add(5), stands(4, THEIRS, Some(9))).check_plans();
    // A removal leaves nothing to remove.
    let removed = stands(4, OURS, None);
    assert_eq!(Led::found(OrderedAction::Remove, removed.clone()).answer(), Err(not_found()));
    Led::found(add(5), removed).check_plans();
}

#[test]
fn an_earlier_writer_makes_it_plan_anew_on_what_it_left() {
    let mut led = Led::found(add(5), Found::Absent);
    led.refused(stands(1, THEIRS, Some(100)));
    assert_eq!(led.batch().conditions, [(row_key(), Condition::At(revision(1, THEIRS)))]);
    led.committed(2);
    assert_eq!(led.answer(), Ok(state(2, OURS, 105)));
    // What the newer state forbids is refused then.
    let mut led = Led::found(OrderedAction::Remove, stands(1, THEIRS, Some(1)));
    led.refused(stands(2, THEIRS, None));
    assert_eq!(led.answer(), Err(not_found()));
}

#[test]
fn writers_that_always_come_first_end_it() {
    let mut led = Led::found(add(1), Found::Absent);
    for counter in 1..u64::from(ATTEMPTS_MAX) {
        led.refused(stands(counter, THEIRS, Some(0)));
        led.batch();
    }
    led.refused(stands(u64::from(ATTEMPTS_MAX), THEIRS, Some(0)));
    let wanted = PlatformError::Contended { entry: entry(), attempts: ATTEMPTS_MAX };
    assert_eq!(led.answer(), Err(wanted));
}

#[test]
fn refusals_and_failed_reads_say_that_nothing_was_written() {
    let reason = || "by hand".into();
    for (refusal, kind) in [
        (Refusal::Exhausted { reason: reason() }, ErrorKind::Exhausted),
        (Refusal::Unavailable { reason: reason() }, ErrorKind::Unavailable),
        (Refusal::Invalid(BatchError::Empty), ErrorKind::Internal),
    ] {
        let mut led = Led::found(add(1), Found::Absent);
        led.outcome(Outcome::Refused(refusal));
        assert_eq!(led.answer().unwrap_err().kind(), kind);
    }
    let mut led = Led::start(add(1));
    led.read_fails();
    assert_eq!(led.answer().unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn damage_is_neither_absence_nor_a_value() {
    let damaged = PlatformError::Corrupt { row: Box::new(row_key()) };
    let of_another_family = Row {
        key: row_key(),
        revision: revision(1, THEIRS),
        stamped_at: NOW,
        body: RowBody::Review,
    };
    for found in [Found::Corrupt(row_key()), Found::Row(of_another_family)] {
        for action in [OrderedAction::Get, add(1), OrderedAction::Remove] {
            let answer = Led::found(action, found.clone()).answer();
            assert_eq!(answer, Err(damaged.clone()), "{action:?}");
        }
    }
    let mut led = Led::found(add(1), Found::Absent);
    led.refused(Found::Corrupt(row_key()));
    assert_eq!(led.answer(), Err(damaged));
}

#[test]
fn an_unknown_write_that_is_found_succeeds() {
    let mut led = Led::found(add(5), stands(4, THEIRS, Some(1)));
    led.unknown();
    assert_eq!(led.keys(), [row_key()]);
    led.read([stands(5, OURS, Some(6))]);
    assert_eq!(led.answer(), Ok(state(5, OURS, 6)));
}

#[test]
fn an_unknown_write_that_is_not_there_is_sent_again_as_the_same_batch() {
    let mut led = Led::found(add(5), stands(4, THEIRS, Some(1)));
    let batch = led.batch().clone();
    led.unknown();
    led.read([stands(4, THEIRS, Some(1))]);
    assert_eq!(*led.batch(), batch);
    // The first attempt comes in between and refuses the second.
    led.refused(stands(5, OURS, Some(6)));
    assert_eq!(led.answer(), Ok(state(5, OURS, 6)));
}

#[test]
fn an_unknown_write_whose_place_was_taken_is_planned_anew() {
    for is_told_by_a_refusal in [false, true] {
        let mut led = Led::found(add(5), stands(4, THEIRS, Some(1)));
        led.unknown();
        if is_told_by_a_refusal {
            led.read([stands(4, THEIRS, Some(1))]);
            led.refused(stands(5, THEIRS, Some(100)));
        } else {
            led.read([stands(5, THEIRS, Some(100))]);
        }
        assert_eq!(led.batch().conditions, [(row_key(), Condition::At(revision(5, THEIRS)))]);
        // Nothing of it is uncertain any more.
        led.outcome(Outcome::Refused(Refusal::Exhausted { reason: "full".into() }));
        assert_eq!(led.answer().unwrap_err().kind(), ErrorKind::Exhausted);
    }
}

#[test]
fn an_unknown_write_that_others_wrote_over_stays_unknown() {
    for action in [add(5), set(5, OrderedWhen::Always)] {
        for later in [stands(6, THEIRS, Some(100)), stands(6, THEIRS, None), Found::Absent] {
            let mut led = Led::found(action, stands(4, THEIRS, Some(1)));
            led.unknown();
            led.read([later]);
            assert_eq!(led.answer(), Err(UNKNOWN));
        }
    }
}

#[test]
fn an_unknown_removal_that_others_wrote_over_is_told_by_its_reminder() {
    let moved_on = || stands(6, THEIRS, Some(100));
    let settled = |row: Found, reminder: Found| {
        let mut led = Led::found(OrderedAction::Remove, stands(4, THEIRS, Some(1)));
        led.unknown();
        assert_eq!(led.keys(), [row_key(), reminder_key()]);
        led.read([row, reminder]);
        led
    };
    assert_eq!(settled(moved_on(), reminder(5, OURS)).answer(), Ok(state(5, OURS, 1)));
    // An earlier removal, or none: it never happened, and never will.
    for other in [Found::Absent, reminder(3, THEIRS), reminder(5, THEIRS)] {
        let mut led = settled(moved_on(), other);
        led.committed(7);
        assert_eq!(led.answer(), Ok(state(7, OURS, 100)));
    }
    // A later one took its place, it cannot be read, or all of it was swept away.
    for other in [reminder(6, THEIRS), Found::Corrupt(reminder_key())] {
        assert_eq!(settled(moved_on(), other).answer(), Err(UNKNOWN));
    }
    assert_eq!(settled(Found::Absent, Found::Absent).answer(), Err(UNKNOWN));
}

#[test]
fn a_refused_copy_of_a_removal_asks_for_the_reminder() {
    let mut led = Led::found(OrderedAction::Remove, stands(4, THEIRS, Some(1)));
    led.unknown();
    led.read([stands(4, THEIRS, Some(1)), Found::Absent]);
    led.refused(stands(6, THEIRS, Some(100)));
    assert_eq!(led.keys(), [row_key(), reminder_key()]);
    led.read([stands(7, THEIRS, None), reminder(5, OURS)]);
    assert_eq!(led.answer(), Ok(state(5, OURS, 1)));
}

#[test]
fn an_unknown_write_that_cannot_be_looked_into_is_unknown() {
    let mut led = Led::found(add(5), Found::Absent);
    led.unknown();
    led.read_fails();
    assert_eq!(led.answer(), Err(UNKNOWN));
    let mut led = Led::found(add(5), Found::Absent);
    led.unknown();
    led.read([Found::Corrupt(row_key())]);
    assert_eq!(led.answer(), Err(UNKNOWN));
    // The second attempt was certainly not written, but the first may be.
    let mut led = Led::found(add(5), Found::Absent);
    led.unknown();
    led.read([Found::Absent]);
    led.outcome(Outcome::Refused(Refusal::Exhausted { reason: "full".into() }));
    assert_eq!(led.answer(), Err(UNKNOWN));
}

#[test]
fn a_write_that_stays_unknown_is_looked_into_a_few_times() {
    let mut led = Led::found(add(5), Found::Absent);
    for look in 1..=SETTLES_MAX {
        led.unknown();
        led.read([Found::Absent]);
        assert_eq!(look < SETTLES_MAX, matches!(led.step, Step::Commit(_)), "look {look}");
    }
    assert_eq!(led.answer(), Err(UNKNOWN));
}

fn list(min: i64, max: i64, page_size: usize) -> ListOrdered {
    let board = BoardId::of(&entry());
    ListOrdered { board, order: Order::Descending, min, max, beyond: None, page_size }
}

fn item(value: i64, key: &str) -> Found {
    let mut entry = entry();
    entry.key = EntryKey::trusted(key);
    Found::Row(Row {
        key: RowKey::Ordered(entry),
        revision: revision(1, THEIRS),
        stamped_at: NOW,
        body: RowBody::Ordered(OrderedBody { value: Some(value) }),
    })
}

fn listed(reply: Result<ScanReply, ReadError>) -> Result<OrderedPage, PlatformError> {
    let (mut listing, _) = list(0, 9, 2).start(&Settings::default());
    let Step::Done(answer) = listing.on(Input::Scanned(reply)) else { panic!("no answer") };
    answer
}

#[test]
fn o_02_a_page_is_one_run_of_the_board() {
    let request = ListOrdered { beyond: Some((5, EntryKey::trusted("k"))), ..list(-3, 9, 2) };
    assert_eq!((request.lane(), request.write_id()), (None, None));
    let (_, step) = request.clone().start(&Settings::default());
    let ListOrdered { board, order, min, max, beyond, .. } = request;
    let wanted = RowRange::Board { board, order, min, max, beyond };
    assert!(matches!(step, Step::Scan(range, 2) if range == wanted));
    // Nothing is no size of a page.
    let (_, step) = list(0, 9, 0).start(&Settings::default());
    assert!(matches!(step, Step::Scan(_, 1)));
}

#[test]
fn o_04_a_range_that_holds_nothing_is_an_empty_page() {
    let (_, step) = list(1, 0, 2).start(&Settings::default());
    assert!(matches!(step, Step::Done(Ok(page)) if page.items.is_empty() && page.next.is_none()));
    let (_, step) = list(1, 1, 2).start(&Settings::default());
    assert!(matches!(step, Step::Scan(..)));
}

#[test]
fn a_page_goes_on_behind_its_last_item() {
    let rows = vec![item(5, "b"), item(5, "a")];
    let page = listed(Ok(ScanReply { rows: rows.clone(), more: true })).unwrap();
    let key = EntryKey::trusted;
    let items = [(5, "b"), (5, "a")].map(|(value, text)| OrderedItem { key: key(text), value });
    assert_eq!(page, OrderedPage { items: items.to_vec(), next: Some((5, key("a"))) });
    let page = listed(Ok(ScanReply { rows, more: false })).unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
    let page = listed(Ok(ScanReply { rows: vec![], more: false })).unwrap();
    assert_eq!((page.items.len(), page.next), (0, None));
}

#[test]
fn a_damaged_or_unreadable_board_is_no_short_page() {
    let damaged = Err(PlatformError::Corrupt { row: Box::new(row_key()) });
    for row in [Found::Corrupt(row_key()), stands(1, THEIRS, None)] {
        let answer = listed(Ok(ScanReply { rows: vec![item(5, "b"), row], more: false }));
        assert_eq!(answer, damaged);
    }
    let answer = listed(Err(ReadError::Unavailable { reason: "by hand".into() }));
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::Unavailable);
}
