//! Facts about refusals on each surface.

use steadfast_open_cloud::error::STATUSES;

use super::*;

fn every_edge() -> Vec<Edge> {
    let bodies = [BodyError::TooLarge, BodyError::Cut, BodyError::Slow, BodyError::NoMemory];
    let edges =
        [Edge::Unauthenticated, Edge::NoRoute, Edge::UriTooLong, Edge::HeadTooLarge, Edge::WriteId];
    edges
        .into_iter()
        .chain(bodies.map(Edge::Body))
        .chain(ErrorKind::ALL.map(Edge::Failed))
        .collect()
}

#[test]
fn open_cloud_clients_see_only_statuses_that_they_know() {
    for edge in every_edge() {
        for surface in [Surface::V1, Surface::V2, Surface::Ordered, Surface::Messages] {
            let status = edge.reply(surface).status().as_u16();
            assert!(STATUSES.contains(&status), "{edge:?} on {surface:?} is {status}");
        }
        for surface in [Surface::Own, Surface::Admin, Surface::Public] {
            assert_ne!(edge.reply(surface).status().as_u16(), 503, "{edge:?}");
        }
    }
}

#[test]
fn the_statuses_of_all_surfaces() {
    let line = |edge: Edge| {
        let status = |surface| edge.reply(surface).status().as_u16().to_string();
        let statuses = [Surface::V1, Surface::V2, Surface::Admin].map(status);
        format!("{edge:?}: {}", statuses.join(" "))
    };
    let table: Vec<_> = every_edge().into_iter().map(line).collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    Unauthenticated: 401 401 401
    NoRoute: 404 404 404
    UriTooLong: 400 400 414
    HeadTooLarge: 400 400 431
    WriteId: 400 400 400
    Body(TooLarge): 400 400 413
    Body(Cut): 400 400 400
    Body(Slow): 400 400 408
    Body(NoMemory): 429 429 429
    Failed(Invalid): 400 400 400
    Failed(Denied): 403 403 403
    Failed(NotFound): 404 404 404
    Failed(Conflict): 412 409 409
    Failed(Fenced): 409 409 409
    Failed(Exhausted): 429 429 429
    Failed(Unavailable): 502 502 502
    Failed(OutcomeUnknown): 504 504 504
    Failed(Corrupt): 500 500 500
    Failed(Internal): 500 500 500
    "#);
}
