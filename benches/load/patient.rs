//! Generated patients: everything about one is worked out from its number, so that any number of them can be made,
//! and asked about, without holding them. <https://hl7.org/fhir/R4/patient.html>

/// Resources of a patient, itself included.
pub const EACH: u64 = 60;
/// Conditions of a patient.
pub const CONDITIONS: u64 = 5;
/// Encounters of a patient.
pub const ENCOUNTERS: u64 = 10;
/// Observations of a patient.
pub const OBSERVATIONS: u64 = 36;
/// Goals of a patient.
pub const GOALS: u64 = 3;
/// Care plans of a patient; the first goal belongs to the first, the other goals to the second.
pub const CARE_PLANS: u64 = 2;
/// Prescriptions of a patient.
pub const PRESCRIPTIONS: u64 = 3;

/// How many codes conditions have; the first are the commonest.
pub const CONDITION_CODES: u64 = 60;
/// What is observed: code, name, unit, and how many of the observations of a patient are of this kind.
pub const OBSERVED: [(&str, &str, &str, u64); 4] = [
    ("29463-7", "Body weight", "kg", 14),
    ("8867-4", "Heart rate", "/min", 8),
    ("72514-3", "Pain severity - 0-10 verbal numeric rating", "{score}", 8),
    ("9279-1", "Respiratory rate", "/min", 6),
];
/// Kinds of encounters.
pub const CLASSES: [&str; 4] = ["AMB", "HH", "EMER", "IMP"];
/// Months over which encounters are spread, from January 2021 on.
pub const MONTHS: u64 = 60;

/// A patient by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patient(pub u64);

/// A condition.
pub struct Condition {
    pub code: u64,
    pub active: bool,
}

/// An encounter.
pub struct Encounter {
    pub month: u64,
    pub day: u64,
    pub class: &'static str,
}

/// An observation.
pub struct Observation {
    /// Its place in [`OBSERVED`].
    pub kind: usize,
    /// Days after 2021-01-01, different for each of a kind.
    pub day: u64,
    pub value: u64,
}

impl Patient {
    pub fn id(self) -> String {
        format!("p{}", self.0)
    }

    pub fn family(self) -> String {
        const FIRST: [&str; 20] = [
            "Ash", "Birch", "Clay", "Dun", "Elm", "Fern", "Glen", "Hazel", "Ivy", "Juniper", "Kirk", "Lang",
            "Moor", "Nor", "Oak", "Pine", "Quill", "Rowan", "Stan", "Thorn",
        ];
        const SECOND: [&str; 20] = [
            "berry", "bridge", "brook", "bury", "by", "croft", "dale", "den", "field", "ford", "gate", "ham",
            "hurst", "ley", "mere", "ridge", "stead", "thwaite", "ton", "worth",
        ];
        const THIRD: [&str; 25] = [
            "a", "e", "i", "o", "u", "an", "en", "in", "on", "un", "ar", "er", "ir", "or", "ur", "as", "es",
            "is", "os", "us", "al", "el", "il", "ol", "ul",
        ];
        let one = |salt, of: &[&'static str]| of[(self.pick(salt, of.len() as u64)) as usize];
        format!("{}{}{}", one(1, &FIRST), one(2, &SECOND), one(3, &THIRD))
    }

    /// Year, month, day.
    pub fn birth(self) -> (u64, u64, u64) {
        (1925 + self.pick(4, 50), 1 + self.pick(5, 12), 1 + self.pick(6, 28))
    }

    pub fn birth_date(self) -> String {
        let (year, month, day) = self.birth();
        format!("{year}-{month:02}-{day:02}")
    }

    pub fn record_number(self) -> String {
        format!("MRN{:08}", self.0)
    }

    pub fn condition(self, at: u64) -> Condition {
        let place = self.pick(100 + at, 3_600);
        let mut root = 0;
        while (root + 1) * (root + 1) <= place {
            root += 1;
        }
        // Squares make low roots rare; turned round, low codes are common.
        Condition { code: CONDITION_CODES - 1 - root, active: self.pick(200 + at, 3) > 0 }
    }

    pub fn encounter(self, at: u64) -> Encounter {
        let class = CLASSES[(self.pick(400 + at, 8) / 2) as usize];
        Encounter { month: self.pick(300 + at, MONTHS), day: 1 + self.pick(500 + at, 27), class }
    }

    pub fn observation(self, at: u64) -> Observation {
        let (mut kind, mut place) = (0, at);
        while place >= OBSERVED[kind].3 {
            place -= OBSERVED[kind].3;
            kind += 1;
        }
        Observation { kind, day: place * 120 + self.pick(600 + at, 110), value: 40 + self.pick(700 + at, 60) }
    }

    pub fn goal_is_active(self, at: u64) -> bool {
        self.pick(800 + at, 4) > 0
    }

    pub fn care_plan_is_active(self, at: u64) -> bool {
        at == 0 || self.pick(900, 2) == 0
    }

    /// A number below `of`, always the same for this patient and this purpose.
    pub fn pick(self, purpose: u64, of: u64) -> u64 {
        mixed(self.0.wrapping_mul(0x1_0000_0001).wrapping_add(purpose << 40)) % of
    }
}

/// The code of a condition, as SNOMED CT numbers look.
pub fn condition_code(code: u64) -> String {
    format!("{}", 254_637_007 + code * 1_013)
}

/// A date so many days after 2021-01-01.
pub fn date(days: u64) -> String {
    let (mut year, mut rest) = (2021, days);
    let leap = |year: u64| year.is_multiple_of(4);
    while rest >= 365 + u64::from(leap(year)) {
        rest -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", rest + 1)
}

/// The first day of a month, counted from January 2021.
pub fn month(at: u64) -> String {
    format!("{}-{:02}-01", 2021 + at / 12, at % 12 + 1)
}

/// Spreads numbers evenly (the finaliser of SplitMix64).
pub fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
