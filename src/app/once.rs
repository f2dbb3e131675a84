//! Requests that are carried out once however often they are sent: the `Idempotency-Key` of state-changing
//! operations. <https://hl7.org/fhir/R4/operations.html>
//!
//! An answer is kept for the rights with which it was made: a token of the same person and app that may do less, or
//! otherwise, does not get it. It does not carry the request out a second time either.

use aws_lc_rs::digest;
use serde_json::Value;
use serde_json::json;

use crate::access::Caller;
use crate::app::answer::Answer;
use crate::app::answer::Body;
use crate::app::answer::Later;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::datetime::DAY;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::tables;
use crate::store::tables::Kept;

/// The name of a request that is carried out once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The client's key.
    pub key: String,
    /// A digest of operation and body: the same key with another body is a mistake.
    pub digest: String,
}

impl Once {
    /// The key as the database knows it: callers cannot see one another's. With the digest of the request goes one of
    /// the caller's rights.
    fn scoped(&self, session: &Session) -> Self {
        let caller = session.caller();
        let client = caller.client.as_deref().unwrap_or_default();
        Self {
            key: format!("{client}\n{}\n{}", caller.subject, self.key),
            digest: format!("{} {}", self.digest, rights(caller)),
        }
    }

    /// Whether an answer was kept for the same rights; its request is looked at first.
    fn has_the_rights_of(&self, kept: &Kept) -> Result<bool, Failure> {
        let request = |once: &str| once.split(' ').next().map(str::to_owned);
        if request(&kept.digest) != request(&self.digest) {
            let text = "This Idempotency-Key was used for another request; use a new key for each request.";
            return Err(mismatch(text));
        }
        Ok(kept.digest == self.digest)
    }
}

/// A digest of all that decides what a caller may do and see, whatever the order in which the token says it.
pub(crate) fn rights(caller: &Caller) -> String {
    let mut grants: Vec<String> = caller.grants.iter().map(|grant| format!("{grant:?}")).collect();
    let mut roles = caller.roles.clone();
    grants.sort_unstable();
    roles.sort_unstable();
    let all = format!("{grants:?}\n{:?}\n{roles:?}\n{:?}", caller.patient, caller.fhir_user);
    let digest = digest::digest(&digest::SHA256, all.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn mismatch(text: &str) -> Failure {
    Failure::new(Reason::BusinessRule, text).coded(
        format!("{}/CodeSystem/palliative-error", crate::definitions::CANONICAL),
        "idempotency-mismatch",
    )
}

impl Session {
    /// The answer that the same request was given within the last 24 hours, with the same rights. Where it was given
    /// with others there is none, so that the request goes on to its own checks, and ends at the latest where it
    /// takes the key.
    ///
    /// # Errors
    /// `BusinessRule` coded `idempotency-mismatch` where the key was used for another request.
    pub fn replay(&self, once: &Once) -> Result<Option<Answer>, Failure> {
        let once = once.scoped(self);
        let since = self.now() - DAY;
        let kept = self.app().db.read(|conn| Ok(tables::kept(conn, &once.key, since)?))?;
        let Some(kept) = kept else { return Ok(None) };
        once.has_the_rights_of(&kept)?.then(|| again(&kept)).transpose()
    }

    pub(crate) fn scoped(&self, once: Option<&Once>) -> Option<Once> {
        once.map(|once| once.scoped(self))
    }
}

/// Takes the key for this transaction; the kept answer where another request has had it.
pub(crate) fn claim(conn: &mut Conn, once: &Once, now: i64) -> Result<Option<Answer>, Fault> {
    let since = now - DAY;
    if tables::claim(conn, &once.key, &once.digest, (now, since))? {
        return Ok(None);
    }
    let kept = tables::kept(conn, &once.key, since)?.ok_or(Fault::Stale)?;
    if !once.has_the_rights_of(&kept)? {
        let text = "This Idempotency-Key was used with an access token that allows something else, so that its answer \
                    is not given again and nothing is done; read what is there, or use a new key.";
        return Err(mismatch(text).into());
    }
    Ok(Some(again(&kept)?))
}

/// Keeps the answer, in the transaction that carries the request out.
pub(crate) fn keep(conn: &mut Conn, once: &Once, answer: &Answer) -> Result<(), Fault> {
    keep_made(conn, once, &made(answer)?)
}

/// An answer as it is kept. A long one is made so before the transaction: the others who write wait for that.
pub(crate) struct Made {
    status: u16,
    bytes: Vec<u8>,
}

/// Writes an answer as it is kept; a body of bytes goes in as it is.
pub(crate) fn made(answer: &Answer) -> Result<Made, Failure> {
    let later = match &answer.later {
        Some(Later::Accepted(url)) => Some(url),
        Some(Later::Pending(..) | Later::Done(_) | Later::Cancelled) | None => None,
    };
    let head = json!({ "location": answer.location, "version": answer.version, "updated": answer.updated,
        "later": later, "judgedBy": answer.judged_by });
    let mut bytes = head.to_string().into_bytes();
    bytes.pop();
    bytes.extend_from_slice(br#","body":"#);
    match &answer.body {
        Body::Empty => bytes.extend_from_slice(b"null"),
        Body::Stored(body) => bytes.extend_from_slice(body),
        Body::Value(body) => serde_json::to_writer(&mut bytes, body).map_err(Failure::internal)?,
    }
    bytes.push(b'}');
    Ok(Made { status: answer.status, bytes })
}

/// Keeps an answer that is made so already.
pub(crate) fn keep_made(conn: &mut Conn, once: &Once, made: &Made) -> Result<(), Fault> {
    Ok(tables::keep(conn, &once.key, made.status.into(), made.bytes.clone())?)
}

fn again(kept: &Kept) -> Result<Answer, Failure> {
    let broken = || Failure::internal("a kept answer cannot be read");
    let mut envelope: Value = serde_json::from_slice(&kept.body).map_err(|_| broken())?;
    let body = envelope.get_mut("body").map(Value::take).unwrap_or_default();
    let judged_by = envelope.get("judgedBy").and_then(Value::as_array).into_iter().flatten();
    Ok(Answer {
        location: envelope.get("location").and_then(Value::as_str).map(str::to_owned),
        version: envelope.get("version").and_then(Value::as_i64),
        updated: envelope.get("updated").and_then(Value::as_i64),
        later: envelope.get("later").and_then(Value::as_str).map(|url| Later::Accepted(url.to_owned())),
        judged_by: judged_by.filter_map(|rules| Some(rules.as_str()?.to_owned())).collect(),
        body: if body.is_null() { Body::Empty } else { Body::Value(body) },
        replayed: true,
        ..Answer::empty(u16::try_from(kept.status).map_err(|_| broken())?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_given_again_says_what_it_said() {
        let rules = vec!["https://example.org/rules|1".to_owned(), "https://example.org/more|é\"".to_owned()];
        let stored = Body::Stored(br#"{"resourceType":"Parameters"}"#.to_vec());
        for (body, told) in [(stored, json!({ "resourceType": "Parameters" })), (Body::Empty, Value::Null)] {
            let answer = Answer { judged_by: rules.clone(), version: Some(3), body, ..Answer::empty(201) };
            let Made { status, bytes } = made(&answer).unwrap();
            let kept = Kept { digest: String::new(), status: status.into(), body: bytes };
            let again = again(&kept).unwrap();
            assert_eq!((again.status, again.version, &again.judged_by), (201, Some(3), &rules));
            assert!(again.replayed);
            match again.body {
                Body::Value(body) => assert_eq!(body, told),
                Body::Empty => assert_eq!(told, Value::Null),
                Body::Stored(_) => panic!("a kept answer is read"),
            }
        }
    }
}
