//! A stratification as it is kept: a RiskAssessment, two Observations, the tier on the episode, and Tasks.
//! <https://hl7.org/fhir/R4/riskassessment.html>
//!
//! A tier and a score that turn on what is kept from the patient carry the label by which no patient's token reads them.
//! Beside that nothing is written down that a patient may not read, as labels are taken away: what a clinician thinks of the time that is left, and what a
//! caregiver answered. The reason for which a clinician sets a tier is written as it was given, and the operation's
//! definition says that the patient reads it. `Observation.derivedFrom` may name Observations alone.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;
use serde_json::json;

use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::datetime::instant;
use crate::palliative::element::digest;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Drafts;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::version;
use crate::palliative::enrollment::tiers;
use crate::palliative::enrollment::tiers::Held;
use crate::palliative::not_for_patient::label;
use crate::palliative::risk::Due;
use crate::palliative::risk::decision::Decision;
use crate::palliative::risk::domain::Component;
use crate::palliative::risk::domain::Told;
use crate::palliative::risk::report::Report;
use crate::palliative::risk::report::WHAT_IT_IS;
use crate::palliative::risk::report::domain;
use crate::palliative::screening::finding::RESTRICTED_ITEM;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::COMPUTED_TIER_EXTENSION;
use crate::palliative::vocabulary::OBSERVATION_SYSTEM;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::RISK_ADJUSTMENT_EXTENSION;
use crate::palliative::vocabulary::RISK_ADJUSTMENT_SYSTEM;
use crate::palliative::vocabulary::RISK_ALGORITHM_EXTENSION;
use crate::palliative::vocabulary::RISK_METHOD_SYSTEM;
use crate::palliative::vocabulary::RISK_TASK_SYSTEM;
use crate::palliative::vocabulary::SETTLED_TIER_EXTENSION;
use crate::palliative::vocabulary::TASK_SYSTEM;
use crate::palliative::vocabulary::TIER_SYSTEM;

/// What a stratification is kept beside.
pub struct Around<'a> {
    /// The person's open episode in the programme.
    pub episode: Option<&'a Resource>,
    /// The task of the enrolment, of which what is asked for is a part.
    pub enrollment: Option<&'a str>,
    /// Whether a resource is on file, so that it can be referred to.
    pub stored: &'a dyn Fn(&str) -> bool,
    /// The identifiers of the person's tasks from earlier stratifications.
    pub asked: &'a BTreeSet<String>,
}

impl Report<'_> {
    /// The RiskAssessment, in which nothing is written down that a patient may not read. Evidence that was only
    /// submitted and is not stored is none that it could refer to.
    ///
    /// # Errors
    /// `Internal`, for a fault of ours.
    pub fn risk_assessment(&self, stored: &dyn Fn(&str) -> bool) -> Result<Resource, Failure> {
        let found = self.found;
        let open = Report { reader: Reader::Patient, ..*self };
        let mut extensions = vec![
            json!({ "url": PROGRAM_EXTENSION, "valueReference": { "reference": self.program.reference() } }),
            self.algorithm(),
            json!({ "url": COMPUTED_TIER_EXTENSION, "valueCode": found.computed.code() }),
        ];
        for one in found.applied.iter().filter(|one| open.is_open(&one.told)) {
            let coding =
                json!({ "system": RISK_ADJUSTMENT_SYSTEM, "code": one.code, "display": one.told.text });
            extensions.push(json!({ "url": RISK_ADJUSTMENT_EXTENSION, "valueCoding": coding }));
        }
        if found.decision.is_some() {
            extensions.push(json!({ "url": SETTLED_TIER_EXTENSION, "valueCode": found.settled.code() }));
        }
        extensions.extend(found.said.as_ref().map(Decision::extension));
        let decided = found.decision.as_ref().or(found.said.as_ref()).map(|one| one.told(found.settled));
        let lines: Vec<String> = found.components.iter().map(|one| open.line(one)).chain(decided).collect();
        let mut assessment = json!({
            "resourceType": "RiskAssessment",
            "extension": extensions,
            "status": found.status.code(),
            "method": { "coding": [{ "system": RISK_METHOD_SYSTEM, "code": "palliative-risk-v1" }] },
            "subject": self.subject(),
            "occurrenceDateTime": found.as_of.to_string(),
            "prediction": [{
                "outcome": { "text": "palliative need tier" },
                "qualitativeRisk": self.tier(),
                "rationale": lines.join(" "),
            }],
            "mitigation": found.algorithm.intensity(found.tier).words,
            "note": open.notes().iter().map(|text| json!({ "text": text })).collect::<Vec<_>>(),
        });
        self.label(&mut assessment);
        if let Some(said) = &found.said {
            assessment["performer"] = json!({ "reference": said.by });
        }
        let mut basis = open.references(&found.basis, stored);
        if found.withheld {
            basis.push(json!({ "display": RESTRICTED_ITEM }));
        }
        if !basis.is_empty() {
            assessment["basis"] = basis.into();
        }
        Resource::from_value(assessment)
    }

    /// Keeps from the patient what tells of what is kept from them.
    fn label(&self, resource: &mut Value) {
        if self.found.restricted {
            resource["meta"] = json!({ "security": [label()] });
        }
    }

    fn line(&self, one: &Component) -> String {
        let value = match one.value() {
            Some(value) => value.to_string(),
            None => format!("{} to {}", one.low, one.high),
        };
        format!("{} {}: {value}. {}", one.domain, one.title, self.reason(one)).trim().to_owned()
    }

    fn references(&self, told: &[Told], stored: &dyn Fn(&str) -> bool) -> Vec<Value> {
        let open = told.iter().filter(|one| self.is_open(one) && stored(&one.text));
        open.map(|one| json!({ "reference": one.text })).collect()
    }

    fn subject(&self) -> Value {
        json!({ "reference": format!("Patient/{}", self.patient) })
    }

    fn algorithm(&self) -> Value {
        json!({ "url": RISK_ALGORITHM_EXTENSION, "valueCanonical": self.found.algorithm.canonical() })
    }

    fn tier(&self) -> Value {
        let tier = self.found.tier;
        json!({ "coding": [{ "system": TIER_SYSTEM, "code": tier.code(), "display": tier.display() }] })
    }

    /// All that a recorded stratification writes: the RiskAssessment first.
    ///
    /// # Errors
    /// `Internal`, for a fault of ours.
    pub fn drafts(&self, around: &Around) -> Result<Vec<Draft>, Failure> {
        let stored = around.stored;
        let mut drafts = Drafts::default();
        let mut add = |resource: Resource| {
            let name = drafts.name();
            drafts.push(resource, Place::New(name));
        };
        add(self.risk_assessment(stored)?);
        add(Resource::from_value(self.score(stored))?);
        add(Resource::from_value(self.tier_observation(stored))?);
        if let Some(episode) = around.episode.and_then(|episode| tiers::with(episode, &self.held())) {
            let place = Place::Existing(version(&episode));
            drafts.push(episode, place);
        }
        for one in &self.found.tasks {
            let Some((task, query)) = self.task(one, around)? else { continue };
            let name = drafts.name();
            drafts.push(task, Place::NewUnless(name, query));
        }
        Ok(drafts.into_list())
    }

    /// The tier for the episode; what a clinician set ends there on its day too.
    fn held(&self) -> Held<'_> {
        let found = self.found;
        let until = found.decision.as_ref().and_then(|one| one.set).map(|(_, until)| until);
        let after = until.and_then(|until| Some((until.tomorrow().ok()?, found.settled.code())));
        Held { tier: found.tier.code(), since: found.as_of, after, named: None }
    }

    fn observation(&self, code: &str, stored: &dyn Fn(&str) -> bool) -> Value {
        let open = Report { reader: Reader::Patient, ..*self };
        let derived: Vec<Value> = open.references(&self.found.basis, stored);
        let observations: Vec<Value> = derived
            .into_iter()
            .filter(|one| one["reference"].as_str().is_some_and(|to| to.starts_with("Observation/")))
            .collect();
        let mut observation = json!({
            "resourceType": "Observation",
            "extension": [self.algorithm()],
            "status": self.found.status.code(),
            "category": [{ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey" }] }],
            "code": { "coding": [{ "system": OBSERVATION_SYSTEM, "code": code }] },
            "subject": self.subject(),
            "effectiveDateTime": self.found.as_of.to_string(),
            "issued": instant(self.now),
            "note": [{ "text": WHAT_IT_IS }],
        });
        self.label(&mut observation);
        if !observations.is_empty() {
            observation["derivedFrom"] = observations.into();
        }
        observation
    }

    fn score(&self, stored: &dyn Fn(&str) -> bool) -> Value {
        let mut observation = self.observation("program-risk-score", stored);
        let value = (self.found.score_min == self.found.score_max).then_some(self.found.score_min);
        set_value(&mut observation, value);
        let component = |one: &Component| {
            let mut component = json!({ "code": { "coding": [domain(self.found, &one.domain)] } });
            set_value(&mut component, one.value());
            component
        };
        observation["component"] = self.found.components.iter().map(component).collect();
        observation
    }

    fn tier_observation(&self, stored: &dyn Fn(&str) -> bool) -> Value {
        let mut observation = self.observation("program-risk-tier", stored);
        observation["valueCodeableConcept"] = self.tier();
        observation
    }

    /// A task, and the search that finds it where the same facts have asked for it before; none where each of them has.
    pub(super) fn task(&self, due: &Due, around: &Around) -> Result<Option<(Resource, String)>, Failure> {
        let facts: Vec<(String, Option<&str>)> = self
            .facts(due, around)
            .into_iter()
            .map(|(about, named)| (format!("{}/{}/{about}", self.patient, due.code), named))
            .filter(|(value, _)| due.hours.is_none() || !around.asked.contains(value))
            .collect();
        let Some((first, _)) = facts.first() else { return Ok(None) };
        let identifier =
            |(value, _): &(String, Option<&str>)| json!({ "system": RISK_TASK_SYSTEM, "value": value });
        let mut task = json!({
            "resourceType": "Task",
            "identifier": facts.iter().map(identifier).collect::<Vec<_>>(),
            "status": "requested",
            "intent": "order",
            "priority": if due.hours.is_some() { "urgent" } else { "routine" },
            "code": { "coding": [{ "system": TASK_SYSTEM, "code": due.code }] },
            "description": due.sentence,
            "for": self.subject(),
            "authoredOn": instant(self.now),
        });
        if let Some(organization) = &self.program.organization {
            task["owner"] = json!({ "reference": organization });
        }
        if let Some(enrollment) = around.enrollment {
            task["partOf"] = json!([{ "reference": enrollment }]);
        }
        if let Some(hours) = due.hours {
            let hours = SignedDuration::from_hours(hours).as_micros();
            let end = self.now.saturating_add(i64::try_from(hours).unwrap_or(i64::MAX));
            task["restriction"] = json!({ "period": { "start": instant(self.now), "end": instant(end) } });
        }
        if let Some(why) = facts.iter().find_map(|(_, named)| *named).filter(|_| due.hours.is_some()) {
            task["reasonReference"] = json!({ "reference": why });
        }
        let query = format!("identifier={RISK_TASK_SYSTEM}|{first}&patient=Patient/{}", self.patient);
        Ok(Some((Resource::from_value(task)?, query)))
    }

    /// By what a task is told from others, with the resource where it may be named. Without a clock there is one open task
    /// a patient and kind; with one, each resource that shows it asks anew, beside those that have asked before. One that may
    /// not be named is told from others by a digest.
    fn facts<'b>(&self, due: &'b Due, around: &Around) -> Vec<(String, Option<&'b str>)> {
        if due.hours.is_none() {
            return vec![(self.program.id.clone(), None)];
        }
        let is_open = |source: &str| due.evidence.iter().any(|one| !one.restricted && one.text == source);
        let mut facts: Vec<(String, Option<&str>)> = Vec::new();
        for source in due.sources.iter().filter(|one| (around.stored)(one)) {
            let fact = if is_open(source) {
                (source.clone(), Some(source.as_str()))
            } else {
                (digest(source), None)
            };
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
        if facts.is_empty() {
            facts.push((self.found.as_of.to_string(), None));
        }
        facts
    }
}

fn set_value(holder: &mut Value, value: Option<u8>) {
    match value {
        Some(value) => holder["valueInteger"] = value.into(),
        None => {
            holder["dataAbsentReason"] = json!({ "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown" }] });
        }
    }
}
