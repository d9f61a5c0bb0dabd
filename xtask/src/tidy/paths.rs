//! No path of a developer's machine in the tree: it works nowhere else.

use super::Problem;

/// First components of absolute paths that exist only on somebody's machine.
const MACHINE_ROOTS: [&str; 4] = ["farm", "home", "root", "work"];

/// Looks at every line of any text file.
pub(super) fn check(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for root in MACHINE_ROOTS {
            let wanted = format!("/{root}/");
            let found = line.match_indices(&wanted).any(|(at, _)| {
                // `src/home/lease.rs` and `example.org/home/` are not absolute paths.
                let before = line.get(..at).and_then(|before| before.chars().next_back());
                !before.is_some_and(|char| char.is_alphanumeric() || "_-.}>*~".contains(char))
            });
            if found {
                let message = format!("`{wanted}` is a path of one machine");
                problems.push(Problem::new(path, index + 1, message));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_machine_paths_are_found_with_their_line() {
        for root in MACHINE_ROOTS {
            let text = format!("fine\nopen(\"/{root}/me/data\")\n");
            let problems = check("a.md", &text);
            assert_eq!(problems.len(), 1, "{root}");
            assert_eq!(problems.first().map(|problem| problem.line), Some(2));
        }
    }

    #[test]
    fn relative_paths_and_addresses_are_fine() {
        let root = "home";
        let text =
            format!("crates/core/src/{root}/a.rs\nhttps://example.org/{root}/b\n../{root}/c");
        assert_eq!(check("a.md", &text), []);
        assert_eq!(check("a.md", "/var/lib/steadfast /tmp/x"), []);
    }
}
