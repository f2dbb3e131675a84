//! Kept findings: what rule sets say of every patient for every programme, evaluated anew where a write, a rule or a day
//! may have changed it. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! A write marks whom it concerns in its own transaction (`marks`). A worker evaluates who is due, and so does a reader
//! before it reads (`current`), as far as its time goes; whoever is left is told as pending. What all findings rest on
//! has a number (`rules`), so that a change of it makes everybody due without a row written. Who is due without a mark is
//! found by the day on which the findings can change by themselves.

mod chart;
mod current;
mod evaluate;
pub(crate) mod marks;
pub(crate) mod practices;
pub(crate) mod rules;

use std::time::Duration;
use std::time::Instant;

use crate::app::App;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::SECOND;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::findings::due;
use crate::store::findings::due::Since;
use crate::store::lent::looking;

pub use current::After;
pub use current::Candidate;
pub use current::Current;
pub use current::Outcomes;
pub use current::Question;
pub use current::Suppressed;

/// How many patients are evaluated together: few, so that a request need not wait long for a commit.
const BATCH: usize = 100;
/// How long the worker leaves alone whom a write has just concerned, so that a burst of writes is evaluated once.
const CALM: Micros = 2 * SECOND;
/// What the worker does at once, before it looks whether it is to stop.
const PIECE: Budget = Budget { patients: 400, time: Duration::from_secs(1) };
/// How many are evaluated until nobody is due any more, that the database is to count anew what it holds.
const MANY: usize = if cfg!(test) { 2 } else { 5_000 };
/// After how long one is tried again whose evaluation failed.
const AGAIN: Micros = 600 * SECOND;
/// After how long another instance goes on where the one that evaluated is gone.
const LEASE: Micros = 5 * SECOND;

/// Of whom findings are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Among<'a> {
    /// Of everybody.
    Everybody,
    /// Of these patients, by their ids.
    These(&'a [String]),
}

/// How much a reader may have evaluated before the answer.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// How many patients.
    pub patients: usize,
    /// For how long.
    pub time: Duration,
}

impl Budget {
    /// What a request may take: some hundred patients, two seconds.
    pub const REQUEST: Self = Self { patients: 400, time: Duration::from_secs(2) };
    /// As much as there is.
    pub const ALL: Self = Self { patients: usize::MAX, time: Duration::MAX };
}

impl<'a> Among<'a> {
    fn due(self) -> due::Among<'a> {
        match self {
            Self::Everybody => due::Among::Everybody,
            Self::These(ids) => due::Among::These(ids),
        }
    }
}

impl App {
    /// Evaluates those who are due at a time, as far as the budget goes; how many were evaluated.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn evaluate_due(&self, among: Among<'_>, now: Micros, budget: Budget) -> Result<usize, Failure> {
        self.evaluate_settled(among, (now, Micros::MAX), budget)
    }

    /// A worker's piece: evaluates some of those who are due and whom no write has just concerned, unless another
    /// instance is at it; how many were evaluated.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn evaluate_some(&self) -> Result<usize, Failure> {
        let now = self.clock.now();
        let (due, more) = self.due(Among::Everybody, (now, now - CALM), 1)?;
        if due.is_empty() && !more {
            // After an import or an upgrade: the database plans by what it held before.
            if self.findings.takes_evaluated(MANY) {
                self.analyze();
            }
            return Ok(0);
        }
        if !self.is_mine_to_keep_up()? {
            return Ok(0);
        }
        let done = self.evaluate_settled(Among::Everybody, (now, now - CALM), PIECE)?;
        self.findings.add_evaluated(done);
        Ok(done)
    }

    /// Whether this instance is the one that keeps up what is worked out of the resources, for a while from now on.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub(crate) fn is_mine_to_keep_up(&self) -> Result<bool, Failure> {
        // A database in this process has no other instance beside it.
        if self.is_embedded() {
            return Ok(true);
        }
        let (now, holder) = (self.clock.now(), self.findings.holder().to_owned());
        let lease = move |conn: &mut Conn| Ok(due::lease(conn, &holder, (now, now + LEASE))?);
        self.db.write(lease).map_err(Fault::into_failure)
    }

    /// How many are due at a time, whoever evaluates them.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn count_due(&self, now: Micros) -> Result<i64, Failure> {
        self.db.snapshot(|conn| {
            let since = Since { rules: due::rules(conn)?, now, settled: Micros::MAX };
            Ok(due::count(conn, due::Among::Everybody, &since)?)
        })
    }

    fn evaluate_settled(
        &self,
        among: Among<'_>,
        (now, settled): (Micros, Micros),
        budget: Budget,
    ) -> Result<usize, Failure> {
        if looking().is_some_and(|look| look.leaves) {
            return Ok(0);
        }
        let began = Instant::now();
        let mut done = 0;
        // One who is evaluated again and again, because others write, is left to the next time.
        let mut rounds = budget.patients.div_ceil(BATCH).saturating_mul(2);
        while done < budget.patients && began.elapsed() < budget.time && rounds > 0 {
            rounds -= 1;
            let (patients, more) = self.due(among, (now, settled), BATCH.min(budget.patients - done))?;
            if patients.is_empty() && more {
                continue;
            }
            if patients.is_empty() {
                break;
            }
            let rules = self.finding_rules()?;
            done += evaluate::evaluate(self, &rules, (&patients, now))?;
        }
        Ok(done)
    }

    /// So many of those who are due, and whether others may be found to be so by the next call. None where another
    /// version of the program has begun since this one did: it is for that one to evaluate them.
    pub(crate) fn due(
        &self,
        among: Among<'_>,
        (now, settled): (Micros, Micros),
        most: usize,
    ) -> Result<(Vec<String>, bool), Failure> {
        let more = chart::spread(self)?;
        let due = self.db.snapshot(|conn| {
            if !due::is_by(conn, rules::fingerprint(&self.definitions))? {
                return Ok(Vec::new());
            }
            let since = Since { rules: due::rules(conn)?, now, settled };
            Ok(due::next(conn, among.due(), &since, most)?)
        })?;
        Ok((due, more))
    }

    /// Makes every patient due, whatever was kept or marked.
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn make_all_due(&self) -> Result<(), Failure> {
        let patient = ResourceType::parse("Patient").expect("Patient is a type of R4").number();
        let now = self.clock.now();
        let all = self.db.write(move |conn| {
            due::change_rules(conn)?;
            Ok(due::mark_new(conn, patient, now)?)
        });
        all.map_err(Fault::into_failure)
    }
}
