//! Tests of the guards of enrolment, of agreements and of referrals: each for and against.

use serde_json::Value;
use serde_json::json;

use crate::palliative::enrollment::refer::Referral;
use crate::palliative::enrollment::request::Wanted;
use crate::palliative::enrollment::tests::World;
use crate::palliative::enrollment::tests::agreed;
use crate::palliative::enrollment::tests::care_team;
use crate::palliative::enrollment::tests::codes;
use crate::palliative::enrollment::tests::determined;
use crate::palliative::enrollment::tests::referral;
use crate::palliative::enrollment::tests::resource;
use crate::palliative::enrollment::tests::wish;
use crate::palliative::screening::Outcome;
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
fn t30_an_agreement_is_valid_only_if_every_part_of_it_is() {
    let cases: [(&str, Value, bool); 16] = [
        ("status", json!("active"), true),
        ("status", json!("proposed"), false),
        ("dateTime", json!("2026-01-15"), true),
        ("dateTime", json!("2026-01-16"), false),
        ("dateTime", json!("2026-01-16T06:59:59Z"), true), // still the 15th in Phoenix
        ("provision", json!({ "period": { "start": "2026-01-16" } }), false),
        ("provision", json!({ "period": { "end": "2026-01-15" } }), true),
        ("provision", json!({ "type": "deny" }), false),
        ("provision", json!({ "type": "permit" }), true),
        ("policy", json!(null), false),
        ("patient", json!({ "reference": "Patient/other" }), false),
        (
            "scope",
            json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] }),
            false,
        ),
        ("category", json!([{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }]), false),
        ("performer", json!([{ "reference": "RelatedPerson/spouse" }]), false),
        ("performer", json!(null), false),
        ("sourceReference", json!(null), false),
    ];
    for (element, value, valid) in cases {
        let mut world = consented();
        let consent = world.resources.get_mut("Consent/con").unwrap().object_mut();
        if value.is_null() {
            consent.remove(element);
        } else {
            consent.insert(element.into(), value.clone());
        }
        let result = world.enroll(&wish()).map(|_| ()).map_err(|failure| codes(&failure));
        let expected = if valid { Ok(()) } else { Err(vec!["consent-invalid".to_owned()]) };
        assert_eq!(result, expected, "{element} {value}");
    }
}

#[test]
fn t26_agreement_consent_to_share_and_hospice_election_are_three_things() {
    let scope = |code: &str| {
        json!({ "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": code }] })
    };
    let elections = |world: &World| {
        let flags = world.resources.values().filter(|one| one.ty().name() == "Flag");
        flags.filter(|one| one.text("/code/coding/0/code") == Some("hospice-election")).count()
    };
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    for other in ["patient-privacy", "adr", "research"] {
        world.set("Consent/con", "scope", scope(other));
        assert_eq!(codes(&world.act(&agreed()).unwrap_err()), ["consent-invalid"], "{other}");
    }
    world.set("Consent/con", "scope", scope("treatment"));
    world.act(&agreed()).unwrap();
    world.enroll(&wish()).unwrap();
    assert_eq!(elections(&world), 0, "to take part is not to elect hospice");
    let before = world.resources["Consent/con"].clone();
    world.put(election("active", json!({ "start": "2026-01-15" })));
    assert_eq!(world.state(), "enrolled", "an election that somebody recorded ends nothing by itself");
    assert_eq!(world.resources["Consent/con"], before);
}

#[test]
fn t28_a_parent_agrees_until_the_day_on_which_the_child_is_18() {
    let authority = json!([{ "url": crate::palliative::vocabulary::AUTHORITY_EXTENSION,
        "extension": [{ "url": "authority", "valueString": "mother" }] }]);
    for (birth, valid) in [("2008-01-16", true), ("2008-01-15", false)] {
        let mut world = World::new();
        world.program.age_min = None;
        world.set("Patient/p", "birthDate", json!(birth));
        world.set("Consent/con", "performer", json!([{ "reference": "RelatedPerson/mother" }]));
        world.set("Consent/con", "extension", authority.clone());
        world.refer(&referral()).unwrap();
        world.act(&determined(Outcome::Eligible)).unwrap();
        let agreed = world.act(&agreed()).map(|_| ()).map_err(|failure| codes(&failure));
        let expected = if valid { Ok(()) } else { Err(vec!["consent-invalid".to_owned()]) };
        assert_eq!(agreed, expected, "{birth}");
    }
}

#[test]
fn t27_a_surrogate_needs_authority_and_the_finding_that_the_patient_could_not_decide() {
    let authority = |parts: &[&str]| {
        let parts: Vec<Value> =
            parts.iter().map(|url| json!({ "url": url, "valueString": "on record" })).collect();
        json!([{ "url": crate::palliative::vocabulary::AUTHORITY_EXTENSION, "extension": parts }])
    };
    for (parts, birth, valid) in [
        (&["authority", "capacity", "capacityDate"][..], "1950-05-01", true),
        (&["authority"][..], "1950-05-01", false),
        (&["capacity", "capacityDate"][..], "1950-05-01", false),
        (&["authority"][..], "2009-05-01", true), // a minor: nobody needs to find incapacity
    ] {
        let mut world = consented();
        world.program.age_min = None;
        world.set("Patient/p", "birthDate", json!(birth));
        world.set("Consent/con", "performer", json!([{ "reference": "RelatedPerson/spouse" }]));
        world.set("Consent/con", "extension", authority(parts));
        assert_eq!(world.enroll(&wish()).is_ok(), valid, "{parts:?} {birth}");
    }
}

#[test]
fn word_of_mouth_counts_where_the_programme_allows_it_and_it_was_verified() {
    let verified = json!([{ "verified": true, "verificationDate": "2026-01-10" }]);
    for (allowed, verification, valid) in [
        (true, verified.clone(), true),
        (false, verified, false),
        (true, json!([{ "verified": true }]), false),
        (true, json!([{ "verified": false, "verificationDate": "2026-01-10" }]), false),
    ] {
        let mut world = consented();
        world.program.verbal_consent = allowed;
        world.resources.get_mut("Consent/con").unwrap().object_mut().remove("sourceReference");
        world.set("Consent/con", "verification", verification.clone());
        assert_eq!(world.enroll(&wish()).is_ok(), valid, "{allowed} {verification}");
    }
}

#[test]
fn an_agreement_must_be_on_file_and_name_the_programmes_form_where_there_is_one() {
    let mut world = consented();
    world.resources.remove("Consent/con");
    assert_eq!(codes(&world.enroll(&wish()).unwrap_err()), ["consent-missing"]);
    let mut sent = wish();
    let mut value = crate::palliative::enrollment::tests::consent();
    value["id"] = json!("ignored");
    sent.consent = Some(Wanted::New(resource(value)));
    world.program.consent_form = Some("https://example.org/other".into());
    assert_eq!(codes(&world.enroll(&sent).unwrap_err()), ["consent-invalid"]);
    world.program.consent_form = Some("https://example.org/agreement".into());
    world.enroll(&sent).unwrap();
    let kept = crate::palliative::enrollment::extension_of(
        world.episode(),
        crate::palliative::vocabulary::CONSENT_EXTENSION,
    )
    .unwrap();
    let name = kept["valueReference"]["reference"].as_str().unwrap();
    assert!(world.resources.contains_key(name), "{name} was written along");
}

#[test]
fn a_screening_holds_for_so_many_days_and_only_while_its_rule_set_does() {
    for (start, ok) in [("2026-02-13", true), ("2026-02-14", false)] {
        let mut world = consented();
        let mut wish = wish();
        wish.start = start.parse().unwrap();
        assert_eq!(world.enroll(&wish).is_ok(), ok, "screened for 2026-01-14, valid 30 days, start {start}");
    }
    let mut world = consented();
    world.rule_sets = vec!["https://comfrey.health/fhir/PlanDefinition/RS-CA-ADULT|2".into()];
    assert_eq!(codes(&world.enroll(&wish()).unwrap_err()), ["not-eligible"]);
}

#[test]
fn a_director_overrides_the_screening_but_never_an_adults_hospice() {
    let mut world = consented();
    world.rule_sets.clear();
    let mut over = wish();
    over.override_reason = Some("Enrolled on compassionate grounds".into());
    world.actor.roles.clear();
    assert_eq!(codes(&world.enroll(&over).unwrap_err()), ["not-eligible"]);
    world.actor.roles.push("program-director".into());
    world.put(election("active", json!({ "start": "2026-01-01" })));
    assert_eq!(codes(&world.enroll(&over).unwrap_err()), ["hospice-active"]);
    world.resources.remove("Flag/f");
    world.enroll(&over).unwrap();
}

#[test]
fn t53_hospice_excludes_an_adult_from_election_to_revocation() {
    for (status, period, free) in [
        ("active", json!({ "start": "2026-01-10" }), false),
        ("active", json!({ "start": "2026-01-16" }), true),
        ("inactive", json!({ "start": "2025-10-01", "end": "2026-01-15" }), true), // revoked from that day
        ("inactive", json!({ "start": "2025-10-01", "end": "2026-01-16" }), false),
        ("entered-in-error", json!({ "start": "2026-01-10" }), true),
    ] {
        let mut world = consented();
        world.put(election(status, period.clone()));
        assert_eq!(world.enroll(&wish()).is_ok(), free, "{status} {period}");
    }
    let mut world = consented();
    world.set("Patient/p", "birthDate", json!("2006-01-01"));
    world.put(election("active", json!({ "start": "2026-01-10" })));
    world.enroll(&wish()).expect("at 20 both may go on");
}

#[test]
fn the_coverage_must_be_the_patients_active_and_of_a_payer_that_is_served() {
    let sopt = |code: &str| json!({ "coding": [{ "system": "https://nahdo.org/sopt", "code": code }] });
    for (element, value, ok) in [
        ("type", sopt("219"), true),
        ("type", sopt("512"), false),
        ("type", sopt("81"), false),
        ("type", json!({ "text": "Gold" }), false),
        ("status", json!("draft"), false),
        ("period", json!({ "start": "2026-01-16" }), false),
        ("period", json!({ "start": "2026-01-15", "end": "2026-01-15" }), true),
        ("beneficiary", json!({ "reference": "Patient/other" }), false),
    ] {
        let mut world = consented();
        world.set("Coverage/cov", element, value.clone());
        let result = world.enroll(&wish()).map(|_| ()).map_err(|failure| codes(&failure));
        let expected = if ok { Ok(()) } else { Err(vec!["coverage-inactive".to_owned()]) };
        assert_eq!(result, expected, "{element} {value}");
    }
    let mut world = consented();
    world.program.self_pay = true;
    world.set("Coverage/cov", "type", sopt("81"));
    world.enroll(&wish()).expect("a programme may serve those who pay themselves");
}

#[test]
fn the_start_lies_between_referral_and_thirty_days_ahead() {
    for (start, ok) in
        [("2026-01-11", false), ("2026-01-12", true), ("2026-02-13", true), ("2026-02-15", false)]
    {
        let mut world = consented();
        let mut wish = wish();
        wish.start = start.parse().unwrap();
        assert_eq!(world.enroll(&wish).is_ok(), ok, "{start}");
    }
    let mut world = consented();
    world.program.retro_limit_days = 2;
    let mut wish = wish();
    wish.start = "2026-01-12".parse().unwrap();
    assert_eq!(codes(&world.enroll(&wish).unwrap_err()), ["date-range"]);
}

#[test]
fn the_team_has_the_roles_by_snomed_or_by_our_own_codes_and_a_telephone_where_asked() {
    let own = |role: &str| json!({ "role": [{ "coding": [{ "system": crate::palliative::vocabulary::ROLE_SYSTEM, "code": role }] }], "member": { "reference": "Practitioner/x" } });
    let mut world = consented();
    world.set("CareTeam/team", "participant", json!([own("prescriber"), own("social-worker")]));
    world.program.required_roles.push(vec!["phone-24-7".into()]);
    assert_eq!(codes(&world.enroll(&wish()).unwrap_err()), ["roles-missing"]);
    world.program.phone_all_day = true;
    world.enroll(&wish()).unwrap();
    let mut world = consented();
    world.set("CareTeam/team", "status", json!("inactive"));
    assert_eq!(codes(&world.enroll(&wish()).unwrap_err()), ["roles-missing", "roles-missing"]);
    let mut value = care_team();
    value.as_object_mut().unwrap().remove("subject");
    let mut sent = wish();
    sent.care_team = Some(Wanted::New(resource(value)));
    world.enroll(&sent).unwrap();
    let team = world.episode().text("/team/0/reference").unwrap().to_owned();
    assert_eq!(world.resources[&team].text("/subject/reference"), Some("Patient/p"));
}

#[test]
fn an_exclusive_programme_takes_nobody_who_is_open_elsewhere() {
    let mut world = consented();
    let mut other = world.episode().value().clone();
    other["id"] = json!("elsewhere");
    for extension in other["extension"].as_array_mut().unwrap() {
        if extension["url"] == crate::palliative::vocabulary::PROGRAM_EXTENSION {
            extension["valueReference"]["reference"] = json!("HealthcareService/other");
        }
    }
    world.put(other);
    world.program.exclusive_with = vec!["HealthcareService/other".into()];
    assert_eq!(codes(&world.enroll(&wish()).unwrap_err()), ["exclusive-program"]);
    world.program.exclusive_with.clear();
    world.enroll(&wish()).unwrap();
}

#[test]
fn a_medical_home_must_be_recognised_or_about_to_be() {
    let site = |status: &str, end: &str| {
        json!({ "resourceType": "Organization", "id": "home", "name": "Home", "extension": [{
        "url": crate::palliative::vocabulary::RECOGNITION_EXTENSION, "extension": [
            { "url": "status", "valueCode": status }, { "url": "period", "valuePeriod": { "end": end } }] }] })
    };
    for (status, end, ok) in [
        ("achieved", "2026-12-31", true),
        ("in-process", "2026-12-31", true),
        ("expired", "2026-12-31", false),
        ("achieved", "2026-01-14", false),
    ] {
        let mut world = consented();
        world.program.pcmh_required = true;
        let mut wish = wish();
        assert_eq!(codes(&world.enroll(&wish).unwrap_err()), ["pcmh-recognition"]);
        wish.pcmh_site = Some("Organization/home".into());
        world.put(site(status, end));
        assert_eq!(world.enroll(&wish).is_ok(), ok, "{status} {end}");
    }
}

#[test]
fn a_referral_is_refused_for_the_dead_for_the_wrong_age_and_from_the_future() {
    let mut world = World::new();
    world.set("Patient/p", "deceasedDateTime", json!("2026-01-01"));
    world.set("Patient/p", "birthDate", json!("2010"));
    world.program.active = false;
    let late = Referral { received: "2026-01-16".parse().unwrap(), ..referral() };
    let failure = world.refer(&late).unwrap_err();
    assert_eq!(
        (failure.status(), codes(&failure)),
        (422, ["age", "date-range", "deceased", "program-inactive"].map(str::to_owned).to_vec())
    );
}

#[test]
fn a_payers_approval_is_asked_for_only_where_the_programme_needs_one() {
    let mut world = World::new();
    world.program.requires_authorization = true;
    world.refer(&referral()).unwrap();
    let mut request = determined(Outcome::Eligible);
    assert_eq!(codes(&world.act(&request).unwrap_err()), ["authorization-missing"]);
    request.authorization = Some("ClaimResponse/1".into());
    world.act(&request).unwrap();
    assert_eq!(world.state(), "eligible");
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
