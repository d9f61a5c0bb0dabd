//! One call: method, path, query, headers and body, before it is sent.
//!
//! Names go into paths fully percent-encoded. HTTP libraries take a path segment of `.` or `..` for
//! a way to its neighbours, encoded or not, so that such a name could hit another entry: a call with
//! one is refused before it is sent (see `Transport`).

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use steadfast_core::budget::{Demand, Door, Family, Kind};
use steadfast_core::{ApiKeyId, EntryId, Scope, StoreId, UniverseId, WriteId};

use crate::write_id::WRITE_ID;

/// Everything but what never has a meaning of its own (RFC 3986, "unreserved").
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name as a part of a path or query.
pub(super) fn encode(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// Encoded, without the question mark.
    pub(super) query: String,
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(super) body: Option<Bytes>,
    pub(super) demand: Demand,
}

impl Call {
    /// A call without parameters or a body.
    pub(super) fn new(method: Method, path: String, demand: Demand) -> Self {
        Self { method, path, query: String::new(), headers: Vec::new(), body: None, demand }
    }

    /// The same with one parameter more.
    #[must_use]
    pub(super) fn with_query(mut self, name: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(name);
        self.query.push('=');
        self.query.push_str(&encode(value));
        self
    }

    /// The same with one parameter more, if it has a value.
    #[must_use]
    pub(super) fn with_optional_query(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with_query(name, value),
            None => self,
        }
    }

    /// The same with one header more.
    #[must_use]
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same under the id of its write.
    #[must_use]
    pub(super) fn with_write_id(self, write_id: WriteId) -> Self {
        self.with_header(WRITE_ID, write_id.to_string())
    }

    /// The same with a body of JSON.
    #[must_use]
    pub(super) fn with_body(self, json: String) -> Self {
        Self { body: Some(json.into()), ..self }
    }

    /// Path and query, as they stand in a request.
    pub(super) fn target(&self) -> String {
        match &*self.query {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }
}

/// What a call on an entry of a standard data store takes of the budget.
pub(super) fn demand_of(door: Door, kind: Kind, entry: &EntryId, size: usize) -> Demand {
    let demand = demand_in(door, Family::Standard, kind, entry.store.universe);
    Demand { entry: Some(entry.clone()), size: u64::try_from(size).unwrap_or(u64::MAX), ..demand }
}

/// What a call on a whole universe or data store takes of the budget.
pub(super) fn demand_in(door: Door, family: Family, kind: Kind, universe: UniverseId) -> Demand {
    // One client has one key.
    let owner = ApiKeyId(0);
    Demand { owner, door, family, kind, universe, entry: None, size: 0, count: 1 }
}

/// The v2 path of a universe.
fn v2_universe(universe: UniverseId) -> String {
    format!("/cloud/v2/universes/{universe}")
}

/// The v2 path of all data stores of a universe.
pub(super) fn v2_stores(universe: UniverseId) -> String {
    format!("{}/data-stores", v2_universe(universe))
}

/// The v2 path of a data store.
pub(super) fn v2_store(store: &StoreId) -> String {
    format!("{}/{}", v2_stores(store.universe), encode(store.name.as_str()))
}

/// The v2 path of the entries of a scope; of all scopes without one.
pub(super) fn v2_entries(store: &StoreId, scope: Option<&Scope>) -> String {
    let scope = scope.map_or_else(|| "-".to_owned(), |scope| encode(scope.as_str()));
    format!("{}/scopes/{scope}/entries", v2_store(store))
}

/// The v2 path of an entry.
pub(super) fn v2_entry(entry: &EntryId) -> String {
    format!("{}/{}", v2_entries(&entry.store, Some(&entry.scope)), encode(entry.key.as_str()))
}

/// The v2 path of the entries of a board.
pub(super) fn v2_board(store: &StoreId, scope: &Scope) -> String {
    let (name, scope) = (encode(store.name.as_str()), encode(scope.as_str()));
    format!("{}/ordered-data-stores/{name}/scopes/{scope}/entries", v2_universe(store.universe))
}

/// The path of a data store in the own API of our server.
pub(super) fn own_store(store: &StoreId) -> String {
    let universe = store.universe;
    format!("/steadfast/v1/universes/{universe}/data-stores/{}", encode(store.name.as_str()))
}

/// The path of an entry in the own API of our server.
pub(super) fn own_entry(entry: &EntryId) -> String {
    let (scope, key) = (encode(entry.scope.as_str()), encode(entry.key.as_str()));
    format!("{}/scopes/{scope}/entries/{key}", own_store(&entry.store))
}

/// The path of an entry of a board in the own API of our server.
pub(super) fn own_board_entry(entry: &EntryId) -> String {
    let EntryId { store, scope, key } = entry;
    let (name, universe) = (encode(store.name.as_str()), store.universe);
    let (scope, key) = (encode(scope.as_str()), encode(key.as_str()));
    format!(
        "/steadfast/v1/universes/{universe}/ordered-data-stores/{name}/scopes/{scope}/entries/{key}"
    )
}

/// The v1 call on an entry, whose names are parameters; `rest` follows `entries/entry`.
pub(super) fn v1_entry(method: Method, entry: &EntryId, rest: &str, demand: Demand) -> Call {
    let EntryId { store, scope, key } = entry;
    let universe = store.universe;
    let path = format!(
        "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry{rest}"
    );
    Call::new(method, path, demand)
        .with_query("datastoreName", store.name.as_str())
        .with_query("scope", scope.as_str())
        .with_query("entryKey", key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::entry;
    use crate::path::Endpoint;
    use proptest::prelude::*;
    use steadfast_core::Limits;
    use steadfast_core::platform::Which;

    #[test]
    fn h_06_names_are_encoded_fully() {
        let id = entry("a/b c@1:increment%2F\u{e9}");
        let path = "/cloud/v2/universes/1/data-stores/S/scopes/global/entries/\
                    a%2Fb%20c%401%3Aincrement%252F%C3%A9";
        assert_eq!(v2_entry(&id), path);
        let call = v1_entry(Method::GET, &id, "", demand_of(Door::V1, Kind::Read, &id, 0));
        let query = "datastoreName=S&scope=global&entryKey=a%2Fb%20c%401%3Aincrement%252F%C3%A9";
        assert_eq!(call.query, query);
    }

    proptest! {
        #[test]
        fn any_name_arrives_as_it_is(key in "[^\0]{1,40}") {
            let id = entry(&key);
            let limits = Limits::native();
            let read = format!("{}@latest", v2_entry(&id));
            let Some(Endpoint::V2Entry(parent, segment)) = Endpoint::find(&read) else {
                panic!("{read}")
            };
            let (store, scope) = parent.read(&limits).unwrap();
            prop_assert_eq!((&store, &scope), (&id.store, &id.scope));
            let readings = segment.readings(&limits).unwrap();
            prop_assert_eq!(readings.len(), 1);
            prop_assert_eq!(readings[0].entry(&store, &scope), id.clone());
            prop_assert_eq!(&readings[0].which, &Which::Current);
            let write = v2_entry(&id);
            let Some(Endpoint::V2Entry(_, segment)) = Endpoint::find(&write) else {
                panic!("{write}")
            };
            prop_assert_eq!(segment.verb(), None);
            prop_assert_eq!(segment.literal(&limits).unwrap(), id.key);
        }
    }
}
