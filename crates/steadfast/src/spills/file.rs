//! One spill as a file.

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

/// The format that this version writes.
const FORMAT: u32 = 1;

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
    user_ids: Vec<WireUser>,
    metadata: String,
    /// The JSON text of the value, as text: it comes back byte for byte.
    value: String,
    /// SHA-256 of the value's text.
    value_sha256: String,
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
        let Spill { entry, base, stored_at, content } = spill;
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
            user_ids: content.user_ids.iter().map(user).collect(),
            metadata: content.metadata.as_str().to_owned(),
            value: value.to_owned(),
            value_sha256: hexadecimal(&Sha256::digest(value)),
        }
    }
}

impl Wire {
    fn into_spill(self) -> Option<Spill> {
        if self.format != FORMAT || hexadecimal(&Sha256::digest(&self.value)) != self.value_sha256 {
            return None;
        }
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
            content: Arc::new(content),
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
