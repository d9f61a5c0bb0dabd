//! `export`: the entries of a universe to a file.

use serde::Serialize;
use steadfast_core::ErrorKind;
use steadfast_open_cloud::time::v1_json;

use super::blocks::{Blocks, Wanted};
use super::file::{self, Header, Trailer};
use super::walk::{Section, Walk};
use crate::args::Export;
use crate::failure::{Failure, Result};
use crate::printer::{self, Printer, Progress, Show};
use crate::target::Target;

/// Writes the file.
///
/// # Errors
/// [`Failure`]: what to do is in its kind. What was written is kept for `--resume`.
pub(crate) async fn run(export: Export, printer: Printer) -> Result<()> {
    let out = &export.out;
    let cannot = |failure: Failure| {
        let universe = export.place.universe;
        failure.context(format!("cannot export universe {universe} to `{}`", out.display()))
    };
    if out.exists() {
        let failure = Failure::new(ErrorKind::Conflict, "the file exists");
        return Err(cannot(failure.hint("name another file, or remove this one")));
    }
    let work = async |target: &Target| write(target, &export).await;
    let exported = Target::with_patience(&export.place.target, work).await.map_err(cannot)?;
    if export.boards.is_empty() {
        printer::note("boards are exported when they are named with `--board STORE[/SCOPE]`");
    }
    printer.one(&exported)
}

async fn write(target: &Target, export: &Export) -> Result<Exported> {
    let (out, block_size) = (&export.out, export.block_size);
    let wanted = wanted(export);
    let resumed = if export.resume { Blocks::resume(out, &wanted, block_size)? } else { None };
    let walk = Walk::new(target, export.place.universe);
    let sections = sections(walk, &wanted).await?;
    let mut blocks = match resumed {
        Some(blocks) => blocks,
        None => Blocks::begin(out, header(export), wanted, block_size)?,
    };
    let is_same = blocks.header().universe()? == export.place.universe
        && blocks.header().source == header(export).source;
    if !is_same {
        let message = "the export that was interrupted was of another universe or another place";
        return Err(Failure::new(ErrorKind::Invalid, message));
    }
    let trailer = walk_all(walk, sections, &mut blocks).await?;
    if export.verify {
        let progress = Progress::new();
        let total = Some(trailer.counts.total());
        let (_, read) = file::check(blocks.part(), |done| progress.show("verifying", done, total))?;
        if read != trailer {
            return Err(Failure::new(ErrorKind::Corrupt, "the file is not what was written"));
        }
    }
    let universe = blocks.header().universe()?.to_string();
    let size = blocks.place(out)?;
    Ok(Exported { file: out.display().to_string(), universe, trailer: trailer.into(), size })
}

/// Writes everything that is not written yet.
async fn walk_all(walk: Walk<'_>, sections: Vec<Section>, blocks: &mut Blocks) -> Result<Trailer> {
    let at = blocks.at();
    let progress = Progress::new();
    for section in sections {
        let from = match &at {
            Some((reached, _)) if section < *reached => continue,
            Some((reached, position)) if section == *reached => Some(position.clone()),
            Some(_) | None => None,
        };
        let take = async |record: super::Record, position| {
            blocks.entry(&record, &section, position)?;
            progress.show("exporting", blocks.counts().total(), None);
            Ok(())
        };
        walk.section(&section, from, take).await?;
    }
    blocks.end()
}

fn wanted(export: &Export) -> Wanted {
    let mut stores = export.stores.clone();
    stores.sort_unstable();
    stores.dedup();
    let stores = (!stores.is_empty() || export.only_boards).then_some(stores);
    let boards = export.boards.iter();
    let mut boards: Vec<_> =
        boards.map(|board| Section::Board(board.store.clone(), board.scope.clone())).collect();
    boards.sort_unstable();
    boards.dedup();
    Wanted { stores, boards }
}

/// Data stores and then boards, in an order that a resumed export finds again.
async fn sections(walk: Walk<'_>, wanted: &Wanted) -> Result<Vec<Section>> {
    let stores = match &wanted.stores {
        Some(stores) => {
            for name in stores {
                walk.check_store(name).await?;
            }
            stores.clone()
        }
        None => walk.stores().await?,
    };
    let stores = stores.into_iter().map(Section::Store);
    Ok(stores.chain(wanted.boards.iter().cloned()).collect())
}

fn header(export: &Export) -> Header {
    let now = v1_json(steadfast_storage_redb::system_clock());
    Header::new(export.place.universe, Target::describe(&export.place.target), now)
}

/// What a file of entries has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contents {
    entries: u64,
    ordered_entries: u64,
    checksum: String,
}

impl From<Trailer> for Contents {
    fn from(trailer: Trailer) -> Self {
        let Trailer { counts: file::Counts { entries, ordered_entries }, checksum } = trailer;
        Self { entries, ordered_entries, checksum }
    }
}

/// What `export` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    file: String,
    universe: String,
    #[serde(flatten)]
    trailer: Contents,
    size: u64,
}

impl Show for Exported {
    fn titles() -> Vec<&'static str> {
        vec!["file", "universe", "entries", "ordered entries", "checksum", "size"]
    }

    fn cells(&self) -> Vec<String> {
        let Contents { entries, ordered_entries, checksum } = &self.trailer;
        vec![
            self.file.clone(),
            self.universe.clone(),
            entries.to_string(),
            ordered_entries.to_string(),
            checksum.clone(),
            format!("{} bytes", self.size),
        ]
    }
}
