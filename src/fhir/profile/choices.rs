//! The data types of R4, which end the JSON name of a choice element. <https://hl7.org/fhir/R4/datatypes.html#open>

/// The types that a choice element may have.
const DATA_TYPES: &[&str] = &[
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "base64Binary",
    "boolean",
    "canonical",
    "code",
    "CodeableConcept",
    "Coding",
    "ContactDetail",
    "ContactPoint",
    "Contributor",
    "Count",
    "DataRequirement",
    "date",
    "dateTime",
    "decimal",
    "Distance",
    "Dosage",
    "Duration",
    "Expression",
    "HumanName",
    "id",
    "Identifier",
    "instant",
    "integer",
    "markdown",
    "Meta",
    "Money",
    "oid",
    "ParameterDefinition",
    "Period",
    "positiveInt",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "RelatedArtifact",
    "SampledData",
    "Signature",
    "string",
    "time",
    "Timing",
    "TriggerDefinition",
    "unsignedInt",
    "uri",
    "url",
    "UsageContext",
    "uuid",
];

/// The type that a member's name says where it is the choice element `base`: `Quantity` for `valueQuantity`.
pub(super) fn type_in(name: &str, base: &str) -> Option<&'static str> {
    let suffix =
        name.strip_prefix(base).filter(|suffix| suffix.starts_with(|c: char| c.is_ascii_uppercase()))?;
    let fits = |ty: &&&str| ty[1..] == suffix[1..] && ty[..1].eq_ignore_ascii_case(&suffix[..1]);
    DATA_TYPES.iter().find(fits).copied()
}

/// Whether R4 itself defines a data type of this name.
pub(super) fn is_data_type(name: &str) -> bool {
    matches!(name, "Element" | "BackboneElement" | "Extension" | "Narrative" | "ElementDefinition" | "xhtml")
        || DATA_TYPES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_the_type() {
        for (name, ty) in [
            ("valueQuantity", Some("Quantity")),
            ("valueString", Some("string")),
            ("valueDateTime", Some("dateTime")),
            ("value", None),
            ("valueSet", None),
            ("valueé", None),
            ("valuequantity", None),
            ("other", None),
        ] {
            assert_eq!(type_in(name, "value"), ty, "{name}");
        }
    }
}
