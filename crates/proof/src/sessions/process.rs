//! A game server's process: one life of a machine, around the game server of `core`.

use std::sync::Arc;

use steadfast_core::document::Document;
use steadfast_core::game_server::{Effects, GameServer, Parse, SessionHandle, Ticket};
use steadfast_core::record::RecordWrite;
use steadfast_core::session::{Spill, SpillFate};
use steadfast_core::{EntryId, Monotonic, Now};

use super::sheet::Sheet;
use super::witness::Marker;

/// A session, and who plays with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Play {
    /// Counted over the run.
    pub(super) number: u64,
    pub(super) handle: SessionHandle,
    /// The index of its record.
    pub(super) key: usize,
    pub(super) player: usize,
    /// What it holds.
    pub(super) marker: Marker,
    /// Its release was asked for.
    pub(super) is_leaving: bool,
    /// A spill that it began with is kept until this is saved.
    pub(super) keeps_spill: bool,
}

/// A record that is being opened.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) ticket: Ticket,
    pub(super) key: usize,
    pub(super) player: usize,
    /// What an earlier session could not save.
    pub(super) spilled: Option<Spill>,
    /// What becomes of that, by what the record stood at when it was claimed.
    pub(super) fate: Option<SpillFate>,
}

/// A checkpoint or a release that is not settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) ticket: Ticket,
}

/// A process.
pub(super) struct Process {
    /// Counted over the run.
    pub(super) number: usize,
    pub(super) server: GameServer,
    pub(super) plays: Vec<Play>,
    pub(super) openings: Vec<Opening>,
    pub(super) waits: Vec<Wait>,
    /// The true time of the wake that counts.
    pub(super) wake_at: Option<Monotonic>,
    pub(super) closing: Option<Wait>,
    pub(super) effects: Effects,
    /// When it was polled last.
    pub(super) polled_at: Option<Monotonic>,
    /// What players see of records that were just opened.
    pub(super) seen: Vec<(usize, Marker)>,
    /// Commands that it sent.
    pub(super) sent: u64,
    /// While the store answers nothing: what it had sent before, and who may send since.
    pub(super) in_outage: Option<(u64, u64)>,
}

impl Process {
    pub(super) fn new(number: usize, server: GameServer) -> Self {
        Self {
            number,
            server,
            plays: Vec::new(),
            openings: Vec::new(),
            waits: Vec::new(),
            wake_at: None,
            closing: None,
            effects: Effects::default(),
            polled_at: None,
            seen: Vec::new(),
            sent: 0,
            in_outage: None,
        }
    }

    pub(super) fn play(&self, number: u64) -> Option<&Play> {
        self.plays.iter().find(|play| play.number == number)
    }

    pub(super) fn play_mut(&mut self, number: u64) -> Option<&mut Play> {
        self.plays.iter_mut().find(|play| play.number == number)
    }

    pub(super) fn play_of(&mut self, handle: SessionHandle) -> Option<&mut Play> {
        self.plays.iter_mut().find(|play| play.handle == handle)
    }

    pub(super) fn take_play(&mut self, handle: SessionHandle) -> Option<Play> {
        let index = self.plays.iter().position(|play| play.handle == handle)?;
        Some(self.plays.swap_remove(index))
    }

    pub(super) fn take_opening(&mut self, ticket: Ticket) -> Option<Opening> {
        let index = self.openings.iter().position(|opening| opening.ticket == ticket)?;
        Some(self.openings.swap_remove(index))
    }

    /// It is about to claim a record.
    pub(super) fn claims(&mut self, write: &RecordWrite) {
        for opening in &mut self.openings {
            let spilled = opening.spilled.as_ref().filter(|spill| spill.entry == write.entry);
            if let Some(spill) = spilled {
                opening.fate = Some(spill.fate(write.base.record));
            }
        }
    }

    pub(super) fn take_wait(&mut self, ticket: Ticket) -> Option<Wait> {
        let index = self.waits.iter().position(|wait| wait.ticket == ticket)?;
        Some(self.waits.swap_remove(index))
    }

    /// What a session holds.
    pub(super) fn marker(&mut self, handle: SessionHandle) -> Option<Marker> {
        let read = |document: &mut dyn Document| {
            document.as_any().downcast_ref::<Sheet>().map(|sheet| sheet.marker)
        };
        self.server.read(handle, read).ok()?
    }

    /// Edits what a session holds; nothing if it takes no edit.
    pub(super) fn edit(&mut self, now: Now, number: u64, edit: u64, pad: usize) -> Option<Play> {
        let play = *self.play(number)?;
        let marker = play.marker.next(edit);
        let change = |document: &mut dyn Document| match document.as_any_mut().downcast_mut() {
            Some(sheet) => {
                *sheet = Sheet { marker, pad };
                Ok(((), true))
            }
            None => Err(()),
        };
        self.server.edit(now, play.handle, change).ok()?;
        let play = self.play_mut(number)?;
        play.marker = marker;
        Some(*play)
    }

    /// What should be over by now and is not.
    pub(super) fn check_quiet(&self, ids: &[EntryId]) -> Vec<String> {
        let mut evidence = Vec::new();
        for opening in &self.openings {
            let id = ids.get(opening.key);
            evidence.push(format!("process {} still opens {id:?}", self.number));
        }
        for wait in self.waits.iter().chain(&self.closing) {
            evidence.push(format!("process {} owes an answer to {:?}", self.number, wait.ticket));
        }
        evidence
    }
}

/// How a record is read.
pub(super) fn parse() -> Parse {
    Arc::new(|text| match Sheet::parse(text) {
        Some(sheet) => Ok(Box::new(sheet)),
        None => Err("it is no sheet".into()),
    })
}

/// How a record is read by somebody with a bug (P9).
pub(super) fn broken_parse(panics: bool) -> Parse {
    Arc::new(move |_| {
        assert!(!panics, "a callback of the game panicked");
        Err("it is refused".into())
    })
}
