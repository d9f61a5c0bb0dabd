//! A running server, spoken to over HTTP: Open Cloud for entries, administration for the rest.

mod answer;
mod backups;
mod keys;
mod setup;

use std::path::Path;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde_json::value::RawValue;
use steadfast_core::{ErrorKind, Limits, Metadata};
use steadfast_open_cloud::v1;

use self::answer::{
    header, header_value, not_understood, parse_time, refusal, size, text_of_user, user_as_json,
};
use crate::failure::{Failure, Result};
use crate::target::status::{Access, kind_of_silence};
use crate::target::{Addition, EntryName, NewState, State, When, Written};

/// A running server.
pub(crate) struct Remote {
    client: reqwest::Client,
    base: Url,
}

impl Remote {
    /// Prepares to talk to a server. Nothing is sent yet.
    pub(super) fn new(url: &str, key_file: Option<&Path>) -> Result<Self> {
        let base = setup::parse_url(url)?;
        let client = setup::client(&base, &setup::api_key(key_file)?)?;
        Ok(Self { client, base })
    }

    pub(super) async fn get(&self, name: &EntryName) -> Result<State> {
        let response = self.send(self.v1_entry(Method::GET, name), Access::Read).await?;
        self.state(response, Access::Read).await
    }

    /// The state that an answer of v1 shows: the value as its body, the rest in its headers.
    async fn state(&self, response: Response, access: Access) -> Result<State> {
        let headers = response.headers().clone();
        let value = self.text(response, access).await?;
        let users: Vec<serde_json::Value> =
            serde_json::from_str(header(&headers, v1::USER_IDS)?).map_err(not_understood)?;
        Ok(State {
            written: Written {
                version: header(&headers, v1::VERSION)?.to_owned(),
                created_at: parse_time(header(&headers, v1::CREATED_TIME)?)?,
                updated_at: parse_time(header(&headers, v1::VERSION_CREATED_TIME)?)?,
                value_size: size(&value),
            },
            users: users.iter().map(text_of_user).collect(),
            attributes: header(&headers, v1::ATTRIBUTES)?.to_owned(),
            value,
        })
    }

    /// v1 has no call for one version, so this is v2.
    pub(super) async fn get_version(&self, name: &EntryName, version: &str) -> Result<State> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Entry {
            revision_id: String,
            create_time: String,
            revision_create_time: String,
            users: Vec<String>,
            attributes: Box<RawValue>,
            value: Box<RawValue>,
        }
        let last = format!("{}@{version}", name.key);
        let universe = name.universe.to_string();
        let url = self.url(&[
            "cloud",
            "v2",
            "universes",
            &universe,
            "data-stores",
            &name.store,
            "scopes",
            &name.scope,
            "entries",
            &last,
        ]);
        let response = self.send(self.client.get(url), Access::Read).await?;
        let entry: Entry = serde_json::from_str(&self.text(response, Access::Read).await?)
            .map_err(not_understood)?;
        let users =
            entry.users.iter().map(|user| user.strip_prefix("users/").unwrap_or(user).to_owned());
        Ok(State {
            written: Written {
                version: entry.revision_id,
                created_at: parse_time(&entry.create_time)?,
                updated_at: parse_time(&entry.revision_create_time)?,
                value_size: size(entry.value.get()),
            },
            users: users.collect(),
            attributes: entry.attributes.get().to_owned(),
            value: entry.value.get().to_owned(),
        })
    }

    pub(super) async fn set(&self, name: &EntryName, state: NewState) -> Result<Written> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct EntryVersion {
            version: String,
            content_length: u64,
            created_time: String,
            object_created_time: String,
        }
        let request = self.v1_entry(Method::POST, name);
        let mut request = with_tags(request, &state.users, &state.attributes)?
            .header(CONTENT_TYPE, "application/json")
            .body(state.value);
        match &state.when {
            When::Always => {}
            When::Missing => request = request.query(&[("exclusiveCreate", "true")]),
            When::AtVersion(version) => request = request.query(&[("matchVersion", version)]),
        }
        let response = self.send(request, Access::Write).await?;
        let written: EntryVersion =
            serde_json::from_str(&self.text(response, Access::Write).await?)
                .map_err(not_understood)?;
        Ok(Written {
            version: written.version,
            created_at: parse_time(&written.object_created_time)?,
            updated_at: parse_time(&written.created_time)?,
            value_size: written.content_length,
        })
    }

    pub(super) async fn increment(&self, name: &EntryName, addition: &Addition) -> Result<State> {
        let request = self.v1(Method::POST, &["entry", "increment"], name);
        let request = with_tags(request, &addition.users, &addition.attributes)?
            .query(&[("incrementBy", addition.by)]);
        let response = self.send(request, Access::Write).await?;
        self.state(response, Access::Write).await
    }

    pub(super) async fn remove(&self, name: &EntryName) -> Result<()> {
        self.send(self.v1_entry(Method::DELETE, name), Access::Write).await.map(drop)
    }

    fn v1_entry(&self, method: Method, name: &EntryName) -> RequestBuilder {
        self.v1(method, &["entry"], name)
    }

    /// A call of v1 on an entry, by the last parts of its path.
    fn v1(&self, method: Method, last: &[&str], name: &EntryName) -> RequestBuilder {
        let universe = name.universe.to_string();
        let parts = ["datastores", "v1", "universes", &universe, "standard-datastores"];
        let url = self.url(&[&parts[..], &["datastore", "entries"], last].concat());
        let (store, scope, key) = (&*name.store, &*name.scope, &*name.key);
        let query = [("datastoreName", store), ("scope", scope), ("entryKey", key)];
        self.client.request(method, url).query(&query)
    }

    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .expect("an HTTP address has a path")
            .pop_if_empty()
            .extend(segments);
        url
    }

    /// Sends a request and accepts only success.
    async fn send(&self, request: RequestBuilder, access: Access) -> Result<Response> {
        let sent = request.send().await.map_err(|error| self.silence(error, access))?;
        if sent.status().is_success() { Ok(sent) } else { Err(refusal(sent, access).await) }
    }

    async fn text(&self, response: Response, access: Access) -> Result<String> {
        response.text().await.map_err(|error| self.silence(error, access))
    }

    fn silence(&self, error: reqwest::Error, access: Access) -> Failure {
        let kind = kind_of_silence(&error, access);
        // The address in the error's own text may hold names of entries.
        let failure = Failure::of(kind, error.without_url());
        let failure = failure.context(format!("`{}` does not answer", self.base));
        if kind == ErrorKind::OutcomeUnknown {
            failure.hint("the write may have been made or not: read before you write again")
        } else {
            failure.hint("is the server running, and is this its address?")
        }
    }
}

/// A write with the headers that say its users and attributes.
fn with_tags(
    request: RequestBuilder,
    users: &[String],
    attributes: &str,
) -> Result<RequestBuilder> {
    let users: Vec<_> = users.iter().map(|user| user_as_json(user)).collect();
    let users = serde_json::to_string(&users).map_err(not_understood)?;
    // A header has no line breaks, so they are made compact here.
    let attributes = Metadata::parse(attributes, &Limits::native()).map_err(|error| {
        Failure::of(ErrorKind::Invalid, error).context("the attributes are refused")
    })?;
    Ok(request
        .header(v1::USER_IDS, header_value("users", &users)?)
        .header(v1::ATTRIBUTES, header_value("attributes", attributes.as_str())?))
}
