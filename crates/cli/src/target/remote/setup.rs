//! What must be known before the first request: address, key, deadlines.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use steadfast_core::ErrorKind;

use crate::environment;
use crate::failure::{Failure, Result};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longer than the server takes to give up by itself.
const REQUEST_LIMIT: Duration = Duration::from_mins(1);
/// The longest line that is read as a key, in bytes.
const KEY_SIZE_MAX: u64 = 4096;

const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// The address of a server.
///
/// # Errors
/// It is not one that we can speak to.
pub(super) fn parse_url(text: &str) -> Result<Url> {
    let refuse = |cause: &str| {
        Failure::new(ErrorKind::Invalid, cause)
            .context(format!("`{text}` is not the address of a server"))
            .hint("it looks like `http://127.0.0.1:8787`")
    };
    let url: Url = text.parse().map_err(|_| refuse("it is not a URL"))?;
    match url.scheme() {
        "http" => {}
        "https" => return Err(refuse("TLS is not built in yet")),
        _ => return Err(refuse("it does not start with `http://`")),
    }
    let is_bare = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    if is_bare { Ok(url) } else { Err(refuse("it has more than a host, a port and a path")) }
}

/// The key of the requests.
///
/// # Errors
/// There is none, or it cannot be read.
pub(super) fn api_key(file: Option<&Path>) -> Result<String> {
    let key = match file {
        None => environment::read(&environment::API_KEY)?,
        Some(path) => Some(first_line(path).map_err(|error| {
            let message = format!("cannot read the API key from `{}`", path.display());
            Failure::of(ErrorKind::Invalid, error).context(message)
        })?),
    };
    key.filter(|key| !key.is_empty()).ok_or_else(|| {
        let hint = format!("set `{}`, or use `--key-file FILE`", environment::API_KEY.name);
        Failure::new(ErrorKind::Invalid, "there is no API key for the server").hint(hint)
    })
}

fn first_line(path: &Path) -> std::io::Result<String> {
    let mut line = String::new();
    BufReader::new(File::open(path)?.take(KEY_SIZE_MAX)).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// A client that sends the key with every request, and waits for no answer for ever.
///
/// # Errors
/// The key cannot be one, or the client cannot be made.
pub(super) fn client(base: &Url, key: &str) -> Result<reqwest::Client> {
    let mut key = HeaderValue::from_str(key).map_err(|_| {
        Failure::new(ErrorKind::Invalid, "the API key has characters that no API key has")
    })?;
    // So that it is in no debug output.
    key.set_sensitive(true);
    let builder = reqwest::Client::builder()
        .default_headers(HeaderMap::from_iter([(API_KEY_HEADER, key)]))
        .connect_timeout(CONNECT_LIMIT)
        .timeout(REQUEST_LIMIT)
        .redirect(reqwest::redirect::Policy::none());
    // A proxy of the environment does not find a server on this machine.
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| Failure::of(ErrorKind::Internal, error))
}

fn is_loopback(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_http_without_extras() {
        for good in ["http://127.0.0.1:8787", "http://[::1]:1/", "http://host/prefix"] {
            assert!(parse_url(good).is_ok(), "{good}");
        }
        for wrong in
            ["", "127.0.0.1:8787", "https://host", "ftp://host", "http://u@host", "http://h?q=1"]
        {
            let failure = parse_url(wrong).unwrap_err();
            assert_eq!(failure.kind(), ErrorKind::Invalid, "{wrong}");
        }
    }

    #[test]
    fn proxies_are_left_out_only_on_this_machine() {
        let is_loopback = |text: &str| is_loopback(&parse_url(text).unwrap());
        assert!(is_loopback("http://127.0.0.1:1"));
        assert!(is_loopback("http://localhost"));
        assert!(is_loopback("http://[::1]"));
        assert!(!is_loopback("http://192.0.2.1"));
        assert!(!is_loopback("http://localhost.example.org"));
    }

    #[test]
    fn a_key_file_has_the_key_in_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, " sfk_x \nsomething else\n").unwrap();
        assert_eq!(api_key(Some(&path)).unwrap(), "sfk_x");
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(api_key(Some(&path)).unwrap_err().kind(), ErrorKind::Invalid);
        let missing = api_key(Some(&dir.path().join("none"))).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Invalid);
    }
}
