//! Searches that are drawn, of resources that are drawn, against a plain reading: spans of dates, and those to whom something
//! leads. They go all the ways that there are to a page. <https://hl7.org/fhir/R4/search.html#prefix>

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value;
use serde_json::json;

use super::database::Database;
use super::ty;
use super::visibility::only;
use crate::fhir::datetime::Span;
use crate::fhir::datetime::span;
use crate::search::Restriction;
use crate::search::Visible;

/// Draws numbers, the same for the same beginning.
struct Draw(u64);

impl Draw {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A date of any precision, in any zone, on both sides of 1970 and of the ends of months.
    fn date(&mut self) -> String {
        let month = self.of(&["1969-11", "1969-12", "1970-01", "1970-02", "1970-03"]);
        let day = self.of(&["01", "02", "14", "27", "28", "29", "30", "31"]);
        let day = if month.ends_with("02") { self.of(&["01", "02", "27", "28"]) } else { day };
        let day = if month.ends_with("11") && day == "31" { "30" } else { day };
        let time = self.of(&["00:00:00", "00:00:00.001", "11:59:59", "12:00:00", "23:59:59", "23:59:59.999"]);
        let zone = self.of(&["Z", "Z", "Z", "+14:00", "-12:00", "+05:30"]);
        match self.below(12) {
            0 => month[..4].to_owned(),
            1 | 2 => month.to_owned(),
            3..=6 => format!("{month}-{day}"),
            _ => format!("{month}-{day}T{time}{zone}"),
        }
    }
}

fn read(text: &str) -> Span {
    span(text, &TimeZone::UTC).unwrap()
}

/// A period with both ends or one, and what it covers; it may be a day, or as long as years.
fn period(draw: &mut Draw) -> (Value, Span) {
    let (one, other) = (draw.date(), draw.date());
    let (low, high) = (read(&one).low, read(&other).high);
    let (start, end) = if low <= high { (one, other) } else { (other, one) };
    match draw.below(6) {
        0 => (json!({ "start": start.clone() }), Span { low: read(&start).low, high: i64::MAX }),
        1 => (json!({ "end": end.clone() }), Span { low: i64::MIN, high: read(&end).high }),
        2 | 3 => (json!({ "start": start.clone(), "end": start.clone() }), read(&start)),
        _ => {
            let covered = Span { low: read(&start).low, high: read(&end).high };
            (json!({ "start": start, "end": end }), covered)
        }
    }
}

/// What stands so to what is asked for.
fn holds(prefix: &str, own: Span, asked: Span) -> bool {
    let lies = own.low >= asked.low && own.high <= asked.high;
    match prefix {
        "" => lies,
        "ne" => !lies,
        "gt" => own.high > asked.high,
        "lt" => own.low < asked.low,
        "ge" => own.high > asked.high || lies,
        "le" => own.low < asked.low || lies,
        "sa" => own.low > asked.high,
        "eb" => own.high < asked.low,
        _ => unreachable!("no such prefix is drawn"),
    }
}

struct Dated {
    id: String,
    patient: &'static str,
    class: &'static str,
    covers: Vec<Span>,
}

/// Encounters, of which each has a period, and care plans, with dates of several activities.
fn dated(draw: &mut Draw, name: &str, at: usize) -> (Value, Dated) {
    let (patient, class) = (draw.of(&["a", "b"]), draw.of(&["IMP", "AMB", "AMB", "EMER"]));
    let id = format!("e{at:03}");
    let subject = json!({ "reference": format!("Patient/{patient}") });
    let many = if name == "Encounter" { usize::from(draw.below(12) > 0) } else { draw.below(4) };
    let drawn: Vec<(Value, Span)> = (0..many).map(|_| period(draw)).collect();
    let covers = drawn.iter().map(|(_, covers)| *covers).collect();
    let mut resource = match name {
        "Encounter" => json!({ "status": "finished", "class": { "code": class }, "subject": subject }),
        _ => json!({ "status": "active", "category": [{ "coding": [{ "code": class }] }], "subject": subject,
            "activity": drawn.iter().map(|(own, _)| json!({ "detail": { "scheduledPeriod": own } })).collect::<Vec<_>>() }),
    };
    resource["resourceType"] = name.into();
    resource["id"] = id.clone().into();
    if let ("Encounter", Some((own, _))) = (name, drawn.first()) {
        resource["period"] = own.clone();
    }
    (resource, Dated { id, patient, class, covers })
}

#[test]
fn spans_of_dates_that_are_drawn_find_what_a_plain_reading_finds() {
    let mut filled = 0;
    for (seed, name, date, class) in [
        (1, "Encounter", "date", "class"),
        (2, "CarePlan", "activity-date", "category"),
        (3, "Encounter", "date", "class"),
    ] {
        let draw = &mut Draw(seed);
        let (stored, all): (Vec<Value>, Vec<Dated>) = (0..90).map(|at| dated(draw, name, at)).unzip();
        let mut database = Database::of(&stored);
        for _ in 0..90 {
            let one = |draw: &mut Draw| {
                let prefix = draw.of(&["", "", "ne", "gt", "lt", "ge", "ge", "le", "le", "sa", "eb"]);
                (prefix, draw.date())
            };
            let asked: Vec<(&str, String)> = (0..=draw.below(3)).map(|_| one(draw)).collect();
            let wanted = draw.of(&["", "", "IMP", "AMB"]);
            let is_own = draw.below(3) == 0;
            let mut search = asked
                .iter()
                .map(|(prefix, text)| format!("{date}={prefix}{}", text.replace('+', "%2B")))
                .collect::<Vec<_>>()
                .join("&");
            if !wanted.is_empty() {
                search = format!("{search}&{class}={wanted}");
            }
            let restriction = if is_own { only("a") } else { Restriction::none() };
            let meets = |one: &&Dated| {
                let has = |(prefix, text): &(&str, String)| {
                    one.covers.iter().any(|own| holds(prefix, *own, read(text)))
                };
                asked.iter().all(has)
                    && (wanted.is_empty() || one.class == wanted)
                    && (!is_own || one.patient == "a")
            };
            let expected: Vec<&str> = all.iter().rev().filter(meets).map(|one| one.id.as_str()).collect();
            filled += usize::from(expected.len() > 5);
            for count in [1, 4, 100] {
                let search = format!("{name}?{search}&_count={count}");
                assert_eq!(database.pages(&search, &restriction).concat(), expected, "{search} {is_own}");
            }
            for order in ["_lastUpdated", "-_lastUpdated", date, &format!("-{date}")] {
                let search = format!("{name}?{search}&_sort={order}&_count=7");
                let mut found = database.pages(&search, &restriction).concat();
                found.sort_by(|one, other| other.cmp(one));
                assert_eq!(found, expected, "{search} {is_own}");
            }
        }
    }
    assert!(filled > 60, "{filled} searches found some");
}

/// A code as it is asked for, of whatever system, of one, of none.
type Code = (Option<&'static str>, &'static str);

/// What is asked of a condition, and which codes meet it.
const CODES: [(&str, &[Code]); 5] = [
    ("code=x", &[(None, "x")]),
    ("code=y", &[(None, "y")]),
    ("code=x,y", &[(None, "x"), (None, "y")]),
    ("code=urn:a|x", &[(Some("urn:a"), "x")]),
    ("code=|x", &[(Some(""), "x")]),
];

/// Patients, and conditions with a code of one of two systems or of none, in any order; some conditions of nobody who is
/// there.
fn led(draw: &mut Draw) -> Vec<Value> {
    let patients = 14;
    let mut all: Vec<Value> = (0..patients)
        .map(|at| {
            json!({ "resourceType": "Patient", "id": format!("p{at:02}"), "gender": draw.of(&["male", "female"]) })
        })
        .collect();
    let codings = [json!({ "code": "x" }), json!({ "code": "x", "system": "urn:a" }), json!({ "code": "y" })];
    // In one of two worlds a code is of one system.
    let systems = draw.of(&[3, 1]);
    for at in 0..40 {
        let coding = &codings[(draw.below(systems) + if systems == 1 { 2 * draw.below(2) } else { 0 }) % 3];
        let patient = draw.below(patients + 2);
        all.push(
            json!({ "resourceType": "Condition", "id": format!("c{at:02}"), "code": { "coding": [coding] },
            "onsetDateTime": draw.date(), "subject": { "reference": format!("Patient/p{patient:02}") } }),
        );
    }
    for at in (1..all.len()).rev() {
        let other = draw.below(at + 1);
        all.swap(at, other);
    }
    if draw.below(2) == 0 {
        all.sort_by_key(|one| usize::from(one["resourceType"] == "Patient"));
    }
    all
}

#[test]
fn those_to_whom_something_that_is_drawn_leads_are_those_of_a_plain_reading() {
    for seed in 0..24 {
        let draw = &mut Draw(1_000 + seed);
        let stored = led(draw);
        let mut database = Database::of(&stored);
        let gone: Vec<String> =
            (0..draw.below(6)).map(|_| format!("{}{:02}", draw.of(&["p", "c"]), draw.below(14))).collect();
        gone.iter().for_each(|id| super::leading::delete(&mut database, id));
        let live: Vec<&Value> =
            stored.iter().filter(|one| gone.iter().all(|id| one["id"] != id.as_str())).collect();
        let some = Visible::Patients(vec!["p01".into(), "p05".into(), "p09".into()]);
        let of_conditions = BTreeMap::from([(ty("Condition"), some.clone())]);
        let hidden = BTreeMap::from([(ty("Condition"), Visible::Nothing)]);
        let restrictions = [
            (Restriction::none(), true, true),
            (Restriction { default: some, by_type: BTreeMap::new() }, false, false),
            (Restriction { default: Visible::All, by_type: of_conditions }, true, false),
        ];
        let is_some = |id: &str| ["p01", "p05", "p09"].contains(&id);
        for (asked, codes) in CODES {
            let has = |condition: &Value| {
                let coding = &condition["code"]["coding"][0];
                let system = coding["system"].as_str().unwrap_or_default();
                codes.iter().any(|(own, code)| coding["code"] == *code && own.is_none_or(|own| own == system))
            };
            for (restriction, sees_patients, sees_conditions) in &restrictions {
                let leads = |patient: &Value| {
                    let to = format!("Patient/{}", patient["id"].as_str().unwrap());
                    let mut conditions = live.iter().filter(|one| one["resourceType"] == "Condition");
                    conditions.any(|one| {
                        let about = one["subject"]["reference"].as_str().unwrap();
                        about == to && has(one) && (*sees_conditions || is_some(&about[8..]))
                    })
                };
                for gender in ["", "male"] {
                    let expected: Vec<&str> = live
                        .iter()
                        .rev()
                        .filter(|one| one["resourceType"] == "Patient" && leads(one))
                        .filter(|one| gender.is_empty() || one["gender"] == gender)
                        .filter_map(|one| one["id"].as_str())
                        .filter(|id| *sees_patients || is_some(id))
                        .collect();
                    let more = if gender.is_empty() { "" } else { "&gender=male" };
                    for count in [1, 2, 3, 50] {
                        let search = format!("Patient?_has:Condition:patient:{asked}{more}&_count={count}");
                        let told = format!("{search} of world {seed}, without {gone:?}");
                        assert_eq!(database.pages(&search, restriction).concat(), expected, "{told}");
                    }
                }
            }
            let nothing = Restriction { default: Visible::All, by_type: hidden.clone() };
            let search = format!("Patient?_has:Condition:patient:{asked}&_count=1");
            assert!(database.pages(&search, &nothing).concat().is_empty(), "{search}");
        }
    }
}
