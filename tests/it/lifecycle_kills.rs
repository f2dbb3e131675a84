//! A kill between any two steps leaves all of a change of state or nothing of it.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use reqwest::blocking::Client;
use serde_json::Value;
use serde_json::json;

use crate::crash::Running;
use crate::crash::check;
use crate::crash::http;
use crate::crash::random;
use crate::crash::send;
use crate::database::Database;
use crate::programme::REASON;
use crate::programme::parameters;
use crate::programme::referral;
use crate::programme::state;

const KILLS: usize = 6;
const PEOPLE: usize = 4;

/// Refers the person, takes them up, and lets it lapse, again and again; counts the changes of state.
fn live_until_gone(http: &Client, (base, person): (&str, &str), done: &AtomicUsize) -> Option<()> {
    let attempt = json!({ "name": "outreach", "part": [
        { "name": "method", "valueCode": "phone" },
        { "name": "by", "valueReference": { "reference": "Practitioner/gp" } },
        { "name": "date", "valueDate": "2024-03-01" }] });
    let reason =
        json!({ "name": "reason", "valueCoding": { "system": REASON, "code": "unable-to-contact" } });
    let lapse = json!([{ "name": "action", "valueCode": "lapse" }, reason, attempt, attempt, attempt]);
    let screen = json!([{ "name": "action", "valueCode": "screen" }]);
    let mut body = referral();
    body["parameter"][3]["valueDate"] = json!("2024-02-15");
    loop {
        let referred =
            send(http, "POST", &format!("{base}/Patient/{person}/$palliative-refer"), Some(&body))?;
        let told: Value = serde_json::from_str(&referred.text().ok()?).ok()?;
        let id =
            told["parameter"][0]["resource"]["id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned();
        for action in [&screen, &lapse] {
            let path = format!("{base}/EpisodeOfCare/{id}/$palliative-transition");
            send(http, "POST", &path, Some(&parameters(action.clone())))?;
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn found(http: &Client, url: &str) -> Vec<Value> {
    let reply = send(http, "GET", url, None).expect("it answers").text().unwrap();
    let bundle: Value = serde_json::from_str(&reply).unwrap();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).collect()
}

/// The episode with its task in step, and for each of its versions one record of who did what. How many screenings
/// it had.
fn screenings_of_a_whole(http: &Client, base: &str, episode: &Value) -> usize {
    let name = format!("EpisodeOfCare/{}", episode["id"].as_str().unwrap());
    let tasks = found(http, &format!("{base}/Task?focus={name}"));
    let states: Vec<_> = tasks.iter().map(|it| &it["businessStatus"]["coding"][0]["code"]).collect();
    assert_eq!(states, [&json!(state(episode))], "{name}");
    let deeds = found(http, &format!("{base}/Provenance?target={name}&_count=1000")).len();
    assert_eq!(episode["meta"]["versionId"], json!(deeds.to_string()), "{name}");
    let history = episode["statusHistory"].as_array().unwrap();
    let in_screening = |it: &&Value| it["extension"][0]["valueCoding"]["code"] == "screening";
    history.iter().filter(in_screening).count()
}

#[test]
fn of_a_change_of_state_that_was_killed_all_is_there_or_nothing() {
    let (database, http) = (Database::fresh(), http());
    let person = |at: usize| format!("person-{at}");
    let done = AtomicUsize::new(0);
    for kill in 0..KILLS {
        let server = Running::start(database.url());
        for at in (0..PEOPLE).filter(|_| kill == 0) {
            let body = json!({ "resourceType": "Patient", "id": person(at), "birthDate": "1950-05-01" });
            send(&http, "PUT", &format!("{}/Patient/{}", server.base, person(at)), Some(&body)).unwrap();
        }
        std::thread::scope(|scope| {
            for at in 0..PEOPLE {
                let (http, done, base, person) = (&http, &done, server.base.clone(), person(at));
                scope.spawn(move || live_until_gone(http, (&base, &person), done));
            }
            // Each time a little into the work, wherever that is.
            let (before, began) = (done.load(Ordering::Relaxed), Instant::now());
            while done.load(Ordering::Relaxed) < before + 12 && began.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(random(300)));
            drop(server);
        });
    }
    check(database.url());
    let server = Running::start(database.url());
    let base = &server.base;
    let mut all = 0;
    for at in 0..PEOPLE {
        let of = |ty: &str| found(&http, &format!("{base}/{ty}?patient={}&_count=1000", person(at)));
        let episodes = of("EpisodeOfCare");
        assert!(episodes.iter().filter(|it| it["status"] == "planned").count() <= 1, "one open episode");
        let screened: usize = episodes.iter().map(|it| screenings_of_a_whole(&http, base, it)).sum();
        let kept = of("GuidanceResponse").len();
        assert_eq!(kept, screened, "each screening came with its change of state");
        all += screened;
    }
    assert!(all >= KILLS, "{all} screenings are too few for a kill to have cut one short");
}
