//! The attributes that a narrative's elements may have. <https://hl7.org/fhir/R4/narrative.html#xhtml>
//!
//! R4 gives them twice: as its XHTML schema, and in words (txt-1) as those of HTML 4.0's chapters 7 to 11 and 15, links
//! and images. Both are taken, so that a narrative that was laid out with `align` or `bgcolor` is not refused.

/// What every element may have.
const COMMON: [&str; 7] = ["class", "dir", "id", "lang", "style", "title", "xml:lang"];

/// What some may have besides.
#[rustfmt::skip]
const OWN: &[(&[&str], &[&str])] = &[
    (&["a"], &["accesskey", "charset", "coords", "href", "hreflang", "name", "rel", "rev", "shape", "tabindex", "type"]),
    (&["area"], &["accesskey", "alt", "coords", "href", "nohref", "shape", "tabindex"]),
    (&["blockquote", "q"], &["cite"]),
    (&["br"], &["clear"]),
    (&["caption", "div", "h1", "h2", "h3", "h4", "h5", "h6", "p"], &["align"]),
    (&["col", "colgroup"], &["align", "char", "charoff", "span", "valign", "width"]),
    (&["dir", "dl", "menu"], &["compact"]),
    (&["font"], &["color", "face", "size"]),
    (&["hr"], &["align", "noshade", "size", "width"]),
    (&["img"], &["align", "alt", "border", "height", "hspace", "ismap", "longdesc", "name", "src", "usemap", "vspace", "width"]),
    (&["li"], &["type", "value"]),
    (&["map"], &["name"]),
    (&["ol"], &["compact", "start", "type"]),
    (&["pre"], &["width", "xml:space"]),
    (&["table"], &["align", "bgcolor", "border", "cellpadding", "cellspacing", "frame", "rules", "summary", "width"]),
    (&["tbody", "tfoot", "thead"], &["align", "char", "charoff", "valign"]),
    (&["td", "th"], &["abbr", "align", "axis", "bgcolor", "char", "charoff", "colspan", "headers", "height", "nowrap",
        "rowspan", "scope", "valign", "width"]),
    (&["tr"], &["align", "bgcolor", "char", "charoff", "valign"]),
    (&["ul"], &["compact", "type"]),
];

/// Whether an element may have an attribute.
pub(super) fn may_have(element: &str, attribute: &str) -> bool {
    let own = OWN.iter().find(|(elements, _)| elements.contains(&element));
    COMMON.contains(&attribute) || own.is_some_and(|(_, attributes)| attributes.contains(&attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_element_has_its_attributes_in_one_row() {
        let mut elements: Vec<&str> = OWN.iter().flat_map(|(elements, _)| elements.iter().copied()).collect();
        let count = elements.len();
        elements.sort_unstable();
        elements.dedup();
        assert_eq!(elements.len(), count);
        assert!(may_have("td", "colspan") && !may_have("p", "colspan") && may_have("sub", "title"));
    }
}
