//! A social need that a screening has shown: the concern as a Condition that nobody has confirmed yet, and the request for
//! help with it. <https://hl7.org/fhir/us/sdoh-clinicalcare/STU2/sdoh_clinical_care_scope.html>
//!
//! Which activities bring them, and with which category, is the template's to say, in `action.output`. Neither is made
//! where nothing that may be named shows the need: what is written would not carry the security label. A concern that is
//! on file is not written a second time, and one that a person has refuted or resolved is asked nothing more for until a
//! later answer shows it again: then there is a new concern, and a new request, goal and task with it.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::instant;
use crate::fhir::outcome::Failure;
use crate::fhir::resource::Resource;
use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::fact::Because;
use crate::palliative::care_plan::filed::Filed;
use crate::palliative::care_plan::filed::asked_again;
use crate::palliative::care_plan::filed::asked_by;
use crate::palliative::care_plan::filed::filed;
use crate::palliative::care_plan::filed::made;
use crate::palliative::care_plan::had;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::Item;
use crate::palliative::care_plan::items::existing;
use crate::palliative::care_plan::items::identifier_value;
use crate::palliative::care_plan::items::new_place;
use crate::palliative::care_plan::plan::Making;
use crate::palliative::care_plan::reading::is_open;
use crate::palliative::care_plan::template::Activity;
use crate::palliative::care_plan::template::GoalTemplate;
use crate::palliative::element::target;
use crate::palliative::enrollment::companions::acting;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name as name_of;
use crate::palliative::record::is_labelled;
use crate::palliative::vocabulary::SDOH_SYSTEM;
use crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM;

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const CONCERN: &str = "http://hl7.org/fhir/us/core/CodeSystem/condition-category";
const US_CORE_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category";

/// What an activity brings beside its Task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Brings {
    /// The concern.
    Condition,
    /// The request.
    ServiceRequest,
}

impl Brings {
    /// The action under which it is found again.
    fn action(self, activity: &Activity) -> String {
        let what = match self {
            Self::Condition => "need",
            Self::ServiceRequest => "request",
        };
        format!("{}/{what}", activity.id)
    }
}

/// A concern that a plan is to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// Its name.
    pub(super) name: String,
    /// The later answers for which it is written now, after one that was ended.
    anew: Option<String>,
}

/// The request for help with a need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its name.
    pub(super) name: String,
    /// The later answers for which it was made; none where it is the first.
    pub(super) anew: Option<String>,
}

impl Making<'_> {
    /// The concern that a need is written down as; none where nothing that may be named shows it, or a person has said
    /// otherwise and no later answer shows it again.
    pub(super) fn need(&mut self, activity: &Activity, because: &Because) -> Result<Option<Need>, Failure> {
        if because.evidence.is_empty() {
            return Ok(None);
        }
        let action = Brings::Condition.action(activity);
        let anew = match filed(self.planning, because, &concerns(self.planning, activity, because), is_over) {
            Filed::Open(stored) => {
                self.needs.push(same(stored));
                return Ok(Some(Need { name: name_of(stored), anew: None }));
            }
            Filed::Withheld => return Ok(None),
            Filed::Over(stored) => {
                self.needs.extend(stored.map(same));
                self.ended(action);
                return Ok(None);
            }
            Filed::Missing(anew) => anew,
        };
        let id = asked_again(&action, anew.as_deref());
        if self.had.actions.contains(&id) {
            self.taken_out(&id);
            return Ok(None);
        }
        let name = self.names.name();
        self.needs.push(concern(self.planning, (activity, because), (name.clone(), &id))?);
        self.marks.push(had::mark(self.planning, had::Marked::Action, &id));
        Ok(Some(Need { name, anew }))
    }

    /// The request for help with a need.
    pub(super) fn request(
        &mut self,
        (activity, because): (&Activity, &Because),
        need: &Need,
        goals: &[String],
    ) -> Result<Option<Asked>, Failure> {
        let action = Brings::ServiceRequest.action(activity);
        let all = made(self.planning, "ServiceRequest", &action);
        let anew = match filed(self.planning, because, &all, is_done) {
            // A new concern asks anew, whenever help with the one before it came to its end.
            Filed::Over(_) if need.anew.is_some() => need.anew.clone(),
            Filed::Open(stored) | Filed::Over(Some(stored)) => {
                self.needs.push(same(stored));
                let anew = asked_by(self.planning, stored, &action).filter(|answers| !answers.is_empty());
                let anew = anew.map(str::to_owned);
                return Ok(Some(Asked { name: name_of(stored), anew }));
            }
            Filed::Withheld | Filed::Over(None) => return Ok(None),
            Filed::Missing(anew) => anew,
        };
        let id = asked_again(&action, anew.as_deref());
        if self.had.actions.contains(&id) {
            self.taken_out(&id);
            return Ok(None);
        }
        let name = self.names.name();
        let found = request(self.planning, (activity, &need.name, goals), (name.clone(), &id))?;
        self.needs.push(found);
        self.marks.push(had::mark(self.planning, had::Marked::Action, &id));
        Ok(Some(Asked { name, anew }))
    }

    /// The goal of a row for a need that is there again: where the one before it was ended, one of its own.
    pub(super) fn goal_again<'g>(
        &self,
        goal: &'g GoalTemplate,
        need: Option<&Need>,
    ) -> Cow<'g, GoalTemplate> {
        let of = |id: &str| existing(self.planning, "Goal", id);
        if of(&goal.id).is_none_or(is_open) {
            return Cow::Borrowed(goal);
        }
        let begin = format!("{}/", goal.id);
        let mut again = self.had.goals.iter().filter(|id| id.starts_with(&begin));
        let stands = again.find(|id| of(id).is_some_and(is_open)).cloned();
        let anew = need.and_then(|need| need.anew.as_deref());
        match stands.or_else(|| anew.map(|answers| asked_again(&goal.id, Some(answers)))) {
            Some(id) => Cow::Owned(GoalTemplate { id, ..goal.clone() }),
            None => Cow::Borrowed(goal),
        }
    }

    fn ended(&mut self, action: String) {
        let text =
            "A person has said that there is no such need, or none any more, and no later answer shows it.";
        self.skipped.push((action, text.to_owned()));
    }
}

/// The concerns that may be this one, whoever has written them: those that show the need, those that the template made,
/// those of the same category. What was entered by mistake says nothing, but where the template made it.
fn concerns<'a>(planning: &Planning<'a>, activity: &Activity, because: &Because) -> Vec<&'a Resource> {
    let category = category(activity);
    let of_category = |one: &&Resource| {
        let has = |code: &str| list(one.get("category")).any(|own| has_coding(Some(own), SDOH_SYSTEM, code));
        let is_mistaken = has_coding(one.get("verificationStatus"), VERIFICATION, "entered-in-error");
        !is_mistaken && !is_labelled(one) && category["code"].as_str().is_some_and(has)
    };
    let shown = because.evidence.iter().filter(|one| one.starts_with("Condition/"));
    shown
        .filter_map(|name| planning.case.chart.find(name))
        .chain(made(planning, "Condition", &Brings::Condition.action(activity)))
        .chain(planning.case.chart.of("Condition").filter(of_category))
        .collect()
}

/// Whether a request has come to its end.
fn is_done(request: &Resource) -> bool {
    matches!(request.text("/status"), Some("completed" | "revoked" | "entered-in-error"))
}

/// Whether a person has said that there is no such need, or none any more.
pub fn is_over(condition: &Resource) -> bool {
    let has = |name: &str, codes: &[&str]| {
        list(condition.get(name).and_then(|one| one.get("coding")))
            .any(|coding| coding["code"].as_str().is_some_and(|code| codes.contains(&code)))
    };
    has("verificationStatus", &["refuted", "entered-in-error"])
        || has("clinicalStatus", &["inactive", "remission", "resolved"])
}

/// Whether it is a concern that the template has made and nobody has confirmed.
pub fn is_open_question(condition: &Resource) -> bool {
    list(condition.get("identifier")).any(|one| one["system"] == TEMPLATE_ITEM_SYSTEM)
        && has_coding(condition.get("verificationStatus"), VERIFICATION, "unconfirmed")
}

/// The concern, made.
///
/// # Errors
/// `Internal`, for a fault of ours.
fn concern(
    planning: &Planning,
    (activity, because): (&Activity, &Because),
    (name, action): (String, &str),
) -> Result<Found, Failure> {
    let coding = |system: &str, code: &str| json!({ "coding": [{ "system": system, "code": code }] });
    let category = category(activity);
    let evidence: Vec<Value> = because.evidence.iter().map(|one| json!({ "reference": one })).collect();
    let mut made = json!({
        "resourceType": "Condition",
        "meta": { "profile": [profile("us-core-condition-problems-health-concerns")] },
        "clinicalStatus": coding(CLINICAL, "active"),
        "verificationStatus": coding(VERIFICATION, "unconfirmed"),
        "category": [coding(CONCERN, "health-concern"), { "coding": [category] }],
        "code": { "coding": [category], "text": category["display"] },
        "evidence": [{ "detail": evidence }],
        "recordedDate": planning.as_of.to_string(),
    });
    if let Some(who) = target(&acting(planning.case)).filter(|who| is_professional(who)) {
        made["recorder"] = json!({ "reference": who });
    }
    found(planning, (made, action), name)
}

/// The request for help with a need, for goals; made.
///
/// # Errors
/// `Internal`, for a fault of ours.
fn request(
    planning: &Planning,
    (activity, need, goals): (&Activity, &str, &[String]),
    (name, action): (String, &str),
) -> Result<Found, Failure> {
    let category = category(activity);
    let mut made = json!({
        "resourceType": "ServiceRequest",
        "meta": { "profile": [profile("us-core-servicerequest")] },
        "status": "active",
        "intent": "plan",
        "category": [{ "coding": [{ "system": US_CORE_CATEGORY, "code": "sdoh" }] }, { "coding": [category] }],
        "code": activity.code,
        "authoredOn": instant(planning.case.now),
        "reasonReference": [{ "reference": need }],
    });
    made["code"]["text"] = json!(activity.text);
    if !goals.is_empty() {
        made["supportingInfo"] = goals.iter().map(|goal| json!({ "reference": goal })).collect();
    }
    if let Some(who) = target(&acting(planning.case)).filter(|who| is_professional(who)) {
        made["requester"] = json!({ "reference": who });
    }
    found(planning, (made, action), name)
}

fn found(planning: &Planning, (mut made, action): (Value, &str), name: String) -> Result<Found, Failure> {
    let identifier = json!({ "system": TEMPLATE_ITEM_SYSTEM, "value": identifier_value(planning, action) });
    made["identifier"] = json!([identifier]);
    made["subject"] = json!({ "reference": planning.case.patient() });
    let resource = Resource::from_value(made)?;
    let item = Item::Write(resource.clone(), new_place(planning, &name, action));
    Ok(Found { name, resource, item })
}

/// What was found as it is on file.
fn same(stored: &Resource) -> Found {
    Found { name: name_of(stored), resource: stored.clone(), item: Item::Same }
}

/// The category of the need, which the template has among the codes of the activity.
fn category(activity: &Activity) -> Value {
    let codings = list(activity.code.as_ref().and_then(|code| code.get("coding")));
    codings.into_iter().find(|coding| coding["system"] == SDOH_SYSTEM).cloned().unwrap_or_default()
}

fn is_professional(who: &str) -> bool {
    who.starts_with("Practitioner/") || who.starts_with("PractitionerRole/")
}

fn profile(name: &str) -> String {
    format!("http://hl7.org/fhir/us/core/StructureDefinition/{name}")
}
