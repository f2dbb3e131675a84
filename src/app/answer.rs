//! What an interaction or an operation answers, before HTTP or a Bundle entry makes a response of it.
//! <https://hl7.org/fhir/R4/http.html>

use serde_json::Value;

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// None.
    Empty,
    /// JSON bytes that go out as they are: a resource as stored, or a Bundle written around such.
    Stored(Vec<u8>),
    /// JSON that was made or read for this answer.
    Value(Value),
}

/// A successful answer: status, body and what the headers are made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Body,
    /// `Location`: the absolute URL of the version that was written.
    pub location: Option<String>,
    /// `ETag`: the version.
    pub version: Option<i64>,
    /// `Last-Modified`, in microseconds since 1970.
    pub updated: Option<i64>,
    /// `ETag` of what has no versions, with its quotes: the same as long as the content is.
    pub tag: Option<String>,
    /// `Idempotency-Replayed: true`: the answer is the one given before to the same key.
    pub replayed: bool,
    /// `X-Rule-Set`: the rules that it was judged by, as `url|version`.
    pub judged_by: Vec<String>,
    /// What it says of a request that is carried out later.
    pub later: Option<Later>,
    /// What the body is where it is no resource.
    pub content: Option<Content>,
}

/// The content of a Binary, as it is. <https://hl7.org/fhir/R4/binary.html#rest>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its media type.
    pub media_type: String,
    /// The reference to the resource by which access to it is judged, where there is one.
    pub context: Option<String>,
}

/// What an answer says of a request that is carried out later. <https://hl7.org/fhir/R4/async.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// It was taken on; `Content-Location` is where its own answer is asked for.
    Accepted(String),
    /// It is not done; `X-Progress` says how far it is, and `Retry-After` in how many seconds to ask again.
    Pending(String, u32),
    /// It is done, and this is the answer to what was asked at this path.
    Done(String),
    /// It was taken away.
    Cancelled,
}

impl Answer {
    /// An answer of this status with neither body nor headers.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            body: Body::Empty,
            location: None,
            version: None,
            updated: None,
            tag: None,
            replayed: false,
            judged_by: Vec::new(),
            later: None,
            content: None,
        }
    }

    /// 200 with this JSON.
    pub fn value(value: Value) -> Self {
        Self { body: Body::Value(value), ..Self::empty(200) }
    }

    /// 200 with these bytes of JSON.
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self { body: Body::Stored(bytes), ..Self::empty(200) }
    }
}
