//! A session: exclusive work on one record, from its opening to its release.

mod by_path;
mod labels;
mod noted;
mod times;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;
use steadfast_core::document::{self, Cancel, Change, Changes, Document, Draft, Tree, Typed};
use steadfast_core::game_server::EditRefused;
use steadfast_core::operation::Handlers;
use steadfast_core::record::{RecordCommand, RecordReply, With};
use steadfast_core::session::{Access, SaveError, SessionEvent, SessionState};
use steadfast_core::{EntryId, Limits, Path, Revision, SessionId, Value};

use crate::answer::{Answer, submit};
use crate::driver::{Events, Hold};
use crate::errors::{DiffError, EditError};
use crate::signals::{ChangeLog, Changed, Edited, Note, difference};

pub(crate) use by_path::edit_any;
pub use labels::LabelError;
pub use noted::Noted;
pub use times::RecordTimes;

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
///
/// # Example
/// ```
/// use serde::{Deserialize, Serialize};
/// use steadfast::{Cancel, Options, Steadfast};
///
/// #[derive(Clone, Default, Deserialize, Serialize)]
/// struct Save { coins: i64, items: Vec<String> }
///
/// # steadfast::block_on(async {
/// let db = Steadfast::in_memory(Options::default())?;
/// let p = db.store::<Save>("PlayerData").await?.open("7").await?;
/// p.add("coins", 100)?;
/// let left = p.edit(|save| {
///     if save.coins < 60 {
///         return Err(Cancel::because("too expensive"));
///     }
///     save.coins -= 60;
///     save.items.push("sword".into());
///     Ok(save.coins)
/// })?;
/// assert_eq!((left, p.is_dirty()), (40, true));
/// p.checkpoint().await?; // durable now
/// assert!(!p.is_dirty());
/// p.release().await?; // saved, and free for any other server
/// assert_eq!(p.edit(|_| Ok(())).unwrap_err().code().name(), "SessionClosed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session<T> {
    pub(crate) hold: Arc<Hold>,
    pub(crate) wiring: Arc<Wiring>,
    shape: PhantomData<fn() -> T>,
}

/// What the sessions of a store share.
pub(crate) struct Wiring {
    pub(crate) limits: Arc<Limits>,
    pub(crate) handlers: Arc<Handlers>,
    /// The version that payloads of operations are written for.
    pub(crate) schema: u32,
}

impl<T> Session<T> {
    pub(crate) fn new(hold: Hold, wiring: Wiring) -> Self {
        Self { hold: Arc::new(hold), wiring: Arc::new(wiring), shape: PhantomData }
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
        let marked = self.hold.edit(Note::default(), |_, _| {
            let (answer, is_changed, places) = ((), true, None);
            Ok::<_, std::convert::Infallible>(Edited { answer, is_changed, places })
        });
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

    /// The size of what it holds as it would be stored now, in bytes.
    ///
    /// # Errors
    /// [`Access::Closed`].
    pub fn stored_size(&self) -> Result<usize, Access> {
        self.hold.read(Document::size)
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

    /// Its changes from the first call on, as they become visible: edits, operations, what hooks do.
    /// The oldest of more than 64 go; then a gap of [`Changed::change_count`] tells it, and who
    /// follows along takes a snapshot. Of a type of one's own the exact places cost a comparison of
    /// the whole data for each edit, from then on.
    ///
    /// # Example
    /// ```
    /// use steadfast::{Note, Options, Steadfast};
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let p = db.values("PlayerData").await?.open("7").await?;
    /// let changes = p.changes();
    /// p.noted(Note::because("quest 12")).add("coins", 50)?;
    /// let change = changes.next().await.expect("the session is open");
    /// assert_eq!(change.reason.as_deref(), Some("quest 12"));
    /// assert_eq!(change.paths, ["coins".into()]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn changes(&self) -> Events<Arc<Changed>> {
        self.hold.events.changes.listen()
    }

    /// Its newest changes, the oldest of them first: as many as
    /// [`ChangeSettings::audit_max`](crate::ChangeSettings::audit_max) says. Also when it is over.
    pub fn audit_log(&self) -> Vec<Arc<Changed>> {
        self.hold.events.changes.audit()
    }

    /// How what it holds now differs from what is stored, place by place.
    ///
    /// # Errors
    /// [`DiffError`]: it is over, or what is stored cannot be read.
    pub async fn diff(&self) -> Result<Vec<Change>, DiffError> {
        let command = RecordCommand::Read { entry: self.entry().clone(), with: With::Data };
        let unavailable = || DiffError::NoAnswer;
        let answer = submit(|done| self.hold.keep.ask(command, done)).await;
        let RecordReply::Read(view) = answer.ok_or_else(unavailable)?? else {
            return Err(unavailable());
        };
        let content = view.data.and_then(|data| data.content);
        let stored = match content {
            Some(content) => Value::parse(content.value.as_str(), &self.wiring.limits)
                .map_err(|_| DiffError::Unreadable)?,
            None => Value::Null,
        };
        let now = self.hold.read(|document| document.snapshot_value())?;
        Ok(document::diff(&stored, &now))
    }

    fn edit_document<D: Document, R>(
        &self,
        note: Note,
        edit: impl FnOnce(&mut D, &ChangeLog) -> Result<Edited<R>, document::EditError>,
    ) -> Result<R, EditError> {
        let result = self.hold.edit(note, |document, log| {
            let document = document.as_any_mut().downcast_mut().expect("it was opened as this");
            edit(document, log)
        });
        result.map_err(refused)
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
        self.edit_as(Note::default(), edit)
    }

    /// [`edit`](Self::edit), and says why, and by what: for [`changes`](Self::changes) and the
    /// [audit log](Self::audit_log).
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit_as<R>(
        &self,
        note: Note,
        edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        self.edit_document(note, |typed: &mut Typed<T>, log| edit_typed(typed, log, edit))
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
        self.edit_as(Note::default(), edit)
    }

    /// [`edit`](Self::edit), and says why, and by what: for [`changes`](Self::changes) and the
    /// [audit log](Self::audit_log).
    ///
    /// # Errors
    /// [`EditError`]; nothing is changed then.
    ///
    /// # Panics
    /// When the callback does, or uses the store.
    pub fn edit_as<R>(
        &self,
        note: Note,
        edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
    ) -> Result<R, EditError> {
        let answered = self.edit_document(note, |tree: &mut Tree, log| edit_tree(tree, log, edit));
        answered.map(|(answer, _)| answer)
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
        let (hold, wiring) = (Arc::clone(&self.hold), Arc::clone(&self.wiring));
        Self { hold, wiring, shape: PhantomData }
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("entry", self.entry()).finish_non_exhaustive()
    }
}

fn refused(refused: EditRefused<document::EditError>) -> EditError {
    match refused {
        EditRefused::Access(access) => EditError::Access(access),
        EditRefused::Edit(error) => EditError::Edit(error),
    }
}

/// A document as the type that it was opened as.
pub(crate) fn typed_mut<T: Data>(document: &mut dyn Document) -> &mut Typed<T> {
    document.as_any_mut().downcast_mut().expect("it was opened as this")
}

/// A document as any JSON, which it was opened as.
pub(crate) fn tree_mut(document: &mut dyn Document) -> &mut Tree {
    document.as_any_mut().downcast_mut().expect("it was opened as this")
}

/// Edits a typed document, and finds out where if anybody wants to know.
pub(crate) fn edit_typed<T: Data, R>(
    typed: &mut Typed<T>,
    log: &ChangeLog,
    edit: impl FnOnce(&mut T) -> Result<R, Cancel>,
) -> Result<Edited<R>, document::EditError> {
    let before = log.is_on().then(|| typed.snapshot_value());
    let answer = typed.edit(edit)?;
    let places = before.map(|before| {
        let after = typed.snapshot_value();
        log.places(difference(&before, &after), &before, &after)
    });
    Ok(Edited { answer, is_changed: true, places })
}

/// Edits a document of any JSON.
pub(crate) fn edit_tree<R>(
    tree: &mut Tree,
    log: &ChangeLog,
    edit: impl FnOnce(&mut Draft) -> Result<R, Cancel>,
) -> Result<Edited<(R, Changes)>, document::EditError> {
    let before = log.is_on().then(|| tree.snapshot());
    let (answer, changes) = tree.transaction(edit)?;
    let is_changed = changes.must_be_saved();
    let places = before.map(|before| log.places(changes.clone(), &before, tree.value()));
    Ok(Edited { answer: (answer, changes), is_changed, places })
}

/// Tells what became of a save. Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "what became of the save is told here only; drop it if that does not matter"]
pub struct Receipt(Answer<Result<Revision, SaveError>>);

impl Receipt {
    pub(crate) fn of(answer: Answer<Result<Revision, SaveError>>) -> Self {
        Self(answer)
    }
}

impl Future for Receipt {
    type Output = Result<Revision, SaveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(SaveError::Closed)))
    }
}
