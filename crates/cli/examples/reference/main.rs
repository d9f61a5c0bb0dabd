//! Prints the pages below `docs/reference` that repeat a table of the code, so that nobody has to
//! keep them: `cargo run --profile ci -p steadfast-cli --example reference errors`.

mod errors;
mod metrics;
mod settings;

use std::fmt::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let page = match std::env::args().nth(1).as_deref() {
        Some("errors") => errors::page(),
        Some("metrics") => metrics::page(),
        Some("settings") => settings::page(),
        Some(_) | None => return ExitCode::from(2),
    };
    #[expect(clippy::print_stdout, reason = "the page is its output")]
    {
        print!("{page}");
    }
    ExitCode::SUCCESS
}

fn line(page: &mut String, cells: &[&str]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("text grows");
}

/// Checks that a page stands in the documents as it would be printed.
#[cfg(test)]
#[track_caller]
fn check(name: &str, stands: &str, page: &str) {
    assert!(
        stands == page,
        "the page is behind the code: `cargo run --profile ci -p steadfast-cli --example \
         reference {name} > docs/reference/{name}.md`"
    );
}
