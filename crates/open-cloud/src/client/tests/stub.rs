//! A server that does what it is told, one connection after the other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tokio::time::Instant;

/// What happens to one request, on a connection of its own.
pub(super) enum Act {
    /// Nothing is read, and the connection ends.
    Refuse,
    /// It is read, and the connection ends.
    Cut,
    /// It is read and answered with these bytes, and the connection ends.
    Bytes(Vec<u8>),
    /// It is read and answered with these bytes, and then nothing more comes.
    Hold(Vec<u8>),
}

/// A request as it arrived.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) text: String,
    pub(super) at: Instant,
}

impl Heard {
    pub(super) fn line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

pub(super) struct Stub {
    addr: SocketAddr,
    heard: Receiver<Heard>,
}

impl Stub {
    /// After the last act nobody listens any more.
    pub(super) fn new(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, heard) = channel();
        let acts: Vec<Act> = acts.into_iter().collect();
        thread::spawn(move || {
            let mut held = Vec::new();
            for act in acts {
                let (mut stream, _) = listener.accept().unwrap();
                if matches!(act, Act::Refuse) {
                    continue;
                }
                let text = read_request(&mut stream);
                // Nobody may want to know.
                drop(sender.send(Heard { text, at: Instant::now() }));
                match act {
                    Act::Refuse | Act::Cut => {}
                    Act::Bytes(bytes) => drop(stream.write_all(&bytes)),
                    Act::Hold(bytes) => {
                        drop(stream.write_all(&bytes));
                        held.push(stream);
                    }
                }
            }
            // What is held ends when its client does.
            drop(listener);
            for mut stream in held {
                drop(stream.read_to_end(&mut Vec::new()));
            }
        });
        Self { addr, heard }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What has arrived since the last time.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }

    /// The first lines of what has arrived.
    pub(super) fn lines(&self) -> Vec<String> {
        self.heard().iter().map(|heard| heard.line().to_owned()).collect()
    }
}

pub(super) fn read_request(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let size = stream.read(&mut chunk).unwrap_or(0);
        bytes.extend_from_slice(&chunk[..size]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if size == 0 {
                return text;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if size == 0 || body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            return text;
        }
    }
}

/// A JSON answer.
pub(super) fn json(status: u16, body: &str) -> Act {
    with_headers(status, &["content-type: application/json"], body)
}

pub(super) fn with_headers(status: u16, headers: &[&str], body: &str) -> Act {
    let mut lines = vec![format!("HTTP/1.1 {status} Said"), "connection: close".to_owned()];
    lines.extend(headers.iter().copied().map(str::to_owned));
    if status != 204 {
        lines.push(format!("content-length: {}", body.len()));
    }
    Act::Bytes(format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes())
}

/// An error of v2.
pub(super) fn error(status: u16, code: &str, message: &str) -> Act {
    json(status, &format!("{{\"code\":\"{code}\",\"message\":\"{message}\"}}"))
}
