//! The description of the API, as `/openapi.json` answers it.
//!
//! It is made of the table of routes: one operation for each path of each `Route`, so that a route
//! without a description does not compile. Names and sizes come from the limits of the running
//! server. Every status that a call can answer is listed, with its body and headers; the integration
//! tests check each answer against it, and a fuzzer is driven by it.
//!
//! What a schema cannot say is in the descriptions: lengths are bytes of UTF-8, while `maxLength`
//! counts characters. A text over `maxLength` is always refused; one within it may be.
//!
//! Start reading at [`document`]. Why it is not made by macros: decision record 0005.

mod operations;
mod parameters;
mod responses;
mod schemas;

use http::Method;
use serde_json::{Map, Value, json};
use steadfast_core::Limits;

use crate::admin::LimitsOutput;
use crate::config::Config;
use crate::route::Route;

/// The version of the format.
const OPENAPI: &str = "3.1.0";

/// The name of the security scheme.
const API_KEY: &str = "apiKey";

/// What sizes the document names.
#[derive(Clone, Copy)]
struct Sizes<'a> {
    limits: &'a Limits,
    config: &'a Config,
}

/// The `OpenAPI` document of a server with these limits and settings.
pub fn document(limits: &Limits, config: &Config) -> Value {
    let sizes = Sizes { limits, config };
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": "Steadfast",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The data server: entries of data stores, and administration",
            "description": description(sizes),
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": tags(),
        "paths": paths(sizes),
        "components": {
            "schemas": schemas::all(sizes),
            "parameters": parameters::all(sizes),
            "headers": responses::headers(),
            "responses": responses::all(),
            "securitySchemes": {
                API_KEY: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "An API key, exactly once. The names that a call lists with it \
                        are the scopes that the key must have; of several lists, one is enough.",
                },
            },
        },
        "x-steadfast-limits": LimitsOutput(limits),
    })
}

fn description(Sizes { limits, config }: Sizes<'_>) -> String {
    let value_size_max = limits.value_size_max;
    let body_size_max = value_size_max.saturating_add(config.body_slack_size);
    let (uri_size_max, head_size_max) = (config.uri_size_max, config.head_size_max);
    let header_count_max = config.header_count_max;
    format!(
        "The calls of Open Cloud v1 and v2 on data, and Steadfast's own on data and for \
         administration.\n\n\
         Lengths are bytes of UTF-8; `maxLength` counts characters and is the outer bound. A value \
         has at most {value_size_max} bytes, a body that carries one at most {body_size_max}, a \
         path with its query at most {uri_size_max}, a head at most {head_size_max} and \
         {header_count_max} headers.\n\n\
         A path or method that is not listed answers 404, below `/datastores`, `/cloud`, \
         `/ordered-data-stores`, `/messaging-service`, `/steadfast/v1/universes` and \
         `/steadfast/v1/admin` only with a valid key, without one 401. What is not HTTP, or has a \
         head far over the limits, is answered with 400, 414 or 431 and an empty body, or by \
         closing the connection.\n\n\
         429 and 502 mean that nothing was written. 504 means that a write may have been made."
    )
}

fn tags() -> Value {
    json!([
        {"name": "v1", "description": "Data stores as Open Cloud v1 has them: the value is the body."},
        {"name": "v2", "description": "Data stores as Open Cloud v2 has them: resources in JSON."},
        {"name": "data", "description": "Our own calls on data: places, restores, history."},
        {"name": "unbuilt", "description": "Calls of the live service that are known and not built."},
        {"name": "admin", "description": "Keys, backups, status, and what operators do to records, for the \
            scope `steadfast.admin`."},
        {"name": "public", "description": "Open to everybody who reaches the address."},
    ])
}

fn paths(sizes: Sizes<'_>) -> Value {
    let mut paths = Map::new();
    for route in Route::ALL {
        for path in route.paths() {
            let operation = operations::operation(*route, path, sizes);
            let item = paths.entry(*path).or_insert_with(|| json!({}));
            if let Some(item) = item.as_object_mut() {
                item.insert(method_key(&route.method()), operation);
            }
        }
    }
    Value::Object(paths)
}

fn method_key(method: &Method) -> String {
    method.as_str().to_ascii_lowercase()
}

/// A reference to a part of the document.
fn reference(section: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{section}/{name}")})
}

/// A reference to a schema.
fn schema(name: &str) -> Value {
    reference("schemas", name)
}

#[cfg(test)]
#[path = "openapi/tests.rs"]
mod tests;
