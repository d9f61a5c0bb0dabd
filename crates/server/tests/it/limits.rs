//! Every limit of a request at one below, at, and one above it.

use steadfast_core::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Answer, Call, V1, V2, read_answer};
use crate::world::{World, config, v1};

/// Without rates: how often a request may come is another matter.
fn profiles() -> [Limits; 2] {
    [Limits { rates: None, ..Limits::roblox() }, Limits::native()]
}

/// Checks that the two lengths up to the limit are taken and the next is refused.
async fn check_edge<F: Future<Output = Answer>>(
    limit: usize,
    code: &str,
    call: impl Fn(usize) -> F,
) {
    for size in [limit - 1, limit] {
        let answer = call(size).await;
        assert_eq!(answer.status, 200, "{size}: {answer:?}");
    }
    call(limit + 1).await.expect(400, code);
}

#[tokio::test]
async fn k_01_to_k_03_names_in_v1() {
    for limits in profiles() {
        let world = World::with(limits.clone(), config()).await;
        let name = |size: usize| "x".repeat(size);
        let set = |path: String| world.call(Call::new("POST", &path).json("1"));
        check_edge(limits.store_name_size_max, "InvalidDataStoreName", |size| {
            set(format!("{V1}?datastoreName={}&entryKey=k", name(size)))
        })
        .await;
        check_edge(limits.scope_size_max, "InvalidDataStoreScope", |size| {
            set(format!("{V1}?datastoreName=S&entryKey=k&scope={}", name(size)))
        })
        .await;
        check_edge(limits.key_size_max, "InvalidEntryKey", |size| {
            set(format!("{V1}?datastoreName=S&entryKey={}", name(size)))
        })
        .await;
        world.check_alive().await;
    }
}

#[tokio::test]
async fn k_15_names_in_v2() {
    for limits in profiles() {
        let world = World::with(limits.clone(), config()).await;
        let name = |size: usize| "x".repeat(size);
        let write = |method: &str, path: String| {
            world.call(Call::new(method, &path).json(r#"{"value":1}"#))
        };
        let base = "/cloud/v2/universes/1/data-stores";
        let code = "INVALID_ARGUMENT";
        check_edge(limits.store_name_size_max, code, |size| {
            write("POST", format!("{base}/{}/entries?id=k", name(size)))
        })
        .await;
        check_edge(limits.scope_size_max, code, |size| {
            write("POST", format!("{base}/S/scopes/{}/entries?id=k", name(size)))
        })
        .await;
        check_edge(limits.key_size_max, code, |size| {
            write("POST", format!("{V2}?id={}", name(size)))
        })
        .await;
        check_edge(limits.key_size_max, code, |size| {
            write("PATCH", format!("{V2}/{}?allowMissing=true", name(size)))
        })
        .await;
    }
}

#[tokio::test]
async fn k_20_values_in_both_generations() {
    for limits in profiles() {
        let world = World::with(limits.clone(), config()).await;
        let value = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
        check_edge(limits.value_size_max, "ContentTooBig", |size| {
            world.call(Call::new("POST", &v1("S", "k")).json(value(size)))
        })
        .await;
        assert_eq!(world.stored("k").await.map(|value| value.len()), Some(limits.value_size_max));
        check_edge(limits.value_size_max, "INVALID_ARGUMENT", |size| {
            let body = format!("{{\"value\":{}}}", value(size));
            world.call(Call::new("PATCH", &format!("{V2}/k")).json(body))
        })
        .await;
        // White space does not count, however little of it there may be.
        let padded = format!("{}\n", value(limits.value_size_max));
        world.call(Call::new("POST", &v1("S", "k")).json(padded)).await.ok();
        world.check_alive().await;
    }
}

#[tokio::test]
async fn h_2_bodies_over_the_cap_are_refused_and_the_client_hears_it() {
    let limits = Limits { value_size_max: 64 * 1024, ..Limits::native() };
    let cap = limits.value_size_max + config().body_slack_size;
    let world = World::with(limits, config()).await;
    let spaces = |size: usize| format!("1{}", " ".repeat(size - 1));
    let set = |size: usize| world.call(Call::new("POST", &v1("S", "k")).json(spaces(size)));
    check_edge(cap, "ContentTooBig", set).await;
    set(cap * 8).await.expect(400, "ContentTooBig");
    let body = |size: usize| format!("{{\"value\":1}}{}", " ".repeat(size - 11));
    let update = |size: usize| world.call(Call::new("PATCH", &format!("{V2}/k")).json(body(size)));
    check_edge(cap, "INVALID_ARGUMENT", update).await;
    world.check_alive().await;
}

#[tokio::test]
async fn h_2_a_client_that_sends_far_too_much_can_send_it_all_and_then_hears_why() {
    let world = World::new().await;
    // More than the buffers of both systems hold: if nobody reads it, sending it fails.
    let body = vec![b' '; 30 * 1024 * 1024];
    for (key, status) in [(world.root.as_str(), 400), ("wrong", 401)] {
        let bytes = Call::new("POST", &v1("S", "k")).json(&body).key(key).bytes();
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(read_answer(&mut stream).await.unwrap().status, status);
    }
    world.check_alive().await;
}

#[tokio::test]
async fn u_04_metadata() {
    for limits in profiles() {
        let world = World::with(limits.clone(), config()).await;
        // {"k":"..."} is 8 bytes around the text.
        let metadata = |size: usize| format!("{{\"k\":\"{}\"}}", "x".repeat(size - 8));
        check_edge(limits.metadata_size_max, "InvalidAttributes", |size| {
            let call = Call::new("POST", &v1("S", "k")).json("1");
            world.call(call.header("roblox-entry-attributes", metadata(size)))
        })
        .await;
        check_edge(limits.metadata_size_max, "INVALID_ARGUMENT", |size| {
            let body = format!("{{\"value\":1,\"attributes\":{}}}", metadata(size));
            world.call(Call::new("PATCH", &format!("{V2}/k")).json(body))
        })
        .await;
    }
}

#[tokio::test]
async fn u_09_user_ids() {
    for limits in profiles() {
        let world = World::with(limits.clone(), config()).await;
        check_edge(limits.user_id_count_max, "InvalidUserIds", |count| {
            let call = Call::new("POST", &v1("S", "k")).json("1");
            world.call(
                call.header("roblox-entry-userids", format!("[{}]", vec!["1"; count].join(","))),
            )
        })
        .await;
        check_edge(limits.user_id_count_max, "INVALID_ARGUMENT", |count| {
            let users = vec!["\"users/1\""; count].join(",");
            let body = format!("{{\"value\":1,\"users\":[{users}]}}");
            world.call(Call::new("PATCH", &format!("{V2}/k")).json(body))
        })
        .await;
    }
    let world = World::new().await;
    check_edge(Limits::native().user_id_text_size_max, "INVALID_ARGUMENT", |size| {
        let body = format!("{{\"value\":1,\"users\":[\"users/{}\"]}}", "x".repeat(size));
        world.call(Call::new("PATCH", &format!("{V2}/k?allowMissing=true")).json(body))
    })
    .await;
}

#[tokio::test]
async fn j_23_depth() {
    let world = World::new().await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check_edge(Limits::native().value_depth_max, "ContentNotJson", |depth| {
        world.call(Call::new("POST", &v1("S", "k")).json(nested(depth)))
    })
    .await;
    check_edge(Limits::native().value_depth_max, "INVALID_ARGUMENT", |depth| {
        let body = format!("{{\"value\":{}}}", nested(depth));
        world.call(Call::new("PATCH", &format!("{V2}/k")).json(body))
    })
    .await;
    for body in [nested(100_000), "[".repeat(1_000_000), "{\"a\":".repeat(100_000)] {
        world
            .call(Call::new("POST", &v1("S", "k")).json(&body))
            .await
            .expect(400, "ContentNotJson");
        let update = Call::new("PATCH", &format!("{V2}/k")).json(format!("{{\"value\":{body}}}"));
        world.call(update).await.expect(400, "INVALID_ARGUMENT");
    }
    world.check_alive().await;
}

#[tokio::test]
async fn h_2_long_paths_are_400_on_open_cloud_and_414_elsewhere() {
    let world = World::new().await;
    let limit = config().uri_size_max;
    let padded = |path: &str, size: usize| {
        let separator = if path.contains('?') { '&' } else { '?' };
        format!("{path}{separator}{}", "x".repeat(size - path.len() - 1))
    };
    world.set("k", "1").await;
    for path in [v1("S", "k"), format!("{V2}/k"), "/steadfast/v1/admin/status".into()] {
        let over = if path.starts_with("/steadfast") { 414 } else { 400 };
        assert_eq!(world.get(&padded(&path, limit - 1)).await.status, 200);
        assert_eq!(world.get(&padded(&path, limit)).await.status, 200);
        assert_eq!(world.get(&padded(&path, limit + 1)).await.status, over);
        assert_eq!(world.get(&padded(&path, limit * 4)).await.status, over);
    }
    assert_eq!(world.get(&padded("/healthz", limit + 1)).await.status, 414);
    world.check_alive().await;
}

#[tokio::test]
async fn h_2_headers_are_limited_in_number_and_size() {
    let world = World::new().await;
    world.set("k", "1").await;
    let config = config();
    for path in [v1("S", "k"), format!("{V2}/k"), "/healthz".into()] {
        let over = if path == "/healthz" { 431 } else { 400 };
        let with = |count: usize| {
            // Besides these there are host, key and connection.
            let call = Call::new("GET", &path);
            (0..count - 3).fold(call, |call, index| call.header(&format!("h{index}"), "x"))
        };
        let limit = config.header_count_max;
        for (count, status) in [(limit - 1, 200), (limit, 200), (limit + 1, over)] {
            let answer = world.call(with(count)).await;
            assert_eq!(answer.status, status, "{count} headers for {path}");
        }
        let sized = |size: usize| {
            let call = Call::new("GET", &path).key(&world.root);
            // The head without its first line, and the header that fills it up.
            let first_line = format!("GET {path} HTTP/1.1\r\n").len();
            let rest = call.head().len() - first_line + "connection: close\r\n".len();
            let filled = path.len() + rest + "fill: \r\n".len();
            call.header("fill", "x".repeat(size - filled))
        };
        let limit = config.head_size_max;
        for (size, status) in [(limit - 1, 200), (limit, 200), (limit + 1, over)] {
            let answer = world.send(&sized(size)).await;
            assert_eq!(answer.status, status, "{size} bytes for {path}");
        }
    }
    // Beyond any sense it is the HTTP library that answers.
    let many = (0..500).fold(Call::new("GET", "/"), |call, _| call.header("h", "x"));
    assert_eq!(world.call(many).await.status, 431);
    let large = Call::new("GET", "/").header("large", "x".repeat(config.head_size_max * 4));
    assert_eq!(world.call(large).await.status, 431);
    world.check_alive().await;
}
