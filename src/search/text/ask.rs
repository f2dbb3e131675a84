//! What `_text` and `_content` ask for: words, all of which must be there, in any order; `"a phrase"`, whose words stand
//! side by side; `OR` between two; `NOT` or `-` before what must not be there; `begin*`; parentheses. R4 shows
//! `(bone OR liver) and metastases`, so that the three words count in either case.
//! <https://hl7.org/fhir/R4/search.html#content>

use crate::search::text::question::Phrase;
use crate::search::text::question::Question;
use crate::search::text::question::Turned;
use crate::search::text::question::any;
use crate::search::text::words::words;

/// How many words one parameter may ask for.
pub(super) const MOST_WORDS: usize = 64;

/// How deep parentheses may stand in one another.
const DEEPEST: usize = 16;

const SHAPE: &str = "write words that must all be there, a \"phrase\", OR between two, NOT or - before what must not be \
                     there, a * at the end of what a word begins with, and parentheses";

/// What was written.
#[derive(Clone, Debug, PartialEq)]
enum Asked {
    Words(Phrase),
    All(Vec<Asked>),
    Any(Vec<Asked>),
    Not(Box<Asked>),
}

/// Reads what is asked for.
pub(super) fn read(text: &str) -> Result<Turned, String> {
    let signs = signs(text)?;
    let mut reading = Reading { signs: &signs, at: 0, depth: 0 };
    let asked = reading.any()?;
    if reading.at < signs.len() {
        return Err(format!("a parenthesis closes that was not opened: {SHAPE}."));
    }
    let (question, is_not) = turned(asked);
    Ok(Turned { words: question.words(), question, is_not })
}

#[derive(Clone, Debug, PartialEq)]
enum Sign {
    Words(Phrase),
    And,
    Or,
    Not,
    Open,
    Close,
}

/// The words and signs one after another.
fn signs(text: &str) -> Result<Vec<Sign>, String> {
    let (mut signs, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let (sign, length) = match first {
            '(' => (Sign::Open, 1),
            ')' => (Sign::Close, 1),
            '"' => {
                let inside = rest[1..].split_once('"').map(|(inside, _)| inside);
                let inside = inside.ok_or_else(|| format!("a quotation mark has no second one: {SHAPE}."))?;
                (Sign::Words(phrase(inside, false)?), inside.len() + 2)
            }
            '-' if rest.len() > 1 && !rest[1..].starts_with(char::is_whitespace) => (Sign::Not, 1),
            _ => {
                let ends = |letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '"');
                let term = &rest[..rest.find(ends).unwrap_or(rest.len())];
                (named(term)?, term.len())
            }
        };
        signs.push(sign);
        rest = rest[length..].trim_start();
    }
    Ok(signs)
}

fn named(term: &str) -> Result<Sign, String> {
    match term.to_ascii_uppercase().as_str() {
        "AND" => Ok(Sign::And),
        "OR" => Ok(Sign::Or),
        "NOT" => Ok(Sign::Not),
        _ => {
            let begin = term.trim_end_matches('*');
            Ok(Sign::Words(phrase(begin, begin.len() < term.len())?))
        }
    }
}

fn phrase(text: &str, is_beginning: bool) -> Result<Phrase, String> {
    let words = words(text);
    match words.last() {
        None => Err(format!("there is neither a letter nor a digit in a word of it: {SHAPE}.")),
        Some(last) if is_beginning && words.len() == 1 && last.len() < 2 => {
            Err("before a * there are two letters or digits at least.".into())
        }
        Some(_) => Ok(Phrase { words, is_beginning }),
    }
}

struct Reading<'a> {
    signs: &'a [Sign],
    at: usize,
    depth: usize,
}

impl Reading<'_> {
    fn take(&mut self, sign: &Sign) -> bool {
        let is_there = self.signs.get(self.at) == Some(sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn any(&mut self) -> Result<Asked, String> {
        let mut parts = vec![self.all()?];
        while self.take(&Sign::Or) {
            parts.push(self.all()?);
        }
        Ok(Asked::Any(parts))
    }

    fn all(&mut self) -> Result<Asked, String> {
        let mut parts = vec![self.one()?];
        loop {
            if self.take(&Sign::And) {
                parts.push(self.one()?);
                continue;
            }
            match self.signs.get(self.at) {
                None | Some(Sign::Or | Sign::Close) => return Ok(Asked::All(parts)),
                Some(Sign::Words(_) | Sign::Not | Sign::Open | Sign::And) => parts.push(self.one()?),
            }
        }
    }

    fn one(&mut self) -> Result<Asked, String> {
        let mut is_not = false;
        while self.take(&Sign::Not) {
            is_not = !is_not;
        }
        let asked = match self.signs.get(self.at) {
            Some(Sign::Words(phrase)) => {
                self.at += 1;
                Asked::Words(phrase.clone())
            }
            Some(Sign::Open) => self.inside()?,
            Some(Sign::And | Sign::Or | Sign::Not | Sign::Close) | None => {
                return Err(format!("a word is missing: {SHAPE}."));
            }
        };
        Ok(if is_not { Asked::Not(Box::new(asked)) } else { asked })
    }

    fn inside(&mut self) -> Result<Asked, String> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("parentheses stand more than {DEEPEST} deep in one another."));
        }
        let asked = self.any()?;
        if !self.take(&Sign::Close) {
            return Err(format!("a parenthesis is not closed: {SHAPE}."));
        }
        self.depth -= 1;
        Ok(asked)
    }
}

/// The question, and whether what it does not find is meant.
fn turned(asked: Asked) -> (Question, bool) {
    match asked {
        Asked::Words(phrase) => (Question::Words(phrase), false),
        Asked::Not(inner) => {
            let (question, is_not) = turned(*inner);
            (question, !is_not)
        }
        Asked::Any(parts) => any(parts.into_iter().map(turned).collect()),
        // All hold where not one of them does not.
        Asked::All(parts) => {
            let against = parts.into_iter().map(turned).map(|(question, is_not)| (question, !is_not));
            let (question, is_not) = any(against.collect());
            (question, !is_not)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> (String, bool) {
        let turned = read(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        let mut out = String::new();
        turned.question.for_postgres("", &mut out);
        (out.replace(['(', ')'], ""), turned.is_not)
    }

    #[test]
    fn words_signs_and_parentheses_become_one_question() {
        let table = [
            ("bone", "bone", false),
            ("Bone  LIVER", "bone & liver", false),
            ("liver bone", "bone & liver", false),
            ("bone AND liver", "bone & liver", false),
            ("bone or liver", "bone | liver", false),
            ("\"Short of breath\"", "short <-> of <-> breath", false),
            ("C34.1", "c34 <-> 1", false),
            ("canc*", "canc:*", false),
            ("C34.12*", "c34 <-> 12:*", false),
            ("\"not\" \"and*\"", "and & not", false),
            ("-bone", "bone", true),
            ("NOT NOT bone", "bone", false),
            ("liver -bone", "liver & !bone", false),
            ("liver -bone -\"left lung\"", "liver & !bone | left <-> lung", false),
            ("-liver -bone", "bone | liver", true),
            ("liver OR -bone", "bone & !liver", true),
            ("not (bone or liver)", "bone | liver", true),
            ("(bone OR liver) and metastases", "metastases & bone | liver", false),
            ("a b OR c d", "a & b | c & d", false),
            ("well-being", "well <-> being", false),
        ];
        for (text, expected, is_not) in table {
            let (found, turned) = written(text);
            assert_eq!((found.as_str(), turned), (expected, is_not), "{text}");
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let deep = format!("{}a{}", "(".repeat(17), ")".repeat(17));
        for text in [
            "",
            " ",
            "- bone",
            "\"\"",
            "\"one",
            "( )",
            "(one",
            "one)",
            "one OR",
            "OR one",
            "one AND",
            "NOT",
            "-",
            "one -",
            "*",
            "a*",
            "—",
            "one & two",
            "one OR OR two",
            "one AND OR two",
            &deep,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_means_the_same_is_written_the_same() {
        for (one, other) in
            [("a b", "B a a"), ("a OR b", "B or A"), ("-a -b", "not (b or a)"), ("a.b", "\"a b\"")]
        {
            assert_eq!(written(one), written(other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_no_sign_gets_through(text in "[ab\"()*é&|!:<>' \\\\-]{0,30}| (a|or|not|and)( -| or| b)*") {
            if let Ok(turned) = read(&text) {
                let mut out = String::new();
                turned.question.for_sqlite(&mut out);
                prop_assert_eq!(out.matches('"').count() % 2, 0);
                prop_assert!(!out.contains(['&', '|', '!', ':', '<', '\'', '\\']));
            }
        }
    }
}
