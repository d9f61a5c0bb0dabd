//! Layer order: dependencies point down.
//!
//! A crate depends only on crates of a strictly lower layer. Tests may reach further, so
//! dev-dependencies are exempt, and so is `xtask`. Nothing at all may depend on the proof.

use super::Problem;
use crate::workspace::{Crate, Dependency};

/// Not part of the product, so without a layer.
const TASK_RUNNER: &str = "xtask";
/// Judges the others, so nothing may be built on it.
const PROOF: &str = "steadfast-proof";

/// A crate with the text that declares it.
pub(super) struct Manifest<'a> {
    pub(super) found: &'a Crate,
    pub(super) path: String,
    pub(super) text: String,
}

/// Checks every crate against all others.
pub(super) fn check(manifests: &[Manifest<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for manifest in manifests {
        let found = manifest.found;
        if found.name != TASK_RUNNER && found.layer().is_none() {
            problems.push(Problem::new(
                &manifest.path,
                1,
                format!(
                    "crate `{}` declares no `layer` in [package.metadata.steadfast]",
                    found.name
                ),
            ));
        }
        for dependency in found.dependencies.iter().filter(|found| found.path.is_some()) {
            let target = manifests.iter().find(|other| other.found.name == dependency.name);
            let Some(target) = target else { continue };
            if let Some(message) = refusal(found, dependency, target.found) {
                let line = line_of(&manifest.text, dependency);
                problems.push(Problem::new(&manifest.path, line, message));
            }
        }
    }
    problems
}

fn refusal(from: &Crate, dependency: &Dependency, to: &Crate) -> Option<String> {
    if to.name == PROOF {
        return Some(format!("`{}` depends on `{PROOF}`: nothing may", from.name));
    }
    if from.name == TASK_RUNNER || dependency.is_dev() {
        return None;
    }
    // A missing layer is reported once, at the crate it is missing from.
    let (own, below) = (from.layer()?, to.layer()?);
    (below >= own).then(|| {
        format!(
            "`{}` (layer {own}) depends on `{}` (layer {below}): dependencies point down",
            from.name, to.name
        )
    })
}

/// The line that declares the dependency, in a table of its kind.
fn line_of(manifest: &str, dependency: &Dependency) -> usize {
    let mut dev_table = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            dev_table = line.contains("dev-dependencies");
        }
        let rest = line.strip_prefix(dependency.name.as_str());
        let declares = rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
        if declares && dev_table == dependency.is_dev() {
            return index + 1;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(name: &str, layer: Option<u32>, dependencies: &[(&str, Option<&str>)]) -> Crate {
        let dependencies = dependencies.iter().map(|(name, kind)| {
            serde_json::json!({"name": name, "kind": kind, "path": format!("/x/{name}")})
        });
        let metadata = layer.map(|layer| serde_json::json!({"steadfast": {"layer": layer}}));
        let json = serde_json::json!({
            "name": name, "manifest_path": "/x/Cargo.toml", "metadata": metadata,
            "dependencies": dependencies.collect::<Vec<_>>(),
        });
        serde_json::from_value(json).unwrap()
    }

    #[track_caller]
    fn check_crates(crates: &[Crate], text: &str, expected: &[(&str, usize, &str)]) {
        let manifests = crates.iter().map(|found| Manifest {
            found,
            path: found.name.clone(),
            text: text.to_owned(),
        });
        let problems = check(&manifests.collect::<Vec<_>>());
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, (path, line, part)) in problems.iter().zip(expected) {
            assert_eq!((problem.path.as_str(), problem.line), (*path, *line));
            assert!(problem.message.contains(part), "{problem}");
        }
    }

    #[test]
    fn a_dependency_that_points_down_is_fine() {
        let core = krate("core", Some(0), &[]);
        let storage = krate("storage", Some(1), &[("core", None)]);
        check_crates(&[core, storage], "", &[]);
    }

    #[test]
    fn a_dependency_sideways_or_up_is_refused_with_its_line() {
        let text = "[package]\n[dependencies]\na.workspace = true\nb = { workspace = true }\n";
        let a = krate("a", Some(1), &[("b", None)]);
        let b = krate("b", Some(1), &[]);
        check_crates(&[a, b], text, &[("a", 4, "depends on `b` (layer 1)")]);
        let a = krate("a", Some(1), &[]);
        let b = krate("b", Some(0), &[("a", Some("build"))]);
        check_crates(&[a, b], text, &[("b", 3, "dependencies point down")]);
    }

    #[test]
    fn tests_and_the_task_runner_are_exempt() {
        let a = krate("a", Some(0), &[("b", Some("dev"))]);
        let b = krate("b", Some(3), &[]);
        let runner = krate("xtask", None, &[("b", None)]);
        check_crates(&[a, b, runner], "", &[]);
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        check_crates(&[krate("a", None, &[])], "", &[("a", 1, "declares no `layer`")]);
    }

    #[test]
    fn nothing_depends_on_the_proof_not_even_a_test() {
        let text = "[dependencies]\n[dev-dependencies]\nsteadfast-proof.workspace = true\n";
        let proof = krate("steadfast-proof", Some(3), &[]);
        let cli = krate("cli", Some(5), &[("steadfast-proof", Some("dev"))]);
        check_crates(&[proof, cli], text, &[("cli", 3, "nothing may")]);
    }

    #[test]
    fn a_foreign_crate_of_the_same_name_is_not_ours() {
        let mut a = krate("a", Some(0), &[("b", None)]);
        a.dependencies.iter_mut().for_each(|dependency| dependency.path = None);
        check_crates(&[a, krate("b", Some(3), &[])], "", &[]);
    }
}
