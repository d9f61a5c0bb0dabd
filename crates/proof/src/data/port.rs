//! The backend that two front ends believe to have: it puts down what is asked of it, and the event
//! loop carries it out when its time has come.
//!
//! Nothing happens within a call but that it is put down, so that nothing depends on who calls
//! whom; everything runs on the one thread of the simulation.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use steadfast_core::row::{HeadsResult, ReadResult, ScanResult};
use steadfast_core::{Batch, CommitOutcome, RowKey, RowRange, Timestamp};
use steadfast_storage::backend::OrderedWatcher;
use steadfast_storage::{Backend, Capabilities, Done, Task};

use crate::data::calls::Told;

/// What a front end asks of the store.
pub(crate) enum Asked {
    Read(Vec<RowKey>, Done<ReadResult>),
    Scan(RowRange, usize, Done<ScanResult>),
    Heads(RowRange, usize, bool, Done<HeadsResult>),
    Drain(Done<()>),
    Commit(Batch, Done<CommitOutcome>),
}

/// What was put down and not taken yet.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) asked: VecDeque<Asked>,
    /// Work of lanes and boards that waits for its turn.
    pub(crate) tasks: VecDeque<Task>,
    /// Answers to clients, by the number of the call.
    pub(crate) answers: VecDeque<(u64, Told)>,
    pub(crate) watchers: Vec<Arc<dyn OrderedWatcher>>,
    /// The process has ended: what is asked is dropped.
    pub(crate) is_dead: bool,
    pub(crate) now: Timestamp,
}

/// The backend. Clones are the same one; each front end has one of its own.
#[derive(Clone, Default)]
pub(crate) struct Port {
    inbox: Arc<Mutex<Inbox>>,
}

impl Port {
    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes work for later, and an answer.
    pub(crate) fn put_task(&self, task: Task) {
        self.inbox().tasks.push_back(task);
    }

    fn put(&self, asked: Asked) {
        let mut inbox = self.inbox();
        if inbox.is_dead {
            // Its end answers whoever waits for it, who may ask for more.
            drop(inbox);
            drop(asked);
        } else {
            inbox.asked.push_back(asked);
        }
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").finish_non_exhaustive()
    }
}

impl Backend for Port {
    fn capabilities(&self) -> Capabilities {
        Capabilities { name: "simulated", durable: true, single_owner: true }
    }

    fn now(&self) -> Timestamp {
        self.inbox().now
    }

    fn started_at(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn read(&self, rows: Vec<RowKey>, done: Done<ReadResult>) {
        self.put(Asked::Read(rows, done));
    }

    fn scan(&self, range: RowRange, limit: usize, done: Done<ScanResult>) {
        self.put(Asked::Scan(range, limit, done));
    }

    fn heads(&self, range: RowRange, limit: usize, with_sizes: bool, done: Done<HeadsResult>) {
        self.put(Asked::Heads(range, limit, with_sizes, done));
    }

    /// One watcher for each front end.
    fn watch(&self, watcher: Arc<dyn OrderedWatcher>) -> bool {
        self.inbox().watchers.push(watcher);
        true
    }

    fn drain(&self, done: Done<()>) {
        self.put(Asked::Drain(done));
    }

    fn commit(&self, batch: Batch, done: Done<CommitOutcome>) {
        self.put(Asked::Commit(batch, done));
    }
}
