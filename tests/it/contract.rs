//! The OpenAPI document tells the truth: whatever a client sends to a path that it names, the answer is one that it
//! names too. <https://spec.openapis.org/oas/v3.1.0#responses-object>

use comfrey::import::samples;
use serde_json::Value;

use crate::app::TestApp;
use crate::client::Client;
use crate::client::Reply;

/// One operation of the document.
struct Operation<'a> {
    method: String,
    path: &'a str,
    described: &'a Value,
}

/// A request that differs from a good one in one thing.
#[derive(Clone, Copy, Debug)]
enum Sent {
    Good,
    WithQuery(&'static str),
    WithHeader(&'static str, &'static str),
    WithBody(&'static str, &'static str),
}

const SENT: [Sent; 13] = [
    Sent::Good,
    Sent::WithHeader("Prefer", "return=OperationOutcome"),
    Sent::WithQuery("nope=1"),
    Sent::WithQuery("_pretty=perhaps"),
    Sent::WithQuery("_format=xml"),
    Sent::WithQuery("identifier=urn:none|none"),
    Sent::WithHeader("Accept", "text/html"),
    Sent::WithHeader("If-Match", "W/\"99\""),
    Sent::WithHeader("If-None-Match", "*"),
    Sent::WithHeader("If-Match", "nonsense"),
    Sent::WithBody("application/fhir+json", "{"),
    Sent::WithBody("application/fhir+json", "{\"resourceType\":\"Flag\",\"id\":\"none\"}"),
    Sent::WithBody("text/plain", "hello"),
];

impl Operation<'_> {
    /// The path with its variables filled in.
    fn filled(&self, id: &str) -> String {
        let path = self.path.trim_start_matches("/fhir").replace("{type}", "Goal").replace("{version}", "1");
        path.replace("{id}", id)
    }

    fn send(&self, caller: &Client, path: &str, sent: Sent) -> Reply {
        let path = match sent {
            Sent::WithQuery(query) => format!("{path}?{query}"),
            Sent::Good | Sent::WithHeader(..) | Sent::WithBody(..) => path.to_owned(),
        };
        let request = caller.request(&self.method, &path);
        let request = match sent {
            Sent::WithHeader(name, value) => request.header(name, value),
            Sent::Good | Sent::WithQuery(_) | Sent::WithBody(..) => request,
        };
        match (sent, self.body()) {
            (Sent::WithBody(kind, body), _) => request.body(kind, body).send(),
            (_, Some((kind, body))) => request.body(&kind, body).send(),
            (_, None) => request.send(),
        }
    }

    /// The first body that the document describes, by its example.
    fn body(&self) -> Option<(String, String)> {
        let content = self.described["requestBody"]["content"].as_object()?;
        let (kind, content) = content.iter().next()?;
        let body = match kind.as_str() {
            "application/x-www-form-urlencoded" => String::new(),
            "application/json-patch+json" => "[]".to_owned(),
            _ => content["example"].to_string(),
        };
        Some((kind.clone(), body))
    }

    /// Insists that the document has the answer: its status, and what each failure is.
    fn check(&self, reply: &Reply, sent: &dyn std::fmt::Debug) {
        let (method, path) = (&self.method, self.path);
        let known = self.described["responses"].as_object().unwrap();
        let named: Vec<_> = known.keys().map(String::as_str).collect();
        let status = reply.status.to_string();
        assert!(
            named.contains(&status.as_str()),
            "{method} {path} {sent:?}: {status} is not in {named:?}: {}",
            reply.text()
        );
        if reply.status == 405 {
            assert!(reply.header("allow").is_some(), "{method} {path}");
        }
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap().iter();
    let mut all: Vec<Operation> = paths
        .flat_map(|(path, item)| {
            let operations = item.as_object().unwrap().iter();
            operations.map(move |(method, described)| Operation {
                method: method.to_uppercase(),
                path,
                described,
            })
        })
        .collect();
    // Of the types that stand by name, which are made alike, one; and what deletes comes last.
    all.retain(|one| {
        one.path.contains(['$', '{']) || !one.path.contains("/fhir/") || one.path.ends_with("Patient")
    });
    let by_name = [
        "CarePlan",
        "Goal",
        "Condition",
        "Encounter",
        "EpisodeOfCare",
        "Observation",
        "ServiceRequest",
        "Consent",
        "CareTeam",
        "Coverage",
        "Task",
        "Flag",
    ];
    all.retain(|one| {
        one.path.contains('$')
            || !by_name.iter().any(|ty| one.path.contains(&format!("/{ty}")))
            || one.path.contains("Patient/{id}/")
    });
    all.sort_by_key(|one| one.method == "DELETE");
    all
}

#[test]
fn whatever_is_sent_the_document_names_the_answer() {
    let app = TestApp::new();
    samples::load(app.app()).unwrap();
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/comfrey.json")).unwrap();
    let document: Value = serde_json::from_str(&file).unwrap();
    let all = operations(&document);
    assert!(all.len() > 60, "{}", all.len());
    let (clinician, stranger, nobody) = (app.clinician(), app.stranger(), app.anonymous());
    let mut statuses = std::collections::BTreeSet::new();
    for operation in &all {
        for (who, caller) in [("nobody", &nobody), ("stranger", &stranger)] {
            let reply = operation.send(caller, &operation.filled("rosa"), Sent::Good);
            operation.check(&reply, &who);
        }
        for id in ["rosa", "none"] {
            for sent in SENT {
                let reply = operation.send(&clinician, &operation.filled(id), sent);
                operation.check(&reply, &(id, sent));
                statuses.insert(reply.status);
            }
        }
    }
    let expected = [200, 201, 204, 304, 400, 404, 406, 412, 415];
    assert!(expected.iter().all(|status| statuses.contains(status)), "{statuses:?}");
}
