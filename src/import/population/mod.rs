//! The sample population of `comfrey demo`: people with serious illness, early and late in it, and well people, drawn
//! from archetypes. The same on every run but for its days, which are counted back from today. Nobody in it is real.
//! <https://hl7.org/fhir/R4/bundle.html#transaction>
//!
//! A person is one transaction, so that each is whole or not there; the sites stand before them. Some are then referred to
//! the programme and enrolled in it by its operations. Several threads send, as an import's do, since most of the time each
//! waits for a commit.

mod archetypes;
mod draw;
mod followed;
mod identity;
mod illness;
mod observed;
mod person;
mod planning;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use crate::app::App;
use crate::app::Session;
use crate::fhir::datetime::date_in;
use crate::import::Report;
use crate::import::entry::Batch;
use crate::import::population::archetypes::Archetypes;
use crate::import::population::archetypes::Illness;
use crate::import::population::archetypes::Site;
use crate::import::population::person::Person;
use crate::import::progress::Progress;
use crate::import::send;

/// Threads that send.
const SENDERS: usize = 4;

/// One of those who are in the programme: the first who is late in heart failure.
pub const FOLLOWED: &str = "sample-heart-failure-02";

/// Loads all of them, as an import would, and leads some into the programme.
///
/// # Errors
/// A sentence that says what is wrong with the archetypes, or with a step of somebody's way.
pub fn load(app: &Arc<App>) -> Result<Report, String> {
    let today = date_in(app.clock.now(), &TimeZone::UTC);
    let from = archetypes::read()?;
    let people = people(from, today)?;
    let progress = Progress::new(people.len() as u64 + 1);
    let send = |(name, bundle): (String, Value)| -> Result<(), String> {
        let batch = Batch::of_file(&Arc::from(Path::new(&name)), bundle)?;
        progress.add(1, send::send(&Session::system(Arc::clone(app)), batch, send::Pass::Last));
        Ok(())
    };
    send(sites(from))?;
    let next = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        let work = || -> Result<(), String> {
            while let Some(person) = people.get(next.fetch_add(1, Ordering::Relaxed)) {
                send(record(person.clone()))?;
                followed::follow(&Session::system(Arc::clone(app)), person)?;
            }
            Ok(())
        };
        let running: Vec<_> = (0..SENDERS).map(|_| threads.spawn(work)).collect();
        running.into_iter().try_for_each(|one| one.join().map_err(|_| "A sender stopped.".to_owned())?)
    })?;
    Ok(progress.finish())
}

/// The sites, then each person, as a transaction with its name, as of this day.
///
/// # Errors
/// A sentence that says what is wrong with the archetypes.
pub fn bundles(today: Date) -> Result<Vec<(String, Value)>, String> {
    let from = archetypes::read()?;
    let people = people(from, today)?.into_iter().map(record);
    Ok(std::iter::once(sites(from)).chain(people).collect())
}

/// Where the people are treated, and by whom.
fn sites(from: &Archetypes) -> (String, Value) {
    let sites = from.sites.iter().flat_map(|one| [site(one), doctor(one)]);
    ("sample sites".to_owned(), transaction(sites.chain(followed::team()).collect()))
}

/// Everybody, before anything is drawn of their record.
fn people(from: &'static Archetypes, today: Date) -> Result<Vec<Person<'static>>, String> {
    let all = from.illnesses.iter().flat_map(|illness| (0..illness.count).map(move |at| (illness, at)));
    let person = |(place, (illness, at)): (u64, (&'static Illness, u64))| {
        let person = Person::new(from, illness, (at, place), today);
        person.ok_or_else(|| format!("archetypes.json: nobody has {}", illness.id))
    };
    (0..).zip(all).map(person).collect()
}

/// A person's record, drawn.
fn record(mut person: Person) -> (String, Value) {
    let mut resources = identity::resources(&mut person);
    resources.extend(illness::resources(&mut person));
    resources.extend(observed::resources(&mut person));
    resources.extend(planning::resources(&mut person));
    resources.extend(followed::resources(&person));
    (person.id, transaction(resources))
}

/// How many people have what: the name of each illness, and the number.
///
/// # Errors
/// A sentence that says what is wrong with the archetypes.
pub fn counts() -> Result<Vec<(&'static str, u64)>, String> {
    Ok(archetypes::read()?.illnesses.iter().map(|one| (one.name.as_str(), one.count)).collect())
}

fn transaction(resources: Vec<Value>) -> Value {
    let entry = |resource: Value| {
        let word = |name: &str| resource[name].as_str().unwrap_or_default();
        let url = format!("{}/{}", word("resourceType"), word("id"));
        json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    let entries: Vec<Value> = resources.into_iter().map(entry).collect();
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

fn site(site: &Site) -> Value {
    json!({ "resourceType": "Organization", "id": site.id, "active": true, "name": site.name,
        "extension": [{ "url": "https://comfrey.health/fhir/StructureDefinition/pcmh-recognition", "extension": [
            { "url": "program", "valueCode": "ncqa-pcmh" }, { "url": "status", "valueCode": site.recognition } ] }],
        "type": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/organization-type",
            "code": "prov" }] }],
        "address": [{ "city": site.city, "state": "CA", "postalCode": site.postal_code, "country": "US" }] })
}

/// By what those who give care are known.
const STAFF_SYSTEM: &str = "https://samples.comfrey.health/staff";

fn doctor(site: &Site) -> Value {
    let id = format!("{}-doctor", site.id);
    json!({ "resourceType": "Practitioner", "id": id, "active": true,
        "identifier": [{ "system": STAFF_SYSTEM, "value": id }],
        "name": [{ "family": site.doctor.family, "given": [site.doctor.given], "prefix": ["Dr."] }] })
}

#[cfg(test)]
mod tests;
