//! Where a page ended, and the sealed cursor that carries it to the next request.
//! <https://hl7.org/fhir/R4/http.html#paging>
//!
//! A page link must carry neither health data (search values are such) nor anything that a client could turn
//! into another query: so query and position are encrypted and authenticated, not merely signed.

use aws_lc_rs::aead::AES_256_GCM;
use aws_lc_rs::aead::Aad;
use aws_lc_rs::aead::NONCE_LEN;
use aws_lc_rs::aead::Nonce;
use aws_lc_rs::aead::RandomizedNonceKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

use crate::fhir::Failure;
use crate::fhir::Reason;

/// The last row of a page: its sort keys, as the page query returned them, and its row number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// One text for each sort key, none where the resource has no value for it.
    pub keys: Vec<Option<String>>,
    /// The row.
    pub rid: i64,
}

/// Where a page begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edge {
    /// It has what comes next after this row.
    After(Position),
    /// It has what comes last before this row.
    Before(Position),
}

/// What a page link carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The path of the search to which it belongs: `Condition`, `Patient/1/Goal`.
    pub of: String,
    /// The query of that search.
    pub query: String,
    /// The page.
    pub edge: Edge,
}

/// With what page links are sealed. A link holds a query, and with it health data: who comes by another's, from a log or
/// a browser's history, must not read it, whatever they may search themselves.
#[derive(Clone, Debug)]
pub struct Seal<'a> {
    /// The key of the service, 32 bytes.
    pub key: &'a [u8; 32],
    /// For whom, such as a token's subject and app.
    pub holder: String,
}

impl Seal<'_> {
    /// What is authenticated beside the text: a purpose has no NUL.
    fn beside(&self, purpose: &[u8]) -> Vec<u8> {
        [purpose, b"\0", self.holder.as_bytes()].concat()
    }
}

/// Says to what a sealed text belongs, so that nothing else sealed with the same key is taken for a cursor.
const PURPOSE: &[u8] = b"comfrey search cursor 2";

impl Cursor {
    /// Seals it into an opaque text for a URL.
    pub fn seal(&self, seal: &Seal) -> String {
        let (side, position) = match &self.edge {
            Edge::After(position) => ("after", position),
            Edge::Before(position) => ("before", position),
        };
        seal_value(seal, PURPOSE, &json!([self.of, self.query, side, position.keys, position.rid]))
    }

    /// Opens what was sealed for the search at this path.
    ///
    /// # Errors
    /// `Invalid` where the text was not sealed with this key and for this holder, was changed, or belongs to another search.
    pub fn open(seal: &Seal, of: &str, text: &str) -> Result<Self, Failure> {
        let refused = |text: &str| Failure::new(Reason::Invalid, text);
        let cursor = Self::read(seal, text).ok_or_else(|| {
            refused(
                "The page link is not one that this server gave to you; start again with the search itself.",
            )
        })?;
        if cursor.of != of {
            return Err(refused("The page link belongs to another search; follow it as it is."));
        }
        Ok(cursor)
    }

    fn read(seal: &Seal, text: &str) -> Option<Self> {
        let Some(Value::Array(parts)) = open_value(seal, PURPOSE, text) else { return None };
        let [of, query, side, keys, rid] = parts.as_slice() else { return None };
        let keys = keys.as_array()?.iter().map(|key| key.as_str().map(str::to_owned)).collect();
        let position = Position { keys, rid: rid.as_i64()? };
        let edge = match side.as_str()? {
            "after" => Edge::After(position),
            "before" => Edge::Before(position),
            _ => return None,
        };
        Some(Self { of: of.as_str()?.to_owned(), query: query.as_str()?.to_owned(), edge })
    }
}

/// Seals any value into an opaque text for a URL, which is opened for the same purpose alone.
pub fn seal_value(seal: &Seal, purpose: &[u8], value: &Value) -> String {
    let mut sealed = value.to_string().into_bytes();
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, seal.key).expect("32 bytes are a key of AES-256");
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(seal.beside(purpose)), &mut sealed)
        .expect("a query is far shorter than what one nonce may encrypt");
    let mut cursor = nonce.as_ref().to_vec();
    cursor.append(&mut sealed);
    URL_SAFE_NO_PAD.encode(cursor)
}

/// Opens what [`seal_value`] made for this purpose and holder; none where the text was made otherwise, or was changed.
pub fn open_value(seal: &Seal, purpose: &[u8], text: &str) -> Option<Value> {
    let mut cursor = URL_SAFE_NO_PAD.decode(text).ok()?;
    if cursor.len() < NONCE_LEN {
        return None;
    }
    let mut sealed = cursor.split_off(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(&cursor).ok()?;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, seal.key).ok()?;
    let plain = cipher.open_in_place(nonce, Aad::from(seal.beside(purpose)), &mut sealed).ok()?;
    serde_json::from_slice(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn seal<'a>(key: &'a [u8; 32], holder: &str) -> Seal<'a> {
        Seal { key, holder: holder.to_owned() }
    }

    fn ours() -> Seal<'static> {
        seal(&KEY, "ana\nbrowser")
    }

    fn cursor() -> Cursor {
        let position = Position { keys: vec![Some("é\"1".into()), None], rid: 42 };
        let query = "patient=1&_sort=-onset-date,code".into();
        Cursor { of: "Condition".into(), query, edge: Edge::After(position) }
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_in_and_to_its_own_search_alone() {
        let after = cursor();
        let Edge::After(position) = after.edge.clone() else { unreachable!("it lies after a row") };
        let before = Cursor { edge: Edge::Before(position), ..after.clone() };
        for cursor in [after, before] {
            let text = cursor.seal(&ours());
            assert_eq!(Cursor::open(&ours(), "Condition", &text), Ok(cursor));
            for other in ["Goal", "Patient/1/Condition", ""] {
                assert_eq!(Cursor::open(&ours(), other, &text).unwrap_err().status(), 400);
            }
        }
    }

    #[test]
    fn a_cursor_shows_nothing_of_its_query_and_is_never_the_same_twice() {
        let text = cursor().seal(&ours());
        assert!(!String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(&text).unwrap()).contains("patient"));
        assert_ne!(text, cursor().seal(&ours()));
    }

    #[test]
    fn a_changed_cursor_is_refused_wherever_it_was_changed() {
        let refused = |seal: &Seal, text: &str| {
            assert_eq!(Cursor::open(seal, "Condition", text).unwrap_err().status(), 400, "{text}");
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor().seal(&ours())).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            refused(&ours(), &URL_SAFE_NO_PAD.encode(changed));
        }
        for text in ["", "AAAA", "not base64!", &URL_SAFE_NO_PAD.encode(&bytes[..20])] {
            refused(&ours(), text);
        }
        refused(&seal(&[8; 32], "ana\nbrowser"), &URL_SAFE_NO_PAD.encode(&bytes));
        for holder in ["", "ana", "ana\n", "bruno\nbrowser"] {
            refused(&seal(&KEY, holder), &URL_SAFE_NO_PAD.encode(&bytes));
        }
    }
}
