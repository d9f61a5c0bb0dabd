//! Requests that answer pages: of entries, of revisions, of data stores.
//!
//! A page is a live read (P-07). Where it ends is a position in the order of the rows, never an
//! offset, so that a listing goes on after a restart and the same request gives the same page.

use std::sync::Arc;

use crate::id::{EntryId, EntryKey, Scope, StoreId, StoreName, UniverseId, WriteId};
use crate::platform::RevisionId;
use crate::row::{Head, Order, Span};
use crate::time::Timestamp;

mod entries;
mod revisions;
mod stores;

pub use entries::EntryListing;
pub use revisions::RevisionListing;
pub use stores::StoreListing;

/// Most keys that one page examines while it leaves some out (L-02).
pub const EXAMINED_MAX: usize = 512;

/// Most revisions that one page of a history leaves out. More than [`EXAMINED_MAX`], because a
/// player who is saved once a second leaves thousands that are not there any more in an hour, and
/// clients take an empty page of revisions for the end.
pub const REVISIONS_LEFT_OUT_MAX: usize = 4_096;

/// Most items of any page, whatever the request says (V-25).
pub const PAGE_SIZE_MAX: usize = 1_024;

/// How many rows are read at a time once some were left out.
const ROWS_PER_READ: usize = 128;

/// A page, and where the next one starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, P> {
    /// Its items. May be empty although more follow (H-13).
    pub items: Vec<T>,
    /// What the next page starts behind; nothing at the end.
    pub next: Option<P>,
}

/// Lists the entries of a data store by scope and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntries {
    /// Whose entries.
    pub store: StoreId,
    /// Which of them, in the order of the rows and without overlap: [`scope_spans`] makes these of a
    /// prefix.
    pub spans: Vec<Span>,
    /// Only keys that start with this text, whatever their scope.
    pub key_prefix: Arc<str>,
    /// Whether deleted entries that are not purged yet are listed (L-01).
    pub with_deleted: bool,
    /// Start behind this entry, whether it is in a span or not.
    pub after: Option<(Scope, EntryKey)>,
    /// Most items of the page, at least 1 and at most [`PAGE_SIZE_MAX`].
    pub page_size: usize,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its scope.
    pub scope: Scope,
    /// Its key.
    pub key: EntryKey,
    /// Whether it is deleted. A damaged entry is listed as one that is not.
    pub is_deleted: bool,
}

/// A page of entries.
pub type EntryPage = Page<ListedEntry, (Scope, EntryKey)>;

/// Lists the revisions of an entry that are there, deletions included (V-24).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRevisions {
    /// Whose revisions.
    pub entry: EntryId,
    /// In which direction.
    pub order: Order,
    /// Only those not written before this time (V-23).
    pub not_before: Option<Timestamp>,
    /// Only those not written after this time.
    pub not_after: Option<Timestamp>,
    /// Whether the sizes of the values are wanted.
    pub with_sizes: bool,
    /// Start beyond this counter, in the direction of the list.
    pub beyond: Option<u64>,
    /// Most items of the page, at least 1 and at most [`PAGE_SIZE_MAX`].
    pub page_size: usize,
}

/// A revision of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRevision {
    /// Its id.
    pub id: RevisionId,
    /// When the entry was first written.
    pub created_at: Timestamp,
    /// When this revision was written.
    pub updated_at: Timestamp,
    /// Whether it is a deletion.
    pub is_deleted: bool,
    /// Whether it is never thinned: it is pinned, or the very next one is.
    pub is_pinned: bool,
    /// The schema of its data; nothing if it was not written by way of its record.
    pub schema: Option<u32>,
    /// Bytes of the value's JSON text, if sizes were asked for and there is a value.
    pub value_size: Option<usize>,
}

/// A page of revisions.
pub type RevisionPage = Page<ListedRevision, u64>;

/// Lists the data stores of a universe that hold at least one entry, by name (S-06, L-08).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListStores {
    /// Whose data stores.
    pub universe: UniverseId,
    /// Only names that start with this text.
    pub prefix: Arc<str>,
    /// Whether deleted data stores that are not purged yet are listed.
    pub with_deleted: bool,
    /// Start behind this name.
    pub after: Option<StoreName>,
    /// Most items of the page, at least 1 and at most [`PAGE_SIZE_MAX`].
    pub page_size: usize,
}

/// A page of data stores.
pub type StorePage = Page<super::StoreInfo, StoreName>;

/// Removes one revision from the history of an entry, for good and without a tombstone (V-04). The
/// current one is refused (V-26). Sent again after it happened, it finds no such revision.
///
/// A deletion keeps what it hid from being thinned. Where it is removed, that is judged as any other
/// revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveRevision {
    /// Whose revision.
    pub entry: EntryId,
    /// Which one.
    pub revision: RevisionId,
    /// Names this write.
    pub write_id: WriteId,
}

/// The spans, in the order of their rows, that together cover exactly the entries of a data store
/// whose text `scope/key` starts with a prefix (L-03, L-04). None of them overlap.
///
/// A scope and a key may hold `/` themselves, so any `/` of the prefix may be the one between them:
///
/// ```text
///   a/b/c   the keys of scope `a` that start with `b/c`
///           the keys of scope `a/b` that start with `c`
///           the scopes that start with `a/b/c`
/// ```
pub fn scope_spans(prefix: &str) -> Vec<Span> {
    let of_scope = |(at, _): (usize, &str)| {
        let (scope, rest) = prefix.split_at(at);
        let keys = rest.strip_prefix('/').unwrap_or(rest);
        Span::Keys(Scope::trusted(scope), keys.into())
    };
    // No scope is empty, so the first character of the prefix belongs to one.
    let keys = prefix.match_indices('/').filter(|(at, _)| *at > 0).map(of_scope);
    keys.chain([Span::Scopes(prefix.into())]).collect()
}

/// A page size that gets on and has a limit.
fn page_size(wanted: usize) -> usize {
    wanted.clamp(1, PAGE_SIZE_MAX)
}

/// How many rows to read next for a page that has so many items, with one more that tells whether
/// another page follows.
fn read_size(page_size: usize, item_count: usize, left_out: usize) -> usize {
    let wanted = page_size.saturating_sub(item_count) + 1;
    if left_out > 0 { wanted.max(ROWS_PER_READ) } else { wanted }
}

/// Whether an entry is a tombstone whose time is over (V-16): it counts as missing, also while its
/// row waits to be removed.
fn is_purged(head: &Head, now: Timestamp) -> bool {
    head.is_tombstone && super::is_purged(head.stamped_at, now)
}

#[cfg(test)]
mod tests;
