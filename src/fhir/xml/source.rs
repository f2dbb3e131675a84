//! XML as pieces, guarded: namespaces resolved, depth and declarations bounded, document types refused.
//! <https://www.w3.org/TR/xml/>

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::errors::IllFormedError;
use quick_xml::events::BytesDecl;
use quick_xml::events::Event;
use quick_xml::events::attributes::Attribute;

use crate::fhir::xml::FHIR;
use crate::fhir::xml::XHTML;
use crate::fhir::xml::problem::Problem;
use crate::fhir::xml::problem::Read;
use crate::fhir::xml::problem::shortened;
use crate::fhir::xml::tag::Tag;
use crate::fhir::xml::tag::unchecked;

/// The deepest nesting of elements, those of a narrative included.
const MAX_DEPTH: usize = 160;
/// The most namespace declarations in force at one place: each name is looked up among them.
const MAX_BINDINGS: usize = 64;

/// A namespace, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Fhir,
    Xhtml,
    /// `xsi`, whose attributes only hint at a schema.
    Schema,
    None,
    Other,
}

/// The next thing in the text.
pub(super) enum Piece<'a> {
    Open(Tag<'a>),
    Close,
    /// Characters, or a reference to one.
    Text,
    Cdata,
    Comment,
    Instruction,
    End,
}

struct Binding<'a> {
    depth: usize,
    prefix: &'a str,
    space: Space,
}

/// The text, and how far it has been read.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    /// Where the last piece stands.
    pub(super) span: Range<usize>,
    reader: Reader<&'a [u8]>,
    bindings: Vec<Binding<'a>>,
    depth: usize,
}

impl<'a> Source<'a> {
    /// Starts at the beginning of a text that has no byte order mark.
    pub(super) fn new(text: &'a str) -> Read<Self> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().check_comments = true;
        let source = Self { text, span: 0..0, reader, bindings: Vec::new(), depth: 0 };
        let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
        let at = text.bytes().position(|byte| control(&byte)).or_else(|| text.find(['\u{FFFE}', '\u{FFFF}']));
        match at {
            Some(at) => {
                Err(source.problem_at(at, "XML cannot hold the character that stands here; remove it"))
            }
            None => Ok(source),
        }
    }

    /// The outermost element, which a declaration, comments and instructions may precede.
    pub(super) fn root(&mut self) -> Read<Tag<'a>> {
        loop {
            match self.piece()? {
                Piece::Open(tag) => return Ok(tag),
                Piece::Comment | Piece::Instruction => {}
                Piece::Text if self.is_blank() => {}
                Piece::Text | Piece::Cdata | Piece::Close => {
                    return Err(self.problem("The body is not XML: an element is expected here"));
                }
                Piece::End => return Err(self.problem("The body is empty; send XML")),
            }
        }
    }

    /// Insists that nothing but comments and instructions follows the outermost element.
    pub(super) fn finish(&mut self) -> Read<()> {
        loop {
            match self.piece()? {
                Piece::End => return Ok(()),
                Piece::Comment | Piece::Instruction => {}
                Piece::Text if self.is_blank() => {}
                Piece::Open(_) | Piece::Text | Piece::Cdata | Piece::Close => {
                    return Err(
                        self.problem("There is more after the end of the resource; send one resource")
                    );
                }
            }
        }
    }

    /// The next element inside the open one; none where that ends.
    pub(super) fn element(&mut self) -> Read<Option<Tag<'a>>> {
        loop {
            match self.piece()? {
                Piece::Open(tag) => return Ok(Some(tag)),
                Piece::Close => return Ok(None),
                Piece::Comment | Piece::Instruction => {}
                Piece::Text if self.is_blank() => {}
                Piece::Text | Piece::Cdata => {
                    let text = "Text stands between elements here; FHIR's XML has it in `value` attributes";
                    return Err(self.problem(text));
                }
                Piece::End => return Err(self.ends()),
            }
        }
    }

    /// Passes over what is left of the open element.
    pub(super) fn skip(&mut self) -> Read<()> {
        let depth = self.depth;
        while self.depth >= depth {
            if let Piece::End = self.piece()? {
                return Err(self.ends());
            }
        }
        Ok(())
    }

    /// The next thing in the text.
    pub(super) fn piece(&mut self) -> Read<Piece<'a>> {
        let start = self.position();
        let event = self.reader.read_event();
        let end = self.position();
        self.span = start..end;
        match event {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                self.open(tag.name().as_ref().len()).map(Piece::Open)
            }
            Ok(Event::End(_)) => {
                let depth = self.depth;
                while self.bindings.pop_if(|binding| binding.depth == depth).is_some() {}
                self.depth -= 1;
                Ok(Piece::Close)
            }
            Ok(Event::Text(_) | Event::GeneralRef(_)) => Ok(Piece::Text),
            Ok(Event::CData(_)) => Ok(Piece::Cdata),
            Ok(Event::Comment(_)) => Ok(Piece::Comment),
            Ok(Event::PI(_)) => Ok(Piece::Instruction),
            Ok(Event::Decl(declaration)) => self.declaration(&declaration).map(|()| Piece::Instruction),
            Ok(Event::DocType(_)) => {
                Err(self.problem("A document type (DOCTYPE) is not read here, nor are entities; remove it"))
            }
            Ok(Event::Eof) => Ok(Piece::End),
            Err(error) => Err(self.ill_formed(&error)),
        }
    }

    /// Whether the last piece is white space alone.
    pub(super) fn is_blank(&self) -> bool {
        self.raw().bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// The last piece as it stands in the text.
    pub(super) fn raw(&self) -> &'a str {
        let text = self.text;
        &text[self.span.clone()]
    }

    /// Something is wrong with the last piece.
    pub(super) fn problem(&self, text: impl Into<String>) -> Box<Problem> {
        self.problem_at(self.span.start, text)
    }

    /// The text breaks off.
    pub(super) fn ends(&self) -> Box<Problem> {
        self.problem("The body ends in the middle of the XML; send all of it")
    }

    fn problem_at(&self, at: usize, text: impl Into<String>) -> Box<Problem> {
        Problem::new(at, text)
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).map_or(self.text.len(), |at| at.min(self.text.len()))
    }

    fn open(&mut self, name_length: usize) -> Read<Tag<'a>> {
        let raw = self.raw();
        let raw = raw.strip_prefix('<').unwrap_or(raw);
        let raw = raw.strip_suffix('>').unwrap_or(raw);
        let raw = raw.strip_suffix('/').unwrap_or(raw);
        let full_name = &raw[..name_length];
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let text = format!("The XML is nested more than {MAX_DEPTH} levels deep; flatten it");
            return Err(self.problem(text));
        }
        for attribute in unchecked(raw, name_length) {
            let attribute = attribute.map_err(|_| self.bad_attributes(full_name))?;
            self.bind(&attribute)?;
        }
        let (prefix, name) = full_name.split_once(':').unwrap_or(("", full_name));
        let space = self.space(prefix)?;
        Ok(Tag { name, prefix, space, raw, name_length })
    }

    /// Takes note of an attribute that declares a namespace.
    fn bind(&mut self, attribute: &Attribute<'a>) -> Read<()> {
        let key = attribute.key.into_inner();
        let prefix = match key.strip_prefix(b"xmlns") {
            Some(b"") => "",
            Some([b':', prefix @ ..]) => std::str::from_utf8(prefix).unwrap_or_default(),
            _ => return Ok(()),
        };
        if self.bindings.len() == MAX_BINDINGS {
            return Err(self.problem(format!(
                "More than {MAX_BINDINGS} namespace declarations are in force here; declare fewer"
            )));
        }
        let space = match attribute.value.as_ref() {
            b"" => Space::None,
            uri if uri == FHIR.as_bytes() => Space::Fhir,
            uri if uri == XHTML.as_bytes() => Space::Xhtml,
            b"http://www.w3.org/2001/XMLSchema-instance" => Space::Schema,
            _ => Space::Other,
        };
        self.bindings.push(Binding { depth: self.depth, prefix, space });
        Ok(())
    }

    /// The namespace for which a prefix stands here.
    pub(super) fn space(&self, prefix: &str) -> Read<Space> {
        let bound = self.bindings.iter().rev().find(|binding| binding.prefix == prefix);
        match bound {
            Some(binding) => Ok(binding.space),
            None if prefix.is_empty() => Ok(Space::None),
            None if prefix == "xml" => Ok(Space::Other),
            None => Err(self.problem(format!("No namespace is declared for `{}:`", shortened(prefix)))),
        }
    }

    fn declaration(&self, declaration: &BytesDecl<'_>) -> Read<()> {
        if self.span.start != 0 {
            return Err(self.problem("The XML declaration stands at the very beginning or nowhere"));
        }
        if declaration.version().is_ok_and(|version| version.as_ref() != b"1.0") {
            return Err(self.problem("Only XML 1.0 is read here"));
        }
        match declaration.encoding() {
            Some(Ok(encoding)) if !encoding.eq_ignore_ascii_case(b"utf-8") => {
                Err(self.problem("The XML declares another encoding than UTF-8; send it in UTF-8"))
            }
            _ => Ok(()),
        }
    }

    fn ill_formed(&self, error: &Error) -> Box<Problem> {
        let at = usize::try_from(self.reader.error_position()).unwrap_or(self.span.start);
        let text = match error {
            Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                format!("`{}` is closed where `{}` is open; nest the elements", shortened(found), shortened(expected))
            }
            Error::IllFormed(IllFormedError::UnmatchedEndTag(found)) => {
                format!("`{}` is closed, which is not open", shortened(found))
            }
            _ => "The body is not well-formed XML: what stands here does not end, or is no markup that XML knows"
                .to_owned(),
        };
        self.problem_at(at, text)
    }
}
