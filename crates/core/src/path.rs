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

    /// Reads a path as people write it: `stats.kills[3]["a b"]`, or `(root)`.
    ///
    /// What [`Display`](fmt::Display) shows is read as what it was. For text from outside that names
    /// one key, [`Path::from`] is right: it never takes a part of the key for a step.
    ///
    /// # Errors
    /// [`PathSyntaxError`], which says where.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        if text == ROOT {
            return Ok(Self::root());
        }
        let refuse = |rest: &str| PathSyntaxError { offset: text.len() - rest.len() };
        let mut path = Self::root();
        let mut rest = text;
        while path.0.is_empty() || !rest.is_empty() {
            let step = if let Some(inside) = rest.strip_prefix('[') {
                let (step, after) = bracketed(inside).ok_or_else(|| refuse(inside))?;
                rest = after.strip_prefix(']').ok_or_else(|| refuse(after))?;
                step
            } else {
                let word = match rest.strip_prefix('.') {
                    Some(word) if !path.0.is_empty() => word,
                    None if path.0.is_empty() => rest,
                    Some(_) | None => return Err(refuse(rest)),
                };
                let end = word.find(|c| !is_word_char(c)).unwrap_or(word.len());
                let (key, after) = word.split_at(end);
                if key.is_empty() {
                    return Err(refuse(word));
                }
                rest = after;
                Step::from(key)
            };
            path.0.push(step);
        }
        Ok(path)
    }

    /// Goes one step further in, in place.
    pub(crate) fn push(&mut self, step: Step) {
        self.0.push(step);
    }

    /// Goes one step back out, in place.
    pub(crate) fn pop(&mut self) {
        self.0.pop();
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

impl From<&str> for Path {
    /// The path of one key of the root, whatever characters it has.
    fn from(key: &str) -> Self {
        Self(vec![key.into()])
    }
}

impl<S: Into<Step>, const N: usize> From<[S; N]> for Path {
    /// The path of these steps: `["stats", "kills"]`.
    fn from(steps: [S; N]) -> Self {
        steps.into_iter().collect()
    }
}

impl From<&Path> for Path {
    fn from(path: &Path) -> Self {
        path.clone()
    }
}

/// What the root is shown as.
const ROOT: &str = "(root)";

/// Text that is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no path can be read from byte {offset} on")]
pub struct PathSyntaxError {
    /// How many bytes could be read.
    pub offset: usize,
}

impl fmt::Display for Path {
    /// For people: `items[3].name`. A key that is not a plain word is quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(ROOT);
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
    !key.is_empty() && key.chars().all(is_word_char)
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The index or quoted key at the beginning of a text, and what follows.
fn bracketed(text: &str) -> Option<(Step, &str)> {
    if text.starts_with('"') {
        let mut keys = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let key = keys.next()?.ok()?;
        return Some((Step::from(key.as_str()), text.get(keys.byte_offset()..)?));
    }
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, after) = text.split_at(end);
    Some((Step::Index(digits.parse().ok()?), after))
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
    fn what_is_shown_is_read_as_what_it_was() {
        for path in [
            Path::root(),
            Path::from("coins"),
            Path::from("stats.kills"),
            Path::from("(root)"),
            Path::from(""),
            Path::from(["stats", "kills"]).join(3).join("é").join("a\"]b").join("\n"),
            Path::root().join(0).join(usize::MAX),
        ] {
            assert_eq!(Path::parse(&path.to_string()), Ok(path));
        }
        assert_eq!(Path::parse("stats.kills[3]"), Ok(Path::from(["stats", "kills"]).join(3)));
    }

    #[test]
    fn text_that_is_no_path_is_refused_where_it_ends_to_be_one() {
        for (text, offset) in [
            ("", 0),
            (".a", 0),
            ("a..b", 2),
            ("a.", 2),
            ("a b", 1),
            ("a[", 2),
            ("a[x]", 2),
            ("a[1", 2),
            ("a[-1]", 2),
            ("a[\"b]", 2),
            ("a[\"b\"", 5),
            ("a[1]b", 4),
            ("a[99999999999999999999]", 2),
        ] {
            assert_eq!(Path::parse(text), Err(PathSyntaxError { offset }), "{text}");
        }
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
