//! Page tokens of lists that are under way.
//!
//! A list of ours goes on behind an item, a list over HTTP with a token that only the service
//! understands. Tokens of pages that were read last are remembered; without one, a list is read from
//! its start until it has passed the item.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Most tokens that are remembered.
const COUNT_MAX: usize = 1_000;

/// A list, and the item that a page ended with.
type Place = (String, String);

/// Where a list goes on behind an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// With this token.
    At(String),
    /// Somewhere on the page of this token, which has the item.
    Within(String),
}

/// Hints by the place behind which they go on.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    hints: BTreeMap<Place, Hint>,
    oldest_first: VecDeque<Place>,
}

impl Tokens {
    /// Remembers where a list goes on behind an item.
    pub(super) fn remember(&self, list: &str, item: String, hint: Hint) {
        let place = (list.to_owned(), item);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.hints.insert(place.clone(), hint).is_none() {
            known.oldest_first.push_back(place);
        }
        if known.oldest_first.len() > COUNT_MAX
            && let Some(oldest) = known.oldest_first.pop_front()
        {
            known.hints.remove(&oldest);
        }
    }

    /// Where a list goes on behind an item, if that is remembered.
    pub(super) fn find(&self, list: &str, item: String) -> Option<Hint> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.hints.get(&(list.to_owned(), item)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_list_and_item_and_the_oldest_is_forgotten() {
        let tokens = Tokens::default();
        let hint = Hint::At("t".into());
        tokens.remember("a", "1".into(), hint.clone());
        assert_eq!(tokens.find("a", "1".into()), Some(hint.clone()));
        assert_eq!(tokens.find("b", "1".into()), None);
        assert_eq!(tokens.find("a", "2".into()), None);
        for number in 0..COUNT_MAX - 1 {
            tokens.remember("b", number.to_string(), hint.clone());
        }
        assert!(tokens.find("a", "1".into()).is_some());
        tokens.remember("c", String::new(), hint);
        assert_eq!(tokens.find("a", "1".into()), None);
        assert!(tokens.find("b", "0".into()).is_some());
    }
}
