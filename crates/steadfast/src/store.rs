//! A data store as sessions see it: records of one shape, opened one at a time.

mod offline;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use steadfast_core::document::{Cancel, Document, DocumentLimits, InvalidData, Typed, TypedCheck};
use steadfast_core::game_server::{Claim, OpenRequest, Parse, Ticket};
use steadfast_core::id::NameError;
use steadfast_core::operation::Handlers;
use steadfast_core::schema::{LoadError, Loaded, Schema, Stored};
use steadfast_core::session::OpenError;
use steadfast_core::{
    Content, EntryId, EntryKey, JsonText, Limits, Metadata, Scope, StoreId, Value,
};

use crate::answer::submit;
use crate::driver::{Dropped, Hold, Keep, Listener, SessionEvents};
use crate::errors::SessionOpenError;
use crate::hooks::StoreHooks;
use crate::operator::Operator;
use crate::session::{Data, Dynamic, Session, Wiring};
use crate::signals::Watch;
use crate::steadfast::Steadfast;

type Defaults = Arc<dyn Fn() -> Result<JsonText, InvalidData> + Send + Sync>;
type Load =
    Arc<dyn Fn(&Schema, Stored<'_>, DocumentLimits) -> Result<Loaded, LoadError> + Send + Sync>;

/// The records of a data store, as sessions open them. A cheap handle.
pub struct Store<T> {
    pub(crate) db: Steadfast,
    pub(crate) keep: Arc<Keep>,
    pub(crate) limits: Arc<Limits>,
    id: StoreId,
    scope: Scope,
    documents: DocumentLimits,
    pub(crate) schema: Arc<Schema>,
    load: Load,
    defaults: Defaults,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) hooks: StoreHooks,
    pub(crate) watch: Arc<Watch>,
    shape: PhantomData<fn() -> T>,
}

impl<T: Data> Store<T> {
    pub(crate) fn typed(db: Steadfast, keep: Arc<Keep>, id: StoreId) -> Self {
        let documents = db.sessions().options().documents;
        let defaults = move || Ok(Typed::new(T::default(), documents)?.encode());
        Self::new(db, keep, id, load_typed::<T>(None), Arc::new(defaults))
    }

    /// Refuses what the game does not want stored: of every edit, and of what is opened. An
    /// [`InvalidData`] says where something is wrong. Of two checks the later one counts.
    #[must_use]
    pub fn check(self, check: impl Fn(&T) -> Result<(), Cancel> + Send + Sync + 'static) -> Self {
        Self { load: load_typed::<T>(Some(Arc::new(check))), ..self }
    }
}

fn load_typed<T: Data>(check: Option<TypedCheck<T>>) -> Load {
    Arc::new(move |schema, stored, documents| {
        schema.load_typed(stored, documents, check.clone()).map(Loaded::boxed)
    })
}

impl Store<Dynamic> {
    pub(crate) fn dynamic(db: Steadfast, keep: Arc<Keep>, id: StoreId) -> Self {
        let load: Load = Arc::new(|schema, stored, documents| {
            schema.load_tree(stored, documents).map(Loaded::boxed)
        });
        let defaults: Defaults = Arc::new(|| Ok(JsonText::trusted("{}")));
        Self::new(db, keep, id, load, defaults)
    }

    /// What a missing record begins as: an empty object unless set. What the template of the
    /// [schema](Self::schema) has besides is added.
    #[must_use]
    pub fn with_defaults(self, defaults: &Value) -> Self {
        let text = defaults.to_json();
        Self { defaults: Arc::new(move || Ok(text.clone())), ..self }
    }
}

impl<T> Store<T> {
    fn new(db: Steadfast, keep: Arc<Keep>, id: StoreId, load: Load, defaults: Defaults) -> Self {
        let watch = Arc::new(Watch::new(keep.changes));
        let (limits, documents) = (db.shared_limits(), db.sessions().options().documents);
        Self {
            db,
            keep,
            limits,
            id,
            scope: Scope::global(),
            documents,
            schema: Arc::default(),
            load,
            defaults,
            handlers: Arc::default(),
            hooks: StoreHooks::default(),
            watch,
            shape: PhantomData,
        }
    }

    /// The same data store in another scope: `global` unless set.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn scope(self, scope: &str) -> Result<Self, NameError> {
        Ok(Self { scope: Scope::parse(scope, &self.limits)?, ..self })
    }

    /// Which version of its shape the data has, how older data gets there, and what is refused. Without
    /// one data is of version 0, and nothing else is opened. All servers that write a data store use
    /// schemas of one game.
    ///
    /// # Example
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use steadfast::{Options, Schema, Steadfast};
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Save { experience: u64 }
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let old = db.values("PlayerData").await?.open("7").await?;
    /// old.edit(|draft| Ok(draft.set("xp", 40)?))?;
    /// old.release().await?;
    ///
    /// let schema = Schema::new(1).step(1, |data| {
    ///     let xp = data.remove(&"xp".into())?;
    ///     data.set(&"experience".into(), xp)?;
    ///     Ok(())
    /// });
    /// let players = db.store::<Save>("PlayerData").await?.schema(schema);
    /// let p = players.open("7").await?;
    /// assert_eq!(p.get(|save| save.experience)?, 40);
    /// p.release().await?;
    ///
    /// // Code that does not know version 1 leaves the record alone.
    /// let error = db.values("PlayerData").await?.open("7").await.unwrap_err();
    /// assert_eq!(error.code().name(), "SchemaAhead");
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
    /// ```
    #[must_use]
    pub fn schema(self, schema: Schema) -> Self {
        Self { schema: Arc::new(schema), ..self }
    }

    /// Opens a record for exclusive work. Another server that holds it is asked for it, and waited
    /// for up to `open_timeout`; a dead one is waited out.
    ///
    /// # Errors
    /// [`SessionOpenError`]: its `kind()` says what to do. Nothing of an error means that the record
    /// is empty.
    ///
    /// # Cancel safety
    /// Dropped, the opening is given up; a record that was granted meanwhile is released.
    pub fn open(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Session<T>, SessionOpenError>> + Send + use<T> {
        self.claim(key, Claim::Wait, None)
    }

    /// [`open`](Self::open), and has every event of the session heard from its grant on.
    pub(crate) fn open_heard(
        &self,
        key: &str,
        listener: Listener,
    ) -> impl Future<Output = Result<Session<T>, SessionOpenError>> + Send + use<T> {
        self.claim(key, Claim::Wait, Some(listener))
    }

    /// What a record that does not exist begins with.
    pub(crate) fn template(&self) -> Result<Box<dyn Document>, LoadError> {
        let text = (self.defaults)()?;
        let stored = Stored { text: &text, schema: 0, is_new: true };
        (self.load)(&self.schema, stored, self.documents).map(|loaded| loaded.document)
    }

    /// Opens a record, and takes it from a holder that does not let go when asked. What that one did
    /// not save is lost to the record, and kept where it runs.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn steal(
        &self,
        key: &str,
    ) -> impl Future<Output = Result<Session<T>, SessionOpenError>> + Send + use<T> {
        self.claim(key, Claim::Steal, None)
    }

    fn claim(
        &self,
        key: &str,
        claim: Claim,
        listener: Option<Listener>,
    ) -> impl Future<Output = Result<Session<T>, SessionOpenError>> + Send + use<T> {
        let log = self.keep.change_log(&self.watch);
        let events = Arc::new(SessionEvents::new(log).heard_by(listener));
        let (limits, handlers) = (Arc::clone(&self.limits), Arc::clone(&self.handlers));
        let wiring = Wiring { limits, handlers, schema: self.schema.version() };
        let opening = self.request(key, claim, &events).map(|request| {
            let mut opening = Opening { keep: Arc::clone(&self.keep), ticket: None };
            let answer = submit(|done| {
                let open = |state: &mut crate::driver::State, now| {
                    state.open(now, request, events, &self.keep, done)
                };
                opening.ticket = self.keep.driver.with(open);
            });
            (opening, answer)
        });
        async move {
            let (mut opening, answer) = opening?;
            let answer: Option<Result<Hold, OpenError>> = answer.await;
            opening.ticket = None;
            let hold = answer.unwrap_or(Err(OpenError::Closed))?;
            Ok(Session::new(hold, wiring))
        }
    }

    /// What people do to the records of this data store and scope, under the name of one of them. It
    /// works on stored JSON, and knows nothing of the schema, the hooks and the handlers that were
    /// given here.
    pub fn operator(&self, name: impl Into<Arc<str>>) -> Operator {
        self.db.operator(self.id.clone(), self.scope.clone(), name)
    }

    /// The record of a key.
    pub(crate) fn entry(&self, key: &str) -> Result<EntryId, NameError> {
        let key = EntryKey::parse(key, &self.limits)?;
        Ok(EntryId { store: self.id.clone(), scope: self.scope.clone(), key })
    }

    #[expect(clippy::result_large_err, reason = "told once for each opening")]
    fn request(
        &self,
        key: &str,
        claim: Claim,
        events: &Arc<SessionEvents>,
    ) -> Result<OpenRequest, SessionOpenError> {
        let entry = self.entry(key)?;
        let defaults = (self.defaults)()
            .map_err(|error| OpenError::Data { entry: entry.clone(), error: error.into() })?;
        let (user_ids, metadata) = (vec![], Metadata::empty());
        let defaults = Arc::new(Content { value: defaults, user_ids, metadata });
        let spill = self.keep.driver.spills.find(&entry);
        let (load, schema, documents) =
            (Arc::clone(&self.load), Arc::clone(&self.schema), self.documents);
        let parse: Parse = Arc::new(move |stored| load(&schema, stored, documents));
        let handlers = Arc::clone(&self.handlers);
        let hooks = Arc::new(self.hooks.of_session(events));
        // An update opens a record only to free it.
        let is_play = claim != Claim::IfFree;
        Ok(OpenRequest { entry, defaults, parse, claim, handlers, hooks, spill, is_play })
    }
}

/// An opening that somebody waits for.
struct Opening {
    keep: Arc<Keep>,
    ticket: Option<Ticket>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.keep.driver.let_go(Dropped::Opening(ticket));
        }
    }
}

impl<T> Clone for Store<T> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            keep: Arc::clone(&self.keep),
            limits: Arc::clone(&self.limits),
            id: self.id.clone(),
            scope: self.scope.clone(),
            documents: self.documents,
            schema: Arc::clone(&self.schema),
            load: Arc::clone(&self.load),
            defaults: Arc::clone(&self.defaults),
            handlers: Arc::clone(&self.handlers),
            hooks: self.hooks.clone(),
            watch: Arc::clone(&self.watch),
            shape: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id)
            .field("scope", &self.scope)
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
