//! Which line of business a Coverage is, by the codes of its type. <https://hl7.org/fhir/R4/coverage.html>
//!
//! The map is the code system of lines of business, whose properties list the payer codes.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::first_day;
use crate::palliative::enrollment::facts::last_day;
use crate::palliative::enrollment::facts::list;
use crate::palliative::program::Program;
use crate::palliative::record::CoverageSpan;

/// The Source of Payment Typology, by its URL and by its OID.
const PAYMENT_TYPOLOGY: [&str; 2] = ["https://nahdo.org/sopt", "urn:oid:2.16.840.1.113883.3.221.5"];
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// A property of the code system, its value, and the line of business that has it.
static MAP: LazyLock<Vec<(String, String, String)>> = LazyLock::new(|| {
    let system: Value =
        serde_json::from_str(include_str!("../../definitions/code-systems/line-of-business.json"))
            .expect("the definition comes with the program and a test reads it");
    rows(&system)
});

fn rows(system: &Value) -> Vec<(String, String, String)> {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    list(system.get("concept"))
        .flat_map(|concept| {
            let line = text(concept, "code");
            list(concept.get("property"))
                .map(move |property| (text(property, "code"), text(property, "valueString"), line.clone()))
        })
        .collect()
}

/// The line of business of a Coverage: by the longest prefix of its payer code.
pub fn line_of_business(coverage: &Resource) -> Option<&'static str> {
    codings(coverage.get("type")).find_map(|(system, code)| {
        if PAYMENT_TYPOLOGY.contains(&system) {
            let matching = MAP.iter().filter(|(property, prefix, _)| {
                property == "sopt-prefix" && code.starts_with(prefix.as_str())
            });
            return matching.max_by_key(|(_, prefix, _)| prefix.len()).map(|(_, _, line)| line.as_str());
        }
        let act = |(property, own, _): &&(String, String, String)| property == "act-code" && own == code;
        (system == ACT_CODE)
            .then(|| MAP.iter().find(act).map_or("managed-care-unspecified", |(_, _, line)| line))
    })
}

/// The line of business of people without a payer.
const SELF_PAY: &str = "self-pay-or-none";

/// Whether a programme lets people with this line of business in, and their days are paid: what is not listed is not
/// served. With no list all are who have a payer, and those who have none where the programme says so.
pub fn serves(program: &Program, line: &str) -> bool {
    match line {
        _ if program.lines_of_business.iter().any(|own| own == line) => true,
        SELF_PAY => program.self_pay,
        _ => program.lines_of_business.is_empty(),
    }
}

/// Whether the Coverage is in force on the day; one that was cancelled is until its end, if it had come by then.
pub fn is_active_on(coverage: &Resource, date: Date, program: &Program) -> bool {
    CoverageSpan::read(coverage, &program.zone).counts(date) && covers(coverage.get("period"), date, program)
}

/// The next day after this one on which a Coverage begins or ceases to be in force by itself.
pub fn next_change<'a>(
    resources: impl Iterator<Item = &'a Resource>,
    date: Date,
    program: &Program,
) -> Option<Date> {
    let active = resources
        .filter(|one| one.ty().name() == "Coverage" && CoverageSpan::read(one, &program.zone).stands);
    let days = active.flat_map(|one| {
        let begins = one.text("/period/start").and_then(|text| first_day(text, program));
        let ends = one.text("/period/end").and_then(|text| last_day(text, program)?.tomorrow().ok());
        [begins, ends].into_iter().flatten()
    });
    days.filter(|day| *day > date).min()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ACT_CODE;
    use super::line_of_business;
    use crate::fhir::resource::Resource;

    #[test]
    fn the_longest_prefix_of_the_payer_code_decides() {
        let cases = [
            ("https://nahdo.org/sopt", "111", Some("medicare-advantage")),
            ("https://nahdo.org/sopt", "1", Some("medicare-other")),
            ("https://nahdo.org/sopt", "19", Some("medicare-other")),
            ("https://nahdo.org/sopt", "142", Some("dual-snp")),
            ("https://nahdo.org/sopt", "219", Some("medicaid-mc")),
            ("https://nahdo.org/sopt", "26", Some("medicaid-other")),
            ("https://nahdo.org/sopt", "32", Some("va-dod-ihs")),
            ("https://nahdo.org/sopt", "39", Some("other-government")),
            ("https://nahdo.org/sopt", "512", Some("commercial")),
            ("https://nahdo.org/sopt", "6", Some("commercial")),
            ("https://nahdo.org/sopt", "81", Some("self-pay-or-none")),
            ("https://nahdo.org/sopt", "9", Some("other")),
            ("https://nahdo.org/sopt", "9999", Some("unknown")),
            ("urn:oid:2.16.840.1.113883.3.221.5", "22", Some("medicaid-ffs")),
            (ACT_CODE, "HMO", Some("managed-care-unspecified")),
            (ACT_CODE, "pay", Some("self-pay-or-none")),
            ("http://example.org", "111", None),
        ];
        for (system, code, expected) in cases {
            let coverage = json!({ "resourceType": "Coverage", "type": { "coding": [{ "system": system, "code": code }] } });
            assert_eq!(
                line_of_business(&Resource::from_value(coverage).unwrap()),
                expected,
                "{system} {code}"
            );
        }
    }
}
