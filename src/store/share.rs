//! How many of the pool's connections writes, and reads of one state, may hold at once on a server.
//!
//! A write holds its connection as long as it takes, and a large transaction takes as long as hundreds of reads. With
//! every connection open to them, eight that import by transactions leave none for reads, whose median was 25 ms then
//! and 5 ms with more connections than writers. So some are kept for reads, which may have all that is free. A
//! transaction that only reads may go on for half a minute: it counts as a write does, and writes keep half of their
//! places from such.
//!
//! Who has waited longest is next: where whoever comes may take what was just given back, one that waits may be passed by
//! until its time is up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// The places of all who hold a connection for long.
#[derive(Debug)]
pub(crate) struct Shares {
    all: Share,
    /// Those of them that reads may have.
    reads: Share,
}

impl Shares {
    /// Those of so many connections.
    pub(crate) fn of(connections: u32) -> Self {
        let all = places(connections);
        Self { all: Share::with(all), reads: Share::with(all.div_ceil(2)) }
    }

    /// The place of a write; none where that takes longer than this.
    pub(crate) fn write(&self, patience: Duration) -> Option<Place<'_>> {
        self.all.take(patience)
    }

    /// The place of one who reads several times of one state; none where that takes longer than this.
    pub(crate) fn look(&self, patience: Duration) -> Option<[Place<'_>; 2]> {
        let until = Instant::now() + patience;
        let own = self.reads.take(patience)?;
        Some([own, self.all.take(until.saturating_duration_since(Instant::now()))?])
    }
}

/// How often one who waits looks again how many are to stay free.
const AGAIN: Duration = Duration::from_millis(20);

/// Some places.
#[derive(Debug)]
pub(crate) struct Share {
    places: Mutex<Places>,
}

#[derive(Debug)]
struct Places {
    free: u32,
    /// Those who wait, the first of them first; each is woken by itself.
    waiting: VecDeque<Arc<Condvar>>,
}

/// The place of one, until it goes.
pub(crate) struct Place<'a>(&'a Share);

impl Share {
    /// So many.
    pub(crate) fn with(free: u32) -> Self {
        Self { places: Mutex::new(Places { free, waiting: VecDeque::new() }) }
    }

    /// A place, when one is free and whoever came before has one; none where that takes longer than this.
    fn take(&self, patience: Duration) -> Option<Place<'_>> {
        self.take_leaving(|| 0, patience)
    }

    /// The same, where so many are to stay free, which may change while it waits.
    pub(crate) fn take_leaving(&self, left: impl Fn() -> u32, patience: Duration) -> Option<Place<'_>> {
        let until = Instant::now() + patience;
        let mut places = self.places();
        if places.free > left() && places.waiting.is_empty() {
            places.free -= 1;
            return Some(Place(self));
        }
        let own = Arc::new(Condvar::new());
        places.waiting.push_back(Arc::clone(&own));
        loop {
            let is_next = places.waiting.front().is_some_and(|first| Arc::ptr_eq(first, &own));
            let has_place = places.free > left() && is_next;
            let rest = until.saturating_duration_since(Instant::now());
            if has_place || rest.is_zero() {
                places.waiting.retain(|other| !Arc::ptr_eq(other, &own));
                places.free -= u32::from(has_place);
                // There may be another place, or the one for which this one was woken when its time was up.
                places.wake();
                return has_place.then(|| Place(self));
            }
            places = own.wait_timeout(places, rest.min(AGAIN)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Wakes the first of those who wait, where there is a place for it.
    fn wake(&self) {
        if let Some(first) = self.waiting.front().filter(|_| self.free > 0) {
            first.notify_one();
        }
    }
}

/// How many writes there may be at once with so many connections: all but a third; at least one.
pub(crate) fn places(connections: u32) -> u32 {
    connections.saturating_sub(connections / 3).max(1)
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.0.places();
        places.free += 1;
        places.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_third_of_the_connections_is_left_to_reads_and_a_third_to_writes() {
        for (connections, writes, reads) in
            [(0, 1, 1), (1, 1, 1), (2, 2, 1), (3, 2, 1), (6, 4, 2), (34, 23, 12)]
        {
            let shares = Shares::of(connections);
            assert_eq!(
                (shares.all.places().free, shares.reads.places().free),
                (writes, reads),
                "{connections}"
            );
        }
    }

    #[test]
    fn a_place_is_waited_for_and_given_back() {
        let share = Share::with(1);
        let place = share.take(Duration::ZERO).expect("it is free");
        assert!(share.take(Duration::from_millis(1)).is_none(), "there is but one");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| share.take(Duration::from_secs(60)).is_some());
            drop(place);
            assert!(waiting.join().unwrap(), "what one gives back another has");
        });
        assert!(share.take(Duration::ZERO).is_some());
    }

    /// How many wait.
    fn waiting(share: &Share) -> usize {
        share.places().waiting.len()
    }

    #[test]
    fn who_has_waited_longest_is_next_and_who_comes_later_passes_nobody() {
        let share = Share::with(1);
        let (told, order) = channel();
        let place = share.take(Duration::ZERO).expect("it is free");
        std::thread::scope(|scope| {
            for turn in 0..8 {
                let (told, share) = (told.clone(), &share);
                scope.spawn(move || {
                    let _place = share.take(Duration::from_secs(60)).expect("its turn comes");
                    told.send(turn).unwrap();
                });
                while waiting(share) <= turn {
                    std::thread::yield_now();
                }
            }
            // The place is given back while the others wait: it is the first one's, and not this one's.
            drop(place);
            assert!(share.take(Duration::ZERO).is_none() || waiting(&share) == 0);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn who_gives_up_waiting_stands_in_nobodys_way() {
        let share = Share::with(1);
        let place = share.take(Duration::ZERO).expect("it is free");
        std::thread::scope(|scope| {
            let first = scope.spawn(|| share.take(Duration::from_millis(50)).is_some());
            while waiting(&share) < 1 {
                std::thread::yield_now();
            }
            let second = scope.spawn(|| share.take(Duration::from_secs(60)).is_some());
            assert!(!first.join().unwrap(), "nothing became free in its time");
            drop(place);
            assert!(second.join().unwrap());
        });
        assert_eq!((waiting(&share), share.places().free), (0, 1));
    }
}
