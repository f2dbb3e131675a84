//! What an import did, and what it could not.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::import::abroad::Abroad;
use crate::import::waiting::Waiting;

/// A resource that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub file: Arc<Path>,
    /// Where in the file: `line 17`, `entry 3`, or nothing for the whole file.
    pub place: Option<String>,
    /// A sentence that says what is wrong.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.reason)
    }
}

/// Counts of resources, and what was refused.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Stored, new or as a new version.
    pub stored: u64,
    /// There already with the same content.
    pub unchanged: u64,
    /// Not stored: those of [`Report::refused`], and what shared a transaction with them.
    pub not_stored: u64,
    /// What was refused.
    pub refused: Vec<Refused>,
    /// References by a whole URL, where nothing says which are to resources here.
    pub abroad: Abroad,
    /// What refers to something that is not there yet, and is to be sent again.
    pub waiting: Waiting,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Of one resource or file that was refused.
    pub fn refusal(refused: Refused) -> Self {
        Self { not_stored: 1, refused: vec![refused], ..Self::default() }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.stored += other.stored;
        self.unchanged += other.unchanged;
        self.not_stored += other.not_stored;
        self.refused.extend(other.refused);
        self.abroad.add(other.abroad);
        self.waiting.extend(other.waiting);
    }

    /// Whether nothing was refused.
    pub fn is_clean(&self) -> bool {
        self.refused.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for refused in &self.refused {
            writeln!(f, "{refused}")?;
        }
        if self.abroad.many > 0 {
            writeln!(f, "{}", self.abroad)?;
        }
        let (stored, unchanged, seconds) = (self.stored, self.unchanged, self.took.as_secs_f64().max(0.001));
        let rate = (stored + unchanged) as f64 / seconds;
        write!(f, "{stored} stored, {unchanged} there already, {} refused", self.not_stored)?;
        write!(f, " in {seconds:.1} s: {rate:.0} resources a second")
    }
}
