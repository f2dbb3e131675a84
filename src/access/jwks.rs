//! A JWK set to the keys in it that verify tokens. <https://www.rfc-editor.org/rfc/rfc7517>

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::jwk::KeyOperations;
use jsonwebtoken::jwk::PublicKeyUse;
use serde_json::Value;

/// The algorithms that tokens may be signed with: asymmetric ones only, RSA's first.
pub const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
const RSA: &[Algorithm] = ALGORITHMS.split_at(5).0;

/// A key that verifies tokens.
#[derive(Clone)]
pub struct VerifyingKey {
    /// The name by which tokens refer to it.
    pub kid: Option<String>,
    /// What it may be used with.
    pub algorithms: Vec<Algorithm>,
    /// The key itself.
    pub key: DecodingKey,
}

/// The usable keys of a JWK set. A key that is not for verifying, or of a kind not known here, is left out.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Vec<VerifyingKey>, String> {
    let set: Value = serde_json::from_slice(bytes).map_err(|_| "it is not JSON".to_owned())?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("it has no `keys`")?;
    let usable: Vec<_> = keys.iter().filter_map(verifying_key).collect();
    if usable.is_empty() { Err("it has no key that verifies RS, PS, ES or EdDSA".into()) } else { Ok(usable) }
}

fn verifying_key(value: &Value) -> Option<VerifyingKey> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let verifies = jwk.common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature)
        && jwk.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    if !verifies {
        return None;
    }
    let fitting: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => &[Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P384 => &[Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(ed) if ed.curve == EllipticCurve::Ed25519 => &[Algorithm::EdDSA],
        _ => return None,
    };
    let named = value.get("alg").map(|alg| alg.as_str().unwrap_or_default().parse::<Algorithm>().ok());
    let algorithms: Vec<_> = fitting
        .iter()
        .copied()
        .filter(|algorithm| named.is_none_or(|only| only == Some(*algorithm)))
        .collect();
    let key = DecodingKey::from_jwk(&jwk).ok().filter(|_| !algorithms.is_empty())?;
    Some(VerifyingKey { kid: jwk.common.key_id, algorithms, key })
}
