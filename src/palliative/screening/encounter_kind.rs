//! What kind of care an encounter is, by its class and types. <https://hl7.org/fhir/R4/encounter.html>

use crate::palliative::record::Encounter;
use crate::palliative::screening::logic::State;
use crate::palliative::screening::value_set::Codes;

/// What kind of encounter it is. Rule sets ask for the first four; measures tell all of them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncounterKind {
    /// A hospital stay.
    Inpatient,
    /// A stay for observation.
    Observation,
    /// An emergency visit.
    Emergency,
    /// A visit.
    Outpatient,
    /// Hospital care in the patient's own home.
    HospitalAtHome,
    /// A stay in a psychiatric hospital.
    Psychiatric,
    /// A stay in a hospital for rehabilitation.
    Rehabilitation,
    /// A stay in a skilled nursing facility.
    SkilledNursing,
    /// An inpatient stay that is not acute and of no other kind.
    NonAcute,
    /// Hospice in a facility.
    HospiceInpatient,
    /// Living in a nursing home.
    Residence,
    /// Care at home.
    HomeVisit,
}

impl EncounterKind {
    /// Whether it is an admission to acute care: neighbours of one kind are one admission, and what led to it is a part
    /// of it.
    pub fn is_admission(self) -> bool {
        matches!(self, Self::Inpatient | Self::HospitalAtHome | Self::Psychiatric)
    }
}

/// The codes of class and type by which the kind is told.
#[derive(Clone, Debug)]
pub struct EncounterCodes {
    /// Hospice as an inpatient, which is no hospital stay.
    pub hospice: Codes,
    /// Stays in a skilled nursing facility, which are none in hospital either, whatever their class.
    pub skilled_nursing: Codes,
    /// Hospital stays.
    pub inpatient: Codes,
    /// Stays for observation.
    pub observation: Codes,
    /// Emergency visits.
    pub emergency: Codes,
    /// Visits.
    pub outpatient: Codes,
    /// Emergency admissions, which nobody planned.
    pub unplanned: Codes,
    /// Admissions that were planned.
    pub planned: Codes,
}

impl EncounterCodes {
    /// The kind that rule sets ask for; none of what is none of theirs.
    pub fn kind(&self, encounter: &Encounter) -> Option<EncounterKind> {
        let is = |codes: &Codes| {
            codes.has_any(&encounter.types) || encounter.class.as_ref().is_some_and(|class| codes.has(class))
        };
        if is(&self.hospice) || is(&self.skilled_nursing) {
            return None;
        }
        [
            (&self.inpatient, EncounterKind::Inpatient),
            (&self.observation, EncounterKind::Observation),
            (&self.emergency, EncounterKind::Emergency),
            (&self.outpatient, EncounterKind::Outpatient),
        ]
        .into_iter()
        .find_map(|(codes, kind)| is(codes).then_some(kind))
    }

    /// Whether nobody planned it, as its codes say.
    pub fn unplanned(&self, encounter: &Encounter) -> State {
        let emergency = encounter.admit_source.codings.iter().any(|coding| coding.code == "emd");
        if emergency || self.unplanned.has_any(&encounter.types) {
            State::Met
        } else if self.planned.has_any(&encounter.types) {
            State::NotMet
        } else {
            State::Unknown
        }
    }
}
