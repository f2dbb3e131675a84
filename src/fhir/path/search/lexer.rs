//! The words of an expression. <https://hl7.org/fhirpath/#expressions>

/// A word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    Text(&'a str),
    Number(&'a str),
    Sign(&'a str),
    End,
}

/// Reads words one after another.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next word, without taking it.
    pub(super) fn peek(&self) -> Token<'a> {
        self.clone().next()
    }

    /// Takes the next word.
    pub(super) fn next(&mut self) -> Token<'a> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Token::End };
        match first {
            '\'' => {
                let inner = &self.rest[1..];
                // A text without its end is left as a sign, which no rule of the grammar takes.
                let Some(end) = inner.find('\'') else { return Token::Sign(self.take(self.rest.len())) };
                self.take(end + 2);
                Token::Text(&inner[..end])
            }
            '0'..='9' => Token::Number(self.take_while(|c| c.is_ascii_digit())),
            '%' | '$' | '_' | 'a'..='z' | 'A'..='Z' => {
                Token::Name(self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '%' | '$')))
            }
            '!' if self.rest.starts_with("!=") => Token::Sign(self.take(2)),
            other => Token::Sign(self.take(other.len_utf8())),
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, belongs: fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len()))
    }
}
