//! `$palliative-screen`: what rule sets say of a patient on a day, criterion by criterion, and what is missing to
//! tell. Never a probability. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::sync::Arc;

use serde_json::Value;

use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Known;
use crate::app::Session;
use crate::app::audit::Deed;
use crate::app::screening::Subject;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::submitted::Submitted;
use crate::operations::submitted::as_of;
use crate::operations::submitted::known;
use crate::operations::submitted::reader;
use crate::operations::submitted::require_on_record;
use crate::operations::submitted::wants_record;
use crate::palliative::code_maps::unmapped;
use crate::palliative::program::Program;
use crate::palliative::record::Coding;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::Screening;
use crate::palliative::screening::Signal;
use crate::palliative::screening::report;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::ERROR_SYSTEM;

/// Screens a patient, and with `record=true` keeps what was found.
///
/// # Errors
/// 403 without the scopes for all that is read; 404 for an unknown patient, programme or rule set; 422 `date-range`
/// for a day that has not come, or with `known=recorded` on which the patient was not stored yet; 405 for `record=true`
/// with GET; 400 for it with `resource`.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let record = wants_record(&call)?;
    session.require_screening()?;
    let id = patient_id(session, &call)?;
    let program = session.screening_program(call.parameters.reference("program"))?;
    let named: Vec<&str> = call.parameters.texts("ruleSet").collect();
    let rule_sets = session.rule_sets(&named, &program)?;
    session.require_screening_by(&rule_sets)?;
    let as_of = as_of(session, &call.parameters, &program)?;
    let submitted = Submitted::read(&call.parameters, &id, session.base_url())?;
    let known = known(&call, as_of, &program)?;
    // Needs are told beside what was asked for, as far as the caller may read what shows them.
    let may_read = |set: &&Arc<RuleSet>| session.require_screening_by(std::slice::from_ref(*set)).is_ok();
    let of_needs: Vec<_> = session.app().rule_sets.of_needs().filter(may_read).cloned().collect();
    let read: Vec<_> = rule_sets.iter().chain(&of_needs).cloned().collect();
    let stored = match stored(session, &id, (&read, known)) {
        // Only one who was submitted, and of whom nothing is to be kept, need not be here.
        Err(failure) if failure.reason == Reason::NotFound && submitted.has_patient && !record => Vec::new(),
        stored => stored?,
    };
    let mut subject = Subject::new(&id, submitted.over(stored), &program, as_of);
    session.hear_elsewhere(&mut subject, known)?;
    let situation = subject.situation();
    let screenings: Vec<Screening> = rule_sets.iter().map(|set| set.screen(&situation)).collect();
    let signals: Vec<Signal> = of_needs.iter().flat_map(|set| set.signals(&situation)).collect();
    let told = Told {
        unread: unread(session, &subject, &program),
        ..Told::of(reader(session), &signals, &screenings)
    };
    let judged_by: Vec<String> = rule_sets.iter().map(|set| set.canonical()).collect();
    if !record {
        return Ok(Answer { judged_by, ..Answer::value(told.value(&[])) });
    }
    // The patient reads the record of what was done: it tells no more of the whole than they are told.
    let found = |one: &Screening| {
        let outcome = one.whole_for_patient().outcome.map(|outcome| format!(" {}", outcome.code()));
        ("decision", format!("{}{}", one.rule_set.canonical(), outcome.unwrap_or_default()))
    };
    let deed = Deed {
        operation: call.operation,
        patient: format!("Patient/{id}"),
        program: Some(program.reference()),
        decision: screenings.iter().map(found).collect(),
        ..Deed::default()
    };
    let changes = session.audited(kept(session, &subject, &screenings)?, &deed)?;
    session.write_once(call.once.as_ref(), changes, move |written| {
        let responses = written.iter().filter(|one| one.stored.ty.name() == "GuidanceResponse");
        let names: Vec<String> = responses.map(|one| format!("GuidanceResponse/{}", one.stored.id)).collect();
        Ok(Answer { judged_by: judged_by.clone(), ..Answer::value(told.value(&names)) })
    })
}

/// The patient: the instance, or on the type the parameter.
fn patient_id(session: &Session, call: &Call) -> Result<String, Failure> {
    let given = call.parameters.one("patient");
    let instance = call.target.as_ref().and_then(|(_, id)| id.as_deref());
    match (instance, given) {
        (Some(id), None) => Ok(id.to_owned()),
        (None, Some(given)) => {
            let reference = given.reference().unwrap_or_default();
            let local = Reference::parse_under(reference, session.base_url()).local();
            let patient = local.filter(|local| local.ty.name() == "Patient");
            patient
                .map(|local| local.id.to_owned())
                .ok_or_else(|| bad(given, "bad-parameter", "`patient` is a reference such as Patient/1."))
        }
        (Some(_), Some(given)) => {
            Err(bad(given, "bad-parameter", "Leave `patient` out where the URL names the patient."))
        }
        (None, None) => {
            let text = "`patient` is missing; name the Patient, or call the operation on one.";
            Err(Failure::new(Reason::Invalid, text)
                .code("required")
                .coded(ERROR_SYSTEM, "missing-parameter")
                .at("Parameters.parameter"))
        }
    }
}

fn bad(given: &Given, code: &str, text: &str) -> Failure {
    Failure::new(Reason::Invalid, text).coded(ERROR_SYSTEM, code).at(given.at.clone())
}

/// What is stored of the patient.
fn stored(
    session: &Session,
    id: &str,
    (rule_sets, known): (&[Arc<RuleSet>], Known),
) -> Result<Vec<Resource>, Failure> {
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    session.subject(ty, id)?;
    let stored = session.screened_as(id, rule_sets, known)?;
    require_on_record(known, &stored)?;
    Ok(stored)
}

/// The answer, but for the names under which it is kept.
struct Told {
    results: Vec<Output>,
    steps: Vec<Value>,
    signals: Vec<Value>,
    unread: Output,
}

impl Told {
    fn of(reader: Reader, signals: &[Signal], screenings: &[Screening]) -> Self {
        Self {
            results: screenings.iter().map(|screening| report::result(screening, reader)).collect(),
            steps: report::next_steps(screenings, reader),
            signals: report::signals(signals, reader),
            unread: Output::new(),
        }
    }

    /// The answer, with the name of what was kept of each screening, in their order.
    fn value(&self, kept: &[String]) -> Value {
        let mut output = Output::new();
        for (at, result) in self.results.iter().enumerate() {
            let result = match kept.get(at) {
                Some(name) => result.clone().reference("guidanceResponse", name),
                None => result.clone(),
            };
            output = output.part("result", result);
        }
        for step in &self.steps {
            output = output.value("nextStep", "Coding", step.clone());
        }
        for signal in &self.signals {
            output = output.value("signals", "CodeableConcept", signal.clone());
        }
        output.and(self.unread.clone()).into_value()
    }
}

/// The codes of surveys that no rule of ours reads, and the maps of the programme that are not there to read them by. It
/// is the team that can do something about them.
fn unread(session: &Session, subject: &Subject, program: &Program) -> Output {
    if reader(session) == Reader::Patient {
        return Output::new();
    }
    let definitions = &session.app().definitions;
    let is_read = |coding: &Coding| definitions.names_code(&coding.system, &coding.code);
    let unmapped = unmapped(&subject.record, subject.as_of, &is_read);
    let output =
        unmapped.iter().fold(Output::new(), |output, one| output.part("unmapped", report::unmapped(one)));
    let missing = program.maps.missing.iter();
    missing.fold(output, |output, map| output.value("conceptMapMissing", "canonical", map.as_str()))
}

/// The changes that keep each screening as a GuidanceResponse, in their order.
fn kept(session: &Session, subject: &Subject, screenings: &[Screening]) -> Result<Vec<Change>, Failure> {
    let change = |screening: &Screening| {
        let response =
            report::guidance_response(screening, &subject.record.id, subject.as_of, session.now())?;
        Ok(Change::programme(ChangeAction::create(response)))
    };
    screenings.iter().map(change).collect()
}
