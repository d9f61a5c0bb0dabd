//! The limit: a log that only appends, behind a queue of the same shape as the store's.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use steadfast_storage::Done;
use xxhash_rust::xxh3::xxh3_64;

use crate::Device;

/// Preallocated and written in a circle: a log that grows would pay for that too.
const LOG_SIZE: u64 = 256 * 1_024 * 1_024;

const GROUP_COUNT_MAX: usize = 4_096;
const GROUP_SIZE_MAX: usize = 8 * 1_024 * 1_024;

struct Request {
    record: Vec<u8>,
    done: Done<()>,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Request>,
    is_closed: bool,
    is_waiting: bool,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
}

/// The log and its committer.
pub(crate) struct RawLog {
    queue: Arc<Queue>,
    committer: Option<JoinHandle<()>>,
}

impl RawLog {
    pub(crate) fn open(file: File, device: Arc<Device>) -> Self {
        let zeros = vec![0; 1_024 * 1_024];
        for block in 0..LOG_SIZE / 1_048_576 {
            file.write_all_at(&zeros, block * 1_048_576).expect("there is room for the log");
        }
        let queue = Arc::new(Queue::default());
        let for_committer = Arc::clone(&queue);
        let committer = thread::Builder::new()
            .name("raw-committer".to_owned())
            .spawn(move || run(&for_committer, &file, &device))
            .expect("a thread can be started");
        Self { queue, committer: Some(committer) }
    }

    pub(crate) fn append(&self, record: Vec<u8>, done: Done<()>) {
        let mut state = self.queue.state.lock().expect("no holder panics");
        state.requests.push_back(Request { record, done });
        let wake = std::mem::take(&mut state.is_waiting);
        drop(state);
        if wake {
            self.queue.arrived.notify_one();
        }
    }
}

impl Drop for RawLog {
    fn drop(&mut self) {
        self.queue.state.lock().expect("no holder panics").is_closed = true;
        self.queue.arrived.notify_all();
        if let Some(committer) = self.committer.take() {
            committer.join().expect("the committer does not panic");
        }
    }
}

fn take(queue: &Queue) -> Option<Vec<Request>> {
    let mut state = queue.state.lock().expect("no holder panics");
    while state.requests.is_empty() {
        if state.is_closed {
            return None;
        }
        state.is_waiting = true;
        state = queue.arrived.wait(state).expect("no holder panics");
    }
    let (mut count, mut size) = (0, 0);
    for request in &state.requests {
        size += request.record.len();
        if count > 0 && (count >= GROUP_COUNT_MAX || size > GROUP_SIZE_MAX) {
            break;
        }
        count += 1;
    }
    Some(state.requests.drain(..count).collect())
}

fn run(queue: &Queue, file: &File, device: &Device) {
    let (mut offset, mut seq, mut buffer) = (0, 0_u64, Vec::new());
    while let Some(group) = take(queue) {
        buffer.clear();
        for request in &group {
            seq += 1;
            let size = u32::try_from(request.record.len()).expect("records are small");
            buffer.extend_from_slice(&size.to_le_bytes());
            buffer.extend_from_slice(&xxh3_64(&request.record).to_le_bytes());
            buffer.extend_from_slice(&seq.to_le_bytes());
            buffer.extend_from_slice(&request.record);
        }
        let size = u64::try_from(buffer.len()).expect("a group is small");
        if offset + size > LOG_SIZE {
            offset = 0;
        }
        file.write_all_at(&buffer, offset).expect("the log was preallocated");
        device.on_write(buffer.len());
        file.sync_data().expect("memory can be flushed");
        device.on_flush();
        offset += size;
        for request in group {
            request.done.complete(());
        }
    }
}
