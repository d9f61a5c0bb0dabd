//! Reads and conditional writes over HTTP beside the embedded call, on one store.
//!
//! ```text
//!     cargo run --release -p steadfast-server --example http_rates -- [DIR]
//! ```
//!
//! Every line is one number of callers; each caller has a connection and an entry of its own, so
//! that no condition ever fails. Client and server share the machine: the rates over HTTP pay for
//! both. DIR is made in the system's temporary directory if it is not given; the durable rates are
//! those of its disk.
#![expect(
    clippy::disallowed_methods,
    reason = "a program of its own reads the clock and starts tasks"
)]

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use steadfast::{NewKey, Options, Steadfast};
use steadfast_core::key::{KeyScope, Only};
use steadfast_core::platform::{Get, Permit, Request as Ask, RevisionId, Set, When, Which};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{EntryId, EntryKey, JsonText, Limits, Scope, StoreId, StoreName, UniverseId};
use steadfast_server::{Config, Server};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CALLERS: [usize; 3] = [1, 16, 64];
const VALUE_SIZE: usize = 2 * 1024;
const MEASURED: Duration = Duration::from_secs(3);
const PATH: &str = "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry?datastoreName=bench&entryKey=";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Read,
    Write,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    let dir = env::args_os().nth(1).map_or_else(|| temporary.path().join("data"), PathBuf::from);
    let db = Steadfast::open_with(&dir, Options::default())?;
    let key = db
        .keys()
        .create(NewKey {
            name: "bench".into(),
            scopes: KeyScope::ALL.into(),
            universes: Only::Any,
            stores: Only::Any,
            expires_at: None,
        })
        .await?
        .1;
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let server = Server::bind(config, db.clone())?;
    let addr = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        drop(stopped.await);
    }));

    print_line(
        "value of 2 KB, calls per second; HTTP/1.1 over loopback, client on the same machine",
    );
    print_line("callers   read embedded   read HTTP   write embedded   write HTTP");
    for callers in CALLERS {
        let mut rates = Vec::new();
        for what in [What::Read, What::Write] {
            rates.push(rate(callers, |caller| embedded(db.clone(), what, caller)).await?);
            let key: Arc<str> = key.as_str().into();
            rates.push(
                rate(callers, |caller| over_http(addr, Arc::clone(&key), what, caller)).await?,
            );
        }
        if let [read, read_http, write, write_http] = rates[..] {
            print_line(&format!(
                "{callers:>7} {read:>15.0} {read_http:>11.0} {write:>16.0} {write_http:>12.0}"
            ));
        }
    }
    drop(stop);
    serving.await??;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is a program that reports")]
fn print_line(line: &str) {
    println!("{line}");
}

/// Runs callers side by side and returns how many calls they made in a second.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a count of calls is far below 2^52"
)]
async fn rate<F>(callers: usize, call: impl Fn(usize) -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<u64, Failure>> + Send + 'static,
{
    let started_at = Instant::now();
    let mut running = JoinSet::new();
    for caller in 0..callers {
        running.spawn(call(caller));
    }
    let mut count = 0;
    while let Some(done) = running.join_next().await {
        count += done??;
    }
    Ok(count as f64 / started_at.elapsed().as_secs_f64())
}

fn value() -> JsonText {
    JsonText::parse(format!("\"{}\"", "x".repeat(VALUE_SIZE - 2)).as_bytes(), &Limits::native())
        .expect("a string is JSON")
}

fn entry(caller: usize) -> EntryId {
    let store = StoreId { universe: UniverseId(1), name: StoreName::trusted("bench") };
    EntryId { store, scope: Scope::global(), key: EntryKey::trusted(format!("k{caller}")) }
}

async fn embedded(db: Steadfast, what: What, caller: usize) -> Result<u64, Failure> {
    let (entry, value) = (entry(caller), value());
    let content = Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() });
    let set = |when| {
        let (entry, content, write_id) = (entry.clone(), Arc::clone(&content), db.new_write_id());
        Ask::Set(Set { entry, content, when, permit: Permit::ALL, write_id })
    };
    let mut revision = db.execute(set(When::Always)).await?.revision_id();
    let (mut count, started_at) = (0, Instant::now());
    while started_at.elapsed() < MEASURED {
        match what {
            What::Read => {
                let get = Get { entry: entry.clone(), which: Which::Current };
                db.execute(Ask::Get(get)).await?;
            }
            What::Write => revision = db.execute(set(When::Matches(revision))).await?.revision_id(),
        }
        count += 1;
    }
    Ok(count)
}

async fn over_http(
    addr: SocketAddr,
    key: Arc<str>,
    what: What,
    caller: usize,
) -> Result<u64, Failure> {
    let (mut connection, driver) = handshake(TokioIo::new(TcpStream::connect(addr).await?)).await?;
    let driver = tokio::spawn(driver);
    let body = Bytes::from(value().as_str().to_owned());
    let path = format!("{PATH}k{caller}");
    let set = send(&mut connection, &key, Method::POST, &path, body.clone()).await?;
    let mut revision = version(&set)?;
    let (mut count, started_at) = (0, Instant::now());
    while started_at.elapsed() < MEASURED {
        match what {
            What::Read => {
                send(&mut connection, &key, Method::GET, &path, Bytes::new()).await?;
            }
            What::Write => {
                let path = format!("{path}&matchVersion={revision}");
                let set = send(&mut connection, &key, Method::POST, &path, body.clone()).await?;
                revision = version(&set)?;
            }
        }
        count += 1;
    }
    drop(connection);
    driver.await??;
    Ok(count)
}

async fn send(
    connection: &mut SendRequest<Full<Bytes>>,
    key: &str,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Bytes, Failure> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("x-api-key", key)
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    connection.ready().await?;
    let response = connection.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(body)
}

/// The version in the answer to a set.
fn version(body: &[u8]) -> Result<RevisionId, Failure> {
    let answer: serde_json::Value = serde_json::from_slice(body)?;
    let version = answer.get("version").and_then(serde_json::Value::as_str);
    Ok(RevisionId::from_client(version.ok_or("the answer has no version")?))
}
