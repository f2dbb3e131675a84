//! That no long chain of a search makes a list without end. <https://hl7.org/fhir/R4/search.html#chaining>

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::search::Plan;
use crate::search::plan::MOST_LISTED;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Hit;
use crate::store::Purpose;
use crate::store::matches;
use crate::store::matches::Searcher;

/// Refuses a search with a chain that leads through more than there may be.
///
/// # Errors
/// 422 `too-costly`, with what to do instead.
pub(super) fn check(on: &mut Searcher, plan: &Plan) -> Result<(), Fault> {
    for list in &plan.lists {
        if on.count(Purpose::Probe, list.clone())? > MOST_LISTED {
            let text = format!(
                "A chain of the search comes back to the same types and leads through more than {MOST_LISTED} \
                 resources. Let it end with what fewer resources meet, such as an identifier, or ask in two searches: \
                 first for what stands in the middle of the chain, then by its ids."
            );
            let failure = Failure::new(Reason::Unprocessable, text).code("too-costly");
            return Err(Fault::Refused(failure));
        }
    }
    Ok(())
}

/// The rows of a plan's page.
///
/// # Errors
/// As [`check`]; what the database fails with.
pub(super) fn hits(conn: &mut Conn, plan: &Plan) -> Result<Vec<Hit>, Fault> {
    check(&mut Searcher::of(conn), plan)?;
    Ok(matches::hits(conn, plan.page.clone())?)
}
