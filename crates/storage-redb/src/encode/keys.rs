//! Keys of the tables, and back.

use steadfast_core::{ApiKeyId, EntryKey, Scope, StoreId, StoreName, UniverseId};

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
    let is_end = |at: usize| rest.get(at) == Some(&0) && rest.get(at + 1) != Some(&0xff);
    let end = (0..rest.len()).find(|&at| is_end(at))?;
    let scope = unescaped(rest.get(..end)?)?;
    let key = unescaped(rest.get(end + 1..)?)?;
    Some((u32::from_be_bytes(*number), Scope::trusted(scope), EntryKey::trusted(key)))
}

/// The first key of a store, and the first behind its last one.
pub(crate) fn store_bounds(store: u32) -> (Vec<u8>, Option<Vec<u8>>) {
    let end = store.checked_add(1).map(|next| next.to_be_bytes().to_vec());
    (store.to_be_bytes().to_vec(), end)
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

/// The first key of a universe's stores, and the first behind its last one.
pub(crate) fn universe_bounds(universe: UniverseId) -> (Vec<u8>, Option<Vec<u8>>) {
    let end = universe.0.checked_add(1).map(|next| next.to_be_bytes().to_vec());
    (universe.0.to_be_bytes().to_vec(), end)
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
