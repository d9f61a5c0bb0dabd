//! Requests that answer pages.

use std::future::Future;

use reqwest::Method;
use steadfast_core::budget::{Door, Family, Kind};
use steadfast_core::platform::{
    EntryPage, ListEntries, ListRevisions, ListStores, ListedEntry, Page, PlatformError,
    RevisionPage, StorePage,
};
use steadfast_core::row::{Order, Span};
use steadfast_core::{EntryId, EntryKey, ErrorKind, Scope, StoreName, Timestamp};

use super::answer::{self, Garbled, RawPage};
use super::call::{Call, demand_in, v1_entry, v2_entries, v2_entry, v2_stores};
use super::refusal::About;
use super::refused;
use super::service::Session;
use super::tokens::Hint;
use super::transport::Reply;
use crate::time;

/// Most items of a page of entries, stores and revisions (H-30, H-34, H-43, H-100).
const ENTRY_COUNT_MAX: usize = 256;
const STORE_COUNT_MAX: usize = 100;
const REVISION_COUNT_MAX: usize = 100;

/// Most pages that are read for one: empty ones, and those up to the place where a list goes on.
const PAGES_PER_PAGE_MAX: u32 = 10_000;

const PLACE_GONE: &str = "the item behind which the list was to go on is gone";

/// The scope whose name stands for all of them.
const ALL_SCOPES: &str = "-";

/// A list over HTTP.
pub(super) struct Listing<'a, T, P> {
    /// The call without a token.
    pub(super) call: Call,
    /// The name of the parameter that carries the token.
    pub(super) token: &'static str,
    pub(super) about: About<'a>,
    /// Where the list goes on.
    pub(super) after: Option<P>,
    /// Most items of the page.
    pub(super) page_size: usize,
    pub(super) parse: &'a (dyn Fn(&Reply) -> Result<RawPage<T>, Garbled> + Send + Sync),
    /// Which items were asked for, where the service cannot be told.
    pub(super) keeps: &'a (dyn Fn(&T) -> bool + Send + Sync),
    pub(super) position: fn(&T) -> P,
    /// Whether the first place is behind the second, in the direction of the list.
    pub(super) is_behind: fn(&P, &P) -> bool,
    /// Whether the service lists in that order. If not, a place is found only by its item.
    pub(super) is_sorted: bool,
    /// The place as text, different for each.
    pub(super) label: fn(&P) -> String,
}

impl<T, P: PartialEq> Listing<'_, T, P> {
    /// The index of the first item behind a place; nothing if the page ends before it.
    fn first_behind(&self, items: &[T], after: &P) -> Option<usize> {
        let Self { position, is_behind, .. } = self;
        if self.is_sorted {
            return items.iter().position(|item| is_behind(&position(item), after));
        }
        items.iter().position(|item| position(item) == *after).map(|index| index + 1)
    }
}

impl Session {
    /// The next page that is not empty.
    pub(super) async fn page<T, P: PartialEq>(
        &self,
        listing: Listing<'_, T, P>,
    ) -> Result<Page<T, P>, PlatformError> {
        let target = listing.call.target();
        let Listing { after, keeps, position, label, .. } = &listing;
        let hint = after.as_ref().and_then(|after| self.tokens.find(&target, label(after)));
        let (mut token, mut sought) = match hint {
            Some(Hint::At(token)) => (Some(token), None),
            Some(Hint::Within(token)) => (Some(token), after.as_ref()),
            None => (None, after.as_ref()),
        };
        // Where the first page is only the end of one, others fill it up.
        let fills = sought.is_some();
        let mut items: Vec<T> = Vec::new();
        for _ in 0..PAGES_PER_PAGE_MAX {
            let call = listing.call.clone().with_optional_query(listing.token, token.as_deref());
            let (mut found, next) = self.read(&call, listing.about, listing.parse).await?;
            if let Some(after) = sought {
                let Some(first) = listing.first_behind(&found, after) else {
                    match next.filter(|next| token.as_ref() != Some(next)) {
                        Some(next) => token = Some(next),
                        None if listing.is_sorted => return Ok(Page { items, next: None }),
                        None => return Err(refused(ErrorKind::Conflict, PLACE_GONE)),
                    }
                    continue;
                };
                found.drain(..first);
                sought = None;
            }
            items.extend(found.into_iter().filter(|item| keeps(item)));
            let is_cut = items.len() > listing.page_size;
            items.truncate(listing.page_size);
            let is_full = items.len() >= listing.page_size;
            // A token that does not change goes nowhere: it is the end.
            let next = next.filter(|next| token.as_ref() != Some(next));
            let hint = match (is_cut, next) {
                (true, _) => token.map(Hint::Within),
                (false, None) => return Ok(Page { items, next: None }),
                (false, Some(next)) if items.is_empty() || fills && !is_full => {
                    token = Some(next);
                    continue;
                }
                (false, Some(next)) => Some(Hint::At(next)),
            };
            let end = items.last().map(position);
            if let (Some(end), Some(hint)) = (&end, hint) {
                self.tokens.remember(&target, label(end), hint);
            }
            return Ok(Page { items, next: end });
        }
        let reason = format!("nothing was found on {PAGES_PER_PAGE_MAX} pages of the list");
        Err(refused(ErrorKind::Exhausted, reason))
    }

    pub(super) async fn list_entries(
        &self,
        request: &ListEntries,
    ) -> Result<EntryPage, PlatformError> {
        for (index, span) in request.spans.iter().enumerate() {
            let after = match &request.after {
                Some(after) if is_over(span, after) => continue,
                Some(after) if has_begun(span, after) => Some(after.clone()),
                Some(_) | None => None,
            };
            let mut page = self.list_span(request, span, after).await?;
            let is_last = index + 1 == request.spans.len();
            if page.items.is_empty() && !is_last {
                continue;
            }
            if page.next.is_none() && !is_last {
                page.next = page.items.last().map(place_of_entry);
            }
            return Ok(page);
        }
        Ok(Page { items: Vec::new(), next: None })
    }

    /// A page of one span. What the service cannot filter by is left out here.
    fn list_span(
        &self,
        request: &ListEntries,
        span: &Span,
        after: Option<(Scope, EntryKey)>,
    ) -> impl Future<Output = Result<EntryPage, PlatformError>> + Send {
        let ListEntries { store, key_prefix, with_deleted, page_size, .. } = request;
        let scope = match span {
            Span::Keys(scope, _) if scope.as_str() != ALL_SCOPES => Some(scope),
            Span::Keys(..) | Span::Scopes(_) => None,
        };
        let prefix = match span {
            Span::Keys(_, prefix) if prefix.len() > key_prefix.len() => prefix,
            Span::Keys(..) | Span::Scopes(_) => key_prefix,
        };
        // H-47: without a scope, the live service may compare another text than the key.
        let filters = !prefix.is_empty() && (scope.is_some() || self.is_ours());
        let demand = demand_in(Door::V2, Family::Standard, Kind::List, store.universe);
        let call = Call::new(Method::GET, v2_entries(store, scope), demand)
            .with_query("maxPageSize", &size(*page_size, ENTRY_COUNT_MAX).to_string())
            .with_optional_query("filter", filters.then(|| starts_with(prefix)).as_deref())
            .with_optional_query("showDeleted", with_deleted.then_some("true"));
        async move {
            let parse = |reply: &Reply| answer::entries(reply, store, scope, &self.limits);
            let keeps = |item: &ListedEntry| {
                span.covers(&item.scope, &item.key) && item.key.as_str().starts_with(&**key_prefix)
            };
            let listing = Listing {
                call,
                token: "pageToken",
                about: About::Store(store),
                after,
                page_size: size(*page_size, ENTRY_COUNT_MAX),
                parse: &parse,
                keeps: &keeps,
                position: place_of_entry,
                is_behind: |place, after| place > after,
                is_sorted: self.is_ours(),
                label: |(scope, key)| format!("{}:{scope}/{key}", scope.as_str().len()),
            };
            self.page(listing).await
        }
    }

    /// v2 lists from the newest on and without sizes; v1 does the rest.
    pub(super) async fn list_revisions(
        &self,
        request: &ListRevisions,
    ) -> Result<RevisionPage, PlatformError> {
        let ListRevisions { entry, order, not_before, not_after, with_sizes, beyond, page_size } =
            request;
        let is_v2 = *order == Order::Descending && !with_sizes;
        let call = if is_v2 {
            revisions_call(entry, (*not_before, *not_after), *page_size)
        } else {
            let demand = demand_in(Door::V1, Family::Standard, Kind::List, entry.store.universe);
            v1_entry(Method::GET, entry, "/versions", demand)
                .with_query(
                    "sortOrder",
                    match order {
                        Order::Ascending => "Ascending",
                        Order::Descending => "Descending",
                    },
                )
                .with_query("limit", &size(*page_size, REVISION_COUNT_MAX).to_string())
                .with_optional_query("startTime", not_before.map(time::v1_json).as_deref())
                .with_optional_query("endTime", not_after.map(time::v1_json).as_deref())
        };
        let mut page = self
            .page(Listing {
                call,
                token: if is_v2 { "pageToken" } else { "cursor" },
                about: About::Entry(entry),
                after: *beyond,
                page_size: size(*page_size, REVISION_COUNT_MAX),
                parse: if is_v2 { &answer::revisions } else { &answer::versions },
                keeps: &|_| true,
                position: answer::counter_in,
                is_behind: match order {
                    Order::Ascending => |counter, after| counter > after,
                    Order::Descending => |counter, after| counter < after,
                },
                is_sorted: true,
                label: u64::to_string,
            })
            .await?;
        if !with_sizes {
            page.items.iter_mut().for_each(|item| item.value_size = None);
        }
        Ok(page)
    }

    pub(super) async fn list_stores(
        &self,
        request: &ListStores,
    ) -> Result<StorePage, PlatformError> {
        let ListStores { universe, prefix, with_deleted, after, page_size } = request;
        let filter = (!prefix.is_empty()).then(|| starts_with(prefix));
        let demand = demand_in(Door::V2, Family::Standard, Kind::List, *universe);
        let call = Call::new(Method::GET, v2_stores(*universe), demand)
            .with_query("maxPageSize", &size(*page_size, STORE_COUNT_MAX).to_string())
            .with_optional_query("filter", filter.as_deref())
            .with_optional_query("showDeleted", with_deleted.then_some("true"));
        self.page(Listing {
            call,
            token: "pageToken",
            about: About::Universe,
            after: after.clone(),
            page_size: size(*page_size, STORE_COUNT_MAX),
            parse: &|reply: &Reply| answer::stores(reply, *universe, &self.limits),
            keeps: &|_| true,
            position: |info| info.store.name.clone(),
            is_behind: |name, after| name > after,
            is_sorted: self.is_ours(),
            label: StoreName::to_string,
        })
        .await
    }
}

/// The call that lists revisions from the newest on.
pub(super) fn revisions_call(
    entry: &EntryId,
    (not_before, not_after): (Option<Timestamp>, Option<Timestamp>),
    page_size: usize,
) -> Call {
    let bound = |sign: &str, at: Option<Timestamp>| {
        at.map(|at| format!("revision_create_time {sign} {}", time::v2_json(at)))
    };
    let bounds = [bound(">=", not_before), bound("<=", not_after)];
    let filter = bounds.into_iter().flatten().collect::<Vec<_>>().join(" && ");
    let path = format!("{}:listRevisions", v2_entry(entry));
    let demand = demand_in(Door::V2, Family::Standard, Kind::List, entry.store.universe);
    Call::new(Method::GET, path, demand)
        .with_query("maxPageSize", &size(page_size, REVISION_COUNT_MAX).to_string())
        .with_optional_query("filter", Some(&*filter).filter(|filter| !filter.is_empty()))
}

/// A filter of names (H-46).
fn starts_with(prefix: &str) -> String {
    let escaped = prefix.replace('\\', "\\\\").replace('"', "\\\"");
    format!("id.startsWith(\"{escaped}\")")
}

/// How many items are asked for.
pub(super) fn size(wanted: usize, most: usize) -> usize {
    wanted.clamp(1, most)
}

fn place_of_entry(item: &ListedEntry) -> (Scope, EntryKey) {
    (item.scope.clone(), item.key.clone())
}

/// Whether all of a span lies before a place or at it.
fn is_over(span: &Span, (scope, key): &(Scope, EntryKey)) -> bool {
    match span {
        // Scopes that start with a text stand together.
        Span::Scopes(prefix) => {
            !scope.as_str().starts_with(&**prefix) && scope.as_str() > &**prefix
        }
        Span::Keys(only, prefix) => {
            let is_past = !key.as_str().starts_with(&**prefix) && key.as_str() > &**prefix;
            scope > only || scope == only && is_past
        }
    }
}

/// Whether a place lies within a span.
fn has_begun(span: &Span, (scope, key): &(Scope, EntryKey)) -> bool {
    span.covers(scope, key)
}

#[cfg(test)]
#[path = "lists/tests.rs"]
mod tests;
