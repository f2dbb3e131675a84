//! Tests of the guards of enrolment, of agreements and of referrals: each for and against.

mod agreement;
mod facts;
mod letters;
mod waiting;

use serde_json::Value;
use serde_json::json;

use crate::palliative::enrollment::enroll::Enrollment;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::agreed;
use crate::palliative::enrollment::tests::care_team;
use crate::palliative::enrollment::tests::codes;
use crate::palliative::enrollment::tests::determined;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::enrollment::tests::request;
use crate::palliative::enrollment::tests::resource;
use crate::palliative::enrollment::tests::wish;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;
use crate::palliative::vocabulary::FLAG_SYSTEM;

fn consented() -> World {
    let mut world = World::new();
    world.consented();
    world
}

fn election(status: &str, period: Value) -> Value {
    json!({ "resourceType": "Flag", "id": "f", "status": status, "subject": { "reference": "Patient/p" },
        "code": { "coding": [{ "system": FLAG_SYSTEM, "code": "hospice-election" }] }, "period": period })
}

#[test]
fn all_guards_that_fail_are_reported_together() {
    let mut world = consented();
    world.set("Patient/p", "deceasedBoolean", json!(true));
    world.set("Patient/p", "birthDate", json!("2010-01-01"));
    world.set("Consent/con", "status", json!("inactive"));
    world.set("Coverage/cov", "period", json!({ "end": "2025-12-31" }));
    world.set("CareTeam/team", "participant", json!([]));
    let mut wish = wish();
    wish.setting = "ed".into();
    wish.start = "2026-03-15".parse().unwrap();
    let failure = world.enroll(&wish).unwrap_err();
    assert_eq!(failure.status(), 422);
    let expected = [
        "age",
        "consent-invalid",
        "consent-invalid",
        "coverage-inactive",
        "date-range",
        "deceased",
        "not-eligible",
        "roles-missing",
        "roles-missing",
        "setting",
    ];
    assert_eq!(codes(&failure), expected);
}

#[test]
fn an_enrolment_without_tier_or_manager_goes_on_and_says_so() {
    let mut world = consented();
    let mut wish = wish();
    wish.tier = None;
    world.set(
        "CareTeam/team",
        "participant",
        json!([{ "role": [{ "coding": [{ "system": "http://snomed.info/sct", "code": "309343006" }] }] },
            { "role": [{ "coding": [{ "system": "http://snomed.info/sct", "code": "106328005" }] }] }]),
    );
    let decision = world.enroll(&wish).unwrap();
    let places: Vec<_> = decision.warnings.iter().filter_map(|issue| issue.expression.clone()).collect();
    assert_eq!(places, ["tier", "careTeam"].map(|name| format!("Parameters.parameter.where(name='{name}')")));
    assert!(decision.warnings.iter().all(|issue| issue.severity == crate::fhir::outcome::Severity::Warning));
}
