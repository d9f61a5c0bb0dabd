//! What transactions over several sessions did to a record, and what was spent of its coins.
//!
//! Each takes a turn of every record that takes part, and gives its number to every one. So a stored
//! record that lacks a turn without holding a number, or the other way round, was stored apart from
//! what belongs to it; and so was one whose coins do not go with its numbers.

use std::fmt::Write;

use steadfast_core::Value;
use steadfast_core::document::{Cancel, Draft, Insert};
use steadfast_core::value::Number;

use super::sheet::{list_of, number_of, write_list};

/// Turns of a record that takes part in nothing.
const TURNS: u64 = 1_000_000;

/// What transactions did to a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// The numbers of those that it took part in, in their order.
    pub(super) numbers: Vec<u32>,
    /// The turns that they took.
    pub(super) taken: u64,
    /// Coins that are gone for good.
    pub(super) spent: u64,
}

impl Moves {
    /// What a value says, up to what only takes room.
    pub(super) fn of(text: &str) -> Self {
        let Some(turns) = number_of(text, "\"turns\":") else { return Self::default() };
        let spent = number_of(text, "\"spent\":").unwrap_or(0);
        Self { numbers: list_of(text, "\"joints\":["), taken: TURNS.saturating_sub(turns), spent }
    }

    /// Members of a value.
    pub(super) fn write(&self, text: &mut String) {
        let Self { numbers, taken, spent } = self;
        let turns = TURNS.saturating_sub(*taken);
        write!(text, "\"turns\":{turns},\"spent\":{spent},\"joints\":[").expect("room");
        write_list(text, numbers);
    }

    /// Whether something is taken of it that goes with a number that it does not hold, or the other
    /// way round.
    pub(super) fn is_open(&self) -> bool {
        u64::try_from(self.numbers.len()) != Ok(self.taken)
    }
}

/// Coins go from each of all but the last to the next. Answers what each gains.
///
/// # Errors
/// One has not as many as it is to give.
pub(super) fn shift(drafts: &mut [Draft], number: u32, percent: i64) -> Result<Vec<i64>, Cancel> {
    let mut gains = vec![0; drafts.len()];
    let mut carried = 0;
    let last = drafts.len().saturating_sub(1);
    for (index, (draft, gain)) in drafts.iter_mut().zip(&mut gains).enumerate() {
        let coins = match draft.get("coins") {
            Some(Value::Number(Number::Integer(coins))) => *coins,
            _ => 0,
        };
        let gives = if index == last { 0 } else { coins.saturating_mul(percent) / 100 };
        // What is gained here may not go on to the next: it is not there yet.
        draft.try_debit("coins", gives.max(0))?;
        draft.add("coins", carried)?;
        draft.try_debit("turns", 1)?;
        draft.insert("joints", Value::Number(i64::from(number).into()), Insert::END)?;
        *gain = carried - gives;
        carried = gives;
    }
    Ok(gains)
}

#[cfg(test)]
mod tests {
    use steadfast_core::document::{Document, DocumentLimits, Tree};
    use steadfast_core::{Limits, Path};

    use super::super::sheet::Sheet;
    use super::super::witness::Marker;
    use super::*;

    fn draft(coins: u64) -> Draft {
        let text = format!("{{\"coins\":{coins},\"turns\":5,\"joints\":[]}}");
        let value = Value::parse(&text, &Limits::native()).unwrap();
        Tree::new(value, DocumentLimits::default()).unwrap().draft()
    }

    fn shown(draft: &Draft) -> String {
        draft.value().to_json().as_str().to_owned()
    }

    #[test]
    fn coins_go_on_to_the_next_and_none_is_made() {
        let mut drafts = [draft(10), draft(4), draft(0)];
        assert_eq!(shift(&mut drafts, 9, 50).unwrap(), [-5, 3, 2]);
        let after =
            [5, 7, 2].map(|coins| format!("{{\"coins\":{coins},\"joints\":[9],\"turns\":4}}"));
        assert_eq!(drafts.each_ref().map(shown), after);
        assert!(shift(&mut [draft(10), draft(0)], 9, 101).is_ok(), "rounded down");
        assert!(shift(&mut [draft(100), draft(0)], 9, 101).is_err());
    }

    #[test]
    fn a_transaction_is_one_edit_of_a_sheet_whatever_becomes_of_it() {
        let mut sheet = Sheet::new(Marker::NONE, 10);
        sheet.applied.coins = 10;
        let before = sheet.snapshot_value();
        let [mut from, _] = [sheet.draft(), draft(0)];
        shift(std::slice::from_mut(&mut from), 9, 0).unwrap();
        from.try_debit("coins", 3).unwrap();
        let after = from.value().clone();
        let edited = sheet.edit_value(&mut |draft| {
            draft.set(Path::root(), after.clone()).map(drop).map_err(Cancel::from)
        });
        assert!(edited.is_ok());
        let marker = sheet.marker;
        assert_eq!(marker.count, 1);
        assert_eq!((sheet.applied.coins, &*sheet.applied.moves.numbers), (7, &[9][..]));
        assert!(!sheet.applied.moves.is_open());
        let mut refused = sheet.clone();
        refused.put_value(before.clone()).unwrap();
        assert_eq!((refused.applied.coins, refused.marker), (10, Marker::NONE), "it never began");
        sheet.has_begun();
        sheet.put_value(before).unwrap();
        assert_eq!((sheet.applied.coins, sheet.marker), (10, marker));
        assert_eq!(sheet.applied.moves, Moves::default());
    }
}
