//! Which observations are which assessment, by value sets. <https://hl7.org/fhir/R4/valueset.html>

use std::collections::BTreeMap;

use serde_json::Value;

use crate::definitions::CANONICAL;
use crate::palliative::screening::Codes;

/// Which observations are which assessment.
#[derive(Clone, Debug)]
pub struct Assessments {
    /// Of symptoms.
    pub symptoms: Codes,
    /// Of function.
    pub function: Codes,
    /// Of the caregiver's burden.
    pub caregiver: Codes,
    /// Of pain, on a scale of 0 to 10.
    pub pain: Codes,
    /// Of pain, on a scale of 0 to 4.
    pub pain_of_four: Codes,
    /// Of what kind of pain it is.
    pub pain_assessment: Codes,
    /// Medicines against pain.
    pub analgesics: Codes,
}

impl Assessments {
    /// Compiles the value sets.
    ///
    /// # Errors
    /// A sentence that names the set that is missing or wrong.
    pub fn compile(value_sets: &BTreeMap<String, Value>) -> Result<Self, String> {
        let codes = |id: &str| Codes::compile(&format!("{CANONICAL}/ValueSet/{id}"), value_sets);
        Ok(Self {
            symptoms: codes("vs-symptom-assessment")?,
            function: codes("vs-function-assessment")?,
            caregiver: codes("vs-caregiver-assessment")?,
            pain: codes("vs-pain-score")?,
            pain_of_four: codes("vs-pain-score-ipos")?,
            pain_assessment: codes("vs-pain-assessment")?,
            analgesics: codes("vs-analgesic")?,
        })
    }
}
