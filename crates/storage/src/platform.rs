//! The trait of a data store as the live service defines it.

use steadfast_core::platform::{EntryState, PlatformError, Request};

use crate::done::Done;

/// What a request answers.
pub type Answer = Result<EntryState, PlatformError>;

/// Data stores: near, over a [`Backend`](crate::Backend), or far, over HTTP.
pub trait Platform: Send + Sync {
    /// Carries out a request. A write is never cancelled once it was submitted.
    fn execute(&self, request: Request, done: Done<Answer>);
}

impl<P: Platform + ?Sized> Platform for std::sync::Arc<P> {
    fn execute(&self, request: Request, done: Done<Answer>) {
        (**self).execute(request, done);
    }
}
