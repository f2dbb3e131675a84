//! The document and Swagger UI over HTTP, both out of the binary: nothing is fetched from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use utoipa_swagger_ui::Config;
use utoipa_swagger_ui::SwaggerUi;

/// The published document; a test holds it against what the definitions give, so that serving it costs nothing.
const PUBLISHED: &str = include_str!("../../../openapi/comfrey.json");

/// Adds `/openapi.json` and `/swagger-ui/`.
pub fn configure(routes: &mut web::ServiceConfig) {
    // No validator: it would show the document to somebody else's server.
    let config = Config::new(["/openapi.json"])
        .validator_url("none")
        .persist_authorization(true)
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .deep_linking(true)
        .filter(true)
        .doc_expansion("none")
        .default_models_expand_depth(0);
    routes
        .route("/openapi.json", web::get().to(document))
        .route("/openapi.json", web::head().to(document))
        .service(web::redirect("/swagger-ui", "/swagger-ui/"))
        .service(SwaggerUi::new("/swagger-ui/{_:.*}").config(config));
}

async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(PUBLISHED)
}
