//! Keys of the tables, and back.

mod ledger;

use steadfast_core::row::{Reviewed, Span};
use steadfast_core::{
    ApiKeyId, EntryId, EntryKey, Scope, ServerId, StoreId, StoreName, UniverseId, UtcHour,
};

pub(crate) use ledger::{is_witnessed, ledger_bounds, ledger_key, parse_ledger_key};

/// Bytes of the store's number at the start of `K`.
const STORE_NUMBER_SIZE: usize = 4;

/// Ends `K` where something follows it: it sorts before any byte of a longer key, and an escaped
/// zero is `00 FF`, so it cannot be part of one.
const END: [u8; 2] = [0, 0];

fn push_escaped(bytes: &mut Vec<u8>, text: &str) {
    for &byte in text.as_bytes() {
        bytes.push(byte);
        if byte == 0 {
            // Not a byte of any text, so the separator, `00` before text, stays apart from it.
            bytes.push(0xff);
        }
    }
}

fn unescaped(bytes: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        text.push(byte);
        if byte == 0 && rest.next() != Some(&0xff) {
            return None;
        }
    }
    String::from_utf8(text).ok()
}

/// Whether the byte there is no part of a text: a zero that is not escaped.
fn is_end(bytes: &[u8], at: usize) -> bool {
    bytes.get(at) == Some(&0) && bytes.get(at + 1) != Some(&0xff)
}

/// The text up to the first separator, and the bytes behind it.
fn split_escaped(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = (0..bytes.len()).find(|&at| is_end(bytes, at))?;
    Some((unescaped(bytes.get(..end)?)?, bytes.get(end + 1..)?))
}

/// The part of `K` behind the store's number, with room for that number before it.
pub(crate) fn entry_key(store: u32, scope: &str, key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(STORE_NUMBER_SIZE + scope.len() + 1 + key.len());
    bytes.extend_from_slice(&store.to_be_bytes());
    push_escaped(&mut bytes, scope);
    bytes.push(0);
    push_escaped(&mut bytes, key);
    bytes
}

/// Puts the store's number, learned later, into `K`.
pub(crate) fn set_store_number(entry_key: &mut [u8], store: u32) {
    if let Some(number) = entry_key.first_chunk_mut::<STORE_NUMBER_SIZE>() {
        *number = store.to_be_bytes();
    }
}

/// The store's number, the scope and the key of `K`.
pub(crate) fn parse_entry_key(bytes: &[u8]) -> Option<(u32, Scope, EntryKey)> {
    let (number, rest) = bytes.split_first_chunk::<STORE_NUMBER_SIZE>()?;
    let (scope, key) = split_escaped(rest)?;
    let key = unescaped(key)?;
    Some((u32::from_be_bytes(*number), Scope::trusted(scope), EntryKey::trusted(key)))
}

/// The first key of a run, and the first behind its last one.
pub(crate) type KeyBounds = (Vec<u8>, Option<Vec<u8>>);

/// The keys that begin with a prefix.
pub(crate) fn prefix_bounds(prefix: Vec<u8>) -> KeyBounds {
    let mut end = prefix.clone();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return (prefix, Some(end));
        }
    }
    // Nothing but `FF`: there is no key behind all of them.
    (prefix, None)
}

/// The keys of a store that a span covers.
pub(crate) fn span_bounds(store: u32, span: &Span) -> KeyBounds {
    let mut prefix = store.to_be_bytes().to_vec();
    match span {
        Span::Scopes(start) => {
            push_escaped(&mut prefix, start);
            prefix_bounds(prefix)
        }
        Span::Keys(scope, start) => {
            push_escaped(&mut prefix, scope.as_str());
            prefix.push(0);
            if start.is_empty() {
                // `00 FF` would be a zero byte within a longer scope.
                let mut end = prefix.clone();
                end.push(0xff);
                return (prefix, Some(end));
            }
            push_escaped(&mut prefix, start);
            prefix_bounds(prefix)
        }
    }
}

/// What the places of a board begin with. Two zero bytes, because a value may begin with `FF`.
pub(crate) fn board_prefix(store: u32, scope: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(STORE_NUMBER_SIZE + scope.len() + END.len());
    bytes.extend_from_slice(&store.to_be_bytes());
    push_escaped(&mut bytes, scope);
    bytes.extend_from_slice(&END);
    bytes
}

/// A value as bytes that sort as it does.
fn value_bytes(value: i64) -> [u8; 8] {
    (value ^ i64::MIN).to_be_bytes()
}

/// The value of such bytes.
fn parse_value_bytes(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes) ^ i64::MIN
}

/// The key of a place in `ord`.
pub(crate) fn place_key(store: u32, scope: &str, value: i64, key: &str) -> Vec<u8> {
    let mut bytes = board_prefix(store, scope);
    bytes.reserve(8 + key.len());
    bytes.extend_from_slice(&value_bytes(value));
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The places of a board with values from `min` to `max`.
pub(crate) fn board_bounds(store: u32, scope: &str, min: i64, max: i64) -> KeyBounds {
    let start = place_key(store, scope, min, "");
    let (_, end) = prefix_bounds(place_key(store, scope, max, ""));
    (start, end)
}

/// The store's number, the scope, the value and the key of a place.
pub(crate) fn parse_place_key(bytes: &[u8]) -> Option<(u32, Scope, i64, EntryKey)> {
    let (number, rest) = bytes.split_first_chunk::<STORE_NUMBER_SIZE>()?;
    let end = (0..rest.len()).find(|&at| rest.get(at..at + 2) == Some(&END[..]))?;
    let scope = unescaped(rest.get(..end)?)?;
    let (value, key) = rest.get(end + END.len()..)?.split_first_chunk::<8>()?;
    let (value, key) = (parse_value_bytes(*value), std::str::from_utf8(key).ok()?);
    Some((u32::from_be_bytes(*number), Scope::trusted(scope), value, EntryKey::trusted(key)))
}

const REVIEW_OF_ENTRY: u8 = 0;
const REVIEW_OF_ORDERED: u8 = 1;

/// The key of a reminder. It has the names themselves, so that reminders of an hour sort by them.
pub(crate) fn review_key(hour: UtcHour, reviewed: &Reviewed) -> Vec<u8> {
    let (kind, entry) = match reviewed {
        Reviewed::Entry(entry) => (REVIEW_OF_ENTRY, entry),
        Reviewed::Ordered(entry) => (REVIEW_OF_ORDERED, entry),
    };
    let mut bytes = hour.0.to_be_bytes().to_vec();
    bytes.push(kind);
    push_names(&mut bytes, entry);
    bytes
}

/// Names an entry without the number of its data store, so that keys sort as names do.
fn push_names(bytes: &mut Vec<u8>, entry: &EntryId) {
    bytes.extend_from_slice(&entry.store.universe.0.to_be_bytes());
    push_escaped(bytes, entry.store.name.as_str());
    bytes.push(0);
    push_escaped(bytes, entry.scope.as_str());
    bytes.push(0);
    push_escaped(bytes, entry.key.as_str());
}

fn parse_names(bytes: &[u8]) -> Option<EntryId> {
    let (universe, rest) = bytes.split_first_chunk::<8>()?;
    let (name, rest) = split_escaped(rest)?;
    let (scope, key) = split_escaped(rest)?;
    let universe = UniverseId(u64::from_be_bytes(*universe));
    let store = StoreId { universe, name: StoreName::trusted(name) };
    let key = EntryKey::trusted(unescaped(key)?);
    Some(EntryId { store, scope: Scope::trusted(scope), key })
}

/// The hour of a reminder, and what it is of.
pub(crate) fn parse_review_key(bytes: &[u8]) -> Option<(UtcHour, Reviewed)> {
    let (hour, rest) = bytes.split_first_chunk::<4>()?;
    let (&kind, rest) = rest.split_first()?;
    let entry = parse_names(rest)?;
    let reviewed = match kind {
        REVIEW_OF_ENTRY => Reviewed::Entry(entry),
        REVIEW_OF_ORDERED => Reviewed::Ordered(entry),
        _ => return None,
    };
    Some((UtcHour(u32::from_be_bytes(*hour)), reviewed))
}

/// The reminders up to an hour.
pub(crate) fn review_bounds(through: UtcHour) -> KeyBounds {
    let (_, end) = prefix_bounds(through.0.to_be_bytes().to_vec());
    (Vec::new(), end)
}

/// The key of a game server.
pub(crate) fn server_key(server: ServerId) -> [u8; 16] {
    server.0.to_be_bytes()
}

/// The game server of a key.
pub(crate) fn parse_server_key(bytes: &[u8]) -> Option<ServerId> {
    Some(ServerId(u128::from_be_bytes(bytes.try_into().ok()?)))
}

/// The key of mail to a game server. It has the names themselves, as reminders do.
pub(crate) fn mail_key(server: ServerId, entry: &EntryId) -> Vec<u8> {
    let mut bytes = server_key(server).to_vec();
    push_names(&mut bytes, entry);
    bytes
}

/// The game server and the entry of mail.
pub(crate) fn parse_mail_key(bytes: &[u8]) -> Option<(ServerId, EntryId)> {
    let (server, names) = bytes.split_first_chunk::<16>()?;
    Some((ServerId(u128::from_be_bytes(*server)), parse_names(names)?))
}

/// The mail of a game server.
pub(crate) fn mail_bounds(server: ServerId) -> KeyBounds {
    prefix_bounds(server_key(server).to_vec())
}

/// The key of a universe.
pub(crate) fn universe_key(universe: UniverseId) -> [u8; 8] {
    universe.0.to_be_bytes()
}

/// The universe of a key.
pub(crate) fn parse_universe_key(bytes: &[u8]) -> Option<UniverseId> {
    Some(UniverseId(u64::from_be_bytes(bytes.try_into().ok()?)))
}

/// The key of a revision in `ver`.
pub(crate) fn revision_key(entry_key: &[u8], counter: u64) -> Vec<u8> {
    let mut bytes = revision_prefix(entry_key);
    bytes.extend_from_slice(&(!counter).to_be_bytes());
    bytes
}

/// What all revisions of an entry begin with.
pub(crate) fn revision_prefix(entry_key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entry_key.len() + END.len() + 8);
    bytes.extend_from_slice(entry_key);
    bytes.extend_from_slice(&END);
    bytes
}

/// `K` and the counter of a revision's key.
pub(crate) fn parse_revision_key(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let (prefix, counter) = bytes.split_last_chunk::<8>()?;
    let (entry_key, end) = prefix.split_last_chunk::<2>()?;
    (*end == END).then(|| (entry_key, !u64::from_be_bytes(*counter)))
}

/// The key of a chunk in `val`.
pub(crate) fn value_key(seq: u64, chunk: u16) -> [u8; 10] {
    let mut bytes = [0; 10];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&seq.to_be_bytes());
    tail.copy_from_slice(&chunk.to_be_bytes());
    bytes
}

/// The sequence number and the chunk of a key in `val`.
pub(crate) fn parse_value_key(bytes: &[u8]) -> Option<(u64, u16)> {
    let (seq, rest) = bytes.split_first_chunk::<8>()?;
    let chunk: [u8; 2] = rest.try_into().ok()?;
    Some((u64::from_be_bytes(*seq), u16::from_be_bytes(chunk)))
}

/// The key of a data store.
pub(crate) fn store_key(store: &StoreId) -> Vec<u8> {
    let mut bytes = store.universe.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(store.name.as_str().as_bytes());
    bytes
}

/// The data store of a key.
pub(crate) fn parse_store_key(bytes: &[u8]) -> Option<StoreId> {
    let (universe, name) = bytes.split_first_chunk::<8>()?;
    let name = std::str::from_utf8(name).ok()?;
    let universe = UniverseId(u64::from_be_bytes(*universe));
    Some(StoreId { universe, name: StoreName::trusted(name) })
}

/// The keys of a universe's stores whose names start with a text.
pub(crate) fn universe_bounds(universe: UniverseId, names: &str) -> KeyBounds {
    let mut prefix = universe.0.to_be_bytes().to_vec();
    prefix.extend_from_slice(names.as_bytes());
    prefix_bounds(prefix)
}

/// The store's number that `K` begins with.
pub(crate) fn store_number(entry_key: &[u8]) -> u32 {
    entry_key.first_chunk().copied().map_or(0, u32::from_be_bytes)
}

/// The key of an API key.
pub(crate) fn api_key_key(id: ApiKeyId) -> [u8; 16] {
    id.0.to_be_bytes()
}

/// The API key of a key.
pub(crate) fn parse_api_key_key(bytes: &[u8]) -> Option<ApiKeyId> {
    Some(ApiKeyId(u128::from_be_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = i64> {
        prop_oneof![-2i64..3, Just(i64::MIN), Just(i64::MAX), Just(i64::MAX - 1)]
    }

    fn reviews() -> impl Strategy<Value = Reviewed> {
        let names = ("[\0a\u{ff}]{0,2}", "[\0a\u{ff}]{0,2}", "[\0a\u{ff}]{0,2}");
        (any::<bool>(), 0u64..2, names).prop_map(|(is_ordered, universe, (name, scope, key))| {
            let store = StoreId { universe: UniverseId(universe), name: StoreName::trusted(name) };
            let (scope, key) = (Scope::trusted(scope), EntryKey::trusted(key));
            let entry = EntryId { store, scope, key };
            if is_ordered { Reviewed::Ordered(entry) } else { Reviewed::Entry(entry) }
        })
    }

    fn servers() -> impl Strategy<Value = ServerId> {
        prop_oneof![0..3_u128, Just(255), Just(256), Just(u128::MAX - 1), Just(u128::MAX)]
            .prop_map(ServerId)
    }

    fn holds((start, end): &KeyBounds, key: &[u8]) -> bool {
        key >= &start[..] && end.as_ref().is_none_or(|end| key < &end[..])
    }

    proptest! {
        #[test]
        fn entry_keys_sort_by_scope_and_key_and_are_read_back(
            a in (0u32..3, "[\0a-c\u{1}\u{ff}]{0,4}", "[\0a-c\u{1}\u{ff}]{0,4}"),
            b in (0u32..3, "[\0a-c\u{1}\u{ff}]{0,4}", "[\0a-c\u{1}\u{ff}]{0,4}"),
        ) {
            let (ka, kb) = (entry_key(a.0, &a.1, &a.2), entry_key(b.0, &b.1, &b.2));
            prop_assert_eq!(ka.cmp(&kb), a.cmp(&b));
            let (store, scope, key) = parse_entry_key(&ka).unwrap();
            prop_assert_eq!((store, scope.as_str(), key.as_str()), (a.0, &a.1[..], &a.2[..]));
            // Revisions of two entries never interleave, and the newest of an entry is first.
            let (new, old) = (revision_key(&ka, u64::MAX), revision_key(&ka, 0));
            prop_assert!(new < old);
            let other = revision_key(&kb, 77);
            prop_assert_eq!(other < new, kb < ka);
            prop_assert_eq!(other > old, kb > ka);
            prop_assert_eq!(parse_revision_key(&other), Some((&kb[..], 77)));
        }

        #[test]
        fn places_sort_by_board_and_value_and_key_and_are_read_back(
            a in (0u32..3, "[\0a\u{ff}]{0,2}", values(), "[\0a-c\u{ff}]{0,3}"),
            b in (0u32..3, "[\0a\u{ff}]{0,2}", values(), "[\0a-c\u{ff}]{0,3}"),
        ) {
            let place = |(store, scope, value, key): &(u32, String, i64, String)| {
                place_key(*store, scope, *value, key)
            };
            prop_assert_eq!(place(&a).cmp(&place(&b)), a.cmp(&b));
            let (store, scope, value, key) = parse_place_key(&place(&a)).unwrap();
            prop_assert_eq!((store, value), (a.0, a.2));
            prop_assert_eq!((scope.as_str(), key.as_str()), (&a.1[..], &a.3[..]));
            let (min, max) = (a.2.min(b.2), a.2.max(b.2));
            let is_within = (a.0, &a.1) == (b.0, &b.1) && (min..=max).contains(&b.2);
            prop_assert_eq!(holds(&board_bounds(a.0, &a.1, min, max), &place(&b)), is_within);
        }

        #[test]
        fn reminders_sort_as_their_names_do_and_are_read_back(
            a in (0u32..3, reviews()),
            b in (0u32..3, reviews()),
        ) {
            let key = |(hour, reviewed): &(u32, Reviewed)| review_key(UtcHour(*hour), reviewed);
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            prop_assert_eq!(parse_review_key(&key(&a)), Some((UtcHour(a.0), a.1.clone())));
            prop_assert_eq!(holds(&review_bounds(UtcHour(a.0)), &key(&b)), b.0 <= a.0);
        }

        #[test]
        fn mail_sorts_by_server_and_names_and_is_read_back(
            a in (servers(), reviews()),
            b in (servers(), reviews()),
        ) {
            let name = |(server, of): &(ServerId, Reviewed)| (*server, of.entry().clone());
            let key = |of: &(ServerId, Reviewed)| mail_key(of.0, of.1.entry());
            prop_assert_eq!(key(&a).cmp(&key(&b)), name(&a).cmp(&name(&b)));
            prop_assert_eq!(parse_mail_key(&key(&a)), Some(name(&a)));
            prop_assert_eq!(holds(&mail_bounds(a.0), &key(&b)), a.0 == b.0);
            let (x, y) = (server_key(a.0), server_key(b.0));
            prop_assert_eq!(x.cmp(&y), a.0.cmp(&b.0));
            prop_assert_eq!(parse_server_key(&x), Some(a.0));
        }

        #[test]
        fn bounds_hold_exactly_what_begins_with_the_text(
            scope in "[\0a\u{ff}\u{10ffff}]{0,3}",
            key in "[\0a\u{ff}\u{10ffff}]{0,3}",
            start in "[\0a\u{ff}\u{10ffff}]{0,2}",
            only in "[\0a\u{ff}]{0,2}",
            store in prop_oneof![0u32..2, Just(u32::MAX)],
        ) {
            let k = entry_key(store, &scope, &key);
            let (scope, key) = (Scope::trusted(scope), EntryKey::trusted(key));
            for span in [Span::Scopes(start.as_str().into()), Span::Keys(Scope::trusted(only), start.as_str().into())] {
                let bounds = span_bounds(store, &span);
                prop_assert_eq!(holds(&bounds, &k), span.covers(&scope, &key), "{:?}", span);
                prop_assert!(!holds(&span_bounds(1_000, &span), &k));
            }
            let id = StoreId { universe: UniverseId(u64::MAX), name: StoreName::trusted(scope.as_str()) };
            let bounds = universe_bounds(id.universe, &start);
            prop_assert_eq!(holds(&bounds, &store_key(&id)), scope.as_str().starts_with(&start));
        }

        #[test]
        fn any_bytes_are_a_key_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((store, scope, key)) = parse_entry_key(&bytes) {
                prop_assert_eq!(entry_key(store, scope.as_str(), key.as_str()), &bytes[..]);
            }
            if let Some((entry, counter)) = parse_revision_key(&bytes) {
                prop_assert_eq!(revision_key(entry, counter), &bytes[..]);
            }
            if let Some((seq, chunk)) = parse_value_key(&bytes) {
                prop_assert_eq!(&value_key(seq, chunk)[..], &bytes[..]);
            }
            if let Some((number, scope, value, key)) = parse_place_key(&bytes) {
                let back = place_key(number, scope.as_str(), value, key.as_str());
                prop_assert_eq!(back, &bytes[..]);
            }
            if let Some((hour, reviewed)) = parse_review_key(&bytes) {
                prop_assert_eq!(review_key(hour, &reviewed), &bytes[..]);
            }
            if let Some((server, entry)) = parse_mail_key(&bytes) {
                prop_assert_eq!(mail_key(server, &entry), &bytes[..]);
            }
            if let Some(universe) = parse_universe_key(&bytes) {
                prop_assert_eq!(&universe_key(universe)[..], &bytes[..]);
            }
            if let Some(store) = parse_store_key(&bytes) {
                prop_assert_eq!(store_key(&store), &bytes[..]);
            }
            if let Some(id) = parse_api_key_key(&bytes) {
                prop_assert_eq!(&api_key_key(id)[..], &bytes[..]);
            }
        }
    }

    #[test]
    fn values_sort_by_sequence_and_chunk() {
        assert!(value_key(1, u16::MAX) < value_key(2, 0));
        assert!(value_key(1, 255) < value_key(1, 256));
    }
}
