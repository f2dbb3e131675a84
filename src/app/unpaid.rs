//! The months of one episode that are not paid for yet: what its days come to by the programme's own rules, without what
//! a kept run has as payable by the same payers. <https://hl7.org/fhir/R4/episodeofcare.html>

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::app::Session;
use crate::app::payment::PAYMENT_TYPES;
use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::palliative::element::day;
use crate::palliative::enrollment::drafts::Draft;
use crate::palliative::enrollment::drafts::Place;
use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::name;
use crate::palliative::enrollment::patient_name;
use crate::palliative::payment::Account;
use crate::palliative::payment::Asked;
use crate::palliative::payment::Intakes;
use crate::palliative::payment::line::Line;
use crate::palliative::payment::line::Unmet;
use crate::palliative::program::Program;
use crate::palliative::time_line::Stretch;
use crate::store::PaidMonth;
use crate::store::payment;

impl Session {
    /// The lines of the months in which days of an episode count for somebody who pays and that no kept run has as
    /// payable, as it will be once these drafts are written. None where the caller may not be told: it takes what a run
    /// of payable months takes.
    ///
    /// # Errors
    /// What the programmes in use or the database fail with.
    pub fn unpaid_months(
        &self,
        (program, episode): (&Program, &Resource),
        drafts: &[Draft],
    ) -> Result<Option<Vec<Line>>, Failure> {
        if self.require_reading_all(&PAYMENT_TYPES).is_err() {
            return Ok(None);
        }
        let own = name(episode);
        let drafted =
            drafts.iter().map(|draft| &draft.resource).find(|one| one.id().is_some() && name(one) == own);
        let today = self.today_in(program);
        let Some((patient, period)) = patient_name(episode).zip(months(drafted.unwrap_or(episode), today))
        else {
            return Ok(Some(Vec::new()));
        };
        let programs = self.programs_in_use()?;
        let programs = programs.into_iter().filter_map(|(name, read)| Some((name, read.ok()?))).collect();
        let asked = Asked {
            period,
            now: self.now(),
            programs: vec![program.reference()],
            payer: None,
            month_rule: None,
            tier_rule: None,
            intakes: Intakes::LeftOut,
        };
        let lines = |chart: &Chart| {
            let chart = &with(chart, drafts);
            Account { chart, programs: &programs, asked: &asked }.lines()
        };
        let found = match self.people((&[], &[patient.to_owned()]), 1, lines) {
            // Of one whose record is gone nothing is payable, and an episode can end all the same.
            Err(failure) if failure.reason == Reason::NotFound => return Ok(Some(Vec::new())),
            found => found?,
        };
        let id = episode.id().unwrap_or_default();
        let paid = self.app().db.read(|conn| Ok(payment::paid_months(conn, id)?))?;
        let unpaid = found.into_iter().flatten().filter(|line| line.episode == own);
        Ok(Some(unpaid.filter(|line| !is_paid(&paid, line)).collect()))
    }
}

/// Whether a kept run has a line as payable. A line of one payer is none of another's; where the one unit of its month
/// stands in another's line, nothing is left to pay once that one is paid.
fn is_paid(paid: &[PaidMonth], line: &Line) -> bool {
    let payers = line.cover.payers();
    paid.iter().filter(|one| one.month == line.month).any(|one| {
        one.payers == payers || one.payers == payment::ANYBODY || line.unmet == Some(Unmet::InAnotherLine)
    })
}

/// The months from the first enrolled day to the last, or to today; none where there is no such day.
fn months(episode: &Resource, today: Date) -> Option<Stretch> {
    let date = |place: &str| episode.text(place).and_then(day);
    let first = date("/period/start")?;
    let last = date("/period/end").map_or(today, |end| end.min(today));
    Stretch::new(first, last)?;
    Stretch::new(first.first_of_month(), last.last_of_month())
}

/// The chart as it will be: what is read of a person, with what is drafted in its place and beside it.
fn with(chart: &Chart, drafts: &[Draft]) -> Chart {
    let drafted = || drafts.iter().filter(|draft| PAYMENT_TYPES.contains(&draft.resource.ty().name()));
    let replaced: BTreeSet<String> = drafted()
        .filter(|draft| matches!(draft.place, Place::Existing(_)))
        .map(|draft| name(&draft.resource))
        .collect();
    let kept = chart.all().filter(|one| !replaced.contains(&name(one)));
    Chart::new(kept.chain(drafted().map(|draft| &draft.resource)).cloned().collect())
}
