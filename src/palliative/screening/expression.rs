//! The logic of a rule set as text: the part of CQL that joins criteria. <https://cql.hl7.org/>
//!
//! A criterion is a CQL identifier in backticks; `and`, `or`, `not` and parentheses join them, and
//! ``AtLeast(2, {`a`, `b`})`` counts. Both `and` and `or` without parentheses between them are refused, so that no
//! reader has to know which binds closer.

use crate::palliative::screening::logic::Logic;

/// Reads an expression; `criterion` finds the place of a criterion by its id.
///
/// # Errors
/// A sentence for the author of the rule set.
pub fn parse(text: &str, criterion: &dyn Fn(&str) -> Option<usize>) -> Result<Logic, String> {
    let mut reader = Reader { tokens: tokens(text)?, at: 0, depth: 0, criterion };
    let logic = reader.expression()?;
    match reader.next() {
        None => Ok(logic),
        Some(token) => Err(format!("`{token:?}` stands after the end of the expression")),
    }
}

/// How many terms stand one in another at most: each is a call within a call, here and when it is judged.
const DEEPEST: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Criterion(String),
    Word(String),
    Number(usize),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '`' => rest[1..].find('`').map(|end| end + 2).ok_or("a backtick is not closed")?,
            '(' | ')' | '{' | '}' | ',' => 1,
            _ => rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(match first {
            '`' => Token::Criterion(token.trim_matches('`').to_owned()),
            '(' | ')' | '{' | '}' | ',' => Token::Sign(first),
            _ if token.is_empty() => return Err(format!("`{first}` is not understood")),
            _ => token.parse().map_or_else(|_| Token::Word(token.to_owned()), Token::Number),
        });
        rest = after.trim_start();
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    /// How many terms stand around this one.
    depth: usize,
    criterion: &'a dyn Fn(&str) -> Option<usize>,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.takes(&Token::Sign(sign)) { Ok(()) } else { Err(format!("`{sign}` is missing")) }
    }

    fn expression(&mut self) -> Result<Logic, String> {
        let first = self.term()?;
        let word = |word: &str| Token::Word(word.to_owned());
        for (this, other) in [("and", "or"), ("or", "and")] {
            let mut parts = vec![first.clone()];
            while self.takes(&word(this)) {
                parts.push(self.term()?);
            }
            if self.tokens.get(self.at) == Some(&word(other)) && parts.len() > 1 {
                return Err("`and` and `or` stand side by side; put parentheses".to_owned());
            }
            if parts.len() > 1 {
                return Ok(if this == "and" { Logic::all(parts) } else { Logic::any(parts) });
            }
        }
        Ok(first)
    }

    fn term(&mut self) -> Result<Logic, String> {
        if self.depth == DEEPEST {
            return Err(format!("more than {DEEPEST} terms stand one in another; write it flatter"));
        }
        self.depth += 1;
        let term = self.inner_term();
        self.depth -= 1;
        term
    }

    fn inner_term(&mut self) -> Result<Logic, String> {
        match self.next() {
            Some(Token::Criterion(id)) => self.criterion(&id),
            Some(Token::Word(word)) if word == "not" => Ok(Logic::none(self.term()?)),
            Some(Token::Word(word)) if word == "AtLeast" => self.at_least(),
            Some(Token::Sign('(')) => {
                let inner = self.expression()?;
                self.expect(')')?;
                Ok(inner)
            }
            Some(token) => Err(format!("`{token:?}` stands where a criterion is expected")),
            None => Err("the expression ends where a criterion is expected".to_owned()),
        }
    }

    fn criterion(&self, id: &str) -> Result<Logic, String> {
        (self.criterion)(id).map(Logic::Criterion).ok_or_else(|| format!("there is no criterion `{id}`"))
    }

    fn at_least(&mut self) -> Result<Logic, String> {
        self.expect('(')?;
        let Some(Token::Number(least)) = self.next() else {
            return Err("AtLeast begins with a number".to_owned());
        };
        self.expect(',')?;
        self.expect('{')?;
        let mut parts = vec![self.expression()?];
        while self.takes(&Token::Sign(',')) {
            parts.push(self.expression()?);
        }
        self.expect('}')?;
        self.expect(')')?;
        if least > parts.len() {
            return Err(format!("AtLeast({least}, …) has only {} parts", parts.len()));
        }
        Ok(Logic::AtLeast(least, parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Logic, String> {
        parse(text, &|id| ["a", "b-1", "c"].iter().position(|known| *known == id))
    }

    #[test]
    fn an_expression_is_read_as_it_is_written() {
        let [a, b, c] = [0, 1, 2].map(Logic::Criterion);
        for (text, logic) in [
            ("`a`", a.clone()),
            ("`a` and (`b-1` or not `c`)", {
                Logic::all(vec![a.clone(), Logic::any(vec![b.clone(), Logic::none(c.clone())])])
            }),
            ("(`a` and `b-1` and `c`)", Logic::all(vec![a.clone(), b.clone(), c.clone()])),
            ("AtLeast(2, {`a`, `b-1` or `c`, not `a`})", {
                Logic::AtLeast(2, vec![a.clone(), Logic::any(vec![b, c]), Logic::none(a)])
            }),
        ] {
            assert_eq!(read(text), Ok(logic), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for text in [
            "",
            "`a",
            "`x`",
            "`a` `c`",
            "`a` and",
            "(`a`",
            "`a`)",
            "`a` and `c` or `b-1`",
            "`a` or `c` and `b-1`",
            "AtLeast(3, {`a`})",
            "AtLeast(`a`)",
            "`a` xor `c`",
            "a and c",
            "`a` & `c`",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn terms_stand_in_one_another_so_far_and_no_further() {
        let nested = |depth: usize| format!("{}`a`{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(read(&nested(DEEPEST - 1)), Ok(Logic::Criterion(0)));
        assert!(read(&nested(DEEPEST)).is_err());
        assert!(read(&format!("{}`a`", "not ".repeat(1_000_000))).is_err());
    }
}
