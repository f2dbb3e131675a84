//! How far an import is: a bar on a terminal, nothing elsewhere, and the sum in the end.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use crate::import::report::Report;
use crate::import::waiting::Waiting;

const TEMPLATE: &str = "{bar:32} {percent:>3} %  {msg}  {elapsed}, about {eta} to go";

/// Shared by all that send.
pub struct Progress {
    bar: ProgressBar,
    sum: Mutex<Report>,
    started: Instant,
}

impl Progress {
    /// Begins, with so many bytes of files ahead.
    pub fn new(bytes: u64) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is fixed and right");
        let bar = ProgressBar::new(bytes).with_style(style);
        Self { bar, sum: Mutex::new(Report::default()), started: Instant::now() }
    }

    /// Adds a piece that is done.
    pub fn add(&self, bytes: u64, report: Report) {
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.add(report);
        let done = sum.stored + sum.unchanged;
        let rate = done as f64 / self.started.elapsed().as_secs_f64().max(0.001);
        drop(sum);
        self.bar.set_message(format!("{done} resources, {rate:.0}/s"));
        self.bar.inc(bytes);
    }

    /// What waits; from now on that is done.
    pub fn take_waiting(&self) -> Waiting {
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut sum.waiting)
    }

    /// Ends, and gives the sum.
    pub fn finish(self) -> Report {
        self.bar.finish_and_clear();
        let mut sum = self.sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        sum.took = self.started.elapsed();
        sum.refused.sort_by(|a, b| (&a.file, &a.place).cmp(&(&b.file, &b.place)));
        sum
    }
}
