//! What a day counts as where more than one convention is in use. A report says which it was made by.
//! <https://hl7.org/fhir/R4/measurereport.html>

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
}

impl Default for Conventions {
    fn default() -> Self {
        Self {
            discharge_day: Side::Home,
            hospital_at_home: Side::Home,
            hospice_inpatient: Side::Away,
            residents: Residents::Excluded,
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
    pub fn told(self) -> [(&'static str, &'static str); 4] {
        [
            ("dischargeDay", self.discharge_day.code()),
            ("hospitalAtHome", self.hospital_at_home.code()),
            ("gipHospice", self.hospice_inpatient.code()),
            ("nfResident", self.residents.code()),
        ]
    }
}
