//! What is wrong with a rule document, and where. <https://hl7.org/fhir/R4/operationoutcome.html>

/// What is wrong with a rule document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place, as a path from the element that is read.
    pub at: String,
    /// A sentence for the author of the document.
    pub text: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(at: impl Into<String>, text: impl Into<String>) -> Self {
        Self { at: at.into(), text: text.into() }
    }

    /// The same, seen from above.
    #[must_use]
    pub fn under(self, place: &str) -> Self {
        let at = if self.at.is_empty() { place.to_owned() } else { format!("{place}.{}", self.at) };
        Self { at, ..self }
    }
}

/// What was read; a problem is put with the others.
pub fn noted<T>(read: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

/// All problems in one line, for the log of a start that fails.
pub fn in_one_line(problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.at, problem.text)).collect();
    lines.join("; ")
}
