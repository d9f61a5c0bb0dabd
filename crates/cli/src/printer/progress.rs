//! How far long work is, on stderr and only on a terminal.

use std::cell::{Cell, RefCell};
use std::fmt;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

const BAR: &str = "{msg} [{wide_bar}] {human_pos} of {human_len}, {rate}, {eta} left";
const COUNT: &str = "{msg} {human_pos}, {rate}";

/// A line that says how far long work is. Dropped, it goes away.
#[derive(Debug)]
pub(crate) struct Progress {
    line: ProgressBar,
    what: RefCell<String>,
    total: Cell<Option<u64>>,
}

impl Progress {
    /// Work of which it is not known yet how much there is.
    pub(crate) fn new() -> Self {
        // Draws nothing where stderr is no terminal.
        let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        line.set_style(style(COUNT));
        Self { line, what: RefCell::default(), total: Cell::new(None) }
    }

    /// Replaces what the line says. Without a total it counts.
    pub(crate) fn show(&self, what: &str, done: u64, total: Option<u64>) {
        // It is called for every entry, and mostly only the number is new.
        if self.total.replace(total) != total {
            self.line.set_style(style(if total.is_some() { BAR } else { COUNT }));
            match total {
                Some(total) => self.line.set_length(total),
                None => self.line.unset_length(),
            }
        }
        if *self.what.borrow() != what {
            what.clone_into(&mut self.what.borrow_mut());
            self.line.set_message(what.to_owned());
        }
        self.line.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the templates are tested");
    let rate = |state: &ProgressState, to: &mut dyn fmt::Write| {
        // A line that cannot be drawn is no loss.
        write!(to, "{:.0}/s", state.per_sec()).ok();
    };
    style.with_key("rate", rate).progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid_and_a_total_may_come_and_go() {
        let progress = Progress::new();
        progress.show("reading", 1, None);
        progress.show("writing", 2, Some(4));
        assert_eq!((progress.line.length(), progress.line.position()), (Some(4), 2));
        progress.show("reading", 3, None);
        assert_eq!((progress.line.length(), progress.line.position()), (None, 3));
    }
}
