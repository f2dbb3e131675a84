//! Answers in no encoding that a client accepts. <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3>

use actix_web::Error;
use actix_web::body::EitherBody;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceRequest;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::Next;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::http::respond;

/// The middleware around compression: where that refuses `Accept-Encoding`, it does so in words of its own, which
/// become an OperationOutcome here.
///
/// # Errors
/// None of its own.
pub async fn word_refusals(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let response = next.call(request).await?;
    let is_worded = response.headers().contains_key(CONTENT_TYPE);
    if response.status() != StatusCode::NOT_ACCEPTABLE || is_worded {
        return Ok(response.map_into_left_body());
    }
    let text = "`Accept-Encoding` excludes all that is offered: accept gzip, br or identity.";
    let request = response.request().clone();
    let refused = respond::failed(&request, &Failure::new(Reason::NotAcceptable, text));
    Ok(ServiceResponse::new(request, refused).map_into_right_body())
}
