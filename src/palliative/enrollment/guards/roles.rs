//! The roles that the team must have by the tier of the person's need. <https://hl7.org/fhir/R4/careteam.html>

use crate::fhir::outcome::Issue;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::enroll::Enrollment;
use crate::palliative::enrollment::enroll::tier;
use crate::palliative::enrollment::episode::Episode;
use crate::palliative::enrollment::facts::Case;
use crate::palliative::enrollment::facts::broken;
use crate::palliative::enrollment::facts::parameter;
use crate::palliative::enrollment::guards::is_in_use;
use crate::palliative::enrollment::guards::roles_of;
use crate::palliative::required_roles::Asked;
use crate::palliative::required_roles::PHONE;

/// Every role that is asked for and that nobody in the team has.
pub fn check(case: &Case, _: &Episode, wish: &Enrollment) -> Vec<Issue> {
    let team = wish.team(case).filter(|team| is_usable(case, team));
    let day = (wish.start, case.program);
    let present = team.map(|team| roles_of(team, day)).unwrap_or_default();
    let has = |role: &str| if role == PHONE { case.program.phone_all_day } else { present.contains(&role) };
    let asked = case.program.roles_of(tier(case, wish));
    let missing = asked.into_iter().filter(|asked| !asked.any_of.iter().any(|role| has(role)));
    missing.map(|asked| broken("roles-missing", words(&asked)).at(parameter("careTeam"))).collect()
}

fn words(asked: &Asked) -> String {
    let roles = asked.any_of.join(" or ");
    let whose = asked.tier.map_or_else(String::new, |tier| format!(" of a person of {}", tier.code()));
    let phone = if asked.any_of.iter().any(|role| role == PHONE) {
        " The programme's HealthcareService says so with a `telecom` of the system phone and an `availableTime` \
         that is `allDay` on all seven days."
    } else {
        ""
    };
    format!("The care team{whose} lacks: {roles}.{phone}")
}

fn is_usable(case: &Case, team: &Resource) -> bool {
    is_in_use(team) && team.refers("/subject/reference").is_none_or(|subject| subject == case.patient())
}
