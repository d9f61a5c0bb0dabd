//! What the operations of this scenario do, and what its hooks want.
//!
//! Every kind but the built-in one leaves its number in the record. Handlers are run twice, on copies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast_core::document::{Changes, Document};
use steadfast_core::operation::{
    ADD, Handled, HandlerError, Handlers, OperationStatus, PendingOperation, Settlement,
};
use steadfast_core::session::{Hooks, NoHooks};
use steadfast_core::{JsonText, OperationId, OperationKind};

use super::sheet::Sheet;
use super::witness::Marker;

/// A number that no operation has: what a handler that is not deterministic leaves.
const TWO_ANSWERS: u32 = u32::MAX;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Brings coins in.
    Coins,
    /// Does so, if what the record holds lets it.
    Flaky,
    /// Panics mostly.
    Panics,
    /// Brings coins in where it is handled: not everywhere.
    Rare,
    /// Is handled nowhere.
    Nobody,
    /// Fails for good.
    Refuses,
    /// Is cancelled by its handler.
    GivesUp,
    /// Brings coins in, and its receipt never leaves.
    Kept,
    /// The built-in one.
    Add,
}

impl Deed {
    /// All of them.
    const ALL: [Self; 9] = [
        Self::Coins,
        Self::Flaky,
        Self::Panics,
        Self::Rare,
        Self::Nobody,
        Self::Refuses,
        Self::GivesUp,
        Self::Kept,
        Self::Add,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Coins => "coins",
            Self::Flaky => "flaky",
            Self::Panics => "panics",
            Self::Rare => "rare",
            Self::Nobody => "nobody",
            Self::Refuses => "refuses",
            Self::GivesUp => "gives_up",
            Self::Kept => "kept",
            Self::Add => ADD,
        }
    }

    /// What handles it.
    pub(super) fn kind(self) -> OperationKind {
        OperationKind::trusted(self.name())
    }

    /// The deed of a kind.
    pub(super) fn of(kind: &OperationKind) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == kind.as_str())
    }

    /// The id of its operation of a number.
    pub(super) fn id(self, number: u32) -> OperationId {
        OperationId::trusted(format!("{}-{number}", self.name()))
    }

    /// What its handler is given.
    pub(super) fn payload(self, number: u32, amount: u64) -> JsonText {
        JsonText::trusted(match self {
            Self::Add => format!("{{\"path\":\"added\",\"amount\":{amount}}}"),
            Self::Coins
            | Self::Flaky
            | Self::Panics
            | Self::Rare
            | Self::Nobody
            | Self::Refuses
            | Self::GivesUp
            | Self::Kept => format!("{{\"number\":{number},\"amount\":{amount}}}"),
        })
    }

    /// Whether every server handles it at the first try.
    pub(super) fn is_easy(self) -> bool {
        match self {
            Self::Coins | Self::Refuses | Self::GivesUp | Self::Kept | Self::Add => true,
            Self::Flaky | Self::Panics | Self::Rare | Self::Nobody => false,
        }
    }

    /// What it does.
    fn act(self, sheet: &mut Sheet, operation: &PendingOperation) -> Result<(), HandlerError> {
        let number = number_of(&operation.body.id).ok_or(HandlerError::Fail("no number".into()))?;
        let luck = sheet.marker.mix ^ u64::from(number);
        match self {
            Self::Refuses => return Err(HandlerError::Fail("it is refused".into())),
            Self::GivesUp => return Err(HandlerError::Cancel("it is not wanted".into())),
            Self::Flaky if !luck.is_multiple_of(3) => {
                return Err(HandlerError::Retry("not today".into()));
            }
            // Nothing is printed, unlike by a panic that nobody expects.
            Self::Panics if !luck.is_multiple_of(5) => std::panic::resume_unwind(Box::new(())),
            Self::Coins
            | Self::Flaky
            | Self::Panics
            | Self::Rare
            | Self::Nobody
            | Self::Kept
            | Self::Add => {}
        }
        sheet.applied.numbers.push(number);
        sheet.applied.coins += amount_of(&operation.body.payload);
        sheet.marker = sheet.marker.next(mixed_in(number));
        Ok(())
    }
}

/// What an operation of a number adds to a marker.
fn mixed_in(number: u32) -> u64 {
    (1 << 40) | u64::from(number)
}

/// The number of an operation.
pub(super) fn number_of(id: &OperationId) -> Option<u32> {
    id.as_str().rsplit_once('-')?.1.parse().ok()
}

/// The number that an operation leaves in the record, if it leaves one.
pub(super) fn mark_of(kind: &OperationKind, id: &OperationId) -> Option<u32> {
    number_of(id).filter(|_| kind.as_str() != ADD)
}

/// What a payload brings in.
pub(super) fn amount_of(payload: &JsonText) -> u64 {
    let amount = payload.as_str().split_once("\"amount\":").map(|(_, rest)| rest);
    amount.and_then(|rest| rest.strip_suffix('}')?.parse().ok()).unwrap_or(0)
}

/// What a record holds after an operation was applied, given what it held before.
pub(super) fn after(before: Marker, settlement: &Settlement) -> Option<Marker> {
    if settlement.status != OperationStatus::Applied {
        return None;
    }
    let mixed_in = match mark_of(&settlement.body.kind, settlement.id()) {
        Some(number) => mixed_in(number),
        None => settlement.result.as_ref()?.as_str().parse().ok()?,
    };
    Some(before.next(mixed_in))
}

/// What a process handles.
pub(super) fn handlers(process: usize) -> Arc<Handlers> {
    let mut handlers = Handlers::new();
    for deed in Deed::ALL {
        let is_missing = match deed {
            Deed::Rare => process.is_multiple_of(3),
            Deed::Nobody | Deed::Add => true,
            Deed::Coins
            | Deed::Flaky
            | Deed::Panics
            | Deed::Refuses
            | Deed::GivesUp
            | Deed::Kept => false,
        };
        if !is_missing {
            let run = move |document: &mut dyn Document, operation: &PendingOperation| {
                run_twice(deed, document, operation)
            };
            handlers
                .insert(deed.kind(), Arc::new(run), deed == Deed::Kept)
                .expect("the kinds of this scenario are its own");
        }
    }
    Arc::new(handlers)
}

fn run_twice(
    deed: Deed,
    document: &mut dyn Document,
    operation: &PendingOperation,
) -> Result<Handled, HandlerError> {
    let sheet = document.as_any_mut().downcast_mut::<Sheet>();
    let sheet = sheet.ok_or(HandlerError::Fail("it is no sheet".into()))?;
    let (mut one, mut other) = (sheet.clone(), sheet.clone());
    let (answer, again) = (deed.act(&mut one, operation), deed.act(&mut other, operation));
    if (&answer, &one) != (&again, &other) {
        sheet.applied.numbers.push(TWO_ANSWERS);
        return Ok(Handled::default());
    }
    answer?;
    let result = Some(JsonText::trusted(one.applied.coins.to_string()));
    *sheet = one;
    Ok(Handled { result, changes: Changes::default() })
}

/// What a hook does (P9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    RefusesLoad,
    PanicsAtLoad,
    /// So many times.
    RefusesSave(u64),
    PanicsAtSave,
    /// It changes the data by itself before each save.
    TouchesUp,
}

/// The hooks of one session.
struct Moody {
    mood: Mood,
    asked: AtomicU64,
}

impl Hooks for Moody {
    fn after_load(&self, _: &mut dyn Document) -> Result<bool, Arc<str>> {
        match self.mood {
            Mood::RefusesLoad => Err("it is not let in".into()),
            Mood::PanicsAtLoad => std::panic::resume_unwind(Box::new(())),
            Mood::RefusesSave(_) | Mood::PanicsAtSave | Mood::TouchesUp => Ok(false),
        }
    }

    fn before_save(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match self.mood {
            Mood::RefusesSave(times) if asked < times => Err("not now".into()),
            Mood::PanicsAtSave if asked > 0 => std::panic::resume_unwind(Box::new(())),
            Mood::TouchesUp => {
                let sheet = document.as_any_mut().downcast_mut::<Sheet>();
                sheet.map(|sheet| sheet.pad ^= 1).map(|()| true).ok_or("it is no sheet".into())
            }
            Mood::RefusesSave(_) | Mood::PanicsAtSave | Mood::RefusesLoad | Mood::PanicsAtLoad => {
                Ok(false)
            }
        }
    }
}

/// The hooks of a session with a fault of a callback, if it is one of hooks.
pub(super) fn hooks(fault: i64) -> Arc<dyn Hooks> {
    let mood = match fault {
        2 => Mood::RefusesLoad,
        3 => Mood::PanicsAtLoad,
        4 => Mood::RefusesSave(3),
        5 => Mood::PanicsAtSave,
        6 => Mood::TouchesUp,
        _ => return Arc::new(NoHooks),
    };
    Arc::new(Moody { mood, asked: AtomicU64::new(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_known_by_its_id_and_payload() {
        for deed in Deed::ALL {
            let (id, payload) = (deed.id(17), deed.payload(17, 250));
            assert_eq!((number_of(&id), amount_of(&payload)), (Some(17), 250), "{id}");
            assert_eq!(Deed::of(&deed.kind()), Some(deed));
            let mark = mark_of(&deed.kind(), &id);
            assert_eq!(mark, (deed != Deed::Add).then_some(17));
        }
    }
}
