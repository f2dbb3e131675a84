//! The facts that a template's conditions are made of, and what they show: met, not met or unknown, with evidence.
//! <https://hl7.org/fhir/R4/plandefinition.html>
//!
//! What is not known is never taken for met: a row whose facts are missing is left out, and the answer says which
//! fact would settle it. A restricted fact (what a clinician thinks of the time that is left, what the caregiver
//! answered) makes its row as any other does, but is neither told nor pointed to: the plan is the person's to read.
//! Neither is one that rests on something with a security label, which the plan would not carry.

use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::reading::needs_interpreter;
use crate::palliative::care_plan::reading::preferred_language;
use crate::palliative::care_plan::template::Trigger;
use crate::palliative::risk::document::Item;
use crate::palliative::risk::read_part::item;
use crate::palliative::risk::series::SERIES;
use crate::palliative::risk::tier::Tier;
use crate::palliative::rule_part::Part;
use crate::palliative::screening::Finding;
use crate::palliative::screening::Problem;
use crate::palliative::screening::Situation;
use crate::palliative::screening::State;
use crate::palliative::screening::document::CRITERION;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::vocabulary::PLAN_FACT_EXTENSION;

/// What is read for a plan beside what every screening reads.
const READ: [&str; 4] = ["Consent", "DocumentReference", "Procedure", "ServiceRequest"];

/// A fact.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Its id.
    pub id: String,
    /// What it says where it is met.
    pub sentence: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// As in a stratification.
    Item(Box<Item>),
    /// The same of a second instrument, beside one that is asked for: where it was not used, it does not speak for the row.
    Beside(Box<Item>),
    /// The tier is at least this one.
    Tier(Tier),
    /// The preferred language is another than this one.
    OtherLanguage(String),
    /// An interpreter is needed; where nothing says so, where the preferred language is another than this one.
    Interpreter(String),
}

impl Fact {
    /// Reads a fact.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(part: &Part, terminology: &Terminology) -> Result<Self, Problem> {
        let (id, sentence) = (part.id()?, part.text("description")?);
        let fact = || Ok::<_, Problem>(Box::new(item(part, terminology, &READ)?));
        if !part.has(PLAN_FACT_EXTENSION) {
            return Ok(Self { id, sentence, kind: Kind::Item(fact()?) });
        }
        let stated = part.with(PLAN_FACT_EXTENSION, stated)?;
        if stated.is_some() && (part.has(CRITERION) || part.has(SERIES)) {
            return Err(part.wrong("It is a criterion or a fact that is stated; leave one of the two out."));
        }
        let kind = stated.map_or_else(|| Ok(Kind::Beside(fact()?)), Ok)?;
        Ok(Self { id, sentence, kind })
    }

    fn evaluate(&self, planning: &Planning, situation: &Situation) -> Finding {
        match &self.kind {
            Kind::Item(item) => item.evaluate(situation),
            Kind::Beside(item) => {
                let finding = item.evaluate(situation);
                let is_unused = finding.state == State::Unknown && !finding.has_evidence();
                let restricted = finding.restricted;
                if is_unused { Finding { restricted, ..Finding::of(State::NotMet) } } else { finding }
            }
            Kind::Tier(least) => match planning.tier() {
                Some(tier) => Finding::of(State::of(tier >= *least)),
                None => Finding::unknown("the tier of need; call $palliative-stratify"),
            },
            Kind::OtherLanguage(language) => speaks_other(planning, language),
            Kind::Interpreter(language) => needs_interpreter(planning)
                .map_or_else(|| speaks_other(planning, language), |needed| Finding::of(State::of(needed))),
        }
    }
}

/// Whether the preferred language is another than this one.
fn speaks_other(planning: &Planning, language: &str) -> Finding {
    let Some(spoken) = preferred_language(planning) else {
        return Finding::unknown("the preferred language");
    };
    let same = spoken == language || spoken.starts_with(&format!("{language}-"));
    Finding::of(State::of(!same))
}

/// The fact that no criterion states; none for one that stands beside another.
fn stated(parameters: &Parameters) -> Result<Option<Kind>, Problem> {
    let needed = |name: &str| parameters.text(name, "valueCode")?.ok_or_else(|| parameters.missing(name));
    match needed("kind")? {
        "tier" => {
            let code = needed("tier")?;
            let wrong = || parameters.wrong("tier", format!("`{code}` is no tier."));
            Tier::parse(code).map(|tier| Some(Kind::Tier(tier))).ok_or_else(wrong)
        }
        "language" => Ok(Some(Kind::OtherLanguage(needed("language")?.to_owned()))),
        "interpreter" => Ok(Some(Kind::Interpreter(needed("language")?.to_owned()))),
        "beside" => Ok(None),
        other => {
            let text = format!("`{other}` is no kind of fact; use tier, language, interpreter or beside.");
            Err(parameters.wrong("kind", text))
        }
    }
}

/// What the facts of a template show for a person.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    facts: &'a [Fact],
    findings: Vec<Finding>,
    states: Vec<State>,
}

/// What made a row belong to the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Because {
    /// The facts that are met, as sentences; those that are restricted, or rest on something labelled, are left out.
    pub sentences: Vec<String>,
    /// The resources that show them, as `Type/id`.
    pub evidence: Vec<String>,
    /// Those that show them too, or show a restricted fact, and that nothing which is written names: what has a security
    /// label, and all that a restricted fact rests on.
    pub hidden: Vec<String>,
}

impl<'a> Facts<'a> {
    /// Evaluates them all.
    pub fn of(planning: &Planning<'a>, situation: &Situation) -> Self {
        let facts = &planning.template.facts;
        let labelled = &situation.record.labelled;
        let evaluate = |fact: &Fact| fact.evaluate(planning, situation).without(labelled);
        let findings: Vec<Finding> = facts.iter().map(evaluate).collect();
        let states = findings.iter().map(|finding| finding.state).collect();
        Self { facts, findings, states }
    }

    /// Whether a condition holds, and why; no condition always does.
    ///
    /// # Errors
    /// Why the row is left out, in a sentence.
    pub fn holds(&self, trigger: Option<&Trigger>) -> Result<Because, String> {
        let Some(trigger) = trigger else { return Ok(Because::default()) };
        match trigger.logic.judge(&self.states) {
            State::Met => Ok(self.because(trigger)),
            State::NotMet => Err(format!("Does not hold: {}.", trigger.words)),
            State::Unknown => {
                let unknown = trigger.facts.iter().filter(|at| self.states[**at] == State::Unknown);
                let mut missing: Vec<&str> =
                    unknown.flat_map(|at| self.findings[*at].missing.iter().map(String::as_str)).collect();
                missing.sort_unstable();
                missing.dedup();
                Err(format!("Not known: {}. To settle it: {}.", trigger.words, missing.join("; ")))
            }
        }
    }

    /// Whether a condition rests on a fact that is kept from the patient, whatever that one shows.
    pub fn is_restricted(&self, trigger: Option<&Trigger>) -> bool {
        trigger.is_some_and(|trigger| trigger.facts.iter().any(|at| self.findings[*at].restricted))
    }

    fn because(&self, trigger: &Trigger) -> Because {
        let told = |at: &&usize| self.states[**at] == State::Met && !self.findings[**at].restricted;
        let met: Vec<usize> = trigger.facts.iter().filter(told).copied().collect();
        let mut because = Because::default();
        for at in met {
            let finding = &self.findings[at];
            if !finding.is_withheld() {
                because.sentences.push(self.facts[at].sentence.clone());
            }
            add(&mut because.evidence, &finding.evidence);
            add(&mut because.hidden, &finding.hidden);
        }
        // What a restricted fact rests on tells one urgent task from another, and is told to nobody.
        let closed = |at: &&usize| self.states[**at] == State::Met && self.findings[**at].restricted;
        for at in trigger.facts.iter().filter(closed) {
            add(&mut because.hidden, &self.findings[*at].evidence);
            add(&mut because.hidden, &self.findings[*at].hidden);
        }
        because
    }
}

/// Adds each that is not there yet.
fn add(all: &mut Vec<String>, sources: &[String]) {
    for source in sources {
        if !all.contains(source) {
            all.push(source.clone());
        }
    }
}
