//! An episode's place for its one care plan is taken by a plan of the episode's own patient alone, or one person's plan
//! would keep another's from being made. <https://hl7.org/fhir/R4/careplan.html>

use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::app::content::Content;
use crate::app::guard;
use crate::app::prepare::Batch;
use crate::app::prepare::place;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::tables;

/// Refuses plans of anybody else. It is asked once the episodes are written, as a plan may come with its own, and before
/// the plans are, so that nobody learns whether the place is taken.
pub(crate) fn check(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    let plans = || {
        let of = |content: &Content| content.plan.clone();
        batch.changes.iter().filter_map(move |change| Some((change, change.work.content().and_then(of)?)))
    };
    let wanted: BTreeSet<String> = plans().map(|(_, plan)| plan.episode).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let wanted: Vec<String> = wanted.into_iter().collect();
    let patients: HashMap<String, String> = tables::patients_of(conn, &wanted)?.into_iter().collect();
    for (change, plan) in plans() {
        if plan.patient.is_none() || plan.patient.as_ref() != patients.get(&plan.episode) {
            return Err(place(guard::foreign_plan(), &change.at).into());
        }
    }
    Ok(())
}
