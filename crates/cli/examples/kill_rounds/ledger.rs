//! What the clients know of each key, and what the store may therefore hold: the checker.
//!
//! A write is *open* from before it is sent until its answer is read. After a kill the open writes
//! of a key are its unknown ones: each may have been carried out or not. Everything else is
//! certain, and [`KeyLedger::verify`] accepts nothing else.

use std::fmt;

/// Which write made a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) writer: u32,
    pub(crate) sequence: u64,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value {} of writer {}", self.sequence, self.writer)
    }
}

/// A revision as the server names it, and the number in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) id: String,
    pub(crate) counter: u64,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Put(Tag),
    Delete,
}

/// A write that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    change: Change,
    /// The highest revision that was known when it was sent: its own must be higher.
    floor: u64,
}

/// The last certain state of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Never,
    Value(Tag, Version),
    Deleted,
}

/// What a read of a key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Absent,
    Value(Tag, Version),
}

/// One key.
#[derive(Debug)]
pub(crate) struct KeyLedger {
    last: Last,
    /// The highest revision that is certain.
    floor: u64,
    open: Vec<Sent>,
    was_acknowledged: bool,
}

impl KeyLedger {
    pub(crate) fn new() -> Self {
        Self { last: Last::Never, floor: 0, open: Vec::new(), was_acknowledged: false }
    }

    pub(crate) fn last(&self) -> &Last {
        &self.last
    }

    /// Whether any write of it was ever acknowledged.
    pub(crate) fn was_acknowledged(&self) -> bool {
        self.was_acknowledged
    }

    /// The writes that were sent and not answered.
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Before a write is sent.
    pub(crate) fn begin(&mut self, change: Change) -> Sent {
        let sent = Sent { change, floor: self.floor };
        self.open.push(sent);
        sent
    }

    /// The server said that the value is durable, as this version.
    ///
    /// # Errors
    /// That version cannot be.
    pub(crate) fn acknowledge_put(
        &mut self,
        sent: Sent,
        tag: Tag,
        version: Version,
    ) -> Result<(), String> {
        self.close(sent);
        if version.counter <= sent.floor {
            let (floor, id) = (sent.floor, &version.id);
            return Err(format!("{tag} became revision {id}, but {floor} was there before it"));
        }
        if version.counter == self.floor {
            return Err(format!("{tag} became revision {}, as another write did", version.id));
        }
        self.was_acknowledged = true;
        // Of two writers at the same time, the one with the lower revision may hear of it later.
        if version.counter > self.floor {
            self.floor = version.counter;
            self.last = Last::Value(tag, version);
        }
        Ok(())
    }

    /// The server said that the deletion is durable.
    pub(crate) fn acknowledge_delete(&mut self, sent: Sent) {
        self.close(sent);
        self.was_acknowledged = true;
        self.last = Last::Deleted;
        // The tombstone has a revision of its own.
        self.floor += 1;
    }

    /// The write certainly did nothing.
    pub(crate) fn refuse(&mut self, sent: Sent) {
        self.close(sent);
    }

    fn close(&mut self, sent: Sent) {
        if let Some(index) = self.open.iter().position(|open| *open == sent) {
            self.open.swap_remove(index);
        }
    }

    fn evidence(&self, what: &str, found: &Found) -> String {
        let Self { last, floor, open, .. } = self;
        format!("{what}: found {found:?}, certain was {last:?} (revision {floor}), open {open:?}")
    }

    /// Compares what stands there after a restart with what may. From then on it is certain.
    ///
    /// # Errors
    /// What was lost, with everything that was known.
    pub(crate) fn verify(&mut self, found: &Found) -> Result<(), String> {
        match found {
            Found::Value(tag, version) => {
                let is_last = matches!(&self.last, Last::Value(last, _) if last == tag);
                let is_open = self.open.iter().any(|sent| sent.change == Change::Put(*tag));
                let open_count = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
                let later = self.floor + 1..=self.floor + open_count;
                if is_last && version.counter != self.floor {
                    return Err(self.evidence("the value has another revision", found));
                }
                if !is_last && !is_open {
                    return Err(self.evidence("an older or foreign value", found));
                }
                if !is_last && !later.contains(&version.counter) {
                    return Err(
                        self.evidence("an unanswered write has an impossible revision", found)
                    );
                }
                self.floor = version.counter;
                self.last = Last::Value(*tag, version.clone());
            }
            Found::Absent => match self.last {
                Last::Never | Last::Deleted => {}
                Last::Value(..) => {
                    if !self.open.iter().any(|sent| sent.change == Change::Delete) {
                        return Err(self.evidence("nothing is there", found));
                    }
                    self.floor += 1;
                    self.last = Last::Deleted;
                }
            },
        }
        self.open.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(sequence: u64) -> Tag {
        Tag { writer: 1, sequence }
    }

    fn version(counter: u64) -> Version {
        Version { id: format!("r{counter}"), counter }
    }

    fn value(sequence: u64, counter: u64) -> Found {
        Found::Value(tag(sequence), version(counter))
    }

    /// A key with value 1 acknowledged as revision 1, and these writes open.
    fn ledger(open: &[Change]) -> KeyLedger {
        let mut ledger = KeyLedger::new();
        let sent = ledger.begin(Change::Put(tag(1)));
        ledger.acknowledge_put(sent, tag(1), version(1)).unwrap();
        for change in open {
            ledger.begin(*change);
        }
        ledger
    }

    #[test]
    fn the_acknowledged_value_must_be_there() {
        assert!(ledger(&[]).verify(&value(1, 1)).is_ok());
        assert!(ledger(&[]).verify(&Found::Absent).is_err());
        assert!(ledger(&[]).verify(&value(0, 1)).is_err(), "a value that nobody sent");
        assert!(ledger(&[]).verify(&value(1, 2)).is_err(), "at another revision");
    }

    #[test]
    fn an_unanswered_write_may_have_happened_or_not() {
        let open = [Change::Put(tag(2))];
        assert!(ledger(&open).verify(&value(1, 1)).is_ok());
        assert!(ledger(&open).verify(&value(2, 2)).is_ok());
        assert!(ledger(&open).verify(&value(2, 1)).is_err(), "at the revision of another value");
        assert!(ledger(&open).verify(&value(2, 3)).is_err(), "at a revision nobody made");
        assert!(ledger(&open).verify(&Found::Absent).is_err());
    }

    #[test]
    fn only_a_deletion_makes_a_value_absent() {
        assert!(ledger(&[Change::Delete]).verify(&Found::Absent).is_ok());
        assert!(ledger(&[Change::Delete]).verify(&value(1, 1)).is_ok());
        let mut deleted = ledger(&[]);
        let sent = deleted.begin(Change::Delete);
        deleted.acknowledge_delete(sent);
        assert!(deleted.verify(&value(1, 1)).is_err(), "it came back");
        assert!(deleted.verify(&Found::Absent).is_ok());
    }

    #[test]
    fn an_older_value_is_lost_even_if_it_was_acknowledged_once() {
        let mut ledger = ledger(&[]);
        let sent = ledger.begin(Change::Put(tag(2)));
        ledger.acknowledge_put(sent, tag(2), version(2)).unwrap();
        assert!(ledger.verify(&value(1, 1)).is_err());
        assert!(ledger.verify(&value(2, 2)).is_ok());
    }

    #[test]
    fn revisions_go_forward_over_deletions_and_restarts() {
        let mut deleted = ledger(&[Change::Delete]);
        deleted.verify(&Found::Absent).unwrap();
        let sent = deleted.begin(Change::Put(tag(2)));
        assert!(deleted.acknowledge_put(sent, tag(2), version(2)).is_err(), "the tombstone's");
        let sent = deleted.begin(Change::Put(tag(2)));
        assert!(deleted.acknowledge_put(sent, tag(2), version(3)).is_ok());
    }

    #[test]
    fn of_two_writers_the_higher_revision_stays() {
        let mut ledger = ledger(&[]);
        let first = ledger.begin(Change::Put(tag(2)));
        let second = ledger.begin(Change::Put(tag(3)));
        ledger.acknowledge_put(second, tag(3), version(3)).unwrap();
        ledger.acknowledge_put(first, tag(2), version(2)).unwrap();
        assert!(ledger.verify(&value(2, 2)).is_err());
        assert!(ledger.verify(&value(3, 3)).is_ok());
        let third = ledger.begin(Change::Put(tag(4)));
        assert!(ledger.acknowledge_put(third, tag(4), version(3)).is_err(), "one each");
    }
}
