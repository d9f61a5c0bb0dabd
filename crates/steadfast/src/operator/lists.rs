//! Lists of game servers, and of records that are held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steadfast_core::platform::PlatformError;
use steadfast_core::record::{StoredPresence, StoredRecord};
use steadfast_core::{EntryId, EntryKey, RowKey, RowRange, Scope, ServerId, Timestamp};
use steadfast_storage::Backend;

use crate::operator::dry::ask;
use crate::operator::look::lease_info;
use crate::operator::{Action, LeaseInfo, Liveness, Operator, OperatorError};

/// Most records that one page of sessions looks at: those that nobody holds are left out.
pub const SESSIONS_EXAMINED_MAX: usize = 1_000;

/// Most game servers of a page.
const SERVERS_MAX: usize = 1_000;

/// A game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Which.
    pub server: ServerId,
    /// Where it can be reached, as it said.
    pub address: Arc<str>,
    /// Whether it lives.
    pub liveness: Liveness,
    /// How often it renewed its presence.
    pub seq: u64,
    /// When it did last.
    pub renewed_at: Timestamp,
    /// Whether it lives in the process that owns the store.
    pub is_home: bool,
}

/// A page of game servers, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPage {
    /// They. Damaged ones are left out.
    pub servers: Vec<ServerInfo>,
    /// What the next page starts behind; nothing at the end.
    pub next: Option<ServerId>,
}

/// A record that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Which.
    pub entry: EntryId,
    /// By whom.
    pub lease: LeaseInfo,
    /// How often it was saved.
    pub save_seq: u64,
    /// When anything of it was written last.
    pub touched_at: Timestamp,
}

/// A page of records that are held, by scope and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    /// They. May be empty although more follow.
    pub sessions: Vec<SessionInfo>,
    /// What the next page starts behind; nothing at the end.
    pub next: Option<(Scope, EntryKey)>,
}

impl Operator {
    /// Lists the game servers of the store, of all universes, by id.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do.
    pub async fn servers(
        &self,
        after: Option<ServerId>,
        limit: usize,
    ) -> Result<ServerPage, OperatorError> {
        self.check_access(Action::ListServers, None, None)?;
        let (backend, limit) = (self.db.backend(), limit.clamp(1, SERVERS_MAX));
        let range = RowRange::Presences { after };
        let reply = ask(|done| backend.scan(range, limit, done)).await?;
        let reply = reply.map_err(PlatformError::from)?;
        let judge = self.judge(self.db.now());
        let (mut servers, mut last) = (Vec::new(), None);
        for found in &reply.rows {
            let Some(RowKey::Presence(server)) = found.key() else { continue };
            last = Some(*server);
            // Nobody knows anything of a damaged one.
            let Ok(Some(stored)) = StoredPresence::of(found) else { continue };
            servers.push(ServerInfo {
                server: *server,
                liveness: judge.liveness(Some(&stored)),
                seq: stored.body.seq,
                renewed_at: stored.stamped_at,
                is_home: stored.body.home.is_some(),
                address: stored.body.address,
            });
        }
        Ok(ServerPage { servers, next: last.filter(|_| reply.more) })
    }

    /// Lists the records of the data store that are held, of all scopes. Looks at no more than
    /// [`SESSIONS_EXAMINED_MAX`] records.
    ///
    /// # Errors
    /// [`OperatorError`]: `kind()` says what to do. A damaged record is an error: it may be held.
    pub async fn sessions(
        &self,
        after: Option<(Scope, EntryKey)>,
        limit: usize,
    ) -> Result<SessionPage, OperatorError> {
        self.check_access(Action::ListSessions, None, None)?;
        let (backend, limit) = (self.db.backend(), limit.clamp(1, SESSIONS_EXAMINED_MAX));
        let range = RowRange::Records { store: self.store.clone(), after };
        let reply = ask(|done| backend.scan(range, SESSIONS_EXAMINED_MAX, done)).await?;
        let reply = reply.map_err(PlatformError::from)?;
        let (mut held, mut last, mut is_cut) = (Vec::new(), None, false);
        for found in &reply.rows {
            if held.len() == limit {
                is_cut = true;
                break;
            }
            let Some(RowKey::Record(entry)) = found.key() else { continue };
            last = Some((entry.scope.clone(), entry.key.clone()));
            let record = StoredRecord::of(found)?;
            held.extend(record.filter(|it| it.body.lease.is_some()).map(|it| (entry.clone(), it)));
        }
        let sessions = self.with_holders(held).await?;
        Ok(SessionPage { sessions, next: last.filter(|_| is_cut || reply.more) })
    }

    /// What is known of those who hold these records.
    async fn with_holders(
        &self,
        held: Vec<(EntryId, StoredRecord)>,
    ) -> Result<Vec<SessionInfo>, OperatorError> {
        let leases = held.iter().filter_map(|(_, record)| record.body.lease);
        let servers: BTreeSet<ServerId> = leases.map(|lease| lease.server).collect();
        let backend = self.db.backend();
        let rows = servers.iter().copied().map(RowKey::Presence).collect();
        let reply = ask(|done| backend.read(rows, done)).await?.map_err(PlatformError::from)?;
        let presences: BTreeMap<ServerId, Option<StoredPresence>> = servers
            .into_iter()
            .zip(&reply.rows)
            .map(|(server, found)| Ok((server, StoredPresence::of(found)?)))
            .collect::<Result<_, OperatorError>>()?;
        let judge = self.judge(reply.now);
        let session = |(entry, record): (EntryId, StoredRecord)| {
            let presence = presences.get(&record.body.lease?.server).and_then(Option::as_ref);
            let lease = lease_info(&record, presence, judge)?;
            let (save_seq, touched_at) = (record.body.save_seq, record.stamped_at);
            Some(SessionInfo { entry, lease, save_seq, touched_at })
        };
        Ok(held.into_iter().filter_map(session).collect())
    }
}
