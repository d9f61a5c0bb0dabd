//! What the history hears: it notes what callers see, and judges it.

use steadfast_core::game_server::{Event, GameServer, ServerEvent, SessionHandle, Ticket};
use steadfast_core::operation::{OperationStatus, QueueRefusal, Queued, ReceiptBody};
use steadfast_core::session::QueueError;
use steadfast_core::{Batch, Committed, EntryId, Now, OpeningId, OperationId};
use steadfast_storage::Rows;

use super::{Asked, SessionHistory};
use crate::sessions::witness::{Ask, Author, Marker, Queueing, Share, Witness};

impl Witness for SessionHistory {
    fn applied(&mut self, _: Now, author: Author, batch: &Batch, _: Committed) {
        if !self.is_asleep {
            self.on_written(author, batch);
        }
    }

    fn rewound(&mut self, _: Now, rows: &Rows) {
        self.on_rewound(rows);
    }

    fn reopened(&mut self, _: Now, _: OpeningId) {}

    fn started(&mut self, _: Now, _: usize, _: Option<OpeningId>) {}

    fn crashed(&mut self, _: Now, process: usize) {
        self.sittings.retain(|(at, _), _| *at != process);
        self.asked.retain(|(at, _), _| *at != process);
    }

    fn believes(&mut self, _: Now, _: usize, _: &GameServer, _: Now) {}

    fn edited(
        &mut self,
        _: Now,
        process: usize,
        session: SessionHandle,
        _: &EntryId,
        marker: Marker,
    ) {
        self.note(|this| this.on_edited(process, session.id, marker));
    }

    fn asked(&mut self, _: Now, process: usize, ticket: Ticket, ask: &Ask) {
        self.note(|this| {
            let asked = match ask {
                Ask::Open(entry) => {
                    let key = this.key(entry);
                    let state = this.at(key);
                    Asked::Open { key, terms: state.terms, applied: state.operations.applied() }
                }
                Ask::Checkpoint(session, _, marker) => {
                    Asked::Save { session: session.id, marker: *marker, is_release: false }
                }
                Ask::Release(session, _, marker) | Ask::Delete(session, _, marker) => {
                    Asked::Save { session: session.id, marker: *marker, is_release: true }
                }
                Ask::Queue(queueing) => Asked::Queue(queueing.clone()),
                Ask::Await(entry, id, _) => Asked::Await(this.key(entry), id.clone()),
                Ask::Transact(transfer) => {
                    let share = |share: &Share| (share.session.id, share.marker);
                    Asked::Transact(transfer.shares.iter().map(share).collect())
                }
                Ask::Close => Asked::Close,
            };
            this.on_asked(process, ticket, asked)
        });
    }

    fn told(&mut self, _: Now, process: usize, event: &Event, marker: Option<Marker>) {
        self.note(|this| match event {
            Event::Opened { ticket, session } => {
                this.on_opened(process, *ticket, session.id, marker)
            }
            Event::OpenFailed { ticket, .. } => {
                this.asked.remove(&(process, *ticket));
                Ok(())
            }
            Event::Settled { ticket, result } => this.on_settled(process, *ticket, result),
            Event::Queued { ticket, result } => {
                let asked = this.asked.remove(&(process, *ticket));
                match (asked, result) {
                    (Some(Asked::Queue(queueing)), Ok(queued)) => {
                        this.on_queued(&queueing, Ok(queued))
                    }
                    (Some(Asked::Queue(queueing)), Err(QueueError::Refused(refusal))) => {
                        this.on_queued(&queueing, Err(refusal))
                    }
                    (_, _) => Ok(()),
                }
            }
            Event::Operation { ticket, result } => {
                let receipt = result.as_ref().ok().and_then(|view| view.receipt.as_ref());
                match (
                    this.asked.remove(&(process, *ticket)),
                    receipt.and_then(ReceiptBody::status),
                ) {
                    (Some(Asked::Await(key, id)), Some(status)) => {
                        this.at(key).operations.ends(&id, status)
                    }
                    (_, _) => Ok(()),
                }
            }
            Event::Session { session, event, .. } => this.on_session(process, session.id, event),
            Event::Server(ServerEvent::Stopped) if !this.has_lost => {
                Err(format!("`copy`: process {process} stopped for a copy of it"))
            }
            Event::Server(_) => Ok(()),
            Event::Closed { ticket } => this.on_closed(process, *ticket),
        });
    }

    fn saw(&mut self, _: Now, process: usize, entry: &EntryId, marker: Marker) {
        self.note(|this| this.on_saw(process, entry, marker));
    }

    fn queues(&mut self, _: Now, queueing: &Queueing) {
        let key = self.key(&queueing.entry);
        self.at(key).operations.asks(queueing);
    }

    fn queued(&mut self, _: Now, queueing: &Queueing, result: Result<&Queued, &QueueRefusal>) {
        self.note(|this| this.on_queued(queueing, result));
    }

    fn ended(&mut self, _: Now, entry: &EntryId, id: &OperationId, status: OperationStatus) {
        self.note(|this| {
            let key = this.key(entry);
            this.at(key).operations.ends(id, status)
        });
    }

    fn repairs(&mut self, _: Now, entry: &EntryId) {
        let key = self.key(entry);
        self.at(key).operations.void();
    }

    fn showed(&mut self, _: Now, process: usize, session: SessionHandle, numbers: &[u32]) {
        self.note(|this| this.on_showed(process, session.id, numbers));
    }

    fn healed(&mut self, _: Now) {}
}
