//! Facts about transactions over several sessions: stored together or not at all, whatever is lost.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fleet::{Fate, Fleet, LATENCY, content, entry};
use super::seconds;
use crate::code::Code;
use crate::document::{Cancel, Document, DocumentLimits, Draft, EditError, Typed};
use crate::game_server::{
    Claim, EditRefused, Event, GameServer, OpenRequest, Parse, SessionHandle, Ticket,
};
use crate::record::{RecordCommand, RecordWrite};
use crate::schema::{Loaded, Schema};
use crate::session::{Access, JointError, SaveError, SessionEvent, SessionSettings, SessionState};
use crate::value::Value;

const A: &str = "u_1";
const B: &str = "u_2";

#[track_caller]
fn open(fleet: &mut Fleet, server: usize, key: &str, text: &str) -> SessionHandle {
    let request = OpenRequest { defaults: content(text), ..Fleet::request(key) };
    let ticket = fleet.begin_open(server, request);
    fleet.run(seconds(1));
    fleet.opened(server, ticket).expect("it is open").unwrap()
}

/// Two open records of one server, with ten coins each.
fn two(fleet: &mut Fleet) -> [SessionHandle; 2] {
    [open(fleet, 0, A, r#"{"coins":10}"#), open(fleet, 0, B, r#"{"coins":10}"#)]
}

/// Moves coins from the first to the second.
fn pay(drafts: &mut [Draft], amount: i64) -> Result<(), Cancel> {
    let [from, to] = drafts else { unreachable!("two were handed in") };
    from.try_debit("coins", amount)?;
    to.add("coins", amount)?;
    Ok(())
}

fn transact(
    fleet: &mut Fleet,
    handles: &[SessionHandle],
    amount: i64,
) -> Result<Ticket, EditRefused<JointError>> {
    fleet.with(0, |server, now, out| {
        server.transact(now, handles, |drafts| pay(drafts, amount), out).map(|((), ticket)| ticket)
    })
}

fn shown(fleet: &mut Fleet, session: SessionHandle) -> String {
    let text = fleet.with(0, |server, _, _| server.read(session, Document::encode));
    text.unwrap().as_str().to_owned()
}

fn stored(fleet: &Fleet) -> [String; 2] {
    [A, B].map(|key| fleet.value(key).expect("it is stored"))
}

fn texts(a: i64, b: i64) -> [String; 2] {
    [a, b].map(|coins| format!(r#"{{"coins":{coins}}}"#))
}

fn is_joint(command: &RecordCommand) -> bool {
    matches!(command, RecordCommand::WriteAll(_))
}

#[test]
fn g8_a_transaction_over_two_sessions_is_one_write() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    let before = fleet.sent.len();
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    assert_eq!([shown(&mut fleet, a), shown(&mut fleet, b)], texts(7, 10), "debits at once");
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!(stored(&fleet), texts(7, 13));
    for key in [A, B] {
        let usage = fleet.record(key).unwrap().body.usage;
        assert!(!usage.play_time.is_zero(), "its writes count play time too");
    }
    assert_eq!([shown(&mut fleet, a), shown(&mut fleet, b)], texts(7, 13));
    let writes = fleet.sent.iter().skip(before).filter(|(_, it)| it.write_id().is_some());
    assert_eq!(
        writes.filter(|(_, it)| !matches!(it, RecordCommand::WritePresence { .. })).count(),
        1
    );
    let server = fleet.server(0);
    assert!(!server.session(a).unwrap().is_dirty() && !server.session(b).unwrap().is_dirty());
}

#[test]
fn what_the_edit_refuses_changes_nothing() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    let refused = transact(&mut fleet, &[a, b], 11);
    let Err(EditRefused::Edit(JointError::Edit(error))) = refused else { panic!("{refused:?}") };
    assert!(matches!(error, EditError::InsufficientFunds { .. }));
    assert_eq!([shown(&mut fleet, a), shown(&mut fleet, b)], texts(10, 10));
    assert!(transact(&mut fleet, &[a, b], 10).is_ok());
}

#[test]
fn one_session_twice_or_none_is_refused() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    let is_joined = |it| matches!(it, Err(EditRefused::Access(Access::Joined)));
    assert!(is_joined(transact(&mut fleet, &[a, a], 1)));
    assert!(is_joined(transact(&mut fleet, &[], 1)));
    transact(&mut fleet, &[a, b], 1).unwrap();
    assert!(is_joined(transact(&mut fleet, &[b, a], 1)), "it is not settled");
    assert_eq!(Access::Joined.code(), Code::TransactionPending);
}

#[test]
fn g8_none_of_them_is_saved_or_released_alone_before_it_is_settled() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    fleet.fates(|_, it| if is_joint(it) { Fate::Lost } else { Fate::Arrives });
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    let checkpoint = fleet.checkpoint(0, a);
    fleet.run(seconds(3));
    let release = fleet.release(0, b).unwrap();
    fleet.run(seconds(3));
    assert_eq!(stored(&fleet), texts(10, 10));
    assert_eq!((fleet.settled(0, checkpoint), fleet.settled(0, release)), (None, None));
    fleet.all_arrive();
    fleet.run(seconds(6));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert!(matches!(fleet.settled(0, checkpoint), Some(Ok(_))));
    assert!(matches!(fleet.settled(0, release), Some(Ok(_))));
    assert_eq!(stored(&fleet), texts(7, 13));
}

#[test]
fn g8_a_lost_answer_is_settled_and_counts_once() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    let mut lost = 2;
    fleet.fates(move |_, it| {
        if is_joint(it) && lost > 0 {
            lost -= 1;
            return Fate::AnswerLost;
        }
        Fate::Arrives
    });
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.run(seconds(3));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!(stored(&fleet), texts(7, 13));
    assert_eq!([shown(&mut fleet, a), shown(&mut fleet, b)], texts(7, 13));
}

#[test]
fn edits_made_before_it_is_settled_stay() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    fleet.fates(|_, it| if is_joint(it) { Fate::Late } else { Fate::Arrives });
    transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.edit(0, a, r#"{"coins":6,"x":1}"#).unwrap();
    fleet.edit(0, b, r#"{"coins":9}"#).unwrap();
    fleet.run(seconds(3));
    assert_eq!(stored(&fleet), texts(7, 13));
    assert_eq!(shown(&mut fleet, a), r#"{"coins":6,"x":1}"#);
    assert_eq!(shown(&mut fleet, b), r#"{"coins":12}"#);
    fleet.run(seconds(61));
    assert_eq!(stored(&fleet), [r#"{"coins":6,"x":1}"#.to_owned(), r#"{"coins":12}"#.to_owned()]);
}

#[test]
fn g8_an_earlier_save_that_is_committed_first_is_followed_by_the_transaction() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    fleet.edit(0, a, r#"{"coins":20}"#).unwrap();
    let checkpoint = fleet.checkpoint(0, a);
    let ticket = transact(&mut fleet, &[a, b], 15).unwrap();
    fleet.run(seconds(3));
    assert!(matches!(fleet.settled(0, checkpoint), Some(Ok(_))));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!(stored(&fleet), texts(5, 25));
}

#[test]
fn g8_when_one_of_them_was_taken_away_the_other_gets_back_what_it_gave() {
    let mut fleet = Fleet::of(2);
    let [a, b] = two(&mut fleet);
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.run(seconds(40));
    let taken = fleet.begin_open(1, Fleet::request(B));
    fleet.run(seconds(20));
    assert!(matches!(fleet.opened(1, taken), Some(Ok(_))));
    fleet.all_arrive();
    fleet.run(seconds(30));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::OutcomeUnknown { .. }))));
    assert_eq!(fleet.state(0, b), None);
    assert_eq!(shown(&mut fleet, a), texts(10, 10)[0]);
    fleet.run(seconds(70));
    assert_eq!(stored(&fleet), texts(10, 10));
}

#[test]
fn g8_it_is_stored_on_the_adopted_records_of_a_server_with_a_new_id() {
    let mut fleet = Fleet::of(2);
    let [a, b] = two(&mut fleet);
    open(&mut fleet, 0, "u_3", "{}");
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    let before = fleet.server(0).id();
    transact(&mut fleet, &[a, b], 3).unwrap();
    // Who waits for another of its records declares it dead.
    let ticket = fleet.begin_open(1, Fleet::request("u_3"));
    fleet.run(seconds(19));
    assert!(matches!(fleet.opened(1, ticket), Some(Ok(_))));
    fleet.all_arrive();
    fleet.run(seconds(20));
    assert_ne!(fleet.server(0).id(), before);
    assert_eq!(stored(&fleet), texts(7, 13));
    assert_eq!([shown(&mut fleet, a), shown(&mut fleet, b)], texts(7, 13));
}

#[test]
fn a_close_in_an_outage_reports_both_with_what_they_held_before() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    fleet.edit(0, a, r#"{"coins":11}"#).unwrap();
    fleet.fates(|_, _| Fate::Lost);
    let _ = transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.with(0, GameServer::close);
    fleet.run(SessionSettings::default().close_timeout + seconds(2));
    let spills: Vec<_> = fleet
        .session_events(0)
        .into_iter()
        .filter_map(|event| match event {
            SessionEvent::Lost { spill: Some(spill), .. } => Some(spill),
            _ => None,
        })
        .collect();
    let of = |key: &str| {
        let spill = spills.iter().find(|spill| spill.entry == entry(key));
        spill.map(|spill| spill.content.value.as_str().to_owned())
    };
    assert_eq!(of(A).as_deref(), Some(r#"{"coins":11}"#));
    assert_eq!(of(B).as_deref(), Some(r#"{"coins":10}"#));
}

#[test]
fn z1_who_waits_for_a_transaction_is_told_before_the_close_that_gives_it_up() {
    let mut fleet = Fleet::new();
    let close_timeout = seconds(5);
    fleet.start(None, SessionSettings { close_timeout, ..SessionSettings::default() });
    fleet.run(seconds(1));
    let [a, b] = two(&mut fleet);
    fleet.fates(|_, _| Fate::Lost);
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.with(0, GameServer::close);
    fleet.run(close_timeout + seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::OutcomeUnknown { .. }))));
    assert!(matches!(fleet.events.last(), Some((0, Event::Closed { .. }))));
}

/// Has a session of the first server look at its record.
fn look(fleet: &mut Fleet, session: SessionHandle) {
    fleet.server(0).table.get_mut(session).unwrap().must_look = true;
    fleet.with(0, |server, now, out| server.process_operations(now, session, out));
}

/// The first copy of what this picks out meets this fate; nobody gets the others.
fn first_copy(
    fate: Fate,
    mut is_it: impl FnMut(usize, &RecordCommand) -> bool,
) -> impl FnMut(usize, &RecordCommand) -> Fate {
    let mut is_first = true;
    move |server, command| match is_it(server, command) {
        true if std::mem::replace(&mut is_first, false) => fate,
        true => Fate::Lost,
        false => Fate::Arrives,
    }
}

#[test]
fn the_late_refusal_of_a_transaction_says_nothing_to_a_session_that_began_since() {
    let mut fleet = Fleet::keeping();
    let [a, b] = two(&mut fleet);
    let late = Duration::from_millis(1_200);
    fleet.fates(first_copy(Fate::AnswerLate(late), |_, it| is_joint(it)));
    let steals = OpenRequest { claim: Claim::Steal, ..Fleet::request(A) };
    let stolen = fleet.begin_open(1, steals);
    while fleet.opened(1, stolen).is_none() {
        fleet.run(LATENCY);
    }
    let thief = fleet.opened(1, stolen).expect("it was waited for").unwrap();
    let asked_at = fleet.now().mono;
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.run(LATENCY * 2);
    look(&mut fleet, a);
    fleet.run(LATENCY * 4);
    assert_eq!(fleet.state(0, a), None, "it is lost");
    fleet.release(1, thief).unwrap();
    fleet.run(LATENCY * 4);
    let again = fleet.begin_open(0, Fleet::request(A));
    fleet.run(LATENCY * 10);
    let again = fleet.opened(0, again).expect("it is open").unwrap();
    let passed = fleet.now().mono.saturating_since(asked_at);
    assert!(passed < late, "the answer is on its way");
    fleet.run(seconds(5));
    assert_eq!(fleet.state(0, again), Some(SessionState::Active));
    assert!(matches!(fleet.settled(0, ticket), Some(Err(SaveError::LeaseLost))));
    assert_eq!([shown(&mut fleet, again), shown(&mut fleet, b)], texts(10, 10));
}

#[test]
fn a_look_that_crosses_the_answer_to_a_transaction_does_not_pass_for_a_store_that_went_back() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    let looks = Fate::AnswerLate(Duration::from_millis(1_200));
    let mut of_looks = first_copy(
        looks,
        |_, it| matches!(it, RecordCommand::Read { entry: of, .. } if *of == entry(A)),
    );
    let mut of_joints = first_copy(Fate::Late, |_, it| is_joint(it));
    fleet.fates(
        move |server, it| {
            if is_joint(it) { of_joints(server, it) } else { of_looks(server, it) }
        },
    );
    let ticket = transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.run(LATENCY);
    look(&mut fleet, a);
    fleet.run(seconds(5));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    let events = fleet.session_events(0);
    assert!(!events.iter().any(|event| matches!(event, SessionEvent::WentBack)), "{events:?}");
    assert!(!fleet.server(0).session(a).unwrap().is_dirty(), "nothing is to be stored again");
    fleet.save(0, a, r#"{"coins":8}"#);
}

#[test]
fn a_session_is_not_put_back_before_a_transaction_over_it_is_settled() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    // Something about its record is in doubt: nothing can be sent yet.
    let later = fleet.now().mono.saturating_add(seconds(2));
    let session = fleet.server(0).table.get_mut(a).unwrap();
    (session.must_look, session.retry_at) = (true, Some(later));
    let before = fleet.sent.len();
    transact(&mut fleet, &[a, b], 3).unwrap();
    assert_eq!(fleet.sent.len(), before);
    let restore = |fleet: &mut Fleet| {
        fleet.with(0, |server, now, _| server.restore(now, a, 1, |_| Ok::<_, ()>(((), true))))
    };
    let refused = restore(&mut fleet);
    assert!(matches!(refused, Err(EditRefused::Access(Access::Unsettled))));
    // Whatever concerns the session has it look again in time.
    fleet.with(0, |server, now, out| server.process_operations(now, a, out));
    fleet.run(seconds(4));
    assert_eq!(stored(&fleet), texts(7, 13));
    assert!(restore(&mut fleet).is_ok());
}

#[test]
fn a_transaction_is_pinned_in_the_history_of_both() {
    let mut fleet = Fleet::of(1);
    let [a, b] = two(&mut fleet);
    transact(&mut fleet, &[a, b], 3).unwrap();
    fleet.run(seconds(1));
    let writes: Vec<RecordWrite> = fleet
        .sent
        .iter()
        .find_map(|(_, command)| match command {
            RecordCommand::WriteAll(writes) => Some(writes.clone()),
            _ => None,
        })
        .expect("it was sent");
    let pinned =
        |it: &RecordWrite| matches!(it.data, crate::record::Data::Put { pinned: true, .. });
    assert!(writes.iter().all(pinned));
}

#[test]
fn g8_rules_of_the_data_do_not_bring_back_what_was_taken() {
    let mut fleet = Fleet::of(1);
    let number = |value: &Value, key: &str| match value.get(&key.into()) {
        Some(Value::Number(number)) => *number,
        _ => 0.into(),
    };
    // Before and after it holds for both, but not with gems gone and no coins for them.
    let sound = move |value: &Value| {
        let sum = number(value, "coins").checked_add(number(value, "gems"))?;
        if [13.into(), 16.into()].contains(&sum) { Ok(()) } else { Err(Cancel::because("unsound")) }
    };
    let schema = Schema::default().check(sound);
    let parse: Parse =
        Arc::new(move |stored| Ok(schema.load_tree(stored, DocumentLimits::default())?.boxed()));
    let strict = |key: &str| OpenRequest {
        defaults: content(r#"{"coins":10,"gems":3}"#),
        parse: Arc::clone(&parse),
        ..Fleet::request(key)
    };
    let [a, b] = [A, B].map(|key| {
        let ticket = fleet.begin_open(0, strict(key));
        fleet.run(seconds(1));
        fleet.opened(0, ticket).expect("it is open").unwrap()
    });
    let ticket = fleet.with(0, |server, now, out| {
        let swap = |drafts: &mut [Draft]| {
            let [from, to] = drafts else { unreachable!("two were handed in") };
            from.add("coins", 3)?;
            from.try_debit("gems", 3)?;
            to.add("coins", 3)?;
            Ok(())
        };
        server.transact(now, &[a, b], swap, out).map(|((), ticket)| ticket).unwrap()
    });
    assert_eq!(shown(&mut fleet, a), r#"{"coins":10,"gems":0}"#);
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!(shown(&mut fleet, a), r#"{"coins":13,"gems":0}"#);
}

/// What a type cannot be without: it is one of the two at any time.
#[derive(Clone, Serialize, Deserialize)]
enum Weapon {
    Sword(i64),
    Bow(i64),
}

#[derive(Clone, Serialize, Deserialize)]
struct Armed {
    coins: i64,
    weapon: Weapon,
}

/// Two records of that type, of which the first changes its sword for a bow and five coins.
fn rearm(fleet: &mut Fleet, fate: Fate) -> [SessionHandle; 2] {
    let parse: Parse = Arc::new(|stored| {
        let typed = Typed::<Armed>::parse(stored.text.clone(), DocumentLimits::default())?;
        Ok(Loaded::plain(typed, stored))
    });
    let defaults = r#"{"coins":10,"weapon":{"Sword":1}}"#;
    let handles = [A, B].map(|key| {
        let (defaults, parse) = (content(defaults), Arc::clone(&parse));
        let ticket = fleet.begin_open(0, OpenRequest { defaults, parse, ..Fleet::request(key) });
        fleet.run(seconds(1));
        fleet.opened(0, ticket).expect("it is open").unwrap()
    });
    fleet.fates(move |server, _| if server == 0 { fate } else { Fate::Arrives });
    let swap = |drafts: &mut [Draft]| {
        let [one, other] = drafts else { unreachable!("two were handed in") };
        one.remove(["weapon", "Sword"])?;
        one.set(["weapon", "Bow"], 1)?;
        one.add("coins", 5)?;
        other.try_debit("coins", 5)?;
        Ok(())
    };
    fleet.with(0, |server, now, out| {
        assert!(server.transact(now, &handles, swap, out).is_ok());
        // An edit in between.
        let pay = |document: &mut dyn Document| {
            let armed = document.as_any_mut().downcast_mut::<Typed<Armed>>().expect("it is that");
            armed.edit(|armed| {
                armed.coins -= 1;
                Ok(((), true))
            })
        };
        assert!(server.edit(now, handles[0], pay).is_ok());
    });
    handles
}

#[test]
fn g8_what_had_to_show_at_once_is_not_given_again() {
    let mut fleet = Fleet::of(1);
    let [a, b] = rearm(&mut fleet, Fate::Late);
    assert_eq!(shown(&mut fleet, a), r#"{"coins":14,"weapon":{"Bow":1}}"#);
    fleet.run(seconds(3));
    assert_eq!(shown(&mut fleet, a), r#"{"coins":14,"weapon":{"Bow":1}}"#);
    assert_eq!(shown(&mut fleet, b), r#"{"coins":5,"weapon":{"Sword":1}}"#);
}

#[test]
fn g8_what_had_to_show_at_once_is_gone_when_it_is_not_stored() {
    let mut fleet = Fleet::of(2);
    let [a, _] = rearm(&mut fleet, Fate::Lost);
    fleet.run(seconds(40));
    let taken = fleet.begin_open(1, Fleet::request(B));
    fleet.run(seconds(20));
    assert!(matches!(fleet.opened(1, taken), Some(Ok(_))));
    fleet.all_arrive();
    fleet.run(seconds(30));
    assert_eq!(shown(&mut fleet, a), r#"{"coins":9,"weapon":{"Sword":1}}"#);
}
