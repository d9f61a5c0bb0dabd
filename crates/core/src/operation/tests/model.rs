//! Operations against a simple model: an id that was issued at one time is applied at most once, and
//! exactly once if anybody was told that it is queued - whatever is sent again, in whatever order the
//! steps of queueings and saves fall, and however little is kept.
#![expect(clippy::wildcard_enum_match_arm, reason = "facts pick what they are about")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::support::{Bench, applied, operation_id};
use crate::id::WriteId;
use crate::json::JsonText;
use crate::operation::{
    Death, OperationSettings, OperationStatus, PayloadHash, QueueOperation, QueueRefusal,
    Settlement,
};
use crate::outcome::Outcome;
use crate::platform::tests::world::{Running, clock, later};
use crate::record::{RecordBody, RecordCommand, RecordReply, RecordRequest};

const IDS: usize = 12;

#[derive(Clone, Debug)]
enum Action {
    /// Somebody queues an operation.
    Queue { id: usize, payload: usize },
    /// An earlier request is sent again, with its write id.
    Resend(usize),
    /// A queueing that is under way takes a step.
    Step(usize),
    /// The session plans a save of the oldest operations, some of which die.
    Save { count: usize, dies: bool },
    /// That save takes a step.
    StepSave,
    /// Another session takes the record.
    Take,
    /// Time goes by.
    Pass(u64),
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..IDS, 0..5_usize)
            .prop_map(|(id, payload)| Action::Queue { id, payload: payload / 4 }),
        2 => (0..100_usize).prop_map(Action::Resend),
        8 => (0..100_usize).prop_map(Action::Step),
        3 => (1..4_usize, any::<bool>()).prop_map(|(count, dies)| Action::Save { count, dies }),
        8 => Just(Action::StepSave),
        1 => Just(Action::Take),
        1 => (0..40_u64).prop_map(Action::Pass),
    ]
}

struct Save {
    running: Running<RecordRequest>,
    body: RecordBody,
    ids: Vec<String>,
}

struct Model {
    bench: Bench,
    sent: Vec<QueueOperation>,
    queueing: Vec<(QueueOperation, Running<RecordRequest>)>,
    save: Option<Save>,
    /// By which write each id was queued, as far as anybody was told.
    queued_by: BTreeMap<String, BTreeSet<WriteId>>,
    told: BTreeSet<String>,
    ended: BTreeMap<String, u32>,
}

impl Model {
    fn new() -> Self {
        let settings = OperationSettings {
            receipts_max: 2,
            kept_max: 2,
            pending_max: 4,
            dead_letters_max: 1,
            ledger_size_max: 160,
            receipt_age_max: Duration::from_mins(1),
            ..OperationSettings::default()
        };
        let mut bench = Bench::new(settings);
        bench.hold();
        let (sent, queueing, save, told) = (vec![], vec![], None, BTreeSet::new());
        let (queued_by, ended) = (BTreeMap::new(), BTreeMap::new());
        Self { bench, sent, queueing, save, queued_by, told, ended }
    }

    fn send(&mut self, operation: QueueOperation) {
        let running = self.bench.start(RecordCommand::Queue(Box::new(operation.clone())));
        self.queueing.push((operation, running));
    }

    fn act(&mut self, action: &Action) {
        match *action {
            Action::Queue { id, payload } => {
                // Whoever sends an id says the same time with it, each time.
                let issued_at = later(clock(0, 0, 0), 3 * i64::try_from(id).unwrap() - 10);
                let payload = Some(JsonText::trusted(payload.to_string()));
                let operation = self.bench.operation(&format!("op-{id}"));
                let operation = QueueOperation { payload, issued_at, ..operation };
                self.sent.push(operation.clone());
                self.send(operation);
            }
            Action::Resend(index) if !self.sent.is_empty() => {
                let operation = self.sent[index % self.sent.len()].clone();
                self.send(operation);
            }
            Action::Step(index) if !self.queueing.is_empty() => {
                let index = index % self.queueing.len();
                self.bench.world.step(&mut self.queueing[index].1);
                if self.queueing[index].1.is_over() {
                    let (operation, running) = self.queueing.swap_remove(index);
                    self.on_queued(&operation, running);
                }
            }
            Action::Save { count, dies } if self.save.is_none() => self.plan_save(count, dies),
            Action::StepSave => self.step_save(),
            Action::Take => {
                self.bench.hold();
            }
            Action::Pass(seconds) => self.bench.pass(Duration::from_secs(seconds)),
            Action::Resend(_) | Action::Step(_) | Action::Save { .. } => {}
        }
        self.bench.check();
        let (head, settings) = (self.bench.head(), &self.bench.settings);
        assert!(head.full_count <= 2 && head.kept_count <= 2 && head.dead_count <= 1, "{head:?}");
        assert!(head.size <= settings.ledger_size_max, "{head:?}");
        assert!(head.pending_count(&self.bench.queue_row()) <= settings.pending_max);
    }

    fn on_queued(&mut self, operation: &QueueOperation, running: Running<RecordRequest>) {
        let outcome = match running.answer() {
            Ok(RecordReply::Queued(outcome)) => outcome,
            other => panic!("{other:?}"),
        };
        let id = operation.id.to_string();
        match outcome {
            Outcome::Committed(queued) => {
                let payload = operation.payload.as_ref().unwrap();
                assert_eq!(queued.receipt.hash, PayloadHash::of(&operation.kind, payload));
                if queued.is_new {
                    let writes = self.queued_by.entry(id.clone()).or_default();
                    writes.insert(operation.write_id);
                    assert_eq!(writes.len(), 1, "{id} was queued by two requests");
                }
                self.told.insert(id);
            }
            Outcome::Refused(
                QueueRefusal::PayloadMismatch
                | QueueRefusal::Expired { .. }
                | QueueRefusal::IssuedAhead { .. }
                | QueueRefusal::InboxFull { .. }
                | QueueRefusal::LedgerFull { .. }
                | QueueRefusal::Contended { .. },
            ) => {}
            other => panic!("{other:?}"),
        }
    }

    fn plan_save(&mut self, count: usize, dies: bool) {
        let waiting = self.bench.inbox(None, count).operations;
        let end = |(index, it)| {
            let end = applied(it);
            if dies && index == 0 {
                let (status, death) = (OperationStatus::Failed, Some(Death::Handler));
                return Settlement { status, death, ..end };
            }
            let result = Some(JsonText::trusted("1234567890"));
            Settlement { result, ..end }
        };
        let settled = waiting.iter().enumerate().map(end).collect();
        let write = self.bench.settling(settled);
        let body = write.body.clone();
        let ids = waiting.iter().map(|it| it.body.id.to_string()).collect();
        let running = self.bench.start(RecordCommand::Write(Box::new(write)));
        self.save = Some(Save { running, body, ids });
    }

    fn step_save(&mut self) {
        let Some(save) = &mut self.save else { return };
        self.bench.world.step(&mut save.running);
        if !save.running.is_over() {
            return;
        }
        let Some(Save { running, body, ids }) = self.save.take() else { return };
        match running.answer() {
            Ok(RecordReply::Written(Outcome::Committed(written))) => {
                self.bench.held = Some((written.base, body));
                for id in ids {
                    let count = self.ended.entry(id.clone()).or_default();
                    *count += 1;
                    assert_eq!(*count, 1, "{id} was applied again");
                }
            }
            // Another session has the record.
            Ok(RecordReply::Written(Outcome::Refused(_))) => {}
            other => panic!("{other:?}"),
        }
    }

    fn finish(mut self) {
        while self.save.is_some() {
            self.step_save();
        }
        for index in (0..self.queueing.len()).rev() {
            while !self.queueing[index].1.is_over() {
                self.bench.world.step(&mut self.queueing[index].1);
            }
            let (operation, running) = self.queueing.swap_remove(index);
            self.on_queued(&operation, running);
        }
        while !self.bench.inbox(None, 1).operations.is_empty() {
            self.act(&Action::Save { count: 3, dies: false });
            while self.save.is_some() {
                self.act(&Action::StepSave);
            }
        }
        for id in &self.told {
            assert_eq!(self.ended.get(id), Some(&1), "{id} was said to be queued");
        }
        let ended = u64::try_from(self.ended.len()).unwrap();
        assert_eq!(self.bench.queue_row().count, ended);
        for id in self.ended.keys() {
            let view = self.bench.known(id);
            assert!(view.receipt.is_some() || view.horizon.is_some(), "{id} is lost");
            let again = self.sent.iter().find(|it| it.id == operation_id(id)).unwrap().clone();
            if let Outcome::Committed(queued) = self.bench.queue(again) {
                assert!(queued.receipt.status().is_some(), "{id} would be applied again");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn do1_to_do6_hold_in_any_order_of_steps(
        actions in proptest::collection::vec(any_action(), 0..150)
    ) {
        let mut model = Model::new();
        for action in &actions {
            model.act(action);
        }
        model.finish();
    }
}
