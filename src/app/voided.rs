//! An episode that is found to be a mistake in the very moment in which a run of payable months is kept.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Both look at what the other writes after they have written themselves, each inside its transaction. SQLite has one
//! writer at a time. On PostgreSQL a run locks the rows of its episodes, and a voiding changes that row before it looks
//! for runs, so that one of them waits for the other and then sees it.

use crate::app::change::Origin;
use crate::app::prepare::Batch;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::palliative::enrollment::checks::paid_for;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::state::State;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::PaymentRun;
use crate::store::payment;

/// Refuses to void what a kept run has as payable, once the episodes are written.
pub(crate) fn are_unpaid(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    for change in &batch.changes {
        let row = change.work.content().and_then(|content| content.episode.as_ref());
        let voided = row.is_some_and(|row| row.state == State::EnteredInError.code());
        // What a client changes of an episode that was voided before is no voiding.
        if !voided || change.origin == Origin::Client {
            continue;
        }
        if let Some(month) = payment::paid_month(conn, &change.id)? {
            return Err(paid_for(&month).into());
        }
    }
    Ok(())
}

/// Refuses a run with an episode that was voided since the run read it: it must be made again.
pub(crate) fn are_meant(conn: &mut Conn, run: &PaymentRun) -> Result<(), Fault> {
    let voided = payment::in_state(conn, run, State::EnteredInError.code())?;
    voided.map_or(Ok(()), |id| Err(read_again(&id).into()))
}

fn read_again(id: &str) -> Failure {
    let text = format!("EpisodeOfCare/{id} was voided while this run was made; ask for it again.");
    coded(Reason::Precondition, "version-mismatch", text)
}
