//! `comfrey check` and `comfrey reindex`: a bar on a terminal, a line for each difference, a sum in the end.

use std::io::Write;

use comfrey::app::App;
use comfrey::app::Clock;
use comfrey::app::upkeep;
use comfrey::app::upkeep::Step;
use comfrey::config::Config;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;

use super::Refusal;
use super::print;

const TEMPLATE: &str =
    "{bar:32} {percent:>3} %  {pos} of {len} resources, {msg}  {elapsed}, about {eta} to go";

/// Verifies the database and says what differs.
pub fn check(settings: &Config) -> Result<(), Refusal> {
    let progress = Progress::new();
    let checked = upkeep::check(settings, &mut |step| progress.take(step));
    progress.bar.finish_and_clear();
    let checked = checked?;
    print(&format!(
        "{} resources, {} earlier versions and {} index rows checked, {} differences",
        checked.resources, checked.versions, checked.rows, checked.differences
    ))?;
    if checked.differences == 0 {
        return Ok(());
    }
    let line = "The database is not as it should be, as listed: `comfrey reindex` mends index rows, episode rows \
                and counts; \
                for anything else restore a backup.";
    Err(Refusal::Failed(line.into()))
}

/// Makes the search index right.
pub fn reindex(settings: Config, after: i64) -> Result<(), Refusal> {
    let app = App::open(settings, Clock::system())?;
    let progress = Progress::new();
    let done = app.reindex(after, &mut |step| progress.take(step));
    progress.bar.finish_and_clear();
    let done = done?;
    let line = format!(
        "{} resources looked at, the index rows of {} mended, {} left as they were; the counts of {} types mended",
        done.resources, done.mended, done.refused, done.counts
    );
    print(&line)?;
    if after > 0 {
        print(
            "Stored search parameters that wait for the index, and rules that have changed, wait for a run without --after",
        )?;
    }
    if done.refused == 0 {
        return Ok(());
    }
    Err(Refusal::Failed("Some resources could not be mended, as listed; `comfrey check` says more.".into()))
}

struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new() -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is fixed and right");
        Self { bar: ProgressBar::new(0).with_style(style) }
    }

    fn take(&self, step: Step<'_>) {
        match step {
            Step::Ahead(resources) => self.bar.set_length(resources),
            Step::Done(resources, last) => {
                self.bar.inc(resources);
                self.bar.set_message(format!("up to number {last}"));
            }
            // A reader that is gone, such as `head`, has seen enough; the exit code tells the rest.
            Step::Differs(line) => self.bar.suspend(|| writeln!(std::io::stdout(), "{line}").unwrap_or(())),
        }
    }
}
