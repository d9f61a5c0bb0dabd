//! Records without a session: read by anybody, and edited while nobody holds them.
//!
//! ```text
//!   read ─► held? ─► open it, unless its holder lives, and release it ─┐
//!     ▲ └─► load: migrate, reconcile, check ─► edit ─► before_save     │
//!     │         └─► one write on exactly what was read ─► done         │
//!     └────────────── another one by now ◄─┘ ◄─────────────────────────┘
//! ```
//!
//! The write moves the fence of the record, so that neither a session nor an operator is overwritten
//! unseen. Start reading at [`Store::update`].

use std::sync::Arc;

use steadfast_core::document::{self, Cancel, Document, Draft, Tree};
use steadfast_core::game_server::Claim;
use steadfast_core::platform::PlatformError;
use steadfast_core::record::{
    Data as Stays, RECORD_FORMAT, RecordCommand, RecordReply, RecordView, RecordWrite, Repair,
    Unrepairable, With,
};
use steadfast_core::schema::{LoadChange, Loaded, Stored};
use steadfast_core::session::OpenError;
use steadfast_core::{Content, EntryId, ErrorKind, Value};

use super::Store;
use crate::answer::submit;
use crate::commits::{CommitError, commit, ended};
use crate::driver::Inside;
use crate::errors::{SessionOpenError, UpdateError};
use crate::session::{Data, Dynamic, tree_mut, typed_mut};

/// How often an update is made anew because others wrote the record in between.
const ATTEMPTS_MAX: u32 = 16;

/// What an edit made of a record.
struct Edited<R> {
    answer: R,
    /// Nothing if there is nothing to write.
    write: Option<RecordWrite>,
}

impl<T: Data> Store<T> {
    /// What is stored in a record, whoever holds it: migrated and with what the template adds, but
    /// nothing is written, and no hook is asked. Nothing if there is no such record. Of a record that
    /// is open it is what was saved last.
    ///
    /// # Errors
    /// [`SessionOpenError`]: what is stored cannot be read, or not by this code.
    pub async fn view(&self, key: &str) -> Result<Option<T>, SessionOpenError> {
        let loaded = self.look(key).await?;
        Ok(loaded.map(|mut loaded| typed_mut::<T>(loaded.document.as_mut()).get().clone()))
    }

    /// Edits a record that nobody holds, in one write: for what your own code changes of somebody who
    /// is away. It is migrated as by an opening, and the edit obeys the check, the capacities and
    /// [`before_save`](Self::before_save) as one of a session does. `after_load` is not asked, and
    /// operations go on waiting. Nothing is written if the edit changes nothing.
    ///
    /// The callback may run up to 16 times, whenever others wrote the record in between, and must
    /// have no effect besides its edit. A holder that shows no life is waited out until it is declared
    /// dead, and what a session of this server could not save is stored first.
    ///
    /// No reason is asked for: the line to [`Operator`](crate::Operator) runs where people decide.
    /// What they change has a name, a reason and a line in a log there, and knows no game.
    ///
    /// # Errors
    /// [`UpdateError`]: `ActiveLease` if somebody holds the record, this server among them;
    /// `EntryNotFound` if there is no such record. To change a record wherever it is, or before it
    /// exists, [`queue`](Self::queue) an operation.
    ///
    /// # Panics
    /// When a callback of the game does, or uses the store. Nothing is written then.
    ///
    /// # Cancel safety
    /// Dropped, it stops before its next step. A write that was submitted happens all the same.
    ///
    /// # Example
    /// ```
    /// use serde::{Deserialize, Serialize};
    /// use steadfast::{Options, Steadfast};
    ///
    /// #[derive(Clone, Default, Deserialize, Serialize)]
    /// struct Guild { coins: i64 }
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let db = Steadfast::in_memory(Options::default())?;
    /// let guilds = db.store::<Guild>("Guilds").await?;
    /// guilds.open("owls").await?.release().await?; // there is such a record now
    ///
    /// let coins = guilds.update("owls", |guild| { guild.coins += 50; Ok(guild.coins) }).await?;
    /// assert_eq!(coins, 50);
    /// assert_eq!(guilds.view("owls").await?.map(|guild| guild.coins), Some(50));
    ///
    /// let session = guilds.open("owls").await?;
    /// let refused = guilds.update("owls", |_| Ok(())).await.unwrap_err();
    /// assert_eq!(refused.code().name(), "ActiveLease");
    /// # drop(session);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
    /// ```
    pub async fn update<R: Send>(
        &self,
        key: &str,
        mut edit: impl FnMut(&mut T) -> Result<R, Cancel> + Send,
    ) -> Result<R, UpdateError> {
        self.update_document(key, |document| typed_mut::<T>(document).edit(&mut edit)).await
    }
}

impl Store<Dynamic> {
    /// As for a type of one's own.
    ///
    /// # Errors
    /// [`SessionOpenError`]: what is stored cannot be read, or not by this code.
    pub async fn view(&self, key: &str) -> Result<Option<Value>, SessionOpenError> {
        let loaded = self.look(key).await?;
        Ok(loaded.map(|mut loaded| tree_mut(loaded.document.as_mut()).snapshot()))
    }

    /// As for a type of one's own.
    ///
    /// # Errors
    /// [`UpdateError`]: `ActiveLease` if somebody holds the record.
    ///
    /// # Panics
    /// When a callback of the game does, or uses the store. Nothing is written then.
    ///
    /// # Cancel safety
    /// Dropped, it stops before its next step. A write that was submitted happens all the same.
    pub async fn update<R: Send>(
        &self,
        key: &str,
        mut edit: impl FnMut(&mut Draft) -> Result<R, Cancel> + Send,
    ) -> Result<R, UpdateError> {
        let edit = |document: &mut dyn Document| {
            let edited: Result<_, document::EditError> =
                Tree::transaction(tree_mut(document), &mut edit);
            edited.map(|(answer, _)| answer)
        };
        self.update_document(key, edit).await
    }
}

impl<T> Store<T> {
    /// Reads a record with its data, as of one moment.
    async fn read(&self, entry: &EntryId) -> Result<Box<RecordView>, OpenError> {
        let command = RecordCommand::Read { entry: entry.clone(), with: With::Data };
        let answer = submit(|done| self.keep.ask(command, done)).await;
        let RecordReply::Read(view) = answer.unwrap_or_else(|| Err(ended()))? else {
            unreachable!("a read is answered so")
        };
        match &view.record {
            Some(record) if record.body.format != RECORD_FORMAT => {
                let (entry, format) = (entry.clone(), record.body.format);
                Err(OpenError::UnknownFormat { entry, format })
            }
            Some(_) | None => Ok(view),
        }
    }

    /// What a record holds, as a session would; nothing if there is none.
    async fn look(&self, key: &str) -> Result<Option<Loaded>, SessionOpenError> {
        let entry = self.entry(key)?;
        let view = self.read(&entry).await?;
        let _inside = Inside::enter(&self.keep.driver);
        Ok(self.loaded(&view)?.map(|(loaded, _)| loaded))
    }

    #[expect(clippy::result_large_err, reason = "told once for each look")]
    fn loaded(&self, view: &RecordView) -> Result<Option<(Loaded, Arc<Content>)>, OpenError> {
        let content = view.data.as_ref().and_then(|data| data.content.clone());
        let Some(content) = content else { return Ok(None) };
        let schema = view.record.as_ref().map_or(0, |record| record.body.schema);
        let stored = Stored { text: &content.value, schema, is_new: false };
        let loaded = (self.load)(&self.schema, stored, self.documents)
            .map_err(|error| OpenError::Data { entry: view.entry.clone(), error })?;
        Ok(Some((loaded, content)))
    }

    async fn update_document<R: Send>(
        &self,
        key: &str,
        mut edit: impl FnMut(&mut dyn Document) -> Result<R, document::EditError> + Send,
    ) -> Result<R, UpdateError> {
        let entry = self.entry(key).map_err(SessionOpenError::from)?;
        for _ in 0..ATTEMPTS_MAX {
            let view = self.read(&entry).await?;
            let lease = view.record.as_ref().and_then(|record| record.body.lease);
            if lease.is_some() {
                self.open_and_release(key).await?;
                continue;
            }
            let Edited { answer, write } = self.edited(&view, &mut edit)?;
            let Some(write) = write else { return Ok(answer) };
            match commit(&self.db, write).await {
                Ok(Some(_)) => return Ok(answer),
                Ok(None) => {}
                Err(CommitError::Store(error)) => return Err(OpenError::Store(error).into()),
                Err(CommitError::OutcomeUnknown { write_id }) => {
                    return Err(UpdateError::OutcomeUnknown { write_id });
                }
            }
        }
        Err(UpdateError::Contended { entry, attempts: ATTEMPTS_MAX })
    }

    /// Opens a record by the rules of game servers, unless a living one holds it, and lets go of it.
    /// Bytes that could not be saved stand on a lease that is still there: they are stored with it.
    async fn open_and_release(&self, key: &str) -> Result<(), UpdateError> {
        let session = self.claim(key, Claim::IfFree, None).await?;
        match session.release().await {
            Ok(_) => Ok(()),
            // Taken by another meanwhile: the next look tells by whom.
            Err(error) if error.kind() == ErrorKind::Fenced => Ok(()),
            Err(error) => Err(UpdateError::Save(error)),
        }
    }

    /// What an edit makes of a record that nobody holds.
    fn edited<R>(
        &self,
        view: &RecordView,
        edit: &mut impl FnMut(&mut dyn Document) -> Result<R, document::EditError>,
    ) -> Result<Edited<R>, UpdateError> {
        // Like everything else of the game it must not use the store meanwhile.
        let _inside = Inside::enter(&self.keep.driver);
        let Some((mut loaded, content)) = self.loaded(view)? else {
            let missing = PlatformError::EntryNotFound { entry: view.entry.clone() };
            return Err(OpenError::Store(missing).into());
        };
        let document = loaded.document.as_mut();
        let before = document.encode();
        let answer = edit(document)?;
        let is_migrated = loaded.change == LoadChange::Migrated;
        if !is_migrated && document.encode() == before {
            return Ok(Edited { answer, write: None });
        }
        self.hooks.before_save(document).map_err(|reason| UpdateError::Refused { reason })?;
        let (user_ids, metadata) = (content.user_ids.clone(), content.metadata.clone());
        let content = Arc::new(Content { value: document.encode(), user_ids, metadata });
        // As an opening does: so that both versions can be looked at.
        let data = Stays::Put { content, pinned: is_migrated };
        let (write_id, schema) = (self.db.new_write_id(), Some(loaded.schema));
        let repair = Repair { write_id, data, schema, ledger: None };
        let write = RecordWrite::repair(view, repair).map_err(|refused| match refused {
            Unrepairable::UnknownFormat { format } => {
                OpenError::UnknownFormat { entry: view.entry.clone(), format }
            }
            Unrepairable::Leased(_) | Unrepairable::OtherFence { .. } => {
                unreachable!("nobody holds the record that was read")
            }
        })?;
        Ok(Edited { answer, write: Some(write) })
    }
}
