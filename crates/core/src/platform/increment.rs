//! Increments: which texts are integers, and what a sum is.
//!
//! An integer is a JSON number with an integer value, however it is written: `5`, `5.0` and `50e-1`
//! are the same one. A sum is always written plainly (J-02). Anything else, a fraction first of
//! all, is refused and never rounded: what is rounded away would be lost without a word.

use std::sync::Arc;

use crate::id::{EntryId, UserId, WriteId};
use crate::json::JsonText;
use crate::platform::{EntryState, Permit, PlatformError};
use crate::row::{Content, Metadata};

/// Adds to the number that an entry holds. User ids and metadata are replaced (G-45).
///
/// A missing or deleted entry counts as 0 (G-42). One that holds anything but an integer is refused
/// (G-43), as is a sum beyond the range of `i64` (G-44).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Increment {
    /// Which entry.
    pub entry: EntryId,
    /// How much is added; also nothing, or less than nothing.
    pub by: i64,
    /// The users whose data it holds from now on.
    pub user_ids: Vec<UserId>,
    /// Its attributes from now on.
    pub metadata: Metadata,
    /// What the caller may do.
    pub permit: Permit,
    /// Names this write. Sent again with this id it counts once while it is the entry's last.
    pub write_id: WriteId,
}

/// Why text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is no number, or one with a fraction.
    #[error("the amount is not an integer")]
    NotInteger,
    /// It is above the range.
    #[error("the amount is larger than {}", i64::MAX)]
    TooLarge,
    /// It is below the range.
    #[error("the amount is smaller than {}", i64::MIN)]
    TooSmall,
}

/// Reads the amount of an increment from a JSON number.
///
/// # Errors
/// [`AmountError`]: not an integer, or beyond the range of `i64`.
pub fn parse_amount(text: &str) -> Result<i64, AmountError> {
    let amount = integer(text).ok_or(AmountError::NotInteger)?;
    let beyond = if amount < 0 { AmountError::TooSmall } else { AmountError::TooLarge };
    i64::try_from(amount).map_err(|_| beyond)
}

impl Increment {
    /// What the entry holds after it, given its state before.
    pub(super) fn content_on(
        &self,
        before: Option<&EntryState>,
    ) -> Result<Arc<Content>, PlatformError> {
        let content = before.and_then(|state| state.content.as_ref());
        let number = content.map_or(Some(0), |content| integer(content.value.as_str()));
        let entry = || self.entry.clone();
        let number = number.ok_or_else(|| PlatformError::NotInteger { entry: entry() })?;
        let sum = add(number, self.by).map_err(|beyond| match beyond {
            Beyond::Above => PlatformError::SumTooLarge { entry: entry() },
            Beyond::Below => PlatformError::SumTooSmall { entry: entry() },
        })?;
        let value = JsonText::trusted(sum.to_string());
        let (user_ids, metadata) = (self.user_ids.clone(), self.metadata.clone());
        Ok(Arc::new(Content { value, user_ids, metadata }))
    }
}

/// Which end of the range a sum is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    Above,
    Below,
}

/// The sum, which must be within `i64`.
///
/// The live service answers with the end of the range, may store another number than it answers,
/// and says that this may change (G-44, Z-51). Here what is answered is what is stored, and coins
/// that were acknowledged are there: so a sum beyond it is refused, under both profiles of limits.
fn add(number: i128, by: i64) -> Result<i64, Beyond> {
    let sum = number.saturating_add(i128::from(by));
    let beyond = if sum < 0 { Beyond::Below } else { Beyond::Above };
    i64::try_from(sum).map_err(|_| beyond)
}

/// Stands for every integer of more digits than are counted: no amount leads back from there.
const FAR: i128 = i128::MAX / 2;

/// Every number of so many digits is smaller than [`FAR`].
const DIGIT_COUNT_MAX: usize = 37;

/// The integer that a JSON number stands for; nothing if the text is no number, or has a fraction.
fn integer(text: &str) -> Option<i128> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_needless_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || has_needless_zero || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
    let exponent = exponent.saturating_sub(i64::try_from(fraction.len()).ok()?);
    let exponent = exponent.saturating_add(zeros);
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    // What is left of an exponent below zero cuts off a digit that counts.
    let exponent = usize::try_from(exponent).ok()?;
    let number = if significant.len().saturating_add(exponent) > DIGIT_COUNT_MAX {
        FAR
    } else {
        format!("{significant}{}", "0".repeat(exponent)).parse().ok()?
    };
    Some(if is_negative { -number } else { number })
}

/// An exponent, as far as it fits.
fn parse_exponent(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Half the range, so that the digits of any text can be taken off it again.
    let number = digits.parse().unwrap_or(i64::MAX / 2);
    Some(if is_negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j_02_an_integer_is_one_however_it_is_written() {
        for (text, number) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0e9", 0),
            ("0e999999999999999999999", 0),
            ("5", 5),
            ("5.0", 5),
            ("-5.000", -5),
            ("50e-1", 5),
            ("0.5e1", 5),
            ("1e2", 100),
            ("1E+2", 100),
            ("1.25e2", 125),
            ("100", 100),
            ("9223372036854775808", 1 << 63),
            ("0.0000000000000000000000000000000000000001e40", 1),
        ] {
            assert_eq!(integer(text), Some(number), "{text}");
        }
        for text in ["1e38", "1e400", "1e99999999999999999999", &"9".repeat(400)] {
            assert_eq!(integer(text), Some(FAR), "{text}");
            assert_eq!(integer(&format!("-{text}")), Some(-FAR), "{text}");
        }
        assert_eq!(integer(&"9".repeat(37)), Some("9".repeat(37).parse().unwrap()));
    }

    #[test]
    fn g_43_what_is_no_integer_is_never_rounded_to_one() {
        for text in [
            "2.5",
            "0.1",
            "1e-1",
            "15e-1",
            "1e-99999999999999999999",
            "\"5\"",
            "true",
            "null",
            "[]",
            "{}",
            "",
            "-",
            "+5",
            " 5",
            "5 ",
            "05",
            "5.",
            ".5",
            "5e",
            "5e+",
            "0x5",
            "5,0",
            "--5",
            "1e1e1",
            "NaN",
            "Infinity",
            "\u{665}",
        ] {
            assert_eq!(integer(text), None, "{text}");
            assert_eq!(parse_amount(text), Err(AmountError::NotInteger), "{text}");
        }
    }

    #[test]
    fn amounts_end_where_64_bits_end() {
        assert_eq!(parse_amount("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(parse_amount("-9223372036854775808"), Ok(i64::MIN));
        for text in ["9223372036854775808", "1e19", "1e99"] {
            assert_eq!(parse_amount(text), Err(AmountError::TooLarge), "{text}");
        }
        for text in ["-9223372036854775809", "-1e19", "-1e99"] {
            assert_eq!(parse_amount(text), Err(AmountError::TooSmall), "{text}");
        }
    }

    #[test]
    fn g_44_a_sum_beyond_the_range_is_refused() {
        let (most, least) = (i128::from(i64::MAX), i128::from(i64::MIN));
        assert_eq!(add(most - 1, 1), Ok(i64::MAX));
        assert_eq!(add(least + 1, -1), Ok(i64::MIN));
        assert_eq!(add(most, i64::MIN), Ok(-1));
        // What is beyond the range may come back into it.
        assert_eq!(add(most + 1, -1), Ok(i64::MAX));
        for (number, by) in [(most, 1), (most + 1, 0), (FAR, i64::MIN)] {
            assert_eq!(add(number, by), Err(Beyond::Above));
        }
        for (number, by) in [(least, -1), (least - 1, 0), (-FAR, i64::MAX)] {
            assert_eq!(add(number, by), Err(Beyond::Below));
        }
    }
}
