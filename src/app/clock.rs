//! The time: the machine's, or one that a test sets. <https://hl7.org/fhir/R4/datatypes.html#instant>

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::fhir::datetime::Micros;

/// Where the time comes from; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is set again.
    pub fn set_to(micros: Micros) -> Self {
        Self(Some(Arc::new(AtomicI64::new(micros))))
    }

    /// The time now, in whole milliseconds (the precision of an instant here), as microseconds.
    pub fn now(&self) -> Micros {
        let micros = match &self.0 {
            Some(fixed) => fixed.load(Ordering::SeqCst),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
        };
        micros - micros.rem_euclid(1_000)
    }

    /// Sets a clock that stands still; the machine's clock is not changed by it.
    pub fn set(&self, micros: Micros) {
        if let Some(fixed) = &self.0 {
            fixed.store(micros, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_stands_still_and_its_clones_follow_it() {
        let clock = Clock::set_to(1_000_999);
        let other = clock.clone();
        assert_eq!(clock.now(), 1_000_000);
        other.set(5_000_000);
        assert_eq!(clock.now(), 5_000_000);
    }

    #[test]
    fn the_machine_s_clock_is_past_2020() {
        assert!(Clock::system().now() > 1_577_836_800_000_000);
    }
}
