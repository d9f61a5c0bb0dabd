//! A service and the rules of speaking to it: what may be sent, and what is sent again.

use std::fmt;
use std::time::Duration;

use steadfast_core::platform::PlatformError;
use steadfast_core::{ErrorKind, Limits, WriteId};
use tokio::time::{Instant, sleep_until};

use super::aliases::Aliases;
use super::answer::Garbled;
use super::call::Call;
use super::config::{Config, ConnectError, Service};
use super::refusal::{About, Refusal, Verdict};
use super::refused;
use super::tokens::Tokens;
use super::transport::{Failure, Reply, Transport};

/// What all requests of a client share.
pub(super) struct Session {
    pub(super) transport: Transport,
    pub(super) limits: Limits,
    pub(super) aliases: Aliases,
    pub(super) tokens: Tokens,
    allow_writes: bool,
    retry_count_max: u32,
    retry_pause: Duration,
}

/// Whether a write without an answer may be sent again under its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It names the revision that it stands on, so that the store tells for certain whether it
    /// happened, however long ago.
    Exact,
    /// The store would recognise it only while it is the last write, and might otherwise make it
    /// twice.
    Never,
}

/// Why a write was not carried out.
#[derive(Debug)]
pub(super) enum WriteError {
    /// This is the answer.
    Error(PlatformError),
    /// The entry is not as the call expects; nothing was written.
    Conflict(Box<Refusal>),
}

impl Session {
    pub(super) fn new(config: Config) -> Result<Self, ConnectError> {
        Ok(Self {
            transport: Transport::new(&config)?,
            limits: config.limits,
            aliases: Aliases::default(),
            tokens: Tokens::default(),
            allow_writes: config.allow_writes,
            retry_count_max: config.retry_count_max,
            retry_pause: config.retry_pause,
        })
    }

    /// Whether there is a server of ours at the other end.
    pub(super) fn is_ours(&self) -> bool {
        self.transport.service() == Service::Steadfast
    }

    /// Whether writes may be sent.
    pub(super) fn check_writable(&self) -> Result<(), PlatformError> {
        if self.allow_writes { Ok(()) } else { Err(PlatformError::ReadOnly) }
    }

    /// Whether what only our own API has can be asked for.
    pub(super) fn check_ours(&self, what: &'static str) -> Result<(), PlatformError> {
        if self.is_ours() { Ok(()) } else { Err(PlatformError::Unsupported { what }) }
    }

    /// The same under the id of its write, where that is understood.
    pub(super) fn named(&self, call: Call, write_id: WriteId) -> Call {
        if self.is_ours() { call.with_write_id(write_id) } else { call }
    }

    /// Sends a call that changes nothing. Without an answer to trust it is unavailable.
    pub(super) async fn read<T>(
        &self,
        call: &Call,
        about: About<'_>,
        parse: impl Fn(&Reply) -> Result<T, Garbled>,
    ) -> Result<T, PlatformError> {
        let reply = match self.transport.call(call).await {
            Ok(reply) => reply,
            Err(failure) => return Err(self.read_error(failure, about)),
        };
        parse(&reply).map_err(|garbled| PlatformError::Unavailable { reason: garbled.reason() })
    }

    fn read_error(&self, failure: Failure, about: About<'_>) -> PlatformError {
        match self.judge(failure, about) {
            Verdict::Error(error) => error,
            Verdict::Conflict(refusal) => refused(ErrorKind::Conflict, refusal.text()),
            Verdict::Unclear(reason) => PlatformError::Unavailable { reason },
        }
    }

    /// Sends a call that writes, and again if nobody knows what came of it and `repeat` allows it.
    ///
    /// Once an attempt is without an answer, no error of a later one means that nothing was written,
    /// except that the entry is not at the revision that an exact call names: the store knows then
    /// whether an earlier copy was the reason.
    pub(super) async fn write<T>(
        &self,
        call: Call,
        about: About<'_>,
        (write_id, repeat): (WriteId, Repeat),
        read: impl Fn(&Reply) -> Result<T, Garbled>,
    ) -> Result<T, WriteError> {
        let call = self.named(call, write_id);
        let unknown = || Err(WriteError::Error(PlatformError::OutcomeUnknown { write_id }));
        let may_repeat = self.is_ours() && repeat == Repeat::Exact;
        let (mut retries, mut pause) = (0, self.retry_pause);
        loop {
            let verdict = match self.transport.call(&call).await {
                Ok(reply) => match read(&reply) {
                    Ok(answer) => return Ok(answer),
                    Err(garbled) => Verdict::Unclear(garbled.reason()),
                },
                Err(failure) => self.judge(failure, about),
            };
            match verdict {
                Verdict::Conflict(refusal) if retries == 0 || may_repeat => {
                    return Err(WriteError::Conflict(refusal));
                }
                Verdict::Error(error) if retries == 0 => return Err(WriteError::Error(error)),
                // A pause may bring back what was out of reach.
                Verdict::Error(error) if error.kind() != ErrorKind::Unavailable => {
                    return unknown();
                }
                Verdict::Conflict(_) | Verdict::Error(_) | Verdict::Unclear(_) => {}
            }
            if !may_repeat || retries >= self.retry_count_max {
                return unknown();
            }
            retries += 1;
            sleep_until(Instant::now() + pause).await;
            pause = pause.saturating_mul(2);
        }
    }

    fn judge(&self, failure: Failure, about: About<'_>) -> Verdict {
        match failure {
            Failure::Invalid(reason) => Verdict::Error(refused(ErrorKind::Invalid, reason)),
            Failure::NotSent(reason) => Verdict::Error(PlatformError::Unavailable { reason }),
            Failure::Throttled(denial) => Verdict::Error(PlatformError::Throttled { denial }),
            Failure::Silent(reason) => Verdict::Unclear(reason),
            Failure::Refused(refusal) => refusal.judge(self.transport.service(), about),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("transport", &self.transport)
            .field("allow_writes", &self.allow_writes)
            .finish_non_exhaustive()
    }
}

/// The error of a write that no conflict can refuse: one is the service's own affair.
pub(super) fn without_conflict(error: WriteError) -> PlatformError {
    match error {
        WriteError::Error(error) => error,
        WriteError::Conflict(refusal) => refused(ErrorKind::Conflict, refusal.text()),
    }
}
