//! Lines of a file, one at a time and none without a limit.

use std::io::{self, BufRead};

use steadfast_core::ErrorKind;

use crate::failure::{Failure, Result};

/// The longest line that is read, in bytes: a value of the largest size as a JSON string, in which
/// every byte may be escaped, with its names.
pub(super) const LINE_SIZE_MAX: usize = 6 * 16 * 1024 * 1024 + 64 * 1024;

/// Reads lines.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
    size_max: usize,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0, size_max: LINE_SIZE_MAX }
    }

    /// The next line without its end; none at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read, or the line is too long or not UTF-8.
    pub(super) fn next(&mut self) -> Result<Option<&str>> {
        self.buffer.clear();
        self.number = self.number.saturating_add(1);
        while !self.read_part()? {}
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(line) => Ok(Some(line)),
            Err(error) => Err(self.at_line(Failure::of(ErrorKind::Invalid, error))),
        }
    }

    /// Says at which line something was found.
    pub(super) fn at_line(&self, failure: Failure) -> Failure {
        failure.context(format!("line {} is wrong", self.number))
    }

    /// Takes what is there of the line. Returns whether it ends.
    fn read_part(&mut self) -> Result<bool> {
        let read = self.reader.fill_buf().map_err(unreadable)?;
        let end = read.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(read.len(), |end| end.saturating_add(1));
        if self.buffer.len().saturating_add(taken) > self.size_max {
            let message = format!("it is longer than {} bytes", self.size_max);
            return Err(self.at_line(Failure::new(ErrorKind::Invalid, message)));
        }
        self.buffer.extend_from_slice(read.get(..taken).unwrap_or_default());
        self.reader.consume(taken);
        Ok(end.is_some() || taken == 0)
    }
}

/// What a file that cannot be read means. A decoder says so of damage.
fn unreadable(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Failure::new(ErrorKind::Corrupt, "it ends in the middle: the file was cut")
    } else if error.kind() == io::ErrorKind::Other {
        // That of the decoder.
        Failure::of(ErrorKind::Corrupt, error).context("a block of it is damaged")
    } else {
        Failure::of(ErrorKind::Invalid, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<String> {
        // Parts of three bytes, so that lines are put together.
        let mut lines = Lines::new(io::BufReader::with_capacity(3, text));
        let mut read = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            read.push(line.to_owned());
        }
        read
    }

    #[test]
    fn lines_end_at_line_breaks_and_at_the_end() {
        assert!(all(b"").is_empty());
        assert_eq!(all(b"one\n\nthree"), ["one", "", "three"]);
        assert_eq!(all(b"one\n"), ["one"]);
    }

    #[test]
    fn a_line_is_limited() {
        let mut lines = Lines { size_max: 4, ..Lines::new(&b"abc\nabcd\n"[..]) };
        assert_eq!(lines.next().unwrap(), Some("abc"));
        let failure = lines.next().unwrap_err();
        assert_eq!(failure.kind(), ErrorKind::Invalid);
        assert!(failure.to_string().contains("line 2 is wrong"), "{failure}");
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        let mut lines = Lines::new(&b"\xff\n"[..]);
        assert_eq!(lines.next().unwrap_err().kind(), ErrorKind::Invalid);
    }
}
