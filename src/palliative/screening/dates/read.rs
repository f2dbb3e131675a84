//! The parameters of a criterion on dates of service. <https://hl7.org/fhir/R4/plandefinition.html>

use std::sync::Arc;

use serde_json::Value;

use crate::palliative::screening::condition::ConditionRule;
use crate::palliative::screening::dates::DatesRule;
use crate::palliative::screening::document::Reader;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::screening::problem::Problem;

/// The kinds of encounters in which one date can be enough.
const KINDS: [(&str, EncounterKind); 4] = [
    ("inpatient-any", EncounterKind::Inpatient),
    ("observation", EncounterKind::Observation),
    ("ed", EncounterKind::Emergency),
    ("outpatient", EncounterKind::Outpatient),
];

impl Reader<'_> {
    /// The rule of the kind `serviceDates`.
    ///
    /// # Errors
    /// Where no value set says what is looked for; a window or a number that is missing; a kind of encounter that is none.
    pub(in crate::palliative::screening) fn dates(&self) -> Result<DatesRule, Problem> {
        let window_days = self.days("windowDays")?;
        let diagnoses = self.joined_value_sets("conditionSet")?;
        let services = self.joined_value_sets("serviceSet")?;
        let devices = self.joined_value_sets("deviceSet")?;
        if diagnoses.is_none() && services.is_none() && devices.is_none() {
            return Err(self.parameters.missing("conditionSet"));
        }
        Ok(DatesRule {
            diagnoses: diagnoses.map(|codes| ConditionRule {
                codes,
                lookback_days: Some(window_days),
                min_encounters: 1,
            }),
            services,
            devices,
            item: self.text("title")?,
            window_days,
            min: self.count("min")?.ok_or_else(|| self.parameters.missing("min"))?,
            sufficient: self.sufficient()?,
            listed_suffices: self.parameters.flag("problemListSuffices")?.unwrap_or(false),
            codes: Arc::clone(self.terminology.encounters()),
        })
    }

    fn sufficient(&self) -> Result<Vec<EncounterKind>, Problem> {
        let read = |(at, code): (usize, &Value)| {
            let found = KINDS.iter().find(|(known, _)| code == *known).map(|(_, kind)| *kind);
            found.ok_or_else(|| {
                let names = KINDS.map(|(name, _)| format!("`{name}`")).join(", ");
                let text =
                    format!("{code} is no kind of encounter in which one date can be enough; use {names}.");
                self.parameters.wrong_one("sufficientClass", at, text)
            })
        };
        self.parameters.all("sufficientClass", "valueCode")?.into_iter().enumerate().map(read).collect()
    }
}
