//! The memory of the process: bounded by what one answer or one request may hold, however much is stored, and not
//! growing with the number of requests. <https://hl7.org/fhir/R4/http.html#paging>

use std::process::Child;
use std::process::Command;

use reqwest::blocking::Client;
use serde_json::Value;
use serde_json::json;

use crate::crash::Running;
use crate::crash::http;
use crate::crash::send;
use crate::database::Database;

/// The largest page, as it is promised.
const LARGEST_PAGE: usize = 1_000;
/// More than two of them.
const STORED: usize = 2_100;
/// How long the note of each resource is.
const NOTE: usize = 4_000;
const MB: u64 = 1 << 20;

fn observation(at: usize) -> Value {
    json!({ "resourceType": "Observation", "id": format!("o{at}"), "status": "final",
        "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
        "subject": { "reference": "Patient/p" }, "valueQuantity": { "value": at, "unit": "kg" },
        "note": [{ "text": "x".repeat(NOTE) }] })
}

fn bundle(numbers: std::ops::Range<usize>) -> Value {
    let put = |at: usize| {
        json!({ "resource": observation(at),
            "request": { "method": "PUT", "url": format!("Observation/o{at}") } })
    };
    let entries: Vec<Value> = numbers.map(put).collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

/// Sends it and insists on success; what came back.
#[track_caller]
fn done(http: &Client, method: &str, url: &str, body: Option<&Value>) -> String {
    let reply = send(http, method, url, body).expect("the server answers");
    let (status, text) = (reply.status().as_u16(), reply.text().unwrap());
    assert!((200..300).contains(&status), "{method} {url}: {status} {text}");
    text
}

/// The most memory that the server holds beyond what it held before, while this is done.
fn growth(server: &Running, work: impl FnOnce()) -> u64 {
    server.forget_peak();
    let before = server.peak();
    work();
    // The system counts pages in batches, so that it may tell a little less than a moment before.
    server.peak().saturating_sub(before)
}

fn full(server: &Running) {
    let http = http();
    let patient = json!({ "resourceType": "Patient", "id": "p" });
    done(&http, "PUT", &format!("{}/Patient/p", server.base), Some(&patient));
    for from in (0..STORED).step_by(350) {
        done(&http, "POST", &server.base, Some(&bundle(from..from + 350)));
    }
}

/// A page of a search, of a history and of a record, each asked for with more than there may be.
fn pages(server: &Running) -> [String; 3] {
    ["Observation?_count=100000", "Observation/_history?_count=100000", "Patient/p/$everything?_count=100000"]
        .map(|path| format!("{}/{path}", server.base))
}

#[test]
fn a_page_holds_no_more_than_the_largest_one_and_takes_a_few_times_its_size() {
    let database = Database::fresh();
    let (server, http) = (Running::start(database.url()), http());
    full(&server);
    for url in pages(&server) {
        let mut size = 0;
        let grown = growth(&server, || {
            let text = done(&http, "GET", &url, None);
            size = text.len() as u64;
            let page: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(page["entry"].as_array().unwrap().len(), LARGEST_PAGE, "{url}");
            let links = page["link"].to_string();
            assert!(links.contains("\"next\"") && !links.contains("100000"), "{url}: {links}");
        });
        println!("{url}: {size} bytes, {grown} more in memory");
        assert!(grown < 8 * size + 32 * MB, "{url}: {grown} bytes for a page of {size}");
        let many = growth(&server, || {
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| (0..2).for_each(|_| drop(done(&http, "GET", &url, None))));
                }
            });
        });
        println!("eight at once: {many} more in memory");
        assert!(many < 8 * (6 * size) + 64 * MB, "{url}: {many} bytes for eight pages of {size} at once");
    }
    let url = &pages(&server)[0];
    let ask = |times: usize| (0..times).for_each(|_| drop(done(&http, "GET", url, None)));
    let few = growth(&server, || ask(3));
    let more = growth(&server, || ask(25));
    // A busy machine answers on threads that have not yet been at work, and each keeps what it once had; what is kept of
    // every answer would be as much as 25 of them.
    assert!(more < few + 48 * MB, "{few} bytes for 3 pages one after another, {more} for 25");
}

#[test]
fn a_bundle_takes_some_times_its_size_however_many_came_before() {
    let database = Database::fresh();
    let (server, http) = (Running::start(database.url()), http());
    let body = bundle(0..STORED / 2);
    let size = body.to_string().len() as u64;
    let send = |times: usize| (0..times).for_each(|_| drop(done(&http, "POST", &server.base, Some(&body))));
    let once = growth(&server, || send(1));
    println!("a transaction of {size} bytes: {once} more in memory");
    assert!(once < 16 * size + 32 * MB, "{once} bytes for a Bundle of {size}");
    // Updates read what is there and keep it; the cache of 64 MB with which SQLite is written to fills up meanwhile.
    let warm = growth(&server, || send(3));
    println!("three more: {warm} more in memory");
    assert!(warm < 32 * size + 96 * MB, "{warm} bytes for Bundles of {size}, one after another");
    let again = growth(&server, || send(4));
    println!("four more: {again} more in memory");
    assert!(again < 4 * size + 80 * MB, "{again} bytes for four Bundles of {size}, after four like them");
}

/// Sends so many bytes as they are made, and says no length.
struct Endless(Child);

impl Endless {
    fn to(url: &str) -> Self {
        let line = format!(
            "yes '{{\"resourceType\":\"Patient\"}}' | head -c 400000000 | \
                            curl -s -o /dev/null -w '%{{http_code}}' -H 'expect:' -H 'content-type: application/fhir+json' \
                            -X POST -T - '{url}'"
        );
        let mut shell = Command::new("sh");
        Self(shell.args(["-c", &line]).stdout(std::process::Stdio::piped()).spawn().unwrap())
    }
}

#[test]
fn a_body_that_is_too_large_is_never_held() {
    let database = Database::fresh();
    let server = Running::start(database.url());
    let grown = growth(&server, || {
        let ends = Endless::to(&format!("{}/Patient", server.base)).0.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ends.stdout), "413");
    });
    assert!(grown < 64 * MB, "{grown} bytes for a body of 400 MB");
}
