//! The budgets of ordered entries and of our own calls on entries.
//!
//! A number is less than 1 KB, so what a request takes is known before it is made. It is taken at
//! the same moments as everywhere: of a write before it, of a read once there is something to show.

use std::future::Future;

use steadfast_core::budget::{Demand, Kind};
use steadfast_core::platform::{
    EntryState, FindStanding, OrderedAction, OrderedRequest, OrderedState, PlatformError,
    RemoveRevision, Standing,
};
use steadfast_core::{EntryId, ErrorKind};

use super::Metered;

impl Metered<'_> {
    /// Carries out a request on an ordered entry, within its budgets (O-10).
    pub(crate) async fn execute_ordered(
        &self,
        request: OrderedRequest,
    ) -> Result<OrderedState, PlatformError> {
        let of = |kind| self.entry_demand(kind, &request.entry);
        let (demand, write_id) = match request.action {
            OrderedAction::Get => (of(Kind::Read), None),
            OrderedAction::Set { .. } | OrderedAction::Increment { .. } => {
                (of(Kind::Write), Some(request.write_id))
            }
            OrderedAction::Remove => (of(Kind::Remove), Some(request.write_id)),
        };
        let deadline = self.deadline();
        let send = || self.wait_for(self.steadfast().execute_ordered(request), write_id, deadline);
        if write_id.is_some() {
            self.write(demand, send).await
        } else {
            self.read(demand, send).await
        }
    }

    /// Finds a standing, within the budgets of a read.
    pub(crate) async fn find_standing(
        &self,
        request: FindStanding,
    ) -> Result<Standing, PlatformError> {
        let demand = self.entry_demand(Kind::Read, &request.entry);
        let deadline = self.deadline();
        self.read(demand, || self.wait_for(self.steadfast().find_standing(request), None, deadline))
            .await
    }

    /// Removes a revision, within the budgets of a removal.
    pub(crate) async fn remove_revision(
        &self,
        request: RemoveRevision,
    ) -> Result<EntryState, PlatformError> {
        let demand = self.entry_demand(Kind::Remove, &request.entry);
        let (deadline, write_id) = (self.deadline(), Some(request.write_id));
        let send = || self.wait_for(self.steadfast().remove_revision(request), write_id, deadline);
        self.write(demand, send).await
    }

    fn entry_demand(&self, kind: Kind, entry: &EntryId) -> Demand {
        self.demand(kind, entry.store.universe, Some(entry.clone()), 0)
    }

    /// Charges for a write, and makes it.
    async fn write<T, F>(
        &self,
        demand: Demand,
        send: impl FnOnce() -> F,
    ) -> Result<T, PlatformError>
    where
        F: Future<Output = Result<T, PlatformError>>,
    {
        if let Some(throttle) = self.app.throttle() {
            self.charge(throttle, &[demand])?;
        }
        send().await
    }

    /// Makes a read if it would be granted, and notes it to be charged for if anything was read.
    async fn read<T, F>(&self, demand: Demand, send: impl FnOnce() -> F) -> Result<T, PlatformError>
    where
        F: Future<Output = Result<T, PlatformError>>,
    {
        let Some(throttle) = self.app.throttle() else { return send().await };
        self.check(throttle, demand.clone())?;
        let answer = send().await;
        let has_read = match &answer {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if has_read {
            self.used().reads.push(demand);
        }
        answer
    }
}
