//! One person's days and crises in a period: what every measure of days at home and of crises is summed up from.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! A day is at risk on which the person was enrolled, also on hold, and not after the death; two episodes on one day are
//! one day. No day counts that has not come, nor one after the last of which the person's feed tells.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::measures::away::Stays;
use crate::palliative::measures::conventions::Conventions;
use crate::palliative::measures::conventions::Residents;
use crate::palliative::measures::conventions::Side;
use crate::palliative::measures::doubts::Doubt;
use crate::palliative::measures::doubts::Doubts;
use crate::palliative::measures::kinds::CareKinds;
use crate::palliative::measures::residence::resident_days;
use crate::palliative::payment::facts::last_alive;
use crate::palliative::payment::facts::last_before_dated_death;
use crate::palliative::program::Program;
use crate::palliative::record::Encounter;
use crate::palliative::record::EncounterStatus;
use crate::palliative::record::Moment;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::State;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::screening::stays::Told;
use crate::palliative::screening::stays::events_told;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::active_days;

/// What is asked of each person.
pub struct Question<'a> {
    /// The programmes that are known, by their references.
    pub programs: &'a BTreeMap<String, Program>,
    /// Those that are asked about; all where none is named.
    pub asked: &'a [String],
    /// From the first day to the last, both inside.
    pub period: Stretch,
    /// What a day counts as.
    pub conventions: Conventions,
    /// How kinds of care are told apart.
    pub kinds: &'a CareKinds,
    /// When it is asked: no later day counts.
    pub now: Micros,
}

/// What came of one person's time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// `Patient/…`; the first of several that are linked.
    pub patient: String,
    /// Days enrolled and alive in the period.
    pub enrolled: i64,
    /// Of these, those of which the feed does not tell yet: left out.
    pub untold: i64,
    /// Days at risk: enrolled without the untold.
    pub at_risk: i64,
    /// Of these, days as a resident of a nursing home that are left out of days at home.
    pub resident: i64,
    /// Days of the denominator of days at home that were spent away.
    pub away: i64,
    /// Emergency visits that led to no stay.
    pub emergency: i64,
    /// Admissions to acute care.
    pub admissions: i64,
    /// Of these, those that nobody planned.
    pub unplanned: i64,
    /// Of these, those of which that is not known.
    pub planning_unknown: i64,
    /// Days of acute care, hospital care at home among them.
    pub acute: i64,
    /// Stays for observation that led to no admission.
    pub observation: i64,
    /// Whether a feed tells of all days at risk.
    pub is_told: bool,
    /// The last day of which the feed tells, where it ended.
    pub told_until: Option<Date>,
    /// What may make it wrong.
    pub doubts: Vec<Doubt>,
    /// The programmes of the person's episodes whose settings cannot be read, so that no day in them counts.
    pub without_rules: Vec<String>,
    /// The episodes and encounters that it was made from, as `Type/id`.
    pub sources: Vec<String>,
}

impl Course {
    /// The denominator of days at home.
    pub fn person_days(&self) -> i64 {
        self.at_risk - self.resident
    }

    /// Days at home.
    pub fn home(&self) -> i64 {
        self.person_days() - self.away
    }

    /// What leads to crises: emergency visits, stays for observation and admissions that nobody planned.
    pub fn crises(&self) -> i64 {
        self.emergency + self.observation + self.unplanned
    }
}

impl Question<'_> {
    /// A person's course; none of one who was not enrolled in the period. Dates are those of the programme whose
    /// episode began last.
    pub fn course(&self, chart: &Chart) -> Option<Course> {
        let episodes: Vec<(&Resource, &Program, Days)> = self.episodes(chart);
        let without_rules = self.without_rules(chart);
        let id = chart.of("Patient").map(name).min().unwrap_or_default();
        let last = episodes.iter().max_by_key(|(one, _, days)| (days.first(), name(one)));
        let Some((_, program, _)) = last else {
            let course = Course { patient: id, without_rules, ..Course::default() };
            return Some(course).filter(|course| !course.without_rules.is_empty());
        };
        let today = date_in(self.now, &program.zone);
        let enrolled = episodes.iter().fold(Days::default(), |all, (_, _, days)| all.or(days));
        let enrolled = enrolled.within(Stretch::new(self.period.first, self.period.last.min(today))?);
        if enrolled.is_empty() && without_rules.is_empty() {
            return None;
        }
        let record = PatientRecord::new(&id, chart.all().cloned().collect(), &program.zone);
        let told_until = told_until(&record).filter(|day| *day < today);
        let through = told_until.unwrap_or(today);
        let on_record = last_alive(chart, program);
        let stays = self.stays(&record, through, on_record);
        let in_stay = stays.events.iter().filter(|event| event.died).filter_map(|event| event.left).min();
        // A stay that ended in death tells the day where the record tells only that the person died.
        let alive = match in_stay {
            Some(died) => last_before_dated_death(chart, program).map(|day| day.min(died)),
            None => on_record,
        };
        let enrolled = alive.map_or_else(Days::default, |alive| until(&enrolled, alive));
        let at_risk = until(&enrolled, through);
        let doubts = Doubts { chart, program, record: &record, kinds: self.kinds, through };
        let mut course = Course {
            patient: id,
            enrolled: enrolled.count(),
            untold: enrolled.count() - at_risk.count(),
            at_risk: at_risk.count(),
            is_told: at_risk.stretches().all(|one| record.feed_covers(one.first, one.last)),
            told_until,
            doubts: doubts.all(self.period, (on_record, in_stay)),
            without_rules,
            sources: sources(&episodes, &stays, &record),
            ..Course::default()
        };
        self.count_home(&mut course, (&at_risk, &stays), &resident_days(chart, program, self.kinds));
        count_crises(&mut course, &at_risk, &stays);
        Some(course)
    }

    /// The episodes that are asked about, with their programmes and enrolled days.
    fn episodes<'c>(&'c self, chart: &'c Chart) -> Vec<(&'c Resource, &'c Program, Days)> {
        let known = |episode: &'c Resource| {
            let program = self.programs.get(program_of(episode).filter(|one| self.is_asked(one))?)?;
            let days = active_days(episode, program, self.conventions.holds);
            (!days.is_empty()).then_some((episode, program, days))
        };
        chart.of("EpisodeOfCare").filter_map(known).collect()
    }

    /// The programmes that are asked about, in which the person has an episode, and of which nothing is known.
    fn without_rules(&self, chart: &Chart) -> Vec<String> {
        let named = chart.of("EpisodeOfCare").filter_map(program_of);
        let unknown = named.filter(|one| !self.programs.contains_key(*one) && self.is_asked(one));
        unknown.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn is_asked(&self, program: &str) -> bool {
        self.asked.is_empty() || self.asked.iter().any(|one| one == program)
    }

    /// What happened, as far as its days are known exactly.
    pub(super) fn stays(&self, record: &PatientRecord, through: Date, alive: Option<Date>) -> Stays {
        let events = events_told(record, through, |encounter| {
            let kind = self.kinds.kind(encounter).filter(|_| is_exact(encounter))?;
            let unplanned = self.kinds.screened.unplanned(encounter);
            Some(Told { kind, unplanned, reason: State::Met })
        });
        let died_on = alive.filter(|day| *day != Date::MAX);
        Stays { events, died_on, discharge_day: self.conventions.discharge_day }
    }

    fn count_home(&self, course: &mut Course, (at_risk, stays): (&Days, &Stays), housed: &Days) {
        let Conventions { hospital_at_home, hospice_inpatient, residents, .. } = self.conventions;
        let mut kinds = vec![
            EncounterKind::Inpatient,
            EncounterKind::Psychiatric,
            EncounterKind::Rehabilitation,
            EncounterKind::NonAcute,
            EncounterKind::Observation,
            EncounterKind::Emergency,
        ];
        kinds.extend((hospital_at_home == Side::Away).then_some(EncounterKind::HospitalAtHome));
        kinds.extend((hospice_inpatient == Side::Away).then_some(EncounterKind::HospiceInpatient));
        let (hospital, nursing) = (stays.days(&kinds), stays.days(&[EncounterKind::SkilledNursing]));
        let resident = stays.resident().or(housed).and(at_risk);
        let (left_out, away) = match residents {
            Residents::Excluded => (resident.clone(), hospital.or(&nursing).minus(&resident)),
            Residents::Home => (Days::default(), hospital.or(&nursing.minus(&resident))),
            Residents::Away => (Days::default(), hospital.or(&nursing).or(&resident)),
        };
        course.resident = left_out.count();
        course.away = away.and(at_risk).count();
    }
}

/// Crises are counted where they began on a day at risk, and days of acute care where they were spent on one.
fn count_crises(course: &mut Course, at_risk: &Days, stays: &Stays) {
    let count = |days: &mut dyn Iterator<Item = Date>| {
        i64::try_from(days.filter(|day| at_risk.contains(*day)).count()).unwrap_or(i64::MAX)
    };
    let of_state = |state: Option<State>| {
        let asked = stays.admissions().filter(move |one| state.is_none_or(|state| one.unplanned == state));
        count(&mut asked.filter_map(|one| one.days).map(|(first, _)| first))
    };
    course.emergency = count(&mut stays.alone(EncounterKind::Emergency));
    course.observation = count(&mut stays.alone(EncounterKind::Observation));
    course.admissions = of_state(None);
    course.unplanned = of_state(Some(State::Met));
    course.planning_unknown = of_state(Some(State::Unknown));
    let acute = [EncounterKind::Inpatient, EncounterKind::Psychiatric, EncounterKind::HospitalAtHome];
    course.acute = stays.days(&acute).and(at_risk).count();
}

/// Whether an encounter is one of which it is known on which days it took place, and that it did.
pub fn is_exact(encounter: &Encounter) -> bool {
    let took_place = matches!(encounter.status, EncounterStatus::Past | EncounterStatus::Current);
    let start = encounter.start.as_ref().is_some_and(Moment::is_one_day);
    let end = encounter.end.as_ref().is_none_or(Moment::is_one_day);
    took_place && start && end
}

/// The last day of which a feed tells; none while one goes on, or where there is none.
fn told_until(record: &PatientRecord) -> Option<Date> {
    record.feeds.iter().map(|feed| feed.to.unwrap_or(Date::MAX)).max().filter(|day| *day != Date::MAX)
}

fn until(days: &Days, last: Date) -> Days {
    Stretch::new(Date::MIN, last).map_or_else(Days::default, |bounds| days.within(bounds))
}

/// What it was made from; what is to be kept closer than the rest counts and is not named.
fn sources(episodes: &[(&Resource, &Program, Days)], stays: &Stays, record: &PatientRecord) -> Vec<String> {
    let episodes = episodes.iter().map(|(episode, ..)| name(episode));
    let encounters = stays.events.iter().flat_map(|event| event.sources.iter().cloned());
    let mut all: Vec<String> = episodes.chain(encounters).collect();
    all.retain(|one| !record.labelled.contains(one));
    all.sort();
    all.dedup();
    all
}
