//! Requests on a data store or a universe as a whole.

use reqwest::Method;
use steadfast_core::StoreId;
use steadfast_core::budget::{Door, Family, Kind};
use steadfast_core::platform::{
    ListStores, PlatformError, Snapshot, StoreChange, StoreInfo, StoreRequest, TakeSnapshot,
};

use super::answer;
use super::call::{Call, demand_in, own_store, v2_store, v2_stores};
use super::refusal::About;
use super::service::{Repeat, Session, without_conflict};
use super::transport::Reply;

impl Session {
    pub(super) async fn manage_store(
        &self,
        request: StoreRequest,
    ) -> Result<StoreInfo, PlatformError> {
        let StoreRequest { store, change, write_id } = request;
        let demand = |kind| demand_in(Door::V2, Family::Standard, kind, store.universe);
        let call = match change {
            StoreChange::Look => return self.look_at_store(&store).await,
            StoreChange::Delete => {
                Call::new(Method::DELETE, v2_store(&store), demand(Kind::Remove))
            }
            StoreChange::Undelete => {
                let path = format!("{}:undelete", v2_store(&store));
                Call::new(Method::POST, path, demand(Kind::Remove)).with_body("{}".into())
            }
            StoreChange::History(history) => {
                self.check_ours("choose which revisions a data store keeps")?;
                let history =
                    history.map_or_else(|| "null".into(), |history| format!("\"{history}\""));
                Call::new(Method::PATCH, own_store(&store), demand(Kind::Write))
                    .with_body(format!("{{\"history\":{history}}}"))
            }
        };
        let parse = |reply: &Reply| answer::store(reply, &store, &self.limits);
        let info = self.write(call, About::Store(&store), (write_id, Repeat::Never), parse).await;
        let info = info.map_err(without_conflict)?;
        Ok(self.with_settings(info).await)
    }

    /// v2 does not say how a data store is set up, nor when it was: a server of ours is asked, as
    /// long as it still is what the answer to a change says. The change is made, whatever comes.
    async fn with_settings(&self, info: StoreInfo) -> StoreInfo {
        if !self.is_ours() {
            return info;
        }
        match self.look_at_store(&info.store).await {
            Ok(found) if found.deleted_at == info.deleted_at => found,
            Ok(_) | Err(_) => info,
        }
    }

    /// v2 has no call for one data store (H-49), so that the live service is asked for a list.
    async fn look_at_store(&self, store: &StoreId) -> Result<StoreInfo, PlatformError> {
        if self.is_ours() {
            let demand = demand_in(Door::V2, Family::Standard, Kind::Read, store.universe);
            let call = Call::new(Method::GET, own_store(store), demand);
            let parse = |reply: &Reply| answer::store(reply, store, &self.limits);
            return self.read(&call, About::Store(store), parse).await;
        }
        let mut list = ListStores {
            universe: store.universe,
            prefix: store.name.as_str().into(),
            with_deleted: true,
            after: None,
            page_size: 100,
        };
        loop {
            let page = self.list_stores(&list).await?;
            if let Some(info) = page.items.into_iter().find(|info| info.store == *store) {
                return Ok(info);
            }
            if page.next.is_none() {
                return Err(PlatformError::StoreNotFound { store: store.clone() });
            }
            list.after = page.next;
        }
    }

    pub(super) async fn take_snapshot(
        &self,
        request: TakeSnapshot,
    ) -> Result<Snapshot, PlatformError> {
        let TakeSnapshot { universe, write_id } = request;
        let demand = demand_in(Door::Snapshot, Family::Standard, Kind::Write, universe);
        let path = format!("{}:snapshot", v2_stores(universe));
        let call = Call::new(Method::POST, path, demand).with_body("{}".into());
        let write = (write_id, Repeat::Never);
        let snapshot = self.write(call, About::Universe, write, answer::snapshot).await;
        snapshot.map_err(without_conflict)
    }
}
