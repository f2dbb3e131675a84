//! The words of an expression in the whole language. <https://hl7.org/fhirpath/grammar.html>

use std::iter::Peekable;
use std::str::CharIndices;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Name(String),
    /// A name in backticks, which is never a keyword.
    Quoted(String),
    /// A text in quotes, its escapes resolved.
    Text(String),
    Number(String),
    /// A date, dateTime or time after `@`.
    Moment(String),
    /// `$this`, `$index`, `$total`.
    Special(String),
    /// What stands after `%`.
    Variable(String),
    Sign(&'static str),
    End,
}

/// The signs of the grammar, longer ones first.
const SIGNS: [&str; 24] = [
    "<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "|", "=", "~", "<", ">", "+", "-", "*",
    "/", "&", ";", ":",
];

/// All words of a text, the end last.
///
/// # Errors
/// What cannot be read.
pub(super) fn words(text: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer { text, rest: text.char_indices().peekable() };
    let mut words = Vec::new();
    loop {
        let word = lexer.word()?;
        let done = word == Token::End;
        words.push(word);
        if done {
            return Ok(words);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl<'a> Lexer<'a> {
    fn word(&mut self) -> Result<Token, String> {
        self.skip_space()?;
        let Some(&(start, first)) = self.rest.peek() else { return Ok(Token::End) };
        match first {
            '\'' => self.quoted('\'').map(Token::Text),
            '`' => self.quoted('`').map(Token::Quoted),
            '%' => {
                self.rest.next();
                match self.rest.peek() {
                    Some((_, quote @ ('\'' | '`'))) => {
                        let quote = *quote;
                        self.quoted(quote).map(Token::Variable)
                    }
                    _ => Ok(Token::Variable(self.take_while(is_name).to_owned())),
                }
            }
            '$' => {
                self.rest.next();
                Ok(Token::Special(self.take_while(is_name).to_owned()))
            }
            '@' => {
                self.rest.next();
                Ok(Token::Moment(self.take_while(|c| c.is_ascii_digit() || "-:+.TZ".contains(c)).to_owned()))
            }
            '0'..='9' => {
                self.take_while(|c| c.is_ascii_digit());
                let mut ahead = self.rest.clone();
                // A point belongs to the number only where a digit follows; else it begins a function.
                if ahead.next().is_some_and(|(_, c)| c == '.')
                    && ahead.next().is_some_and(|(_, c)| c.is_ascii_digit())
                {
                    self.rest.next();
                    self.take_while(|c| c.is_ascii_digit());
                }
                Ok(Token::Number(self.text[start..self.at()].to_owned()))
            }
            first if is_name(first) => Ok(Token::Name(self.take_while(is_name).to_owned())),
            other => match SIGNS.iter().find(|sign| self.text[start..].starts_with(**sign)) {
                Some(sign) => {
                    self.pass(sign);
                    Ok(Token::Sign(sign))
                }
                None => Err(format!("`{other}` is not understood")),
            },
        }
    }

    fn skip_space(&mut self) -> Result<(), String> {
        loop {
            self.take_while(char::is_whitespace);
            let rest = &self.text[self.at()..];
            if rest.starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or("a comment does not end")? + 2;
                self.pass(&rest[..end]);
            } else {
                return Ok(());
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.rest.next();
        let mut text = String::new();
        loop {
            match self.rest.next().map(|(_, c)| c) {
                None => return Err(format!("a text that begins with {quote} does not end")),
                Some('\\') => text.push(self.escape()?),
                Some(end) if end == quote => return Ok(text),
                Some(plain) => text.push(plain),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        Ok(match self.rest.next().map(|(_, c)| c) {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('f') => '\u{C}',
            Some('u') => {
                let digits: String = self.rest.by_ref().take(4).map(|(_, c)| c).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                code.ok_or("`\\u` needs the four digits of a character")?
            }
            Some(same @ ('\'' | '"' | '`' | '\\' | '/')) => same,
            _ => return Err("a text has an escape that is not known".to_owned()),
        })
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.at();
        while self.rest.next_if(|(_, c)| wanted(*c)).is_some() {}
        &self.text[start..self.at()]
    }

    /// Passes over what stands here.
    fn pass(&mut self, text: &str) {
        let end = self.at() + text.len();
        while self.rest.next_if(|(at, _)| *at < end).is_some() {}
    }

    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Says that a word does not belong where it stands.
pub(super) fn unexpected(word: &Token) -> String {
    match word {
        Token::Name(text) | Token::Quoted(text) => format!("`{text}` is not understood here"),
        Token::Text(text) | Token::Number(text) | Token::Moment(text) => {
            format!("`{text}` is not understood here")
        }
        Token::Special(text) => format!("`${text}` is not understood here"),
        Token::Variable(text) => format!("`%{text}` is not understood here"),
        Token::Sign(sign) => format!("`{sign}` is not understood here"),
        Token::End => "it ends too early".to_owned(),
    }
}
