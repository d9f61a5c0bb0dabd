//! What is accepted as a setting, a host and a server.

use super::*;

fn config() -> Config {
    Config::new("http://127.0.0.1:8787".parse().unwrap())
}

#[test]
fn the_default_is_on_loopback_and_valid() {
    let config = config();
    assert!(config.listen.ip().is_loopback());
    assert_eq!(config.check(), Ok(()));
    // Otherwise a slow answer would be cut instead of refused.
    assert!(config.answer_timeout < config.idle_timeout);
}

#[test]
fn all_problems_are_told_at_once() {
    let config = Config {
        listen: "0.0.0.0:0".parse().unwrap(),
        hosts: BTreeSet::new(),
        connection_count_max: 0,
        head_size_max: HEAD_SIZE_MIN - 1,
        idle_timeout: Duration::ZERO,
        ..config()
    };
    insta::assert_snapshot!(config.check().unwrap_err(), @"`0.0.0.0` is reached by other machines; there is no host to pose as; `connection_count_max` is 0; `head_size_max` is 8191, at least 8192 are needed; `idle_timeout` is 0");
    assert_eq!(Config { head_size_max: HEAD_SIZE_MIN, ..self::config() }.check(), Ok(()));
}

#[test]
fn hosts_have_a_largest_number() {
    let hosts = |count: usize| (0..count).map(|index| format!("h{index}.example").parse().unwrap());
    let check = |count| Config { hosts: hosts(count).collect(), ..config() }.check();
    assert_eq!(check(HOST_COUNT_MAX), Ok(()));
    let error = check(HOST_COUNT_MAX + 1).unwrap_err();
    assert_eq!(error.to_string(), "there are 17 hosts, at most 16 are possible");
}

#[test]
fn a_host_is_a_name_in_any_case() {
    let host: HostName = "APIs.Roblox.com.".parse().unwrap();
    assert_eq!(host, HostName::live());
    assert!(host.is("apis.roblox.com") && host.is("APIS.ROBLOX.COM."));
    assert!(!host.is("apis.roblox.com.evil.example") && !host.is("roblox.com") && !host.is(""));
    for wrong in ["", ".", "*.roblox.com", "127.0.0.1", "[::1]", "a b", "a:443", "a/b", "é.example"]
    {
        assert_eq!(wrong.parse::<HostName>(), Err(HostNameError), "{wrong}");
    }
}

#[test]
fn a_target_is_a_bare_http_address() {
    for (text, shown) in [
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
        ("http://[::1]:8787/", "http://[::1]:8787"),
        ("http://localhost", "http://localhost"),
    ] {
        assert_eq!(text.parse::<Target>().unwrap().to_string(), shown);
    }
    for wrong in [
        "",
        "127.0.0.1:8787",
        "https://127.0.0.1:8787",
        "http://u:p@127.0.0.1",
        "http://127.0.0.1/path",
        "http://127.0.0.1/?q",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://",
    ] {
        assert_eq!(wrong.parse::<Target>(), Err(TargetError), "{wrong}");
    }
}

#[test]
fn only_paths_have_an_address_on_the_target() {
    let target: Target = "http://localhost:1".parse().unwrap();
    let uri = |path: &'static str| target.uri(Some(PathAndQuery::from_static(path)));
    assert_eq!(uri("/a%2Fb?c=%20").unwrap(), "http://localhost:1/a%2Fb?c=%20");
    assert_eq!(target.uri(None).unwrap(), "http://localhost:1/");
    assert_eq!(uri("*"), None);
}
