//! `$palliative-payment-months`: what each month of each episode comes to, for one programme or all, kept as a run to
//! which later runs are compared. <https://hl7.org/fhir/R4/episodeofcare.html>

use std::collections::BTreeMap;

use serde_json::Value;

use crate::access::Action;
use crate::app::Answer;
use crate::app::PaidMonth;
use crate::app::PaymentRun;
use crate::app::Session;
use crate::app::payment::PAYMENT_TYPES;
use crate::app::programme::until_current;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::ResourceType;
use crate::fhir::datetime::date_in;
use crate::fhir::parameters::Input;
use crate::fhir::reference::Reference;
use crate::operations::Call;
use crate::operations::named::bounds;
use crate::operations::named::code;
use crate::operations::named::months_of;
use crate::operations::named::out_of_range;
use crate::operations::named::programs;
use crate::operations::named::references;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::name;
use crate::palliative::payment::Account;
use crate::palliative::payment::Asked;
use crate::palliative::payment::Intakes;
use crate::palliative::payment::delta::differences;
use crate::palliative::payment::facts::deaths_without_a_day;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::policy::MonthRule;
use crate::palliative::payment::policy::TierRule;
use crate::palliative::payment::policy::codes;
use crate::palliative::payment::report::Report;
use crate::palliative::payment::run::Run;
use crate::palliative::payment::run::about;
use crate::palliative::payment::run::made_from;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;

/// How many months a run may have.
const MOST_MONTHS: i32 = 36;

/// Makes a run and keeps it.
///
/// # Errors
/// 403 for one who may not read all that it is made from, of all patients, or may not update episodes: a run that is kept
/// stands in the way of their voiding; 422 `too-costly` for more patients and months than a request may read; 404 for an unknown programme or patient;
/// 422 `date-range` for a period that is not made of whole months up to the present one, `bad-parameter` for a payer who
/// is not here and whom no Coverage names; 409 for a previous run that
/// is not known; 422 for one that was about something else.
pub fn run(session: &Session, call: Call) -> Result<Answer, Failure> {
    let question = question(session, &call.parameters)?;
    // A run with an episode that was voided in the meantime is made anew.
    until_current(None, || make(session, &call, &question))
}

fn make(session: &Session, call: &Call, question: &Question) -> Result<Answer, Failure> {
    let Question { asked, patients, programs, without_rules, .. } = question;
    let months = usize::try_from(months_of(asked.period)).unwrap_or_default();
    let found =
        session.people((&asked.programs, patients), months, |chart| of_person(chart, programs, asked))?;
    let (lines, unresolved): (Vec<Vec<Line>>, Vec<Vec<String>>) = found.into_iter().unzip();
    let made_from = made_from(asked, patients, (programs, without_rules));
    let run = Run::new(asked, made_from, lines.concat())?;
    answer(session, call, (&run, &unresolved.concat()), question.before.as_ref())
}

/// Refuses what can be refused before anybody's facts are read.
///
/// # Errors
/// As [`run`].
pub fn check(session: &Session, call: &Call) -> Result<(), Failure> {
    question(session, &call.parameters).map(drop)
}

/// What is asked for, with all that it names.
struct Question {
    asked: Asked,
    patients: Vec<String>,
    before: Option<Run>,
    programs: BTreeMap<String, Program>,
    without_rules: Vec<String>,
}

fn question(session: &Session, given: &Input) -> Result<Question, Failure> {
    session.require_reading_all(&PAYMENT_TYPES)?;
    session.require_all(Action::Update, "EpisodeOfCare")?;
    let asked = read(session, given)?;
    let patients = references(session, given, "patient")?;
    let before = previous(session, given, &about(&asked, &patients))?;
    let (programs, without_rules) = programs(session, &asked.programs)?;
    Ok(Question { asked, patients, before, programs, without_rules })
}

/// What is asked for.
fn read(session: &Session, given: &Input) -> Result<Asked, Failure> {
    let (months, tiers) = codes();
    Ok(Asked {
        period: period(session, given)?,
        now: session.now(),
        programs: references(session, given, "program")?,
        payer: payer(session, given)?,
        month_rule: code(given, "monthRule", MonthRule::parse, &months)?,
        tier_rule: code(given, "tierRule", TierRule::parse, &tiers)?,
        intakes: match given.boolean("includeIntake") {
            Some(false) => Intakes::LeftOut,
            Some(true) | None => Intakes::Included,
        },
    })
}

/// The payer, who is here or is named by a Coverage: a slip in the reference would make a run of which nothing is paid.
fn payer(session: &Session, given: &Input) -> Result<Option<String>, Failure> {
    let Some(payer) = references(session, given, "payer")?.pop() else { return Ok(None) };
    let is_here = Reference::parse(&payer).local().is_some_and(|one| session.read(one.ty, one.id).is_ok());
    if is_here || is_named(session, &payer)? {
        return Ok(Some(payer));
    }
    let text = format!(
        "{payer} is no payer here, and no Coverage names it; give an Organization that pays, as Coverage.payor does."
    );
    let at = given.one("payer").map(|one| one.at.clone()).unwrap_or_default();
    Err(coded(Reason::BusinessRule, "bad-parameter", text).at(at))
}

/// Whether any Coverage names this payer; the caller may read them all.
fn is_named(session: &Session, payer: &str) -> Result<bool, Failure> {
    let ty = ResourceType::parse("Coverage").expect("Coverage is a type of R4");
    let service = session.as_service();
    match service.meeting(&service.condition(ty, &format!("payor={payer}"), 1)?) {
        Ok(found) => Ok(!found.is_empty()),
        Err(failure) if failure.reason == Reason::MultipleMatches => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// From the first of a month to the last of one, which has begun.
fn period(session: &Session, given: &Input) -> Result<Stretch, Failure> {
    let wrong = |name: &str, text: String| out_of_range(given, name, text);
    let (first, last) = bounds(given)?;
    if first != first.first_of_month() {
        let text = format!("`periodStart` is {first}; give the first of a month.");
        return Err(wrong("periodStart", text));
    }
    if last != last.last_of_month() {
        let text = format!("`periodEnd` is {last}; give the last day of a month.");
        return Err(wrong("periodEnd", text));
    }
    let ahead = date_in(session.now(), session.zone()).last_of_month();
    if last > ahead {
        let text = format!("`periodEnd` is {last}, in a month that has not begun; give {ahead} or earlier.");
        return Err(wrong("periodEnd", text));
    }
    let period = Stretch::new(first, last);
    period.filter(|period| months_of(*period) <= MOST_MONTHS).ok_or_else(|| {
        let months = months_of(Stretch { first, last });
        let text = format!("A run covers 1 to {MOST_MONTHS} months; {first} to {last} are {months}.");
        wrong("periodEnd", text)
    })
}

/// The lines of a person, and the Patients whose day of death is not known.
fn of_person(chart: &Chart, programs: &BTreeMap<String, Program>, asked: &Asked) -> (Vec<Line>, Vec<String>) {
    let lines = Account { chart, programs, asked }.lines();
    let unresolved =
        programs.values().next().map(|program| deaths_without_a_day(chart, program).map(name).collect());
    (lines, unresolved.unwrap_or_default())
}

/// The earlier run that is named, if one is.
fn previous(session: &Session, given: &Input, about: &Value) -> Result<Option<Run>, Failure> {
    let Some(one) = given.one("previousRun") else { return Ok(None) };
    let id = one.text().unwrap_or_default();
    let kept = session.payment_run(id)?.ok_or_else(|| {
        let text = "There is no run with the id in `previousRun`; give the `runId` of an earlier answer.";
        Failure::new(Reason::Conflict, text).at(one.at.clone())
    })?;
    let before = Run::read(&kept.id, &kept.made_from, &kept.lines)?;
    if before.is_about(about) {
        return Ok(Some(before));
    }
    let text = "The run in `previousRun` was made for other programmes, another payer, other patients or with another \
                `includeIntake`; compare runs that are about the same.";
    Err(coded(Reason::BusinessRule, "bad-parameter", text).at(one.at.clone()))
}

fn answer(
    session: &Session,
    call: &Call,
    (run, unresolved): (&Run, &[String]),
    before: Option<&Run>,
) -> Result<Answer, Failure> {
    // Only the months of this run are compared: of others it says nothing.
    let period = run.period().ok_or_else(|| Failure::internal("a run has no period"))?;
    let lines_before = before.map(|before| before.lines_of(period)).unwrap_or_default();
    let since =
        before.map(|before| (before.id.as_str(), before.period(), differences(&lines_before, &run.lines)));
    let body = Report { run, unresolved, since }.into_bytes()?;
    let kept = PaymentRun {
        id: run.id.clone(),
        at: session.now(),
        made_from: run.made_from.to_string().into_bytes(),
        lines: run.kept_lines()?,
        paid: run.paid().into_iter().map(paid_month).collect(),
    };
    session.keep_run(kept, call.once.as_ref(), Answer::bytes(body))
}

fn paid_month((episode, month, payers): (String, String, String)) -> PaidMonth {
    PaidMonth { episode, month, payers }
}
