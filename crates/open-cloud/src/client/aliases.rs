//! Revision ids that are not of the documented shape.
//!
//! A state tells its revision id from its times and its counter. Ids of our server are exactly that.
//! Those of the live service are opaque, and were also seen in another shape: for those, the id that
//! a state tells stands for the one that the service gave.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use steadfast_core::EntryId;
use steadfast_core::platform::{EntryState, RevisionId};

/// Most ids that are remembered: those of the states that were read last. A forgotten one matches
/// nothing, so that a write on it is refused and its caller reads again.
const COUNT_MAX: usize = 10_000;

type Named = (EntryId, String);

/// Ids by the entry and the id that its state tells.
#[derive(Debug, Default)]
pub(super) struct Aliases(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    ids: BTreeMap<Named, RevisionId>,
    oldest_first: VecDeque<Named>,
}

impl Aliases {
    /// Remembers the id that a service gave to a state, if the state tells another one.
    pub(super) fn remember(&self, state: &EntryState, id: &str) {
        let told = state.revision_id();
        if told.as_str() == id {
            return;
        }
        let named = (state.entry.clone(), told.as_str().to_owned());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.ids.insert(named.clone(), RevisionId::from_client(id)).is_none() {
            known.oldest_first.push_back(named);
        }
        if known.oldest_first.len() > COUNT_MAX
            && let Some(oldest) = known.oldest_first.pop_front()
        {
            known.ids.remove(&oldest);
        }
    }

    /// The id as the service gave it.
    pub(super) fn resolve(&self, entry: &EntryId, id: &RevisionId) -> RevisionId {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nearly always there is none, and then nothing is copied.
        if known.ids.is_empty() {
            return id.clone();
        }
        let named = (entry.clone(), id.as_str().to_owned());
        known.ids.get(&named).unwrap_or(id).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::state;

    #[test]
    fn an_id_of_another_shape_stands_behind_the_one_that_its_state_tells() {
        let aliases = Aliases::default();
        let (ours, theirs) = (state("k", 1), state("k", 2));
        aliases.remember(&ours, ours.revision_id().as_str());
        aliases.remember(&theirs, "08DEF1A1B5E3ADA9.0000000002.01");
        assert_eq!(aliases.resolve(&ours.entry, &ours.revision_id()), ours.revision_id());
        let id = aliases.resolve(&theirs.entry, &theirs.revision_id());
        assert_eq!(id.as_str(), "08DEF1A1B5E3ADA9.0000000002.01");
        let other = state("other", 2);
        assert_eq!(aliases.resolve(&other.entry, &theirs.revision_id()), theirs.revision_id());
    }

    #[test]
    fn the_oldest_ids_are_forgotten_at_the_limit() {
        let aliases = Aliases::default();
        let counters = 1..=u64::try_from(COUNT_MAX).unwrap() + 1;
        for counter in counters.clone() {
            aliases.remember(&state("k", counter), &format!("x{counter}"));
        }
        let resolve = |counter: u64| {
            let state = state("k", counter);
            aliases.resolve(&state.entry, &state.revision_id()).as_str().to_owned()
        };
        assert_eq!(resolve(1), state("k", 1).revision_id().as_str());
        assert_eq!(resolve(2), "x2");
        assert_eq!(resolve(*counters.end()), format!("x{}", counters.end()));
    }
}
