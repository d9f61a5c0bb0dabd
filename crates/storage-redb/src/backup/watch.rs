//! Who looks on while a store is copied, and may end it.

use std::ops::ControlFlow;

/// Rows between two looks.
const ROWS_PER_LOOK: u64 = 1_000;

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The rows are read and written.
    Copying,
    /// The copy, or the backup to be restored, is read and checked.
    Verifying,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Records so far.
    pub row_count: u64,
    /// Records in all, as the engine counts them.
    pub row_count_total: u64,
}

/// Is told now and then how far it is, and says whether to go on.
pub type Observer<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Was ended by its observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// Counts the rows of one stage.
pub(super) struct Watch<'a> {
    observer: &'a mut Observer<'a>,
    progress: Progress,
}

impl<'a> Watch<'a> {
    pub(super) fn new(observer: &'a mut Observer<'a>) -> Self {
        let progress = Progress { stage: Stage::Copying, row_count: 0, row_count_total: 0 };
        Self { observer, progress }
    }

    /// Begins a stage.
    pub(super) fn begin(&mut self, stage: Stage, row_count_total: u64) -> Result<(), Ended> {
        self.progress = Progress { stage, row_count: 0, row_count_total };
        self.look()
    }

    /// Counts a row.
    pub(super) fn step(&mut self) -> Result<(), Ended> {
        self.progress.row_count += 1;
        if self.progress.row_count.is_multiple_of(ROWS_PER_LOOK) { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<(), Ended> {
        match (self.observer)(self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Ended),
        }
    }
}
