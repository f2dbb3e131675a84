//! A stratification as it is told. <https://hl7.org/fhir/R4/riskassessment.html>
//!
//! What tells what a clinician thinks of the time that is left, or what a caregiver answered, is left out of what a
//! patient reads, and of what is kept. A score and a tier tell it too, as all but that is the patient's own to know: they
//! are left out of what a patient reads, with the domains that turn on it, and what is kept of them carries the label
//! by which no patient's token reads it.

use serde_json::Value;
use serde_json::json;

use crate::fhir::datetime::Micros;
use crate::fhir::parameters::Output;
use crate::palliative::program::Program;
use crate::palliative::risk::Due;
use crate::palliative::risk::Stratification;
use crate::palliative::risk::domain::Component;
use crate::palliative::risk::domain::Told;
use crate::palliative::risk::intensity::Intensity;
use crate::palliative::screening::report::Reader;
use crate::palliative::screening::report::WITHHELD;
use crate::palliative::vocabulary::RISK_DOMAIN_SYSTEM;

/// What every output says of itself.
pub const WHAT_IT_IS: &str = "Programme stratification, not a prognostic score.";

/// A stratification to be told or kept.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was found.
    pub found: &'a Stratification<'a>,
    /// Whom it is about: the patient's id.
    pub patient: &'a str,
    /// The programme for which it was made.
    pub program: &'a Program,
    /// Who reads.
    pub reader: Reader,
    /// When it was made.
    pub now: Micros,
}

impl Report<'_> {
    /// The answer, beside its RiskAssessment.
    pub fn told(&self, assessment: Value) -> Output {
        let found = self.found;
        let mut output = if self.is_part() { Output::new() } else { self.whole(assessment) };
        for one in found.components.iter().filter(|one| !(self.is_part() && one.restricted)) {
            output = output.part("component", self.component(one));
        }
        for one in found.applied.iter().filter(|one| self.is_open(&one.told)) {
            output = output.value("applied", "code", one.code.as_str());
        }
        if let Some(decision) = &found.decision {
            output = output.part("override", decision.part());
        }
        let is_open = |code: &str| found.components.iter().any(|one| one.domain == code && !one.restricted);
        for code in found.collect.iter().filter(|code| !self.is_part() || is_open(code)) {
            output = output.value("collect", "Coding", domain(found, code));
        }
        if !self.is_part() {
            output = output.part("intensity", intensity(found.algorithm.intensity(found.tier)));
        }
        // That hospice is to be spoken of tells what a clinician thinks of the time that is left.
        for one in found.tasks.iter().filter(|one| self.reader == Reader::Team || !one.restricted) {
            output = output.part("action", action(one));
        }
        for warning in &found.warnings {
            output = output.value("warning", "string", warning.as_str());
        }
        output.value("algorithm", "canonical", found.algorithm.canonical()).value(
            "note",
            "string",
            self.notes().join(" "),
        )
    }

    /// What turns on all of the domains.
    fn whole(&self, assessment: Value) -> Output {
        let found = self.found;
        let mut output = Output::new().resource("riskAssessment", assessment);
        if found.score_min == found.score_max {
            output = output.value("score", "integer", found.score_min);
        }
        output
            .value("scoreMin", "integer", found.score_min)
            .value("scoreMax", "integer", found.score_max)
            .value("tier", "code", found.tier.code())
            .value("computedTier", "code", found.computed.code())
            .value("status", "code", found.status.code())
    }

    /// Whether something of it is kept from the reader.
    fn is_part(&self) -> bool {
        self.reader == Reader::Patient && self.found.restricted
    }

    /// What this is, and where something of it is kept from the reader, that it is.
    pub(super) fn notes(&self) -> Vec<&'static str> {
        if self.is_part() { vec![WHAT_IT_IS, WITHHELD] } else { vec![WHAT_IT_IS] }
    }

    fn component(&self, one: &Component) -> Output {
        let mut output = Output::new().value("domain", "code", one.domain.as_str());
        match one.value() {
            Some(value) => output = output.value("value", "integer", value),
            None => output = output.value("low", "integer", one.low).value("high", "integer", one.high),
        }
        let reason = self.reason(one);
        if reason.is_empty() { output } else { output.value("reason", "string", reason) }
    }

    /// Whether the reader may be told.
    pub(super) fn is_open(&self, told: &Told) -> bool {
        self.reader == Reader::Team || !told.restricted
    }

    /// Why a domain has its value.
    pub(super) fn reason(&self, one: &Component) -> String {
        let open = one.reasons.iter().filter(|told| self.is_open(told));
        open.map(|told| told.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// The Coding of a domain.
pub(super) fn domain(found: &Stratification, code: &str) -> Value {
    let title = found.components.iter().find(|one| one.domain == code).map(|one| one.title.as_str());
    json!({ "system": RISK_DOMAIN_SYSTEM, "code": code, "display": title.unwrap_or_default() })
}

fn action(due: &Due) -> Output {
    let output =
        Output::new().value("code", "code", due.code.as_str()).value("text", "string", due.sentence.as_str());
    match due.hours {
        Some(hours) => output.value("hours", "integer", hours),
        None => output,
    }
}

fn intensity(row: &Intensity) -> Output {
    let mut output = Output::new().value("contactsPer30d", "decimal", row.contacts_per_30_days()).value(
        "inPerson",
        "integer",
        row.in_person.unwrap_or(0),
    );
    if let Some(days) = row.prescriber_days {
        output = output.value("prescriberDays", "integer", days);
    }
    output = output
        .value("reviewDays", "integer", row.review_days)
        .value("reassessDays", "integer", row.reassess_days)
        .value("assessDays", "integer", row.assess_days)
        .value("caregiverDays", "integer", row.caregiver_days)
        .value("acpDays", "integer", row.acp_days)
        .value("firstContactDays", "integer", row.first_contact_days)
        .value("phone", "string", row.phone.as_str())
        .value("paymentTier", "code", row.payment_tier.as_str());
    for role in &row.roles {
        output = output.value("roles", "code", role.as_str());
    }
    output.value("text", "string", row.words.as_str())
}
