//! What the arena told, line by line: only what the store has acknowledged. The audit holds the
//! store to it.
//!
//! ```text
//!   ready 12                        the players play
//!   ack 3 120                       a save of player 3 is durable, with this counter or a later one
//!   queued 3 shop-3-7 shop -20 new  an operation is durable; or known, if it was queued before
//!   ended 3 shop-3-7 applied        an operation has ended so
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead};

use steadfast::core::operation::OperationStatus;

use crate::world::Kind;

/// A line of the arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Ready { players: u64 },
    Acknowledged { player: u64, step_count: u64 },
    Queued { player: u64, id: String, kind: Kind, amount: i64, is_new: bool },
    Ended { player: u64, id: String, status: OperationStatus },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { players } => write!(f, "ready {players}"),
            Self::Acknowledged { player, step_count } => write!(f, "ack {player} {step_count}"),
            Self::Queued { player, id, kind, amount, is_new } => {
                let since = if *is_new { "new" } else { "known" };
                write!(f, "queued {player} {id} {} {amount} {since}", kind.name())
            }
            Self::Ended { player, id, status } => {
                write!(f, "ended {player} {id} {}", status.name())
            }
        }
    }
}

impl Line {
    /// Reads a line; nothing if it is none of the arena's.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let line = match words[..] {
            ["ready", players] => Self::Ready { players: players.parse().ok()? },
            ["ack", player, steps] => {
                Self::Acknowledged { player: player.parse().ok()?, step_count: steps.parse().ok()? }
            }
            ["queued", player, id, kind, amount, since @ ("new" | "known")] => Self::Queued {
                player: player.parse().ok()?,
                id: id.to_owned(),
                kind: Kind::named(kind)?,
                amount: amount.parse().ok()?,
                is_new: since == "new",
            },
            ["ended", player, id, status] => Self::Ended {
                player: player.parse().ok()?,
                id: id.to_owned(),
                status: OperationStatus::ALL.into_iter().find(|it| it.name() == status)?,
            },
            _ => return None,
        };
        Some(line)
    }
}

/// The next line that is whole. What a killed process left without an end was told to nobody.
pub(crate) fn next_line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.strip_suffix('\n').map(str::to_owned))
}

/// An operation that was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToldOperation {
    pub(crate) player: u64,
    /// What it does to the coins, once it was told to be queued.
    pub(crate) amount: Option<i64>,
    /// How it ended, once that was told.
    pub(crate) ended: Option<OperationStatus>,
}

/// Everything that was told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The highest counter of each player that is durable.
    pub(crate) step_counts: BTreeMap<u64, u64>,
    pub(crate) operations: BTreeMap<String, ToldOperation>,
    /// Lines of each sort.
    pub(crate) acknowledged: u64,
    pub(crate) queued: u64,
    pub(crate) known: u64,
    /// Where it was told one thing and then another.
    pub(crate) contradictions: Vec<String>,
}

impl Told {
    /// Takes note of a line.
    pub(crate) fn hear(&mut self, line: Line) {
        match line {
            Line::Ready { .. } => {}
            Line::Acknowledged { player, step_count } => {
                self.acknowledged += 1;
                let highest = self.step_counts.entry(player).or_default();
                *highest = step_count.max(*highest);
            }
            Line::Queued { player, id, amount, is_new, .. } => {
                *(if is_new { &mut self.queued } else { &mut self.known }) += 1;
                if is_new && self.operations.get(&id).is_some_and(|it| it.amount.is_some()) {
                    self.contradictions.push(format!("{id} was told to be new twice"));
                }
                let before = self.operation(player, id.clone()).amount.replace(amount);
                if before.is_some_and(|before| before != amount) {
                    self.contradictions.push(format!("{id} was told with two amounts"));
                }
            }
            Line::Ended { player, id, status } => {
                let before = self.operation(player, id.clone()).ended.replace(status);
                if before.is_some_and(|before| before != status) {
                    self.contradictions.push(format!("{id} was told to end in two ways"));
                }
            }
        }
    }

    /// Everybody who was told of.
    pub(crate) fn players(&self) -> BTreeSet<u64> {
        let of_operations = self.operations.values().map(|it| it.player);
        self.step_counts.keys().copied().chain(of_operations).collect()
    }

    fn operation(&mut self, player: u64, id: String) -> &mut ToldOperation {
        let unknown = ToldOperation { player, amount: None, ended: None };
        self.operations.entry(id).or_insert(unknown)
    }

    /// Operations that were told to have ended so.
    pub(crate) fn count_of(&self, status: OperationStatus) -> usize {
        self.operations.values().filter(|it| it.ended == Some(status)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(amount: i64, is_new: bool) -> Line {
        Line::Queued { player: 3, id: "shop-3-7".into(), kind: Kind::Shop, amount, is_new }
    }

    #[test]
    fn every_line_is_read_as_it_was_written() {
        let ended = |status| Line::Ended { player: 3, id: "shop-3-7".into(), status };
        let lines = [
            Line::Ready { players: 12 },
            Line::Acknowledged { player: 3, step_count: 120 },
            queued(-20, true),
            queued(5, false),
        ];
        for line in lines.into_iter().chain(OperationStatus::ALL.map(ended)) {
            assert_eq!(Line::parse(&line.to_string()), Some(line));
        }
        for text in ["", "ack 3", "ack x 1", "ended 3 a b", "queued 3 a shop 1 old", "bye 1"] {
            assert_eq!(Line::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_torn_line_was_told_to_nobody() {
        let mut text = "ack 1 2\nack 1 3".as_bytes();
        assert_eq!(next_line(&mut text).unwrap().as_deref(), Some("ack 1 2"));
        assert_eq!(next_line(&mut text).unwrap(), None);
    }

    #[test]
    fn the_highest_counter_counts_and_contradictions_are_kept() {
        let mut told = Told::default();
        for step_count in [5, 9, 7] {
            told.hear(Line::Acknowledged { player: 1, step_count });
        }
        assert_eq!((told.step_counts.get(&1), told.acknowledged), (Some(&9), 3));
        told.hear(queued(-20, true));
        told.hear(queued(-20, false));
        assert!(told.contradictions.is_empty(), "{:?}", told.contradictions);
        told.hear(queued(-21, true));
        assert_eq!(told.contradictions.len(), 2);
        for status in [OperationStatus::Applied, OperationStatus::Applied, OperationStatus::Failed]
        {
            told.hear(Line::Ended { player: 3, id: "shop-3-7".into(), status });
        }
        assert_eq!((told.contradictions.len(), told.queued, told.known), (3, 2, 1));
        assert_eq!(told.count_of(OperationStatus::Failed), 1);
    }
}
