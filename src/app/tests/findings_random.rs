//! Kept findings against a fresh evaluation of every patient, after random writes, deletions, moves from one patient to
//! another, changes of rules and programmes, and passing days.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use jiff::civil::Date;
use serde_json::Value;

use super::findings_changes::Draw;
use super::findings_changes::PATIENTS;
use super::findings_changes::PROGRAMS;
use super::findings_changes::change;
use super::*;
use crate::app::Known;
use crate::app::findings::Among;
use crate::app::findings::Budget;
use crate::app::findings::Current;
use crate::app::findings::Question;
use crate::app::findings::Suppressed;
use crate::app::screening::Subject;
use crate::palliative::enrollment::facts::state_of;
use crate::palliative::enrollment::state::State;
use crate::palliative::findings::Suppression;
use crate::palliative::findings::by_set;
use crate::palliative::findings::rank;
use crate::palliative::program::Program;
use crate::palliative::risk::Facts;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::screening::Outcome;

const ALL: [Outcome; 5] = [
    Outcome::Eligible,
    Outcome::ScreenPositive,
    Outcome::Indeterminate,
    Outcome::Excluded,
    Outcome::NotEligible,
];
/// Enough for each kind of change to be drawn some ten times.
const STEPS: usize = 100;

/// Outcome, tier, least and greatest score, and why the patient is no candidate.
type Kept = (i64, i64, (i64, i64), Vec<Suppression>);

fn at_the_clock(session: &Session) -> Session {
    Session::system(Arc::clone(&session.app))
}

fn asked(session: &Session, program: &str, rule_sets: &[String], budget: Budget) -> Option<Current> {
    let question = Question {
        program,
        rule_sets,
        among: Among::Everybody,
        outcomes: &ALL,
        suppressed: Suppressed::Listed,
        after: None,
        count: 1_000,
    };
    at_the_clock(session).current_findings(&question, budget).unwrap()
}

fn kept(current: &Current) -> BTreeMap<String, Kept> {
    let one = |candidate: &crate::app::findings::Candidate| {
        let tier = candidate.tier.map_or(0, |tier| tier as i64 + 1);
        let kept = (rank(candidate.outcome), tier, candidate.score, candidate.suppressions.clone());
        (candidate.patient.clone(), kept)
    };
    current.candidates.iter().map(one).collect()
}

/// What the operations would say of a patient now; none of one who is not there. By rule set, and for the programme.
fn fresh(session: &Session, program: &Program, id: &str) -> Option<(BTreeMap<String, i64>, Kept)> {
    let session = at_the_clock(session);
    session.read(ty("Patient"), id).ok()?;
    let all = session.active_rule_sets().unwrap();
    let own = session.rule_sets(&[], program).unwrap();
    let both: Vec<_> = all.iter().chain(&own).cloned().collect();
    let resources = session.screened_by(id, &both).unwrap();
    let mut subject = Subject::new(id, resources.clone(), program, session.today_in(program));
    session.hear_elsewhere(&mut subject, Known::Clinically).unwrap();
    let situation = subject.situation();
    let each = all.iter().map(|set| (set.canonical(), rank(set.screen(&situation).outcome))).collect();
    let outcome = own.iter().map(|set| rank(set.screen(&situation).outcome)).min().unwrap_or(4);
    let stored = |name: &str| -> Vec<Resource> {
        let stored = session.compartment(id, &[ty(name)]).unwrap();
        stored.iter().map(|one| resource(one.value().unwrap())).collect()
    };
    let episodes = stored("EpisodeOfCare");
    let own = |one: &&Resource| one.text("/patient/reference") == Some(&format!("Patient/{id}"));
    // A Patient that names a day to come does not make one alive whose episode says that the person died.
    let by_episode = episodes.iter().filter(own).any(|one| state_of(one) == Some(State::Deceased));
    let dead = by_episode || subject.record.deceased_by(subject.as_of);
    let earlier = Earlier::among(&stored("RiskAssessment"), program);
    let entry: Vec<_> =
        session.entry_rule_sets(program).unwrap().iter().map(|set| by_set(set, &situation)).collect();
    let facts = Facts {
        situation: &situation,
        program,
        rule_sets: &session.app.rule_sets,
        entry: &entry,
        earlier: &earlier,
        decided: None,
    };
    let found = session.app.risk.of(program).unwrap().stratify(&facts);
    let (tier, score) = if dead {
        (0, (0, 0))
    } else {
        (found.tier as i64 + 1, (found.score_min.into(), found.score_max.into()))
    };
    let reasons = reasons(&session, program, (&subject, dead), &resources);
    Some((each, (outcome, tier, score, reasons)))
}

/// Why a patient is no candidate, by what is stored.
fn reasons(
    session: &Session,
    program: &Program,
    (subject, dead): (&Subject, bool),
    resources: &[Resource],
) -> Vec<Suppression> {
    let id = subject.record.id.as_str();
    let is_patient = |one: &&Resource| one.ty().name() == "Patient";
    let patient = resources.iter().find(is_patient).expect("the patient is there");
    let open = session.compartment(id, &[ty("EpisodeOfCare")]).unwrap().iter().any(|episode| {
        let episode = &resource(episode.value().unwrap());
        guard::episode_row(episode)
            .is_some_and(|row| row.open && row.program == program.id && row.patient == id)
    });
    let text = |flag: &Resource, place: &str| {
        flag.text(place).map(|text| text.parse::<Date>().expect("these flags have days"))
    };
    // Hospice by any record of the person, unless the programme goes on beside it.
    let elsewhere = session.said_elsewhere(id).unwrap();
    let both = subject.record.beside_hospice.contains(subject.as_of);
    let mut flags = resources.iter().chain(&elsewhere).filter(|one| one.ty().name() == "Flag");
    let hospice = !both
        && flags.any(|flag| {
            text(flag, "/period/start").is_none_or(|start| start <= subject.as_of)
                && text(flag, "/period/end").is_none_or(|end| end > subject.as_of)
        });
    let adult = subject.record.age_on(subject.as_of).is_none_or(|(_, greatest)| greatest >= 21);
    let links = |patient: &Resource, ty: &str, to: Option<&str>| {
        let links = patient.get("link").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_to = |link: &Value| to.is_none_or(|to| link["other"]["reference"] == format!("Patient/{to}"));
        links.iter().any(|link| link["type"] == ty && is_to(link))
    };
    let others = session.find(ty("Patient"), "_count=100").unwrap();
    let replaced = links(patient, "replaced-by", None)
        || others.iter().any(|other| links(&resource(other.value().unwrap()), "replaces", Some(id)));
    let inactive = patient.get("active") == Some(&json!(false));
    let reasons = [
        (open, Suppression::OpenEpisode),
        (dead, Suppression::Deceased),
        (hospice && adult, Suppression::Hospice),
        (replaced, Suppression::Replaced),
        (inactive, Suppression::Inactive),
    ];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}

/// Whoever would be told otherwise is due; and after those were evaluated, everybody is told what a fresh evaluation
/// says.
pub(super) fn compare(session: &Session, step: &str) -> Vec<Kept> {
    let mut seen = Vec::new();
    let none = Budget { patients: 0, ..Budget::ALL };
    for name in PROGRAMS {
        let Ok(program) = at_the_clock(session).program(&format!("HealthcareService/{name}")) else {
            continue;
        };
        let expected: BTreeMap<String, _> = (0..PATIENTS)
            .map(|at| format!("p{at}"))
            .filter_map(|id| fresh(session, &program, &id).map(|fresh| (id, fresh)))
            .collect();
        let now = session.app.clock.now();
        let due = session.app.due(Among::Everybody, (now, i64::MAX), 1_000).unwrap().0;
        let before = asked(session, name, &[], none);
        if !program.active {
            assert_eq!(before, None, "{step}: {name} is not in use");
            continue;
        }
        let before = before.expect("the programme is kept for");
        assert_eq!(before.pending, i64::try_from(due.len()).unwrap(), "{step}");
        let held = kept(&before);
        for (id, (_, fresh)) in expected.iter().filter(|(id, _)| !due.contains(id)) {
            assert_eq!(held.get(id), Some(fresh), "{step}: {id} in {name} is not due and told otherwise");
        }
        let current = asked(session, name, &[], Budget::ALL).expect("the programme is kept for");
        assert_eq!(current.pending, 0, "{step}");
        let told: BTreeMap<String, Kept> =
            expected.iter().map(|(id, (_, fresh))| (id.clone(), fresh.clone())).collect();
        assert_eq!(kept(&current), told, "{step}: {name}");
        seen.extend(told.values().cloned());
        assert_eq!(current.counts.all() + current.suppressed.all(), told.len() as i64, "{step}");
        for set in at_the_clock(session).active_rule_sets().unwrap() {
            let canonical = set.canonical();
            let current = asked(session, name, std::slice::from_ref(&canonical), Budget::ALL).unwrap();
            let told: BTreeMap<&str, i64> =
                current.candidates.iter().map(|one| (one.patient.as_str(), rank(one.outcome))).collect();
            let expected: BTreeMap<&str, i64> =
                expected.iter().map(|(id, (by_set, _))| (id.as_str(), by_set[&canonical])).collect();
            assert_eq!(told, expected, "{step}: {canonical}");
        }
    }
    seen
}

#[test]
fn kept_findings_are_those_of_a_fresh_evaluation() {
    on_each_app(|session| {
        let mut draw = Draw(20_260_301);
        let (mut taken, mut seen) = (0, Vec::new());
        for step in 0..STEPS {
            let mut told = String::new();
            for _ in 0..=draw.below(3) {
                let (what, done) = change(&session, &mut draw);
                taken += usize::from(done);
                told = format!("{told}\n{what}");
            }
            seen.extend(compare(&session, &format!("step {step}:{told}")));
        }
        let different = |of: fn(&Kept) -> i64| seen.iter().map(of).collect::<BTreeSet<_>>().len();
        assert!(different(|kept| kept.0) >= 3 && different(|kept| kept.1) >= 3, "too little was met");
        for reason in Suppression::ALL {
            assert!(seen.iter().any(|kept| kept.3.contains(&reason)), "{reason:?} was never met");
        }
        assert!(taken > STEPS, "only {taken} changes were taken");
    });
}

#[test]
fn kept_findings_are_right_after_writers_and_evaluators_at_once() {
    on_each_app(|session| {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (session, ended) = (&session, &ended);
            let writers: Vec<_> = (0..4)
                .map(|at| {
                    scope.spawn(move || {
                        let mut draw = Draw(100 + at);
                        for _ in 0..60 {
                            change(session, &mut draw);
                        }
                    })
                })
                .collect();
            for _ in 0..3 {
                scope.spawn(move || {
                    while !ended.load(Ordering::Relaxed) {
                        let now = session.app.clock.now();
                        session.app.evaluate_due(Among::Everybody, now, Budget::REQUEST).unwrap();
                    }
                });
            }
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            ended.store(true, Ordering::Relaxed);
        });
        compare(&session, "after the race");
    });
}
