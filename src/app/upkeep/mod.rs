//! Upkeep of the database: what the tables must hold beside the resources, whether they do, and making them so.
//! <https://hl7.org/fhir/R4/search.html>

mod analyze;
mod check;
mod differences;
mod entered;
mod judge;
mod pack;
mod reindex;
mod renew;
mod second_plan;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::app::guard;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::search::IndexRows;
use crate::search::Parameters;
use crate::search::rows;
use crate::store::EpisodeRow;
use crate::store::Stored;
use crate::store::survey::Held;

pub use check::Checked;
pub use check::check;
pub use reindex::Reindexed;
pub use renew::Renewed;

/// What an upkeep tells while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// So many resources are ahead.
    Ahead(u64),
    /// So many more are done, up to the one with this number.
    Done(u64, i64),
    /// Something is not as it should be: a line that names it, without its content.
    Differs(&'a str),
}

/// What the tables must hold of a resource.
#[derive(Debug, Default)]
struct Expected {
    rows: IndexRows,
    episode: Option<EpisodeRow>,
    plan: Option<String>,
}

impl Expected {
    /// Of a version with this content; nothing of a deletion.
    fn of(
        stored: &Stored,
        value: Value,
        (parameters, zone): (&Parameters, &TimeZone),
    ) -> Result<Self, Failure> {
        if stored.deleted {
            return Ok(Self::default());
        }
        let rows = rows(parameters, &value, zone);
        let plan = if stored.ty.name() == "CarePlan" {
            guard::plan_row(&value)?.map(|row| row.episode)
        } else {
            None
        };
        let episode = if stored.ty.name() == "EpisodeOfCare" {
            guard::episode_row(&Resource::from_value(value)?)
        } else {
            None
        };
        Ok(Self { rows, episode, plan })
    }
}

/// How many rows these are.
fn count(rows: &IndexRows) -> usize {
    let IndexRows {
        tokens,
        strings,
        references,
        dates,
        numbers,
        quantities,
        uris,
        composites,
        texts,
        patients,
        contained,
    } = rows;
    let values = tokens.len() + strings.len() + references.len() + dates.len() + numbers.len();
    let inside = contained.iter().map(|own| usize::from(own.ty.is_some()) + count(&own.rows)).sum::<usize>();
    values + quantities.len() + uris.len() + composites.len() + texts.len() + patients.len() + inside
}

/// Whether rows stand there twice, or in the compartment of another type, so that a comparison of their values
/// does not tell what is wrong.
fn is_tangled(held: &Held, stored: &Stored) -> bool {
    held.count != count(&held.rows) || held.types.iter().any(|ty| *ty != stored.ty.number())
}

/// The first words of a failure, for an operator.
fn sentence(failure: &Failure) -> String {
    failure.issues.first().map_or_else(String::new, |issue| issue.text.clone())
}
