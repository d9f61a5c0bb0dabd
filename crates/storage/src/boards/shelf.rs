//! The boards that there are, and who waits for one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use steadfast_core::platform::{PlatformError, Standing};
use steadfast_core::row::ScanReply;
use steadfast_core::{Board, BoardId, EntryKey};

use super::Question;
use super::assembly::Assembly;
use crate::backend::{OrderedChange, OrderedWatcher};

/// All boards of a backend.
pub(super) struct Shelf {
    slots: Mutex<Slots>,
    /// Most entries of all finished boards together.
    entries_max: usize,
}

#[derive(Default)]
struct Slots {
    boards: BTreeMap<BoardId, Slot>,
    /// How many entries the finished boards hold together.
    entry_count: usize,
    /// How many questions were asked, so that the board that was not asked for longest is known.
    asked: u64,
}

enum Slot {
    /// Being built, with those who wait for it.
    Building(Assembly, Vec<Question>),
    /// What the last told commit left, and when it was asked last.
    Ready(Board, u64),
}

/// What a question finds.
pub(super) enum Lookup {
    /// The answer, and boards that had to make room.
    Found { question: Question, standing: Standing, evicted: Vec<Board> },
    /// The entry does not have that value any more.
    Moved(Question),
    /// The board is being built, and the question is asked again then.
    Waits,
    /// So it is, but nobody builds yet: the caller does.
    Missing,
}

/// What comes of a board that was finished.
pub(super) struct Finished {
    /// Who waited for it.
    pub(super) askers: Vec<Question>,
    /// What had to make room. Dropping it takes a while.
    pub(super) evicted: Vec<Board>,
}

impl Shelf {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { slots: Mutex::default(), entries_max }
    }

    /// Places an entry that was read with this value, or lets the question wait.
    pub(super) fn look_up(&self, id: &BoardId, value: i64, question: Question) -> Lookup {
        let mut slots = self.slots();
        slots.asked += 1;
        let now = slots.asked;
        match slots.boards.get_mut(id) {
            None => {
                let slot = Slot::Building(Assembly::default(), vec![question]);
                slots.boards.insert(id.clone(), slot);
                Lookup::Missing
            }
            Some(Slot::Building(_, askers)) => {
                askers.push(question);
                Lookup::Waits
            }
            Some(Slot::Ready(board, asked)) => {
                *asked = now;
                let key = &question.request.entry.key;
                let order = question.request.order;
                match board.standing(value, key, order, question.around()) {
                    Some(standing) => {
                        let evicted = slots.evict(self.entries_max);
                        Lookup::Found { question, standing, evicted }
                    }
                    None => Lookup::Moved(question),
                }
            }
        }
    }

    /// Adds a page to a board that is being built, and returns behind what the next one starts.
    pub(super) fn take_page(
        &self,
        id: &BoardId,
        reply: &ScanReply,
    ) -> Result<Option<(i64, EntryKey)>, PlatformError> {
        match self.slots().boards.get_mut(id) {
            Some(Slot::Building(assembly, _)) => assembly.page(reply),
            Some(Slot::Ready(..)) | None => unreachable!("a build has its place until it ends"),
        }
    }

    /// Ends a build: everything that its pages may have seen was told.
    pub(super) fn finish(&self, id: &BoardId) -> Finished {
        let mut slots = self.slots();
        let Some(Slot::Building(assembly, askers)) = slots.boards.remove(id) else {
            unreachable!("a build has its place until it ends")
        };
        let board = assembly.finish();
        slots.asked += 1;
        slots.entry_count += board.len();
        let slot = Slot::Ready(board, slots.asked);
        slots.boards.insert(id.clone(), slot);
        Finished { askers, evicted: slots.evict(self.entries_max) }
    }

    /// Ends a build that failed. Nothing of it stays.
    pub(super) fn give_up(&self, id: &BoardId) -> Vec<Question> {
        match self.slots().boards.remove(id) {
            Some(Slot::Building(_, askers)) => askers,
            Some(Slot::Ready(..)) | None => unreachable!("a build has its place until it ends"),
        }
    }

    /// Takes a finished board away.
    pub(super) fn forget(&self, id: &BoardId) -> Option<Board> {
        self.slots().take_ready(id)
    }

    /// How many boards are finished.
    #[cfg(test)]
    pub(super) fn ready_count(&self) -> usize {
        let slots = self.slots();
        slots.boards.values().filter(|slot| matches!(slot, Slot::Ready(..))).count()
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OrderedWatcher for Shelf {
    fn committed(&self, changes: &[OrderedChange]) {
        let mut wrong = Vec::new();
        let mut slots = self.slots();
        for change in changes {
            let id = BoardId::of(&change.entry);
            match slots.boards.get_mut(&id) {
                None => {}
                Some(Slot::Building(assembly, _)) => assembly.change(change),
                Some(Slot::Ready(board, _)) => {
                    let before = board.len();
                    let is_right = apply(board, change);
                    let after = board.len();
                    slots.entry_count = slots.entry_count + after - before;
                    if !is_right {
                        wrong.extend(slots.take_ready(&id));
                    }
                }
            }
        }
        drop(slots);
    }
}

impl Slots {
    fn take_ready(&mut self, id: &BoardId) -> Option<Board> {
        if !matches!(self.boards.get(id), Some(Slot::Ready(..))) {
            return None;
        }
        let Some(Slot::Ready(board, _)) = self.boards.remove(id) else { return None };
        self.entry_count -= board.len();
        Some(board)
    }

    /// Takes boards away, those that were not asked for longest first, until the others fit. The
    /// one that was asked last stays, whatever its size.
    fn evict(&mut self, entries_max: usize) -> Vec<Board> {
        let mut evicted = Vec::new();
        while self.entry_count > entries_max {
            let ready = self.boards.iter().filter_map(|(id, slot)| match slot {
                Slot::Ready(_, asked) if *asked < self.asked => Some((*asked, id)),
                Slot::Ready(..) | Slot::Building(..) => None,
            });
            let Some(oldest) = ready.min().map(|(_, id)| id.clone()) else { break };
            evicted.extend(self.take_ready(&oldest));
        }
        evicted
    }
}

/// Puts an entry where a change says. False if the board did not hold what was there before: it
/// must not be asked again.
pub(super) fn apply(board: &mut Board, change: &OrderedChange) -> bool {
    let key = &change.entry.key;
    change.before.is_none_or(|value| board.remove(value, key))
        && change.after.is_none_or(|value| board.insert(value, key.clone()))
}
