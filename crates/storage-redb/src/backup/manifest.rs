//! What a backup holds, as text beside its data.
//!
//! ```text
//! steadfast backup
//! format 1
//! created-by 0.1.0
//! commit 17
//! stamp 17634560000000000
//! content 0123456789abcdef
//! rows cur 11
//! damaged 1
//! damage entry 1/players/global/u_1: the checksum does not match
//! checksum 0123456789abcdef
//! ```
//!
//! The last line covers all before it. There is one line `rows` per table, and one line `damage`
//! per finding, up to [`DAMAGE_COUNT_MAX`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use steadfast_core::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use super::survey::Survey;
use crate::directory::FORMAT_VERSION;

/// Findings that a manifest lists; more are only counted.
pub(crate) const DAMAGE_COUNT_MAX: usize = 1_000;

/// What a copy of a store holds.
///
/// Two copies with the same content checksum hold the same records under the same keys, whatever
/// their pages look like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The format of the data.
    pub format: u32,
    /// The version that made the copy.
    pub created_by: String,
    /// The commits of the store at the moment of the copy.
    pub commit: u64,
    /// The stamp of the last batch in it.
    pub stamped_at: Timestamp,
    /// XXH3-64 over every record of every table, in the order of tables and keys.
    pub content: u64,
    /// Records by table, as the reference of the storage format names the tables.
    pub rows: BTreeMap<String, u64>,
    /// Findings of damage that was there before the copy. It was copied as it is, and reads as
    /// damaged, never as absent.
    pub damage_count: u64,
    /// The findings by name, the first 1,000.
    pub damage: BTreeSet<String>,
}

impl Manifest {
    pub(super) fn new(survey: Survey) -> Self {
        let Survey { commit, stamped_at, content, rows, damage_count, damage } = survey;
        let created_by = env!("CARGO_PKG_VERSION").to_owned();
        let format = FORMAT_VERSION;
        Self { format, created_by, commit, stamped_at, content, rows, damage_count, damage }
    }

    /// The records of a table.
    pub fn row_count(&self, table: &str) -> u64 {
        self.rows.get(table).copied().unwrap_or(0)
    }

    /// The content checksum as it is shown.
    pub fn content_text(&self) -> String {
        hex(self.content)
    }

    /// What is not as this manifest says.
    pub(super) fn differences(&self, found: &Survey) -> Vec<String> {
        let mut problems = Vec::new();
        let mut compare = |what: &str, said: String, found: String| {
            if said != found {
                problems.push(format!("{what} is {found} instead of {said}"));
            }
        };
        compare("the commit", self.commit.to_string(), found.commit.to_string());
        compare(
            "the stamp",
            self.stamped_at.ticks().to_string(),
            found.stamped_at.ticks().to_string(),
        );
        for (table, said) in &self.rows {
            let found = found.rows.get(table).copied().unwrap_or(0);
            compare(
                &format!("the number of rows in `{table}`"),
                said.to_string(),
                found.to_string(),
            );
        }
        compare("the content checksum", hex(self.content), hex(found.content));
        let (said, more) = (self.damage_count, found.damage_count);
        compare("the number of damaged rows", said.to_string(), more.to_string());
        problems.extend(found.damage.difference(&self.damage).cloned());
        problems
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "steadfast backup\nformat {}\ncreated-by {}\ncommit {}\nstamp {}\ncontent {}\n",
            self.format,
            self.created_by,
            self.commit,
            self.stamped_at.ticks(),
            hex(self.content),
        );
        let mut line = |line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).expect("writing to a string cannot fail");
        };
        for (table, count) in &self.rows {
            line(format_args!("rows {table} {count}\n"));
        }
        line(format_args!("damaged {}\n", self.damage_count));
        for damage in &self.damage {
            line(format_args!("damage {damage}\n"));
        }
        let checksum = hex(xxh3_64(text.as_bytes()));
        text + "checksum " + &checksum + "\n"
    }

    /// Reads a manifest back. Nothing if it is not exactly as it was written.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let body_size = text.strip_suffix('\n')?.rfind('\n')? + 1;
        let (body, last) = text.split_at_checked(body_size)?;
        let checksum = last.strip_prefix("checksum ")?.trim_end();
        if checksum != hex(xxh3_64(body.as_bytes())) {
            return None;
        }
        let mut lines = body.lines().peekable();
        let mut field = |name: &str| lines.next()?.strip_prefix(name);
        let "" = field("steadfast backup")? else { return None };
        let format = field("format ")?.parse().ok()?;
        let created_by = field("created-by ")?.to_owned();
        let commit = field("commit ")?.parse().ok()?;
        let stamped_at = Timestamp::from_ticks(field("stamp ")?.parse().ok()?);
        let content = u64::from_str_radix(field("content ")?, 16).ok()?;
        let mut rows = BTreeMap::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("rows ")) {
            let (table, count) = line.strip_prefix("rows ")?.split_once(' ')?;
            rows.insert(table.to_owned(), count.parse().ok()?);
        }
        let damage_count = lines.next()?.strip_prefix("damaged ")?.parse().ok()?;
        let damage = lines.map(|line| line.strip_prefix("damage ").map(str::to_owned));
        let damage = damage.collect::<Option<_>>()?;
        Some(Self { format, created_by, commit, stamped_at, content, rows, damage_count, damage })
    }
}

fn hex(number: u64) -> String {
    format!("{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            format: 1,
            created_by: "0.1.0".to_owned(),
            commit: 17,
            stamped_at: Timestamp::from_ticks(-5),
            content: 0xabc,
            rows: [("cur".to_owned(), 3), ("val".to_owned(), 0)].into(),
            damage_count: 2,
            damage: ["entry 1/a/b/c: gone".to_owned(), "x".to_owned()].into(),
        }
    }

    #[test]
    fn a_manifest_is_read_back_and_any_change_of_it_is_seen() {
        let manifest = manifest();
        let text = manifest.to_text();
        assert!(text.starts_with("steadfast backup\nformat 1\ncreated-by 0.1.0\ncommit 17\n"));
        assert_eq!(Manifest::parse(&text), Some(manifest));
        for at in 0..text.len() - 1 {
            assert_eq!(Manifest::parse(&text[..at]), None, "cut at {at}");
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(Manifest::parse(&changed), None, "changed at {at}");
        }
    }

    #[test]
    fn every_difference_is_told() {
        let manifest = manifest();
        let Manifest { commit, stamped_at, content, rows, damage_count, damage, .. } =
            manifest.clone();
        let same = Survey { commit, stamped_at, content, rows, damage_count, damage };
        assert_eq!(manifest.differences(&same), Vec::<String>::new());
        let mut other = same;
        other.commit = 18;
        other.content = 1;
        other.rows.remove("cur");
        other.damage_count = 3;
        other.damage.insert("y".to_owned());
        assert_eq!(
            manifest.differences(&other),
            [
                "the commit is 18 instead of 17",
                "the number of rows in `cur` is 0 instead of 3",
                "the content checksum is 0000000000000001 instead of 0000000000000abc",
                "the number of damaged rows is 3 instead of 2",
                "y",
            ]
        );
    }
}
