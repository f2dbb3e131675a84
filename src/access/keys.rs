//! The keys that tokens are verified with: the issuer's JWK set and the development key.
//! <https://www.rfc-editor.org/rfc/rfc7517>
//!
//! The set is fetched again when a token names a key that it does not have (issuers rotate keys without notice), but
//! not more often than every ten seconds, since anybody can send such a token; and when it is old, in the background.
//! While the issuer cannot be reached the keys at hand stay good for a day.

use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::jwk::EllipticCurve;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::jwk::KeyOperations;
use jsonwebtoken::jwk::PublicKeyUse;
use serde_json::Value;

use crate::access::dev_key::DevKey;
use crate::access::dev_key::TokenRequest;
use crate::config::Auth;
use crate::config::Config;

/// The algorithms that tokens may be signed with: asymmetric ones only.
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

const LARGEST_SET: u64 = 512 * 1024;
/// Threads that may wait for a fetch that another one does.
const MOST_WAITING: usize = 16;

/// How long fetched keys are good.
#[derive(Clone, Copy, Debug)]
struct Ages {
    /// Younger keys are used as they are.
    fresh: Duration,
    /// Older keys are used no more.
    end: Duration,
    /// Between two fetches.
    pause: Duration,
}

const AGES: Ages = Ages {
    fresh: Duration::from_secs(600),
    end: Duration::from_secs(24 * 3600),
    pause: Duration::from_secs(10),
};

/// A key that verifies tokens.
#[derive(Clone)]
pub struct VerifyingKey {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    /// The key itself.
    pub key: DecodingKey,
    /// Whose tokens it verifies.
    pub signer: Signer,
}

/// Who signs with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The configured issuer.
    Issuer,
    /// `comfrey token`.
    Development,
}

/// What looking for a key gave.
pub enum Found {
    /// The key.
    Key(Box<VerifyingKey>),
    /// There is none by that name that fits the algorithm.
    Unknown,
    /// The issuer's keys could not be fetched yet.
    Unavailable,
}

type Fetch = Box<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>;

/// All keys of the running service.
pub struct Keys {
    development: Option<DevKey>,
    issuer: Option<Arc<Cache>>,
}

impl Keys {
    /// No keys: every token is refused.
    pub fn none() -> Self {
        Self { development: None, issuer: None }
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
        let issuer = source.map(|source| Arc::new(Cache::new(fetcher(source), AGES)));
        if let (Some(cache), Some(source)) = (&issuer, source)
            && let Err(error) = cache.fetch()
        {
            if !source.starts_with("https://") {
                return Err(format!("COMFREY_JWKS is not a usable key set: {error}."));
            }
            log::warn!("the issuer's keys cannot be fetched yet, tokens are refused until then: {error}");
        }
        Ok(Self { development, issuer })
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

    /// The key that a token's header names; fetches where it must.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found {
        match (self.development(kid, algorithm), &self.issuer) {
            (Some(key), _) => Found::Key(Box::new(key)),
            (None, Some(cache)) => cache.find(kid, algorithm),
            (None, None) => Found::Unknown,
        }
    }

    fn development(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<VerifyingKey> {
        let key = self.development.as_ref().filter(|key| kid == Some(key.kid()))?;
        (algorithm == Algorithm::EdDSA).then(|| VerifyingKey {
            kid: Some(key.kid().into()),
            algorithms: vec![Algorithm::EdDSA],
            key: key.public().clone(),
            signer: Signer::Development,
        })
    }
}

#[derive(Default)]
struct Held {
    keys: Vec<VerifyingKey>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

impl Held {
    fn get(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&VerifyingKey> {
        let fits = |key: &&VerifyingKey| key.algorithms.contains(&algorithm);
        match kid {
            Some(_) => self.keys.iter().filter(fits).find(|key| key.kid.as_deref() == kid),
            // without a name there must be no choice
            None => self.keys.first().filter(fits).filter(|_| self.keys.len() == 1),
        }
    }
}

struct Cache {
    fetch: Fetch,
    ages: Ages,
    held: RwLock<Held>,
    fetching: Mutex<()>,
    waiting: AtomicUsize,
}

impl Cache {
    fn new(fetch: Fetch, ages: Ages) -> Self {
        Self {
            fetch,
            ages,
            held: RwLock::default(),
            fetching: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    fn would_fetch(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let held = self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let usable = held.fetched.is_some_and(|at| at.elapsed() < self.ages.end);
        (!usable || held.get(kid, algorithm).is_none()) && self.may_try(&held)
    }

    fn may_try(&self, held: &Held) -> bool {
        held.tried.is_none_or(|at| at.elapsed() >= self.ages.pause)
    }

    fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Found {
        if self.would_fetch(kid, algorithm) {
            self.fetch_once();
        }
        let held = self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(age) = held.fetched.map(|at| at.elapsed()).filter(|age| *age < self.ages.end) else {
            return Found::Unavailable;
        };
        if age >= self.ages.fresh && self.may_try(&held) {
            let cache = Arc::clone(self);
            std::thread::spawn(move || cache.fetch_once());
        }
        held.get(kid, algorithm).map_or(Found::Unknown, |key| Found::Key(Box::new(key.clone())))
    }

    /// Fetches, unless another thread has just done so.
    fn fetch_once(&self) {
        if self.waiting.fetch_add(1, Ordering::SeqCst) < MOST_WAITING {
            let _turn = self.fetching.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let due = self.may_try(&self.held.read().unwrap_or_else(std::sync::PoisonError::into_inner));
            if due && let Err(error) = self.fetch() {
                log::warn!("the issuer's keys cannot be fetched, those at hand stay in use: {error}");
            }
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    fn fetch(&self) -> Result<(), String> {
        let fetched = (self.fetch)().and_then(|bytes| read(&bytes));
        let mut held = self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.tried = Some(Instant::now());
        held.keys = fetched?;
        held.fetched = held.tried;
        Ok(())
    }
}

fn fetcher(source: &str) -> Fetch {
    let source = source.to_owned();
    if source.starts_with("https://") {
        // the client's own runtime must not start or end inside another one
        Box::new(move || {
            let url = source.clone();
            let fetched = std::thread::spawn(move || download(&url));
            fetched.join().unwrap_or_else(|_| Err("the HTTP client failed".into()))
        })
    } else {
        Box::new(move || {
            let file = std::fs::File::open(&source).map_err(|error| error.to_string())?;
            bounded(file)
        })
    }
}

fn download(url: &str) -> Result<Vec<u8>, String> {
    let client = reqwest::blocking::Client::builder()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(5))
        .build()
        .map_err(|error| error.to_string())?;
    let answer = client.get(url).send().map_err(|error| error.to_string())?;
    if !answer.status().is_success() {
        return Err(format!("the answer was {}", answer.status()));
    }
    bounded(answer)
}

fn bounded(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(LARGEST_SET + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_SET { Err("it is too large".into()) } else { Ok(bytes) }
}

/// The usable keys of a JWK set. A key that is not for verifying, or of a kind not known here, is left out.
fn read(bytes: &[u8]) -> Result<Vec<VerifyingKey>, String> {
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
        AlgorithmParameters::RSA(_) => &ALGORITHMS[..5],
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
    Some(VerifyingKey { kid: jwk.common.key_id, algorithms, key, signer: Signer::Issuer })
}
