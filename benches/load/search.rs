//! The searches that are measured, each with what its answer must be. <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeSet;

use serde_json::Value;

use crate::patient::CARE_PLANS;
use crate::patient::CONDITION_CODES;
use crate::patient::CONDITIONS;
use crate::patient::ENCOUNTERS;
use crate::patient::GOALS;
use crate::patient::MONTHS;
use crate::patient::OBSERVATIONS;
use crate::patient::OBSERVED;
use crate::patient::Patient;
use crate::patient::condition_code;
use crate::patient::date;
use crate::patient::month;
use crate::population::OLD;
use crate::population::Population;
use crate::resource::CATEGORY;
use crate::resource::LOINC;
use crate::resource::RECORDS;
use crate::resource::SNOMED;

/// A search, and what must come of it; both depend on the number of the request.
pub struct Search {
    pub name: &'static str,
    pub path: fn(&Population, u64) -> String,
    pub expected: fn(&Population, u64) -> Expected,
}

/// What an answer must hold.
pub enum Expected {
    /// These matches and these includes, by id, in any order.
    All(BTreeSet<String>, BTreeSet<String>),
    /// These matches in this order.
    Ordered(Vec<String>),
    /// So many matches, each of which the test accepts by its id.
    Some(u64, Box<dyn Fn(&str) -> bool>),
    /// Nothing but this total.
    Total(u64),
}

/// How many matches a page of the searches over all patients has.
const PAGE: u64 = 20;

/// The searches, those over one patient first.
pub const SEARCHES: [Search; 13] = [
    Search {
        name: "CarePlan?patient=",
        path: |all, n| format!("/CarePlan?patient={}", all.nth(n).id()),
        expected: |all, n| matches((0..CARE_PLANS).map(|at| format!("k{}-{at}", all.nth(n).0))),
    },
    Search {
        name: "CarePlan?patient=&category=&status=&_include=goal",
        path: |all, n| {
            let (system, code) = CATEGORY;
            let patient = all.nth(n).id();
            format!(
                "/CarePlan?patient={patient}&category={system}|{code}&status=active&_include=CarePlan:goal"
            )
        },
        expected: active_plans,
    },
    Search {
        name: "Condition?code=&_count=20",
        path: |_, n| format!("/Condition?code={SNOMED}|{}&_count={PAGE}", condition_code(code(n))),
        expected: |all, n| some(all.conditions[code(n) as usize], PAGE, move |id| has_code(id, code(n))),
    },
    Search {
        name: "Condition?patient=&clinical-status=active",
        path: |all, n| format!("/Condition?patient={}&clinical-status=active", all.nth(n).id()),
        expected: |all, n| {
            let of = all.nth(n);
            matches((0..CONDITIONS).filter(|at| of.condition(*at).active).map(|at| format!("c{}-{at}", of.0)))
        },
    },
    Search {
        name: "Observation?patient=&code=&_sort=-date&_count=10",
        path: |all, n| {
            let patient = all.nth(n).id();
            format!(
                "/Observation?patient={patient}&code={LOINC}|{}&_sort=-date&_count=10",
                OBSERVED[kind(n)].0
            )
        },
        expected: latest,
    },
    Search {
        name: "Encounter?date=ge&date=lt&class=&_count=50",
        path: |_, n| {
            let (at, class) = visits(n);
            let (from, to) = (month(at), month(at + 1));
            format!("/Encounter?date=ge{from}&date=lt{to}&class={class}&_count=50")
        },
        expected: |all, n| {
            let (at, class) = visits(n);
            some(all.encounters(at, class), 50, move |id| {
                numbers(id).is_some_and(|(of, place)| {
                    let visit = of.encounter(place);
                    visit.month == at && visit.class == class
                })
            })
        },
    },
    Search {
        name: "Encounter?patient=&_lastUpdated=gt",
        path: |all, n| format!("/Encounter?patient={}&_lastUpdated=gt2020-01-01", all.nth(n).id()),
        expected: |all, n| matches((0..ENCOUNTERS).map(|at| format!("e{}-{at}", all.nth(n).0))),
    },
    Search {
        name: "Goal?patient=&lifecycle-status=&_revinclude=goal",
        path: |all, n| {
            format!("/Goal?patient={}&lifecycle-status=active&_revinclude=CarePlan:goal", all.nth(n).id())
        },
        expected: active_goals,
    },
    Search {
        name: "Patient?family=&birthdate=",
        path: |all, n| {
            format!("/Patient?family={}&birthdate={}", all.nth(n).family(), all.nth(n).birth_date())
        },
        expected: |all, n| {
            let of = all.nth(n);
            let like = move |id: &str| {
                numbers(id).is_some_and(|(one, _)| one.family() == of.family() && one.birth() == of.birth())
            };
            Expected::Some(1, Box::new(like))
        },
    },
    Search {
        name: "Patient?_has:Condition:patient:code=&_count=20",
        path: |_, n| {
            format!("/Patient?_has:Condition:patient:code={}&_count={PAGE}", condition_code(code(n)))
        },
        expected: |all, n| {
            some(all.patients[code(n) as usize], PAGE, move |id| {
                let of = numbers(id).map(|(of, _)| of);
                of.is_some_and(|of| (0..CONDITIONS).any(|at| of.condition(at).code == code(n)))
            })
        },
    },
    Search {
        name: "Condition?subject:Patient.birthdate=le&code=&_count=20",
        path: |_, n| {
            let (year, code) = (OLD - 1, condition_code(code(n)));
            format!("/Condition?subject:Patient.birthdate=le{year}&code={code}&_count={PAGE}")
        },
        expected: |all, n| {
            some(all.of_the_old[code(n) as usize], PAGE, move |id| {
                has_code(id, code(n)) && numbers(id).is_some_and(|(of, _)| of.birth().0 < OLD)
            })
        },
    },
    Search {
        name: "CarePlan?_summary=count",
        path: |_, _| "/CarePlan?_summary=count".into(),
        expected: |all, _| Expected::Total(all.care_plans()),
    },
    Search {
        name: "Patient?identifier=",
        path: |all, n| format!("/Patient?identifier={RECORDS}|{}", all.nth(n).record_number()),
        expected: |all, n| matches([all.nth(n).id()].into_iter()),
    },
];

/// A search with many pages, and what must be so for each of its matches and for two that follow one another.
pub struct Walk {
    pub name: &'static str,
    pub path: String,
    pub holds: fn(Option<&str>, &str) -> bool,
}

/// The searches of which later pages are measured too.
pub fn walks() -> [Walk; 2] {
    let code = OBSERVED[0].0;
    [
        Walk {
            name: "Observation?code=&_count=20",
            path: format!("/Observation?code={LOINC}|{code}&_count={PAGE}"),
            holds: |_, id| weighed(id).is_some(),
        },
        Walk {
            name: "Observation?code=&_sort=-date&_count=20",
            path: format!("/Observation?code={LOINC}|{code}&_sort=-date&_count={PAGE}"),
            holds: |before, id| {
                let before = before.and_then(weighed).unwrap_or(u64::MAX);
                weighed(id).is_some_and(|day| day <= before)
            },
        },
    ]
}

/// Says how an answer differs from what it must be.
pub fn check(expected: &Expected, answer: &Value) -> Result<(), String> {
    let (found, included) = (ids(answer, "match"), ids(answer, "include"));
    let right = match expected {
        Expected::All(matches, includes) => {
            let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<String>>();
            set(&found) == *matches
                && found.len() == matches.len()
                && set(&included) == *includes
                && included.len() == includes.len()
        }
        Expected::Ordered(matches) => found == *matches,
        Expected::Some(count, holds) => {
            let different: BTreeSet<&String> = found.iter().collect();
            let enough = found.len() as u64 >= *count && different.len() == found.len();
            enough && found.iter().all(|id| holds(id))
        }
        Expected::Total(total) => answer["total"].as_u64() == Some(*total),
    };
    if right {
        Ok(())
    } else {
        Err(format!("matches {found:?}, includes {included:?}, total {}", answer["total"]))
    }
}

/// The ids of the entries of a Bundle that are there for this reason.
pub fn ids(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().map_or(&[][..], Vec::as_slice);
    let of_mode = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    of_mode.filter_map(|entry| entry["resource"]["id"].as_str()).map(str::to_owned).collect()
}

fn matches(ids: impl Iterator<Item = String>) -> Expected {
    Expected::All(ids.collect(), BTreeSet::new())
}

fn some(all: u64, page: u64, holds: impl Fn(&str) -> bool + 'static) -> Expected {
    Expected::Some(all.min(page), Box::new(holds))
}

fn active_plans(all: &Population, n: u64) -> Expected {
    let of = all.nth(n);
    let active = || (0..CARE_PLANS).filter(|at| of.care_plan_is_active(*at));
    let goals = active().flat_map(|at| if at == 0 { 0..1 } else { 1..GOALS });
    Expected::All(
        active().map(|at| format!("k{}-{at}", of.0)).collect(),
        goals.map(|goal| format!("g{}-{goal}", of.0)).collect(),
    )
}

fn active_goals(all: &Population, n: u64) -> Expected {
    let of = all.nth(n);
    let active = || (0..GOALS).filter(|at| of.goal_is_active(*at));
    Expected::All(
        active().map(|at| format!("g{}-{at}", of.0)).collect(),
        active().map(|at| format!("k{}-{}", of.0, u64::from(at > 0))).collect(),
    )
}

fn latest(all: &Population, n: u64) -> Expected {
    let of = all.nth(n);
    let mut found: Vec<u64> = (0..OBSERVATIONS).filter(|at| of.observation(*at).kind == kind(n)).collect();
    found.sort_by_key(|at| std::cmp::Reverse(date(of.observation(*at).day)));
    Expected::Ordered(found.into_iter().take(10).map(|at| format!("o{}-{at}", of.0)).collect())
}

fn code(n: u64) -> u64 {
    n % CONDITION_CODES
}

fn kind(n: u64) -> usize {
    (n % OBSERVED.len() as u64) as usize
}

fn visits(n: u64) -> (u64, &'static str) {
    (n % (MONTHS - 1), crate::patient::CLASSES[(n % 4) as usize])
}

fn has_code(id: &str, code: u64) -> bool {
    numbers(id).is_some_and(|(of, at)| of.condition(at).code == code)
}

/// The day of an observation of weight.
fn weighed(id: &str) -> Option<u64> {
    let one = numbers(id).filter(|_| id.starts_with('o')).map(|(of, at)| of.observation(at));
    one.filter(|one| one.kind == 0).map(|one| one.day)
}

/// `c17-3` is about the patient 17, and the fourth of its kind.
fn numbers(id: &str) -> Option<(Patient, u64)> {
    let (of, at) = id.get(1..)?.split_once('-').unwrap_or((id.get(1..)?, "0"));
    Some((Patient(of.parse().ok()?), at.parse().ok()?))
}
