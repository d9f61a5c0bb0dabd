//! What there is to say about files of entries.

use std::path::PathBuf;

use clap::Args;
use steadfast_core::UniverseId;
use steadfast_core::id::DEFAULT_SCOPE;

use super::{Target, UniversePlace, parse_universe};

/// Enough that compression works well, little enough that few entries are written again after an
/// interruption. In bytes of lines.
const BLOCK_SIZE: usize = 4 * 1024 * 1024;

/// `export`.
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: UniversePlace,
    /// The file, which must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Only these data stores; all of them if none is given. May be given more than once.
    #[arg(long = "store", value_name = "STORE")]
    pub(crate) stores: Vec<String>,
    /// These boards too: an ordered data store and perhaps a scope of it. May be given more than
    /// once.
    #[arg(long = "board", value_name = "STORE[/SCOPE]", value_parser = parse_board)]
    pub(crate) boards: Vec<BoardName>,
    /// Only the boards that are given, and no data store.
    #[arg(long, conflicts_with = "stores", requires = "boards")]
    pub(crate) only_boards: bool,
    /// Go on with an export that was interrupted.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Read the file once more before it gets its name.
    #[arg(long)]
    pub(crate) verify: bool,
    /// How many bytes of lines are compressed together.
    #[arg(long, hide = true, default_value_t = BLOCK_SIZE)]
    pub(crate) block_size: usize,
}

/// `import`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The file. It is only read.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write to this universe instead of the one that was exported.
    #[arg(long, value_name = "UNIVERSE", value_parser = parse_universe)]
    pub(crate) universe: Option<UniverseId>,
    /// Replace entries that exist with another value. They are left as they are otherwise.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Go on with an import that was interrupted.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Read everything back and compare it with the file.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) verify: bool,
    /// Only say what would be written.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) dry_run: bool,
}

/// `seed`.
#[derive(Args, Debug)]
pub(crate) struct Seed {
    #[command(flatten)]
    pub(crate) place: UniversePlace,
    /// The file: an entry on each line, as JSON. Blank lines and lines that start with `#` say
    /// nothing.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only say what would be written.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A board as it is named in one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoardName {
    /// The ordered data store.
    pub(crate) store: String,
    /// The scope within it.
    pub(crate) scope: String,
}

fn parse_board(text: &str) -> Result<BoardName, String> {
    let (store, scope) = text.split_once('/').unwrap_or((text, DEFAULT_SCOPE));
    if store.is_empty() || scope.is_empty() {
        return Err("a board is an ordered data store, or one with a scope: `coins/week`".into());
    }
    Ok(BoardName { store: store.to_owned(), scope: scope.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_a_store_and_perhaps_a_scope() {
        let board = |store: &str, scope: &str| {
            Ok(BoardName { store: store.to_owned(), scope: scope.to_owned() })
        };
        assert_eq!(parse_board("coins"), board("coins", "global"));
        assert_eq!(parse_board("coins/week"), board("coins", "week"));
        assert_eq!(parse_board("coins/a/b"), board("coins", "a/b"));
        for wrong in ["", "/", "coins/", "/week"] {
            assert!(parse_board(wrong).is_err(), "{wrong}");
        }
    }
}
