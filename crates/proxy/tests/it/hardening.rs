//! Clients that are slow, many, large, or stop halfway.

use steadfast_proxy::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{SOON, World, ask, read_head, run, status_of, until_closed};

#[test]
fn slow_heads_are_cut() {
    run(async {
        let world = World::with(|config| config.head_timeout = SOON).await;
        for start in ["", "C", "CONNECT apis.roblox.com:443 HTTP/1.1\r\nhost: x\r\n"] {
            let mut stream = world.connect().await;
            stream.write_all(start.as_bytes()).await.unwrap();
            assert_eq!(until_closed(&mut stream).await, "", "{start}");
        }
        world.check_alive().await;
    });
}

#[test]
fn slow_handshakes_are_cut() {
    run(async {
        let world = World::with(|config| config.handshake_timeout = SOON).await;
        // Nothing, and the start of a hello.
        for start in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"] {
            let mut stream = world.granted().await;
            stream.write_all(start).await.unwrap();
            assert_eq!(until_closed(&mut stream).await, "");
        }
        world.check_alive().await;
    });
}

#[test]
fn idle_tunnels_are_cut() {
    run(async {
        let world = World::with(|config| config.idle_timeout = SOON).await;
        let get = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
        // Before the first request, within a head, and between two requests.
        for start in [&b""[..], b"GET /a HTTP/1.1\r\n"] {
            let mut tunnel = world.tunnel().await;
            tunnel.write_all(start).await.unwrap();
            assert_eq!(until_closed(&mut tunnel).await, "");
        }
        let mut tunnel = world.tunnel().await;
        tunnel.write_all(get).await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        server.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.unwrap();
        assert_eq!(status_of(&read_head(&mut tunnel).await), 204);
        assert_eq!(until_closed(&mut tunnel).await, "");
        // And in the middle of an answer that does not go on.
        let mut tunnel = world.tunnel().await;
        tunnel.write_all(get).await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        assert!(until_closed(&mut tunnel).await.ends_with("half"));
    });
}

#[test]
fn clients_that_do_not_read_are_cut() {
    run(async {
        let world = World::with(|config| config.idle_timeout = SOON * 5).await;
        let mut tunnel = world.tunnel().await;
        tunnel.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await.unwrap();
        // More than all sockets on the way hold, and nobody who takes it.
        let (block, mut taken_size) = (vec![b'x'; 1 << 20], 0_usize);
        while server.write_all(&block).await.is_ok() {
            taken_size += block.len();
        }
        assert!(taken_size < 256 << 20, "{taken_size} bytes were taken");
    });
}

#[test]
fn heads_have_a_largest_size_and_number_of_headers() {
    run(async {
        let size_max = 16 * 1024;
        let small = |config: &mut Config| {
            config.head_size_max = size_max;
            config.header_count_max = 100;
        };
        let world = World::with(small).await;
        // Both ways into the proxy have the same limits; this one is refused anyway.
        let start = "CONNECT example.com:443 HTTP/1.1\r\nconnection: close\r\n";
        let of_size = |size: usize| {
            let filler = size - start.len() - "x: \r\n\r\n".len();
            format!("{start}x: {}\r\n\r\n", "y".repeat(filler))
        };
        let of_count = |count: usize| format!("{start}{}\r\n", "x: y\r\n".repeat(count - 1));
        for (request, status) in [
            (of_size(size_max - 1), 403),
            (of_size(size_max + 1), 431),
            (of_count(100), 403),
            (of_count(101), 431),
        ] {
            let mut stream = world.connect().await;
            assert_eq!(status_of(&ask(&mut stream, &request).await), status);
            let mut tunnel = world.tunnel().await;
            assert_eq!(status_of(&ask(&mut tunnel, &request).await), status);
        }
        world.check_alive().await;
    });
}

#[test]
fn connections_over_the_cap_wait() {
    run(async {
        let world = World::with(|config| config.connection_count_max = 1).await;
        let first = world.tunnel().await;
        let mut second = world.connect().await;
        let request = b"GET http://example.com/ HTTP/1.1\r\nconnection: close\r\n\r\n";
        second.write_all(request).await.unwrap();
        let waiting = tokio::time::timeout(SOON, second.read_u8()).await;
        assert!(waiting.is_err(), "the tunnel has the only place");
        drop(first);
        assert_eq!(status_of(&until_closed(&mut second).await), 403);
    });
}
