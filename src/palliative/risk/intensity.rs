//! The care that is recommended for a tier: how often, by whom. <https://hl7.org/fhir/R4/plandefinition.html>

use crate::palliative::risk::read_part::positive;
use crate::palliative::screening::Problem;
use crate::palliative::screening::document::Terminology;
use crate::palliative::screening::document::own_codes;
use crate::palliative::screening::parameters::Parameters;
use crate::palliative::vocabulary::PAYMENT_TIER_SYSTEM;
use crate::palliative::vocabulary::ROLE_SYSTEM;

/// The care that is recommended for a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// In words.
    pub words: String,
    /// The least number of contacts …
    pub contacts: i64,
    /// … in so many days.
    pub contact_days: i64,
    /// Of these, in person.
    pub in_person: Option<i64>,
    /// Days between visits of a prescriber; none as needed.
    pub prescriber_days: Option<i64>,
    /// Days between reviews of the care plan.
    pub review_days: i64,
    /// Days between assessments of symptoms and function.
    pub reassess_days: i64,
    /// Days from the start to the first assessments.
    pub assess_days: i64,
    /// Days between assessments of the caregiver.
    pub caregiver_days: i64,
    /// Days from the start to the conversation on advance care planning.
    pub acp_days: i64,
    /// Days from the referral to the first contact.
    pub first_contact_days: i64,
    /// What it is paid as.
    pub payment_tier: String,
    /// Who answers the telephone.
    pub phone: String,
    /// The roles of those who give it.
    pub roles: Vec<String>,
}

impl Intensity {
    /// Reads the row of a tier.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(words: String, parameters: &Parameters, terminology: &Terminology) -> Result<Self, Problem> {
        let optional = |name: &str| positive(parameters, name);
        let whole = |name: &str| optional(name)?.ok_or_else(|| parameters.missing(name));
        let code = |name: &str, system: &str| {
            let found = own_codes(parameters, terminology, (name, system))?;
            found.first().map(|code| (*code).to_owned()).ok_or_else(|| parameters.missing(name))
        };
        let phone = parameters.text("phone", "valueString")?.ok_or_else(|| parameters.missing("phone"))?;
        let roles = own_codes(parameters, terminology, ("role", ROLE_SYSTEM))?;
        parameters.one("paymentTier", "valueCode")?;
        Ok(Self {
            words,
            contacts: whole("contacts")?,
            contact_days: whole("contactDays")?,
            in_person: optional("inPerson")?,
            prescriber_days: optional("prescriberDays")?,
            review_days: whole("reviewDays")?,
            reassess_days: whole("reassessDays")?,
            assess_days: whole("assessDays")?,
            caregiver_days: whole("caregiverDays")?,
            acp_days: whole("acpDays")?,
            first_contact_days: whole("firstContactDays")?,
            payment_tier: code("paymentTier", PAYMENT_TIER_SYSTEM)?,
            phone: phone.to_owned(),
            roles: roles.into_iter().map(str::to_owned).collect(),
        })
    }

    /// The least number of contacts in 30 days, to two places.
    pub fn contacts_per_30_days(&self) -> f64 {
        let hundredths = (self.contacts * 3_000 + self.contact_days / 2) / self.contact_days;
        f64::from(i32::try_from(hundredths).unwrap_or(i32::MAX)) / 100.0
    }
}
