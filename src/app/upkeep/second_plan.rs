//! Two care plans that both hold for one episode: from before there could be but one, and one of them has no row that says
//! so. A person ends one of them; until then both are named. <https://hl7.org/fhir/R4/careplan.html>

use crate::store::Conn;
use crate::store::Fault;
use crate::store::survey;

/// Whether the rows that say for which episode a plan holds are mended too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plans {
    /// They are.
    Kept,
    /// They are left as they are.
    Left,
}

/// What is said of a plan without a row, which is told by its id and that of the episode for which it holds.
pub(super) fn told(conn: &mut Conn, (plan, episode): &(String, String)) -> Result<String, Fault> {
    Ok(match survey::plan_of(conn, episode)? {
        Some(first) => {
            format!(
                "CarePlan/{plan} and CarePlan/{first} both hold for EpisodeOfCare/{episode}; end one of them"
            )
        }
        None => format!("CarePlan/{plan}: has no row in `care_plan`"),
    })
}
