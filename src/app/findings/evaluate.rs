//! Evaluates patients who are due. <https://hl7.org/fhir/R4/clinicalreasoning-module.html>
//!
//! What was found is kept only where nobody else has evaluated the patient since, and only the marks that were seen with
//! the record are taken away.

use std::panic::AssertUnwindSafe;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::app::App;
use crate::app::findings::AGAIN;
use crate::app::findings::chart::Chart;
use crate::app::findings::chart::charts;
use crate::app::findings::rules::Kept;
use crate::app::findings::rules::Rules;
use crate::app::findings::rules::fingerprint;
use crate::app::screening::Subject;
use crate::app::screening::about;
use crate::fhir::Failure;
use crate::fhir::Resource;
use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::palliative::enrollment::coverage::next_change;
use crate::palliative::enrollment::death;
use crate::palliative::enrollment::election;
use crate::palliative::findings::Going;
use crate::palliative::findings::Person;
use crate::palliative::findings::ProgramFinding;
use crate::palliative::findings::Said;
use crate::palliative::findings::SetFinding;
use crate::palliative::findings::by_program;
use crate::palliative::findings::by_set;
use crate::palliative::findings::has_no_data;
use crate::palliative::findings::rank;
use crate::palliative::record::Deceased;
use crate::palliative::record::sort;
use crate::palliative::risk::tier::Earlier;
use crate::store::Fault;
use crate::store::findings::NEVER;
use crate::store::findings::NOT_ELIGIBLE;
use crate::store::findings::ProgramRow;
use crate::store::findings::due;
use crate::store::findings::kept;
use crate::store::findings::kept::Evaluated;
use crate::store::lent::is_lent;

/// How many threads evaluate at once.
const THREADS: usize = 4;
/// For how many patients another thread is worth its while.
const WORTH_A_THREAD: usize = 8;

/// Evaluates these patients, and keeps what was found; how many were evaluated by this one.
///
/// On as many threads as are worth their while, each of which reads, judges and writes its own share, so that one judges
/// while another writes.
///
/// # Errors
/// Only what the database fails with; what other threads kept stays kept.
pub(crate) fn evaluate(
    app: &App,
    rules: &Rules,
    (patients, now): (&[String], Micros),
) -> Result<usize, Failure> {
    // A connection is lent to one thread: others would wait for the very write that waits for them, and would not see
    // what it wrote.
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS);
    let most = if is_lent() { 1 } else { cores() };
    let share = patients.len().div_ceil(most).max(WORTH_A_THREAD);
    let mut shares = patients.chunks(share);
    let Some(first) = shares.next() else { return Ok(0) };
    std::thread::scope(|scope| {
        let own = |share| evaluate_share(app, rules, (share, now));
        let threads: Vec<_> = shares.map(|share| scope.spawn(move || own(share))).collect();
        let mut done = own(first);
        for thread in threads {
            let other = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done = done.and_then(|done| Ok(done + other?));
        }
        done
    })
}

fn evaluate_share(app: &App, rules: &Rules, (patients, now): (&[String], Micros)) -> Result<usize, Failure> {
    let base_url = app.config.base_url.as_deref().unwrap_or_default();
    let charts = app.db.snapshot(|conn| charts(conn, patients, base_url))?.into_iter();
    let judged: Vec<Judged> =
        charts.map(|chart| alone(chart, |chart| judge(app, rules, chart, now))).collect();
    let own = fingerprint(&app.definitions);
    let number = rules.number;
    let stamp = i64::from_be_bytes(uuid::Uuid::new_v4().as_bytes()[..8].try_into().expect("it has 16 bytes"));
    let kept = app.db.write(move |conn| {
        // Another version of the program goes by other rules, of which the number says that they are those of now.
        if !due::is_by(conn, own)? {
            return Ok(0);
        }
        let mut done = 0;
        for one in &judged {
            match one {
                Judged::Found(one) => done += usize::from(kept::put(conn, one, (number, stamp))?),
                Judged::Failed(one) => _ = kept::put_off(conn, one, (number, stamp), now + AGAIN)?,
            }
        }
        Ok(done)
    });
    kept.map_err(Fault::into_failure)
}

/// What came of an evaluation.
enum Judged {
    /// What was found is kept.
    Found(Evaluated),
    /// It failed, which is no reason for others to wait: the patient stays due, and is tried again later.
    Failed(Evaluated),
}

/// Evaluates one whose failure, or panic, is nobody else's.
fn alone(chart: Chart, judge: impl FnOnce(Chart) -> Result<Evaluated, Failure>) -> Judged {
    let before = chart.evaluated.clone();
    // What a panic leaves behind half done is the chart, and that is gone.
    match std::panic::catch_unwind(AssertUnwindSafe(|| judge(chart))) {
        Ok(Ok(found)) => Judged::Found(found),
        Ok(Err(_)) | Err(_) => {
            log::error!("what is kept of a patient could not be made anew; it is tried again in a while");
            Judged::Failed(before)
        }
    }
}

/// What is found of a patient for every programme.
fn judge(app: &App, rules: &Rules, chart: Chart, now: Micros) -> Result<Evaluated, Failure> {
    let Chart { mut evaluated, patient, stored, named, open, is_replaced, has_died, elsewhere } = chart;
    let base_url = app.config.base_url.as_deref().unwrap_or_default();
    let mut resources = named;
    resources.extend(patient);
    for one in &stored {
        let resource = Resource::from_value(one.value()?)?;
        if about(&resource, base_url) == Some(&evaluated.patient) {
            resources.push(resource);
        }
    }
    sort(&mut resources);
    let Some(patient) =
        resources.iter().find(|one| one.ty().name() == "Patient" && one.id() == Some(&evaluated.patient))
    else {
        return Ok(evaluated);
    };
    let mut found = Vec::new();
    for group in &rules.groups {
        let Some(first) = group.first() else { continue };
        let zone = &first.program.zone;
        let today = date_in(now, zone);
        let mut subject = Subject::of_sorted(&evaluated.patient, &resources, &first.program, today);
        if has_died && !subject.record.deceased_by(today) {
            subject.record.deceased = Deceased::Undated;
        }
        death::hear(&mut subject.record, today, (&[], &elsewhere), |_| false);
        election::hear(&mut subject.record, &elsewhere);
        let situation = subject.situation();
        let person = Person { patient, situation: &situation, is_replaced, has_died };
        let sets: Vec<SetFinding> = rules.sets.iter().map(|(set, _)| by_set(set, &situation)).collect();
        let mut change = sets.iter().filter_map(|one| one.change).min();
        change = earlier_of(change, next_change(resources.iter(), subject.as_of, &first.program));
        for kept in group {
            let own: Vec<SetFinding> = kept.own.iter().map(|place| sets[*place]).collect();
            let one = for_program(app, &person, kept, (&own, &resources, &open))?;
            change = earlier_of(change, one.change);
            found.push(row(rules, kept, &one, (&sets, has_no_data(&subject.record))));
        }
        evaluated.change_at = evaluated.change_at.min(change.map_or(NEVER, |day| midnight(day, zone)));
    }
    evaluated.found = Some(found);
    Ok(evaluated)
}

fn for_program(
    app: &App,
    person: &Person,
    kept: &Kept,
    (own, resources, open): (&[SetFinding], &[Resource], &[String]),
) -> Result<ProgramFinding, Failure> {
    let program = &kept.program;
    let algorithm = app.risk.of(program)?;
    let earlier = Earlier::among(resources, program);
    let going = Going { program, algorithm, rule_sets: &app.rule_sets };
    let entry = if program.rule_sets.is_empty() { &[] } else { own };
    let said = Said { asked: own, entry };
    Ok(by_program(person, &going, said, (&earlier, open.contains(&program.id))))
}

fn row(
    rules: &Rules,
    kept: &Kept,
    one: &ProgramFinding,
    (sets, no_data): (&[SetFinding], bool),
) -> ProgramRow {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX).min(999);
    let said =
        rules.sets.iter().zip(sets).map(|((_, set), said)| (*set, rank(said.outcome), number(said.missing)));
    ProgramRow {
        program: kept.program.id.clone(),
        outcome: rank(one.outcome),
        missing: number(one.missing),
        tier: one.tier.map_or(0, |tier| tier as i64 + 1),
        score: (i64::from(one.score.0), i64::from(one.score.1)),
        no_data,
        suppressed: one.suppressions.iter().map(|reason| reason.bit()).sum(),
        sets: said.filter(|(_, outcome, _)| *outcome != NOT_ELIGIBLE).collect(),
    }
}

fn earlier_of(one: Option<Date>, other: Option<Date>) -> Option<Date> {
    one.into_iter().chain(other).min()
}

/// The first moment of a day.
fn midnight(day: Date, zone: &TimeZone) -> Micros {
    day.to_zoned(zone.clone()).map_or(NEVER, |at| at.timestamp().as_microsecond())
}
