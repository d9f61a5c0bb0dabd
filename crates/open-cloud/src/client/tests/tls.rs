//! Encrypted connections: whom a client trusts.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::generate_simple_self_signed;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::stub::{json, read_request};
use super::*;

/// A server with a certificate of its own making; its address, and the certificate as PEM.
fn serve() -> (String, String) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(session, stream);
        let request = read_request(&mut stream);
        if let Act::Bytes(bytes) = json(200, ENTRY)
            && !request.is_empty()
        {
            drop(stream.write_all(&bytes));
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
    });
    (url, pem)
}

#[test]
fn a_certificate_that_was_given_is_trusted() {
    let (url, pem) = serve();
    let root_certificates = vec![pem.into_bytes()];
    let config = Config { root_certificates, ..Config::steadfast(url, Key::new("k")) };
    assert_eq!(execute(&connect(config), current()), Ok(shown()));
}

#[test]
fn an_unknown_certificate_is_not_trusted_and_nothing_is_sent() {
    let (url, _) = serve();
    let client = connect(Config::steadfast(url, Key::new("k")));
    assert_eq!(kind(&execute(&client, set(When::Always))), ErrorKind::Unavailable);
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let config = || Config::steadfast("https://localhost", Key::new("k"));
    for (config, text) in [
        (Config { key: Key::new("a\nb"), ..config() }, "the API key"),
        (Config { key: Key::new(""), ..config() }, "the API key"),
        (
            Config { root_certificates: vec![b"no pem".to_vec()], ..config() },
            "certificate number 1",
        ),
        (Config { in_flight_count_max: 0, ..config() }, "`in_flight_count_max`"),
        (Config { queue_count_max: 0, ..config() }, "`queue_count_max`"),
        (
            Config { budget: Some(Budget { share_percent: 0, ..Budget::live() }), ..config() },
            "`share_percent`",
        ),
        (
            Config { budget: Some(Budget { share_percent: 101, ..Budget::live() }), ..config() },
            "`share_percent`",
        ),
    ] {
        let error = Client::connect(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(text), "{error}");
    }
}
