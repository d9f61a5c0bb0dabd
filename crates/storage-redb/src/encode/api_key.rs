//! The record of an API key.

use std::collections::BTreeSet;

use steadfast_core::key::{ApiKey, KeyScope, Only};
use steadfast_core::row::{Birth, RowBody};
use steadfast_core::{ApiKeyId, Revision, Row, RowKey, StoreName, Timestamp, UniverseId};

use super::keys::api_key_key;
use crate::bytes::{Damage, Family, Reader, Writer, seal, unseal};

/// The record under the API key's id. The birth of this very write becomes its stamp.
pub(crate) fn encode(
    id: ApiKeyId,
    revision: Revision,
    stamped_at: Timestamp,
    key: &ApiKey,
) -> Vec<u8> {
    let mut record = Writer::record(256);
    record.u64(revision.counter);
    record.u64(revision.tag);
    record.i64(stamped_at.ticks());
    record.i64(key.birth.time(stamped_at).ticks());
    record.sized(key.name.as_bytes());
    record.raw(&key.digest);
    record.size(key.scopes.len());
    for scope in &key.scopes {
        // By name: scopes may be added and reordered, their names are the platform's.
        record.sized(scope.name().as_bytes());
    }
    write_only(&mut record, &key.universes, |record, universe| record.u64(universe.0));
    write_only(&mut record, &key.stores, |record, name| record.sized(name.as_str().as_bytes()));
    record.u8(u8::from(key.expires_at.is_some()));
    if let Some(expires_at) = key.expires_at {
        record.i64(expires_at.ticks());
    }
    record.u8(u8::from(key.revoked));
    seal(Family::ApiKeys, &api_key_key(id), record)
}

fn write_only<T>(record: &mut Writer, only: &Only<T>, item: impl Fn(&mut Writer, &T)) {
    match only {
        Only::Any => record.u8(0),
        Only::These(items) => {
            record.u8(1);
            record.size(items.len());
            for one in items {
                item(record, one);
            }
        }
    }
}

/// Reads the record under the API key's id.
pub(crate) fn decode(id: ApiKeyId, record: &[u8]) -> Result<Row, Damage> {
    let mut reader = unseal(Family::ApiKeys, &api_key_key(id), record)?;
    let revision = Revision { counter: reader.u64()?, tag: reader.u64()? };
    let stamped_at = Timestamp::from_ticks(reader.i64()?);
    let birth = Birth::At(Timestamp::from_ticks(reader.i64()?));
    let name = reader.text("name")?.to_owned();
    let digest = reader.array()?;
    let mut scopes = BTreeSet::new();
    for _ in 0..reader.size()? {
        let scope = KeyScope::parse(reader.text("scope")?);
        scopes.insert(scope.ok_or(Damage::Malformed("scope"))?);
    }
    let universes = read_only(&mut reader, |reader| reader.u64().map(UniverseId))?;
    let stores = read_only(&mut reader, |reader| reader.text("store").map(StoreName::trusted))?;
    let expires_at =
        if reader.flag("expiry")? { Some(Timestamp::from_ticks(reader.i64()?)) } else { None };
    let revoked = reader.flag("revoked")?;
    reader.end()?;
    let key = ApiKey { name, digest, scopes, universes, stores, birth, expires_at, revoked };
    Ok(Row { key: RowKey::ApiKey(id), revision, stamped_at, body: RowBody::ApiKey(key) })
}

fn read_only<'a, T: Ord>(
    reader: &mut Reader<'a>,
    item: impl Fn(&mut Reader<'a>) -> Result<T, Damage>,
) -> Result<Only<T>, Damage> {
    if !reader.flag("only")? {
        return Ok(Only::Any);
    }
    let mut items = BTreeSet::new();
    for _ in 0..reader.size()? {
        items.insert(item(reader)?);
    }
    Ok(Only::These(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey {
            name: "tests".into(),
            digest: [7; 32],
            scopes: KeyScope::ALL.into(),
            universes: Only::These([UniverseId(1), UniverseId(2)].into()),
            stores: Only::These([StoreName::trusted("Players")].into()),
            birth: Birth::At(Timestamp::from_ticks(5)),
            expires_at: Some(Timestamp::from_ticks(100)),
            revoked: true,
        }
    }

    #[test]
    fn api_keys_are_read_back_and_every_cut_is_damage() {
        let (id, stamp) = (ApiKeyId(9), Timestamp::from_ticks(50));
        let revision = Revision { counter: 1, tag: 2 };
        let any = ApiKey { universes: Only::Any, stores: Only::Any, expires_at: None, ..key() };
        for key in [key(), any] {
            let record = encode(id, revision, stamp, &key);
            let row = decode(id, &record).unwrap();
            assert_eq!(row.body, RowBody::ApiKey(key));
            assert_eq!((row.revision, row.stamped_at), (revision, stamp));
            assert!(decode(ApiKeyId(8), &record).is_err());
            for size in 0..record.len() {
                assert!(decode(id, &record[..size]).is_err());
            }
        }
    }

    #[test]
    fn the_birth_of_this_write_is_its_stamp() {
        let stamp = Timestamp::from_ticks(50);
        let key = ApiKey { birth: Birth::ThisWrite, ..key() };
        let record = encode(ApiKeyId(9), Revision { counter: 1, tag: 2 }, stamp, &key);
        let row = decode(ApiKeyId(9), &record).unwrap();
        assert!(matches!(row.body, RowBody::ApiKey(key) if key.birth == Birth::At(stamp)));
    }
}
