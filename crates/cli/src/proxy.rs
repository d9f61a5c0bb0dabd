//! `proxy`: a way to a server for clients that only know the live service, until somebody says
//! stop.
//!
//! stdout has the variables that send such clients here, as lines that a shell evaluates; they are
//! written at once and last, when the proxy is ready. Everything else is on stderr.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use steadfast_core::ErrorKind;
use steadfast_proxy::{BoundProxy, Config, HostName, Proxy};
use tempfile::TempDir;

use crate::args;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer};
use crate::serve::{Signals, start_log};

/// The first line of the file, by which the next run knows that it may replace it. Whoever reads
/// certificates skips what stands before them.
const CA_MARK: &str = "# The certificate authority of one run of `steadfast proxy`.\n";
/// The file, where nobody named one.
const CA_FILE: &str = "ca.pem";

/// Variables that name the proxy. Some clients read only one case: curl does not read `HTTP_PROXY`.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"];
/// Variables that name hosts which are not asked through it: servers on this machine.
const DIRECT_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];
const DIRECT_HOSTS: &str = "localhost,127.0.0.1,::1";
/// Variables that name the file with the authorities to trust. What reads which is documented in
/// `docs/operating/proxy.md`.
const CA_VARIABLES: [&str; 5] =
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"];
/// Node's own client obeys the variables only when it is told to.
const NODE_VARIABLE: (&str, &str) = ("NODE_USE_ENV_PROXY", "1");

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// The proxy does not start.
pub(crate) async fn run(args: args::Proxy, printer: Printer) -> Result<()> {
    start_log()?;
    let mut signals = Signals::new()?;
    let mut config = Config::new(args.to);
    config.listen = args.listen;
    config.hosts.extend(args.hosts);
    let (to, hosts) = (config.target.to_string(), config.hosts.clone());
    let proxy = Proxy::bind(config, now())
        .map_err(|error| Failure::of(error.kind(), error).context("cannot start the proxy"))?;
    let ca_file = CaFile::write(args.ca_file, proxy.authority_pem())?;
    let started = Started::new(&proxy, &hosts, to, ca_file.path_text()?);
    started.print(printer)?;
    proxy.run(signals.next()).await;
    Ok(())
}

/// When certificates begin to hold.
fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "the program is where time comes in")]
    SystemTime::now()
}

/// The file with the certificate. A directory that we made ends with it.
struct CaFile {
    path: PathBuf,
    _directory: Option<TempDir>,
}

impl CaFile {
    fn write(named: Option<PathBuf>, pem: &str) -> Result<Self> {
        let (path, directory) = if let Some(path) = named {
            (path, None)
        } else {
            // Only its owner may look into it: nobody else can put another file there.
            let owner_only = fs::Permissions::from_mode(0o700);
            let mut builder = tempfile::Builder::new();
            let directory = builder.prefix("steadfast-proxy-").permissions(owner_only).tempdir();
            let directory = directory.map_err(|error| {
                Failure::of(ErrorKind::Unavailable, error).context("cannot make a directory")
            })?;
            (directory.path().join(CA_FILE), Some(directory))
        };
        let written = check_ours(&path)
            .and_then(|()| std::path::absolute(&path))
            .and_then(|path| fs::write(&path, format!("{CA_MARK}{pem}")).map(|()| path));
        match written {
            Ok(path) => Ok(Self { path, _directory: directory }),
            Err(error) => Err(unwritten(&path, error)),
        }
    }

    fn path_text(&self) -> Result<&str> {
        self.path.to_str().ok_or_else(|| {
            let message = format!("the path `{}` is not UTF-8", self.path.display());
            Failure::new(ErrorKind::Invalid, message).hint("name another file with `--ca-file`")
        })
    }
}

/// Refuses to replace what no proxy has written: a bundle of the system is easily named here.
fn check_ours(path: &Path) -> io::Result<()> {
    let mut start = Vec::new();
    match fs::File::open(path) {
        Ok(file) => {
            let mark_size = u64::try_from(CA_MARK.len()).unwrap_or(u64::MAX);
            file.take(mark_size).read_to_end(&mut start)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let is_ours = start == CA_MARK.as_bytes();
    if is_ours { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) }
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    let message = format!("cannot write the certificate to `{}`", path.display());
    if error.kind() == io::ErrorKind::AlreadyExists {
        let cause = "the file was not written by a proxy, and is not replaced";
        let failure = Failure::new(ErrorKind::Conflict, cause).context(message);
        return failure.hint("name another file, or remove this one");
    }
    Failure::of(ErrorKind::Unavailable, error).context(message)
}

/// What a started proxy says about itself.
#[derive(Debug, Serialize)]
struct Started<'a> {
    proxy: String,
    to: String,
    hosts: Vec<&'a str>,
    ca_file: &'a str,
    variables: BTreeMap<&'static str, String>,
    /// The order in which they are printed.
    #[serde(skip)]
    names: Vec<&'static str>,
}

impl<'a> Started<'a> {
    fn new(
        proxy: &BoundProxy,
        hosts: impl IntoIterator<Item = &'a HostName>,
        to: String,
        ca_file: &'a str,
    ) -> Self {
        let proxy = format!("http://{}", proxy.local_addr());
        let of_proxy = PROXY_VARIABLES.map(|name| (name, proxy.clone()));
        let direct = DIRECT_VARIABLES.map(|name| (name, DIRECT_HOSTS.to_owned()));
        let of_ca = CA_VARIABLES.map(|name| (name, ca_file.to_owned()));
        let node = (NODE_VARIABLE.0, NODE_VARIABLE.1.to_owned());
        let all: Vec<_> = of_proxy.into_iter().chain(direct).chain(of_ca).chain([node]).collect();
        let names = all.iter().map(|(name, _)| *name).collect();
        let hosts = hosts.into_iter().map(HostName::as_str).collect();
        Self { proxy, to, hosts, ca_file, variables: all.into_iter().collect(), names }
    }

    fn print(&self, printer: Printer) -> Result<()> {
        let lines = self.names.iter().filter_map(|name| {
            let value = self.variables.get(name)?;
            Some(format!("export {name}={}", quoted(value)))
        });
        match printer.text_or_json(&lines.collect::<Vec<_>>().join("\n"), self) {
            // Whoever started the proxy need not stay to read.
            Err(failure) if !failure.is_closed_pipe() => return Err(failure),
            Ok(()) | Err(_) => {}
        }
        for host in &self.hosts {
            printer::note(&format!("proxying https://{host} to {}", self.to));
        }
        Ok(())
    }
}

/// The text as a shell reads it: one word, and nothing of it means anything.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:.,_-".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        assert_eq!(quoted("http://127.0.0.1:1,::1/a_b-c"), "http://127.0.0.1:1,::1/a_b-c");
        assert_eq!(quoted("/it's $HOME/`x`"), r"'/it'\''s $HOME/`x`'");
        assert_eq!(quoted(""), "''");
    }
}
