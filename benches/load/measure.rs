//! Sends a kind of work over several connections for some time, and says how long the answers took.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::connection::Connection;
use crate::connection::Target;
use crate::process::Watched;

/// One in so many answers is parsed and checked while the time runs; all of the first few are, before it runs.
const CHECKED: u64 = 64;
/// How many are checked beforehand.
const BEFOREHAND: u64 = 32;

/// A request to send.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub body: Vec<u8>,
}

/// Says what is wrong with the answer to the n-th request.
pub type Check<'a> = Box<dyn Fn(u64, &Value) -> Result<(), String> + Sync + 'a>;

/// A kind of work.
pub struct Work<'a> {
    pub name: String,
    /// The n-th request; none where all are sent.
    pub request: Box<dyn Fn(u64) -> Option<Request> + Sync + 'a>,
    pub check: Check<'a>,
}

/// How hard to work.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub time: Duration,
}

/// What came of it.
#[derive(Default)]
pub struct Seen {
    /// How long each answer took, in microseconds, the shortest first.
    pub micros: Vec<u64>,
    pub failed: u64,
    pub wrong: u64,
    pub bytes: u64,
    pub took: Duration,
    /// Processor time that the server took, where it runs here.
    pub processor: Option<Duration>,
}

impl Seen {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.micros.len() as f64 / self.took.as_secs_f64()
    }

    /// The time within which this share of the answers came, in milliseconds.
    pub fn within(&self, share: f64) -> f64 {
        let place = ((self.micros.len() as f64 * share) as usize).min(self.micros.len().saturating_sub(1));
        self.micros.get(place).map_or(0.0, |micros| *micros as f64 / 1000.0)
    }

    /// Processor time of the server for a request, in microseconds.
    pub fn processor_each(&self) -> Option<f64> {
        let all = self.processor?.as_secs_f64() * 1e6;
        (!self.micros.is_empty()).then(|| all / self.micros.len() as f64)
    }
}

/// Checks the first answers one by one, then measures.
pub fn measure(target: &Target, watched: &Watched, work: &Work, load: Load) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    for n in 0..BEFOREHAND {
        let Some(request) = (work.request)(n) else { break };
        one(target, &mut connection, work, (n, &request), &mut seen);
    }
    let (failed, wrong) = (seen.failed, seen.wrong);
    let next = AtomicU64::new(BEFOREHAND);
    let before = watched.processor();
    let started = Instant::now();
    let until = started + load.time;
    let mut all = Seen { failed, wrong, ..Seen::default() };
    std::thread::scope(|threads| {
        let started: Vec<_> =
            (0..load.connections).map(|_| threads.spawn(|| send_on(target, until, work, &next))).collect();
        for thread in started {
            let seen = thread.join().expect("a connection's thread does not panic");
            all.micros.extend(seen.micros);
            all.failed += seen.failed;
            all.wrong += seen.wrong;
            all.bytes += seen.bytes;
        }
    });
    all.took = started.elapsed();
    all.processor = watched.processor().zip(before).map(|(after, before)| after.saturating_sub(before));
    all.micros.sort_unstable();
    all
}

fn send_on(target: &Target, until: Instant, work: &Work, next: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while Instant::now() < until {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = (work.request)(n) else { break };
        one(target, &mut connection, work, (n, &request), &mut seen);
    }
    seen
}

/// Sends one request; the connection is kept unless it broke.
fn one<'a>(
    target: &'a Target,
    connection: &mut Option<Connection<'a>>,
    work: &Work,
    (n, request): (u64, &Request),
    seen: &mut Seen,
) {
    let started = Instant::now();
    let open = connection.take().map_or_else(|| Connection::open(target), Ok);
    let answer = open.and_then(|mut open| {
        let reply = open.send(request.method, &request.path, &request.body)?;
        Ok((open, reply))
    });
    seen.micros.push(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
    let Ok((open, reply)) = answer else {
        seen.failed += 1;
        return;
    };
    *connection = Some(open);
    seen.bytes += reply.body.len() as u64;
    if !(200..300).contains(&reply.status) {
        seen.failed += 1;
        if seen.failed == 1 {
            let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(300)]).into_owned();
            eprintln!("load: {}: {} {}: {} {text}", work.name, request.method, request.path, reply.status);
        }
    } else if n < BEFOREHAND || n.is_multiple_of(CHECKED) {
        let answer = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        if let Err(wrong) = (work.check)(n, &answer) {
            seen.wrong += 1;
            if seen.wrong == 1 {
                eprintln!("load: {}: {} is answered wrongly: {wrong}", work.name, request.path);
            }
        }
    }
}
