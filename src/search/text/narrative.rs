//! What a reader sees of a narrative: its text without tags and comments, with its character references resolved.
//! <https://hl7.org/fhir/R4/narrative.html#xhtml>

use quick_xml::escape::resolve_html5_entity;

/// Elements that stand inside of a line, and perhaps inside of a word: `<b>bone</b>s`.
const INLINE: [&str; 27] = [
    "a", "abbr", "acronym", "b", "bdo", "big", "cite", "code", "dfn", "em", "font", "i", "kbd", "q", "s",
    "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "map", "area",
];

/// No name of a character is longer.
const LONGEST_NAME: usize = 40;

/// Gives each run of text that no other element than those inside of a line interrupts.
pub(super) fn each_run(div: &str, each: &mut dyn FnMut(&str)) {
    let (mut run, mut rest) = (String::new(), div);
    while let Some(at) = rest.find('<') {
        resolve(&rest[..at], &mut run);
        let tag = &rest[at..];
        let length = tag_length(tag);
        if interrupts(&tag[..length]) {
            each(&run);
            run.clear();
        }
        rest = &tag[length..];
    }
    resolve(rest, &mut run);
    each(&run);
}

/// How long the tag or comment is with which the text begins.
fn tag_length(text: &str) -> usize {
    if let Some(comment) = text.strip_prefix("<!--") {
        return comment.find("-->").map_or(text.len(), |end| end + "<!---->".len());
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (None | Some(_), _) => {}
        }
    }
    text.len()
}

fn interrupts(tag: &str) -> bool {
    let name = tag.trim_start_matches(['<', '/']);
    let name = name.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
    !tag.starts_with("<!--") && !INLINE.contains(&name)
}

/// Adds the text with its character references resolved; what is none stays as it is.
fn resolve(text: &str, run: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        run.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        // Looked for nearby alone, so that a text of many such signs is read once and not once for each.
        let end = after.bytes().take(LONGEST_NAME).position(|byte| byte == b';');
        let found = end.and_then(|end| Some((character(&after[..end])?, &after[end + 1..])));
        match found {
            Some((meant, after)) => {
                run.push_str(&meant);
                rest = after;
            }
            None => {
                run.push('&');
                rest = &rest[at + 1..];
            }
        }
    }
    run.push_str(rest);
}

fn character(name: &str) -> Option<String> {
    let numbered =
        |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?).map(String::from);
    match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(digits) => numbered(digits, 16),
            None => numbered(digits, 10),
        },
        None => resolve_html5_entity(name).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(div: &str) -> Vec<String> {
        let mut runs = Vec::new();
        each_run(div, &mut |run| runs.push(run.trim().to_owned()));
        runs.retain(|run| !run.is_empty());
        runs
    }

    #[test]
    fn tags_end_a_run_but_those_inside_of_a_line() {
        let table: [(&str, &[&str]); 6] = [
            ("<div xmlns=\"http://www.w3.org/1999/xhtml\">Plain</div>", &["Plain"]),
            ("<div><p>one</p><p>two <b>bone</b>s</p></div>", &["one", "two bones"]),
            ("<div>a<!-- <p>not</p> seen -->b<br/>c</div>", &["ab", "c"]),
            ("<div><a title=\"x > y\" href='#'>here</a></div>", &["here"]),
            ("<table><tr><td>a</td><td>b</td></tr></table>", &["a", "b"]),
            (
                "<div>M&uuml;ller &#77;&#x6D; &lt;p&gt; &amp;amp; & &nope;</div>",
                &["Müller Mm <p> &amp; & &nope;"],
            ),
        ];
        for (div, expected) in table {
            assert_eq!(runs(div), expected, "{div}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[<>/ab =\"'&;#x1!é-]{0,40}") {
            runs(&text);
        }
    }
}
