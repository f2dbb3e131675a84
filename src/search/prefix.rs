//! The prefixes of dates, numbers and quantities, with R4's meaning for spans.
//! <https://hl7.org/fhir/R4/search.html#prefix>

/// How the value found stands to the value searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Inside.
    Eq,
    /// Not inside.
    Ne,
    /// Reaches above.
    Gt,
    /// Reaches below.
    Lt,
    /// Reaches above, or is inside.
    Ge,
    /// Reaches below, or is inside.
    Le,
    /// Begins after.
    Sa,
    /// Ends before.
    Eb,
    /// Overlaps with what is about the same.
    Ap,
}

impl Prefix {
    const ALL: [(&'static str, Prefix); 9] = [
        ("eq", Prefix::Eq),
        ("ne", Prefix::Ne),
        ("gt", Prefix::Gt),
        ("lt", Prefix::Lt),
        ("ge", Prefix::Ge),
        ("le", Prefix::Le),
        ("sa", Prefix::Sa),
        ("eb", Prefix::Eb),
        ("ap", Prefix::Ap),
    ];

    /// Takes the prefix off a value; `eq` where there is none.
    ///
    /// # Errors
    /// The letters, where the value begins with two that are no prefix.
    pub fn split(value: &str) -> Result<(Prefix, &str), &str> {
        let Some((letters, rest)) = value.split_at_checked(2) else { return Ok((Prefix::Eq, value)) };
        if !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Ok((Prefix::Eq, value));
        }
        Self::ALL.iter().find(|(name, _)| *name == letters).map(|(_, prefix)| (*prefix, rest)).ok_or(letters)
    }

    /// The letters.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, prefix)| *prefix == self).map_or("eq", |(name, _)| name)
    }

    /// All letters, for a message.
    pub fn known() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_off_and_an_unknown_one_named() {
        assert_eq!(Prefix::split("ge2024"), Ok((Prefix::Ge, "2024")));
        assert_eq!(Prefix::split("2024"), Ok((Prefix::Eq, "2024")));
        assert_eq!(Prefix::split("-5"), Ok((Prefix::Eq, "-5")));
        assert_eq!(Prefix::split("5"), Ok((Prefix::Eq, "5")));
        assert_eq!(Prefix::split("zz2024"), Err("zz"));
        assert_eq!(Prefix::split("é2024"), Ok((Prefix::Eq, "é2024")));
        assert!(Prefix::ALL.iter().all(|(name, prefix)| prefix.name() == *name));
    }
}
