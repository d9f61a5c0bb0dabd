//! Bodies and requests that are not what they claim to be (faults H3 and N9).

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Call, V2, exchange, read_answer};
use crate::world::{World, v1, v2};

#[tokio::test]
async fn h_3_values_that_are_not_json_are_refused() {
    let world = World::new().await;
    world.set("k", "\"before\"").await;
    for body in [
        &b"hello"[..],
        b"{",
        b"[1,]",
        b"{\"a\":1,}",
        b"'a'",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"1 2",
        b"// c\n1",
        b"\"\x01\"",
        b"\"\xff\"",
        b"\xff\xfe1\x00",
        b"\xef\xbb\xbf1",
        b"\"\\ud800\"",
        b"\"\\x\"",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":{\"b\":1,\"\\u0062\":2}}",
        b" ",
        b"\x00",
        b"{1:2}",
    ] {
        let set = Call::new("POST", &v1("S", "k")).json(body);
        world.call(set).await.expect(400, "ContentNotJson");
        let mut update = b"{\"value\":".to_vec();
        update.extend_from_slice(body);
        update.push(b'}');
        let update = Call::new("PATCH", &v2("k")).json(&update);
        world.call(update).await.expect(400, "INVALID_ARGUMENT");
    }
    assert_eq!(world.stored("k").await.as_deref(), Some("\"before\""));
    world.check_alive().await;
}

#[tokio::test]
async fn h_3_bodies_of_v2_that_are_no_entries_are_refused() {
    let world = World::new().await;
    for body in [
        "",
        "1",
        "[]",
        "{}",
        r#"{"value":1,"value":2}"#,
        r#"{"value":1,"users":["1"]}"#,
        r#"{"value":1,"users":[1]}"#,
        r#"{"value":1,"attributes":{"a":{}}}"#,
        r#"{"value":1} x"#,
    ] {
        let create = Call::new("POST", &format!("{V2}?id=k")).json(body);
        world.call(create).await.expect(400, "INVALID_ARGUMENT");
    }
    assert_eq!(world.stored("k").await, None);
    world.check_alive().await;
}

#[tokio::test]
async fn chunked_bodies_with_a_trailing_newline_are_accepted() {
    let world = World::new().await;
    let head = |call: Call| {
        let call = call.key(&world.root).header("content-type", "application/json");
        call.header("transfer-encoding", "chunked").header("connection", "close").head()
    };
    for (call, chunks) in [
        (Call::new("POST", &v1("S", "k")), "4\r\n{\"a\"\r\n4\r\n:1}\n\r\n0\r\n\r\n"),
        (Call::new("PATCH", &v2("k")), "9\r\n{\"value\":\r\n9\r\n{\"a\":1}}\n\r\n0\r\n\r\n"),
    ] {
        let mut bytes = head(call);
        bytes.extend_from_slice(format!("\r\n{chunks}").as_bytes());
        exchange(world.addr, &bytes).await.unwrap().ok();
        assert_eq!(world.stored("k").await.as_deref(), Some("{\"a\":1}"));
    }
    let mut bytes = head(Call::new("POST", &v1("S", "empty")));
    bytes.extend_from_slice(b"\r\n0\r\n\r\n");
    exchange(world.addr, &bytes).await.unwrap().expect(400, "ContentNotJson");
    for broken in ["zz\r\n", "5\r\n1", "ffffffffffffffffff\r\n", "-1\r\n"] {
        let mut bytes = head(Call::new("POST", &v1("S", "broken")));
        bytes.extend_from_slice(format!("\r\n{broken}").as_bytes());
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        if let Some(answer) = read_answer(&mut stream).await {
            assert_eq!(answer.status, 400, "{broken}");
        }
    }
    assert_eq!(world.stored("broken").await, None);
    world.check_alive().await;
}

#[tokio::test]
async fn n_9_a_body_that_is_cut_writes_nothing() {
    let world = World::new().await;
    world.set("k", "\"before\"").await;
    for call in [Call::new("POST", &v1("S", "k")), Call::new("PATCH", &v2("k"))] {
        let call = call.key(&world.root).header("content-type", "application/json");
        for is_polite in [true, false] {
            let mut bytes = call.clone().header("content-length", "1000").head();
            // What is there is a whole value all the same.
            bytes.extend_from_slice(b"\r\n{\"value\":1}");
            let mut stream = TcpStream::connect(world.addr).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            if is_polite {
                stream.shutdown().await.unwrap();
                if let Some(answer) = read_answer(&mut stream).await {
                    assert_eq!(answer.status, 400);
                }
            } else {
                stream.set_zero_linger().unwrap();
            }
            drop(stream);
        }
    }
    world.check_alive().await;
    assert_eq!(world.stored("k").await.as_deref(), Some("\"before\""));
}

#[tokio::test]
async fn n_9_a_body_that_is_longer_than_it_says_is_cut_where_it_says() {
    let world = World::new().await;
    let call = Call::new("POST", &v1("S", "k")).key(&world.root);
    let mut bytes =
        call.header("content-type", "application/json").header("content-length", "3").head();
    bytes.extend_from_slice(b"\r\n123456");
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    read_answer(&mut stream).await.unwrap().ok();
    // The rest is the start of another request, and not a good one.
    stream.shutdown().await.unwrap();
    assert!(read_answer(&mut stream).await.is_none_or(|answer| answer.status == 400));
    assert_eq!(world.stored("k").await.as_deref(), Some("123"));
    for length in ["x", "-1", "1, 2", "99999999999999999999999"] {
        let call = Call::new("POST", &v1("S", "bad")).key(&world.root);
        let call = call.header("content-type", "application/json").header("content-length", length);
        let mut bytes = call.head();
        bytes.extend_from_slice(b"\r\n1");
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(
            read_answer(&mut stream).await.is_none_or(|answer| answer.status == 400),
            "{length}"
        );
    }
    assert_eq!(world.stored("bad").await, None);
    world.check_alive().await;
}

#[tokio::test]
async fn requests_that_are_not_http_do_no_harm() {
    let world = World::new().await;
    for bytes in [
        &b"\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense nonsense",
        b"GET / HTTP/1.1\r\nhost x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\x00: x\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await);
    }
    world.check_alive().await;
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let world = World::new().await;
    world.set("k", "1").await;
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    for _ in 0..3 {
        let mut bytes = Call::new("GET", &v1("S", "k")).key(&world.root).head();
        bytes.extend_from_slice(b"\r\n");
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().body, "1");
        // A refusal does not end the connection either, not even one that left its body unread.
        let mut bytes = Call::new("POST", &v1("S", "k")).header("content-length", "5").head();
        bytes.extend_from_slice(b"\r\n12345");
        stream.write_all(&bytes).await.unwrap();
        read_answer(&mut stream).await.unwrap().expect(401, "Invalid API Key");
    }
}

#[tokio::test]
async fn who_waits_to_be_told_to_send_is_told_so_only_if_the_body_is_wanted() {
    let world = World::new().await;
    let call = Call::new("POST", &v1("S", "k")).header("content-type", "application/json");
    let call = call.header("content-length", "1").header("expect", "100-continue");
    let mut refused = call.clone().key("wrong").head();
    refused.extend_from_slice(b"\r\n");
    exchange(world.addr, &refused).await.unwrap().expect(401, "Invalid API Key");

    let mut accepted = call.key(&world.root).head();
    accepted.extend_from_slice(b"\r\n");
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(&accepted).await.unwrap();
    let mut told = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"7").await.unwrap();
    read_answer(&mut stream).await.unwrap().ok();
    assert_eq!(world.stored("k").await.as_deref(), Some("7"));
}
