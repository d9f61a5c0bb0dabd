//! Durations as people write them.

use std::time::Duration;

/// Reads a duration: a whole number with `s`, `m`, `h`, `d` or `w`.
///
/// # Errors
/// What is wrong with it, as clap shows it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let usage = || "expected a whole number with a unit, such as 90s, 15m, 12h, 30d or 4w";
    let unit = text.chars().next_back().ok_or_else(usage)?;
    let seconds_per_unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(usage().to_owned()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = is_number.then(|| digits.parse::<u64>().ok()).flatten().ok_or_else(usage)?;
    let seconds = count.checked_mul(seconds_per_unit).ok_or("it is too long")?;
    if seconds == 0 {
        return Err("it must be longer than nothing".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// A duration in hours, minutes and seconds, as far as it has them.
pub(crate) fn shown_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        (_, _) => format!("{hours} h {minutes} min {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_the_units_that_they_reach() {
        let shown = |millis| shown_duration(Duration::from_millis(millis));
        assert_eq!([shown(0), shown(59_999)], ["0 s", "59 s"]);
        assert_eq!([shown(60_000), shown(3_599_000)], ["1 min 0 s", "59 min 59 s"]);
        assert_eq!([shown(3_600_000), shown(90_061_000)], ["1 h 0 min 0 s", "25 h 1 min 1 s"]);
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let days = |count: u64| Ok(Duration::from_secs(count * 24 * 60 * 60));
        assert_eq!(parse_duration("30d"), days(30));
        assert_eq!(parse_duration("4w"), days(28));
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(parse_duration("12h"), Ok(Duration::from_hours(12)));
        for wrong in ["", "d", "30", "-1d", "+1d", "1.5h", "30 d", "30é", "0s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert!(parse_duration("18446744073709551615w").is_err());
    }
}
