//! A request as FHIR sees it, whether it came over HTTP or as an entry of a Bundle.
//! <https://hl7.org/fhir/R4/http.html#general>

use crate::fhir::Failure;
pub use crate::fhir::bundle::Method;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// What follows the base URL, still percent-encoded, without the query: `Patient/1`.
    pub path: String,
    /// What follows the question mark, still percent-encoded; empty if nothing does.
    pub query: String,
    /// The conditional headers.
    pub conditions: Conditions,
    /// The body, if there is one.
    pub body: Option<Body>,
    /// The `Prefer` header.
    pub prefer: Prefer,
    /// The `Idempotency-Key` header, for operations that change something.
    pub idempotency_key: Option<String>,
    /// Whether it is made in an emergency, of which a record is kept.
    pub in_emergency: bool,
}

impl Request {
    /// A request for a path and nothing else.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: String::new(),
            conditions: Conditions::default(),
            body: None,
            prefer: Prefer::default(),
            idempotency_key: None,
            in_emergency: false,
        }
    }
}

/// The conditional headers, as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`
    pub if_match: Option<String>,
    /// `If-None-Match`
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<String>,
    /// `If-None-Exist`
    pub if_none_exist: Option<String>,
}

/// A request's body.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// JSON, not yet read.
    Json(Vec<u8>),
    /// `application/x-www-form-urlencoded`: the parameters of a search.
    Form(Vec<u8>),
    /// A patch, not yet read.
    Patch(PatchFormat, Vec<u8>),
    /// A resource that has been read already, as an entry of a Bundle.
    Resource(serde_json::Value),
    /// What was not well-formed enough to be read, and why.
    Broken(Failure),
}

/// Which kind of patch a body is. <https://hl7.org/fhir/R4/http.html#patch>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchFormat {
    /// A JSON Patch.
    Json,
    /// A merge patch.
    Merge,
    /// Plain JSON: an array is a JSON Patch, an object a merge patch.
    Unnamed,
}

impl PatchFormat {
    /// The kind that a media type names.
    pub fn named(media_type: &str) -> Option<Self> {
        match media_type.to_ascii_lowercase().as_str() {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/json" | "text/json" => Some(Self::Unnamed),
            _ => None,
        }
    }
}

impl Body {
    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Json(bytes) | Self::Form(bytes) | Self::Patch(_, bytes) => bytes.is_empty(),
            Self::Resource(_) | Self::Broken(_) => false,
        }
    }
}

/// What the client prefers. <https://hl7.org/fhir/R4/http.html#ops>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `return`
    pub return_: Return,
    /// `handling`
    pub handling: Handling,
    /// `respond-async`
    pub respond_async: bool,
}

/// What a write is to answer with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// Nothing is said: a request is answered with the resource, the entries of a Bundle with headers alone.
    #[default]
    Unstated,
    /// Headers alone.
    Minimal,
    /// The resource as it is now.
    Representation,
    /// An OperationOutcome.
    OperationOutcome,
}

/// What becomes of a search parameter that the server does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// The search is refused.
    #[default]
    Strict,
    /// It is ignored, and the answer says so.
    Lenient,
}
