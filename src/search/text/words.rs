//! The words of a text as the index holds them and as a search asks for them: runs of letters and digits, lower case
//! and without accents. One reading for both databases, so that both find the same; neither splits or folds anything
//! itself. <https://hl7.org/fhir/R4/search.html#content>

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest word, in bytes; of a longer one its beginning counts.
const LONGEST: usize = 100;

/// Gives each word of a text.
pub(super) fn each_word(text: &str, each: &mut dyn FnMut(&str)) {
    if text.is_ascii() {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
        for word in words.filter(|word| !word.is_empty()) {
            if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
                each(cut(&word.to_ascii_lowercase()));
            } else {
                each(cut(word));
            }
        }
        return;
    }
    let letters = text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase);
    let folded: String = letters.filter(|letter| !is_combining_mark(*letter)).collect();
    let words = folded.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).for_each(|word| each(cut(word)));
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    each_word(text, &mut |word| all.push(word.to_owned()));
    all
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(LONGEST)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_and_digits_without_case_and_accents() {
        let table: [(&str, &[&str]); 9] = [
            ("Shortness of breath", &["shortness", "of", "breath"]),
            ("C34.1, (left)", &["c34", "1", "left"]),
            ("Müller's Ångström", &["muller", "s", "angstrom"]),
            ("Mu\u{308}ller", &["muller"]),
            ("ﬁne Ｗｉｄｅ ½", &["fine", "wide", "1", "2"]),
            ("a_b-c\u{2013}d", &["a", "b", "c", "d"]),
            ("疼痛 боль", &["疼痛", "боль"]),
            ("", &[]),
            (" — \u{E000} * ", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"é".repeat(500)), ["e".repeat(LONGEST)]);
        assert_eq!(words(&"疼".repeat(500))[0].len(), 99);
    }
}
