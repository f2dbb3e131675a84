//! What is only looked at while something is made of it, such as R4's definitions as JSON: it lies in memory of its own,
//! all of which is given back. Freed in the midst of what is kept, it would stay with the process, as much again as all
//! that a server keeps from its start.

use std::hint::black_box;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

/// The C library of Linux puts small pieces that are freed together, and gives back what they make, only when a large
/// one comes and goes; one of more than this may have memory of its own.
const LARGE: usize = 100 * 1024;

/// What is lent, and whether it is still needed.
struct Lent<T> {
    made: Option<Result<T, String>>,
    is_done: bool,
}

/// Makes something on another thread, lends it to `work`, and has that thread let go of it. The allocator gives each
/// thread memory of its own, and that memory back where nothing is left in it; so nothing that lasts longer is made
/// there.
///
/// # Errors
/// Those of either; a sentence where the thread cannot be begun.
pub(super) fn lend<T: Send, R>(
    make: impl FnOnce() -> Result<T, String> + Send,
    work: impl FnOnce(&T) -> Result<R, String>,
) -> Result<R, String> {
    let (lent, changed) = (Mutex::new(Lent { made: None, is_done: false }), Condvar::new());
    let locked = || lent.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = |until: fn(&Lent<T>) -> bool| {
        changed.wait_while(locked(), |lent| !until(lent)).unwrap_or_else(PoisonError::into_inner)
    };
    let aside = || {
        let made = catch_unwind(AssertUnwindSafe(make));
        let made = made.unwrap_or_else(|_| Err("What is read at the start could not be made.".into()));
        locked().made = Some(made);
        changed.notify_all();
        drop(wait(|lent| lent.is_done).made.take());
        drop(black_box(Vec::<u8>::with_capacity(LARGE)));
    };
    thread::scope(|scope| {
        let started = thread::Builder::new().name("comfrey-start".into()).spawn_scoped(scope, aside);
        started.map_err(|_| "A thread cannot be started.".to_owned())?;
        let mut ready = wait(|lent| lent.made.is_some());
        // It goes on when this lets go of the lock, which it does even where the work panics.
        ready.is_done = true;
        changed.notify_all();
        match &ready.made {
            Some(Ok(made)) => work(made),
            Some(Err(wrong)) => Err(wrong.clone()),
            None => Err("Nothing was made.".to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Tells on which thread it is let go of.
    struct Made(mpsc::Sender<thread::ThreadId>);

    impl Drop for Made {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).ok();
        }
    }

    #[test]
    fn it_ends_on_the_thread_that_made_it() {
        let (tell, told) = mpsc::channel();
        let made = lend(move || Ok((Made(tell), thread::current().id())), |(_, maker)| Ok(*maker)).unwrap();
        assert_ne!(made, thread::current().id());
        assert_eq!(told.try_recv(), Ok(made));
    }

    #[test]
    fn what_is_wrong_on_either_side_is_said() {
        assert_eq!(lend(|| Err::<u8, _>("no".into()), |_| Ok(())), Err("no".to_owned()));
        assert_eq!(lend(|| Ok(1), |_| Err::<u8, _>("nor this".into())), Err("nor this".to_owned()));
    }

    #[test]
    fn a_panic_on_either_side_leaves_nobody_waiting() {
        assert!(lend::<u8, u8>(|| panic!("making"), |_| Ok(1)).is_err());
        assert!(catch_unwind(|| lend::<u8, u8>(|| Ok(1), |_| panic!("working"))).is_err());
    }
}
