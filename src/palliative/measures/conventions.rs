//! What a day counts as where more than one convention is in use. A report says which it was made by.
//! <https://hl7.org/fhir/R4/measurereport.html>
//!
//! A request says it; else the programmes that it names do, where they agree; else what is usual holds.

use crate::palliative::time_line::Holds;

/// Where a person is taken to have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// At home.
    Home,
    /// Away from home.
    Away,
}

/// What becomes of the days of a person who lives in a nursing home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residents {
    /// They are left out, as there is no other home to be at.
    Excluded,
    /// The nursing home is the home.
    Home,
    /// They are days away.
    Away,
}

/// What is asked for in the place of what is usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conventions {
    /// The day on which a person leaves a stay. `dischargeDay`
    pub discharge_day: Side,
    /// Hospital care at home. `hospitalAtHome`
    pub hospital_at_home: Side,
    /// Hospice in a facility. `gipHospice`
    pub hospice_inpatient: Side,
    /// Residents of nursing homes. `nfResident`
    pub residents: Residents,
    /// Days on hold. `holdCounts`
    pub holds: Holds,
}

/// How a programme is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfProgram {
    /// By which conventions. `dischargeDay`, `hospitalAtHome`, `gipHospice`, `nfResident`, `holdCountsForMeasures`
    pub conventions: Conventions,
    /// For how many days after a period its report is preliminary. `runoutDays`
    pub run_out_days: i64,
}

/// For so many days after a period what happened in it may still become known, where no programme says otherwise.
pub const RUN_OUT_DAYS: i64 = 90;

impl Default for Conventions {
    fn default() -> Self {
        Self {
            discharge_day: Side::Home,
            hospital_at_home: Side::Home,
            hospice_inpatient: Side::Away,
            residents: Residents::Excluded,
            holds: Holds::Counted,
        }
    }
}

impl Side {
    /// The side with this code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Home, Self::Away].into_iter().find(|one| one.code() == code)
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Away => "away",
        }
    }
}

impl Residents {
    /// The one with this code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Excluded, Self::Home, Self::Away].into_iter().find(|one| one.code() == code)
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Excluded => "exclude",
            Self::Home => "home",
            Self::Away => "away",
        }
    }
}

impl Conventions {
    /// All of them, as the parameters by which they are asked for.
    pub fn told(self) -> [(&'static str, &'static str); 5] {
        [
            ("dischargeDay", self.discharge_day.code()),
            ("hospitalAtHome", self.hospital_at_home.code()),
            ("gipHospice", self.hospice_inpatient.code()),
            ("nfResident", self.residents.code()),
            ("holdCounts", if self.holds == Holds::Counted { "true" } else { "false" }),
        ]
    }

    /// What programmes agree on.
    ///
    /// # Errors
    /// The parameters of whose conventions two of them say another thing, and the request nothing.
    pub fn of_programs(programs: &[&OfProgram], given: &[&str]) -> Result<Self, Vec<&'static str>> {
        let mut all = programs.iter().map(|program| program.conventions);
        let Some(first) = all.next() else { return Ok(Self::default()) };
        let rest: Vec<Self> = all.collect();
        let differs = |at: usize| rest.iter().any(|other| other.told()[at] != first.told()[at]);
        let named = first
            .told()
            .into_iter()
            .enumerate()
            .filter(|(at, (name, _))| differs(*at) && !given.contains(name));
        let open: Vec<&'static str> = named.map(|(_, (name, _))| name).collect();
        if open.is_empty() { Ok(first) } else { Err(open) }
    }
}

impl Default for OfProgram {
    fn default() -> Self {
        Self { conventions: Conventions::default(), run_out_days: RUN_OUT_DAYS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programmes_that_differ_leave_open_what_the_request_does_not_say() {
        let of = |discharge_day: Side, holds: Holds| OfProgram {
            conventions: Conventions { discharge_day, holds, ..Conventions::default() },
            ..OfProgram::default()
        };
        let (plain, away) = (OfProgram::default(), of(Side::Away, Holds::Counted));
        let usual = of(Side::Home, Holds::Counted);
        assert_eq!(Conventions::of_programs(&[], &[]), Ok(Conventions::default()));
        assert_eq!(Conventions::of_programs(&[&plain, &usual], &[]), Ok(Conventions::default()));
        let found = Conventions::of_programs(&[&away, &away], &[]).unwrap();
        assert_eq!((found.discharge_day, found.holds), (Side::Away, Holds::Counted));
        assert_eq!(Conventions::of_programs(&[&away, &plain], &[]), Err(vec!["dischargeDay"]));
        let other = of(Side::Home, Holds::LeftOut);
        assert_eq!(Conventions::of_programs(&[&away, &other], &["dischargeDay"]), Err(vec!["holdCounts"]));
        assert!(Conventions::of_programs(&[&away, &other], &["dischargeDay", "holdCounts"]).is_ok());
    }
}
