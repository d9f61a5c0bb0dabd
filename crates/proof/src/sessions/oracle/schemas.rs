//! What is stored is of the version that stands with it, and old code leaves later data alone.

use steadfast_core::Content;
use steadfast_core::record::RecordBody;

use super::parts::Parts;
use super::{Checked, SessionOracle, Stroke};
use crate::sessions::schemas::{Knows, Shape};
use crate::sessions::witness::Author;

/// M2: the version that some data is of, whose steps ran in order, each once, and the version that
/// stands in it.
pub(super) fn versions_of(content: Option<&Content>) -> Checked<(u32, Option<u32>)> {
    let Some(content) = content else { return Ok((0, None)) };
    let shape = Shape::of(&content.value);
    let version = shape.version();
    let version = version.ok_or_else(|| format!("M2: these are the steps that ran: {shape:?}"))?;
    Ok((version, shape.stamp))
}

/// M1: history keeps the number of the record with what was written by its way, and none with a
/// deletion.
pub(super) fn check_kept(parts: &Parts<'_>) -> Checked {
    let (Some((_, revision, body)), Some((_, _, record))) = (parts.entry, parts.record) else {
        return Ok(());
    };
    let expected = body.content.is_some().then_some(record.schema);
    if body.schema == expected {
        return Ok(());
    }
    Err(format!("M1: history says {:?} of {revision}, its record {expected:?}", body.schema))
}

impl SessionOracle {
    /// M3: whoever does not know what is stored does not write it, unless it is to pass that through.
    /// M1: what a session writes is of its own version, or of the one that it passed through.
    pub(super) fn check_version(&self, stroke: Stroke, key: usize, body: &RecordBody) -> Checked {
        let Author::Process(process) = stroke.author else { return Ok(()) };
        let Knows { version: known, passes } = self.process(process).knows;
        let written = body.schema;
        let stored = self.stored_version(key);
        if stored > known && !passes {
            return Err(format!("M3: code of version {known} wrote over version {stored}"));
        }
        // What begins anew is of the version of the code, whatever was deleted before.
        if written != known && !(passes && written == stored.max(known)) {
            return Err(format!("M1: code of version {known} wrote version {written}"));
        }
        Ok(())
    }

    /// The version of what is stored, wherever it stands.
    fn stored_version(&self, key: usize) -> u32 {
        let state = self.at(key);
        let beside = state.record.as_ref().map_or(0, |record| record.body.schema);
        let stamp = state.value.and_then(|value| value.stamp);
        beside.max(stamp.unwrap_or(0))
    }

    /// M1: what stands there is of the version that stands in it, or else beside it. Sessions write
    /// both.
    pub(super) fn check_shape(&self, stroke: Stroke, key: usize) -> Checked {
        let state = self.at(key);
        let Some(value) = state.value.filter(|value| value.is_live) else { return Ok(()) };
        let beside = state.record.as_ref().map_or(0, |record| record.body.schema);
        let may_differ = value.stamp.is_some() && stroke.author == Author::Operator;
        let is_beside = may_differ || value.version == beside;
        if is_beside && value.stamp.is_none_or(|stamp| value.version == stamp) {
            return Ok(());
        }
        let (revision, version) = (value.revision, value.version);
        let stamp = value.stamp;
        Err(format!(
            "M1: {revision} is of version {version}, with {beside} beside and {stamp:?} in it"
        ))
    }
}
