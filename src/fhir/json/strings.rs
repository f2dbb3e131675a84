//! The reader's part for strings and their escapes. <https://www.rfc-editor.org/rfc/rfc8259#section-7>

use crate::fhir::json::reader::Parsed;
use crate::fhir::json::reader::Parser;

impl<'a> Parser<'a> {
    /// A string; the quote is the next byte.
    pub(super) fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let start = self.at;
        let run = self.plain_run();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(run.to_owned());
        }
        let mut text = run.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => {
                    return Err(self.problem("A string holds a control character; write it as an escape"));
                }
                None => {
                    self.at = start;
                    return Err(self.problem("A string that starts here does not end; send the whole body"));
                }
            }
            text.push_str(self.plain_run());
        }
    }

    /// The text up to the next quote, backslash or control character.
    fn plain_run(&mut self) -> &'a str {
        let start = self.at;
        let rest = &self.bytes[start..];
        let length =
            rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)).unwrap_or(rest.len());
        self.at += length;
        let text = self.text;
        // The run ends at an ASCII byte or the end, which is a boundary between characters.
        &text[start..self.at]
    }

    fn escape(&mut self) -> Parsed<char> {
        let escaped = self.bytes.get(self.at + 1).copied();
        let plain = match escaped {
            Some(b'u') => return self.unicode_escape(),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.problem("This is not an escape that JSON knows")),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let fault = || "This is not a Unicode character as JSON escapes it";
        let first = self.hex(self.at).ok_or_else(|| self.problem(fault()))?;
        let (code, length) = match first {
            0xD800..=0xDBFF => {
                let second = self.hex(self.at + 6).filter(|low| (0xDC00..=0xDFFF).contains(low));
                let low = second.ok_or_else(|| self.problem(fault()))?;
                (0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00), 12)
            }
            code => (code, 6),
        };
        let character = char::from_u32(code).ok_or_else(|| self.problem(fault()))?;
        self.at += length;
        Ok(character)
    }

    /// The value of an escape with four hexadecimal digits (`\u0041`) at a byte.
    fn hex(&self, at: usize) -> Option<u32> {
        let escape = self.bytes.get(at..at + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    }
}
