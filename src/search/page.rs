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
use crate::fhir::ResourceType;

/// The last row of a page: its sort keys, as the page query returned them, and its row number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// One text for each sort key, none where the resource has no value for it.
    pub keys: Vec<Option<String>>,
    /// The row.
    pub rid: i64,
}

/// Says to what a sealed text belongs, so that nothing else sealed with the same key is taken for a cursor.
const PURPOSE: &[u8] = b"comfrey search cursor 1";

/// Seals where the next page begins into an opaque text for a URL.
pub fn seal(key: &[u8; 32], ty: ResourceType, query: &str, position: &Position) -> String {
    seal_value(key, PURPOSE, &json!([ty.number(), query, position.keys, position.rid]))
}

/// Seals any value into an opaque text for a URL, which is opened for the same purpose alone.
pub fn seal_value(key: &[u8; 32], purpose: &[u8], value: &Value) -> String {
    let mut sealed = value.to_string().into_bytes();
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key).expect("32 bytes are a key of AES-256");
    let nonce = cipher
        .seal_in_place_append_tag(Aad::from(purpose), &mut sealed)
        .expect("a query is far shorter than what one nonce may encrypt");
    let mut cursor = nonce.as_ref().to_vec();
    cursor.append(&mut sealed);
    URL_SAFE_NO_PAD.encode(cursor)
}

/// Opens what [`seal_value`] made for this purpose; none where the text was made otherwise, or was changed.
pub fn open_value(key: &[u8; 32], purpose: &[u8], text: &str) -> Option<Value> {
    let mut cursor = URL_SAFE_NO_PAD.decode(text).ok()?;
    if cursor.len() < NONCE_LEN {
        return None;
    }
    let mut sealed = cursor.split_off(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(&cursor).ok()?;
    let cipher = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let plain = cipher.open_in_place(nonce, Aad::from(purpose), &mut sealed).ok()?;
    serde_json::from_slice(plain).ok()
}

/// Opens what [`seal`] made.
///
/// # Errors
/// `Invalid` where the text was not sealed with this key, or was changed.
pub fn open(key: &[u8; 32], text: &str) -> Result<(ResourceType, String, Position), Failure> {
    read(key, text).ok_or_else(|| {
        Failure::new(
            Reason::Invalid,
            "The page link is not one of this server's; start again with the search itself.",
        )
    })
}

fn read(key: &[u8; 32], text: &str) -> Option<(ResourceType, String, Position)> {
    let Some(Value::Array(parts)) = open_value(key, PURPOSE, text) else { return None };
    let [ty, query, keys, rid] = parts.as_slice() else { return None };
    let keys = keys.as_array()?.iter().map(|key| key.as_str().map(str::to_owned)).collect();
    let position = Position { keys, rid: rid.as_i64()? };
    Some((ResourceType::from_number(ty.as_i64()?)?, query.as_str()?.to_owned(), position))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn cursor() -> (ResourceType, String, Position) {
        let ty = ResourceType::parse("Condition").expect("a type");
        let position = Position { keys: vec![Some("é\"1".into()), None], rid: 42 };
        (ty, "patient=1&_sort=-onset-date,code".into(), position)
    }

    #[test]
    fn a_cursor_comes_back_as_it_went_in() {
        let (ty, query, position) = cursor();
        let text = seal(&KEY, ty, &query, &position);
        assert_eq!(open(&KEY, &text), Ok((ty, query, position)));
    }

    #[test]
    fn a_cursor_shows_nothing_of_its_query_and_is_never_the_same_twice() {
        let (ty, query, position) = cursor();
        let text = seal(&KEY, ty, &query, &position);
        assert!(!String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(&text).unwrap()).contains("patient"));
        assert_ne!(text, seal(&KEY, ty, &query, &position));
    }

    #[test]
    fn a_changed_cursor_is_refused_wherever_it_was_changed() {
        let (ty, query, position) = cursor();
        let bytes = URL_SAFE_NO_PAD.decode(seal(&KEY, ty, &query, &position)).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(open(&KEY, &URL_SAFE_NO_PAD.encode(changed)).unwrap_err().status(), 400);
        }
        for text in ["", "AAAA", "not base64!", &URL_SAFE_NO_PAD.encode(&bytes[..20])] {
            assert_eq!(open(&KEY, text).unwrap_err().status(), 400, "{text}");
        }
        assert!(open(&[8; 32], &URL_SAFE_NO_PAD.encode(&bytes)).is_err());
    }
}
