//! What was asked for by player, and is answered some time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::PlayerError;

/// The answer to something that was asked for by player. It was asked for by the call, and goes on
/// when this is dropped.
#[must_use = "what became of it is told here only; drop it if that does not matter"]
pub struct PlayerCall<R>(Pin<Box<dyn Future<Output = Result<R, PlayerError>> + Send>>);

impl<R> PlayerCall<R> {
    pub(super) fn new(
        answer: impl Future<Output = Result<R, PlayerError>> + Send + 'static,
    ) -> Self {
        Self(Box::pin(answer))
    }
}

impl<R> Future for PlayerCall<R> {
    type Output = Result<R, PlayerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<R> fmt::Debug for PlayerCall<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlayerCall").finish_non_exhaustive()
    }
}
