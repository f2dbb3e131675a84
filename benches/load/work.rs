//! The kinds of work that are no search: reads, writes, whole records, later pages, transactions.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::connection::Connection;
use crate::connection::Target;
use crate::measure::Check;
use crate::measure::Request;
use crate::measure::Work;
use crate::patient::GOALS;
use crate::patient::Patient;
use crate::population::Population;
use crate::resource;
use crate::search;
use crate::search::SEARCHES;
use crate::search::Walk;

/// How many patients' goals are read by id, by the reference as by the server.
const READ: u64 = 10_000;
/// Resources of a Bundle in which patients are stored; they have no care plans, so that those can be counted.
pub const BUNDLE: u64 = crate::patient::EACH - crate::patient::CARE_PLANS;
/// How many goals are updated over and over.
const UPDATED: u64 = 500;
/// Which page is measured beside the first, where there are so many.
const FAR: u64 = 100;

/// Patients that are stored by this run alone, to write about; none of the searches is about them.
#[derive(Clone, Copy)]
pub struct Further(u64);

impl Further {
    /// Numbers that no other run has.
    pub fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self(1_000_000_000_000 + now.map_or(0, |now| now.as_secs() % 100_000_000) * 1_000_000)
    }

    /// The n-th of them.
    pub fn patient(self, n: u64) -> Patient {
        Patient(self.0 + n)
    }
}

/// The goals that are read, each with its id.
pub fn goals(all: &Population) -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..all.size.min(READ))
        .flat_map(|n| (0..GOALS).map(move |at| (n, at)))
        .map(|(n, at)| (format!("g{n}-{at}"), resource::goal(Patient(n), at).to_string().into_bytes()))
}

/// Reading goals by id.
pub fn read<'a>(all: &'a Population, name: &str) -> Work<'a> {
    let one = |n: u64| (Patient(all.nth(n).0 % READ), n % GOALS);
    Work {
        name: name.to_owned(),
        request: Box::new(move |n| {
            let (of, at) = one(n);
            get(format!("/Goal/g{}-{at}", of.0))
        }),
        check: Box::new(move |n, answer| {
            let (of, at) = one(n);
            same(answer, &resource::goal(of, at))
        }),
    }
}

/// The searches of the list.
pub fn searches(all: &Population) -> impl Iterator<Item = Work<'_>> {
    SEARCHES.iter().map(move |search| Work {
        name: search.name.to_owned(),
        request: Box::new(|n| get((search.path)(all, n))),
        check: Box::new(|n, answer| search::check(&(search.expected)(all, n), answer)),
    })
}

/// All that belongs to a patient.
pub fn everything(all: &Population) -> Work<'_> {
    Work {
        name: "Patient/[id]/$everything".into(),
        request: Box::new(|n| get(format!("/Patient/{}/$everything", all.nth(n).id()))),
        check: Box::new(|n, answer| {
            let found: BTreeSet<&str> = answer["entry"]
                .as_array()
                .map_or(&[][..], Vec::as_slice)
                .iter()
                .filter_map(|entry| entry["resource"]["id"].as_str())
                .collect();
            let missing =
                resource::all(all.nth(n)).find(|one| one["id"].as_str().is_none_or(|id| !found.contains(id)));
            missing.map_or(Ok(()), |one| Err(format!("{} is not in it", one["id"])))
        }),
    }
}

/// Creating goals of a further patient.
pub fn create(further: Further, name: &str) -> Work<'static> {
    let goal =
        move |n: u64| resource::further_goal(further.patient(n % 100), &format!("The goal of request {n}"));
    Work {
        name: name.to_owned(),
        request: Box::new(move |n| send("POST", "/Goal".into(), &goal(n))),
        check: accepted(),
    }
}

/// Updating a few goals over and over.
pub fn update(further: Further) -> Work<'static> {
    let goal = move |n: u64| {
        let mut goal = resource::further_goal(further.patient(n % 100), &format!("As request {n} has it"));
        goal["id"] = format!("u{}-{}", further.0, n % UPDATED).into();
        goal
    };
    Work {
        name: "update".into(),
        request: Box::new(move |n| {
            let goal = goal(n);
            send("PUT", format!("/Goal/{}", goal["id"].as_str().unwrap_or_default()), &goal)
        }),
        check: accepted(),
    }
}

/// Storing a further patient with all that belongs to it, in one transaction.
pub fn bundle(further: Further, from: u64, name: &str) -> Work<'static> {
    Work {
        name: name.to_owned(),
        request: Box::new(move |n| send("POST", String::new(), &patient_bundle(further.patient(from + n)))),
        check: Box::new(|_, answer| {
            let stored = answer["entry"].as_array().map_or(0, Vec::len) as u64;
            if stored == BUNDLE { Ok(()) } else { Err(format!("{stored} entries")) }
        }),
    }
}

/// A transaction with a patient and all but the care plans.
pub fn patient_bundle(of: Patient) -> Value {
    resource::transaction(resource::all(of).filter(|one| one["resourceType"] != "CarePlan"))
}

/// The first page and a far one of a search, whose pages up to there are followed and checked first.
pub fn pages(target: &Target, walk: &Walk) -> Result<[Work<'static>; 2], String> {
    let mut connection = Connection::open(target).map_err(|cause| cause.to_string())?;
    let (mut path, mut page) = (walk.path.clone(), 1);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut last: Option<String> = None;
    loop {
        let reply = connection.send("GET", &path, &[]).map_err(|cause| cause.to_string())?;
        let answer: Value =
            serde_json::from_slice(&reply.body).map_err(|cause| format!("{path}: {cause}"))?;
        let found = search::ids(&answer, "match");
        if found.is_empty() {
            return Err(format!("page {page} of {} is empty: {}", walk.name, reply.status));
        }
        for id in found {
            if !(walk.holds)(last.as_deref(), &id) || !seen.insert(id.clone()) {
                return Err(format!("page {page} of {} should not have {id} there", walk.name));
            }
            last = Some(id);
        }
        let links = answer["link"].as_array().map_or(&[][..], Vec::as_slice);
        let next = links.iter().find(|link| link["relation"] == "next").and_then(|link| link["url"].as_str());
        let Some(next) = next.filter(|_| page < FAR) else { break };
        path = target.path(next).to_owned();
        page += 1;
    }
    let one = |name: String, path: String| Work {
        name,
        request: Box::new(move |_| get(path.clone())),
        check: Box::new(|_, answer| match search::ids(answer, "match").is_empty() {
            true => Err("it is empty".into()),
            false => Ok(()),
        }),
    };
    Ok([
        one(format!("{}, page 1", walk.name), walk.path.clone()),
        one(format!("{}, page {page}", walk.name), path),
    ])
}

fn get(path: String) -> Option<Request> {
    Some(Request { method: "GET", path, body: Vec::new() })
}

fn send(method: &'static str, path: String, body: &Value) -> Option<Request> {
    Some(Request { method, path, body: body.to_string().into_bytes() })
}

/// The status says all, since the answer has no body.
fn accepted() -> Check<'static> {
    Box::new(|_, _| Ok(()))
}

/// Whether an answer is the resource that was stored, but for what the server adds.
fn same(answer: &Value, stored: &Value) -> Result<(), String> {
    let mut answer = answer.clone();
    if let Some(members) = answer.as_object_mut() {
        members.remove("meta");
    }
    if answer == *stored { Ok(()) } else { Err(format!("{answer} and not {stored}")) }
}
