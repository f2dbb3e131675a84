//! What a programme's contract says of payment: how a month is counted, which tier it is paid by, and the table of
//! amounts. <https://hl7.org/fhir/R4/healthcareservice.html>
//!
//! No rule is anybody's law: each is the programme's setting, and where a setting is left out the default is ours.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::palliative::enrollment::facts::list;
use crate::palliative::payment::coverage::Cover;
use crate::palliative::time_line::Holds;

/// How the days of a month become payable units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MonthRule {
    /// One unit for a month with an eligible day.
    AnyDay,
    /// One unit where the first of the month is an eligible day.
    FirstOfMonth,
    /// One unit for a month with fifteen eligible days.
    FifteenDay,
    /// The share of the month's days that are eligible, with four decimals, half to even.
    Prorated,
    /// As in the Medicare Care Choices Model: a first month of fifteen days is paid in full and a shorter one by half;
    /// each later month with a service is paid in full.
    Mccm,
}

const MONTH_RULES: [(MonthRule, &str); 5] = [
    (MonthRule::AnyDay, "any-day"),
    (MonthRule::FirstOfMonth, "first-of-month"),
    (MonthRule::FifteenDay, "fifteen-day"),
    (MonthRule::Prorated, "prorated"),
    (MonthRule::Mccm, "mccm"),
];

impl MonthRule {
    /// The rule with this code.
    pub fn parse(code: &str) -> Option<Self> {
        MONTH_RULES.iter().find(|(_, own)| *own == code).map(|(rule, _)| *rule)
    }

    /// The code.
    pub fn code(self) -> &'static str {
        MONTH_RULES.iter().find(|(rule, _)| *rule == self).map_or("", |(_, code)| code)
    }
}

/// By which tier a month is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TierRule {
    /// That of the first eligible day.
    AtMonthStart,
    /// The highest of the month.
    Highest,
    /// The amounts of all tiers of the month, each by its share of the days.
    DayWeighted,
}

const TIER_RULES: [(TierRule, &str); 3] = [
    (TierRule::AtMonthStart, "tier-at-month-start"),
    (TierRule::Highest, "highest-in-month"),
    (TierRule::DayWeighted, "day-weighted"),
];

impl TierRule {
    /// The rule with this code.
    pub fn parse(code: &str) -> Option<Self> {
        TIER_RULES.iter().find(|(_, own)| *own == code).map(|(rule, _)| *rule)
    }

    /// The code.
    pub fn code(self) -> &'static str {
        TIER_RULES.iter().find(|(rule, _)| *rule == self).map_or("", |(_, code)| code)
    }
}

/// The codes of all month rules, and those of all tier rules.
pub fn codes() -> (Vec<&'static str>, Vec<&'static str>) {
    (MONTH_RULES.map(|(_, code)| code).to_vec(), TIER_RULES.map(|(_, code)| code).to_vec())
}

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A month of the service.
    Month,
    /// The assessment before it, whether or not the person enrolled.
    Intake,
}

impl Class {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Class::Month => "month",
            Class::Intake => "intake",
        }
    }
}

/// A sum of money, in hundredths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Hundredths of the currency.
    pub cents: i64,
    /// Its ISO 4217 code.
    pub currency: String,
}

/// One row of the table of amounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// What it is for.
    pub class: Class,
    /// The tier that it is for; any where there is none.
    pub tier: Option<String>,
    /// The line of business that it is for; any where there is none.
    pub line: Option<String>,
    /// What one unit is paid; nothing is said of it where there is none.
    pub amount: Option<Money>,
    /// The codes that a payer uses for it.
    pub service_codes: Vec<Value>,
}

/// What a programme's contract says of payment.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// `monthRule`
    pub month_rule: MonthRule,
    /// `tierRule`
    pub tier_rule: TierRule,
    /// Whether a month without a contact is paid nothing. `requiresService`
    pub requires_service: bool,
    /// Whether days on hold are paid. `holdCountsForPayment`
    pub holds: Holds,
    /// `payTable`
    pub rates: Vec<Rate>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            month_rule: MonthRule::AnyDay,
            tier_rule: TierRule::AtMonthStart,
            requires_service: true,
            holds: Holds::LeftOut,
            rates: Vec::new(),
        }
    }
}

impl Policy {
    /// The row for a class, tier and line of business: the one that says most of it, the first of several. Where the
    /// line is made of two, such as `dual`, a row of it comes before a row of the line that is billed.
    pub fn rate(&self, class: Class, tier: Option<&str>, cover: &Cover) -> Option<&Rate> {
        let of_line = |rate: &Rate| match rate.line.as_deref() {
            Some(line) if line == cover.line => Some(2),
            Some(line) if line == cover.billed => Some(1),
            Some(_) => None,
            None => Some(0),
        };
        let of_tier = |rate: &Rate| match rate.tier.as_deref() {
            own @ Some(_) if own == tier => Some(3),
            Some(_) => None,
            None => Some(0),
        };
        let says = |rate: &&Rate| Some(of_tier(rate)? + of_line(rate)?);
        let fitting = self.rates.iter().filter(|rate| rate.class == class && says(rate).is_some());
        fitting.rev().max_by_key(says)
    }
}

impl Rate {
    /// Reads a row from the parts of a `payTable` setting; none where a part is unknown or has no usable value.
    pub fn read(parts: &Value) -> Option<Self> {
        let mut rate =
            Self { class: Class::Month, tier: None, line: None, amount: None, service_codes: Vec::new() };
        for part in list(Some(parts)) {
            let code = || part.get("valueCode")?.as_str().map(str::to_owned);
            match part.get("url")?.as_str()? {
                "class" => {
                    rate.class = match code()?.as_str() {
                        "month" => Class::Month,
                        "intake" => Class::Intake,
                        _ => return None,
                    }
                }
                "tier" => rate.tier = Some(code()?),
                "lob" => rate.line = Some(code()?),
                "amount" => rate.amount = Some(Money::read(part.get("valueMoney")?)?),
                "serviceCode" => rate.service_codes.push(part.get("valueCoding")?.clone()),
                _ => return None,
            }
        }
        Some(rate)
    }
}

impl Money {
    /// So many dollars.
    pub fn dollars(count: i64) -> Self {
        Self { cents: count * 100, currency: "USD".to_owned() }
    }

    /// Reads a Money that is neither negative nor finer than hundredths; US dollars where no currency is said.
    fn read(money: &Value) -> Option<Self> {
        let text = money.get("value")?.as_number()?.to_string();
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        if fraction.len() > 2 || !fraction.bytes().chain(whole.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole: i64 = whole.parse().ok().filter(|whole| *whole < 10_000_000)?;
        let hundredths: i64 = format!("{fraction:0<2}").parse().ok()?;
        let currency = money.get("currency").and_then(Value::as_str).unwrap_or("USD").to_owned();
        Some(Self { cents: whole * 100 + hundredths, currency })
    }
}
