//! How many of the pool's connections writes may hold at once on a server.
//!
//! A write holds its connection as long as it takes, and a large transaction takes as long as hundreds of reads. With
//! every connection open to them, eight that import by transactions leave none for reads, whose median was 25 ms then
//! and 5 ms with more connections than writers. So some are kept for reads, which may have all that is free.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// The places of writes.
#[derive(Debug)]
pub(crate) struct Share {
    free: Mutex<u32>,
    freed: Condvar,
}

/// The place of one write, until it goes.
pub(crate) struct Place<'a>(&'a Share);

impl Share {
    /// The share of writes in so many connections.
    pub(crate) fn of(connections: u32) -> Self {
        Self { free: Mutex::new(places(connections)), freed: Condvar::new() }
    }

    /// A place, when one is free; none where that takes longer than this.
    pub(crate) fn take(&self, patience: Duration) -> Option<Place<'_>> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_timeout_while(free, patience, |free| *free == 0);
        let (mut free, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Place(self))
    }
}

/// How many writes there may be at once with so many connections: all but a third; at least one.
pub(crate) fn places(connections: u32) -> u32 {
    connections.saturating_sub(connections / 3).max(1)
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_connections_is_left_to_reads() {
        for (connections, places) in [(0, 1), (1, 1), (2, 2), (3, 2), (6, 4), (34, 23)] {
            assert_eq!(*Share::of(connections).free.lock().unwrap(), places, "{connections}");
        }
    }

    #[test]
    fn a_place_is_waited_for_and_given_back() {
        let share = Share::of(1);
        let place = share.take(Duration::ZERO).expect("it is free");
        assert!(share.take(Duration::from_millis(1)).is_none(), "there is but one");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| share.take(Duration::from_secs(60)).is_some());
            drop(place);
            assert!(waiting.join().unwrap(), "what one gives back another has");
        });
        assert!(share.take(Duration::ZERO).is_some());
    }
}
