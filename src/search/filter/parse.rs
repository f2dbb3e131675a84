//! From the text of a filter to its tree. <https://hl7.org/fhir/R4/search_filter.html>
//!
//! `and` and `or` bind alike and from the left, as the page says. A name may carry a target type as in a chain
//! (`subject:Patient.name`), because a reference that may point anywhere says nothing without one.

use crate::search::filter::operator::Operator;

/// How long a filter may be, in bytes.
const LONGEST: usize = 8_192;

/// How often parentheses and brackets may stand in one another.
const DEEPEST: u8 = 10;

/// How many comparisons a filter may have.
const MOST: usize = 40;

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// All of them hold.
    All(Vec<Filter>),
    /// One of them holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A comparison holds.
    Compare(Comparison),
}

/// `subject.name co "pet"`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    /// From one resource to the next by all but the last, which is what is compared.
    pub path: Vec<Step>,
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: String,
}

/// A name of a path, with the filter in brackets that it may have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// A search parameter, with a target type after a colon where it has one.
    pub name: String,
    /// What must hold where the step leads to.
    pub within: Option<Filter>,
}

/// Reads a filter, or says in a sentence what is wrong and where.
pub(super) fn parse(text: &str) -> Result<Filter, String> {
    if text.len() > LONGEST {
        return Err(format!("A filter may be {LONGEST} bytes long, and this one is longer."));
    }
    let mut reader = Reader { text, at: 0, compared: 0 };
    let filter = reader.filter(DEEPEST)?;
    match reader.peek() {
        None => Ok(filter),
        Some(letter) => Err(reader.wrong(&format!("`{letter}` closes nothing"))),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    compared: usize,
}

impl<'a> Reader<'a> {
    /// Terms with `and` and `or` between them, up to the end or to what closes.
    fn filter(&mut self, depth: u8) -> Result<Filter, String> {
        let mut filter = self.term(depth)?;
        loop {
            self.space();
            if matches!(self.peek(), None | Some(')' | ']')) {
                return Ok(filter);
            }
            let start = self.at;
            let word = self.word();
            filter = match (word, filter) {
                ("and", Filter::All(mut all)) => {
                    all.push(self.term(depth)?);
                    Filter::All(all)
                }
                ("or", Filter::Any(mut any)) => {
                    any.push(self.term(depth)?);
                    Filter::Any(any)
                }
                ("and", first) => Filter::All(vec![first, self.term(depth)?]),
                ("or", first) => Filter::Any(vec![first, self.term(depth)?]),
                _ => {
                    self.at = start;
                    return Err(self
                        .wrong("`and`, `or` or the end should follow; a text with spaces stands in quotes"));
                }
            };
        }
    }

    /// A comparison, or a filter in parentheses.
    fn term(&mut self, depth: u8) -> Result<Filter, String> {
        self.space();
        if self.peek() == Some('(') {
            return self.enclosed(')', depth);
        }
        let start = self.at;
        if self.word() == "not" {
            self.space();
            if self.peek() != Some('(') {
                return Err(
                    self.wrong("after `not` stands a filter in parentheses, as in `not (active eq true)`")
                );
            }
            return Ok(Filter::Not(Box::new(self.enclosed(')', depth)?)));
        }
        self.at = start;
        self.comparison(depth).map(Filter::Compare)
    }

    /// A filter up to the sign that closes what opens here.
    fn enclosed(&mut self, close: char, depth: u8) -> Result<Filter, String> {
        let Some(deeper) = depth.checked_sub(1) else {
            return Err(self
                .wrong(&format!("parentheses and brackets stand in one another more than {DEEPEST} times")));
        };
        self.at += 1;
        let filter = self.filter(deeper)?;
        if self.peek() != Some(close) {
            return Err(self.wrong(&format!("`{close}` is missing")));
        }
        self.at += 1;
        Ok(filter)
    }

    fn comparison(&mut self, depth: u8) -> Result<Comparison, String> {
        self.compared += 1;
        if self.compared > MOST {
            return Err(format!("A filter may have {MOST} comparisons, and this one has more."));
        }
        let path = self.path(depth)?;
        self.space();
        let start = self.at;
        let name = self.word();
        let Some(operator) = Operator::parse(name) else {
            self.at = start;
            let text = format!("`{name}` is not an operator; known are {}", Operator::names());
            return Err(self.wrong(&text));
        };
        self.space();
        Ok(Comparison { path, operator, value: self.value()? })
    }

    fn path(&mut self, depth: u8) -> Result<Vec<Step>, String> {
        let mut path = Vec::new();
        loop {
            let name = self.word();
            if name.is_empty() {
                return Err(self.wrong("the name of a search parameter should stand here"));
            }
            let within = if self.peek() == Some('[') { Some(self.enclosed(']', depth)?) } else { None };
            let filtered = within.is_some();
            path.push(Step { name: name.to_owned(), within });
            match self.peek() {
                Some('.') => self.at += 1,
                _ if filtered => {
                    return Err(
                        self.wrong("after a filter in brackets stands a dot and a name, as in `a[b eq c].d`")
                    );
                }
                _ => return Ok(path),
            }
        }
    }

    /// A JSON string, or all up to a space or what closes.
    fn value(&mut self) -> Result<String, String> {
        let rest = &self.text[self.at..];
        if !rest.starts_with('"') {
            let end = rest.find(|letter: char| letter.is_whitespace() || matches!(letter, ')' | ']'));
            let value = &rest[..end.unwrap_or(rest.len())];
            if value.is_empty() {
                return Err(self.wrong("a value should stand here"));
            }
            self.at += value.len();
            return Ok(value.to_owned());
        }
        let mut escaped = false;
        let end = rest.bytes().enumerate().skip(1).find(|(_, byte)| {
            let closes = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            closes
        });
        let Some((end, _)) = end else {
            return Err(self.wrong("the text that begins here has no closing quote"));
        };
        let value: String = serde_json::from_str(&rest[..=end]).map_err(|_| {
            self.wrong("the text is not a JSON string; write `\\\"` and `\\\\` for a quote and a backslash")
        })?;
        if value.contains('\0') {
            return Err(self.wrong("no text in FHIR has the character U+0000"));
        }
        self.at += end + 1;
        match self.peek() {
            None | Some(')' | ']') => Ok(value),
            Some(letter) if letter.is_whitespace() => Ok(value),
            Some(_) => Err(self.wrong("a space should follow the text")),
        }
    }

    /// Letters, digits, `_`, `-` and `:`; empty where there are none.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | ':');
        let word = &rest[..rest.find(|letter| !of_name(letter)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn wrong(&self, text: &str) -> String {
        let place = self.text[..self.at].chars().count() + 1;
        format!("At character {place} of the filter, {text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(path: &str, operator: Operator, value: &str) -> Filter {
        let path = path.split('.').map(|name| Step { name: name.into(), within: None }).collect();
        Filter::Compare(Comparison { path, operator, value: value.into() })
    }

    #[test]
    fn what_the_page_shows_is_read() {
        let [a, b, c] = ["a", "b", "c"].map(|name| compare(name, Operator::Eq, "1"));
        let not = |filter: &Filter| Filter::Not(Box::new(filter.clone()));
        let table = [
            ("name co \"pet\"", compare("name", Operator::Co, "pet")),
            ("subject:Patient.name co pet", compare("subject:Patient.name", Operator::Co, "pet")),
            ("code eq http://loinc.org|1234-5", compare("code", Operator::Eq, "http://loinc.org|1234-5")),
            (r#"name eq "a \"b\") \u00e9\\""#, compare("name", Operator::Eq, r#"a "b") é\"#)),
            (
                "birthdate ge 2014-10-10T01:00:00+01:00",
                compare("birthdate", Operator::Ge, "2014-10-10T01:00:00+01:00"),
            ),
            ("a eq 1 and b eq 1 and c eq 1", Filter::All(vec![a.clone(), b.clone(), c.clone()])),
            (
                "a eq 1 or b eq 1 and c eq 1",
                Filter::All(vec![Filter::Any(vec![a.clone(), b.clone()]), c.clone()]),
            ),
            (
                " a  eq 1 or ( b eq 1 and c eq 1 ) ",
                Filter::Any(vec![a.clone(), Filter::All(vec![b.clone(), c.clone()])]),
            ),
            ("not(a eq 1)", not(&a)),
            ("not (a eq 1 or b eq 1)", not(&Filter::Any(vec![a.clone(), b]))),
            (
                "x[a eq 1].y pr true",
                Filter::Compare(Comparison {
                    path: vec![
                        Step { name: "x".into(), within: Some(a) },
                        Step { name: "y".into(), within: None },
                    ],
                    operator: Operator::Pr,
                    value: "true".into(),
                }),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let deep = format!("{}a eq 1{}", "(".repeat(11), ")".repeat(11));
        let many = vec!["a eq 1"; 41].join(" or ");
        let long = format!("a eq {}", "x".repeat(LONGEST));
        let table = [
            ("", "At character 1 of the filter, the name"),
            ("name", "At character 5 of the filter, `` is not an operator; known are eq, ne"),
            ("name is x", "At character 6 of the filter, `is` is not an operator"),
            ("name EQ x", "`EQ` is not an operator"),
            ("name eq", "At character 8 of the filter, a value"),
            ("é eq x", "At character 1 of the filter, the name"),
            ("name eq \"x", "At character 9 of the filter, the text that begins here has no closing quote"),
            ("name eq \"\\x\"", "not a JSON string"),
            ("name eq \"a\\u0000\"", "U+0000"),
            ("name eq \"x\"y", "a space should follow"),
            ("name eq Ann Lee", "At character 13 of the filter, `and`, `or` or the end"),
            ("a eq 1 and", "At character 11 of the filter, the name"),
            ("(a eq 1", "`)` is missing"),
            ("a eq 1)", "At character 7 of the filter, `)` closes nothing"),
            ("a[b eq 1) eq 2", "`]` is missing"),
            ("a[b eq 1] eq 2", "a dot and a name"),
            ("a. eq 2", "At character 3 of the filter, the name"),
            ("not a eq 1", "in parentheses"),
            (&deep, "more than 10 times"),
            (&many, "may have 40 comparisons"),
            (&long, "bytes long"),
        ];
        for (text, expected) in table {
            let problem = parse(text).expect_err(text);
            assert!(problem.contains(expected), "{text}: {problem}");
        }
        assert!(parse(&vec!["a eq 1"; 40].join(" or ")).is_ok());
    }
}
