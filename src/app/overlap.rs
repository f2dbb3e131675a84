//! A condition of one entry that another entry of the same write comes to meet: which of the two the client meant is
//! not known, so the whole is refused. <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::HashMap;
use std::collections::HashSet;

use crate::app::listed;
use crate::app::prepare::Batch;
use crate::app::prepare::Prepared;
use crate::app::prepare::Work;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::store::Conn;
use crate::store::Fault;

/// Asks the conditions once more, after everything is written: nothing that another change wrote may meet one. Only
/// where the write is about several resources of the type is there anything to ask. What a conditional delete looks
/// for is deleted before others are made, so that it may be made anew.
pub(crate) fn check(conn: &mut Conn, batch: &Batch) -> Result<(), Fault> {
    let conditional = batch.changes.iter().filter_map(|change| Some((change, change.met.as_ref()?)));
    let conditional: Vec<_> = conditional.filter(|(change, _)| !is_deletion(change)).collect();
    if conditional.is_empty() || batch.changes.len() == 1 {
        return Ok(());
    }
    let mut written: HashMap<ResourceType, HashSet<&str>> = HashMap::new();
    for change in batch.changes.iter().filter(|change| change.work.content().is_some()) {
        written.entry(change.ty).or_default().insert(&change.id);
    }
    for (change, met) in conditional {
        let Some(ids) = written.get(&change.ty) else { continue };
        if ids.iter().all(|id| *id == change.id) {
            continue;
        }
        let hits = listed::hits(conn, &met.condition.plan)?;
        if hits.iter().any(|hit| hit.stored.id != change.id && ids.contains(hit.stored.id.as_str())) {
            let text = "Another entry of the same request writes a resource that meets this entry's condition too; \
                        send one of them.";
            return Err(Failure::new(Reason::Invalid, text).at(change.at.as_str()).into());
        }
    }
    Ok(())
}

fn is_deletion(change: &Prepared) -> bool {
    match change.work {
        Work::Delete { .. } | Work::Nothing => true,
        Work::Create(_) | Work::Update { .. } | Work::Patch { .. } | Work::Keep => false,
    }
}
