//! Whether an enrolment agreement holds on a day. <https://hl7.org/fhir/R4/consent.html>
//!
//! Three things are called consent and are kept apart: this agreement to take part; a consent to share data,
//! which enrols nobody; and a hospice election, which is a Flag.

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::has_coding;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::vocabulary::AUTHORITY_EXTENSION;
use crate::palliative::vocabulary::CONSENT_CATEGORY_SYSTEM;

const SCOPE_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/consentscope";

type Rule = fn(&Case, &Resource, Date) -> bool;

/// What a valid agreement must be, and what is said of one that is not.
#[rustfmt::skip]
const RULES: [(Rule, &str); 10] = [
    (of_the_patient, "it is another patient's"),
    (is_active,      "its status is not `active`"),
    (is_agreement,   "its scope is not `treatment` with category `palliative-enrollment`, so it does not enrol"),
    (is_dated,       "its dateTime is missing, after that day or too coarse to tell"),
    (is_in_period,   "that day is outside its provision.period"),
    (is_no_denial,   "its provision is a denial"),
    (has_policy,     "it names no policy or policyRule, as R4 asks"),
    (names_the_form, "it does not name the programme's own policy"),
    (is_by_right,    "its performer is neither the patient of age nor one whose authority to decide is on record, for an adult with the finding and its date that the patient could not decide"),
    (is_evidenced,   "it has no source, and word of mouth that was verified with a date is not on record or not allowed"),
];

/// Why the agreement does not hold on the day; nothing where it does.
pub fn flaws(case: &Case, consent: &Resource, date: Date) -> Vec<&'static str> {
    RULES.iter().filter(|(holds, _)| !holds(case, consent, date)).map(|(_, flaw)| *flaw).collect()
}

fn of_the_patient(case: &Case, consent: &Resource, _: Date) -> bool {
    consent.refers("/patient/reference") == Some(case.patient())
}

fn is_active(_: &Case, consent: &Resource, _: Date) -> bool {
    consent.text("/status") == Some("active")
}

fn is_agreement(_: &Case, consent: &Resource, _: Date) -> bool {
    has_coding(consent.get("scope"), SCOPE_SYSTEM, "treatment")
        && list(consent.get("category"))
            .any(|category| has_coding(Some(category), CONSENT_CATEGORY_SYSTEM, "palliative-enrollment"))
}

fn is_dated(case: &Case, consent: &Resource, date: Date) -> bool {
    consent.text("/dateTime").and_then(|text| last_day(text, case.program)).is_some_and(|given| given <= date)
}

fn is_in_period(case: &Case, consent: &Resource, date: Date) -> bool {
    covers(consent.value().pointer("/provision/period"), date, case.program)
}

fn is_no_denial(_: &Case, consent: &Resource, _: Date) -> bool {
    consent.text("/provision/type") != Some("deny")
}

fn has_policy(_: &Case, consent: &Resource, _: Date) -> bool {
    consent.get("policyRule").is_some() || list(consent.get("policy")).next().is_some()
}

fn names_the_form(case: &Case, consent: &Resource, _: Date) -> bool {
    let Some(form) = case.program.consent_form.as_deref() else { return true };
    let is_form = |value: Option<&Value>| value.and_then(Value::as_str) == Some(form);
    let rule = consent.get("policyRule");
    list(consent.get("policy")).any(|policy| is_form(policy.get("uri")))
        || is_form(rule.and_then(|rule| rule.get("text")))
        || list(rule.and_then(|rule| rule.get("coding")))
            .any(|coding| is_form(coding.get("system")) || is_form(coding.get("code")))
}

/// The patient agrees, or one who may in the patient's place. A minor's own word is the child's assent, and no
/// agreement, unless it is on record that the minor is emancipated. Of one who may be a minor, as a part of the date of
/// birth is not known, neither word suffices without the other.
fn is_by_right(case: &Case, consent: &Resource, date: Date) -> bool {
    let performers: Vec<&str> = list(consent.get("performer"))
        .filter_map(|performer| performer.get("reference").and_then(Value::as_str).map(unversioned))
        .collect();
    let is_minor = |age: Option<i64>| age.is_some_and(|age| age < MAJORITY);
    let (surely, may_be) = (is_minor(case.age_on(date)), is_minor(case.youngest_on(date)));
    let own = performers.contains(&case.patient());
    let by_another = performers.iter().any(|performer| *performer != case.patient());
    let alone = surely || (may_be && own) || lacked_capacity(case, consent, date);
    (own && (!may_be || is_emancipated(consent))) || (by_another && has_authority(consent) && alone)
}

/// The age from which a person agrees alone.
const MAJORITY: i64 = 18;

/// Whether by what right a minor agrees is said to be the minor's own.
fn is_emancipated(consent: &Resource) -> bool {
    part(consent, "authority")
        .is_some_and(|authority| codes(authority).any(|code| code == "emancipated-minor"))
}

/// A surrogate's authority must be on record. Who may stand in by default is the law of a state, and not decided here.
fn has_authority(consent: &Resource) -> bool {
    part(consent, "authority").is_some() && !is_emancipated(consent)
}

/// Another decides for an adult only where it was found, by that day, that the patient could not.
fn lacked_capacity(case: &Case, consent: &Resource, date: Date) -> bool {
    let could_not = part(consent, "capacity").is_some_and(|capacity| {
        capacity.get("valueBoolean").and_then(Value::as_bool) != Some(true)
            && !codes(capacity).any(|code| code == "patient")
    });
    let found = part(consent, "capacityDate")
        .and_then(|found| found.get("valueDate").or_else(|| found.get("valueDateTime"))?.as_str())
        .and_then(|found| first_day(found, case.program));
    could_not && found.is_some_and(|found| found <= date)
}

/// One part of what is on record of a surrogate's authority.
fn part<'a>(consent: &'a Resource, name: &str) -> Option<&'a Value> {
    let authority = extension_of(consent, AUTHORITY_EXTENSION)?;
    list(authority.get("extension")).find(|part| part.get("url").and_then(Value::as_str) == Some(name))
}

/// The codes that a part may carry, in whichever type of value.
fn codes(part: &Value) -> impl Iterator<Item = &str> {
    let plain = ["/valueCode", "/valueString", "/valueCoding/code"].into_iter();
    let plain = plain.filter_map(|place| part.pointer(place)?.as_str());
    plain.chain(codings(part.get("valueCodeableConcept")).map(|(_, code)| code))
}

fn is_evidenced(case: &Case, consent: &Resource, _: Date) -> bool {
    let written = consent.get("sourceReference").is_some() || consent.get("sourceAttachment").is_some();
    written
        || (case.program.verbal_consent
            && list(consent.get("verification")).any(|proof| {
                proof.get("verified").and_then(Value::as_bool) == Some(true)
                    && proof.get("verificationDate").is_some()
            }))
}
