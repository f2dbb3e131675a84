//! Random resources and random searches: the database must find what a plain reading of R4 finds.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use serde_json::json;

use super::PARAMETERS;
use super::database::Database;
use super::database::query;
use crate::fhir::datetime::span;
use crate::search::Restriction;
use crate::search::Visible;
use crate::search::plan;

/// An observation, as far as these searches look at it.
#[derive(Clone, Debug)]
struct Observed {
    codes: Vec<(Option<usize>, usize)>,
    patient: usize,
    when: When,
    value: Option<i32>,
}

#[derive(Clone, Debug)]
enum When {
    Never,
    At(&'static str),
    Between(Option<&'static str>, Option<&'static str>),
}

/// A condition, as these searches ask it.
#[derive(Clone, Debug)]
enum Asked {
    /// Each with no system said, none wanted, or one.
    Codes {
        any: Vec<(Option<Option<usize>>, usize)>,
        not: bool,
    },
    Patients(Vec<usize>),
    PatientNamed(usize),
    Date(&'static str, &'static str),
    Value(&'static str, i32),
    Missing(&'static str, bool),
    Ids(Vec<usize>),
}

const DATES: [&str; 9] = [
    "2023",
    "2024",
    "2024-01",
    "2024-02",
    "2024-01-15",
    "2024-01-31",
    "2024-02-01",
    "2024-01-15T10:00:00Z",
    "2024-01-15T10:00:00.5Z",
];
const PREFIXES: [&str; 8] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"];
const SORTS: [&str; 7] = ["", "date", "-date", "_id", "-_id", "value-quantity", "-value-quantity,date"];

fn observed() -> impl Strategy<Value = Observed> {
    let when = prop_oneof![
        Just(When::Never),
        select(&DATES[..]).prop_map(When::At),
        (option::of(select(&DATES[..])), option::of(select(&DATES[..])))
            .prop_map(|(start, end)| When::Between(start, end)),
    ];
    (vec((option::of(0_usize..2), 0_usize..3), 0..3), 0_usize..3, when, option::of(-20_i32..20))
        .prop_map(|(codes, patient, when, value)| Observed { codes, patient, when, value })
}

fn asked() -> impl Strategy<Value = Asked> {
    let code = (option::of(option::of(0_usize..2)), 0_usize..3);
    prop_oneof![
        (vec(code, 1..4), any::<bool>()).prop_map(|(any, not)| Asked::Codes { any, not }),
        vec(0_usize..4, 1..3).prop_map(Asked::Patients),
        (0_usize..4).prop_map(Asked::PatientNamed),
        (select(&PREFIXES[..]), select(&DATES[..])).prop_map(|(prefix, date)| Asked::Date(prefix, date)),
        (select(&PREFIXES[..]), -20_i32..20).prop_map(|(prefix, value)| Asked::Value(prefix, value)),
        (select(&["code", "date", "value-quantity"][..]), any::<bool>())
            .prop_map(|(code, is)| Asked::Missing(code, is)),
        vec(0_usize..12, 1..4).prop_map(Asked::Ids),
    ]
}

impl When {
    fn span(&self) -> Option<(i64, i64)> {
        let read = |text: &str| span(text, &jiff::tz::TimeZone::UTC).unwrap();
        let found = match self {
            When::Never | When::Between(None, None) => None,
            When::At(text) => Some((read(text).low, read(text).high)),
            When::Between(start, end) => Some((
                start.map_or(i64::MIN, |text| read(text).low),
                end.map_or(i64::MAX, |text| read(text).high),
            )),
        };
        found.filter(|(low, high)| low <= high)
    }
}

impl Observed {
    fn resource(&self, at: usize) -> Value {
        let codings = self.codes.iter().map(|(system, code)| match system {
            Some(system) => json!({ "system": format!("urn:s{system}"), "code": format!("c{code}") }),
            None => json!({ "code": format!("c{code}") }),
        });
        let mut resource = json!({ "resourceType": "Observation", "id": format!("o{at:02}"),
            "code": { "coding": codings.collect::<Vec<_>>() }, "subject": { "reference": format!("Patient/p{}", self.patient) } });
        match &self.when {
            When::Never => {}
            When::At(text) => resource["effectiveDateTime"] = json!(text),
            When::Between(start, end) => resource["effectivePeriod"] = json!({ "start": start, "end": end }),
        }
        if let Some(value) = self.value {
            resource["valueQuantity"] = json!({ "value": value });
        }
        resource
    }

    fn meets(&self, at: usize, asked: &Asked) -> bool {
        match asked {
            Asked::Codes { any, not } => {
                let one = |(system, code): &(Option<Option<usize>>, usize)| {
                    self.codes.iter().any(|own| own.1 == *code && system.is_none_or(|system| own.0 == system))
                };
                any.iter().any(one) != *not
            }
            Asked::Patients(patients) => patients.contains(&self.patient),
            Asked::PatientNamed(patient) => self.patient == *patient,
            Asked::Date(prefix, date) => {
                let asked = span(date, &jiff::tz::TimeZone::UTC).unwrap();
                self.when.span().is_some_and(|own| stands(prefix, own, (asked.low, asked.high)))
            }
            Asked::Value(prefix, value) => self.value.is_some_and(|own| match *prefix {
                "eq" => own == *value,
                "ne" => own != *value,
                "gt" | "sa" => own > *value,
                "lt" | "eb" => own < *value,
                "ge" => own >= *value,
                _ => own <= *value,
            }),
            Asked::Missing(code, is) => {
                *is == match *code {
                    "code" => self.codes.is_empty(),
                    "date" => self.when.span().is_none(),
                    _ => self.value.is_none(),
                }
            }
            Asked::Ids(ids) => ids.contains(&at),
        }
    }
}

/// R4's own words about prefixes, on spans with both ends inside.
fn stands(prefix: &str, (low, high): (i64, i64), asked: (i64, i64)) -> bool {
    let contained = asked.0 <= low && high <= asked.1;
    let reaches_above = high > asked.1;
    let reaches_below = low < asked.0;
    match prefix {
        "eq" => contained,
        "ne" => !contained,
        "gt" => reaches_above,
        "lt" => reaches_below,
        "ge" => reaches_above || contained,
        "le" => reaches_below || contained,
        "sa" => low > asked.1,
        _ => high < asked.0,
    }
}

impl Asked {
    fn written(&self) -> String {
        match self {
            Asked::Codes { any, not } => {
                let each = any.iter().map(|(system, code)| match system {
                    None => format!("c{code}"),
                    Some(None) => format!("|c{code}"),
                    Some(Some(system)) => format!("urn:s{system}|c{code}"),
                });
                format!("code{}={}", if *not { ":not" } else { "" }, each.collect::<Vec<_>>().join(","))
            }
            Asked::Patients(all) => {
                let each = all
                    .iter()
                    .map(|one| if one % 2 == 0 { format!("p{one}") } else { format!("Patient/p{one}") });
                format!("patient={}", each.collect::<Vec<_>>().join(","))
            }
            Asked::PatientNamed(patient) => format!("subject:Patient.family=Family{patient}"),
            Asked::Date(prefix, date) => format!("date={prefix}{date}"),
            Asked::Value(prefix, value) => format!("value-quantity={prefix}{value}"),
            Asked::Missing(code, is) => format!("{code}:missing={is}"),
            Asked::Ids(ids) => {
                format!("_id={}", ids.iter().map(|id| format!("o{id:02}")).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Upwards by the smallest value and downwards by the largest, none last, the rest by the row; and before that, where
/// those with the same key are told apart, by the other end of the date.
fn ordered((sort, apart): (&str, bool), all: &[Observed], mut found: Vec<usize>) -> Vec<usize> {
    let last = |key: Option<i64>| (key.is_none(), key.unwrap_or(0));
    let date = |at: &usize| all[*at].when.span();
    let low = |at: &usize| date(at).filter(|_| apart).map(|span| span.0);
    let high = |at: &usize| date(at).filter(|_| apart).map(|span| span.1);
    let value = |at: &usize| all[*at].value.map(i64::from);
    let down =
        |one: Option<i64>, other: Option<i64>| one.is_none().cmp(&other.is_none()).then(other.cmp(&one));
    found.sort_by(|a, b| match sort {
        "" => b.cmp(a),
        "date" => last(date(a).map(|span| span.0))
            .cmp(&last(date(b).map(|span| span.0)))
            .then(high(a).cmp(&high(b)))
            .then(a.cmp(b)),
        "-date" => down(date(a).map(|span| span.1), date(b).map(|span| span.1))
            .then(low(b).cmp(&low(a)))
            .then(b.cmp(a)),
        "_id" => a.cmp(b),
        "-_id" => b.cmp(a),
        "value-quantity" => last(value(a)).cmp(&last(value(b))).then(a.cmp(b)),
        _ => {
            let dates = last(date(a).map(|span| span.0)).cmp(&last(date(b).map(|span| span.0)));
            down(value(a), value(b)).then(dates).then(b.cmp(a))
        }
    });
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_r4_says_in_its_order_and_nothing_that_is_hidden(
        all in vec(observed(), 0..12),
        questions in vec((vec(asked(), 0..4), select(&SORTS[..]), 1_usize..6, option::of(0_usize..3)), 8),
    ) {
        let mut database = Database::new();
        for patient in 0..3 {
            let name = json!([{ "family": format!("Family{patient}") }]);
            database.store(&json!({ "resourceType": "Patient", "id": format!("p{patient}"), "name": name }));
        }
        all.iter().enumerate().for_each(|(at, one)| database.store(&one.resource(at)));
        for (asked, sort, count, only) in questions {
            let mut parts: Vec<String> = asked.iter().map(Asked::written).collect();
            parts.push(format!("_count={count}&_total=accurate"));
            if !sort.is_empty() {
                parts.push(format!("_sort={sort}"));
            }
            let search = format!("Observation?{}", parts.join("&"));
            let restriction = match only {
                None => Restriction::none(),
                Some(only) => Restriction { default: Visible::Patients(vec![format!("p{only}")]), by_type: BTreeMap::new() },
            };
            let visible = |one: &Observed| only.is_none_or(|only| one.patient == only);
            let meets = |(at, one): &(usize, &Observed)| visible(one) && asked.iter().all(|asked| one.meets(*at, asked));
            let expected: Vec<usize> = all.iter().enumerate().filter(meets).map(|(at, _)| at).collect();
            let total = database.total(&query(&search).unwrap(), &restriction);
            prop_assert_eq!(total, Some(i64::try_from(expected.len()).unwrap()), "the total of {}", &search);
            let keys = plan(&PARAMETERS, &query(&search).unwrap(), &restriction).unwrap().sort_keys;
            let is_apart = !sort.is_empty() && keys > sort.split(',').count();
            let expected: Vec<String> = ordered((sort, is_apart), &all, expected).iter().map(|at| format!("o{at:02}")).collect();
            let found = database.pages(&search, &restriction).concat();
            prop_assert_eq!(found, expected, "{} for {:?}", &search, only);
        }
    }
}
