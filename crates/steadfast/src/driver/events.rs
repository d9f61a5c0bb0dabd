//! Events for whoever listens: kept from the first listening on, and never without a limit.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use steadfast_core::session::{SessionEvent, SessionState};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

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
    changed: Arc<Notify>,
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
        Self { waiting, changed: Arc::default(), room }
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
///
/// They are a `Stream` of the crate `futures-core` too, for whatever takes one.
///
/// # Example
/// ```
/// use steadfast::{Options, Steadfast, StoreEvent};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let db = Steadfast::in_memory(Options::default())?;
/// let events = db.events(); // from here on
/// let p = db.values("PlayerData").await?.open("7").await?;
/// p.release().await?;
/// drop(p);
///
/// let opened = events.next().await; // or `try_next`, once a frame
/// assert!(matches!(opened, Some(StoreEvent::SessionOpened { .. })));
/// assert_eq!(events.missed(), 0);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
pub struct Events<T> {
    queue: Arc<Queue<T>>,
    /// The wait of whoever takes them as a stream.
    waiting: Option<Pin<Box<OwnedNotified>>>,
}

impl<T> Events<T> {
    pub(crate) fn of(queue: &Arc<Queue<T>>) -> Self {
        queue.waiting().is_listened_to = true;
        Self { queue: Arc::clone(queue), waiting: None }
    }

    /// Takes the next event, if there is one.
    pub fn try_next(&self) -> Option<T> {
        self.queue.pop()
    }

    /// Waits for the next event and takes it. Nothing if none will ever follow.
    ///
    /// # Cancel safety
    /// Dropped, it has taken nothing.
    pub async fn next(&self) -> Option<T> {
        loop {
            let mut changed = pin!(self.queue.changed.notified());
            // From here on no event can come unnoticed.
            changed.as_mut().enable();
            if let Some(event) = self.queue.pop() {
                return Some(event);
            }
            if self.queue.waiting().is_over {
                return None;
            }
            changed.await;
        }
    }

    /// How many events went because nobody took them.
    pub fn missed(&self) -> u64 {
        self.queue.waiting().missed
    }
}

impl<T> Clone for Events<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), waiting: None }
    }
}

impl<T> Stream for Events<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Self { queue, waiting } = &mut *self;
        loop {
            let changed = waiting.get_or_insert_with(|| {
                let changed = Arc::clone(&queue.changed);
                Box::pin(changed.notified_owned())
            });
            // From here on no event can come unnoticed.
            changed.as_mut().enable();
            if let Some(event) = queue.pop() {
                return Poll::Ready(Some(event));
            }
            if queue.waiting().is_over {
                return Poll::Ready(None);
            }
            ready!(changed.as_mut().poll(cx));
            *waiting = None;
        }
    }
}

impl<T> fmt::Debug for Events<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("missed", &self.missed()).finish_non_exhaustive()
    }
}

/// What is heard of a session.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Event(SessionEvent),
    /// What is stored of it has become large, in bytes.
    Large(usize),
}

/// Hears a session, without any lock.
pub(crate) type Listener = Box<dyn Fn(Heard) + Send + Sync>;

/// What is left of a session beside the server that it lived in.
pub(crate) struct SessionEvents {
    pub(crate) queue: Arc<Queue<SessionEvent>>,
    pub(crate) changes: ChangeLog,
    /// Who hears every event, before those who take them from the queue.
    listener: Option<Listener>,
    /// How it ended.
    pub(crate) end: OnceLock<SessionState>,
    /// Whether what is stored of it was large when it was last looked at.
    is_large: AtomicBool,
}

impl SessionEvents {
    pub(crate) fn new(changes: ChangeLog) -> Self {
        let (queue, end) = (Arc::default(), OnceLock::new());
        Self { queue, changes, listener: None, end, is_large: AtomicBool::new(false) }
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
            listener(Heard::Event(event.clone()));
        }
        self.queue.push(event, is_kept);
        // What hooks and operations changed was added under the lock.
        self.changes.notify();
        if let Some(end) = end {
            self.finish(end);
        }
    }

    /// Takes note of whether what is stored is large. Whether it has become so.
    pub(super) fn note_size(&self, is_large: bool) -> bool {
        let was_large = self.is_large.swap(is_large, Ordering::Relaxed);
        is_large && !was_large
    }

    /// What is stored of it has become large.
    pub(super) fn tell_size(&self, size: usize) {
        if let Some(listener) = &self.listener {
            listener(Heard::Large(size));
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
    use std::task::Waker;

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

    #[test]
    fn a_stream_gives_every_event_once_and_ends() {
        let queue = Arc::new(Queue::default());
        let mut events = Events::of(&queue);
        let mut next = || {
            let mut context = Context::from_waker(Waker::noop());
            Pin::new(&mut events).poll_next(&mut context)
        };
        assert_eq!(next(), Poll::Pending);
        queue.push(7, false);
        queue.push(8, false);
        assert_eq!(
            [next(), next(), next()],
            [Poll::Ready(Some(7)), Poll::Ready(Some(8)), Poll::Pending]
        );
        queue.push(9, false);
        queue.end();
        assert_eq!(
            [next(), next(), next()],
            [Poll::Ready(Some(9)), Poll::Ready(None), Poll::Ready(None)]
        );
    }

    #[tokio::test]
    async fn who_waits_for_a_stream_is_woken_by_what_comes_later() {
        let queue = Arc::new(Queue::default());
        let mut events = Events::of(&queue);
        let take = std::future::poll_fn(|cx| Pin::new(&mut events).poll_next(cx));
        let push = async { queue.push(7, false) };
        assert_eq!(tokio::join!(take, push).0, Some(7));
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
