//! A data store as sessions see it: records of one shape, opened one at a time.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use steadfast_core::document::{Document, DocumentLimits, InvalidData, Tree, Typed};
use steadfast_core::game_server::{OpenRequest, Parse, Ticket};
use steadfast_core::id::NameError;
use steadfast_core::session::OpenError;
use steadfast_core::{
    Content, EntryId, EntryKey, JsonText, Limits, Metadata, Scope, StoreId, Value,
};

use crate::answer::submit;
use crate::driver::{Dropped, Hold, Keep};
use crate::errors::SessionOpenError;
use crate::session::{Data, Dynamic, Session};

type Defaults = Arc<dyn Fn() -> Result<JsonText, InvalidData> + Send + Sync>;

/// The records of a data store, as sessions open them. A cheap handle.
pub struct Store<T> {
    keep: Arc<Keep>,
    limits: Arc<Limits>,
    id: StoreId,
    scope: Scope,
    parse: Parse,
    defaults: Defaults,
    shape: PhantomData<fn() -> T>,
}

/// How a record is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Claim {
    /// Its holder is waited for.
    #[default]
    Wait,
    /// It is taken from a holder that does not let go when asked.
    Steal,
}

impl<T: Data> Store<T> {
    pub(crate) fn typed(
        keep: Arc<Keep>,
        limits: Arc<Limits>,
        id: StoreId,
        documents: DocumentLimits,
    ) -> Self {
        let parse = parse_by(move |text| Typed::<T>::parse(text, documents));
        let defaults = move || Ok(Typed::new(T::default(), documents)?.encode());
        let (scope, defaults, shape) = (Scope::global(), Arc::new(defaults), PhantomData);
        Self { keep, limits, id, scope, parse, defaults, shape }
    }
}

impl Store<Dynamic> {
    pub(crate) fn dynamic(
        keep: Arc<Keep>,
        limits: Arc<Limits>,
        id: StoreId,
        documents: DocumentLimits,
    ) -> Self {
        let parse = parse_by(move |text| Tree::parse(text, documents));
        let defaults: Defaults = Arc::new(|| Ok(JsonText::trusted("{}")));
        let (scope, shape) = (Scope::global(), PhantomData);
        Self { keep, limits, id, scope, parse, defaults, shape }
    }

    /// What a missing record begins as: an empty object unless set.
    #[must_use]
    pub fn with_defaults(self, defaults: &Value) -> Self {
        let text = defaults.to_json();
        Self { defaults: Arc::new(move || Ok(text.clone())), ..self }
    }
}

fn parse_by<D: Document>(
    parse: impl Fn(JsonText) -> Result<D, InvalidData> + Send + Sync + 'static,
) -> Parse {
    Arc::new(move |text| match parse(text.clone()) {
        Ok(document) => {
            let document: Box<dyn Document> = Box::new(document);
            Ok(document)
        }
        Err(error) => Err(error.to_string().into()),
    })
}

impl<T> Store<T> {
    /// The same data store in another scope: `global` unless set.
    ///
    /// # Errors
    /// [`NameError`].
    pub fn scope(self, scope: &str) -> Result<Self, NameError> {
        Ok(Self { scope: Scope::parse(scope, &self.limits)?, ..self })
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
        self.claim(key, Claim::Wait)
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
        self.claim(key, Claim::Steal)
    }

    fn claim(
        &self,
        key: &str,
        claim: Claim,
    ) -> impl Future<Output = Result<Session<T>, SessionOpenError>> + Send + use<T> {
        let opening = self.request(key, claim).map(|request| {
            let mut opening = Opening { keep: Arc::clone(&self.keep), ticket: None };
            let answer = submit(|done| {
                let open = |state: &mut crate::driver::State, now| {
                    state.open(now, request, &self.keep, done)
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
            Ok(Session::new(hold))
        }
    }

    #[expect(clippy::result_large_err, reason = "told once for each opening")]
    fn request(&self, key: &str, claim: Claim) -> Result<OpenRequest, SessionOpenError> {
        let key = EntryKey::parse(key, &self.limits)?;
        let entry = EntryId { store: self.id.clone(), scope: self.scope.clone(), key };
        let defaults = (self.defaults)().map_err(|error| {
            let (entry, reason) = (entry.clone(), format!("its defaults: {error}").into());
            OpenError::InvalidData { entry, reason }
        })?;
        let (user_ids, metadata) = (vec![], Metadata::empty());
        let defaults = Arc::new(Content { value: defaults, user_ids, metadata });
        let spill = self.keep.driver.spills.find(&entry);
        let (parse, steal) = (Arc::clone(&self.parse), claim == Claim::Steal);
        Ok(OpenRequest { entry, defaults, parse, steal, spill })
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
            keep: Arc::clone(&self.keep),
            limits: Arc::clone(&self.limits),
            id: self.id.clone(),
            scope: self.scope.clone(),
            parse: Arc::clone(&self.parse),
            defaults: Arc::clone(&self.defaults),
            shape: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
