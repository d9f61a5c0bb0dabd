//! A client that sends exactly the bytes it is told, and reads exactly one answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::openapi;

/// Statuses of the Open Cloud surface.
const OPEN_CLOUD: [u16; 12] = [200, 204, 400, 401, 403, 404, 409, 412, 429, 500, 502, 504];

pub(crate) const V1: &str =
    "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry";
pub(crate) const V2: &str = "/cloud/v2/universes/1/data-stores/S/entries";

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no `{name}` in {self:?}"))
    }

    pub(crate) fn find_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks status and error code, in whatever body the surface has.
    #[track_caller]
    pub(crate) fn expect(self, status: u16, code: &str) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        if code.is_empty() {
            return self;
        }
        let body = self.json();
        let found = [
            &body["errorDetails"][0]["datastoreErrorCode"],
            &body["code"],
            &body["error"],
            &body["errors"][0]["message"],
        ];
        let found: Vec<_> = found.into_iter().filter_map(Value::as_str).collect();
        assert!(found.contains(&code), "{self:?}");
        self
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same without a header.
    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.remove(header);
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.expect(200, "")
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_owned(), path.to_owned());
        Self { method, path, headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn key(self, secret: &str) -> Self {
        self.header("x-api-key", secret)
    }

    pub(crate) fn json(self, body: impl AsRef<[u8]>) -> Self {
        Self { body: Some(body.as_ref().to_vec()), ..self }
            .header("content-type", "application/json")
    }

    pub(crate) fn raw_body(self, body: impl AsRef<[u8]>) -> Self {
        Self { body: Some(body.as_ref().to_vec()), ..self }
    }

    /// The head, without the length of the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nhost: x\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(b"connection: close\r\n");
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_open_cloud(&self) -> bool {
        let prefixes = ["/datastores", "/cloud", "/ordered-data-stores", "/messaging-service"];
        prefixes.iter().any(|prefix| self.path.starts_with(prefix))
    }
}

/// Sends a call on a connection of its own.
#[track_caller]
pub(crate) fn send(addr: SocketAddr, call: &Call) -> impl Future<Output = Answer> + use<> {
    let (bytes, is_open_cloud) = (call.bytes(), call.is_open_cloud());
    let at = std::panic::Location::caller();
    async move {
        let answer = exchange(addr, &bytes).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to the call at {at}"));
        if is_open_cloud {
            // 501 is only documented of what is not built.
            assert!(OPEN_CLOUD.contains(&answer.status) || answer.status == 501, "{answer:?}");
        }
        answer
    }
}

/// Sends bytes, ends the sending side and reads what comes back, which must be documented for what
/// was asked.
pub(crate) async fn exchange(addr: SocketAddr, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may answer and close before it has read everything.
    drop(stream.write_all(bytes).await);
    let answer = read_any_answer(&mut stream).await?;
    let first_line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let first_line = String::from_utf8_lossy(first_line);
    let mut words = first_line.split(' ');
    openapi::check(words.next().unwrap_or_default(), words.next().unwrap_or_default(), &answer);
    Some(answer)
}

/// Reads one answer, which must be documented for some call; nothing if the connection ends before
/// a whole one.
pub(crate) async fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let answer = read_any_answer(stream).await?;
    openapi::check_any(&answer);
    Some(answer)
}

/// The answers that stand one after another in what a server said; nothing if the last is not whole.
pub(crate) async fn split_answers(mut said: &[u8]) -> Option<Vec<Answer>> {
    let mut answers = Vec::new();
    while !said.is_empty() {
        let head_size = said.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&said[..head_size]);
        let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
        let body_size: usize = length.unwrap_or("0").parse().ok()?;
        let mut answer = said.get(..head_size + body_size)?;
        said = &said[head_size + body_size..];
        answers.push(read_any_answer(&mut answer).await?);
    }
    Some(answers)
}

async fn read_any_answer(stream: &mut (impl AsyncRead + Unpin)) -> Option<Answer> {
    let mut bytes = Vec::new();
    let head_size = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        let read = stream.read_buf(&mut bytes).await;
        if !read.is_ok_and(|size| size > 0) {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_size].to_vec()).expect("a head is ASCII");
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = BTreeMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        assert_eq!(name, name.to_ascii_lowercase(), "{head}");
        assert!(headers.insert(name.to_owned(), value.to_owned()).is_none(), "{head}");
    }
    if status == 100 {
        return Box::pin(read_any_answer(stream)).await;
    }
    assert!(headers.contains_key("date"), "{head}");
    assert!(!headers.contains_key("transfer-encoding"), "{head}");
    assert!(!headers.contains_key("x-csrf-token"), "{head}");
    let mut body = bytes.split_off(head_size);
    if status == 204 {
        assert!(!headers.contains_key("content-length") && body.is_empty(), "{head}");
        assert!(!headers.contains_key("content-type"), "{head}");
    } else if status != 431 || headers.contains_key("content-length") {
        let size: usize = headers.get("content-length").expect(&head).parse().expect(&head);
        while body.len() < size {
            let read = stream.read_buf(&mut body).await;
            if !read.is_ok_and(|size| size > 0) {
                return None;
            }
        }
        assert_eq!(body.len(), size, "{head}");
    }
    let body = String::from_utf8(body).expect("a body is UTF-8");
    Some(Answer { status, headers, body })
}
