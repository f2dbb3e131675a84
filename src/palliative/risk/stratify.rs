//! How facts become a score and a tier. <https://hl7.org/fhir/R4/riskassessment.html>

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::Meaning;
use crate::palliative::record::Observation;
use crate::palliative::record::PatientRecord;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::Applied;
use crate::palliative::risk::Due;
use crate::palliative::risk::Facts;
use crate::palliative::risk::Status;
use crate::palliative::risk::Stratification;
use crate::palliative::risk::decision::Decision;
use crate::palliative::risk::decision::in_force;
use crate::palliative::risk::decision::next_change;
use crate::palliative::risk::document::Floor;
use crate::palliative::risk::document::Item;
use crate::palliative::risk::document::Raising as By;
use crate::palliative::risk::document::Step;
use crate::palliative::risk::document::TaskRule;
use crate::palliative::risk::domain::Component;
use crate::palliative::risk::domain::Told;
use crate::palliative::risk::domain::is_evidence;
use crate::palliative::risk::tier::Tier;
use crate::palliative::risk::tier::next_settling;
use crate::palliative::risk::tier::settle;
use crate::palliative::screening::Finding;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::Situation;
use crate::palliative::screening::State;

impl Algorithm {
    /// What the facts say.
    pub fn stratify<'a>(&'a self, facts: &Facts) -> Stratification<'a> {
        let (record, warnings) = usable(facts.situation.record, &self.document.steps);
        let situation = Situation { record: &record, ..*facts.situation };
        let items = &self.document.items;
        let found = |item: &Item| item.evaluate(&situation).without(&record.labelled);
        let findings: Vec<Finding> = items.iter().map(found).collect();
        let states: Vec<State> = findings.iter().map(|finding| finding.state).collect();
        let components: Vec<Component> =
            self.document.domains.iter().map(|domain| domain.evaluate(&findings)).collect();
        let score_min = components.iter().map(|one| one.low).sum();
        let score_max = components.iter().map(|one| one.high).sum();
        let raising = Raising {
            floors: self.document.floors.iter().map(|floor| held(floor, facts)).collect(),
            states: &states,
            findings: &findings,
        };
        let mut applied = Vec::new();
        let computed = self.raised(score_min, &raising, &mut applied);
        let at_most = self.raised(score_max, &raising, &mut Vec::new());
        let settled = settle(computed, facts.earlier, situation.as_of, self.document.hysteresis_days);
        if settled != computed {
            applied.push(kept(settled, self.document.hysteresis_days));
        }
        let decision = in_force(facts.decided, facts.earlier, situation.as_of);
        applied.extend(decision.filter(|(_, tier)| *tier != settled).map(|(one, _)| decided(one, settled)));
        let status = if computed == at_most { Status::Final } else { Status::Preliminary };
        let collect = match status {
            Status::Final => Vec::new(),
            Status::Preliminary => self.open(&components),
        };
        let of_items = findings.iter().filter_map(|finding| finding.changes.first().copied());
        let of_floors = raising.floors.iter().filter_map(|floor| floor.change);
        let of_tier = next_settling(computed, facts.earlier, situation.as_of, self.document.hysteresis_days);
        let of_decision = next_change(decision.map(|(one, _)| one), facts.earlier, situation.as_of);
        let change = of_items.chain(of_floors).chain(of_tier).chain(of_decision).min();
        let basis = self.evidence(0..items.len(), &findings);
        let tasks = self.due(&states, &findings);
        Stratification {
            algorithm: self,
            as_of: situation.as_of,
            components,
            score_min,
            score_max,
            computed,
            settled,
            tier: decision.map_or(settled, |(_, tier)| tier),
            decision: decision.map(|(one, _)| one.clone()),
            said: facts.decided.cloned(),
            status,
            applied,
            collect,
            basis,
            withheld: findings.iter().any(|finding| finding.is_withheld() && is_evidence(finding)),
            restricted: findings.iter().any(|finding| finding.restricted)
                || raising.floors.iter().any(|floor| floor.restricted),
            tasks,
            warnings,
            next_change: change,
        }
    }

    /// The record without scores that are between two steps of their scale, and a sentence for each of those.
    pub fn usable<'a>(&self, record: &'a PatientRecord) -> (Cow<'a, PatientRecord>, Vec<String>) {
        usable(record, &self.document.steps)
    }

    /// The tier of a score, after floors and overrides; those that raised it are added to `applied`.
    fn raised(&self, score: u8, raising: &Raising, applied: &mut Vec<Applied>) -> Tier {
        let begun = Tier::ALL.into_iter().rev().find(|tier| self.document.tiers[*tier as usize].0 <= score);
        let mut tier = begun.unwrap_or(Tier::One);
        let Raising { floors, states, findings } = raising;
        for (floor, held) in self.document.floors.iter().zip(floors).filter(|(_, held)| held.holds) {
            if floor.tier > tier {
                tier = floor.tier;
                let told = Told { text: floor.sentence.clone(), restricted: held.restricted };
                applied.push(Applied { code: floor.code.clone(), told });
            }
        }
        for one in self.document.overrides.iter().filter(|one| one.logic.judge(states) == State::Met) {
            if one.tier != tier {
                tier = one.tier;
                let met = |at: &&usize| findings[**at].state == State::Met;
                let restricted = one.items.iter().filter(met).any(|at| findings[*at].restricted);
                let told = Told { text: one.sentence.clone(), restricted };
                applied.push(Applied { code: one.code.clone(), told });
            }
        }
        tier
    }

    /// The letters of the open domains, the widest first.
    fn open(&self, components: &[Component]) -> Vec<&str> {
        let width = |at: &usize| components[*at].high - components[*at].low;
        let mut open: Vec<usize> = (0..components.len()).filter(|at| width(at) > 0).collect();
        open.sort_by_key(|at| std::cmp::Reverse(width(at)));
        open.into_iter().map(|at| self.document.domains[at].code.as_str()).collect()
    }

    /// The resources behind findings, each once, in the order of the items.
    fn evidence(&self, items: impl IntoIterator<Item = usize>, findings: &[Finding]) -> Vec<Told> {
        let mut seen = BTreeSet::new();
        let mut evidence = Vec::new();
        for at in items.into_iter().filter(|at| is_evidence(&findings[*at])) {
            let restricted = findings[at].restricted;
            let new = findings[at].evidence.iter().filter(|source| seen.insert((*source).clone()));
            evidence.extend(new.map(|source| Told { text: source.clone(), restricted }));
        }
        evidence
    }

    /// Of each kind of task the first whose condition holds; of those within hours also every further one, for what the
    /// ones before do not speak of: a symptom that becomes severe is not passed over because another has been.
    fn due(&self, states: &[State], findings: &[Finding]) -> Vec<Due> {
        let mut due: Vec<Due> = Vec::new();
        let state = |finding: &Finding| if finding.restricted { State::Unknown } else { finding.state };
        let open: Vec<State> = findings.iter().map(state).collect();
        for rule in self.document.tasks.iter().filter(|rule| rule.logic.judge(states) == State::Met) {
            let restricted = rule.logic.judge(&open) != State::Met;
            let mut one = Due { restricted, ..self.task(rule, findings) };
            let before: Vec<&Due> = due.iter().filter(|before| before.code == rule.code).collect();
            let spoken = |source: &String| before.iter().any(|before| before.sources.contains(source));
            let further = !before.is_empty();
            one.sources.retain(|source| !spoken(source));
            one.evidence.retain(|told| !spoken(&told.text));
            if !further || (one.hours.is_some() && !one.sources.is_empty()) {
                due.push(one);
            }
        }
        due
    }

    fn task(&self, rule: &TaskRule, findings: &[Finding]) -> Due {
        let met = rule.items.iter().copied().filter(|at| findings[*at].state == State::Met);
        let sources = |at: usize| findings[at].evidence.iter().chain(&findings[at].hidden).cloned();
        Due {
            sources: met.clone().flat_map(sources).collect(),
            code: rule.code.clone(),
            sentence: rule.sentence.clone(),
            hours: rule.hours,
            restricted: false,
            evidence: self.evidence(met, findings),
        }
    }
}

fn decided(decision: &Decision, settled: Tier) -> Applied {
    let told = Told { text: decision.told(settled), restricted: false };
    Applied { code: "clinician-override".to_owned(), told }
}

fn kept(tier: Tier, days: i64) -> Applied {
    let text = format!(
        "{} is kept until two stratifications in a row, at least {days} days apart, give a lower tier.",
        tier.display()
    );
    Applied { code: "hysteresis".to_owned(), told: Told { text, restricted: false } }
}

/// What can raise a tier: the floors, and the items with what was found.
struct Raising<'a> {
    floors: Vec<Held>,
    states: &'a [State],
    findings: &'a [Finding],
}

/// Whether a floor holds, and the next day on which that can change by itself.
#[derive(Default)]
struct Held {
    holds: bool,
    /// Whether that turns on what is kept from the patient.
    restricted: bool,
    change: Option<Date>,
}

/// Whether a rule set that sets a floor is met: one that admits says eligible, one that finds people to look at
/// says so.
fn held(floor: &Floor, facts: &Facts) -> Held {
    let screen = |canonical: &str| Some(facts.rule_sets.find(canonical)?.screen(facts.situation));
    match &floor.raising {
        By::RuleSet(canonical) => screen(canonical).map_or_else(Held::default, |said| Held {
            holds: matches!(said.outcome, Outcome::Eligible | Outcome::ScreenPositive),
            restricted: said.turns_on_restricted(),
            change: said.next_change,
        }),
        By::Entry if facts.program.specialist => Held {
            holds: facts.entry.iter().any(|one| one.outcome == Outcome::Eligible),
            restricted: facts.entry.iter().any(|one| one.restricted)
                && !facts.entry.iter().any(|one| one.outcome == Outcome::Eligible && !one.restricted),
            change: facts.entry.iter().filter_map(|one| one.change).min(),
        },
        By::Entry => Held::default(),
    }
}

/// The record without scores that are between two steps of their scale, and a sentence for each of those.
fn usable<'a>(record: &'a PatientRecord, steps: &[Step]) -> (Cow<'a, PatientRecord>, Vec<String>) {
    let wrong = |one: &Observation| steps.iter().find(|step| is_between(one, step)).map(|step| step.step);
    let warnings: Vec<String> = record
        .observations
        .iter()
        .filter_map(|one| {
            let step = wrong(one)?;
            let closed = record.labelled.contains(&one.source);
            let source = if closed { "A restricted item" } else { &one.source };
            Some(format!("{source} was not used: its scale goes in steps of {step}."))
        })
        .collect();
    if warnings.is_empty() {
        return (Cow::Borrowed(record), warnings);
    }
    let mut kept = record.clone();
    kept.observations.retain(|one| wrong(one).is_none());
    (Cow::Owned(kept), warnings)
}

fn is_between(observation: &Observation, step: &Step) -> bool {
    let number = observation.value.as_ref().map(|value| &value.meaning);
    let Some(Meaning::Number(interval, _)) = number else { return false };
    let exact = interval.low == interval.high;
    exact
        && observation.is_final
        && step.codes.has_any(&observation.code)
        && interval.low.rem_euclid(step.step) != 0.0
}
