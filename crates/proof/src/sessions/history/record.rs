//! One record as the black-box judge knows it, and what may be seen of it.

use steadfast_core::Revision;

use super::operations::Operations;
use super::{Lineage, Verdict};
use crate::sessions::witness::Marker;

/// What is known of a span of a record's lineage besides its markers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Branch {
    /// The generation of the record that it belongs to.
    pub(super) generation: u64,
    /// From this number of edits on, nothing of it was saved.
    pub(super) cut: Option<u64>,
    /// Whether its unsaved edits may be stored later all the same, out of a spill.
    pub(super) may_return: bool,
}

/// One record.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) lineage: Lineage,
    pub(super) branches: Vec<Branch>,
    pub(super) terms: Terms,
    /// The last write of its record and of its entry: what a report of a loss is about.
    pub(super) latest: (Option<Revision>, Option<Revision>),
    pub(super) operations: Operations,
}

/// What whoever opens a record must see.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    pub(super) generation: u64,
    /// No value from before this generation is seen.
    pub(super) floor: u64,
    /// The latest that was acknowledged.
    pub(super) required: Option<Marker>,
}

impl Terms {
    /// What of these terms still counts once there are others. An opening that was asked for before an
    /// operator wrote or something was lost may show the record as it was before that, or after it.
    pub(super) fn as_far_as(self, now: Self) -> Self {
        let required = self.required.filter(|_| self.generation == now.generation);
        Self { generation: self.generation, floor: self.floor.min(now.floor), required }
    }
}

impl Key {
    pub(super) fn begin(
        &mut self,
        marker: Marker,
        parent: Option<usize>,
        generation: u64,
    ) -> usize {
        self.branches.push(Branch { generation, ..Branch::default() });
        self.lineage.begin(marker, parent)
    }

    /// Whether this may be seen, and the span that it stands in.
    pub(super) fn check(&self, marker: Marker, terms: Terms) -> Verdict<Option<usize>> {
        let Self { name, lineage, branches, .. } = self;
        let Some(span) = lineage.find(marker) else {
            let is_default = marker.count == 0;
            if !is_default {
                return Err(format!("`mixed`: {name} holds {marker:?}, which nobody wrote"));
            }
            return match terms.required {
                None => Ok(None),
                Some(required) => Err(format!("`lost`: {name} begins anew, {required:?} is gone")),
            };
        };
        let generation = branches.get(span).map_or(0, |branch| branch.generation);
        if generation < terms.floor {
            if marker.count == 0 && terms.required.is_none() {
                return Ok(None);
            }
            return Err(format!(
                "`revived`: {name} holds {marker:?} from before it was deleted or \
                overwritten"
            ));
        }
        if let Some(required) = terms.required
            && !lineage.grew(span, marker, required)
        {
            return Err(format!(
                "`lost`: {name} holds {marker:?}, which did not grow from \
                {required:?}, which was acknowledged before"
            ));
        }
        for (at, until) in lineage.path(span, marker) {
            let begins = lineage.first(at).is_some_and(|first| first.count == until);
            let cut = branches.get(at).and_then(|branch| branch.cut);
            if let Some(cut) = cut.filter(|cut| *cut <= until && !begins) {
                return Err(format!(
                    "`refused`: {name} holds {marker:?}, whose edits from {cut} on \
                    were certainly not saved"
                ));
            }
        }
        Ok(Some(span))
    }
}
