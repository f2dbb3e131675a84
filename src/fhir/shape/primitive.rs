//! The formats of R4's primitive types. <https://hl7.org/fhir/R4/datatypes.html#primitive>

use serde_json::Value;

use crate::fhir::shape::calendar;
use crate::fhir::shape::narrative;
use crate::fhir::shape::suggest::shortened;

/// A primitive type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fhir) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

/// What is wrong with a primitive value.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// It has another JSON type than the one that it needs.
    Type(&'static str),
    /// It is not written as the type asks; a sentence that says how.
    Format(String),
}

/// R4's limit for strings.
const MAX_STRING: usize = 1024 * 1024;

impl Primitive {
    /// The type with this name.
    pub(in crate::fhir) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }

    /// The name in R4.
    pub(in crate::fhir) fn name(self) -> &'static str {
        match self {
            Self::Base64Binary => "base64Binary",
            Self::Boolean => "boolean",
            Self::Canonical => "canonical",
            Self::Code => "code",
            Self::Date => "date",
            Self::DateTime => "dateTime",
            Self::Decimal => "decimal",
            Self::Id => "id",
            Self::Instant => "instant",
            Self::Integer => "integer",
            Self::Markdown => "markdown",
            Self::Oid => "oid",
            Self::PositiveInt => "positiveInt",
            Self::String => "string",
            Self::Time => "time",
            Self::UnsignedInt => "unsignedInt",
            Self::Uri => "uri",
            Self::Url => "url",
            Self::Uuid => "uuid",
            Self::Xhtml => "xhtml",
        }
    }

    /// The name of the type that it specialises, else its own.
    pub(in crate::fhir) fn base(self) -> &'static str {
        match self {
            Self::Code | Self::Id | Self::Markdown => "string",
            Self::Canonical | Self::Oid | Self::Url | Self::Uuid => "uri",
            Self::PositiveInt | Self::UnsignedInt => "integer",
            Self::Base64Binary
            | Self::Boolean
            | Self::Date
            | Self::DateTime
            | Self::Decimal
            | Self::Instant
            | Self::Integer
            | Self::String
            | Self::Time
            | Self::Uri
            | Self::Xhtml => self.name(),
        }
    }

    /// Whether its values are addresses, which a transaction may have to rewrite.
    pub(super) fn is_address(self) -> bool {
        matches!(self, Self::Canonical | Self::Oid | Self::Uri | Self::Url | Self::Uuid)
    }

    /// Checks a value, which is not null.
    pub(super) fn check(self, value: &Value) -> Result<(), Fault> {
        match self {
            Self::Boolean => value.is_boolean().then_some(()).ok_or(Fault::Type("true or false")),
            Self::Decimal => value.is_number().then_some(()).ok_or(Fault::Type("a number")),
            Self::Integer => whole(value, i64::from(i32::MIN)),
            Self::PositiveInt => whole(value, 1),
            Self::UnsignedInt => whole(value, 0),
            _ => {
                let text = value.as_str().ok_or(Fault::Type("a string"))?;
                if text.is_empty() {
                    return Err(Fault::Format(
                        "An empty string says nothing; leave the element out.".to_owned(),
                    ));
                }
                check_characters(text).and_then(|()| self.check_text(text)).map_err(Fault::Format)
            }
        }
    }

    fn check_text(self, text: &str) -> Result<(), String> {
        let (fits, form) = match self {
            Self::Code => (is_code(text), "a code: no spaces at its ends, single spaces inside"),
            Self::Id => (is_id(text), "an id: 1 to 64 of A-Z, a-z, 0-9, `-` and `.`"),
            Self::Oid => (is_oid(text), "an OID such as `urn:oid:1.2.3.4.5`"),
            Self::Uuid => (
                is_uuid(text),
                "a UUID in lower case such as `urn:uuid:c757873d-ec9a-4326-a141-556f43239520`",
            ),
            Self::Canonical | Self::Uri | Self::Url => {
                (!text.contains(|c: char| c.is_ascii_whitespace()), "a URI, which has no spaces")
            }
            Self::Base64Binary => (
                is_base64(text),
                "base64: groups of four letters, digits, `+` and `/`, the last filled up with `=`",
            ),
            Self::Date => (calendar::is_date(text), "a date that exists: YYYY, YYYY-MM or YYYY-MM-DD"),
            Self::DateTime => (
                calendar::is_date_time(text),
                "a date that exists, or a date and time with its zone such as `2026-02-28T13:28:17+01:00`",
            ),
            Self::Instant => (
                calendar::is_instant(text),
                "an instant: date, time to the second, and zone, such as `2026-02-28T13:28:17.239Z`",
            ),
            Self::Time => (calendar::is_time(text), "a time of day without zone such as `13:28:17`"),
            Self::Xhtml => return narrative::check(text),
            Self::String | Self::Markdown => return check_string(text),
            Self::Boolean | Self::Decimal | Self::Integer | Self::PositiveInt | Self::UnsignedInt => {
                (true, "")
            }
        };
        if fits { Ok(()) } else { Err(format!("`{}` is not {form}.", shortened(text))) }
    }
}

/// A whole number from the smallest allowed to the largest that 32 bits hold, without fraction or exponent.
fn whole(value: &Value, least: i64) -> Result<(), Fault> {
    let Value::Number(number) = value else { return Err(Fault::Type("a whole number")) };
    let most = i64::from(i32::MAX);
    if number.as_i64().is_some_and(|number| (least..=most).contains(&number)) {
        return Ok(());
    }
    Err(Fault::Format(format!("`{number}` is not a whole number from {least} to {most}.")))
}

/// What XML cannot hold is no text of FHIR, in JSON neither.
fn check_characters(text: &str) -> Result<(), String> {
    let suspect = |byte: u8| byte == 0xEF || (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    if !text.bytes().any(suspect) {
        return Ok(());
    }
    let is_control = |c: char| matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}');
    if text.contains(|c: char| is_control(c) || matches!(c, '\u{FFFE}' | '\u{FFFF}')) {
        return Err("A value may hold no control characters but tab and line ends; remove them.".to_owned());
    }
    Ok(())
}

fn check_string(text: &str) -> Result<(), String> {
    if text.len() > MAX_STRING {
        return Err("A string may have at most 1,048,576 bytes; send large content as a Binary.".to_owned());
    }
    Ok(())
}

fn is_code(text: &str) -> bool {
    let mut after_space = true;
    for character in text.chars() {
        let space = character.is_ascii_whitespace();
        if space && after_space {
            return false;
        }
        after_space = space;
    }
    !after_space
}

fn is_id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

fn is_oid(text: &str) -> bool {
    let Some(arcs) = text.strip_prefix("urn:oid:") else { return false };
    let digits = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    matches!(arcs.as_bytes(), [b'0'..=b'2', b'.', ..]) && arcs.split('.').all(digits)
}

fn is_uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let lengths = uuid.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && uuid.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

/// R4 lets base64 be broken by white space between groups of four; it is taken anywhere here.
fn is_base64(text: &str) -> bool {
    let mut length = 0_usize;
    let mut padding = 0;
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        length += 1;
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
    }
    length > 0 && length.is_multiple_of(4) && padding <= 2
}
