//! How texts are made comparable: folded, bounded in length, hashed. The index and the search both go through
//! here, so that what was shortened on one side is shortened on the other.

use std::fmt::Write as _;

use aws_lc_rs::digest::SHA256;
use aws_lc_rs::digest::digest;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest text that the index holds, in bytes: PostgreSQL refuses index rows above a third of a page, and
/// two such texts stand in one row.
const LONGEST: usize = 480;

/// Lower case, without accents, with single spaces, and cut at the longest length.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let letters = text.nfkd().flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c) && *c != '\0');
    for letter in letters {
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if letter != ' ' || (!folded.is_empty() && !folded.ends_with(' ')) {
            folded.push(letter);
        }
    }
    folded.truncate(folded.trim_end().len());
    folded.truncate(folded.floor_char_boundary(LONGEST));
    folded
}

/// The text itself, or where it is too long its beginning and a hash of the whole, so that equal texts stay
/// equal and others differ. A NUL, which no FHIR text may hold and PostgreSQL refuses, is left out.
pub fn bounded(text: &str) -> String {
    let text = if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() };
    if text.len() <= LONGEST {
        return text;
    }
    let mut short = text[..text.floor_char_boundary(LONGEST - 70)].to_owned();
    short.push_str(" #");
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        write!(short, "{byte:02x}").expect("a String takes all that is written to it");
    }
    short
}

/// A number for the system of a token or a unit; 0 for none.
pub fn system(uri: Option<&str>) -> i64 {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return 0 };
    let hash = digest(&SHA256, uri.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    i64::from_be_bytes(first).max(i64::MIN + 1).abs().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_width_and_spaces_are_folded() {
        let table = [
            ("Müller", "muller"),
            ("MÜLLER", "muller"),
            ("Mu\u{308}ller", "muller"),
            ("İzmir", "izmir"),
            ("ﬁne", "fine"),
            ("Ｗｉｄｅ", "wide"),
            ("  a \t\n b  ", "a b"),
            ("Nuñez-O'Brien", "nunez-o'brien"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(fold(text), expected);
        }
    }

    #[test]
    fn long_texts_are_bounded_and_stay_different() {
        let long = "é".repeat(5_000);
        assert!(fold(&long).len() <= LONGEST && bounded(&long).len() <= LONGEST);
        assert_ne!(bounded(&long), bounded(&format!("{long}x")));
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded("a\0b"), "ab");
    }

    #[test]
    fn a_system_is_a_positive_number_and_none_is_zero() {
        assert_eq!((system(None), system(Some(""))), (0, 0));
        assert!(system(Some("http://loinc.org")) > 0);
        assert_ne!(system(Some("http://loinc.org")), system(Some("http://snomed.info/sct")));
    }
}
