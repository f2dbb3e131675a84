//! The tags of a narrative, one after another. <https://hl7.org/fhir/R4/narrative.html#xhtml>

use std::ops::Range;

use crate::fhir::shape::narrative::shown;

/// A text, and how far it has been read.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

/// The next thing in it.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Comment,
    Open { name: &'a str, attributes: Vec<Attribute<'a>>, closed: bool },
    Close(&'a str),
}

/// An attribute of a tag.
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    /// Where its value stands in the whole text, without quotes.
    pub(super) value: Range<usize>,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next piece; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'a>>, String> {
        let rest = &self.text[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let tag_at = rest.find('<').unwrap_or(rest.len());
        if tag_at > 0 {
            self.at += tag_at;
            return Ok(Some(Piece::Text(&rest[..tag_at])));
        }
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = comment.find("-->").ok_or("The narrative does not close a comment.")?;
            if comment[..end].contains("--") || comment[..end].ends_with('-') {
                return Err("A comment of the narrative holds `--`, which XML does not allow.".to_owned());
            }
            self.at += 4 + end + 3;
            return Ok(Some(Piece::Comment));
        }
        if rest.starts_with("<!") || rest.starts_with("<?") {
            return Err(
                "A narrative may hold no DOCTYPE, CDATA or processing instruction; remove it.".to_owned()
            );
        }
        if let Some(close) = rest.strip_prefix("</") {
            let end = close.find('>').ok_or("The narrative ends inside a tag.")?;
            self.at += 2 + end + 1;
            return Ok(Some(Piece::Close(close[..end].trim_end())));
        }
        self.open().map(Some)
    }

    fn open(&mut self) -> Result<Piece<'a>, String> {
        let text = self.text;
        self.at += 1;
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_'));
        if name.is_empty() {
            return Err("The narrative holds a bare `<`; write it as `&lt;`.".to_owned());
        }
        let mut attributes = Vec::new();
        loop {
            let space = self.take_while(char::is_whitespace);
            let rest = &text[self.at..];
            if rest.starts_with("/>") {
                self.at += 2;
                return Ok(Piece::Open { name, attributes, closed: true });
            }
            if rest.starts_with('>') {
                self.at += 1;
                return Ok(Piece::Open { name, attributes, closed: false });
            }
            if space.is_empty() {
                return Err(format!("The narrative's tag `{}` is not well formed.", shown(name)));
            }
            attributes.push(self.attribute(name)?);
        }
    }

    fn attribute(&mut self, element: &str) -> Result<Attribute<'a>, String> {
        let fault = || {
            format!("An attribute of the narrative's `{}` is not written as name=\"value\".", shown(element))
        };
        let name = self.take_while(|c| c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.'));
        self.take_while(char::is_whitespace);
        if name.is_empty() || !self.text[self.at..].starts_with('=') {
            return Err(fault());
        }
        self.at += 1;
        self.take_while(char::is_whitespace);
        let quote =
            self.text[self.at..].chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(fault)?;
        let start = self.at + 1;
        let length = self.text[start..].find(quote).ok_or_else(fault)?;
        self.at = start + length + 1;
        let value = start..start + length;
        if self.text[value.clone()].contains('<') {
            return Err(fault());
        }
        Ok(Attribute { name, value })
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}
