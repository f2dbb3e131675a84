//! What a measure came to, as a MeasureReport. <https://hl7.org/fhir/R4/measurereport.html>
//!
//! Counts are whole numbers of days, events or people; months of people are decimals and stand in an extension. There is
//! no score without a denominator. What was left out and what is in doubt is told with it.

use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::instant;
use crate::palliative::enrollment::facts::list;
use crate::palliative::measures::Group;
use crate::palliative::measures::Measure;
use crate::palliative::measures::Population;
use crate::palliative::measures::Score;
use crate::palliative::measures::conventions::Conventions;
use crate::palliative::measures::course::Course;
use crate::palliative::measures::days_at_home::ENOUGH_DAYS;
use crate::palliative::measures::score::Shares;
use crate::palliative::measures::score::YEAR;
use crate::palliative::measures::score::member_months;
use crate::palliative::measures::score::per_thousand_months;
use crate::palliative::measures::score::rounded;
use crate::palliative::time_line::Stretch;
use crate::palliative::vocabulary::CONFIDENCE_HIGH_EXTENSION;
use crate::palliative::vocabulary::CONFIDENCE_LOW_EXTENSION;
use crate::palliative::vocabulary::MEASURED_PEOPLE_EXTENSION;
use crate::palliative::vocabulary::MEDIAN_EXTENSION;
use crate::palliative::vocabulary::MEMBER_MONTHS_EXTENSION;
use crate::palliative::vocabulary::STANDARD_ERROR_EXTENSION;

/// Standard errors to either side of 95 per cent.
const Z: f64 = 1.96;

/// Whom a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// One person, as `Patient/…`.
    Person(String),
    /// Many; with a list of those in each population.
    People {
        /// The Group that was named, as a reference.
        group: Option<String>,
        /// Whether it lists who they are.
        listed: bool,
    },
}

/// What a report is made of.
pub struct Report<'a> {
    /// The measure.
    pub measure: &'static Measure,
    /// Its Measure.
    pub definition: &'a Value,
    /// Whom it is about.
    pub about: About,
    /// The period.
    pub period: Stretch,
    /// What days count as.
    pub conventions: Conventions,
    /// When it is made.
    pub now: Micros,
    /// How many days ago the period ended, in the zone of the service.
    pub days_since: i64,
    /// For how many days after it what happened in it may still become known.
    pub run_out_days: i64,
    /// The programmes that it was asked for, and who runs them.
    pub programs: Vec<(String, Option<String>)>,
    /// What came of each person's time.
    pub courses: Vec<Course>,
}

impl Report<'_> {
    /// The MeasureReport.
    pub fn into_value(self) -> Value {
        let text = |name: &str| self.definition.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, listed) = match &self.about {
            About::Person(_) => ("individual", false),
            About::People { listed: true, .. } => ("subject-list", true),
            About::People { listed: false, .. } => ("summary", false),
        };
        let mut lists = Vec::new();
        let defined = list(self.definition.get("group"));
        let groups: Vec<Value> = self
            .measure
            .groups
            .iter()
            .zip(defined)
            .map(|(group, defined)| self.group(group, defined, listed.then_some(&mut lists)))
            .collect();
        let mut report = json!({ "resourceType": "MeasureReport" });
        if !lists.is_empty() {
            report["contained"] = lists.into();
        }
        report["extension"] = self.caveats().into();
        report["status"] = "complete".into();
        report["type"] = kind.into();
        report["measure"] = format!("{}|{}", text("url"), text("version")).into();
        match &self.about {
            About::Person(subject) | About::People { group: Some(subject), .. } => {
                report["subject"] = json!({ "reference": subject });
            }
            About::People { group: None, .. } => {}
        }
        report["date"] = instant(self.now).into();
        if let [(_, Some(organization))] = self.programs.as_slice() {
            report["reporter"] = json!({ "reference": organization });
        }
        report["period"] =
            json!({ "start": self.period.first.to_string(), "end": self.period.last.to_string() });
        report["improvementNotation"] =
            self.definition.get("improvementNotation").cloned().unwrap_or_default();
        report["group"] = groups.into();
        let sources = self.courses.iter().flat_map(|course| &course.sources);
        let sources: Vec<Value> = sources.map(|source| json!({ "reference": source })).collect();
        if kind == "individual" && !sources.is_empty() {
            report["evaluatedResource"] = sources.into();
        }
        report
    }

    fn group(&self, group: &Group, defined: &Value, mut lists: Option<&mut Vec<Value>>) -> Value {
        let populations: Vec<Value> = group
            .populations
            .iter()
            .zip(list(defined.get("population")))
            .map(|(population, defined)| {
                let sum: i64 = self.courses.iter().map(population.count).sum();
                let mut told = json!({ "code": defined["code"], "count": sum });
                if let Some(lists) = lists.as_deref_mut() {
                    let id = format!("{}-{}", group.code, population.code);
                    lists.push(self.listed(population, (&id, &defined["code"])));
                    told["subjectResults"] = json!({ "reference": format!("#{id}") });
                }
                told
            })
            .collect();
        let (score, extensions) = self.scored(group);
        let mut told = json!({ "extension": extensions, "code": defined["code"], "population": populations });
        if let Some(score) = score {
            told["measureScore"] = score;
        }
        told
    }

    /// Who is in a population.
    fn listed(&self, population: &Population, (id, code): (&str, &Value)) -> Value {
        let inside = self.courses.iter().filter(|course| (population.count)(course) > 0);
        let entries: Vec<Value> =
            inside.map(|course| json!({ "item": { "reference": course.patient } })).collect();
        let mut list = json!({ "resourceType": "List", "id": id, "status": "current", "mode": "snapshot", "code": code });
        if !entries.is_empty() {
            list["entry"] = entries.into();
        }
        list
    }

    /// The score of a group, where it has a denominator, and what belongs to it.
    fn scored(&self, group: &Group) -> (Option<Value>, Vec<Value>) {
        let shares = Shares::of(self.courses.iter().map(|one| (one.home(), one.person_days())));
        let sum = |count: fn(&Course) -> i64| self.courses.iter().map(count).sum::<i64>();
        let of = |code: &str| {
            let population = group.populations.iter().find(|one| one.code == code);
            population.map_or(0, |one| sum(one.count))
        };
        let people = self.courses.iter().filter(|one| match group.score {
            Score::DaysOfYear | Score::Percent | Score::OfEachPerson => one.person_days() > 0,
            Score::ThousandMonths => one.at_risk > 0,
        });
        let mut told = vec![whole(MEASURED_PEOPLE_EXTENSION, people.count())];
        if group.score != Score::OfEachPerson {
            told.push(decimal(MEMBER_MONTHS_EXTENSION, member_months(of("denominator")), 4));
        }
        let score = match group.score {
            Score::DaysOfYear | Score::Percent => shares.share().map(|share| {
                let (factor, digits, unit) = match group.score {
                    Score::Percent => (100.0, 2, ("%", "%")),
                    _ => (YEAR, 1, ("days per person-year", "d/a")),
                };
                if let Some(error) = shares.standard_error() {
                    let (value, error) = (factor * share, factor * error);
                    told.push(decimal(STANDARD_ERROR_EXTENSION, error, 2));
                    told.push(decimal(CONFIDENCE_LOW_EXTENSION, (value - Z * error).max(0.0), digits));
                    told.push(decimal(CONFIDENCE_HIGH_EXTENSION, (value + Z * error).min(factor), digits));
                }
                quantity(rounded(factor * share, digits), unit)
            }),
            Score::OfEachPerson => shares.mean_and_median(ENOUGH_DAYS).map(|(_, mean, median)| {
                told.push(decimal(MEDIAN_EXTENSION, median, 4));
                quantity(rounded(mean, 4), ("share of a person's days", "1"))
            }),
            Score::ThousandMonths => per_thousand_months(of("numerator"), of("denominator"))
                .map(|rate| quantity(rounded(rate, 1), ("per 1000 member-months", "10*-3/mo"))),
        };
        (score, told)
    }
}

fn decimal(url: &str, value: f64, digits: usize) -> Value {
    json!({ "url": url, "valueDecimal": rounded(value, digits) })
}

fn whole(url: &str, count: usize) -> Value {
    json!({ "url": url, "valueInteger": count })
}

fn quantity(value: Value, (unit, code): (&str, &str)) -> Value {
    json!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code })
}
