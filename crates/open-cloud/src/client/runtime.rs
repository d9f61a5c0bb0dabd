//! The thread that requests run on.
//!
//! One thread with a runtime of its own carries out so many requests at a time; others wait in a
//! bounded queue. Whatever happens to a request, its completion is called: dropped on the way, it
//! answers what is then known.

use std::io;
use std::pin::Pin;
use std::thread;

use steadfast_core::platform::PlatformError;
use steadfast_core::{ErrorKind, WriteId};
use steadfast_storage::Done;
use steadfast_storage::platform::Answer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::refused;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A handle to the thread. It ends when the last handle is gone and nothing is left to do.
#[derive(Clone)]
pub(super) struct Runtime {
    jobs: mpsc::Sender<Job>,
}

impl Runtime {
    /// Starts the thread.
    pub(super) fn start(queue_count_max: usize, in_flight_count_max: usize) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(queue_count_max);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name("steadfast-client".into())
            .spawn(move || runtime.block_on(serve(queue, in_flight_count_max)))?;
        Ok(Self { jobs })
    }

    /// Runs a request when its turn comes, and completes it with what came of it.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        write_id: Option<WriteId>,
        done: Done<Answer<T>>,
        work: impl Future<Output = Answer<T>> + Send + 'static,
    ) {
        let mut pending = Pending { done: Some(done), write_id, is_under_way: false };
        let job = Box::pin(async move {
            pending.is_under_way = true;
            let answer = work.await;
            pending.complete(answer);
        });
        // A job that was not taken is dropped here, and answers for itself.
        drop(self.jobs.try_send(job));
    }
}

async fn serve(mut queue: mpsc::Receiver<Job>, in_flight_count_max: usize) {
    let mut jobs = JoinSet::new();
    loop {
        tokio::select! {
            job = queue.recv(), if jobs.len() < in_flight_count_max => match job {
                Some(job) => drop(jobs.spawn(job)),
                None => break,
            },
            // One that panicked has answered while it was dropped.
            Some(_) = jobs.join_next(), if !jobs.is_empty() => {}
        }
    }
    while jobs.join_next().await.is_some() {}
}

/// A request that must be answered.
struct Pending<T> {
    done: Option<Done<Answer<T>>>,
    write_id: Option<WriteId>,
    is_under_way: bool,
}

impl<T> Pending<T> {
    fn complete(mut self, answer: Answer<T>) {
        if let Some(done) = self.done.take() {
            done.complete(answer);
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        let Some(done) = self.done.take() else { return };
        done.complete(Err(match self.write_id {
            _ if !self.is_under_way => {
                refused(ErrorKind::Exhausted, "the client takes no more requests for now")
            }
            Some(write_id) => PlatformError::OutcomeUnknown { write_id },
            None => PlatformError::Unavailable { reason: "the request was given up".into() },
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc as std_mpsc;

    use tokio::sync::oneshot;

    fn ask<T: Send + 'static>(
        runtime: &Runtime,
        write_id: Option<WriteId>,
        work: impl Future<Output = Answer<T>> + Send + 'static,
    ) -> std_mpsc::Receiver<Answer<T>> {
        let (sender, receiver) = std_mpsc::channel();
        runtime.submit(write_id, Done::new(move |answer| drop(sender.send(answer))), work);
        receiver
    }

    #[test]
    fn requests_beyond_the_queue_are_refused_and_those_within_are_answered() {
        let runtime = Runtime::start(1, 1).unwrap();
        let (release, released) = oneshot::channel::<()>();
        let (started, has_started) = std_mpsc::channel();
        let first = ask(&runtime, None, async move {
            started.send(()).unwrap();
            drop(released.await);
            Ok(1)
        });
        has_started.recv().unwrap();
        let second = ask(&runtime, None, async { Ok(2) });
        let third = ask::<i32>(&runtime, Some(WriteId(3)), async { Ok(3) }).recv().unwrap();
        assert_eq!(third.unwrap_err().kind(), ErrorKind::Exhausted);
        drop(runtime);
        release.send(()).unwrap();
        assert_eq!((first.recv().unwrap(), second.recv().unwrap()), (Ok(1), Ok(2)));
    }

    #[test]
    fn a_request_that_panics_is_answered_and_others_go_on() {
        let runtime = Runtime::start(8, 2).unwrap();
        let panics = || async { panic!("on purpose") };
        let write = ask::<()>(&runtime, Some(WriteId(7)), panics()).recv().unwrap();
        assert_eq!(write, Err(PlatformError::OutcomeUnknown { write_id: WriteId(7) }));
        let read = ask::<()>(&runtime, None, panics()).recv().unwrap();
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(ask(&runtime, None, async { Ok(5) }).recv().unwrap(), Ok(5));
    }
}
