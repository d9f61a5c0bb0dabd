//! Reading what a service answers to a call that it carried out.
//!
//! Strict in what it takes for data, lenient in what it does not need: the end of a list is an empty
//! token, none or `null` (H-09), `users` may be missing (H-14), a whole number may be written with a
//! fraction of nothing (client rule 27).

use std::borrow::Cow;
use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use steadfast_core::platform::{
    EntryState, History, ListedEntry, ListedRevision, OrderedItem, Place, RETENTION, RevisionId,
    Snapshot, Standing, StoreInfo, parse_amount,
};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{
    EntryId, EntryKey, JsonText, Limits, Revision, Scope, StoreId, StoreName, Timestamp, UserId,
};

use super::transport::Reply;
use crate::{time, v1};

/// What comes before the id of a user.
const USER_PREFIX: &str = "users/";

/// An answer that is not what the API says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Garbled(Cow<'static, str>);

type Parsed<T> = Result<T, Garbled>;

impl Garbled {
    pub(super) fn reason(&self) -> Arc<str> {
        format!("the answer is not understood: {}", self.0).into()
    }
}

fn garbled(what: impl Into<Cow<'static, str>>) -> Garbled {
    Garbled(what.into())
}

/// A state with the id that the service gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) state: EntryState,
    pub(super) id: String,
}

impl Told {
    fn new(
        entry: &EntryId,
        id: &str,
        (created_at, updated_at): (Timestamp, Timestamp),
        content: Option<Content>,
    ) -> Self {
        // The tag is not on the wire, nor is a schema.
        let (revision, schema) = (Revision { counter: counter_of(id), tag: 0 }, None);
        let (entry, content) = (entry.clone(), content.map(Arc::new));
        let state = EntryState { entry, revision, created_at, updated_at, content, schema };
        Self { state, id: id.to_owned() }
    }

    /// The state that a revision of a list is, if it is a deletion: it has no more than that.
    pub(super) fn of_deletion(entry: &EntryId, revision: &ListedRevision) -> Self {
        let times = (revision.created_at, revision.updated_at);
        Self::new(entry, revision.id.as_str(), times, None)
    }
}

/// The number of the write, as the second part of an id has it; 0 where there is none.
fn counter_of(id: &str) -> u64 {
    let part = id.split('.').nth(1);
    part.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// A `DataStoreEntry` of v2.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody<'a> {
    #[serde(borrow)]
    create_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    revision_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    revision_create_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    users: Option<Vec<String>>,
    #[serde(borrow)]
    attributes: Option<&'a RawValue>,
    #[serde(borrow)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
}

/// A member that is there, also if it is `null`: that is a value.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl EntryBody<'_> {
    fn is_deleted(&self) -> bool {
        self.state.as_deref() == Some("DELETED")
    }

    fn times(&self) -> Parsed<(Timestamp, Timestamp)> {
        let read = |text: &Option<Cow<'_, str>>, name: &'static str| {
            timestamp(text.as_deref().ok_or_else(|| garbled(format!("`{name}` is missing")))?)
        };
        let created_at = read(&self.create_time, "createTime")?;
        Ok((created_at, read(&self.revision_create_time, "revisionCreateTime")?))
    }

    fn revision_id(&self) -> Parsed<&str> {
        let id = self.revision_id.as_deref().filter(|id| !id.is_empty());
        id.ok_or_else(|| garbled("`revisionId` is missing"))
    }

    fn content(&self, limits: &Limits) -> Parsed<Content> {
        let value = self.value.ok_or_else(|| garbled("`value` is missing"))?;
        let users = self.users.iter().flatten();
        let user_id = |user: &String| {
            let id = user.strip_prefix(USER_PREFIX).unwrap_or(user);
            UserId::parse(id, limits).map_err(|_| garbled("a user id is not one"))
        };
        Ok(Content {
            value: value_of(value.get().as_bytes(), limits)?,
            user_ids: users.map(user_id).collect::<Parsed<_>>()?,
            metadata: metadata_of(self.attributes.map(RawValue::get), limits)?,
        })
    }
}

/// A state of an entry, as v2 shows it.
pub(super) fn entry(reply: &Reply, entry: &EntryId, limits: &Limits) -> Parsed<Told> {
    let body: EntryBody<'_> = parse(reply)?;
    let content = if body.is_deleted() { None } else { Some(body.content(limits)?) };
    Ok(Told::new(entry, body.revision_id()?, body.times()?, content))
}

/// The revision that was removed: a key that may not read revisions is not shown it, and then it is
/// told as the deletion that its id makes of it.
pub(super) fn removed(
    reply: &Reply,
    id: &EntryId,
    revision: &RevisionId,
    limits: &Limits,
) -> Parsed<Told> {
    if reply.body.trim_ascii() != b"{}" {
        return entry(reply, id, limits);
    }
    let time = |part| {
        let ticks = u64::from_str_radix(revision.as_str().split('.').nth(part)?, 16).ok()?;
        Timestamp::from_dotnet_ticks(ticks)
    };
    let times = time(0).zip(time(2)).ok_or_else(|| garbled("the revision is not shown"))?;
    Ok(Told::new(id, revision.as_str(), times, None))
}

/// The state that a v1 write made of this content.
pub(super) fn written(reply: &Reply, entry: &EntryId, content: &Arc<Content>) -> Parsed<Told> {
    let version: VersionBody<'_> = parse(reply)?;
    if version.deleted {
        return Err(garbled("a write of a value made a deletion"));
    }
    let times = (timestamp(&version.object_created_time)?, timestamp(&version.created_time)?);
    let mut told = Told::new(entry, &version.version, times, None);
    told.state.content = Some(Arc::clone(content));
    Ok(told)
}

/// The current state, as v1 shows it to a write whose condition does not hold (H-94). Nothing if the
/// answer does not show it.
pub(super) fn current(reply: &Reply, entry: &EntryId, limits: &Limits) -> Option<Told> {
    let header = |name| header(&reply.headers, name);
    let times = (
        timestamp(header(v1::CREATED_TIME)?).ok()?,
        timestamp(header(v1::VERSION_CREATED_TIME)?).ok()?,
    );
    let content = Content {
        value: value_of(&reply.body, limits).ok()?,
        user_ids: v1::user_ids(header(v1::USER_IDS).map(str::as_bytes), limits).ok()?,
        metadata: v1::attributes(header(v1::ATTRIBUTES).map(str::as_bytes), limits).ok()?,
    };
    Some(Told::new(entry, header(v1::VERSION)?, times, Some(content)))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// A page as it came, and where the list goes on.
pub(super) type RawPage<T> = (Vec<T>, Option<String>);

fn page<T>(items: Vec<T>, token: Option<String>) -> RawPage<T> {
    (items, token.filter(|token| !token.is_empty()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntriesBody<'a> {
    #[serde(borrow)]
    data_store_entries: Vec<EntryBody<'a>>,
    next_page_token: Option<String>,
}

/// A page of entries of a scope; of all scopes without one.
pub(super) fn entries(
    reply: &Reply,
    store: &StoreId,
    scope: Option<&Scope>,
    limits: &Limits,
) -> Parsed<RawPage<ListedEntry>> {
    let body: EntriesBody<'_> = parse(reply)?;
    let item = |item: &EntryBody<'_>| {
        let id = item.id.as_deref().unwrap_or_default();
        let (scope, key) = place_of(item.path.as_deref(), id, store, scope)
            .ok_or_else(|| garbled("the path of an entry is not that of its id"))?;
        let name = |_| garbled("the name of an entry is not one");
        let scope = Scope::parse(scope, limits).map_err(name)?;
        let key = EntryKey::parse(key, limits).map_err(name)?;
        Ok(ListedEntry { scope, key, is_deleted: item.is_deleted() })
    };
    let items = body.data_store_entries.iter().map(item).collect::<Parsed<_>>()?;
    Ok(page(items, body.next_page_token))
}

/// The scope and the key of a listed entry. Both may hold slashes, and the id may start with the
/// scope: the path, which has both, must agree with one of the ways to read them.
fn place_of<'a>(
    path: Option<&'a str>,
    id: &'a str,
    store: &StoreId,
    scope: Option<&'a Scope>,
) -> Option<(&'a str, &'a str)> {
    let Some(path) = path else {
        return match scope {
            Some(scope) => Some((scope.as_str(), id)),
            None => id.split_once('/'),
        };
    };
    let path = path.strip_prefix("cloud/v2/").unwrap_or(path);
    let start = format!("universes/{}/data-stores/{}/scopes/", store.universe, store.name);
    let rest = path.strip_prefix(&*start)?;
    if let Some(scope) = rest.strip_suffix(id).and_then(|rest| rest.strip_suffix("/entries/")) {
        return Some((scope, id));
    }
    let mut slashes = id.match_indices('/');
    slashes.find_map(|(at, _)| {
        let (scope, key) = (id.get(..at)?, id.get(at + 1..)?);
        let spelt = rest.strip_prefix(scope).and_then(|rest| rest.strip_prefix("/entries/"));
        (spelt == Some(key)).then_some((scope, key))
    })
}

/// A page of revisions, as v2 shows it.
pub(super) fn revisions(reply: &Reply) -> Parsed<RawPage<ListedRevision>> {
    let body: EntriesBody<'_> = parse(reply)?;
    let item = |item: &EntryBody<'_>| {
        let (created_at, updated_at) = item.times()?;
        let (id, is_deleted) = (RevisionId::from_client(item.revision_id()?), item.is_deleted());
        let (is_pinned, schema, value_size) = (false, None, None);
        Ok(ListedRevision { id, created_at, updated_at, is_deleted, is_pinned, schema, value_size })
    };
    let items = body.data_store_entries.iter().map(item).collect::<Parsed<_>>()?;
    Ok(page(items, body.next_page_token))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionBody<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(default)]
    deleted: bool,
    content_length: Option<usize>,
    #[serde(borrow)]
    created_time: Cow<'a, str>,
    #[serde(borrow)]
    object_created_time: Cow<'a, str>,
}

/// A page of revisions, as v1 shows it: with the sizes of their values.
pub(super) fn versions(reply: &Reply) -> Parsed<RawPage<ListedRevision>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(borrow)]
        versions: Vec<VersionBody<'a>>,
        next_page_cursor: Option<String>,
    }
    let body: Body<'_> = parse(reply)?;
    let item = |version: &VersionBody<'_>| {
        Ok(ListedRevision {
            id: RevisionId::from_client(&version.version),
            created_at: timestamp(&version.object_created_time)?,
            updated_at: timestamp(&version.created_time)?,
            is_deleted: version.deleted,
            is_pinned: false,
            schema: None,
            value_size: version.content_length.filter(|_| !version.deleted),
        })
    };
    Ok(page(body.versions.iter().map(item).collect::<Parsed<_>>()?, body.next_page_cursor))
}

/// The place of a listed revision in the history of its entry.
pub(super) fn counter_in(revision: &ListedRevision) -> u64 {
    counter_of(revision.id.as_str())
}

/// A data store, as v2 or our own API shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoreBody<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    create_time: Cow<'a, str>,
    #[serde(borrow)]
    update_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    expire_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    history: Option<Cow<'a, str>>,
}

impl StoreBody<'_> {
    fn info(&self, universe: steadfast_core::UniverseId, limits: &Limits) -> Parsed<StoreInfo> {
        let name = StoreName::parse(&self.id, limits)
            .map_err(|_| garbled("the name of a data store is not one"))?;
        let created_at = timestamp(&self.create_time)?;
        let expires_at = self.expire_time.as_deref().map(timestamp).transpose()?;
        let deleted_at = expires_at.map(deleted_at);
        if deleted_at.is_none() && self.state.as_deref() == Some("DELETED") {
            return Err(garbled("a deleted data store has no `expireTime`"));
        }
        // Open Cloud does not say when it was set up, only when it was made or deleted.
        let updated_at = self.update_time.as_deref().map(timestamp).transpose()?;
        let history = |name: &str| {
            History::parse(name).ok_or_else(|| garbled("a setting for history is not one"))
        };
        Ok(StoreInfo {
            store: StoreId { universe, name },
            created_at,
            updated_at: updated_at.or(deleted_at).unwrap_or(created_at),
            deleted_at,
            history: self.history.as_deref().map(history).transpose()?,
        })
    }
}

/// When a data store was deleted that expires at a time.
fn deleted_at(expires_at: Timestamp) -> Timestamp {
    let kept = Timestamp::EPOCH.saturating_add(RETENTION).ticks();
    Timestamp::from_ticks(expires_at.ticks().saturating_sub(kept))
}

/// One data store, which must be the one that was asked for.
pub(super) fn store(reply: &Reply, store: &StoreId, limits: &Limits) -> Parsed<StoreInfo> {
    let info = parse::<StoreBody<'_>>(reply)?.info(store.universe, limits)?;
    if info.store == *store { Ok(info) } else { Err(garbled("it is of another data store")) }
}

/// A page of data stores.
pub(super) fn stores(
    reply: &Reply,
    universe: steadfast_core::UniverseId,
    limits: &Limits,
) -> Parsed<RawPage<StoreInfo>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(borrow)]
        data_stores: Vec<StoreBody<'a>>,
        next_page_token: Option<String>,
    }
    let body: Body<'_> = parse(reply)?;
    let items = body.data_stores.iter().map(|store| store.info(universe, limits));
    Ok(page(items.collect::<Parsed<_>>()?, body.next_page_token))
}

/// The snapshot of the day.
pub(super) fn snapshot(reply: &Reply) -> Parsed<Snapshot> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        new_snapshot_taken: bool,
        #[serde(borrow)]
        latest_snapshot_time: Cow<'a, str>,
    }
    let body: Body<'_> = parse(reply)?;
    let taken_at = timestamp(&body.latest_snapshot_time)?;
    Ok(Snapshot { is_new: body.new_snapshot_taken, taken_at })
}

#[derive(Deserialize)]
struct OrderedBody<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// The value of an entry of an ordered data store.
pub(super) fn ordered_value(reply: &Reply) -> Parsed<i64> {
    integer(parse::<OrderedBody<'_>>(reply)?.value)
}

fn integer(value: &RawValue) -> Parsed<i64> {
    parse_amount(value.get()).map_err(|_| garbled("a value is not an integer of 64 bits"))
}

/// A page of a board.
pub(super) fn ordered(reply: &Reply, limits: &Limits) -> Parsed<RawPage<OrderedItem>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(borrow)]
        ordered_data_store_entries: Vec<OrderedBody<'a>>,
        next_page_token: Option<String>,
    }
    let body: Body<'_> = parse(reply)?;
    let item = |item: &OrderedBody<'_>| {
        let key = key_of(item.id.as_deref().unwrap_or_default(), limits)?;
        Ok(OrderedItem { key, value: integer(item.value)? })
    };
    let items = body.ordered_data_store_entries.iter().map(item).collect::<Parsed<_>>()?;
    Ok(page(items, body.next_page_token))
}

/// Where an entry stands on its board.
pub(super) fn standing(reply: &Reply, limits: &Limits) -> Parsed<Standing> {
    #[derive(Deserialize)]
    struct PlaceBody<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow)]
        value: &'a RawValue,
        position: u64,
        rank: u64,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow)]
        value: &'a RawValue,
        position: u64,
        rank: u64,
        entry_count: u64,
        #[serde(borrow)]
        around: Vec<PlaceBody<'a>>,
    }
    let Body { id, value, position, rank, entry_count, around } = parse(reply)?;
    let place = Place { key: key_of(&id, limits)?, value: integer(value)?, position, rank };
    let neighbour = |PlaceBody { id, value, position, rank }: &PlaceBody<'_>| {
        let (key, value) = (key_of(id, limits)?, integer(value)?);
        Ok(Place { key, value, position: *position, rank: *rank })
    };
    let around = around.iter().map(neighbour).collect::<Parsed<_>>()?;
    Ok(Standing { place, entry_count, around })
}

fn key_of(id: &str, limits: &Limits) -> Parsed<EntryKey> {
    EntryKey::parse(id, limits).map_err(|_| garbled("the name of an entry is not one"))
}

fn value_of(bytes: &[u8], limits: &Limits) -> Parsed<JsonText> {
    JsonText::parse(bytes, limits).map_err(|error| garbled(error.to_string()))
}

fn metadata_of(text: Option<&str>, limits: &Limits) -> Parsed<Metadata> {
    match text.filter(|text| *text != "null") {
        None => Ok(Metadata::empty()),
        Some(text) => Metadata::parse(text, limits).map_err(|error| garbled(error.to_string())),
    }
}

fn timestamp(text: &str) -> Parsed<Timestamp> {
    time::parse(text).map_err(|error| garbled(error.to_string()))
}

/// The text of an error of the JSON library may hold a part of the body, so that it is left out.
fn parse<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Parsed<T> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| garbled("it is not UTF-8"))?;
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        garbled(format!("it is not the JSON that was asked for, line {line} column {column}"))
    })
}

#[cfg(test)]
#[path = "answer/tests.rs"]
mod tests;
