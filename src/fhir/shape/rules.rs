//! Invariants of R4 that are cheap to check and often broken, each beside its sentence.
//! <https://hl7.org/fhir/R4/conformance-rules.html#constraints>
//!
//! The invariants about nesting, references and empty elements (dom-2 to dom-5, ref-1, ele-1, txt-1, txt-2) are
//! part of the walk itself.

use serde_json::Map;
use serde_json::Value;

use crate::fhir::datetime;

/// An invariant: what it is called, of which type, what it says, and whether it holds.
#[derive(Debug)]
pub(in crate::fhir) struct Rule {
    pub(super) ty: &'static str,
    pub(super) key: &'static str,
    pub(super) says: &'static str,
    pub(super) holds: fn(&Object) -> bool,
}

type Object = Map<String, Value>;

#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule { ty: "Extension", key: "ext-1", holds: |e| has(e, "extension") != has_choice(e, "value"),
        says: "An extension has either a value or extensions of its own, not both and not neither." },
    Rule { ty: "Attachment", key: "att-1", holds: |a| !has(a, "data") || has(a, "contentType"),
        says: "An attachment with data needs its `contentType`." },
    Rule { ty: "ContactPoint", key: "cpt-2", holds: |c| !has(c, "value") || has(c, "system"),
        says: "A contact point with a value needs its `system`." },
    Rule { ty: "Period", key: "per-1", holds: period_is_in_order,
        says: "A period's start must not be after its end." },
    Rule { ty: "Quantity", key: "qty-3", holds: code_has_system,
        says: "A quantity with a unit code needs the code's `system`." },
    Rule { ty: "Age", key: "qty-3", holds: code_has_system,
        says: "An age with a unit code needs the code's `system`." },
    Rule { ty: "Duration", key: "qty-3", holds: code_has_system,
        says: "A duration with a unit code needs the code's `system`." },
    Rule { ty: "Ratio", key: "rat-1",
        holds: |r| has(r, "numerator") == has(r, "denominator") && (has(r, "numerator") || has(r, "extension")),
        says: "A ratio has both numerator and denominator, or neither and an extension." },
    Rule { ty: "Timing.repeat", key: "tim-1", holds: |t| !has(t, "duration") || has(t, "durationUnit"),
        says: "A duration needs its `durationUnit`." },
    Rule { ty: "Timing.repeat", key: "tim-2", holds: |t| !has(t, "period") || has(t, "periodUnit"),
        says: "A period needs its `periodUnit`." },
    Rule { ty: "Timing.repeat", key: "tim-6", holds: |t| !has(t, "periodMax") || has(t, "period"),
        says: "`periodMax` needs a `period`." },
    Rule { ty: "Timing.repeat", key: "tim-7", holds: |t| !has(t, "durationMax") || has(t, "duration"),
        says: "`durationMax` needs a `duration`." },
    Rule { ty: "Timing.repeat", key: "tim-8", holds: |t| !has(t, "countMax") || has(t, "count"),
        says: "`countMax` needs a `count`." },
    Rule { ty: "Timing.repeat", key: "tim-10", holds: |t| !has(t, "timeOfDay") || !has(t, "when"),
        says: "Give `timeOfDay` or `when`, not both." },
    Rule { ty: "Patient.contact", key: "pat-1",
        holds: |c| ["name", "telecom", "address", "organization"].iter().any(|name| has(c, name)),
        says: "A contact needs a name, a telecom, an address or an organization." },
    Rule { ty: "Observation", key: "obs-6",
        holds: |o| !has(o, "dataAbsentReason") || !has_choice(o, "value"),
        says: "Give `dataAbsentReason` only where there is no value." },
    Rule { ty: "Observation", key: "obs-7", holds: no_component_repeats_the_code,
        says: "Where a component has the observation's own code, the observation has no value." },
    Rule { ty: "Observation.referenceRange", key: "obs-3",
        holds: |r| ["low", "high", "text"].iter().any(|name| has(r, name)),
        says: "A reference range needs a low, a high or a text." },
    Rule { ty: "Condition", key: "con-4",
        holds: |c| !has_choice(c, "abatement")
            || coded(c.get("clinicalStatus"), &["inactive", "resolved", "remission"]),
        says: "A condition that has abated is `inactive`, `resolved` or in `remission`." },
    Rule { ty: "Condition", key: "con-5",
        holds: |c| !has(c, "clinicalStatus") || !coded(c.get("verificationStatus"), &["entered-in-error"]),
        says: "A condition that was entered in error has no `clinicalStatus`." },
    Rule { ty: "Condition.stage", key: "con-1", holds: |s| has(s, "summary") || has(s, "assessment"),
        says: "A stage needs a summary or an assessment." },
    Rule { ty: "Condition.evidence", key: "con-2", holds: |e| has(e, "code") || has(e, "detail"),
        says: "Evidence needs a code or details." },
    Rule { ty: "Goal.target", key: "gol-1", holds: |t| !has_choice(t, "detail") || has(t, "measure"),
        says: "A target with a detail needs its `measure`." },
    Rule { ty: "CarePlan.activity", key: "cpl-3", holds: |a| !has(a, "detail") || !has(a, "reference"),
        says: "An activity has a `detail` or a `reference`, not both." },
    Rule { ty: "Consent", key: "ppc-1", holds: |c| has(c, "policy") || has(c, "policyRule"),
        says: "A consent needs a `policy` or a `policyRule`." },
    Rule { ty: "Organization", key: "org-1", holds: |o| has(o, "identifier") || has(o, "name"),
        says: "An organization needs a name or an identifier." },
    Rule { ty: "AllergyIntolerance", key: "ait-2",
        holds: |a| !has(a, "clinicalStatus") || !coded(a.get("verificationStatus"), &["entered-in-error"]),
        says: "An allergy that was entered in error has no `clinicalStatus`." },
    Rule { ty: "List", key: "lst-1", holds: |l| !has(l, "emptyReason") || !has(l, "entry"),
        says: "A list with entries has no `emptyReason`." },
    Rule { ty: "Bundle", key: "bdl-1", holds: |b| !has(b, "total") || is(b, "type", &["searchset", "history"]),
        says: "Only a searchset or a history has a `total`." },
    Rule { ty: "Bundle", key: "bdl-2", holds: |b| is(b, "type", &["searchset"]) || !entries_have(b, "search"),
        says: "Only the entries of a searchset have `search`." },
    Rule { ty: "Bundle", key: "bdl-3", holds: |b| requests_fit(b, "request", &["batch", "transaction", "history"]),
        says: "Each entry of a batch, transaction or history has a `request`, and no other entry has." },
    Rule { ty: "Bundle", key: "bdl-4",
        holds: |b| requests_fit(b, "response", &["batch-response", "transaction-response", "history"]),
        says: "Each entry of a response or history has a `response`, and no other entry has." },
    Rule { ty: "Bundle.entry", key: "bdl-5", holds: |e| ["resource", "request", "response"].iter().any(|name| has(e, name)),
        says: "An entry needs a resource, a request or a response." },
    Rule { ty: "Bundle.entry", key: "bdl-8",
        holds: |e| e.get("fullUrl").and_then(Value::as_str).is_none_or(|url| !url.contains("/_history/")),
        says: "A `fullUrl` names no version." },
];

/// Whether an element is there, with a value or with an extension in its place.
fn has(object: &Object, name: &str) -> bool {
    object.contains_key(name)
        || object.keys().any(|key| key.strip_prefix('_').is_some_and(|shadowed| shadowed == name))
}

/// Whether a choice is there under one of its names.
fn has_choice(object: &Object, base: &str) -> bool {
    object.keys().any(|key| {
        let rest = key.strip_prefix('_').unwrap_or(key).strip_prefix(base);
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    })
}

fn code_has_system(quantity: &Object) -> bool {
    !has(quantity, "code") || has(quantity, "system")
}

fn is(object: &Object, name: &str, codes: &[&str]) -> bool {
    object.get(name).and_then(Value::as_str).is_some_and(|code| codes.contains(&code))
}

fn codings(concept: &Value) -> impl Iterator<Item = (Option<&str>, &str)> {
    let codings = concept.get("coding").and_then(Value::as_array);
    codings.into_iter().flatten().filter_map(coding)
}

fn coding(coding: &Value) -> Option<(Option<&str>, &str)> {
    Some((coding.get("system").and_then(Value::as_str), coding.get("code")?.as_str()?))
}

fn coded(concept: Option<&Value>, codes: &[&str]) -> bool {
    concept.is_some_and(|concept| codings(concept).any(|(_, code)| codes.contains(&code)))
}

fn period_is_in_order(period: &Object) -> bool {
    let span = |name: &str| datetime::span(period.get(name)?.as_str()?, &jiff::tz::TimeZone::UTC);
    match (span("start"), span("end")) {
        // A partial date stands for all of its time, so only a start that is surely later is wrong.
        (Some(start), Some(end)) => start.low <= end.high,
        _ => true,
    }
}

fn no_component_repeats_the_code(observation: &Object) -> bool {
    if !has_choice(observation, "value") {
        return true;
    }
    let Some(own) = observation.get("code") else { return true };
    let components = observation.get("component").and_then(Value::as_array);
    let codes = components.into_iter().flatten().filter_map(|component| component.get("code"));
    !codes.flat_map(codings).any(|code| codings(own).any(|own| own == code))
}

fn entries_have(bundle: &Object, name: &str) -> bool {
    entries(bundle).any(|entry| entry.get(name).is_some())
}

fn requests_fit(bundle: &Object, name: &str, types: &[&str]) -> bool {
    let wanted = is(bundle, "type", types);
    entries(bundle).all(|entry| entry.get(name).is_some() == wanted)
}

fn entries(bundle: &Object) -> impl Iterator<Item = &Value> {
    bundle.get("entry").and_then(Value::as_array).into_iter().flatten()
}
