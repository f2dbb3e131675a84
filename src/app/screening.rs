//! What a screening reads through a session: a patient's record, and the rule sets that are asked for.
//! <https://hl7.org/fhir/R4/clinicalreasoning-module.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;

use crate::access::Action;
use crate::app::Known;
use crate::app::Session;
use crate::app::Stored;
use crate::app::rule_sets::each_once;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::fhir::datetime::date_in;
use crate::fhir::reference::Reference;
use crate::palliative::enrollment::both_kinds::days_of_person;
use crate::palliative::enrollment::coverage::is_active_on;
use crate::palliative::enrollment::coverage::line_of_business;
use crate::palliative::program::Program;
use crate::palliative::record::FURTHER_TYPES;
use crate::palliative::record::PatientRecord;
use crate::palliative::record::SCREENED_TYPES;
use crate::palliative::record::says_nothing;
use crate::palliative::record::sort;
use crate::palliative::screening::RuleSet;
use crate::palliative::screening::Situation;

/// The programme whose settings hold where none is named.
const DEFAULT_PROGRAM: &str = "HealthcareService/default";

/// Where a resource names what it is about by reference, and the types that are read for it.
const NAMING: [&str; 3] = ["/medicationReference/reference", "/codeReference/reference", "/device/reference"];
pub(super) const NAMED_TYPES: [&str; 2] = ["Device", "Medication"];

/// A patient as rule sets see them on a day.
#[derive(Debug)]
pub struct Subject {
    /// The facts, in the programme's zone.
    pub record: PatientRecord,
    /// The day.
    pub as_of: Date,
    /// The lines of business of the coverage that is active on the day.
    pub lines_of_business: Vec<String>,
    attestation_valid_days: i64,
}

impl Subject {
    /// The facts about a patient on a day, for a programme.
    pub fn new(patient: &str, mut resources: Vec<Resource>, program: &Program, as_of: Date) -> Self {
        sort(&mut resources);
        Self::of_sorted(patient, &resources, program, as_of)
    }

    /// The same from resources that [`sort`] has put in their order.
    pub fn of_sorted(patient: &str, resources: &[Resource], program: &Program, as_of: Date) -> Self {
        let resources = program.maps.applied(resources);
        let active = resources
            .iter()
            .filter(|resource| resource.ty().name() == "Coverage" && is_active_on(resource, as_of, program));
        let lines: BTreeSet<&str> =
            active.filter_map(line_of_business).filter(|line| !says_nothing(line)).collect();
        let record = PatientRecord::of_sorted(patient, &resources, &program.zone);
        Self {
            lines_of_business: lines.into_iter().map(str::to_owned).collect(),
            record: PatientRecord {
                restricted: program.maps.restricted_in(&resources),
                beside_hospice: days_of_person(&record, program),
                ..record
            },
            as_of,
            attestation_valid_days: program.attestation_valid_days,
        }
    }

    /// What rule sets are evaluated on.
    pub fn situation(&self) -> Situation<'_> {
        Situation {
            record: &self.record,
            as_of: self.as_of,
            attestation_valid_days: self.attestation_valid_days,
            lines_of_business: &self.lines_of_business,
        }
    }
}

impl Session {
    /// The programme that is named, or the one whose settings hold where none is.
    ///
    /// # Errors
    /// As [`Session::program`].
    pub fn screening_program(&self, named: Option<&str>) -> Result<Program, Failure> {
        self.program(named.unwrap_or(DEFAULT_PROGRAM))
    }

    /// Today, where the programme works.
    pub fn today_in(&self, program: &Program) -> Date {
        date_in(self.now(), &program.zone)
    }

    /// Refuses a caller who may not read what every screening reads: what the caller cannot see would be taken for
    /// not being there.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_screening(&self) -> Result<(), Failure> {
        self.require_screening_by(&[])
    }

    /// Refuses a caller who may not read all that these rule sets read.
    ///
    /// # Errors
    /// `Forbidden`, with the scope that is missing.
    pub fn require_screening_by(&self, rule_sets: &[Arc<RuleSet>]) -> Result<(), Failure> {
        types_of(rule_sets).iter().try_for_each(|ty| self.require(Action::Read, *ty))
    }

    /// The stored resources that every screening of a patient reads, as for [`Session::screened_by`].
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn screened(&self, patient: &str) -> Result<Vec<Resource>, Failure> {
        self.screened_by(patient, &[])
    }

    /// The stored resources that a screening of a patient by these rule sets reads today, as for
    /// [`Session::screened_as`].
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn screened_by(&self, patient: &str, rule_sets: &[Arc<RuleSet>]) -> Result<Vec<Resource>, Failure> {
        self.screened_as(patient, rule_sets, Known::Clinically)
    }

    /// A patient as rule sets see them on a day: with all that is on file, as for [`Session::chart`].
    ///
    /// # Errors
    /// Only what the database fails with.
    pub fn screening_subject(
        &self,
        patient: &str,
        program: &Program,
        (rule_sets, as_of): (&[Arc<RuleSet>], Date),
    ) -> Result<Subject, Failure> {
        let resources = self.as_service().screened_by(patient, rule_sets)?;
        let mut subject = Subject::new(patient, resources, program, as_of);
        self.hear_elsewhere(&mut subject, Known::Clinically)?;
        Ok(subject)
    }

    /// Those of these that are about the patient, and the Medications and Devices that they name, as far as they are there
    /// for the caller to see.
    pub(super) fn with_named(
        &self,
        patient: &str,
        stored: Vec<Stored>,
        read: impl Fn(ResourceType, &str) -> Result<Stored, Failure>,
    ) -> Result<Vec<Resource>, Failure> {
        let mut resources: Vec<Resource> =
            stored.iter().map(|one| Resource::from_value(one.value()?)).collect::<Result<_, Failure>>()?;
        resources.retain(|resource| about(resource, self.base_url()) == Some(patient));
        let named = named_by(resources.iter(), self.base_url());
        for (ty, id) in named {
            // One that is not there, or not for the caller to see, leaves the medicine or device unnamed.
            if let Ok(stored) = read(ty, &id) {
                resources.push(Resource::from_value(stored.value()?)?);
            }
        }
        Ok(resources)
    }

    /// The rule sets that are named, else the programme's own, else all that are in use.
    ///
    /// # Errors
    /// 404 for a rule set that is not here; `BusinessRule` where the programme names such a one.
    pub fn rule_sets(&self, named: &[&str], program: &Program) -> Result<Vec<Arc<RuleSet>>, Failure> {
        if !named.is_empty() {
            let found = each_once(named.iter().copied());
            let found = found.map(|one| self.rule_set(one)?.ok_or_else(|| self.unknown_rule_set(one)));
            return Ok(distinct(found.collect::<Result<_, _>>()?));
        }
        if program.rule_sets.is_empty() {
            return self.active_rule_sets();
        }
        let unknown = |canonical: &str| {
            let text = format!(
                "The programme {} names the rule set {canonical}, which is not here or cannot be used.",
                program.name
            );
            Failure::new(Reason::BusinessRule, text)
        };
        let found = each_once(program.rule_sets.iter().map(String::as_str));
        let found = found.map(|one| self.rule_set(one)?.ok_or_else(|| unknown(one)));
        Ok(distinct(found.collect::<Result<_, _>>()?))
    }

    /// The rule sets by which a programme of specialist care admits: whoever is eligible by one of them has a floor of the
    /// tier. Any other programme has no use for them.
    ///
    /// # Errors
    /// `BusinessRule` where the programme names one that is not here.
    pub(crate) fn entry_rule_sets(&self, program: &Program) -> Result<Vec<Arc<RuleSet>>, Failure> {
        if program.specialist && !program.rule_sets.is_empty() {
            self.rule_sets(&[], program)
        } else {
            Ok(Vec::new())
        }
    }

    fn unknown_rule_set(&self, canonical: &str) -> Failure {
        let known: Vec<String> = self.app().rule_sets.active().map(|set| set.canonical()).collect();
        let text = format!(
            "There is no rule set {canonical} that can be used here; of ours there are {}.",
            known.join(" and ")
        );
        Failure::new(Reason::NotFound, text)
    }
}

/// The patient whom a resource is about. A compartment also holds what refers to a patient in another way: the coverage of
/// one whom they insure, what they observed of another.
pub(crate) fn about<'a>(resource: &'a Resource, base_url: &str) -> Option<&'a str> {
    if resource.ty().name() == "Patient" {
        return resource.id();
    }
    let mut places = ["/patient/reference", "/subject/reference", "/beneficiary/reference"].into_iter();
    let text = places.find_map(|place| resource.text(place))?;
    let local = Reference::parse_under(text, base_url).local();
    local.filter(|local| local.ty.name() == "Patient").map(|local| local.id)
}

/// The medicines and devices that these name by reference.
pub(super) fn named_by<'a>(
    resources: impl Iterator<Item = &'a Resource>,
    base_url: &str,
) -> BTreeSet<(ResourceType, String)> {
    resources
        .flat_map(|resource| NAMING.iter().filter_map(|pointer| resource.text(pointer)))
        .filter_map(|reference| Reference::parse_under(reference, base_url).local())
        .filter(|local| NAMED_TYPES.contains(&local.ty.name()))
        .map(|local| (local.ty, local.id.to_owned()))
        .collect()
}

fn distinct(sets: Vec<Arc<RuleSet>>) -> Vec<Arc<RuleSet>> {
    let mut seen = BTreeSet::new();
    sets.into_iter().filter(|set| seen.insert(set.canonical())).collect()
}

/// The types that any screening may read, the Patient among them.
pub fn screened_types() -> Vec<ResourceType> {
    types(FURTHER_TYPES.into_iter())
}

/// The types that a screening by these rule sets reads, the Patient among them.
pub(super) fn types_of(rule_sets: &[Arc<RuleSet>]) -> Vec<ResourceType> {
    let further: BTreeSet<&str> = rule_sets.iter().flat_map(|set| set.further_types()).collect();
    types(further.into_iter())
}

fn types<'a>(further: impl Iterator<Item = &'a str>) -> Vec<ResourceType> {
    let names = SCREENED_TYPES.into_iter().chain(["Patient"]).chain(further);
    names.filter_map(ResourceType::parse).collect()
}

/// Whether a resource refers to a patient as the one whom it is about.
pub fn is_about(resource: &Value, patient: &[String]) -> bool {
    let references = ["subject", "patient", "beneficiary"].iter().filter_map(|name| resource.get(name));
    let mut references = references.filter_map(|reference| reference.get("reference")?.as_str());
    references.any(|reference| patient.iter().any(|own| own == reference))
}
