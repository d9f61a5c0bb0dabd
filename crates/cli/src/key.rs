//! `key create`, `key list`, `key revoke`.

use serde::Serialize;
use steadfast_core::key::KeyScope;
use steadfast_core::{ApiKeyId, ErrorKind};
use steadfast_open_cloud::time::v1_json;

use crate::args::{self, Consent, Key, KeyCreate};
use crate::consent;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer, Show};
use crate::target::{CreatedKey, KeyInfo, NewKey, Target};

/// Runs one of the commands.
///
/// # Errors
/// [`Failure`]: what to do is in its kind.
pub(crate) async fn run(command: Key, printer: Printer) -> Result<()> {
    match command {
        Key::Create(create) => run_create(create, printer).await,
        Key::List { target } => {
            let keys = list(&target).await?;
            printer.list(&keys.into_iter().map(Listed::new).collect::<Vec<_>>())
        }
        Key::Revoke { target, consent, id } => run_revoke(&target, consent, id, printer).await,
    }
}

async fn run_create(create: KeyCreate, printer: Printer) -> Result<()> {
    let scopes = create.scope.iter().filter_map(|name| KeyScope::parse(name));
    let key = NewKey {
        name: create.name,
        scopes: scopes.collect(),
        universes: create.universe,
        stores: create.store,
        expires_in: create.expires_in,
    };
    let created = Target::with(&create.target, async |target| target.create_key(key).await)
        .await
        .map_err(|failure| failure.context("cannot make an API key"))?;
    printer.one(&Created::new(created))?;
    printer::note("the secret is shown this once: keep it now");
    Ok(())
}

async fn list(target: &args::Target) -> Result<Vec<KeyInfo>> {
    Target::with(target, async |target| target.keys().await)
        .await
        .map_err(|failure| failure.context("cannot list the API keys"))
}

async fn run_revoke(
    target: &args::Target,
    consent: Consent,
    id: ApiKeyId,
    printer: Printer,
) -> Result<()> {
    let cannot = |failure: Failure| failure.context(format!("cannot revoke the API key `{id}`"));
    let key = list(target).await?.into_iter().find(|key| key.id == id).ok_or_else(|| {
        let hint = "`key list` shows the ids of all API keys";
        cannot(Failure::new(ErrorKind::NotFound, "there is no such key").hint(hint))
    })?;
    if !consent.dry_run {
        consent::require(consent, &format!("revoke the API key `{id}`, called `{}`", key.name))?;
        Target::with(target, async |target| target.revoke_key(id).await).await.map_err(cannot)?;
    }
    let revoked = !consent.dry_run || key.revoked;
    printer.one(&Revocation { id: id.to_string(), name: key.name, revoked })
}

/// What `key create` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    id: String,
    name: String,
    secret: String,
    expires_at: Option<String>,
}

impl Created {
    fn new(key: CreatedKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            secret: key.secret,
            expires_at: key.expires_at.map(v1_json),
        }
    }
}

impl Show for Created {
    fn titles() -> Vec<&'static str> {
        vec!["id", "name", "secret", "expires"]
    }

    fn cells(&self) -> Vec<String> {
        let expires = self.expires_at.clone().unwrap_or_else(|| "never".to_owned());
        vec![self.id.clone(), self.name.clone(), self.secret.clone(), expires]
    }
}

/// One line of `key list`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    name: String,
    scopes: Vec<String>,
    /// None for all.
    universes: Option<Vec<String>>,
    /// None for all.
    stores: Option<Vec<String>>,
    created_at: String,
    expires_at: Option<String>,
    revoked: bool,
}

impl Listed {
    fn new(key: KeyInfo) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            scopes: key.scopes,
            universes: key.universes,
            stores: key.stores,
            created_at: v1_json(key.created_at),
            expires_at: key.expires_at.map(v1_json),
            revoked: key.revoked,
        }
    }
}

impl Show for Listed {
    fn titles() -> Vec<&'static str> {
        vec!["id", "name", "revoked", "created", "expires", "universes", "stores", "scopes"]
    }

    fn cells(&self) -> Vec<String> {
        let all_or = |items: &Option<Vec<String>>| {
            items.as_ref().map_or_else(|| "all".to_owned(), |items| items.join(", "))
        };
        vec![
            self.id.clone(),
            self.name.clone(),
            if self.revoked { "yes" } else { "no" }.to_owned(),
            self.created_at.clone(),
            self.expires_at.clone().unwrap_or_else(|| "never".to_owned()),
            all_or(&self.universes),
            all_or(&self.stores),
            self.scopes.join(", "),
        ]
    }
}

/// What `key revoke` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revocation {
    id: String,
    name: String,
    revoked: bool,
}

impl Show for Revocation {
    fn titles() -> Vec<&'static str> {
        vec!["id", "name", "revoked"]
    }

    fn cells(&self) -> Vec<String> {
        let revoked = if self.revoked { "yes" } else { "no, it is a dry run" };
        vec![self.id.clone(), self.name.clone(), revoked.to_owned()]
    }
}
