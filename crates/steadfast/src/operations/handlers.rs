//! What handles operations, as functions over a game's own type.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use steadfast_core::document::{Cancel, Document, Draft, EditError, Typed};
use steadfast_core::id::OperationKind;
use steadfast_core::operation::{Handled, HandlerError, HandlerFn, PendingOperation};
use steadfast_core::{JsonText, Limits, Value};

use crate::errors::KindError;
use crate::session::{Data, Dynamic};
use crate::signals::{Watch, difference};
use crate::store::Store;

impl<T> Store<T> {
    fn with_handler(
        mut self,
        kind: &str,
        run: HandlerFn,
        is_permanent: bool,
    ) -> Result<Self, KindError> {
        let kind = OperationKind::parse(kind)?;
        Arc::make_mut(&mut self.handlers).insert(kind, run, is_permanent)?;
        Ok(self)
    }
}

/// What handles operations, for sessions that are opened from then on through this handle and its
/// clones. The last handler of a kind counts.
impl<T: Data> Store<T> {
    /// Has operations of a kind handled by this: the data and the payload in, an answer out, which the
    /// receipt keeps.
    ///
    /// A handler changes all that it wants of the data, or nothing if it fails. The same data and
    /// payload give the same change: chance, clocks and other services belong to whoever queues. It
    /// runs under the lock of the game server, so it is short and cannot use the store. One that
    /// panics has failed, and is tried again as with [`HandlerError::Retry`].
    ///
    /// # Example
    /// ```
    /// use std::time::Duration;
    ///
    /// use serde::{Deserialize, Serialize};
    /// use steadfast::{HandlerError, NewOperation, Options, Steadfast};
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Save { coins: i64 }
    ///
    /// # steadfast::block_on(async {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let players = db.store::<Save>("PlayerData").await?.handle("fine", |save: &mut Save, coins: i64| {
    ///     if save.coins < coins {
    ///         return Err(HandlerError::Fail("too few coins".into()));
    ///     }
    ///     save.coins -= coins;
    ///     Ok(save.coins)
    /// })?;
    /// let p = players.open("7").await?;
    /// p.add("coins", 30)?;
    /// let second = Duration::from_secs(1);
    /// let fine = players.queue_and_wait("7", NewOperation::new("fine-1", "fine", &10)?, second).await?;
    /// assert_eq!(fine.applied::<i64>()?, 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`KindError`].
    pub fn handle<P: DeserializeOwned, R: Serialize>(
        self,
        kind: &str,
        handler: impl Fn(&mut T, P) -> Result<R, HandlerError> + Send + Sync + 'static,
    ) -> Result<Self, KindError> {
        let run = typed_handler(Arc::clone(&self.watch), handler);
        self.with_handler(kind, run, false)
    }

    /// The same for kinds whose receipts never leave, such as purchases: an id of theirs counts once
    /// for ever.
    ///
    /// # Errors
    /// [`KindError`].
    pub fn handle_permanent<P: DeserializeOwned, R: Serialize>(
        self,
        kind: &str,
        handler: impl Fn(&mut T, P) -> Result<R, HandlerError> + Send + Sync + 'static,
    ) -> Result<Self, KindError> {
        let run = typed_handler(Arc::clone(&self.watch), handler);
        self.with_handler(kind, run, true)
    }
}

/// What handles operations, for sessions that are opened from then on through this handle and its
/// clones. The last handler of a kind counts.
impl Store<Dynamic> {
    /// As for a type of one's own.
    ///
    /// # Errors
    /// [`KindError`].
    pub fn handle(
        self,
        kind: &str,
        handler: impl Fn(&mut Draft, Value) -> Result<Value, HandlerError> + Send + Sync + 'static,
    ) -> Result<Self, KindError> {
        self.with_handler(kind, tree_handler(handler), false)
    }

    /// As for a type of one's own.
    ///
    /// # Errors
    /// [`KindError`].
    pub fn handle_permanent(
        self,
        kind: &str,
        handler: impl Fn(&mut Draft, Value) -> Result<Value, HandlerError> + Send + Sync + 'static,
    ) -> Result<Self, KindError> {
        self.with_handler(kind, tree_handler(handler), true)
    }
}

fn refuse(what: &str, error: &dyn std::fmt::Display) -> HandlerError {
    HandlerError::Fail(format!("{what}: {error}").into())
}

fn typed_handler<T: Data, P: DeserializeOwned, R: Serialize>(
    watch: Arc<Watch>,
    handler: impl Fn(&mut T, P) -> Result<R, HandlerError> + Send + Sync + 'static,
) -> HandlerFn {
    Arc::new(move |document: &mut dyn Document, operation: &PendingOperation| {
        let payload = serde_json::from_str(operation.body.payload.as_str())
            .map_err(|error| refuse("its payload", &error))?;
        let typed: &mut Typed<T> =
            document.as_any_mut().downcast_mut().expect("it was opened as this");
        let before = watch.is_on().then(|| typed.snapshot_value());
        let result = typed.edit(|data| {
            let answer = handler(data, payload)?;
            // Inside: an answer that cannot be kept leaves the data as it was.
            let text = serde_json::to_string(&answer);
            Ok(text.map_err(|error| refuse("its answer", &error))?)
        });
        let result = result.map_err(HandlerError::from)?;
        let changes = before.map(|before| difference(&before, &typed.snapshot_value()));
        let changes = changes.unwrap_or_default();
        Ok(Handled { result: result_of(JsonText::trusted(result)), changes })
    })
}

fn tree_handler(
    handler: impl Fn(&mut Draft, Value) -> Result<Value, HandlerError> + Send + Sync + 'static,
) -> HandlerFn {
    Arc::new(move |document: &mut dyn Document, operation: &PendingOperation| {
        let payload = Value::parse(operation.body.payload.as_str(), &Limits::native())
            .map_err(|error| refuse("its payload", &error))?;
        let mut result = Value::Null;
        let edited: Result<_, EditError> = document.edit_value(&mut |draft| {
            result = handler(draft, payload.clone()).map_err(Cancel::from)?;
            Ok(())
        });
        let changes = edited.map_err(HandlerError::from)?;
        Ok(Handled { result: result_of(result.to_json()), changes })
    })
}

/// An answer that says nothing takes no room.
fn result_of(text: JsonText) -> Option<JsonText> {
    (text.as_str() != "null").then_some(text)
}
