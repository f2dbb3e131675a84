//! The ending of a service that has begun or was agreed: the reason says which action of the lifecycle it is, and
//! that action decides. <https://hl7.org/fhir/R4/episodeofcare.html>

use fhir_typed::types::Coding;
use fhir_typed::types::Extension;
use jiff::civil::Date;

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Issue;
use crate::fhir::outcome::Reason;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Input;
use crate::palliative::element::code_value;
use crate::palliative::element::date_value;
use crate::palliative::element::extension;
use crate::palliative::element::reference_value;
use crate::palliative::enrollment::drafts::Decision;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::reasons::fitting;
use crate::palliative::enrollment::reasons::is_of_kind;
use crate::palliative::enrollment::reasons::reasons;
use crate::palliative::enrollment::request::Hospice;
use crate::palliative::enrollment::request::Outreach;
use crate::palliative::enrollment::request::Request;
use crate::palliative::enrollment::request::refused;
use crate::palliative::enrollment::table::Action;
use crate::palliative::enrollment::table::transition;
use crate::palliative::enrollment::transition;
use crate::palliative::enrollment::transition::Beside;
use crate::palliative::enrollment::transition::impossible;
use crate::palliative::vocabulary::DESTINATION_EXTENSION;
use crate::palliative::vocabulary::NOTICE_EXTENSION;
use crate::palliative::vocabulary::RECEIVED_EXTENSION;
use crate::palliative::vocabulary::SUMMARY_EXTENSION;

/// The endings, each with the kind of reason that means it. Of a reason that has several kinds the first counts.
const ENDINGS: [(&str, Action); 4] = [
    ("hospice", Action::HospiceElect),
    ("death", Action::Death),
    ("graduate", Action::Graduate),
    ("end", Action::Discharge),
];

/// What comes with the wish to end a service.
#[derive(Clone, Debug)]
pub struct Ending {
    /// `endDate`: the last enrolled day.
    pub last_day: Date,
    /// `noticeDate`: the day on which the person was told.
    pub notice: Option<Date>,
    /// What it is, by its reason.
    pub request: Request,
}

impl Ending {
    /// Reads the parameters of `$palliative-disenroll`.
    ///
    /// # Errors
    /// 400 for a parameter that cannot be used.
    pub fn read(given: &Input) -> Result<Self, Failure> {
        let last_day = given
            .day("endDate")?
            .ok_or_else(|| refused("endDate", "`endDate` is missing or empty.".to_owned()))?;
        let reasons = reasons(given)?;
        let action = action(reasons.first().map_or("", String::as_str))?;
        // Hospice begins on the day after the last enrolled one.
        let next = last_day.tomorrow().unwrap_or(last_day);
        let elected = (action == Action::HospiceElect).then_some(next);
        let hospice = elected.map(|date| Hospice { date, organization: None, document: None });
        let request = Request {
            date: Some(elected.unwrap_or(last_day)),
            reasons,
            initiated_by: given.text("initiatedBy").map(str::to_owned),
            attested_by: given.reference("attestedBy").map(str::to_owned),
            hospice,
            outreach: Outreach::all(given)?,
            note: given.text("note").map(str::to_owned),
            kept: kept(given)?,
            ..Request::new(action)
        };
        Ok(Self { last_day, notice: given.day("noticeDate")?, request })
    }
}

fn action(reason: &str) -> Result<Action, Failure> {
    let ending = ENDINGS.iter().find(|(kind, _)| is_of_kind(reason, &[kind]));
    ending.map(|(_, action)| *action).ok_or_else(|| {
        let kinds = ENDINGS.map(|(kind, _)| kind);
        let text = format!("`{reason}` does not end an enrolment; use one of {}.", fitting(&kinds));
        refused("reason", text)
    })
}

/// What stays on the episode of how it ended.
fn kept(given: &Input) -> Result<Vec<Extension>, Failure> {
    let notice = given.day("noticeDate")?.map(|date| extension(NOTICE_EXTENSION, date_value(date)));
    let destination = given.one("destination").map(destination).transpose()?;
    let summary = given.reference("summary").map(|to| extension(SUMMARY_EXTENSION, reference_value(to)));
    Ok([notice, destination, summary].into_iter().flatten().collect())
}

fn destination(given: &Given) -> Result<Extension, Failure> {
    let value = match (given.reference(), given.coding()) {
        (Some(to), _) => reference_value(to),
        (None, Some(place)) => code_value(Coding {
            system: place.system.map(Into::into),
            code: Some(place.code.into()),
            display: place.display.map(Into::into),
            ..Coding::default()
        }),
        (None, None) => {
            let text = "`destination` has neither a reference nor a code; give one of them.";
            return Err(refused("destination", text.to_owned()));
        }
    };
    Ok(extension(DESTINATION_EXTENSION, value))
}

/// Decides on the ending, by the rules of the action that it is.
///
/// # Errors
/// 409 for a state from which nobody is discharged; else as [`transition::decide`], with the parameters named as
/// this operation names them.
pub fn decide(case: &Case, ending: &Ending) -> Result<Decision, Failure> {
    let state = case.state()?;
    if state.is_open() && transition(state, Action::Discharge).is_none() {
        return Err(impossible(state, Action::Discharge));
    }
    let issues = if state.is_open() { dates(case, ending) } else { Vec::new() };
    if !issues.is_empty() {
        return Err(Failure::of(Reason::BusinessRule, issues));
    }
    transition::decide(case, &ending.request, Beside::default()).map_err(renamed)
}

/// The last day lies within the enrolment, and the person was told of it on a day between its beginning and its end, or
/// later where the ending itself became known late: but not on a day that is yet to come.
fn dates(case: &Case, ending: &Ending) -> Vec<Issue> {
    let stored = Episode::of(case.episode);
    let wrong = |text: String, at: &str| broken("date-range", text).at(parameter(at));
    let last = ending.last_day;
    // Before a start that lies ahead one can still leave; the episode then has no enrolled day.
    let begun = stored.start().filter(|start| *start <= case.today());
    let early = begun.filter(|start| last < *start);
    let early =
        early.map(|start| wrong(format!("{last} lies before {start}, the first enrolled day."), "endDate"));
    let told = ending.notice.and_then(|notice| {
        let first = begun.or(stored.date(RECEIVED_EXTENSION));
        if notice > last.max(case.today()) {
            Some(format!(
                "{notice} is yet to come, and lies after `endDate`, {last}; notice is given before the service ends, \
                 or where it has ended, by today."
            ))
        } else {
            let first = first.filter(|first| notice < *first);
            first.map(|first| format!("{notice} lies before {first}, when there was nothing to end yet."))
        }
    });
    early.into_iter().chain(told.map(|text| wrong(text, "noticeDate"))).collect()
}

/// The parameters by the names that this operation has for them: what kind of ending it is, the reason says.
fn renamed(mut failure: Failure) -> Failure {
    let theirs = [("effectiveDate", "endDate"), ("hospice", "endDate"), ("screenResult", "reason")];
    for issue in &mut failure.issues {
        let own = theirs.iter().find(|(name, _)| issue.expression.as_ref() == Some(&parameter(name)));
        if let Some((_, own)) = own {
            issue.expression = Some(parameter(own));
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::Ending;
    use super::decide;
    use crate::definitions::Definitions;
    use crate::fhir::operation::Definition;
    use crate::fhir::outcome::Failure;
    use crate::fhir::parameters;
    use crate::palliative::enrollment::drafts::Decision;
    use crate::palliative::enrollment::enroll::Enrollment;
    use crate::palliative::enrollment::extension_of;
    use crate::palliative::enrollment::tests::World;
    use crate::palliative::enrollment::tests::codes;
    use crate::palliative::enrollment::tests::referral;
    use crate::palliative::enrollment::tests::wish;
    use crate::palliative::program::HospicePolicy;
    use crate::palliative::vocabulary::ENROLLED_DAYS_EXTENSION;
    use crate::palliative::vocabulary::REASON_SYSTEM;

    fn ending(day: &str, reason: &str, more: Value) -> Result<Ending, Failure> {
        let definitions = Definitions::shared().unwrap();
        let own = definitions.operations.iter().find(|one| one["id"] == "palliative-disenroll").unwrap();
        let mut parameter = json!([
            { "name": "endDate", "valueDate": day },
            { "name": "reason", "valueCoding": { "system": REASON_SYSTEM, "code": reason } },
            { "name": "initiatedBy", "valueCode": "provider" },
        ]);
        parameter.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
        let body = json!({ "resourceType": "Parameters", "parameter": parameter });
        let given = parameters::read(&Definition::compile(own).unwrap(), Some(body), Vec::new())?;
        Ending::read(&given)
    }

    fn end(world: &mut World, ending: &Ending) -> Result<Decision, Failure> {
        let decision = world.with_case(world.episode(), |case| decide(case, ending))?;
        world.write(&decision);
        Ok(decision)
    }

    #[test]
    fn the_reason_says_what_kind_of_ending_it_is() {
        for (reason, state, last_day) in [
            ("graduated-improved", "graduated", "2026-01-20"),
            ("moved-out-of-area", "discharged", "2026-01-20"),
            ("hospice-election", "hospice-elected", "2026-01-20"),
            ("deceased", "deceased", "2026-01-20"),
        ] {
            let mut world = World::new();
            world.enrolled();
            world.today = "2026-01-20".into();
            let ending = ending("2026-01-20", reason, json!([])).unwrap();
            end(&mut world, &ending).unwrap();
            assert_eq!((world.state(), world.episode().text("/period/end")), (state, Some(last_day)));
            assert!(end(&mut world, &ending).unwrap().drafts.is_empty(), "{reason} again changes nothing");
        }
    }

    #[test]
    fn hospice_below_21_in_a_concurrent_programme_ends_nothing() {
        let mut world = World::new();
        world.program.hospice_policy = HospicePolicy::Concurrent;
        world.set("Patient/p", "birthDate", json!("2006-06-01"));
        world.enrolled();
        end(&mut world, &ending("2026-01-15", "hospice-election", json!([])).unwrap()).unwrap();
        assert_eq!(world.state(), "enrolled");
        let starts: Vec<_> = world
            .resources
            .values()
            .filter(|one| one.text("/code/coding/0/code") == Some("hospice-election"))
            .map(|one| one.text("/period/start").unwrap())
            .collect();
        assert_eq!(starts, ["2026-01-16"], "the day after the last one without hospice");
    }

    #[test]
    fn the_person_is_told_between_the_beginning_and_the_end_or_by_today_where_it_became_known_late() {
        for (end_date, notice, place) in [
            ("2026-01-20", "2026-01-15", None),
            ("2026-01-18", "2026-01-18", None),
            ("2026-01-18", "2026-01-19", None),
            ("2026-01-18", "2026-01-20", None),
            ("2026-01-18", "2026-01-21", Some("noticeDate")),
            ("2026-01-22", "2026-01-23", Some("noticeDate")),
            ("2026-01-18", "2026-01-14", Some("noticeDate")),
            ("2026-02-10", "2026-01-21", None),
            ("2026-02-10", "2026-01-20", None),
        ] {
            let mut world = World::new();
            world.enrolled();
            world.today = "2026-01-20".into();
            let more = json!([{ "name": "noticeDate", "valueDate": notice }]);
            let ending = ending(end_date, "no-longer-medically-necessary", more).unwrap();
            let refused = end(&mut world, &ending).err();
            let told = refused.map(|failure| (codes(&failure), failure.issues[0].expression.clone()));
            let expected = place.map(|name| {
                let at = format!("Parameters.parameter.where(name='{name}')");
                (vec!["date-range".to_owned()], Some(at))
            });
            assert_eq!(told, expected, "{end_date} {notice}");
        }
        let mut world = World::new();
        world.enrolled();
        let more = json!([{ "name": "noticeDate", "valueDate": "2026-01-13" }]);
        let both = ending("2026-01-12", "moved-out-of-area", more).unwrap();
        assert_eq!(codes(&end(&mut world, &both).unwrap_err()), ["date-range", "date-range"]);
        assert_eq!(world.state(), "enrolled");
    }

    #[test]
    fn what_is_told_of_the_ending_stays_on_the_episode() {
        let mut world = World::new();
        world.enrolled();
        let more = json!([
            { "name": "noticeDate", "valueDate": "2026-01-16" },
            { "name": "destination", "valueCoding": { "code": "home", "display": "Home" } },
            { "name": "summary", "valueReference": { "reference": "DocumentReference/d" } },
        ]);
        end(&mut world, &ending("2026-01-20", "no-longer-medically-necessary", more).unwrap()).unwrap();
        for (url, place, value) in [
            (super::NOTICE_EXTENSION, "/valueDate", "2026-01-16"),
            (super::DESTINATION_EXTENSION, "/valueCoding/code", "home"),
            (super::SUMMARY_EXTENSION, "/valueReference/reference", "DocumentReference/d"),
        ] {
            let found = extension_of(world.episode(), url).and_then(|one| one.pointer(place)?.as_str());
            assert_eq!(found, Some(value));
        }
        let empty = json!([{ "name": "destination", "valueCoding": { "display": "Home" } }]);
        assert_eq!(codes(&ending("2026-01-20", "coverage-lost", empty).unwrap_err()), ["bad-parameter"]);
    }

    #[test]
    fn only_what_was_agreed_can_be_ended_and_only_with_a_reason_that_ends() {
        let mut world = World::new();
        world.refer(&referral()).unwrap();
        for reason in ["moved-out-of-area", "hospice-election", "deceased"] {
            let ending = ending("2026-01-15", reason, json!([])).unwrap();
            let refused = end(&mut world, &ending).unwrap_err();
            assert_eq!((refused.status(), codes(&refused)), (409, vec!["invalid-transition".to_owned()]));
        }
        for reason in ["transferred-program", "hold-travel", "declined-cost", "duplicate"] {
            let refused = ending("2026-01-15", reason, json!([])).unwrap_err();
            assert_eq!(
                (refused.status(), codes(&refused)),
                (400, vec!["bad-parameter".to_owned()]),
                "{reason}"
            );
        }
    }

    #[test]
    fn one_who_dies_or_leaves_before_a_start_that_lies_ahead_was_enrolled_on_no_day() {
        for (reason, state) in [("deceased", "deceased"), ("patient-request", "discharged")] {
            let mut world = World::new();
            world.consented();
            let ahead = "2026-01-25".parse().unwrap();
            world.enroll(&Enrollment { start: ahead, ..wish() }).unwrap();
            assert_eq!(world.episode().text("/period/start"), Some("2026-01-25"));
            end(&mut world, &ending("2026-01-15", reason, json!([])).unwrap()).unwrap();
            assert_eq!((world.state(), world.episode().text("/period/end")), (state, Some("2026-01-25")));
            let days = extension_of(world.episode(), ENROLLED_DAYS_EXTENSION).unwrap();
            assert_eq!(days["valueInteger"], 0);
        }
    }

    #[test]
    fn a_day_before_the_start_or_too_far_ahead_is_refused_as_end_date() {
        for (day, reason) in [
            ("2026-01-14", "moved-out-of-area"),
            ("2026-01-14", "hospice-election"),
            ("2026-01-14", "deceased"),
            ("2026-02-15", "moved-out-of-area"),
            ("2026-02-14", "hospice-election"),
            ("2026-01-16", "deceased"),
        ] {
            let mut world = World::new();
            world.enrolled();
            let refused = end(&mut world, &ending(day, reason, json!([])).unwrap()).unwrap_err();
            assert_eq!((refused.status(), codes(&refused)), (422, vec!["date-range".to_owned()]), "{reason}");
            let at = "Parameters.parameter.where(name='endDate')";
            assert_eq!(refused.issues[0].expression.as_deref(), Some(at), "{reason}");
        }
    }
}
