//! The care that is recommended for a tier: how often, by whom. <https://hl7.org/fhir/R4/plandefinition.html>

use serde_json::Value;

use crate::palliative::screening::parameters::Parameters;

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
    /// A sentence for the author of the document.
    pub fn read(action: &Value, parameters: &Parameters) -> Result<Self, String> {
        let optional = |name: &str| match parameters.whole(name)? {
            Some(number) if number < 1 => Err(format!("{name} is not positive")),
            number => Ok(number),
        };
        let whole = |name: &str| optional(name)?.ok_or_else(|| format!("it has no {name}"));
        let text = |name: &str, element: &str| {
            parameters.text(name, element)?.map(str::to_owned).ok_or_else(|| format!("it has no {name}"))
        };
        let roles = parameters.all("role", "valueCode")?;
        Ok(Self {
            words: action["description"].as_str().ok_or("it has no description")?.to_owned(),
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
            payment_tier: text("paymentTier", "valueCode")?,
            phone: text("phone", "valueString")?,
            roles: roles.into_iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// The least number of contacts in 30 days, to two places.
    pub fn contacts_per_30_days(&self) -> f64 {
        let hundredths = (self.contacts * 3_000 + self.contact_days / 2) / self.contact_days;
        f64::from(i32::try_from(hundredths).unwrap_or(i32::MAX)) / 100.0
    }
}
