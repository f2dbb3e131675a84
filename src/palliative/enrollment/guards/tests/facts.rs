//! What the screening, the coverage, the team and the programme must say. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;
use crate::palliative::enrollment::attribution::Why;
use crate::palliative::enrollment::authorization::flaw;

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
    // Where all payers are served, those who have none are so only by the setting for them.
    for (code, ok) in [("512", true), ("81", false)] {
        let mut world = consented();
        world.program.lines_of_business.clear();
        world.set("Coverage/cov", "type", sopt(code));
        assert_eq!(world.enroll(&wish()).is_ok(), ok, "{code}");
    }
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
fn who_has_left_the_team_or_comes_later_fills_no_role() {
    let missing = |period: &Value, of_team: Option<Value>| {
        let mut world = consented();
        let mut members = world.resources["CareTeam/team"].value()["participant"].clone();
        members.as_array_mut().unwrap().iter_mut().for_each(|one| one["period"] = period.clone());
        world.set("CareTeam/team", "participant", members);
        if let Some(of_team) = of_team {
            world.set("CareTeam/team", "period", of_team);
        }
        world.enroll(&wish()).map_or_else(|failure| codes(&failure), |_| Vec::new())
    };
    // the service starts on 15 January
    for (period, is_there) in [
        (json!({ "end": "2026-01-14" }), false),
        (json!({ "start": "2026-01-16" }), false),
        (json!({ "start": "2026-01-15", "end": "2026-01-15" }), true),
        (json!({ "start": "2025" }), true),
    ] {
        let expected = if is_there { Vec::new() } else { vec!["roles-missing".to_owned(); 2] };
        assert_eq!(missing(&period, None), expected, "{period}");
    }
    let ended = Some(json!({ "end": "2025-12-31" }));
    assert_eq!(missing(&json!({ "start": "2025" }), ended), ["roles-missing", "roles-missing"]);
}

#[test]
fn a_tier_asks_for_roles_of_its_own_beside_those_of_every_team() {
    use crate::palliative::required_roles::TierRole;
    use crate::palliative::risk::tier::Tier;
    let mut world = consented();
    let row = |tier: Tier, role: &str| TierRole { tier, any_of: vec![role.to_owned()] };
    world.program.tier_roles = vec![row(Tier::Two, "social-worker"), row(Tier::Three, "chaplain")];
    let of = |tier: Option<&str>| Enrollment { tier: tier.map(str::to_owned), ..wish() };
    assert_eq!(codes(&world.enroll(&of(Some("tier-3"))).unwrap_err()), ["roles-missing"]);
    // the tier that is on the episode counts where none is named
    let episode = world.episode().clone();
    let since = |day: &str| {
        json!({ "url": crate::palliative::vocabulary::TIER_EXTENSION,
            "extension": [{ "url": "tier", "valueCode": "tier-3" }, { "url": "since", "valueDate": day }] })
    };
    let mut extensions = episode.get("extension").unwrap().as_array().unwrap().clone();
    let name = crate::palliative::enrollment::facts::name(&episode);
    // also where the first day lies before the one since when it is there
    extensions.push(since("2026-01-15"));
    world.set(&name, "extension", Value::Array(extensions.clone()));
    let earlier = Enrollment { start: "2026-01-14".parse().unwrap(), ..of(None) };
    assert_eq!(codes(&world.enroll(&earlier).unwrap_err()), ["roles-missing"]);
    extensions.pop();
    extensions.push(since("2026-01-14"));
    world.set(&name, "extension", Value::Array(extensions));
    assert_eq!(codes(&world.enroll(&of(None)).unwrap_err()), ["roles-missing"]);
    let all_missing = {
        world.set("CareTeam/team", "status", json!("inactive"));
        let failure = world.enroll(&of(None)).unwrap_err();
        world.set("CareTeam/team", "status", json!("active"));
        failure
    };
    assert_eq!(codes(&all_missing), ["roles-missing"; 3]);
    assert!(all_missing.issues[2].text.contains("tier-3 lacks: chaplain"), "{}", all_missing.issues[2].text);
    world.enroll(&of(Some("tier-2"))).expect("the team has a social worker");
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
        wish.pcmh_site = Some(("Organization/home".into(), Why::Named));
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
    let missing = ["authorization-missing"];
    assert_eq!(codes(&world.act(&request).unwrap_err()), missing);
    request.authorization = Some("ClaimResponse/1".into());
    assert_eq!(codes(&world.act(&request).unwrap_err()), missing, "it is not on file");
    request.authorization = Some("Coverage/cov".into());
    assert_eq!(codes(&world.act(&request).unwrap_err()), missing, "it is no approval");
    request.authorization = Some("ClaimResponse/1".into());
    let approval = json!({ "resourceType": "ClaimResponse", "id": "1", "status": "active", "type": { "text": "care" },
        "use": "preauthorization", "patient": { "reference": "Patient/p" }, "created": "2026-01-13",
        "insurer": { "reference": "Organization/plan" }, "outcome": "complete",
        "preAuthRef": "A-77", "preAuthPeriod": { "end": "2026-01-15" } });
    let review = |code: &str| {
        json!([{ "itemSequence": 1, "adjudication": [{ "category": { "text": "submitted" }, "extension": [{
            "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewAction", "extension": [{
            "url": "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-reviewActionCode",
            "valueCodeableConcept": { "coding": [{ "code": code }] } }] }] }] }])
    };
    for (element, value) in [
        ("preAuthRef", Value::Null),
        ("item", review("A3")),
        ("patient", json!({ "reference": "Patient/other" })),
        ("status", json!("cancelled")),
        ("use", json!("claim")),
        ("outcome", json!("queued")),
        ("preAuthPeriod", json!({ "end": "2026-01-14" })),
    ] {
        let mut other = approval.clone();
        other[element] = value;
        other.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        world.put(other);
        assert_eq!(codes(&world.act(&request).unwrap_err()), missing, "{element}");
    }
    let mut letter = json!({ "resourceType": "DocumentReference", "id": "letter", "status": "current",
        "subject": { "reference": "Patient/p" }, "content": [{ "attachment": { "title": "Approval" } }] });
    request.authorization = Some("DocumentReference/letter".into());
    world.put(letter.clone());
    assert_eq!(codes(&world.act(&request).unwrap_err()), missing, "anybody may have written it");
    letter["author"] = json!([world.resources["Coverage/cov"].value()["payor"][0]]);
    world.put(letter);
    assert_eq!(world.with_case(world.episode(), |case| flaw(case, "DocumentReference/letter")), None);
    request.authorization = Some("ClaimResponse/1".into());
    let mut approval = approval;
    approval["item"] = review("A1");
    world.put(approval);
    world.act(&request).unwrap();
    assert_eq!(world.state(), "eligible");
}
