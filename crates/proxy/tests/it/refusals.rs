//! Never an open proxy: everything but the hosts that were named is refused.

use insta::assert_snapshot;
use steadfast_proxy::{Config, Proxy, ProxyError};
use tokio::io::AsyncWriteExt;

use crate::world::{World, ask, now, run, shown, status_of, until_closed};

#[test]
fn other_hosts_and_other_ports_are_refused() {
    run(async {
        let world = World::new().await;
        for line in [
            "CONNECT example.com:443",
            "CONNECT 127.0.0.1:443",
            "CONNECT [::1]:443",
            "CONNECT apis.roblox.com:80",
            "CONNECT apis.roblox.com:8443",
            "CONNECT apis.roblox.com",
            "CONNECT apis.roblox.com:65979",
            "CONNECT apis.roblox.com.example.com:443",
            "CONNECT www.apis.roblox.com:443",
            "CONNECT roblox.com:443",
            "GET http://example.com/",
            "GET http://apis.roblox.com:8080/",
            "GET http://apis.roblox.com:65616/",
            "GET https://apis.roblox.com/",
            "GET ftp://apis.roblox.com/",
            "GET /",
            "OPTIONS *",
        ] {
            let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let answer = ask(&mut world.connect().await, &request).await;
            assert_eq!(status_of(&answer), 403, "{line}");
        }
        // The server saw none of it: the first connection to it is this one.
        world.check_alive().await;
    });
}

#[test]
fn a_refusal_says_what_is_possible_and_repeats_no_password() {
    run(async {
        let world = World::with(|config| {
            config.hosts.insert("users.roblox.com".parse().unwrap());
        })
        .await;
        let request =
            "GET http://name:password@example.com:81/a?b HTTP/1.1\r\nconnection: close\r\n\r\n";
        let answer = ask(&mut world.connect().await, request).await;
        assert_snapshot!(shown(&answer), @r"
        HTTP/1.1 403 Forbidden
        content-type: text/plain; charset=utf-8
        cache-control: no-store
        connection: close
        content-length: 102

        `example.com:81` is refused: this proxy is only for https://apis.roblox.com, https://users.roblox.com
        ");
    });
}

#[test]
fn a_tunnel_leads_nowhere_else() {
    run(async {
        let world = World::new().await;
        let mut tunnel = world.tunnel().await;
        let inside = "CONNECT apis.roblox.com:443 HTTP/1.1\r\nconnection: close\r\n\r\n";
        assert_eq!(status_of(&ask(&mut tunnel, inside).await), 403);
        let mut tunnel = world.tunnel().await;
        let inside = "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert_eq!(status_of(&ask(&mut tunnel, inside).await), 400);
        world.check_alive().await;
    });
}

#[test]
fn garbage_is_answered_400_or_cut() {
    run(async {
        let world = World::new().await;
        // TLS to the proxy itself, another protocol, and a line that never ends well.
        for garbage in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..],
            b"\x05\x01\x00\r\n\r\n",
            b"CONNECT\r\n\r\n",
        ] {
            let mut stream = world.connect().await;
            stream.write_all(garbage).await.unwrap();
            let answer = until_closed(&mut stream).await;
            assert!(answer.is_empty() || status_of(&answer) == 400, "{answer}");
        }
        let mut stream = world.granted().await;
        // What follows a granted `CONNECT` must be TLS.
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
        world.check_alive().await;
    });
}

#[test]
fn settings_that_would_open_it_are_refused() {
    run(async {
        let to: Config = Config::new("http://127.0.0.1:1".parse().unwrap());
        let config = Config { listen: "0.0.0.0:0".parse().unwrap(), ..to.clone() };
        let refused = Proxy::bind(config, now()).unwrap_err();
        assert!(matches!(refused, ProxyError::Config(_)), "{refused}");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let config = Config { listen: taken.local_addr().unwrap(), ..to };
        let refused = Proxy::bind(config, now()).unwrap_err();
        assert!(matches!(refused, ProxyError::Listen { .. }), "{refused}");
    });
}
