//! What undoing opens again, and what it calls off. <https://hl7.org/fhir/R4/episodeofcare.html>

use super::*;

fn about(world: &World, id: &str, status: &str) -> Value {
    let episode = crate::palliative::enrollment::facts::name(world.episode());
    json!({ "resourceType": "Task", "id": id, "status": status, "intent": "order",
        "code": { "coding": [{ "system": TASK_SYSTEM, "code": "outreach" }] },
        "focus": { "reference": episode }, "for": { "reference": "Patient/p" } })
}

/// Enrolled, with a plan that pauses, and with tasks.
fn with_work() -> World {
    let mut world = World::new();
    world.enrolled();
    let episode = crate::palliative::enrollment::facts::name(world.episode());
    world.put(json!({ "resourceType": "CarePlan", "id": "plan", "status": "on-hold", "intent": "plan",
        "subject": { "reference": "Patient/p" }, "period": { "start": "2026-01-14" },
        "extension": [{ "url": EPISODE_EXTENSION, "valueReference": { "reference": episode } }] }));
    for (id, status) in [("a", "accepted"), ("b", "ready"), ("c", "completed")] {
        world.put(about(&world, id, status));
    }
    world
}

fn statuses<const N: usize>(world: &World, names: [&str; N]) -> [String; N] {
    names.map(|name| world.resources[name].text("/status").unwrap().to_owned())
}

const WORK: [&str; 4] = ["CarePlan/plan", "Task/a", "Task/b", "Task/c"];

#[test]
fn undoing_opens_again_just_what_the_ending_closed_and_nobody_has_changed_since() {
    let mut world = with_work();
    let before = world.resources["CarePlan/plan"].clone();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    assert_eq!(statuses(&world, WORK), ["completed", "cancelled", "cancelled", "completed"]);
    // Somebody looked at one of the tasks and agreed that it is not to be done.
    world.set("Task/b", "description", json!("No longer wished for."));
    world.set("Task/b", "meta", json!({ "versionId": "3" }));
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["on-hold", "accepted", "cancelled", "completed"]);
    let after = &world.resources["CarePlan/plan"];
    assert_eq!(after.get("extension"), before.get("extension"), "the mark goes");
    assert_eq!(world.resources["Task/a"].get("extension"), None);
    // The same once more: an old mark is none of the new ending.
    world.act(&on(Action::Graduate, "2026-01-15", "graduated-improved")).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["on-hold", "accepted", "cancelled", "completed"]);
}

#[test]
fn a_plan_ends_with_the_episode_and_goes_on_where_that_is_undone() {
    let period = |world: &World| world.resources["CarePlan/plan"].get("period").cloned().unwrap();
    let own = json!({ "start": "2026-01-14" });
    let given = json!({ "start": "2026-01-14", "end": "2026-03-31" });
    let timed = json!({ "start": "2026-01-14T09:00:00-08:00" });
    let cases = [
        (on(Action::Discharge, "2026-01-16", "patient-request"), &own, "2026-01-16"),
        (on(Action::Graduate, "2026-01-16", "graduated-improved"), &timed, "2026-01-16"),
        (on(Action::Death, "2026-01-16", "deceased"), &own, "2026-01-16"),
        // The day on which hospice begins is none of the episode.
        (elected("2026-01-16"), &own, "2026-01-15"),
        // No period ends before it begins.
        (elected("2026-01-10"), &own, "2026-01-15"),
        (on(Action::Discharge, "2026-01-16", "patient-request"), &given, "2026-03-31"),
    ];
    for (ending, before, last) in cases {
        let mut world = with_work();
        world.today = "2026-01-16".into();
        world.set("CarePlan/plan", "period", before.clone());
        world.act(&ending).unwrap();
        assert_eq!(period(&world)["end"], last, "{:?}", ending.action);
        world.act(&undo()).unwrap();
        assert_eq!(&period(&world), before, "{:?}", ending.action);
    }
    // A plan of no period says of no day that it went on.
    let mut world = with_work();
    world.resources.get_mut("CarePlan/plan").unwrap().object_mut().remove("period");
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    assert_eq!(world.resources["CarePlan/plan"].get("period"), None);
}

#[test]
fn undoing_a_refusal_makes_the_referral_active_again() {
    let mut world = World::new();
    world.refer(&referral()).unwrap();
    world.act(&determined(Outcome::Eligible)).unwrap();
    world.act(&on(Action::Decline, "2026-01-15", "declined-not-ready")).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!(world.state(), "eligible");
    let requests: Vec<_> =
        world.resources.values().filter(|one| one.ty().name() == "ServiceRequest").collect();
    assert_eq!(requests.iter().map(|one| one.text("/status").unwrap()).collect::<Vec<_>>(), ["active"]);
}

#[test]
fn undoing_a_mistake_leaves_closed_what_the_ending_before_it_had_closed() {
    let mut world = with_work();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    world.put(about(&world, "later", "requested"));
    world.act(&Request { reasons: vec!["duplicate".into()], ..request(Action::Void) }).unwrap();
    assert_eq!(statuses(&world, ["Task/later", "CareTeam/team"]), ["cancelled", "active"]);
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["completed", "cancelled", "cancelled", "completed"]);
    assert_eq!(statuses(&world, ["Task/later"]), ["requested"]);
}

#[test]
fn a_mark_brings_back_only_a_status_that_an_ending_closes() {
    let mut world = with_work();
    world.act(&on(Action::Discharge, "2026-01-15", "patient-request")).unwrap();
    for (id, forged) in [("a", "completed"), ("b", "anything")] {
        let mut task = world.resources[&format!("Task/{id}")].value().clone();
        task["extension"][0]["extension"][2]["valueCode"] = json!(forged);
        world.set(&format!("Task/{id}"), "extension", task["extension"].clone());
    }
    world.act(&undo()).unwrap();
    assert_eq!(statuses(&world, WORK), ["on-hold", "cancelled", "cancelled", "completed"]);
}

#[test]
fn an_undone_graduation_leaves_nothing_to_follow_up() {
    let mut world = World::new();
    world.enrolled();
    let graduate = on(Action::Graduate, "2026-01-15", "graduated-improved");
    let open = |world: &World| {
        let is_open = |one: &&Resource| {
            has_coding(one.get("code"), TASK_SYSTEM, "pcmh-follow-up")
                && one.text("/status") == Some("requested")
        };
        world.resources.values().filter(is_open).count()
    };
    world.act(&graduate).unwrap();
    assert_eq!(open(&world), 1);
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("enrolled", 0));
    world.act(&graduate).unwrap();
    assert_eq!(open(&world), 1, "a later graduation asks anew");
    world.act(&Request { reasons: vec!["duplicate".into()], ..request(Action::Void) }).unwrap();
    assert_eq!(open(&world), 0);
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("graduated", 1), "the graduation holds again");
}

#[test]
fn undoing_a_voiding_brings_back_the_election_of_hospice_that_fell_with_it() {
    let mut world = World::new();
    world.enrolled();
    world.act(&elected("2026-01-15")).unwrap();
    let election = |world: &World| {
        let is_one = |one: &&Resource| one.text("/code/coding/0/code") == Some("hospice-election");
        world.resources.values().find(is_one).unwrap().clone()
    };
    let before = election(&world);
    world.act(&Request { reasons: vec!["wrong-patient".into()], ..request(Action::Void) }).unwrap();
    assert_eq!(election(&world).text("/status"), Some("entered-in-error"));
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), election(&world).text("/status")), ("hospice-elected", Some("active")));
    assert_eq!(election(&world).get("extension"), before.get("extension"), "the mark goes");
    let again = Referral { received: "2026-01-15".parse().unwrap(), ..referral() };
    assert_eq!(codes(&world.refer(&again).unwrap_err()), ["hospice-active"], "an adult is still in hospice");
}

#[test]
fn an_ending_that_is_undone_leaves_the_withdrawn_agreement_to_be_spoken_of() {
    let open = |world: &World| -> usize {
        let of = |one: &&Resource| {
            has_coding(one.get("code"), TASK_SYSTEM, "consent-withdrawn")
                && one.text("/status") == Some("requested")
        };
        world.resources.values().filter(of).count()
    };
    let ended = || {
        let mut world = World::new();
        world.enrolled();
        world.today = "2026-01-20".into();
        world
    };
    let discharge = on(Action::Discharge, "2026-01-20", "patient-request");
    // withdrawn after the ending, when nothing rested on it
    let mut world = ended();
    world.act(&discharge).unwrap();
    world.set("Consent/con", "status", json!("inactive"));
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("enrolled", 1));
    // ended by one who had settled it
    let task =
        world.resources.values().find(|one| has_coding(one.get("code"), TASK_SYSTEM, "consent-withdrawn"));
    let name = crate::palliative::enrollment::facts::name(task.unwrap());
    world.set(&name, "status", json!("completed"));
    world.act(&discharge).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!(open(&world), 1, "what was done was done for the ending");
    // closed by the ending itself, and opened again with it
    world.act(&discharge).unwrap();
    assert_eq!(open(&world), 0);
    world.act(&undo()).unwrap();
    assert_eq!(open(&world), 1, "the same again, and no second");
    // what was agreed still holds
    let mut world = ended();
    world.act(&discharge).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("enrolled", 0));
    // what stays closed asks for nothing
    let mut world = ended();
    world.act(&discharge).unwrap();
    world.set("Consent/con", "status", json!("inactive"));
    world.act(&on(Action::Void, "2026-01-20", "duplicate")).unwrap();
    world.act(&undo()).unwrap();
    assert_eq!((world.state(), open(&world)), ("discharged", 0));
}

#[test]
fn what_a_plan_has_asked_others_for_is_asked_for_no_more_after_the_end_and_again_when_that_is_undone() {
    for (action, reason, expected) in
        [(Action::Discharge, "patient-request", "revoked"), (Action::Void, "duplicate", "entered-in-error")]
    {
        let mut world = World::new();
        world.enrolled();
        let episode = world.episode().id().unwrap().to_owned();
        for (id, of) in [("own", episode.as_str()), ("other", "another")] {
            world.put(
                json!({ "resourceType": "ServiceRequest", "id": id, "status": "active", "intent": "plan",
                "subject": { "reference": "Patient/p" },
                "identifier": [{ "system": crate::palliative::vocabulary::TEMPLATE_ITEM_SYSTEM,
                    "value": format!("{of}/palliative/d4-food-referral/request") }] }),
            );
        }
        let names = ["ServiceRequest/own", "ServiceRequest/other"];
        let end = if action == Action::Void {
            Request { reasons: vec![reason.into()], ..request(action) }
        } else {
            on(action, "2026-01-15", reason)
        };
        world.act(&end).unwrap();
        assert_eq!(statuses(&world, names), [expected, "active"]);
        world.act(&undo()).unwrap();
        assert_eq!(statuses(&world, names), ["active", "active"]);
    }
}
