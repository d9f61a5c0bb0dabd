//! Lists, page by page.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::client::Call;
use crate::world::World;

pub(crate) const V1_STORES: &str = "/datastores/v1/universes/1/standard-datastores";
pub(crate) const V1_ENTRIES: &str =
    "/datastores/v1/universes/1/standard-datastores/datastore/entries";
pub(crate) const V2_STORES: &str = "/cloud/v2/universes/1/data-stores";

/// How a list names its parts.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) items: &'static str,
    /// What the answer calls the place where it goes on, and the request.
    next: &'static str,
    token: &'static str,
}

const fn v1(items: &'static str) -> Names {
    Names { items, next: "nextPageCursor", token: "cursor" }
}

const fn v2(items: &'static str) -> Names {
    Names { items, next: "nextPageToken", token: "pageToken" }
}

pub(crate) const DATASTORES: Names = v1("datastores");
pub(crate) const KEYS: Names = v1("keys");
pub(crate) const VERSIONS: Names = v1("versions");
pub(crate) const DATA_STORES: Names = v2("dataStores");
pub(crate) const ENTRIES: Names = v2("dataStoreEntries");

/// The first page of a list, and where it goes on: nothing at the end.
pub(crate) async fn page(world: &World, names: Names, path: &str) -> (Vec<Value>, Option<String>) {
    page_for(world, &world.root, names, path).await
}

/// The same for another key.
async fn page_for(
    world: &World,
    secret: &str,
    names: Names,
    path: &str,
) -> (Vec<Value>, Option<String>) {
    let answer = world.send(&Call::new("GET", path).key(secret)).await.ok();
    let body = answer.json();
    let next = body[names.next].as_str().unwrap_or_else(|| panic!("{path}: {answer:?}"));
    let items = body[names.items].as_array().unwrap_or_else(|| panic!("{path}: {answer:?}"));
    (items.clone(), Some(next.to_owned()).filter(|next| !next.is_empty()))
}

/// The path of the page of a token.
pub(crate) fn path_at(names: Names, path: &str, token: Option<&str>) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    token.map_or_else(|| path.to_owned(), |token| format!("{path}{mark}{}={token}", names.token))
}

/// Every page of a list from a token on.
pub(crate) async fn pages_from(
    world: &World,
    names: Names,
    path: &str,
    token: Option<String>,
) -> Vec<Vec<Value>> {
    pages_for(world, &world.root, (names, path), token).await
}

/// The same for another key.
pub(crate) async fn pages_for(
    world: &World,
    secret: &str,
    (names, path): (Names, &str),
    mut token: Option<String>,
) -> Vec<Vec<Value>> {
    let (mut pages, mut seen) = (Vec::new(), BTreeSet::new());
    loop {
        let at = path_at(names, path, token.as_deref());
        let (items, next) = page_for(world, secret, names, &at).await;
        pages.push(items);
        let Some(next) = next else { return pages };
        assert!(seen.insert(next.clone()), "{path} goes round in a circle");
        token = Some(next);
    }
}

/// Every page of a list.
pub(crate) async fn pages(world: &World, names: Names, path: &str) -> Vec<Vec<Value>> {
    pages_from(world, names, path, None).await
}

/// One member of each item of all pages.
pub(crate) async fn listed(world: &World, names: Names, path: &str, member: &str) -> Vec<String> {
    members(&pages(world, names, path).await.concat(), member)
}

/// One member of each item.
pub(crate) fn members(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
}
