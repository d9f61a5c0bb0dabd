//! Rust files: a module doc, one subject in a bearable size, no test that does not run.

use std::path::Path;

use super::Problem;
use super::mask::mask;

/// Lines of a file without its trailing tests.
const CODE_LINES_MAX: usize = 500;
/// Lines of any file.
const FILE_LINES_MAX: usize = 800;

/// Runs all checks on one file.
pub(super) fn check(path: &str, text: &str) -> Vec<Problem> {
    let masked = mask(text);
    let mut problems = Vec::new();
    problems.extend(check_module_doc(path, text));
    problems.extend(check_size(path, &masked));
    problems.extend(check_forbidden(path, &masked));
    problems.extend(check_doc_tests(path, text));
    problems
}

fn check_module_doc(path: &str, text: &str) -> Option<Problem> {
    let first = text.lines().next().unwrap_or_default();
    let documented = first.strip_prefix("//!").is_some_and(|doc| !doc.trim().is_empty());
    (!documented).then(|| {
        Problem::new(path, 1, "the file does not start with a `//!` doc that says what it owns")
    })
}

fn check_size(path: &str, masked: &str) -> Option<Problem> {
    let line_count = masked.lines().count();
    if line_count > FILE_LINES_MAX {
        let message = format!("{line_count} lines; a file has at most {FILE_LINES_MAX}");
        return Some(Problem::new(path, FILE_LINES_MAX + 1, message));
    }
    let code_line_count = code_line_count(masked);
    if code_line_count > CODE_LINES_MAX && !is_test_code(path) {
        let message = format!(
            "{code_line_count} lines without trailing tests; a file has at most {CODE_LINES_MAX}"
        );
        return Some(Problem::new(path, CODE_LINES_MAX + 1, message));
    }
    None
}

/// A file that consists of tests has no code to count apart from them.
fn is_test_code(path: &str) -> bool {
    let path = Path::new(path);
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.iter().any(|part| part == "tests" || part == "benches")
}

/// Lines before a `#[cfg(test)] mod tests` that ends the file; all lines if there is none.
fn code_line_count(masked: &str) -> usize {
    let lines: Vec<&str> = masked.trim_end().lines().map(str::trim_end).collect();
    let all = masked.lines().count();
    let Some(start) = lines.iter().rposition(|line| *line == "#[cfg(test)]") else { return all };
    // rustfmt puts the end of the module at the start of a line.
    let mut after = lines.iter().skip(start + 1).skip_while(|line| line.starts_with("#["));
    let declared = after.next().copied().unwrap_or_default();
    let trailing = match declared {
        "mod tests;" => after.next().is_none(),
        "mod tests {" => after.position(|line| *line == "}").is_some() && after.next().is_none(),
        _ => false,
    };
    if trailing { start } else { all }
}

fn check_forbidden(path: &str, masked: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in masked.lines().enumerate() {
        if is_ignored_test(line) {
            let message = "an ignored test tests nothing: fix it or delete it";
            problems.push(Problem::new(path, index + 1, message));
        }
        for name in ["todo!", "unimplemented!"] {
            if calls(line, name) {
                let message = format!("`{name}` is a panic waiting for a caller");
                problems.push(Problem::new(path, index + 1, message));
            }
        }
    }
    problems
}

fn is_ignored_test(line: &str) -> bool {
    let attribute = line.split("#[ignore").nth(1);
    attribute.is_some_and(|rest| rest.trim_start().starts_with([']', '=']))
}

fn calls(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|char| char.is_alphanumeric() || char == '_')
    })
}

/// An ignored doc test is an ignored test.
fn check_doc_tests(path: &str, text: &str) -> Vec<Problem> {
    let ignored = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let fence = doc.and_then(|doc| doc.trim_start().strip_prefix("```"));
        fence.is_some_and(|info| info.split(',').any(|word| word.trim().starts_with("ignore")))
    });
    let message = "an ignored doc test shows code nobody compiles: use `text` or `no_run`";
    ignored.map(|(index, _)| Problem::new(path, index + 1, message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: &str = "//! Leases.\n";
    const TESTS: &str = "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n";

    #[track_caller]
    fn check_lines(path: &str, text: &str, expected: &[usize]) {
        let problems = check(path, text);
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, expected, "{problems:?}");
    }

    #[test]
    fn a_file_starts_with_its_doc() {
        check_lines("a.rs", DOC, &[]);
        check_lines("a.rs", "//!\n//! Leases.\n", &[1]);
        check_lines("tests/it/main.rs", "// Leases.\n", &[1]);
        check_lines("a.rs", "", &[1]);
    }

    #[test]
    fn code_beyond_its_limit_is_refused_at_the_edge() {
        let code = |count: usize| format!("{DOC}{}", "fn a() {}\n".repeat(count - 1));
        check_lines("a.rs", &code(CODE_LINES_MAX), &[]);
        check_lines("a.rs", &code(CODE_LINES_MAX + 1), &[CODE_LINES_MAX + 1]);
        check_lines("a/tests.rs", &code(FILE_LINES_MAX), &[]);
        check_lines("crates/a/tests/it/main.rs", &code(FILE_LINES_MAX), &[]);
        check_lines("a/tests.rs", &code(FILE_LINES_MAX + 1), &[FILE_LINES_MAX + 1]);
    }

    #[test]
    fn only_trailing_tests_do_not_count() {
        let code = format!("{DOC}{}", "fn a() {}\n".repeat(CODE_LINES_MAX - 1));
        check_lines("a.rs", &format!("{code}{TESTS}"), &[]);
        check_lines("a.rs", &format!("{code}#[cfg(test)]\nmod tests;\n"), &[]);
        check_lines("a.rs", &format!("{code}{TESTS}fn late() {{}}\n"), &[CODE_LINES_MAX + 1]);
        check_lines("a.rs", &format!("{code}#[cfg(test)]\nfn a() {{}}\n"), &[CODE_LINES_MAX + 1]);
    }

    #[test]
    fn tests_with_attributes_or_braces_in_strings_still_trail() {
        let code = format!("{DOC}{}", "fn a() {}\n".repeat(CODE_LINES_MAX - 1));
        let tests =
            "#[cfg(test)]\n#[expect(a, reason = \"b\")]\nmod tests {\n    A = \"\n}\n\";\n}\n";
        check_lines("a.rs", &format!("{code}{tests}"), &[]);
    }

    #[test]
    fn ignored_tests_are_found() {
        check_lines("a.rs", &format!("{DOC}#[test]\n#[ignore]\nfn a() {{}}\n"), &[3]);
        check_lines("a.rs", &format!("{DOC}#[ignore = \"slow\"]\nfn a() {{}}\n"), &[2]);
        check_lines("a.rs", &format!("{DOC}// #[ignore]\n#[ignored]\n"), &[]);
        check_lines("a.rs", &format!("{DOC}/// ```ignore\n/// a\n/// ```\n"), &[2]);
        check_lines("a.rs", &format!("{DOC}/// ```no_run\n/// a\n/// ```\n"), &[]);
    }

    #[test]
    fn unfinished_code_is_found() {
        check_lines("a.rs", &format!("{DOC}fn a() {{\n    todo!()\n}}\n"), &[3]);
        check_lines("a.rs", &format!("{DOC}fn a() {{ unimplemented!(\"b\") }}\n"), &[2]);
        check_lines("a.rs", &format!("{DOC}// todo!()\nA = \"todo!()\";\nnot_todo!();\n"), &[]);
    }
}
