//! A FHIR request to an interaction, its answer to a response. <https://hl7.org/fhir/R4/http.html>

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::Version;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::http::header::HeaderValue;
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::web;

use crate::access::Caller;
use crate::app::HistoryOf;
use crate::app::answer::Answer;
use crate::app::answer::Later;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle::Method;
use crate::fhir::operation::Parameter;
use crate::fhir::xml;
use crate::http::Served;
use crate::http::binary;
use crate::http::body;
use crate::http::caller;
use crate::http::fetched;
use crate::http::load;
use crate::http::load::Stage;
use crate::http::negotiate;
use crate::http::negotiate::Format;
use crate::http::negotiate::Offer;
use crate::http::negotiate::Syntax;
use crate::http::negotiate::Wish;
use crate::http::observe::Label;
use crate::http::observe::RequestId;
use crate::http::prefer;
use crate::http::respond;
use crate::http::routes::FHIR;
use crate::http::sent;
use crate::http::sent::Sent;
use crate::http::threads;
use crate::http::threads::Thread;
use crate::interactions;
use crate::interactions::Body;
use crate::interactions::Conditions;
use crate::interactions::Interaction;
use crate::interactions::Request;

/// Answers any request under `/fhir`.
pub async fn fhir(request: HttpRequest, payload: web::Payload, served: web::Data<Served>) -> HttpResponse {
    match answer(&request, payload, &served).await {
        Ok((answer, format)) => respond::answered(answer, format),
        Err(failure) => respond::failed(&request, &failure),
    }
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    served: &web::Data<Served>,
) -> Result<(Answer, Format), Failure> {
    let (method, path) = asked(request)?;
    let routed = interactions::route(method, path);
    if let Ok(interaction) = &routed {
        request.extensions_mut().insert(label(interaction));
    }
    let base_url = caller::base_url(request, &served.app.config)?;
    let (caller, in_emergency) = match &routed {
        // what a server can do is for everybody to know: apps read there how to get a token
        Ok(Interaction::Capabilities) => (Caller::anonymous(), false),
        routed => caller::in_purpose(request, served, routed.as_ref().ok()).await?,
    };
    let interaction = routed?;
    let table = interactions::table(&served.app, &interaction);
    let offer = offer(&interaction, table);
    let (mut format, query) = negotiate::answer_format(request, offer)?;
    let has_content = offer == Offer::Content && !format.by_query && query.is_empty();
    let wish = has_content.then(|| Wish::of(request));
    let sent = match interaction {
        // nobody's body is waited for who has not said who they are
        Interaction::Capabilities => None,
        _ => {
            let _until_there = has_body(request).then(|| load::take(served, Stage::Arrival)).transpose()?;
            read_body(request, payload, (served.app.config.max_body, &interaction)).await?
        }
    };
    let place = load::take(served, Stage::Work)?;
    if let Some((Sent::Form, form)) = &sent {
        format = negotiate::form_format(format, form)?;
        request.extensions_mut().insert(format);
    }
    // a Bundle that is read by its id has links of its own
    format.by_query &= !interactions::is_short_read(&interaction);
    let session = Session::new(Arc::clone(&served.app), caller, base_url);
    let is_plain = sent.is_none() && wish.is_none() && !in_emergency && format.syntax == Syntax::Json;
    let is_short =
        served.app.config.is_embedded() && is_plain && interactions::is_short(&session, &interaction, &query);
    let asked = Request {
        query,
        conditions: conditions(request, method)?,
        prefer: prefer::prefer(request.headers()),
        idempotency_key: header(request, "idempotency-key"),
        in_emergency,
        ..Request::new(method, path)
    };
    let id = RequestId::current(request);
    let (session, place, thread) =
        fetched::ahead(session, is_plain.then_some(&interaction), (&id, place)).await?;
    let other = || threads::of(&served.app, &interaction, sent.as_ref());
    let thread = thread.unwrap_or_else(|| if is_short { Thread::Worker } else { other() });
    let work = move || {
        let _until_done = place;
        id.around(|| guarded(|| perform(&session, asked, sent, (format, table, wish))))
    };
    threads::by(thread, &served.app, work).await
}

/// What can be had of the answer.
fn offer(interaction: &Interaction, table: Option<&Parameter>) -> Offer {
    // What was asked for at first may have a table.
    let is_status = matches!(interaction, Interaction::AsyncStatus { .. });
    match table.is_some() || is_status {
        true => Offer::Tables,
        false if binary::is_read(interaction) => Offer::Content,
        false => Offer::Resources,
    }
}

fn asked(request: &HttpRequest) -> Result<(Method, &str), Failure> {
    let path = request.uri().path();
    let path = path.strip_prefix(FHIR).unwrap_or(path);
    let method = Method::parse(request.method().as_str()).ok_or_else(|| {
        let mut failure = Failure::new(Reason::MethodNotAllowed, "This method is not one that FHIR uses.");
        failure.allow = Some("GET, HEAD, POST, PUT, PATCH, DELETE".into());
        failure
    })?;
    Ok((method, path.strip_prefix('/').unwrap_or(path)))
}

fn label(interaction: &Interaction) -> Label {
    let (interaction, ty) = match interaction {
        Interaction::Capabilities => ("capabilities", None),
        Interaction::Read { ty, .. } => ("read", Some(ty)),
        Interaction::Vread { ty, .. } => ("vread", Some(ty)),
        Interaction::Create { ty } => ("create", Some(ty)),
        Interaction::Update { ty, .. } => ("update", Some(ty)),
        Interaction::Patch { ty, .. } => ("patch", Some(ty)),
        Interaction::Delete { ty, .. } => ("delete", Some(ty)),
        Interaction::History { of: HistoryOf::One(ty, _) | HistoryOf::Type(ty) } => ("history", Some(ty)),
        Interaction::History { of: HistoryOf::All } => ("history", None),
        Interaction::Search { field } => ("search", field.ty.as_ref()),
        Interaction::Batch => ("batch", None),
        Interaction::Operation { target, .. } => ("operation", target.as_ref().map(|(ty, _)| ty)),
        Interaction::AsyncStatus { .. } => ("async-status", None),
        Interaction::AsyncCancel { .. } => ("async-cancel", None),
    };
    Label { interaction, ty: ty.map_or("", |ty| ty.name()) }
}

fn header(request: &HttpRequest, name: &str) -> Option<String> {
    request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn conditions(request: &HttpRequest, method: Method) -> Result<Conditions, Failure> {
    let is_write = matches!(method, Method::Put | Method::Patch | Method::Delete);
    let has = |name: &str| request.headers().contains_key(name);
    // Who sends it relies on it, and a time in seconds does not tell versions apart.
    if is_write && has("if-unmodified-since") && !has("if-match") {
        let text = "`If-Unmodified-Since` is not offered, since several versions may be of one second; send `If-Match` \
                    with the version that was read.";
        return Err(Failure::new(Reason::NotSupported, text).at("http.If-Unmodified-Since"));
    }
    Ok(Conditions {
        if_match: condition(request, "if-match", ", ")?,
        if_none_match: condition(request, "if-none-match", ", ")?,
        if_modified_since: header(request, "if-modified-since"),
        if_none_exist: condition(request, "if-none-exist", "&")?,
    })
}

/// A header whose loss would let a write reach further than was asked: one that cannot be read is refused, and of
/// one that is sent in several lines all hold.
fn condition(request: &HttpRequest, name: &str, joint: &str) -> Result<Option<String>, Failure> {
    let lines: Vec<&str> = request
        .headers()
        .get_all(name)
        .map(|line| std::str::from_utf8(line.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(|_| {
            let text = format!("The header `{name}` is not UTF-8; percent-encode it.");
            Failure::new(Reason::Invalid, text)
        })?;
    Ok(Some(lines.join(joint)).filter(|_| !lines.is_empty()))
}

/// Whether a body is to arrive.
fn has_body(request: &HttpRequest) -> bool {
    let is_empty = |length: &HeaderValue| length == "0";
    let headers = request.headers();
    headers.get(CONTENT_LENGTH).map_or(request.version() == Version::HTTP_2, |length| !is_empty(length))
        || headers.contains_key(TRANSFER_ENCODING)
}

/// The bytes of the body, and what they are.
async fn read_body(
    request: &HttpRequest,
    payload: web::Payload,
    (limit, interaction): (usize, &Interaction),
) -> Result<Option<(Sent, Vec<u8>)>, Failure> {
    let bytes = body::read(request, payload, limit).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let sent = match binary::received(request, interaction)? {
        Some(content) => Sent::Content(content),
        None => sent::sent(request)?,
    };
    Ok(Some((sent, bytes)))
}

/// Performs the request, from the bytes that came to the bytes that go out.
fn perform(
    session: &Session,
    request: Request,
    sent: Option<(Sent, Vec<u8>)>,
    (format, table, wish): (Format, Option<&'static Parameter>, Option<Wish>),
) -> Result<(Answer, Format), Failure> {
    let shapes = &session.app().definitions.shapes;
    // a form is a search, which is never done by the thread that serves the connection
    if sent.as_ref().is_some_and(|(sent, _)| !matches!(sent, Sent::Form)) {
        session.app().give_way();
    }
    let body = match sent {
        None => None,
        Some((Sent::Json, bytes)) => Some(Body::Json(bytes)),
        Some((Sent::Form, bytes)) => Some(Body::Form(bytes)),
        Some((Sent::Patch(format), bytes)) => Some(Body::Patch(format, bytes)),
        Some((Sent::Content(content), bytes)) => Some(Body::Resource(content.resource(&bytes))),
        Some((Sent::Xml, bytes)) => Some(xml::read(shapes, &bytes).map_or_else(Body::Broken, Body::Resource)),
    };
    let answer = interactions::perform(session, Request { body, ..request })?;
    let answer = match wish {
        Some(wish) => binary::answer(answer, &wish)?,
        None => answer,
    };
    let (table, format) = match &answer.later {
        None => (table, format),
        Some(later) => of_later(session, (later, answer.status), format)?,
    };
    let answer = match table.filter(|_| format.syntax == Syntax::Csv) {
        Some(rows) => respond::tabled(answer, rows),
        None => respond::worded(answer, format, shapes),
    };
    Ok((answer?, format))
}

/// The table of the answer to what was asked for earlier, and how it is written: what is no such answer, or says why
/// there is none, has no table and is a resource whatever is asked for.
fn of_later(
    session: &Session,
    (later, status): (&Later, u16),
    format: Format,
) -> Result<(Option<&'static Parameter>, Format), Failure> {
    let as_resource = if format.syntax == Syntax::Csv { negotiate::FHIR_JSON } else { format };
    match later {
        Later::Done(path) if status < 300 => {
            let interaction = interactions::route(Method::Post, path)?;
            let table = interactions::table(session.app(), &interaction);
            match (format.syntax, table) {
                (Syntax::Csv, None) => Err(negotiate::not_offered("Accept")),
                (Syntax::Csv | Syntax::Json | Syntax::Xml, table) => Ok((table, format)),
            }
        }
        Later::Done(_) | Later::Accepted(_) | Later::Pending(..) | Later::Cancelled => {
            Ok((None, as_resource))
        }
    }
}

/// A panic is our fault, which the client learns as a 500 and no more.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic: Box<dyn Any + Send>| {
        drop(panic);
        Err(Failure::internal("a panic, whose place is logged above"))
    })
}
