//! The members of an object: keys in byte order, values beside them.
//!
//! Objects of one shape share one list of keys: the items of an inventory hold their values and a
//! reference. Copying an object copies its values only; adding or removing a key costs what the
//! object's keys cost, finding one their logarithm.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::{Text, Value};

/// Most lists of keys that are remembered while one text is read.
const SHAPE_COUNT_MAX: usize = 1_024;

/// The members of an object, their keys in byte order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Members {
    keys: Arc<Vec<Text>>,
    /// Exactly as many as keys, without room for more: most objects never grow.
    values: Box<[Value]>,
}

impl Members {
    /// No members.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(self.find(key).ok()?)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let index = self.find(key).ok()?;
        self.values.get_mut(index)
    }

    /// Whether a key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }

    /// Puts a value under a key and returns what it replaced.
    pub fn insert(&mut self, key: impl Into<Text>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.keys.binary_search(&key) {
            Ok(index) => {
                let place = self.values.get_mut(index).expect("every key has a value");
                Some(std::mem::replace(place, value))
            }
            Err(index) => {
                Arc::make_mut(&mut self.keys).insert(index, key);
                self.with_values(|values| {
                    values.reserve_exact(1);
                    values.insert(index, value);
                });
                None
            }
        }
    }

    /// Takes a key out and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.find(key).ok()?;
        Arc::make_mut(&mut self.keys).remove(index);
        Some(self.with_values(|values| values.remove(index)))
    }

    /// The members in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.pairs().map(|(key, value)| (key.as_str(), value))
    }

    /// Whether both have the same keys.
    pub(super) fn has_keys_of(&self, other: &Self) -> bool {
        self.keys == other.keys
    }

    pub(super) fn pairs(&self) -> impl ExactSizeIterator<Item = (&Text, &Value)> {
        self.keys.iter().zip(&self.values)
    }

    fn with_values<R>(&mut self, change: impl FnOnce(&mut Vec<Value>) -> R) -> R {
        let mut values = std::mem::take(&mut self.values).into_vec();
        let answer = change(&mut values);
        self.values = values.into_boxed_slice();
        answer
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.keys.binary_search_by(|other| other.bytes().cmp(key.as_bytes()))
    }
}

impl<K: Into<Text>> FromIterator<(K, Value)> for Members {
    /// Of two values under one key the later one stays.
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(members: I) -> Self {
        let mut pairs: Vec<(Text, Value)> =
            members.into_iter().map(|(key, value)| (key.into(), value)).collect();
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        // The sort is stable: of equal keys the later one stands behind, and is met first from there.
        pairs.reverse();
        pairs.dedup_by(|(a, _), (b, _)| a == b);
        pairs.reverse();
        let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        Self { keys: Arc::new(keys), values: values.into() }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Lists of keys that were seen, so that objects of one shape share theirs.
#[derive(Debug, Default)]
pub(super) struct Shapes(BTreeSet<Shape>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape(Arc<Vec<Text>>);

impl Borrow<[Text]> for Shape {
    fn borrow(&self) -> &[Text] {
        &self.0
    }
}

impl Shapes {
    /// Makes an object of what two stacks hold from these places on: as many keys as values, in any
    /// order. Both are shorter afterwards.
    ///
    /// # Errors
    /// The key that stands twice.
    pub(super) fn object(
        &mut self,
        (keys, first_key): (&mut Vec<Text>, usize),
        (values, first_value): (&mut Vec<Value>, usize),
    ) -> Result<Members, Text> {
        let own = keys.get_mut(first_key..).unwrap_or_default();
        sort_together(own, values.get_mut(first_value..).unwrap_or_default());
        let twice = own.iter().zip(own.iter().skip(1)).find(|(a, b)| a == b);
        if let Some((key, _)) = twice {
            return Err(key.clone());
        }
        let shared = self.share(own);
        keys.truncate(first_key);
        Ok(Members { keys: shared, values: values.drain(first_value..).collect() })
    }

    fn share(&mut self, keys: &[Text]) -> Arc<Vec<Text>> {
        if let Some(known) = self.0.get(keys) {
            return Arc::clone(&known.0);
        }
        let keys = Arc::new(keys.to_vec());
        if self.0.len() < SHAPE_COUNT_MAX {
            self.0.insert(Shape(Arc::clone(&keys)));
        }
        keys
    }
}

/// Most keys that are sorted by exchanging neighbours, which needs no memory.
const EXCHANGED_MAX: usize = 24;

/// Brings keys in order, and their values with them.
fn sort_together(keys: &mut [Text], values: &mut [Value]) {
    if keys.is_sorted() {
        return;
    }
    if keys.len() <= EXCHANGED_MAX {
        for end in 1..keys.len() {
            let mut at = end;
            while at > 0 && keys.get(at - 1) > keys.get(at) {
                keys.swap(at - 1, at);
                values.swap(at - 1, at);
                at -= 1;
            }
        }
        return;
    }
    let mut pairs: Vec<_> =
        keys.iter().cloned().zip(values.iter_mut().map(std::mem::take)).collect();
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    for ((key, value), (key_place, value_place)) in
        pairs.into_iter().zip(keys.iter_mut().zip(values))
    {
        (*key_place, *value_place) = (key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(members: &Members) -> Vec<&str> {
        members.iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn keys_are_in_byte_order_however_they_came() {
        let mut members = Members::from_iter([("b", Value::Null), ("é", Value::Null)]);
        members.insert("a", Value::from(1));
        members.insert("B", Value::Null);
        assert_eq!(keys(&members), ["B", "a", "b", "é"]);
        assert_eq!(members.insert("a", Value::from(2)), Some(Value::from(1)));
        assert_eq!(members.get("a"), Some(&Value::from(2)));
        assert_eq!(members.remove("b"), Some(Value::Null));
        assert_eq!(members.remove("b"), None);
        assert_eq!(keys(&members), ["B", "a", "é"]);
    }

    #[test]
    fn of_two_values_under_one_key_the_later_one_stays() {
        let members = [("b", 1), ("a", 2), ("b", 3), ("a", 4)];
        let members: Members =
            members.map(|(key, value)| (key, value.into())).into_iter().collect();
        let expected = [("a", &Value::from(4)), ("b", &Value::from(3))];
        assert_eq!(members.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn objects_of_one_shape_share_their_keys_until_one_changes() {
        let mut shapes = Shapes::default();
        let mut make = |keys: [&str; 2], values: [i64; 2]| {
            let (mut keys, mut values) =
                (keys.map(Text::from).to_vec(), values.map(Value::from).to_vec());
            shapes.object((&mut keys, 0), (&mut values, 0)).unwrap()
        };
        let one = make(["id", "count"], [1, 2]);
        let mut other = make(["count", "id"], [2, 1]);
        assert_eq!(one, other);
        assert!(Arc::ptr_eq(&one.keys, &other.keys));
        other.insert("level", Value::from(3));
        assert_eq!(keys(&one), ["count", "id"]);
        assert_eq!(keys(&other), ["count", "id", "level"]);
    }

    #[test]
    fn a_key_that_stands_twice_is_named_and_values_follow_their_keys_in_any_order() {
        for count in [3, EXCHANGED_MAX, EXCHANGED_MAX + 1, 100] {
            let shuffled = |n: usize| (n * 7 + 3) % count;
            let mut keys: Vec<_> =
                (0..count).map(|n| Text::from(format!("{:03}", shuffled(n)))).collect();
            let mut values: Vec<_> =
                (0..count).map(|n| Value::from(shuffled(n).to_string())).collect();
            let mut twice = keys.clone();
            twice[0] = twice[count - 1].clone();
            let named = Err(twice[0].clone());
            let found = Shapes::default().object((&mut twice, 0), (&mut values.clone(), 0));
            assert_eq!(found, named);
            let outer = Text::from("outer");
            keys.insert(0, outer.clone());
            let object = Shapes::default().object((&mut keys, 1), (&mut values, 0)).unwrap();
            assert_eq!((keys, values), (vec![outer], vec![]), "what lies below is left alone");
            assert_eq!(object.len(), count);
            for (key, value) in object.iter() {
                assert_eq!(value, &Value::from(key.parse::<usize>().unwrap().to_string()));
            }
        }
    }
}
