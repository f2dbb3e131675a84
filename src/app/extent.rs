//! How many patients and months a run of payable months may be about, at once and where it is carried out later.
//! <https://hl7.org/fhir/R4/async.html>

use crate::fhir::Failure;
use crate::fhir::Reason;

/// How much a run may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// How many patients.
    pub(super) members: usize,
    /// How many months of patients: a year of as many patients as may be.
    months: usize,
    /// What else can be asked for.
    otherwise: &'static str,
}

/// How much while the client waits on the line.
pub(super) const AT_ONCE: Extent = Extent {
    members: 5000,
    months: 60_000,
    otherwise: "name a programme or fewer of the patients, ask for a shorter period, or send `Prefer: respond-async`",
};

/// How much where the run is carried out later: its lines, and the answer made of them, are in memory until they are
/// kept, at some kilobytes a line.
pub(super) const LATER: Extent = Extent {
    members: 50_000,
    months: 150_000,
    otherwise: "name a programme or fewer of the patients, or ask for a shorter period",
};

impl Extent {
    /// Refuses what is more than that.
    ///
    /// # Errors
    /// 422 `too-costly`.
    pub(super) fn check(self, members: usize, months: usize) -> Result<(), Failure> {
        let Self { members: most, months: most_months, otherwise } = self;
        let too_costly = |text: String| Failure::new(Reason::Unprocessable, text).code("too-costly");
        if members > most {
            return Err(too_costly(format!(
                "This run is about at most {most} patients, and it would be about more; {otherwise}."
            )));
        }
        if members * months > most_months {
            return Err(too_costly(format!(
                "This run is about at most {most_months} months of patients, and it would be about {months} of each of \
                 {members}; {otherwise}."
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::AT_ONCE;
    use super::Extent;
    use super::LATER;

    #[test]
    fn a_run_is_about_so_many_patients_and_months_and_no_more() {
        let code = |extent: Extent, members, months| {
            extent.check(members, months).map_err(|failure| failure.issues[0].code)
        };
        for (extent, members, months, expected) in [
            (AT_ONCE, 5000, 12, Ok(())),
            (AT_ONCE, 1666, 36, Ok(())),
            (AT_ONCE, 5001, 1, Err("too-costly")),
            (AT_ONCE, 5000, 13, Err("too-costly")),
            (LATER, 5001, 1, Ok(())),
            (LATER, 50_000, 3, Ok(())),
            (LATER, 50_001, 1, Err("too-costly")),
            (LATER, 50_000, 4, Err("too-costly")),
        ] {
            assert_eq!(code(extent, members, months), expected, "{extent:?} {members} {months}");
        }
    }
}
