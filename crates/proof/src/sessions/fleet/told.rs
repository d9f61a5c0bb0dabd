//! What a game server tells, and what its process makes of it.

use std::time::Duration;

use steadfast_core::game_server::{Event as Told, ServerEvent, SessionHandle, Ticket};
use steadfast_core::session::{LossReason, SessionEvent, SessionState, Spill, SpillFate};
use steadfast_core::{EntryId, Rng};

use super::super::deeds;
use super::super::marks::Mark;
use super::super::process::{Play, Process};
use super::super::witness::{Marker, Witness as _};
use super::super::{Context, Event};
use super::{Life, News};

/// Everything that an event may change.
pub(super) struct Ears<'a> {
    pub(super) at: Life,
    pub(super) process: &'a mut Process,
    pub(super) spills: &'a mut Vec<Spill>,
    pub(super) ids: &'a [EntryId],
    pub(super) news: &'a mut Vec<News>,
    pub(super) rng: &'a mut Rng,
    pub(super) play_count: &'a mut u64,
    /// What cannot happen, and did.
    pub(super) impossible: &'a mut Option<String>,
}

impl Ears<'_> {
    /// Takes an event. Whether the process is over.
    pub(super) fn hear(&mut self, ctx: &mut Context<'_>, event: &Told) -> bool {
        let number = self.process.number;
        ctx.marks.told(event);
        let marker = match event {
            Told::Opened { session, .. } => self.process.began(*session),
            Told::OpenFailed { .. }
            | Told::Settled { .. }
            | Told::Queued { .. }
            | Told::Operation { .. }
            | Told::Session { .. }
            | Told::Server(_)
            | Told::Closed { .. } => None,
        };
        ctx.bench.told(ctx.now, number, event, marker);
        match event {
            Told::Opened { ticket, session } => self.opened(ctx, *ticket, *session),
            Told::OpenFailed { ticket, .. } => {
                if let Some(opening) = self.process.take_opening(*ticket) {
                    self.news.push(News::NotOpened { player: opening.player });
                }
            }
            Told::Settled { ticket, result } => {
                super::joints::told(ctx, self.process, *ticket, result);
                self.process.end_wait(*ticket);
            }
            Told::Queued { ticket, .. } | Told::Operation { ticket, .. } => {
                self.process.end_wait(*ticket);
            }
            Told::Session { session, event, .. } => self.session(ctx, *session, event),
            // A copy of it was found: it ends.
            Told::Server(ServerEvent::Stopped) => {
                *self.impossible = Some(format!("process {number} took another for its copy"));
                return true;
            }
            Told::Server(_) => {}
            Told::Closed { ticket } => {
                let closing = self.process.closing.take();
                assert_eq!(closing.map(|wait| wait.ticket), Some(*ticket), "a close was asked for");
                return true;
            }
        }
        false
    }

    fn opened(&mut self, ctx: &mut Context<'_>, ticket: Ticket, handle: SessionHandle) {
        let opening = self.process.take_opening(ticket);
        let opening = opening.expect("what is opened was asked for");
        let began =
            self.process.sheet(handle, |sheet| (sheet.began, sheet.applied.numbers.clone()));
        let (marker, numbers) = began.expect("a session that was opened can be read");
        ctx.bench.showed(ctx.now, self.process.number, handle, &numbers);
        let entry = self.ids.get(opening.key).expect("players have records");
        let is_dirty = self
            .process
            .server
            .session(handle)
            .is_some_and(steadfast_core::session::Session::is_dirty);
        if !is_dirty {
            self.process.seen.push((opening.key, marker));
        }
        // A careful process keeps the bytes until they are saved, another forgets them now.
        let keeps_spill = opening.spilled.is_some() && is_dirty && self.rng.percent(50);
        if let Some(spilled) = &opening.spilled {
            let is_there = Marker::stored_in(&spilled.content) == Some(marker);
            let is_taken = opening.fate == Some(SpillFate::Taken) && is_there;
            let is_older = spilled.schema < self.process.code.knows.version;
            ctx.marks.meet_if(Mark::SpillMigrated, is_taken && is_older);
            ctx.marks.meet(match opening.fate {
                Some(SpillFate::Taken) if is_there => Mark::SpillTaken,
                Some(SpillFate::Stored) if is_there => Mark::SpillStored,
                Some(SpillFate::Taken | SpillFate::Stored | SpillFate::Stale) | None => {
                    Mark::SpillNotTaken
                }
            });
            ctx.sim.totals.add("spills passed on", 1);
            if !keeps_spill {
                self.spills.retain(|spill| spill.entry != *entry);
            }
        }
        *self.play_count += 1;
        let number = *self.play_count;
        let (key, player) = (opening.key, opening.player);
        self.process.plays.push(Play {
            number,
            handle,
            key,
            player,
            marker,
            is_leaving: false,
            keeps_spill,
            went_back: false,
        });
        self.news.push(News::Opened { player, at: self.at, play: number });
        ctx.sim.trace.event(ctx.now, "opened").number("play", number).number("count", marker.count);
        // Some players do nothing at all.
        if self.rng.percent(90) {
            let delay = Duration::from_millis(self.rng.in_range(10..3_000));
            ctx.sim.world.schedule_in(delay, Event::Edit(self.at, number));
        }
    }

    fn session(&mut self, ctx: &mut Context<'_>, handle: SessionHandle, event: &SessionEvent) {
        match event {
            SessionEvent::State(SessionState::Releasing) => {
                if let Some(play) = self.process.play_of(handle) {
                    play.is_leaving = true;
                }
            }
            SessionEvent::OperationRun { settlement, .. } => {
                let entry = self.process.play_of(handle).and_then(|play| {
                    play.marker = deeds::after(play.marker, settlement)?;
                    Some((self.ids.get(play.key)?, play.marker))
                });
                if let Some((entry, marker)) = entry {
                    let number = self.process.number;
                    ctx.bench.edited(ctx.now, number, handle, entry, marker);
                }
            }
            SessionEvent::WentBack => {
                if let Some(play) = self.process.play_of(handle) {
                    play.went_back = true;
                }
            }
            SessionEvent::Saved { .. } => {
                if let Some(play) = self.process.play_of(handle) {
                    play.went_back = false;
                }
                if let Some(play) = self.process.play_of(handle).filter(|play| play.keeps_spill) {
                    play.keeps_spill = false;
                    let entry = self.ids.get(play.key);
                    self.spills.retain(|spill| Some(&spill.entry) != entry);
                }
            }
            SessionEvent::Lost { spill, reason } => {
                if let LossReason::Impossible(reason) = reason {
                    let number = self.process.number;
                    *self.impossible = Some(format!("process {number} found {reason}"));
                }
                if let Some(spill) = spill {
                    ctx.sim.totals.add("spills", 1);
                    self.spills.retain(|other| other.entry != spill.entry);
                    self.spills.push(spill.clone());
                }
                self.over(handle);
            }
            SessionEvent::Released => self.over(handle),
            SessionEvent::State(
                SessionState::Active
                | SessionState::Suspended
                | SessionState::Released
                | SessionState::LeaseLost,
            )
            | SessionEvent::SaveFailed(_)
            | SessionEvent::OperationEnded(_)
            | SessionEvent::OperationRetried { .. }
            | SessionEvent::HandOffRequested { .. }
            | SessionEvent::SchemaAhead { .. }
            | SessionEvent::SpillStale => {}
        }
    }

    fn over(&mut self, handle: SessionHandle) {
        if let Some(play) = self.process.take_play(handle) {
            self.news.push(News::Over { player: play.player, play: play.number });
        }
    }
}
