//! What is not there: neither claimed nor taken as if it worked.
//! <https://hl7.org/fhir/R4/subscription.html> <https://hl7.org/fhir/uv/bulkdata/STU2/export.html>

use serde_json::Value;
use serde_json::json;

use crate::app::TestApp;
use crate::client::Client;

fn subscription(status: &str) -> Value {
    json!({ "resourceType": "Subscription", "id": "s", "status": status, "reason": "To hear of new referrals",
        "criteria": "ServiceRequest?status=active",
        "channel": { "type": "rest-hook", "endpoint": "https://example.org/hook", "payload": "application/fhir+json" } })
}

/// A Bundle with the subscription behind a patient.
fn bundle(ty: &str, status: &str) -> Value {
    json!({ "resourceType": "Bundle", "type": ty, "entry": [
        { "resource": { "resourceType": "Patient", "id": "p" }, "request": { "method": "PUT", "url": "Patient/p" } },
        { "resource": subscription(status), "request": { "method": "PUT", "url": "Subscription/s" } },
    ] })
}

#[test]
fn a_subscription_that_would_never_be_heard_of_again_is_refused() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for status in ["requested", "active"] {
        for reply in [
            clinician.put("/Subscription/s", &subscription(status)),
            clinician.post("/Subscription", &subscription(status)),
            clinician.put("/Subscription?url=https://example.org/hook", &subscription(status)),
        ] {
            let refused = reply.expect_issue(422, "not-supported");
            assert_eq!(refused.expressions(), ["Subscription.status"]);
            assert!(refused.text().contains("_since"), "{}", refused.text());
        }
        let refused = clinician.post("", &bundle("transaction", status)).expect_issue(422, "not-supported");
        assert_eq!(refused.expressions(), ["Bundle.entry[1].resource.status"]);
        clinician.get("/Patient/p").expect(404);
        let rehearsed =
            clinician.post("/Subscription/$validate?mode=create", &subscription(status)).expect(200);
        assert_eq!(rehearsed.codes()[0], "not-supported", "{}", rehearsed.text());
    }
    assert_eq!(clinician.get("/Subscription").expect(200).ids().len(), 0);
    let answer = clinician.post("", &bundle("batch", "requested")).expect(200).json();
    let statuses =
        ["/entry/0/response/status", "/entry/1/response/status"].map(|at| answer.pointer(at).unwrap());
    assert!(statuses[0].as_str().unwrap().starts_with("201"), "{answer}");
    assert!(statuses[1].as_str().unwrap().starts_with("422"), "{answer}");
}

#[test]
fn a_subscription_that_is_no_more_than_a_record_is_kept_and_stays_one() {
    let app = TestApp::new();
    let clinician = app.clinician();
    for status in ["off", "error"] {
        assert_eq!(clinician.store(&subscription(status))["status"], status);
        clinician.post("", &bundle("transaction", status)).expect(200);
    }
    assert_eq!(clinician.get("/Subscription?status=error").expect(200).ids(), ["s"]);
    let activate = json!([{ "op": "replace", "path": "/status", "value": "requested" }]);
    let patch = clinician.request("PATCH", "/Subscription/s");
    let refused = patch.body("application/json-patch+json", activate.to_string()).send();
    refused.expect_issue(422, "not-supported");
    assert_eq!(clinician.get("/Subscription/s").expect(200).json()["status"], "error");
    clinician.delete("/Subscription/s").expect(204);
}

#[test]
fn an_import_names_the_subscription_that_it_leaves_out() {
    let app = TestApp::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("subscriptions.ndjson");
    let mut off = subscription("off");
    off["id"] = json!("kept");
    std::fs::write(&file, format!("{}\n{off}\n", subscription("active"))).unwrap();
    let report = comfrey::import::run(app.app(), &[file]).unwrap();
    assert_eq!((report.stored, report.not_stored), (1, 1), "{report}");
    assert!(report.to_string().contains("sends no notifications"), "{report}");
    assert_eq!(app.clinician().get("/Subscription").expect(200).ids(), ["kept"]);
}

/// Every form in which a bulk export is asked for.
const EXPORTS: [&str; 6] = [
    "/$export",
    "/%24export",
    "/Patient/$export",
    "/Group/g/$export",
    "/$export?_type=Patient&_outputFormat=application/fhir+ndjson&_since=2026-01-01T00:00:00Z",
    "/Patient/p/$export",
];

fn refuses_exports(client: &Client) {
    for path in EXPORTS {
        let ask = |method: &str| client.request(method, path).header("accept", "application/fhir+json");
        let parameters = json!({ "resourceType": "Parameters" });
        for call in [
            ask("GET"),
            ask("GET").header("prefer", "respond-async"),
            ask("POST").json(&parameters),
            ask("POST").header("prefer", "respond-async").json(&parameters),
        ] {
            let refused = call.send().expect_issue(404, "not-supported");
            assert_eq!(refused.header("content-location"), None, "nothing was taken on");
            assert!(refused.text().contains("export"), "{}", refused.text());
        }
    }
}

#[test]
fn a_bulk_export_is_refused_in_whatever_form_it_is_asked_for() {
    let app = TestApp::new();
    let system = app.with_scope("system/*.cruds");
    system.store(&json!({ "resourceType": "Patient", "id": "p" }));
    system.store(&json!({ "resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "member": [{ "entity": { "reference": "Patient/p" } }] }));
    refuses_exports(&system);
    for path in EXPORTS {
        app.anonymous().get(path).expect_issue(401, "login");
    }
    let entry = json!({ "request": { "method": "GET", "url": "Patient/$export" } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
    let answer = system.post("", &batch).expect(200).json();
    assert!(answer["entry"][0]["response"]["status"].as_str().unwrap().starts_with("404"), "{answer}");
    assert_eq!(answer["entry"][0]["response"]["outcome"]["issue"][0]["code"], "not-supported", "{answer}");
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    system.post("", &transaction).expect_issue(404, "not-supported");
}

#[test]
fn neither_notifications_nor_exports_are_claimed() {
    let app = TestApp::new();
    let statement = app.anonymous().get("/metadata").expect(200).json();
    let rest = &statement["rest"][0];
    let of_types = rest["resource"].as_array().unwrap();
    let operations =
        of_types.iter().chain([rest]).flat_map(|one| one["operation"].as_array().into_iter().flatten());
    let names: Vec<&str> = operations.map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"everything") && !names.contains(&"export"), "{names:?}");
    assert!(statement["instantiates"].is_null() && statement["messaging"].is_null());
    let subscription = of_types.iter().find(|one| one["type"] == "Subscription").unwrap();
    assert!(subscription["documentation"].as_str().unwrap().contains("No notifications"), "{subscription}");
    let extensions = format!("{}{}", statement["extension"], rest["extension"]);
    assert!(!extensions.contains("websocket"), "{extensions}");
    let openapi = app.anonymous().request("GET", &app.url("/openapi.json")).send().expect(200).json();
    let paths = openapi["paths"].as_object().unwrap();
    assert!(paths.keys().all(|path| !path.contains("$export")), "{:?}", paths.keys());
    let smart = app.anonymous().request("GET", &app.url("/.well-known/smart-configuration")).send();
    let capabilities = smart.expect(200).json()["capabilities"].to_string();
    assert!(!capabilities.contains("export") && !capabilities.contains("subscription"), "{capabilities}");
}
