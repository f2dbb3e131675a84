//! The values of a parameter: `a,b` means either, and a backslash takes a sign's meaning away.
//! <https://hl7.org/fhir/R4/search.html#escaping>

/// The parts between unescaped separators, still escaped.
pub fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in text.char_indices() {
        if letter == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + letter.len_utf8();
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

/// The text that is meant: `\,` is a comma, and so for `|`, `$` and the backslash itself.
pub fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next @ (',' | '|' | '$' | '\\')) if letter == '\\' => {
                plain.push(*next);
                letters.next();
            }
            _ => plain.push(letter),
        }
    }
    plain
}

/// Whether every backslash takes away the meaning of a sign that has one.
pub fn is_escaped_well(text: &str) -> bool {
    well_escaped(text) == text
}

/// The text with a second backslash after each that stands before no sign with a meaning.
pub fn well_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        escaped.push(letter);
        if letter == '\\' {
            let next = letters.next_if(|next| matches!(next, ',' | '|' | '$' | '\\'));
            escaped.push(next.unwrap_or('\\'));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_separators_do_not_separate() {
        assert_eq!(split(r"a,b\,c,", ','), ["a", r"b\,c", ""]);
        assert_eq!(split(r"a\\,b", ','), [r"a\\", "b"]);
        assert_eq!(split("", ','), [""]);
        assert_eq!(unescaped(r"b\,c\|d\$e\\f\g"), r"b,c|d$e\f\g");
        assert_eq!(unescaped("\\"), "\\");
        for (text, well) in
            [(r"a\,b\\c\$\|", r"a\,b\\c\$\|"), (r"a\b", r"a\\b"), ("\\", r"\\"), (r"\\\", r"\\\\")]
        {
            assert_eq!((well_escaped(text).as_str(), is_escaped_well(text)), (well, text == well));
        }
    }
}
