//! Counts of requests as Prometheus text, with no label that could name a person.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web;

use crate::http::Served;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"];
const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Upper ends in microseconds, and as the label that Prometheus wants.
const BUCKETS: [(u64, &str); 12] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
];

/// Counts since the start.
#[derive(Default)]
pub struct Metrics {
    requests: [[AtomicU64; STATUSES.len()]; METHODS.len()],
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Metrics {
    /// Counts one request.
    pub fn count(&self, method: &str, status: u16, took: Duration) {
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let status = usize::from(status / 100).clamp(1, STATUSES.len()) - 1;
        self.requests[method][status].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(at) = BUCKETS.iter().position(|(end, _)| micros <= *end) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut out = String::from(
            "# HELP comfrey_http_requests_total Requests answered.\n# TYPE comfrey_http_requests_total counter\n",
        );
        for (method, counts) in METHODS.iter().zip(&self.requests) {
            for (status, count) in STATUSES.iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    line(
                        &mut out,
                        format_args!(
                            "comfrey_http_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}"
                        ),
                    );
                }
            }
        }
        out.push_str(
            "# HELP comfrey_http_request_seconds Time to answer.\n# TYPE comfrey_http_request_seconds histogram\n",
        );
        let mut below = 0;
        for ((_, label), count) in BUCKETS.iter().zip(&self.buckets) {
            below += count.load(Ordering::Relaxed);
            line(&mut out, format_args!("comfrey_http_request_seconds_bucket{{le=\"{label}\"}} {below}"));
        }
        let count = self.count.load(Ordering::Relaxed).max(below);
        let micros = self.micros.load(Ordering::Relaxed);
        line(&mut out, format_args!("comfrey_http_request_seconds_bucket{{le=\"+Inf\"}} {count}"));
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        line(&mut out, format_args!("comfrey_http_request_seconds_sum {seconds}.{rest:06}"));
        line(&mut out, format_args!("comfrey_http_request_seconds_count {count}"));
        out
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("memory does not fail to be written");
}

/// `GET /metrics`
pub async fn metrics(served: web::Data<Served>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(served.metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_method_and_status_and_time() {
        let metrics = Metrics::default();
        metrics.count("GET", 200, Duration::from_millis(2));
        metrics.count("GET", 404, Duration::from_secs(60));
        metrics.count("BREW", 405, Duration::from_micros(1));
        let text = metrics.text();
        for expected in [
            "comfrey_http_requests_total{method=\"GET\",status=\"2xx\"} 1\n",
            "comfrey_http_requests_total{method=\"GET\",status=\"4xx\"} 1\n",
            "comfrey_http_requests_total{method=\"other\",status=\"4xx\"} 1\n",
            "comfrey_http_request_seconds_bucket{le=\"0.0005\"} 1\n",
            "comfrey_http_request_seconds_bucket{le=\"0.0025\"} 2\n",
            "comfrey_http_request_seconds_bucket{le=\"30\"} 2\n",
            "comfrey_http_request_seconds_bucket{le=\"+Inf\"} 3\n",
            "comfrey_http_request_seconds_sum 60.002001\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
    }
}
