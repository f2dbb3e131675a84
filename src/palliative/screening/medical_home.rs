//! A criterion on where the patient belongs: to a medical home that is recognised on the day, or about to be.
//! <https://hl7.org/fhir/R4/practitionerrole.html>
//!
//! The patient's general practitioners say so. Which of several homes it is does not matter here: each of them is one, so
//! that neither an attribution list nor a visit, which tell only one from another, can change the answer. A place without
//! a recognition is none, as that is the programme's own statement; where somebody works of whom nothing is on file is
//! not known.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::palliative::record::Lead;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::finding::Finding;
use crate::palliative::screening::logic::State;

/// Evaluates it on a day.
pub fn evaluate(record: &PatientRecord, as_of: Date) -> Finding {
    if record.leads.is_empty() {
        return Finding::unknown("the patient's general practitioner");
    }
    let found: Vec<Finding> = record.leads.iter().map(|lead| of(lead, as_of)).collect();
    let state = found.iter().fold(State::NotMet, |all, one| all.or(one.state));
    let mut told = Finding::of(state);
    for one in found {
        told.changes.extend(one.changes);
        if one.state == state {
            add(&mut told.evidence, one.evidence);
            add(&mut told.missing, one.missing);
        }
    }
    told
}

/// What one general practitioner leads to.
fn of(lead: &Lead, as_of: Date) -> Finding {
    let days = lead.role.iter().map(|role| &role.days);
    let days = days.chain(lead.site.iter().flat_map(|site| &site.recognised));
    let changes: BTreeSet<Date> = days.flat_map(|days| days.turns()).filter(|day| *day > as_of).collect();
    // One who has left is at another place by now, which nobody has written down.
    let works = lead.role.as_ref().is_none_or(|role| role.active && role.days.has(as_of));
    let Some(site) = lead.site.as_ref().filter(|_| works) else {
        return Finding::unknown(format!("the place where {} works", lead.named)).changing(changes);
    };
    let is_home = site.active && site.recognised.iter().any(|days| days.has(as_of));
    let role = lead.role.as_ref().map(|role| role.source.clone());
    let evidence = std::iter::once(site.source.clone()).chain(role).collect();
    Finding { evidence, ..Finding::of(State::of(is_home)) }.changing(changes)
}

fn add(all: &mut Vec<String>, more: Vec<String>) {
    for one in more {
        if !all.contains(&one) {
            all.push(one);
        }
    }
}
