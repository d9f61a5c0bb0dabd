//! The steps: their order, their names and what each one runs.

use std::fmt;

use anyhow::Result;
use clap::ValueEnum;

use super::{clients, fuzz, scenarios};
use crate::workspace::Workspace;
use crate::{command, tidy};

/// One step, in the order in which they run: cheap and common failures come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Step {
    /// The source is formatted.
    Format,
    /// What `cargo xtask tidy` checks.
    Tidy,
    /// Clippy finds nothing.
    Lints,
    /// Everything builds.
    Build,
    /// Unit, model, conformance, integration and doc tests.
    Tests,
    /// The API docs build without a warning.
    Docs,
    /// No seed finds a broken rule.
    Proof,
    /// The proof finds every planted bug.
    Planted,
    /// A seed replays the same run, in both profiles.
    Replay,
    /// Nothing acknowledged is lost when the process is killed.
    Kill,
    /// Other people's Open Cloud clients work against the server.
    Clients,
    /// No request that the API's description allows or forbids is answered otherwise than it says.
    Fuzz,
}

impl Step {
    pub(super) const ALL: [Self; 12] = [
        Self::Format,
        Self::Tidy,
        Self::Lints,
        Self::Build,
        Self::Tests,
        Self::Docs,
        Self::Proof,
        Self::Planted,
        Self::Replay,
        Self::Kill,
        Self::Clients,
        Self::Fuzz,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Tidy => "tidy",
            Self::Lints => "lints",
            Self::Build => "build",
            Self::Tests => "tests",
            Self::Docs => "docs",
            Self::Proof => "proof",
            Self::Planted => "planted",
            Self::Replay => "replay",
            Self::Kill => "kill",
            Self::Clients => "clients",
            Self::Fuzz => "fuzz",
        }
    }

    pub(super) fn purpose(self) -> &'static str {
        match self {
            Self::Format => "the source is formatted",
            Self::Tidy => "layers, module docs, sizes, links, paths",
            Self::Lints => "clippy finds nothing",
            Self::Build => "everything builds",
            Self::Tests => "unit, integration and doc tests",
            Self::Docs => "the API docs build without a warning",
            Self::Proof => "no seed finds a broken rule",
            Self::Planted => "the proof finds every planted bug",
            Self::Replay => "a seed replays the same run in both profiles",
            Self::Kill => "nothing acknowledged is lost when the process is killed",
            Self::Clients => "Open Cloud clients of others work against the server",
            Self::Fuzz => "the server answers what its description says",
        }
    }

    /// # Errors
    /// The step failed; the error says how.
    pub(super) fn run(self, workspace: &Workspace) -> Result<()> {
        let cargo = |line: &str| {
            let arguments: Vec<&str> = line.split_whitespace().collect();
            workspace.cargo(&arguments)
        };
        match self {
            Self::Format => command::run(&mut cargo("fmt --all --check")),
            Self::Tidy => tidy::run(workspace),
            Self::Lints => command::run(&mut cargo(
                "clippy --workspace --all-targets --all-features --profile ci -- -D warnings",
            )),
            Self::Build => command::run(&mut cargo(
                "build --workspace --all-targets --all-features --profile ci",
            )),
            Self::Tests => command::run(&mut cargo("test --workspace --profile ci --all-features")),
            Self::Docs => command::run(
                cargo("doc --workspace --no-deps --profile ci").env("RUSTDOCFLAGS", "-Dwarnings"),
            ),
            Self::Proof => scenarios::proof(workspace),
            Self::Planted => scenarios::planted(workspace),
            Self::Replay => scenarios::replay(workspace),
            Self::Kill => scenarios::kill(workspace),
            Self::Clients => clients::run(workspace),
            Self::Fuzz => fuzz::run(workspace),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_runs_once_under_the_name_one_can_type() {
        assert_eq!(Step::ALL.as_slice(), Step::value_variants());
        for step in Step::ALL {
            assert_eq!(Step::from_str(step.name(), false), Ok(step));
        }
    }
}
