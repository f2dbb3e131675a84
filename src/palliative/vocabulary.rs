//! The names that palliative resources of ours carry: extensions, code systems, codes.
//! <https://hl7.org/fhir/R4/terminologies.html>
//!
//! They are part of stored data, so none may change. All stand below the canonical root of our definitions,
//! which a test holds them to.

macro_rules! own {
    ($($(#[$meta:meta])* $name:ident = $path:literal;)*) => {
        $($(#[$meta])* pub const $name: &str = concat!("https://comfrey.health/fhir/", $path);)*
        #[cfg(test)]
        const ALL: &[&str] = &[$($name),*];
    };
}

own! {
    /// The fine state of an enrolment, on `EpisodeOfCare` and on each entry of its `statusHistory`.
    STATE_EXTENSION = "StructureDefinition/enrollment-state";
    /// The programme (a HealthcareService) that an episode belongs to.
    PROGRAM_EXTENSION = "StructureDefinition/palliative-program";
    /// What the eligibility was judged by: rule set, outcome, date and the GuidanceResponse.
    EVIDENCE_EXTENSION = "StructureDefinition/eligibility-evidence";
    /// Why the episode ended.
    END_REASON_EXTENSION = "StructureDefinition/end-reason";
    /// The date on which the ending took effect, which may lie after the last enrolled day.
    END_DATE_EXTENSION = "StructureDefinition/end-date";
    /// Set to 0 where an ending came to lie before the start: the episode then has no enrolled day.
    ENROLLED_DAYS_EXTENSION = "StructureDefinition/enrolled-days";
    /// One attempt to tell the patient of the programme.
    OUTREACH_EXTENSION = "StructureDefinition/outreach";
    /// The day after which an unanswered offer may lapse.
    OFFER_EXPIRES_EXTENSION = "StructureDefinition/offer-expires";
    /// The enrolment agreement (a Consent).
    CONSENT_EXTENSION = "StructureDefinition/enrollment-consent";
    /// The coverage that was frozen at enrolment.
    COVERAGE_EXTENSION = "StructureDefinition/coverage";
    /// The setting in which care is given.
    SETTING_EXTENSION = "StructureDefinition/care-setting";
    /// The medical home that the patient was attributed to at enrolment.
    PCMH_EXTENSION = "StructureDefinition/attributed-pcmh";
    /// A medical home to which the patient was attributed from a day on, in their order.
    PCMH_HISTORY_EXTENSION = "StructureDefinition/attributed-pcmh-history";
    /// Why it is that medical home, on the reference to it.
    ATTRIBUTION_EXTENSION = "StructureDefinition/attribution-reason";
    /// A coverage that was in force from a day on, in their order.
    COVERAGE_HISTORY_EXTENSION = "StructureDefinition/coverage-history";
    /// The recognition of an Organization as a medical home.
    RECOGNITION_EXTENSION = "StructureDefinition/pcmh-recognition";
    /// The tier of need, with the day since when.
    TIER_EXTENSION = "StructureDefinition/risk-tier";
    /// The intake visit (an Encounter).
    INTAKE_EXTENSION = "StructureDefinition/intake-encounter";
    /// When an expected event (capacity, the end of a hold) is expected.
    EXPECTED_EXTENSION = "StructureDefinition/expected-date";
    /// Why a guard was overridden, and by whom.
    OVERRIDE_EXTENSION = "StructureDefinition/override-reason";
    /// The day on which the referral was received.
    RECEIVED_EXTENSION = "StructureDefinition/referral-received";
    /// Who or what found the patient: `clinician`, `self`, `caregiver`, `algorithm`, `payer`.
    SOURCE_EXTENSION = "StructureDefinition/referral-source";
    /// The episode that this one continues.
    TRANSFERRED_FROM_EXTENSION = "StructureDefinition/transferred-from";
    /// The payer's approval.
    AUTHORIZATION_EXTENSION = "StructureDefinition/authorization";
    /// The last day of a hospice period, on a later referral.
    HOSPICE_END_EXTENSION = "StructureDefinition/hospice-end";
    /// Where a person died.
    DEATH_PLACE_EXTENSION = "StructureDefinition/place-of-death";
    /// A fact of a care-plan template that no criterion states: the tier of the episode, the language spoken.
    PLAN_FACT_EXTENSION = "StructureDefinition/care-plan-fact";
    /// Which of the tier's cadences an action or a target of a care-plan template follows.
    CADENCE_EXTENSION = "StructureDefinition/care-plan-cadence";
    /// When a target of a care-plan template is due sooner, and in how many days.
    DUE_WHEN_EXTENSION = "StructureDefinition/care-plan-due-when";
    /// The observations in which a person says in their own words what a goal of a care-plan template is about.
    OWN_WORDS_EXTENSION = "StructureDefinition/care-plan-own-words";
    /// An action of the template that a care plan once had, whether or not a person has taken it out since.
    TEMPLATE_ACTION_EXTENSION = "StructureDefinition/template-action";
    /// The document of a hospice election, on its Flag.
    ELECTION_EXTENSION = "StructureDefinition/election-document";
    /// Who asked for an ending or a decision: `patient`, `surrogate`, `provider`, `plan`, `system`.
    INITIATED_BY_EXTENSION = "StructureDefinition/initiated-by";
    /// The day on which the person was told of the ending.
    NOTICE_EXTENSION = "StructureDefinition/notice-date";
    /// Where the person went after the ending.
    DESTINATION_EXTENSION = "StructureDefinition/end-destination";
    /// The summary that was written at the ending (a DocumentReference).
    SUMMARY_EXTENSION = "StructureDefinition/discharge-summary";
    /// The settings of a programme.
    SETTINGS_EXTENSION = "StructureDefinition/palliative-program-settings";
    /// The domain (1 to 8) of the National Consensus Project that a goal or activity serves.
    DOMAIN_EXTENSION = "StructureDefinition/ncp-domain";
    /// When a care plan is to be reviewed.
    NEXT_REVIEW_EXTENSION = "StructureDefinition/next-review";
    /// The digest of what the template wrote, by which a person's edit is seen.
    TEMPLATE_DIGEST_EXTENSION = "StructureDefinition/template-digest";
    /// The episode that a care plan serves.
    EPISODE_EXTENSION = "StructureDefinition/palliative-episode";
    /// What the end of an episode closed: the episode, its state, the status before, and the version that was written.
    CLOSED_EXTENSION = "StructureDefinition/closed-with-episode";
    /// What an authority's proof for deciding in the patient's place is, on a Consent.
    AUTHORITY_EXTENSION = "StructureDefinition/surrogate-authority";
    /// The algorithm of a stratification, on what it wrote.
    RISK_ALGORITHM_EXTENSION = "StructureDefinition/risk-algorithm";
    /// The tier before it was kept up, on a RiskAssessment.
    COMPUTED_TIER_EXTENSION = "StructureDefinition/computed-tier";
    /// The tier that would hold if no clinician had decided otherwise, on a RiskAssessment.
    SETTLED_TIER_EXTENSION = "StructureDefinition/settled-tier";
    /// The tier that a clinician decides, on a RiskAssessment.
    TIER_OVERRIDE_EXTENSION = "StructureDefinition/tier-override";
    /// Why the tier is another than that of the score, on a RiskAssessment.
    RISK_ADJUSTMENT_EXTENSION = "StructureDefinition/risk-adjustment";
    /// The tier of need of a candidate, on an entry of the list of candidates.
    CANDIDATE_TIER_EXTENSION = "StructureDefinition/candidate-tier";
    /// The least and the greatest score of a candidate, on an entry of the list of candidates.
    CANDIDATE_SCORE_EXTENSION = "StructureDefinition/candidate-score";
    /// Why a person who was found is no candidate now, on an entry of a list that has everybody.
    SUPPRESSED_EXTENSION = "StructureDefinition/candidate-suppressed";
    /// The actions that a refused transition would have allowed.
    ALLOWED_EXTENSION = "StructureDefinition/allowed-actions";

    /// The fine states.
    STATE_SYSTEM = "CodeSystem/enrollment-state";
    /// The actions that change a state.
    ACTION_SYSTEM = "CodeSystem/enrollment-action";
    /// Why a state changed.
    REASON_SYSTEM = "CodeSystem/palliative-reason";
    /// The finer code of an error.
    ERROR_SYSTEM = "CodeSystem/palliative-error";
    /// What kind of episode it is.
    EPISODE_TYPE_SYSTEM = "CodeSystem/palliative-program";
    /// What a diagnosis is on an episode.
    DIAGNOSIS_ROLE_SYSTEM = "CodeSystem/episode-diagnosis-role";
    /// What kind of task it is.
    TASK_SYSTEM = "CodeSystem/palliative-task";
    /// What a Flag says.
    FLAG_SYSTEM = "CodeSystem/palliative-flag";
    /// The lines of business, with the payer codes that they hold.
    LOB_SYSTEM = "CodeSystem/line-of-business";
    /// The roles in a team, with the codes that mean them.
    ROLE_SYSTEM = "CodeSystem/palliative-team-role";
    /// What kind of encounter it is.
    ENCOUNTER_TYPE_SYSTEM = "CodeSystem/palliative-encounter-type";
    /// The settings of care.
    SETTING_SYSTEM = "CodeSystem/palliative-setting";
    /// The category of our care plans.
    PLAN_CATEGORY_SYSTEM = "CodeSystem/palliative-careplan-category";
    /// The category of the enrolment agreement.
    CONSENT_CATEGORY_SYSTEM = "CodeSystem/palliative-consent-category";
    /// The domains of the National Consensus Project.
    DOMAIN_SYSTEM = "CodeSystem/ncp-domain";
    /// What is or was due for a person in a programme.
    GAP_SYSTEM = "CodeSystem/palliative-gap";
    /// What a care plan may still lack.
    COMPLETENESS_SYSTEM = "CodeSystem/careplan-completeness";
    /// The six domains of the stratification by need.
    RISK_DOMAIN_SYSTEM = "CodeSystem/risk-domain";
    /// Why a tier is another than that of the score.
    RISK_ADJUSTMENT_SYSTEM = "CodeSystem/risk-adjustment";
    /// How a tier was found.
    RISK_METHOD_SYSTEM = "CodeSystem/risk-method";
    /// The tiers of need.
    TIER_SYSTEM = "CodeSystem/risk-tier";
    /// As what the care of a tier is paid.
    PAYMENT_TIER_SYSTEM = "CodeSystem/payment-tier";
    /// Names a resource that a template's action made: episode, template and action.
    TEMPLATE_ITEM_SYSTEM = "NamingSystem/care-plan-item";
    /// Names a task that asks for a review: episode, kind and due day.
    REVIEW_TASK_SYSTEM = "NamingSystem/review-task";
    /// Names a task that a stratification asked for: patient, kind and evidence.
    RISK_TASK_SYSTEM = "NamingSystem/risk-task";
    /// Names a task that case finding asked for: programme, patient and outcome.
    CANDIDATE_TASK_SYSTEM = "NamingSystem/candidate-task";
    /// Names the task that the withdrawal of an agreement leaves: episode and agreement.
    CONSENT_TASK_SYSTEM = "NamingSystem/consent-task";
    /// What rule sets say of a person.
    OUTCOME_SYSTEM = "CodeSystem/screen-outcome";
    /// Why a person who was found is no candidate now.
    SUPPRESSED_SYSTEM = "CodeSystem/candidate-suppressed";
    /// The stages on the way into a programme.
    STAGE_SYSTEM = "CodeSystem/uptake-stage";
    /// The measure of the way into a programme.
    UPTAKE_MEASURE = "Measure/uptake-funnel";
    /// The denominator of a measure in months of people.
    MEMBER_MONTHS_EXTENSION = "StructureDefinition/member-months";
    /// How many people have days in a denominator.
    MEASURED_PEOPLE_EXTENSION = "StructureDefinition/measured-people";
    /// The standard error of a score.
    STANDARD_ERROR_EXTENSION = "StructureDefinition/standard-error";
    /// The lower bound of a score.
    CONFIDENCE_LOW_EXTENSION = "StructureDefinition/confidence-low";
    /// The upper bound of a score.
    CONFIDENCE_HIGH_EXTENSION = "StructureDefinition/confidence-high";
    /// The median beside a mean.
    MEDIAN_EXTENSION = "StructureDefinition/median";
    /// By which edition of its rules a report was made.
    LOGIC_VERSION_EXTENSION = "StructureDefinition/logic-version";
    /// The last day of which all feeds tell.
    DATA_THROUGH_EXTENSION = "StructureDefinition/data-through";
    /// Whether what happened in a period may still become known.
    PRELIMINARY_EXTENSION = "StructureDefinition/preliminary";
    /// What a day counts as in a report.
    MEASURE_CONVENTION_EXTENSION = "StructureDefinition/measure-convention";
    /// Days that a report leaves out.
    MEASURE_EXCLUSION_EXTENSION = "StructureDefinition/measure-exclusion";
    /// What may make a report wrong.
    MEASURE_DOUBT_EXTENSION = "StructureDefinition/measure-doubt";
    /// The stratification by need.
    RISK_ALGORITHM = "PlanDefinition/palliative-risk";
    /// The local codes of what is observed or attested.
    OBSERVATION_SYSTEM = "CodeSystem/palliative-observation";
    /// The care-plan template.
    TEMPLATE = "PlanDefinition/palliative-careplan";
}

/// What the programme's operations alone write on an episode: the extensions of ours that are defined for one.
pub const EPISODE_EXTENSIONS: [&str; 28] = [
    STATE_EXTENSION,
    PROGRAM_EXTENSION,
    EVIDENCE_EXTENSION,
    END_REASON_EXTENSION,
    END_DATE_EXTENSION,
    ENROLLED_DAYS_EXTENSION,
    OUTREACH_EXTENSION,
    OFFER_EXPIRES_EXTENSION,
    CONSENT_EXTENSION,
    COVERAGE_EXTENSION,
    COVERAGE_HISTORY_EXTENSION,
    SETTING_EXTENSION,
    PCMH_EXTENSION,
    PCMH_HISTORY_EXTENSION,
    TIER_EXTENSION,
    INTAKE_EXTENSION,
    EXPECTED_EXTENSION,
    OVERRIDE_EXTENSION,
    RECEIVED_EXTENSION,
    SOURCE_EXTENSION,
    TRANSFERRED_FROM_EXTENSION,
    AUTHORIZATION_EXTENSION,
    HOSPICE_END_EXTENSION,
    DEATH_PLACE_EXTENSION,
    INITIATED_BY_EXTENSION,
    NOTICE_EXTENSION,
    DESTINATION_EXTENSION,
    SUMMARY_EXTENSION,
];

/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// The categories of social needs, of HL7's SDOH Clinical Care.
pub const SDOH_SYSTEM: &str =
    "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes";
/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// US Core's category of care plans.
pub const US_CORE_PLAN_CATEGORY: &str = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::ALL;
    use super::EPISODE_EXTENSIONS;
    use crate::definitions::Definitions;

    #[test]
    fn every_extension_that_is_defined_for_an_episode_is_the_operations_own() {
        let structures = &Definitions::shared().unwrap().structures;
        let is_for_episodes = |one: &Value| {
            let mut contexts = one["context"].as_array().into_iter().flatten();
            contexts.any(|context| context["expression"] == "EpisodeOfCare")
        };
        let defined: BTreeSet<&str> = structures
            .values()
            .filter(|one| is_for_episodes(one))
            .filter_map(|one| one["url"].as_str())
            .collect();
        assert_eq!(defined, EPISODE_EXTENSIONS.into_iter().collect());
    }

    #[test]
    fn every_name_of_ours_stands_below_the_canonical_root_and_is_used_once() {
        let mut seen = BTreeSet::new();
        for name in ALL {
            assert!(name.starts_with("https://comfrey.health/fhir/"), "{name}");
            assert!(seen.insert(name), "{name} stands for two things");
        }
    }
}
