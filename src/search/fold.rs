//! How texts are made comparable: folded, bounded in length, hashed. The index and the search both go through
//! here, so that what was shortened on one side is shortened on the other.

use std::fmt::Write as _;

use aws_lc_rs::digest::SHA256;
use aws_lc_rs::digest::digest;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest text that the index holds, in bytes: PostgreSQL refuses index rows above a third of a page, and
/// two such texts stand in one row.
pub(super) const LONGEST: usize = 480;

/// Stands where a folded text was cut; no folded text has it.
pub(super) const CUT: char = '\u{1}';

/// How many bytes of a longer folded text stand at its beginning: after the cut there is a letter for each half of a
/// byte of its hash.
pub(super) const BEGINNING: usize = LONGEST - 1 - 64;

/// Lower case, without accents and punctuation, with single spaces. Signs that say something (`%`, `+`, `<`) stay, and
/// so does all punctuation where a text is nothing else.
pub fn fold(text: &str) -> String {
    let folded = joined(text, bare);
    if folded.is_empty() { joined(text, printed) } else { folded }
}

/// A folded text as the index holds it: itself, or where it is too long its beginning and a hash of the whole, so that
/// equal texts stay equal and others differ. The hash is of letters that nobody can ask for.
pub fn cut(folded: String) -> String {
    if folded.len() <= LONGEST {
        return folded;
    }
    let mut short = folded[..folded.floor_char_boundary(BEGINNING)].to_owned();
    short.push(CUT);
    for byte in digest(&SHA256, folded.as_bytes()).as_ref() {
        short.extend([byte >> 4, byte & 15].map(|half| char::from(0x0e + half)));
    }
    short
}

fn joined(text: &str, kept: fn(char) -> Option<char>) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut push = |letter: char| {
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if letter != ' ' || (!folded.is_empty() && !folded.ends_with(' ')) {
            folded.push(letter);
        }
    };
    let letters = text.chars().filter_map(kept);
    if text.is_ascii() {
        letters.for_each(|letter| push(letter.to_ascii_lowercase()));
    } else {
        let letters = letters.nfkd().flat_map(char::to_lowercase);
        letters.filter(|letter| !is_combining_mark(*letter)).filter_map(kept).for_each(push);
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// A letter; a space in the place of what stands between words, and nothing in that of what stands within one.
fn bare(letter: char) -> Option<char> {
    match letter {
        '\'' | '`' | '\u{b4}' | '\u{2018}'..='\u{201b}' | '\u{2bb}'..='\u{2bd}' | '\u{ad}' => None,
        '!' | '"' | '(' | ')' | ','..='/' | ':' | ';' | '?' | '[' | '\\' | ']' | '_' | '{' | '}' => Some(' '),
        '\u{a1}' | '\u{ab}' | '\u{b7}' | '\u{bb}' | '\u{bf}' => Some(' '),
        '\u{2010}'..='\u{2027}' | '\u{2039}'..='\u{205e}' | '\u{3001}'..='\u{3003}' => Some(' '),
        '\u{3008}'..='\u{3011}' | '\u{30fb}' => Some(' '),
        other => printed(other),
    }
}

/// A letter, unless it is one that is not seen.
fn printed(letter: char) -> Option<char> {
    let is_hidden = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    (!is_hidden && (!letter.is_control() || letter.is_whitespace())).then_some(letter)
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

/// The bits of a system's number: so many that no two systems share one (with a hundred thousand systems, one chance in
/// thirty thousand), and so few that SQLite keeps it in six bytes.
const SYSTEM_BITS: i64 = (1 << 47) - 1;

/// A number for the system of a token or a unit; 0 for none.
pub fn system(uri: Option<&str>) -> i64 {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return 0 };
    let hash = digest(&SHA256, uri.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_ref()[..8]);
    (i64::from_be_bytes(first).max(i64::MIN + 1).abs() & SYSTEM_BITS).max(1)
}

/// An integer that stands to the integers of other numbers as the number to them.
pub(super) fn ordered(number: f64) -> i64 {
    // There is one zero, whatever its sign.
    let bits = (number + 0.0).to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The number for which an integer stands.
pub(super) fn unordered(integer: i64) -> f64 {
    let bits = if integer < 0 { integer ^ i64::MAX } else { integer };
    f64::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stand_for_numbers_in_their_order() {
        let numbers = [f64::MIN, -1e300, -2.5, -2.0, -1e-300, 0.0, 1e-300, 0.1, 2.0, 2.5, 1e300, f64::MAX];
        assert!(numbers.is_sorted_by(|one, other| ordered(*one) < ordered(*other)));
        assert_eq!((ordered(-0.0), ordered(0.0)), (0, 0));
        assert_eq!(numbers.map(|number| unordered(ordered(number))), numbers);
    }

    #[test]
    fn the_number_of_a_system_takes_six_bytes_and_is_the_same_at_every_start() {
        let numbers = ["http://loinc.org", "http://snomed.info/sct", "x"].map(|uri| system(Some(uri)));
        assert!(numbers.iter().all(|number| (1..1 << 47).contains(number)), "{numbers:?}");
        assert_eq!(system(Some("http://unitsofmeasure.org")), 3_532_295_276_271_033_339 & SYSTEM_BITS);
        assert_eq!((system(None), system(Some(""))), (0, 0));
    }

    #[test]
    fn case_accents_width_spaces_and_punctuation_are_folded() {
        let table = [
            ("Müller", "muller"),
            ("MÜLLER", "muller"),
            ("Mu\u{308}ller", "muller"),
            ("İzmir", "izmir"),
            ("ﬁne", "fine"),
            ("Ｗｉｄｅ", "wide"),
            ("  a \t\n b  ", "a b"),
            ("Nuñez-O'Brien", "nunez obrien"),
            ("O\u{2019}Brien", "obrien"),
            ("O\u{b4}Bri\u{e9}n", "obrien"),
            ("St. John,  Jr.", "st john jr"),
            ("José\u{2013}María", "jose maria"),
            ("a\u{0}b\u{1}c\u{200b}d", "abcd"),
            ("<5 % + x", "<5 % + x"),
            ("(...)", "(...)"),
            ("—", "—"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(fold(text), expected);
        }
    }

    #[test]
    fn long_texts_are_bounded_and_stay_different() {
        let long = "é".repeat(5_000);
        assert!(bounded(&long).len() <= LONGEST);
        let folded = fold(&long);
        assert_eq!(folded.len(), 5_000);
        let short = cut(folded.clone());
        assert_eq!((short.len(), short.find(CUT)), (LONGEST, Some(BEGINNING)));
        assert!(short.chars().skip(BEGINNING).all(|letter| letter.is_control() && !letter.is_whitespace()));
        assert_ne!(short, cut(format!("{folded}x")));
        assert_eq!(cut("e".repeat(LONGEST)), "e".repeat(LONGEST));
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
