//! One domain of the score: the greatest level that is met, and the points that are met added to it.
//! <https://hl7.org/fhir/R4/plandefinition.html>

use crate::palliative::screening::Finding;
use crate::palliative::screening::State;
use crate::palliative::screening::logic::Logic;

/// The most that a domain counts.
pub const MOST: u8 = 3;

/// What is made of facts that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// They count as not being so: no diagnosis on file is none.
    Zero,
    /// With nothing known the domain is open; with one fact known, those that are not count as not being so.
    Evidence,
    /// Each level that may still be met leaves the domain open upwards.
    Bounds,
}

/// What a level is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It is the level, unless a greater one is met.
    Level(u8),
    /// It is added.
    Points(u8),
}

/// A level of a domain.
#[derive(Clone, Debug)]
pub struct Level {
    /// The sentence that is told where it is met.
    pub sentence: String,
    /// What it is worth.
    pub worth: Worth,
    /// When it is met.
    pub logic: Logic,
    /// The items that it is made of.
    pub items: Vec<usize>,
}

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its letter.
    pub code: String,
    /// Its name.
    pub title: String,
    /// What is made of facts that are missing.
    pub missing: Missing,
    /// What is told where nothing is known.
    pub missing_text: String,
    /// What is told where nothing of it is met.
    pub none_text: String,
    /// Its levels.
    pub levels: Vec<Level>,
}

/// A sentence, and whether it is kept from the patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The sentence, or the resource as `Type/id`.
    pub text: String,
    /// Whether it tells what a clinician thinks of the time that is left.
    pub restricted: bool,
}

/// What was found for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The domain's letter.
    pub domain: String,
    /// The domain's name.
    pub title: String,
    /// The least that it can be.
    pub low: u8,
    /// The most that it can be.
    pub high: u8,
    /// Why.
    pub reasons: Vec<Told>,
    /// Whether it turns on what is kept from the patient, whatever that is.
    pub restricted: bool,
}

impl Component {
    /// The value, where it is known.
    pub fn value(&self) -> Option<u8> {
        (self.low == self.high).then_some(self.low)
    }
}

impl Domain {
    /// What the findings of all items show.
    pub fn evaluate(&self, findings: &[Finding]) -> Component {
        let states: Vec<State> = findings.iter().map(|finding| finding.state).collect();
        let judged: Vec<(&Level, State)> =
            self.levels.iter().map(|level| (level, level.logic.judge(&states))).collect();
        let low = worth(judged.iter().filter(|(_, state)| *state == State::Met));
        let high = match self.missing {
            Missing::Zero => low,
            Missing::Evidence if self.is_known(findings) => low,
            Missing::Evidence => MOST,
            Missing::Bounds => worth(judged.iter().filter(|(_, state)| *state != State::NotMet)),
        };
        let mut reasons: Vec<Told> = told(&judged, findings);
        if reasons.is_empty() || low != high {
            let text = if low == high { &self.none_text } else { &self.missing_text };
            reasons.push(Told { text: text.clone(), restricted: false });
        }
        let restricted = self.levels.iter().flat_map(|level| &level.items).any(|at| findings[*at].restricted);
        Component { domain: self.code.clone(), title: self.title.clone(), low, high, reasons, restricted }
    }

    /// Whether any fact of it is known.
    fn is_known(&self, findings: &[Finding]) -> bool {
        self.levels.iter().flat_map(|level| &level.items).any(|at| is_evidence(&findings[*at]))
    }
}

/// Whether a finding rests on something that was written down; the absence of a diagnosis does not.
pub fn is_evidence(finding: &Finding) -> bool {
    finding.state != State::Unknown && finding.has_evidence()
}

fn worth<'a>(levels: impl Iterator<Item = &'a (&'a Level, State)>) -> u8 {
    let (mut level, mut points) = (0_u8, 0_u8);
    for (one, _) in levels {
        match one.worth {
            Worth::Level(worth) => level = level.max(worth),
            Worth::Points(worth) => points = worth.saturating_add(points),
        }
    }
    points.saturating_add(level).min(MOST)
}

/// The sentences of the greatest levels that are met and of all points. One that rests on something restricted is
/// restricted too.
fn told(judged: &[(&Level, State)], findings: &[Finding]) -> Vec<Told> {
    let met = || judged.iter().filter(|(_, state)| *state == State::Met).map(|(level, _)| *level);
    let of = |level: &Level| match level.worth {
        Worth::Level(worth) => Some(worth),
        Worth::Points(_) => None,
    };
    let greatest = met().filter_map(of).max();
    let counts = |level: &&Level| of(level).is_none() || of(level) == greatest;
    let restricted = |level: &Level| {
        level.items.iter().any(|at| findings[*at].restricted && findings[*at].state == State::Met)
    };
    met()
        .filter(counts)
        .map(|level| Told { text: level.sentence.clone(), restricted: restricted(level) })
        .collect()
}
