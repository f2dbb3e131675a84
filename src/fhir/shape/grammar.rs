//! Code systems that no list can hold, so that a code is judged by how it is written.
//! <https://hl7.org/fhir/R4/terminologies-systems.html>

use crate::fhir::quantity::UCUM;
use crate::fhir::quantity::Unit;

/// How the codes of such a system are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grammar {
    /// `text/plain; charset=utf-8`. <https://www.rfc-editor.org/rfc/rfc2045#section-5.1>
    MediaType,
    /// A media type, or one of the names that R4 gives to its own formats where it speaks of those.
    Format,
    /// `mg/dL`.
    Unit,
    /// `LA6692-3`: an answer of LOINC, of which it alone knows the text. <https://loinc.org/answer-file/>
    Answer,
}

impl Grammar {
    /// The grammar of a system.
    pub(super) fn of_system(system: &str) -> Option<Self> {
        match system {
            "urn:ietf:bcp:13" => Some(Self::MediaType),
            UCUM => Some(Self::Unit),
            "http://loinc.org" => Some(Self::Answer),
            _ => None,
        }
    }

    /// The system whose codes are written so.
    pub(super) fn system(self) -> &'static str {
        match self {
            Self::MediaType | Self::Format => "urn:ietf:bcp:13",
            Self::Unit => UCUM,
            Self::Answer => "http://loinc.org",
        }
    }

    /// Whether a code is written so.
    pub(super) fn fits(self, code: &str) -> bool {
        match self {
            Self::MediaType => is_media_type(code),
            Self::Format => matches!(code, "json" | "ttl" | "xml") || is_media_type(code),
            Self::Unit => Unit::of(code).is_some(),
            Self::Answer => is_answer(code),
        }
    }

    /// What to send instead, as a part of a sentence.
    pub(super) fn advice(self) -> &'static str {
        match self {
            Self::MediaType => "use a media type (BCP 13) such as `text/plain`",
            Self::Format => {
                "use a media type (BCP 13) such as `application/fhir+json`, or `json`, `xml` or `ttl`"
            }
            Self::Unit => "use a unit of UCUM such as `mg/dL`, with the system http://unitsofmeasure.org",
            Self::Answer => "use an answer of LOINC such as `LA6692-3`, with the system http://loinc.org",
        }
    }
}

/// A type and a subtype, and parameters whose values may be bare where RFC 2045 wants quotes, as in R4's own examples:
/// `application/dicom; variant=DICOM STOW-RS`.
fn is_media_type(code: &str) -> bool {
    let mut parts = code.split(';');
    let name = parts.next().unwrap_or_default().trim_end();
    let is_name = |name: &str| {
        name.len() <= 127
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let named = name.split_once('/').is_some_and(|(ty, subtype)| is_name(ty) && is_name(subtype));
    named && parts.all(is_parameter)
}

fn is_parameter(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&byte);
    text.trim().split_once('=').is_some_and(|(name, value)| {
        let is_value = !value.is_empty() && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        !name.is_empty() && name.bytes().all(is_token) && is_value
    })
}

fn is_answer(code: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = code.strip_prefix("LA").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(number, check)| digits(number) && digits(check) && check.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_judged_by_how_their_system_writes_them() {
        let table: [(Grammar, &[&str], &[&str]); 4] = [
            (
                Grammar::MediaType,
                &[
                    "text/plain",
                    "application/fhir+json",
                    "text/plain; charset=utf-8",
                    "text/plain;charset=\"utf-8\"",
                    "application/dicom; variant=DICOM STOW-RS",
                    "application/hl7-sda+xml; variant=XDA/XDS",
                    "application/vnd.ms-excel",
                ],
                &[
                    "json",
                    "text",
                    "text/",
                    "/plain",
                    "text/plain/x",
                    "text/plain;",
                    "text/plain; charset",
                    "a b/c",
                    "é/x",
                ],
            ),
            (Grammar::Format, &["json", "xml", "ttl", "application/fhir+json"], &["JSON", "html", "text"]),
            (Grammar::Unit, &["mg/dL", "%", "1", "{score}", "[iU]", "mm[Hg]"], &["", "mmHg", "milligrams"]),
            (
                Grammar::Answer,
                &["LA6692-3", "LA26801-3"],
                &["", "LA", "LA6692", "6692-3", "LA6692-33", "LAx-3"],
            ),
        ];
        for (grammar, fitting, others) in table {
            for code in fitting {
                assert!(grammar.fits(code), "{grammar:?} {code}");
            }
            for code in others {
                assert!(!grammar.fits(code), "{grammar:?} {code}");
            }
        }
    }
}
