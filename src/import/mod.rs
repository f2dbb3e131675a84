//! Files into the same write path that HTTP uses: transaction, batch and collection Bundles, and NDJSON.
//! <https://hl7.org/fhir/R4/bundle.html>
//!
//! Running an import again adds nothing twice, without a list of what was done: each resource that has an address
//! of its own is stored under that address, and one that is there already with the same content is passed over.
//! `entry` says which resources have an address.
//!
//! What refers by a search to something that is not there yet waits until all else is loaded, and is then read and
//! sent again, as long as that brings something; what still waits then is refused.
//!
//! Several threads send work at once, since on SQLite the writer commits whatever waits in one durable commit and
//! on PostgreSQL each has a connection.

mod abroad;
mod entry;
mod progress;
mod report;
mod send;
mod source;
mod waiting;

pub mod population;
pub mod samples;

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use crossbeam_channel::bounded;

use crate::app::App;
use crate::app::Session;
use crate::import::progress::Progress;
use crate::import::send::Pass;
use crate::import::source::End;
use crate::import::source::Work;

pub use abroad::Abroad;
pub use report::Refused;
pub use report::Report;

/// Threads that send work; more than cores, since most of the time they wait for a commit, and so many that some
/// prepare their next work while the others' is written.
const SENDERS: usize = 16;

/// How many send to this database. On a server each writes for itself, and who waits for too long while others do is
/// refused, as large transactions would be: so there are no more of them than may write at once.
fn senders(app: &App) -> usize {
    app.db.writes_at_once().map_or(SENDERS, |most| most.min(SENDERS))
}

/// Loads files and folders, shows how far it is, and reports.
///
/// # Errors
/// A sentence that says which path cannot be read; nothing is loaded then.
pub fn run(app: &Arc<App>, paths: &[PathBuf]) -> Result<Report, String> {
    let files = source::files(paths)?;
    let bytes = app.bytes();
    let progress = Progress::new(files.iter().map(|file| file.bytes).sum());
    pass(app, (&progress, Pass::First), senders(app), |give| source::read(&files, give));
    let (mut before, mut end) = (u64::MAX, End::First);
    loop {
        let waiting = progress.take_waiting();
        let left = waiting.many();
        if left == 0 {
            break;
        }
        // Each pass may bring what others wait for; one that brought nothing is followed by the last.
        let next = if left < before { Pass::Further } else { Pass::Last };
        end = end.next(before, left);
        before = left;
        let senders = if end == End::Last { 1 } else { senders(app) };
        pass(app, (&progress, next), senders, |give| source::read_again(waiting, end, give));
    }
    // The database bases its plans on counts of what its tables hold, which have just changed; or were by an earlier run
    // that did not come so far.
    app.analyze();
    app.pack_if_filled(bytes);
    Ok(progress.finish())
}

/// Reads work and has so many senders send it.
fn pass(
    app: &Arc<App>,
    (progress, pass): (&Progress, Pass),
    senders: usize,
    read: impl FnOnce(&mut dyn FnMut(Work)),
) {
    let (give, take) = bounded(senders);
    std::thread::scope(|threads| {
        for _ in 0..senders {
            let take = take.clone();
            threads.spawn(move || send_all(app, &take, progress, pass));
        }
        drop(take);
        read(&mut |work| {
            // All receivers are gone only if each of them panicked, which the end of the scope reports.
            let _ = give.send(work);
        });
        drop(give);
    });
}

fn send_all(app: &Arc<App>, works: &Receiver<Work>, progress: &Progress, pass: Pass) {
    for work in works {
        let session = Session::system(Arc::clone(app));
        let bytes = work.bytes;
        let report = match source::entries(work) {
            Ok(batch) => send::send(&session, batch, pass),
            Err(report) => report,
        };
        progress.add(bytes, report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Clock;
    use crate::config::Auth;
    use crate::config::Config;
    use crate::store::fresh::on_each;

    #[test]
    fn no_sender_waits_for_others_to_write_on_a_server() {
        on_each(|url| {
            let with = |pool: u16| {
                let config = Config {
                    database_url: url.into(),
                    auth: Auth::Off,
                    pool: Some(pool),
                    ..Config::default()
                };
                senders(&App::open(config, Clock::set_to(1_772_366_400_000_000)).unwrap())
            };
            let expected = if url.starts_with("postgres") { [1, 4, 16] } else { [16, 16, 16] };
            assert_eq!([1, 6, 30].map(with), expected);
        });
    }
}
