//! What a change stores: the bytes, the index rows that its content gives, and what of it a client may not change.
//! <https://hl7.org/fhir/R4/resource.html#Meta>

use std::borrow::Cow;

use serde_json::Value;

use crate::app::change::Change;
use crate::app::change::Origin;
use crate::app::defined;
use crate::app::guard;
use crate::app::own_identifiers;
use crate::app::own_record;
use crate::app::programme_needs;
use crate::app::published;
use crate::app::relative::make_relative;
use crate::app::relative::refers_below;
use crate::app::resolve::Links;
use crate::app::resolve::Within;
use crate::app::rule_document;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::fhir::reference::refers_by_search;
use crate::palliative::enrollment::withdrawal::is_withdrawn;
use crate::palliative::not_for_patient::is_not_for_patient;
use crate::search::IndexRows;
use crate::search::rows;
use crate::store::EpisodeRow;
use crate::store::Stored;

/// What is to be stored.
pub(crate) struct Content {
    pub(crate) bytes: Bytes,
    pub(crate) rows: IndexRows,
    pub(crate) episode: Option<EpisodeRow>,
    /// The episode for which the resource holds as its care plan.
    pub(crate) plan: Option<guard::PlanRow>,
    /// Whether the resource is kept from the patient whom it is about.
    pub(crate) not_for_patient: bool,
    /// Of a Patient: which others are records of the same person.
    pub(crate) links: Option<Value>,
    /// Whether the resource is an agreement that does not hold, by its status or because it says no.
    pub(crate) withdrawn: bool,
    /// What a client may not change, where the resource has such.
    pub(crate) derived: Option<Value>,
    /// The identifiers that a client gives to nothing.
    pub(crate) identifiers: Vec<(usize, String)>,
    /// The search parameters that the resource defines.
    pub(crate) defines: Vec<(ResourceType, String)>,
    /// The name that the resource has as a rule set.
    pub(crate) name: Option<rule_document::Name>,
    /// What the resource names as a programme and that is stored beside it.
    pub(crate) needs: Vec<programme_needs::Need>,
}

/// The JSON to store, with a gap for version and time.
pub(crate) struct Bytes {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Bytes {
    fn new(resource: &Value, ty: ResourceType, id: &str) -> Self {
        let head = format!(r#"{{"resourceType":"{ty}","id":"{id}","meta":{{"versionId":""#).into_bytes();
        let mut tail = Vec::with_capacity(2_048);
        tail.push(b'"');
        for (name, value) in resource.get("meta").and_then(Value::as_object).into_iter().flatten() {
            if !matches!(name.trim_start_matches('_'), "versionId" | "lastUpdated") {
                member(&mut tail, name, value);
            }
        }
        tail.push(b'}');
        for (name, value) in resource.as_object().into_iter().flatten() {
            if !matches!(name.as_str(), "resourceType" | "id" | "meta") {
                member(&mut tail, name, value);
            }
        }
        tail.push(b'}');
        Self { head, tail }
    }

    /// The complete JSON of this version.
    pub(crate) fn of_version(&self, version: i64, updated: Micros) -> Vec<u8> {
        let gap = format!(r#"{version}","lastUpdated":"{}"#, instant(updated));
        [self.head.as_slice(), gap.as_bytes(), self.tail.as_slice()].concat()
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    out.push(b',');
    serde_json::to_writer(&mut *out, name).expect("a text is written to memory");
    out.push(b':');
    serde_json::to_writer(&mut *out, value).expect("JSON is written to memory");
}

impl Content {
    /// Whether it says what the current version says, of which this is the JSON: another version or time is no
    /// difference, nor is another order of elements, but another digit is.
    pub(crate) fn is_that_of(&self, current: &Stored, value: &Value) -> bool {
        let bytes = self.bytes.of_version(current.version, current.updated);
        bytes == current.body || serde_json::from_slice::<Value>(&bytes).is_ok_and(|own| own == *value)
    }
}

/// Works out what is stored of a resource under an id.
pub(crate) fn content(
    session: &Session,
    change: &Change,
    (resource, id): (&Resource, &str),
    links: &mut Links<'_>,
) -> Result<Content, Failure> {
    let (mut value, ty) = (Cow::Borrowed(resource.value()), resource.ty());
    // Only the entries of a Bundle can refer to one another; a reference by a search leads nowhere once it is stored.
    let is_entry = change.full_url.is_some() || change.at.starts_with("Bundle.");
    if is_entry || refers_by_search(&value) {
        let within = Within { full_url: change.full_url.as_deref(), is_entry, place: (ty, id) };
        links.rewrite(value.to_mut(), &within)?;
    }
    if refers_below(&value, session.base_url()) {
        make_relative(session, value.to_mut());
    }
    // A patient stands in its own compartment by its id, which the client's JSON need not have; others are not
    // copied for it.
    if ty.name() == "Patient" && value.get("id").and_then(Value::as_str) != Some(id) {
        value.to_mut().as_object_mut().expect("a resource is an object").insert("id".into(), id.into());
    }
    let episode = if ty.name() == "EpisodeOfCare" {
        guard::episode_row(&Resource::from_value(value.as_ref().clone())?)
    } else {
        None
    };
    let plan = if ty.name() == "CarePlan" { guard::plan_row(&value)? } else { None };
    published::check_name(session, (change, id), &value)?;
    let is_theirs = |name: &str| change.origin == Origin::Client && ty.name() == name;
    let name = if is_theirs("PlanDefinition") { rule_document::name(session, &value, id)? } else { None };
    let needs =
        if is_theirs("HealthcareService") { programme_needs::needs(session, &value)? } else { Vec::new() };
    Ok(Content {
        bytes: Bytes::new(&value, ty, id),
        rows: rows(session.parameters(), &value, session.zone()),
        episode,
        plan,
        not_for_patient: is_not_for_patient(ty.name(), &value, &session.app().restricted),
        links: own_record::links(ty, &value),
        withdrawn: ty.name() == "Consent" && is_withdrawn(&value),
        derived: guard::derived(ty, &value),
        identifiers: own_identifiers::of(&value),
        defines: if defined::is_definition(ty) { defined::names(session.app(), &value) } else { Vec::new() },
        name,
        needs,
    })
}
