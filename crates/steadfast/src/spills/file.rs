//! One spill as a file.

mod settled;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use steadfast_core::session::Spill;
use steadfast_core::{
    Content, EntryId, EntryKey, JsonText, Metadata, Revision, Scope, StoreId, StoreName,
    UniverseId, UserId,
};

use settled::{WireSettlement, digest_of};

/// The format that this version writes. Format 1 has no schema, its bytes are of version 0, and no ends
/// of operations.
const FORMAT: u32 = 2;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u32,
    universe: u64,
    store: String,
    scope: String,
    key: String,
    base: Option<WireRevision>,
    stored_at: Vec<WireRevision>,
    #[serde(default)]
    schema: u32,
    user_ids: Vec<WireUser>,
    metadata: String,
    /// The JSON text of the value, as text: it comes back byte for byte.
    value: String,
    /// SHA-256 of the value's text.
    value_sha256: String,
    /// Operations whose effect is in the value.
    #[serde(default)]
    settled: Vec<WireSettlement>,
    /// SHA-256 of those, as JSON.
    #[serde(default)]
    settled_sha256: Option<String>,
    /// The value is what the record held once: operations that ended after this are taken back.
    #[serde(default)]
    undo_after: Option<u64>,
}

#[derive(Deserialize, Serialize)]
struct WireRevision {
    counter: u64,
    tag: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum WireUser {
    Number(u64),
    Text(String),
}

impl From<Revision> for WireRevision {
    fn from(revision: Revision) -> Self {
        Self { counter: revision.counter, tag: revision.tag }
    }
}

impl From<WireRevision> for Revision {
    fn from(wire: WireRevision) -> Self {
        Self { counter: wire.counter, tag: wire.tag }
    }
}

impl From<&Spill> for Wire {
    fn from(spill: &Spill) -> Self {
        let Spill { entry, base, stored_at, schema, content, settled, undo_after } = spill;
        let settled = settled.iter().map(|it| WireSettlement::from(&**it)).collect::<Vec<_>>();
        let settled_sha256 = (!settled.is_empty()).then(|| digest_of(&settled));
        let user = |user: &UserId| match user {
            UserId::Number(number) => WireUser::Number(*number),
            UserId::Text(text) => WireUser::Text(text.to_string()),
        };
        let value = content.value.as_str();
        Self {
            format: FORMAT,
            universe: entry.store.universe.0,
            store: entry.store.name.as_str().to_owned(),
            scope: entry.scope.as_str().to_owned(),
            key: entry.key.as_str().to_owned(),
            base: base.map(WireRevision::from),
            stored_at: stored_at.iter().copied().map(WireRevision::from).collect(),
            schema: *schema,
            user_ids: content.user_ids.iter().map(user).collect(),
            metadata: content.metadata.as_str().to_owned(),
            value: value.to_owned(),
            value_sha256: hexadecimal(&Sha256::digest(value)),
            settled,
            settled_sha256,
            undo_after: *undo_after,
        }
    }
}

impl Wire {
    fn into_spill(self) -> Option<Spill> {
        let is_known = (1..=FORMAT).contains(&self.format);
        let is_whole = hexadecimal(&Sha256::digest(&self.value)) == self.value_sha256
            && match &self.settled_sha256 {
                Some(digest) => digest_of(&self.settled) == *digest,
                None => self.settled.is_empty(),
            };
        if !is_known || !is_whole {
            return None;
        }
        let settled = self.settled.into_iter().map(WireSettlement::into_settlement);
        let settled = settled.map(|it| it.map(Arc::new)).collect::<Option<Vec<_>>>()?;
        let user = |user| match user {
            WireUser::Number(number) => UserId::Number(number),
            WireUser::Text(text) => UserId::Text(text.into()),
        };
        let content = Content {
            value: JsonText::trusted(self.value),
            user_ids: self.user_ids.into_iter().map(user).collect(),
            metadata: Metadata::trusted(self.metadata),
        };
        let name = StoreName::trusted(self.store);
        let store = StoreId { universe: UniverseId(self.universe), name };
        let (scope, key) = (Scope::trusted(self.scope), EntryKey::trusted(self.key));
        Some(Spill {
            entry: EntryId { store, scope, key },
            base: self.base.map(Revision::from),
            stored_at: self.stored_at.into_iter().map(Revision::from).collect(),
            schema: self.schema,
            content: Arc::new(content),
            settled,
            undo_after: self.undo_after,
        })
    }
}

/// What a file holds; nothing if it is not one of ours, or damaged.
pub(super) fn read(path: &Path) -> Option<Spill> {
    let text = fs::read(path).ok()?;
    serde_json::from_slice::<Wire>(&text).ok()?.into_spill()
}

/// Writes a file, whole or not at all, and durable before it returns.
pub(super) fn write(directory: &Path, path: &Path, spill: &Spill) -> io::Result<()> {
    if !directory.exists() {
        fs::create_dir_all(directory)?;
        if let Some(parent) = directory.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    let text = serde_json::to_vec(&Wire::from(spill)).map_err(io::Error::other)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes what is written to it");
        text
    })
}
