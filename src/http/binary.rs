//! What a Binary holds, as it is: sent and received in its own media type and not as a resource around base64.
//! <https://hl7.org/fhir/R4/binary.html#rest>
//!
//! The FHIR types, `*/*` and no `Accept` at all mean the resource, here as everywhere; what `Accept` names beside them
//! means the content, if that is what it is. What somebody stored is never shown as a page of this origin: it goes out
//! as a file to be kept, and a browser that shows it all the same lets nothing in it run.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::http::header::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::app::answer::Answer;
use crate::app::answer::Body;
use crate::app::answer::Content;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::http::negotiate;
use crate::http::negotiate::Wish;
use crate::interactions::Interaction;

/// The header that names the resource by which access to the content is judged.
const CONTEXT: &str = "x-security-context";

/// Whether the interaction reads a Binary, so that its content may be had as it is.
pub fn is_read(interaction: &Interaction) -> bool {
    matches!(interaction, Interaction::Read { ty, .. } | Interaction::Vread { ty, .. } if is_binary(*ty))
}

fn is_binary(ty: ResourceType) -> bool {
    ty.name() == "Binary"
}

/// A body that is the content of a Binary, without the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    id: Option<String>,
    media_type: String,
    context: Option<String>,
}

/// What a body is that is not in a format of FHIR's and is sent to where a Binary is stored; none for any other.
///
/// # Errors
/// `MediaType` for a `Content-Type` that is none; `Invalid` for a wrong `X-Security-Context`.
pub fn received(request: &HttpRequest, interaction: &Interaction) -> Result<Option<Received>, Failure> {
    let id = match interaction {
        Interaction::Create { ty } if is_binary(*ty) => None,
        Interaction::Update { ty, id } if is_binary(*ty) => id.clone(),
        _ => return Ok(None),
    };
    let Some(header) = request.headers().get(CONTENT_TYPE) else { return Ok(None) };
    let unreadable =
        || Failure::new(Reason::MediaType, "The Content-Type is no media type: send one such as image/png.");
    let text = header.to_str().map_err(|_| unreadable())?;
    let media_type = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if negotiate::is_fhir(&name) {
        return Ok(None);
    }
    if !is_media_type(&name) {
        return Err(unreadable());
    }
    Ok(Some(Received { id, media_type, context: context(request)? }))
}

/// `type/subtype`, both of the letters that such names have. <https://www.rfc-editor.org/rfc/rfc6838#section-4.2>
fn is_media_type(name: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    name.split_once('/').is_some_and(|(one, other)| is_name(one) && is_name(other))
}

fn context(request: &HttpRequest) -> Result<Option<String>, Failure> {
    let mut lines = request.headers().get_all(CONTEXT);
    let Some(line) = lines.next() else { return Ok(None) };
    let text = line.to_str().ok().map(str::trim).filter(|text| !text.is_empty() && lines.next().is_none());
    let text = text.ok_or_else(|| {
        let text = "`X-Security-Context` is one reference, such as `Patient/1`.";
        Failure::new(Reason::Invalid, text).at("http.X-Security-Context")
    })?;
    Ok(Some(text.to_owned()))
}

impl Received {
    /// The Binary that holds the content.
    pub fn resource(self, content: &[u8]) -> Value {
        let mut binary = json!({ "resourceType": "Binary" });
        if let Some(id) = self.id {
            binary["id"] = id.into();
        }
        binary["contentType"] = self.media_type.into();
        if let Some(context) = self.context {
            binary["securityContext"] = json!({ "reference": context });
        }
        binary["data"] = STANDARD.encode(content).into();
        binary
    }
}

/// The answer to the reading of a Binary: with its content as it is where that is what is wished for.
///
/// # Errors
/// `NotAcceptable` where neither that nor a format of FHIR's is; `Internal` where what is stored cannot be read.
pub fn answer(answer: Answer, wish: &Wish) -> Result<Answer, Failure> {
    let Body::Stored(bytes) = &answer.body else { return Ok(answer) };
    let binary: Value = serde_json::from_slice(bytes).map_err(Failure::internal)?;
    let media_type = binary["contentType"].as_str().unwrap_or("application/octet-stream");
    if !wish.is_for(media_type)? {
        return Ok(answer);
    }
    let mut data = binary["data"].as_str().unwrap_or_default().to_owned();
    data.retain(|letter| !letter.is_ascii_whitespace());
    let bytes = STANDARD.decode(data).map_err(|_| Failure::internal("the data of a Binary is no base64"))?;
    let context = binary["securityContext"]["reference"].as_str().map(str::to_owned);
    let content = Content { media_type: media_type.to_owned(), context };
    Ok(Answer { body: Body::Stored(bytes), content: Some(content), ..answer })
}

/// The response with content as it is.
pub fn sent(mut response: HttpResponseBuilder, content: &Content, bytes: Vec<u8>) -> HttpResponse {
    let unnamed = || HeaderValue::from_static("application/octet-stream");
    let media_type = HeaderValue::from_str(&content.media_type).unwrap_or_else(|_| unnamed());
    response
        .insert_header((CONTENT_TYPE, media_type))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((CONTENT_DISPOSITION, "attachment"));
    if let Some(context) = content.context.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
        response.insert_header((CONTEXT, context));
    }
    response.body(bytes)
}
