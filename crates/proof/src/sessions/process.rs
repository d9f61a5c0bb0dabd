//! A game server's process: one life of a machine, around the game server of `core`.

use std::sync::Arc;

use steadfast_core::document::Document;
use steadfast_core::game_server::{Effects, GameServer, Parse, SessionHandle, Ticket};
use steadfast_core::record::RecordWrite;
use steadfast_core::session::{Spill, SpillFate};
use steadfast_core::value::InvalidData;
use steadfast_core::{EntryId, Monotonic, Now, Path};

use super::fleet::Joint;
use super::schemas::Code;
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
    /// The store went back, and has not got everything again.
    pub(super) went_back: bool,
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

/// A checkpoint, a release, a queueing or a question that is not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) ticket: Ticket,
}

/// A process.
pub(super) struct Process {
    /// Counted over the run.
    pub(super) number: usize,
    pub(super) code: Code,
    pub(super) server: GameServer,
    pub(super) plays: Vec<Play>,
    pub(super) openings: Vec<Opening>,
    pub(super) waits: Vec<Wait>,
    /// Transactions that are not settled in all of their sessions, or not told.
    pub(super) joints: Vec<Joint>,
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
    pub(super) fn new(number: usize, code: Code, server: GameServer) -> Self {
        Self {
            number,
            code,
            server,
            plays: Vec::new(),
            openings: Vec::new(),
            waits: Vec::new(),
            joints: Vec::new(),
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

    pub(super) fn end_wait(&mut self, ticket: Ticket) {
        self.waits.retain(|wait| wait.ticket != ticket);
    }

    /// What a session began with.
    pub(super) fn began(&mut self, handle: SessionHandle) -> Option<Marker> {
        self.sheet(handle, |sheet| sheet.began)
    }

    /// Looks at what a session holds.
    pub(super) fn sheet<R>(
        &mut self,
        handle: SessionHandle,
        look: impl FnOnce(&mut Sheet) -> R,
    ) -> Option<R> {
        let look = |document: &mut dyn Document| document.as_any_mut().downcast_mut().map(look);
        self.server.read(handle, look).ok()?
    }

    /// Edits what a session holds; nothing if it takes no edit.
    pub(super) fn edit(&mut self, now: Now, number: u64, edit: u64, pad: usize) -> Option<Play> {
        self.change(now, number, |sheet| {
            sheet.marker = sheet.marker.next(edit);
            sheet.pad = pad;
        })
    }

    /// Changes what a session holds; nothing if it takes no edit.
    pub(super) fn change(
        &mut self,
        now: Now,
        number: u64,
        change: impl FnOnce(&mut Sheet),
    ) -> Option<Play> {
        let handle = self.play(number)?.handle;
        let marker = self.server.edit(now, handle, editing(change)).ok()?;
        self.marked(number, marker)
    }

    /// Puts what a session holds back to what its entry held once; nothing if it cannot be done now.
    pub(super) fn put_back(
        &mut self,
        now: Now,
        number: u64,
        counter: u64,
        change: impl FnOnce(&mut Sheet),
    ) -> Option<Play> {
        let handle = self.play(number)?.handle;
        let marker = self.server.restore(now, handle, counter, editing(change)).ok()?;
        self.marked(number, marker)
    }

    fn marked(&mut self, number: u64, marker: Marker) -> Option<Play> {
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
        for joint in &self.joints {
            evidence.push(format!("process {} has not settled {joint:?}", self.number));
        }
        for wait in self.waits.iter().chain(&self.closing) {
            evidence.push(format!("process {} owes an answer to {:?}", self.number, wait.ticket));
        }
        evidence
    }
}

/// An edit of a sheet.
fn editing(
    change: impl FnOnce(&mut Sheet),
) -> impl FnOnce(&mut dyn Document) -> Result<(Marker, bool), ()> {
    |document| {
        let sheet = document.as_any_mut().downcast_mut::<Sheet>().ok_or(())?;
        change(sheet);
        Ok((sheet.marker, true))
    }
}

/// How a record is read by somebody with a bug (P9).
pub(super) fn broken_parse(panics: bool) -> Parse {
    Arc::new(move |_| {
        assert!(!panics, "a callback of the game panicked");
        Err(InvalidData::because(Path::root(), "it is refused").into())
    })
}
