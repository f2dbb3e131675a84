//! The keys that tokens are verified with: the issuer's JWK set and the development key.
//! <https://www.rfc-editor.org/rfc/rfc7517>

use std::sync::Arc;

use jsonwebtoken::Algorithm;

use crate::access::dev_key::DevKey;
use crate::access::dev_key::TokenRequest;
use crate::access::jwks::VerifyingKey;
use crate::access::key_cache;
use crate::access::key_cache::AGES;
use crate::access::key_cache::Cache;
use crate::access::key_cache::Found;
use crate::access::verified::Verified;
use crate::config::Auth;
use crate::config::Config;

/// Who signs with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The configured issuer.
    Issuer,
    /// `comfrey token`.
    Development,
}

/// All keys of the running service.
pub struct Keys {
    development: Option<DevKey>,
    issuer: Option<Arc<Cache>>,
    /// Tokens whose signature was verified a moment ago.
    pub verified: Verified,
}

impl Keys {
    /// No keys: every token is refused.
    pub fn none() -> Self {
        Self { development: None, issuer: None, verified: Verified::default() }
    }

    /// The keys of this configuration. A file must hold a usable set; a URL is fetched now, and later again where
    /// it cannot be reached.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn open(config: &Config) -> Result<Self, String> {
        let development = match config.auth {
            Auth::Dev => Some(DevKey::open(config)?),
            Auth::Required | Auth::Off => None,
        };
        let source = config.jwks.as_deref().filter(|_| config.auth != Auth::Off);
        let issuer = source.map(|source| Arc::new(Cache::new(key_cache::fetcher(source), AGES)));
        if let (Some(cache), Some(source)) = (&issuer, source)
            && let Err(error) = cache.fetch()
        {
            if !source.starts_with("https://") {
                return Err(format!("COMFREY_JWKS is not a usable key set: {error}."));
            }
            log::warn!("the issuer's keys cannot be fetched yet, tokens are refused until then: {error}");
        }
        Ok(Self { development, issuer, verified: Verified::default() })
    }

    /// A signed development token, good from `now` (microseconds since 1970).
    ///
    /// # Errors
    /// One line that says what to do; without `COMFREY_AUTH=dev` always.
    pub fn issue(&self, request: &TokenRequest, now: i64) -> Result<String, String> {
        let key = self.development.as_ref();
        key.ok_or("Tokens are made for development only: set COMFREY_AUTH=dev.")?.issue(request, now)
    }

    /// Whether looking for this key would fetch, and so take time.
    pub fn would_fetch(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        self.development(kid, algorithm).is_none()
            && self.issuer.as_ref().is_some_and(|cache| cache.would_fetch(kid, algorithm))
    }

    /// The key that a token's header names, and who signs with it; fetches where it must.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> (Found, Signer) {
        match (self.development(kid, algorithm), &self.issuer) {
            (Some(key), _) => (Found::Key(Box::new(key)), Signer::Development),
            (None, Some(cache)) => (cache.find(kid, algorithm), Signer::Issuer),
            (None, None) => (Found::Unknown, Signer::Issuer),
        }
    }

    fn development(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<VerifyingKey> {
        let key = self.development.as_ref().filter(|key| kid == Some(key.kid()))?;
        (algorithm == Algorithm::EdDSA).then(|| VerifyingKey {
            kid: Some(key.kid().into()),
            algorithms: vec![Algorithm::EdDSA],
            key: key.public().clone(),
        })
    }
}
