//! An answer that one task waits for and another thread gives, once. <https://doc.rust-lang.org/std/task/>

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

/// Both ends of an answer.
pub fn reply<T>() -> (Tells<T>, Waits<T>) {
    let place = Arc::new(Mutex::new(Place::Empty(None)));
    (Tells(Arc::clone(&place)), Waits(place))
}

enum Place<T> {
    /// Who is to be woken, where somebody waits already.
    Empty(Option<Waker>),
    Filled(T),
    /// Nothing will come.
    Closed,
}

/// The end of who gives the answer; dropped without one, it says that none will come.
pub struct Tells<T>(Arc<Mutex<Place<T>>>);

impl<T> Tells<T> {
    /// Gives the answer.
    pub fn tell(self, answer: T) {
        self.put(Place::Filled(answer));
    }

    fn put(&self, filled: Place<T>) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Place::Empty(waker) = &mut *place else { return };
        let waker = waker.take();
        *place = filled;
        drop(place);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Tells<T> {
    fn drop(&mut self) {
        self.put(Place::Closed);
    }
}

/// The end of who waits: the answer, or none.
pub struct Waits<T>(Arc<Mutex<Place<T>>>);

impl<T> Future for Waits<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *place, Place::Closed) {
            Place::Filled(answer) => Poll::Ready(Some(answer)),
            Place::Closed => Poll::Ready(None),
            Place::Empty(_) => {
                *place = Place::Empty(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::rt::System;

    use super::*;

    #[test]
    fn an_answer_is_had_whenever_it_comes_and_so_is_that_there_is_none() {
        for pause in [0, 20] {
            let pause = std::time::Duration::from_millis(pause);
            let came = System::new().block_on(async move {
                let ((tells, waits), (gone, nothing)) = (reply(), reply::<i32>());
                let other = std::thread::spawn(move || {
                    std::thread::sleep(pause);
                    tells.tell(7);
                    drop(gone);
                });
                let came = (waits.await, nothing.await);
                other.join().unwrap();
                came
            });
            assert_eq!(came, (Some(7), None));
        }
    }

    #[test]
    fn what_nobody_waits_for_is_dropped() {
        let held = Arc::new(());
        let (tells, waits) = reply();
        drop(waits);
        tells.tell(Arc::clone(&held));
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
