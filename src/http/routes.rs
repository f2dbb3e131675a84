//! Every URL outside FHIR, and `/fhir/…` as a whole: below that, `interactions::route` decides.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::guard;
use actix_web::web;
use actix_web::web::ServiceConfig;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::http::fhir;
use crate::http::health;
use crate::http::metrics;
use crate::http::openapi;
use crate::http::pages;
use crate::http::respond;
use crate::http::smart;

/// The path under which FHIR is served.
pub const FHIR: &str = "/fhir";

/// Adds all URLs to a server.
pub fn configure(urls: &mut ServiceConfig) {
    urls.service(page("/health/live").to(health::live))
        .service(page("/health/ready").to(health::ready))
        .service(page("/metrics").to(metrics::metrics))
        .service(page("/.well-known/smart-configuration").to(smart::configuration))
        .service(page("/fhir/.well-known/smart-configuration").to(smart::configuration))
        // By its prefix alone, and before all paths with variables: an expression that is tried on each request took a
        // twentieth of a read.
        .service(web::scope(FHIR).default_service(web::to(fhir::fhir)))
        .configure(pages::configure)
        .configure(openapi::configure)
        .default_service(web::to(unknown));
}

/// A URL that can only be looked at.
fn page(path: &'static str) -> Page {
    Page(path)
}

struct Page(&'static str);

impl Page {
    fn to<F, Args>(self, handler: F) -> actix_web::Resource
    where
        F: actix_web::Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: actix_web::Responder + 'static,
    {
        let looking = guard::Any(guard::Get()).or(guard::Head());
        web::resource(self.0)
            .route(web::route().guard(looking).to(handler))
            .default_service(web::to(only_get))
    }
}

async fn only_get(request: HttpRequest) -> HttpResponse {
    let mut failure = Failure::new(Reason::MethodNotAllowed, "This URL can only be read, with GET.");
    failure.allow = Some("GET, HEAD".into());
    respond::failed(&request, &failure)
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    let text = "There is nothing at this URL; FHIR is served under /fhir.";
    respond::failed(&request, &Failure::new(Reason::NotFound, text))
}
