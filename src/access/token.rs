//! A bearer token becomes a caller. <https://www.rfc-editor.org/rfc/rfc8725> (how not to get JWTs wrong)
//!
//! The signature is verified by jsonwebtoken's primitives; header and claims are read here, because time comes from
//! the service's own clock and a fractional `exp` is a number like any other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::access::Caller;
use crate::access::dev_key;
use crate::access::grants::Grant;
use crate::access::grants::Reach;
use crate::access::keys::ALGORITHMS;
use crate::access::keys::Found;
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
    config.auth != Auth::Off
        && bearer(header)
            .and_then(Parts::read)
            .is_ok_and(|parts| keys.would_fetch(parts.kid.as_deref(), parts.algorithm))
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

fn verify(keys: &Keys, token: &str) -> Result<(Value, Signer), Failure> {
    let parts = Parts::read(token)?;
    let key = match keys.find(parts.kid.as_deref(), parts.algorithm) {
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
    Ok((decoded(parts.claims).ok_or_else(refused)?, key.signer))
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
        Level::System => Some(Reach::All),
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
