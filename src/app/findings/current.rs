//! Kept findings as they are read: current at the time of the request, because whoever is due is evaluated first, or
//! told as pending. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! They are about everybody, so that they are for those alone who may read of everybody all that they rest on: what one
//! who sees less would be told, could not be told from what they may not see.

use crate::app::Session;
use crate::app::findings::Among;
use crate::app::findings::Budget;
use crate::app::findings::marks::BESIDE;
use crate::app::findings::marks::NAMED;
use crate::fhir::Failure;
use crate::palliative::findings::Suppression;
use crate::palliative::findings::rank;
use crate::palliative::record::FURTHER_TYPES;
use crate::palliative::record::SCREENED_TYPES;
use crate::palliative::risk::tier::Tier;
use crate::palliative::screening::Outcome;
use crate::store::findings::due;
use crate::store::findings::due::Since;
use crate::store::findings::page;
use crate::store::findings::page::Asked;
use crate::store::findings::page::Count;
use crate::store::findings::page::PageRow;
use crate::store::findings::page::Window;
use crate::store::roster;

/// Whether those are listed who are no candidates whatever the rule sets say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppressed {
    /// They are left out.
    LeftOut,
    /// They are listed with the others.
    Listed,
}

/// After whom a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The place in the order: a higher tier first, then a higher score.
    pub place: i64,
    /// The patient's id, which orders those of one place.
    pub patient: String,
}

/// What is asked of the kept findings.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The programme's id.
    pub program: &'a str,
    /// The canonicals, with versions, of rule sets; empty for those of the programme.
    pub rule_sets: &'a [String],
    /// Of whom.
    pub among: Among<'a>,
    /// The outcomes that are listed.
    pub outcomes: &'a [Outcome],
    /// Whether those are listed who are no candidates.
    pub suppressed: Suppressed,
    /// After whom the page begins.
    pub after: Option<&'a After>,
    /// How many are listed at most.
    pub count: usize,
}

/// A patient and what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The patient's id.
    pub patient: String,
    /// The best outcome of the rule sets that were asked for.
    pub outcome: Outcome,
    /// How few criteria are to be settled for it, where it is indeterminate.
    pub missing: i64,
    /// The tier; none of one who has died.
    pub tier: Option<Tier>,
    /// The least and the greatest score.
    pub score: (i64, i64),
    /// Why the patient is no candidate all the same.
    pub suppressions: Vec<Suppression>,
}

/// How many there are of each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Those for whom a rule set that admits is met.
    pub eligible: i64,
    /// Those for whom one is met that finds people to look at.
    pub screen_positive: i64,
    /// Those of whom facts are missing.
    pub indeterminate: i64,
    /// Those whom an exclusion meets.
    pub excluded: i64,
    /// The others.
    pub not_eligible: i64,
    /// Those among all of them of whom nothing is on file that rules could read.
    pub no_data: i64,
}

impl Outcomes {
    /// How many they are together.
    pub fn all(&self) -> i64 {
        self.eligible + self.screen_positive + self.indeterminate + self.excluded + self.not_eligible
    }

    fn add(&mut self, count: &Count) {
        let outcome = match count.outcome {
            0 => &mut self.eligible,
            1 => &mut self.screen_positive,
            2 => &mut self.indeterminate,
            3 => &mut self.excluded,
            _ => &mut self.not_eligible,
        };
        *outcome += count.people;
        self.no_data += count.no_data;
    }
}

/// What the kept findings answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Current {
    /// The page.
    pub candidates: Vec<Candidate>,
    /// After whom the next page begins, where there is one.
    pub next: Option<After>,
    /// How many may be candidates, by outcome; of all that was asked about, whatever the page.
    pub counts: Outcomes,
    /// How many are none whatever the rule sets say, by outcome.
    pub suppressed: Outcomes,
    /// How many are still to be evaluated: what is told of them may have changed.
    pub pending: i64,
    /// How many have an open episode of the programme in each state, by the state's code.
    pub open: Vec<(String, i64)>,
}

impl Session {
    /// Refuses a caller who may not read of all patients all that kept findings rest on.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_findings(&self) -> Result<(), Failure> {
        self.require_reading_all(&SCREENED_TYPES)?;
        self.require_reading_all(&FURTHER_TYPES)?;
        self.require_reading_all(&BESIDE)?;
        self.require_reading_all(&NAMED)
    }

    /// A page of the kept findings and their counts, after those were evaluated who are due, as far as the budget
    /// goes. None where the programme or one of the rule sets is none that findings are kept for.
    ///
    /// # Errors
    /// `Forbidden` for a caller who may not read of all patients; what the database fails with.
    pub fn current_findings(
        &self,
        question: &Question<'_>,
        budget: Budget,
    ) -> Result<Option<Current>, Failure> {
        self.require_findings()?;
        let rules = self.app().finding_rules()?;
        let numbers: Option<Vec<i64>> =
            question.rule_sets.iter().map(|canonical| rules.number_of(canonical)).collect();
        let Some(sets) = numbers.filter(|_| rules.program(question.program).is_some()) else {
            return Ok(None);
        };
        self.app().evaluate_due(question.among, self.now(), budget)?;
        let among = question.among.due();
        let asked = Asked { program: question.program, sets: &sets, among };
        let outcomes: Vec<i64> = question.outcomes.iter().map(|outcome| rank(*outcome)).collect();
        let hidden: &[i64] = match question.suppressed {
            Suppressed::LeftOut => &[0],
            Suppressed::Listed => &[0, 1],
        };
        let window = Window {
            outcomes: &outcomes,
            hidden,
            after: question.after.map(|after| (after.place, after.patient.as_str())),
            most: question.count + 1,
        };
        let now = self.now();
        let ids = match among {
            due::Among::Everybody => None,
            due::Among::These(ids) => Some(ids),
        };
        let (rows, counts, pending, open) = self.app.db.snapshot(|conn| {
            let since = Since { rules: due::rules(conn)?, now, settled: i64::MAX };
            let rows = if outcomes.is_empty() { Vec::new() } else { page::page(conn, &asked, &window)? };
            Ok((
                rows,
                page::counts(conn, &asked)?,
                due::count(conn, among, &since)?,
                roster::open_episodes(conn, question.program, ids)?,
            ))
        })?;
        Ok(Some(Current { open, ..answer(rows, &counts, (question.count, pending)) }))
    }
}

fn answer(mut rows: Vec<PageRow>, counts: &[Count], (most, pending): (usize, i64)) -> Current {
    let more = rows.len() > most;
    rows.truncate(most);
    let last = rows.last().filter(|_| more);
    let mut current = Current {
        next: last.map(|row| After { place: row.place, patient: row.patient.clone() }),
        pending,
        ..Current::default()
    };
    for count in counts {
        if count.hidden { current.suppressed.add(count) } else { current.counts.add(count) }
    }
    current.candidates = rows.into_iter().map(candidate).collect();
    current
}

fn candidate(row: PageRow) -> Candidate {
    let all = [
        Outcome::Eligible,
        Outcome::ScreenPositive,
        Outcome::Indeterminate,
        Outcome::Excluded,
        Outcome::NotEligible,
    ];
    let outcome = usize::try_from(row.outcome).ok().and_then(|at| all.get(at).copied());
    let tier = usize::try_from(row.tier - 1).ok().and_then(|at| Tier::ALL.get(at).copied());
    Candidate {
        patient: row.patient,
        outcome: outcome.unwrap_or(Outcome::NotEligible),
        missing: row.missing,
        tier,
        score: (row.score_min, row.score_max),
        suppressions: Suppression::of_bits(row.suppressed),
    }
}
