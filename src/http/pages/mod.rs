//! Pages for people: the landing page at `/`. They need no script and nothing from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;

const LANDING: &str = include_str!("landing.html");
/// The page may show its own style and nothing else, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Adds the pages.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes.route("/", web::get().to(landing)).route("/", web::head().to(landing));
}

async fn landing() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(LANDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_landing_page_fetches_nothing_from_elsewhere() {
        for forbidden in ["<script", "src=", "@import", "url(", "<link"] {
            assert!(!LANDING.contains(forbidden), "{forbidden}");
        }
    }
}
