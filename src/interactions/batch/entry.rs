//! A Bundle taken apart into requests, without copying a resource. <https://hl7.org/fhir/R4/bundle.html#Bundle.entry>

use std::collections::HashSet;

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle::Method;
use crate::fhir::reference::strip_base;
use crate::interactions::request::Body;
use crate::interactions::request::Conditions;
use crate::interactions::request::Prefer;
use crate::interactions::request::Request;
use crate::interactions::request::Return;

/// One entry.
#[derive(Debug)]
pub struct Entry {
    /// Its place in the Bundle.
    pub index: usize,
    /// Its `fullUrl`, by which others refer to it.
    pub full_url: Option<String>,
    /// What it asks for.
    pub request: Request,
}

impl Entry {
    /// Where in the Bundle something is: `Bundle.entry[3].request`.
    pub fn at(&self, element: &str) -> String {
        at(self.index, element)
    }
}

/// What all entries share.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The service's base URL, which an entry's URL may begin with.
    pub base_url: &'a str,
    /// What the client prefers.
    pub prefer: Prefer,
}

/// What a Bundle's `Prefer` means for its entries: without a word, headers alone.
pub fn prefer(prefer: Prefer) -> Prefer {
    let return_ = match prefer.return_ {
        Return::Unstated => Return::Minimal,
        Return::Minimal | Return::Representation | Return::OperationOutcome => prefer.return_,
    };
    Prefer { return_, ..prefer }
}

/// Moves the resources out of a Bundle; what stays is small.
pub fn take_resources(bundle: &mut Value) -> Vec<Option<Value>> {
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut);
    let take = |entry: &mut Value| entry.as_object_mut().and_then(|entry| entry.shift_remove("resource"));
    entries.map(|entries| entries.iter_mut().map(take).collect()).unwrap_or_default()
}

/// Makes sure that every entry has a request and a `fullUrl` of its own, or none.
///
/// # Errors
/// `Invalid`, for the first of which that is not so.
pub fn check_entries(bundle: &Value) -> Result<(), Failure> {
    let entries = bundle.get("entry").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut full_urls = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        if entry.get("request").is_none_or(|request| !request.is_object()) {
            let text = "An entry of a batch or transaction has a request with method and url.";
            return Err(Failure::new(Reason::Invalid, text).code("required").at(at(index, "request")));
        }
        if let Some(url) = entry.get("fullUrl").and_then(Value::as_str)
            && !full_urls.insert(url)
        {
            let text = "Another entry has this fullUrl too; each needs its own (bdl-7).";
            return Err(Failure::new(Reason::Invalid, text).at(at(index, "fullUrl")));
        }
    }
    Ok(())
}

/// The entries as requests.
///
/// # Errors
/// `Invalid` where a request is not complete.
pub fn entries(
    mut bundle: Value,
    resources: Vec<Option<Value>>,
    around: &Around<'_>,
) -> Result<Vec<Entry>, Failure> {
    let Some(Value::Array(entries)) = bundle.get_mut("entry").map(Value::take) else { return Ok(Vec::new()) };
    let with_resources = entries.into_iter().zip(resources).enumerate();
    with_resources.map(|(index, (entry, resource))| read(index, &entry, resource, around)).collect()
}

fn read(index: usize, entry: &Value, resource: Option<Value>, around: &Around<'_>) -> Result<Entry, Failure> {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let missing = |element: &str| {
        let text = format!("The entry's request has no {element}.");
        Failure::new(Reason::Invalid, text).code("required").at(at(index, &format!("request.{element}")))
    };
    let method =
        text("/request/method").and_then(|name| Method::parse(&name)).ok_or_else(|| missing("method"))?;
    let url = text("/request/url").ok_or_else(|| missing("url"))?;
    let url = strip_base(&url, around.base_url);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Ok(Entry {
        index,
        full_url: text("/fullUrl"),
        request: Request {
            query: query.to_owned(),
            conditions: Conditions {
                if_match: text("/request/ifMatch"),
                if_none_match: text("/request/ifNoneMatch"),
                if_modified_since: text("/request/ifModifiedSince"),
                if_none_exist: text("/request/ifNoneExist"),
            },
            body: resource.map(Body::Resource),
            prefer: around.prefer,
            ..Request::new(method, path)
        },
    })
}

fn at(index: usize, element: &str) -> String {
    format!("Bundle.entry[{index}].{element}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(mut bundle: Value) -> Result<Vec<Entry>, Failure> {
        let resources = take_resources(&mut bundle);
        check_entries(&bundle)?;
        entries(bundle, resources, &Around { base_url: "http://x/fhir", prefer: prefer(Prefer::default()) })
    }

    #[test]
    fn an_entry_becomes_the_request_that_it_describes() {
        let entries = read_all(json!({ "entry": [{
            "fullUrl": "urn:uuid:1",
            "resource": { "resourceType": "Patient" },
            "request": { "method": "PUT", "url": "http://x/fhir/Patient/1?a=b", "ifMatch": "W/\"1\"" },
        }] }))
        .expect("complete");
        let entry = &entries[0];
        assert_eq!(entry.full_url.as_deref(), Some("urn:uuid:1"));
        assert_eq!((entry.request.method, entry.request.path.as_str()), (Method::Put, "Patient/1"));
        assert_eq!(entry.request.query, "a=b");
        assert_eq!(entry.request.conditions.if_match.as_deref(), Some("W/\"1\""));
        assert_eq!(entry.request.body, Some(Body::Resource(json!({ "resourceType": "Patient" }))));
        assert_eq!(entry.request.prefer.return_, Return::Minimal);
    }

    #[test]
    fn an_entry_without_a_complete_request_is_named() {
        let good = json!({ "request": { "method": "GET", "url": "Patient/1" } });
        let cases = [
            (json!({}), "Bundle.entry[1].request"),
            (json!({ "request": { "url": "Patient/1" } }), "Bundle.entry[1].request.method"),
            (json!({ "request": { "method": "GET" } }), "Bundle.entry[1].request.url"),
        ];
        for (entry, expected) in cases {
            let failure = read_all(json!({ "entry": [good, entry] })).expect_err(expected);
            assert_eq!(failure.status(), 400);
            assert_eq!(failure.issues[0].expression.as_deref(), Some(expected));
        }
    }
}
