//! What the machine must have before the first step, and how to get it.
//!
//! All that is missing is told at once, so that one visit to the package manager is enough.

use std::process::{Command, Stdio};

use super::step::Step;
use crate::workspace::Workspace;

/// Steps that compile.
const COMPILING: &[Step] = &[
    Step::Lints,
    Step::Build,
    Step::Tests,
    Step::Docs,
    Step::Proof,
    Step::Planted,
    Step::Replay,
    Step::Kill,
    Step::Clients,
    Step::Fuzz,
];

/// A tool, the steps that use it, and the command that shows it works.
#[derive(Debug)]
pub(super) struct Requirement {
    name: &'static str,
    /// Not needed when all of these are left out.
    steps: &'static [Step],
    probe: &'static [&'static str],
    how: &'static str,
}

const REQUIREMENTS: [Requirement; 7] = [
    Requirement {
        name: "cargo",
        steps: &Step::ALL,
        probe: &["cargo", "--version"],
        how: "install the Rust toolchain with rustup",
    },
    Requirement {
        name: "rustfmt",
        steps: &[Step::Format],
        probe: &["cargo", "fmt", "--version"],
        how: "rustup component add rustfmt",
    },
    Requirement {
        name: "clippy",
        steps: &[Step::Lints],
        probe: &["cargo", "clippy", "--version"],
        how: "rustup component add clippy",
    },
    Requirement {
        name: "a C compiler `cc` with the C library's headers (zstd and ring are C)",
        steps: COMPILING,
        // The compiler alone is not enough: the headers are a package of their own.
        probe: &["sh", "-c", "echo '#include <stdlib.h>' | cc -fsyntax-only -x c -"],
        how: "apt-get install gcc libc6-dev",
    },
    Requirement {
        name: "python3 with venv and pip",
        steps: &[Step::Clients, Step::Fuzz],
        // pip comes into a new venv from `ensurepip`, which Debian packs with python3-venv.
        probe: &["python3", "-c", "import venv, ensurepip"],
        how: "apt-get install python3 python3-venv python3-pip",
    },
    Requirement {
        name: "node",
        steps: &[Step::Clients],
        probe: &["node", "--version"],
        how: "apt-get install nodejs",
    },
    Requirement {
        name: "npm",
        steps: &[Step::Clients],
        probe: &["npm", "--version"],
        how: "apt-get install npm",
    },
];

/// What the machine lacks for the steps that will run.
pub(super) fn missing(workspace: &Workspace, without: &[Step]) -> Vec<Requirement> {
    let needed = REQUIREMENTS.into_iter().filter(|requirement| requirement.is_needed(without));
    needed.filter(|requirement| !requirement.works(workspace)).collect()
}

/// One message about everything that is missing.
pub(super) fn explain(missing: &[Requirement]) -> String {
    let mut lines = vec!["this machine lacks what the tests need:".to_owned()];
    for requirement in missing {
        let steps: Vec<&str> = requirement.steps.iter().map(|step| step.name()).collect();
        lines.push(format!("  {}", requirement.name));
        lines.push(format!("      get it:    {}", requirement.how));
        lines.push(format!("      needed by: {}", steps.join(", ")));
    }
    lines
        .push("on Debian, `.ci/run` installs all of it; `--without STEP` leaves a step out".into());
    lines.join("\n")
}

impl Requirement {
    fn is_needed(&self, without: &[Step]) -> bool {
        self.steps.iter().any(|step| !without.contains(step))
    }

    fn works(&self, workspace: &Workspace) -> bool {
        let Some((program, arguments)) = self.probe.split_first() else { return true };
        let mut command: Command = workspace.command(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_needed_while_one_of_its_steps_runs() {
        let needed = |without: &[Step]| -> Vec<&str> {
            let needed = REQUIREMENTS.iter().filter(|found| found.is_needed(without));
            needed.map(|requirement| requirement.name).collect()
        };
        assert_eq!(needed(&[]).len(), REQUIREMENTS.len());
        assert!(!needed(&[Step::Clients]).contains(&"node"));
        assert!(needed(&[Step::Clients]).contains(&"clippy"));
        assert!(needed(&Step::ALL).is_empty());
    }

    #[test]
    fn everything_missing_is_in_one_message() {
        let [_, rustfmt, .., npm] = REQUIREMENTS;
        let message = explain(&[rustfmt, npm]);
        assert!(message.contains("rustup component add rustfmt"), "{message}");
        assert!(message.contains("apt-get install npm"), "{message}");
        assert!(message.contains("needed by: clients"), "{message}");
    }
}
