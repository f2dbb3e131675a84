//! Narrative: one XHTML `div` that a browser can show without danger. <https://hl7.org/fhir/R4/narrative.html#xhtml>
//!
//! A light reader, not an XML parser: it sees that tags are closed, that only elements and attributes that R4 allows
//! occur, and that nothing in it can run. Whoever shows a narrative must still treat it as foreign.

use std::ops::Range;

use quick_xml::escape::resolve_html5_entity;

use crate::fhir::shape::attributes::may_have;
use crate::fhir::shape::xhtml::Attribute;
use crate::fhir::shape::xhtml::Piece;
use crate::fhir::shape::xhtml::Scanner;
use crate::fhir::xml;

/// R4 allows the elements of HTML 4.0's chapters 7 to 11 (without 9.4) and 15, links and images.
#[rustfmt::skip]
const ELEMENTS: [&str; 60] = [
    "a", "abbr", "acronym", "address", "area", "b", "bdo", "big", "blockquote", "br", "caption", "center", "cite",
    "code", "col", "colgroup", "dd", "dfn", "dir", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5",
    "h6", "hr", "i", "img", "kbd", "li", "map", "menu", "ol", "p", "pre", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var",
];

/// More attributes than XHTML has for any element.
const MOST_ATTRIBUTES: usize = 40;

/// Attributes whose value is fetched or followed.
const ADDRESSES: [&str; 5] = ["href", "src", "longdesc", "cite", "usemap"];

const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// Checks a `div`; says what is wrong and what to do.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut scanner = Scanner::new(text);
    let (mut has_content, mut seen_root) = (false, false);
    while let Some(piece) = scanner.next()? {
        if open.is_empty() && seen_root && !matches!(piece, Piece::Text(text) if text.trim().is_empty()) {
            return Err("The narrative must be one `div`; put all of it inside.".to_owned());
        }
        match piece {
            Piece::Text(text) if open.is_empty() && !text.trim().is_empty() => {
                return Err("The narrative must be one `div`; put its text inside.".to_owned());
            }
            Piece::Text(text) => {
                check_entities(text)?;
                if text.contains("]]>") {
                    return Err("The narrative holds `]]>`; write it as `]]&gt;`.".to_owned());
                }
                has_content |= !text.trim().is_empty();
            }
            Piece::Comment => {}
            Piece::Open { name, attributes, closed } => {
                if !seen_root {
                    check_root(text, name, &attributes)?;
                    seen_root = true;
                }
                check_element(text, name, &attributes)?;
                has_content |= name == "img";
                if !closed {
                    open.push(name);
                }
            }
            Piece::Close(name) => match open.pop() {
                Some(opened) if opened == name => {}
                Some(opened) => {
                    return Err(format!(
                        "The narrative closes `{name}` where `{opened}` is open; nest its tags."
                    ));
                }
                None => return Err(format!("The narrative closes `{name}`, which is not open.")),
            },
        }
    }
    match open.last() {
        Some(name) => {
            Err(format!("The narrative does not close `{name}`; it must be XHTML, so close every tag."))
        }
        None if !seen_root => Err("The narrative must be a `div`.".to_owned()),
        None if !has_content => Err("The narrative is empty; give it text or leave it out.".to_owned()),
        None => Ok(()),
    }
}

/// Shows `change` each `href` and `src`, with `&amp;` read as `&`; it may rewrite it.
pub(super) fn addresses_mut(text: &mut String, change: &mut dyn FnMut(&mut String)) {
    let mut changed: Vec<(Range<usize>, String)> = Vec::new();
    let mut scanner = Scanner::new(text);
    while let Ok(Some(piece)) = scanner.next() {
        let Piece::Open { attributes, .. } = piece else { continue };
        for attribute in attributes.into_iter().filter(|attribute| matches!(attribute.name, "href" | "src")) {
            let before = text[attribute.value.clone()].replace("&amp;", "&");
            let mut after = before.clone();
            change(&mut after);
            if after != before {
                let escaped = after.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
                changed.push((attribute.value, escaped));
            }
        }
    }
    for (range, after) in changed.into_iter().rev() {
        text.replace_range(range, &after);
    }
}

fn check_root(text: &str, name: &str, attributes: &[Attribute<'_>]) -> Result<(), String> {
    if name != "div" {
        return Err(format!("The narrative must be a `div`, not `{}`.", shown(name)));
    }
    let namespace = attributes.iter().find(|attribute| attribute.name == "xmlns");
    if namespace.is_some_and(|namespace| &text[namespace.value.clone()] == XHTML) {
        return Ok(());
    }
    Err("The narrative's `div` needs `xmlns=\"http://www.w3.org/1999/xhtml\"`.".to_owned())
}

fn check_element(text: &str, name: &str, attributes: &[Attribute<'_>]) -> Result<(), String> {
    if ELEMENTS.binary_search(&name).is_err() {
        return Err(format!("A narrative may not hold `{}`; use plain formatting only.", shown(name)));
    }
    if attributes.len() > MOST_ATTRIBUTES {
        return Err(format!("The narrative's `{}` has too many attributes.", shown(name)));
    }
    for (at, attribute) in attributes.iter().enumerate() {
        if attributes[..at].iter().any(|before| before.name == attribute.name) {
            return Err(format!("The narrative gives the attribute `{}` twice.", shown(attribute.name)));
        }
        let (lower, value) = (attribute.name.to_ascii_lowercase(), &text[attribute.value.clone()]);
        if lower.starts_with("on") {
            return Err(format!(
                "A narrative may not hold the event `{}`; remove it.",
                shown(attribute.name)
            ));
        }
        let is_namespace = match attribute.name.strip_prefix("xmlns") {
            Some("") => value == XHTML,
            Some(prefix) => prefix.starts_with(':'),
            None => false,
        };
        if !is_namespace && !may_have(name, attribute.name) {
            return Err(format!(
                "In a narrative `{}` may not have the attribute `{}`; remove it.",
                shown(name),
                shown(attribute.name)
            ));
        }
        check_entities(value)?;
        let is_address = ADDRESSES.contains(&lower.as_str());
        if (is_address && !is_harmless_address(value)) || (lower == "style" && is_active_style(value)) {
            return Err(format!("The narrative's `{}` may run code; remove it.", shown(attribute.name)));
        }
    }
    Ok(())
}

/// An address without a scheme that runs something; browsers ignore white space and control characters in it, and
/// read character references, so any reference in front of the first `:` but `&amp;` is taken as hiding a scheme.
fn is_harmless_address(value: &str) -> bool {
    let plain: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let Some((scheme, rest)) = plain.split_once(':') else {
        return !plain.contains("&#") && !plain.contains("&colon");
    };
    if scheme.contains(['/', '?']) || (scheme.contains('#') && !scheme.contains("&#")) {
        return true;
    }
    match scheme.to_ascii_lowercase().as_str() {
        "javascript" | "vbscript" => false,
        "data" => {
            rest.to_ascii_lowercase().starts_with("image/")
                && !rest.to_ascii_lowercase().starts_with("image/svg")
        }
        scheme => !scheme.contains('&'),
    }
}

fn is_active_style(value: &str) -> bool {
    let plain: String = value.to_ascii_lowercase().split_whitespace().collect();
    ["expression(", "javascript:", "vbscript:", "@import", "behavior:", "-moz-binding"]
        .iter()
        .any(|needle| plain.contains(needle))
}

/// Every `&` starts a character reference, to a character that XML can hold or by a name that HTML knows: no other
/// entity is defined where a narrative is read, and what it would stand for is not ours to guess.
fn check_entities(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('&') {
        let Some((name, _)) = text[at + 1..].split_once(';') else { return Err(bare()) };
        let fits = match name.strip_prefix('#') {
            Some(_) => xml::numbered(name).is_some(),
            None if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) => return Err(bare()),
            None => resolve_html5_entity(name).is_some(),
        };
        if !fits {
            return Err(format!(
                "The narrative's `&{};` stands for nothing; write the character.",
                shown(name)
            ));
        }
    }
    Ok(())
}

fn bare() -> String {
    "The narrative holds a bare `&`; write it as `&amp;`.".to_owned()
}

/// A name as a sentence shows it.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(30).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn div(inner: &str) -> String {
        format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{inner}</div>")
    }

    #[test]
    fn elements_are_sorted_for_the_search() {
        assert!(ELEMENTS.is_sorted());
    }

    #[test]
    fn plain_formatting_is_taken() {
        for inner in [
            "a",
            "<p class='x'>a &amp; b &#160;&#xA0;&nbsp;</p><br/>",
            "<a href=\"https://a.org/?x=1&amp;y=2\">a</a>",
            "<img src=\"#pic\" alt=\"x\" />",
            "<!-- note --> <b>é</b>",
            "<img src='data:image/png;base64,AAAA'/>",
            "<a href='Patient/1:2'>x</a>",
            "<a name='a' href='urn:uuid:1'>x</a>",
            "<table border='1' class='x'><tr><td colspan='2' valign='top' bgcolor='#eee'>a</td></tr></table>",
            "<p xmlns='http://www.w3.org/1999/xhtml' xml:lang='de' lang='de'>a</p><pre xml:space='preserve'>a</pre>",
        ] {
            assert_eq!(check(&div(inner)), Ok(()), "{inner}");
        }
    }

    #[test]
    fn what_is_not_well_formed_or_can_run_is_refused() {
        for (text, says) in [
            ("plain".to_owned(), "one `div`"),
            ("<p xmlns=\"http://www.w3.org/1999/xhtml\">a</p>".to_owned(), "not `p`"),
            ("<div>a</div>".to_owned(), "xmlns"),
            (div("a") + "b", "one `div`"),
            (div("a") + &div("b"), "one `div`"),
            (div("  "), "empty"),
            (div("<b>a"), "where `b` is open"),
            (div("a").trim_end_matches('>').to_owned(), "inside a tag"),
            (div("<p>a</b></p>"), "where `p` is open"),
            (div("<br>a"), "`br` is open"),
            (div("a & b"), "bare `&`"),
            (div("a ]]> b"), "`]]&gt;`"),
            (div("<!-- a -- b -->c"), "holds `--`"),
            (div("<p title='a' title='b'>a</p>"), "twice"),
            (div("<p x:y='a'>a</p>"), "attribute `x:y`"),
            (div("<p foo='x'>a</p>"), "`p` may not have the attribute `foo`"),
            (div("<img srcset='x'/>"), "attribute `srcset`"),
            (div("<a href='x' ping='y'>a</a>"), "attribute `ping`"),
            (div("<a href='x' target='_blank'>a</a>"), "attribute `target`"),
            (div("<a HREF='x'>a</a>"), "attribute `HREF`"),
            (div("<p data-x='a'>a</p>"), "attribute `data-x`"),
            (div("<p colspan='2'>a</p>"), "attribute `colspan`"),
            (div("<p xmlns='http://www.w3.org/2000/svg'>a</p>"), "attribute `xmlns`"),
            (div("<table background='x'><tr><td>a</td></tr></table>"), "attribute `background`"),
            (div("a < b"), "bare `<`"),
            (div("<p x>a</p>"), "name=\"value\""),
            (div("<script>a()</script>"), "`script`"),
            (div("a &evil; b"), "`&evil;` stands for nothing"),
            (div("a &#0; b"), "stands for nothing"),
            (div("a &#xD800; b"), "stands for nothing"),
            (div("a &#; b"), "stands for nothing"),
            (div("<p title='&evil;'>a</p>"), "`&evil;` stands for nothing"),
            (div("<SCRIPT>a()</SCRIPT>"), "`SCRIPT`"),
            (div("<form>a</form>"), "`form`"),
            (div("<iframe src='x'/>"), "`iframe`"),
            (div("<p onclick='a()'>a</p>"), "onclick"),
            (div("<p ONCLICK='a()'>a</p>"), "ONCLICK"),
            (div("<a href=' java\tscript:a()'>a</a>"), "run code"),
            (div("<a href='JavaScript&#58;a()'>a</a>"), "run code"),
            (div("<a href='&#106;avascript:a()'>a</a>"), "run code"),
            (div("<a href='javascript&colon;a()'>a</a>"), "run code"),
            (div("<img src='data:text/html,x'/>"), "run code"),
            (div("<p style='background:url(javascript:a())'>a</p>"), "run code"),
            ("<!DOCTYPE div>".to_owned() + &div("a"), "DOCTYPE"),
            (div("<![CDATA[a]]>"), "CDATA"),
        ] {
            let fault = check(&text).expect_err(&text);
            assert!(fault.contains(says), "{text}: {fault}");
        }
    }

    #[test]
    fn addresses_are_rewritten_where_they_stand() {
        let mut text = div("<a href=\"urn:uuid:1\">1</a> <img src='x?a=1&amp;b=2'/><a href='#k'>k</a>");
        let mut seen = Vec::new();
        addresses_mut(&mut text, &mut |address| {
            seen.push(address.clone());
            match address.as_str() {
                "urn:uuid:1" => *address = "Patient/1".to_owned(),
                "#k" => {}
                _ => address.push_str("&c=3"),
            }
        });
        assert_eq!(seen, ["urn:uuid:1", "x?a=1&b=2", "#k"]);
        assert_eq!(
            text,
            div("<a href=\"Patient/1\">1</a> <img src='x?a=1&amp;b=2&amp;c=3'/><a href='#k'>k</a>")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>/a-c =\"'&;#é!?-]{0,40}") {
            let _ = check(&text);
            let _ = check(&div(&text));
            addresses_mut(&mut div(&text), &mut |address| address.push('x'));
        }
    }
}
