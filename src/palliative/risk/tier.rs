//! The four tiers of need, and how a tier moves from one stratification to the next.
//! <https://hl7.org/fhir/R4/riskassessment.html>

use jiff::ToSpan;
use jiff::civil::Date;

use crate::fhir::Resource;
use crate::palliative::enrollment::extension_of;
use crate::palliative::program::Program;
use crate::palliative::record::Moment;
use crate::palliative::risk::decision::Decision;
use crate::palliative::vocabulary::COMPUTED_TIER_EXTENSION;
use crate::palliative::vocabulary::PROGRAM_EXTENSION;
use crate::palliative::vocabulary::RISK_METHOD_SYSTEM;
use crate::palliative::vocabulary::SETTLED_TIER_EXTENSION;
use crate::palliative::vocabulary::TIER_SYSTEM;

/// A tier of need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Generalist.
    One,
    /// Rising.
    Two,
    /// Specialist at home.
    Three,
    /// Very high.
    Four,
}

impl Tier {
    /// All tiers, the lowest first.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Four];

    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::One => "tier-1",
            Self::Two => "tier-2",
            Self::Three => "tier-3",
            Self::Four => "tier-4",
        }
    }

    /// The words for it.
    pub fn display(self) -> &'static str {
        match self {
            Self::One => "Tier 1: generalist",
            Self::Two => "Tier 2: rising",
            Self::Three => "Tier 3: specialist at home",
            Self::Four => "Tier 4: very high",
        }
    }

    /// The tier with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.code() == code)
    }
}

/// An earlier stratification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The day that it was about.
    pub on: Date,
    /// The tier that held from then on, where no clinician had decided otherwise.
    pub tier: Tier,
    /// The tier that the facts of the day gave.
    pub computed: Tier,
    /// What a clinician decided on that day.
    pub decision: Option<Decision>,
    /// Its id, which orders those of one day: the server makes ids that grow with time, and no client chooses one. When
    /// it was last written would not do, as people may add a note to an older one.
    id: String,
}

impl Earlier {
    /// The stratifications among these RiskAssessments that were made for a programme, the earliest first, and of
    /// each day the one that was made last, with what was decided last on that day.
    pub fn among(resources: &[Resource], program: &Program) -> Vec<Self> {
        let mut all: Vec<Self> = resources.iter().filter_map(|one| Self::read(one, program)).collect();
        all.sort_by(|a, b| (b.on, &b.id).cmp(&(a.on, &a.id)));
        all.dedup_by(|before, last| {
            let is_same_day = before.on == last.on;
            if is_same_day && last.decision.is_none() {
                last.decision = before.decision.take();
            }
            is_same_day
        });
        all.reverse();
        all
    }

    fn read(assessment: &Resource, program: &Program) -> Option<Self> {
        let counts =
            matches!(assessment.text("/status"), Some("preliminary" | "final" | "amended" | "corrected"));
        let ours = assessment.text("/method/coding/0/system") == Some(RISK_METHOD_SYSTEM);
        let of = extension_of(assessment, PROGRAM_EXTENSION)?.pointer("/valueReference/reference")?;
        if !counts || !ours || of.as_str() != Some(program.reference().as_str()) {
            return None;
        }
        let codings = assessment.value().pointer("/prediction/0/qualitativeRisk/coding")?.as_array()?;
        let coding = codings.iter().find(|coding| coding["system"] == TIER_SYSTEM)?;
        let held = Tier::parse(coding.get("code")?.as_str()?)?;
        // The mark that no client can set.
        let computed = extension_of(assessment, COMPUTED_TIER_EXTENSION)?.get("valueCode")?;
        let computed = Tier::parse(computed.as_str()?)?;
        let settled = extension_of(assessment, SETTLED_TIER_EXTENSION)
            .and_then(|one| Tier::parse(one.get("valueCode")?.as_str()?));
        let on = Moment::read(assessment.text("/occurrenceDateTime")?, &program.zone)?.first;
        Some(Self {
            on,
            tier: settled.unwrap_or(held),
            computed,
            decision: Decision::read(assessment, on),
            id: assessment.id().unwrap_or_default().to_owned(),
        })
    }
}

/// The tier that holds: one moves up at once, and down only when two stratifications in a row, so many days apart,
/// gave a lower one; then as far as all of them allow.
pub fn settle(computed: Tier, earlier: &[Earlier], as_of: Date, days: i64) -> Tier {
    let mut before = earlier.iter().rev().filter(|one| one.on < as_of).peekable();
    let Some(held) = before.peek().map(|last| last.tier).filter(|held| computed < *held) else {
        return computed;
    };
    let mut supported = computed;
    for one in before.take_while(|one| one.computed < held) {
        supported = supported.max(one.computed);
        if one.on.saturating_add(days.days()) <= as_of {
            return supported;
        }
    }
    held
}

/// The next day on which the same computed tier settles otherwise, because another day has passed since earlier
/// stratifications.
pub fn next_settling(computed: Tier, earlier: &[Earlier], as_of: Date, days: i64) -> Option<Date> {
    let now = settle(computed, earlier, as_of, days);
    let turns = earlier.iter().flat_map(|one| [one.on.tomorrow().ok(), one.on.checked_add(days.days()).ok()]);
    let mut turns: Vec<Date> = turns.flatten().filter(|day| *day > as_of).collect();
    turns.sort_unstable();
    turns.into_iter().find(|day| settle(computed, earlier, *day, days) != now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_day_on_which_a_tier_settles_otherwise_is_the_first_such_day() {
        let mut seed = 7_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let start: Date = "2026-01-01".parse().unwrap();
        for _ in 0..2_000 {
            let mut days: Vec<u64> = (0..draw(5)).map(|_| draw(80)).collect();
            days.sort_unstable();
            days.dedup();
            let before: Vec<Earlier> = days
                .iter()
                .map(|day| Earlier {
                    on: start.saturating_add(i64::try_from(*day).unwrap().days()),
                    tier: Tier::ALL[draw(4) as usize],
                    computed: Tier::ALL[draw(4) as usize],
                    decision: None,
                    id: String::new(),
                })
                .collect();
            let (computed, as_of) = (Tier::ALL[draw(4) as usize], start.saturating_add(40.days()));
            let settled = |ahead: i64| settle(computed, &before, as_of.saturating_add(ahead.days()), 30);
            let first = (1..150).find(|ahead| settled(*ahead) != settled(0));
            let expected = first.map(|ahead| as_of.saturating_add(ahead.days()));
            assert_eq!(next_settling(computed, &before, as_of, 30), expected, "{computed:?} {before:?}");
        }
    }

    fn earlier(list: &[(&str, Tier, Tier)]) -> Vec<Earlier> {
        let one = |(on, tier, computed): &(&str, Tier, Tier)| Earlier {
            on: on.parse().unwrap(),
            tier: *tier,
            computed: *computed,
            decision: None,
            id: String::new(),
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn a_tier_rises_at_once_and_falls_only_after_two_lower_ones_thirty_days_apart() {
        use Tier::{Four, One, Three, Two};
        let on =
            |day: &str, computed, before: &[_]| settle(computed, &earlier(before), day.parse().unwrap(), 30);
        assert_eq!(on("2026-03-01", Two, &[]), Two);
        let three = ("2026-01-01", Three, Three);
        assert_eq!(on("2026-01-02", Four, &[three]), Four, "up at once");
        assert_eq!(on("2026-03-01", Two, &[three]), Three, "the first lower one");
        let lower = ("2026-03-01", Three, Two);
        assert_eq!(on("2026-03-30", Two, &[three, lower]), Three, "29 days");
        assert_eq!(on("2026-03-31", Two, &[three, lower]), Two, "30 days");
        assert_eq!(on("2026-03-31", One, &[three, lower]), Two, "no further than both allow");
        let again = ("2026-03-20", Three, Three);
        assert_eq!(on("2026-03-31", Two, &[three, lower, again]), Three, "not in a row");
        let between = ("2026-03-20", Three, One);
        assert_eq!(on("2026-03-31", One, &[three, lower, between]), Two);
        assert_eq!(on("2026-01-01", Two, &[three]), Two, "one of the same day is no earlier one");
    }
}
