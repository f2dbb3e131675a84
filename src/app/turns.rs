//! What writes much takes turns while others read, where the database is a server.
//! <https://hl7.org/fhir/R4/http.html#transaction>
//!
//! To check and to write a transaction of sixty entries takes a core for some milliseconds each, here and at the database,
//! and a read passes from thread to thread and from process to process: at each step it may have to wait for the end of
//! such a slice of time. With eight that import by transactions beside sixteen that read, on two cores for all, the
//! slowest of 100 reads took 34 to 39 ms. With one large write at a time, from its bytes to its commit, 14; and when the
//! thread that does it gives way to others, 8 to 9, where without any import it was 7. There are five times the reads
//! then, and what is imported falls to a fifth; it is all of it again 50 ms after the last read.
//!
//! On an embedded database that gained nothing: its threads that write all give way (see
//! [`precedence`](crate::store::precedence)).

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::app::App;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::store::precedence::give_way;
use crate::store::share::Place;
use crate::store::share::Share;

/// From how many bytes on what is sent is large.
const LARGE: usize = 16 * 1024;
/// How many large writes there may be; more than there are threads for them.
const ALL: u32 = 10_000;
/// How many of them at once while others read.
const WHILE_READ: u32 = 1;
/// For how long after a read others are taken to be reading.
const READING: Duration = Duration::from_millis(50);
/// How long a large write waits for its turn. Then it goes on all the same: no write stands still because others read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The turns of large writes.
pub(crate) struct Turns {
    places: Share,
    began: Instant,
    /// Up to when others are taken to be reading, in milliseconds from the beginning.
    reading: AtomicU64,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Share::with(ALL), began: Instant::now(), reading: AtomicU64::new(0) }
    }
}

impl Turns {
    /// Others read from now on for a while.
    fn read(&self, now: Duration) {
        self.reading.store(millis(now + READING), Ordering::Relaxed);
    }

    fn are_others_reading(&self) -> bool {
        self.reading.load(Ordering::Relaxed) > millis(self.began.elapsed())
    }

    /// The turn of a large write; none where that takes longer than this.
    fn take(&self, patience: Duration) -> Option<Place<'_>> {
        let free_at_least = || if self.are_others_reading() { ALL - WHILE_READ } else { 0 };
        self.places.take_leaving(free_at_least, patience)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl App {
    /// Whether what writes so many bytes takes turns with others.
    pub fn takes_turns(&self, bytes: usize) -> bool {
        bytes >= LARGE && !self.is_embedded()
    }

    /// Has large writes take turns for a moment, since somebody reads.
    pub fn notice_read(&self) {
        if !self.is_embedded() {
            self.turns.read(self.turns.began.elapsed());
        }
    }

    /// Does what writes much when it is its turn; while others read by a thread of its own, since a thread that gives way
    /// never comes back from it.
    ///
    /// # Errors
    /// `Throttled` where there is no further thread to be had.
    pub fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let _turn = self.turns.take(PATIENCE);
        if !self.turns.are_others_reading() {
            return Ok(work());
        }
        let work = move || {
            give_way();
            work()
        };
        let thread =
            std::thread::Builder::new().name("comfrey-large".into()).spawn(work).map_err(|error| {
                log::warn!("no thread for a large write: {error}");
                let text =
                    "The server has as much to do as it can hold; wait a moment and send the request again.";
                Failure::new(Reason::Throttled, text)
            })?;
        thread.join().map_err(|_| Failure::internal("a large write panicked"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_a_turn_at_once_where_nobody_reads() {
        let turns = Turns::default();
        let taken: Vec<_> = (0..50).filter_map(|_| turns.take(Duration::ZERO)).collect();
        assert_eq!(taken.len(), 50);
    }

    #[test]
    fn while_others_read_there_is_one_at_a_time() {
        let turns = Turns::default();
        turns.read(Duration::from_secs(60));
        let first = turns.take(Duration::ZERO);
        assert!(first.is_some(), "one there always is");
        assert!(turns.take(Duration::from_millis(50)).is_none(), "though it is asked for again");
        drop(first);
        assert!(turns.take(Duration::ZERO).is_some());
    }

    #[test]
    fn those_who_wait_go_on_soon_after_the_last_read() {
        let turns = Turns::default();
        turns.read(turns.began.elapsed());
        let _first = turns.take(Duration::ZERO).expect("one there always is");
        std::thread::scope(|scope| {
            let waiting: Vec<_> =
                (0..4).map(|_| scope.spawn(|| turns.take(Duration::from_secs(60)))).collect();
            let held: Vec<_> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(held.iter().all(Option::is_some), "all at once, and the first has its turn still");
        });
    }

    #[test]
    fn those_that_were_begun_before_a_read_end_before_another_begins() {
        let turns = Turns::default();
        let mut before: Vec<_> = (0..3).filter_map(|_| turns.take(Duration::ZERO)).collect();
        turns.read(Duration::from_secs(60));
        while before.pop().is_some() {
            assert_eq!(turns.take(Duration::ZERO).is_some(), before.is_empty(), "{} are left", before.len());
        }
    }
}
