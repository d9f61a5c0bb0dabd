//! Events for whoever listens: kept from the first listening on, and never without a limit.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use steadfast_core::session::{SessionEvent, SessionState};
use tokio::sync::Notify;

use crate::signals::ChangeLog;

/// Most events that wait to be taken, unless it is said. The oldest go first.
const EVENTS_MAX: usize = 64;

struct Waiting<T> {
    events: VecDeque<T>,
    missed: u64,
    is_listened_to: bool,
    is_over: bool,
}

/// Events between those who make and those who take them.
pub(crate) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Notify,
    room: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::with_room(EVENTS_MAX)
    }
}

impl<T> Queue<T> {
    /// With room for so many events that wait to be taken.
    pub(crate) fn with_room(room: usize) -> Self {
        let (events, missed, is_listened_to, is_over) = (VecDeque::new(), 0, false, false);
        let waiting = Mutex::new(Waiting { events, missed, is_listened_to, is_over });
        Self { waiting, changed: Notify::new(), room }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event. One that is not to be missed is kept although nobody listens yet.
    pub(crate) fn push(&self, event: T, is_kept: bool) {
        self.add(event, is_kept);
        self.notify();
    }

    /// Adds an event and wakes nobody: under a lock, in which nobody may be told.
    pub(crate) fn add(&self, event: T, is_kept: bool) {
        let mut waiting = self.waiting();
        if !waiting.is_listened_to && !is_kept {
            return;
        }
        if waiting.events.len() == self.room {
            waiting.events.pop_front();
            waiting.missed += 1;
        }
        waiting.events.push_back(event);
    }

    /// Wakes whoever waits for an event that was added.
    pub(crate) fn notify(&self) {
        self.changed.notify_waiters();
    }

    /// Whether anybody ever listened.
    pub(crate) fn is_listened_to(&self) -> bool {
        self.waiting().is_listened_to
    }

    /// No event will follow.
    pub(crate) fn end(&self) {
        self.waiting().is_over = true;
        self.changed.notify_waiters();
    }

    fn pop(&self) -> Option<T> {
        self.waiting().events.pop_front()
    }
}

/// Events, oldest first. At most 64 wait to be taken, unless it is said otherwise where they come
/// from; then the oldest go. Clones take from the same events.
pub struct Events<T>(Arc<Queue<T>>);

impl<T> Events<T> {
    pub(crate) fn of(queue: &Arc<Queue<T>>) -> Self {
        queue.waiting().is_listened_to = true;
        Self(Arc::clone(queue))
    }

    /// Takes the next event, if there is one.
    pub fn try_next(&self) -> Option<T> {
        self.0.pop()
    }

    /// Waits for the next event and takes it. Nothing if none will ever follow.
    ///
    /// # Cancel safety
    /// Dropped, it has taken nothing.
    pub async fn next(&self) -> Option<T> {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            // From here on no event can come unnoticed.
            changed.as_mut().enable();
            if let Some(event) = self.0.pop() {
                return Some(event);
            }
            if self.0.waiting().is_over {
                return None;
            }
            changed.await;
        }
    }

    /// How many events went because nobody took them.
    pub fn missed(&self) -> u64 {
        self.0.waiting().missed
    }
}

impl<T> Clone for Events<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("missed", &self.missed()).finish_non_exhaustive()
    }
}

/// Hears the events of a session, without any lock.
pub(crate) type Listener = Box<dyn Fn(&SessionEvent) + Send + Sync>;

/// What is left of a session beside the server that it lived in.
pub(crate) struct SessionEvents {
    pub(crate) queue: Arc<Queue<SessionEvent>>,
    pub(crate) changes: ChangeLog,
    /// Who hears every event, before those who take them from the queue.
    listener: Option<Listener>,
    /// How it ended.
    pub(crate) end: OnceLock<SessionState>,
}

impl SessionEvents {
    pub(crate) fn new(changes: ChangeLog) -> Self {
        Self { queue: Arc::default(), changes, listener: None, end: OnceLock::new() }
    }

    /// Tells every event to this too, from the grant on.
    pub(crate) fn heard_by(self, listener: Option<Listener>) -> Self {
        Self { listener, ..self }
    }

    pub(crate) fn push(&self, event: SessionEvent) {
        let end = match &event {
            SessionEvent::Released => Some(SessionState::Released),
            SessionEvent::Lost { .. } => Some(SessionState::LeaseLost),
            SessionEvent::State(_)
            | SessionEvent::Saved { .. }
            | SessionEvent::SaveFailed(_)
            | SessionEvent::WentBack
            | SessionEvent::HandOffRequested { .. }
            | SessionEvent::SchemaAhead { .. }
            | SessionEvent::OperationRun { .. }
            | SessionEvent::OperationEnded(_)
            | SessionEvent::OperationRetried { .. }
            | SessionEvent::SpillStale => None,
        };
        let is_told_once =
            matches!(event, SessionEvent::SpillStale | SessionEvent::SchemaAhead { .. });
        let is_kept = end.is_some() || is_told_once;
        if let Some(listener) = &self.listener {
            listener(&event);
        }
        self.queue.push(event, is_kept);
        // What hooks and operations changed was added under the lock.
        self.changes.notify();
        if let Some(end) = end {
            self.finish(end);
        }
    }

    /// It is over.
    pub(crate) fn finish(&self, end: SessionState) {
        // A session ends once.
        self.end.get_or_init(|| end);
        self.queue.end();
        self.changes.end();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn events_are_kept_from_the_first_listening_on_and_no_more_than_64() {
        let queue = Arc::new(Queue::default());
        queue.push(0, false);
        queue.push(1, true);
        let events = Events::of(&queue);
        (2..66).for_each(|event| queue.push(event, false));
        assert_eq!(events.missed(), 1);
        let taken: Vec<_> = std::iter::from_fn(|| events.try_next()).collect();
        assert_eq!(taken, (2..66).collect::<Vec<_>>());
    }

    #[test]
    fn who_waits_is_woken_by_an_event_and_by_the_end() {
        let queue = Arc::new(Queue::default());
        let events = Events::of(&queue);
        assert_eq!(ready(events.next()), None);
        queue.push(7, false);
        queue.end();
        assert_eq!(ready(events.next()), Some(Some(7)));
        assert_eq!(ready(events.next()), Some(None));
    }

    #[tokio::test]
    async fn an_event_wakes_everybody_and_one_takes_it() {
        let queue = Arc::new(Queue::default());
        let events = [Events::of(&queue), Events::of(&queue)];
        let [first, second] = &events;
        let push = async {
            queue.push(7, false);
            queue.end();
        };
        let (first, second, ()) = tokio::join!(first.next(), second.next(), push);
        let mut taken = [first, second];
        taken.sort_unstable();
        assert_eq!(taken, [None, Some(7)]);
    }
}
