//! What operations that judge a patient's facts share: the facts that a caller sends along, the day that is asked
//! about, and with whose eyes the answer is read. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_json::Value;

use crate::access::Action;
use crate::app::Known;
use crate::app::Session;
use crate::app::screening::is_about;
use crate::app::screening::screened_types;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::bundle::Method;
use crate::fhir::parameters::Input;
use crate::operations::Call;
use crate::palliative::program::Program;
use crate::palliative::record::PRACTICE_TYPES;
use crate::palliative::screening::report::Reader;
use crate::palliative::vocabulary::ERROR_SYSTEM;

/// Whether a call keeps its answer, and so writes.
pub(super) fn records(given: &Input) -> bool {
    given.boolean("record") == Some(true)
}

/// Whether the answer is to be kept.
///
/// # Errors
/// 405 for `record=true` with GET; `Invalid` for it with `resource`: what is kept is proof of an eligibility or a tier,
/// and stands on what is stored.
pub(super) fn wants_record(call: &Call) -> Result<bool, Failure> {
    let record = records(&call.parameters);
    if record {
        require_post(call, "record")?;
    }
    if let Some(given) = call.parameters.one("resource").filter(|_| record) {
        let text = "Leave `resource` out with `record=true`: what is kept rests on stored facts alone. Store the facts \
            first, or leave `record` out.";
        return Err(Failure::new(Reason::Invalid, text)
            .coded(ERROR_SYSTEM, "bad-parameter")
            .at(given.at.clone()));
    }
    Ok(record)
}

/// Refuses what writes where it is asked for with GET.
///
/// # Errors
/// 405.
pub(super) fn require_post(call: &Call, name: &str) -> Result<(), Failure> {
    if call.method == Method::Post {
        return Ok(());
    }
    let text = format!("With `{name}=true` this operation is called with POST.");
    let mut failure = Failure::new(Reason::MethodNotAllowed, text);
    failure.allow = Some("POST".to_owned());
    Err(failure)
}

/// The day that is asked about: today, where the programme works, unless `asOf` names an earlier one.
///
/// # Errors
/// `Invalid` for what is no day; 422 `date-range` for one that has not come.
pub(super) fn as_of(session: &Session, parameters: &Input, program: &Program) -> Result<Date, Failure> {
    let today = session.today_in(program);
    let Some(wanted) = parameters.day("asOf")? else { return Ok(today) };
    if wanted > today {
        let at = parameters.one("asOf").map(|given| given.at.clone()).unwrap_or_default();
        let text = format!("`asOf` is {wanted}, which has not come; give {today} or an earlier day.");
        return Err(Failure::new(Reason::BusinessRule, text).coded(ERROR_SYSTEM, "date-range").at(at));
    }
    Ok(wanted)
}

/// By what facts count on the day: by their own dates, or with `known=recorded` as they were stored by its end.
///
/// # Errors
/// `Invalid` for another word, and where it cannot be: together with `resource`, which nobody has stored, or with
/// `record`, because what is kept is judged by all that is on file.
pub(super) fn known(call: &Call, as_of: Date, program: &Program) -> Result<Known, Failure> {
    let Some(given) = call.parameters.one("known") else { return Ok(Known::Clinically) };
    let refused = |text: String| {
        let failure = Failure::new(Reason::Invalid, text).coded(ERROR_SYSTEM, "bad-parameter");
        Err(failure.at(given.at.clone()))
    };
    match given.text().unwrap_or_default() {
        "clinical" => Ok(Known::Clinically),
        "recorded" if call.parameters.one("resource").is_some() => refused(
            "Leave `resource` out with `known=recorded`, which goes by when something was stored.".to_owned(),
        ),
        "recorded" if call.parameters.boolean("record") == Some(true) => refused(
            "Leave `record` out with `known=recorded`: what is kept is judged by all that is on file."
                .to_owned(),
        ),
        "recorded" => Ok(Known::by_the_end_of(as_of, program)),
        other => refused(format!("`{other}` is none of the ways to count facts; use clinical or recorded.")),
    }
}

/// Refuses a day on which the patient was not on record yet.
///
/// # Errors
/// 422 `date-range`.
pub(super) fn require_on_record(known: Known, resources: &[Resource]) -> Result<(), Failure> {
    let has_patient = || resources.iter().any(|resource| resource.ty().name() == "Patient");
    if known == Known::Clinically || has_patient() {
        return Ok(());
    }
    let text =
        "By the end of `asOf` this patient had not been stored; give a later day, or leave `known` out.";
    let at = "Parameters.parameter.where(name='asOf')";
    Err(Failure::new(Reason::BusinessRule, text).coded(ERROR_SYSTEM, "date-range").at(at))
}

/// One who is held to a patient's compartment reads with the patient's eyes, unless it is one who treats the patient.
pub(super) fn reader(session: &Session) -> Reader {
    let held = |ty: &ResourceType| session.caller().patient_only(Action::Read, *ty).is_some();
    if !session.caller().is_clinician() && screened_types().iter().any(held) {
        Reader::Patient
    } else {
        Reader::Team
    }
}

/// What a caller sent along: facts that count as if they were stored.
pub(super) struct Submitted {
    resources: Vec<Resource>,
    /// Whether the Patient is among them.
    pub(super) has_patient: bool,
}

impl Submitted {
    /// Reads the parameter `resource`; without it nothing was submitted.
    ///
    /// # Errors
    /// `Unprocessable` for a Bundle that is no collection, or one with facts of somebody else.
    pub(super) fn read(parameters: &Input, patient: &str, base_url: &str) -> Result<Self, Failure> {
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
    pub(super) fn over(self, stored: Vec<Resource>) -> Vec<Resource> {
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
    let unowned = matches!(name, "Device" | "Medication") || PRACTICE_TYPES.contains(&name);
    let read = screened_types().iter().any(|ty| ty.name() == name) || unowned;
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
        _ if unowned => true,
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
