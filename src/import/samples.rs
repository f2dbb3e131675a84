//! The sample patients of `comfrey demo`: what they are and where they come from is in `samples/README.md`.
//! <https://hl7.org/fhir/R4/patient.html>

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::app::App;
use crate::app::Session;
use crate::fhir::datetime::date_in;
use crate::import::entry::Batch;
use crate::import::population;
use crate::import::progress::Progress;
use crate::import::report::Report;
use crate::import::send;

/// Of our own making; `{today-30}` in them is the day thirty days ago, so that look-back windows hold.
const OWN: [(&str, &str); 3] = [
    ("rosa.json", include_str!("samples/rosa.json")),
    ("walter.json", include_str!("samples/walter.json")),
    ("mei.json", include_str!("samples/mei.json")),
];

/// Generated lives, trimmed.
const GENERATED: [(&str, &[u8]); 4] = [
    ("barry.json.gz", include_bytes!("samples/barry.json.gz")),
    ("isaura.json.gz", include_bytes!("samples/isaura.json.gz")),
    ("michele.json.gz", include_bytes!("samples/michele.json.gz")),
    ("tony.json.gz", include_bytes!("samples/tony.json.gz")),
];

/// Loads them all, as an import of their files would.
///
/// # Errors
/// A sentence that names a file that is not a Bundle.
pub fn load(app: &Arc<App>) -> Result<Report, String> {
    let files = bundles(date_in(app.clock.now(), &TimeZone::UTC))?;
    let progress = Progress::new(files.len() as u64);
    for (name, bundle) in files {
        let batch = Batch::of_file(&Arc::from(Path::new(name)), bundle)?;
        progress.add(1, send::send(&Session::system(Arc::clone(app)), batch, send::Pass::Last));
    }
    Ok(progress.finish())
}

/// The files as Bundles, as of this day.
///
/// # Errors
/// A sentence that names a file that is not JSON.
pub fn bundles(today: Date) -> Result<Vec<(&'static str, Value)>, String> {
    let mut bundles = Vec::new();
    let parse =
        |name: &str, text: &str| serde_json::from_str(text).map_err(|cause| format!("{name}: {cause}"));
    for (name, text) in OWN {
        bundles.push((name, parse(name, &dated(text, today))?));
    }
    for (name, bytes) in GENERATED {
        let mut text = String::new();
        GzDecoder::new(bytes).read_to_string(&mut text).map_err(|cause| format!("{name}: {cause}"))?;
        bundles.push((name, parse(name, &text)?));
    }
    Ok(bundles)
}

/// Today where the programme works that a new database comes with: there no day is entered that has not come.
///
/// # Errors
/// A sentence that says that the zone is not known.
pub fn programme_day(app: &App) -> Result<Date, String> {
    let zone = TimeZone::get("America/Los_Angeles").map_err(|error| error.to_string())?;
    Ok(date_in(app.clock.now(), &zone))
}

/// What is there, what to open and what to send, for somebody who looks at it for the first time. The last lines, one
/// after another in one shell, take Rosa from a referral to a care plan; `today` is the day where the programme works.
///
/// # Errors
/// A sentence that says what is wrong with the archetypes of the population.
pub fn welcome(origin: &str, today: Date) -> Result<String, String> {
    let counts = population::counts()?;
    let people: u64 = counts.iter().map(|one| one.1).sum();
    let told: Vec<_> =
        counts.iter().map(|(name, count)| format!("{} ({count})", name.to_lowercase())).collect();
    let (few, told) = (OWN.len() + GENERATED.len(), told.join(", "));
    Ok(format!(
        "\n{people} people of a generated population are here, none of them real: {told};\n\
         and {few} samples told at length, Rosa among them.\n\n\
         Open {origin}/ in a browser; {origin}/swagger-ui/ tries everything out. Or:\n\n\
         curl -s '{origin}/fhir/Patient/rosa/$palliative-screen'\n\
         curl -s '{origin}/fhir/CarePlan?patient=rosa&_include=CarePlan:goal'\n\
         curl -s '{origin}/fhir/Condition?code=http://hl7.org/fhir/sid/icd-10-cm|I50.22&_include=Condition:subject'\n\
         curl -s '{origin}/fhir/Patient/{}/$palliative-gaps'\n\
         {}\n\n\
         From a referral to a care plan, one line after another in one shell:\n\n{}",
        population::FOLLOWED,
        last_month(&format!("{origin}/fhir"), today),
        walk(&format!("{origin}/fhir"), today)
    ))
}

/// What the last month comes to for those who are in the programme.
fn last_month(base: &str, today: Date) -> String {
    let month = today.first_of_month().saturating_sub(1.days());
    let day = |name: &str, day: Date| format!(r#"{{"name":"{name}","valueDate":"{day}"}}"#);
    let period = [day("periodStart", month.first_of_month()), day("periodEnd", month)].join(",");
    post(base, "EpisodeOfCare/$palliative-payment-months", &period)
}

/// A line that sends parameters.
fn post(base: &str, url: &str, parameters: &str) -> String {
    format!(
        "curl -s -H 'Content-Type: application/fhir+json' '{base}/{url}' \
         -d '{{\"resourceType\":\"Parameters\",\"parameter\":[{parameters}]}}'"
    )
}

/// Rosa's way: refer, screen, determine, agree, enrol, plan, and what a partner reads of it.
fn walk(base: &str, today: Date) -> String {
    let post = |url: &str, parameters: &str| post(base, url, parameters);
    let reference =
        |name: &str, to: &str| format!(r#"{{"name":"{name}","valueReference":{{"reference":"{to}"}}}}"#);
    let code = |name: &str, code: &str| format!(r#"{{"name":"{name}","valueCode":"{code}"}}"#);
    let day = |name: &str| format!(r#"{{"name":"{name}","valueDate":"{today}"}}"#);
    let episode = |operation: &str| format!("EpisodeOfCare/'$EPISODE'/${operation}");
    let act = |parameters: String| post(&episode("palliative-transition"), &parameters);
    let referral = [
        reference("program", "HealthcareService/default"),
        reference("requester", "Practitioner/sample-practitioner"),
        code("source", "clinician"),
        day("receivedDate"),
    ];
    let agreement = [
        code("action", "consent"),
        reference("consent", "Consent/rosa-consent"),
        code("decidedBy", "patient"),
    ];
    let enrolment = [
        day("startDate"),
        code("setting", "home"),
        reference("coverage", "Coverage/rosa-coverage"),
        reference("careTeam", "CareTeam/rosa-team"),
    ];
    let refer = post("Patient/rosa/$palliative-refer", &referral.join(","));
    let lines = [
        format!(r#"EPISODE=$({refer} | sed 's/.*"resourceType":"EpisodeOfCare","id":"\([^"]*\)".*/\1/')"#),
        act(code("action", "screen")),
        act(code("action", "determine")),
        act(agreement.join(",")),
        post(&episode("palliative-enroll"), &enrolment.join(",")),
        post(&episode("palliative-careplan"), &code("mode", "apply")),
        format!("curl -s '{base}/CarePlan?patient=rosa&status=active&_include=CarePlan:goal'"),
    ];
    lines.map(|line| line + "\n").concat()
}

/// Replaces `{today-N}` by the day N days ago.
fn dated(text: &str, today: Date) -> String {
    let mut parts = text.split("{today-");
    let mut dated = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (days, rest) = part.split_once('}').unwrap_or((part, ""));
        let day = today.saturating_sub(days.parse::<i32>().unwrap_or(0).days());
        dated.push_str(&day.to_string());
        dated.push_str(rest);
    }
    dated
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::fhir::shape::validate;

    #[test]
    fn days_are_counted_back_from_today() {
        let today = Date::constant(2026, 3, 1);
        assert_eq!(
            dated("a {today-0} b {today-30}T08:00:00Z c", today),
            "a 2026-03-01 b 2026-01-30T08:00:00Z c"
        );
    }

    #[test]
    fn every_sample_is_valid_r4() {
        let definitions = Definitions::shared().expect("the embedded definitions load");
        for (name, bundle) in bundles(Date::constant(2026, 3, 1)).expect("the samples are JSON") {
            let entries = bundle["entry"].as_array().expect("a Bundle has entries");
            for (at, entry) in entries.iter().enumerate() {
                let issues = validate(&definitions.shapes, &entry["resource"]);
                assert!(issues.is_empty(), "{name} entry {at}: {issues:?}");
            }
        }
    }
}
