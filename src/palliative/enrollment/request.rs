//! What a caller asks of an episode: the action and its inputs, read and checked against the table.
//! <https://hl7.org/fhir/R4/operations.html#request>

use fhir_typed::types::CodeableConcept;
use fhir_typed::types::Extension;
use jiff::civil::Date;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::parameters::Input as Given;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::attribution::Why;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::reasons::fitting;
use crate::palliative::enrollment::reasons::is_of_kind;
use crate::palliative::enrollment::reasons::reason;
use crate::palliative::enrollment::reasons::reason_kinds;
use crate::palliative::enrollment::reasons::reasons;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::Input;
use crate::palliative::enrollment::table::Transition;
use crate::palliative::vocabulary::ERROR_SYSTEM;

/// A change of state that is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// `effectiveDate`, or the date of the outreach or election where that carries it.
    pub date: Option<Date>,
    /// `reason`: codes of ours.
    pub reasons: Vec<String>,
    /// `consent`: a reference.
    pub consent: Option<String>,
    /// `decidedBy`: `patient` or `surrogate`.
    pub decided_by: Option<String>,
    /// `initiatedBy`.
    pub initiated_by: Option<String>,
    /// `expectedDate`.
    pub expected: Option<Date>,
    /// `outreach`.
    pub outreach: Vec<Outreach>,
    /// `hospice`.
    pub hospice: Option<Hospice>,
    /// `targetProgram`: a reference.
    pub target_program: Option<String>,
    /// `authorization`: a reference.
    pub authorization: Option<String>,
    /// `screenResult`: a reference.
    pub screen_result: Option<String>,
    /// `attestedBy`: a reference.
    pub attested_by: Option<String>,
    /// `asOf`: the day that a screening is for.
    pub as_of: Option<Date>,
    /// `ruleSet`: canonicals.
    pub rule_sets: Vec<String>,
    /// `place` of death.
    pub place: Option<String>,
    /// `note`.
    pub note: Option<String>,
    /// The screening's result, for `determine`.
    pub evidence: Option<Evidence>,
    /// The screening itself, where it was made for this request and is to be kept.
    pub guidance: Option<Resource>,
    /// The medical home to which the person is attributed on the day, while the service goes on.
    pub home: Option<(String, Why)>,
    /// What else of the request stays on the episode.
    pub kept: Vec<Extension>,
}

/// One attempt to tell the patient of the programme.
#[derive(Clone, Debug, PartialEq)]
pub struct Outreach {
    /// `method`
    pub method: String,
    /// `by`: a reference.
    pub by: String,
    /// `date`
    pub date: Date,
    /// `language`
    pub language: Option<String>,
    /// `interpreterUsed`
    pub interpreter_used: Option<bool>,
}

impl Outreach {
    /// The attempts that are given.
    ///
    /// # Errors
    /// 400 for one without a method, a person or a date.
    pub fn all(given: &Given) -> Result<Vec<Self>, Failure> {
        given.all("outreach").filter_map(|one| one.parts()).map(Self::read).collect()
    }

    fn read(parts: &Given) -> Result<Self, Failure> {
        let text = |name: &str| parts.text(name).map(str::to_owned);
        Ok(Self {
            method: text("method").ok_or_else(|| missing("outreach.method"))?,
            by: parts.reference("by").map(str::to_owned).ok_or_else(|| missing("outreach.by"))?,
            date: parts.day("date")?.ok_or_else(|| missing("outreach.date"))?,
            language: text("language"),
            interpreter_used: parts.boolean("interpreterUsed"),
        })
    }
}

/// An election of hospice.
#[derive(Clone, Debug, PartialEq)]
pub struct Hospice {
    /// `effectiveDate`
    pub date: Date,
    /// `organization`: a reference.
    pub organization: Option<String>,
    /// `electionDocument`: a reference.
    pub document: Option<String>,
}

impl Request {
    /// A wish for an action, with none of its inputs.
    pub fn new(action: Action) -> Self {
        Self {
            action,
            date: None,
            reasons: Vec::new(),
            consent: None,
            decided_by: None,
            initiated_by: None,
            expected: None,
            outreach: Vec::new(),
            hospice: None,
            target_program: None,
            authorization: None,
            screen_result: None,
            attested_by: None,
            as_of: None,
            rule_sets: Vec::new(),
            place: None,
            note: None,
            evidence: None,
            guidance: None,
            home: None,
            kept: Vec::new(),
        }
    }

    /// Reads the parameters of `$palliative-transition`; the operation fills in the evidence.
    ///
    /// # Errors
    /// 400 for an action, date or reason that cannot be used.
    pub fn read(given: &Given) -> Result<Self, Failure> {
        let hospice = given.parts("hospice").map(hospice).transpose()?;
        let outreach = Outreach::all(given)?;
        let action = action(given.text("action").unwrap_or_default())?;
        // An offer and its end are of the day of the last attempt; for what else attempts go with, they say no day.
        let dating = matches!(action, Action::Offer | Action::Lapse);
        let latest = outreach.iter().map(|one| one.date).max().filter(|_| dating);
        let date = given.day("effectiveDate")?;
        Ok(Self {
            date: date.or(hospice.as_ref().map(|election| election.date)).or(latest),
            reasons: reasons(given)?,
            consent: given.reference("consent").map(str::to_owned),
            decided_by: given.text("decidedBy").map(str::to_owned),
            initiated_by: given.text("initiatedBy").map(str::to_owned),
            expected: given.day("expectedDate")?,
            outreach,
            hospice,
            target_program: given.reference("targetProgram").map(str::to_owned),
            authorization: given.reference("authorization").map(str::to_owned),
            screen_result: given.reference("screenResult").map(str::to_owned),
            attested_by: given.reference("attestedBy").map(str::to_owned),
            as_of: given.day("asOf")?,
            rule_sets: given.texts("ruleSet").map(str::to_owned).collect(),
            place: given.text("place").map(str::to_owned),
            note: given.text("note").map(str::to_owned),
            ..Self::new(action)
        })
    }

    /// Every input that the row asks for and that is not there, or is not what it should be.
    ///
    /// # Errors
    /// 400 with all of them.
    pub fn check(&self, row: &Transition) -> Result<(), Failure> {
        let missing = row.inputs.iter().filter(|input| !self.has(**input)).map(|input| {
            Issue::error(
                "required",
                format!("`{}` needs the parameter `{}`.", row.action.code(), input.name()),
            )
            .coded(ERROR_SYSTEM, "missing-parameter")
            .at(parameter(input.name()))
        });
        let kinds = reason_kinds(row.action);
        let unfit =
            self.reasons.iter().filter(|code| !kinds.is_empty() && !is_of_kind(code, kinds)).map(|code| {
                bad(
                    "reason",
                    format!(
                        "`{code}` is not a reason for `{}`; use one of {}.",
                        row.action.code(),
                        fitting(kinds)
                    ),
                )
            });
        let speakers = [
            ("decidedBy", &self.decided_by, &["patient", "surrogate"][..]),
            ("initiatedBy", &self.initiated_by, &["patient", "surrogate", "provider", "plan", "system"][..]),
        ];
        let unknown = speakers.into_iter().filter_map(|(name, value, allowed)| {
            let value = value.as_deref().filter(|value| !allowed.contains(value))?;
            Some(bad(name, format!("`{value}` is not known; use one of {}.", allowed.join(", "))))
        });
        let issues: Vec<Issue> = missing.chain(unfit).chain(unknown).collect();
        if issues.is_empty() { Ok(()) } else { Err(Failure::of(Reason::Invalid, issues)) }
    }

    fn has(&self, input: Input) -> bool {
        match input {
            Input::Date => self.date.is_some(),
            Input::Reason => !self.reasons.is_empty(),
            Input::DecidedBy => self.decided_by.is_some(),
            Input::InitiatedBy => self.initiated_by.is_some(),
            Input::Outreach => !self.outreach.is_empty(),
            Input::Hospice => self.hospice.is_some(),
            Input::TargetProgram => self.target_program.is_some(),
            Input::Consent => self.consent.is_some(),
        }
    }

    /// The reasons as concepts.
    pub fn reason_concepts(&self) -> Vec<CodeableConcept> {
        self.reasons.iter().map(|code| reason(code)).collect()
    }
}

fn action(code: &str) -> Result<Action, Failure> {
    let known = Action::parse(code).ok_or_else(|| {
        let codes: Vec<_> = Action::all().map(Action::code).collect();
        refused("action", format!("`{code}` is not an action; use one of {}.", codes.join(", ")))
    })?;
    match known {
        Action::Refer => {
            Err(refused("action", "Use `$palliative-refer` on the Patient to refer.".to_owned()))
        }
        Action::Enroll => Err(refused("action", "Use `$palliative-enroll` to enrol.".to_owned())),
        _ => Ok(known),
    }
}

fn hospice(parts: &Given) -> Result<Hospice, Failure> {
    Ok(Hospice {
        date: parts.day("effectiveDate")?.ok_or_else(|| missing("hospice.effectiveDate"))?,
        organization: parts.reference("organization").map(str::to_owned),
        document: parts.reference("electionDocument").map(str::to_owned),
    })
}

/// A resource or a reference to one that is stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// `Type/id`
    Reference(String),
    /// A new resource, sent along.
    New(Resource),
}

impl Wanted {
    /// Reads a parameter that may be either.
    pub fn read(given: &Given, name: &str) -> Option<Self> {
        let one = given.one(name)?;
        let by_reference = one.reference().map(|to| Self::Reference(to.to_owned()));
        by_reference.or_else(|| one.resource().cloned().map(Self::New))
    }
}

fn missing(name: &str) -> Failure {
    Failure::of(
        Reason::Invalid,
        vec![
            Issue::error("required", format!("`{name}` is missing."))
                .coded(ERROR_SYSTEM, "missing-parameter")
                .at(parameter(name)),
        ],
    )
}

/// A parameter that cannot be used.
pub fn bad(name: &str, text: String) -> Issue {
    Issue::error("invalid", text).coded(ERROR_SYSTEM, "bad-parameter").at(parameter(name))
}

/// 400 for a parameter that cannot be used.
pub fn refused(name: &str, text: String) -> Failure {
    Failure::of(Reason::Invalid, vec![bad(name, text)])
}
