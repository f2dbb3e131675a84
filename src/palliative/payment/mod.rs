//! Payable months: what the days of each episode come to, month by month, by the programme's rules. Counts, and
//! amounts where the programme has a table of them; never a claim. <https://hl7.org/fhir/R4/episodeofcare.html>
//!
//! Payable months are neither member-months nor enrolled days. A day counts where the service was active, somebody
//! paid whom the programme serves, the person was alive and, if grown up, not in hospice. A day for which one payer could
//! be billed by two episodes of a person belongs to the one that began later, and a day of transfer is the new
//! programme's. Who pays may change within a month: each has its own line, and a run by one payer has the lines of a run by
//! all that are this payer's.

pub mod coverage;
pub mod delta;
pub mod facts;
pub mod intake;
pub mod line;
pub mod month;
pub mod policy;
pub mod report;
pub mod run;

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::fhir::datetime::Micros;
use crate::fhir::datetime::date_in;
use crate::fhir::reference::unversioned;
use crate::fhir::resource::Resource;
use crate::palliative::enrollment::extension_of;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::facts::program_of;
use crate::palliative::payment::coverage::Cover;
use crate::palliative::payment::coverage::covered;
use crate::palliative::payment::facts::Contacts;
use crate::palliative::payment::facts::hospice;
use crate::palliative::payment::facts::last_alive;
use crate::palliative::payment::facts::tiers;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::line::UNIT;
use crate::palliative::payment::month::Months;
use crate::palliative::payment::month::month_name;
use crate::palliative::payment::month::source;
use crate::palliative::payment::policy::Class;
use crate::palliative::payment::policy::MonthRule;
use crate::palliative::payment::policy::Policy;
use crate::palliative::payment::policy::TierRule;
use crate::palliative::program::Program;
use crate::palliative::time_line::Days;
use crate::palliative::time_line::Stretch;
use crate::palliative::time_line::active_days;
use crate::palliative::vocabulary::TRANSFERRED_FROM_EXTENSION;

/// Whether assessments before the service are part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intakes {
    /// They are.
    Included,
    /// They are not.
    LeftOut,
}

/// What a run is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From the first day of a month to the last of one.
    pub period: Stretch,
    /// When it is asked: no later day counts.
    pub now: Micros,
    /// The programmes, as references; all where none is named.
    pub programs: Vec<String>,
    /// The payer, as a reference; all where none is named.
    pub payer: Option<String>,
    /// In the place of the programmes' own.
    pub month_rule: Option<MonthRule>,
    /// In the place of the programmes' own.
    pub tier_rule: Option<TierRule>,
    /// Whether assessments are part of it.
    pub intakes: Intakes,
}

/// One person, with all that a run reads of them. Several Patients that are linked are one person.
pub struct Account<'a> {
    /// The person's resources, the Patients among them.
    pub chart: &'a Chart,
    /// All programmes, by their references.
    pub programs: &'a BTreeMap<String, Program>,
    /// What is asked for.
    pub asked: &'a Asked,
}

/// An episode with the days for which it is paid.
pub struct Claim<'a> {
    /// `Patient/…`
    pub patient: &'a str,
    /// `EpisodeOfCare/…`
    pub name: String,
    /// The episode.
    pub episode: &'a Resource,
    /// Its programme.
    pub program: &'a Program,
    /// The first day of the service.
    pub began: Option<Date>,
    /// The days, in their order, with who pays.
    pub days: Vec<(Stretch, Cover)>,
}

impl Claim<'_> {
    /// Its days without those that episodes which began later have: of the same payer, or all where one is its transfer.
    fn without(&self, later: &[Claim]) -> Vec<(Stretch, Cover)> {
        let left = |(days, cover): &(Stretch, Cover)| {
            let taken = later.iter().flat_map(|other| {
                let transfer = other.is_transfer_of(self);
                let of_payer = move |(_, own): &&(Stretch, Cover)| transfer || own.may_be_of(cover);
                other.days.iter().filter(of_payer).map(|(days, _)| *days)
            });
            let left: Vec<Stretch> = Days::of([*days]).minus(&Days::of(taken)).stretches().collect();
            left.into_iter().map(|days| (days, cover.clone())).collect::<Vec<_>>()
        };
        self.days.iter().flat_map(left).collect()
    }

    fn is_transfer_of(&self, other: &Claim) -> bool {
        let from = extension_of(self.episode, TRANSFERRED_FROM_EXTENSION)
            .and_then(|one| one.pointer("/valueReference/reference")?.as_str());
        from.map(unversioned) == Some(other.name.as_str())
    }
}

impl<'a> Account<'a> {
    /// The lines of the run that are about this person, by episode, month and who pays.
    pub fn lines(&self) -> Vec<Line> {
        let episodes = self.episodes();
        let mut lines: Vec<Line> = Vec::new();
        for claim in self.claims(&episodes).iter().filter(|claim| self.asks_for(claim.program)) {
            let months = Months {
                account: self,
                policy: self.policy(claim.program),
                contacts: Contacts::of(self.chart, claim.episode, claim.program),
                tiers: tiers(self.chart, claim.episode, claim.program),
                claim,
            };
            lines.extend(self.months().flat_map(|month| months.lines(month)));
        }
        if self.asked.intakes == Intakes::Included {
            lines.extend(self.intakes(&episodes));
        }
        lines.retain(|line| self.asks_payer(&line.cover));
        lines.sort_by(|one, other| one.key().cmp(&other.key()));
        lines
    }

    /// Today where a programme works.
    pub fn today(&self, program: &Program) -> Date {
        date_in(self.asked.now, &program.zone)
    }

    fn asks_for(&self, program: &Program) -> bool {
        let asked = &self.asked.programs;
        asked.is_empty() || asked.contains(&program.reference())
    }

    /// A programme's policy, with the rules of the run in the place of its own.
    fn policy(&self, program: &Program) -> Policy {
        let own = program.payment.clone();
        let (month_rule, tier_rule) = (self.asked.month_rule, self.asked.tier_rule);
        Policy {
            month_rule: month_rule.unwrap_or(own.month_rule),
            tier_rule: tier_rule.unwrap_or(own.tier_rule),
            ..own
        }
    }

    fn months(&self) -> impl Iterator<Item = Stretch> {
        let end = self.asked.period.last;
        let next = move |month: &Stretch| Some(Stretch::month_of(month.last.tomorrow().ok()?));
        let first = Stretch::month_of(self.asked.period.first);
        std::iter::successors(Some(first), next).take_while(move |month| month.first <= end)
    }

    /// The person's episodes whose programmes are known.
    fn episodes(&self) -> Vec<(&'a Resource, &'a Program)> {
        let known = |episode: &'a Resource| Some((episode, self.programs.get(program_of(episode)?)?));
        self.chart.of("EpisodeOfCare").filter_map(known).collect()
    }

    /// The episodes with the days for which each is paid. All of the person's episodes take part, those of other
    /// programmes too: what a run of one programme finds must not depend on which others are asked for.
    fn claims(&self, episodes: &[(&'a Resource, &'a Program)]) -> Vec<Claim<'a>> {
        let mut claims: Vec<Claim> =
            episodes.iter().map(|(episode, program)| self.claim(episode, program)).collect();
        claims.sort_by(|one, other| (other.began, &other.name).cmp(&(one.began, &one.name)));
        let left: Vec<_> =
            claims.iter().enumerate().map(|(at, claim)| claim.without(&claims[..at])).collect();
        for (claim, days) in claims.iter_mut().zip(left) {
            claim.days = days;
        }
        claims
    }

    fn asks_payer(&self, cover: &Cover) -> bool {
        self.asked.payer.as_deref().is_none_or(|payer| cover.is_of(payer))
    }

    fn claim(&self, episode: &'a Resource, program: &'a Program) -> Claim<'a> {
        let active = active_days(episode, program, program.payment.holds);
        Claim {
            patient: episode.text("/patient/reference").unwrap_or_default(),
            name: name(episode),
            episode,
            program,
            began: active.first(),
            days: self.eligible(&active, program),
        }
    }

    /// Those of the days that count, with who pays, in their order.
    fn eligible(&self, days: &Days, program: &Program) -> Vec<(Stretch, Cover)> {
        let Some(alive) = last_alive(self.chart, program) else { return Vec::new() };
        let last = alive.min(self.today(program)).min(self.asked.period.last);
        let Some(window) = Stretch::new(self.asked.period.first, last) else { return Vec::new() };
        let days = days.within(window).minus(&hospice(self.chart, program));
        within(&days, &covered(self.chart, program))
    }

    fn intakes(&self, episodes: &[(&'a Resource, &'a Program)]) -> Vec<Line> {
        let line = |(episode, day): (&'a Resource, Date)| {
            let (_, program) = episodes.iter().find(|(own, _)| own.id() == episode.id())?;
            let days = Days::of(Stretch::new(day, day));
            let (days, cover) = self.eligible(&days, program).into_iter().next()?;
            self.asks_for(program).then(|| self.intake((episode, program), (days, cover)))
        };
        intake::intakes(self, episodes).into_iter().filter_map(line).collect()
    }

    fn intake(&self, (episode, program): (&Resource, &Program), (day, cover): (Stretch, Cover)) -> Line {
        let policy = self.policy(program);
        let rate = policy.rate(Class::Intake, None, &cover);
        let month = Stretch::month_of(day.first);
        Line {
            patient: episode.text("/patient/reference").unwrap_or_default().to_owned(),
            episode: name(episode),
            month: month_name(day.first),
            class: Class::Intake,
            program: program.reference(),
            eligible_days: 1,
            days_in_month: month.count(),
            rule: Class::Intake.code().to_owned(),
            unit: UNIT,
            unmet: None,
            tier: None,
            tier_days: Vec::new(),
            amount: rate.and_then(|rate| rate.amount.clone()),
            service_codes: rate.map(|rate| rate.service_codes.clone()).unwrap_or_default(),
            sources: vec![source(day, &cover)],
            cover,
            provisional: self.today(program) < month.last,
        }
    }
}

/// The part of each stretch that is among the days, in their order.
fn within(days: &Days, covered: &[(Stretch, Cover)]) -> Vec<(Stretch, Cover)> {
    let part = |(bounds, cover): &(Stretch, Cover)| {
        let stretches: Vec<Stretch> = days.within(*bounds).stretches().collect();
        stretches.into_iter().map(|stretch| (stretch, cover.clone())).collect::<Vec<_>>()
    };
    covered.iter().flat_map(part).collect()
}

#[cfg(test)]
mod tests;
