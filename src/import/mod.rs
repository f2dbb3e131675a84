//! Files into the same write path that HTTP uses: transaction, batch and collection Bundles, and NDJSON.
//! <https://hl7.org/fhir/R4/bundle.html>
//!
//! Running an import again adds nothing twice, without a list of what was done: each resource that has an address
//! of its own is stored under that address, and one that is there already with the same content is passed over.
//! `entry` says which resources have an address.
//!
//! Several threads send work at once, since on SQLite the writer commits whatever waits in one durable commit and
//! on PostgreSQL each has a connection.

mod abroad;
mod entry;
mod progress;
mod report;
mod send;
mod source;

pub mod population;
pub mod samples;

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use crossbeam_channel::bounded;

use crate::app::App;
use crate::app::Session;
use crate::import::progress::Progress;
use crate::import::source::Work;

pub use abroad::Abroad;
pub use report::Refused;
pub use report::Report;

/// Threads that send work; more than cores, since most of the time they wait for a commit, and so many that some
/// prepare their next work while the others' is written.
const SENDERS: usize = 16;

/// Loads files and folders, shows how far it is, and reports.
///
/// # Errors
/// A sentence that says which path cannot be read; nothing is loaded then.
pub fn run(app: &Arc<App>, paths: &[PathBuf]) -> Result<Report, String> {
    let files = source::files(paths)?;
    let progress = Progress::new(files.iter().map(|file| file.bytes).sum());
    let (give, take) = bounded(SENDERS);
    std::thread::scope(|threads| {
        for _ in 0..SENDERS {
            let (take, progress) = (take.clone(), &progress);
            threads.spawn(move || send_all(app, &take, progress));
        }
        drop(take);
        source::read(&files, &mut |work| {
            // All receivers are gone only if each of them panicked, which the end of the scope reports.
            let _ = give.send(work);
        });
        drop(give);
    });
    let report = progress.finish();
    if report.stored > 0 {
        // The database bases its plans on counts of what its tables hold, which have just changed.
        app.analyze().map_err(|_| "The database could not count what it holds now; run this again.")?;
    }
    Ok(report)
}

fn send_all(app: &Arc<App>, works: &Receiver<Work>, progress: &Progress) {
    for work in works {
        let session = Session::system(Arc::clone(app));
        let bytes = work.bytes;
        let report = match source::entries(work) {
            Ok(batch) => send::send(&session, batch),
            Err(refused) => Report::refusal(refused),
        };
        progress.add(bytes, report);
    }
}
