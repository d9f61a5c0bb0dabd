//! Writing a file of entries in blocks, so that an interruption costs one block.
//!
//! ```text
//!   FILE.part         blocks: frames of zstd, each with its own checksum
//!   FILE.part.json    how much of it is whole, and where the next block begins in the target
//! ```
//!
//! A block is on the disk before the state says so. What stands behind the last whole block after
//! an interruption is cut off; what stands before it is read once more and must have the checksum
//! that the state names.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use steadfast_core::ErrorKind;
use zstd::bulk::Compressor;

use super::file::{Checksum, Counts, ExportFile, Header, Line, Trailer};
use super::record::Record;
use super::state;
use super::walk::{Position, Section};
use crate::failure::{Failure, Result};

/// Fast, and a third larger than the best.
const LEVEL: i32 = 3;

/// What an export wrote and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Progressed {
    pub(super) header: Header,
    /// What was asked for: the command that goes on must ask for the same.
    pub(super) wanted: Wanted,
    /// Where it goes on; none if nothing was read yet.
    pub(super) at: Option<(Section, Position)>,
    /// Bytes of whole blocks.
    offset: u64,
    #[serde(flatten)]
    counts: Counts,
    checksum: String,
}

/// What an export is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// None for all there are.
    pub(super) stores: Option<Vec<String>>,
    pub(super) boards: Vec<Section>,
}

/// A file that is being written.
pub(super) struct Blocks {
    part: PathBuf,
    state: PathBuf,
    file: File,
    block: Vec<u8>,
    block_size: usize,
    compressor: Compressor<'static>,
    checksum: Checksum,
    progressed: Progressed,
}

impl Blocks {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written, or one was begun already.
    pub(super) fn begin(
        out: &Path,
        header: Header,
        wanted: Wanted,
        block_size: usize,
    ) -> Result<Self> {
        let part = state::beside(out, ".part");
        if part.exists() {
            let message = format!("an export into `{}` was interrupted", out.display());
            let hint = format!("go on with `--resume`, or remove `{}`", part.display());
            return Err(Failure::new(ErrorKind::Conflict, message).hint(hint));
        }
        state::remove(&state::beside(&part, ".json"))?;
        let (checksum, counts) = (Checksum::default(), Counts::default());
        let progressed =
            Progressed { wanted, at: None, offset: 0, counts, checksum: checksum.text(), header };
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&part);
        let file = file.map_err(|error| state::unwritten(&part, error))?;
        let mut blocks = Self::over(out, file, checksum, progressed, block_size)?;
        blocks.push(&json(&blocks.progressed.header)?);
        Ok(blocks)
    }

    /// Goes on with a file; none if there is none to go on with.
    ///
    /// # Errors
    /// What is there cannot be gone on with.
    pub(super) fn resume(out: &Path, wanted: &Wanted, block_size: usize) -> Result<Option<Self>> {
        let part = state::beside(out, ".part");
        let Some(progressed) = state::load::<Progressed>(&state::beside(&part, ".json"))? else {
            // Nothing was whole yet.
            state::remove(&part)?;
            return Ok(None);
        };
        if progressed.wanted != *wanted {
            let message = "the export that was interrupted was of something else";
            return Err(Failure::new(ErrorKind::Invalid, message));
        }
        let file = OpenOptions::new().read(true).write(true).open(&part);
        let mut file = file.map_err(|error| state::unwritten(&part, error))?;
        let checksum = read_again(&file, &progressed)?;
        let cut = file
            .set_len(progressed.offset)
            .and_then(|()| file.seek(SeekFrom::Start(progressed.offset)));
        cut.map_err(|error| state::unwritten(&part, error))?;
        Self::over(out, file, checksum, progressed, block_size).map(Some)
    }

    fn over(
        out: &Path,
        file: File,
        checksum: Checksum,
        progressed: Progressed,
        block_size: usize,
    ) -> Result<Self> {
        let part = state::beside(out, ".part");
        let mut compressor = Compressor::new(LEVEL).map_err(not_compressed)?;
        compressor.include_checksum(true).map_err(not_compressed)?;
        let state = state::beside(&part, ".json");
        let block = Vec::new();
        Ok(Self { part, state, file, block, block_size, compressor, checksum, progressed })
    }

    /// What the file says of itself.
    pub(super) fn header(&self) -> &Header {
        &self.progressed.header
    }

    /// Where to go on; none at the beginning.
    pub(super) fn at(&self) -> Option<(Section, Position)> {
        self.progressed.at.clone()
    }

    /// How many entries were written.
    pub(super) fn counts(&self) -> Counts {
        self.progressed.counts
    }

    /// Writes an entry, which was read at this position.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn entry(
        &mut self,
        record: &Record,
        section: &Section,
        position: Position,
    ) -> Result<()> {
        let line = record.line();
        self.checksum.add(&line);
        self.progressed.counts.add(&record.body);
        self.push(&line);
        if self.block.len() >= self.block_size {
            self.progressed.at = Some((section.clone(), position));
            self.end_block()?;
            self.progressed.checksum = self.checksum.text();
            state::save(&self.state, &self.progressed)?;
        }
        Ok(())
    }

    /// Writes the last line. The file is whole from then on, and not yet at its place.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn end(&mut self) -> Result<Trailer> {
        let trailer = Trailer { counts: self.progressed.counts, checksum: self.checksum.text() };
        self.push(&json(&trailer)?);
        self.end_block()?;
        Ok(trailer)
    }

    /// Where the whole file is.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Puts the whole file to its place. Returns its size.
    ///
    /// # Errors
    /// It cannot be moved there.
    pub(super) fn place(self, out: &Path) -> Result<u64> {
        fs::rename(&self.part, out).map_err(|error| state::unwritten(out, error))?;
        // The name is on the disk when its directory is.
        let directory = out.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))
            .and_then(|directory| directory.sync_all())
            .map_err(|error| state::unwritten(out, error))?;
        state::remove(&self.state)?;
        Ok(self.progressed.offset)
    }

    fn push(&mut self, line: &str) {
        self.block.extend_from_slice(line.as_bytes());
        self.block.push(b'\n');
    }

    fn end_block(&mut self) -> Result<()> {
        let frame = self.compressor.compress(&self.block).map_err(not_compressed)?;
        self.block.clear();
        let written = self.file.write_all(&frame).and_then(|()| self.file.sync_data());
        written.map_err(|error| state::unwritten(&self.part, error))?;
        let size = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        self.progressed.offset = self.progressed.offset.saturating_add(size);
        Ok(())
    }
}

/// Reads the whole blocks of a file once more.
fn read_again(file: &File, progressed: &Progressed) -> Result<Checksum> {
    let damaged = |cause: Failure| {
        cause.context("what was exported before the interruption cannot be read any more")
    };
    let mut read = ExportFile::read(file.take(progressed.offset)).map_err(damaged)?;
    while let Some(line) = read.next().map_err(damaged)? {
        if let Line::End(_) = line {
            let failure = Failure::new(ErrorKind::Corrupt, "it has its last line already");
            return Err(damaged(failure));
        }
    }
    let (checksum, counts) = read.so_far();
    if (checksum.text(), counts) != (progressed.checksum.clone(), progressed.counts) {
        let message = "it is not what was written before the interruption";
        return Err(damaged(Failure::new(ErrorKind::Corrupt, message)));
    }
    Ok(checksum)
}

fn json(line: &impl Serialize) -> Result<String> {
    serde_json::to_string(line).map_err(|error| Failure::of(ErrorKind::Internal, error))
}

fn not_compressed(error: std::io::Error) -> Failure {
    Failure::of(ErrorKind::Internal, error).context("cannot compress a block")
}
