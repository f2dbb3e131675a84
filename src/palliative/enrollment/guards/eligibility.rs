//! The screening that the start of the service rests on. <https://hl7.org/fhir/R4/guidanceresponse.html>
//!
//! It is the one that was decided upon, as long as it is recent and its rule set is in force here. Who has waited longer, or
//! comes from a programme with other rules, is screened anew: then it is the latest screening that was recorded by a rule
//! set of the programme, and of each rule set the latest alone, for a person may have ceased to meet it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::fhir::outcome::Issue;
use crate::palliative::enrollment::checks::stale;
use crate::palliative::enrollment::enroll::Enrollment;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::evidence::Evidence;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::screening::Outcome;
use crate::palliative::screening::recorded::recorded;
use crate::palliative::vocabulary::EVIDENCE_EXTENSION;

/// What is to be done where the screening does not hold.
const ANEW: &str =
    "Record a screening by the programme's rule set with $palliative-screen and `record`, and enrol again.";

/// Why the person is not known to be eligible on the first day.
pub fn check(case: &Case, stored: &Episode, wish: &Enrollment) -> Vec<Issue> {
    if wish.override_reason.is_some() {
        let text = "Only one with the role `program-director` may override the screening.";
        let may = case.actor.is_director();
        return if may {
            Vec::new()
        } else {
            vec![broken("not-eligible", text).at(parameter("overrideReason"))]
        };
    }
    let Some(evidence) = proof(case, stored, wish.start) else {
        let text = format!("No screening result is on the episode. {ANEW}");
        return vec![broken("not-eligible", text)];
    };
    if evidence.outcome != Outcome::Eligible {
        let text = format!("The screening on the episode did not find the person eligible. {ANEW}");
        return vec![broken("not-eligible", text)];
    }
    let anew = |issue: Issue| Issue { text: format!("{} {ANEW}", issue.text), ..issue };
    stale(case, &evidence, wish.start).into_iter().map(anew).collect()
}

/// The screening that speaks for the person on a day: the one on the episode where it holds, else the latest that was
/// recorded and holds, else the one on the episode.
pub fn proof(case: &Case, stored: &Episode, on: Date) -> Option<Evidence> {
    let holds = |one: &Evidence| one.outcome == Outcome::Eligible && stale(case, one, on).is_empty();
    let decided = stored.stored_extension(EVIDENCE_EXTENSION).and_then(Evidence::thaw);
    if decided.as_ref().is_some_and(holds) {
        return decided;
    }
    let mut latest: BTreeMap<String, ((Date, String), Evidence)> = BTreeMap::new();
    for response in case.chart.of("GuidanceResponse") {
        let Some(found) = recorded(response).filter(|found| found.patient == case.patient()) else {
            continue;
        };
        // Of one day, the one that was made last: the server makes ids that grow with time.
        let place = (found.as_of, name(response));
        let evidence = Evidence::recorded(found, &place.1);
        let known = latest.get(&evidence.rule_set).is_some_and(|(before, _)| *before >= place);
        if !known {
            latest.insert(evidence.rule_set.clone(), (place, evidence));
        }
    }
    let of_each = latest.into_values().filter(|(_, one)| holds(one));
    of_each.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, one)| one).or(decided)
}
