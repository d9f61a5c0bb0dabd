//! Boards: the entries of an ordered data store in their order, counted.
//!
//! Which place an entry has, how many have a strictly better value, and who stands around it, each
//! in O(log n) without reading a row. No engine stores how many rows lie before one, so this does.
//!
//! ```text
//!   chunks   [-5 a, -5 b, 0 q, ..]  [7 c, 7 d, ..]  [7 x, 90 e, ..]     128 to 512 items each
//!   counts   sums over runs of chunk lengths: how many items lie before a chunk
//! ```
//!
//! An item is found by two binary searches, over the first items of the chunks and within one of
//! them; the sums say how many lie before that chunk. A change moves less than a chunk of items. A
//! chunk that gets too long or too short is split, or joined with its neighbour, and the sums are
//! made anew: after either it takes more than a hundred changes until its turn comes again.
//!
//! Invariants: the items of all chunks ascend strictly by value and then key bytes; no chunk is
//! empty or over-long, and none but the last is too short; the sums agree with the lengths. Nothing
//! here knows where the items come from, or when.

use crate::id::EntryKey;
use crate::platform::{Place, Standing};
use crate::row::Order;

mod counts;

use counts::Counts;

/// Most items of a chunk.
const CHUNK_SIZE_MAX: usize = 512;

/// Fewest items of a chunk that has another behind it.
const CHUNK_SIZE_MIN: usize = 128;

/// Items of a chunk that was filled in order, with room for those that come later.
const CHUNK_SIZE_FILLED: usize = 448;

type Item = (i64, EntryKey);

/// A counted set of values with their keys, sorted by value and then by the bytes of the key.
///
/// An item takes 28 bytes if all came in order, 24 to 60 as a rule and 110 after the worst run of
/// removals, besides the text of its key, which is shared with whoever else holds it.
#[derive(Clone, Debug, Default)]
pub struct Board {
    chunks: Vec<Chunk>,
    counts: Counts,
    len: usize,
}

/// A run of items. The value of the first stands beside them, so that the search for a chunk seldom
/// has to look into one.
#[derive(Clone, Debug)]
struct Chunk {
    first: i64,
    items: Vec<Item>,
}

impl Board {
    /// No items.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an item, in O(1) behind the last one. False if it is there already.
    pub fn insert(&mut self, value: i64, key: EntryKey) -> bool {
        let (index, place) = match self.last_place() {
            None => return self.push_chunk(value, key),
            Some((index, place, last)) if (last.0, &last.1) < (value, &key) => {
                if place >= CHUNK_SIZE_FILLED {
                    return self.push_chunk(value, key);
                }
                (index, place)
            }
            Some(_) => {
                let Some(index) = self.chunk_of(value, &key) else { return false };
                match search(&self.chunk(index).items, value, &key) {
                    Ok(_) => return false,
                    Err(place) => (index, place),
                }
            }
        };
        let chunk = self.chunk_mut(index);
        if place == 0 {
            chunk.first = value;
        }
        chunk.insert(place, (value, key));
        self.len += 1;
        if chunk_is_long(self.chunk(index)) {
            self.split(index);
        } else {
            self.counts.add(index);
        }
        true
    }

    /// Takes an item out. False if it is not there.
    pub fn remove(&mut self, value: i64, key: &EntryKey) -> bool {
        let Some(index) = self.chunk_of(value, key) else { return false };
        let chunk = self.chunk_mut(index);
        let Ok(place) = search(&chunk.items, value, key) else { return false };
        chunk.items.remove(place);
        if let Some((first, _)) = chunk.items.first() {
            chunk.first = *first;
        }
        let left = chunk.items.len();
        self.len -= 1;
        if left >= CHUNK_SIZE_MIN || (self.chunks.len() == 1 && left > 0) {
            self.counts.subtract(index);
        } else {
            self.join(index);
        }
        true
    }

    /// How many items lie before this one; nothing if it is not there.
    pub fn index_of(&self, value: i64, key: &EntryKey) -> Option<usize> {
        let index = self.chunk_of(value, key)?;
        let place = search(&self.chunk(index).items, value, key).ok()?;
        Some(self.counts.before(index) + place)
    }

    /// The item that so many others lie before.
    pub fn nth(&self, index: usize) -> Option<(i64, &EntryKey)> {
        let (chunk, place) = self.counts.find(index)?;
        let (value, key) = self.chunk(chunk).items.get(place)?;
        Some((*value, key))
    }

    /// The place of an item, from 1 on.
    pub fn position(&self, value: i64, key: &EntryKey, order: Order) -> Option<usize> {
        let index = self.index_of(value, key)?;
        Some(match order {
            Order::Ascending => index + 1,
            Order::Descending => self.len - index,
        })
    }

    /// 1 more than the number of items with a strictly better value, whether or not there is an
    /// item with this one.
    pub fn rank(&self, value: i64, order: Order) -> usize {
        match order {
            Order::Ascending => 1 + self.count(|other| other < value),
            Order::Descending => 1 + self.len - self.count(|other| other <= value),
        }
    }

    /// The items from a place on, in either direction; none if nothing stands there. `first` counts
    /// from 0 in that direction.
    pub fn items_from(
        &self,
        first: usize,
        order: Order,
    ) -> Box<dyn Iterator<Item = (i64, &EntryKey)> + '_> {
        let index = match order {
            Order::Ascending => Some(first),
            Order::Descending => self.len.checked_sub(first).and_then(|rest| rest.checked_sub(1)),
        };
        let Some((chunk, place)) = index.and_then(|index| self.counts.find(index)) else {
            return Box::new(std::iter::empty());
        };
        let (before, after) = self.chunks.split_at(chunk);
        let (this, after) = after.split_first().expect("an item is found in a chunk");
        match order {
            Order::Ascending => {
                let rest = after.iter().flat_map(|chunk| &chunk.items);
                let run = this.items.iter().skip(place).chain(rest);
                Box::new(run.map(|(value, key)| (*value, key)))
            }
            Order::Descending => {
                let rest = before.iter().rev().flat_map(|chunk| chunk.items.iter().rev());
                let run = this.items.iter().take(place + 1).rev().chain(rest);
                Box::new(run.map(|(value, key)| (*value, key)))
            }
        }
    }

    /// Where an item stands, with its neighbours, at most `around` on each side; nothing if it is
    /// not there.
    pub fn standing(
        &self,
        value: i64,
        key: &EntryKey,
        order: Order,
        around: usize,
    ) -> Option<Standing> {
        let place = self.position(value, key, order)? - 1;
        let first = place.saturating_sub(around);
        let count = (place - first).saturating_add(1).saturating_add(around);
        let mut places: Vec<Place> = Vec::with_capacity(count.min(self.len));
        for (position, (value, key)) in (first + 1..).zip(self.items_from(first, order)).take(count)
        {
            // Whoever is behind a better one has nobody of the same value in front.
            let rank = match places.last() {
                Some(last) if last.value == value => last.rank,
                Some(_) => counted(position),
                None => counted(self.rank(value, order)),
            };
            places.push(Place { key: key.clone(), value, position: counted(position), rank });
        }
        let place = places.get(place - first).cloned()?;
        Some(Standing { place, entry_count: counted(self.len), around: places })
    }

    /// How many items at the start have values for which this holds. It must hold for no value
    /// above one for which it does not.
    fn count(&self, holds: impl Fn(i64) -> bool) -> usize {
        let after = self.chunks.partition_point(|chunk| holds(chunk.first));
        let Some(index) = after.checked_sub(1) else { return 0 };
        let items = &self.chunk(index).items;
        self.counts.before(index) + items.partition_point(|(value, _)| holds(*value))
    }

    /// The chunk that holds an item, or would; nothing if there is no chunk.
    fn chunk_of(&self, value: i64, key: &EntryKey) -> Option<usize> {
        let starts_before = |chunk: &Chunk| match chunk.first.cmp(&value) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => chunk.items.first().is_some_and(|item| item.1 <= *key),
        };
        let after = self.chunks.partition_point(starts_before);
        (!self.chunks.is_empty()).then(|| after.saturating_sub(1))
    }

    fn chunk(&self, index: usize) -> &Chunk {
        self.chunks.get(index).expect("a chunk that was found")
    }

    fn chunk_mut(&mut self, index: usize) -> &mut Chunk {
        self.chunks.get_mut(index).expect("a chunk that was found")
    }

    /// The place behind all others, as its chunk and its place there, with the last item.
    fn last_place(&self) -> Option<(usize, usize, &Item)> {
        let items = &self.chunks.last()?.items;
        Some((self.chunks.len() - 1, items.len(), items.last()?))
    }

    fn push_chunk(&mut self, value: i64, key: EntryKey) -> bool {
        self.chunks.push(Chunk::of(vec![(value, key)]));
        self.counts.push(1);
        self.len += 1;
        true
    }

    /// Makes two chunks of one.
    fn split(&mut self, index: usize) {
        let chunk = self.chunk_mut(index);
        let rest = chunk.items.split_off(chunk.items.len() / 2);
        chunk.items.shrink_to_fit();
        self.chunks.insert(index + 1, Chunk::of(rest));
        self.recount();
    }

    /// Puts a chunk that is too short together with a neighbour, and parts them evenly if that
    /// makes too long a one.
    fn join(&mut self, index: usize) {
        let first = if index + 1 < self.chunks.len() { index } else { index.saturating_sub(1) };
        if first + 1 < self.chunks.len() {
            let mut second = self.chunks.remove(first + 1);
            let chunk = self.chunk_mut(first);
            chunk.items.reserve_exact(second.items.len());
            chunk.items.append(&mut second.items);
            if let Some((value, _)) = chunk.items.first() {
                chunk.first = *value;
            }
        }
        if self.chunk(first).items.is_empty() {
            self.chunks.remove(first);
        } else if chunk_is_long(self.chunk(first)) {
            return self.split(first);
        }
        self.recount();
    }

    fn recount(&mut self) {
        self.counts = self.chunks.iter().map(|chunk| chunk.items.len()).collect();
    }
}

impl FromIterator<Item> for Board {
    /// In O(n) if the items come in order.
    fn from_iter<I: IntoIterator<Item = Item>>(items: I) -> Self {
        let mut board = Self::new();
        for (value, key) in items {
            // What is there already stays.
            let _ = board.insert(value, key);
        }
        board
    }
}

impl Chunk {
    fn of(items: Vec<Item>) -> Self {
        let first = items.first().map_or(0, |(value, _)| *value);
        Self { first, items }
    }

    fn insert(&mut self, place: usize, item: Item) {
        // Doubling would leave half of it empty.
        if self.items.len() == self.items.capacity() {
            let step = if self.items.len() < CHUNK_SIZE_MIN { self.items.len() + 1 } else { 64 };
            self.items.reserve_exact(step);
        }
        self.items.insert(place, item);
    }
}

fn chunk_is_long(chunk: &Chunk) -> bool {
    chunk.items.len() > CHUNK_SIZE_MAX
}

/// Where an item stands in a chunk, or would.
fn search(items: &[Item], value: i64, key: &EntryKey) -> Result<usize, usize> {
    items.binary_search_by(|(other, text)| other.cmp(&value).then_with(|| text.cmp(key)))
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).expect("a board in memory has fewer than 2^64 items")
}

#[cfg(test)]
#[path = "board/tests.rs"]
mod tests;
