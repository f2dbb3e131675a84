//! The document and Swagger UI over HTTP, both out of the binary: nothing is fetched from elsewhere.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use utoipa_swagger_ui::Config;
use utoipa_swagger_ui::SwaggerUi;

/// The published document; a test holds it against what the definitions give, so that serving it costs nothing.
const PUBLISHED: &str = include_str!("../../../openapi/comfrey.json");

/// Adds `/openapi.json` and `/swagger-ui/`.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .route("/openapi.json", web::get().to(document))
        .route("/openapi.json", web::head().to(document))
        .service(web::redirect("/swagger-ui", "/swagger-ui/"))
        .route("/swagger-ui/{file:.*}", web::head().to(page))
        .service(SwaggerUi::new("/swagger-ui/{_:.*}").config(config()));
}

fn config() -> Config<'static> {
    // No validator: it would show the document to somebody else's server.
    Config::new(["/openapi.json"])
        .validator_url("none")
        .persist_authorization(true)
        .try_it_out_enabled(true)
        .display_request_duration(true)
        .deep_linking(true)
        .filter(true)
        .doc_expansion("none")
        .default_models_expand_depth(0)
}

/// The head of a file of Swagger UI, which serves GET alone.
async fn page(file: web::Path<String>) -> HttpResponse {
    let name = if file.is_empty() { "index.html" } else { file.as_str() };
    match utoipa_swagger_ui::serve(name, Arc::new(config())) {
        Ok(Some(file)) => HttpResponse::Ok().content_type(file.content_type).body(file.bytes.to_vec()),
        Ok(None) => HttpResponse::NotFound().finish(),
        Err(cause) => {
            log::error!("a page of Swagger UI cannot be read: {cause}");
            HttpResponse::InternalServerError().finish()
        }
    }
}

async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(PUBLISHED)
}
