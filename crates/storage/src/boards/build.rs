//! Building one board, page by page.

use std::sync::Arc;

use steadfast_core::platform::PlatformError;
use steadfast_core::row::ScanResult;
use steadfast_core::{BoardId, EntryKey, Order, RowRange};

use super::{Boards, PAGE_SIZE, ended};
use crate::done::Done;

/// A build under way. Dropped before its end, it fails.
pub(super) struct Build {
    boards: Boards,
    id: BoardId,
    is_over: bool,
}

impl Build {
    /// Starts to build a board for which the shelf made a place.
    pub(super) fn start(boards: Boards, id: BoardId) {
        Self { boards, id, is_over: false }.read(None);
    }

    fn read(self, beyond: Option<(i64, EntryKey)>) {
        let backend = Arc::clone(&self.boards.backend);
        let range = RowRange::Board {
            board: self.id.clone(),
            order: Order::Ascending,
            min: i64::MIN,
            max: i64::MAX,
            beyond,
        };
        // A backend that answers at once would otherwise do all pages one within the other.
        let next = move |reply| self.boards.clone().later(move || self.on_page(reply));
        backend.scan(range, PAGE_SIZE, Done::new(next));
    }

    fn on_page(self, reply: ScanResult) {
        let reply = reply.map_err(PlatformError::from);
        match reply.and_then(|reply| self.boards.shelf.take_page(&self.id, &reply)) {
            Ok(Some(beyond)) => self.read(Some(beyond)),
            Ok(None) => {
                let backend = Arc::clone(&self.boards.backend);
                let next = move |()| self.boards.clone().later(move || self.finish());
                backend.drain(Done::new(next));
            }
            Err(error) => self.fail(&error),
        }
    }

    fn finish(mut self) {
        self.is_over = true;
        let finished = self.boards.shelf.finish(&self.id);
        for question in finished.askers {
            question.ask();
        }
        drop(finished.evicted);
    }

    fn fail(mut self, error: &PlatformError) {
        self.give_up(error);
    }

    fn give_up(&mut self, error: &PlatformError) {
        self.is_over = true;
        for question in self.boards.shelf.give_up(&self.id) {
            question.answer(Err(error.clone()));
        }
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        if !self.is_over {
            self.give_up(&ended());
        }
    }
}
