//! What makes an agreement to take part a valid one. <https://hl7.org/fhir/R4/consent.html>

use super::*;

#[test]
fn t30_an_agreement_is_valid_only_if_every_part_of_it_is() {
    let cases: [(&str, Value, bool); 18] = [
        ("status", json!("active"), true),
        ("status", json!("proposed"), false),
        ("dateTime", json!("2026-01-15"), true),
        ("dateTime", json!("2026-01-16"), false),
        ("dateTime", json!("2026-01-16T06:59:59Z"), true), // still the 15th in Phoenix
        ("dateTime", json!("2025-12"), true),
        ("dateTime", json!("2026-01"), false), // perhaps on the 31st
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
    let mother = json!([{ "reference": "RelatedPerson/mother" }]);
    let (child, both) = (
        json!([{ "reference": "Patient/p" }]),
        json!([{ "reference": "Patient/p" }, { "reference": "RelatedPerson/mother" }]),
    );
    let mut own = authority.clone();
    own[0]["extension"][0]["valueString"] = json!("emancipated-minor");
    for (birth, performer, authority, valid) in [
        ("2008-01-16", &mother, &authority, true),
        ("2008-01-15", &mother, &authority, false),
        ("2008-01-16", &both, &authority, true),
        ("2008-01-16", &child, &json!([]), false),
        ("2008-01-16", &child, &authority, false),
        ("2008-01-16", &child, &own, true),
        ("2008-01-16", &mother, &own, false),
        ("2008-01-15", &child, &json!([]), true),
        // A year alone: 17 or 18.
        ("2008", &child, &json!([]), false),
        ("2008", &mother, &authority, false),
        ("2008", &both, &authority, true),
        ("2008-01", &child, &json!([]), false),
        ("2007-12", &child, &json!([]), true),
    ] {
        let mut world = World::new();
        world.program.age_min = None;
        world.set("Patient/p", "birthDate", json!(birth));
        world.set("Consent/con", "performer", performer.clone());
        world.set("Consent/con", "extension", authority.clone());
        world.refer(&referral()).unwrap();
        world.act(&determined(Outcome::Eligible)).unwrap();
        let agreed = world.act(&agreed()).map(|_| ()).map_err(|failure| codes(&failure));
        let expected = if valid { Ok(()) } else { Err(vec!["consent-invalid".to_owned()]) };
        assert_eq!(agreed, expected, "{birth} {performer} {authority}");
    }
}

#[test]
fn t27_a_surrogate_needs_authority_and_the_finding_that_the_patient_could_not_decide() {
    let right = || json!({ "url": "authority", "valueString": "on record" });
    let could_not = |value: bool| json!({ "url": "capacity", "valueBoolean": value });
    let found = |on: &str| json!({ "url": "capacityDate", "valueDate": on });
    let says = |code: &str| json!({ "url": "capacity", "valueCode": code });
    let (then, adult) = ("2026-01-15", "1950-05-01");
    for (parts, birth, valid) in [
        (json!([right(), could_not(false), found(then)]), adult, true),
        (json!([right(), says("surrogate"), found(then)]), adult, true),
        (json!([right(), could_not(true), found(then)]), adult, false),
        (json!([right(), says("patient"), found(then)]), adult, false),
        (json!([right(), could_not(false), found("2026-01-16")]), adult, false),
        (json!([right(), could_not(false)]), adult, false),
        (json!([right()]), adult, false),
        (json!([could_not(false), found(then)]), adult, false),
        (json!([right()]), "2009-05-01", true), // a minor: nobody needs to find incapacity
    ] {
        let mut world = consented();
        world.program.age_min = None;
        world.set("Patient/p", "birthDate", json!(birth));
        world.set("Consent/con", "performer", json!([{ "reference": "RelatedPerson/spouse" }]));
        let authority =
            json!([{ "url": crate::palliative::vocabulary::AUTHORITY_EXTENSION, "extension": parts }]);
        world.set("Consent/con", "extension", authority);
        assert_eq!(world.enroll(&wish()).is_ok(), valid, "{parts} {birth}");
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
