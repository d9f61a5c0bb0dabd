//! Lists that come in pages, up to as many items as were asked for.

use crate::failure::Result;
use crate::printer::{self, Printer, Show};

/// Prints the items of pages: JSON as they come, a table once it is known how wide it is.
pub(crate) struct Paging<T> {
    printer: Printer,
    remaining: u64,
    /// The lines of a table; of JSON there are none.
    lines: Vec<T>,
    is_cut: bool,
    has_note: bool,
}

impl<T: Show> Paging<T> {
    /// A list of at most so many items.
    pub(crate) fn new(printer: Printer, limit: u64) -> Self {
        Self { printer, remaining: limit, lines: Vec::new(), is_cut: false, has_note: true }
    }

    /// Does not say that there is more: of a list of the best nobody expects all.
    pub(crate) fn without_note(self) -> Self {
        Self { has_note: false, ..self }
    }

    /// Takes the items of a page. Returns what the next page is asked for with, if one is wanted.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub(crate) fn take(
        &mut self,
        items: impl IntoIterator<Item = T>,
        next: Option<String>,
    ) -> Result<Option<String>> {
        for item in items {
            let Some(remaining) = self.remaining.checked_sub(1) else {
                self.is_cut = true;
                return Ok(None);
            };
            self.remaining = remaining;
            self.lines.push(item);
        }
        if self.printer.is_json() {
            self.printer.list(&self.lines)?;
            self.lines.clear();
        }
        if self.remaining == 0 && !self.has_note {
            return Ok(None);
        }
        // One more page tells whether there is more.
        Ok(next)
    }

    /// Prints what is left, and says if there is more than was asked for.
    ///
    /// # Errors
    /// Stdout cannot be written to.
    pub(crate) fn finish(self) -> Result<()> {
        self.printer.list(&self.lines)?;
        if self.is_cut && self.has_note {
            printer::note("there are more: list them with a larger `--limit`");
        }
        Ok(())
    }
}
