//! What one month of an episode comes to: units by the month rule, the tier by the tier rule, and the amount.
//! <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Who pays may change within a month. Whether it is payable is asked of the month as a whole; a share is each payer's own,
//! and the one unit of the other rules is for the payer of the day by which the rule is met: the first eligible day, the
//! first of the month, or the fifteenth eligible day. So nobody is billed for what another pays, and a month is never
//! more than one unit.
//!
//! Units are whole numbers of ten-thousandths and amounts of hundredths, both rounded half to even: no result depends
//! on a floating-point number.

use jiff::ToSpan;
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

/// The eligible days of a month with the same cover.
struct Part<'a> {
    cover: &'a Cover,
    days: Vec<Stretch>,
}

/// A month and what holds for all who pay for days of it.
struct Whole {
    month: Stretch,
    days: i64,
    tier_days: TierDays,
    earned: Result<Earned, Unmet>,
}

/// By what a month is payable.
enum Earned {
    /// One unit, by this day: it is for the one to pay who covers the day.
    On(Date),
    /// A share by each eligible day.
    ByShare,
}

impl Part<'_> {
    fn count(&self) -> i64 {
        self.days.iter().map(|days| days.count()).sum()
    }

    fn contains(&self, day: Date) -> bool {
        self.days.iter().any(|days| days.contains(day))
    }
}

impl<'a> Months<'a> {
    /// The lines of a month, one for each that pays for days of it: what they come to together does not depend on how many
    /// they are. None where no day is eligible.
    pub fn lines(&self, month: Stretch) -> Vec<Line> {
        let parts = self.parts(month);
        let days: Vec<Stretch> = self.claim.days.iter().filter_map(|(days, _)| days.and(month)).collect();
        let whole = Whole {
            month,
            days: days.iter().map(|days| days.count()).sum(),
            tier_days: self.tier_days(days.iter().copied()),
            earned: self.earned(month, &days),
        };
        let mut before = 0;
        let line = |part: &Part| {
            let line = self.line(&whole, part, before);
            before += part.count();
            line
        };
        parts.iter().map(line).collect()
    }

    fn parts(&self, month: Stretch) -> Vec<Part<'a>> {
        let mut parts: Vec<Part> = Vec::new();
        for (days, cover) in &self.claim.days {
            let Some(days) = days.and(month) else { continue };
            match parts.iter_mut().find(|part| part.cover == cover) {
                Some(part) => part.days.push(days),
                None => parts.push(Part { cover, days: vec![days] }),
            }
        }
        parts
    }

    /// The line of a part, before which others have so many days.
    fn line(&self, whole: &Whole, part: &Part, before: i64) -> Line {
        let days = part.count();
        let (unit, unmet) = match &whole.earned {
            // Rounded as the days add up, so that the shares of a month are together what the month is.
            Ok(Earned::ByShare) => {
                let up_to = |days: i64| half_even(days * UNIT, whole.month.count());
                (up_to(before + days) - up_to(before), None)
            }
            Ok(Earned::On(day)) if part.contains(*day) => (UNIT, None),
            Ok(Earned::On(_)) => (0, Some(Unmet::InAnotherLine)),
            Err(unmet) => (0, Some(*unmet)),
        };
        let tier_days = self.tier_days(part.days.iter().copied());
        let tier = self.tier(whole, &tier_days);
        let rate = self.policy.rate(Class::Month, tier.as_deref(), part.cover);
        Line {
            patient: self.claim.patient.to_owned(),
            episode: self.claim.name.clone(),
            month: month_name(whole.month.first),
            class: Class::Month,
            program: self.claim.program.reference(),
            eligible_days: days,
            days_in_month: whole.month.count(),
            rule: self.policy.month_rule.code().to_owned(),
            unit,
            unmet,
            amount: self.amount(whole, unit, &tier_days, (rate, part.cover)),
            tier,
            tier_days,
            cover: part.cover.clone(),
            service_codes: rate.map(|rate| rate.service_codes.clone()).unwrap_or_default(),
            sources: part.days.iter().map(|days| source(*days, part.cover)).collect(),
            provisional: self.account.today(self.claim.program) < whole.month.last,
        }
    }

    /// By what the month is payable, whoever pays.
    fn earned(&self, month: Stretch, days: &[Stretch]) -> Result<Earned, Unmet> {
        let rule = self.policy.month_rule;
        // The rule of the Care Choices Model asks for a service in each later month, whatever the programme asks for.
        let later = rule == MonthRule::Mccm && !self.is_first(month);
        if (self.policy.requires_service || later) && !self.contacts.any_in(month) {
            return Err(Unmet::NoContact);
        }
        let on = |place: i64, unmet: Unmet| day_at(days, place).map(Earned::On).ok_or(unmet);
        match rule {
            MonthRule::AnyDay | MonthRule::Mccm => on(1, Unmet::TooFewDays),
            MonthRule::FirstOfMonth if days.first().is_none_or(|days| days.first != month.first) => {
                Err(Unmet::NotOnTheFirst)
            }
            MonthRule::FirstOfMonth => on(1, Unmet::NotOnTheFirst),
            MonthRule::FifteenDay => on(FULL, Unmet::TooFewDays),
            MonthRule::Prorated => Ok(Earned::ByShare),
        }
    }

    /// Whether the episode began in this month.
    fn is_first(&self, month: Stretch) -> bool {
        self.claim.began.is_some_and(|began| month.contains(began))
    }

    fn amount(
        &self,
        whole: &Whole,
        unit: i64,
        own: &TierDays,
        (rate, cover): (Option<&Rate>, &Cover),
    ) -> Option<Money> {
        if self.policy.month_rule == MonthRule::Mccm {
            let half = self.is_first(whole.month) && whole.days < FULL;
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
        let tier_days = self.weighed(whole, own);
        let mut weighted = Money { cents: 0, currency: String::new() };
        for (tier, count) in tier_days {
            let amount = self.policy.rate(Class::Month, tier.as_deref(), cover)?.amount.as_ref()?;
            weighted.cents += amount.cents * count;
            weighted.currency.clone_from(&amount.currency);
        }
        let days: i64 = tier_days.iter().map(|(_, count)| *count).sum();
        Some(Money { cents: half_even(weighted.cents * unit, days * UNIT), ..weighted })
    }

    /// The days whose tiers a line is weighed by: its own where it is paid by its share, those of the month where one line
    /// is paid for all of it.
    fn weighed<'b>(&self, whole: &'b Whole, own: &'b TierDays) -> &'b TierDays {
        match self.policy.month_rule {
            MonthRule::Prorated => own,
            MonthRule::AnyDay | MonthRule::FirstOfMonth | MonthRule::FifteenDay | MonthRule::Mccm => {
                &whole.tier_days
            }
        }
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

    fn tier(&self, whole: &Whole, own: &TierDays) -> Option<String> {
        match self.policy.tier_rule {
            TierRule::AtMonthStart => whole.tier_days.first()?.0.clone(),
            // The codes of the tiers ascend with the need.
            TierRule::Highest => whole.tier_days.iter().filter_map(|(tier, _)| tier.clone()).max(),
            TierRule::DayWeighted => {
                let days = self.weighed(whole, own);
                let most = days.iter().map(|(_, count)| *count).max()?;
                days.iter().find(|(_, count)| *count == most)?.0.clone()
            }
        }
    }
}

/// The day in this place among the days, counted from one.
fn day_at(days: &[Stretch], place: i64) -> Option<Date> {
    let mut before = 0;
    for stretch in days {
        if place <= before + stretch.count() {
            return stretch.first.checked_add((place - before - 1).days()).ok();
        }
        before += stretch.count();
    }
    None
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
