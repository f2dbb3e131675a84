//! What an evaluation reads of patients, many with one query. <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>
//!
//! Marks and records are read in one state of the database, so that every write whose mark is seen is seen itself.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::app::App;
use crate::app::elsewhere::Links;
use crate::app::findings::marks::BESIDE;
use crate::app::findings::marks::NAMED;
use crate::app::findings::practices::practices;
use crate::app::persons::records;
use crate::app::screening::screened_types;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::search::parameter::numbers;
use crate::store::Conn;
use crate::store::Fault;
use crate::store::Stored;
use crate::store::findings::NEVER;
use crate::store::findings::due;
use crate::store::findings::kept::Evaluated;
use crate::store::findings::read;
use crate::store::payment;

/// The types that name medicines and devices, and the search parameters that say which.
const NAMING: [(&str, &str); 4] = [
    ("MedicationRequest", "medication"),
    ("MedicationStatement", "medication"),
    ("DeviceRequest", "device"),
    ("DeviceUseStatement", "device"),
];

/// How many patients are marked at once because of what they name: few, so that nobody waits long for it.
const SPREAD: usize = 200;

/// A patient's record as it was read, and what the evaluation must know of the tables.
pub(super) struct Chart {
    pub(super) evaluated: Evaluated,
    /// The Patient, where it can be read; the rest is as it is stored.
    pub(super) patient: Option<Resource>,
    pub(super) stored: Vec<Stored>,
    pub(super) named: Vec<Resource>,
    pub(super) open: Vec<String>,
    pub(super) is_replaced: bool,
    /// Whether an episode, in whichever programme, says that the person died.
    pub(super) has_died: bool,
    /// What other records of the person tell of a death and of hospice.
    pub(super) elsewhere: Vec<Resource>,
}

/// Marks some of the patients of what names medicines and devices that were written, or leads to where somebody works, and
/// of those who are linked to a record that tells of a death or of hospice; whether there was anything to do, after which there may be more.
///
/// # Errors
/// Only what the database fails with.
pub(super) fn spread(app: &App) -> Result<bool, Failure> {
    let named = app.db.read(|conn| Ok(due::named(conn, SPREAD)?))?;
    if named.is_empty() {
        return Ok(false);
    }
    let params: Vec<i64> = naming().collect();
    let base_url = app.config.base_url.clone().unwrap_or_default();
    let spread = app.db.write(move |conn| {
        let mut left = SPREAD;
        for (subject, mark) in &named {
            left -= spread_one(conn, (subject, *mark), (&params, left, &base_url))?;
            if left == 0 {
                break;
            }
        }
        Ok(true)
    });
    spread.map_err(Fault::into_failure)
}

/// Marks the next patients of what names one; how many. The mark of the one goes, or stays for those after the last of
/// them.
fn spread_one(
    conn: &mut Conn,
    (subject, mark): (&str, i64),
    (params, most, base_url): (&[i64], usize, &str),
) -> Result<usize, Fault> {
    let mut parts = subject.splitn(3, '/');
    let name = parts.next().zip(parts.next());
    let Some((ty, id)) = name.and_then(|(ty, id)| Some((ResourceType::parse(ty)?, id))) else {
        due::unmark(conn, subject, &[mark])?;
        return Ok(0);
    };
    let after = parts.next().unwrap_or_default();
    let ways = ways();
    let patients = match ty.name() {
        "Organization" => due::working_at(conn, (id, after), (&ways, most))?,
        "Practitioner" | "PractitionerRole" => {
            due::naming(conn, (ty.number(), id, after), (&[ways.general_practitioner], most))?
        }
        "Patient" => {
            let records = records(conn, id, base_url)?;
            records.into_iter().filter(|one| one.as_str() > after).take(most).collect()
        }
        _ => due::naming(conn, (ty.number(), id, after), (params, most))?,
    };
    due::mark(conn, patients.iter().map(String::as_str), mark)?;
    due::unmark(conn, subject, &[mark])?;
    if let Some(last) = patients.last().filter(|_| patients.len() == most) {
        let rest = format!("{}/{id}/{last}", ty.name());
        due::mark(conn, std::iter::once(rest.as_str()), mark)?;
    }
    Ok(patients.len())
}

/// The search parameters by which a patient's resource names a medicine or a device; 0 stands for an element that no
/// parameter covers.
fn naming() -> impl Iterator<Item = i64> {
    let of = |ty: &str, code: &str| ResourceType::parse(ty).map(|ty| numbers(ty, code)[0]);
    NAMING.into_iter().filter_map(move |(ty, code)| of(ty, code)).chain([0])
}

/// By which search parameters patients lead to where their general practitioners work.
fn ways() -> due::Ways {
    let of = |ty: &str, code: &str| {
        let ty = ResourceType::parse(ty).expect("it is a type of R4");
        numbers(ty, code)[0]
    };
    due::Ways {
        general_practitioner: of("Patient", "general-practitioner"),
        organization: of("PractitionerRole", "organization"),
        practitioner: of("PractitionerRole", "practitioner"),
    }
}

/// The charts of these patients, in the order of their ids.
pub(super) fn charts(conn: &mut Conn, patients: &[String], base_url: &str) -> Result<Vec<Chart>, Fault> {
    let mut charts: BTreeMap<String, Chart> = patients.iter().map(|id| (id.clone(), empty(id))).collect();
    for (id, mark) in read::marks(conn, patients)? {
        charts.entry(id).and_modify(|chart| chart.evaluated.marks.push(mark));
    }
    for (id, stamp) in read::stamps(conn, patients)? {
        charts.entry(id).and_modify(|chart| chart.evaluated.stamp = Some(stamp));
    }
    for (id, program) in read::open_episodes(conn, patients)? {
        charts.entry(id).and_modify(|chart| chart.open.push(program));
    }
    for id in read::died(conn, patients)? {
        charts.entry(id).and_modify(|chart| chart.has_died = true);
    }
    for row in read::compartments(conn, patients, &types())? {
        charts.entry(row.patient).and_modify(|chart| chart.stored.push(row.stored));
    }
    add_named(conn, &mut charts)?;
    let mut charts: Vec<Chart> = charts.into_values().collect();
    charts.iter_mut().for_each(Chart::read_patient);
    add_links(conn, &mut charts, base_url)?;
    add_practices(conn, &mut charts, base_url)?;
    Ok(charts)
}

impl Chart {
    /// Parses the Patient, once for all that read it. One that cannot be read stays as it is: its own evaluation fails, and
    /// nobody else's.
    fn read_patient(&mut self) {
        let is_own = |one: &Stored| one.ty.name() == "Patient" && one.id == self.evaluated.patient;
        let Some(at) = self.stored.iter().position(is_own) else { return };
        self.patient = self.stored[at].value().ok().and_then(|value| Resource::from_value(value).ok());
        if self.patient.is_some() {
            self.stored.swap_remove(at);
        }
    }
}

/// Adds what links say: whether another record has taken a patient's place, and what other records tell of a death and of
/// hospice.
fn add_links(conn: &mut Conn, charts: &mut [Chart], base_url: &str) -> Result<(), Fault> {
    let patients: Vec<(&str, Option<&Resource>)> =
        charts.iter().map(|chart| (chart.evaluated.patient.as_str(), chart.patient.as_ref())).collect();
    let mut links = Links::of(conn, &patients, base_url)?;
    for chart in charts {
        chart.is_replaced = links.replaced.contains(&chart.evaluated.patient);
        chart.elsewhere = links.told.remove(&chart.evaluated.patient).unwrap_or_default();
    }
    Ok(())
}

/// Adds where the general practitioners work.
fn add_practices(conn: &mut Conn, charts: &mut [Chart], base_url: &str) -> Result<(), Fault> {
    let found = practices(conn, charts.iter().map(|chart| chart.patient.as_ref()), base_url)?;
    for (chart, own) in charts.iter_mut().zip(found) {
        chart.named.extend(own);
    }
    Ok(())
}

/// Adds the medicines and devices that are named, which stand in no compartment.
fn add_named(conn: &mut Conn, charts: &mut BTreeMap<String, Chart>) -> Result<(), Fault> {
    let patients: Vec<String> = charts.keys().cloned().collect();
    let types: Vec<i64> =
        NAMING.iter().filter_map(|(ty, _)| ResourceType::parse(ty)).map(ResourceType::number).collect();
    let params: Vec<i64> = naming().collect();
    let named: BTreeSet<(String, i64, String)> =
        read::named(conn, &patients, (&types, &params))?.into_iter().collect();
    for ty in NAMED.iter().filter_map(|name| ResourceType::parse(name)) {
        let of_type = || named.iter().filter(|(_, own, _)| *own == ty.number());
        let ids: BTreeSet<&String> = of_type().map(|(_, _, id)| id).collect();
        let ids: Vec<String> = ids.into_iter().cloned().collect();
        for stored in payment::named(conn, ty, &ids)? {
            let resource = Resource::from_value(stored.value()?)?;
            for (patient, ..) in of_type().filter(|(_, _, id)| *id == stored.id) {
                charts.entry(patient.clone()).and_modify(|chart| chart.named.push(resource.clone()));
            }
        }
    }
    Ok(())
}

fn empty(patient: &str) -> Chart {
    let evaluated = Evaluated {
        patient: patient.to_owned(),
        marks: Vec::new(),
        stamp: None,
        found: None,
        change_at: NEVER,
    };
    Chart {
        evaluated,
        patient: None,
        stored: Vec::new(),
        named: Vec::new(),
        open: Vec::new(),
        is_replaced: false,
        has_died: false,
        elsewhere: Vec::new(),
    }
}

/// What is read of a patient.
fn types() -> Vec<ResourceType> {
    let beside = BESIDE.iter().filter(|name| **name == "RiskAssessment");
    let beside = beside.filter_map(|name| ResourceType::parse(name));
    screened_types().into_iter().chain(beside).collect()
}
