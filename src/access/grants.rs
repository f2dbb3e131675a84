//! What scopes grant, as the restriction that becomes part of every query.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>
//!
//! A patient-level scope reaches into one patient's compartment. Two kinds of types stand outside it and are still
//! needed to read what is inside: the directory (who and where), of which only what the compartment refers to
//! shows, and definitions, which hold no one's data. Any other type stays closed.

use std::collections::BTreeMap;

use crate::access::Action;
use crate::fhir::ResourceType;
use crate::search::Restriction;
use crate::search::Visible;

/// How far a grant reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All patients, and what concerns the service as a whole: for a system without a user.
    System,
    /// All patients.
    All,
    /// The compartment of the patient with this id.
    Patient(String),
}

impl Reach {
    /// Whether it is no single patient's compartment.
    pub fn is_everywhere(&self) -> bool {
        match self {
            Reach::System | Reach::All => true,
            Reach::Patient(_) => false,
        }
    }
}

/// One thing that a caller may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The resource type; none for every type.
    pub ty: Option<ResourceType>,
    /// What may be done.
    pub actions: Vec<Action>,
    /// With whose resources.
    pub reach: Reach,
}

impl Grant {
    /// The grant of everything.
    pub fn everything() -> Self {
        Self { ty: None, actions: Action::ALL.to_vec(), reach: Reach::System }
    }
}

/// Which resources of each type these grants let be acted upon.
pub fn restriction(grants: &[Grant], action: Action) -> Restriction {
    let everywhere =
        |grant: &Grant| grant.ty.is_none() && grant.reach.is_everywhere() && grant.actions.contains(&action);
    if grants.iter().any(everywhere) {
        return Restriction::none();
    }
    let by_type: BTreeMap<_, _> = ResourceType::all()
        .map(|ty| (ty, visible(grants, action, ty)))
        .filter(|(_, visible)| *visible != Visible::Nothing)
        .collect();
    Restriction { default: Visible::Nothing, by_type }
}

/// Which resources of one type these grants let be acted upon.
pub fn visible(grants: &[Grant], action: Action, ty: ResourceType) -> Visible {
    let mut patients = Vec::new();
    let fitting = |grant: &&Grant| grant.ty.is_none_or(|of| of == ty) && grant.actions.contains(&action);
    for grant in grants.iter().filter(fitting) {
        match (&grant.reach, Kind::of(ty)) {
            (Reach::System | Reach::All, _) => return Visible::All,
            (Reach::Patient(_), Kind::Definition) if action.is_reading() => return Visible::All,
            (Reach::Patient(_), Kind::Directory) if !action.is_reading() => {}
            (Reach::Patient(id), Kind::Compartment | Kind::Directory) if !patients.contains(id) => {
                patients.push(id.clone());
            }
            (Reach::Patient(_), _) => {}
        }
    }
    if patients.is_empty() { Visible::Nothing } else { Visible::Patients(patients) }
}

/// How a type stands to the patient compartment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Compartment,
    Directory,
    Definition,
    Closed,
}

impl Kind {
    fn of(ty: ResourceType) -> Self {
        let listed = |list: &[&str]| list.binary_search(&ty.name()).is_ok();
        if listed(COMPARTMENT) {
            Kind::Compartment
        } else if listed(DIRECTORY) {
            Kind::Directory
        } else if listed(DEFINITIONS) {
            Kind::Definition
        } else {
            Kind::Closed
        }
    }
}

/// R4's patient compartment, without Group: a roster that names one patient names the others too.
#[rustfmt::skip]
const COMPARTMENT: &[&str] = &[
    "Account", "AdverseEvent", "AllergyIntolerance", "Appointment", "AppointmentResponse", "AuditEvent", "Basic",
    "BodyStructure", "CarePlan", "CareTeam", "ChargeItem", "Claim", "ClaimResponse", "ClinicalImpression",
    "Communication", "CommunicationRequest", "Composition", "Condition", "Consent", "Coverage",
    "CoverageEligibilityRequest", "CoverageEligibilityResponse", "DetectedIssue", "DeviceRequest",
    "DeviceUseStatement", "DiagnosticReport", "DocumentManifest", "DocumentReference", "Encounter",
    "EnrollmentRequest", "EpisodeOfCare", "ExplanationOfBenefit", "FamilyMemberHistory", "Flag", "Goal",
    "ImagingStudy", "Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation", "Invoice", "List",
    "MeasureReport", "Media", "MedicationAdministration", "MedicationDispense", "MedicationRequest",
    "MedicationStatement", "MolecularSequence", "NutritionOrder", "Observation", "Patient", "Person", "Procedure",
    "Provenance", "QuestionnaireResponse", "RelatedPerson", "RequestGroup", "ResearchSubject", "RiskAssessment",
    "Schedule", "ServiceRequest", "Specimen", "SupplyDelivery", "SupplyRequest", "VisionPrescription",
];

/// Who and where: no patient's data, but not for everybody to list either.
const DIRECTORY: &[&str] = &[
    "Endpoint",
    "HealthcareService",
    "Location",
    "Medication",
    "Organization",
    "OrganizationAffiliation",
    "Practitioner",
    "PractitionerRole",
];

/// What describes rather than records.
#[rustfmt::skip]
const DEFINITIONS: &[&str] = &[
    "ActivityDefinition", "CapabilityStatement", "CodeSystem", "CompartmentDefinition", "ConceptMap", "Library",
    "Measure", "NamingSystem", "OperationDefinition", "PlanDefinition", "Questionnaire", "SearchParameter",
    "StructureDefinition", "ValueSet",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(name: &str) -> ResourceType {
        ResourceType::parse(name).unwrap()
    }

    #[test]
    fn the_compartment_is_that_of_the_definitions_without_group() {
        let definitions = crate::definitions::Definitions::shared().unwrap();
        let defined = definitions.compartments[&ty("Patient")].keys().map(|ty| ty.name());
        let defined: Vec<_> = defined.filter(|name| *name != "Group").collect();
        assert_eq!(COMPARTMENT, defined);
    }

    fn grant(name: &str, actions: &[Action], patient: Option<&str>) -> Grant {
        Grant {
            ty: (name != "*").then(|| ty(name)),
            actions: actions.to_vec(),
            reach: patient.map_or(Reach::All, |id| Reach::Patient(id.into())),
        }
    }

    fn patients(ids: &[&str]) -> Visible {
        Visible::Patients(ids.iter().map(|id| (*id).to_owned()).collect())
    }

    #[test]
    fn the_lists_are_sorted_known_and_apart() {
        for list in [COMPARTMENT, DIRECTORY, DEFINITIONS] {
            assert!(list.is_sorted());
            assert!(list.iter().all(|name| ResourceType::parse(name).is_some()));
        }
        let listed = |name: &str| {
            [COMPARTMENT, DIRECTORY, DEFINITIONS].iter().filter(|list| list.contains(&name)).count()
        };
        assert!(ResourceType::all().all(|ty| listed(ty.name()) <= 1));
    }

    #[test]
    fn a_patient_level_grant_reaches_one_compartment_and_what_it_needs() {
        let grants = [grant("*", &Action::ALL, Some("1"))];
        for (name, action, seen) in [
            ("Observation", Action::Search, patients(&["1"])),
            ("Observation", Action::Create, patients(&["1"])),
            ("Patient", Action::Read, patients(&["1"])),
            ("Practitioner", Action::Read, patients(&["1"])),
            ("Practitioner", Action::Update, Visible::Nothing),
            ("ValueSet", Action::Search, Visible::All),
            ("ValueSet", Action::Delete, Visible::Nothing),
            ("Group", Action::Read, Visible::Nothing),
            ("Task", Action::Read, Visible::Nothing),
            ("Subscription", Action::Search, Visible::Nothing),
        ] {
            assert_eq!(visible(&grants, action, ty(name)), seen, "{name} {action:?}");
            assert_eq!(restriction(&grants, action).of(ty(name)), &seen, "{name} {action:?}");
        }
    }

    #[test]
    fn grants_add_up_and_the_widest_wins() {
        let grants = [
            grant("Observation", &[Action::Read], Some("1")),
            grant("Observation", &[Action::Read], Some("2")),
            grant("Condition", &[Action::Read], Some("1")),
            grant("Condition", &[Action::Read], None),
        ];
        assert_eq!(visible(&grants, Action::Read, ty("Observation")), patients(&["1", "2"]));
        assert_eq!(visible(&grants, Action::Read, ty("Condition")), Visible::All);
        assert_eq!(visible(&grants, Action::Search, ty("Condition")), Visible::Nothing);
        assert_eq!(visible(&grants, Action::Read, ty("ValueSet")), Visible::Nothing);
    }

    #[test]
    fn everything_is_without_restriction_and_nothing_sees_nothing() {
        assert_eq!(restriction(&[Grant::everything()], Action::Delete), Restriction::none());
        let none = restriction(&[], Action::Read);
        assert!(ResourceType::all().all(|ty| *none.of(ty) == Visible::Nothing));
    }
}
