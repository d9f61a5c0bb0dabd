//! A running server, spoken to over HTTP: Open Cloud for entries, administration for the rest.

mod answer;
mod backups;
mod boards;
mod keys;
mod lists;
mod operators;
mod setup;
mod stores;

use std::path::Path;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use steadfast_core::{ErrorKind, Limits, Metadata};
use steadfast_open_cloud::v1;

use self::answer::{header, header_value, not_understood, parse_time, refusal, size};
use crate::failure::{Failure, Result};
use crate::target::status::{Access, kind_of_silence};
use crate::target::{
    Addition, EntryName, NewState, Restoring, State, When, Written, text_of_user, user_as_json,
};

/// How often a request that came too soon is made again: nothing is written by a refused one. What
/// is counted is counted over a minute, so that more would be of no use.
const WAIT_COUNT_MAX: u32 = 10;

/// A running server.
pub(crate) struct Remote {
    client: reqwest::Client,
    base: Url,
    /// Whether a request that came too soon is made again when the server says.
    is_patient: bool,
}

impl Remote {
    /// Prepares to talk to a server. Nothing is sent yet.
    pub(super) fn new(url: &str, key_file: Option<&Path>) -> Result<Self> {
        let base = setup::parse_url(url)?;
        let client = setup::client(&base, &setup::api_key(key_file)?)?;
        Ok(Self { client, base, is_patient: false })
    }

    /// Waits where the server has no room for a request, instead of giving up.
    pub(super) fn patient(self) -> Self {
        Self { is_patient: true, ..self }
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
        let last = format!("{}@{version}", name.key);
        let url = self.entry_url(&["cloud", "v2"], name, &last);
        let entry: Entry = self.json(self.client.get(url), Access::Read).await?;
        entry.state()
    }

    pub(super) async fn restore(
        &self,
        name: &EntryName,
        Restoring { revision, at, force }: Restoring<'_>,
    ) -> Result<State> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            revision_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            etag: Option<&'a str>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            force: bool,
        }
        let last = format!("{}:restore", name.key);
        let url = self.entry_url(&["steadfast", "v1"], name, &last);
        let request = self.client.post(url).json(&Body { revision_id: revision, etag: at, force });
        let entry: Entry = self.json(request, Access::Write).await?;
        entry.state()
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
        let request = self.set_request(name, state)?;
        let written: EntryVersion = self.json(request, Access::Write).await?;
        Ok(Written {
            version: written.version,
            created_at: parse_time(&written.object_created_time)?,
            updated_at: parse_time(&written.created_time)?,
            value_size: written.content_length,
        })
    }

    /// A clash is told with the state that stands there, whatever is asked for.
    pub(super) async fn create(&self, name: &EntryName, state: NewState) -> Result<Option<State>> {
        let request = self.set_request(name, NewState { when: When::Missing, ..state })?;
        let response = self.try_send(request, Access::Write).await?;
        match response.status() {
            status if status.is_success() => Ok(None),
            StatusCode::PRECONDITION_FAILED => self.state(response, Access::Read).await.map(Some),
            _ => Err(refusal(response, Access::Write).await),
        }
    }

    fn set_request(&self, name: &EntryName, state: NewState) -> Result<RequestBuilder> {
        refuse_force(state.force)?;
        let request = self.v1_entry(Method::POST, name);
        let request = with_tags(request, &state.users, &state.attributes)?
            .header(CONTENT_TYPE, "application/json")
            .body(state.value);
        Ok(match &state.when {
            When::Always => request,
            When::Missing => request.query(&[("exclusiveCreate", "true")]),
            When::AtVersion(version) => request.query(&[("matchVersion", version)]),
        })
    }

    pub(super) async fn increment(&self, name: &EntryName, addition: &Addition) -> Result<State> {
        let request = self.v1(Method::POST, &["entry", "increment"], name);
        let request = with_tags(request, &addition.users, &addition.attributes)?
            .query(&[("incrementBy", addition.by)]);
        let response = self.send(request, Access::Write).await?;
        self.state(response, Access::Write).await
    }

    pub(super) async fn remove(&self, name: &EntryName, force: bool) -> Result<()> {
        refuse_force(force)?;
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

    /// The address of an entry by v2's pattern, which our own calls share.
    fn entry_url(&self, api: &[&str], name: &EntryName, last: &str) -> Url {
        let universe = name.universe.to_string();
        let (store, scope) = (&*name.store, &*name.scope);
        let entry =
            ["universes", &universe, "data-stores", store, "scopes", scope, "entries", last];
        self.url(&[api, &entry].concat())
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
        let sent = self.try_send(request, access).await?;
        if sent.status().is_success() { Ok(sent) } else { Err(refusal(sent, access).await) }
    }

    /// Sends a request and accepts every answer.
    async fn try_send(&self, mut request: RequestBuilder, access: Access) -> Result<Response> {
        for _ in 0..WAIT_COUNT_MAX {
            let again = if self.is_patient { request.try_clone() } else { None };
            let sent = request.send().await.map_err(|error| self.silence(error, access))?;
            match (again, answer::retry_after(&sent)) {
                (Some(again), Some(wait)) => {
                    #[expect(clippy::disallowed_methods, reason = "the server says how long")]
                    tokio::time::sleep(wait).await;
                    request = again;
                }
                (Some(_) | None, _) => return Ok(sent),
            }
        }
        request.send().await.map_err(|error| self.silence(error, access))
    }

    /// Sends a request and reads the body of its success.
    async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        access: Access,
    ) -> Result<T> {
        let response = self.send(request, access).await?;
        serde_json::from_str(&self.text(response, access).await?).map_err(not_understood)
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

/// An entry as v2 shows it.
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

impl Entry {
    fn state(self) -> Result<State> {
        let users =
            self.users.iter().map(|user| user.strip_prefix("users/").unwrap_or(user).to_owned());
        Ok(State {
            written: Written {
                version: self.revision_id,
                created_at: parse_time(&self.create_time)?,
                updated_at: parse_time(&self.revision_create_time)?,
                value_size: size(self.value.get()),
            },
            users: users.collect(),
            attributes: self.attributes.get().to_owned(),
            value: self.value.get().to_owned(),
        })
    }
}

/// A write with the headers that say its users and attributes.
/// The API has no call for it but a restore.
fn refuse_force(force: bool) -> Result<()> {
    if !force {
        return Ok(());
    }
    let message = "`--force` needs a data directory: a server does not let it be done";
    let hint = "`entry restore --force` works on a server, too";
    Err(Failure::new(ErrorKind::Invalid, message).hint(hint))
}

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
