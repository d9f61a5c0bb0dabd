//! The one table of routes: which call a method and a path name.
//!
//! [`Route`] is the same table as data: metrics and the description of the API are made of it.

use http::Method;
use steadfast_core::ApiKeyId;
use steadfast_open_cloud::Endpoint;
use steadfast_open_cloud::path::{EntrySegment, Parent, Verb};

/// A part of the server with error bodies of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Open Cloud v1, below `/datastores`.
    V1,
    /// Open Cloud v2, below `/cloud`.
    V2,
    /// Ours, below `/steadfast/v1/admin`.
    Admin,
    /// Everything else: open to everybody.
    Public,
}

const ADMIN_PREFIX: &str = "/steadfast/v1/admin";

impl Surface {
    /// The surface of a path.
    pub(crate) fn of(path: &str) -> Self {
        let is_below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match () {
            () if is_below("/datastores") => Self::V1,
            () if is_below("/cloud") => Self::V2,
            () if is_below(ADMIN_PREFIX) => Self::Admin,
            () => Self::Public,
        }
    }

    /// Whether its requests need a key.
    pub(crate) fn needs_key(self) -> bool {
        match self {
            Self::V1 | Self::V2 | Self::Admin => true,
            Self::Public => false,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    V1(V1Call<'a>),
    V2(V2Call<'a>),
    Admin(AdminCall<'a>),
    Public(PublicCall),
    /// No call of that method and path.
    None,
}

/// A call of v1 on one entry of a universe, which stands as it does in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum V1Call<'a> {
    Get { universe: &'a str },
    Set { universe: &'a str },
    Increment { universe: &'a str },
    Delete { universe: &'a str },
}

/// A call of v2 on one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum V2Call<'a> {
    Create(Parent<'a>),
    Get(Parent<'a>, EntrySegment<'a>),
    Update(Parent<'a>, EntrySegment<'a>),
    /// Of what stands before the verb.
    Increment(Parent<'a>, EntrySegment<'a>),
    Delete(Parent<'a>, EntrySegment<'a>),
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
    V1Get: GET "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry";
    V1Set: POST "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry";
    V1Increment: POST
        "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry/increment";
    V1Delete: DELETE "/datastores/v1/universes/{universe}/standard-datastores/datastore/entries/entry";
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
    KeyCreate: POST "/steadfast/v1/admin/keys";
    KeyList: GET "/steadfast/v1/admin/keys";
    KeyRevoke: DELETE "/steadfast/v1/admin/keys/{key}";
    Status: GET "/steadfast/v1/admin/status";
    BackupCreate: POST "/steadfast/v1/admin/backups";
    BackupGet: GET "/steadfast/v1/admin/backups/{backup}";
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
            Surface::V1 | Surface::V2 => Self::find_open_cloud(method, path),
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
        match (Endpoint::find(path), method) {
            (Some(Endpoint::V1Entry { universe }), &Method::GET) => {
                Self::V1(V1Call::Get { universe })
            }
            (Some(Endpoint::V1Entry { universe }), &Method::POST) => {
                Self::V1(V1Call::Set { universe })
            }
            (Some(Endpoint::V1Entry { universe }), &Method::DELETE) => {
                Self::V1(V1Call::Delete { universe })
            }
            (Some(Endpoint::V1Increment { universe }), &Method::POST) => {
                Self::V1(V1Call::Increment { universe })
            }
            (Some(Endpoint::V2Entries(parent)), &Method::POST) => Self::V2(V2Call::Create(parent)),
            // `…:listRevisions` is another call, not an entry of that name.
            (Some(Endpoint::V2Entry(parent, id)), &Method::GET) if id.verb().is_none() => {
                Self::V2(V2Call::Get(parent, id))
            }
            (Some(Endpoint::V2Entry(parent, id)), &Method::POST)
                if id.verb() == Some(Verb::Increment) =>
            {
                Self::V2(V2Call::Increment(parent, id.without_verb()))
            }
            (Some(Endpoint::V2Entry(parent, id)), &Method::PATCH) => {
                Self::V2(V2Call::Update(parent, id))
            }
            (Some(Endpoint::V2Entry(parent, id)), &Method::DELETE) => {
                Self::V2(V2Call::Delete(parent, id))
            }
            (Some(_) | None, _) => Self::None,
        }
    }

    /// The path with placeholders, as metrics show it.
    pub(crate) fn template(&self) -> &'static str {
        self.route().map_or("none", Route::template)
    }

    /// The route of the call.
    pub(crate) fn route(&self) -> Option<Route> {
        let route = match self {
            Self::V1(V1Call::Get { .. }) => Route::V1Get,
            Self::V1(V1Call::Set { .. }) => Route::V1Set,
            Self::V1(V1Call::Increment { .. }) => Route::V1Increment,
            Self::V1(V1Call::Delete { .. }) => Route::V1Delete,
            Self::V2(V2Call::Create(..)) => Route::V2Create,
            Self::V2(V2Call::Get(..)) => Route::V2Get,
            Self::V2(V2Call::Update(..)) => Route::V2Update,
            Self::V2(V2Call::Increment(..)) => Route::V2Increment,
            Self::V2(V2Call::Delete(..)) => Route::V2Delete,
            Self::Admin(AdminCall::KeyCreate) => Route::KeyCreate,
            Self::Admin(AdminCall::KeyList) => Route::KeyList,
            Self::Admin(AdminCall::KeyRevoke(_)) => Route::KeyRevoke,
            Self::Admin(AdminCall::Status) => Route::Status,
            Self::Admin(AdminCall::BackupCreate) => Route::BackupCreate,
            Self::Admin(AdminCall::BackupGet(_)) => Route::BackupGet,
            Self::Public(PublicCall::Healthz) => Route::Healthz,
            Self::Public(PublicCall::Readyz) => Route::Readyz,
            Self::Public(PublicCall::Metrics) => Route::Metrics,
            Self::Public(PublicCall::OpenApi) => Route::OpenApi,
            Self::None => return None,
        };
        Some(route)
    }
}

fn find_admin<'a>(method: &Method, path: &'a str) -> Option<AdminCall<'a>> {
    match (path.strip_prefix(ADMIN_PREFIX)?, method) {
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
        let (v1_increment, v2_increment) =
            (format!("{V1}/increment"), format!("{entry}:increment"));
        let key = format!("/steadfast/v1/admin/keys/{:032x}", 7);
        let routes = [
            (V1, "GET POST DELETE"),
            (&v1_increment, "POST"),
            (V2, "POST"),
            (&entry, "GET PATCH DELETE"),
            // A write of the key spells it literally (H-40).
            (&v2_increment, "POST PATCH DELETE"),
            ("/steadfast/v1/admin/keys", "GET POST"),
            (&key, "DELETE"),
            ("/steadfast/v1/admin/status", "GET"),
            ("/steadfast/v1/admin/backups", "POST"),
            ("/steadfast/v1/admin/backups/monday", "GET"),
            ("/steadfast/v1/admin/backups/a/b", ""),
            ("/healthz", "GET"),
            ("/readyz", "GET"),
            ("/metrics", "GET"),
            ("/openapi.json", "GET"),
        ];
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
                let literal = template.strip_suffix(":increment").filter(|_| is_literal);
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
        assert!(is_none(Method::GET, "k:listRevisions"));
        assert!(is_none(Method::POST, "k:listRevisions"));
        assert!(is_none(Method::GET, "k:increment"));
        assert!(is_none(Method::POST, "k%3Aincrement"));
        assert!(!is_none(Method::GET, "k%3AlistRevisions"));
        assert!(!is_none(Method::GET, "a:b"));
    }
}
