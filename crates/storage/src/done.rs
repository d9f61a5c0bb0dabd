//! Completions: where the answer to a submitted request goes.

use std::fmt;
use std::sync::mpsc;

/// Takes the answer to one request, once.
///
/// Dropping it without an answer is allowed only when the store dies with the request; whoever
/// waits must then take the outcome as unknown.
pub struct Done<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Done<T> {
    /// A completion that calls `f` with the answer.
    pub fn new(f: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(f))
    }

    /// Gives the answer.
    pub fn complete(self, answer: T) {
        (self.0)(answer);
    }
}

impl<T> fmt::Debug for Done<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Done")
    }
}

/// Submits a request and waits for its answer on this thread. Nothing if the request was dropped
/// without an answer, which happens only when its store died.
pub fn wait<T: Send + 'static>(submit: impl FnOnce(Done<T>)) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    submit(Done::new(move |answer| {
        // The receiver lives until the answer or the end of this call, whichever is first.
        drop(sender.send(answer));
    }));
    receiver.recv().ok()
}
