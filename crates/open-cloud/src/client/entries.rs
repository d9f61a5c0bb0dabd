//! Requests on one entry of a standard data store.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use reqwest::Method;
use steadfast_core::budget::{Door, Kind};
use steadfast_core::platform::{
    EntryState, Get, Increment, ListedRevision, PlatformError, Remove, RemoveRevision, Restore,
    RevisionId, Set, When, Which,
};
use steadfast_core::row::{Content, Metadata};
use steadfast_core::{EntryId, Timestamp, UserId, WriteId};

use super::answer::{self, Garbled, Told};
use super::call::{Call, demand_of, own_entry, v1_entry, v2_entry};
use super::lists::revisions_call;
use super::refusal::{About, Refusal};
use super::service::{Repeat, Session, WriteError, without_conflict};
use super::transport::Reply;
use crate::{time, v1};

/// How often a request that takes two calls starts again because somebody wrote in between.
const ATTEMPTS_MAX: u32 = 16;

/// What stands where a revision id is needed and the given one would mean something else.
const NO_ID: &str = "-";

impl Session {
    pub(super) async fn get(&self, Get { entry, which }: Get) -> Result<EntryState, PlatformError> {
        let mark = match &which {
            Which::Current => "latest".to_owned(),
            Which::At(at) => format!("latest:{}", time::v2_json(*at)),
            Which::Revision(id) => mark_of(&self.aliases.resolve(&entry, id)),
        };
        let answer = self.get_marked(&entry, &mark).await;
        match (which, answer) {
            // A deletion is a revision without a value, which v2 does not show as one (V-20).
            (Which::Revision(id), Err(error @ PlatformError::EntryNotFound { .. })) => {
                let deletion = self.deletion(&entry, &id).await?;
                deletion.ok_or(error)
            }
            (Which::Current | Which::At(_), Ok(state)) if state.content.is_none() => {
                Err(PlatformError::EntryNotFound { entry })
            }
            (_, answer) => answer,
        }
    }

    /// Reads what stands behind an `@`. Always with one, since an id may hold others (H-38).
    async fn get_marked(&self, entry: &EntryId, mark: &str) -> Result<EntryState, PlatformError> {
        let path = format!("{}@{}", v2_entry(entry), super::call::encode(mark));
        let call = Call::new(Method::GET, path, demand_of(Door::V2, Kind::Read, entry, 0));
        let told = self.read(&call, About::Entry(entry), |reply| {
            self.transport.charge_size(&call.demand, reply.body.len());
            answer::entry(reply, entry, &self.limits)
        });
        told.await.map(|told| self.learn(told))
    }

    /// The current state, also if it is a deletion.
    async fn look(&self, entry: &EntryId) -> Result<EntryState, PlatformError> {
        match self.get_marked(entry, "latest").await {
            Err(error @ PlatformError::EntryNotFound { .. }) => {
                let newest = self.newest_revision(entry, None).await?;
                let deletion = newest.filter(|newest| newest.is_deleted);
                let told = deletion.map(|revision| Told::of_deletion(entry, &revision));
                told.map(|told| self.learn(told)).ok_or(error)
            }
            answer => answer,
        }
    }

    /// The revision of this id, if it is a deletion.
    async fn deletion(
        &self,
        entry: &EntryId,
        id: &RevisionId,
    ) -> Result<Option<EntryState>, PlatformError> {
        let Some(at) = written_at(id) else { return Ok(None) };
        let found = self.newest_revision(entry, Some(at)).await?;
        let found = found.filter(|revision| revision.is_deleted && revision.id == *id);
        Ok(found.map(|revision| self.learn(Told::of_deletion(entry, &revision))))
    }

    /// The newest revision of an entry, or the newest of those written at a time. Nothing if there
    /// is none.
    async fn newest_revision(
        &self,
        entry: &EntryId,
        at: Option<Timestamp>,
    ) -> Result<Option<ListedRevision>, PlatformError> {
        let call = revisions_call(entry, (at, at), 1);
        match self.read(&call, About::Entry(entry), answer::revisions).await {
            Ok((items, _)) => Ok(items.into_iter().next()),
            Err(PlatformError::EntryNotFound { .. } | PlatformError::RevisionNotFound { .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers the id of a state.
    fn learn(&self, told: Told) -> EntryState {
        self.aliases.remember(&told.state, &told.id);
        told.state
    }

    pub(super) async fn set(&self, set: Set) -> Result<EntryState, PlatformError> {
        match &set.when {
            When::Always => self.set_by_v2(&set, true).await,
            When::Exists => self.set_by_v2(&set, false).await,
            When::Missing => self.create(&set).await,
            When::Matches(id) => self.set_at(&set, id).await,
        }
    }

    async fn set_by_v2(&self, set: &Set, allow_missing: bool) -> Result<EntryState, PlatformError> {
        let entry = &set.entry;
        let demand = demand_of(Door::V2, Kind::Write, entry, set.content.value.size());
        let call = Call::new(Method::PATCH, v2_entry(entry), demand)
            .with_query("allowMissing", if allow_missing { "true" } else { "false" })
            .with_body(entry_body("value", set.content.value.as_str(), &set.content));
        self.write_entry(call, entry, (set.write_id, Repeat::Never)).await.map_err(without_conflict)
    }

    async fn create(&self, set: &Set) -> Result<EntryState, PlatformError> {
        let entry = &set.entry;
        let call = v1_set(set).with_query("exclusiveCreate", "true");
        let written = |reply: &Reply| answer::written(reply, entry, &set.content);
        let told = self.write(call, About::Entry(entry), (set.write_id, Repeat::Never), written);
        match told.await {
            Ok(told) => Ok(self.learn(told)),
            Err(WriteError::Error(error)) => Err(error),
            Err(WriteError::Conflict(refusal)) => {
                let current = Box::new(self.current_behind(&refusal, entry).await?);
                Err(PlatformError::Exists { current })
            }
        }
    }

    async fn set_at(&self, set: &Set, id: &RevisionId) -> Result<EntryState, PlatformError> {
        let entry = &set.entry;
        let id = self.aliases.resolve(entry, id);
        let call = v1_set(set).with_query("matchVersion", condition_of(&id));
        let written = |reply: &Reply| answer::written(reply, entry, &set.content);
        let told = self.write(call, About::Entry(entry), (set.write_id, Repeat::Exact), written);
        match told.await {
            Ok(told) => Ok(self.learn(told)),
            // A deleted entry is at a revision too, which v1 does not show.
            Err(WriteError::Error(PlatformError::EntryNotFound { .. })) => {
                Err(self.mismatch(entry).await)
            }
            Err(WriteError::Error(error)) => Err(error),
            Err(WriteError::Conflict(refusal)) => {
                let current = Box::new(self.current_behind(&refusal, entry).await?);
                Err(PlatformError::Mismatch { current })
            }
        }
    }

    /// The state that a refused write was shown, or else the one that is there now.
    async fn current_behind(
        &self,
        refusal: &Refusal,
        entry: &EntryId,
    ) -> Result<EntryState, PlatformError> {
        match answer::current(&refusal.reply, entry, &self.limits) {
            Some(told) if refusal.status == 412 => Ok(self.learn(told)),
            Some(_) | None => self.look(entry).await,
        }
    }

    pub(super) async fn increment(
        &self,
        increment: Increment,
    ) -> Result<EntryState, PlatformError> {
        let Increment { entry, by, user_ids, metadata, permit: _, write_id } = increment;
        let path = format!("{}:increment", v2_entry(&entry));
        let tags = tags(&user_ids, &metadata);
        let call = Call::new(Method::POST, path, demand_of(Door::V2, Kind::Write, &entry, 0))
            .with_body(format!("{{\"amount\":{by},{tags}}}"));
        let state = self.write_entry(call, &entry, (write_id, Repeat::Never)).await;
        state.map_err(without_conflict)
    }

    /// Sends a write that is answered with the whole entry.
    async fn write_entry(
        &self,
        call: Call,
        entry: &EntryId,
        write: (WriteId, Repeat),
    ) -> Result<EntryState, WriteError> {
        let parse = |reply: &Reply| answer::entry(reply, entry, &self.limits);
        self.write(call, About::Entry(entry), write, parse).await.map(|told| self.learn(told))
    }

    /// v2 does not show what it deletes, so that it is read before. Our server deletes it only if it
    /// is still what was read; on the live service somebody may write in between, unseen.
    pub(super) async fn remove(&self, remove: Remove) -> Result<EntryState, PlatformError> {
        let Remove { entry, matches, write_id, .. } = remove;
        if matches.is_some() {
            self.check_ours("delete an entry that is at a certain revision")?;
        }
        for _ in 0..ATTEMPTS_MAX {
            let before = match self.get_marked(&entry, "latest").await {
                Ok(state) => state,
                Err(error @ PlatformError::EntryNotFound { .. }) if self.is_ours() => {
                    return self.remove_again(&entry, matches.as_ref(), write_id, error).await;
                }
                Err(error) => return Err(error),
            };
            let id = before.revision_id();
            let etag = matches.as_ref().unwrap_or(&id);
            match self.delete(&entry, self.is_ours().then_some(etag), write_id).await {
                Ok(()) if *etag == id => return Ok(before),
                // An earlier copy of this deletion did it, and the entry has moved on since.
                Ok(()) => {
                    let which = Which::Revision(etag.clone());
                    return self.get(Get { entry, which }).await;
                }
                Err(WriteError::Error(error)) => return Err(error),
                Err(WriteError::Conflict(_)) if matches.is_none() => {}
                Err(WriteError::Conflict(_)) => return Err(self.mismatch(&entry).await),
            }
        }
        Err(PlatformError::Contended { entry, attempts: ATTEMPTS_MAX })
    }

    /// The entry is missing: perhaps by way of an earlier copy of this very deletion, which our
    /// server recognises by its id.
    async fn remove_again(
        &self,
        entry: &EntryId,
        matches: Option<&RevisionId>,
        write_id: WriteId,
        missing: PlatformError,
    ) -> Result<EntryState, PlatformError> {
        match self.delete(entry, matches, write_id).await {
            Ok(()) => self.look(entry).await,
            Err(WriteError::Error(PlatformError::EntryNotFound { .. })) => Err(missing),
            Err(WriteError::Error(error)) => Err(error),
            Err(WriteError::Conflict(_)) => Err(self.mismatch(entry).await),
        }
    }

    /// The error of a request on another revision than the one that is there now.
    async fn mismatch(&self, entry: &EntryId) -> PlatformError {
        match self.look(entry).await {
            Ok(state) => PlatformError::Mismatch { current: Box::new(state) },
            Err(error) => error,
        }
    }

    async fn delete(
        &self,
        entry: &EntryId,
        etag: Option<&RevisionId>,
        write_id: WriteId,
    ) -> Result<(), WriteError> {
        let demand = |door| demand_of(door, Kind::Remove, entry, 0);
        // v2 reads an `@` in a path as a revision; whether it does so here, nobody knows (Z-41).
        let call = if !self.is_ours() && entry.key.as_str().contains('@') {
            v1_entry(Method::DELETE, entry, "", demand(Door::V1))
        } else {
            Call::new(Method::DELETE, v2_entry(entry), demand(Door::V2))
                .with_optional_query("etag", etag.map(condition_of))
        };
        let repeat = if etag.is_some() { Repeat::Exact } else { Repeat::Never };
        let done = |_: &Reply| Ok::<(), Garbled>(());
        self.write(call, About::Entry(entry), (write_id, repeat), done).await
    }

    pub(super) async fn restore(&self, restore: Restore) -> Result<EntryState, PlatformError> {
        if !self.is_ours() {
            return self.restore_by_hand(restore).await;
        }
        let Restore { entry, revision, matches, permit, write_id } = restore;
        let path = format!("{}:restore", own_entry(&entry));
        let mut body = format!("{{\"revisionId\":{}", quoted(condition_of(&revision)));
        if let Some(id) = &matches {
            body.push_str(",\"etag\":");
            body.push_str(&quoted(condition_of(id)));
        }
        if permit.force {
            body.push_str(",\"force\":true");
        }
        body.push('}');
        let call = Call::new(Method::POST, path, demand_of(Door::V2, Kind::Write, &entry, 0))
            .with_body(body);
        let repeat = if matches.is_some() { Repeat::Exact } else { Repeat::Never };
        match self.write_entry(call, &entry, (write_id, repeat)).await {
            Ok(state) => Ok(state),
            Err(WriteError::Error(error)) => Err(error),
            Err(WriteError::Conflict(refusal)) => {
                let current = Box::new(self.current_behind(&refusal, &entry).await?);
                Err(PlatformError::Mismatch { current })
            }
        }
    }

    /// Reads the earlier state and writes it on the current one (V-27).
    async fn restore_by_hand(&self, restore: Restore) -> Result<EntryState, PlatformError> {
        let Restore { entry, revision, matches, permit, write_id } = restore;
        let which = Which::Revision(revision);
        let old = self.get(Get { entry: entry.clone(), which }).await?;
        let missing = || PlatformError::RevisionNotFound { entry: entry.clone() };
        let content = old.content.ok_or_else(missing)?;
        let set =
            |when| Set { entry: entry.clone(), content: content.clone(), when, permit, write_id };
        if let Some(id) = matches {
            return self.set(set(When::Matches(id))).await;
        }
        for _ in 0..ATTEMPTS_MAX {
            let when = match self.get_marked(&entry, "latest").await {
                Ok(state) => When::Matches(state.revision_id()),
                Err(PlatformError::EntryNotFound { .. }) => When::Missing,
                Err(error) => return Err(error),
            };
            match self.set(set(when)).await {
                Err(PlatformError::Mismatch { .. } | PlatformError::Exists { .. }) => {}
                answer => return answer,
            }
        }
        Err(PlatformError::Contended { entry, attempts: ATTEMPTS_MAX })
    }

    pub(super) async fn remove_revision(
        &self,
        request: RemoveRevision,
    ) -> Result<EntryState, PlatformError> {
        self.check_ours("remove a revision")?;
        let RemoveRevision { entry, revision, write_id } = request;
        let path = format!("{}:revision", own_entry(&entry));
        let call = Call::new(Method::DELETE, path, demand_of(Door::V2, Kind::Remove, &entry, 0))
            .with_query("revisionId", condition_of(&revision));
        let parse = |reply: &Reply| answer::removed(reply, &entry, &revision, &self.limits);
        let told = self.write(call, About::Entry(&entry), (write_id, Repeat::Never), parse).await;
        told.map(|told| told.state).map_err(without_conflict)
    }
}

/// An id where the path has one. Some text stands for other states there, and none is an id.
fn mark_of(id: &RevisionId) -> String {
    let text = id.as_str();
    if text.is_empty() || text.starts_with("latest") { NO_ID.to_owned() } else { text.to_owned() }
}

/// An id as a condition. A blank parameter is none, and a write must not go without its condition.
fn condition_of(id: &RevisionId) -> &str {
    if id.as_str().trim().is_empty() { NO_ID } else { id.as_str() }
}

/// When the revision of an id was written, as its third part has it.
fn written_at(id: &RevisionId) -> Option<Timestamp> {
    id.counter()?;
    let ticks = id.as_str().split('.').nth(2)?;
    Timestamp::from_dotnet_ticks(u64::from_str_radix(ticks, 16).ok()?)
}

/// v1 with the value as its body, and what belongs to it in headers.
fn v1_set(set: &Set) -> Call {
    let Content { value, user_ids, metadata } = &*set.content;
    let demand = demand_of(Door::V1, Kind::Write, &set.entry, value.size());
    v1_entry(Method::POST, &set.entry, "", demand)
        .with_header(v1::USER_IDS, v1::user_ids_header(user_ids))
        .with_header(v1::ATTRIBUTES, v1::ascii_json(metadata.as_str()))
        .with_header(v1::CONTENT_MD5, STANDARD.encode(Md5::digest(value.as_str().as_bytes())))
        .with_body(value.as_str().to_owned())
}

/// The body of a v2 write: a member with JSON text, and what belongs to every write.
fn entry_body(member: &str, json: &str, content: &Content) -> String {
    format!("{{\"{member}\":{json},{}}}", tags(&content.user_ids, &content.metadata))
}

/// User ids and attributes as members.
fn tags(user_ids: &[UserId], metadata: &Metadata) -> String {
    let mut users = String::new();
    for id in user_ids {
        let comma = if users.is_empty() { "" } else { "," };
        write!(users, "{comma}{}", quoted(&format!("users/{id}")))
            .expect("a string takes any text");
    }
    format!("\"users\":[{users}],\"attributes\":{}", metadata.as_str())
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can always be written as JSON")
}
