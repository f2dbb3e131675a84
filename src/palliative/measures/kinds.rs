//! What kind of care each encounter is for measures: the class map, by type, place and class.
//! <https://hl7.org/fhir/R4/encounter-definitions.html#Encounter.class>
//!
//! The kinds that rule sets tell apart are told as they tell them. Beyond these the place decides: where it is a stay
//! and no visit, because a doctor who calls on somebody in a nursing home makes nobody stay there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::record::Encounter;
use crate::palliative::screening::Codes;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::encounter_kind::EncounterCodes;
use crate::palliative::screening::encounter_kind::EncounterKind;

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Classes of encounter that are no stay, wherever they take place.
const VISITS: [&str; 7] = ["AMB", "EMER", "FLD", "HH", "OBSENC", "PRENC", "VR"];

/// The codes by which measures tell kinds of care apart.
#[derive(Clone, Debug)]
pub struct CareKinds {
    /// What rule sets tell apart.
    pub screened: Arc<EncounterCodes>,
    home: Codes,
    skilled_nursing: Codes,
    rehabilitation: Codes,
    psychiatric: Codes,
    residence: Codes,
    /// Answers to the question of housing that mean a nursing home.
    pub resident: Codes,
    /// Answers that say nothing.
    pub no_answer: Codes,
}

impl CareKinds {
    /// Compiles the value sets.
    ///
    /// # Errors
    /// A sentence that names the set that is missing or wrong.
    pub fn compile(
        value_sets: &BTreeMap<String, Value>,
        code_systems: &BTreeMap<String, Value>,
    ) -> Result<Self, String> {
        let codes = |id: &str| Codes::compile(&format!("{CANONICAL}/ValueSet/{id}"), value_sets);
        Ok(Self {
            screened: Arc::clone(Terminology::new(value_sets, code_systems)?.encounters()),
            home: codes("vs-place-home")?,
            skilled_nursing: codes("vs-place-skilled-nursing")?,
            rehabilitation: codes("vs-place-rehabilitation")?,
            psychiatric: codes("vs-place-psychiatric")?,
            residence: codes("vs-place-nursing-home")?,
            resident: codes("vs-nursing-home-resident")?,
            no_answer: codes("vs-no-answer")?,
        })
    }

    /// The kind of an encounter; none where it is care of no kind that is counted. The first that fits is taken.
    pub fn kind(&self, encounter: &Encounter) -> Option<EncounterKind> {
        let screened = &*self.screened;
        let is = |codes: &Codes| {
            codes.has_any(&encounter.types) || encounter.class.as_ref().is_some_and(|class| codes.has(class))
        };
        let at = |codes: &Codes| !is_class(encounter, &VISITS) && codes.has_any(&encounter.places);
        // An inpatient stay that is not acute is none in hospital, unless its type says so.
        let non_acute = is_class(encounter, &["NONAC"]) && !screened.inpatient.has_any(&encounter.types);
        let inpatient = is(&screened.inpatient) && !non_acute;
        [
            (is(&screened.hospice), EncounterKind::HospiceInpatient),
            (inpatient && at(&self.home), EncounterKind::HospitalAtHome),
            (is(&screened.skilled_nursing) || at(&self.skilled_nursing), EncounterKind::SkilledNursing),
            (at(&self.rehabilitation), EncounterKind::Rehabilitation),
            (at(&self.psychiatric), EncounterKind::Psychiatric),
            (inpatient, EncounterKind::Inpatient),
            (is(&screened.observation), EncounterKind::Observation),
            (is(&screened.emergency), EncounterKind::Emergency),
            (at(&self.residence), EncounterKind::Residence),
            (non_acute, EncounterKind::NonAcute),
            (is_class(encounter, &["HH"]), EncounterKind::HomeVisit),
            (is(&screened.outpatient), EncounterKind::Outpatient),
        ]
        .into_iter()
        .find_map(|(fits, kind)| fits.then_some(kind))
    }
}

fn is_class(encounter: &Encounter, classes: &[&str]) -> bool {
    let of_hl7 = encounter.class.as_ref().filter(|class| class.system == ACT_CODE);
    of_hl7.is_some_and(|class| classes.contains(&class.code.as_str()))
}
