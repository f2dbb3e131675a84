//! Pages for people: the landing page at `/`. They need no script and nothing from elsewhere.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;
use serde_json::Value;

use crate::app::App;
use crate::app::Body;
use crate::app::Session;
use crate::http::Served;
use crate::interactions::Method;
use crate::interactions::Request;
use crate::interactions::perform;

const LANDING: &str = include_str!("landing.html");
/// Where the counts go in the page.
const COUNTS: &str = "<!-- counts -->";
/// The types whose resources are counted: how many, and of nobody in particular.
const COUNTED: [&str; 6] = ["Patient", "EpisodeOfCare", "CarePlan", "Goal", "Condition", "Encounter"];
/// Counting a large table takes a moment, so the page shows counts of up to this age.
const FRESH: Duration = Duration::from_secs(60);
/// The page may show its own style and nothing else, and nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The counts that were made last, as a part of the page.
#[derive(Default)]
struct Counted(Mutex<Option<(Instant, String)>>);

/// Adds the pages.
pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .app_data(web::Data::new(Counted::default()))
        .route("/", web::get().to(landing))
        .route("/", web::head().to(landing));
}

async fn landing(served: web::Data<Served>, counted: web::Data<Counted>) -> HttpResponse {
    let counts = web::block(move || counts(&served.app, &counted)).await.unwrap_or_default();
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(LANDING.replacen(COUNTS, &counts, 1))
}

/// How much there is, or nothing where the database does not answer: the page is shown all the same.
fn counts(app: &Arc<App>, counted: &Counted) -> String {
    let mut last = counted.0.lock().unwrap_or_else(PoisonError::into_inner);
    match &*last {
        Some((at, counts)) if at.elapsed() < FRESH => counts.clone(),
        _ => {
            let counts = COUNTED.iter().try_fold(String::new(), |mut list, ty| {
                write!(list, "<li><strong>{}</strong> {ty}</li>", count(app, ty)?).ok()?;
                Some(list)
            });
            let counts = counts.map(|list| format!("<ul class=\"counts\">{list}</ul>")).unwrap_or_default();
            *last = Some((Instant::now(), counts.clone()));
            counts
        }
    }
}

fn count(app: &Arc<App>, ty: &str) -> Option<u64> {
    let query = "_summary=count".to_owned();
    let request = Request { query, ..Request::new(Method::Get, ty) };
    let found: Value = match perform(&Session::system(Arc::clone(app)), request).ok()?.body {
        Body::Empty => return None,
        Body::Stored(bytes) => serde_json::from_slice(&bytes).ok()?,
        Body::Value(value) => value,
    };
    found["total"].as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_landing_page_fetches_nothing_from_elsewhere() {
        for forbidden in ["<script", "src=", "@import", "url(", "<link"] {
            assert!(!LANDING.contains(forbidden), "{forbidden}");
        }
        assert!(LANDING.contains(COUNTS));
    }
}
