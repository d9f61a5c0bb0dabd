//! The end: what is under way is answered, and nothing is waited for without a limit.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::world::{SOON, World, read_exact, read_head, run, status_of, until_closed};

const NEVER: Duration = Duration::from_hours(1);

/// Waits until the proxy has seen that it is to stop: it accepts nobody any more.
async fn until_refused(world: &World) {
    while TcpStream::connect(world.addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_stop_answers_what_is_under_way_and_ends_what_is_idle() {
    run(async {
        let mut world = World::with(|config| config.shutdown_timeout = NEVER).await;
        let mut fresh = world.connect().await;
        let mut shaking = world.granted().await;
        let mut idle = world.tunnel().await;
        let mut busy = world.tunnel().await;
        let head = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nfi";
        busy.write_all(head).await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        world.ask_to_stop();
        until_refused(&world).await;
        for ended in [&mut fresh, &mut shaking] {
            assert_eq!(until_closed(ended).await, "");
        }
        assert_eq!(until_closed(&mut idle).await, "");
        busy.write_all(b"ve").await.unwrap();
        assert_eq!(read_exact(&mut server, 4).await, "five");
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        assert_eq!(status_of(&read_head(&mut busy).await), 200);
        assert_eq!(until_closed(&mut busy).await, "ok");
        world.ended().await;
    });
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    run(async {
        let mut world = World::with(|config| config.shutdown_timeout = SOON).await;
        let mut stuck = world.tunnel().await;
        stuck.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        world.ask_to_stop();
        world.ended().await;
        assert_eq!(until_closed(&mut stuck).await, "");
        // The connection to the server is gone too.
        assert_eq!(until_closed(&mut server).await, "");
    });
}

#[test]
fn a_stop_under_load_ends_in_order() {
    run(async {
        let mut world = World::with(|config| config.shutdown_timeout = NEVER).await;
        let mut pairs = Vec::new();
        for _ in 0..20 {
            let mut client = world.tunnel().await;
            client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut server = world.accept().await;
            read_head(&mut server).await;
            pairs.push((client, server));
        }
        world.ask_to_stop();
        until_refused(&world).await;
        for (mut client, mut server) in pairs {
            server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            assert_eq!(status_of(&until_closed(&mut client).await), 204);
        }
        world.ended().await;
    });
}
