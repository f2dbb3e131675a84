//! Requests that are carried out later: how one is taken on, asked after and cancelled, and what one that is being
//! carried out says of itself. <https://hl7.org/fhir/R4/async.html>
//!
//! A request that was taken on belongs to the person and the app that sent it, with the rights that they had: to anyone
//! else, and to the same with a token that allows something else, it is not there.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use aws_lc_rs::digest;
use serde_json::Value;
use serde_json::json;

use crate::access::Caller;
use crate::app::answer::Answer;
use crate::app::answer::Body;
use crate::app::answer::Later;
use crate::app::once;
use crate::app::once::Once;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Issue;
use crate::fhir::Reason;
use crate::fhir::Severity;
use crate::fhir::datetime::DAY;
use crate::fhir::datetime::Micros;
use crate::fhir::outcome::outcome;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::jobs;
use crate::store::jobs::Hold;
use crate::store::jobs::JobKey;
use crate::store::jobs::JobState;
use crate::store::tables;

/// How many requests of one person and app may wait or be carried out at a time.
const MOST_OPEN: i64 = 16;

/// For how long a request is kept that nobody got round to, and what came of it.
pub(super) const KEPT: Micros = DAY;

/// How often it is tried to take on a request with an `Idempotency-Key` that met another with the same key.
const TRIES: u32 = 20;

/// How far a request is that is carried out later, and whether it shall go on.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicI64,
    total: AtomicI64,
    ended: AtomicBool,
    /// In whose hands it is; nobody's where the database knows of no request.
    hold: Option<Hold>,
}

impl Progress {
    /// Nothing is done yet by this holder.
    pub(super) fn of(hold: Hold) -> Self {
        Self { hold: Some(hold), ..Self::default() }
    }

    /// Makes the work end at its next word.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether it shall end.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// How much is done, and of how much; nothing of nothing where that is not known.
    pub(super) fn so_far(&self) -> (i64, i64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}

impl Session {
    /// Whether the request is carried out after it was answered, so that it may take its time.
    pub fn is_later(&self) -> bool {
        self.progress.is_some()
    }

    /// What work that takes long says between its pieces: how much is done, and of how much.
    ///
    /// # Errors
    /// Where it shall not go on. Nobody gets to see that failure.
    pub fn progress(&self, done: usize, total: usize) -> Result<(), Failure> {
        let Some(progress) = &self.progress else { return Ok(()) };
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        progress.total.store(number(total), Ordering::Relaxed);
        progress.done.store(number(done), Ordering::Relaxed);
        if progress.is_ended() {
            return Err(cancelled());
        }
        Ok(())
    }

    /// In whose hands the request is, where it is carried out later.
    pub(super) fn hold(&self) -> Option<Hold> {
        self.progress.as_ref().and_then(|progress| progress.hold.clone())
    }

    /// Takes a request on, to be carried out later; it is durable when this returns. With an `Idempotency-Key` it is
    /// taken on once: a repeated request leads to the first one.
    ///
    /// # Errors
    /// `Throttled` where the caller has as many open as may be; `BusinessRule` where the key was used for another
    /// request.
    pub fn take_on(&self, once: Option<&Once>, request: &Value) -> Result<Answer, Failure> {
        let key = key_of(self.caller(), uuid::Uuid::new_v4().simple().to_string());
        let asked = json!({
            "caller": self.caller().to_json(),
            "baseUrl": self.base_url(),
            "request": request,
        });
        let answer = Answer {
            later: Some(Later::Accepted(format!("{}/async/{}", self.base_url(), key.id))),
            ..said(202, "The request was taken on; ask for its answer at the URL in Content-Location.")
        };
        let taken = Arc::new((key, asked.to_string().into_bytes(), answer, self.scoped(once)));
        let now = self.now();
        let mut tries = 0;
        loop {
            tries += 1;
            let taken = Arc::clone(&taken);
            let done = self.app().db.write(move |conn| {
                let (key, asked, answer, once) = &*taken;
                // Those of one caller wait for one another, so that none passes the count of the others.
                tables::lock_condition(conn, &format!("jobs {}", key.owner), now)?;
                if let Some(once) = once
                    && let Some(before) = once::claim(conn, once, now)?
                {
                    return Ok(before);
                }
                if jobs::open_of(conn, &key.owner, now)? >= MOST_OPEN {
                    return Err(too_many().into());
                }
                jobs::insert(conn, key, asked.clone(), (now, now + KEPT))?;
                if let Some(once) = once {
                    once::keep(conn, once, answer)?;
                }
                Ok(answer.clone())
            });
            match done {
                Err(Fault::Stale) if tries < TRIES => {}
                done => return done.map_err(Fault::into_failure),
            }
        }
    }

    /// What there is to say of a request that was taken on: how far it is, or its own answer.
    ///
    /// # Errors
    /// `NotFound` where there is none that is this caller's.
    pub fn later_answer(&self, id: &str) -> Result<Answer, Failure> {
        let (key, now) = (key_of(self.caller(), id.to_owned()), self.now());
        let found = self.app().db.snapshot(|conn| Ok(jobs::find(conn, &key, now)?))?;
        let (at, state) = found.ok_or_else(not_there)?;
        let text = match state {
            JobState::Done(result) => return of_result(&result),
            JobState::Waits => "It waits for its turn.".to_owned(),
            JobState::Runs(_, 0) => "It is being carried out.".to_owned(),
            JobState::Runs(done, total) => format!("It is being carried out: {done} of {total}."),
        };
        // Who has waited long need not ask so often.
        let seconds = ((now - at) / 4_000_000).clamp(1, 30);
        let later = Later::Pending(text.clone(), u32::try_from(seconds).unwrap_or(1));
        Ok(Answer { later: Some(later), ..said(202, &text) })
    }

    /// Takes a request away that was taken on, with what came of it.
    ///
    /// # Errors
    /// `NotFound` where there is none that is this caller's, or not any more.
    pub fn cancel_later(&self, id: &str) -> Result<Answer, Failure> {
        let (key, now) = (key_of(self.caller(), id.to_owned()), self.now());
        let removed = self.app().db.write(move |conn| Ok(jobs::remove(conn, &key, now)?));
        if !removed.map_err(Fault::into_failure)? {
            return Err(not_there());
        }
        let text = "The request is cancelled; what it had written by then stays.";
        Ok(Answer { later: Some(Later::Cancelled), ..said(202, text) })
    }
}

/// Refuses to write for a request that was cancelled or is in other hands by now; until this transaction ends, neither
/// happens.
pub(super) fn require_hold(conn: &mut Conn, hold: Option<&Hold>) -> Result<(), Fault> {
    match hold {
        Some(hold) if !jobs::keep_hold(conn, hold)? => Err(Fault::Refused(cancelled())),
        Some(_) | None => Ok(()),
    }
}

/// Nobody gets to see it: what came of a request that was cancelled is not kept.
fn cancelled() -> Failure {
    Failure::new(Reason::Conflict, "The request was cancelled.")
}

fn key_of(caller: &Caller, id: String) -> JobKey {
    let owner = json!([caller.client, caller.subject]).to_string();
    let digest = digest::digest(&digest::SHA256, owner.as_bytes());
    let owner = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    JobKey { id, owner, rights: once::rights(caller) }
}

fn said(status: u16, text: &str) -> Answer {
    let issue = Issue { severity: Severity::Information, ..Issue::error("informational", text) };
    Answer { body: Body::Value(outcome(&[issue])), ..Answer::empty(status) }
}

fn not_there() -> Failure {
    let text = "There is no such request of yours here: it was cancelled, or its answer was removed a day after it was \
                there, or this access token allows something else than the one with which it was sent.";
    Failure::new(Reason::NotFound, text)
}

fn too_many() -> Failure {
    let text = format!(
        "{MOST_OPEN} requests of yours are waiting or being carried out; wait for one of them, or cancel one."
    );
    Failure::new(Reason::Throttled, text)
}

/// What came of a request, as it is kept: a line about it, then the body as it goes out.
pub(super) fn result(path: &str, done: Result<Answer, Failure>) -> Result<Vec<u8>, Failure> {
    let answer = done.unwrap_or_else(|failure| Answer {
        version: failure.version,
        ..Answer { status: failure.status(), ..Answer::value(failure.outcome()) }
    });
    let head = json!({
        "path": path,
        "status": answer.status,
        "location": answer.location,
        "version": answer.version,
        "updated": answer.updated,
    });
    let mut bytes = head.to_string().into_bytes();
    bytes.push(b'\n');
    match answer.body {
        Body::Empty => {}
        Body::Stored(body) => bytes.extend(body),
        Body::Value(body) => serde_json::to_writer(&mut bytes, &body).map_err(Failure::internal)?,
    }
    Ok(bytes)
}

fn of_result(bytes: &[u8]) -> Result<Answer, Failure> {
    let broken = || Failure::internal("the answer to a request that was carried out cannot be read");
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
    let head: Value = serde_json::from_slice(&bytes[..end]).map_err(|_| broken())?;
    let text = |name: &str| head.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| head.get(name).and_then(Value::as_i64);
    let body = bytes[end + 1..].to_vec();
    Ok(Answer {
        body: if body.is_empty() { Body::Empty } else { Body::Stored(body) },
        location: text("location"),
        version: number("version"),
        updated: number("updated"),
        later: Some(Later::Done(text("path").ok_or_else(broken)?)),
        ..Answer::empty(number("status").and_then(|status| u16::try_from(status).ok()).ok_or_else(broken)?)
    })
}
