//! References, contained resources, resources in resources, and links.

use super::*;

#[test]
fn references_point_to_what_the_element_allows() {
    let subject = |reference: Value| json!({ "resourceType": "Condition", "subject": reference });
    hold(&[
        (subject(json!({ "reference": "Patient/1" })), &[]),
        (subject(json!({ "reference": "Patient/1/_history/2" })), &[]),
        (subject(json!({ "reference": "Patient?identifier=a|b" })), &[]),
        (subject(json!({ "reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520" })), &[]),
        (subject(json!({ "reference": "https://a.org/Group/1" })), &[]),
        (subject(json!({ "reference": "https://a.org/whatever" })), &[]),
        (subject(json!({ "identifier": { "value": "1" }, "type": "Patient" })), &[]),
        (subject(json!({ "reference": "Practitioner/1" })), &["value Condition.subject.reference"]),
        (
            subject(json!({ "reference": "https://a.org/fhir/Practitioner/1/_history/1" })),
            &["value Condition.subject.reference"],
        ),
        (
            subject(json!({ "reference": "Practitioner?identifier=a" })),
            &["value Condition.subject.reference"],
        ),
        (subject(json!({ "reference": "Pat/1" })), &["value Condition.subject.reference"]),
        (subject(json!({ "reference": "1" })), &["value Condition.subject.reference"]),
        (subject(json!({ "type": "Device", "display": "a" })), &["value Condition.subject.type"]),
        (subject(json!({ "type": "Pat", "display": "a" })), &["value Condition.subject.type"]),
        (subject(json!({ "reference": "Patient/1", "type": "Group" })), &["value Condition.subject.type"]),
        (subject(json!({ "reference": "#p" })), &["invariant Condition.subject.reference"]),
        (
            json!({ "resourceType": "Condition", "subject": { "reference": "#o" },
                 "contained": [{ "resourceType": "Organization", "id": "o", "name": "O" }] }),
            &["value Condition.subject.reference"],
        ),
        (observation(json!({ "focus": [{ "reference": "Basic/1" }] })), &[]),
    ]);
}

#[test]
fn contained_resources_belong_to_their_container() {
    let with = |contained: Value, reference: &str| {
        patient(json!({ "contained": contained, "managingOrganization": { "reference": reference } }))
    };
    let organization = |id: &str| json!({ "resourceType": "Organization", "id": id, "name": "O" });
    hold(&[
        (with(json!([organization("o")]), "#o"), &[]),
        (with(json!([organization("o")]), "Organization/1"), &["invariant Patient.contained[0]"]),
        (
            with(json!([organization("o"), organization("o")]), "#o"),
            &["invariant Patient.contained[1]", "value Patient.contained[1].id"],
        ),
        (
            with(json!([{ "resourceType": "Organization", "name": "O" }]), "Organization/1"),
            &["required Patient.contained[0].id"],
        ),
        (
            with(
                json!([{ "resourceType": "Organization", "id": "o", "name": "O", "contained": [organization("p")], "partOf": { "reference": "#o" } }]),
                "#o",
            ),
            &["invariant Patient.contained[0].contained[0]"],
        ),
        (
            with(
                json!([{ "resourceType": "Organization", "id": "o", "name": "O",
                       "meta": { "versionId": "1", "lastUpdated": "2026-01-01T00:00:00Z", "security": [{ "code": "R" }] } }]),
                "#o",
            ),
            &[
                "invariant Patient.contained[0].meta.lastUpdated",
                "invariant Patient.contained[0].meta.security",
                "invariant Patient.contained[0].meta.versionId",
            ],
        ),
        (
            patient(
                json!({ "contained": [{ "resourceType": "Provenance", "id": "p", "target": [{ "reference": "#" }],
            "recorded": "2026-01-01T00:00:00Z", "agent": [{ "who": { "display": "a" } }] }] }),
            ),
            &[],
        ),
        (
            patient(json!({ "contained": [{ "resourceType": "Nothing", "id": "n" }] })),
            &["invariant Patient.contained[0]", "structure Patient.contained[0].resourceType"],
        ),
        (
            patient(json!({ "contained": { "resourceType": "Organization", "id": "o", "name": "O" } })),
            &["invariant Patient.contained[0]", "structure Patient.contained"],
        ),
    ]);
}

#[test]
fn resources_within_resources_are_judged_where_they_stand() {
    hold(&[
        (
            json!({ "resourceType": "Bundle", "type": "collection", "entry": [
            { "resource": { "resourceType": "Patient", "gender": "x" } },
            { "resource": { "resourceType": "Patient", "managingOrganization": { "reference": "#o" } } },
            { "resource": { "gender": "x" } },
        ] }),
            &[
                "code-invalid Bundle.entry[0].resource.gender",
                "invariant Bundle.entry[1].resource.managingOrganization.reference",
                "structure Bundle.entry[2].resource.resourceType",
            ],
        ),
        (
            json!({ "resourceType": "Parameters", "parameter": [
            { "name": "a", "part": [{ "name": "b", "resource": { "resourceType": "Patient", "zzz": 1 } }] },
        ] }),
            &["structure Parameters.parameter[0].part[0].resource.zzz"],
        ),
    ]);
}

#[test]
fn links_are_found_at_any_depth_and_can_be_rewritten() {
    let mut resource = json!({
        "resourceType": "Bundle", "type": "collection", "entry": [{ "resource": {
            "resourceType": "Patient",
            "meta": { "profile": ["urn:uuid:1"] },
            "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"urn:uuid:1\">a</a></div>" },
            "contained": [{ "resourceType": "Organization", "id": "o", "partOf": { "reference": "urn:uuid:1" } }],
            "extension": [{ "url": "http://a.org/e", "valueReference": { "reference": "urn:uuid:1" } }],
            "_birthDate": { "extension": [{ "url": "http://a.org/e", "valueUri": "urn:uuid:1" }] },
            "photo": [{ "url": "urn:uuid:1", "title": "urn:uuid:1" }],
            "managingOrganization": { "reference": "urn:uuid:1", "display": "urn:uuid:1" },
            "zzz": [{ "reference": "urn:uuid:1" }]
        } }]
    });
    let mut seen = Vec::new();
    links_mut(&SHAPES, &mut resource, &mut |link, text| {
        if text == "urn:uuid:1" {
            seen.push(link);
            *text = "Patient/1".to_owned();
        }
    });
    let count = |kind: Link| seen.iter().filter(|link| **link == kind).count();
    assert_eq!((count(Link::Reference), count(Link::Url), count(Link::NarrativeUrl)), (3, 2, 1));
    let text = resource.to_string();
    // The two texts that are no links, the canonical and the element that nobody knows stay.
    assert_eq!(text.matches("urn:uuid:1").count(), 4);
}
