//! Who is believed to be whom.

use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;

use crate::world::{HOST, World, connector, read_head, run, status_of};

#[test]
fn a_client_that_trusts_the_authority_is_served_in_any_spelling() {
    run(async {
        let world = World::new().await;
        let mut stream = world.connect().await;
        stream.write_all(b"CONNECT APIS.Roblox.com.:443 HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(status_of(&read_head(&mut stream).await), 200);
        let name = ServerName::try_from("Apis.Roblox.Com").unwrap();
        world.connector().connect(name, stream).await.unwrap();
    });
}

#[test]
fn a_client_without_the_authority_refuses_us() {
    run(async {
        let world = World::new().await;
        let name = ServerName::try_from(HOST).unwrap();
        let strange = connector(RootCertStore::empty());
        let error = strange.connect(name, world.granted().await).await.unwrap_err();
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        world.check_alive().await;
    });
}

#[test]
fn the_authority_of_another_run_is_worth_nothing() {
    run(async {
        let (world, other) = (World::new().await, World::new().await);
        let name = ServerName::try_from(HOST).unwrap();
        let stream = world.granted().await;
        assert!(other.connector().connect(name, stream).await.is_err());
    });
}

#[test]
fn a_name_that_was_not_connected_to_gets_no_certificate() {
    run(async {
        let world = World::with(|config| {
            config.hosts.insert("users.roblox.com".parse().unwrap());
        })
        .await;
        // Also not one that the proxy poses as elsewhere.
        for name in ["example.com", "users.roblox.com"] {
            let stream = world.granted().await;
            let name = ServerName::try_from(name).unwrap();
            let error = world.connector().connect(name, stream).await.unwrap_err();
            assert!(error.to_string().contains("fatal alert"), "{error}");
        }
        world.check_alive().await;
    });
}

#[test]
fn every_named_host_has_its_certificate() {
    run(async {
        let world = World::with(|config| {
            config.hosts.insert("users.roblox.com".parse().unwrap());
        })
        .await;
        let mut stream = world.connect().await;
        stream.write_all(b"CONNECT users.roblox.com:443 HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(status_of(&read_head(&mut stream).await), 200);
        let name = ServerName::try_from("users.roblox.com").unwrap();
        world.connector().connect(name, stream).await.unwrap();
        world.check_alive().await;
    });
}
