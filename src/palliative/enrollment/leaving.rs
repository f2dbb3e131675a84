//! What the reasons for a discharge ask to be on record. <https://hl7.org/fhir/R4/codesystem.html>

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use crate::fhir::outcome::Issue;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::Who;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::list;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::OUTREACH_EXTENSION;
use crate::palliative::vocabulary::SUMMARY_EXTENSION;

/// The age at which programmes for children end.
const GROWN_UP: i64 = 21;

/// Every rule of the reasons that does not hold.
pub fn check(case: &Case, stored: &Episode, request: &Request) -> Vec<Issue> {
    let rules = [unreached(case, stored, request), without_steps(request), of_age(case, request)];
    rules.into_iter().flatten().collect()
}

/// Why the aims are not known to be reached: neither does a clinician attest it, nor does a recent screening by the
/// programme's rule set for leaving, where it has one.
pub fn unreached_aims(case: &Case, request: &Request) -> Vec<Issue> {
    // Nobody stands in the record as the one who attested it who is not known to be a clinician.
    if let Some(stranger) = request.attested_by.as_deref().and_then(|to| no_clinician(case, to)) {
        return vec![stranger];
    }
    let Some(rule_set) = case.program.exit_rule_set.as_deref() else {
        let strange = request.screen_result.as_ref().map(|_| {
            let text = "The programme has no rule set by which people leave (`exitRuleSet`); leave `screenResult` out.";
            broken("bad-parameter", text).at(parameter("screenResult"))
        });
        return strange.into_iter().chain(unattested(case, request)).collect();
    };
    let flaw = |evidence: &Evidence| flaw(case, evidence, rule_set);
    let flaw = request.evidence.as_ref().map_or_else(|| Some("there is none".to_owned()), flaw);
    let Some((unattested, flaw)) = unattested(case, request).zip(flaw) else { return Vec::new() };
    let text = format!("{} Or screen by {rule_set}, by which people leave: {flaw}.", unattested.text);
    vec![Issue { text, ..unattested }.at(parameter("screenResult"))]
}

/// Why a screening does not say that the person may leave.
fn flaw(case: &Case, evidence: &Evidence, rule_set: &str) -> Option<String> {
    let valid = case.program.eligibility_valid_days;
    let last = evidence.as_of.checked_add(valid.days()).unwrap_or(evidence.as_of);
    if evidence.rule_set != rule_set {
        Some(format!("the screening was by {}", evidence.rule_set))
    } else if evidence.outcome != Outcome::Eligible {
        Some(format!("the screening of {} says {}", evidence.as_of, evidence.outcome.code()))
    } else {
        (case.today() > last).then(|| format!("the screening of {} was valid until {last}", evidence.as_of))
    }
}

/// That the aims are reached is for a clinician to attest: the act is the attestation, or the one who acts for the team
/// names who has given it, and the record names them.
pub fn unattested(case: &Case, request: &Request) -> Option<Issue> {
    let by_clinician = match &case.actor.who {
        Who::Reference(who) => is_clinician(who),
        Who::Name(_) => false,
    };
    (!by_clinician && request.attested_by.is_none()).then(|| {
        broken(
            "attestation-missing",
            "A clinician attests that the aims are reached: use an access token that names a Practitioner or \
             PractitionerRole as `fhirUser`, or name in `attestedBy` the one who has attested it.",
        )
    })
}

fn is_clinician(name: &str) -> bool {
    ["Practitioner/", "PractitionerRole/"].iter().any(|ty| name.starts_with(ty))
}

/// Why it is nobody who could attest it; none where it is. They must be on file where the caller may read it.
fn no_clinician(case: &Case, to: &str) -> Option<Issue> {
    let found = case.chart.find(unversioned(to)).filter(|found| is_clinician(&name(found)));
    let is_active = |found: &Resource| found.get("active").and_then(Value::as_bool) != Some(false);
    if found.is_some_and(is_active) {
        return None;
    }
    let text = format!(
        "{to} is not on file as a Practitioner or PractitionerRole who is active; name the clinician who attests that \
         the aims are reached."
    );
    Some(broken("attestation-missing", text).at(parameter("attestedBy")))
}

/// Whether the person leaves for the age.
pub fn is_aged_out(request: &Request) -> bool {
    request.reasons.iter().any(|code| code == "aged-out")
}

/// One who cannot be reached was tried as often as the programme tries, since they agreed.
fn unreached(case: &Case, stored: &Episode, request: &Request) -> Option<Issue> {
    if !request.reasons.iter().any(|code| code == "unable-to-contact") {
        return None;
    }
    let since = agreed_on(case);
    let earlier = list(case.episode.get("extension"))
        .filter(|one| one.get("url").and_then(Value::as_str) == Some(OUTREACH_EXTENSION))
        .filter_map(|one| {
            let part = |name: &str, value: &str| {
                let mut parts = list(one.get("extension"));
                parts.find(|part| part.get("url").and_then(Value::as_str) == Some(name))?.get(value)?.as_str()
            };
            Some((day(part("date", "valueDate")?)?, part("method", "valueCode").unwrap_or_default()))
        });
    // One that is on record already may be told again.
    let told = request.outreach.iter().map(|one| (one.date, one.method.as_str()));
    let all: BTreeSet<(Date, &str)> =
        earlier.chain(told).filter(|(date, _)| since.is_none_or(|since| *date > since)).collect();
    let made = all.len();
    let most = case.program.max_attempts;
    if i64::try_from(made).unwrap_or(i64::MAX) >= most {
        return None;
    }
    let from = stored.start().or(since).map_or_else(String::new, |day| format!(" since {day}"));
    let text = format!(
        "{made} of {most} attempts to reach the person{from} are on record; give the others as `outreach`."
    );
    Some(broken("attempts", text).at(parameter("outreach")))
}

/// The day on which the person last agreed: what was tried before was about the offer.
fn agreed_on(case: &Case) -> Option<Date> {
    let agreed = list(case.episode.get("statusHistory")).filter(|entry| {
        list(entry.get("extension")).any(|one| {
            one.pointer("/valueCoding/code").and_then(Value::as_str) == Some(State::Consented.code())
        })
    });
    agreed.filter_map(|entry| day(entry.pointer("/period/start")?.as_str()?)).max()
}

/// For a cause of safety it is said what was tried before.
fn without_steps(request: &Request) -> Option<Issue> {
    let documented = request.note.as_deref().is_some_and(|note| !note.trim().is_empty())
        || request.kept.iter().any(|one| one.url == SUMMARY_EXTENSION);
    let missing = request.reasons.iter().any(|code| code == "safety-for-cause") && !documented;
    missing.then(|| {
        let text = "`safety-for-cause` needs the steps that were taken before: say them in `note`, or name the \
                    document with them as `summary` of $palliative-disenroll.";
        broken("steps-missing", text).at(parameter("note"))
    })
}

/// Nobody leaves for an age that they have not reached.
pub fn of_age(case: &Case, request: &Request) -> Option<Issue> {
    if !is_aged_out(request) {
        return None;
    }
    let on = request.date.unwrap_or(case.today());
    let limit = case.program.age_max.map_or(GROWN_UP, |last| GROWN_UP.min(last.saturating_add(1)));
    // The last enrolled day may be the one before the birthday; of a transfer it is the first day elsewhere.
    let first = if request.action == Action::Transfer { on } else { on.tomorrow().unwrap_or(on) };
    let reached = case.age_on(first).is_some_and(|age| age >= limit);
    (!reached).then(|| {
        let text = format!("The person is not {limit} on {first}; `aged-out` is no reason yet.");
        broken("age", text).at(parameter("reason"))
    })
}
