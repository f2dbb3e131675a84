//! batch and transaction. <https://hl7.org/fhir/R4/http.html#transaction>
//!
//! Every entry becomes a [`Request`] and goes the way that it would go over HTTP; a transaction's changes are
//! written together.

mod bounds;
mod entry;
mod independent;
mod others;
mod transaction;

use serde_json::Value;

use crate::app::Answer;
use crate::app::Body;
use crate::app::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle;
use crate::fhir::bundle::Head;
use crate::fhir::bundle::Response;
use crate::fhir::bundle::Writer;
use crate::fhir::datetime;
use crate::fhir::outcome::outcome;
use crate::interactions::Interaction;
use crate::interactions::body;
use crate::interactions::explain;
use crate::interactions::request::Method;
use crate::interactions::request::Request;
use crate::interactions::request::Return;
use crate::interactions::run;

/// What came of an entry.
type Outcome = Result<Answer, Failure>;

/// Carries out a Bundle of requests.
///
/// # Errors
/// What the Bundle itself has wrong; of a transaction, the failure of the entry for which nothing was written.
pub fn batch(session: &Session, request: Request) -> Result<Answer, Failure> {
    let prefer = entry::prefer(request.prefer);
    let mut bundle = body::value(request.body)?;
    let kind = Kind::of(&bundle)?;
    let resources = entry::take_resources(&mut bundle);
    entry::check_entries(&bundle)?;
    session.check_shape(&bundle)?;
    let entries = entry::entries(bundle, resources, &entry::Around { base_url: session.base_url(), prefer })?;
    bounds::check(&entries)?;
    let methods: Vec<Method> = entries.iter().map(|entry| entry.request.method).collect();
    let session =
        if methods.iter().copied().all(is_reading) { session } else { &session.seeing_its_writes() };
    let outcomes = match kind {
        Kind::Batch => independent::independent(session, entries),
        Kind::Transaction => transaction::transaction(session, entries)?,
    };
    let answered = outcomes.into_iter().zip(methods);
    Ok(Answer::bytes(written(kind, answered, prefer.return_)))
}

/// The two kinds of Bundle that are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Batch,
    Transaction,
}

impl Kind {
    fn of(bundle: &Value) -> Result<Self, Failure> {
        if bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
            let text = "The base URL takes a Bundle of type batch or transaction; send other resources to \
                        the URL of their type.";
            return Err(Failure::new(Reason::Structure, text).code("invalid").at("resourceType"));
        }
        match bundle.get("type").and_then(Value::as_str) {
            Some("batch") => Ok(Self::Batch),
            Some("transaction") => Ok(Self::Transaction),
            Some(_) | None => {
                let text = "A Bundle that is sent here is of type batch or transaction; one to keep as it is \
                            goes to /Bundle.";
                Err(Failure::new(Reason::Invalid, text).at("Bundle.type"))
            }
        }
    }

    fn response(self) -> &'static str {
        match self {
            Self::Batch => "batch-response",
            Self::Transaction => "transaction-response",
        }
    }
}

/// Refuses what stands in no entry: another Bundle, and what is about a request that was taken on by itself.
fn refuse_nested(interaction: &Interaction) -> Result<(), Failure> {
    let text = match interaction {
        Interaction::Batch => "A Bundle within a Bundle is not carried out.",
        Interaction::AsyncStatus { .. } | Interaction::AsyncCancel { .. } => {
            "A request that was taken on is asked after and cancelled by itself, not within a Bundle."
        }
        Interaction::Capabilities
        | Interaction::Read { .. }
        | Interaction::Vread { .. }
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Patch { .. }
        | Interaction::Delete { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. }
        | Interaction::Operation { .. } => return Ok(()),
    };
    Err(Failure::new(Reason::NotSupported, text))
}

/// Carries out an entry that is not written together with others.
fn read(session: &Session, interaction: Interaction, request: Request) -> Outcome {
    if matches!(interaction, Interaction::Search { .. }) {
        explain::refuse_in_bundle(&request.query)?;
    }
    let is_head = request.method == Method::Head;
    let answer = run(session, interaction, request)?;
    Ok(if is_head { Answer { body: Body::Empty, ..answer } } else { answer })
}

fn written(kind: Kind, outcomes: impl Iterator<Item = (Outcome, Method)>, wanted: Return) -> Vec<u8> {
    let mut writer = Writer::begin(&Head { kind: kind.response(), total: None, links: Vec::new() });
    for (result, method) in outcomes {
        match result {
            Ok(answer) => {
                let wants_outcome = wanted == Return::OperationOutcome && is_of_write(method, &answer);
                write(&mut writer, &answer, said(&answer).filter(|_| wants_outcome));
            }
            Err(failure) => {
                let outcome = outcome(&failure.issues);
                let response = Response {
                    status: failure.status(),
                    version: failure.version,
                    outcome: Some(&outcome),
                    ..Response::default()
                };
                writer.entry(&bundle::Entry { response: Some(response), ..bundle::Entry::default() });
            }
        }
    }
    writer.end()
}

/// Whether the answer is that of a write: what an operation answers is the entry's resource, whatever its type.
fn is_of_write(method: Method, answer: &Answer) -> bool {
    match method {
        Method::Get | Method::Head => false,
        Method::Post => answer.location.is_some(),
        Method::Put | Method::Patch | Method::Delete => true,
    }
}

fn said(answer: &Answer) -> Option<&Value> {
    let Body::Value(value) = &answer.body else { return None };
    (value["resourceType"] == "OperationOutcome").then_some(value)
}

fn write(writer: &mut Writer, answer: &Answer, outcome: Option<&Value>) {
    let made;
    let bytes = match &answer.body {
        Body::Empty => None,
        Body::Stored(bytes) => Some(bytes.as_slice()),
        Body::Value(value) => {
            made = value.to_string();
            Some(made.as_bytes())
        }
    };
    writer.entry(&bundle::Entry {
        resource: bytes.filter(|_| outcome.is_none()),
        response: Some(Response {
            status: answer.status,
            location: answer.location.as_deref(),
            version: answer.version,
            last_modified: answer.updated.map(datetime::instant),
            outcome,
        }),
        ..bundle::Entry::default()
    });
}

/// Whether the method asks for something to be read.
fn is_reading(method: Method) -> bool {
    match method {
        Method::Get | Method::Head => true,
        Method::Post | Method::Put | Method::Patch | Method::Delete => false,
    }
}
