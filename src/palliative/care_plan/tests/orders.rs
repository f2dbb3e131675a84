//! Which order on resuscitation holds, and the Flag that follows from it. <https://hl7.org/fhir/R4/flag.html>

use serde_json::json;

use super::LOINC;
use super::apply;
use super::enrolled;
use super::observed;
use super::on;
use super::template;
use super::wishes::choice;
use super::wishes::document;
use super::wishes::flags;
use super::wishes::order;
use super::wishes::signed;
use super::wishes::stands;
use crate::palliative::care_plan::wishes::Resuscitation;
use crate::palliative::care_plan::wishes::Wishes;
use crate::palliative::enrollment::tests::World;

#[test]
fn a_flag_stands_while_any_order_does_and_passes_to_the_next() {
    let mut world = enrolled();
    world.put(order("first", "2026-01-02"));
    apply(&mut world);
    world.put(order("second", "2026-01-10"));
    let written = apply(&mut world).drafts;
    assert!(
        written.iter().all(|draft| matches!(draft.resource.ty().name(), "CarePlan" | "Provenance")),
        "the first order's Flag still says what holds; the page tells of the second"
    );
    assert_eq!(flags(&world), ["active"]);
    world.set("ServiceRequest/first", "status", json!("revoked"));
    apply(&mut world);
    let mut all = flags(&world);
    all.sort_unstable();
    assert_eq!(all, ["active", "inactive"], "one goes and one comes in the same run");
    assert!(apply(&mut world).drafts.is_empty());
    world.set("ServiceRequest/second", "status", json!("revoked"));
    apply(&mut world);
    assert_eq!(flags(&world), ["inactive", "inactive"]);
}

#[test]
fn a_flag_that_a_later_order_took_down_is_raised_again_where_that_order_does_not_hold() {
    let mut world = enrolled();
    world.put(order("dnr", "2026-01-02"));
    apply(&mut world);
    world.put(document("polst", "93037-0", "2026-01-08", signed()));
    world.put(choice("cpr", "2026-01-08", "LA33470-8"));
    apply(&mut world);
    assert_eq!(flags(&world), ["inactive"]);
    world.set("DocumentReference/polst", "status", json!("entered-in-error"));
    apply(&mut world);
    assert_eq!(flags(&world), ["active"]);
    let flag = world.resources.values().find(|one| one.ty().name() == "Flag").unwrap();
    assert_eq!((flag.text("/period/end"), flag.text("/identifier/0/use")), (None, None));
    assert!(apply(&mut world).drafts.is_empty());
}

#[test]
fn the_newest_signed_order_holds_whatever_unsigned_paper_is_newer() {
    let mut world = enrolled();
    world.put(document("polst", "93037-0", "2026-01-05", signed()));
    world.put(choice("cpr", "2026-01-05", "LA33471-6"));
    let patient = json!({ "author": [{ "reference": "Patient/p" }],
        "relatesTo": [{ "code": "replaces", "target": { "reference": "DocumentReference/polst" } }] });
    let mut paper = document("paper", "93037-0", "2026-01-10", patient);
    paper.as_object_mut().unwrap().remove("docStatus");
    world.put(paper);
    let held = |world: &World| stands(world).3;
    assert_eq!(held(&world).as_deref(), Some("DocumentReference/polst"));
    assert_eq!(stands(&world).0, ["paper", "polst"]);
    let replaces = json!({ "authenticator": { "reference": "Practitioner/dr" },
        "relatesTo": [{ "code": "replaces", "target": { "reference": "DocumentReference/polst" } }] });
    world.put(document("newer", "93037-0", "2026-01-09", replaces));
    assert_eq!(held(&world), None, "a newer order takes its place, and has no answer yet");
}

#[test]
fn an_order_is_said_to_be_final_and_signed_and_not_only_written_by_a_clinician() {
    let written = json!({ "author": [{ "reference": "Practitioner/dr" }] });
    for (more, doc_status, is_order) in [
        (signed(), Some("final"), true),
        (signed(), Some("amended"), true),
        (signed(), None, false),
        (signed(), Some("preliminary"), false),
        (written, Some("final"), false),
        (json!({ "authenticator": { "reference": "Organization/org" } }), Some("final"), false),
    ] {
        let mut world = enrolled();
        world.put(choice("cpr", "2026-01-05", "LA33471-6"));
        let mut paper = document("polst", "93037-0", "2026-01-05", more.clone());
        match doc_status {
            Some(status) => paper["docStatus"] = json!(status),
            None => drop(paper.as_object_mut().unwrap().remove("docStatus")),
        }
        world.put(paper);
        assert_eq!(stands(&world).3.is_some(), is_order, "{more} {doc_status:?}");
    }
}

#[test]
fn an_order_says_what_is_derived_from_it_and_never_what_is_derived_from_another_paper() {
    let mut world = enrolled();
    world.put(document("polst", "93037-0", "2026-01-05", signed()));
    world.put(document("paper", "93037-0", "2026-01-06", json!({})));
    let derived = |id: &str, day: &str, answer: &str, from: &str| {
        let mut one = choice(id, day, answer);
        one["derivedFrom"] = json!([{ "reference": from }]);
        one
    };
    let says = |world: &World| {
        on(world, &template(), |planning, _| Wishes::of(planning).orders.first().map(|order| order.says))
    };
    world.put(derived("theirs", "2026-01-06", "LA33471-6", "DocumentReference/paper"));
    assert_eq!(says(&world), None, "the answer of an unsigned paper");
    world.put(choice("loose", "2026-01-07", "LA33471-6"));
    assert_eq!(says(&world), Some(Resuscitation::DoNot));
    world.put(derived("own", "2026-01-05", "LA33470-8", "DocumentReference/polst/_history/1"));
    assert_eq!(says(&world), Some(Resuscitation::Try), "its own answer, though others are newer");
}

#[test]
fn of_one_day_the_latest_is_that_of_the_latest_instant() {
    let mut world = enrolled();
    let says = |value: &str| json!({ "valueString": value });
    world.put(observed("a", (LOINC, "75773-2"), "2026-01-10T10:00:00-08:00", says("later")));
    world.put(observed("b", (LOINC, "75773-2"), "2026-01-10T17:00:00Z", says("earlier")));
    let ids = |world: &World| {
        on(world, &template(), |planning, _| {
            let wishes = Wishes::of(planning);
            let ids = wishes.preferences.iter().map(|(_, one)| one.id().unwrap().to_owned());
            ids.collect::<Vec<_>>()
        })
    };
    assert_eq!(ids(&world), ["a", "b"]);
    world.put(order("dnr", "2026-01-10T08:00:00-08:00"));
    world.put(document("polst", "93037-0", "2026-01-10", signed()));
    world.set("DocumentReference/polst", "date", json!("2026-01-10T15:00:00Z"));
    let mut answer = choice("cpr", "2026-01-10T15:00:00Z", "LA33470-8");
    answer["derivedFrom"] = json!([{ "reference": "DocumentReference/polst" }]);
    world.put(answer);
    assert_eq!(stands(&world).3.as_deref(), Some("ServiceRequest/dnr"), "16:00 is later than 15:00");
    world.set("DocumentReference/polst", "date", json!("2026-01-10T09:00:00-08:00"));
    assert_eq!(stands(&world).3, None, "17:00 is later than 16:00");
}
