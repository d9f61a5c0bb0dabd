//! Numbers as values hold them, and arithmetic that never rounds without a word.

use std::cmp::Ordering;
use std::io;

use serde_json::ser::{CompactFormatter, Formatter};

use super::ValueError;

/// A number as sessions hold it. A fraction is always finite.
///
/// Two numbers are equal if they are written alike: `1` and `1.0` are different data, and compare
/// as the same amount ([`Number::compare`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// An integer of the signed range.
    Integer(i64),
    /// An integer above the signed range.
    Unsigned(u64),
    /// Anything written with a fraction or an exponent.
    Float(Finite),
}

/// A floating-point number that JSON can hold: neither infinite nor NaN.
#[derive(Clone, Copy, Debug)]
pub struct Finite(f64);

/// Why two numbers have no sum or difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArithmeticError {
    /// It is beyond 64 bits, or beyond the range of floating-point numbers.
    #[error("the result is out of range")]
    OutOfRange,
    /// An integer meets a fraction and has more digits than a fraction can hold.
    #[error("the integer has too many digits to be added to a fraction")]
    Inexact,
}

impl Finite {
    /// The number, if it is finite.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Finite {
    /// By bits: `0.0` and `-0.0` are written differently.
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Finite {}

impl Number {
    /// The sum. Integers stay integers; with a fraction on either side it is a fraction.
    ///
    /// # Errors
    /// [`ArithmeticError`]; it never wraps, and never rounds an integer.
    pub fn checked_add(self, other: Self) -> Result<Self, ArithmeticError> {
        self.combine(other, |a, b| a + b, |a, b| a + b)
    }

    /// The difference, as [`Self::checked_add`] adds.
    ///
    /// # Errors
    /// [`ArithmeticError`].
    pub fn checked_sub(self, other: Self) -> Result<Self, ArithmeticError> {
        self.combine(other, |a, b| a - b, |a, b| a - b)
    }

    /// Which amount is larger, exactly, also between integers and fractions.
    pub fn compare(self, other: Self) -> Ordering {
        match (self.parts(), other.parts()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            (Err(a), Err(b)) => a.get().partial_cmp(&b.get()).expect("both are finite"),
            (Ok(a), Err(b)) => compare_mixed(a, b),
            (Err(a), Ok(b)) => compare_mixed(b, a).reverse(),
        }
    }

    /// Its size as JSON text, in bytes.
    pub(crate) fn json_size(self) -> usize {
        match self {
            Self::Integer(number) => {
                digit_count(number.unsigned_abs()) + usize::from(number.is_negative())
            }
            Self::Unsigned(number) => digit_count(number),
            Self::Float(number) => {
                let mut count = ByteCount(0);
                CompactFormatter.write_f64(&mut count, number.get()).expect("counting cannot fail");
                count.0
            }
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, ValueError> {
        let refuse = || ValueError::Number { number: text.to_owned() };
        if text.contains(['.', 'e', 'E']) || text == "-0" {
            let number = text.parse().ok().and_then(Finite::new).ok_or_else(refuse)?;
            return Ok(Self::Float(number));
        }
        let signed = text.parse().map(Self::Integer);
        signed.or_else(|_| text.parse().map(Self::Unsigned)).map_err(|_| refuse())
    }

    /// The integer, if 64 bits hold it.
    pub(super) fn from_wide(number: i128) -> Option<Self> {
        let signed = i64::try_from(number).map(Self::Integer);
        signed.or_else(|_| u64::try_from(number).map(Self::Unsigned)).ok()
    }

    fn parts(self) -> Result<i128, Finite> {
        match self {
            Self::Integer(number) => Ok(number.into()),
            Self::Unsigned(number) => Ok(number.into()),
            Self::Float(number) => Err(number),
        }
    }

    fn combine(
        self,
        other: Self,
        whole: fn(i128, i128) -> i128,
        fraction: fn(f64, f64) -> f64,
    ) -> Result<Self, ArithmeticError> {
        let result = match (self.parts(), other.parts()) {
            // Two numbers of 64 bits are far from the ends of 128.
            (Ok(a), Ok(b)) => Self::from_wide(whole(a, b)),
            (a, b) => Finite::new(fraction(to_fraction(a)?, to_fraction(b)?)).map(Self::Float),
        };
        result.ok_or(ArithmeticError::OutOfRange)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Number {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Unsigned(number), Self::Integer)
    }
}

impl From<Finite> for Number {
    fn from(number: Finite) -> Self {
        Self::Float(number)
    }
}

/// Counts the bytes that are written to it.
#[derive(Debug)]
pub(crate) struct ByteCount(pub(crate) usize);

impl io::Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn digit_count(number: u64) -> usize {
    let log = number.checked_ilog10().unwrap_or(0);
    usize::try_from(log).map_or(1, |log| log + 1)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "what was rounded is found by the way back, and refused"
)]
fn to_fraction(number: Result<i128, Finite>) -> Result<f64, ArithmeticError> {
    match number {
        Err(fraction) => Ok(fraction.get()),
        Ok(whole) if (whole as f64) as i128 == whole => Ok(whole as f64),
        Ok(_) => Err(ArithmeticError::Inexact),
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "beyond 128 bits it saturates, which is beyond every integer of 64"
)]
fn compare_mixed(whole: i128, fraction: Finite) -> Ordering {
    let floor = fraction.get().floor();
    let beyond = if floor < fraction.get() { Ordering::Less } else { Ordering::Equal };
    whole.cmp(&(floor as i128)).then(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(number: f64) -> Number {
        Number::Float(Finite::new(number).unwrap())
    }

    #[test]
    fn integers_stay_integers_through_both_ranges_and_are_refused_beyond() {
        let (max, top) = (Number::from(i64::MAX), Number::from(u64::MAX));
        assert_eq!(max.checked_add(1.into()), Ok(Number::Unsigned(1 << 63)));
        assert_eq!(Number::Unsigned(1 << 63).checked_sub(1.into()), Ok(max));
        assert_eq!(top.checked_add(1.into()), Err(ArithmeticError::OutOfRange));
        assert_eq!(top.checked_sub(top), Ok(Number::Integer(0)));
        let min = Number::from(i64::MIN);
        assert_eq!(min.checked_sub(1.into()), Err(ArithmeticError::OutOfRange));
        assert_eq!(min.checked_add(top), Ok(Number::from(i64::MAX)));
    }

    #[test]
    fn fractions_take_integers_only_where_nothing_is_rounded() {
        assert_eq!(float(0.5).checked_add(2.into()), Ok(float(2.5)));
        assert_eq!(Number::from(2).checked_sub(float(0.5)), Ok(float(1.5)));
        let exact = Number::from(1_i64 << 53);
        assert_eq!(exact.checked_add(float(0.0)), Ok(float(9_007_199_254_740_992.0)));
        let inexact = Number::from((1_i64 << 53) + 1);
        assert_eq!(inexact.checked_add(float(0.0)), Err(ArithmeticError::Inexact));
        assert_eq!(float(f64::MAX).checked_add(float(f64::MAX)), Err(ArithmeticError::OutOfRange));
    }

    #[test]
    fn amounts_compare_exactly_across_kinds() {
        let above = Number::from((1_i64 << 53) + 1);
        assert_eq!(above.compare(float(9_007_199_254_740_992.0)), Ordering::Greater);
        assert_eq!(Number::from(1).compare(float(1.0)), Ordering::Equal);
        assert_eq!(Number::from(1).compare(float(1.5)), Ordering::Less);
        assert_eq!(float(-1.5).compare((-1).into()), Ordering::Less);
        assert_eq!(float(-1.5).compare((-2).into()), Ordering::Greater);
        assert_eq!(float(1e300).compare(u64::MAX.into()), Ordering::Greater);
        assert_eq!(float(-1e300).compare(i64::MIN.into()), Ordering::Less);
        assert_eq!(float(-0.0).compare(float(0.0)), Ordering::Equal);
        assert_eq!(float(2.5).compare(float(1.5)), Ordering::Greater);
    }

    #[test]
    fn numbers_that_are_written_differently_are_not_equal() {
        assert_ne!(float(0.0), float(-0.0));
        assert_ne!(float(1.0), Number::from(1));
        assert_eq!(Number::from(5_u64), Number::from(5_u32));
    }
}
