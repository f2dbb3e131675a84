//! What a clinician decides about a tier: another than the facts give, with the reason, and until when.
//! <https://hl7.org/fhir/R4/riskassessment.html>
//!
//! It stands on the RiskAssessment with which it was said, beside the tier that the facts give. It holds for every
//! later stratification until its last day is over, until another one is said, or until that RiskAssessment is marked
//! as entered in error. Floors, overrides by facts and hysteresis go on beneath it as if it had not been said: when it
//! ends, the tier is theirs again, and no tier is kept up because a clinician once set it.

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::parameters::Given;
use crate::fhir::parameters::Output;
use crate::fhir::reference::Reference;
use crate::palliative::element::day;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::coded;
use crate::palliative::enrollment::facts::list;
use crate::palliative::risk::Algorithm;
use crate::palliative::risk::tier::Earlier;
use crate::palliative::risk::tier::Tier;
use crate::palliative::vocabulary::ERROR_SYSTEM;
use crate::palliative::vocabulary::TIER_OVERRIDE_EXTENSION;

/// The longest that a tier is set for: after a year somebody has to look again.
const LONGEST_DAYS: i64 = 366;

/// What a clinician decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The tier and the last day on which it holds; none ends what was decided before.
    pub set: Option<(Tier, Date)>,
    /// Why, in the clinician's words.
    pub reason: String,
    /// Who decided: a Practitioner or PractitionerRole.
    pub by: String,
    /// Since when.
    pub since: Date,
}

/// By what a decision that is asked for is judged.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Says how long a tier stands before the next review.
    pub algorithm: &'a Algorithm,
    /// Today, where the programme works.
    pub today: Date,
    /// The Practitioner or PractitionerRole whom the access token names.
    pub caller: Option<&'a str>,
}

impl Decision {
    /// The decision that a parameter asks for.
    ///
    /// # Errors
    /// 400 for a tier that is none, a missing reason or clinician, and a last day without a tier; 422 `date-range` for
    /// a last day that is past or too far away.
    pub fn asked(given: &Given, asking: &Asking) -> Result<Self, Failure> {
        let bad = |text: String| bad(given, text);
        let parts = given.parts().ok_or_else(|| bad("`override` has parts.".to_owned()))?;
        let reason = parts.text("reason").map(str::trim).filter(|reason| !reason.is_empty());
        let reason = reason.ok_or_else(|| bad("Give the `reason` of the override in words.".to_owned()))?;
        let until = parts.day("until")?;
        let set = match (parts.text("tier"), until) {
            (Some(code), until) => {
                let known = || format!("`{code}` is no tier; use {}.", Tier::ALL.map(Tier::code).join(", "));
                let tier = Tier::parse(code).ok_or_else(|| bad(known()))?;
                Some((tier, last_day(given, asking, (tier, until))?))
            }
            (None, None) => None,
            (None, Some(_)) => {
                return Err(bad("`until` goes with a `tier`; leave both out to end an override.".to_owned()));
            }
        };
        let by = decided_by(given, parts.reference("by"), asking.caller)?;
        Ok(Self { set, reason: reason.to_owned(), by, since: asking.today })
    }

    /// What was decided with a RiskAssessment, about a day.
    pub fn read(assessment: &Resource, since: Date) -> Option<Self> {
        let extension = extension_of(assessment, TIER_OVERRIDE_EXTENSION)?;
        let part = |name: &str| list(extension.get("extension")).find(|one| one["url"] == name);
        let tier = part("tier").and_then(|one| Tier::parse(one["valueCode"].as_str()?));
        let until = part("until").and_then(|one| day(one["valueDate"].as_str()?));
        Some(Self {
            set: tier.zip(until),
            reason: part("reason")?["valueString"].as_str()?.to_owned(),
            by: part("by")?["valueReference"]["reference"].as_str()?.to_owned(),
            since,
        })
    }

    /// The extension by which it is kept.
    pub fn extension(&self) -> Value {
        let set = self.set.iter().flat_map(|(tier, until)| {
            [
                json!({ "url": "tier", "valueCode": tier.code() }),
                json!({ "url": "until", "valueDate": until.to_string() }),
            ]
        });
        let why = [
            json!({ "url": "reason", "valueString": self.reason }),
            json!({ "url": "by", "valueReference": { "reference": self.by } }),
        ];
        let parts: Vec<Value> = set.chain(why).collect();
        json!({ "url": TIER_OVERRIDE_EXTENSION, "extension": parts })
    }

    /// The tier that it sets on a day; none where it is over, or ended another.
    pub fn tier_on(&self, date: Date) -> Option<Tier> {
        self.set.filter(|(_, until)| self.since <= date && date <= *until).map(|(tier, _)| tier)
    }

    /// In words, beside the tier that would hold without it.
    pub fn told(&self, settled: Tier) -> String {
        match self.set {
            Some((tier, until)) => format!(
                "A clinician set {} until {until}; without that it would be {}. Reason: {}",
                tier.code(),
                settled.code(),
                self.reason
            ),
            None => format!("A clinician ended the override of the tier. Reason: {}", self.reason),
        }
    }

    /// As a part of an answer.
    pub fn part(&self) -> Output {
        let output = match self.set {
            Some((tier, until)) => {
                Output::new().value("tier", "code", tier.code()).value("until", "date", until.to_string())
            }
            None => Output::new(),
        };
        output.value("reason", "string", self.reason.as_str()).reference("by", self.by.as_str()).value(
            "since",
            "date",
            self.since.to_string(),
        )
    }
}

/// The decision that holds on a day: the one that is made now, else the last one of the stratifications up to the day.
pub fn in_force<'a>(
    now: Option<&'a Decision>,
    earlier: &'a [Earlier],
    as_of: Date,
) -> Option<(&'a Decision, Tier)> {
    let before = || earlier.iter().rev().filter(|one| one.on <= as_of).find_map(|one| one.decision.as_ref());
    let last = now.or_else(before)?;
    Some((last, last.tier_on(as_of)?))
}

/// The tier that the stratifications up to a day give on it, and where a clinician set it: until when, and the tier that
/// holds after that.
pub fn standing(earlier: &[Earlier], on: Date) -> Option<(Tier, Option<(Date, Tier)>)> {
    let settled = earlier.iter().rev().find(|one| one.on <= on)?.tier;
    Some(match in_force(None, earlier, on) {
        Some((decision, tier)) => (tier, decision.set.map(|(_, until)| (until, settled))),
        None => (settled, None),
    })
}

/// The next day on which what was decided changes the tier by itself: the day after the last one of what holds, or that of
/// a decision which is dated later.
pub fn next_change(held: Option<&Decision>, earlier: &[Earlier], as_of: Date) -> Option<Date> {
    let over = held.and_then(|one| one.set).and_then(|(_, until)| until.tomorrow().ok());
    let later = earlier.iter().filter(|one| one.on > as_of && one.decision.is_some()).map(|one| one.on);
    over.into_iter().chain(later).min()
}

/// The last day of a tier that a clinician sets: the one that is named, else that of the next review in the tier.
fn last_day(given: &Given, asking: &Asking, (tier, named): (Tier, Option<Date>)) -> Result<Date, Failure> {
    let Some(until) = named else {
        return Ok(asking.today.saturating_add(asking.algorithm.intensity(tier).review_days.days()));
    };
    let latest = asking.today.saturating_add(LONGEST_DAYS.days());
    if (asking.today..=latest).contains(&until) {
        return Ok(until);
    }
    let text = format!("`until` is {until}; give a day from {} to {latest}.", asking.today);
    Err(coded(Reason::BusinessRule, "date-range", text).at(given.at.clone()))
}

/// Who decides: the clinician of the access token, and where it names none, the one of the parameter.
fn decided_by(given: &Given, named: Option<&str>, caller: Option<&str>) -> Result<String, Failure> {
    match (named, caller) {
        (Some(named), Some(caller)) if named != caller => Err(bad(
            given,
            format!("The access token is that of {caller}, who decides; leave `by` out."),
        )),
        (_, Some(caller)) => Ok(caller.to_owned()),
        (Some(named), None) if is_clinician(named) => Ok(named.to_owned()),
        (_, None) => Err(bad(
            given,
            "The access token names no clinician; say in `by` which Practitioner or PractitionerRole decided."
                .to_owned(),
        )),
    }
}

/// Whether somebody is a clinician by the type of what refers to them.
pub fn is_clinician(reference: &str) -> bool {
    let local = Reference::parse(reference).local();
    local.is_some_and(|local| matches!(local.ty.name(), "Practitioner" | "PractitionerRole"))
}

fn bad(given: &Given, text: String) -> Failure {
    Failure::new(Reason::Invalid, text).coded(ERROR_SYSTEM, "bad-parameter").at(given.at.clone())
}
