//! Facts about reading and discarding bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::Full;
use hyper::body::{Frame, SizeHint};

use super::*;

const LIMITS: BodyLimits = BodyLimits { size_max: 8, timeout: Duration::from_secs(30) };

/// A body of pieces, which then ends, breaks off or goes silent.
struct Pieces {
    pieces: Vec<&'static [u8]>,
    end: End,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    Cut,
    Silent,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.pieces.is_empty() {
            let piece = self.pieces.remove(0);
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Cut => Poll::Ready(Some(Err("cut"))),
            End::Silent => Poll::Pending,
        }
    }
}

async fn read(pieces: &[&'static [u8]], end: End) -> Result<Vec<u8>, BodyError> {
    let mut body = Incoming::new(Pieces { pieces: pieces.to_vec(), end });
    let read = body.read(LIMITS, &BodyMemory::new(1024 * 1024)).await;
    read.map(|read| read.bytes().to_vec())
}

#[tokio::test]
async fn h_2_a_body_is_read_up_to_its_limit() {
    assert_eq!(read(&[], End::Whole).await, Ok(Vec::new()));
    assert_eq!(read(&[b"1234", b"567"], End::Whole).await.unwrap().len(), 7);
    assert_eq!(read(&[b"1234", b"5678"], End::Whole).await.unwrap().len(), 8);
    assert_eq!(read(&[b"1234", b"56789"], End::Whole).await, Err(BodyError::TooLarge));
}

#[tokio::test]
async fn h_2_a_body_that_is_declared_too_large_is_not_read() {
    let mut body = Incoming::new(Full::new(Bytes::from_static(b"123456789")));
    let read = body.read(LIMITS, &BodyMemory::new(0)).await;
    assert_eq!(read.map(drop), Err(BodyError::TooLarge));
}

#[tokio::test]
async fn n_9_a_body_that_ends_early_is_an_error() {
    assert_eq!(read(&[b"1234"], End::Cut).await, Err(BodyError::Cut));
}

#[tokio::test(start_paused = true)]
async fn h_1_a_body_that_takes_too_long_is_given_up() {
    let start = tokio::time::Instant::now();
    assert_eq!(read(&[b"1234"], End::Silent).await, Err(BodyError::Slow));
    assert_eq!(start.elapsed(), LIMITS.timeout);
}

#[tokio::test]
async fn v_2_bodies_share_their_memory_and_give_it_back() {
    let memory = BodyMemory::new(CHUNK_SIZE);
    let of = || Incoming::new(Pieces { pieces: vec![b"1"], end: End::Whole });
    let first = of().read(LIMITS, &memory).await.unwrap();
    assert_eq!(of().read(LIMITS, &memory).await.map(drop), Err(BodyError::NoMemory));
    drop(first);
    assert_eq!(of().read(LIMITS, &memory).await.map(drop), Ok(()));
}

/// A body that never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[tokio::test(start_paused = true)]
async fn v_2_discarding_ends() {
    Incoming::new(Endless).discard(1_000).await;
    Incoming::new(Pieces { pieces: vec![b"1"], end: End::Silent }).discard(1_000).await;
}
