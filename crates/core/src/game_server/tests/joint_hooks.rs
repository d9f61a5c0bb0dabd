//! Facts about hooks and transactions over several sessions: who is asked, and what is told.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use super::fleet::{Fate, Fleet, content, entry};
use super::seconds;
use crate::code::Code;
use crate::document::{Document, Draft, EditError};
use crate::game_server::{EditRefused, OpenRequest, SessionHandle, Ticket};
use crate::record::RecordCommand;
use crate::session::{Hooks, JointError, LossReason, SessionEvent};
use crate::value::Value;

const A: &str = "u_1";
const B: &str = "u_2";

const AGREES: u8 = 0;
const REFUSES: u8 = 1;
const PANICS: u8 = 2;

/// A game that writes down what it is asked and told.
#[derive(Default)]
struct Game {
    mood: AtomicU8,
    asked: Mutex<Vec<String>>,
    told: Mutex<Vec<(Value, Value)>>,
}

impl Game {
    fn feels(&self, mood: u8) {
        self.mood.store(mood, Ordering::Relaxed);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn told(&self) -> Vec<[String; 2]> {
        let text = |value: &Value| value.to_json().as_str().to_owned();
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        told.iter().map(|(before, after)| [text(before), text(after)]).collect()
    }
}

impl Hooks for Game {
    fn before_save(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        self.asked.lock().unwrap().push(document.encode().as_str().to_owned());
        match self.mood.load(Ordering::Relaxed) {
            REFUSES => Err("not now".into()),
            PANICS => panic!("a bug of the game"),
            _ => {
                let mut count = |draft: &mut Draft| Ok(draft.add("saves", 1).map(drop)?);
                document.edit_value(&mut count).unwrap();
                Ok(true)
            }
        }
    }

    fn on_joint(&self, before: &Value, document: &dyn Document) {
        self.told.lock().unwrap().push((before.clone(), document.snapshot_value()));
    }
}

/// Two open records of one server, with ten coins each, and what their game heard of each.
fn two(fleet: &mut Fleet) -> [(SessionHandle, Arc<Game>); 2] {
    [A, B].map(|key| {
        let game = Arc::<Game>::default();
        let request = OpenRequest {
            defaults: content(r#"{"coins":10}"#),
            hooks: Arc::<Game>::clone(&game),
            ..Fleet::request(key)
        };
        let ticket = fleet.begin_open(0, request);
        fleet.run(seconds(1));
        (fleet.opened(0, ticket).expect("it is open").unwrap(), game)
    })
}

fn pay(
    fleet: &mut Fleet,
    handles: [SessionHandle; 2],
    amount: i64,
) -> Result<Ticket, EditRefused<JointError>> {
    fleet.with(0, |server, now, out| {
        let edit = |drafts: &mut [Draft]| {
            let [from, to] = drafts else { unreachable!("two were handed in") };
            from.try_debit("coins", amount)?;
            to.add("coins", amount)?;
            Ok(())
        };
        server.transact(now, &handles, edit, out).map(|((), ticket)| ticket)
    })
}

fn shown(fleet: &mut Fleet, session: SessionHandle) -> String {
    let text = fleet.with(0, |server, _, _| server.read(session, Document::encode));
    text.unwrap().as_str().to_owned()
}

fn stored(fleet: &Fleet) -> [String; 2] {
    [A, B].map(|key| fleet.value(key).expect("it is stored"))
}

fn is_joint(command: &RecordCommand) -> bool {
    matches!(command, RecordCommand::WriteAll(_))
}

#[test]
fn each_record_is_asked_about_once_with_all_that_will_be_stored_of_it() {
    let mut fleet = Fleet::of(1);
    let [(a, game_a), (b, game_b)] = two(&mut fleet);
    fleet.edit(0, a, r#"{"coins":20}"#).unwrap();
    let mut lost = 2;
    fleet.fates(move |_, it| {
        if is_joint(it) && lost > 0 {
            lost -= 1;
            return Fate::Lost;
        }
        Fate::Arrives
    });
    let ticket = pay(&mut fleet, [a, b], 3).unwrap();
    // What a hook gives itself is part of the transaction, and shows when it is stored.
    assert_eq!(
        [shown(&mut fleet, a), shown(&mut fleet, b)],
        [r#"{"coins":17}"#, r#"{"coins":10}"#]
    );
    fleet.run(seconds(3));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    let expected = [r#"{"coins":17,"saves":1}"#, r#"{"coins":13,"saves":1}"#];
    assert_eq!(stored(&fleet), expected);
    assert_eq!([shown(&mut fleet, a), shown(&mut fleet, b)], expected);
    assert_eq!(
        (game_a.asked(), game_b.asked()),
        (vec![r#"{"coins":17}"#.to_owned()], vec![r#"{"coins":13}"#.to_owned()])
    );
    let is_dirty = |handle| fleet.server(0).session(handle).unwrap().is_dirty();
    assert!(![a, b].map(is_dirty).contains(&true));
}

#[test]
fn a_refusal_about_one_record_refuses_all_of_it() {
    let mut fleet = Fleet::of(1);
    let [(a, game_a), (b, game_b)] = two(&mut fleet);
    fleet.edit(0, a, r#"{"coins":20}"#).unwrap();
    game_b.feels(REFUSES);
    let error = match pay(&mut fleet, [a, b], 3) {
        Err(EditRefused::Edit(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(&error, JointError::Refused { entry: of, .. } if *of == entry(B)),
        "{error:?}"
    );
    assert_eq!((error.code(), error.kind()), (Code::SaveRefused, Code::SaveRefused.kind()));
    assert!(error.to_string().contains("not now"), "{error}");
    assert_eq!(
        [shown(&mut fleet, a), shown(&mut fleet, b)],
        [r#"{"coins":20}"#, r#"{"coins":10}"#]
    );
    assert_eq!((game_a.told().len(), game_b.told().len()), (0, 0), "nothing of it ever showed");
    assert!(!fleet.server(0).session(b).unwrap().is_dirty());
    fleet.run(seconds(2));
    assert_eq!(fleet.count_sent(is_joint), 0);
    // The edit before it is saved by itself all the same, and another transaction is taken.
    fleet.run(seconds(61));
    assert_eq!(stored(&fleet)[0], r#"{"coins":20,"saves":1}"#);
    game_b.feels(AGREES);
    let ticket = pay(&mut fleet, [a, b], 3).unwrap();
    fleet.run(seconds(1));
    assert!(matches!(fleet.settled(0, ticket), Some(Ok(_))));
    assert_eq!(stored(&fleet), [r#"{"coins":17,"saves":2}"#, r#"{"coins":13,"saves":1}"#]);
}

#[test]
fn a_hook_that_panics_ends_its_session_and_the_transaction() {
    let mut fleet = Fleet::of(1);
    let [(a, game_a), (b, game_b)] = two(&mut fleet);
    fleet.edit(0, b, r#"{"coins":11}"#).unwrap();
    game_b.feels(PANICS);
    let error = match pay(&mut fleet, [a, b], 3) {
        Err(EditRefused::Edit(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(&error, JointError::HookPanicked { entry: of } if *of == entry(B)),
        "{error:?}"
    );
    assert_eq!(error.code(), Code::Internal);
    assert_eq!((shown(&mut fleet, a), game_a.told().len()), (r#"{"coins":10}"#.to_owned(), 0));
    assert!(!fleet.server(0).session(a).unwrap().is_dirty(), "it took part for a moment");
    assert_eq!(fleet.state(0, b), None);
    let spill = fleet.session_events(0).into_iter().find_map(|event| match event {
        SessionEvent::Lost { reason: LossReason::HookPanicked, spill } => spill,
        _ => None,
    });
    assert_eq!(spill.unwrap().content.value.as_str(), r#"{"coins":11}"#, "without the coins");
    fleet.run(seconds(1));
    assert_eq!((fleet.holder(B), fleet.count_sent(is_joint)), (None, 0));
    fleet.save(0, a, r#"{"coins":12}"#);
}

#[test]
fn what_the_edit_itself_refuses_asks_nobody() {
    let mut fleet = Fleet::of(1);
    let [(a, game_a), (b, game_b)] = two(&mut fleet);
    let refused = pay(&mut fleet, [a, b], 11);
    let Err(EditRefused::Edit(JointError::Edit(error))) = refused else { panic!("{refused:?}") };
    assert!(matches!(error, EditError::InsufficientFunds { .. }));
    assert_eq!(JointError::from(error).code(), Code::InsufficientFunds);
    assert_eq!((game_a.asked().len(), game_b.asked().len()), (0, 0));
}

#[test]
fn all_that_a_transaction_shows_is_told_in_its_order() {
    let mut fleet = Fleet::of(1);
    let [(a, game_a), (b, game_b)] = two(&mut fleet);
    fleet.fates(|_, it| if is_joint(it) { Fate::Late } else { Fate::Arrives });
    let _ = pay(&mut fleet, [a, b], 3).unwrap();
    fleet.edit(0, b, r#"{"coins":9}"#).unwrap();
    fleet.run(seconds(3));
    let pair = |before: &str, after: &str| [before.to_owned(), after.to_owned()];
    let taken = pair(r#"{"coins":10}"#, r#"{"coins":7}"#);
    let stored = pair(r#"{"coins":7}"#, r#"{"coins":7,"saves":1}"#);
    assert_eq!(game_a.told(), [taken, stored]);
    let nothing = pair(r#"{"coins":10}"#, r#"{"coins":10}"#);
    let given = pair(r#"{"coins":9}"#, r#"{"coins":12,"saves":1}"#);
    assert_eq!(game_b.told(), [nothing, given], "behind the edit that came in between");
}

#[test]
fn what_is_given_back_is_told() {
    let mut fleet = Fleet::of(2);
    let [(a, game_a), (b, game_b)] = two(&mut fleet);
    fleet.fates(|server, _| if server == 0 { Fate::Lost } else { Fate::Arrives });
    let _ = pay(&mut fleet, [a, b], 3).unwrap();
    fleet.run(seconds(40));
    let taken = fleet.begin_open(1, Fleet::request(B));
    fleet.run(seconds(20));
    assert!(matches!(fleet.opened(1, taken), Some(Ok(_))));
    fleet.all_arrive();
    fleet.run(seconds(30));
    let pair = |before: &str, after: &str| [before.to_owned(), after.to_owned()];
    let (ten, seven) = (r#"{"coins":10}"#, r#"{"coins":7}"#);
    assert_eq!(game_a.told(), [pair(ten, seven), pair(seven, ten)]);
    assert_eq!(game_b.told(), [pair(ten, ten), pair(ten, ten)]);
    assert_eq!(
        (fleet.state(0, b), shown(&mut fleet, a)),
        (None, r#"{"coins":10,"saves":1}"#.to_owned())
    );
}
