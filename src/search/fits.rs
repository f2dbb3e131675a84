//! Which types of values each kind of search parameter takes. <https://hl7.org/fhir/R4/search.html#table>

use crate::search::parameter::Kind;

/// The types of values that a kind takes; none of a kind that has no values of its own.
pub fn takes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::String => &["string", "markdown", "HumanName", "Address", "ContactPoint"],
        Kind::Token => &[
            "code",
            "boolean",
            "string",
            "id",
            "uri",
            "oid",
            "uuid",
            "integer",
            "positiveInt",
            "unsignedInt",
            "Coding",
            "CodeableConcept",
            "Identifier",
            "ContactPoint",
        ],
        Kind::Reference => &["Reference", "canonical", "uri", "url"],
        Kind::Date => &["date", "dateTime", "instant", "Period", "Timing"],
        Kind::Number => &["decimal", "integer", "positiveInt", "unsignedInt", "Range"],
        Kind::Quantity => &[
            "Quantity",
            "SimpleQuantity",
            "MoneyQuantity",
            "Age",
            "Count",
            "Distance",
            "Duration",
            "Money",
            "Range",
            "SampledData",
        ],
        Kind::Uri => &["uri", "url", "canonical", "oid", "uuid"],
        Kind::Composite | Kind::Special => &[],
    }
}
