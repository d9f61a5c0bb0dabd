//! Who asks: the first question of every request that needs a key (H-01, H-02).

use http::HeaderMap;
use steadfast_core::ApiKeyId;
use steadfast_core::key::ApiKey;
use tokio::time::timeout;
use tracing::warn;

use crate::edge::Edge;
use crate::service::App;

const API_KEY: &str = "x-api-key";

/// The key of a request, with its id.
///
/// A missing header, several of them and an unknown secret look the same to the client. A store
/// that cannot tell is never taken for a wrong key.
pub(crate) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
) -> Result<(ApiKeyId, ApiKey), Edge> {
    let mut values = headers.get_all(API_KEY).iter();
    let (Some(secret), None) = (values.next(), values.next()) else {
        return Err(Edge::Unauthenticated);
    };
    let secret = secret.to_str().map_err(|_| Edge::Unauthenticated)?;
    let keys = app.steadfast().keys();
    match timeout(app.config().request_timeout, keys.authenticate(secret)).await {
        Ok(Ok(Some(found))) => Ok(found),
        Ok(Ok(None)) => Err(Edge::Unauthenticated),
        Ok(Err(error)) => {
            warn!(code = %error.code(), %error, "cannot check a key");
            Err(Edge::Failed(error.kind()))
        }
        Err(_) => Err(Edge::Failed(steadfast_core::ErrorKind::Unavailable)),
    }
}
