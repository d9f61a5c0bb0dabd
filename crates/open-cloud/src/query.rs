//! Query strings as clients really send them (client rules 1, 2, 10; H-07).
//!
//! Case and underscores of a name do not count, a blank value is none, and unknown parameters are
//! ignored, even broken ones. A known parameter that stands twice with different values is refused:
//! readers would disagree about which one counts.

use crate::percent::decode_query;

/// The parameters of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Names in the form of [`plain`]; no value where it cannot be decoded.
    pairs: Vec<(String, Option<String>)>,
}

/// Why a parameter cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Its value is not percent-encoded UTF-8.
    #[error("the query parameter `{name}` is not percent-encoded UTF-8")]
    Encoding {
        /// Which parameter.
        name: &'static str,
    },
    /// It stands there more than once, with different values.
    #[error("the query parameter `{name}` is given twice")]
    Repeated {
        /// Which parameter.
        name: &'static str,
    },
    /// It is not a whole number.
    #[error("the query parameter `{name}` is not a whole number")]
    NotNumber {
        /// Which parameter.
        name: &'static str,
    },
    /// It is neither `true` nor `false`.
    #[error("the query parameter `{name}` is neither `true` nor `false`")]
    NotBoolean {
        /// Which parameter.
        name: &'static str,
    },
}

impl Query {
    /// Reads the part of a URI behind `?`.
    pub fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((plain(&decode_query(name)?), decode_query(value)))
        });
        Self { pairs: pairs.collect() }
    }

    /// The value of a parameter; nothing if it is missing or blank.
    ///
    /// # Errors
    /// [`QueryError`]: not decodable, or given twice.
    pub fn get(&self, name: &'static str) -> Result<Option<&str>, QueryError> {
        let wanted = plain(name);
        let mut found: Option<&str> = None;
        for (_, value) in self.pairs.iter().filter(|(known, _)| *known == wanted) {
            let value = value.as_deref().ok_or(QueryError::Encoding { name })?;
            if found.is_some_and(|found| found != value) {
                return Err(QueryError::Repeated { name });
            }
            found = Some(value);
        }
        Ok(found.filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that is `true` or `false` in any case; false if it is missing.
    ///
    /// # Errors
    /// [`QueryError`]: as [`get`](Self::get), or another word.
    pub fn flag(&self, name: &'static str) -> Result<bool, QueryError> {
        match self.get(name)? {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(QueryError::NotBoolean { name }),
        }
    }

    /// The value of a parameter that is a whole number; one beyond 64 bits is the largest or
    /// smallest there is.
    ///
    /// # Errors
    /// [`QueryError`]: as [`get`](Self::get), or no number.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, QueryError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(QueryError::NotNumber { name });
        }
        let beyond = if digits == text { i64::MAX } else { i64::MIN };
        Ok(Some(text.parse().unwrap_or(beyond)))
    }
}

/// A name without what does not count: `allow_missing` and `AllowMissing` are one.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h_07_names_are_case_insensitive_and_unknown_ones_ignored() {
        let query = Query::parse("AllScopes=False&datastoreName=Player+Data&x=%zz&%zz=1&=&&y");
        assert_eq!(query.flag("allScopes"), Ok(false));
        assert_eq!(query.get("datastoreName"), Ok(Some("Player Data")));
        assert_eq!(query.get("entryKey"), Ok(None));
        assert_eq!(Query::parse("allow_missing=True").flag("allowMissing"), Ok(true));
    }

    #[test]
    fn booleans_are_read_in_any_case_and_nothing_else_is() {
        for (text, expected) in [
            ("x=true", Ok(true)),
            ("x=True", Ok(true)),
            ("x=FALSE", Ok(false)),
            ("x=", Ok(false)),
            ("", Ok(false)),
            ("x=1", Err(QueryError::NotBoolean { name: "x" })),
        ] {
            assert_eq!(Query::parse(text).flag("x"), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_and_end_where_64_bits_do() {
        for (text, expected) in [
            ("x=0", Ok(Some(0))),
            ("x=007", Ok(Some(7))),
            ("x=-5", Ok(Some(-5))),
            ("x=9223372036854775808", Ok(Some(i64::MAX))),
            ("x=-9223372036854775809", Ok(Some(i64::MIN))),
            ("x=", Ok(None)),
            ("y=1", Ok(None)),
        ] {
            assert_eq!(Query::parse(text).number("x"), expected, "{text}");
        }
        for text in ["x=a", "x=1.0", "x=1e3", "x=%2B1", "x=-", "x=+1", "x=0x1", "x=%D9%A1"] {
            let not_number = Err(QueryError::NotNumber { name: "x" });
            assert_eq!(Query::parse(text).number("x"), not_number, "{text}");
        }
    }

    #[test]
    fn blank_means_not_given_and_values_are_decoded_once() {
        let query = Query::parse("scope=&entryKey=a%2525%2Fb%40c&cursor");
        assert_eq!(query.get("scope"), Ok(None));
        assert_eq!(query.get("cursor"), Ok(None));
        assert_eq!(query.get("entryKey"), Ok(Some("a%25/b@c")));
    }

    #[test]
    fn a_value_given_twice_must_be_the_same() {
        assert_eq!(Query::parse("k=a&K=a").get("k"), Ok(Some("a")));
        let repeated = Err(QueryError::Repeated { name: "k" });
        assert_eq!(Query::parse("k=a&K=b").get("k"), repeated);
        assert_eq!(Query::parse("k=&k=b").get("k"), repeated);
        let encoding = Err(QueryError::Encoding { name: "k" });
        assert_eq!(Query::parse("k=%FF").get("k"), encoding);
    }
}
