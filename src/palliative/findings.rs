//! What is kept of a patient for a programme: the outcome over its rule sets, the tier, why somebody is no candidate
//! all the same, and the day on which any of it can change by itself.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use jiff::ToSpan;
use jiff::civil::Date;

use crate::fhir::Resource;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;
use crate::palliative::record::Deceased;
use crate::palliative::record::Flag;
use crate::palliative::record::PatientRecord;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::Facts;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::risk::tier::Tier;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::RuleSets;
use crate::palliative::screening::Situation;

/// The age from which hospice excludes all else.
const ADULT: i32 = 21;

/// Why somebody is no candidate, whatever the rule sets say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suppression {
    /// An episode of the programme is open.
    OpenEpisode,
    /// The patient has died.
    Deceased,
    /// An adult has elected hospice.
    Hospice,
    /// Another record has taken this one's place.
    Replaced,
    /// The record is marked as not in use.
    Inactive,
}

impl Suppression {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::OpenEpisode, Self::Deceased, Self::Hospice, Self::Replaced, Self::Inactive];

    /// The code in results.
    pub fn code(self) -> &'static str {
        match self {
            Self::OpenEpisode => "open-episode",
            Self::Deceased => "deceased",
            Self::Hospice => "hospice",
            Self::Replaced => "replaced",
            Self::Inactive => "inactive",
        }
    }

    /// Its bit in what is stored.
    pub fn bit(self) -> i64 {
        1 << self as i64
    }

    /// Those whose bits are set.
    pub fn of_bits(bits: i64) -> Vec<Self> {
        Self::ALL.into_iter().filter(|one| bits & one.bit() != 0).collect()
    }
}

/// What one rule set says, as far as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetFinding {
    /// What it says.
    pub outcome: Outcome,
    /// Where it is indeterminate, how many criteria are to be settled.
    pub missing: usize,
    /// The next day on which it can change by itself.
    pub change: Option<Date>,
    /// Whether what it says turns on what is kept from the patient.
    pub restricted: bool,
}

/// What a programme is told of a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramFinding {
    /// The best of the outcomes of its rule sets: eligible before screen-positive before indeterminate before excluded
    /// before not eligible.
    pub outcome: Outcome,
    /// The fewest criteria that are to be settled for that outcome.
    pub missing: usize,
    /// The tier; none of one who has died.
    pub tier: Option<Tier>,
    /// The least and the greatest score.
    pub score: (u8, u8),
    /// Why the patient is no candidate all the same.
    pub suppressions: Vec<Suppression>,
    /// The next day on which any of it can change by itself.
    pub change: Option<Date>,
}

/// What is known of a patient beside the record.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The Patient.
    pub patient: &'a Resource,
    /// The record on the day.
    pub situation: &'a Situation<'a>,
    /// Whether another Patient says that it has taken this one's place.
    pub is_replaced: bool,
    /// Whether an episode, in whichever programme, says that the person died: the Patient may be told of it later.
    pub has_died: bool,
}

/// A programme and what it goes by.
#[derive(Clone, Copy, Debug)]
pub struct Going<'a> {
    /// The programme.
    pub program: &'a Program,
    /// How its people are stratified.
    pub algorithm: &'a Algorithm,
    /// The rule sets that floors of tiers name.
    pub rule_sets: &'a RuleSets,
}

/// The place of an outcome among all, the best first.
pub fn rank(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Eligible => 0,
        Outcome::ScreenPositive => 1,
        Outcome::Indeterminate => 2,
        Outcome::Excluded => 3,
        Outcome::NotEligible => 4,
    }
}

/// What a rule set says.
pub fn by_set(set: &RuleSet, situation: &Situation) -> SetFinding {
    let said = set.screen(situation);
    SetFinding {
        outcome: said.outcome,
        missing: said.missing.len(),
        change: said.next_change,
        restricted: said.turns_on_restricted(),
    }
}

/// What rule sets say: those that are asked for, and those by which the programme admits, which set a floor where its
/// contract is for specialist care.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Those that are asked for.
    pub asked: &'a [SetFinding],
    /// The programme's own; empty where it names none.
    pub entry: &'a [SetFinding],
}

/// What a programme is told, given what rule sets say, its earlier stratifications of the patient, and whether an
/// episode is open.
pub fn by_program(
    person: &Person,
    going: &Going,
    said: Said,
    (earlier, is_open): (&[Earlier], bool),
) -> ProgramFinding {
    let Situation { record, as_of, .. } = *person.situation;
    let best = said.asked.iter().min_by_key(|one| (rank(one.outcome), one.missing));
    let mut changes: Vec<Date> = said.asked.iter().filter_map(|one| one.change).collect();
    let (mut tier, mut score) = (None, (0, 0));
    if !(person.has_died || record.deceased_by(as_of)) {
        let facts = Facts {
            situation: person.situation,
            program: going.program,
            rule_sets: going.rule_sets,
            entry: said.entry,
            earlier,
            decided: None,
        };
        let found = going.algorithm.stratify(&facts);
        (tier, score) = (Some(found.tier), (found.score_min, found.score_max));
        changes.extend(found.next_change);
    }
    let bounds =
        record.beside_hospice.stretches().flat_map(|one| [Some(one.first), one.last.tomorrow().ok()]);
    let own = own_changes(record).into_iter().chain(bounds.flatten());
    changes.extend(own.filter(|day| *day > as_of).min());
    ProgramFinding {
        outcome: best.map_or(Outcome::NotEligible, |one| one.outcome),
        missing: best.map_or(0, |one| one.missing),
        tier,
        score,
        suppressions: suppressions(person, is_open),
        change: changes.into_iter().min(),
    }
}

/// Whether nothing is on file that rules could read but who the patient is and who pays.
pub fn has_no_data(record: &PatientRecord) -> bool {
    record.conditions.is_empty()
        && record.observations.is_empty()
        && record.encounters.is_empty()
        && record.medications.is_empty()
        && record.acts.is_empty()
}

fn suppressions(person: &Person, is_open: bool) -> Vec<Suppression> {
    let Situation { record, as_of, .. } = *person.situation;
    let of = |holds: bool, one: Suppression| holds.then_some(one);
    let adult = record.age_on(as_of).is_none_or(|(_, greatest)| greatest >= ADULT);
    let elects = adult && !record.beside_hospice.contains(as_of);
    let hospice = elects && record.flags.iter().any(|flag| flag.is_election() && stands(flag, as_of));
    let replaced = person.is_replaced || links(person.patient, "replaced-by").next().is_some();
    let inactive = person.patient.get("active").and_then(serde_json::Value::as_bool) == Some(false);
    [
        of(is_open, Suppression::OpenEpisode),
        of(person.has_died || record.deceased_by(as_of), Suppression::Deceased),
        of(hospice, Suppression::Hospice),
        of(replaced, Suppression::Replaced),
        of(inactive, Suppression::Inactive),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The references of a Patient's links of this type.
pub fn links<'a>(patient: &'a Resource, ty: &'a str) -> impl Iterator<Item = &'a str> {
    let of_type = move |link: &&serde_json::Value| link.get("type").is_some_and(|code| code == ty);
    list(patient.get("link")).filter(of_type).filter_map(|link| link.pointer("/other/reference")?.as_str())
}

/// Whether an election is in force. The day on which it was revoked is free again.
fn stands(flag: &Flag, date: Date) -> bool {
    let begun = flag.start.as_ref().is_none_or(|start| start.first <= date);
    let over = flag.end.as_ref().is_some_and(|end| end.first <= date);
    let counts = match flag.status.as_str() {
        "active" => true,
        "entered-in-error" => false,
        _ => flag.end.is_some(),
    };
    begun && !over && counts
}

/// The days on which a reason against a candidate comes or goes by itself.
fn own_changes(record: &PatientRecord) -> Vec<Date> {
    let flags = record.flags.iter().filter(|flag| flag.is_election());
    let mut days: Vec<Date> = flags
        .flat_map(|flag| {
            [flag.start.as_ref().map(|start| start.first), flag.end.as_ref().map(|end| end.first)]
        })
        .flatten()
        .collect();
    if let Deceased::On(moment) = &record.deceased {
        days.push(moment.first);
    }
    // The birthday itself, or 1 March for one who was born on 29 February: one day early is asked once more in vain.
    let adult = record.birth.as_ref().and_then(|birth| birth.first.checked_add(ADULT.years()).ok());
    days.extend(adult.into_iter().flat_map(|day| [Some(day), day.tomorrow().ok()]).flatten());
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_from_their_bits() {
        for one in Suppression::ALL {
            assert_eq!(Suppression::of_bits(one.bit()), [one]);
        }
        assert_eq!(Suppression::of_bits(5), [Suppression::OpenEpisode, Suppression::Hospice]);
        assert!(Suppression::of_bits(0).is_empty());
    }

    #[test]
    fn the_numbers_of_outcomes_are_those_of_the_tables() {
        let all = [
            Outcome::Eligible,
            Outcome::ScreenPositive,
            Outcome::Indeterminate,
            Outcome::Excluded,
            Outcome::NotEligible,
        ];
        assert_eq!(all.map(rank), [0, 1, 2, 3, 4]);
    }
}
