//! The key that signs tokens for local development (`comfrey token`), made on first use.
//! <https://www.rfc-editor.org/rfc/rfc8037>
//!
//! It stands beside the SQLite file in `.comfrey/`, or in the user's data folder, readable by its owner alone. It is
//! made under another name and then linked into place, so that two processes that start at once agree on one key.

use std::fs;
use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::EncodingKey;
use serde_json::Value;
use serde_json::json;

use crate::config::Config;

/// The `iss` of development tokens.
pub const ISSUER: &str = "urn:comfrey:development";
/// The `aud` of development tokens.
pub const AUDIENCE: &str = "comfrey";

/// The longest that a development token may live.
const MAX_MINUTES: u32 = 60 * 24 * 365;

/// What a development token shall say.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// Scopes, separated by spaces.
    pub scope: String,
    /// The patient in the launch context.
    pub patient: Option<String>,
    /// The `sub`.
    pub subject: String,
    /// How long it is good for.
    pub minutes: u32,
    /// Local roles.
    pub roles: Vec<String>,
    /// The user as a FHIR resource.
    pub fhir_user: Option<String>,
}

/// The development key.
pub struct DevKey {
    kid: String,
    private: EncodingKey,
    public: DecodingKey,
}

impl DevKey {
    /// Reads the key of this configuration; makes it on first use.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn open(config: &Config) -> Result<Self, String> {
        let file = path(config)?;
        let told = |error: String| format!("The development key {} cannot be used: {error}.", file.display());
        match fs::read(&file) {
            Ok(bytes) => Self::read(&bytes).map_err(told),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(&file).map_err(|error| told(error.to_string()))?;
                let bytes = fs::read(&file).map_err(|error| told(error.to_string()))?;
                Self::read(&bytes).map_err(told)
            }
            Err(error) => Err(told(error.to_string())),
        }
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let advice = "delete it, and it will be made anew";
        let stored: Value = serde_json::from_slice(bytes).map_err(|_| advice)?;
        let pkcs8 = stored.get("pkcs8").and_then(Value::as_str).ok_or(advice)?;
        let pkcs8 = URL_SAFE_NO_PAD.decode(pkcs8).map_err(|_| advice)?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| advice)?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let public = DecodingKey::from_ed_components(&x).map_err(|_| advice)?;
        let kid = format!("comfrey-dev-{}", x.get(..8).ok_or(advice)?);
        Ok(Self { kid, private: EncodingKey::from_ed_der(&pkcs8), public })
    }

    /// The name by which tokens refer to it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The half that verifies.
    pub fn public(&self) -> &DecodingKey {
        &self.public
    }

    /// A signed token, good from `now` (microseconds since 1970).
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn issue(&self, request: &TokenRequest, now: i64) -> Result<String, String> {
        if !(1..=MAX_MINUTES).contains(&request.minutes) {
            return Err(format!("A token lives from 1 to {MAX_MINUTES} minutes: give such a --minutes."));
        }
        let now = now.div_euclid(1_000_000);
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": request.subject, "scope": request.scope,
            "iat": now, "exp": now + i64::from(request.minutes) * 60,
        });
        let mut claim = |name: &str, value: Value| claims[name] = value;
        if let Some(patient) = &request.patient {
            claim("patient", patient.as_str().into());
        }
        if let Some(user) = &request.fhir_user {
            claim("fhirUser", user.as_str().into());
        }
        if !request.roles.is_empty() {
            claim("roles", request.roles.clone().into());
        }
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, Algorithm::EdDSA)
            .map_err(|_| "The development key cannot sign: delete it, and it will be made anew.")?;
        Ok(format!("{message}.{signature}"))
    }
}

/// Where the key of this configuration is kept.
fn path(config: &Config) -> Result<PathBuf, String> {
    if let Some(database) = config.database_file() {
        let folder = database.parent().unwrap_or_else(|| Path::new(""));
        return Ok(folder.join(".comfrey").join("dev-key.json"));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let folder = folder.ok_or("The development key has no place to be kept: set HOME or XDG_DATA_HOME.")?;
    Ok(folder.join("comfrey").join("dev-key.json"))
}

fn make(file: &Path) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| std::io::Error::other("no key could be generated"))?;
    let stored = json!({
        "use": "signs tokens for local development; keep it out of version control",
        "alg": "EdDSA",
        "pkcs8": URL_SAFE_NO_PAD.encode(document.as_ref()),
    });
    let draft = folder.join(format!("dev-key.{}.tmp", uuid::Uuid::new_v4()));
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let made = out.write_all(stored.to_string().as_bytes()).and_then(|()| out.sync_all()).and_then(|()| {
        match fs::hard_link(&draft, file) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    });
    fs::remove_file(&draft)?;
    made
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(folder: &Path) -> Config {
        Config { database_url: format!("sqlite:{}", folder.join("c.db").display()), ..Config::default() }
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = DevKey::open(&config(folder.path())).unwrap();
        let second = DevKey::open(&config(folder.path())).unwrap();
        assert_eq!(first.kid(), second.kid());
        let file = folder.path().join(".comfrey/dev-key.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let kids: Vec<String> = std::thread::scope(|scope| {
            let open = || DevKey::open(&config(folder.path())).unwrap().kid().to_owned();
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
    }

    #[test]
    fn a_broken_key_is_refused_with_advice() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".comfrey/dev-key.json");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "{}").unwrap();
        assert!(DevKey::open(&config(folder.path())).err().unwrap().contains("delete it"));
    }

    #[test]
    fn a_token_lives_a_sensible_time() {
        let folder = tempfile::tempdir().unwrap();
        let key = DevKey::open(&config(folder.path())).unwrap();
        for minutes in [0, MAX_MINUTES + 1] {
            let request = TokenRequest {
                scope: "user/*.rs".into(),
                patient: None,
                subject: "x".into(),
                minutes,
                roles: Vec::new(),
                fhir_user: None,
            };
            assert!(key.issue(&request, 0).is_err(), "{minutes}");
        }
    }
}
