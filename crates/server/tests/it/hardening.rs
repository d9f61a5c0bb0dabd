//! Clients that are slow, many, or stop halfway (faults H1, H2, H7).

use steadfast_core::Limits;
use steadfast_server::{Config, Server, ServerError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Call, read_answer};
use crate::world::{SOON, World, config, v1, v2};

/// Waits until the server has closed the connection, and returns what it said before.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes).await);
    bytes
}

#[tokio::test]
async fn h_1_slow_heads_are_cut_off() {
    let config = Config { head_timeout: SOON, ..config() };
    let world = World::with(Limits::native(), config).await;
    for start in [
        // Nothing, half of a head, and what may still become HTTP/2.
        &b""[..],
        b"G",
        b"GET /healthz HTTP/1.1\r\nhost: x\r\n",
        b"P",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(start).await.unwrap();
        until_closed(&mut stream).await;
    }
    // Also between two requests.
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_answer(&mut stream).await.unwrap().ok();
    until_closed(&mut stream).await;
    world.check_alive().await;
}

#[tokio::test]
async fn h_1_slow_bodies_are_given_up() {
    let config = Config { body_timeout: SOON, ..config() };
    let world = World::with(Limits::native(), config).await;
    let keys = "/steadfast/v1/admin/keys";
    for (call, status) in [
        (Call::new("POST", &v1("S", "k")), 400),
        (Call::new("PATCH", &format!("{}?allowMissing=true", v2("k"))), 400),
        (Call::new("POST", keys), 408),
    ] {
        let call = call.key(&world.root).header("content-type", "application/json");
        let mut bytes = call.header("content-length", "1000").head();
        bytes.extend_from_slice(b"\r\n{\"value\":1}");
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().status, status);
        until_closed(&mut stream).await;
    }
    assert_eq!(world.stored("k").await, None);
    world.check_alive().await;
}

#[tokio::test]
async fn h_1_clients_that_do_not_read_are_cut_off() {
    let config = Config { write_timeout: SOON, ..config() };
    let world = World::with(Limits::native(), config).await;
    let value = format!("\"{}\"", "x".repeat(8 * 1024 * 1024));
    world.set("large", &value).await;
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    // More answers than the system's buffers hold, and nobody who takes them.
    let mut bytes = Call::new("GET", &v1("S", "large")).key(&world.root).head();
    bytes.extend_from_slice(b"\r\n");
    for _ in 0..16 {
        stream.write_all(&bytes).await.unwrap();
    }
    // The connection is gone when its place is free again: there is only one.
    let gone = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    gone.await;
    world.check_alive().await;
}

#[tokio::test]
async fn h_7_connections_over_the_cap_wait_for_a_place() {
    let config = Config { connection_count_max: 2, ..config() };
    let world = World::with(Limits::native(), config).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        read_answer(&mut stream).await.unwrap().ok();
        held.push(stream);
    }
    let mut third = TcpStream::connect(world.addr).await.unwrap();
    third.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // The held ones are still served while the third waits.
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        read_answer(stream).await.unwrap().ok();
    }
    let mut byte = [0; 1];
    let waiting = third.try_read(&mut byte);
    assert!(waiting.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    held.pop();
    read_answer(&mut third).await.unwrap().ok();
    drop((third, held));
    world.check_alive().await;
}

#[tokio::test]
async fn v_2_bodies_over_the_shared_memory_are_throttled() {
    let limits = Limits { value_size_max: 64 * 1024, ..Limits::native() };
    let config = Config { body_slack_size: 0, body_memory_max: 64 * 1024, ..config() };
    let world = World::with(limits, config).await;
    // One body that is nearly there holds nearly all the memory.
    let call = Call::new("POST", &v1("S", "slow")).key(&world.root);
    let call = call.header("content-type", "application/json").header("content-length", "65536");
    let mut bytes = call.head();
    bytes.extend_from_slice(b"\r\n\"");
    bytes.extend_from_slice(&vec![b'x'; 65_534]);
    let mut slow = TcpStream::connect(world.addr).await.unwrap();
    slow.write_all(&bytes).await.unwrap();
    let value = format!("\"{}\"", "y".repeat(8 * 1024));
    let set = || Call::new("POST", &v1("S", "k")).json(&value);
    loop {
        let answer = world.call(set()).await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), "1");
            break;
        }
        // The slow body has not arrived yet.
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    slow.write_all(b"\"").await.unwrap();
    read_answer(&mut slow).await.unwrap().ok();
    world.call(set()).await.ok();
    world.check_alive().await;
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_at_the_start() {
    let world = World::new().await;
    let wrong = Config { head_size_max: 1, connection_count_max: 0, ..config() };
    let refused = Server::bind(wrong, world.steadfast.clone());
    assert!(matches!(refused, Err(ServerError::Config(_))));
    let taken = Config { listen: world.addr, ..config() };
    let refused = Server::bind(taken, world.steadfast.clone());
    assert!(matches!(refused, Err(ServerError::Listen { address, .. }) if address == world.addr));
}
