//! Totals: what happened how often, in one run and over many.
//!
//! Three groups: counts (commits, grants, hops), faults per class, and marks. A mark is a
//! condition that some run must meet: if none does, the scenario no longer reaches what it was
//! written for, and a green result means nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

/// What happened in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Counts by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Faults that fired, by class.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each mark's condition held.
    pub marks: BTreeMap<&'static str, u64>,
}

impl Totals {
    /// Adds to a count. Adding 0 lists it.
    pub fn add(&mut self, name: &'static str, count: u64) {
        *self.counts.entry(name).or_default() += count;
    }

    /// A count, 0 if nothing was added.
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// Marks a condition that must hold sometimes, and hands it back.
    pub fn sometimes(&mut self, name: &'static str, condition: bool) -> bool {
        *self.marks.entry(name).or_default() += u64::from(condition);
        condition
    }

    /// Lists marks that must be met although their place may never be reached.
    pub fn declare_marks(&mut self, names: &[&'static str]) {
        for name in names {
            self.marks.entry(name).or_default();
        }
    }
}

/// One line of a group, over many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The sum over all runs.
    pub total: u64,
    /// Runs in which it happened at all.
    pub runs: u64,
    /// The least of any run that listed it.
    pub least: u64,
}

impl Tally {
    /// Adds one run.
    fn absorb(&mut self, count: u64) {
        self.total += count;
        self.runs += u64::from(count > 0);
        self.least = self.least.min(count);
    }
}

/// One group over many runs.
pub(crate) type Group = BTreeMap<&'static str, Tally>;

/// Adds one run's group. The order of runs does not matter.
pub(crate) fn absorb(group: &mut Group, run: &BTreeMap<&'static str, u64>) {
    for (name, count) in run {
        let tally = group.entry(name).or_insert(Tally { total: 0, runs: 0, least: u64::MAX });
        tally.absorb(*count);
    }
}

/// The groups as one aligned table, sorted by name within each.
pub(crate) fn table(groups: &[(&str, &Group)]) -> String {
    let names = groups.iter().flat_map(|(title, group)| group.keys().chain([title]));
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, group) in groups.iter().filter(|(_, group)| !group.is_empty()) {
        let head = format!("{title:width$}  {:>14}  {:>9}  {:>9}", "total", "in seeds", "least");
        line(&mut text, &head);
        for (name, tally) in *group {
            let Tally { total, runs, least } = tally;
            line(&mut text, &format!("{name:width$}  {total:>14}  {runs:>9}  {least:>9}"));
        }
        text.push('\n');
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string succeeds");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(commits: u64) -> Totals {
        let mut totals = Totals::default();
        totals.add("commits", commits);
        totals.sometimes("a retry met its own success", commits > 5);
        totals
    }

    #[test]
    fn a_mark_hands_its_condition_back_and_counts_only_what_held() {
        let mut totals = run(1);
        totals.declare_marks(&["b", "a retry met its own success"]);
        assert!(totals.sometimes("b", true));
        assert!(!totals.sometimes("b", false));
        assert_eq!(totals.marks.get("b"), Some(&1));
        assert_eq!(totals.marks.get("a retry met its own success"), Some(&0));
        assert_eq!((totals.count("commits"), totals.count("grants")), (1, 0));
    }

    #[test]
    fn tables_are_sorted_aligned_and_the_same_in_any_order_of_runs() {
        let merged = |runs: [u64; 3]| {
            let (mut counts, mut marks) = (Group::new(), Group::new());
            for commits in runs {
                absorb(&mut counts, &run(commits).counts);
                absorb(&mut marks, &run(commits).marks);
            }
            table(&[("counts", &counts), ("faults", &Group::new()), ("marks", &marks)])
        };
        assert_eq!(merged([3, 0, 11]), merged([11, 3, 0]));
        let expected = "\
counts                                total   in seeds      least
commits                                  14          2          0

marks                                 total   in seeds      least
a retry met its own success               1          1          0

";
        assert_eq!(merged([3, 0, 11]), expected);
    }
}
