//! What the tests of enrolment begin with: resources, referrals and requests.

use super::*;

pub fn resource(value: Value) -> Resource {
    Resource::from_value(value).unwrap()
}

pub fn programme(id: &str, zone: &str) -> Program {
    Program::read(&resource(json!({ "resourceType": "HealthcareService", "id": id,
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/palliative-program-settings",
            "extension": [{ "url": "tz", "valueString": zone }] }] })))
    .unwrap()
}

pub fn consent() -> Value {
    json!({ "resourceType": "Consent", "id": "con", "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment" }] },
        "category": [{ "coding": [{ "system": CONSENT_CATEGORY_SYSTEM, "code": "palliative-enrollment" }] }],
        "patient": { "reference": "Patient/p" }, "dateTime": "2026-01-10",
        "performer": [{ "reference": "Patient/p" }],
        "policy": [{ "uri": "https://example.org/agreement" }],
        "sourceReference": { "reference": "DocumentReference/signed" } })
}

pub fn coverage() -> Value {
    json!({ "resourceType": "Coverage", "id": "cov", "status": "active",
        "type": { "coding": [{ "system": "https://nahdo.org/sopt", "code": "211" }] },
        "beneficiary": { "reference": "Patient/p" }, "payor": [{ "reference": "Organization/plan" }],
        "period": { "start": "2025-01-01" } })
}

pub fn care_team() -> Value {
    let member = |role: &str, who: &str| {
        json!({ "role": [{ "coding": [{ "system": "http://snomed.info/sct", "code": role }] }],
            "member": { "reference": format!("Practitioner/{who}") } })
    };
    json!({ "resourceType": "CareTeam", "id": "team", "status": "active", "subject": { "reference": "Patient/p" },
        "participant": [member("224535009", "nurse"), member("106328005", "social")] })
}

pub fn referral() -> Referral {
    Referral {
        requester: "RelatedPerson/spouse".into(),
        source: "caregiver".into(),
        received: "2026-01-12".parse().unwrap(),
        reasons: vec![json!({ "text": "Breathless at home" })],
        service_request: None,
        urgency: Some("urgent".into()),
        note: Some("Please telephone <first>".into()),
        language: Some("es".into()),
        hospice_end: None,
        duplicate: Duplicate::Add,
    }
}

/// A request with nothing but its action.
pub fn request(action: Action) -> Request {
    Request::new(action)
}

pub fn on(action: Action, date: &str, reason: &str) -> Request {
    let by = |actions: &[Action]| actions.contains(&action).then(|| "patient".to_owned());
    Request {
        date: (action != Action::Undo).then(|| date.parse().unwrap()),
        reasons: vec![reason.into()],
        initiated_by: by(&[Action::Transfer, Action::Graduate, Action::Discharge]),
        decided_by: by(&[Action::Decline, Action::Consent]),
        ..request(action)
    }
}

pub fn determined(outcome: Outcome) -> Request {
    let evidence = Evidence {
        outcome,
        rule_set: RULE_SET.into(),
        as_of: "2026-01-14".parse().unwrap(),
        result: "GuidanceResponse/g".into(),
        missing: vec!["the clinician's attestation".into()],
        conditions: vec!["Condition/hf".into()],
        outside: None,
    };
    Request { evidence: Some(evidence), ..request(Action::Determine) }
}

pub fn agreed() -> Request {
    Request {
        consent: Some("Consent/con".into()),
        decided_by: Some("patient".into()),
        ..request(Action::Consent)
    }
}

pub fn wish() -> Enrollment {
    Enrollment {
        start: "2026-01-15".parse().unwrap(),
        setting: "home".into(),
        coverage: "Coverage/cov".into(),
        consent: None,
        care_team: Some(crate::palliative::enrollment::request::Wanted::Reference("CareTeam/team".into())),
        attributed: None,
        pcmh_site: None,
        intake_encounter: None,
        tier: Some("tier-3".into()),
        override_reason: None,
    }
}
