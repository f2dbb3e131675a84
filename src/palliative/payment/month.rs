//! What one month of an episode comes to: units by the month rule, the tier by the tier rule, and the amount.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Units are whole numbers of ten-thousandths and amounts of hundredths, both rounded half to even: no result depends
//! on a floating-point number.

use jiff::civil::Date;

use crate::palliative::payment::Account;
use crate::palliative::payment::Claim;
use crate::palliative::payment::coverage::Cover;
use crate::palliative::payment::facts::Contacts;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::line::Source;
use crate::palliative::payment::line::UNIT;
use crate::palliative::payment::line::Unmet;
use crate::palliative::payment::policy::Class;
use crate::palliative::payment::policy::Money;
use crate::palliative::payment::policy::MonthRule;
use crate::palliative::payment::policy::Policy;
use crate::palliative::payment::policy::Rate;
use crate::palliative::payment::policy::TierRule;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::day_before;

/// The days of a first month, or of any, from which it is paid in full.
const FULL: i64 = 15;

/// What the months of one episode are worked out from.
pub struct Months<'a> {
    /// The episode and its eligible days.
    pub claim: &'a Claim<'a>,
    /// Whose it is.
    pub account: &'a Account<'a>,
    /// The programme's policy, with what the run asks for in its place.
    pub policy: Policy,
    /// The team's contacts.
    pub contacts: Contacts,
    /// The tiers, each with the day since when.
    pub tiers: Vec<(Date, String)>,
}

/// The days of each tier within a month, in the order in which they began.
type TierDays = Vec<(Option<String>, i64)>;

impl Months<'_> {
    /// The line of a month; none where no day of it is eligible.
    pub fn line(&self, month: Stretch) -> Option<Line> {
        let own: Vec<(Stretch, &Cover)> =
            self.claim.days.iter().filter_map(|(days, cover)| Some((days.and(month)?, cover))).collect();
        let (first, cover) = own.first()?;
        let days: i64 = own.iter().map(|(days, _)| days.count()).sum();
        let (unit, unmet) = match self.unit(month, first.first, days) {
            Ok(unit) => (unit, None),
            Err(unmet) => (0, Some(unmet)),
        };
        let tier_days = self.tier_days(own.iter().map(|(days, _)| *days));
        let tier = self.tier(&tier_days);
        let rate = self.policy.rate(Class::Month, tier.as_deref(), cover);
        Some(Line {
            patient: self.claim.patient.to_owned(),
            episode: self.claim.name.clone(),
            month: month_name(month.first),
            class: Class::Month,
            program: self.claim.program.reference(),
            eligible_days: days,
            days_in_month: month.count(),
            rule: self.policy.month_rule.code().to_owned(),
            unit,
            unmet,
            amount: self.amount(month, (unit, days), &tier_days, (rate, cover)),
            tier,
            tier_days,
            cover: (*cover).clone(),
            service_codes: rate.map(|rate| rate.service_codes.clone()).unwrap_or_default(),
            sources: own.iter().map(|(days, cover)| source(*days, cover)).collect(),
            provisional: self.account.today(self.claim.program) < month.last,
        })
    }

    /// How much of a unit the days are worth.
    fn unit(&self, month: Stretch, first: Date, days: i64) -> Result<i64, Unmet> {
        let rule = self.policy.month_rule;
        // The rule of the Care Choices Model asks for a service in each later month, whatever the programme asks for.
        let later = rule == MonthRule::Mccm && !self.is_first(month);
        if (self.policy.requires_service || later) && !self.contacts.any_in(month) {
            return Err(Unmet::NoContact);
        }
        match rule {
            MonthRule::AnyDay | MonthRule::Mccm => Ok(UNIT),
            MonthRule::FirstOfMonth if first == month.first => Ok(UNIT),
            MonthRule::FirstOfMonth => Err(Unmet::NotOnTheFirst),
            MonthRule::FifteenDay if days >= FULL => Ok(UNIT),
            MonthRule::FifteenDay => Err(Unmet::TooFewDays),
            MonthRule::Prorated => Ok(half_even(days * UNIT, month.count())),
        }
    }

    /// Whether the episode began in this month.
    fn is_first(&self, month: Stretch) -> bool {
        self.claim.began.is_some_and(|began| month.contains(began))
    }

    fn amount(
        &self,
        month: Stretch,
        (unit, days): (i64, i64),
        tier_days: &TierDays,
        (rate, cover): (Option<&Rate>, &Cover),
    ) -> Option<Money> {
        if self.policy.month_rule == MonthRule::Mccm {
            let half = self.is_first(month) && days < FULL;
            return Some(Money::dollars(if unit == 0 {
                0
            } else if half {
                200
            } else {
                400
            }));
        }
        if self.policy.tier_rule != TierRule::DayWeighted {
            let amount = rate?.amount.as_ref()?;
            return Some(Money { cents: half_even(amount.cents * unit, UNIT), ..amount.clone() });
        }
        let mut weighted = Money { cents: 0, currency: String::new() };
        for (tier, count) in tier_days {
            let amount = self.policy.rate(Class::Month, tier.as_deref(), cover)?.amount.as_ref()?;
            weighted.cents += amount.cents * count;
            weighted.currency.clone_from(&amount.currency);
        }
        Some(Money { cents: half_even(weighted.cents * unit, days * UNIT), ..weighted })
    }

    fn tier_days(&self, eligible: impl Iterator<Item = Stretch>) -> TierDays {
        let mut counted: TierDays = Vec::new();
        for days in eligible {
            for (tier, count) in self.split(days) {
                match counted.iter_mut().find(|(own, _)| *own == tier) {
                    Some((_, sum)) => *sum += count,
                    None => counted.push((tier, count)),
                }
            }
        }
        counted
    }

    /// The days of a stretch by their tier.
    fn split(&self, days: Stretch) -> Vec<(Option<String>, i64)> {
        let before = self.tiers.first().map_or(Date::MAX, |(since, _)| day_before(*since));
        let mut parts = vec![(None, Stretch::new(Date::MIN, before))];
        for (at, (since, tier)) in self.tiers.iter().enumerate() {
            let until = self.tiers.get(at + 1).map_or(Date::MAX, |(next, _)| day_before(*next));
            parts.push((Some(tier.clone()), Stretch::new(*since, until)));
        }
        parts.into_iter().filter_map(|(tier, part)| Some((tier, part?.and(days)?.count()))).collect()
    }

    fn tier(&self, days: &TierDays) -> Option<String> {
        match self.policy.tier_rule {
            TierRule::AtMonthStart => days.first()?.0.clone(),
            // The codes of the tiers ascend with the need.
            TierRule::Highest => days.iter().filter_map(|(tier, _)| tier.clone()).max(),
            TierRule::DayWeighted => {
                let most = days.iter().map(|(_, count)| *count).max()?;
                days.iter().find(|(_, count)| *count == most)?.0.clone()
            }
        }
    }
}

/// `2025-05`
pub fn month_name(day: Date) -> String {
    format!("{:04}-{:02}", day.year(), day.month())
}

/// Eligible days as they stand in a line.
pub fn source(days: Stretch, cover: &Cover) -> Source {
    Source { first: days.first.to_string(), last: days.last.to_string(), cover: cover.clone() }
}

/// The whole number nearest to a fraction of two that are not negative; of two that are as near, the even one.
pub fn half_even(numerator: i64, denominator: i64) -> i64 {
    let (whole, rest) = (numerator / denominator, numerator % denominator);
    match (2 * rest).cmp(&denominator) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
    }
}
