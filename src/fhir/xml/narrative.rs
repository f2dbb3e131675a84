//! A narrative's `div`: the same text in both forms. <https://hl7.org/fhir/R4/narrative.html#xhtml>
//!
//! JSON has the `div` as a string of XML, so what stands in one form is copied to the other: white space, line ends,
//! comments and references as they are. Coming in, prefixes are undone and CDATA is escaped; going out, references
//! that only HTML knows become numbers.

use quick_xml::escape::resolve_html5_entity;
use quick_xml::escape::resolve_xml_entity;

use crate::fhir::xml::XHTML;
use crate::fhir::xml::is_character;
use crate::fhir::xml::problem::Problem;
use crate::fhir::xml::problem::Read;
use crate::fhir::xml::problem::shortened;
use crate::fhir::xml::source::Piece;
use crate::fhir::xml::source::Source;
use crate::fhir::xml::source::Space;
use crate::fhir::xml::tag::Tag;

/// The longest reference, of `&#x10FFFF;` and HTML's names.
const MAX_REFERENCE: usize = 40;

/// Reads the rest of a `div` whose start tag is the last piece, as the string that JSON has.
pub(super) fn read(source: &mut Source<'_>, div: Tag<'_>) -> Read<String> {
    let mut out = String::new();
    open(source, &div, &mut out)?;
    if !div.has("xmlns") {
        out.insert_str(1 + div.name.len(), &format!(" xmlns=\"{XHTML}\""));
    }
    let mut open_prefixes = vec![div.prefix];
    while !open_prefixes.is_empty() {
        match source.piece()? {
            Piece::Open(tag) => {
                open(source, &tag, &mut out)?;
                open_prefixes.push(tag.prefix);
            }
            Piece::Close => {
                let prefix = open_prefixes.pop().unwrap_or_default();
                close(source.raw(), prefix, &mut out);
            }
            Piece::Text => {
                check_references(source, source.raw())?;
                out.push_str(source.raw());
            }
            Piece::Cdata => {
                let text = source.raw();
                let text = text.strip_prefix("<![CDATA[").unwrap_or(text);
                let text = text.strip_suffix("]]>").unwrap_or(text);
                out.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
            }
            Piece::Comment => out.push_str(source.raw()),
            Piece::Instruction => {}
            Piece::End => return Err(source.ends()),
        }
    }
    Ok(out)
}

fn open(source: &Source<'_>, tag: &Tag<'_>, out: &mut String) -> Read<()> {
    if tag.space != Space::Xhtml {
        let text = format!("`{}` of a narrative is in another namespace than {XHTML}", shortened(tag.name));
        return Err(source.problem(text));
    }
    let raw = source.raw();
    check_references(source, raw)?;
    match tag.prefix {
        "" => out.push_str(raw),
        _ => {
            let end = if raw.ends_with("/>") { "/>" } else { ">" };
            out.extend(["<", tag.name, tag.rest(), end]);
        }
    }
    Ok(())
}

/// An end tag, which is empty where the start tag closes itself.
fn close(raw: &str, prefix: &str, out: &mut String) {
    match raw
        .strip_prefix("</")
        .and_then(|name| name.strip_prefix(prefix))
        .and_then(|name| name.strip_prefix(':'))
    {
        Some(name) if !prefix.is_empty() => out.extend(["</", name]),
        Some(_) | None => out.push_str(raw),
    }
}

/// XML without a document type has five names for characters; all else is a number.
fn check_references(source: &Source<'_>, raw: &str) -> Read<()> {
    let unknown = |name: &str| -> Box<Problem> {
        source.problem(format!(
            "XML does not know `&{}`; write the character itself, or `&amp;` for `&`",
            shortened(name)
        ))
    };
    for (at, _) in raw.match_indices('&') {
        match reference(&raw[at + 1..]) {
            Some(name) if resolve_xml_entity(name).is_some() || numbered(name).is_some() => {}
            Some(name) => return Err(unknown(&format!("{name};"))),
            None => return Err(unknown("")),
        }
    }
    Ok(())
}

/// The name of a reference that this text goes on with after its `&`.
fn reference(text: &str) -> Option<&str> {
    let end = text.bytes().take(MAX_REFERENCE).position(|byte| byte == b';')?;
    text.get(..end)
}

/// The character of `#160` or `#xA0`, if XML can hold it.
pub(in crate::fhir) fn numbered(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) | None => return None,
    };
    char::from_u32(code).filter(|character| is_character(*character))
}

/// Writes a `div` so that it is well-formed XML.
pub(super) fn write(div: &str, out: &mut Vec<u8>) {
    let mut rest = div;
    while let Some(at) = rest.find(|character: char| character == '&' || !is_character(character)) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let character = rest[at..].chars().next().unwrap_or_default();
        rest = &rest[at + character.len_utf8()..];
        if character != '&' {
            out.extend_from_slice("\u{FFFD}".as_bytes());
            continue;
        }
        match reference(rest) {
            Some(name) if resolve_xml_entity(name).is_some() || numbered(name).is_some() => out.push(b'&'),
            Some(name) => {
                if let Some(text) = resolve_html5_entity(name) {
                    let numbers = text.chars().map(|character| format!("&#{};", u32::from(character)));
                    out.extend(numbers.flat_map(String::into_bytes));
                    rest = &rest[name.len() + 1..];
                } else {
                    out.extend_from_slice(b"&amp;");
                }
            }
            None => out.extend_from_slice(b"&amp;"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
}
