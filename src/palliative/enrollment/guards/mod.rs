//! What must hold for the service to start: one function for each guard, in the order of the specification.
//! <https://hl7.org/fhir/R4/episodeofcare.html>

mod eligibility;
mod roles;

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::outcome::Issue;
use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::checks::died;
use crate::palliative::enrollment::checks::enrolled_before;
use crate::palliative::enrollment::checks::invalid_agreement;
use crate::palliative::enrollment::companions::in_hospice_since;
use crate::palliative::enrollment::consent;
use crate::palliative::enrollment::coverage::is_active_on;
use crate::palliative::enrollment::coverage::line_of_business;
use crate::palliative::enrollment::coverage::serves;
use crate::palliative::enrollment::enroll::Enrollment;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::codings;
use crate::palliative::enrollment::facts::covers;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::refer;
use crate::palliative::enrollment::request::bad;
use crate::palliative::program::Program;
use crate::palliative::record::recognised;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::ROLE_SYSTEM;
use crate::palliative::vocabulary::SNOMED;

pub use eligibility::proof;

type Guard = fn(&Case, &Episode, &Enrollment) -> Vec<Issue>;

/// Guards 2 to 10; the first, on the state, is checked before and alone.
const GUARDS: [Guard; 10] = [
    agreement,
    eligibility::check,
    hospice,
    payer,
    exclusivity,
    life_and_dates,
    roles::check,
    age,
    medical_home,
    setting,
];

/// Every guard that does not hold.
pub fn all(case: &Case, stored: &Episode, wish: &Enrollment) -> Vec<Issue> {
    GUARDS.iter().flat_map(|guard| guard(case, stored, wish)).collect()
}

fn agreement(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    let Some(consent) = wish.agreement(case) else {
        let text = format!("No enrolment agreement on {} is on file.", wish.start);
        return vec![broken("consent-missing", text).at(parameter("consent"))];
    };
    consent::flaws(case, consent, wish.start)
        .into_iter()
        .map(|flaw| invalid_agreement(wish.start, flaw))
        .collect()
}

/// No override lets an adult be in hospice and here at once, only the payer does.
fn hospice(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    let since = in_hospice_since(case, wish.start).filter(|_| !case.may_have_both_on(wish.start));
    since
        .map(|since| broken("hospice-active", format!("Adult hospice election active since {since}.")))
        .into_iter()
        .collect()
}

fn payer(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    let inactive = |text: String| vec![broken("coverage-inactive", text).at(parameter("coverage"))];
    let found = case.chart.find(&wish.coverage).filter(|one| one.ty().name() == "Coverage");
    let Some(coverage) = found.filter(|one| one.refers("/beneficiary/reference") == Some(case.patient()))
    else {
        return inactive(format!("{} is not a Coverage of this patient.", wish.coverage));
    };
    if !is_active_on(coverage, wish.start, case.program) {
        return inactive(format!("{} is not active on {}.", wish.coverage, wish.start));
    }
    let served = &case.program.lines_of_business;
    match line_of_business(coverage) {
        Some(line) if serves(case.program, line) => Vec::new(),
        None if served.is_empty() => Vec::new(),
        Some(line) if served.is_empty() => {
            inactive(format!("The programme does not serve {line}: its setting `selfPay` is not true."))
        }
        Some(line) => {
            inactive(format!("The programme does not serve {line}; it serves {}.", served.join(", ")))
        }
        None => inactive("The Coverage's type is not a payer code that is known here.".to_owned()),
    }
}

fn exclusivity(case: &Case, _: &Episode, _: &Enrollment) -> Vec<Issue> {
    let own = case.program.reference();
    case.others_open()
        .filter(|(_, other)| *other == own || case.program.exclusive_with.iter().any(|named| named == other))
        .map(|(_, other)| broken("exclusive-program", format!("The person has an open episode in {other}.")))
        .collect()
}

fn life_and_dates(case: &Case, stored: &Episode, wish: &Enrollment) -> Vec<Issue> {
    let today = case.today();
    let shift = |days: i64| today.checked_add(days.days()).unwrap_or(today);
    let (first, last) = (shift(-case.program.retro_limit_days), shift(30));
    let received = stored.date(RECEIVED_EXTENSION);
    let wrong = if wish.start > last {
        Some(format!("{} lies more than 30 days ahead.", wish.start))
    } else if wish.start < first {
        Some(format!("{} lies before {first}, the earliest start that the programme allows now.", wish.start))
    } else {
        received
            .filter(|received| wish.start < *received)
            .map(|received| format!("{} lies before {received}, when the referral came in.", wish.start))
    };
    let wrong = wrong.or_else(|| {
        last_enrolled_day(case)
            .filter(|last| wish.start <= *last)
            .map(|last| format!("{} lies within an earlier enrolment, which lasts until {last}.", wish.start))
    });
    let range = wrong.map(|text| broken("date-range", text).at(parameter("startDate")));
    died(case).into_iter().chain(range).collect()
}

/// The last day on which the person was enrolled in this programme by an earlier episode.
fn last_enrolled_day(case: &Case) -> Option<Date> {
    enrolled_before(case).filter_map(|episode| day(episode.text("/period/end")?)).max()
}

/// The roles of a team.
static ROLE_SYSTEM_CONTENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../definitions/code-systems/palliative-team-role.json"))
        .expect("the definition comes with the program and a test reads it")
});

/// The roles with the words for them.
static ROLE_WORDS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let concepts = list(ROLE_SYSTEM_CONTENT.get("concept"));
    concepts.map(|concept| (text(concept, "code"), text(concept, "display"))).collect()
});

/// The roles with the codes that mean them.
static ROLES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let text =
        |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    list(ROLE_SYSTEM_CONTENT.get("concept"))
        .flat_map(|concept| {
            let role = text(concept, "code");
            let own = (role.clone(), role.clone());
            let codes =
                list(concept.get("property")).map(|property| (text(property, "valueString"), role.clone()));
            std::iter::once(own).chain(codes.collect::<Vec<_>>()).collect::<Vec<_>>()
        })
        .collect()
});

/// Those who are in a team on a day: who has left it, or comes later, is not there to be called.
pub fn present<'a>(
    team: &'a Resource,
    (on, program): (Date, &'a Program),
) -> impl Iterator<Item = &'a Value> + use<'a> {
    let stands = covers(team.get("period"), on, program);
    let all = list(team.get("participant")).filter(move |_| stands);
    all.filter(move |one| covers(one.get("period"), on, program))
}

/// Whether a team is not over and was not written by mistake.
pub fn is_in_use(team: &Resource) -> bool {
    !matches!(team.text("/status"), Some("inactive" | "entered-in-error"))
}

/// The roles that somebody in the team has on a day.
pub fn roles_of(team: &Resource, day: (Date, &Program)) -> Vec<&'static str> {
    present(team, day).flat_map(roles_of_participant).collect()
}

/// The words for the first role of a member of a team that is known here.
pub fn role_of(participant: &Value) -> Option<&'static str> {
    let first = *roles_of_participant(participant).first()?;
    ROLE_WORDS.iter().find(|(code, _)| code == first).map(|(_, words)| words.as_str())
}

fn roles_of_participant(participant: &Value) -> Vec<&'static str> {
    list(participant.get("role"))
        .flat_map(|role| codings(Some(role)))
        .filter(|(system, _)| *system == SNOMED || *system == ROLE_SYSTEM)
        .filter_map(|(_, code)| ROLES.iter().find(|(own, _)| own == code).map(|(_, role)| role.as_str()))
        .collect()
}

/// The member of the team who can be the episode's care manager on a day: a nurse, else a prescriber.
pub fn manager(team: &Resource, day: (Date, &Program)) -> Option<String> {
    let mut of = ["rn", "prescriber"].into_iter();
    of.find_map(|role| present(team, day).find_map(|one| practitioner(one, role)))
}

/// The practitioners who have, or had, a role in the team.
pub fn members<'a>(team: &'a Resource, role: &'a str) -> impl Iterator<Item = String> + use<'a> {
    list(team.get("participant")).filter_map(move |one| practitioner(one, role))
}

/// The practitioner that a participant with this role is.
fn practitioner(participant: &Value, role: &str) -> Option<String> {
    let member = participant.pointer("/member/reference")?.as_str()?;
    let fits = member.starts_with("Practitioner/") || member.starts_with("PractitionerRole/");
    (fits && roles_of_participant(participant).contains(&role)).then(|| member.to_owned())
}

fn age(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    refer::age(case, wish.start).into_iter().collect()
}

fn medical_home(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    if !case.program.pcmh_required {
        return Vec::new();
    }
    let site = wish.pcmh_site.as_ref().and_then(|(to, _)| case.chart.find(to));
    if site.is_some_and(|site| is_medical_home(site, wish.start, case.program)) {
        return Vec::new();
    }
    let text = format!("No medical home with recognition achieved or in process on {} is named.", wish.start);
    vec![broken("pcmh-recognition", text).at(parameter("pcmhSite"))]
}

/// Whether an organization is a medical home on a day: one with a recognition that is achieved or in process.
pub fn is_medical_home(site: &Resource, on: Date, program: &Program) -> bool {
    recognised(site, &program.zone).iter().any(|days| days.has(on))
}

fn setting(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    let offered = &case.program.settings;
    if offered.is_empty() || offered.contains(&wish.setting) {
        return Vec::new();
    }
    let mut issue =
        bad("setting", format!("The programme offers {}; not `{}`.", offered.join(", "), wish.setting));
    issue.code = "business-rule";
    vec![issue.coded(crate::palliative::vocabulary::ERROR_SYSTEM, "setting")]
}

#[cfg(test)]
mod tests;
