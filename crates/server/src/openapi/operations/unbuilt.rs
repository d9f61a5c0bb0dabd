//! Calls of the live service that are known and not built.

use serde_json::Value;

use super::super::parameters::Parameter;
use super::super::reference;
use super::Operation;
use crate::route::Route;
use crate::unbuilt::ROUTES;

/// Whether a route is one of them.
pub(super) fn is_of(route: Route) -> bool {
    ROUTES.contains(&route)
}

pub(super) fn operation(parameters: &[Parameter]) -> Operation {
    Operation {
        summary: "Not built",
        description: "Known from the live service. Any valid key gets the same answer; what else \
            the request holds is not looked at."
            .into(),
        // Any key will do.
        scopes: &[&[]],
        parameters: parameters.into(),
        body: None,
        success: (501, not_built()),
        refusals: &[400, 500, 502],
        others: Vec::new(),
    }
}

fn not_built() -> Value {
    reference("responses", "V2Error501")
}
