//! The load benchmark: reads, creates, one search and import against any FHIR base URL.
//!
//! ```text
//! cargo bench --bench load -- http://127.0.0.1:8080/fhir --connections 16 --seconds 10
//! cargo bench --bench load -- http://127.0.0.1:8080/fhir --work import --bundles FOLDER
//! ```
//!
//! It first stores patients of its own to work on, so point it at a server that may keep them. Client and server
//! share the machine as a rule: compare figures of one run only.

#![expect(clippy::print_stdout, reason = "the figures are its output")]

mod connection;
mod work;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use clap::Parser;

use crate::connection::Connection;
use crate::connection::Target;
use crate::work::Kind;
use crate::work::Prepared;
use crate::work::Request;

#[derive(Parser)]
#[command(about = "Measures reads, creates, one search and import against a FHIR server")]
struct Settings {
    /// The FHIR base URL, over plain HTTP
    url: String,
    /// A bearer token, where the server asks for one
    #[arg(long, default_value = "")]
    token: String,
    /// Connections that send at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How long each kind of work is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// What to measure, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "read,create,search,everything,import")]
    work: Vec<Kind>,
    /// Transaction Bundles to import (.json, .json.gz), instead of generated ones
    #[arg(long)]
    bundles: Option<std::path::PathBuf>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    micros: Vec<u64>,
    resources: usize,
    failed: usize,
}

fn main() {
    let settings = Settings::parse();
    let target = Target::parse(&settings.url, &settings.token).unwrap_or_else(|wrong| stop(&wrong));
    let prepared = Prepared::new(&target, settings.bundles.as_deref()).unwrap_or_else(|wrong| stop(&wrong));
    println!("{} connections, {} s each, {}", settings.connections, settings.seconds, settings.url);
    println!(
        "{:8} {:>10} {:>10} {:>9} {:>9} {:>7}",
        "work", "requests", "req/s", "p50 ms", "p99 ms", "failed"
    );
    for kind in &settings.work {
        let started = Instant::now();
        let seen = measure(&settings, &target, &prepared, *kind);
        report(*kind, &seen, started.elapsed());
    }
}

fn stop(wrong: &str) -> ! {
    eprintln!("load: {wrong}");
    std::process::exit(2)
}

fn measure(settings: &Settings, target: &Target, prepared: &Prepared, kind: Kind) -> Seen {
    let until = Instant::now() + Duration::from_secs(settings.seconds);
    let next = AtomicUsize::new(0);
    let mut all = Seen::default();
    std::thread::scope(|threads| {
        let started: Vec<_> = (0..settings.connections)
            .map(|_| {
                threads.spawn(|| {
                    one_connection(target, until, &|| {
                        prepared.request(kind, next.fetch_add(1, Ordering::Relaxed))
                    })
                })
            })
            .collect();
        for thread in started {
            let seen = thread.join().unwrap_or_else(|_| stop("a connection's thread panicked"));
            all.micros.extend(seen.micros);
            all.resources += seen.resources;
            all.failed += seen.failed;
        }
    });
    all
}

fn one_connection(target: &Target, until: Instant, next: &dyn Fn() -> Option<Request>) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while Instant::now() < until {
        let Some(request) = next() else { break };
        let started = Instant::now();
        let on = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(target),
        };
        let answer = on.and_then(|mut on: Connection| {
            let status = on.send(request.method, &request.path, &request.body)?.status;
            Ok((on, status))
        });
        match answer {
            Ok((on, status)) => {
                connection = Some(on);
                if (200..300).contains(&status) {
                    seen.resources += request.resources
                } else {
                    seen.failed += 1
                }
            }
            Err(_) => seen.failed += 1,
        }
        seen.micros.push(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    seen
}

fn report(kind: Kind, seen: &Seen, took: Duration) {
    let mut micros = seen.micros.clone();
    micros.sort_unstable();
    let at = |share: f64| {
        let place = ((micros.len() as f64 * share) as usize).min(micros.len().saturating_sub(1));
        micros.get(place).map_or(0.0, |micros| *micros as f64 / 1000.0)
    };
    let rate = micros.len() as f64 / took.as_secs_f64();
    let (p50, p99) = (at(0.5), at(0.99));
    let name = kind.name();
    print!("{name:8} {:>10} {rate:>10.0} {p50:>9.2} {p99:>9.2} {:>7}", micros.len(), seen.failed);
    let stored = seen.resources as f64 / took.as_secs_f64();
    if kind == Kind::Import { println!("   {stored:.0} resources/s") } else { println!() }
}
