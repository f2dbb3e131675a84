//! A small blocking FHIR client, and what it got back.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Gives the bearer token of the moment.
pub type Token = Arc<dyn Fn() -> String + Send + Sync>;

/// One caller of one server.
#[derive(Clone)]
pub struct Client {
    origin: String,
    token: Option<Token>,
}

impl Client {
    /// A caller with or without a token.
    pub fn new(origin: &str, token: Option<Token>) -> Self {
        Self { origin: origin.to_owned(), token }
    }

    /// `GET /fhir{path}`.
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send()
    }

    /// `POST /fhir{path}` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path).json(body).send()
    }

    /// `PUT /fhir{path}` with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Reply {
        self.request("PUT", path).json(body).send()
    }

    /// `DELETE /fhir{path}`.
    pub fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path).send()
    }

    /// Stores a resource that must be accepted, under its own id where it has one, and gives back what is stored.
    pub fn store(&self, resource: &Value) -> Value {
        let ty = resource["resourceType"].as_str().expect("a resource has a type");
        let reply = match resource["id"].as_str() {
            Some(id) => self.put(&format!("/{ty}/{id}"), resource),
            None => self.post(&format!("/{ty}"), resource),
        };
        assert!(reply.status == 200 || reply.status == 201, "{} {}", reply.status, reply.text());
        reply.json()
    }

    /// Any request; a path without a scheme is below `/fhir`.
    pub fn request(&self, method: &str, path: &str) -> Call {
        static HTTP: OnceLock<reqwest::blocking::Client> = OnceLock::new();
        // No connection is kept: each server of a test is gone soon.
        let http = HTTP.get_or_init(|| {
            let builder = reqwest::blocking::Client::builder().pool_max_idle_per_host(0).no_proxy();
            builder
                .timeout(Duration::from_secs(120))
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap()
        });
        let url = match path.starts_with("http:") {
            true => path.to_owned(),
            false => format!("{}/fhir{path}", self.origin),
        };
        let mut call = http.request(Method::from_bytes(method.as_bytes()).unwrap(), url);
        if let Some(token) = &self.token {
            call = call.bearer_auth(token());
        }
        Call(call)
    }
}

/// A request in the making.
pub struct Call(reqwest::blocking::RequestBuilder);

impl Call {
    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Adds a header that need not be text.
    pub fn bytes_header(self, name: &str, value: &[u8]) -> Self {
        Self(self.0.header(name, reqwest::header::HeaderValue::from_bytes(value).unwrap()))
    }

    /// Gives it a FHIR JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/fhir+json", body.to_string())
    }

    /// Gives it any body.
    pub fn body(self, content_type: &str, body: impl Into<reqwest::blocking::Body>) -> Self {
        Self(self.0.header("content-type", content_type).body(body))
    }

    /// Sends it, and waits for the whole answer.
    pub fn send(self) -> Reply {
        let answer = self.0.send().expect("the server answers");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, body: answer.bytes().expect("the answer has an end").to_vec() }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Reply {
    /// Insists on a status, and shows the body where it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// Insists on a failure: its status, and an OperationOutcome whose first issue has this code.
    #[track_caller]
    pub fn expect_issue(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.codes().first().map(String::as_str), Some(code), "{}", reply.text());
        reply
    }

    /// A header, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("the header is text"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The issue codes of an OperationOutcome.
    pub fn codes(&self) -> Vec<String> {
        self.of_issues("/code")
    }

    /// The FHIRPaths of an OperationOutcome.
    pub fn expressions(&self) -> Vec<String> {
        self.of_issues("/expression/0")
    }

    /// Our own finer codes of an OperationOutcome.
    pub fn details(&self) -> Vec<String> {
        self.of_issues("/details/coding/0/code")
    }

    /// The resources of a Bundle.
    pub fn resources(&self) -> Vec<Value> {
        let bundle = self.json();
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|entry| entry["resource"].clone()).collect()
    }

    /// `Type/id` of the resources of a Bundle, in its order.
    pub fn references(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.resources()
            .iter()
            .map(|one| format!("{}/{}", text(&one["resourceType"]), text(&one["id"])))
            .collect()
    }

    /// The ids of the resources of a Bundle, sorted.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> =
            self.resources().iter().filter_map(|one| Some(one["id"].as_str()?.to_owned())).collect();
        ids.sort();
        ids
    }

    /// The URL of a Bundle's link: `self`, `next`.
    pub fn link(&self, relation: &str) -> Option<String> {
        let bundle = self.json();
        let links = bundle["link"].as_array()?;
        links.iter().find(|link| link["relation"] == relation)?["url"].as_str().map(str::to_owned)
    }

    #[track_caller]
    fn of_issues(&self, pointer: &str) -> Vec<String> {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        let issues = outcome["issue"].as_array().expect("an outcome has issues");
        issues.iter().filter_map(|issue| Some(issue.pointer(pointer)?.as_str()?.to_owned())).collect()
    }
}
