//! Which places an edit changed.

use std::collections::BTreeMap;

use crate::path::Path;
use crate::value::{PathError, Value};

/// What an edit changed: places, each once, none inside another, in the order of their first change.
///
/// Putting at each place what the new value holds there, or removing it where it holds nothing,
/// turns the old value into the new one. The root stands for everything. An array that lost an item,
/// or got one before its end, changed as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The places where what is stored changed.
    pub paths: Vec<Path>,
    /// The places where only what lives in memory changed.
    pub transient: Vec<Path>,
}

/// What stood at a place that changed, and what stands there now. Shares what it holds with the
/// values that it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The place.
    pub path: Path,
    /// What stood there, if anything did.
    pub old: Option<Value>,
    /// What stands there, if anything does.
    pub new: Option<Value>,
}

impl Changes {
    pub(super) const fn from_paths(paths: Vec<Path>) -> Self {
        Self { paths, transient: Vec::new() }
    }

    /// Whether nothing changed, neither what is stored nor what is not.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.transient.is_empty()
    }

    /// Whether what is stored changed, so that it must be saved.
    pub fn must_be_saved(&self) -> bool {
        !self.paths.is_empty()
    }

    /// What stood and what stands at each place, given the values before and after: first where what
    /// is stored changed.
    pub fn details(&self, before: &Value, after: &Value) -> Vec<Change> {
        details(self.paths.iter().chain(&self.transient), before, after)
    }
}

/// How one value became another, place by place, in the order of keys and indexes. Doing each
/// [`Change`] to a copy of the first gives the second. Branches that both share cost nothing.
///
/// # Example
/// ```
/// use steadfast_core::document::diff;
/// use steadfast_core::{Limits, Value};
///
/// let [before, after] = [r#"{"coins":5}"#, r#"{"coins":5,"pet":"cat"}"#]
///     .map(|text| Value::parse(text, &Limits::native()).unwrap());
/// let changes = diff(&before, &after);
/// assert_eq!(changes.len(), 1);
/// assert_eq!(changes[0].path, "pet".into());
/// assert_eq!((&changes[0].old, &changes[0].new), (&None, &Some("cat".into())));
/// let mut copy = before.clone();
/// changes[0].apply_to(&mut copy)?;
/// assert_eq!(copy, after);
/// # Ok::<(), steadfast_core::value::PathError>(())
/// ```
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    details(&after.difference(before), before, after)
}

fn details<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    before: &Value,
    after: &Value,
) -> Vec<Change> {
    let of = |path: &Path| {
        let [old, new] = [before, after].map(|value| value.get(path).cloned());
        Change { path: path.clone(), old, new }
    };
    paths.into_iter().map(of).collect()
}

impl Change {
    /// Does the change to a value: puts what is new, or removes what is no more.
    ///
    /// # Errors
    /// [`PathError`]: the value has no such place. Nothing is changed then.
    pub fn apply_to(&self, value: &mut Value) -> Result<(), PathError> {
        match &self.new {
            Some(new) => value.set(&self.path, new.clone()).map(drop),
            None => value.remove(&self.path).map(drop),
        }
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
        Changes::from_paths(places.into_iter().map(|(path, _)| path).collect())
    }

    /// The places where the values differ in the end: what was changed back is no change.
    pub(super) fn finish_between(mut self, before: &Value, after: &Value) -> Changes {
        self.places.retain(|path, _| before.get(path) != after.get(path));
        self.finish()
    }
}
