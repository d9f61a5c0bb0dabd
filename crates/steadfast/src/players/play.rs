//! What a player who is ready has: a session, or the template.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use steadfast_core::Monotonic;

use super::unsaved::Unsaved;
use crate::session::Session;

/// How many changes there were at some time, as long as not all of them are stored.
#[derive(Clone, Copy, Debug)]
struct Mark {
    change_count: u64,
    at: Monotonic,
}

/// Since when there are changes that are not stored.
#[derive(Debug, Default)]
pub(super) struct Durability(Mutex<Option<Mark>>);

impl Durability {
    /// Takes note of how many changes there are and how many of them are stored. How old the oldest
    /// is that is not, as far as it was seen.
    pub(super) fn note(&self, now: Monotonic, change_count: u64, stored: u64) -> Duration {
        let mut mark = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = mark.filter(|mark| stored < mark.change_count);
        let kept = kept.unwrap_or(Mark { change_count, at: now });
        *mark = Some(kept);
        if stored < kept.change_count { now.saturating_since(kept.at) } else { Duration::ZERO }
    }
}

/// What a player who is ready has. A cheap handle.
#[derive(Debug)]
pub(super) enum Play<T> {
    Saved { session: Session<T>, durability: Arc<Durability> },
    Unsaved(Arc<Unsaved>),
}

impl<T> Play<T> {
    /// How long the oldest change of a session waits to be stored.
    pub(super) fn undurable_age(&self, now: Monotonic) -> Duration {
        match self {
            Self::Saved { session, durability } => {
                let counts = session
                    .hold
                    .look(|session| (session.change_count(), session.stored_change_count()));
                counts.map_or(Duration::ZERO, |(count, stored)| durability.note(now, count, stored))
            }
            Self::Unsaved(_) => Duration::ZERO,
        }
    }
}

impl<T> Clone for Play<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Saved { session, durability } => {
                Self::Saved { session: session.clone(), durability: Arc::clone(durability) }
            }
            Self::Unsaved(unsaved) => Self::Unsaved(Arc::clone(unsaved)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_counts_from_the_first_change_that_was_seen_and_is_not_stored() {
        let durability = Durability::default();
        let note = |second: u64, count, stored| {
            let now = Monotonic::from_nanos(second * 1_000_000_000);
            durability.note(now, count, stored).as_secs()
        };
        assert_eq!(note(10, 0, 0), 0);
        assert_eq!(note(20, 1, 0), 0);
        assert_eq!(note(50, 3, 0), 30);
        // The first is stored, and with it all that the mark stood for.
        assert_eq!(note(60, 3, 1), 0);
        assert_eq!(note(70, 3, 2), 10);
        assert_eq!(note(80, 3, 3), 0);
        assert_eq!(note(200, 3, 3), 0);
        assert_eq!(note(201, 4, 3), 0);
        assert_eq!(note(203, 4, 3), 2);
    }
}
