//! Requests on ordered data stores.
//!
//! v2 shows an entry as its id and its value: which write of it that was, and when, is not on the
//! wire. The revision of a state is 0 and its time the start of 1970.

use reqwest::Method;
use steadfast_core::budget::{Demand, Door, Family, Kind};
use steadfast_core::platform::{
    FindStanding, ListOrdered, OrderedAction, OrderedPage, OrderedRequest, OrderedState,
    OrderedWhen, PlatformError, Standing,
};
use steadfast_core::row::Order;
use steadfast_core::{EntryId, Revision, Timestamp};

use super::answer::{self, Garbled};
use super::call::{Call, demand_in, encode, own_board_entry, v2_board};
use super::lists::{Listing, size};
use super::refusal::About;
use super::service::{Repeat, Session, WriteError, without_conflict};
use super::transport::Reply;

/// Most items of a page (H-50).
const ORDERED_COUNT_MAX: usize = 100;

impl Session {
    pub(super) async fn execute_ordered(
        &self,
        request: OrderedRequest,
    ) -> Result<OrderedState, PlatformError> {
        let OrderedRequest { entry, action, write_id } = request;
        let demand = |kind| demand_at(&entry, kind);
        let write = |method| Call::new(method, path_of(&entry), demand(Kind::Write));
        let value = |value: i64| format!("{{\"value\":{value}}}");
        let call = match action {
            OrderedAction::Get => return self.get_ordered(&entry).await,
            OrderedAction::Remove => {
                let before = self.get_ordered(&entry).await?;
                let call = Call::new(Method::DELETE, path_of(&entry), demand(Kind::Remove));
                let done = |_: &Reply| Ok::<(), Garbled>(());
                let write = (write_id, Repeat::Never);
                let removed = self.write(call, About::Entry(&entry), write, done).await;
                return removed.map(|()| before).map_err(without_conflict);
            }
            OrderedAction::Set { value: new, when: OrderedWhen::Missing } => {
                let path = v2_board(&entry.store, &entry.scope);
                Call::new(Method::POST, path, demand(Kind::Write))
                    .with_query("id", entry.key.as_str())
                    .with_body(value(new))
            }
            OrderedAction::Set { value: new, when } => {
                let allows = when == OrderedWhen::Always;
                write(Method::PATCH)
                    .with_query("allowMissing", if allows { "true" } else { "false" })
                    .with_body(value(new))
            }
            OrderedAction::Increment { by } => {
                let path = format!("{}:increment", path_of(&entry));
                Call::new(Method::POST, path, demand(Kind::Write))
                    .with_body(format!("{{\"amount\":{by}}}"))
            }
        };
        let write = (write_id, Repeat::Never);
        match self.write(call, About::Entry(&entry), write, answer::ordered_value).await {
            Ok(value) => Ok(state(&entry, value)),
            Err(WriteError::Conflict(refusal)) if refusal.says_exists() => {
                Err(PlatformError::OrderedExists { current: self.get_ordered(&entry).await? })
            }
            Err(error) => Err(without_conflict(error)),
        }
    }

    async fn get_ordered(&self, entry: &EntryId) -> Result<OrderedState, PlatformError> {
        let call = Call::new(Method::GET, path_of(entry), demand_at(entry, Kind::Read));
        let value = self.read(&call, About::Entry(entry), answer::ordered_value).await;
        value.map(|value| state(entry, value))
    }

    pub(super) async fn list_ordered(
        &self,
        request: &ListOrdered,
    ) -> Result<OrderedPage, PlatformError> {
        let ListOrdered { board, order, min, max, beyond, page_size } = request;
        if min > max {
            // A filter of nothing is refused by the service.
            return Ok(OrderedPage { items: Vec::new(), next: None });
        }
        let lower = (*min > i64::MIN).then(|| format!("entry >= {min}"));
        let upper = (*max < i64::MAX).then(|| format!("entry <= {max}"));
        let filter = [lower, upper].into_iter().flatten().collect::<Vec<_>>().join(" && ");
        let order_by = match order {
            Order::Ascending => "value",
            Order::Descending => "value desc",
        };
        let demand = demand_in(Door::V2, Family::Ordered, Kind::List, board.store.universe);
        let call = Call::new(Method::GET, v2_board(&board.store, &board.scope), demand)
            .with_query("maxPageSize", &size(*page_size, ORDERED_COUNT_MAX).to_string())
            .with_query("orderBy", order_by)
            .with_optional_query("filter", Some(&*filter).filter(|filter| !filter.is_empty()));
        self.page(Listing {
            call,
            token: "pageToken",
            about: About::Store(&board.store),
            after: beyond.clone(),
            page_size: size(*page_size, ORDERED_COUNT_MAX),
            parse: &|reply: &Reply| answer::ordered(reply, &self.limits),
            keeps: &|_| true,
            position: |item| (item.value, item.key.clone()),
            is_behind: match order {
                Order::Ascending => |place, after| place > after,
                Order::Descending => |place, after| place < after,
            },
            is_sorted: self.is_ours(),
            label: |(value, key)| format!("{value}/{key}"),
        })
        .await
    }

    pub(super) async fn find_standing(
        &self,
        request: &FindStanding,
    ) -> Result<Standing, PlatformError> {
        self.check_ours("find where an entry stands")?;
        let FindStanding { entry, order, around } = request;
        let path = format!("{}:standing", own_board_entry(entry));
        let order = match order {
            Order::Ascending => "asc",
            Order::Descending => "desc",
        };
        let call = Call::new(Method::GET, path, demand_at(entry, Kind::Read))
            .with_query("around", &around.to_string())
            .with_query("order", order);
        let parse = |reply: &Reply| answer::standing(reply, &self.limits);
        self.read(&call, About::Entry(entry), parse).await
    }
}

fn path_of(entry: &EntryId) -> String {
    format!("{}/{}", v2_board(&entry.store, &entry.scope), encode(entry.key.as_str()))
}

fn demand_at(entry: &EntryId, kind: Kind) -> Demand {
    let demand = demand_in(Door::V2, Family::Ordered, kind, entry.store.universe);
    Demand { entry: Some(entry.clone()), ..demand }
}

fn state(entry: &EntryId, value: i64) -> OrderedState {
    let (revision, updated_at) = (Revision { counter: 0, tag: 0 }, Timestamp::EPOCH);
    OrderedState { entry: entry.clone(), value, revision, updated_at }
}
