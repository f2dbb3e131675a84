//! The program killed while it evaluates everybody anew: the next one goes on by itself, and all is kept as it should be.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::app::Session;
use comfrey::app::findings::Among;
use comfrey::app::findings::Budget;
use comfrey::app::findings::Current;
use comfrey::app::findings::Question;
use comfrey::app::findings::Suppressed;
use comfrey::palliative::screening::Outcome;
use serde_json::Value;
use serde_json::json;

use crate::app::config;
use crate::crash::Running;
use crate::crash::http;
use crate::crash::random;
use crate::crash::send;
use crate::database::Database;

const KILLS: usize = 4;
const PEOPLE: usize = 300;
/// How long the worker may take for all of them.
const PATIENCE: Duration = Duration::from_secs(120);

fn people() -> Value {
    let person = |at: usize| {
        let id = format!("person-{at}");
        let entry = |resource: Value| {
            let url = format!(
                "{}/{}",
                resource["resourceType"].as_str().unwrap(),
                resource["id"].as_str().unwrap()
            );
            json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
        };
        let patient = json!({ "resourceType": "Patient", "id": id, "birthDate": "1950-05-01" });
        let disease = json!({ "resourceType": "Condition", "id": format!("{id}-hf"),
            "subject": { "reference": format!("Patient/{id}") },
            "clinicalStatus": { "coding": [{ "code": "active",
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical" }] },
            "code": { "coding": [{ "system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I50.22" }] } });
        [entry(patient), entry(disease)].into_iter().take(1 + at % 2)
    };
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": (0..PEOPLE).flat_map(person).collect::<Vec<_>>() })
}

/// What is kept for the default programme; evaluated first as far as the budget goes.
fn kept(app: &Arc<App>, budget: Budget) -> Current {
    let all = [
        Outcome::Eligible,
        Outcome::ScreenPositive,
        Outcome::Indeterminate,
        Outcome::Excluded,
        Outcome::NotEligible,
    ];
    let question = Question {
        program: "default",
        rule_sets: &[],
        among: Among::Everybody,
        outcomes: &all,
        suppressed: Suppressed::Listed,
        after: None,
        count: 1_000,
    };
    let session = Session::system(Arc::clone(app));
    session.current_findings(&question, budget).unwrap().expect("the programme is kept for")
}

#[test]
fn an_evaluation_that_was_killed_goes_on_by_itself() {
    let (database, http) = (Database::fresh(), http());
    let app = App::open(config(database.url()), Clock::system()).unwrap();
    let none = Budget { patients: 0, ..Budget::ALL };
    let mut cut_short = 0;
    for kill in 0..KILLS {
        let server = Running::start(database.url());
        if kill == 0 {
            send(&http, "POST", &server.base, Some(&people())).expect("it answers");
        }
        app.make_all_due().unwrap();
        let (began, all) = (Instant::now(), kept(&app, none).pending);
        while kept(&app, none).pending == all && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(random(40)));
        drop(server);
        cut_short += usize::from(kept(&app, none).pending > 0);
    }
    assert!(cut_short > 0, "no evaluation was cut short");
    let _server = Running::start(database.url());
    let began = Instant::now();
    while kept(&app, none).pending > 0 {
        assert!(began.elapsed() < PATIENCE, "it does not go on");
        std::thread::sleep(Duration::from_millis(50));
    }
    let by_itself = kept(&app, none);
    assert_eq!(by_itself.counts.all(), PEOPLE as i64);
    app.make_all_due().unwrap();
    assert_eq!(kept(&app, Budget::ALL), by_itself, "as an evaluation of all says");
}
