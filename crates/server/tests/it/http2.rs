//! HTTP/2 for clients that know beforehand, written by hand: frames and the few header codes needed.

use steadfast_core::Limits;
use steadfast_server::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::backends::Gate;
use crate::world::{World, config, v2};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![size[1], size[2], size[3], kind, flags];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).expect("short texts only"));
    bytes.extend_from_slice(text.as_bytes());
}

/// A head without a body, in literals without an index.
fn get(stream: u32, path: &str, key: &str) -> Vec<u8> {
    // `:method: GET`, `:scheme: http`, `:path` and `:authority` of the static table.
    let mut head = vec![0x82, 0x86, 0x04];
    text(&mut head, path);
    head.push(0x01);
    text(&mut head, "x");
    head.push(0x00);
    text(&mut head, "x-api-key");
    text(&mut head, key);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &head)
}

async fn connect(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    stream
}

/// The next frame: kind, flags, stream and payload. Nothing if the connection has ended.
async fn read_frame(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let size = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(size).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], head[4], id, payload))
}

/// The first byte of the head of an answer, which is the code of its status, and its body.
async fn read_answer(stream: &mut TcpStream, id: u32) -> Option<(u8, Vec<u8>)> {
    let (mut status, mut body) = (None, Vec::new());
    loop {
        let (kind, flags, frame_id, payload) = read_frame(stream).await?;
        if frame_id != id {
            continue;
        }
        match kind {
            HEADERS => status = payload.first().copied(),
            DATA => body.extend_from_slice(&payload),
            _ => {}
        }
        if flags & END_STREAM != 0 && (kind == HEADERS || kind == DATA) {
            return status.map(|status| (status, body));
        }
    }
}

/// `:status: 200` of the static table.
const OK: u8 = 0x88;

#[tokio::test]
async fn http_2_is_answered_like_http_1() {
    let world = World::new().await;
    world.set("k", "1").await;
    let mut stream = connect(&world).await;
    for (index, (path, key, status)) in
        [("/healthz", "", OK), (&v2("k"), &world.root, OK)].into_iter().enumerate()
    {
        let id = 2 * u32::try_from(index).unwrap() + 1;
        stream.write_all(&get(id, path, key)).await.unwrap();
        let (found, body) = read_answer(&mut stream, id).await.unwrap();
        assert_eq!(found, status, "{path}");
        assert!(!body.is_empty());
    }
    stream.write_all(&get(5, &v2("k"), "wrong")).await.unwrap();
    let (found, body) = read_answer(&mut stream, 5).await.unwrap();
    assert_ne!(found, OK);
    assert_eq!(body, br#"{"errors":[{"code":0,"message":"Invalid API Key"}]}"#);
    world.check_alive().await;
}

#[tokio::test]
async fn h_7_a_client_that_resets_what_it_opens_does_not_wear_the_server_out() {
    let world = World::with(Limits::native(), Config { stream_count_max: 8, ..config() }).await;
    let mut stream = connect(&world).await;
    let mut id = 1;
    // The server ends the connection long before.
    for _ in 0..10_000 {
        let mut frames = get(id, "/healthz", "");
        frames.extend_from_slice(&frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        if stream.write_all(&frames).await.is_err() {
            break;
        }
        id += 2;
    }
    while read_frame(&mut stream).await.is_some() {}
    world.check_alive().await;
}

#[tokio::test]
async fn p_4_a_stop_finishes_the_streams_under_way() {
    let gate = Gate::new();
    let mut world = World::over(gate.clone(), config()).await;
    world.set("k", "1").await;
    gate.shut();
    let mut stream = connect(&world).await;
    // DELETE is not in the static table: the name of `:method` with a literal value.
    let mut head = vec![0x02];
    text(&mut head, "DELETE");
    head.extend_from_slice(&[0x86, 0x04]);
    text(&mut head, &v2("k"));
    head.push(0x00);
    text(&mut head, "x-api-key");
    text(&mut head, &world.root);
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await.unwrap();
    gate.until_held(1).await;
    world.stop();
    while TcpStream::connect(world.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    gate.open();
    let (status, body) = read_answer(&mut stream, 1).await.unwrap();
    assert_eq!((status, body.as_slice()), (OK, &b"{}"[..]));
    drop(stream);
    world.ended().await.unwrap();
}
