//! What a game wants to be asked about its sessions, as functions over its own type.
//!
//! ```text
//!   open ──► after_load ──► edits, operations ──► before_save ──► write ─┐
//!                               ▲                                        │
//!                               └────────────────────────────────────────┘
//!   taken away ──► on_lost
//! ```
//!
//! Each is an edit of the document: all of it, or nothing if it refuses or panics. They run under
//! the lock of the game server, so they are short and cannot use the store; one that does panics.

use std::sync::Arc;

use steadfast_core::Value;
use steadfast_core::document::{self, Cancel, Changes, Document, Draft, Typed};
use steadfast_core::operation::Settlement;
use steadfast_core::session::Hooks;

use crate::driver::SessionEvents;
use crate::session::{Data, Dynamic, edit_tree, edit_typed, tree_mut, typed_mut};
use crate::signals::{ChangeLog, Edited, Note, Places};
use crate::store::Store;

type Edit = Arc<
    dyn Fn(&mut dyn Document, &ChangeLog) -> Result<Edited<()>, document::EditError> + Send + Sync,
>;
type Look = Arc<dyn Fn(&dyn Document) + Send + Sync>;

/// The hooks of a store.
#[derive(Clone, Default)]
pub(crate) struct StoreHooks {
    after_load: Option<Edit>,
    before_save: Option<Edit>,
    on_lost: Option<Look>,
}

/// The hooks of a store, asked about one session.
pub(crate) struct SessionHooks {
    hooks: StoreHooks,
    events: Arc<SessionEvents>,
}

impl StoreHooks {
    pub(crate) fn of_session(&self, events: &Arc<SessionEvents>) -> SessionHooks {
        SessionHooks { hooks: self.clone(), events: Arc::clone(events) }
    }
}

impl StoreHooks {
    /// Asks `before_save` about data that no session holds.
    pub(crate) fn before_save(&self, document: &mut dyn Document) -> Result<(), Arc<str>> {
        let Some(hook) = &self.before_save else { return Ok(()) };
        hook(document, &ChangeLog::silent()).map(drop).map_err(reason)
    }
}

impl SessionHooks {
    fn run(
        &self,
        hook: Option<&Edit>,
        name: &'static str,
        document: &mut dyn Document,
    ) -> Result<bool, Arc<str>> {
        let Some(hook) = hook else { return Ok(false) };
        let log = &self.events.changes;
        let edited = hook(document, log).map_err(reason)?;
        if let Some(places) = edited.places {
            log.record(Note::because(name).from_source("hook"), places);
        }
        Ok(edited.is_changed)
    }
}

impl Hooks for SessionHooks {
    fn after_load(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        let Some(hook) = &self.hooks.after_load else { return Ok(false) };
        let before = document.encode();
        let is_changed = self.run(Some(hook), "after_load", document)?;
        // Any edit of a typed document counts as a change. A record that is only looked at must not
        // be written for that.
        Ok(is_changed && document.encode() != before)
    }

    fn before_save(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        self.run(self.hooks.before_save.as_ref(), "before_save", document)
    }

    fn before_joint_save(&self, document: &mut dyn Document) -> Result<bool, Arc<str>> {
        let Some(hook) = &self.hooks.before_save else { return Ok(false) };
        // What it changes is told with the transaction: some of it shows later, or never.
        let edited = hook(document, &self.events.changes).map_err(reason)?;
        Ok(edited.is_changed)
    }

    fn on_joint(&self, before: &Value, document: &dyn Document) {
        let log = &self.events.changes;
        if log.is_on() {
            let (changes, after) = (document.changes_since(before), document.snapshot_value());
            log.record_joint(log.places(changes, before, &after));
        }
    }

    fn on_operation(&self, settlement: &Settlement, changes: &Changes) {
        let body = &settlement.body;
        let note = Note::because(body.kind.as_str()).from_source(body.id.as_str());
        self.events.changes.record(note, Places::of(changes));
    }

    fn on_lost(&self, document: &mut dyn Document) {
        if let Some(hook) = &self.hooks.on_lost {
            hook(document);
        }
    }
}

fn reason(error: document::EditError) -> Arc<str> {
    if let document::EditError::Cancelled(reason) = error {
        return reason.to_string().into();
    }
    error.to_string().into()
}

fn typed_hook<T: Data>(
    hook: impl Fn(&mut T) -> Result<(), Cancel> + Send + Sync + 'static,
) -> Edit {
    Arc::new(move |document, log| edit_typed(typed_mut::<T>(document), log, &hook))
}

fn tree_hook(hook: impl Fn(&mut Draft) -> Result<(), Cancel> + Send + Sync + 'static) -> Edit {
    Arc::new(move |document, log| {
        let Edited { answer: _, is_changed, places } = edit_tree(tree_mut(document), log, &hook)?;
        Ok(Edited { answer: (), is_changed, places })
    })
}

/// Hooks. The last one that is given counts, for sessions that are opened from then on through this
/// handle and its clones.
impl<T: Data> Store<T> {
    /// Asks this once after a record was granted, before anybody has its session. What it changes is
    /// saved with the next save. If it refuses or panics, the opening fails with `InvalidData`, and
    /// the record is let go of as it was.
    #[must_use]
    pub fn after_load(
        mut self,
        hook: impl Fn(&mut T) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.after_load = Some(typed_hook(hook));
        self
    }

    /// Asks this before every write that stores the data, that of a release and a close among them:
    /// once for each write, however often that is sent. What it changes is part of the write.
    ///
    /// If it refuses, the save fails with `SaveRefused`, and the session tries again later.
    /// The last save, of a release or a close, goes on as if the hook had done nothing: a refusal
    /// there would throw away what the player did. A [transaction over several
    /// sessions](crate::transact) asks the hook of each once, about all that will be stored of it,
    /// and is refused as a whole if one of them refuses. If it panics, nobody knows what the game thinks of
    /// its data: the session ends, the record is free, and what was not saved is kept as a spill.
    /// Other sessions go on.
    ///
    /// # Example
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use steadfast::{Cancel, Options, Steadfast};
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Save { coins: i64, visits: u64, saves: u64 }
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let players = db
    ///     .store::<Save>("PlayerData")
    ///     .await?
    ///     .after_load(|save| Ok(save.visits += 1))
    ///     .before_save(|save| {
    ///         if save.coins < 0 {
    ///             return Err(Cancel::because("a debt"));
    ///         }
    ///         save.saves += 1;
    ///         Ok(())
    ///     })
    ///     .on_lost(|save| eprintln!("{} coins may be lost", save.coins));
    /// let p = players.open("7").await?;
    /// assert_eq!(p.get(|save| save.visits)?, 1);
    /// p.edit(|save| Ok(save.coins = -5))?;
    /// assert_eq!(p.checkpoint().await.unwrap_err().code().name(), "SaveRefused");
    /// p.edit(|save| Ok(save.coins = 5))?;
    /// p.checkpoint().await?;
    /// assert_eq!(p.get(|save| save.saves)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn before_save(
        mut self,
        hook: impl Fn(&mut T) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.before_save = Some(typed_hook(hook));
        self
    }

    /// Tells this what a session held whose record was taken away: some of it may never be stored.
    /// Not called when the session ended because a hook panicked.
    #[must_use]
    pub fn on_lost(mut self, hook: impl Fn(T) + Send + Sync + 'static) -> Self {
        self.hooks.on_lost = Some(Arc::new(move |document| {
            let typed = document.as_any().downcast_ref::<Typed<T>>();
            hook(typed.expect("it was opened as this").get().clone());
        }));
        self
    }
}

/// Hooks. The last one that is given counts, for sessions that are opened from then on through this
/// handle and its clones.
impl Store<Dynamic> {
    /// As for a type of one's own.
    #[must_use]
    pub fn after_load(
        mut self,
        hook: impl Fn(&mut Draft) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.after_load = Some(tree_hook(hook));
        self
    }

    /// As for a type of one's own.
    #[must_use]
    pub fn before_save(
        mut self,
        hook: impl Fn(&mut Draft) -> Result<(), Cancel> + Send + Sync + 'static,
    ) -> Self {
        self.hooks.before_save = Some(tree_hook(hook));
        self
    }

    /// As for a type of one's own.
    #[must_use]
    pub fn on_lost(mut self, hook: impl Fn(Value) + Send + Sync + 'static) -> Self {
        self.hooks.on_lost = Some(Arc::new(move |document| hook(document.snapshot_value())));
        self
    }
}
