//! A standing without a board: for a backend that cannot tell of changes.
//!
//! Every row of the board is read, removed ones included, and then again, until two readings in a
//! row found the same revisions. An entry's row has one place in this run, and no revision comes
//! back; so no row changed between its two readings, and in the moment between the two runs all of
//! them stood as they were found. Slow, and exact.

use std::sync::Arc;

use steadfast_core::platform::{PlatformError, Standing};
use steadfast_core::row::{ScanReply, ScanResult};
use steadfast_core::{Board, EntryKey, Found, Revision, RowKey, RowRange};

use super::{ATTEMPTS_MAX, PAGE_SIZE, Question, value_of};
use crate::done::Done;
use crate::platform::Answer;

#[derive(PartialEq, Eq)]
struct Seen {
    key: EntryKey,
    revision: Option<Revision>,
    value: Option<i64>,
}

/// A question that is answered from the rows.
pub(super) struct Survey {
    question: Question,
    /// What the reading before found, if there was one.
    before: Option<Vec<Seen>>,
    /// What this reading has found so far, by key.
    seen: Vec<Seen>,
}

impl Survey {
    pub(super) fn start(question: Question) {
        Self { question, before: None, seen: Vec::new() }.read();
    }

    fn read(self) {
        let backend = Arc::clone(&self.question.boards.backend);
        let entry = &self.question.request.entry;
        let first = || EntryKey::trusted("");
        let after = self.seen.last().map_or_else(first, |last| last.key.clone());
        let after = Some((entry.scope.clone(), after));
        let range = RowRange::Ordered { store: entry.store.clone(), after };
        let next = move |reply| self.question.boards.clone().later(move || self.on_page(reply));
        backend.scan(range, PAGE_SIZE, Done::new(next));
    }

    fn on_page(mut self, reply: ScanResult) {
        let taken = reply.map_err(PlatformError::from).and_then(|reply| self.take(&reply));
        match taken {
            Err(error) => self.question.answer(Err(error)),
            Ok(true) => self.read(),
            Ok(false) => self.compare(),
        }
    }

    /// Takes a page in, and says whether more of the board may follow.
    fn take(&mut self, reply: &ScanReply) -> Result<bool, PlatformError> {
        let scope = &self.question.request.entry.scope;
        for found in &reply.rows {
            if let Found::Row(row) = found
                && let RowKey::Ordered(entry) = &row.key
                && entry.scope != *scope
            {
                return Ok(false);
            }
            let (key, value) = value_of(found)?;
            self.seen.push(Seen { key: key.clone(), revision: found.revision(), value });
        }
        Ok(reply.more && !reply.rows.is_empty())
    }

    fn compare(mut self) {
        let seen = std::mem::take(&mut self.seen);
        if self.before.as_ref() == Some(&seen) {
            let answer = self.standing(seen);
            return self.question.answer(answer);
        }
        if self.question.attempts == ATTEMPTS_MAX {
            return self.question.contended();
        }
        self.question.attempts += 1;
        self.before = Some(seen);
        self.read();
    }

    fn standing(&self, seen: Vec<Seen>) -> Answer<Standing> {
        let key = &self.question.request.entry.key;
        let place = seen.binary_search_by(|other| other.key.cmp(key)).ok();
        let value = place.and_then(|place| seen.get(place)?.value);
        let value = value.ok_or_else(|| self.question.not_found())?;
        let of_value = |seen: Seen| seen.value.map(|value| (value, seen.key));
        let mut items: Vec<(i64, EntryKey)> = seen.into_iter().filter_map(of_value).collect();
        items.sort_unstable();
        let board: Board = items.into_iter().collect();
        let (order, around) = (self.question.request.order, self.question.around());
        board.standing(value, key, order, around).ok_or_else(|| self.question.not_found())
    }
}
