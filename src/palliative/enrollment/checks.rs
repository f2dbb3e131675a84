//! What each action asks of the facts, beyond what all have in common. <https://hl7.org/fhir/R4/episodeofcare.html>

use jiff::civil::Date;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::authorization;
use crate::palliative::enrollment::companions::in_hospice_since;
use crate::palliative::enrollment::consent;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::leaving;
use crate::palliative::enrollment::leaving::of_age;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::state::State;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::enrollment::undoing;
use crate::palliative::program::Program;
use crate::palliative::screening::Outcome;
use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
use crate::palliative::vocabulary::OFFER_EXPIRES_EXTENSION;
use crate::palliative::vocabulary::OUTREACH_EXTENSION;
use crate::palliative::vocabulary::SETTINGS_EXTENSION;
use jiff::ToSpan;

/// Every rule of the action that does not hold.
///
/// # Errors
/// 409 where another open episode stands in the way; 404 where the programme to transfer to is not there.
pub fn guard(
    case: &Case,
    stored: &Episode,
    request: &Request,
    beside: Beside,
) -> Result<Vec<Issue>, Failure> {
    let issues = match request.action {
        Action::Determine => determinable(case, request),
        Action::Offer => attempts_left(case, stored),
        Action::Consent => agreement(case, request),
        Action::Lapse => lapsable(case, stored, request),
        Action::Waitlist => full(case, beside),
        Action::Resume => resumable(case, request.date.unwrap_or(case.today())),
        Action::Transfer => transferable(case, beside)?.into_iter().chain(of_age(case, request)).collect(),
        Action::Discharge => leaving::check(case, stored, request),
        Action::Graduate => leaving::unreached_aims(case, request),
        Action::Undo => undoing::check(case, stored)?,
        Action::Refer
        | Action::Screen
        | Action::Decline
        | Action::Enroll
        | Action::Hold
        | Action::HospiceElect
        | Action::Death => Vec::new(),
        Action::Void => voidable(beside)?,
    };
    Ok(issues)
}

/// What was paid for is no mistake that can be taken back here.
fn voidable(beside: Beside) -> Result<Vec<Issue>, Failure> {
    beside.paid_month.map_or(Ok(Vec::new()), |month| Err(paid_for(month)))
}

/// 409: the episode has a month that was paid for.
pub fn paid_for(month: &str) -> Failure {
    let text = format!(
        "A kept run of payable months has {month} of this episode as payable; end the episode by `discharge`, and \
         settle what was paid with the payer."
    );
    coded(Reason::Conflict, "paid-month-exists", text)
}

fn determinable(case: &Case, request: &Request) -> Vec<Issue> {
    let Some(evidence) = &request.evidence else {
        return vec![
            broken("indeterminate", "There is no screening result; screen first.")
                .at(parameter("screenResult")),
        ];
    };
    let flaw = request.authorization.as_deref().and_then(|to| authorization::flaw(case, to));
    if let Some(flaw) = flaw {
        return vec![broken("authorization-missing", flaw).at(parameter("authorization"))];
    }
    let approved = request.authorization.is_some() || !case.program.requires_authorization;
    match evidence.outcome {
        Outcome::Indeterminate => {
            vec![broken("indeterminate", still_missing(evidence)).at(parameter("screenResult"))]
        }
        Outcome::Eligible if !approved => vec![
            broken("authorization-missing", "The programme needs the payer's authorisation.")
                .at(parameter("authorization")),
        ],
        Outcome::ScreenPositive => vec![
            broken(
                "indeterminate",
                "This rule set finds people to look at and makes nobody eligible; screen by another.",
            )
            .at(parameter("screenResult")),
        ],
        Outcome::Eligible | Outcome::NotEligible | Outcome::Excluded => stale(case, evidence, case.today()),
    }
}

fn still_missing(evidence: &Evidence) -> String {
    let missing = evidence.missing.join("; ");
    format!("Eligibility cannot be told yet; collect what is missing and screen again: {missing}")
}

/// Evidence must be recent enough, and made by a rule set that is in force.
pub fn stale(case: &Case, evidence: &Evidence, date: Date) -> Vec<Issue> {
    let last =
        evidence.as_of.checked_add(case.program.eligibility_valid_days.days()).unwrap_or(evidence.as_of);
    let old = (date > last)
        .then(|| format!("The screening of {} was valid until {last}; screen again.", evidence.as_of));
    let unknown = (!case.rule_sets.contains(&evidence.rule_set)).then(|| {
        format!("The screening used {}, which is not in force here; screen again.", evidence.rule_set)
    });
    old.into_iter().chain(unknown).map(|text| broken("not-eligible", text)).collect()
}

fn attempts(stored: &Episode) -> i64 {
    let made = stored.count(OUTREACH_EXTENSION);
    i64::try_from(made).unwrap_or(i64::MAX)
}

fn attempts_left(case: &Case, stored: &Episode) -> Vec<Issue> {
    let most = case.program.max_attempts;
    if attempts(stored) < most {
        return Vec::new();
    }
    vec![broken("attempts", format!("The programme makes {most} attempts, and all were made; use `lapse`."))]
}

fn lapsable(case: &Case, stored: &Episode, request: &Request) -> Vec<Issue> {
    let made = attempts(stored).saturating_add(i64::try_from(request.outreach.len()).unwrap_or(0));
    let expires = stored.date(OFFER_EXPIRES_EXTENSION);
    if made >= case.program.max_attempts || expires.is_some_and(|expires| expires < case.today()) {
        return Vec::new();
    }
    vec![broken(
        "attempts",
        format!(
            "{made} of {} attempts to reach the person are on record, and no offer has expired.",
            case.program.max_attempts
        ),
    )]
}

fn agreement(case: &Case, request: &Request) -> Vec<Issue> {
    let Some(to) = &request.consent else { return Vec::new() };
    let Some(found) = case.chart.find(to) else {
        return vec![
            broken("consent-missing", format!("{to} is not on file for this patient."))
                .at(parameter("consent")),
        ];
    };
    let date = request.date.unwrap_or(case.today());
    let flaws = consent::flaws(case, found, date);
    flaws.into_iter().map(|flaw| invalid_agreement(date, flaw)).collect()
}

/// One flaw of an agreement as an issue.
pub fn invalid_agreement(date: Date, flaw: &str) -> Issue {
    broken("consent-invalid", format!("The enrolment agreement is not valid on {date}: {flaw}."))
        .at(parameter("consent"))
}

fn full(case: &Case, beside: Beside) -> Vec<Issue> {
    match (case.program.capacity, beside.enrolled) {
        (Some(most), Some(enrolled)) if enrolled < most => {
            vec![broken("capacity", format!("{enrolled} of {most} places are taken; enrol the person now."))]
        }
        _ => Vec::new(),
    }
}

fn resumable(case: &Case, date: Date) -> Vec<Issue> {
    let hospice = in_hospice_since(case, date).filter(|_| !case.may_have_both_on(date)).map(in_hospice);
    died(case).into_iter().chain(hospice).collect()
}

/// An adult is in hospice or in the programme, and in both only where the payer allows it.
pub fn in_hospice(since: String) -> Issue {
    broken("hospice-active", format!("Adult hospice election active since {since}."))
}

/// A rule that does not hold for one who died.
pub fn died(case: &Case) -> Option<Issue> {
    death::is_known(case).then(|| broken("deceased", "It is on record that the person has died."))
}

fn transferable(case: &Case, beside: Beside) -> Result<Vec<Issue>, Failure> {
    let Some(target) = beside.target else {
        return Err(coded(
            Reason::NotFound,
            "program-not-found",
            "The programme to transfer to is not there.",
        )
        .at(parameter("targetProgram")));
    };
    no_programme(target).map_or(Ok(()), |failure| Err(failure.at(parameter("targetProgram"))))?;
    if target.id == case.program.id {
        let text = "The episode is in that programme already.";
        return Ok(vec![broken("bad-parameter", text).at(parameter("targetProgram"))]);
    }
    if case.others_open().any(|(_, program)| program == target.reference()) {
        return Err(coded(
            Reason::Conflict,
            "already-open",
            "The person has an open episode in that programme.",
        ));
    }
    let inactive =
        (!target.active).then(|| broken("program-inactive", "That programme takes nobody at present."));
    Ok(inactive.into_iter().collect())
}

/// 404: a HealthcareService without the settings of a programme is another service, and nobody is let into palliative care
/// by a slip in an id.
pub fn no_programme(program: &Program) -> Option<Failure> {
    let text = format!(
        "{} is no palliative programme: it has no extension {SETTINGS_EXTENSION}; name a programme, or give it its settings.",
        program.reference()
    );
    (!program.has_settings).then(|| coded(Reason::NotFound, "program-not-found", text))
}

/// The other episodes of the same programme in which the person was enrolled on any day.
pub fn enrolled_before<'a>(case: &'a Case) -> impl Iterator<Item = &'a Resource> {
    let program = case.program.reference();
    case.chart.of("EpisodeOfCare").filter(move |other| {
        other.id() != case.episode.id()
            && program_of(other) == Some(program.as_str())
            && state_of(other) != Some(State::EnteredInError)
            && other.text("/period/start").is_some()
            && extension_of(other, ENROLLED_DAYS_EXTENSION).is_none()
    })
}
