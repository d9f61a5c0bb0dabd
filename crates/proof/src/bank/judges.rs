//! The judges, and which of them sit.

use std::fmt;

/// Who finds a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    /// Knows every row at every moment.
    Oracle,
    /// Knows what clients saw and the rows at the end.
    History,
}

impl Judge {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oracle => "oracle",
            Self::History => "history",
        }
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which judges sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judges {
    /// Whether the oracle does.
    pub oracle: bool,
    /// Whether the history is checked.
    pub history: bool,
    /// Whether it is checked that everything comes to rest.
    pub liveness: bool,
}

impl Judges {
    /// All.
    pub const ALL: Self = Self { oracle: true, history: true, liveness: true };

    /// One alone.
    pub const fn only(judge: Judge) -> Self {
        match judge {
            Judge::Oracle => Self { oracle: true, history: false, liveness: false },
            Judge::History => Self { oracle: false, history: true, liveness: false },
        }
    }
}
