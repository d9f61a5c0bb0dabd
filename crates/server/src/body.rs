//! Bodies of requests: read with caps of size, time and memory, or thrown away with the same.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The unit in which body memory is counted: the semaphore counts no further than 2^29 or so.
const CHUNK_SIZE: usize = 1024;

/// How long the rest of an unwanted body is read, so that the client hears the answer.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The memory that all bodies share.
#[derive(Clone, Debug)]
pub(crate) struct BodyMemory(Arc<Semaphore>);

impl BodyMemory {
    /// So many bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self(Arc::new(Semaphore::new((size / CHUNK_SIZE).min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let chunks = u32::try_from(size.div_ceil(CHUNK_SIZE)).ok()?;
        Arc::clone(&self.0).try_acquire_many_owned(chunks).ok()
    }
}

/// Why a body was not read. Nothing was done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// It ended early, or its framing is broken.
    Cut,
    /// It took too long.
    Slow,
    /// Other bodies hold all the memory.
    NoMemory,
}

/// The limits of one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Most bytes.
    pub(crate) size_max: usize,
    /// Most time.
    pub(crate) timeout: Duration,
}

/// A whole body, with its share of the memory.
#[derive(Debug)]
pub(crate) struct ReadBody {
    bytes: Vec<u8>,
    held: Held,
}

impl ReadBody {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lets go of the bytes, but not of their share of the memory: what was made of them needs as
    /// much.
    pub(crate) fn into_held(self) -> Held {
        self.held
    }
}

/// A share of the memory of bodies. Given back when it is dropped.
#[derive(Debug, Default)]
#[must_use = "the memory is free for others once this is dropped"]
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl Held {
    /// Makes it cover so many bytes.
    fn grow(&mut self, size: usize, memory: &BodyMemory) -> Result<(), BodyError> {
        let held_size = self.0.as_ref().map_or(0, |held| held.num_permits() * CHUNK_SIZE);
        if size <= held_size {
            return Ok(());
        }
        let more = memory.take(size - held_size).ok_or(BodyError::NoMemory)?;
        match &mut self.0 {
            Some(held) => held.merge(more),
            None => self.0 = Some(more),
        }
        Ok(())
    }
}

/// The body of a request while it is on its way.
#[derive(Debug)]
pub(crate) struct Incoming<B> {
    body: B,
    /// Whether nothing more should be read of it.
    is_over: bool,
}

impl<B: Body<Data = Bytes> + Unpin> Incoming<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, is_over: false }
    }

    /// Whether the request said that it has a body, even an empty one in chunks.
    pub(crate) fn is_declared(&self) -> bool {
        !self.body.is_end_stream()
    }

    /// Reads all of it.
    pub(crate) async fn read(
        &mut self,
        limits: BodyLimits,
        memory: &BodyMemory,
    ) -> Result<ReadBody, BodyError> {
        if exceeds(self.body.size_hint().lower(), limits.size_max) {
            return Err(BodyError::TooLarge);
        }
        let read = timeout(limits.timeout, self.read_all(limits.size_max, memory)).await;
        let read = read.unwrap_or(Err(BodyError::Slow));
        self.is_over = matches!(read, Ok(_) | Err(BodyError::Cut | BodyError::Slow));
        read
    }

    async fn read_all(
        &mut self,
        size_max: usize,
        memory: &BodyMemory,
    ) -> Result<ReadBody, BodyError> {
        let (mut bytes, mut held) = (Vec::new(), Held::default());
        while let Some(frame) = self.body.frame().await {
            // Trailers say nothing that anybody reads.
            let Ok(data) = frame.map_err(|_| BodyError::Cut)?.into_data() else { continue };
            let size = bytes.len() + data.len();
            if size > size_max {
                return Err(BodyError::TooLarge);
            }
            held.grow(size, memory)?;
            bytes.extend_from_slice(&data);
        }
        Ok(ReadBody { bytes, held })
    }

    /// Reads what nobody wants, up to a size. A client that still sends does not listen: it would
    /// see a broken connection instead of the answer.
    pub(crate) async fn discard(&mut self, size_max: usize) {
        if self.is_over || self.body.is_end_stream() {
            return;
        }
        let discard = async {
            let mut size: usize = 0;
            while let Some(Ok(frame)) = self.body.frame().await {
                size = size.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if size > size_max {
                    return;
                }
            }
        };
        // Whoever takes longer gets the answer on a connection that is then closed.
        drop(timeout(DISCARD_TIMEOUT, discard).await);
    }
}

fn exceeds(size: u64, size_max: usize) -> bool {
    usize::try_from(size).map_or(true, |size| size > size_max)
}

#[cfg(test)]
#[path = "body/tests.rs"]
mod tests;
