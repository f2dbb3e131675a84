//! What may make a count of days wrong, for somebody to put right. <https://hl7.org/fhir/R4/encounter.html>
//!
//! Nothing of it is guessed at: an encounter of which it is not known when it was, or whether it was, counts nowhere, and
//! the report says how many there are.

use jiff::civil::Date;

use crate::palliative::enrollment::facts::Chart;
use crate::palliative::enrollment::facts::name;
use crate::palliative::measures::kinds::CareKinds;
use crate::palliative::payment::facts::deaths_without_a_day;
use crate::palliative::program::Program;
use crate::palliative::record::Encounter;
use crate::palliative::record::EncounterStatus;
use crate::palliative::record::Moment;
use crate::palliative::record::PatientRecord;
use crate::palliative::screening::encounter_kind::EncounterKind;
use crate::palliative::time_line::Stretch;

/// A stay that has gone on for longer may have ended without anybody's telling of it.
const MONTH_OF_DAYS: i64 = 31;

/// Something that may make a count wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What is wrong.
    pub kind: DoubtKind,
    /// Where, as `Type/id`; none where the resource is to be kept closer than to be named.
    pub source: Option<String>,
}

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DoubtKind {
    /// An encounter without a start, or with one or an end of which the day is not known: it is not counted.
    ImpreciseDate,
    /// An encounter of which it is not known whether it took place: it is not counted.
    UnknownStatus,
    /// A stay that is finished and has no end: its first day is counted.
    OpenEnded,
    /// A stay that has gone on for longer than a month and has no end: it counts to the last day that is told.
    StillOpen,
    /// An encounter that begins after the death: it is not counted.
    AfterDeath,
    /// A death of which the day is not known: no day counts that may lie after it.
    DeathWithoutDay,
    /// A death that only the discharge of a stay tells of.
    DeathNotOnRecord,
}

impl DoubtKind {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::ImpreciseDate => "imprecise-date",
            Self::UnknownStatus => "unknown-status",
            Self::OpenEnded => "open-ended",
            Self::StillOpen => "still-open",
            Self::AfterDeath => "after-death",
            Self::DeathWithoutDay => "death-without-day",
            Self::DeathNotOnRecord => "death-not-on-record",
        }
    }
}

/// Where doubts are looked for.
pub(super) struct Doubts<'a> {
    pub(super) chart: &'a Chart,
    pub(super) program: &'a Program,
    pub(super) record: &'a PatientRecord,
    pub(super) kinds: &'a CareKinds,
    /// The last day that is told.
    pub(super) through: Date,
}

impl Doubts<'_> {
    /// All of them that concern a period: `alive` is the last day alive by the record, and by the discharge of a stay.
    pub(super) fn all(&self, period: Stretch, alive: (Option<Date>, Option<Date>)) -> Vec<Doubt> {
        let (on_record, in_stay) = alive;
        let doubt = |kind: DoubtKind, source: String| {
            let source = Some(source).filter(|one| !self.record.labelled.contains(one));
            Doubt { kind, source }
        };
        let counted = self.record.encounters.iter().filter(|one| {
            let kind = self.kinds.kind(one);
            kind.is_some_and(|kind| kind != EncounterKind::Outpatient && kind != EncounterKind::HomeVisit)
        });
        let counted = counted.filter(|one| concerns(one, period));
        let of_encounters =
            counted.filter_map(|one| Some(doubt(of(one, (on_record, self.through))?, one.source.clone())));
        let unknown = deaths_without_a_day(self.chart, self.program);
        let unknown = unknown.map(|patient| doubt(DoubtKind::DeathWithoutDay, name(patient)));
        let untold = in_stay.filter(|died| on_record.is_some_and(|alive| *died < alive));
        let untold = untold.map(|_| doubt(DoubtKind::DeathNotOnRecord, self.record.id.clone()));
        of_encounters.chain(unknown).chain(untold).collect()
    }
}

fn of(encounter: &Encounter, (alive, through): (Option<Date>, Date)) -> Option<DoubtKind> {
    let imprecise = |moment: &Moment| !moment.is_one_day();
    let (start, end) = (encounter.start.as_ref(), encounter.end.as_ref());
    let late = |alive: Date| start.is_some_and(|start| start.first > alive);
    let so_far = |start: &Moment| Stretch::new(start.first, through).map_or(0, Stretch::count);
    let long_ago = |start: &Moment| so_far(start) > MONTH_OF_DAYS;
    match encounter.status {
        EncounterStatus::Void => None,
        EncounterStatus::Unknown => Some(DoubtKind::UnknownStatus),
        EncounterStatus::Past | EncounterStatus::Current
            if start.is_none_or(imprecise) || end.is_some_and(imprecise) =>
        {
            Some(DoubtKind::ImpreciseDate)
        }
        EncounterStatus::Past | EncounterStatus::Current if alive.is_some_and(late) => {
            Some(DoubtKind::AfterDeath)
        }
        EncounterStatus::Past if end.is_none() => Some(DoubtKind::OpenEnded),
        EncounterStatus::Current if end.is_none() && start.is_some_and(long_ago) => {
            Some(DoubtKind::StillOpen)
        }
        EncounterStatus::Past | EncounterStatus::Current => None,
    }
}

/// Whether an encounter may have been in a period.
fn concerns(encounter: &Encounter, period: Stretch) -> bool {
    let (start, end) = (encounter.start.as_ref(), encounter.end.as_ref());
    let begins = start.is_none_or(|start| start.first <= period.last);
    let last = end.map(|end| end.last).or(start.map(|start| start.last));
    let open = encounter.status == EncounterStatus::Current && end.is_none();
    begins && (open || last.is_none_or(|last| last >= period.first))
}
