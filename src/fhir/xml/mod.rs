//! XML to the value tree that JSON gives, and back. <https://hl7.org/fhir/R4/xml.html>
//!
//! One tree for both forms: what is validated, stored and searched never knows in which form it came. Both ways are
//! driven by the shape tables, so a type has its elements, their order and their kinds from R4's definitions alone.
//! A document type is refused, so there are no entities to expand and nothing to fetch; nesting is bounded. A
//! narrative goes through as the text it is, because its white space and references are content.

mod narrative;
mod problem;
mod reader;
mod source;
mod tag;
#[cfg(test)]
mod tests;
mod writer;

use serde_json::Value;

use crate::fhir::Failure;
use crate::fhir::Reason;
use crate::fhir::json;
use crate::fhir::shape::Shapes;

pub(in crate::fhir) use narrative::numbered;

/// FHIR's namespace.
const FHIR: &str = "http://hl7.org/fhir";
/// The namespace of a narrative.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// On one line.
    Compact,
    /// An element a line, indented.
    Pretty,
}

/// Reads a resource as the JSON that it would be. Elements that R4 does not know are kept under their names, so that
/// validation tells of them with all else.
///
/// # Errors
/// `Structure`: what is not well-formed or has no place in JSON, with line and column, and the FHIRPath where it lies
/// inside a resource.
pub fn read(shapes: &Shapes, bytes: &[u8]) -> Result<Value, Failure> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|cause| {
        let text = format!("The body is not UTF-8 (byte {}); send XML in UTF-8.", cause.valid_up_to());
        Failure::new(Reason::Structure, text)
    })?;
    reader::document(shapes, text).map_err(|problem| {
        let (line, column) = json::place(text, problem.at);
        let failure =
            Failure::new(Reason::Structure, format!("{} (line {line}, column {column}).", problem.text));
        match problem.expression() {
            Some(expression) => failure.at(expression),
            None => failure,
        }
    })
}

/// Writes a resource, its elements in R4's order.
///
/// # Errors
/// A sentence where the value is no resource as R4 defines them, which validation would have refused.
pub fn write(shapes: &Shapes, resource: &Value, style: Style) -> Result<Vec<u8>, String> {
    writer::document(shapes, resource, style)
}

/// Whether XML 1.0 can hold the character at all. <https://www.w3.org/TR/xml/#charsets>
fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}
