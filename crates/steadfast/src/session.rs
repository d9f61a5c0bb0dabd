//! A session: exclusive work on one record, from its opening to its release.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;
use steadfast_core::document::{Cancel, Changes, Document, Draft, Tree, Typed};
use steadfast_core::game_server::EditRefused;
use steadfast_core::session::{Access, SaveError, SessionEvent, SessionState};
use steadfast_core::{EntryId, Path, Revision, SessionId, Value};

use crate::answer::{Answer, submit};
use crate::driver::{Events, Hold};
use crate::errors::EditError;

/// What a session can hold as a type of one's own. A missing record begins as its default.
pub trait Data: Serialize + DeserializeOwned + Clone + Default + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Default + Send + Sync + 'static> Data for T {}

/// Stands for data of no type of one's own: any JSON, edited by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dynamic {}

/// One server's exclusive work on one record. A cheap handle: clones are the same session.
///
/// When the last handle is dropped, the session is released in the background.
///
/// Edits and reads run under the lock of the server: they are meant to be short, and must not use
/// the store or its sessions themselves.
pub struct Session<T> {
    hold: Arc<Hold>,
    shape: PhantomData<fn() -> T>,
}

impl<T> Session<T> {
    pub(crate) fn new(hold: Hold) -> Self {
        Self { hold: Arc::new(hold), shape: PhantomData }
    }

    /// Its record.
    pub fn entry(&self) -> &EntryId {
        &self.hold.entry
    }

    /// Its id; nothing once it is over.
    pub fn id(&self) -> Option<SessionId> {
        self.hold.look(steadfast_core::session::Session::id)
    }

    /// The revision of its record, as far as it is known; nothing once it is over.
    pub fn revision(&self) -> Option<Revision> {
        self.hold.look(|session| session.base().record).flatten()
    }

    /// What it may do.
    pub fn state(&self) -> SessionState {
        let live = self.hold.look(steadfast_core::session::Session::state);
        // Between its end and the telling of it, it is being released or was lost: no edit either way.
        live.or_else(|| self.hold.events.end.get().copied()).unwrap_or(SessionState::Releasing)
    }

    /// Whether it has its record, and may promise that edits become durable.
    pub fn is_active(&self) -> bool {
        self.state() == SessionState::Active
    }

    /// Whether it holds edits that are not known to be stored. One that is over holds none.
    pub fn is_dirty(&self) -> bool {
        self.hold.look(steadfast_core::session::Session::is_dirty).unwrap_or(false)
    }

    /// Has what it holds saved again, as if it had been edited.
    ///
    /// # Errors
    /// [`Access`]: it takes no edit.
    pub fn mark_dirty(&self) -> Result<(), Access> {
        let marked = self.hold.edit(|_| Ok::<_, std::convert::Infallible>(((), true)));
        marked.map_err(|refused| match refused {
            EditRefused::Access(access) => access,
            EditRefused::Edit(never) => match never {},
        })
    }

    /// Takes what it holds for not worth saving: edits that are not saved yet are lost with the
    /// session, unless another one follows them or somebody asks for a checkpoint.
    ///
    /// # Errors
    /// [`Access::Closed`]: it is over.
    pub fn mark_clean(&self) -> Result<(), Access> {
        self.hold.mark_clean()
    }

    /// The revision of its entry: it moves when changed data was stored, and with nothing else.
    /// Nothing once it is over.
    pub fn data_revision(&self) -> Option<Revision> {
        self.hold.look(steadfast_core::session::Session::data_revision).flatten()
    }

    /// Saves what it holds now. The write goes on when the receipt is dropped.
    ///
    /// # Errors
    /// [`Access::Closed`]: it is over.
    pub fn save(&self) -> Result<Receipt, Access> {
        let mut refused = Ok(());
        let answer = submit(|done| refused = self.hold.save(done));
        refused.map(|()| Receipt(answer))
    }

    /// Returns once what it holds now is durable.
    ///
    /// # Errors
    /// [`SaveError`]: it is not known to be. The session goes on saving all the same, unless it is
    /// over.
    ///
    /// # Cancel safety
    /// Dropped, the save goes on.
    pub async fn checkpoint(&self) -> Result<Revision, SaveError> {
        match self.save() {
            Ok(receipt) => receipt.await,
            Err(_) => Err(SaveError::Closed),
        }
    }

    /// Saves what it holds and lets go of the record, in one write. From the call on it takes no
    /// edit.
    ///
    /// # Errors
    /// [`SaveError`]: [`SaveError::Closed`] if it is over or being released already.
    ///
    /// # Cancel safety
    /// Dropped, the release goes on.
    pub fn release(&self) -> impl Future<Output = Result<Revision, SaveError>> + Send + use<T> {
        let mut refused = Ok(());
        let answer = submit(|done| refused = self.hold.release(done));
        let receipt = Receipt(answer);
        async move {
            match refused {
                Ok(()) => receipt.await,
                Err(_) => Err(SaveError::Closed),
            }
        }
    }

    /// Its events, from the first call on. Its end is kept for a late listener.
    pub fn events(&self) -> Events<SessionEvent> {
        Events::of(&self.hold.events.queue)
    }

    /// Waits for the next event. Nothing once it is over and everything was taken.
    pub async fn next_event(&self) -> Option<SessionEvent> {
        self.events().next().await
    }

    fn edit_document<D: Document, R>(
        &self,
        edit: impl FnOnce(&mut D) -> Result<(R, bool), steadfast_core::document::EditError>,
    ) -> Result<R, EditError> {
        let result = self.hold.edit(|document| {
            let document = document.as_any_mut().downcast_mut().expect("it was opened as this");
            edit(document)
        });
        result.map_err(|refused| match refused {
            EditRefused::Access(access) => EditError::Access(access),
            EditRefused::Edit(error) => EditError::Edit(error),
        })
    }

    fn read_document<D: Document, R>(&self, read: impl FnOnce(&D) -> R) -> Result<R, Access> {
        self.hold
            .read(|document| read(document.as_any().downcast_ref().expect("it was opened as this")))
    }
}

impl<T: Data> Session<T> {
    /// Changes the data. The callback works on a copy: unless it succeeds, and leaves what can be
    /// stored, nothing is changed, also when it panics.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(&self, edit: impl FnOnce(&mut T) -> Result<R, Cancel>) -> Result<R, EditError> {
        self.edit_document(|typed: &mut Typed<T>| Ok((typed.edit(edit)?, true)))
    }

    /// Looks at the data. Allowed until the session is over.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn get<R>(&self, read: impl FnOnce(&T) -> R) -> Result<R, Access> {
        self.read_document(|typed: &Typed<T>| read(typed.get()))
    }

    /// A copy of the data.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn snapshot(&self) -> Result<T, Access> {
        self.get(T::clone)
    }
}

impl Session<Dynamic> {
    /// Changes the data. The callback works on a draft: unless it succeeds, nothing is changed.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit<R>(
        &self,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        self.transaction(edit).map(|(answer, _)| answer)
    }

    /// [`edit`](Self::edit), and which places were changed by it: each once, none inside another.
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn transaction<R>(
        &self,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<(R, Changes), EditError> {
        self.edit_document(|tree: &mut Tree| {
            let (answer, changes) = tree.transaction(edit)?;
            let is_changed = !changes.is_empty();
            Ok(((answer, changes), is_changed))
        })
    }

    /// What stands at a path; nothing if nothing does.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn get(&self, path: impl Into<Path>) -> Result<Option<Value>, Access> {
        self.read_document(|tree: &Tree| tree.get(path).cloned())
    }

    /// All of the data. Shares what it holds with the session, and is never changed by it.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn snapshot(&self) -> Result<Value, Access> {
        self.read_document(Tree::snapshot)
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self { hold: Arc::clone(&self.hold), shape: PhantomData }
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("entry", self.entry()).finish_non_exhaustive()
    }
}

/// Tells what became of a save. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "what became of the save is told here only; drop it if that does not matter"]
pub struct Receipt(Answer<Result<Revision, SaveError>>);

impl Future for Receipt {
    type Output = Result<Revision, SaveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(SaveError::Closed)))
    }
}
