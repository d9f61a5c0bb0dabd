//! Ordered data stores on the wire (H-50 to H-55, H-110 to H-116).
//!
//! Both generations have the same six calls and the same error body (H-21, H-23). They differ in
//! their paths, in the names of what they answer, and in what the deletion of a missing entry is:
//!
//! ```text
//!   v1  /ordered-data-stores/v1/universes/1/orderedDataStores/X/scopes/S/entries/K
//!   v2  /cloud/v2/universes/1/ordered-data-stores/X/scopes/S/entries/K
//! ```
//!
//! A value is always written as a JSON integer without a decimal point (client rule 27). Going in,
//! `10.0` is the integer 10, as typed clients of v2 write it, and a fraction is refused.

use serde::Serialize;
use steadfast_core::EntryId;
use steadfast_core::platform::{AmountError, ListOrdered, OrderedItem, parse_amount};
use steadfast_core::row::{BoardId, Order};

use crate::cursor::Listing;
use crate::error::V2Error;
use crate::path::{EntrySegment, Parent};
use crate::query::Query;
use crate::v2::{members, page_size};

/// Most items of a page: whoever asks for more gets so many.
pub const PAGE_SIZE_MAX: usize = 100;

/// Which generation of the API a call is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Open Cloud v1.
    V1,
    /// Open Cloud v2.
    V2,
}

/// What a path names, before its parts are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderedPath<'a> {
    /// Of which generation it is.
    pub generation: Generation,
    /// The data store and the scope, which is never left out.
    pub parent: Parent<'a>,
    /// What stands behind `entries/`; nothing for the list.
    pub entry: Option<EntrySegment<'a>>,
}

impl Generation {
    const fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "/ordered-data-stores/v1/universes/",
            Self::V2 => "/cloud/v2/universes/",
        }
    }

    /// What the data stores of a universe are called in paths.
    const fn collection(self) -> &'static str {
        match self {
            Self::V1 => "orderedDataStores",
            Self::V2 => "ordered-data-stores",
        }
    }
}

impl<'a> OrderedPath<'a> {
    /// Finds what a path names. Nothing if it is none of an ordered data store.
    pub fn find(path: &'a str) -> Option<Self> {
        [Generation::V1, Generation::V2].into_iter().find_map(|generation| {
            let rest = path.strip_prefix(generation.prefix())?;
            let (universe, rest) = rest.split_once('/')?;
            let rest = rest.strip_prefix(generation.collection())?.strip_prefix('/')?;
            let (store, rest) = rest.split_once('/')?;
            let (scope, rest) = rest.strip_prefix("scopes/")?.split_once('/')?;
            let entry = match rest.strip_prefix("entries")? {
                "" => None,
                rest => Some(EntrySegment::new(rest.strip_prefix('/')?)),
            };
            Some(Self { generation, parent: Parent::new(universe, store, Some(scope)), entry })
        })
    }
}

/// Reads the value of a create or an update.
///
/// # Errors
/// `INVALID_ARGUMENT`: no such body, no integer, or one beyond the range of `i64`.
pub fn value(body: &[u8]) -> Result<i64, V2Error> {
    let members = members(body, "an entry")?;
    integer(members.value.map(serde_json::value::RawValue::get), "value")
}

/// Reads the amount of an increment.
///
/// # Errors
/// As for [`value`].
pub fn amount(body: &[u8]) -> Result<i64, V2Error> {
    let members = members(body, "an increment")?;
    integer(members.amount.map(serde_json::value::RawValue::get), "amount")
}

fn integer(text: Option<&str>, name: &str) -> Result<i64, V2Error> {
    let text = text.filter(|text| *text != "null");
    let text = text.ok_or_else(|| V2Error::invalid(format!("The {name} field is required.")))?;
    parse_amount(text).map_err(|error| {
        let problem = match error {
            AmountError::NotInteger => "not an integer".to_owned(),
            AmountError::TooLarge => format!("larger than {}", i64::MAX),
            AmountError::TooSmall => format!("smaller than {}", i64::MIN),
        };
        V2Error::invalid(format!("The {name} is {problem}."))
    })
}

/// Reads what a list asks for, and the list that its page tokens belong to.
///
/// # Errors
/// `INVALID_ARGUMENT`, with what is wrong.
pub fn list(
    generation: Generation,
    board: BoardId,
    query: &Query,
) -> Result<(ListOrdered, Listing), V2Error> {
    let page_size = page_size(query, PAGE_SIZE_MAX)?;
    let order = order(query.get("orderBy")?)?;
    let (min, max) = bounds(query.get("filter")?)?;
    let listing = Listing::of("ordered entries")
        .with(generation.prefix())
        .with(board.store.universe.0.to_be_bytes())
        .with(board.store.name.as_str())
        .with(board.scope.as_str())
        .with(format!("{order:?}"))
        .with(min.to_be_bytes())
        .with(max.to_be_bytes())
        .with(page_size.to_string());
    let beyond = query.get("pageToken")?.map(|token| listing.position(token)).transpose()?;
    Ok((ListOrdered { board, order, min, max, beyond, page_size }, listing))
}

/// Client rule 13: what either generation takes, both do.
fn order(text: Option<&str>) -> Result<Order, V2Error> {
    match text {
        None | Some("asc" | "value" | "value asc") => Ok(Order::Ascending),
        Some("desc" | "value desc") => Ok(Order::Descending),
        Some(_) => Err(V2Error::invalid("The order is not one of `asc`, `desc`, `value desc`.")),
    }
}

/// The smallest and the largest value that a filter lets through: `entry >= 10 && entry <= 30`, in
/// either order, or one half of it. Exactly one space between its parts.
fn bounds(filter: Option<&str>) -> Result<(i64, i64), V2Error> {
    let invalid = || {
        V2Error::invalid(
            "The filter is not of the form `entry >= 10 && entry <= 30`, or one half of it.",
        )
    };
    let (mut min, mut max) = (None, None);
    for bound in filter.into_iter().flat_map(|filter| filter.split(" && ")) {
        let (end, number) = match bound.strip_prefix("entry ").and_then(|rest| rest.split_once(' '))
        {
            Some((">=", number)) => (&mut min, number),
            Some(("<=", number)) => (&mut max, number),
            Some(_) | None => return Err(invalid()),
        };
        let digits = number.strip_prefix('-').unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let number = number.parse().map_err(|_| {
            V2Error::invalid("A number of the filter is beyond the range of 64 bits.")
        })?;
        if end.replace(number).is_some() {
            return Err(invalid());
        }
    }
    let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
    // O-04.
    if max < min {
        let message = format!("The filter asks for at least {min} and for at most {max}.");
        return Err(V2Error::invalid(message));
    }
    Ok((min, max))
}

/// The body that shows an entry.
pub fn entry_body(generation: Generation, entry: &EntryId, value: i64) -> String {
    json(&Entry::new(generation, entry, value))
}

/// The body that shows a page: with its array, also an empty one (H-15), and with a token that is
/// empty at the end (client rule 19).
pub fn page_body(
    generation: Generation,
    board: &BoardId,
    items: &[OrderedItem],
    next_page_token: &str,
) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Page<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        entries: Option<Vec<Entry<'a>>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ordered_data_store_entries: Option<Vec<Entry<'a>>>,
        next_page_token: &'a str,
    }
    let entry = |item: &OrderedItem| EntryId {
        store: board.store.clone(),
        scope: board.scope.clone(),
        key: item.key.clone(),
    };
    let ids: Vec<_> = items.iter().map(|item| (entry(item), item.value)).collect();
    let shown = ids.iter().map(|(entry, value)| Entry::new(generation, entry, *value)).collect();
    let (entries, ordered_data_store_entries) = match generation {
        Generation::V1 => (Some(shown), None),
        Generation::V2 => (None, Some(shown)),
    };
    json(&Page { entries, ordered_data_store_entries, next_page_token })
}

#[derive(Serialize)]
struct Entry<'a> {
    path: String,
    id: &'a str,
    value: i64,
}

impl<'a> Entry<'a> {
    /// The path holds its names unescaped (H-06).
    fn new(generation: Generation, entry: &'a EntryId, value: i64) -> Self {
        let EntryId { store, scope, key } = entry;
        let (universe, name, collection) = (store.universe, &store.name, generation.collection());
        let path = format!("universes/{universe}/{collection}/{name}/scopes/{scope}/entries/{key}");
        Self { path, id: key.as_str(), value }
    }
}

fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("text and numbers can always be written as JSON")
}

#[cfg(test)]
#[path = "ordered/tests.rs"]
mod tests;
