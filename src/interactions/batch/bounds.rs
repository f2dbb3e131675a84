//! How much one Bundle may ask for: how many entries, and how much may come back.
//! <https://hl7.org/fhir/R4/http.html#transaction>

use std::cell::Cell;
use std::time::Duration;
use std::time::Instant;

use crate::app::Answer;
use crate::app::Body;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::bundle::Method;
use crate::interactions::Interaction;
use crate::interactions::batch::Outcome;
use crate::interactions::batch::entry::Entry;
use crate::interactions::route::route;

/// How many entries a Bundle has at most: a patient's whole record has some thousands.
const MOST_ENTRIES: usize = 20_000;
/// How many of them may be searches, histories or operations, of which each can cost as much as many other entries.
const MOST_QUERIES: usize = 500;
/// How many bytes the resources of the answer have together at most.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// How long a transaction that only reads may begin to read something more.
const LONGEST: Duration = Duration::from_secs(30);

/// Refuses a Bundle that asks for more than one request may.
///
/// # Errors
/// `TooLarge`.
pub fn check(entries: &[Entry]) -> Result<(), Failure> {
    let queries = || entries.iter().filter(|entry| is_query(entry)).count();
    let (most, what) = if entries.len() > MOST_ENTRIES {
        (MOST_ENTRIES, "entries")
    } else if entries.len() > MOST_QUERIES && queries() > MOST_QUERIES {
        (MOST_QUERIES, "searches, histories and operations")
    } else {
        return Ok(());
    };
    let text = format!("A Bundle has at most {most} {what}; send several Bundles.");
    Err(Failure::new(Reason::TooLarge, text).code("too-costly").at("Bundle.entry"))
}

fn is_query(entry: &Entry) -> bool {
    let (method, path) = (entry.request.method, entry.request.path.as_str());
    match method {
        Method::Get | Method::Head | Method::Post => match route(method, path) {
            Ok(Interaction::Search { .. } | Interaction::History { .. } | Interaction::Operation { .. }) => {
                true
            }
            Ok(
                Interaction::Capabilities
                | Interaction::Read { .. }
                | Interaction::Vread { .. }
                | Interaction::Create { .. }
                | Interaction::Update { .. }
                | Interaction::Patch { .. }
                | Interaction::Delete { .. }
                | Interaction::Batch
                | Interaction::AsyncStatus { .. }
                | Interaction::AsyncCancel { .. },
            )
            | Err(_) => false,
        },
        Method::Put | Method::Patch | Method::Delete => false,
    }
}

/// The room that the answer has left, and the time.
pub struct Room {
    bytes: Cell<usize>,
    until: Option<Instant>,
}

impl Default for Room {
    fn default() -> Self {
        Self { bytes: Cell::new(MOST_BYTES), until: None }
    }
}

impl Room {
    /// That of a transaction which only reads. Nobody waits for it but who asked; one that also writes has less time, of
    /// the write.
    pub fn of_reads() -> Self {
        Self { until: Instant::now().checked_add(LONGEST), ..Self::default() }
    }

    /// Until when something may be read.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// The whole room, until then.
    pub fn ending(until: Instant) -> Self {
        Self { until: Some(until), ..Self::default() }
    }

    /// Carries out an entry that reads and takes the room of what it gives, where there is that much left.
    pub fn fill(&self, read: impl FnOnce() -> Outcome) -> Outcome {
        if self.bytes.get() == 0 {
            return Err(full());
        }
        if self.until.is_some_and(|until| until <= Instant::now()) {
            return Err(late());
        }
        let answer = read()?;
        let left = self.bytes.get().checked_sub(size(&answer));
        self.bytes.set(left.unwrap_or(0));
        left.map(|_| answer).ok_or_else(full)
    }
}

fn size(answer: &Answer) -> usize {
    match &answer.body {
        Body::Empty => 0,
        Body::Stored(bytes) => bytes.len(),
        Body::Value(value) => value.to_string().len(),
    }
}

fn full() -> Failure {
    let text = format!(
        "The answers to the entries before this one fill the {MOST_BYTES} bytes of one answer; ask for this in another \
         request."
    );
    Failure::new(Reason::TooLarge, text).code("too-costly")
}

fn late() -> Failure {
    let text = format!(
        "The entries before this one have taken {} s, which is as long as one transaction may read; ask for this in \
         another request, or in a batch.",
        LONGEST.as_secs()
    );
    Failure::new(Reason::TooLarge, text).code("too-costly")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interactions::request::Request;

    fn entries(count: usize, method: Method, path: &str) -> Vec<Entry> {
        let entry = |index| Entry { index, full_url: None, request: Request::new(method, path) };
        (0..count).map(entry).collect()
    }

    #[test]
    fn a_bundle_has_so_many_entries_and_no_more() {
        for (count, method, path, fits) in [
            (20_000, Method::Get, "Patient/1", true),
            (20_001, Method::Get, "Patient/1", false),
            (20_001, Method::Put, "Patient/1", false),
            (500, Method::Get, "Patient", true),
            (501, Method::Get, "Patient", false),
            (501, Method::Post, "Patient/_search", false),
            (501, Method::Get, "Patient/1/_history", false),
            (501, Method::Post, "ValueSet/$expand", false),
            (501, Method::Post, "Patient", true),
            (501, Method::Get, "no/such/place/here", true),
        ] {
            let checked = check(&entries(count, method, path));
            assert_eq!(checked.is_ok(), fits, "{count} {method:?} {path}");
            if let Err(failure) = checked {
                assert_eq!((failure.status(), failure.issues[0].code), (413, "too-costly"));
            }
        }
    }

    #[test]
    fn what_does_not_fit_into_the_answer_is_refused_and_what_follows_is_not_read() {
        let room = Room::default();
        let of = |bytes: usize| move || Ok(Answer::bytes(vec![b' '; bytes]));
        assert!(room.fill(of(MOST_BYTES - 1)).is_ok());
        assert!(room.fill(of(1)).is_ok());
        assert_eq!(room.fill(of(1)).unwrap_err().status(), 413);
        assert_eq!(room.fill(|| panic!("it is read")).unwrap_err().issues[0].code, "too-costly");
    }

    #[test]
    fn what_a_transaction_begins_to_read_too_late_is_refused_and_told_as_such() {
        let room = Room::of_reads();
        assert!(room.fill(|| Ok(Answer::bytes(Vec::new()))).is_ok());
        let left = room.until.unwrap().saturating_duration_since(Instant::now());
        assert!(left <= Duration::from_secs(30) && left > Duration::from_secs(20), "{left:?}");
        let failure = Room { until: Some(Instant::now()), ..room }.fill(|| panic!("it is read")).unwrap_err();
        assert_eq!((failure.status(), failure.issues[0].code), (413, "too-costly"));
        assert!(failure.issues[0].text.contains("30 s") && !failure.issues[0].text.contains("wait"));
        assert!(Room::default().until.is_none());
    }
}
