//! The planned activities of a plan: what is done, when or how often, for which goals, and why.
//! <https://hl7.org/fhir/R4/careplan.html>

use fhir_typed::resources::CarePlanActivity;
use fhir_typed::resources::CarePlanActivityDetail;
use fhir_typed::resources::CarePlanActivityDetailScheduled;
use fhir_typed::types::Timing;
use fhir_typed::types::TimingRepeat;

use crate::palliative::care_plan::Planning;
use crate::palliative::care_plan::items::Found;
use crate::palliative::care_plan::items::Work;
use crate::palliative::care_plan::items::asked;
use crate::palliative::care_plan::items::because_of;
use crate::palliative::care_plan::items::domain;
use crate::palliative::care_plan::items::within;
use crate::palliative::element::reference;
use crate::palliative::enrollment::refer::concept_of;

/// The types that R4 takes as the reason of an activity.
const REASONS: [&str; 2] = ["Condition/", "Observation/"];

/// An activity that is planned. Its `id` is that of the template's action, by which it is found again.
pub fn planned(planning: &Planning, work: Work, goals: &[String]) -> CarePlanActivity {
    let Work { row, activity, because, .. } = work;
    let reasons = because.evidence.iter().filter(|one| REASONS.iter().any(|ty| one.starts_with(ty)));
    let detail = CarePlanActivityDetail {
        code: activity.code.as_ref().map(|code| Box::new(concept_of(code))),
        status: "not-started".into(),
        description: Some(activity.text.as_str().into()),
        goal: goals.iter().map(|goal| *reference(goal)).collect(),
        reason_code: because_of(because).into_iter().collect(),
        reason_reference: reasons.map(|one| *reference(one)).collect(),
        scheduled: scheduled(planning, work),
        ..CarePlanActivityDetail::default()
    };
    CarePlanActivity {
        id: Some(activity.id.clone()),
        extension: vec![domain(&row.domain)],
        detail: Some(detail),
        ..CarePlanActivity::default()
    }
}

/// An activity that is a Task of its own.
pub fn referring(work: Work, task: &Found) -> CarePlanActivity {
    CarePlanActivity {
        id: Some(asked(work)),
        extension: vec![domain(&work.row.domain)],
        reference: Some(reference(&task.name)),
        ..CarePlanActivity::default()
    }
}

fn scheduled(planning: &Planning, work: Work) -> Option<CarePlanActivityDetailScheduled> {
    let days = |days: crate::palliative::care_plan::template::Days| days.of(planning.intensity());
    if let Some(every) = work.activity.every {
        let repeat = TimingRepeat {
            frequency: Some(1_u32.into()),
            period: Some(days(every).to_string().into()),
            period_unit: Some("d".into()),
            ..TimingRepeat::default()
        };
        let timing = Timing { repeat: Some(repeat), ..Timing::default() };
        return Some(CarePlanActivityDetailScheduled::Timing(Box::new(timing)));
    }
    within(planning, work).map(CarePlanActivityDetailScheduled::Period)
}
