//! The one table of routes: which call a method and a path name.
//!
//! [`Route`] is the same table as data: metrics and the description of the API are made of it.

use http::Method;
use steadfast_core::ApiKeyId;
use steadfast_core::budget::Door;
use steadfast_open_cloud::Endpoint;
use steadfast_open_cloud::path::{EntrySegment, Parent, StoreSegment, Verb};

use crate::admin::OperatorCall;
use crate::data::DataCall;
use crate::ordered::OrderedCall;
use crate::unbuilt;

/// A part of the server with error bodies of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Open Cloud v1, below `/datastores`.
    V1,
    /// Open Cloud v2, below `/cloud`.
    V2,
    /// Open Cloud v1 of ordered data stores, below `/ordered-data-stores`.
    Ordered,
    /// Open Cloud v1 of messages, below `/messaging-service`.
    Messages,
    /// Ours on data, below `/steadfast/v1/universes`.
    Own,
    /// Ours, below `/steadfast/v1/admin`.
    Admin,
    /// Everything else: open to everybody.
    Public,
}

const ADMIN_PREFIX: &str = "/steadfast/v1/admin";
/// What the paths of our own data API start with.
pub(crate) const OWN_PREFIX: &str = "/steadfast/v1/universes";

impl Surface {
    /// The surface of a path.
    pub(crate) fn of(path: &str) -> Self {
        let is_below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match () {
            () if is_below("/datastores") => Self::V1,
            () if is_below("/cloud") => Self::V2,
            () if is_below("/ordered-data-stores") => Self::Ordered,
            () if is_below("/messaging-service") => Self::Messages,
            () if is_below(OWN_PREFIX) => Self::Own,
            () if is_below(ADMIN_PREFIX) => Self::Admin,
            () => Self::Public,
        }
    }

    /// Whether its requests need a key.
    pub(crate) fn needs_key(self) -> bool {
        match self {
            Self::V1 | Self::V2 | Self::Ordered | Self::Messages | Self::Own | Self::Admin => true,
            Self::Public => false,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    V1(V1Call<'a>),
    V2(V2Call<'a>),
    Ordered(OrderedCall<'a>),
    /// One that is known and not built.
    Unbuilt(Route),
    Data(DataCall<'a>),
    Admin(AdminCall<'a>),
    Public(PublicCall),
    /// No call of that method and path.
    None,
}

/// A call of v1 in a universe, which stands as it does in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum V1Call<'a> {
    Stores { universe: &'a str },
    Entries { universe: &'a str },
    Get { universe: &'a str },
    Set { universe: &'a str },
    Increment { universe: &'a str },
    Delete { universe: &'a str },
    Versions { universe: &'a str },
    Version { universe: &'a str },
}

/// A call of v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum V2Call<'a> {
    Stores {
        universe: &'a str,
    },
    Snapshot {
        universe: &'a str,
    },
    StoreDelete(StoreSegment<'a>),
    /// Of what stands before the verb.
    StoreUndelete(StoreSegment<'a>),
    Entries(Parent<'a>),
    Create(Parent<'a>),
    Get(Parent<'a>, EntrySegment<'a>),
    Update(Parent<'a>, EntrySegment<'a>),
    /// Of what stands before the verb.
    Increment(Parent<'a>, EntrySegment<'a>),
    Delete(Parent<'a>, EntrySegment<'a>),
    /// Of what stands before the verb.
    Revisions(Parent<'a>, EntrySegment<'a>),
}

impl V2Call<'_> {
    /// By whose budgets it is counted.
    pub(crate) fn door(&self) -> Door {
        match self {
            Self::Snapshot { .. } => Door::Snapshot,
            Self::Stores { .. }
            | Self::StoreDelete(_)
            | Self::StoreUndelete(_)
            | Self::Entries(_)
            | Self::Create(_)
            | Self::Get(..)
            | Self::Update(..)
            | Self::Increment(..)
            | Self::Delete(..)
            | Self::Revisions(..) => Door::V2,
        }
    }
}

/// A call for administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AdminCall<'a> {
    KeyCreate,
    KeyList,
    /// No id if it cannot be one.
    KeyRevoke(Option<ApiKeyId>),
    Status,
    BackupCreate,
    /// By its name, as it stands in the path.
    BackupGet(&'a str),
    Operator(OperatorCall<'a>),
}

/// A call that needs no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublicCall {
    Healthz,
    Readyz,
    Metrics,
    OpenApi,
}

macro_rules! routes {
    ($($name:ident: $method:ident $($path:literal)+;)*) => {
        /// A call without what its path says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Route { $($name,)* }

        impl Route {
            /// Every route there is.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its method.
            pub(crate) const fn method(self) -> Method {
                match self { $(Self::$name => Method::$method,)* }
            }

            /// Its paths, with placeholders.
            pub(crate) const fn paths(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($path,)+],)* }
            }
        }
    };
}

// The first path is the one that metrics show.
routes! {
    V1Stores: GET "/datastores/v1/universes/{universe}/standard-datastores";
    V1Entries: GET "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries";
    V1Get: GET "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry";
    V1Set: POST "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry";
    V1Increment: POST
        "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry/increment";
    V1Delete: DELETE "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry";
    V1Versions: GET
        "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry/versions";
    V1Version: GET
        "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry/versions/version";
    V2Stores: GET "/cloud/v2/universes/{universe}/data-stores";
    V2Snapshot: POST "/cloud/v2/universes/{universe}/data-stores:snapshot";
    V2StoreDelete: DELETE "/cloud/v2/universes/{universe}/data-stores/{store}";
    V2StoreUndelete: POST "/cloud/v2/universes/{universe}/data-stores/{store}:undelete";
    V2Entries: GET "/cloud/v2/universes/{universe}/data-stores/{store}/entries"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries";
    V2Create: POST "/cloud/v2/universes/{universe}/data-stores/{store}/entries"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries";
    V2Get: GET "/cloud/v2/universes/{universe}/data-stores/{store}/entries/{entry}"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}";
    V2Update: PATCH "/cloud/v2/universes/{universe}/data-stores/{store}/entries/{entry}"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}";
    V2Increment: POST "/cloud/v2/universes/{universe}/data-stores/{store}/entries/{entry}:increment"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:increment";
    V2Delete: DELETE "/cloud/v2/universes/{universe}/data-stores/{store}/entries/{entry}"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}";
    V2Revisions: GET "/cloud/v2/universes/{universe}/data-stores/{store}/entries/{entry}:listRevisions"
        "/cloud/v2/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:listRevisions";
    V1OrderedList: GET "/ordered-data-stores/v1/universes/{universe}/orderedDataStores/{store}/scopes/{scope}/entries";
    V1OrderedCreate: POST "/ordered-data-stores/v1/universes/{universe}/orderedDataStores/{store}/scopes/{scope}/entries";
    V1OrderedGet: GET "/ordered-data-stores/v1/universes/{universe}/orderedDataStores/{store}/scopes/{scope}/entries/{entry}";
    V1OrderedUpdate: PATCH "/ordered-data-stores/v1/universes/{universe}/orderedDataStores/{store}/scopes/{scope}/entries/{entry}";
    V1OrderedIncrement: POST "/ordered-data-stores/v1/universes/{universe}/orderedDataStores/{store}/scopes/{scope}/entries/{entry}:increment";
    V1OrderedDelete: DELETE "/ordered-data-stores/v1/universes/{universe}/orderedDataStores/{store}/scopes/{scope}/entries/{entry}";
    V2OrderedList: GET "/cloud/v2/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries";
    V2OrderedCreate: POST "/cloud/v2/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries";
    V2OrderedGet: GET "/cloud/v2/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries/{entry}";
    V2OrderedUpdate: PATCH "/cloud/v2/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries/{entry}";
    V2OrderedIncrement: POST "/cloud/v2/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries/{entry}:increment";
    V2OrderedDelete: DELETE "/cloud/v2/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries/{entry}";
    SortedMapList: GET "/cloud/v2/universes/{universe}/memory-store/sorted-maps/{map}/items";
    SortedMapCreate: POST "/cloud/v2/universes/{universe}/memory-store/sorted-maps/{map}/items";
    SortedMapGet: GET "/cloud/v2/universes/{universe}/memory-store/sorted-maps/{map}/items/{item}";
    SortedMapUpdate: PATCH "/cloud/v2/universes/{universe}/memory-store/sorted-maps/{map}/items/{item}";
    SortedMapDelete: DELETE "/cloud/v2/universes/{universe}/memory-store/sorted-maps/{map}/items/{item}";
    QueueAdd: POST "/cloud/v2/universes/{universe}/memory-store/queues/{queue}/items";
    QueueAddOld: POST "/cloud/v2/universes/{universe}/memory-store/queues/{queue}/items:add";
    QueueRead: GET "/cloud/v2/universes/{universe}/memory-store/queues/{queue}/items:read";
    QueueDiscard: POST "/cloud/v2/universes/{universe}/memory-store/queues/{queue}/items:discard";
    MemoryFlush: POST "/cloud/v2/universes/{universe}/memory-store:flush";
    MemoryOperation: GET "/cloud/v2/universes/{universe}/memory-store/operations/{operation}";
    V2Publish: POST "/cloud/v2/universes/{universe}:publishMessage";
    V1Publish: POST "/messaging-service/v1/universes/{universe}/topics/{topic}";
    Standing: GET "/steadfast/v1/universes/{universe}/ordered-data-stores/{store}/scopes/{scope}/entries/{entry}:standing";
    Restore: POST "/steadfast/v1/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:restore";
    RevisionRemove: DELETE "/steadfast/v1/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:revision";
    StoreGet: GET "/steadfast/v1/universes/{universe}/data-stores/{store}";
    StoreUpdate: PATCH "/steadfast/v1/universes/{universe}/data-stores/{store}";
    KeyCreate: POST "/steadfast/v1/admin/keys";
    KeyList: GET "/steadfast/v1/admin/keys";
    KeyRevoke: DELETE "/steadfast/v1/admin/keys/{key}";
    Status: GET "/steadfast/v1/admin/status";
    BackupCreate: POST "/steadfast/v1/admin/backups";
    BackupGet: GET "/steadfast/v1/admin/backups/{backup}";
    Servers: GET "/steadfast/v1/admin/servers";
    OperatorLog: GET "/steadfast/v1/admin/universes/{universe}/log";
    Sessions: GET "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/sessions";
    Record: GET "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:record";
    RecordHistory: GET "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:history";
    RecordDiff: GET "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:diff";
    RecordExport: GET "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:export";
    RecordOperations: GET "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:operations";
    RecordChange: POST "/steadfast/v1/admin/universes/{universe}/data-stores/{store}/scopes/{scope}/entries/{entry}:change";
    Healthz: GET "/healthz";
    Readyz: GET "/readyz";
    Metrics: GET "/metrics";
    OpenApi: GET "/openapi.json";
}

impl Route {
    /// The path that metrics show.
    pub(crate) fn template(self) -> &'static str {
        self.paths().first().expect("every route has a path")
    }
}

impl<'a> Call<'a> {
    /// Finds the call of a request.
    pub(crate) fn find(method: &Method, path: &'a str) -> Self {
        match Surface::of(path) {
            Surface::V1 => Self::find_open_cloud(method, path),
            Surface::V2 | Surface::Ordered | Surface::Messages => {
                let ordered = OrderedCall::find(method, path).map(Self::Ordered);
                let found = ordered.or_else(|| unbuilt::find(method, path).map(Self::Unbuilt));
                found.unwrap_or_else(|| Self::find_open_cloud(method, path))
            }
            Surface::Own => DataCall::find(method, path).map_or(Self::None, Self::Data),
            Surface::Admin => find_admin(method, path).map_or(Self::None, Self::Admin),
            Surface::Public => match path {
                _ if method != Method::GET => Self::None,
                "/healthz" => Self::Public(PublicCall::Healthz),
                "/readyz" => Self::Public(PublicCall::Readyz),
                "/metrics" => Self::Public(PublicCall::Metrics),
                "/openapi.json" => Self::Public(PublicCall::OpenApi),
                _ => Self::None,
            },
        }
    }

    fn find_open_cloud(method: &Method, path: &'a str) -> Self {
        let Some(endpoint) = Endpoint::find(path) else { return Self::None };
        find_v1(method, endpoint)
            .map(Self::V1)
            .or_else(|| find_v2(method, endpoint).map(Self::V2))
            .unwrap_or(Self::None)
    }

    /// The path with placeholders, as metrics show it.
    pub(crate) fn template(&self) -> &'static str {
        self.route().map_or("none", Route::template)
    }

    /// The route of the call.
    pub(crate) fn route(&self) -> Option<Route> {
        let route = match self {
            Self::V1(V1Call::Stores { .. }) => Route::V1Stores,
            Self::V1(V1Call::Entries { .. }) => Route::V1Entries,
            Self::V1(V1Call::Get { .. }) => Route::V1Get,
            Self::V1(V1Call::Set { .. }) => Route::V1Set,
            Self::V1(V1Call::Increment { .. }) => Route::V1Increment,
            Self::V1(V1Call::Delete { .. }) => Route::V1Delete,
            Self::V1(V1Call::Versions { .. }) => Route::V1Versions,
            Self::V1(V1Call::Version { .. }) => Route::V1Version,
            Self::V2(V2Call::Stores { .. }) => Route::V2Stores,
            Self::V2(V2Call::Snapshot { .. }) => Route::V2Snapshot,
            Self::V2(V2Call::StoreDelete(_)) => Route::V2StoreDelete,
            Self::V2(V2Call::StoreUndelete(_)) => Route::V2StoreUndelete,
            Self::V2(V2Call::Entries(_)) => Route::V2Entries,
            Self::V2(V2Call::Create(..)) => Route::V2Create,
            Self::V2(V2Call::Get(..)) => Route::V2Get,
            Self::V2(V2Call::Update(..)) => Route::V2Update,
            Self::V2(V2Call::Increment(..)) => Route::V2Increment,
            Self::V2(V2Call::Delete(..)) => Route::V2Delete,
            Self::V2(V2Call::Revisions(..)) => Route::V2Revisions,
            Self::Ordered(call) => call.route(),
            Self::Unbuilt(route) => *route,
            Self::Data(call) => call.route(),
            Self::Admin(AdminCall::KeyCreate) => Route::KeyCreate,
            Self::Admin(AdminCall::KeyList) => Route::KeyList,
            Self::Admin(AdminCall::KeyRevoke(_)) => Route::KeyRevoke,
            Self::Admin(AdminCall::Status) => Route::Status,
            Self::Admin(AdminCall::BackupCreate) => Route::BackupCreate,
            Self::Admin(AdminCall::BackupGet(_)) => Route::BackupGet,
            Self::Admin(AdminCall::Operator(call)) => call.route(),
            Self::Public(PublicCall::Healthz) => Route::Healthz,
            Self::Public(PublicCall::Readyz) => Route::Readyz,
            Self::Public(PublicCall::Metrics) => Route::Metrics,
            Self::Public(PublicCall::OpenApi) => Route::OpenApi,
            Self::None => return None,
        };
        Some(route)
    }
}

fn find_v1<'a>(method: &Method, endpoint: Endpoint<'a>) -> Option<V1Call<'a>> {
    match (endpoint, method) {
        (Endpoint::V1Stores { universe }, &Method::GET) => Some(V1Call::Stores { universe }),
        (Endpoint::V1Entries { universe }, &Method::GET) => Some(V1Call::Entries { universe }),
        (Endpoint::V1Entry { universe }, &Method::GET) => Some(V1Call::Get { universe }),
        (Endpoint::V1Entry { universe }, &Method::POST) => Some(V1Call::Set { universe }),
        (Endpoint::V1Entry { universe }, &Method::DELETE) => Some(V1Call::Delete { universe }),
        (Endpoint::V1Increment { universe }, &Method::POST) => Some(V1Call::Increment { universe }),
        (Endpoint::V1Versions { universe }, &Method::GET) => Some(V1Call::Versions { universe }),
        (Endpoint::V1Version { universe }, &Method::GET) => Some(V1Call::Version { universe }),
        _ => None,
    }
}

fn find_v2<'a>(method: &Method, endpoint: Endpoint<'a>) -> Option<V2Call<'a>> {
    match (endpoint, method) {
        (Endpoint::V2Stores { universe }, &Method::GET) => Some(V2Call::Stores { universe }),
        (Endpoint::V2Snapshot { universe }, &Method::POST) => Some(V2Call::Snapshot { universe }),
        // A deletion spells the data store literally, verb and all.
        (Endpoint::V2Store(store), &Method::DELETE) => Some(V2Call::StoreDelete(store)),
        (Endpoint::V2Store(store), &Method::POST) => store.of_undelete().map(V2Call::StoreUndelete),
        (Endpoint::V2Entries(parent), &Method::GET) => Some(V2Call::Entries(parent)),
        (Endpoint::V2Entries(parent), &Method::POST) => Some(V2Call::Create(parent)),
        (Endpoint::V2Entry(parent, id), &Method::GET) => match id.verb() {
            None => Some(V2Call::Get(parent, id)),
            Some(Verb::ListRevisions) => Some(V2Call::Revisions(parent, id.without_verb())),
            // A call of another method, not an entry of that name.
            Some(Verb::Increment) => None,
        },
        (Endpoint::V2Entry(parent, id), &Method::POST) => match id.verb() {
            Some(Verb::Increment) => Some(V2Call::Increment(parent, id.without_verb())),
            Some(Verb::ListRevisions) | None => None,
        },
        (Endpoint::V2Entry(parent, id), &Method::PATCH) => Some(V2Call::Update(parent, id)),
        (Endpoint::V2Entry(parent, id), &Method::DELETE) => Some(V2Call::Delete(parent, id)),
        _ => None,
    }
}

fn find_admin<'a>(method: &Method, path: &'a str) -> Option<AdminCall<'a>> {
    let path = path.strip_prefix(ADMIN_PREFIX)?;
    if let Some(call) = OperatorCall::find(method, path) {
        return Some(AdminCall::Operator(call));
    }
    match (path, method) {
        ("/keys", &Method::POST) => Some(AdminCall::KeyCreate),
        ("/keys", &Method::GET) => Some(AdminCall::KeyList),
        ("/status", &Method::GET) => Some(AdminCall::Status),
        ("/backups", &Method::POST) => Some(AdminCall::BackupCreate),
        (rest, &Method::GET) => {
            let name = rest.strip_prefix("/backups/").filter(|name| !name.contains('/'))?;
            Some(AdminCall::BackupGet(name))
        }
        (rest, &Method::DELETE) => {
            let id = rest.strip_prefix("/keys/").filter(|id| !id.contains('/'))?;
            Some(AdminCall::KeyRevoke(ApiKeyId::parse(id)))
        }
        _ => None,
    }
}

/// A method as metrics show it: few, whatever clients send.
pub(crate) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "/datastores/v1/universes/1/standard-datastores/datastore/entries/entry";
    const V2: &str = "/cloud/v2/universes/1/data-stores/s/entries";

    #[test]
    fn every_route_has_its_surface() {
        for (path, surface) in [
            (V1, Surface::V1),
            ("/datastores", Surface::V1),
            ("/datastoresx", Surface::Public),
            (V2, Surface::V2),
            ("/cloud/", Surface::V2),
            ("/ordered-data-stores/v1/x", Surface::Ordered),
            ("/ordered-data-storesx", Surface::Public),
            ("/messaging-service/v1/x", Surface::Messages),
            ("/steadfast/v1/universes/1/data-stores/s", Surface::Own),
            ("/steadfast/v1/universesx", Surface::Public),
            ("/steadfast/v1/admin/keys", Surface::Admin),
            ("/steadfast/v1/admin", Surface::Admin),
            ("/steadfast/v1/administrator", Surface::Public),
            ("/healthz", Surface::Public),
            ("", Surface::Public),
        ] {
            assert_eq!(Surface::of(path), surface, "{path}");
        }
    }

    #[test]
    fn the_table_of_routes() {
        let entry = format!("{V2}/k");
        let (v1_stores, v1_entries) = (
            V1.strip_suffix("/datastore/entries/entry").unwrap(),
            V1.strip_suffix("/entry").unwrap(),
        );
        let v2_store = V2.strip_suffix("/entries").unwrap();
        let v2_stores = v2_store.strip_suffix("/s").unwrap();
        let with = |path: &str, end: &str| format!("{path}{end}");
        let (v1_increment, v2_increment) = (with(V1, "/increment"), with(&entry, ":increment"));
        let key = format!("/steadfast/v1/admin/keys/{:032x}", 7);
        let record = "/steadfast/v1/admin/universes/1/data-stores/s/scopes/x/entries/";
        let routes = [
            (V1, "GET POST DELETE"),
            (&v1_increment, "POST"),
            (v1_stores, "GET"),
            (v1_entries, "GET"),
            (&with(V1, "/versions"), "GET"),
            (&with(V1, "/versions/version"), "GET"),
            (v2_stores, "GET"),
            (&with(v2_stores, ":snapshot"), "POST"),
            (&with(v2_stores, ":undelete"), ""),
            (v2_store, "DELETE"),
            // A deletion spells the data store literally.
            (&with(v2_store, ":undelete"), "POST DELETE"),
            (V2, "GET POST"),
            (&entry, "GET PATCH DELETE"),
            // A write of the key spells it literally (H-40).
            (&v2_increment, "POST PATCH DELETE"),
            (&with(&entry, ":listRevisions"), "GET PATCH DELETE"),
            ("/steadfast/v1/admin/keys", "GET POST"),
            (&key, "DELETE"),
            ("/steadfast/v1/admin/status", "GET"),
            ("/steadfast/v1/admin/backups", "POST"),
            ("/steadfast/v1/admin/backups/monday", "GET"),
            ("/steadfast/v1/admin/backups/a/b", ""),
            ("/steadfast/v1/admin/servers", "GET"),
            ("/steadfast/v1/admin/universes/1/log", "GET"),
            ("/steadfast/v1/admin/universes/1/log/x", ""),
            ("/steadfast/v1/admin/universes/1/data-stores/s/sessions", "GET"),
            ("/steadfast/v1/admin/universes/1/data-stores/s", ""),
            (&with(record, "k:record"), "GET"),
            (&with(record, "a:b/c:history"), "GET"),
            (&with(record, "k:diff"), "GET"),
            (&with(record, "k:export"), "GET"),
            (&with(record, "k:operations"), "GET"),
            (&with(record, "k:change"), "POST"),
            (&with(record, "k"), ""),
            (&with(record, "k:other"), ""),
            ("/healthz", "GET"),
            ("/readyz", "GET"),
            ("/metrics", "GET"),
            ("/openapi.json", "GET"),
        ];
        check_routes(&routes);
    }

    #[test]
    fn the_table_of_routes_beyond_standard_data_stores() {
        let (memory, own) = ("/cloud/v2/universes/1/memory-store", "/steadfast/v1/universes/1");
        let ordered = [
            "/ordered-data-stores/v1/universes/1/orderedDataStores/s/scopes/x/entries",
            "/cloud/v2/universes/1/ordered-data-stores/s/scopes/x/entries",
        ];
        check_routes(&[
            (ordered[0], "GET POST"),
            (&format!("{}/k", ordered[0]), "GET PATCH DELETE"),
            (&format!("{}/a/b", ordered[0]), "GET PATCH DELETE"),
            (&format!("{}/k:increment", ordered[0]), "POST PATCH DELETE"),
            // These stores have no revisions: that is an id.
            (&format!("{}/k:listRevisions", ordered[0]), "GET PATCH DELETE"),
            (ordered[1], "GET POST"),
            (&format!("{}/k", ordered[1]), "GET PATCH DELETE"),
            (&format!("{}/k:increment", ordered[1]), "POST PATCH DELETE"),
            ("/ordered-data-stores/v1/universes/1/orderedDataStores/s/entries", ""),
            ("/cloud/v2/universes/1/ordered-data-stores/s", ""),
            (&format!("{memory}/sorted-maps/m/items"), "GET POST"),
            (&format!("{memory}/sorted-maps/m/items/i"), "GET PATCH DELETE"),
            (&format!("{memory}/sorted-maps/m/items/i/j"), ""),
            (&format!("{memory}/sorted-maps//items"), "GET POST"),
            (&format!("{memory}/sorted-maps/m"), ""),
            (&format!("{memory}/queues/q/items"), "POST"),
            (&format!("{memory}/queues/q/items:add"), "POST"),
            (&format!("{memory}/queues/q/items:read"), "GET"),
            (&format!("{memory}/queues/q/items:discard"), "POST"),
            (&format!("{memory}/queues/q/items:peek"), ""),
            (&format!("{memory}:flush"), "POST"),
            (memory, ""),
            (&format!("{memory}/operations/o"), "GET"),
            ("/cloud/v2/universes/1/operations/o", ""),
            ("/cloud/v2/universes/1:publishMessage", "POST"),
            ("/cloud/v2/universes/publishMessage", ""),
            ("/cloud/v2/universes/1:publish", ""),
            ("/messaging-service/v1/universes/1/topics/t", "POST"),
            ("/messaging-service/v1/universes/1/topics", ""),
            (&format!("{own}/ordered-data-stores/s/scopes/x/entries/k:standing"), "GET"),
            (&format!("{own}/ordered-data-stores/s/scopes/x/entries/a:b/c:standing"), "GET"),
            (&format!("{own}/ordered-data-stores/s/scopes/x/entries/k"), ""),
            (&format!("{own}/ordered-data-stores/s/scopes/x/entries/k:restore"), ""),
            (&format!("{own}/ordered-data-stores/s"), ""),
            (&format!("{own}/data-stores/s/scopes/x/entries/k:standing"), ""),
            (&format!("{own}/data-stores/s/scopes/x/entries/k:restore"), "POST"),
            (&format!("{own}/data-stores/s/scopes/x/entries/k:revision"), "DELETE"),
            (&format!("{own}/data-stores/s/scopes/x/entries/k%3Arevision"), ""),
            (&format!("{own}/data-stores/s"), "GET PATCH"),
            (&format!("{own}/data-stores/s/"), ""),
            (&format!("{own}/data-stores"), ""),
        ]);
    }

    /// Checks that paths have these methods and no others.
    #[track_caller]
    fn check_routes(routes: &[(&str, &str)]) {
        for (path, methods) in routes {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
                let call = Call::find(&Method::from_bytes(method.as_bytes()).unwrap(), path);
                let is_route = methods.split(' ').any(|known| known == method);
                assert_eq!(call != Call::None, is_route, "{method} {path}");
            }
        }
    }

    #[test]
    fn every_route_is_found_at_its_paths_and_nowhere_else() {
        let (methods, paths): (Vec<_>, Vec<_>) =
            Route::ALL.iter().map(|route| (route.method(), route.paths())).unzip();
        for template in paths.into_iter().flatten() {
            let path = template.replace("{universe}", "1").replace("{key}", &format!("{:032x}", 7));
            for method in &methods {
                let found = Call::find(method, &path).route();
                let listed = |template: &str| {
                    let is_listed = |route: &&Route| {
                        route.method() == *method && route.paths().contains(&template)
                    };
                    Route::ALL.iter().find(is_listed).copied()
                };
                // Updates and deletions spell the entry literally, verb and all (H-40).
                let is_literal = *method == Method::PATCH || *method == Method::DELETE;
                let verbs = [":increment", ":listRevisions", ":undelete"];
                let literal = verbs.iter().find_map(|verb| template.strip_suffix(verb));
                let literal = literal.filter(|_| is_literal);
                let expected = listed(template).or_else(|| literal.and_then(listed));
                assert_eq!(found, expected, "{method} {path}");
            }
        }
    }

    #[test]
    fn h_08_a_verb_is_not_an_entry() {
        let is_none = |method: Method, id: &str| {
            let path = format!("{V2}/{id}");
            Call::find(&method, &path) == Call::None
        };
        assert!(is_none(Method::POST, "k:listRevisions"));
        assert!(is_none(Method::GET, "k:increment"));
        assert!(is_none(Method::POST, "k%3Aincrement"));
        assert!(!is_none(Method::GET, "k%3AlistRevisions"));
        assert!(!is_none(Method::GET, "a:b"));
        let list = |id: &str| Call::find(&Method::GET, &format!("{V2}/{id}")).route();
        assert_eq!(list("k:listRevisions"), Some(Route::V2Revisions));
        assert_eq!(list("k%3AlistRevisions"), Some(Route::V2Get));
    }
}
