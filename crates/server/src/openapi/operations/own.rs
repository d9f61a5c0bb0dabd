//! Our own calls: administration, probes, metrics and the document itself.

use serde_json::{Value, json};
use steadfast_core::key::KeyScope::Admin;

use super::super::parameters::Parameter;
use super::super::responses::{answer, json_answer, no_content};
use super::super::schema;
use super::{Operation, body};
use crate::admin::BODY_SIZE_MAX;

const TEXT: &str = "text/plain";

/// What any request may be refused for.
const HEAD_REFUSALS: &[u16] = &[414, 431, 500];

pub(super) fn key_create() -> Operation {
    let content = format!("The new key, in at most {BODY_SIZE_MAX} bytes.");
    Operation {
        summary: "Make an API key",
        description: "The secret is shown once, in the answer, and kept by nobody.".into(),
        scopes: &[&[Admin]],
        parameters: Vec::new(),
        body: Some(body("NewKey", &content)),
        success: (200, json_answer("The key.", &schema("MadeKey"))),
        refusals: &[400, 403, 408, 409, 413, 414, 429, 431, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn key_list() -> Operation {
    Operation {
        summary: "List the API keys",
        description: "All of them, revoked ones too, without their secrets.".into(),
        scopes: &[&[Admin]],
        parameters: Vec::new(),
        body: None,
        success: (200, json_answer("The keys.", &schema("KeyList"))),
        refusals: &[403, 414, 431, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn key_revoke() -> Operation {
    Operation {
        summary: "Revoke an API key",
        description: "It is refused from the next request on. Revoking it again changes nothing."
            .into(),
        scopes: &[&[Admin]],
        parameters: vec![Parameter::Key],
        body: None,
        success: (204, no_content("The key is revoked.")),
        refusals: &[400, 403, 404, 409, 414, 429, 431, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn status() -> Operation {
    Operation {
        summary: "Tell version, uptime, health and limits",
        description: "Also tells why the store has stopped, if it has.".into(),
        scopes: &[&[Admin]],
        parameters: Vec::new(),
        body: None,
        success: (200, json_answer("The status.", &schema("Status"))),
        refusals: &[403, 414, 431, 500, 502],
        others: Vec::new(),
    }
}

pub(super) fn backup_create() -> Operation {
    let content = format!("The name of the backup, in at most {BODY_SIZE_MAX} bytes.");
    Operation {
        summary: "Back up the store",
        description: "Makes a directory of that name below the one of `serve --backups`. Answers \
            when it is done, or how far it is once the time for a request is over."
            .into(),
        scopes: &[&[Admin]],
        parameters: Vec::new(),
        body: Some(body("BackupInput", &content)),
        success: (200, json_answer("The backup.", &schema("Backup"))),
        refusals: &[400, 403, 408, 409, 413, 414, 429, 431, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn backup_get() -> Operation {
    Operation {
        summary: "Tell how far a backup is",
        description: "Of the one that was asked for last.".into(),
        scopes: &[&[Admin]],
        parameters: vec![Parameter::Backup],
        body: None,
        success: (200, json_answer("The backup.", &schema("Backup"))),
        refusals: &[400, 403, 404, 409, 414, 429, 431, 500, 502, 504],
        others: Vec::new(),
    }
}

pub(super) fn healthz() -> Operation {
    public("Tell whether the process lives", fixed("It lives.", "alive\n"), Vec::new())
}

pub(super) fn readyz() -> Operation {
    let stopped = fixed("The store has stopped.", "the store has stopped\n");
    let serves = fixed("The store serves.", "ready\n");
    public("Tell whether the store serves", serves, vec![("502".into(), stopped)])
}

pub(super) fn metrics() -> Operation {
    let metrics = answer("The metrics.", TEXT, &json!({"type": "string"}));
    let none = json_answer("The server keeps no metrics.", &schema("GatewayError"));
    public("Show metrics as Prometheus reads them", metrics, vec![("404".into(), none)])
}

pub(super) fn open_api() -> Operation {
    let document = json_answer("The document.", &schema("OpenApi"));
    public("Describe the API", document, Vec::new())
}

fn public(summary: &'static str, success: Value, others: Vec<(String, Value)>) -> Operation {
    Operation {
        summary,
        description: "Needs no key.".into(),
        scopes: &[],
        parameters: Vec::new(),
        body: None,
        success: (200, success),
        refusals: HEAD_REFUSALS,
        others,
    }
}

/// A text that is always the same.
fn fixed(description: &str, text: &str) -> Value {
    answer(description, TEXT, &json!({"type": "string", "const": text}))
}
