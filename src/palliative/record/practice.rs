//! Where the patient's general practitioners work, and in which days these places are recognised as medical homes.
//! <https://hl7.org/fhir/R4/practitionerrole.html>

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::Resource;
use crate::palliative::enrollment::facts::list;
use crate::palliative::record::Moment;
use crate::palliative::record::source;
use crate::palliative::record::target_id;
use crate::palliative::vocabulary::RECOGNITION_EXTENSION;

/// The types that tell of it and stand in no patient's compartment.
pub const PRACTICE_TYPES: [&str; 2] = ["Organization", "PractitionerRole"];

/// Where one general practitioner leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Who the patient's record names.
    pub named: String,
    /// The role in which that one works there; none where the place itself is named.
    pub role: Option<Role>,
    /// The place; none where nothing that is on file tells of one.
    pub site: Option<Site>,
}

/// A role in which somebody works at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// `PractitionerRole/<id>`.
    pub source: String,
    /// Whether it is in use.
    pub active: bool,
    /// The days on which it is held.
    pub days: Days,
}

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// `Organization/<id>`.
    pub source: String,
    /// Whether it is in use.
    pub active: bool,
    /// The days on which it is recognised as a medical home, or about to be.
    pub recognised: Vec<Days>,
}

/// Days from one to another, both included; a bound that is not given is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    first: Option<Date>,
    last: Option<Date>,
    readable: bool,
}

impl Days {
    fn read(period: Option<&Value>, zone: &TimeZone) -> Self {
        let bound = |name: &str| period.and_then(|period| period.get(name)).and_then(Value::as_str);
        let moment = |name: &str| bound(name).map(|text| Moment::read(text, zone));
        let (start, end) = (moment("start"), moment("end"));
        Self {
            readable: start != Some(None) && end != Some(None),
            first: start.flatten().map(|start| start.first),
            last: end.flatten().map(|end| end.last),
        }
    }

    /// Whether a day is one of them.
    pub fn has(&self, day: Date) -> bool {
        let begun = self.first.is_none_or(|first| first <= day);
        self.readable && begun && self.last.is_none_or(|last| day <= last)
    }

    /// The days on which they begin, and are over.
    pub fn turns(&self) -> impl Iterator<Item = Date> + use<> {
        self.first.into_iter().chain(self.last.and_then(|last| last.tomorrow().ok()))
    }
}

/// Where the general practitioners of the Patient among these lead, in their order.
pub(super) fn leads(resources: &[Resource], zone: &TimeZone) -> Vec<Lead> {
    let patient = resources.iter().find(|one| one.ty().name() == "Patient");
    let named = list(patient.and_then(|patient| patient.get("generalPractitioner")));
    named.flat_map(|one| leads_of(one, resources, zone)).collect()
}

fn leads_of(named: &Value, resources: &[Resource], zone: &TimeZone) -> Vec<Lead> {
    let words = ["reference", "display"].into_iter().find_map(|name| named.get(name)?.as_str());
    let words = words.unwrap_or("the general practitioner").to_owned();
    let of = |ty: &'static str| resources.iter().filter(move |one| one.ty().name() == ty);
    if let Some(site) = of("Organization").find(|one| is_meant(named, one)) {
        return vec![Lead { named: words, role: None, site: Some(read_site(site, zone)) }];
    }
    let is_theirs = |role: &&Resource| {
        let holder = role.get("practitioner");
        let is_held = || is_of(named, "Practitioner") && holder.and_then(target_id) == target_id(named);
        is_meant(named, role) || (target_id(named).is_some() && is_held())
    };
    let roles: Vec<&Resource> = of("PractitionerRole").filter(is_theirs).collect();
    if roles.is_empty() {
        return vec![Lead { named: words, role: None, site: None }];
    }
    let lead = |role: &&Resource| Lead {
        named: words.clone(),
        role: Some(Role {
            source: source(role),
            active: is_active(role),
            days: Days::read(role.get("period"), zone),
        }),
        site: role
            .get("organization")
            .and_then(|place| of("Organization").find(|one| is_meant(place, one)))
            .map(|site| read_site(site, zone)),
    };
    roles.iter().map(lead).collect()
}

fn read_site(site: &Resource, zone: &TimeZone) -> Site {
    Site { source: source(site), active: is_active(site), recognised: recognised(site, zone) }
}

/// The days on which an organization is recognised as a medical home, or about to be.
pub fn recognised(site: &Resource, zone: &TimeZone) -> Vec<Days> {
    let all = list(site.get("extension")).filter(|one| one["url"] == RECOGNITION_EXTENSION);
    let part = |recognition: &Value, name: &str| {
        list(recognition.get("extension")).find(|part| part["url"] == name).cloned()
    };
    // "About to have" one counts as having it.
    let counts = |one: &&Value| {
        let status = part(one, "status");
        let status = status.as_ref().and_then(|part| part["valueCode"].as_str());
        matches!(status, Some("achieved" | "in-process"))
    };
    let days = |one: &Value| {
        let period = part(one, "period");
        Days::read(period.as_ref().and_then(|part| part.get("valuePeriod")), zone)
    };
    all.filter(counts).map(days).collect()
}

fn is_active(resource: &Resource) -> bool {
    resource.get("active").and_then(Value::as_bool) != Some(false)
}

/// Whether a reference means this resource.
fn is_meant(reference: &Value, resource: &Resource) -> bool {
    let id = target_id(reference);
    id.is_some() && id == resource.id() && is_of(reference, resource.ty().name())
}

/// Whether a reference can be one to this type: one to an entry of a Bundle does not say.
fn is_of(reference: &Value, ty: &str) -> bool {
    let text = reference.get("reference").and_then(Value::as_str).unwrap_or_default();
    let text = text.split("/_history/").next().unwrap_or(text);
    let mut segments = text.rsplit('/');
    segments.next();
    segments.next().is_none_or(|own| own == ty)
}
