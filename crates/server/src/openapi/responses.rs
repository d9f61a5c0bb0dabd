//! What is answered: the refusals that calls share, and their headers.

use serde_json::{Map, Value, json};
use steadfast_core::{Code, ErrorKind};
use steadfast_open_cloud::V2Code;
use steadfast_open_cloud::v1::{
    ATTRIBUTES, CONTENT_MD5, CREATED_TIME, ETAG, USER_IDS, VERSION, VERSION_CREATED_TIME,
};

use super::schemas::REVISION;
use super::{reference, schema};

/// The headers of an answer with a v1 value.
pub(super) const ENTRY_HEADERS: [&str; 7] =
    [CONTENT_MD5, ETAG, VERSION, CREATED_TIME, VERSION_CREATED_TIME, ATTRIBUTES, USER_IDS];

/// The headers of an answer of Open Cloud where requests are counted.
pub(super) const RATE_HEADERS: [&str; 3] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];

const CACHE_CONTROL: &str = "cache-control";
const RETRY_AFTER: &str = "retry-after";

/// Whose words a refusal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    V1,
    V2,
    Own,
}

impl Words {
    /// The statuses of its refusals, but for 401, which all say alike, and for the 404 of v2, which
    /// also has the words of the gateway where a path names a call that is not there.
    fn statuses(self) -> &'static [u16] {
        match self {
            Self::V1 => &[400, 403, 404, 409, 429, 500, 502, 504],
            Self::V2 => &[400, 403, 404, 409, 429, 500, 501, 502, 504],
            Self::Own => &[400, 403, 404, 408, 409, 413, 414, 429, 431, 500, 502, 504],
        }
    }

    fn name(self, status: u16) -> String {
        format!("{self:?}Error{status}")
    }

    fn schema(self, status: u16) -> Value {
        match self {
            Self::V1 => schema("V1Error"),
            Self::V2 => {
                let is_of = |code: &&V2Code| code.status() == status;
                let codes: Vec<&str> =
                    V2Code::ALL.iter().filter(is_of).map(|code| code.name()).collect();
                narrowed("V2Error", "code", &codes)
            }
            Self::Own => {
                // What is wrong with the size or the time of a request has statuses of its own.
                let is_of = |kind: &&ErrorKind| {
                    Code::ALL.iter().any(|code| code.kind() == **kind && code.status() == status)
                };
                let kinds: Vec<&str> =
                    ErrorKind::ALL.iter().filter(is_of).map(|kind| kind.name()).collect();
                narrowed("OwnError", "kind", &kinds)
            }
        }
    }
}

/// A schema whose member can only be one of these.
fn narrowed(name: &str, member: &str, values: &[&str]) -> Value {
    json!({"allOf": [schema(name), {"properties": {member: {"enum": values}}}]})
}

/// What a status tells, for people.
const fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is not valid.",
        403 => "The key does not allow this.",
        404 => "There is no such thing.",
        408 => "The body took too long.",
        409 => "What is stored is not what the request expects, or a game server holds the entry.",
        413 => "The body is too large.",
        414 => "The path with its query is too long.",
        429 => "A limit was reached. Nothing was written: wait and retry.",
        431 => "The headers are too many or too large.",
        501 => "The call is known and not built. Nothing was done.",
        502 => "The store is out of reach. Nothing was written: wait and retry.",
        504 => "No answer in time. What was to be written may have been.",
        _ => "A fault of the server, or what is stored is damaged.",
    }
}

/// The refusals of a call, each with its status.
pub(super) fn refusals(words: Words, statuses: &[u16]) -> Map<String, Value> {
    let refusal = |status: &u16| {
        debug_assert!(words.statuses().contains(status), "{words:?} says {status} nowhere");
        (status.to_string(), reference("responses", &words.name(*status)))
    };
    statuses.iter().map(refusal).collect()
}

/// The answer to a request without a valid key.
pub(super) fn unauthenticated() -> (String, Value) {
    ("401".into(), reference("responses", "Unauthenticated"))
}

/// Every refusal.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    let description = "The key is missing, unknown, expired or revoked.";
    let mut unauthenticated = json_answer(description, &schema("GatewayError"));
    add_optional_headers(&mut unauthenticated, &RATE_HEADERS);
    all.insert("Unauthenticated".into(), unauthenticated);
    let not_there = json!({"anyOf": [schema("V2Error"), schema("GatewayError")]});
    let description = "There is no such entry, or the path names a call that is not there.";
    let mut no_entry_or_call = json_answer(description, &not_there);
    add_optional_headers(&mut no_entry_or_call, &RATE_HEADERS);
    all.insert("NoEntryOrCall".into(), no_entry_or_call);
    for words in [Words::V1, Words::V2, Words::Own] {
        for status in words.statuses() {
            let mut answer = json_answer(meaning(*status), &words.schema(*status));
            if *status == 429 {
                add_headers(&mut answer, &[RETRY_AFTER]);
            }
            if words != Words::Own {
                add_optional_headers(&mut answer, &RATE_HEADERS);
            }
            all.insert(words.name(*status), answer);
        }
    }
    Value::Object(all)
}

/// An answer of one media type.
pub(super) fn answer(description: &str, media_type: &str, schema: &Value) -> Value {
    let mut answer = json!({
        "description": description,
        "content": {media_type: {"schema": schema}},
    });
    add_headers(&mut answer, &[CACHE_CONTROL]);
    answer
}

/// An answer in JSON.
pub(super) fn json_answer(description: &str, schema: &Value) -> Value {
    answer(description, "application/json", schema)
}

/// 204: done, and nothing to say.
pub(super) fn no_content(description: &str) -> Value {
    let mut answer = json!({"description": description});
    add_headers(&mut answer, &[CACHE_CONTROL]);
    answer
}

/// Names headers of an answer.
pub(super) fn add_headers(answer: &mut Value, names: &[&str]) {
    let Some(answer) = answer.as_object_mut() else { return };
    let headers = answer.entry("headers").or_insert_with(|| json!({}));
    if let Some(headers) = headers.as_object_mut() {
        let references = names.iter().map(|name| ((*name).to_owned(), reference("headers", name)));
        headers.extend(references);
    }
}

/// The same headers, which are there only sometimes.
pub(super) fn add_optional_headers(answer: &mut Value, names: &[&str]) {
    let optional = |name: &&str| {
        let mut header = header(name);
        if let Some(header) = header.as_object_mut() {
            header.remove("required");
        }
        ((*name).to_owned(), header)
    };
    if let Some(headers) = answer.get_mut("headers").and_then(Value::as_object_mut) {
        headers.extend(names.iter().map(optional));
    }
}

/// Every header of an answer.
pub(super) fn headers() -> Value {
    let names = [CACHE_CONTROL, RETRY_AFTER].into_iter().chain(ENTRY_HEADERS);
    Value::Object(names.map(|name| (name.to_owned(), header(name))).collect())
}

fn header(name: &str) -> Value {
    let time = json!({"type": "string", "format": "date-time"});
    let (description, schema) = match name {
        CACHE_CONTROL => ("What players own stays in no cache.", json!({"const": "no-store"})),
        "x-ratelimit-limit" => ("What the fullest budget holds.", json!({"type": "string"})),
        "x-ratelimit-remaining" => {
            ("What is left of it.", json!({"type": "integer", "minimum": 0}))
        }
        "x-ratelimit-reset" => {
            ("Seconds until it holds more.", json!({"type": "integer", "minimum": 0}))
        }
        RETRY_AFTER => ("Seconds to wait.", json!({"type": "integer", "minimum": 1})),
        CONTENT_MD5 => (
            "The MD5 digest of the body in Base64.",
            json!({"type": "string", "minLength": 24, "maxLength": 24}),
        ),
        ETAG => ("The version as an HTTP entity tag.", json!({"type": "string", "minLength": 3})),
        VERSION => ("The version.", json!({"type": "string", "pattern": REVISION})),
        CREATED_TIME => ("When the entry was first written.", time),
        VERSION_CREATED_TIME => ("When this version was written.", time),
        ATTRIBUTES => ("The attributes: a JSON object in ASCII.", json!({"type": "string"})),
        _ => ("The users: a JSON array in ASCII.", json!({"type": "string"})),
    };
    json!({"description": description, "required": true, "schema": schema})
}
