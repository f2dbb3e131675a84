//! Which medical home a person belongs to on a day, and why it is that one (T-72).
//! <https://hl7.org/fhir/us/davinci-atr/>
//!
//! The patient's general practitioners say so. Where they lead to several sites, the programme's attribution list
//! decides, else the most recent visit with one of them. Where none of these does, nothing is attributed: a guess would be
//! counted, and paid, for a site that never saw the person.

use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::datetime::span;
use crate::fhir::outcome::Issue;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::program::Program;

/// Says on a member of a Group to whom the person is attributed.
const ATTRIBUTED_PROVIDER: &str =
    "http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-attributedProvider";
/// The statuses of visits that did not take place, or not yet.
const NO_VISIT: [&str; 4] = ["planned", "cancelled", "entered-in-error", "unknown"];

/// A site that a person may belong to, and those who see people there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `Organization/id`
    pub site: String,
    /// Its practitioners and their roles that the patient names, as `Type/id`.
    pub providers: Vec<String>,
}

/// Why it is this site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Whoever enrols the person has named it.
    Named,
    /// It is the only one of the patient's general practitioners.
    GeneralPractitioner,
    /// The programme's attribution list names it, or one of its practitioners.
    AttributionList,
    /// The most recent visit was there.
    MostRecentVisit,
}

impl Why {
    /// The code, as it is kept with the site.
    pub fn code(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::GeneralPractitioner => "general-practitioner",
            Self::AttributionList => "attribution-list",
            Self::MostRecentVisit => "most-recent-visit",
        }
    }
}

/// Adds a candidate, or its practitioners to the one that is there.
pub fn add(candidates: &mut Vec<Candidate>, site: &str, providers: &[&str]) {
    let site = unversioned(site);
    let at = candidates.iter().position(|one| one.site == site).unwrap_or_else(|| {
        candidates.push(Candidate { site: site.to_owned(), providers: Vec::new() });
        candidates.len() - 1
    });
    candidates[at].providers.extend(providers.iter().map(|one| unversioned(one).to_owned()));
}

/// Whether a PractitionerRole is held on a day.
pub fn is_held(role: &Resource, on: Date, program: &Program) -> bool {
    role.get("active").and_then(Value::as_bool) != Some(false) && covers(role.get("period"), on, program)
}

/// To whom an attribution list attributes a patient on a day, as `Type/id`.
pub fn listed<'a>(group: &'a Resource, patient: &str, on: Date, program: &Program) -> Option<&'a str> {
    let is_theirs = |member: &&Value| {
        let entity = member.pointer("/entity/reference").and_then(Value::as_str).map(unversioned);
        let inactive = member.get("inactive").and_then(Value::as_bool) == Some(true);
        entity == Some(patient) && !inactive && covers(member.get("period"), on, program)
    };
    let provider = |member: &'a Value| {
        let mut all = list(member.get("extension")).filter(|one| one["url"] == ATTRIBUTED_PROVIDER);
        all.find_map(|one| one.pointer("/valueReference/reference")?.as_str())
    };
    list(group.get("member")).filter(is_theirs).find_map(provider).map(unversioned)
}

/// The site of a person on a day, and why; none where there is none, or nothing tells which. A list says whom it names,
/// and then where that one works.
pub fn attribute<'a>(
    candidates: &'a [Candidate],
    listed: &[String],
    (chart, on, program): (&Chart, Date, &Program),
) -> Option<(&'a str, Why)> {
    if let [only] = candidates {
        return Some((&only.site, Why::GeneralPractitioner));
    }
    let of = |named: &str| {
        let by_site = candidates.iter().find(|one| one.site == named);
        let mut seen = candidates.iter().filter(|one| one.providers.iter().any(|own| own == named));
        let only = seen.next().filter(|_| seen.next().is_none());
        by_site.or(only).map(|one| one.site.as_str())
    };
    let by_work = || {
        let mut sites = candidates.iter().filter(|one| listed.contains(&one.site));
        sites.next().filter(|_| sites.next().is_none()).map(|one| one.site.as_str())
    };
    if let Some(site) = listed.first().and_then(|named| of(named)).or_else(by_work) {
        return Some((site, Why::AttributionList));
    }
    let visits =
        chart.of("Encounter").filter(|one| !NO_VISIT.contains(&one.text("/status").unwrap_or_default()));
    let mut sites: Vec<(Micros, Vec<&str>)> = visits
        .filter_map(|visit| {
            let begins = span(visit.text("/period/start")?, &program.zone)?.low;
            let sites = seen_at(visit, &of);
            (date_in(begins, &program.zone) <= on && !sites.is_empty()).then_some((begins, sites))
        })
        .collect();
    sites.sort_by_key(|(begins, _)| std::cmp::Reverse(*begins));
    let latest = sites.first()?.0;
    let mut last = sites.iter().filter(|(begins, _)| *begins == latest).flat_map(|(_, sites)| sites);
    let site = last.next()?;
    last.all(|other| other == site).then_some((*site, Why::MostRecentVisit))
}

/// The sites that a visit tells of: the one where it was, else those of whoever was there.
fn seen_at<'a>(visit: &Resource, of: &dyn Fn(&str) -> Option<&'a str>) -> Vec<&'a str> {
    if let Some(site) = visit.text("/serviceProvider/reference").map(unversioned).and_then(of) {
        return vec![site];
    }
    let people = list(visit.get("participant"));
    people.filter_map(|one| of(unversioned(one.pointer("/individual/reference")?.as_str()?))).collect()
}

/// What is told where several sites could be meant.
pub fn unsettled(candidates: &[Candidate]) -> Issue {
    let sites: Vec<&str> = candidates.iter().map(|one| one.site.as_str()).collect();
    let text = format!(
        "The patient's general practitioners lead to {}, and neither an attribution list nor a visit tells which is the \
         medical home; name it in `pcmhSite`.",
        sites.join(" and ")
    );
    Issue::warning("informational", text).at(parameter("pcmhSite"))
}

/// What is told where the list that would decide is not here.
pub fn without_list(group: &str) -> Issue {
    let text = format!(
        "The programme's attribution list {group} is not here, so it decided nothing; store it, or correct \
         `attributionGroup`."
    );
    Issue::warning("informational", text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::palliative::enrollment::tests::programme;

    fn candidates() -> Vec<Candidate> {
        let mut all = Vec::new();
        add(&mut all, "Organization/north", &["Practitioner/a", "PractitionerRole/a-north"]);
        add(&mut all, "Organization/south", &["Practitioner/b"]);
        all
    }

    fn visit(id: &str, day: &str, further: Value) -> Resource {
        let mut one = json!({ "resourceType": "Encounter", "id": id, "status": "finished", "period": { "start": day } });
        one.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        Resource::from_value(one).unwrap()
    }

    fn by(who: &str) -> Value {
        json!({ "participant": [{ "individual": { "reference": who } }] })
    }

    fn found(candidates: &[Candidate], listed: Option<&str>, visits: Vec<Resource>) -> Option<(String, Why)> {
        let program = programme("prog", "America/Phoenix");
        let on = "2026-02-01".parse().unwrap();
        let listed: Vec<String> = listed.into_iter().map(str::to_owned).collect();
        let found = attribute(candidates, &listed, (&Chart::new(visits), on, &program));
        found.map(|(site, why)| (site.to_owned(), why))
    }

    #[test]
    fn t_72_of_two_sites_the_list_decides_else_the_most_recent_visit_else_nobody() {
        let two = candidates();
        let (north, south) = ("Organization/north".to_owned(), "Organization/south".to_owned());
        let visits = || {
            vec![
                visit("old", "2025-11-01", by("Practitioner/b")),
                visit("new", "2026-01-20", by("PractitionerRole/a-north")),
                visit("later", "2026-02-02", by("Practitioner/b")),
                visit(
                    "off",
                    "2026-01-30",
                    json!({ "status": "cancelled", "serviceProvider": { "reference": south } }),
                ),
                visit("elsewhere", "2026-01-31", by("Practitioner/other")),
            ]
        };
        assert_eq!(found(&two, None, vec![]), None);
        assert_eq!(found(&two[..1], None, vec![]), Some((north.clone(), Why::GeneralPractitioner)));
        assert_eq!(found(&[], Some("Practitioner/b"), visits()), None);
        assert_eq!(found(&two, None, visits()), Some((north, Why::MostRecentVisit)));
        assert_eq!(
            found(&two, Some("Practitioner/b"), visits()),
            Some((south.clone(), Why::AttributionList))
        );
        assert_eq!(found(&two, Some(&south), visits()), Some((south.clone(), Why::AttributionList)));
        let elsewhere = found(&two, Some("Practitioner/other"), visits()).unwrap();
        assert_eq!(elsewhere.1, Why::MostRecentVisit, "who is none of the patient's own decides nothing");
        // where it was counts before who was there; of two of one moment neither
        let there = visit(
            "there",
            "2026-01-25",
            json!({ "serviceProvider": { "reference": south },
            "participant": [{ "individual": { "reference": "Practitioner/a" } }] }),
        );
        assert_eq!(found(&two, None, vec![there]), Some((south, Why::MostRecentVisit)));
        let both = vec![
            visit("one", "2026-01-25", by("Practitioner/a")),
            visit("two", "2026-01-25", by("Practitioner/b")),
        ];
        assert_eq!(found(&two, None, both), None);
    }

    #[test]
    fn t_72_a_list_counts_for_who_is_on_it_on_the_day() {
        let program = programme("prog", "America/Phoenix");
        let member = |further: Value| {
            let mut one = json!({ "entity": { "reference": "Patient/p" }, "extension": [{ "url": ATTRIBUTED_PROVIDER,
                "valueReference": { "reference": "Practitioner/a/_history/2" } }] });
            one.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
            json!({ "resourceType": "Group", "id": "g", "member": [one] })
        };
        for (further, patient, expected) in [
            (json!({}), "Patient/p", Some("Practitioner/a")),
            (json!({}), "Patient/q", None),
            (json!({ "inactive": true }), "Patient/p", None),
            (json!({ "period": { "end": "2026-01-31" } }), "Patient/p", None),
            (json!({ "extension": [] }), "Patient/p", None),
        ] {
            let group = Resource::from_value(member(further)).unwrap();
            assert_eq!(listed(&group, patient, "2026-02-01".parse().unwrap(), &program), expected);
        }
    }
}
