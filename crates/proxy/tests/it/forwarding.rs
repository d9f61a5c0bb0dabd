//! What reaches the server, and what comes back.

use insta::assert_snapshot;
use tokio::io::AsyncWriteExt;

use crate::world::{SOON, World, ask, read_exact, read_head, run, shown, status_of, until_closed};

#[test]
fn a_request_arrives_as_it_was_but_for_its_host() {
    run(async {
        let world = World::new().await;
        let request = "POST /cloud/v2/a%2Fb/c%20d@x:y?q=%C3%A9&z= HTTP/1.1\r\n\
            Host: apis.roblox.com\r\nX-Api-Key: k\r\nx-two: 1\r\nx-two: 2\r\n\
            roblox-entry-attributes: {\"a\": 1}\r\nProxy-Authorization: Basic x\r\n\
            Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nContent-Length: 4\r\n\r\nbody";
        let answer = "HTTP/1.1 412 Nope\r\nroblox-entry-version: V\r\nx-two: 1\r\nx-two: 2\r\n\
            date: Thu, 01 Jan 2026 00:00:00 GMT\r\nconnection: close\r\ncontent-length: 5\r\n\r\nvalue";
        let mut client = world.tunnel().await;
        client.write_all(request.as_bytes()).await.unwrap();
        let mut server = world.accept().await;
        let address = world.server.local_addr().unwrap().to_string();
        let head = read_head(&mut server).await.replace(&address, "[SERVER]");
        assert_snapshot!(shown(&head), @r#"
        POST /cloud/v2/a%2Fb/c%20d@x:y?q=%C3%A9&z= HTTP/1.1
        host: [SERVER]
        x-api-key: k
        x-two: 1
        x-two: 2
        roblox-entry-attributes: {"a": 1}
        content-length: 4
        "#);
        assert_eq!(read_exact(&mut server, 4).await, "body");
        server.write_all(answer.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        assert!(head.contains("date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"), "{head}");
        assert_snapshot!(shown(&head), @r"
        HTTP/1.1 412 Precondition Failed
        roblox-entry-version: V
        x-two: 1
        x-two: 2
        content-length: 5
        ");
        assert_eq!(read_exact(&mut client, 5).await, "value");
    });
}

#[test]
fn plain_requests_with_the_whole_address_are_forwarded_too() {
    run(async {
        let world = World::new().await;
        for address in ["http://apis.roblox.com/a?b", "http://APIS.roblox.com:80/a?b"] {
            let mut client = world.connect().await;
            let request = format!("GET {address} HTTP/1.1\r\nhost: apis.roblox.com\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut server = world.accept().await;
            let head = read_head(&mut server).await;
            assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
            server
                .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            assert_eq!(status_of(&read_head(&mut client).await), 204);
        }
    });
}

#[test]
fn bodies_stream_in_both_directions() {
    run(async {
        let world = World::new().await;
        let mut client = world.tunnel().await;
        let head = "POST /datastores/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        let mut server = world.accept().await;
        let head = read_head(&mut server).await;
        assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
        // Each piece has arrived before the next one is sent.
        for chunk in ["3\r\none\r\n", "3\r\ntwo\r\n", "0\r\n\r\n"] {
            client.write_all(chunk.as_bytes()).await.unwrap();
            assert_eq!(read_exact(&mut server, chunk.len()).await, chunk);
        }
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        server.write_all(head).await.unwrap();
        assert_eq!(status_of(&read_head(&mut client).await), 200);
        for chunk in ["4\r\nfour\r\n", "5\r\nseven\r\n", "0\r\n\r\n"] {
            server.write_all(chunk.as_bytes()).await.unwrap();
            assert_eq!(read_exact(&mut client, chunk.len()).await, chunk);
        }
    });
}

#[test]
fn a_body_is_not_held_while_the_server_does_not_take_it() {
    run(async {
        let world = World::with(|config| config.idle_timeout = SOON * 5).await;
        let mut client = world.tunnel().await;
        let head = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
        client.write_all(head).await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        // More than all sockets on the way hold. The server takes nothing, so at some point the
        // proxy takes nothing either, and the connection is idle.
        let (block, mut taken_size) = (vec![b'x'; 1 << 20], 0_usize);
        while client.write_all(&block).await.is_ok() {
            taken_size += block.len();
        }
        assert!(taken_size < 256 << 20, "{taken_size} bytes were taken");
        world.check_alive().await;
    });
}

#[test]
fn connections_are_kept_on_both_sides() {
    run(async {
        let world = World::new().await;
        let mut client = world.tunnel().await;
        client.write_all(b"GET /0 HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // The only connection that is accepted.
        let mut server = world.accept().await;
        for index in 1..10 {
            read_head(&mut server).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            server.write_all(answer).await.unwrap();
            assert_eq!(status_of(&read_head(&mut client).await), 200);
            assert_eq!(read_exact(&mut client, 2).await, "ok");
            let next = format!("GET /{index} HTTP/1.1\r\nhost: x\r\n\r\n");
            client.write_all(next.as_bytes()).await.unwrap();
        }
        assert!(read_head(&mut server).await.starts_with("GET /9 "));
    });
}

#[test]
fn a_server_that_is_down_is_a_502_of_open_cloud() {
    run(async {
        let mut world = World::new().await;
        let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Closes the address of the server.
        drop(std::mem::replace(&mut world.server, elsewhere));
        let post = |path: &str| {
            format!("POST {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}")
        };
        let answer = ask(&mut world.tunnel().await, &post("/datastores/v1/x")).await;
        assert_snapshot!(shown(&answer), @r#"
        HTTP/1.1 502 Bad Gateway
        content-type: application/json
        cache-control: no-store
        connection: close
        content-length: 187

        {"error":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry.","errorDetails":[{"errorDetailType":"DatastoreErrorInfo","datastoreErrorCode":"Unknown"}]}
        "#);
        let answer = ask(&mut world.tunnel().await, &post("/cloud/v2/x")).await;
        assert_snapshot!(shown(&answer), @r#"
        HTTP/1.1 502 Bad Gateway
        content-type: application/json
        cache-control: no-store
        connection: close
        content-length: 97

        {"code":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry."}
        "#);
        let answer = ask(&mut world.tunnel().await, &post("/ordered-data-stores/v1/x")).await;
        assert_eq!(status_of(&answer), 502);
        assert!(answer.ends_with(r#"{"code":"UNAVAILABLE","message":"The store is unavailable. Nothing was written; wait and retry."}"#), "{answer}");
    });
}

#[test]
fn a_write_whose_answer_is_lost_is_not_called_a_failure() {
    run(async {
        let world = World::new().await;
        for (method, status) in [("POST", 504), ("DELETE", 504), ("GET", 502)] {
            let mut client = world.tunnel().await;
            let request = format!("{method} /cloud/v2/x HTTP/1.1\r\nconnection: close\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut server = world.accept().await;
            read_head(&mut server).await;
            drop(server);
            let answer = until_closed(&mut client).await;
            assert_eq!(status_of(&answer), status, "{method}");
        }
    });
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    run(async {
        let world = World::with(|config| config.answer_timeout = SOON).await;
        for (method, status) in [("POST", 504), ("GET", 502)] {
            let request = format!("{method} /cloud/v2/x HTTP/1.1\r\nconnection: close\r\n\r\n");
            let answer = ask(&mut world.tunnel().await, &request).await;
            assert_eq!(status_of(&answer), status, "{method}");
        }
    });
}

#[test]
fn an_answer_that_is_cut_is_cut_for_the_client_too() {
    run(async {
        let world = World::new().await;
        let mut client = world.tunnel().await;
        client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut server = world.accept().await;
        read_head(&mut server).await;
        server.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
        assert_eq!(status_of(&read_head(&mut client).await), 200);
        assert_eq!(read_exact(&mut client, 4).await, "half");
        drop(server);
        assert_eq!(until_closed(&mut client).await, "");
    });
}
