//! What a change must satisfy beyond R4 itself: the caller's compartment, and what only the programme may set.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use serde_json::Map;
use serde_json::Value;

use crate::access::Action;
use crate::app::audit;
use crate::app::change::Origin;
use crate::app::prepare::Work;
use crate::app::rule_document;
use crate::app::session::Session;
use crate::definitions::CANONICAL;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::reference::Reference;
use crate::palliative::care_plan;
use crate::palliative::enrollment;
use crate::palliative::screening::report::OUTCOME_EXTENSION;
use crate::palliative::vocabulary::COMPUTED_TIER_EXTENSION;
use crate::palliative::vocabulary::EPISODE_EXTENSIONS;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::STATE_EXTENSION;
use crate::search::Visible;
use crate::store::EpisodeRow;

/// What of an episode the state machine derives, so that a client may not change it.
const EPISODE: [&str; 6] = ["status", "statusHistory", "type", "patient", "period", "referralRequest"];

/// What the record of a screening says: all that a decision reads of it.
const SCREENING: [&str; 13] = [
    "contained",
    "extension",
    "modifierExtension",
    "moduleUri",
    "moduleCanonical",
    "moduleCodeableConcept",
    "status",
    "subject",
    "encounter",
    "occurrenceDateTime",
    "reasonCode",
    "outputParameters",
    "result",
];

/// What a stratification found: all that a later one reads of it, but its status, by which people take it back.
const STRATIFICATION: [&str; 6] =
    ["extension", "modifierExtension", "method", "subject", "occurrenceDateTime", "prediction"];

/// What a change of this origin may be about: of what the caller asks for, what the caller's grants reach; of the
/// effects of a decision that the caller may ask for, all, as each is about the decision's own patient.
pub(crate) fn reach(session: &Session, origin: Origin, (action, ty): (Action, ResourceType)) -> Visible {
    match origin {
        Origin::Client | Origin::Programme => session.caller().visible(action, ty),
        Origin::Effect => Visible::All,
    }
}

/// Refuses a change that the caller may make with no resource at all.
pub(crate) fn require(
    session: &Session,
    origin: Origin,
    (action, ty): (Action, ResourceType),
) -> Result<(), Failure> {
    match origin {
        Origin::Client | Origin::Programme => session.require(action, ty),
        Origin::Effect => Ok(()),
    }
}

/// Refuses a resource that would stand outside of the patients to which the caller is held.
pub(crate) fn stays_inside(visible: &Visible, patients: &[String]) -> Result<(), Failure> {
    if is_inside(visible, patients) {
        return Ok(());
    }
    Err(Failure::new(
        Reason::Forbidden,
        "The access token allows this only for resources in its own patient's compartment; refer to that patient.",
    ))
}

/// Refuses an id of the client's choice where the caller sees only part of what is there: whether an id is taken
/// would tell of the rest.
pub(crate) fn may_choose_id(visible: &Visible) -> Result<(), Failure> {
    match visible {
        Visible::All => Ok(()),
        Visible::Nothing | Visible::Patients(_) | Visible::Whole(_) => Err(Failure::new(
            Reason::Forbidden,
            "The access token does not allow to choose an id; leave it out, and the server makes one.",
        )),
    }
}

/// Whether a resource that stands in these patients' compartments is among what is visible.
pub(crate) fn is_inside(visible: &Visible, patients: &[String]) -> bool {
    match visible {
        Visible::All => true,
        Visible::Nothing => false,
        Visible::Patients(own) | Visible::Whole(own) => patients.iter().any(|patient| own.contains(patient)),
    }
}

/// Whether the caller may read what a change leaves; what a condition found stays within what they may search.
pub(crate) fn is_shown(session: &Session, ty: ResourceType, work: &Work) -> bool {
    let readable = session.caller().visible(Action::Read, ty);
    match work {
        Work::Create(content) | Work::Update { content, .. } | Work::Patch { content, .. } => {
            is_inside(&readable, &content.rows.patients)
        }
        Work::Keep => readable == Visible::All || readable == session.caller().visible(Action::Search, ty),
        Work::Delete { .. } | Work::Nothing => readable == Visible::All,
    }
}

/// The typed row of a programme's episode.
pub(crate) fn episode_row(resource: &Resource) -> Option<EpisodeRow> {
    let row = enrollment::episode_row(resource)?;
    let enrollment::EpisodeRow { patient, program, state, open, consent } = row;
    Some(EpisodeRow { patient, program, state, open, consent })
}

/// The episode for which a care plan holds, and whose plan it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanRow {
    /// The episode's id.
    pub(crate) episode: String,
    /// The id of the patient whom the plan is about.
    pub(crate) patient: Option<String>,
}

/// The row of a care plan that holds for an episode.
pub(crate) fn plan_row(value: &Value) -> Result<Option<PlanRow>, Failure> {
    let plan = Resource::from_value(value.clone())?;
    let subject = plan.text("/subject/reference").and_then(|to| Reference::parse(to).local());
    let patient = subject.filter(|local| local.ty.name() == "Patient").map(|local| local.id.to_owned());
    Ok(care_plan::episode_of(&plan).map(|episode| PlanRow { episode: episode.to_owned(), patient }))
}

/// What the programme makes of a type: the extensions that mark it, with all that its operations alone set there.
struct Own {
    marks: &'static [&'static str],
    extensions: &'static [&'static str],
    elements: &'static [&'static str],
}

const OWN: [(&str, Own); 3] = [
    (
        "EpisodeOfCare",
        Own {
            marks: &[STATE_EXTENSION, PROGRAM_EXTENSION],
            extensions: &EPISODE_EXTENSIONS,
            elements: &EPISODE,
        },
    ),
    (
        "GuidanceResponse",
        Own { marks: &[OUTCOME_EXTENSION], extensions: &[OUTCOME_EXTENSION], elements: &SCREENING },
    ),
    (
        "RiskAssessment",
        Own {
            marks: &[COMPUTED_TIER_EXTENSION],
            extensions: &[COMPUTED_TIER_EXTENSION],
            elements: &STRATIFICATION,
        },
    ),
];

/// What of a resource only the programme's operations set; none where there is nothing of that.
pub(crate) fn derived(ty: ResourceType, value: &Value) -> Option<Value> {
    if ty.name() == "PlanDefinition" {
        return rule_document::settled(value);
    }
    if audit::is_record(ty) {
        return audit::recorded(ty, value);
    }
    let (_, own) = OWN.iter().find(|(name, _)| *name == ty.name())?;
    let all = value.get("extension")?.as_array()?;
    if !all.iter().any(|one| url_of(one).is_some_and(|url| own.marks.contains(&url))) {
        return None;
    }
    // Those of one URL stay in their order; in which order the URLs come says nothing.
    let mut ours: Vec<Value> = all
        .iter()
        .filter(|one| url_of(one).is_some_and(|url| own.extensions.contains(&url)))
        .cloned()
        .collect();
    ours.sort_by(|one, other| url_of(one).cmp(&url_of(other)));
    let mut kept = Map::new();
    kept.insert("extension".into(), Value::Array(ours));
    for name in own.elements {
        kept.insert((*name).to_owned(), value.get(name).cloned().unwrap_or_default());
    }
    Some(Value::Object(kept))
}

fn url_of(extension: &Value) -> Option<&str> {
    extension.get("url")?.as_str()
}

/// Refuses a client that would make what only the programme makes.
pub(crate) fn may_make(origin: Origin, ty: ResourceType, derived: Option<&Value>) -> Result<(), Failure> {
    may_change(origin, ty, (None, derived))
}

/// Refuses a client that would change what only the programme sets.
pub(crate) fn may_change(
    origin: Origin,
    ty: ResourceType,
    (old, new): (Option<&Value>, Option<&Value>),
) -> Result<(), Failure> {
    match origin {
        // A rule set is the client's own to publish.
        Origin::Client if ty.name() == "PlanDefinition" && old.is_none() => Ok(()),
        Origin::Client if old != new => Err(derived_failure(ty, (old, new))),
        Origin::Client | Origin::Programme | Origin::Effect => Ok(()),
    }
}

/// Why a client may not change what the programme derives.
fn derived_failure(ty: ResourceType, states: (Option<&Value>, Option<&Value>)) -> Failure {
    if ty.name() == "PlanDefinition" {
        return rule_document::is_settled();
    }
    if audit::is_record(ty) {
        return audit::is_recorded(ty);
    }
    let (at, text) = match ty.name() {
        "GuidanceResponse" => (
            "GuidanceResponse.extension".to_owned(),
            "This is the record of a screening, on which decisions rest, and no client writes such; call \
             $palliative-screen, which makes it.",
        ),
        "RiskAssessment" => (
            "RiskAssessment.extension".to_owned(),
            "This is the record of a stratification, on which later ones rest, and no client writes such; call \
             $palliative-stratify, which makes it. Its status may be changed.",
        ),
        _ => (
            first_change(states),
            "This episode belongs to a palliative programme, whose operations alone set its state, status, \
             period, type, patient, referrals and what they keep of a decision in extensions; call \
             $palliative-refer, $palliative-transition, $palliative-enroll, $palliative-disenroll or, for the \
             tier of need, $palliative-stratify.",
        ),
    };
    Failure::new(Reason::BusinessRule, text).at(at)
}

/// Where an episode would first differ from what is stored.
fn first_change((old, new): (Option<&Value>, Option<&Value>)) -> String {
    let status = || "EpisodeOfCare.status".to_owned();
    let (Some(old), Some(new)) = (old, new) else { return status() };
    if let Some(name) = EPISODE.into_iter().find(|name| old.get(name) != new.get(name)) {
        return format!("EpisodeOfCare.{name}");
    }
    let of = |state: &Value, url: &str| -> Vec<Value> {
        let all = state.get("extension").and_then(Value::as_array).into_iter().flatten();
        all.filter(|one| url_of(one) == Some(url)).cloned().collect()
    };
    let changed = EPISODE_EXTENSIONS.into_iter().find(|url| of(old, url) != of(new, url));
    changed.map_or_else(status, |url| format!("EpisodeOfCare.extension.where(url='{url}')"))
}

/// A second open episode of a patient in a programme.
pub(crate) fn second_episode() -> Failure {
    Failure::new(
        Reason::Conflict,
        "The patient has an open episode in this programme already; continue that one, or end it first.",
    )
    .coded(format!("{CANONICAL}/CodeSystem/palliative-error"), "already-open")
}

/// A care plan for an episode that is not its subject's.
pub(crate) fn foreign_plan() -> Failure {
    Failure::new(
        Reason::BusinessRule,
        "The plan's subject has no such episode in a palliative programme: name an EpisodeOfCare of the same Patient \
         by its reference here, or leave the mark and the identifier of the episode's plan out.",
    )
    .coded(format!("{CANONICAL}/CodeSystem/palliative-error"), "episode-not-found")
    .at("CarePlan.subject")
}

/// A second care plan of an episode.
pub(crate) fn second_plan() -> Failure {
    Failure::new(
        Reason::Conflict,
        "The episode has a palliative care plan already, and one alone holds: change that one, or call \
         $palliative-careplan, which goes on with it. To replace it, end it in the same transaction (`status` revoked or \
         completed) and name it in `replaces`; what is only suggested has the `intent` proposal or option.",
    )
    .coded(format!("{CANONICAL}/CodeSystem/palliative-error"), "plan-exists")
    .at("CarePlan.status")
}
