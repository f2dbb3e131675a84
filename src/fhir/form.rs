//! Pairs of names and values in a URL's query or a form. <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>

use crate::fhir::outcome::Failure;
use crate::fhir::outcome::Reason;

/// The most pairs that are read: a body may have room for millions, each of which costs more than its bytes.
const MOST_PAIRS: usize = 1_000;

/// The decoded pairs, in their order; empty ones between two `&` are left out.
///
/// # Errors
/// `Invalid` where the percent-encoding is broken or gives no UTF-8 or a NUL, or the pairs are too many.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let pairs = || text.split('&').filter(|pair| !pair.is_empty());
    if pairs().nth(MOST_PAIRS).is_some() {
        let text = format!("A request may have {MOST_PAIRS} parameters, and this one has more.");
        return Err(Failure::new(Reason::Invalid, text).code("too-long"));
    }
    pairs().map(pair).collect()
}

fn pair(pair: &str) -> Result<(String, String), Failure> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let broken = || {
        Failure::new(
            Reason::Invalid,
            "The query is not UTF-8 in percent-encoding; write `%25` for a percent sign.",
        )
    };
    let (name, value) = (decoded(name).ok_or_else(broken)?, decoded(value).ok_or_else(broken)?);
    // no value that is stored has one, and not every database takes it as text
    if name.contains('\0') || value.contains('\0') {
        return Err(Failure::new(Reason::Invalid, "The query holds a NUL character (`%00`); leave it out."));
    }
    Ok((name, value))
}

fn decoded(text: &str) -> Option<String> {
    percent_decoded(&text.replace('+', " "))
}

/// The text with its percent-encoding undone, if it is well formed and gives UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let (high, low) = (digit(*after.first()?)?, digit(*after.get(1)?)?);
            bytes.push(high << 4 | low);
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The text as it stands in a query: all but unreserved characters percent-encoded.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_their_order() {
        let pairs = pairs("a=1&b=x+y%26z&&c&d=%C3%A9=").expect("well formed");
        let expected = [("a", "1"), ("b", "x y&z"), ("c", ""), ("d", "é=")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn broken_encoding_is_refused() {
        assert_eq!(pairs(&"a&".repeat(1_001)).expect_err("too many").status(), 400);
        assert_eq!(pairs(&"&".repeat(1_000_000)).expect("none").len(), 0);
        for text in ["a=%00", "%00=a", "a=%", "a=%4", "a=%zz", "a=%ff", "%+1=a"] {
            assert_eq!(pairs(text).expect_err(text).status(), 400, "{text}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let text = "a b|c&d=é/%";
        assert_eq!(percent_decoded(&encoded(text)).as_deref(), Some(text));
    }
}
