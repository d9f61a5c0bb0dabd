//! API keys of a running server, through `/steadfast/v1/admin/keys`.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use steadfast_core::key::KeyScope;
use steadfast_core::{ApiKeyId, ErrorKind};
use steadfast_open_cloud::time;

use super::Remote;
use super::answer::{not_understood, parse_time};
use crate::failure::{Failure, Result};
use crate::target::status::Access;
use crate::target::{CreatedKey, KeyInfo, NewKey};

/// The body of a request for a key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateKey {
    name: String,
    scopes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    universes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stores: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// A key as the server shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    id: String,
    name: String,
    scopes: Vec<String>,
    universes: Option<Vec<String>>,
    stores: Option<Vec<String>>,
    /// Not of a key that was just made.
    created_at: Option<String>,
    expires_at: Option<String>,
    revoked: bool,
}

/// A key that was just made.
#[derive(Deserialize)]
struct MadeKey {
    secret: String,
    #[serde(flatten)]
    key: Key,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

impl Remote {
    pub(in crate::target) async fn create_key(&self, key: NewKey) -> Result<CreatedKey> {
        // The server decides by its own clock when a key is dead.
        let expires_at = match key.expires_in {
            Some(duration) => Some(self.status().await?.time.saturating_add(duration)),
            None => None,
        };
        let universes: Vec<_> = key.universes.iter().map(ToString::to_string).collect();
        let body = CreateKey {
            name: key.name,
            scopes: key.scopes.into_iter().map(KeyScope::name).collect(),
            universes: (!universes.is_empty()).then_some(universes),
            stores: (!key.stores.is_empty()).then_some(key.stores),
            expires_at: expires_at.map(time::v2_json),
        };
        let request = self.client.post(self.keys_url(&[])).json(&body);
        let response = self.send(request, Access::Write).await?;
        let text = self.text(response, Access::Write).await?;
        let made: MadeKey = serde_json::from_str(&text).map_err(not_understood)?;
        let MadeKey { secret, key } = made;
        let id = parse_id(&key.id)?;
        let expires_at = key.expires_at.as_deref().map(parse_time).transpose()?;
        Ok(CreatedKey { id, name: key.name, secret, expires_at })
    }

    pub(in crate::target) async fn keys(&self) -> Result<Vec<KeyInfo>> {
        let request = self.client.get(self.keys_url(&[]));
        let response = self.send(request, Access::Read).await?;
        let text = self.text(response, Access::Read).await?;
        let keys: Keys = serde_json::from_str(&text).map_err(not_understood)?;
        keys.keys.into_iter().map(info).collect()
    }

    pub(in crate::target) async fn revoke_key(&self, id: ApiKeyId) -> Result<()> {
        let request = self.client.delete(self.keys_url(&[&id.to_string()]));
        self.send(request, Access::Write).await.map(drop)
    }

    fn keys_url(&self, rest: &[&str]) -> Url {
        self.url(&[&["steadfast", "v1", "admin", "keys"], rest].concat())
    }
}

fn info(key: Key) -> Result<KeyInfo> {
    Ok(KeyInfo {
        id: parse_id(&key.id)?,
        name: key.name,
        scopes: key.scopes,
        universes: key.universes,
        stores: key.stores,
        created_at: parse_time(key.created_at.as_deref().unwrap_or_default())?,
        expires_at: key.expires_at.as_deref().map(parse_time).transpose()?,
        revoked: key.revoked,
    })
}

fn parse_id(text: &str) -> Result<ApiKeyId> {
    ApiKeyId::parse(text).ok_or_else(|| {
        Failure::new(ErrorKind::Internal, format!("`{text}` is no id of an API key"))
    })
}
