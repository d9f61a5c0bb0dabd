//! Times as text, in the three forms of the API (contract section 0, "Time units").
//!
//! The precision is 100 ns everywhere. A calendar ends where its library does, in the year 9999;
//! times beyond are shown as its first or last second.

use jiff::tz::Offset;
use steadfast_core::Timestamp;
use steadfast_core::time::TICKS_PER_SECOND;

/// Why text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is not in the form of RFC 3339")]
pub struct TimeError;

/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;

/// The last whole second that has a date in every time zone, at the end of the year 9999.
const LAST_SECOND: i64 = 253_402_207_199;

/// The form of v1 headers: seven digits and `+00:00`, such as
/// `2022-02-02T23:30:06.5388799+00:00`.
pub fn v1_header(time: Timestamp) -> String {
    let (seconds, ticks) = split(time);
    format!("{seconds}.{ticks:07}+00:00")
}

/// The form of v1 bodies: as many digits as needed and `Z`.
pub fn v1_json(time: Timestamp) -> String {
    let (seconds, ticks) = split(time);
    if ticks == 0 {
        return format!("{seconds}Z");
    }
    let digits = format!("{ticks:07}");
    format!("{seconds}.{}Z", digits.trim_end_matches('0'))
}

/// The form of v2 bodies: 0, 3, 6 or 9 digits and `Z`.
pub fn v2_json(time: Timestamp) -> String {
    let (seconds, ticks) = split(time);
    match ticks {
        0 => format!("{seconds}Z"),
        _ if ticks % 10_000 == 0 => format!("{seconds}.{:03}Z", ticks / 10_000),
        _ if ticks % 10 == 0 => format!("{seconds}.{:06}Z", ticks / 10),
        _ => format!("{seconds}.{ticks:07}00Z"),
    }
}

/// Reads RFC 3339 with any offset. Digits beyond 100 ns are cut off.
///
/// # Errors
/// [`TimeError`]: another form, no offset or two of them, or a date that does not exist.
pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
    // The library reads more than RFC 3339, such as a zone in brackets.
    if !has_shape(text.as_bytes()) {
        return Err(TimeError);
    }
    let time: jiff::Timestamp = text.parse().map_err(|_| TimeError)?;
    let ticks = time.as_nanosecond().div_euclid(100);
    i64::try_from(ticks).map(Timestamp::from_ticks).map_err(|_| TimeError)
}

/// `YYYY-MM-DDTHH:MM:SS`, perhaps a fraction of up to nine digits, and `Z` or `+HH:MM`.
fn has_shape(text: &[u8]) -> bool {
    const SECONDS: &[u8] = b"0000-00-00T00:00:00";
    const OFFSET: &[u8] = b"+00:00";
    let Some((seconds, rest)) = text.split_at_checked(SECONDS.len()) else { return false };
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&count) {
                return false;
            }
            fraction.get(count..).unwrap_or_default()
        }
    };
    follows(seconds, SECONDS) && (matches!(rest, b"Z" | b"z") || follows(rest, OFFSET))
}

/// Whether the text has digits where the pattern has, one of `+-` for `+`, and its letters in
/// either case.
fn follows(text: &[u8], pattern: &[u8]) -> bool {
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        b'+' => matches!(byte, b'+' | b'-'),
        _ => byte.eq_ignore_ascii_case(pattern),
    };
    text.len() == pattern.len() && text.iter().zip(pattern).all(fits)
}

/// The whole seconds as text, without a zone, and the 100 ns units within the second.
fn split(time: Timestamp) -> (String, i64) {
    let seconds = time.ticks().div_euclid(TICKS_PER_SECOND).clamp(FIRST_SECOND, LAST_SECOND);
    let time_in_range = jiff::Timestamp::from_second(seconds).expect("clamped to what has a date");
    let civil = Offset::UTC.to_datetime(time_in_range);
    let date = format!("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day());
    let clock = format!("{:02}:{:02}:{:02}", civil.hour(), civil.minute(), civil.second());
    (format!("{date}T{clock}"), time.ticks().rem_euclid(TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ticks(text: &str) -> Result<i64, TimeError> {
        parse(text).map(Timestamp::ticks)
    }

    #[test]
    fn h_90_a_published_time_has_the_three_forms() {
        let time = Timestamp::from_dotnet_ticks(0x08D9_E6A3_F218_8CFF).unwrap();
        assert_eq!(v1_header(time), "2022-02-02T23:30:06.5388799+00:00");
        assert_eq!(v1_json(time), "2022-02-02T23:30:06.5388799Z");
        assert_eq!(v2_json(time), "2022-02-02T23:30:06.538879900Z");
        assert_eq!(parse("2022-02-02T23:30:06.5388799Z"), Ok(time));
    }

    #[test]
    fn fractions_have_as_many_digits_as_the_form_asks_for() {
        let of = |ticks: i64| Timestamp::from_ticks(ticks);
        assert_eq!(v1_header(of(0)), "1970-01-01T00:00:00.0000000+00:00");
        assert_eq!(v1_json(of(0)), "1970-01-01T00:00:00Z");
        assert_eq!(v1_json(of(1_000_000)), "1970-01-01T00:00:00.1Z");
        assert_eq!(v2_json(of(0)), "1970-01-01T00:00:00Z");
        assert_eq!(v2_json(of(1_000_000)), "1970-01-01T00:00:00.100Z");
        assert_eq!(v2_json(of(10)), "1970-01-01T00:00:00.000001Z");
        assert_eq!(v2_json(of(-1)), "1969-12-31T23:59:59.999999900Z");
    }

    #[test]
    fn times_without_a_date_are_shown_as_the_first_or_last() {
        assert!(v2_json(Timestamp::from_ticks(i64::MIN)).starts_with("0001-01-01T00:00:00"));
        assert!(v2_json(Timestamp::from_ticks(i64::MAX)).starts_with("9999-12-30T"));
    }

    #[test]
    fn any_offset_is_read() {
        assert_eq!(ticks("1970-01-01T02:00:00+02:00"), Ok(0));
        assert_eq!(ticks("1969-12-31T19:30:00.5-04:30"), Ok(5_000_000));
        assert_eq!(ticks("1970-01-01t00:00:00z"), Ok(0));
        assert_eq!(ticks("1970-01-01T00:00:00.000000199Z"), Ok(1));
    }

    #[test]
    fn two_zones_and_other_forms_are_refused() {
        for text in [
            "",
            "2026-01-01T00:00:00+00:00Z",
            "2026-01-01T00:00:00ZZ",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+0000",
            "2026-01-01T00:00:00+00:00[UTC]",
            "2026-01-01 00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "+002026-01-01T00:00:00Z",
            "1767225600",
            "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}Z",
        ] {
            assert_eq!(parse(text), Err(TimeError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ticks in -600_000_000_000_000_000_i64..2_500_000_000_000_000_000) {
            let time = Timestamp::from_ticks(ticks);
            for text in [v1_header(time), v1_json(time), v2_json(time)] {
                prop_assert_eq!(parse(&text), Ok(time), "{}", text);
            }
        }

        #[test]
        fn any_text_can_be_tried(text in ".{0,40}") {
            prop_assert!(parse(&text).is_err() || text.len() >= 20);
        }
    }
}
