//! Filters of lists: exactly the forms that the reference shows (H-46).
//!
//! ```text
//!   id.startsWith("foo")
//!   revision_create_time >= 2000-01-01T00:00:00Z && revision_create_time <= 2001-01-01T00:00:00Z
//! ```
//!
//! They look like an expression language, and are none: anything else is refused, so that nobody
//! takes a filter that was not understood for one that found nothing.

use steadfast_core::Timestamp;

use crate::time::{self, TimeError};

/// Why a filter cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is not a prefix of ids.
    #[error("the filter is not of the form `id.startsWith(\"...\")`")]
    Prefix,
    /// It is not a range of times.
    #[error(
        "the filter is not of the form `revision_create_time >= TIME && revision_create_time <= \
         TIME`, or one half of it"
    )]
    Times,
    /// A time in it cannot be read.
    #[error(transparent)]
    Time(#[from] TimeError),
}

/// What ids start with: the text between the quotes, where `\"` and `\\` stand for the second
/// letter. Empty without a filter.
///
/// # Errors
/// [`FilterError::Prefix`].
pub fn id_prefix(filter: Option<&str>) -> Result<String, FilterError> {
    let Some(filter) = filter else { return Ok(String::new()) };
    let quoted = filter.strip_prefix("id.startsWith(\"").and_then(|rest| rest.strip_suffix("\")"));
    let mut letters = quoted.ok_or(FilterError::Prefix)?.chars();
    let mut prefix = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Err(FilterError::Prefix),
            '\\' => match letters.next() {
                Some(letter @ ('"' | '\\')) => prefix.push(letter),
                Some(_) | None => return Err(FilterError::Prefix),
            },
            letter => prefix.push(letter),
        }
    }
    Ok(prefix)
}

/// When the revisions of a list were written, both ends included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// Not after this.
    pub not_after: Option<Timestamp>,
}

/// A range of times: at most one bound on each side, in either order. Everything without a filter.
///
/// # Errors
/// [`FilterError::Times`], [`FilterError::Time`].
pub fn times(filter: Option<&str>) -> Result<Times, FilterError> {
    let mut times = Times::default();
    for bound in filter.into_iter().flat_map(|filter| filter.split(" && ")) {
        let bound = bound.strip_prefix("revision_create_time ").ok_or(FilterError::Times)?;
        let (end, text) = match bound.split_once(' ') {
            Some((">=", text)) => (&mut times.not_before, text),
            Some(("<=", text)) => (&mut times.not_after, text),
            Some(_) | None => return Err(FilterError::Times),
        };
        if end.replace(time::parse(text)?).is_some() {
            return Err(FilterError::Times);
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn h_46_a_prefix_is_between_double_quotes() {
        for (filter, expected) in [
            (r#"id.startsWith("Pl")"#, "Pl"),
            (r#"id.startsWith("")"#, ""),
            (r#"id.startsWith("global/Player_")"#, "global/Player_"),
            (r#"id.startsWith(" a b ")"#, " a b "),
            (r#"id.startsWith("a(b)'c\"d\\e€")"#, "a(b)'c\"d\\e€"),
            (r#"id.startsWith("\\\\")"#, "\\\\"),
        ] {
            assert_eq!(id_prefix(Some(filter)).as_deref(), Ok(expected), "{filter}");
        }
        assert_eq!(id_prefix(None).as_deref(), Ok(""));
    }

    #[test]
    fn h_46_other_fields_operators_functions_and_quotes_are_refused() {
        for filter in [
            "Pl",
            "id",
            " ",
            r#"id == "Pl""#,
            r#"id.endsWith("Pl")"#,
            r#"id.startswith("Pl")"#,
            r#"ID.startsWith("Pl")"#,
            r#"path.startsWith("Pl")"#,
            r"id.startsWith('Pl')",
            r"id.startsWith(Pl)",
            r#"id.startsWith("Pl"#,
            r#"id.startsWith(""#,
            r#"id.startsWith("Pl") "#,
            r#" id.startsWith("Pl")"#,
            r#"id.startsWith( "Pl")"#,
            r#"id.startsWith("Pl", "x")"#,
            r#"!id.startsWith("Pl")"#,
            r#"id.startsWith("a") && id.startsWith("b")"#,
            r#"id.startsWith("a"b")"#,
            r#"id.startsWith("a\")"#,
            r#"id.startsWith("a\n")"#,
        ] {
            assert_eq!(id_prefix(Some(filter)), Err(FilterError::Prefix), "{filter}");
        }
    }

    #[test]
    fn h_43_times_are_joined_with_one_lower_and_one_upper_bound() {
        let at = |seconds| Some(Timestamp::from_unix_seconds(seconds));
        let times_of = |filter: &str| times(Some(filter)).unwrap();
        assert_eq!(times(None), Ok(Times::default()));
        let lower = "revision_create_time >= 1970-01-01T00:00:00.000Z";
        let upper = "revision_create_time <= 1970-01-01T01:00:01+01:00";
        assert_eq!(times_of(lower), Times { not_before: at(0), not_after: None });
        assert_eq!(times_of(upper), Times { not_before: None, not_after: at(1) });
        let both = Times { not_before: at(0), not_after: at(1) };
        assert_eq!(times_of(&format!("{lower} && {upper}")), both);
        assert_eq!(times_of(&format!("{upper} && {lower}")), both);
    }

    #[test]
    fn h_46_other_fields_operators_and_quotes_around_times_are_refused() {
        let (lower, upper) = (
            "revision_create_time >= 2000-01-01T00:00:00Z",
            "revision_create_time <= 2001-01-01T00:00:00Z",
        );
        for filter in [
            " ",
            "revision_create_time",
            "revision_create_time >=",
            "revision_create_time > 2000-01-01T00:00:00Z",
            "revision_create_time == 2000-01-01T00:00:00Z",
            "revisionCreateTime >= 2000-01-01T00:00:00Z",
            "create_time >= 2000-01-01T00:00:00Z",
            "revision_create_time>=2000-01-01T00:00:00Z",
            "revision_create_time  >= 2000-01-01T00:00:00Z",
            "2000-01-01T00:00:00Z <= revision_create_time",
            &format!("{lower} && {lower}"),
            &format!("{lower} && {upper} && {upper}"),
            &format!("{lower} || {upper}"),
            &format!("{lower}&&{upper}"),
            &format!("{lower} && "),
            &format!("({lower})"),
            "revision_create_time >= \"2000-01-01T00:00:00Z\"",
            "revision_create_time >=  2000-01-01T00:00:00Z",
            "revision_create_time >= 2000-01-01",
            "revision_create_time >= 1",
            &format!("{lower} "),
        ] {
            assert!(times(Some(filter)).is_err(), "{filter}");
        }
        let two_zones = "revision_create_time >= 2026-01-01T00:00:00+00:00Z";
        assert_eq!(times(Some(two_zones)), Err(FilterError::Time(TimeError)));
    }

    proptest! {
        #[test]
        fn any_prefix_can_be_asked_for(prefix in ".*") {
            let escaped = prefix.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(id_prefix(Some(&format!("id.startsWith(\"{escaped}\")"))), Ok(prefix));
        }

        #[test]
        fn any_text_can_be_tried(text in ".*") {
            drop((id_prefix(Some(&text)), times(Some(&text))));
        }
    }
}
