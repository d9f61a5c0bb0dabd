//! What the facts are made of: a record, its commands, and what a holder knows of it.

use std::sync::Arc;

use steadfast_core::platform::{EntryState, PlatformError};
use steadfast_core::record::{
    Data, End, Fence, How, Lease, LeaseMode, Mail, MailBody, PresenceBody, PresenceOutcome,
    PresenceState, RECORD_FORMAT, RecordAnswer, RecordBase, RecordBody, RecordCommand,
    RecordOutcome, RecordRefusal, RecordReply, RecordView, RecordWrite, Renewed, Usage, With,
    Written,
};
use steadfast_core::row::Birth;
use steadfast_core::{Content, EntryId, Outcome, Revision, ServerId, SessionId};

use crate::conformance::RecordsHarness;
use crate::conformance::platform::{current, write_id};
use crate::conformance::samples::{ask, content_of, entry};
use crate::platform::Platform;
use crate::records::Records;

/// The records of a fresh universe, and the one that a fact is about.
pub(super) struct Scene<H: RecordsHarness> {
    pub(super) harness: H,
    pub(super) records: Arc<dyn Records>,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) entry: EntryId,
}

impl<H: RecordsHarness> Scene<H> {
    pub(super) fn new() -> Self {
        let mut harness = H::new();
        let (records, platform) = (harness.records(), harness.platform());
        Self { harness, records, platform, entry: entry("k") }
    }

    #[track_caller]
    pub(super) fn read(&self) -> RecordView {
        read(&*self.records, &self.entry, With::Data).expect("nothing fails here")
    }

    /// The row of the record, which must be there.
    #[track_caller]
    pub(super) fn body(&self) -> RecordBody {
        self.read().record.expect("the record was written").body
    }

    /// What a data store tells of the entry.
    #[track_caller]
    pub(super) fn stored(&self) -> Option<EntryState> {
        current(&*self.platform, &self.entry)
    }

    #[track_caller]
    pub(super) fn write(&self, write: &RecordWrite) -> RecordOutcome {
        write_record(&*self.records, write)
    }

    /// Grants the record, as it stands, to this session.
    #[track_caller]
    pub(super) fn grant(&self, number: u64) -> Held {
        let write = grant(&self.read(), number);
        let written = committed(self.write(&write));
        Held { body: write.body, base: written.base }
    }

    /// Writes as a holder, and moves what it knows along.
    #[track_caller]
    pub(super) fn must_write(&self, held: &mut Held, write: RecordWrite) -> Written {
        let written = committed(self.write(&write));
        *held = Held { body: write.body, base: written.base };
        written
    }
}

/// What the holder of a record knows of it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) body: RecordBody,
    pub(super) base: RecordBase,
}

impl Held {
    /// Save number `number`, of a value that says so.
    pub(super) fn save(&self, entry: &EntryId, number: u64) -> RecordWrite {
        let content = content_of(number);
        self.write(entry, number, Data::Put { content, pinned: false })
    }

    fn write(&self, entry: &EntryId, number: u64, data: Data) -> RecordWrite {
        let (write_id, save_seq) = (write_id(number), self.body.save_seq + 1);
        let body = RecordBody { save_seq, write_id, ..self.body.clone() };
        RecordWrite::new(entry.clone(), self.base, body, data)
    }

    /// Release number `number`, with a last value or without.
    pub(super) fn release(&self, entry: &EntryId, number: u64, saves: bool) -> RecordWrite {
        let data = if saves {
            Data::Put { content: content_of(number), pinned: false }
        } else {
            Data::Keep
        };
        let mut write = self.write(entry, number, data);
        let fence = self.body.fence;
        write.body.lease = None;
        write.body.fence = fence.next(fence.session);
        let RecordBody { save_seq, write_id, .. } = write.body;
        write.end = Some(End { fence, save_seq, write_id, how: How::Released });
        write
    }
}

pub(super) fn server(number: u64) -> ServerId {
    ServerId(u128::from(number) << 64 | 1)
}

pub(super) fn session(number: u64) -> SessionId {
    SessionId(u128::from(number) << 64 | 2)
}

/// The grant of a record as it was read, to session `number` of the server of that number.
#[track_caller]
pub(super) fn grant(view: &RecordView, number: u64) -> RecordWrite {
    let (session, write_id) = (session(number), write_id(number));
    let since = Birth::At(view.now);
    let lease = Some(Lease { server: server(number), session, mode: LeaseMode::Presence, since });
    let body = match view.record.as_ref().map(|record| &record.body) {
        None => {
            let fence = Fence::first(session);
            let (format, schema, save_seq, usage) = (RECORD_FORMAT, 0, 0, Usage::default());
            RecordBody { format, schema, lease, fence, save_seq, write_id, usage }
        }
        Some(body) => {
            RecordBody { lease, fence: body.fence.next(session), write_id, ..body.clone() }
        }
    };
    let data = view.data.as_ref().expect("the data was read");
    let data = match data.content {
        Some(_) => Data::Same,
        None => Data::Put { content: content_of(number), pinned: false },
    };
    let (entry, base) = (view.entry.clone(), view.base().expect("the data was read"));
    RecordWrite::new(entry, base, body, data)
}

#[track_caller]
pub(super) fn submit(records: &dyn Records, command: RecordCommand) -> RecordAnswer {
    ask(|done| records.submit(Arc::new(command), done))
}

#[track_caller]
pub(super) fn read(
    records: &dyn Records,
    entry: &EntryId,
    with: With,
) -> Result<RecordView, PlatformError> {
    let reply = submit(records, RecordCommand::Read { entry: entry.clone(), with })?;
    let RecordReply::Read(view) = reply else { panic!("not the answer to a read: {reply:?}") };
    Ok(*view)
}

#[track_caller]
pub(super) fn try_write(
    records: &dyn Records,
    write: &RecordWrite,
) -> Result<RecordOutcome, PlatformError> {
    let reply = submit(records, RecordCommand::Write(Box::new(write.clone())))?;
    let RecordReply::Written(outcome) = reply else {
        panic!("not the answer to a write: {reply:?}")
    };
    Ok(outcome)
}

#[track_caller]
pub(super) fn write_record(records: &dyn Records, write: &RecordWrite) -> RecordOutcome {
    try_write(records, write).expect("nothing but the store fails here")
}

#[track_caller]
pub(super) fn committed(outcome: RecordOutcome) -> Written {
    let text = format!("{outcome:?}");
    outcome.committed().unwrap_or_else(|| panic!("not committed: {text}"))
}

/// The record as it was read after a refusal.
#[track_caller]
pub(super) fn moved(outcome: RecordOutcome) -> RecordView {
    let Outcome::Refused(RecordRefusal::Moved(view)) = outcome else {
        panic!("not refused by what is stored: {outcome:?}")
    };
    *view
}

#[track_caller]
pub(super) fn content_in(view: &RecordView) -> Option<Arc<Content>> {
    view.data.as_ref().expect("the data was read").content.clone()
}

/// The presence of a game server that renewed so often.
pub(super) fn alive(seq: u64) -> PresenceBody {
    let address = "game-7:4000".into();
    PresenceBody { state: PresenceState::Alive, seq, home: None, address }
}

/// Write `number` of a presence.
#[track_caller]
pub(super) fn write_presence(
    records: &dyn Records,
    server: ServerId,
    base: Option<Revision>,
    body: PresenceBody,
    number: u64,
) -> PresenceOutcome {
    let write_id = write_id(number);
    let (with_mail, in_opening) = (true, None);
    let command =
        RecordCommand::WritePresence { server, base, body, write_id, with_mail, in_opening };
    match submit(records, command) {
        Ok(RecordReply::Presence(outcome)) => outcome,
        other => panic!("not the answer to the write of a presence: {other:?}"),
    }
}

#[track_caller]
pub(super) fn renewed(outcome: PresenceOutcome) -> Renewed {
    let Outcome::Committed(renewed) = outcome else { panic!("not renewed: {outcome:?}") };
    renewed
}

#[track_caller]
pub(super) fn read_mail(records: &dyn Records, server: ServerId) -> Vec<Mail> {
    match submit(records, RecordCommand::ReadMail { server }) {
        Ok(RecordReply::Mail(mail)) => mail,
        other => panic!("not the answer to a reading of mail: {other:?}"),
    }
}

#[track_caller]
pub(super) fn put_mail(
    records: &dyn Records,
    server: ServerId,
    entry: &EntryId,
    body: MailBody,
    number: u64,
) {
    let (entry, write_id) = (entry.clone(), write_id(number));
    let answer = submit(records, RecordCommand::PutMail { server, entry, body, write_id });
    assert_eq!(answer, Ok(RecordReply::Noted));
}

#[track_caller]
pub(super) fn delete_mail(records: &dyn Records, server: ServerId, mail: &Mail) {
    let (entry, at) = (mail.entry.clone(), mail.revision);
    let answer = submit(records, RecordCommand::DeleteMail { server, entry, at });
    assert_eq!(answer, Ok(RecordReply::Noted));
}
