//! The resource types of FHIR R4, as small numbers. <https://hl7.org/fhir/R4/resourcelist.html>

use std::fmt;

/// One of R4's concrete resource types. Its number is its place in the alphabetical list, which R4 has
/// frozen; the database stores that number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(u8);

impl ResourceType {
    /// The type with this name, spelled as R4 spells it.
    pub fn parse(name: &str) -> Option<Self> {
        let mut slot = slot(name.as_bytes());
        loop {
            let number = *PLACES.get(slot)?;
            if number == NOBODY {
                return None;
            }
            if NAMES[usize::from(number)] == name {
                return Some(Self(number));
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The type with this number, as it came from [`ResourceType::number`].
    pub fn from_number(number: i64) -> Option<Self> {
        u8::try_from(number).ok().filter(|at| usize::from(*at) < NAMES.len()).map(Self)
    }

    /// The type's name.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// The number under which the database knows the type.
    pub fn number(self) -> i64 {
        i64::from(self.0)
    }

    /// All types, in alphabetical order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..NAMES.len()).filter_map(|at| u8::try_from(at).ok()).map(Self)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names are looked up several times for each request, in a table that is made when this is compiled: a search among the
/// sorted names compares eight of them, most of which begin alike. A power of two, and so large that most names are alone.
const SLOTS: usize = 1024;
/// What stands where no name is.
const NOBODY: u8 = u8::MAX;
static PLACES: [u8; SLOTS] = places();

const fn places() -> [u8; SLOTS] {
    let mut places = [NOBODY; SLOTS];
    let mut number = 0;
    while number < NOBODY && (number as usize) < NAMES.len() {
        let mut slot = slot(NAMES[number as usize].as_bytes());
        while places[slot] != NOBODY {
            slot = (slot + 1) % SLOTS;
        }
        places[slot] = number;
        number += 1;
    }
    places
}

/// Where a name is looked for first. <https://www.rfc-editor.org/rfc/rfc9923>
const fn slot(name: &[u8]) -> usize {
    let mut sum: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < name.len() {
        sum = (sum ^ name[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (sum ^ (sum >> 15)) as usize % SLOTS
}

#[rustfmt::skip]
const NAMES: [&str; 146] = [
    "Account", "ActivityDefinition", "AdverseEvent", "AllergyIntolerance", "Appointment",
    "AppointmentResponse", "AuditEvent", "Basic", "Binary", "BiologicallyDerivedProduct", "BodyStructure",
    "Bundle", "CapabilityStatement", "CarePlan", "CareTeam", "CatalogEntry", "ChargeItem",
    "ChargeItemDefinition", "Claim", "ClaimResponse", "ClinicalImpression", "CodeSystem", "Communication",
    "CommunicationRequest", "CompartmentDefinition", "Composition", "ConceptMap", "Condition", "Consent",
    "Contract", "Coverage", "CoverageEligibilityRequest", "CoverageEligibilityResponse", "DetectedIssue",
    "Device", "DeviceDefinition", "DeviceMetric", "DeviceRequest", "DeviceUseStatement",
    "DiagnosticReport", "DocumentManifest", "DocumentReference", "EffectEvidenceSynthesis", "Encounter",
    "Endpoint", "EnrollmentRequest", "EnrollmentResponse", "EpisodeOfCare", "EventDefinition", "Evidence",
    "EvidenceVariable", "ExampleScenario", "ExplanationOfBenefit", "FamilyMemberHistory", "Flag", "Goal",
    "GraphDefinition", "Group", "GuidanceResponse", "HealthcareService", "ImagingStudy", "Immunization",
    "ImmunizationEvaluation", "ImmunizationRecommendation", "ImplementationGuide", "InsurancePlan",
    "Invoice", "Library", "Linkage", "List", "Location", "Measure", "MeasureReport", "Media", "Medication",
    "MedicationAdministration", "MedicationDispense", "MedicationKnowledge", "MedicationRequest",
    "MedicationStatement", "MedicinalProduct", "MedicinalProductAuthorization",
    "MedicinalProductContraindication", "MedicinalProductIndication", "MedicinalProductIngredient",
    "MedicinalProductInteraction", "MedicinalProductManufactured", "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "MessageDefinition",
    "MessageHeader", "MolecularSequence", "NamingSystem", "NutritionOrder", "Observation",
    "ObservationDefinition", "OperationDefinition", "OperationOutcome", "Organization",
    "OrganizationAffiliation", "Parameters", "Patient", "PaymentNotice", "PaymentReconciliation", "Person",
    "PlanDefinition", "Practitioner", "PractitionerRole", "Procedure", "Provenance", "Questionnaire",
    "QuestionnaireResponse", "RelatedPerson", "RequestGroup", "ResearchDefinition",
    "ResearchElementDefinition", "ResearchStudy", "ResearchSubject", "RiskAssessment",
    "RiskEvidenceSynthesis", "Schedule", "SearchParameter", "ServiceRequest", "Slot", "Specimen",
    "SpecimenDefinition", "StructureDefinition", "StructureMap", "Subscription",
    "Substance", "SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein",
    "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification", "SupplyDelivery",
    "SupplyRequest", "Task", "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet",
    "VerificationResult", "VisionPrescription",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_numbers_are_stable() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn every_type_is_found_by_its_name_and_number() {
        for ty in ResourceType::all() {
            assert_eq!(ResourceType::parse(ty.name()), Some(ty));
            assert_eq!(ResourceType::from_number(ty.number()), Some(ty));
        }
        for none in ["DomainResource", "", "patient", "Patient ", "Patien", "Übung"] {
            assert_eq!(ResourceType::parse(none), None, "{none}");
        }
    }
}
