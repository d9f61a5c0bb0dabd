//! Calls of the live service that this server knows and does not have: memory stores and messages
//! (H-60 to H-70, H-120).
//!
//! They answer 501, so that nobody takes a missing feature for a wrong path. Everything around them
//! that is no call either stays 404.

use http::Method;
use steadfast_open_cloud::{V2Code, V2Error};

use crate::reply::Reply;
use crate::route::Route;

/// Every one of them.
pub(crate) const ROUTES: [Route; 13] = [
    Route::SortedMapList,
    Route::SortedMapCreate,
    Route::SortedMapGet,
    Route::SortedMapUpdate,
    Route::SortedMapDelete,
    Route::QueueAdd,
    Route::QueueAddOld,
    Route::QueueRead,
    Route::QueueDiscard,
    Route::MemoryFlush,
    Route::MemoryOperation,
    Route::V2Publish,
    Route::V1Publish,
];

/// Finds the call of a request.
pub(crate) fn find(method: &Method, path: &str) -> Option<Route> {
    let is_at = |route: &Route| {
        route.method() == *method && route.paths().iter().any(|template| fits(template, path))
    };
    ROUTES.into_iter().find(is_at)
}

/// Whether a path is one of a template. What stands for a placeholder is not looked at: it may be an
/// id that could not be.
fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(found)) if part_fits(part, found) => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

fn part_fits(part: &str, found: &str) -> bool {
    match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        None => part == found,
        Some((_, verb)) => found.ends_with(verb),
    }
}

/// Answers any of them.
pub(crate) fn answer(route: Route) -> Reply {
    let what = if matches!(route, Route::V1Publish | Route::V2Publish) {
        "Messages are"
    } else {
        "Memory stores are"
    };
    let message = format!("{what} not built. Nothing was done.");
    V2Error::new(V2Code::NotImplemented, message).reply().into()
}
