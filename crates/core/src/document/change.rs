//! Which places an edit changed.

use std::collections::BTreeMap;

use crate::path::Path;
use crate::value::Value;

/// What an edit changed: places, each once, none inside another, in the order of their first change.
///
/// Putting at each place what the new value holds there, or removing it where it holds nothing,
/// turns the old value into the new one. The root stands for everything. An array that lost an item,
/// or got one before its end, changed as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The places.
    pub paths: Vec<Path>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

/// The places that were changed so far, none inside another.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    /// With the number of the step that changed it first. In the order of paths, what stands
    /// inside a place follows it directly.
    places: BTreeMap<Path, usize>,
    step_count: usize,
}

impl Recorder {
    pub(super) fn record(&mut self, path: Path) {
        let mut step = self.step_count;
        self.step_count += 1;
        let before = self.places.range(..=&path).next_back();
        if before.is_some_and(|(place, _)| place.contains(&path)) {
            return;
        }
        while let Some((inner, first)) = self.places.range(&path..).next() {
            if !path.contains(inner) {
                break;
            }
            step = step.min(*first);
            let inner = inner.clone();
            self.places.remove(&inner);
        }
        self.places.insert(path, step);
    }

    /// The places in the order of their first change.
    pub(super) fn finish(self) -> Changes {
        let mut places: Vec<_> = self.places.into_iter().collect();
        places.sort_by_key(|(_, step)| *step);
        Changes { paths: places.into_iter().map(|(path, _)| path).collect() }
    }

    /// The places where the values differ in the end: what was changed back is no change.
    pub(super) fn finish_between(mut self, before: &Value, after: &Value) -> Changes {
        self.places.retain(|path, _| before.get(path) != after.get(path));
        self.finish()
    }
}
