//! Reads go before writes where both are carried out in this process. <https://man7.org/linux/man-pages/man7/sched.7.html>
//!
//! To read and check a large transaction takes a core for some milliseconds, and to write it as long again. On two cores
//! each short read would wait for the end of such a slice of time: with threads that give way, of 100 reads beside eight
//! that import the slowest took 2.4 and 2.9 ms instead of 4.1 and 5.5. What is imported while 16 clients read all the time
//! falls to between a third and a half.

use std::cell::Cell;

use crate::store::Db;

thread_local! {
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// From now on the threads that read go before this one. A thread does not come back from it; what it does later has
/// less of the processor only while others want it. Where that cannot be had, nothing changes.
pub(crate) fn give_way() {
    if !GIVES_WAY.replace(true) {
        lower();
    }
}

/// On Linux priorities are those of threads; elsewhere this would be the whole process.
#[cfg(target_os = "linux")]
fn lower() {
    /// A third of the share of others.
    const STEPS: i32 = 5;
    let now = rustix::process::getpriority_process(None).unwrap_or(STEPS);
    if now < STEPS {
        rustix::process::setpriority_process(None, STEPS).ok();
    }
}

#[cfg(not(target_os = "linux"))]
fn lower() {}

impl Db {
    /// From now on reads go before the writes of this process.
    pub(crate) fn put_reads_first(&self) {
        let Some(writer) = &self.writer else { return };
        let lowered = writer.run(|_| {
            give_way();
            Ok(())
        });
        // A writer that does not answer says so to the first write.
        lowered.ok();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn priority() -> i32 {
        rustix::process::getpriority_process(None).expect("a thread has a priority")
    }

    #[test]
    fn a_thread_gives_way_and_no_other_with_it() {
        let before = priority();
        let lowered = std::thread::spawn(|| {
            give_way();
            give_way();
            priority()
        });
        assert_eq!(lowered.join().unwrap(), before.max(5));
        assert_eq!(priority(), before);
    }
}
