//! The tests' own authority: one key pair, its public half as a JWKS, and tokens signed with it.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;

/// Who signs.
pub const ISSUER: &str = "https://issuer.test";
/// For whom.
pub const AUDIENCE: &str = "https://comfrey.test/fhir";

/// A key pair on P-256 (`ES256`).
pub struct Signer {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Signer {
    /// The pair that every [`crate::app::TestApp`] trusts, made once.
    pub fn shared() -> &'static Signer {
        static SHARED: OnceLock<Signer> = OnceLock::new();
        SHARED.get_or_init(|| Signer::new("test-1"))
    }

    /// A pair of its own, with this key id.
    pub fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { pair, kid: kid.to_owned() }
    }

    /// The public key as a JWKS.
    pub fn jwks(&self) -> Value {
        // 04, then x and y of 32 bytes each: the uncompressed point
        let point = self.pair.public_key().as_ref();
        json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
            "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..65])
        }] })
    }

    /// A token with these claims at this time; adds `iss`, `aud`, `iat`, `exp` (an hour) where they are not given.
    pub fn token(&self, claims: &Value, now_micros: i64) -> String {
        let now = now_micros / 1_000_000;
        let mut all = json!({ "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600 });
        for (name, value) in claims.as_object().expect("claims are an object") {
            all[name] = value.clone();
        }
        self.sign(&json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid }), &all)
    }

    /// A token of this very header and these very claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}
