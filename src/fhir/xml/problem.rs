//! What is wrong with XML, and where. <https://hl7.org/fhir/R4/xml.html>

/// What is wrong, where in the text, and (innermost first) where in the resource. Boxed, so that the good way stays
/// small.
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) text: String,
    steps: Vec<String>,
}

/// What a step of reading gives.
pub(super) type Read<T> = Result<T, Box<Problem>>;

impl Problem {
    /// Something is wrong there.
    pub(super) fn new(at: usize, text: impl Into<String>) -> Box<Self> {
        Box::new(Self { at, text: text.into(), steps: Vec::new() })
    }

    /// Says in which element it is.
    pub(super) fn within(mut self: Box<Self>, step: impl Into<String>) -> Box<Self> {
        self.steps.push(step.into());
        self
    }

    /// Where in the resource, as a FHIRPath.
    pub(super) fn expression(&self) -> Option<String> {
        let steps: Vec<&str> = self.steps.iter().rev().map(String::as_str).collect();
        (!steps.is_empty()).then(|| steps.join("."))
    }
}

/// A name as a sentence shows it.
pub(super) fn shortened(name: &str) -> String {
    name.chars().take(60).collect()
}
