//! The game server of an open store, started when the first sessions are asked for: a store that
//! only serves data has no presence.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_core::{Limits, StoreId, StoreName};
use steadfast_storage::Records;

use crate::diagnostics::Monitor;
use crate::driver::{Clock, Keep};
use crate::engine::Options;
use crate::errors::StoreError;
use crate::keys::new_write_id;
use crate::spills::Spills;

/// How far the game server is.
enum Stage {
    /// Nobody has asked for sessions yet.
    Idle(Arc<dyn Records>),
    Running(Arc<Keep>),
    /// It takes no more sessions. What is left of it, if it ever ran.
    Ended(Option<Arc<Keep>>),
}

/// The game server of an open store.
pub(crate) struct Sessions {
    options: Options,
    pub(crate) spills: Arc<Spills>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) clock: Clock,
    stage: Mutex<Stage>,
}

impl Sessions {
    pub(crate) fn new(records: Arc<dyn Records>, spills: Spills, options: Options) -> Self {
        let monitor = Arc::new(Monitor::new(options.critical));
        let (spills, stage) = (Arc::new(spills), Mutex::new(Stage::Idle(records)));
        let clock = Clock::new(&options);
        Self { options, spills, monitor, clock, stage }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The game server, if it ever ran.
    pub(crate) fn keep(&self) -> Option<Arc<Keep>> {
        match &*self.stage() {
            Stage::Idle(_) => None,
            Stage::Running(keep) => Some(Arc::clone(keep)),
            Stage::Ended(keep) => keep.clone(),
        }
    }

    /// A data store, and the game server for its sessions.
    pub(crate) fn of_store(
        &self,
        name: &str,
        limits: &Limits,
    ) -> Result<(Arc<Keep>, StoreId), StoreError> {
        let name = StoreName::parse(name, limits)?;
        let store = StoreId { universe: self.options.universe, name };
        Ok((self.start()?, store))
    }

    /// The game server, which is started if it never ran.
    pub(crate) fn start(&self) -> Result<Arc<Keep>, StoreError> {
        let mut stage = self.stage();
        let records = match &*stage {
            Stage::Running(keep) => return Ok(Arc::clone(keep)),
            Stage::Ended(_) => return Err(StoreError::Closed),
            Stage::Idle(records) => Arc::clone(records),
        };
        // Half of a random id is a seed that no other server has.
        let (spills, monitor) = (Arc::clone(&self.spills), Arc::clone(&self.monitor));
        let driven = (&self.options, self.clock.clone());
        let keep = Keep::start(records, spills, monitor, driven, new_write_id().tag());
        let keep = Arc::new(keep.map_err(StoreError::Thread)?);
        *stage = Stage::Running(Arc::clone(&keep));
        Ok(keep)
    }

    /// No more sessions from now on. The game server, if it ever ran.
    pub(crate) fn end(&self) -> Option<Arc<Keep>> {
        let keep = self.keep();
        *self.stage() = Stage::Ended(keep.clone());
        keep
    }

    /// Releases every session and waits for it.
    pub(crate) fn close(&self) {
        if let Some(keep) = self.end() {
            // What could not be saved was kept, and can be asked for.
            drop(keep.close_and_wait(self.options.sessions.close_timeout));
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}
