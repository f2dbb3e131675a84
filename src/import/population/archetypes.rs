//! What the sample population is drawn from: `definitions/demo/archetypes.json`, read once.
//! <https://hl7.org/fhir/R4/patient.html>

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// From and to, both included.
pub type Range = [i64; 2];

/// Everything the population is drawn from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archetypes {
    pub seed: u64,
    pub payers: Vec<Payer>,
    pub sites: Vec<Site>,
    pub backgrounds: Vec<Background>,
    /// Encounters, by their kind.
    pub contacts: BTreeMap<String, Contact>,
    /// What is assessed of every adult who is ill.
    pub assessments: Vec<Measurement>,
    pub symptoms: Symptoms,
    /// The strain of who cares at home.
    pub strain: Measurement,
    /// Advance care planning documents.
    pub documents: Vec<Document>,
    pub illnesses: Vec<Illness>,
    /// Diagnoses, by ICD-10-CM code.
    pub conditions: BTreeMap<String, Diagnosis>,
    /// What attestations say, by their code.
    pub attested: BTreeMap<String, String>,
}

/// Who pays, and for which ages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payer {
    /// In the Source of Payment Typology.
    #[serde(rename = "type")]
    pub code: String,
    pub text: String,
    pub payor: String,
    pub ages: Range,
}

/// A primary care site, with its recognition as a medical home.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Site {
    pub id: String,
    pub name: String,
    pub city: String,
    pub postal_code: String,
    pub recognition: String,
    pub doctor: Doctor,
}

/// Who works at a site.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doctor {
    pub family: String,
    pub given: String,
}

/// Names, race, ethnicity and language that go together, and how common that is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    pub share: i64,
    pub race: [String; 2],
    pub hispanic: bool,
    pub language: [String; 2],
    pub families: Vec<String>,
    pub women: Vec<String>,
    pub men: Vec<String>,
}

/// A kind of encounter: how many of it early and late in an illness.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub class: String,
    #[serde(rename = "type")]
    pub code: String,
    pub text: String,
    pub early: Range,
    pub late: Range,
    /// Days before today, of the newest; the kinds do not overlap.
    pub back: Range,
    pub hours: i64,
    /// Whether the illness's crisis is why.
    #[serde(default)]
    pub crisis: bool,
}

/// A measured value or an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    pub system: String,
    pub code: String,
    pub text: String,
    pub category: String,
    #[serde(default)]
    pub unit: String,
    /// In steps.
    #[serde(default)]
    pub early: Range,
    #[serde(default)]
    pub late: Range,
    /// Days before today.
    pub back: Range,
    #[serde(default)]
    pub step: Option<f64>,
    /// How many steps higher it was four months before, late in an illness.
    #[serde(default)]
    pub before: i64,
    #[serde(default)]
    pub answers: Option<Answers>,
}

/// The answers that are possible early and late.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    pub early: Vec<Answer>,
    pub late: Vec<Answer>,
}

/// A coded answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub system: String,
    pub code: String,
    pub text: String,
}

/// The Edmonton Symptom Assessment System: the scores early and late, and how much higher the illness's worst are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symptoms {
    pub early: Range,
    pub late: Range,
    pub worst: i64,
    pub back: Range,
    pub items: Vec<[String; 2]>,
}

/// An advance care planning document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    #[serde(rename = "type")]
    pub code: String,
    pub text: String,
    /// Its text, in base64.
    pub note: String,
    /// The category of the Consent that stands for it.
    #[serde(default)]
    pub consent: Option<String>,
    /// Whether a clinician signs it, as an order.
    #[serde(default)]
    pub signed: bool,
}

/// A diagnosis.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnosis {
    pub text: String,
    #[serde(default)]
    pub snomed: Option<String>,
}

/// An illness and its course.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Illness {
    pub id: String,
    pub name: String,
    /// How many people have it.
    pub count: u64,
    pub ages: Range,
    /// How many of a hundred are late in it.
    pub late: u64,
    /// The rule set by which some who are late in it are eligible.
    pub rule_set: String,
    pub diagnoses: Courses<Vec<Vec<String>>>,
    /// The diagnosis with which its crises come to hospital.
    pub crisis: String,
    /// The symptoms that are worst in it.
    pub worst: Vec<String>,
    pub observations: Vec<Measurement>,
    pub medicines: Vec<Medicine>,
    pub late_medicines: Vec<Medicine>,
    pub devices: Vec<Device>,
    pub attestations: Courses<BTreeMap<String, bool>>,
    #[serde(default)]
    pub child: bool,
    #[serde(default)]
    pub well: bool,
}

/// One for those early in an illness, one for those late in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Courses<T> {
    pub early: T,
    pub late: T,
}

/// A medicine, by its ingredient in RxNorm.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Medicine {
    pub code: String,
    pub text: String,
    pub dosage: String,
}

/// A device, in HCPCS.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub code: String,
    pub text: String,
}

/// The archetypes.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn read() -> Result<&'static Archetypes, String> {
    static READ: LazyLock<Result<Archetypes, String>> = LazyLock::new(|| {
        let text = include_str!("../../definitions/demo/archetypes.json");
        serde_json::from_str(text).map_err(|cause| format!("archetypes.json: {cause}"))
    });
    READ.as_ref().map_err(Clone::clone)
}
