//! Whether the process runs, and whether it can serve: for load balancers and containers.

use actix_web::HttpResponse;
use actix_web::http::header::RETRY_AFTER;
use actix_web::web;

use crate::http::Served;

/// `GET /health/live`: the process runs.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("live\n")
}

/// `GET /health/ready`: the database answers and has the tables of this version.
pub async fn ready(served: web::Data<Served>) -> HttpResponse {
    let ready = web::block(move || served.app.ping()).await;
    if matches!(ready, Ok(Ok(()))) {
        HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n")
    } else {
        HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, "2"))
            .content_type("text/plain; charset=utf-8")
            .body("the database does not answer\n")
    }
}
