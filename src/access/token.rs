//! A bearer token becomes a caller. <https://www.rfc-editor.org/rfc/rfc8725> (how not to get JWTs wrong)
//!
//! The signature is verified by jsonwebtoken's primitives; header and claims are read here, because time comes from
//! the service's own clock and a fractional `exp` is a number like any other.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::access::Caller;
use crate::access::dev_key;
use crate::access::grants::Grant;
use crate::access::grants::Reach;
use crate::access::jwks::ALGORITHMS;
use crate::access::key_cache::Found;
use crate::access::keys::Keys;
use crate::access::keys::Signer;
use crate::access::scope;
use crate::access::scope::Level;
use crate::config::Auth;
use crate::config::Config;
use crate::fhir::Failure;
use crate::fhir::Reason;

/// Clocks differ: how far, in seconds, a token's times may be off.
const LEEWAY: f64 = 60.0;
/// Longer ones are refused unread.
const LONGEST_TOKEN: usize = 16 * 1024;
const MOST_SCOPES: usize = 500;

/// The caller that this `Authorization` header stands for; `now` is in microseconds since 1970.
///
/// # Errors
/// `Login` without a token or with one that does not hold. Its issue code is `login` where there was none, so that
/// the answer can tell the two apart without saying what was wrong with it. `Unavailable` where the issuer's keys
/// cannot be had.
pub fn authenticate(keys: &Keys, config: &Config, header: Option<&str>, now: i64) -> Result<Caller, Failure> {
    if config.auth == Auth::Off {
        return Ok(Caller::everything("anyone"));
    }
    let token = bearer(header)?;
    let (claims, signer) = verify(keys, token)?;
    check(&claims, signer, config, now)?;
    Ok(caller(&claims))
}

/// Whether authenticating this header would fetch keys, and so must not happen where others wait.
pub fn would_fetch(keys: &Keys, config: &Config, header: Option<&str>) -> bool {
    let fetches = |token| {
        keys.verified.get(token).is_none()
            && Parts::read(token).is_ok_and(|parts| keys.would_fetch(parts.kid.as_deref(), parts.algorithm))
    };
    config.auth != Auth::Off && bearer(header).is_ok_and(fetches)
}

fn bearer(header: Option<&str>) -> Result<&str, Failure> {
    let missing = || Failure::new(Reason::Login, "Send an access token: `Authorization: Bearer …`.");
    let (scheme, token) = header.ok_or_else(missing)?.trim().split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(missing());
    }
    let token = token.trim();
    if token.len() > LONGEST_TOKEN { Err(refused()) } else { Ok(token) }
}

/// One answer for every fault, so that nothing can be learned by trying.
fn refused() -> Failure {
    Failure::new(Reason::Login, "The access token is not valid here: get a new one.").code("unknown")
}

/// A token taken apart, its header read.
struct Parts<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn read(token: &'a str) -> Result<Self, Failure> {
        let (message, signature) = token.rsplit_once('.').ok_or_else(refused)?;
        let (header, claims) = message.split_once('.').ok_or_else(refused)?;
        let header = decoded(header).filter(|header| header.get("crit").is_none()).ok_or_else(refused)?;
        let name = header.get("alg").and_then(Value::as_str).ok_or_else(refused)?;
        let algorithm = name.parse().ok().filter(|algorithm| ALGORITHMS.contains(algorithm));
        let kid = match header.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().ok_or_else(refused)?.to_owned()),
        };
        Ok(Self { algorithm: algorithm.ok_or_else(refused)?, kid, message, claims, signature })
    }
}

fn decoded(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
}

fn verify(keys: &Keys, token: &str) -> Result<(Arc<Value>, Signer), Failure> {
    if let Some(known) = keys.verified.get(token) {
        return Ok((known.claims, known.signer));
    }
    let parts = Parts::read(token)?;
    let (found, signer) = keys.find(parts.kid.as_deref(), parts.algorithm);
    let key = match found {
        Found::Key(key) => key,
        Found::Unknown => return Err(refused()),
        Found::Unavailable => {
            let text =
                "Tokens cannot be verified now, because the issuer's keys cannot be fetched: try again.";
            return Err(Failure::new(Reason::Unavailable, text));
        }
    };
    let verified =
        jsonwebtoken::crypto::verify(parts.signature, parts.message.as_bytes(), &key.key, parts.algorithm);
    if verified != Ok(true) {
        return Err(refused());
    }
    let claims = Arc::new(decoded(parts.claims).ok_or_else(refused)?);
    keys.verified.keep(token, &claims, signer);
    Ok((claims, signer))
}

fn check(claims: &Value, signer: Signer, config: &Config, now: i64) -> Result<(), Failure> {
    let (issuer, audience) = match signer {
        Signer::Development => (Some(dev_key::ISSUER), Some(dev_key::AUDIENCE)),
        Signer::Issuer => (config.issuer.as_deref(), config.audience.as_deref()),
    };
    let (issuer, audience) = issuer.zip(audience).ok_or_else(refused)?;
    let named = match claims.get("aud") {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one == audience),
        _ => false,
    };
    if text(claims, "iss") != Some(issuer) || !named || text(claims, "sub").is_none_or(str::is_empty) {
        return Err(refused());
    }
    // a date fits the 52 bits of a float's integers for many thousand years
    #[expect(clippy::cast_precision_loss, reason = "microseconds matter to nobody here")]
    let now = now as f64 / 1e6;
    let expires = claims.get("exp").and_then(Value::as_f64).ok_or_else(refused)?;
    if now >= expires + LEEWAY {
        return Err(refused().code("expired"));
    }
    match claims.get("nbf") {
        None => Ok(()),
        Some(from) if from.as_f64().is_some_and(|from| now + LEEWAY >= from) => Ok(()),
        Some(_) => Err(refused()),
    }
}

fn text<'a>(claims: &'a Value, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

fn caller(claims: &Value) -> Caller {
    let patient = text(claims, "patient").and_then(patient_id);
    let fhir_user = text(claims, "fhirUser");
    let user = user_reach(fhir_user, patient);
    let reach = |level| match level {
        Level::System => Some(Reach::System),
        Level::User => user.clone(),
        Level::Patient => patient.map(|id| Reach::Patient(id.into())),
    };
    let grants = words(claims, &["scope", "scp"])
        .into_iter()
        .take(MOST_SCOPES)
        .filter_map(|word| {
            let scope = scope::parse(word)?;
            Some(Grant { ty: scope.ty, actions: scope.actions, reach: reach(scope.level)? })
        })
        .collect();
    let owned = |text: &str| text.to_owned();
    Caller {
        subject: text(claims, "sub").map(owned).unwrap_or_default(),
        client: text(claims, "client_id").or_else(|| text(claims, "azp")).map(owned),
        patient: patient.map(owned),
        grants,
        roles: words(claims, &["roles"]).into_iter().map(owned).collect(),
        fhir_user: fhir_user.map(owned),
    }
}

/// How far `user/` scopes reach. A user who is a patient sees that patient alone; one who is related to a patient, or
/// of whom nothing is said but who came with a patient, sees the patient of the launch context.
fn user_reach(fhir_user: Option<&str>, patient: Option<&str>) -> Option<Reach> {
    let context = || patient.map(|id| Reach::Patient(id.into()));
    let Some(user) = fhir_user else {
        return context().or(Some(Reach::All));
    };
    let mut segments = user.rsplit('/');
    let (id, ty) = (segments.next(), segments.next());
    match ty {
        Some("Patient") => id.and_then(patient_id).map(|id| Reach::Patient(id.into())),
        Some("Practitioner" | "PractitionerRole" | "Organization" | "Device") => Some(Reach::All),
        _ => context(),
    }
}

/// An id of a patient, bare or as `Patient/id`.
fn patient_id(text: &str) -> Option<&str> {
    let id = text.strip_prefix("Patient/").unwrap_or(text);
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    (plain && (1..=64).contains(&id.len())).then_some(id)
}

/// The words of the first of these claims that is there: a text with spaces, or an array of texts.
fn words<'a>(claims: &'a Value, names: &[&str]) -> Vec<&'a str> {
    match names.iter().find_map(|name| claims.get(*name)) {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).flat_map(str::split_ascii_whitespace).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature;
    use aws_lc_rs::signature::EcdsaKeyPair;
    use aws_lc_rs::signature::EcdsaSigningAlgorithm;
    use aws_lc_rs::signature::Ed25519KeyPair;
    use aws_lc_rs::signature::KeyPair;
    use aws_lc_rs::signature::RsaEncoding;
    use aws_lc_rs::signature::RsaKeyPair;
    use jsonwebtoken::DecodingKey;
    use jsonwebtoken::jwk::Jwk;
    use serde_json::json;

    use super::*;
    use crate::access::Action;
    use crate::access::TokenRequest;
    use crate::fhir::ResourceType;
    use crate::search::Visible;

    const NOW: i64 = 1_772_366_400;
    const ISSUER: &str = "https://issuer.example";
    const AUDIENCE: &str = "https://comfrey.example/fhir";

    enum Private {
        Rsa(RsaKeyPair),
        Ec(EcdsaKeyPair),
        Ed(Ed25519KeyPair),
    }

    /// A key pair of the issuer's, by the name that tokens call it.
    struct Pair {
        kid: &'static str,
        private: Private,
    }

    impl Pair {
        fn rsa(kid: &'static str) -> Self {
            Self { kid, private: Private::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
        }

        fn ec(kid: &'static str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
            Self { kid, private: Private::Ec(EcdsaKeyPair::generate(algorithm).unwrap()) }
        }

        fn ed(kid: &'static str) -> Self {
            Self { kid, private: Private::Ed(Ed25519KeyPair::generate().unwrap()) }
        }

        fn jwk(&self) -> Value {
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            match &self.private {
                Private::Rsa(pair) => {
                    let key = DecodingKey::from_rsa_der(pair.public_key().as_ref());
                    let jwk = Jwk::from_decoding_key(&key, None).unwrap();
                    let jwk = serde_json::to_value(jwk).unwrap();
                    json!({ "kty": "RSA", "kid": self.kid, "n": jwk["n"], "e": jwk["e"] })
                }
                Private::Ec(pair) => {
                    let point = &pair.public_key().as_ref()[1..];
                    let (x, y) = point.split_at(point.len() / 2);
                    let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                    json!({ "kty": "EC", "kid": self.kid, "crv": curve, "x": encode(x), "y": encode(y) })
                }
                Private::Ed(pair) => {
                    json!({ "kty": "OKP", "kid": self.kid, "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
                }
            }
        }

        fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
            let rng = SystemRandom::new();
            match &self.private {
                Private::Rsa(pair) => {
                    let encoding: &'static dyn RsaEncoding = match algorithm {
                        "RS256" => &signature::RSA_PKCS1_SHA256,
                        "RS384" => &signature::RSA_PKCS1_SHA384,
                        "RS512" => &signature::RSA_PKCS1_SHA512,
                        "PS256" => &signature::RSA_PSS_SHA256,
                        "PS384" => &signature::RSA_PSS_SHA384,
                        _ => &signature::RSA_PSS_SHA512,
                    };
                    let mut signed = vec![0; pair.public_modulus_len()];
                    pair.sign(encoding, &rng, message, &mut signed).unwrap();
                    signed
                }
                Private::Ec(pair) => pair.sign(&rng, message).unwrap().as_ref().to_vec(),
                Private::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            }
        }

        fn token(&self, algorithm: &str, claims: &Value) -> String {
            self.signed(&json!({ "alg": algorithm, "kid": self.kid }), claims)
        }

        fn signed(&self, header: &Value, claims: &Value) -> String {
            let message = message(header, claims);
            let signature = self.sign(header["alg"].as_str().unwrap(), message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn message(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(header), part(claims))
    }

    /// What a server trusts in these tests; the folder holds the key set.
    struct Trust {
        config: Config,
        keys: Keys,
        _folder: tempfile::TempDir,
    }

    impl Trust {
        fn new(keys: &[Value]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("keys.json");
            std::fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
            let config = Config {
                issuer: Some(ISSUER.into()),
                audience: Some(AUDIENCE.into()),
                jwks: Some(file.display().to_string()),
                ..Config::default()
            };
            let keys = Keys::open(&config).unwrap();
            Self { config, keys, _folder: folder }
        }

        fn ask(&self, header: Option<&str>) -> Result<Caller, Failure> {
            authenticate(&self.keys, &self.config, header, NOW * 1_000_000)
        }

        fn takes(&self, token: &str) -> Result<Caller, &'static str> {
            self.ask(Some(&format!("Bearer {token}"))).map_err(|failure| {
                assert_eq!(failure.status(), 401);
                failure.issues[0].code
            })
        }
    }

    fn claims() -> Value {
        json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "s", "exp": NOW + 300, "scope": "system/*.rs" })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    #[test]
    fn every_algorithm_is_verified_with_the_key_that_fits_it() {
        let pairs = [
            (Pair::rsa("r"), &["RS256", "RS384", "PS256", "PS384", "PS512"][..]),
            (Pair::ec("e2", &signature::ECDSA_P256_SHA256_FIXED_SIGNING), &["ES256"]),
            (Pair::ec("e3", &signature::ECDSA_P384_SHA384_FIXED_SIGNING), &["ES384"]),
            (Pair::ed("d"), &["EdDSA"]),
        ];
        let keys: Vec<_> = pairs.iter().map(|(pair, _)| pair.jwk()).collect();
        let trust = Trust::new(&keys);
        for (pair, algorithms) in &pairs {
            for algorithm in *algorithms {
                let token = pair.token(algorithm, &claims());
                assert_eq!(trust.takes(&token).map(|caller| caller.subject), Ok("s".into()), "{algorithm}");
                let mut forged = token.clone().into_bytes();
                let at = token.rfind('.').unwrap() + 5;
                forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
                assert_eq!(trust.takes(&String::from_utf8(forged).unwrap()), Err("unknown"), "{algorithm}");
            }
        }
        // a header that names another algorithm than the key is for
        for (pair, algorithm) in
            [(&pairs[0].0, "RS512"), (&pairs[1].0, "ES384"), (&pairs[2].0, "ES256"), (&pairs[3].0, "ES256")]
        {
            assert_eq!(trust.takes(&pair.token(algorithm, &claims())), Err("unknown"), "{algorithm}");
        }
    }

    #[test]
    fn tokens_without_a_real_signature_are_refused() {
        let pair = Pair::rsa("r");
        let trust =
            Trust::new(&[pair.jwk(), json!({ "kty": "oct", "kid": "o", "k": "c2VjcmV0", "alg": "HS256" })]);
        let unsigned =
            |algorithm: &str, kid: &str| message(&json!({ "alg": algorithm, "kid": kid }), &claims());
        let hmac = |key: &[u8], kid: &str| {
            let message = unsigned("HS256", kid);
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
            let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
        };
        let modulus = pair.jwk()["n"].as_str().unwrap().to_owned();
        let good = pair.token("RS256", &claims());
        let (body, _) = good.rsplit_once('.').unwrap();
        for token in [
            format!("{}.", unsigned("none", "r")),
            format!("{}.", unsigned("None", "r")),
            format!("{}.", unsigned("RS256", "r")),
            hmac(modulus.as_bytes(), "r"),
            hmac(&URL_SAFE_NO_PAD.decode(&modulus).unwrap(), "r"),
            hmac(b"secret", "o"),
            format!("{body}."),
            body.to_owned(),
            format!("{good}.{good}"),
            ".".into(),
            "..".into(),
            "a.b.c".into(),
            format!("{good} "),
        ] {
            let taken = trust.takes(&token);
            assert!(taken == Err("unknown") || token.ends_with(' ') && taken.is_ok(), "{token}");
        }
    }

    #[test]
    fn a_header_with_critical_extensions_or_a_strange_kid_is_refused() {
        let pair = Pair::ed("d");
        let trust = Trust::new(&[pair.jwk()]);
        for header in [
            json!({ "alg": "EdDSA", "kid": "d", "crit": ["b64"], "b64": false }),
            json!({ "alg": "EdDSA", "kid": 7 }),
            json!({ "alg": "EdDSA", "kid": "other" }),
        ] {
            assert_eq!(trust.takes(&pair.signed(&header, &claims())), Err("unknown"), "{header}");
        }
    }

    #[test]
    fn a_token_without_a_kid_is_tried_only_where_there_is_one_key() {
        let (one, other) = (Pair::ed("1"), Pair::ed("2"));
        let token = one.signed(&json!({ "alg": "EdDSA" }), &claims());
        assert!(Trust::new(&[one.jwk()]).takes(&token).is_ok());
        assert_eq!(Trust::new(&[one.jwk(), other.jwk()]).takes(&token), Err("unknown"));
    }

    #[test]
    fn a_key_that_is_not_for_verifying_is_not_used() {
        let pair = Pair::ed("d");
        let other = Pair::ed("x").jwk();
        let token = pair.token("EdDSA", &claims());
        for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"])), ("alg", json!("ES256"))]
        {
            let mut jwk = pair.jwk();
            jwk[name] = value;
            assert_eq!(Trust::new(&[jwk, other.clone()]).takes(&token), Err("unknown"), "{name}");
        }
    }

    #[test]
    fn claims_must_be_those_of_the_issuer_for_this_server_and_now() {
        let pair = Pair::ed("d");
        let trust = Trust::new(&[pair.jwk()]);
        for (name, value, taken) in [
            ("iss", json!("https://other.example"), Err("unknown")),
            ("iss", json!(null), Err("unknown")),
            ("aud", json!("https://other.example"), Err("unknown")),
            ("aud", json!([AUDIENCE, "x"]), Ok(())),
            ("aud", json!(["x"]), Err("unknown")),
            ("aud", json!([]), Err("unknown")),
            ("aud", json!(null), Err("unknown")),
            ("sub", json!(""), Err("unknown")),
            ("sub", json!(5), Err("unknown")),
            ("exp", json!(NOW - 59), Ok(())),
            ("exp", json!(NOW - 60), Err("expired")),
            ("exp", json!(null), Err("unknown")),
            ("exp", json!("2030-01-01"), Err("unknown")),
            ("nbf", json!(NOW + 60), Ok(())),
            ("nbf", json!(NOW + 61), Err("unknown")),
            ("nbf", json!("soon"), Err("unknown")),
        ] {
            let found = trust.takes(&pair.token("EdDSA", &with(name, value.clone()))).map(drop);
            assert_eq!(found, taken, "{name} {value}");
        }
    }

    #[test]
    fn a_fractional_time_is_a_time() {
        let pair = Pair::ed("d");
        let trust = Trust::new(&[pair.jwk()]);
        let text = claims().to_string().replace(&(NOW + 300).to_string(), "1772366700.123456789");
        let fractional: Value = serde_json::from_str(&text).unwrap();
        assert!(fractional.to_string().contains(".123456789"));
        assert!(trust.takes(&pair.token("EdDSA", &fractional)).is_ok());
    }

    #[test]
    fn without_a_bearer_token_the_answer_asks_for_one() {
        let pair = Pair::ed("d");
        let trust = Trust::new(&[pair.jwk()]);
        for header in [None, Some(""), Some("Bearer"), Some("Basic dTpw")] {
            let failure = trust.ask(header).unwrap_err();
            assert_eq!((failure.status(), failure.issues[0].code), (401, "login"), "{header:?}");
        }
        let token = pair.token("EdDSA", &claims());
        assert!(trust.ask(Some(&format!("bearer  {token}"))).is_ok());
        assert_eq!(trust.takes(&"a".repeat(LONGEST_TOKEN + 1)), Err("unknown"));
    }

    #[test]
    fn a_failure_says_nothing_of_the_token() {
        let pair = Pair::ed("d");
        let trust = Trust::new(&[pair.jwk()]);
        let token = pair.token("EdDSA", &with("iss", json!("https://secret.example")));
        let failure = trust.ask(Some(&format!("Bearer {token}"))).unwrap_err();
        let told = failure.outcome().to_string();
        assert!(!told.contains("secret") && !told.contains(&token[..20]) && !told.contains(ISSUER), "{told}");
    }

    #[test]
    fn keys_that_the_issuer_adds_are_found() {
        let (old, new) = (Pair::ed("old"), Pair::ed("new"));
        let trust = Trust::new(&[old.jwk()]);
        let file = trust.config.jwks.clone().unwrap();
        std::fs::write(file, json!({ "keys": [old.jwk(), new.jwk()] }).to_string()).unwrap();
        let header = format!("Bearer {}", new.token("EdDSA", &claims()));
        // the set was fetched a moment ago: not again so soon
        assert!(!would_fetch(&trust.keys, &trust.config, Some(&header)));
        assert_eq!(trust.ask(Some(&header)).unwrap_err().status(), 401);
        let reopened = Keys::open(&trust.config).unwrap();
        assert!(authenticate(&reopened, &trust.config, Some(&header), NOW * 1_000_000).is_ok());
    }

    #[test]
    fn claims_become_a_caller() {
        let (observation, ty) =
            (ResourceType::parse("Observation").unwrap(), |claims: &Value| caller(claims));
        let seen = |claims: Value| ty(&claims).restriction(Action::Read).of(observation).clone();
        let one = Visible::Patients(vec!["1".into()]);
        for (claims, visible) in [
            (json!({ "scope": "patient/*.rs", "patient": "1" }), one.clone()),
            (json!({ "scope": "patient/*.rs", "patient": "Patient/1" }), one.clone()),
            (json!({ "scope": "patient/*.rs", "patient": "1/../2" }), Visible::Nothing),
            (json!({ "scope": "patient/*.rs" }), Visible::Nothing),
            (json!({ "scope": "patient/*.rs", "patient": 1 }), Visible::Nothing),
            (json!({ "scope": "user/*.rs" }), Visible::All),
            (json!({ "scope": "user/*.rs", "patient": "1" }), one.clone()),
            (json!({ "scope": "user/*.rs", "patient": "1", "fhirUser": "Practitioner/7" }), Visible::All),
            (json!({ "scope": "user/*.rs", "fhirUser": "https://x/fhir/Practitioner/7" }), Visible::All),
            (json!({ "scope": "user/*.rs", "fhirUser": "Patient/1", "patient": "2" }), one.clone()),
            (json!({ "scope": "user/*.rs", "fhirUser": "https://x/fhir/Patient/1" }), one.clone()),
            (json!({ "scope": "user/*.rs", "fhirUser": "RelatedPerson/3", "patient": "1" }), one.clone()),
            (json!({ "scope": "user/*.rs", "fhirUser": "RelatedPerson/3" }), Visible::Nothing),
            (json!({ "scope": "user/*.rs", "fhirUser": "Patient/%31" }), Visible::Nothing),
            (json!({ "scope": "system/Observation.rs openid" }), Visible::All),
            (json!({ "scp": ["system/Observation.r", "x"] }), Visible::All),
            (json!({ "scope": "system/Observation.rs?status=final" }), Visible::Nothing),
            (json!({ "scope": "system/Condition.rs" }), Visible::Nothing),
            (json!({}), Visible::Nothing),
        ] {
            assert_eq!(seen(claims.clone()), visible, "{claims}");
        }
        let caller = caller(&json!({ "sub": "s", "azp": "app", "roles": ["program-director"] }));
        assert_eq!((caller.client.as_deref(), caller.has_role("program-director")), (Some("app"), true));
    }

    #[test]
    fn development_tokens_are_taken_only_where_that_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("c.db").display());
        let dev = Config { auth: Auth::Dev, database_url: url, ..Config::default() };
        let keys = Keys::open(&dev).unwrap();
        let request = TokenRequest {
            scope: "patient/*.rs".into(),
            patient: Some("1".into()),
            subject: "me".into(),
            minutes: 5,
            roles: vec!["program-director".into()],
            fhir_user: None,
        };
        let header = format!("Bearer {}", keys.issue(&request, NOW * 1_000_000).unwrap());
        let ask = |keys: &Keys, config: &Config, now: i64| {
            authenticate(keys, config, Some(&header), now * 1_000_000).map_err(|failure| failure.status())
        };
        let caller = ask(&keys, &dev, NOW).unwrap();
        assert_eq!((caller.subject.as_str(), caller.patient.as_deref()), ("me", Some("1")));
        assert_eq!(ask(&keys, &dev, NOW + 360), Err(401));
        let required = Config { auth: Auth::Required, ..dev };
        let keys = Keys::open(&required).unwrap();
        assert_eq!(ask(&keys, &required, NOW), Err(401));
        assert!(keys.issue(&request, 0).is_err());
    }

    #[test]
    fn without_access_control_anyone_may_do_everything() {
        let off = Config { auth: Auth::Off, ..Config::default() };
        let caller = authenticate(&Keys::none(), &off, None, 0).unwrap();
        assert!(ResourceType::all().all(|ty| caller.may(Action::Delete, ty)));
    }
}
