//! What happened in a run: a hash of everything, and the last lines to read.
//!
//! Two runs of one plan have the same hash, on every platform and in every build profile: numbers
//! are hashed as 8 bytes in little-endian order, texts with their length in front, and nothing
//! that depends on a pointer or the size of one.

use std::collections::VecDeque;
use std::fmt::Write;

use steadfast_core::Now;
use xxhash_rust::xxh3::Xxh3;

/// A streaming XXH3-64 over what happened.
#[derive(Clone)]
pub struct TraceHash(Xxh3);

impl TraceHash {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Self(Xxh3::new())
    }

    /// Adds a number.
    pub fn write_u64(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// Adds a number that may be negative.
    pub fn write_i64(&mut self, number: i64) {
        self.0.update(&number.to_le_bytes());
    }

    /// Adds bytes and their length.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        self.write_u64(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.update(bytes);
    }

    /// Adds a text and its length.
    pub fn write_str(&mut self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    /// The hash of everything added so far.
    pub fn value(&self) -> u64 {
        self.0.digest()
    }
}

impl Default for TraceHash {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for TraceHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TraceHash({:016x})", self.value())
    }
}

/// The trace of one run.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: TraceHash,
    lines: VecDeque<String>,
    line_count_max: usize,
}

impl Trace {
    /// A trace that keeps the last lines; with 0 it only hashes, which is much faster. The hash
    /// is the same either way.
    pub const fn new(line_count_max: usize) -> Self {
        Self { hash: TraceHash::new(), lines: VecDeque::new(), line_count_max }
    }

    /// Adds an event. Fields are added to what this returns.
    pub fn event(&mut self, now: Now, kind: &str) -> EventLine<'_> {
        self.hash.write_u64(now.mono.nanos());
        self.hash.write_str(kind);
        let line = (self.line_count_max > 0).then(|| {
            let nanos = now.mono.nanos();
            format!("{}.{:09} {kind}", nanos / 1_000_000_000, nanos % 1_000_000_000)
        });
        EventLine { trace: self, line }
    }

    /// The hash, for what has no readable form.
    pub const fn hash_mut(&mut self) -> &mut TraceHash {
        &mut self.hash
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// The lines kept, the oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// As [`Trace::lines`], at the end of a run.
    pub fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}

/// One event being written; complete when it is dropped.
#[derive(Debug)]
pub struct EventLine<'a> {
    trace: &'a mut Trace,
    line: Option<String>,
}

impl EventLine<'_> {
    /// Adds a number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.trace.hash.write_u64(value);
        self.show(name, format_args!("{value}"))
    }

    /// Adds a number that may be negative.
    pub fn signed(&mut self, name: &str, value: i64) -> &mut Self {
        self.trace.hash.write_i64(value);
        self.show(name, format_args!("{value}"))
    }

    /// Adds a yes or no.
    pub fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.trace.hash.write_u64(u64::from(value));
        self.show(name, format_args!("{value}"))
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.trace.hash.write_str(value);
        self.show(name, format_args!("{value:?}"))
    }

    fn show(&mut self, name: &str, value: std::fmt::Arguments<'_>) -> &mut Self {
        if let Some(line) = &mut self.line {
            write!(line, " {name}={value}").expect("writing to a string succeeds");
        }
        self
    }
}

impl Drop for EventLine<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            if self.trace.lines.len() >= self.trace.line_count_max {
                self.trace.lines.pop_front();
            }
            self.trace.lines.push_back(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steadfast_core::Monotonic;

    fn write(mut trace: Trace, events: u64) -> Trace {
        for event in 0..events {
            let now = Now { mono: Monotonic::from_nanos(event * 1_500_000_000), ..Now::default() };
            trace.event(now, "commit").number("node", event).text("key", "u_1").flag("ok", true);
        }
        trace
    }

    #[test]
    fn the_hash_of_a_trace_never_changes() {
        // It is compared across platforms and profiles, and stored beside plans.
        assert_eq!(TraceHash::new().value(), 0x2d06_8005_38d3_94c2);
        assert_eq!(write(Trace::new(0), 100).hash(), 0x6577_a7f6_e5c2_1789);
    }

    #[test]
    fn lines_are_the_last_ones_and_do_not_change_the_hash() {
        let trace = write(Trace::new(2), 5);
        assert_eq!(trace.hash(), write(Trace::new(0), 5).hash());
        let lines: Vec<&str> = trace.lines().collect();
        assert_eq!(
            lines,
            [
                r#"4.500000000 commit node=3 key="u_1" ok=true"#,
                r#"6.000000000 commit node=4 key="u_1" ok=true"#,
            ]
        );
        assert!(write(Trace::new(0), 5).into_lines().is_empty());
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let hash = |texts: [&str; 2]| {
            let mut hash = TraceHash::new();
            for text in texts {
                hash.write_str(text);
            }
            hash.value()
        };
        assert_ne!(hash(["ab", "c"]), hash(["a", "bc"]));
    }
}
