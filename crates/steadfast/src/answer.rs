//! From a completion to a future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use steadfast_storage::Done;
use tokio::sync::oneshot;

/// The answer to a submitted request: nothing if it was dropped without one. Dropping this does not
/// cancel the request.
#[derive(Debug)]
pub(crate) struct Answer<T>(oneshot::Receiver<T>);

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

/// Submits a request now and returns the future of its answer.
pub(crate) fn submit<T: Send + 'static>(submit: impl FnOnce(Done<T>)) -> Answer<T> {
    let (sender, receiver) = oneshot::channel();
    submit(Done::new(move |answer| {
        // If nobody waits any more, the request was carried out all the same.
        drop(sender.send(answer));
    }));
    Answer(receiver)
}
