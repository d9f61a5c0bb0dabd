//! The table of steps with their seconds, and the line that sums it up.

use std::time::Duration;

use super::step::Step;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    /// The caller asked for a run without it.
    LeftOut,
    /// An earlier step failed.
    NotRun,
}

/// One line of the table.
pub(super) struct Row {
    pub(super) step: Step,
    pub(super) outcome: Outcome,
}

/// The whole table, with the sum of all seconds.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![line("step", "seconds", "result")];
    let mut total = Duration::ZERO;
    for row in rows {
        let (took, result) = match row.outcome {
            Outcome::Passed(took) => (Some(took), "ok"),
            Outcome::Failed(took) => (Some(took), "FAILED"),
            Outcome::LeftOut => (None, "left out"),
            Outcome::NotRun => (None, "not run"),
        };
        total += took.unwrap_or_default();
        let seconds = took.map_or_else(|| "-".to_owned(), seconds);
        lines.push(line(row.step.name(), &seconds, result));
    }
    lines.push(line("total", &seconds(total), ""));
    lines.join("\n")
}

/// How many steps passed and failed.
pub(super) fn summary(rows: &[Row]) -> String {
    let count = |wanted: fn(Outcome) -> bool| rows.iter().filter(|row| wanted(row.outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed(_)));
    summary_of_counts(passed, count(|outcome| matches!(outcome, Outcome::Failed(_))))
}

/// The last line of every run.
pub(super) fn summary_of_counts(passed_count: usize, failed_count: usize) -> String {
    format!("{passed_count} passed, {failed_count} failed")
}

/// True if no step failed and none was missed because of a failure.
pub(super) fn all_good(rows: &[Row]) -> bool {
    rows.iter().all(|row| matches!(row.outcome, Outcome::Passed(_) | Outcome::LeftOut))
}

fn line(step: &str, seconds: &str, result: &str) -> String {
    format!("{step:<8} {seconds:>8}  {result}").trim_end().to_owned()
}

fn seconds(took: Duration) -> String {
    format!("{:.1}", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_every_outcome() {
        let rows = [
            Row { step: Step::Format, outcome: Outcome::Passed(Duration::from_millis(1250)) },
            Row { step: Step::Tidy, outcome: Outcome::LeftOut },
            Row { step: Step::Lints, outcome: Outcome::Failed(Duration::from_secs(100)) },
            Row { step: Step::Build, outcome: Outcome::NotRun },
        ];
        let expected = "\
step      seconds  result
format        1.2  ok
tidy            -  left out
lints       100.0  FAILED
build           -  not run
total       101.2";
        assert_eq!(table(&rows), expected);
        assert_eq!(summary(&rows), "1 passed, 1 failed");
        assert!(!all_good(&rows));
    }
}
