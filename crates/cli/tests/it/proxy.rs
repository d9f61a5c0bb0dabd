//! `proxy`: what it prints, and what a client reaches that only knows the live service.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use reqwest::{Certificate, Client, Proxy};
use serde_json::{Value, json};

use crate::program::{Server, command, run};

const API_KEY: &str = "an-admin-key-of-the-tests-0123456789";
const ENTRY: &str = "apis.roblox.com/datastores/v1/universes/1/standard-datastores/datastore/\
    entries/entry?datastoreName=S&entryKey=a%2Fb";

/// A proxy to this server, and the file of its authority.
struct Running {
    process: Server,
    ca_file: String,
}

impl Running {
    #[track_caller]
    fn start(to: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut start = command(&[&["proxy", "--to", to], arguments].concat());
        start.envs(variables.iter().copied());
        // The last line.
        let process = Server::start_until(start, |line| {
            line.starts_with("export NODE_USE_ENV_PROXY=").then(|| "ready".to_owned())
        });
        let mut running = Self { process, ca_file: String::new() };
        running.process.url = running.exported("HTTPS_PROXY");
        running.ca_file = running.exported("SSL_CERT_FILE");
        running
    }

    #[track_caller]
    fn exported(&self, name: &str) -> String {
        let start = format!("export {name}=");
        let value = self.process.lines.iter().find_map(|line| line.strip_prefix(&start));
        value.expect("the variable is exported").to_owned()
    }

    /// A client that trusts the proxy's authority, and sends everything through the proxy.
    fn client(&self) -> Client {
        let ca = Certificate::from_pem(&fs::read(&self.ca_file).unwrap()).unwrap();
        let builder = Client::builder().proxy(Proxy::all(&self.process.url).unwrap());
        builder.add_root_certificate(ca).build().unwrap()
    }
}

fn serve(dir: &Path) -> Server {
    Server::start(dir, &[("STEADFAST_ADMIN_KEY", API_KEY)], &[])
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// Writes an entry and returns the status.
async fn set(client: &Client, url: &str, body: String) -> reqwest::Result<u16> {
    let request = client.post(url).header("x-api-key", API_KEY);
    let answer = request.header("content-type", "application/json").body(body).send().await?;
    Ok(answer.status().as_u16())
}

#[test]
fn the_lines_for_a_shell_are_printed_and_the_authority_goes_with_the_proxy() {
    let proxy = Running::start("http://127.0.0.1:1", &[], &[]);
    let lines = proxy.process.lines.join("\n");
    let lines = lines.replace(&proxy.process.url, "[PROXY]").replace(&proxy.ca_file, "[CA]");
    assert_snapshot!(lines, @r"
    export HTTPS_PROXY=[PROXY]
    export HTTP_PROXY=[PROXY]
    export https_proxy=[PROXY]
    export http_proxy=[PROXY]
    export NO_PROXY=localhost,127.0.0.1,::1
    export no_proxy=localhost,127.0.0.1,::1
    export SSL_CERT_FILE=[CA]
    export REQUESTS_CA_BUNDLE=[CA]
    export CURL_CA_BUNDLE=[CA]
    export NODE_EXTRA_CA_CERTS=[CA]
    export DENO_CERT=[CA]
    export NODE_USE_ENV_PROXY=1
    ");
    let ca_file = Path::new(&proxy.ca_file);
    let directory = ca_file.parent().unwrap().to_owned();
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    let pem = fs::read_to_string(ca_file).unwrap();
    assert_eq!(pem.matches("-----BEGIN").count(), 1, "no key beside the certificate");
    let (code, log) = proxy.process.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("proxying https://apis.roblox.com to http://127.0.0.1:1\n"), "{log}");
    assert!(!directory.exists(), "what was made for this run is removed");
}

#[test]
fn one_object_has_the_same_for_programs() {
    let mut start = command(&["proxy", "--format", "json", "--to", "http://127.0.0.1:1"]);
    start.args(["--host", "Users.Roblox.com"]);
    let proxy = Server::start_until(start, |line| line.starts_with('{').then(|| line.to_owned()));
    let shown: Value = serde_json::from_str(&proxy.url).unwrap();
    let (address, ca_file) = (shown["proxy"].clone(), shown["ca_file"].clone());
    assert_eq!(shown["to"], "http://127.0.0.1:1");
    assert_eq!(shown["hosts"], json!(["apis.roblox.com", "users.roblox.com"]));
    assert_eq!(shown["variables"]["HTTPS_PROXY"], address);
    assert_eq!(shown["variables"]["SSL_CERT_FILE"], ca_file);
    assert_eq!(proxy.lines.len(), 1);
    let (code, log) = proxy.stop("INT");
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("proxying https://users.roblox.com to http://127.0.0.1:1\n"), "{log}");
}

#[test]
fn a_client_of_the_live_service_reaches_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path());
    let proxy = Running::start(&server.url, &[], &[]);
    let client = proxy.client();
    block_on(async {
        for (scheme, value) in [("https", r#"{"coins": 5}"#), ("http", "[1]")] {
            let url = format!("{scheme}://{ENTRY}");
            assert_eq!(set(&client, &url, value.to_owned()).await.unwrap(), 200);
            let got = client.get(&url).header("x-api-key", API_KEY).send().await.unwrap();
            assert_eq!(got.headers()["content-length"], value.len().to_string());
            assert!(got.headers().contains_key("roblox-entry-version"));
            assert_eq!(got.text().await.unwrap(), value);
        }
        let large = format!("\"{}\"", "x".repeat(4 << 20));
        let url = format!("https://{ENTRY}");
        assert_eq!(set(&client, &url, large.clone()).await.unwrap(), 200);
        let got = client.get(&url).header("x-api-key", API_KEY).send().await.unwrap();
        assert!(got.text().await.unwrap() == large);
        // The refusals of the server come through, and those of the proxy are errors of the client.
        let denied = client.get(&url).send().await.unwrap();
        assert_eq!(denied.status(), 401);
        let refused = client.get("https://example.com/").send().await.unwrap_err();
        assert!(refused.is_connect(), "{refused:?}");
        assert_eq!(client.get("http://example.com/").send().await.unwrap().status(), 403);
    });
    assert_eq!(server.stop("TERM").0, Some(0));
    block_on(async {
        let down = proxy.client().get(format!("https://{ENTRY}")).send().await.unwrap();
        assert_eq!(down.status(), 502);
        let body: Value = serde_json::from_str(&down.text().await.unwrap()).unwrap();
        assert_eq!(body["error"], "UNAVAILABLE");
    });
}

#[test]
fn a_stop_under_load_leaves_every_answer_whole() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path());
    let proxy = Running::start(&server.url, &[], &[]);
    let client = proxy.client();
    let (code, log) = block_on(async {
        let (answered, mut answers) = tokio::sync::watch::channel(0);
        let mut writers = tokio::task::JoinSet::new();
        for index in 0..8 {
            let (client, answered) = (client.clone(), answered.clone());
            writers.spawn(async move {
                let url = format!("https://{ENTRY}{index}");
                while let Ok(status) = set(&client, &url, index.to_string()).await {
                    assert_eq!(status, 200);
                    answered.send_modify(|count| *count += 1);
                }
            });
        }
        answers.wait_for(|count| *count >= 50).await.unwrap();
        proxy.process.send("TERM");
        while let Some(ended) = writers.join_next().await {
            ended.unwrap();
        }
        proxy.process.end()
    });
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("under way at the end"), "{log}");
}

#[test]
fn a_named_file_is_replaced_only_if_a_proxy_wrote_it() {
    let dir = tempfile::tempdir().unwrap();
    // A name that means something to a shell.
    let path = dir.path().join("it's $HOME.pem");
    let name = path.to_str().unwrap();
    let to = "http://127.0.0.1:1";
    let mut written = Vec::new();
    for _ in 0..2 {
        let proxy = Running::start(to, &["--ca-file", name], &[]);
        let line =
            format!("{}\nprintf %s \"$NODE_EXTRA_CA_CERTS\"", proxy.process.lines.join("\n"));
        let read = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8(read.stdout).unwrap(), name);
        written.push(fs::read_to_string(&path).unwrap());
        assert_eq!(proxy.process.stop("TERM").0, Some(0));
    }
    assert_ne!(written[0], written[1], "every run has an authority of its own");
    assert!(path.exists(), "a file that was named stays");

    let foreign = dir.path().join("ca-certificates.crt");
    let name = foreign.to_str().unwrap();
    fs::write(&foreign, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let refused = run(&["proxy", "--to", to, "--ca-file", name]).failed(1);
    assert_snapshot!(refused.replace(name, "[FILE]"), @r"
    error: cannot write the certificate to `[FILE]`
      caused by: the file was not written by a proxy, and is not replaced

    hint: name another file, or remove this one
    ");
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "-----BEGIN CERTIFICATE-----\n");
    let missing = dir.path().join("missing/ca.pem");
    let refused = run(&["proxy", "--to", to, "--ca-file", missing.to_str().unwrap()]).failed(3);
    assert!(refused.contains("No such file"), "{refused}");
}

#[test]
fn what_would_open_it_or_lead_nowhere_is_refused() {
    let to = "http://127.0.0.1:1";
    let refused = run(&["proxy", "--to", to, "--listen", "0.0.0.0:0"]).failed(2);
    assert_snapshot!(refused, @r"
    error: cannot start the proxy
      caused by: the settings cannot be used
      caused by: `0.0.0.0` is reached by other machines
    ");
    for wrong in [
        &["--to", "https://127.0.0.1:1"][..],
        &["--to", "http://127.0.0.1:1/path"],
        &["--to", to, "--host", "127.0.0.1"],
        &["--to", to, "--host", "*.roblox.com"],
        &[],
    ] {
        run(&[&["proxy"], wrong].concat()).failed(2);
    }
    let proxy = Running::start(to, &[], &[]);
    let address = proxy.process.url.strip_prefix("http://").unwrap();
    let refused = run(&["proxy", "--to", to, "--listen", address]).failed(3);
    assert!(refused.contains("cannot listen on"), "{refused}");
}

#[test]
fn the_log_has_neither_values_nor_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve(dir.path());
    let proxy = Running::start(&server.url, &[], &[("STEADFAST_LOG", "trace")]);
    let client = proxy.client();
    block_on(async {
        let url = format!("https://{ENTRY}");
        set(&client, &url, r#""a value of the player""#.to_owned()).await.unwrap();
        client.get("http://u:password@example.com/path?query").send().await.unwrap();
    });
    assert_eq!(server.stop("TERM").0, Some(0));
    let url = format!("https://{ENTRY}");
    assert_eq!(block_on(set(&proxy.client(), &url, "1".to_owned())).unwrap(), 502);
    let (code, log) = proxy.process.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("host=apis.roblox.com method=POST status=200"), "{log}");
    assert!(log.contains(r#"host="example.com" method=GET status=403"#), "{log}");
    for secret in ["value of the player", API_KEY, "datastoreName", "a%2Fb", "password", "/path"] {
        assert!(!log.contains(secret), "`{secret}` is in the log:\n{log}");
    }
}
