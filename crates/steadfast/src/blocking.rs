//! Every async call without a runtime: the thread waits until it is done.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::driver::Keep;
use crate::steadfast::Steadfast;

/// How long a thread rests that waits, unless it is woken.
const REST: Duration = Duration::from_millis(10);

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread: for tools, tests and games without a runtime. Never in async
/// code, nor on a thread that must answer: a call takes as long as the store.
///
/// With [`Drive::ByPoll`](crate::Drive::ByPoll) somebody has to make the turns meanwhile:
/// [`Steadfast::block_on`] does.
///
/// # Example
/// ```
/// use steadfast::{Steadfast, block_on};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path();
/// let db = block_on(Steadfast::open(path))?;
/// let players = db.values_blocking("PlayerData")?;
/// let p = block_on(players.open("7"))?;
/// p.add("coins", 5)?;
/// block_on(p.release())?;
/// db.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn block_on<R>(future: impl Future<Output = R>) -> R {
    wait(|| None, future)
}

impl Steadfast {
    /// Waits for a future on this thread, and makes the turns of the game server meanwhile, unless a
    /// thread of the library does. Never in async code. With times that are handed in
    /// ([`Drive::ByPollAt`](crate::Drive::ByPollAt)) somebody else has to move them on.
    ///
    /// # Example
    /// ```
    /// use steadfast::{Drive, Options, Steadfast};
    ///
    /// let db = Steadfast::in_memory(Options { drive: Drive::ByPoll, ..Options::default() })?;
    /// let players = db.values_blocking("PlayerData")?;
    /// let p = db.block_on(players.open("7"))?;
    /// p.add("coins", 5)?;
    /// db.block_on(p.checkpoint())?; // durable now
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn block_on<R>(&self, future: impl Future<Output = R>) -> R {
        wait(|| self.sessions().keep(), future)
    }
}

/// Waits for a future. Without a thread of the library, this one makes the turns meanwhile.
fn wait<R>(keep: impl Fn() -> Option<Arc<Keep>>, future: impl Future<Output = R>) -> R {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        // Sessions may be asked for by the future itself.
        let Some(keep) = keep() else {
            thread::park_timeout(REST);
            continue;
        };
        keep.poll();
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        keep.rest(REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Drive, Options};

    #[test]
    fn calls_are_waited_for_without_a_runtime_however_the_server_is_driven() {
        for drive in [Drive::ByThread, Drive::ByPoll] {
            let db = Steadfast::in_memory(Options { drive, ..Options::default() }).unwrap();
            // The game server is started by the future.
            let opened = db.block_on(async {
                let players = db.values("PlayerData").await.unwrap();
                players.open("7").await.unwrap()
            });
            opened.add("coins", 5).unwrap();
            db.block_on(opened.release()).unwrap();
            assert_eq!(db.session_count(), 0);
        }
    }

    #[test]
    fn a_future_that_another_thread_completes_wakes_who_waits() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let other = thread::spawn(move || sender.send(7).unwrap());
        assert_eq!(block_on(receiver).unwrap(), 7);
        other.join().unwrap();
    }
}
