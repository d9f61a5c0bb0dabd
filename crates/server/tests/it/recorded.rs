//! What published clients really sent, byte for byte (client rules, section 5).
//!
//! A file holds requests one after the other:
//!
//! ```text
//!   ### rblx-open-cloud 3 -> 200, keep version
//!   POST /datastores/…&matchVersion={version}
//!   content-type: application/json
//!
//!   {"coins": 7}
//! ```
//!
//! Behind the arrow stands the status, then perhaps `keep version`, which makes the version that the
//! answer tells the `{version}` of what follows, and `has TEXT`, which the body must hold. A request
//! goes over a connection of its own with the head as it stands there, a host and a key; the length
//! of a body is added. The answer must also be one that the document of the API lists.

use crate::client::{Answer, exchange};
use crate::world::World;

/// One recorded request, and what is expected.
struct Recorded {
    name: String,
    status: u16,
    keeps_version: bool,
    has: Option<String>,
    head: Vec<String>,
    body: Option<String>,
}

impl Recorded {
    fn parse(block: &str) -> Self {
        let (title, request) = block.split_once('\n').expect("a request follows its title");
        let (name, expected) = title.split_once(" -> ").expect("a title has a status");
        let (status, notes) = expected.split_once(", ").unwrap_or((expected, ""));
        let (head, body) = match request.split_once("\n\n") {
            Some((head, body)) => (head, Some(body.trim_end_matches('\n').to_owned())),
            None => (request, None),
        };
        let has = notes.split_once("has ").map(|(_, text)| text.to_owned());
        Self {
            name: name.to_owned(),
            status: status.trim().parse().expect("a status is a number"),
            keeps_version: notes.starts_with("keep version"),
            has,
            head: head.lines().map(str::to_owned).collect(),
            body: body.filter(|body| !body.is_empty()),
        }
    }

    fn bytes(&self, secret: &str, version: &str) -> Vec<u8> {
        let (line, headers) = self.head.split_first().expect("a head has a first line");
        let mut lines = vec![format!("{} HTTP/1.1", line.replace("{version}", version))];
        lines.extend(headers.iter().cloned());
        lines.push("host: apis.roblox.com".into());
        lines.push(format!("x-api-key: {secret}"));
        if let Some(body) = &self.body {
            lines.push(format!("content-length: {}", body.len()));
        }
        let body = self.body.as_deref().unwrap_or_default();
        format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
    }
}

fn read(file: &str) -> Vec<Recorded> {
    let mut blocks = file.split("### ");
    // What stands in front of the first is for people.
    blocks.next();
    blocks.map(Recorded::parse).collect()
}

/// The version that an answer tells, wherever it stands.
fn version(answer: &Answer) -> String {
    if let Some(version) = answer.find_header("roblox-entry-version") {
        return version.to_owned();
    }
    let body = answer.json();
    let version = body["version"].as_str().or(body["revisionId"].as_str());
    version.unwrap_or_else(|| panic!("no version in {answer:?}")).to_owned()
}

/// Sends all requests of a file and checks each answer.
pub(crate) async fn check(world: &World, file: &str) -> usize {
    let recorded = read(file);
    let mut kept = String::new();
    for request in &recorded {
        let bytes = request.bytes(&world.root, &kept);
        let answer = exchange(world.addr, &bytes).await;
        let answer = answer.unwrap_or_else(|| panic!("no answer to {}", request.name));
        assert_eq!(answer.status, request.status, "{}: {answer:?}", request.name);
        if let Some(text) = &request.has {
            assert!(answer.body.contains(text), "{}: {answer:?}", request.name);
        }
        if answer.status == 200 {
            // Nobody can take an empty body for JSON.
            let is_json = answer.find_header("content-type") == Some("application/json");
            assert_eq!(is_json, !answer.body.is_empty(), "{}: {answer:?}", request.name);
        }
        if request.keeps_version {
            kept = version(&answer);
        }
    }
    recorded.len()
}

#[tokio::test]
async fn two_clients_get_what_they_need_for_standard_data_stores() {
    for world in World::both().await {
        assert_eq!(check(&world, include_str!("recorded/standard.txt")).await, 41);
    }
}
