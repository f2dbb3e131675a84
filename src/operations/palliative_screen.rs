//! `$palliative-screen`: what rule sets say of a patient on a day, criterion by criterion, and what is missing to
//! tell. Never a probability. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::Change;
use crate::app::ChangeAction;
use crate::app::Session;
use crate::app::screening::Subject;
use crate::app::screening::is_about;
use crate::app::screening::screened_types;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::palliative::program::Program;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::Screening;
use crate::palliative::screening::report;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::ERROR_SYSTEM;

/// Screens a patient, and with `record=true` keeps what was found.
///
/// # Errors
/// 403 without the scopes for all that is read; 404 for an unknown patient, programme or rule set; 422 `date-range`
/// for a day that has not come; 405 for `record=true` with GET.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let record = wants_record(&call)?;
    session.require_screening()?;
    let id = patient_id(session, &call)?;
    let program = session.screening_program(call.parameters.reference("program"))?;
    let named: Vec<&str> = call.parameters.texts("ruleSet").collect();
    let rule_sets = session.rule_sets(&named, &program)?;
    let as_of = as_of(session, &call.parameters, &program)?;
    let submitted = Submitted::read(&call.parameters, &id, session.base_url())?;
    let stored = stored(session, &id, &submitted, record)?;
    let subject = Subject::new(&id, submitted.over(stored), &program, as_of);
    answer(session, &subject, &rule_sets, record)
}

fn wants_record(call: &Call) -> Result<bool, Failure> {
    let record = call.parameters.boolean("record") == Some(true);
    if record && call.method != Method::Post {
        let mut failure = Failure::new(
            Reason::MethodNotAllowed,
            "With `record=true` $palliative-screen is called with POST.",
        );
        failure.allow = Some("POST".to_owned());
        return Err(failure);
    }
    Ok(record)
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

fn as_of(session: &Session, parameters: &Input, program: &Program) -> Result<Date, Failure> {
    let today = session.today_in(program);
    let Some(wanted) = parameters.day("asOf")? else { return Ok(today) };
    if wanted > today {
        let at = parameters.one("asOf").map(|given| given.at.clone()).unwrap_or_default();
        let text = format!("`asOf` is {wanted}, which has not come; give {today} or an earlier day.");
        return Err(Failure::new(Reason::BusinessRule, text).coded(ERROR_SYSTEM, "date-range").at(at));
    }
    Ok(wanted)
}

/// What is stored of the patient. Only one who was submitted, and of whom nothing is to be kept, need not be here.
fn stored(
    session: &Session,
    id: &str,
    submitted: &Submitted,
    record: bool,
) -> Result<Vec<Resource>, Failure> {
    let ty = ResourceType::parse("Patient").expect("Patient is a type of R4");
    match session.subject(ty, id) {
        Ok(_) => session.screened(id),
        Err(failure) if failure.reason == Reason::NotFound && submitted.has_patient && !record => {
            Ok(Vec::new())
        }
        Err(failure) => Err(failure),
    }
}

fn answer(
    session: &Session,
    subject: &Subject,
    rule_sets: &[&RuleSet],
    record: bool,
) -> Result<Answer, Failure> {
    let situation = subject.situation();
    let screenings: Vec<Screening> = rule_sets.iter().map(|set| set.screen(&situation)).collect();
    let kept = if record { keep(session, subject, &screenings)? } else { Vec::new() };
    let reader = reader(session);
    let mut output = Output::new();
    for (at, screening) in screenings.iter().enumerate() {
        let mut result = report::result(screening, reader);
        if let Some(reference) = kept.get(at) {
            result = result.reference("guidanceResponse", reference);
        }
        output = output.part("result", result);
    }
    for step in report::next_steps(&screenings) {
        output = output.value("nextStep", "Coding", step);
    }
    for signal in session.app().rule_sets.signals(&situation) {
        output = output.value("signals", "CodeableConcept", report::signal(&signal));
    }
    Ok(Answer::value(output.into_value()))
}

/// One who is held to a patient's compartment reads with the patient's eyes.
fn reader(session: &Session) -> Reader {
    let held = |ty: &ResourceType| session.caller().patient_only(Action::Read, *ty).is_some();
    if screened_types().iter().any(held) { Reader::Patient } else { Reader::Team }
}

/// Keeps each screening as a GuidanceResponse; their references, in the same order.
fn keep(session: &Session, subject: &Subject, screenings: &[Screening]) -> Result<Vec<String>, Failure> {
    let change = |screening: &Screening| {
        let response =
            report::guidance_response(screening, &subject.record.id, subject.as_of, session.now())?;
        Ok(Change::programme(ChangeAction::create(response)))
    };
    let changes = screenings.iter().map(change).collect::<Result<Vec<_>, Failure>>()?;
    let written = session.write(changes)?;
    Ok(written.iter().map(|one| format!("GuidanceResponse/{}", one.stored.id)).collect())
}

/// What a caller sent along: facts that count as if they were stored.
struct Submitted {
    resources: Vec<Resource>,
    has_patient: bool,
}

impl Submitted {
    fn read(parameters: &Input, patient: &str, base_url: &str) -> Result<Self, Failure> {
        let Some(given) = parameters.one("resource") else {
            return Ok(Self { resources: Vec::new(), has_patient: false });
        };
        let bundle = given.resource().map(Resource::value).unwrap_or(&Value::Null);
        let at = format!("{}.resource", given.at);
        if bundle.get("type").and_then(Value::as_str) != Some("collection") {
            let text = "`resource` is a Bundle of type `collection`.";
            return Err(Failure::new(Reason::Unprocessable, text).at(format!("{at}.type")));
        }
        let entries = bundle.get("entry").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let names = names_of(entries, patient, base_url);
        let mut resources = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let Some(resource) = entry.get("resource") else { continue };
            let taken = take(entry, resource, &names).map_err(|text| {
                Failure::new(Reason::Unprocessable, text).at(format!("{at}.entry[{index}].resource"))
            })?;
            resources.extend(taken);
        }
        let has_patient = resources.iter().any(|resource| resource.ty().name() == "Patient");
        Ok(Self { resources, has_patient })
    }

    /// What is stored, with what was submitted in the place of what has the same type and id.
    fn over(self, stored: Vec<Resource>) -> Vec<Resource> {
        let key = |resource: &Resource| (resource.ty(), resource.id().unwrap_or_default().to_owned());
        let all = stored.into_iter().chain(self.resources).map(|resource| (key(&resource), resource));
        all.collect::<BTreeMap<_, _>>().into_values().collect()
    }
}

/// All names under which the submitted resources may refer to the patient.
fn names_of(entries: &[Value], patient: &str, base_url: &str) -> Vec<String> {
    let relative = format!("Patient/{patient}");
    let absolute = format!("{}/{relative}", base_url.trim_end_matches('/'));
    let is_patient = |entry: &&Value| {
        let resource = &entry["resource"];
        resource["resourceType"] == "Patient" && resource.get("id").is_none_or(|id| id == patient)
    };
    let full_urls = entries.iter().filter(is_patient).filter_map(|entry| entry["fullUrl"].as_str());
    let full_urls: Vec<String> = full_urls.map(str::to_owned).collect();
    [relative, absolute].into_iter().chain(full_urls).collect()
}

/// A submitted resource under an id, where a screening reads its type.
///
/// # Errors
/// A sentence where it is about somebody else: facts of two people must not be mixed.
fn take(entry: &Value, resource: &Value, patient: &[String]) -> Result<Option<Resource>, String> {
    let name = resource["resourceType"].as_str().unwrap_or_default();
    let read = screened_types().iter().any(|ty| ty.name() == name) || name == "Medication";
    if !read {
        return Ok(None);
    }
    let own = resource.get("id").and_then(Value::as_str);
    let id = match name {
        "Patient" => own.or_else(|| patient[0].strip_prefix("Patient/")),
        _ => own.or_else(|| entry["fullUrl"].as_str().and_then(|url| url.rsplit(['/', ':']).next())),
    };
    let about = match name {
        "Patient" => id.is_some_and(|id| patient[0] == format!("Patient/{id}")),
        "Medication" => true,
        _ => is_about(resource, patient),
    };
    if !about {
        return Err(format!("This {name} is not about {}; send the facts of one patient.", patient[0]));
    }
    let id = id.ok_or_else(|| format!("This {name} has neither an id nor a fullUrl; give it one."))?;
    let mut taken =
        Resource::from_value(resource.clone()).map_err(|_| format!("`{name}` is no type of R4."))?;
    taken.object_mut().insert("id".to_owned(), id.into());
    Ok(Some(taken))
}
