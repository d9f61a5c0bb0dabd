//! Reads and writes a data store of a running server.
//!
//! ```sh
//! steadfast serve --data ./data    # prints the address and an API key
//! cargo run --example remote --features open-cloud -- http://127.0.0.1:8787 API_KEY
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::sync::Arc;

use steadfast::core::platform::{
    EntryState, Permit, PlatformError, Request, Set, Update, UpdateStep, When,
};
use steadfast::core::{
    Content, EntryId, EntryKey, JsonText, Limits, Metadata, Scope, StoreId, StoreName, UniverseId,
    WriteId,
};
use steadfast::open_cloud::Client;
use steadfast::storage::{Platform, wait};

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, key] = &arguments[..] else { return Err("usage: remote URL API_KEY".into()) };
    let client = steadfast::connect(url, key)?;

    let limits = Limits::native();
    let store = StoreId { universe: UniverseId(1), name: StoreName::parse("PlayerData", &limits)? };
    let (scope, key) = (Scope::global(), EntryKey::parse("Player_1", &limits)?);
    let entry = EntryId { store, scope, key };

    let (when, permit, write_id) = (When::Always, Permit::ALL, new_write_id()?);
    let set = Set { entry: entry.clone(), content: coins(5), when, permit, write_id };
    let written = execute(&client, Request::Set(set))?;
    println!("written as {}", written.revision_id());

    let updated = add_a_coin(&client, entry)?;
    let value = updated.and_then(|state| state.content.clone());
    println!("now it holds {}", value.as_ref().map_or("nothing", |content| content.value.as_str()));
    Ok(())
}

/// Changes what is there, however many others do so at the same time.
fn add_a_coin(client: &Client, entry: EntryId) -> Result<Option<EntryState>, AnyError> {
    let change = |state: Option<&EntryState>| {
        let content = state.and_then(|state| state.content.as_ref());
        let count = content.map_or(0, |content| content.value.as_str().parse().unwrap_or(0));
        Some(coins(count + 1))
    };
    let (mut update, mut request) = Update::start(entry, Permit::ALL, new_write_id()?, change);
    loop {
        match update.on_answer(execute(client, request)) {
            UpdateStep::Send(next) => request = next,
            UpdateStep::Done(end) => return Ok(end?),
        }
    }
}

fn execute(client: &Client, request: Request) -> Result<EntryState, PlatformError> {
    wait(|done| client.execute(request, done)).expect("every request is answered")
}

fn coins(count: i64) -> Arc<Content> {
    let value = JsonText::trusted(count.to_string());
    Arc::new(Content { value, user_ids: vec![], metadata: Metadata::empty() })
}

/// The same id names a write when it is sent again, so each write has its own.
fn new_write_id() -> Result<WriteId, AnyError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(WriteId(u128::from_le_bytes(bytes)))
}
