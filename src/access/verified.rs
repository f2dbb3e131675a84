//! Tokens whose signature was verified a moment ago. <https://www.rfc-editor.org/rfc/rfc7519>
//!
//! A client sends the same token with every request, and verifying an ES384 signature takes several times as long as
//! reading a resource. Only the signature is remembered, for a minute: times and audience are checked each time. Two
//! generations, of which the older is dropped, bound the memory without a clock hand or a list.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use aws_lc_rs::digest;
use serde_json::Value;

use crate::access::keys::Signer;

/// How long a signature is remembered: a key that the issuer withdraws stays good that long.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// Tokens in one generation.
const MOST: usize = 2048;

/// The claims of a verified token, and who signed it.
#[derive(Clone)]
pub struct Known {
    /// The claims.
    pub claims: Arc<Value>,
    /// Who signed them.
    pub signer: Signer,
    since: Instant,
}

type Generation = HashMap<[u8; 32], Known>;

/// The tokens remembered, by their digest: the tokens themselves are not kept.
#[derive(Default)]
pub struct Verified(Mutex<(Generation, Generation)>);

impl Verified {
    /// What this very token was found to be within the last minute.
    pub fn get(&self, token: &str) -> Option<Known> {
        let name = name(token);
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = generations.0.get(&name).or_else(|| generations.1.get(&name))?;
        (known.since.elapsed() < GOOD_FOR).then(|| known.clone())
    }

    /// Remembers a token whose signature has been verified.
    pub fn keep(&self, token: &str, claims: &Arc<Value>, signer: Signer) {
        let known = Known { claims: Arc::clone(claims), signer, since: Instant::now() };
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.0.len() >= MOST {
            generations.1 = std::mem::take(&mut generations.0);
        }
        generations.0.insert(name(token), known);
    }
}

fn name(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_known_and_memory_is_bounded() {
        let (verified, claims) = (Verified::default(), Arc::new(Value::Null));
        for n in 0..MOST * 5 {
            verified.keep(&n.to_string(), &claims, Signer::Issuer);
        }
        assert!(verified.get(&(MOST * 5 - 1).to_string()).is_some());
        assert!(verified.get("0").is_none());
        assert!(verified.get("x").is_none());
        let generations = verified.0.lock().unwrap();
        assert!(generations.0.len() + generations.1.len() <= 2 * MOST);
    }
}
