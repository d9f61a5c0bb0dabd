//! Files of exported entries: lines of JSON, compressed with zstd.
//!
//! ```text
//!   {"steadfast":"export","format":1,"universe":"7","source":"...","createdAt":"..."}
//!   {"kind":"standard","store":"players","scope":"global","key":"u_1","value":...}
//!   {"kind":"ordered","store":"coins","scope":"global","key":"u_1","value":5}
//!   {"steadfast":"end","entries":1,"orderedEntries":1,"checksum":"sha256:..."}
//! ```
//!
//! The checksum is the SHA-256 of the lines of the entries, each with its line break. A file without
//! its last line is not whole, whatever else it has.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use steadfast_core::{ErrorKind, UniverseId};

use super::lines::Lines;
use super::record::{Body, Record};
use crate::failure::{Failure, Result};

/// The format that this version writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;

/// What a line starts with that is no entry.
const OURS: &str = "{\"steadfast\":";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "steadfast", rename = "export", rename_all = "camelCase")]
pub(super) struct Header {
    pub(super) format: u32,
    universe: String,
    pub(super) source: String,
    pub(super) created_at: String,
}

impl Header {
    pub(super) fn new(universe: UniverseId, source: String, created_at: String) -> Self {
        Self { format: FORMAT, universe: universe.to_string(), source, created_at }
    }

    /// # Errors
    /// It is no number.
    pub(super) fn universe(&self) -> Result<UniverseId> {
        self.universe.parse().map(UniverseId).map_err(|error| {
            Failure::of(ErrorKind::Invalid, error).context("the universe is not a number")
        })
    }
}

/// How many entries there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) ordered_entries: u64,
}

impl Counts {
    pub(super) fn add(&mut self, body: &Body) {
        let count = match body {
            Body::Standard(_) => &mut self.entries,
            Body::Ordered(_) => &mut self.ordered_entries,
        };
        *count = count.saturating_add(1);
    }

    pub(super) fn total(self) -> u64 {
        self.entries.saturating_add(self.ordered_entries)
    }
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "steadfast", rename = "end", rename_all = "camelCase")]
pub(super) struct Trailer {
    #[serde(flatten)]
    pub(super) counts: Counts,
    pub(super) checksum: String,
}

/// The checksum of lines.
#[derive(Clone, Default)]
pub(super) struct Checksum(Sha256);

impl Checksum {
    pub(super) fn add(&mut self, line: &str) {
        self.0.update(line.as_bytes());
        self.0.update(b"\n");
    }

    /// As it stands in files.
    pub(super) fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = "sha256:".to_owned();
        for byte in self.0.clone().finalize() {
            write!(text, "{byte:02x}").expect("a string takes everything");
        }
        text
    }
}

/// One line of a file.
pub(super) enum Line {
    Entry(Record),
    End(Trailer),
}

/// A file of entries, read from its beginning. What is read was not checked yet: see [`check`].
pub(super) struct ExportFile<R> {
    pub(super) header: Header,
    lines: Lines<R>,
    checksum: Checksum,
    counts: Counts,
}

type Decoder<'a, R> = BufReader<zstd::Decoder<'a, BufReader<R>>>;

impl ExportFile<Decoder<'static, File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// There is none, or it is not a file of entries.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Failure::of(ErrorKind::Invalid, error))?;
        Self::read(file)
    }
}

impl<R: Read> ExportFile<Decoder<'static, R>> {
    /// Reads a file that was opened.
    ///
    /// # Errors
    /// It is not a file of entries.
    pub(super) fn read(file: R) -> Result<Self> {
        let decoder =
            zstd::Decoder::new(file).map_err(|error| Failure::of(ErrorKind::Unavailable, error))?;
        let mut lines = Lines::new(BufReader::new(decoder));
        let line = lines.next().map_err(|failure| {
            failure.context("it does not begin like a file of exported entries")
        })?;
        let header = header(line.unwrap_or_default())?;
        let (checksum, counts) = (Checksum::default(), Counts::default());
        Ok(Self { header, lines, checksum, counts })
    }

    /// The next line. After the last one there is none.
    ///
    /// # Errors
    /// The file is cut, damaged, or has lines that are not of its format.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        let Some(line) = self.lines.next()? else { return Ok(None) };
        if line.starts_with(OURS) {
            let trailer: serde_json::Result<Trailer> = serde_json::from_str(line);
            let trailer = trailer
                .map_err(|error| self.lines.at_line(Failure::of(ErrorKind::Invalid, error)))?;
            return Ok(Some(Line::End(trailer)));
        }
        self.checksum.add(line);
        match Record::parse(line) {
            Ok(record) => {
                self.counts.add(&record.body);
                Ok(Some(Line::Entry(record)))
            }
            Err(error) => Err(self.lines.at_line(Failure::of(ErrorKind::Invalid, error))),
        }
    }

    /// The checksum and the counts of the entries that were read.
    pub(super) fn so_far(&self) -> (Checksum, Counts) {
        (self.checksum.clone(), self.counts)
    }
}

fn header(line: &str) -> Result<Header> {
    /// What every format will have.
    #[derive(Deserialize)]
    struct Any {
        steadfast: String,
        format: u32,
    }
    let wrong = |error| {
        Failure::of(ErrorKind::Invalid, error)
            .context("it does not begin like a file of exported entries")
            .hint("`seed FILE` reads lines that were written by hand")
    };
    let any: Any = serde_json::from_str(line).map_err(wrong)?;
    if any.steadfast == "export" && any.format != FORMAT {
        let message = format!("its format is {}, and this version knows {FORMAT}", any.format);
        return Err(Failure::new(ErrorKind::Invalid, message));
    }
    serde_json::from_str(line).map_err(wrong)
}

/// Reads a whole file: every block, every line, the counts and the checksum.
///
/// # Errors
/// It is not what was exported.
pub(super) fn check(path: &Path, mut observe: impl FnMut(u64)) -> Result<(Header, Trailer)> {
    let mut file = ExportFile::open(path)?;
    let trailer = loop {
        match file.next()? {
            Some(Line::Entry(_)) => observe(file.counts.total()),
            Some(Line::End(trailer)) => break trailer,
            None => {
                let message = "its last line is missing: the file was cut";
                return Err(Failure::new(ErrorKind::Corrupt, message));
            }
        }
    };
    if file.lines.next()?.is_some() {
        return Err(Failure::new(ErrorKind::Corrupt, "something follows its last line"));
    }
    let (checksum, counts) = (file.checksum.text(), file.counts);
    if counts != trailer.counts {
        let (read, said) = (counts.total(), trailer.counts.total());
        let message = format!("it has {read} entries, and its last line says {said}");
        return Err(Failure::new(ErrorKind::Corrupt, message));
    }
    if checksum != trailer.checksum {
        let message = format!("its entries have the checksum {checksum}");
        return Err(Failure::new(ErrorKind::Corrupt, message)
            .context(format!("its last line says {}", trailer.checksum)));
    }
    Ok((file.header, trailer))
}
