//! Fixed searches over the sample patients: their matches, totals, pages and what goes with them are counted in
//! the files that the samples come from. <https://hl7.org/fhir/R4/search.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use comfrey::import::samples;
use serde_json::Value;

use crate::app::TestApp;
use crate::client::Client;
use crate::search_oracle::run::reference;

const BARRY: &str = "e7991a49-1512-4005-a478-09ecad76ca4c";
const ISAURA: &str = "7c483976-15af-49ce-97ad-81a13cf5f303";
const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";

/// The samples, each once, by `Type/id`; later files replace what earlier ones say of the same resource.
struct Files(BTreeMap<String, Value>);

/// What a case says of a resource in the files.
type Says<T> = Box<dyn Fn(&Files, &Value) -> T>;

/// A search, how it is counted in the files, and what goes with a match.
struct Case {
    query: String,
    matches: Says<bool>,
    beside: Says<Vec<String>>,
    /// By what text the matches are sorted, the largest first.
    newest: Option<&'static str>,
}

impl Files {
    fn read() -> Self {
        let bundles = samples::bundles(jiff::civil::date(2026, 3, 1)).expect("the samples are JSON");
        let entries =
            bundles.iter().flat_map(|(_, bundle)| bundle["entry"].as_array().expect("it has entries"));
        Self(entries.map(|entry| (reference(&entry["resource"]), entry["resource"].clone())).collect())
    }

    fn of_type(&self, ty: &str) -> impl Iterator<Item = &Value> {
        self.0.values().filter(move |resource| resource["resourceType"] == ty)
    }
}

/// `Type/id` of what an element refers to, which the files may write as the entry's `urn:uuid:`.
fn target(element: &Value, ty: &str) -> String {
    let text = element["reference"].as_str().unwrap_or_default();
    text.strip_prefix("urn:uuid:").map_or(text.to_owned(), |id| format!("{ty}/{id}"))
}

fn is_of(resource: &Value, element: &str, patient: &str) -> bool {
    target(&resource[element], "Patient") == format!("Patient/{patient}")
}

fn has_code(concept: &Value, system: &str, code: &str) -> bool {
    let codings = concept["coding"].as_array().into_iter().flatten();
    codings.into_iter().any(|coding| coding["system"] == system && coding["code"] == code)
}

fn goals(plan: &Value) -> Vec<String> {
    plan["goal"].as_array().into_iter().flatten().map(|goal| target(goal, "Goal")).collect()
}

fn case(query: impl Into<String>, matches: impl Fn(&Files, &Value) -> bool + 'static) -> Case {
    Case {
        query: query.into(),
        matches: Box::new(matches),
        beside: Box::new(|_, _| Vec::new()),
        newest: None,
    }
}

impl Case {
    fn beside(self, beside: impl Fn(&Files, &Value) -> Vec<String> + 'static) -> Self {
        Self { beside: Box::new(beside), ..self }
    }

    fn newest(self, element: &'static str) -> Self {
        Self { newest: Some(element), ..self }
    }

    fn check(&self, files: &Files, client: &Client) {
        let query = &self.query;
        let ty = query[1..].split('?').next().expect("a type");
        let expected: BTreeSet<String> =
            files.of_type(ty).filter(|one| (self.matches)(files, one)).map(reference).collect();
        assert!(!expected.is_empty(), "{query} finds nothing in the files");
        let count = client.get(&format!("{query}&_summary=count")).expect(200).json();
        assert_eq!(count["total"], expected.len(), "{query}");
        for size in [1, 3, 20, 1000] {
            if expected.len() / size < 30 {
                self.pages(files, client, (size, &expected));
            }
        }
    }

    /// All pages of a size: as many as there must be, each as full as it must be.
    fn pages(&self, files: &Files, client: &Client, (size, expected): (usize, &BTreeSet<String>)) {
        let query = format!("{}&_count={size}&_total=accurate", self.query);
        let (mut found, mut sizes, mut dates) = (Vec::new(), Vec::new(), Vec::new());
        let mut url = Some(query.clone());
        while let Some(page) = url {
            let reply = client.get(&page).expect(200);
            let bundle = reply.json();
            assert_eq!(bundle["total"], expected.len(), "{query}");
            let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
            let of_mode = |mode: &str| {
                entries
                    .iter()
                    .filter(|entry| entry["search"]["mode"] == mode)
                    .map(|entry| &entry["resource"])
                    .collect::<Vec<_>>()
            };
            let (matches, included) = (of_mode("match"), of_mode("include"));
            let beside: BTreeSet<String> =
                matches.iter().flat_map(|own| (self.beside)(files, &files.0[&reference(own)])).collect();
            let included: Vec<String> = included.into_iter().map(reference).collect();
            assert_eq!(included.iter().cloned().collect::<BTreeSet<_>>(), beside, "{query}");
            assert_eq!(included.len(), beside.len(), "{query} includes something twice");
            dates.extend(
                self.newest
                    .iter()
                    .flat_map(|element| matches.iter().map(|own| own[*element].as_str().map(str::to_owned))),
            );
            sizes.push(matches.len());
            found.extend(matches.into_iter().map(reference));
            url = reply.link("next");
        }
        let mut full = vec![size; expected.len() / size];
        full.extend(Some(expected.len() % size).filter(|rest| *rest > 0));
        assert_eq!(sizes, full, "{query}");
        assert_eq!(found.len(), expected.len(), "{query}");
        assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), expected, "{query}");
        assert!(dates.is_sorted_by(|one, other| one >= other), "{query}: {dates:?}");
    }
}

/// What care coordinators and their programs ask most.
fn cases() -> Vec<Case> {
    vec![
        case("/CarePlan?patient=rosa", |_, plan| is_of(plan, "subject", "rosa")),
        case(
            format!(
                "/CarePlan?patient={BARRY}&category={SNOMED}|698360004&status=active&_include=CarePlan:goal"
            ),
            |_, plan| {
                let category = plan["category"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| has_code(one, SNOMED, "698360004")));
                is_of(plan, "subject", BARRY) && plan["status"] == "active" && category
            },
        )
        .beside(|_, plan| goals(plan)),
        case(format!("/Condition?code={SNOMED}|88805009"), |_, own| {
            has_code(&own["code"], SNOMED, "88805009")
        }),
        case(format!("/Condition?patient=Patient/{ISAURA}&clinical-status=active"), |_, own| {
            let active = own["clinicalStatus"]["coding"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one["code"] == "active"));
            is_of(own, "subject", ISAURA) && active
        }),
        case(format!("/Observation?patient={BARRY}&code={LOINC}|29463-7&_sort=-date"), |_, own| {
            is_of(own, "subject", BARRY) && has_code(&own["code"], LOINC, "29463-7")
        })
        .newest("effectiveDateTime"),
        case("/Observation?status=final", |_, own| own["status"] == "final"),
        case(format!("/Observation?code={LOINC}|49765-1,{LOINC}|2947-0"), |_, own| {
            has_code(&own["code"], LOINC, "49765-1") || has_code(&own["code"], LOINC, "2947-0")
        }),
        case("/Observation?value-quantity=gt90|http://unitsofmeasure.org|kg", |_, own| {
            let kg = own["valueQuantity"]["code"] == "kg"
                && own["valueQuantity"]["system"] == "http://unitsofmeasure.org";
            kg && own["valueQuantity"]["value"].as_f64().is_some_and(|value| value > 90.0)
        }),
        case("/Encounter?date=ge1980-01-01&date=lt2000-01-01&class=AMB&_sort=-date", |_, own| {
            let (start, end) = (
                own["period"]["start"].as_str().unwrap_or("0"),
                own["period"]["end"].as_str().unwrap_or("9"),
            );
            own["class"]["code"] == "AMB" && start < "2000" && end >= "1980"
        }),
        case(format!("/Encounter?patient={ISAURA}&_lastUpdated=gt2026-02-28"), |_, own| {
            is_of(own, "subject", ISAURA)
        }),
        case(
            format!("/Goal?patient={ISAURA}&lifecycle-status=accepted&_revinclude=CarePlan:goal"),
            |_, own| is_of(own, "subject", ISAURA) && own["lifecycleStatus"] == "accepted",
        )
        .beside(|files, goal| {
            let own = reference(goal);
            files.of_type("CarePlan").filter(|plan| goals(plan).contains(&own)).map(reference).collect()
        }),
        case("/Patient?family=wolf&birthdate=lt1930", |_, own| {
            own["name"][0]["family"] == "Wolf" && own["birthDate"].as_str().is_some_and(|day| day < "1930")
        }),
        case(format!("/Patient?_has:Condition:patient:code={SNOMED}|88805009"), |files, own| {
            let id = own["id"].as_str().expect("an id");
            files
                .of_type("Condition")
                .any(|one| is_of(one, "subject", id) && has_code(&one["code"], SNOMED, "88805009"))
        }),
        case(
            format!("/Condition?subject:Patient.birthdate=le1940-12-31&code={SNOMED}|15777000"),
            |files, own| {
                let patient = &files.0[&target(&own["subject"], "Patient")];
                let old = patient["birthDate"].as_str().is_some_and(|day| day <= "1940-12-31");
                old && has_code(&own["code"], SNOMED, "15777000")
            },
        ),
        case("/CarePlan?_sort=_id", |_, _| true),
        case("/Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|120", |_, own| {
            let all = own["identifier"].as_array().into_iter().flatten();
            all.into_iter()
                .any(|one| one["system"] == "http://hl7.org/fhir/sid/us-npi" && one["value"] == "120")
        }),
        case("/MedicationRequest?status:not=active", |_, own| own["status"] != "active"),
        case("/Patient?deceased=false", |_, own| {
            own.get("deceasedDateTime").is_none() && own["deceasedBoolean"] != true
        }),
        case("/Immunization?date=2015&_include=Immunization:patient", |_, own| {
            own["occurrenceDateTime"].as_str().is_some_and(|day| day.starts_with("2015"))
        })
        .beside(|_, own| vec![target(&own["patient"], "Patient")]),
        case("/Procedure?date:missing=false", |_, own| {
            own.get("performedPeriod").is_some() || own.get("performedDateTime").is_some()
        }),
    ]
}

#[test]
fn fixed_searches_have_the_totals_and_pages_that_the_files_have() {
    let app = TestApp::new();
    let report = samples::load(app.app()).expect("the samples load");
    assert_eq!(report.not_stored, 0, "{report}");
    let (files, clinician) = (Files::read(), app.clinician());
    cases().iter().for_each(|case| case.check(&files, &clinician));
}
