//! What belongs to a report as a whole: by which conventions it was made, how far what is known reaches, what was left
//! out and what may make it wrong. <https://hl7.org/fhir/R4/measurereport.html>

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::palliative::measures::Score;
use crate::palliative::measures::course::Course;
use crate::palliative::measures::report::About;
use crate::palliative::measures::report::Report;
use crate::palliative::vocabulary::DATA_THROUGH_EXTENSION;
use crate::palliative::vocabulary::LOGIC_VERSION_EXTENSION;
use crate::palliative::vocabulary::MEASURE_CONVENTION_EXTENSION;
use crate::palliative::vocabulary::MEASURE_DOUBT_EXTENSION;
use crate::palliative::vocabulary::MEASURE_EXCLUSION_EXTENSION;
use crate::palliative::vocabulary::PRELIMINARY_EXTENSION;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;

/// The edition of the rules here: raised where the same record gives another count.
const LOGIC_VERSION: &str = "1";
/// The measures that tell planned admissions from others.
const OF_PLANNING: [&str; 2] = ["unplanned-admissions", "crisis-events"];

impl Report<'_> {
    /// What holds of the whole report.
    pub(super) fn caveats(&self) -> Vec<Value> {
        let mut all = vec![json!({ "url": LOGIC_VERSION_EXTENSION, "valueString": LOGIC_VERSION })];
        // A feed that ended with the person's time in the programme, by a death for one, leaves nothing untold.
        let telling = self.courses.iter().filter(|course| {
            course.untold > 0 || course.told_until.is_some_and(|day| day >= self.period.last)
        });
        let through = telling.filter_map(|course| course.told_until).min();
        if let Some(through) = through {
            all.push(json!({ "url": DATA_THROUGH_EXTENSION, "valueDate": through.to_string() }));
        }
        let early = self.days_since < self.run_out_days || through.is_some_and(|day| day < self.period.last);
        all.push(json!({ "url": PRELIMINARY_EXTENSION, "valueBoolean": early }));
        for (program, _) in &self.programs {
            all.push(json!({ "url": PROGRAM_EXTENSION, "valueReference": { "reference": program } }));
        }
        for (name, code) in self.conventions.told() {
            all.push(json!({ "url": MEASURE_CONVENTION_EXTENSION, "extension": [
                { "url": "parameter", "valueCode": name }, { "url": "value", "valueCode": code }] }));
        }
        all.extend(self.exclusions());
        all.extend(self.doubts());
        all
    }

    /// The days that were left out, by reason, and the people whose they are.
    fn exclusions(&self) -> Vec<Value> {
        let of = |reason: &str, count: fn(&Course) -> i64| {
            let days: i64 = self.courses.iter().map(count).sum();
            let people = self.courses.iter().filter(|course| count(course) > 0).count();
            (days > 0).then(|| {
                json!({ "url": MEASURE_EXCLUSION_EXTENSION, "extension": [
                    { "url": "reason", "valueCode": reason },
                    { "url": "days", "valueInteger": days },
                    { "url": "people", "valueInteger": people }] })
            })
        };
        let is_of_home = self.measure.groups.iter().any(|group| group.score == Score::DaysOfYear);
        let untold = of("after-data-through", |course| course.untold);
        let resident = of("nursing-facility-resident", |course| course.resident).filter(|_| is_of_home);
        untold.into_iter().chain(resident).collect()
    }

    /// What may make it wrong, by kind; of one person with the resources.
    fn doubts(&self) -> Vec<Value> {
        let of_person = matches!(self.about, About::Person(_));
        let mut found: BTreeMap<&str, (i64, Vec<&str>)> = BTreeMap::new();
        for doubt in self.courses.iter().flat_map(|course| &course.doubts) {
            let (count, sources) = found.entry(doubt.kind.code()).or_default();
            *count += 1;
            sources.extend(doubt.source.as_deref().filter(|_| of_person));
        }
        let untold = self.courses.iter().map(|one| i64::from(one.at_risk > 0 && !one.is_told)).sum();
        let is_of_planning = OF_PLANNING.contains(&self.measure.id);
        let unknown = self.courses.iter().map(|one| one.planning_unknown).sum::<i64>();
        for (code, count) in [("no-feed", untold), ("planning-unknown", i64::from(is_of_planning) * unknown)]
        {
            if count > 0 {
                found.insert(code, (count, Vec::new()));
            }
        }
        let lost: BTreeSet<&str> =
            self.courses.iter().flat_map(|one| &one.without_rules).map(String::as_str).collect();
        if !lost.is_empty() {
            let count = i64::try_from(lost.len()).unwrap_or(i64::MAX);
            found.insert("program-without-rules", (count, lost.into_iter().collect()));
        }
        let admissions = self.courses.iter().map(|one| one.admissions).sum::<i64>();
        let told = |(code, (count, sources)): (&str, (i64, Vec<&str>))| {
            let mut parts = vec![
                json!({ "url": "code", "valueCode": code }),
                json!({ "url": "count", "valueInteger": count }),
            ];
            // How many are not known says little without how many there are.
            parts.extend(
                (code == "planning-unknown").then(|| json!({ "url": "of", "valueInteger": admissions })),
            );
            let reference = |one: &str| json!({ "url": "source", "valueReference": { "reference": one } });
            parts.extend(sources.into_iter().map(reference));
            json!({ "url": MEASURE_DOUBT_EXTENSION, "extension": parts })
        };
        found.into_iter().map(told).collect()
    }
}
