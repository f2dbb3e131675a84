//! The issuer's keys, fetched and kept. <https://www.rfc-editor.org/rfc/rfc7517>
//!
//! The set is fetched again when a token names a key that it does not have (issuers rotate keys without notice), but
//! not more often than every ten seconds, since anybody can send such a token; and when it is old, in the background.
//! While the issuer cannot be reached the keys at hand stay good for a day.

use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jsonwebtoken::Algorithm;

use crate::access::jwks;
use crate::access::jwks::VerifyingKey;

const LARGEST_SET: u64 = 512 * 1024;
/// Threads that may wait for a fetch that another one does.
const MOST_WAITING: usize = 16;

/// How long fetched keys are good.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// Younger keys are used as they are.
    pub fresh: Duration,
    /// Older keys are used no more.
    pub end: Duration,
    /// Between two fetches.
    pub pause: Duration,
}

/// What the service goes by.
pub const AGES: Ages = Ages {
    fresh: Duration::from_secs(600),
    end: Duration::from_secs(24 * 3600),
    pause: Duration::from_secs(10),
};

/// What looking for a key gave.
pub enum Found {
    /// The key.
    Key(Box<VerifyingKey>),
    /// There is none by that name that fits the algorithm.
    Unknown,
    /// The keys could not be fetched yet.
    Unavailable,
}

/// How a set's bytes are had.
pub type Fetch = Box<dyn Fn() -> Result<Vec<u8>, String> + Send + Sync>;

/// The keys of one source.
pub struct Cache {
    fetch: Fetch,
    ages: Ages,
    held: RwLock<Held>,
    fetching: Mutex<()>,
    waiting: AtomicUsize,
}

impl Cache {
    /// A cache that holds nothing yet.
    pub fn new(fetch: Fetch, ages: Ages) -> Self {
        Self {
            fetch,
            ages,
            held: RwLock::default(),
            fetching: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether looking for this key would fetch, and so take time.
    pub fn would_fetch(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let usable = held.fetched.is_some_and(|at| at.elapsed() < self.ages.end);
        (!usable || held.get(kid, algorithm).is_none()) && self.may_try(&held)
    }

    fn may_try(&self, held: &Held) -> bool {
        held.tried.is_none_or(|at| at.elapsed() >= self.ages.pause)
    }

    /// The key of this name that fits the algorithm; fetches where it must.
    pub fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Found {
        if self.would_fetch(kid, algorithm) {
            self.fetch_once();
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
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
            let _turn = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            let due = self.may_try(&self.held.read().unwrap_or_else(PoisonError::into_inner));
            if due && let Err(error) = self.fetch() {
                log::warn!("the issuer's keys cannot be fetched, those at hand stay in use: {error}");
            }
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Fetches now.
    ///
    /// # Errors
    /// Why there are no new keys; those at hand stay.
    pub fn fetch(&self) -> Result<(), String> {
        let fetched = (self.fetch)().and_then(|bytes| jwks::read(&bytes));
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.tried = Some(Instant::now());
        held.keys = fetched?;
        held.fetched = held.tried;
        Ok(())
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

/// How the set at an `https:` URL or in a file is had.
pub fn fetcher(source: &str) -> Fetch {
    let source = source.to_owned();
    if source.starts_with("https://") {
        Box::new(move || download(&source))
    } else {
        Box::new(move || {
            let file = std::fs::File::open(&source).map_err(|error| error.to_string())?;
            bounded(file)
        })
    }
}

fn download(url: &str) -> Result<Vec<u8>, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .https_only(true)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(Duration::from_secs(3)))
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .tls_config(tls)
        .build()
        .into();
    let answer = agent.get(url).call().map_err(|error| error.to_string())?;
    if !answer.status().is_success() {
        return Err(format!("the answer was {}", answer.status()));
    }
    bounded(answer.into_body().into_reader())
}

fn bounded(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(LARGEST_SET + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST_SET { Err("it is too large".into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"d","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    /// A cache over an issuer that answers with a set or fails, as the switch says, and the count of its fetches.
    fn cache(ages: Ages) -> (Arc<Cache>, Arc<AtomicUsize>, Arc<Mutex<bool>>) {
        let (count, up) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(true)));
        let (counted, switch) = (count.clone(), up.clone());
        let fetch = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            if *switch.lock().unwrap() { Ok(SET.into()) } else { Err("down".into()) }
        };
        (Arc::new(Cache::new(Box::new(fetch), ages)), count, up)
    }

    fn is_key(found: Found) -> bool {
        matches!(found, Found::Key(_))
    }

    #[test]
    fn a_flood_of_unknown_names_fetches_once() {
        let (cache, count, _) = cache(AGES);
        cache.fetch().unwrap();
        for _ in 0..100 {
            assert!(matches!(cache.find(Some("x"), Algorithm::EdDSA), Found::Unknown));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(is_key(cache.find(Some("d"), Algorithm::EdDSA)));
    }

    #[test]
    fn an_unknown_name_fetches_again_after_the_pause() {
        let (cache, count, _) = cache(Ages { pause: Duration::ZERO, ..AGES });
        cache.fetch().unwrap();
        assert!(cache.would_fetch(Some("x"), Algorithm::EdDSA));
        assert!(!cache.would_fetch(Some("d"), Algorithm::EdDSA));
        assert!(matches!(cache.find(Some("x"), Algorithm::EdDSA), Found::Unknown));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn keys_at_hand_stay_good_while_the_issuer_is_down_but_not_for_ever() {
        let (cache, _, up) = cache(Ages { fresh: Duration::ZERO, ..AGES });
        cache.fetch().unwrap();
        *up.lock().unwrap() = false;
        assert!(cache.fetch().is_err());
        assert!(is_key(cache.find(Some("d"), Algorithm::EdDSA)));
        let (old, _, up) = self::cache(Ages { end: Duration::ZERO, pause: Duration::ZERO, ..AGES });
        old.fetch().unwrap();
        *up.lock().unwrap() = false;
        assert!(matches!(old.find(Some("d"), Algorithm::EdDSA), Found::Unavailable));
    }

    #[test]
    fn an_issuer_that_was_never_reached_is_not_a_wrong_token() {
        let (cache, _, up) = cache(AGES);
        *up.lock().unwrap() = false;
        assert!(matches!(cache.find(Some("d"), Algorithm::EdDSA), Found::Unavailable));
    }

    #[test]
    fn a_set_that_is_too_large_is_not_read() {
        let endless = std::io::repeat(b' ');
        assert!(bounded(endless).is_err());
    }
}
