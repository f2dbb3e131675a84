//! Which of two versions is the later one. <https://hl7.org/fhir/R4/references.html#canonical>
//!
//! A canonical without a version means the latest. That is told by the version itself and not by the time of writing: an
//! earlier edition that is written again, to retire it or to mend its description, is an earlier edition still. Numbers
//! count as numbers, so that 10 is later than 9. What follows a hyphen in letters comes before what has no such part, as
//! semantic versions have it: 2.0.0-draft comes before 2.0.0.

/// A part of a version, in the order of what comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Letters after a hyphen.
    Before(String),
    /// The end.
    End,
    /// Letters.
    Letters(String),
    /// A number: how many digits it has, and these.
    Number(usize, String),
}

/// The parts of a version, by which it can be compared with another.
pub(crate) fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = version;
    let mut after_hyphen = false;
    while let Some(first) = rest.chars().next() {
        let is_same = |other: char| {
            if first.is_ascii_digit() { other.is_ascii_digit() } else { other.is_alphabetic() }
        };
        let end = rest.find(|other| !is_same(other)).unwrap_or(rest.len());
        if end == 0 {
            after_hyphen = first == '-';
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (own, further) = rest.split_at(end);
        parts.push(if first.is_ascii_digit() {
            let digits = own.trim_start_matches('0');
            Part::Number(digits.len(), digits.to_owned())
        } else if after_hyphen {
            Part::Before(own.to_lowercase())
        } else {
            Part::Letters(own.to_lowercase())
        });
        after_hyphen = false;
        rest = further;
    }
    parts.push(Part::End);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_their_order() {
        let in_order = [
            "",
            "1",
            "1.0.1",
            "1.1",
            "1.2",
            "1.10",
            "2-beta",
            "2-rc.1",
            "2-rc.2",
            "2",
            "2.0",
            "9",
            "10",
            "10a",
            "2025-01-31",
            "2025-11",
            "2026",
        ];
        for pair in in_order.windows(2) {
            assert!(parts(pair[0]) < parts(pair[1]), "{} before {}", pair[0], pair[1]);
        }
        assert!(parts("APL18-020-r1") < parts("APL18-020-r2"));
        assert_eq!(parts("1.02"), parts("1.2"));
    }
}
