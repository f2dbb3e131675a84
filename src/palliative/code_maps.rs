//! The codes of senders, said in ours: the ConceptMaps that a programme names, applied to what was observed, diagnosed, done and
//! prescribed as it is read.
//! <https://hl7.org/fhir/R4/conceptmap.html>
//!
//! A map adds codings and takes none away, in memory alone: what is stored stays as it was sent. Only what it says to be
//! `equal` or `equivalent` is used, since a wider or narrower code would make a rule count what was not observed. Maps
//! are named by the programme and not taken from all that are stored: nobody who stores a map for something else may
//! change by it whom a programme finds.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::list;
use crate::palliative::record::Coding;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::Codes;

/// What is used of a map.
const SAME: [&str; 2] = ["equal", "equivalent"];
/// What is read with the codes of its sender.
const CODED: [&str; 6] =
    ["Condition", "Medication", "MedicationRequest", "MedicationStatement", "Observation", "Procedure"];
/// Where these, or a component of an Observation, have the concepts that rules read.
const CONCEPTS: [&str; 3] = ["code", "valueCodeableConcept", "medicationCodeableConcept"];

/// The maps of a programme, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeMaps {
    targets: BTreeMap<(String, String), BTreeSet<(String, String)>>,
    /// The maps that the programme names and that are not here, or cannot be used.
    pub missing: Vec<String>,
    /// The codes of senders that they make into what is kept from the patient.
    pub restricted: Vec<Coding>,
    /// The codes of what is kept from the patient.
    closed: Codes,
}

/// A code of a survey that no rule reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// The code, as it was sent; none where there are only words, or where a security label keeps it.
    pub code: Option<Coding>,
    /// The words that it was sent with.
    pub text: Option<String>,
    /// How many observations have it.
    pub count: usize,
    /// The latest of them, as `Observation/id`; none where a security label keeps it.
    pub source: Option<String>,
}

impl CodeMaps {
    /// Adds what a ConceptMap says to be the same; whether it says so of anything.
    pub fn add(&mut self, map: &Value) -> bool {
        let same = same(map);
        let any = !same.is_empty();
        for (source, target) in same {
            self.targets.entry(source).or_default().insert(target);
        }
        any
    }

    /// Notes which codes of senders say what is kept from the patient: those that mean one of these codes.
    pub fn restrict(&mut self, closed: &Codes) {
        let of = |(system, code): &(String, String)| Coding { system: system.clone(), code: code.clone() };
        let means =
            |targets: &BTreeSet<(String, String)>| targets.iter().any(|target| closed.has(&of(target)));
        let sources = self.targets.iter().filter(|(_, targets)| means(targets));
        self.restricted = sources.map(|(source, _)| of(source)).collect();
        self.closed = closed.clone();
    }

    /// Which codes say, of this person, what is kept from the patient beside those that always do: those of senders, and
    /// the codes that stand beside one that is kept for the same thing.
    pub fn restricted_in(&self, resources: &[Resource]) -> Vec<Coding> {
        let mut all = self.restricted.clone();
        for one in resources.iter().filter(|one| CODED.contains(&one.ty().name())) {
            let components = list(one.get("component")).filter_map(|one| one.get("code"));
            for concept in components.chain(one.get("code")) {
                let codings: Vec<Coding> = list(concept.get("coding")).filter_map(Coding::read).collect();
                if codings.iter().any(|coding| self.closed.has(coding)) {
                    all.extend(codings.into_iter().filter(|coding| !self.closed.has(coding)));
                }
            }
        }
        all
    }

    /// These resources, with what was observed, diagnosed, done and prescribed in our codes too.
    pub fn applied<'a>(&self, resources: &'a [Resource]) -> Cow<'a, [Resource]> {
        if self.targets.is_empty() {
            return Cow::Borrowed(resources);
        }
        let mut all = resources.to_vec();
        for one in all.iter_mut().filter(|one| CODED.contains(&one.ty().name())) {
            self.translate(one.object_mut());
        }
        Cow::Owned(all)
    }

    /// A chart with what was observed, diagnosed, done and prescribed in our codes too; none where that is the chart itself.
    pub fn applied_to(&self, chart: &Chart) -> Option<Chart> {
        if self.targets.is_empty() {
            return None;
        }
        let all: Vec<Resource> = chart.all().cloned().collect();
        Some(Chart::new(self.applied(&all).into_owned()))
    }

    fn translate(&self, object: &mut Map<String, Value>) {
        for name in CONCEPTS {
            let codings = object.get_mut(name).and_then(|concept| concept.get_mut("coding"));
            if let Some(Value::Array(codings)) = codings {
                self.extend(codings);
            }
        }
        // Of what stands within another, a medicine is read as that of its order.
        for (name, of) in [("component", None), ("contained", Some("Medication"))] {
            let inner = object.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten();
            let inner = inner.filter(|one| one["resourceType"].as_str() == of);
            inner.filter_map(Value::as_object_mut).for_each(|one| self.translate(one));
        }
    }

    fn extend(&self, codings: &mut Vec<Value>) {
        let sent: Vec<Coding> = codings.iter().filter_map(Coding::read).collect();
        let targets = sent.iter().filter_map(|one| self.targets.get(&(one.system.clone(), one.code.clone())));
        for (system, code) in targets.flatten() {
            if !sent.iter().any(|one| one.system == *system && one.code == *code) {
                codings.push(json!({ "system": system, "code": code }));
            }
        }
    }
}

/// What a map says to be the same: sources with their targets. A group without a source system is about codes without
/// one.
fn same(map: &Value) -> Vec<((String, String), (String, String))> {
    let mut all = Vec::new();
    for group in list(map.get("group")) {
        let (Some(target_system), source_system) =
            (group["target"].as_str(), group["source"].as_str().unwrap_or_default())
        else {
            continue;
        };
        for element in list(group.get("element")) {
            let Some(source) = Coding::read(&json!({ "system": source_system, "code": element["code"] }))
            else {
                continue;
            };
            // What holds only together with another code, or makes another, is not the same by itself.
            let is_plain =
                |target: &&Value| target.get("dependsOn").is_none() && target.get("product").is_none();
            let is_same =
                |target: &&Value| target["equivalence"].as_str().is_some_and(|own| SAME.contains(&own));
            let targets = list(element.get("target")).filter(is_plain).filter(is_same);
            all.extend(targets.filter_map(|target| {
                let code = target["code"].as_str()?.to_owned();
                Some(((source.system.clone(), source.code.clone()), (target_system.to_owned(), code)))
            }));
        }
    }
    all
}

/// Whether a ConceptMap can be used by a programme: it is active, and says of something that it is the same.
pub fn is_usable(map: &Value) -> bool {
    map["resourceType"] == "ConceptMap" && map["status"] == "active" && !same(map).is_empty()
}

/// The codes of surveys up to a day that no rule reads: each with how many observations have it and the latest of them.
/// Those with a security label are counted and neither named nor quoted.
pub fn unmapped(record: &PatientRecord, as_of: Date, is_read: &dyn Fn(&Coding) -> bool) -> Vec<Unmapped> {
    let mut found: BTreeMap<(bool, String, String), (Unmapped, Option<Date>)> = BTreeMap::new();
    for one in &record.observations {
        let day = one.effective.as_ref().map(|moment| moment.first);
        let counts =
            one.is_survey && one.is_final && one.value.is_some() && day.is_none_or(|day| day <= as_of);
        if !counts || one.code.codings.iter().any(is_read) {
            continue;
        }
        let labelled = record.labelled.contains(&one.source);
        let code = one.code.codings.first().filter(|_| !labelled);
        let text = one.code.texts.first().filter(|_| !labelled);
        let of = |coding: Option<&Coding>| coding.cloned().unwrap_or_default();
        let words = if code.is_none() { text.cloned().unwrap_or_default() } else { of(code).code };
        let key = (labelled, of(code).system, words);
        let (told, latest) = found.entry(key).or_insert_with(|| {
            let none = Unmapped { code: code.cloned(), text: text.cloned(), count: 0, source: None };
            (none, None)
        });
        told.count += 1;
        if !labelled && (told.source.is_none() || day >= *latest) {
            told.source = Some(one.source.clone());
            *latest = day;
        }
    }
    found.into_values().map(|(told, _)| told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "urn:hospital:flowsheet";
    const OURS: &str = "https://comfrey.health/fhir/CodeSystem/palliative-observation";

    fn map(equivalence: &str) -> Value {
        json!({ "resourceType": "ConceptMap", "status": "active", "group": [{ "source": OWN, "target": OURS,
            "element": [{ "code": "PAIN", "target": [{ "code": "esas-pain", "equivalence": equivalence }] }] }] })
    }

    fn codes(map: &Value, observation: Value) -> Vec<String> {
        let mut maps = CodeMaps::default();
        maps.add(map);
        let one = Resource::from_value(observation).unwrap();
        let applied = maps.applied(std::slice::from_ref(&one));
        let places = [
            "/code",
            "/medicationCodeableConcept",
            "/valueCodeableConcept",
            "/component/0/code",
            "/contained/0/code",
        ];
        let places = places.map(|place| format!("{place}/coding"));
        let codings = places.iter().filter_map(|place| applied[0].value().pointer(place));
        codings
            .flat_map(|all| list(Some(all)).filter_map(|one| one["code"].as_str()).map(str::to_owned))
            .collect()
    }

    #[test]
    fn what_is_the_same_is_added_and_nothing_else() {
        let sent = || json!({ "resourceType": "Observation", "code": { "coding": [{ "system": OWN, "code": "PAIN" }] } });
        for (equivalence, expected) in [
            ("equal", &["PAIN", "esas-pain"][..]),
            ("equivalent", &["PAIN", "esas-pain"]),
            ("wider", &["PAIN"]),
            ("inexact", &["PAIN"]),
            ("relatedto", &["PAIN"]),
        ] {
            assert_eq!(codes(&map(equivalence), sent()), expected, "{equivalence}");
            assert_eq!(is_usable(&map(equivalence)), expected.len() == 2);
        }
        let mut together = map("equal");
        together["group"][0]["element"][0]["target"][0]["dependsOn"] =
            json!([{ "property": "x", "value": "y" }]);
        assert_eq!(codes(&together, sent()), ["PAIN"]);
        let mut draft = map("equal");
        draft["status"] = json!("draft");
        assert!(!is_usable(&draft));
    }

    #[test]
    fn the_system_counts_and_parts_and_answers_are_said_in_our_codes_too() {
        let other = json!({ "resourceType": "Observation", "code": { "coding": [{ "code": "PAIN" }] } });
        assert_eq!(codes(&map("equal"), other.clone()), ["PAIN"]);
        let mut without = map("equal");
        without["group"][0].as_object_mut().unwrap().remove("source");
        assert_eq!(codes(&without, other), ["PAIN", "esas-pain"]);
        let coding = json!({ "coding": [{ "system": OWN, "code": "PAIN" }] });
        let panel = json!({ "resourceType": "Observation", "code": { "text": "Panel" },
            "component": [{ "code": coding, "valueInteger": 5 }], "valueCodeableConcept": coding });
        assert_eq!(codes(&map("equal"), panel), ["PAIN", "esas-pain", "PAIN", "esas-pain"]);
        for ty in ["Condition", "Procedure", "Medication"] {
            let one = json!({ "resourceType": ty, "code": coding });
            assert_eq!(codes(&map("equal"), one), ["PAIN", "esas-pain"], "{ty}");
        }
        for ty in ["MedicationRequest", "MedicationStatement"] {
            let one = json!({ "resourceType": ty, "medicationCodeableConcept": coding });
            assert_eq!(codes(&map("equal"), one), ["PAIN", "esas-pain"], "{ty}");
            for (inner, expected) in [("Medication", &["PAIN", "esas-pain"][..]), ("Device", &["PAIN"])] {
                let contained = json!([{ "resourceType": inner, "id": "m", "code": coding }]);
                let one = json!({ "resourceType": ty, "contained": contained,
                    "medicationReference": { "reference": "#m" } });
                assert_eq!(codes(&map("equal"), one), expected, "{ty} {inner}");
            }
        }
        // who speaks which language is nobody's finding
        let other = json!({ "resourceType": "Encounter", "code": coding });
        assert_eq!(codes(&map("equal"), other), ["PAIN"]);
        let twice = json!({ "resourceType": "Observation", "code": { "coding": [
            { "system": OWN, "code": "PAIN" }, { "system": OURS, "code": "esas-pain" }] } });
        assert_eq!(codes(&map("equal"), twice), ["PAIN", "esas-pain"]);
    }
}
