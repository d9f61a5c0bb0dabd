//! Paths: where something stands inside a value.

use std::fmt;
use std::sync::Arc;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into an object, by key.
    Key(Arc<str>),
    /// Into an array, by index from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.into())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A place inside a value: keys and indexes from its root. The empty path is the whole value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The path of the whole value.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// This path with one step more.
    #[must_use]
    pub fn join(mut self, step: impl Into<Step>) -> Self {
        self.0.push(step.into());
        self
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether `other` is this place or stands inside it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl<S: Into<Step>> FromIterator<S> for Path {
    fn from_iter<I: IntoIterator<Item = S>>(steps: I) -> Self {
        Self(steps.into_iter().map(Into::into).collect())
    }
}

impl fmt::Display for Path {
    /// For people: `items[3].name`. A key that is not a plain word is quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(root)");
        }
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !is_word(key) => write!(f, "[{}]", crate::json::quoted(key))?,
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn is_word(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_as_people_write_them() {
        let path = Path::root().join("items").join(3).join("name").join("a b").join("\"");
        assert_eq!(path.to_string(), r#"items[3].name["a b"]["\""]"#);
        assert_eq!(Path::root().to_string(), "(root)");
    }

    #[test]
    fn a_path_contains_itself_and_what_stands_inside() {
        let items = Path::from_iter(["items"]);
        assert!(items.contains(&items));
        assert!(items.contains(&items.clone().join(0)));
        assert!(Path::root().contains(&items));
        assert!(!items.contains(&Path::root()));
        assert!(!items.contains(&Path::from_iter(["items2"])));
    }
}
