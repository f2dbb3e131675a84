//! Bundles, written by hand around stored bytes, and read apart without copying. <https://hl7.org/fhir/R4/bundle.html>

use serde_json::Value;

/// An HTTP method, as in `Bundle.entry.request.method`. <https://hl7.org/fhir/R4/valueset-http-verb.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// The method with this name, in upper case.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "GET" => Some(Self::Get),
            "HEAD" => Some(Self::Head),
            "POST" => Some(Self::Post),
            "PUT" => Some(Self::Put),
            "PATCH" => Some(Self::Patch),
            "DELETE" => Some(Self::Delete),
            _ => None,
        }
    }

    /// Its name, in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Writes a Bundle as bytes: resources go in as they are stored, without being read.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
    entries: usize,
}

/// What a Bundle says before its entries.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// `searchset`, `history`, `batch-response` or `transaction-response`.
    pub kind: &'a str,
    /// How many match altogether.
    pub total: Option<i64>,
    /// Links: relation and URL.
    pub links: Vec<(&'a str, String)>,
}

/// One entry.
#[derive(Clone, Debug, Default)]
pub struct Entry<'a> {
    /// The absolute URL of the resource.
    pub full_url: Option<String>,
    /// The resource's JSON.
    pub resource: Option<&'a [u8]>,
    /// Why it is in a search's result: `match`, `include` or `outcome`.
    pub search_mode: Option<&'a str>,
    /// The request that made this version: method and URL.
    pub request: Option<(&'a str, String)>,
    /// What was answered.
    pub response: Option<Response<'a>>,
}

impl<'a> Entry<'a> {
    /// What is said about a search beside its result. Such an outcome is kept nowhere, but each entry has an identity.
    /// <https://hl7.org/fhir/R4/bundle.html#bundle-unique>
    pub fn outcome(resource: &'a [u8]) -> Self {
        Self {
            full_url: Some(uuid::Uuid::new_v4().urn().to_string()),
            resource: Some(resource),
            search_mode: Some("outcome"),
            ..Self::default()
        }
    }
}

/// `Bundle.entry.response`.
#[derive(Clone, Debug, Default)]
pub struct Response<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The URL of the version that was written.
    pub location: Option<&'a str>,
    /// The version.
    pub version: Option<i64>,
    /// When it was written, as an instant.
    pub last_modified: Option<String>,
    /// An OperationOutcome.
    pub outcome: Option<&'a Value>,
}

impl Writer {
    /// Begins a Bundle.
    pub fn begin(head: &Head<'_>) -> Self {
        let mut writer = Self { out: Vec::with_capacity(4096), entries: 0 };
        writer.raw(r#"{"resourceType":"Bundle","type":"#);
        writer.text(head.kind);
        if let Some(total) = head.total {
            writer.raw(&format!(r#","total":{total}"#));
        }
        let mut separator = r#","link":["#;
        for (relation, url) in &head.links {
            writer.raw(separator);
            writer.raw(r#"{"relation":"#);
            writer.text(relation);
            writer.raw(r#","url":"#);
            writer.text(url);
            writer.raw("}");
            separator = ",";
        }
        if !head.links.is_empty() {
            writer.raw("]");
        }
        writer
    }

    /// Adds an entry.
    pub fn entry(&mut self, entry: &Entry<'_>) {
        self.raw(if self.entries == 0 { r#","entry":[{"# } else { ",{" });
        self.entries += 1;
        let mut comma = Comma::default();
        if let Some(url) = &entry.full_url {
            self.raw(comma.before(r#""fullUrl":"#));
            self.text(url);
        }
        if let Some(resource) = entry.resource {
            self.raw(comma.before(r#""resource":"#));
            self.out.extend_from_slice(resource);
        }
        if let Some(mode) = entry.search_mode {
            self.raw(comma.before(r#""search":{"mode":"#));
            self.text(mode);
            self.raw("}");
        }
        if let Some((method, url)) = &entry.request {
            self.raw(comma.before(r#""request":{"method":"#));
            self.text(method);
            self.raw(r#","url":"#);
            self.text(url);
            self.raw("}");
        }
        if let Some(response) = &entry.response {
            self.raw(comma.before(r#""response":"#));
            self.response(response);
        }
        self.raw("}");
    }

    fn response(&mut self, response: &Response<'_>) {
        self.raw(r#"{"status":"#);
        self.text(&status_text(response.status));
        if let Some(location) = response.location {
            self.raw(r#","location":"#);
            self.text(location);
        }
        if let Some(version) = response.version {
            self.raw(r#","etag":"#);
            self.text(&etag(version));
        }
        if let Some(instant) = &response.last_modified {
            self.raw(r#","lastModified":"#);
            self.text(instant);
        }
        if let Some(outcome) = response.outcome {
            self.raw(r#","outcome":"#);
            self.out.extend_from_slice(outcome.to_string().as_bytes());
        }
        self.raw("}");
    }

    /// Ends the Bundle and gives its bytes.
    pub fn end(mut self) -> Vec<u8> {
        self.raw(if self.entries == 0 { "}" } else { "]}" });
        self.out
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A JSON string, escaped by serde_json.
    fn text(&mut self, text: &str) {
        serde_json::to_writer(&mut self.out, text).expect("a list of bytes takes all that is written");
    }
}

/// Puts a comma before every member but the first.
#[derive(Default)]
struct Comma {
    written: bool,
    buffer: String,
}

impl Comma {
    fn before(&mut self, text: &str) -> &str {
        self.buffer.clear();
        if self.written {
            self.buffer.push(',');
        }
        self.written = true;
        self.buffer.push_str(text);
        &self.buffer
    }
}

/// The weak entity tag of a version.
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The status with its words, as `Bundle.entry.response.status` has it: `201 Created`.
pub fn status_text(status: u16) -> String {
    let words = match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    format!("{status} {words}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(writer: Writer) -> Value {
        serde_json::from_slice(&writer.end()).expect("the bytes are JSON")
    }

    #[test]
    fn an_empty_bundle_has_no_entry() {
        let head =
            Head { kind: "searchset", total: Some(0), links: vec![("self", "http://x/P?a=\"b\"".into())] };
        let expected = json!({
            "resourceType": "Bundle", "type": "searchset", "total": 0,
            "link": [{ "relation": "self", "url": "http://x/P?a=\"b\"" }],
        });
        assert_eq!(written(Writer::begin(&head)), expected);
    }

    #[test]
    fn entries_hold_the_bytes_they_are_given() {
        let mut writer = Writer::begin(&Head { kind: "history", total: None, links: Vec::new() });
        writer.entry(&Entry {
            full_url: Some("http://x/Goal/1".into()),
            resource: Some(br#"{"resourceType":"Goal","n":1.10}"#),
            search_mode: Some("match"),
            request: Some(("PUT", "Goal/1".into())),
            response: Some(Response {
                status: 201,
                location: Some("http://x/Goal/1/_history/1"),
                version: Some(1),
                last_modified: Some("2026-01-01T00:00:00.000Z".into()),
                outcome: Some(&json!({ "resourceType": "OperationOutcome" })),
            }),
        });
        writer.entry(&Entry {
            response: Some(Response { status: 204, ..Response::default() }),
            ..Entry::default()
        });
        let bytes = writer.end();
        assert!(String::from_utf8_lossy(&bytes).contains("1.10"));
        let bundle: Value = serde_json::from_slice(&bytes).expect("the bytes are JSON");
        let response = json!({
            "status": "201 Created", "location": "http://x/Goal/1/_history/1", "etag": "W/\"1\"",
            "lastModified": "2026-01-01T00:00:00.000Z", "outcome": { "resourceType": "OperationOutcome" },
        });
        assert_eq!(bundle["entry"][0]["response"], response);
        assert_eq!(bundle["entry"][0]["request"], json!({ "method": "PUT", "url": "Goal/1" }));
        assert_eq!(bundle["entry"][0]["search"]["mode"], "match");
        assert_eq!(bundle["entry"][1], json!({ "response": { "status": "204 No Content" } }));
    }
}
