//! Probes, metrics and the description of the API, open to everybody who reaches the address: they hold no data of players.

use http::StatusCode;

use crate::edge::Edge;
use crate::reply::Reply;
use crate::route::{PublicCall, Surface};
use crate::service::App;

/// Answers a call that needs no key.
pub(crate) fn answer(app: &App, call: PublicCall) -> Reply {
    match call {
        PublicCall::Healthz => Reply::text(StatusCode::OK, "alive\n"),
        PublicCall::Readyz => ready(app),
        PublicCall::Metrics => metrics(app),
        PublicCall::OpenApi => Reply::json(StatusCode::OK, app.openapi().clone()),
    }
}

/// `/readyz`: the store serves. The reason why not is in the log and in the status of an
/// administrator.
fn ready(app: &App) -> Reply {
    match app.steadfast().health() {
        Ok(()) => Reply::text(StatusCode::OK, "ready\n"),
        Err(_) => Reply::text(StatusCode::BAD_GATEWAY, "the store has stopped\n"),
    }
}

/// `/metrics`, in the text format of Prometheus.
fn metrics(app: &App) -> Reply {
    match &app.config().metrics {
        Some(metrics) => Reply::text(StatusCode::OK, metrics.render()),
        None => Edge::NoRoute.reply(Surface::Public),
    }
}
