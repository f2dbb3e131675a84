//! Every setting: its name, its default, its meaning. Each is an environment variable and a flag.
//!
//! A wrong value or an unsafe combination stops the start with one line that says what to do, so that a mistake
//! in a deployment shows at once and not as open data.

mod values;

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use jiff::tz::TimeZone;

use crate::config::values::database_url;
use crate::config::values::filled;
use crate::config::values::flag;
use crate::config::values::log_filter;
use crate::config::values::origin;
use crate::config::values::size;
use crate::config::values::web_url;
use crate::config::values::zone;

/// How callers prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// Every request needs a bearer token of the configured issuer
    Required,
    /// Also takes tokens made by `comfrey token`, for development
    Dev,
    /// No tokens: whoever reaches the port sees everything; only on a loopback address
    Off,
}

/// How many resources one conditional delete may delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConditionalDelete {
    /// The one that the search finds; several are refused
    Single,
    /// All that the search finds, up to 1,000
    Multiple,
}

/// By what resources are judged that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Validation {
    /// FHIR R4 itself
    Base,
    /// Also the US Core profiles that a resource claims in meta.profile
    UsCore,
}

/// The settings of a running service.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Config {
    /// Address and port to serve on
    #[arg(
        long,
        global = true,
        env = "COMFREY_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,
    /// sqlite:PATH, sqlite::memory: or postgres://… (TLS by its sslmode, where built with postgres-tls)
    #[arg(long, global = true, env = "COMFREY_DATABASE_URL", value_name = "URL", hide_env_values = true,
          default_value = "sqlite:comfrey.db", value_parser = database_url)]
    pub database_url: String,
    /// A PostgreSQL replica, for searches that need not see the newest write
    #[arg(
        long,
        global = true,
        env = "COMFREY_DATABASE_READ_URL",
        value_name = "URL",
        hide_env_values = true,
        value_parser = database_url
    )]
    pub database_read_url: Option<String>,
    /// The public URL of /fhir; without it, taken from each request
    #[arg(long, global = true, env = "COMFREY_BASE_URL", value_name = "URL", value_parser = web_url)]
    pub base_url: Option<String>,
    /// Believe X-Forwarded-Proto and X-Forwarded-Host (1 or 0): only behind a proxy that sets them
    #[arg(long, global = true, env = "COMFREY_TRUST_PROXY", value_name = "1|0", default_value = "0",
          default_missing_value = "1", num_args = 0..=1, require_equals = true,
          value_parser = flag)]
    pub trust_proxy: bool,
    /// How callers prove who they are
    #[arg(long, global = true, env = "COMFREY_AUTH", value_enum, default_value = "required")]
    pub auth: Auth,
    /// The `iss` of the tokens to trust
    #[arg(long, global = true, env = "COMFREY_ISSUER", value_name = "URL", value_parser = filled)]
    pub issuer: Option<String>,
    /// The `aud` that tokens must name
    #[arg(long, global = true, env = "COMFREY_AUDIENCE", value_name = "NAME", value_parser = filled)]
    pub audience: Option<String>,
    /// The issuer's public keys: an https: URL or a file
    #[arg(long, global = true, env = "COMFREY_JWKS", value_name = "URL|FILE", value_parser = filled)]
    pub jwks: Option<String>,
    /// IANA zone for dates that have none, and for counting days
    #[arg(long, global = true, env = "COMFREY_TIME_ZONE", value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    pub time_zone: TimeZone,
    /// HTTP workers; without it, one for each core
    #[arg(long, global = true, env = "COMFREY_WORKERS", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Database connections; without it, sized from the workers
    #[arg(long, global = true, env = "COMFREY_POOL", value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub pool: Option<u16>,
    /// Larger request bodies are refused with 413; a number of bytes, or with KB, MB, GB
    #[arg(long, global = true, env = "COMFREY_MAX_BODY", value_name = "SIZE", default_value = "16MB", value_parser = size)]
    pub max_body: usize,
    /// How many resources one conditional delete may delete
    #[arg(long, global = true, env = "COMFREY_CONDITIONAL_DELETE", value_enum, default_value = "single")]
    pub conditional_delete: ConditionalDelete,
    /// Make no new version where an update has the content that is there (1 or 0)
    #[arg(long, global = true, env = "COMFREY_SKIP_UNCHANGED", value_name = "1|0", default_value = "0",
          default_missing_value = "1", num_args = 0..=1, require_equals = true,
          value_parser = flag)]
    pub skip_unchanged: bool,
    /// By what resources are judged that are written
    #[arg(long, global = true, env = "COMFREY_VALIDATION", value_enum, default_value = "base")]
    pub validation: Validation,
    /// Keep the words of resources for _text and _content (1 or 0); after a change, `comfrey reindex`
    #[arg(long, global = true, env = "COMFREY_FULL_TEXT", value_name = "1|0", default_value = "1",
          default_missing_value = "1", num_args = 0..=1, require_equals = true,
          value_parser = flag)]
    pub full_text: bool,
    /// Requests carried out or waiting at a time; further ones are refused with 429
    #[arg(long, global = true, env = "COMFREY_MAX_REQUESTS", value_name = "N", default_value = "1024",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_requests: u32,
    /// Origins whose pages may use the service from a browser (CORS): https://app.example,…, or * for any
    #[arg(long, global = true, env = "COMFREY_CORS_ORIGINS", value_name = "ORIGIN,…", value_delimiter = ',',
          value_parser = origin)]
    pub cors_origins: Vec<String>,
    /// Serve HTTPS with this certificate chain (PEM)
    #[arg(long, global = true, env = "COMFREY_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the certificate (PEM)
    #[arg(long, global = true, env = "COMFREY_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// What to log: an env_logger filter such as info or comfrey=debug
    #[arg(long, global = true, env = "COMFREY_LOG", value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,
    /// How long a statement of the database may take: no setting, and shorter only where a test has it so
    #[arg(skip = Duration::from_secs(60))]
    pub longest_statement: Duration,
}

impl Default for Config {
    /// What the service runs with where nothing is set.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database_url: "sqlite:comfrey.db".into(),
            database_read_url: None,
            base_url: None,
            trust_proxy: false,
            auth: Auth::Required,
            issuer: None,
            audience: None,
            jwks: None,
            time_zone: TimeZone::UTC,
            workers: None,
            pool: None,
            max_body: 16 * 1024 * 1024,
            conditional_delete: ConditionalDelete::Single,
            skip_unchanged: false,
            validation: Validation::Base,
            full_text: true,
            max_requests: 1024,
            cors_origins: Vec::new(),
            tls_cert: None,
            tls_key: None,
            log: "info".into(),
            longest_statement: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// How many HTTP workers to run.
    pub fn workers(&self) -> usize {
        self.workers.map_or_else(
            || std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            usize::from,
        )
    }

    /// How many database connections to hold: two for each worker, and a few for what runs beside them.
    pub fn pool(&self) -> u32 {
        self.pool.map_or_else(|| u32::try_from(self.workers() * 2 + 2).unwrap_or(u32::MAX), u32::from)
    }

    /// Whether the database is embedded (SQLite).
    pub fn is_embedded(&self) -> bool {
        self.database_url.starts_with("sqlite:")
    }

    /// The path of the SQLite file, where the database is one.
    pub fn database_file(&self) -> Option<&Path> {
        let path = self.database_url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        (path != ":memory:").then(|| Path::new(path))
    }

    /// Refuses combinations that serving must not start with.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn check(&self) -> Result<(), String> {
        self.check_database()?;
        self.check_access()?;
        self.check_tls()
    }

    /// Refuses a replica that cannot be one.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn check_database(&self) -> Result<(), String> {
        let Some(replica) = &self.database_read_url else { return Ok(()) };
        if self.is_embedded() || replica.starts_with("sqlite:") {
            return Err("COMFREY_DATABASE_READ_URL is for a PostgreSQL replica: set both database URLs to \
                        postgres://…, or unset it."
                .into());
        }
        Ok(())
    }

    fn check_access(&self) -> Result<(), String> {
        let trust = [
            ("COMFREY_JWKS", &self.jwks),
            ("COMFREY_ISSUER", &self.issuer),
            ("COMFREY_AUDIENCE", &self.audience),
        ];
        let missing: Vec<_> =
            trust.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        match self.auth {
            Auth::Off if !self.listen.ip().is_loopback() => {
                return Err(format!(
                    "COMFREY_AUTH=off shows every patient to whoever reaches {}: listen on 127.0.0.1, or set \
                     COMFREY_AUTH=required.",
                    self.listen
                ));
            }
            Auth::Off if !self.cors_origins.is_empty() => {
                return Err(
                    "COMFREY_AUTH=off keeps pages of other origins out, and COMFREY_CORS_ORIGINS lets them \
                            in: set COMFREY_AUTH=dev for them, or unset the origins."
                        .into(),
                );
            }
            Auth::Off => return Ok(()),
            Auth::Required if !missing.is_empty() => {
                return Err(format!(
                    "COMFREY_AUTH=required needs {}: set whom to trust, or COMFREY_AUTH=dev (or off) to try it on \
                     this machine.",
                    missing.join(", ")
                ));
            }
            Auth::Dev if !missing.is_empty() && missing.len() < trust.len() => {
                return Err(format!("To trust an issuer, also set {}.", missing.join(", ")));
            }
            Auth::Required | Auth::Dev => {}
        }
        match self.jwks.as_deref() {
            None => Ok(()),
            Some(url) if url.starts_with("https://") => Ok(()),
            Some(url) if url.contains("://") => {
                Err("COMFREY_JWKS must be an https: URL or a file: keys fetched over anything else can be \
                     forged."
                    .into())
            }
            Some(file) => readable(Path::new(file), "COMFREY_JWKS"),
        }
    }

    fn check_tls(&self) -> Result<(), String> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(()),
            (Some(cert), Some(key)) => {
                readable(cert, "COMFREY_TLS_CERT").and_then(|()| readable(key, "COMFREY_TLS_KEY"))
            }
            (Some(_), None) => Err("COMFREY_TLS_CERT needs COMFREY_TLS_KEY: set both, or neither.".into()),
            (None, Some(_)) => Err("COMFREY_TLS_KEY needs COMFREY_TLS_CERT: set both, or neither.".into()),
        }
    }
}

fn readable(file: &Path, setting: &str) -> Result<(), String> {
    std::fs::File::open(file).map(drop).map_err(|error| {
        format!("{setting} names the file {}, which cannot be read: {error}.", file.display())
    })
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    /// The settings that these flags give, whatever the environment says.
    fn parse<'a>(flags: impl IntoIterator<Item = &'a str>) -> Result<Config, clap::Error> {
        let command = Config::augment_args(clap::Command::new("comfrey").no_binary_name(true));
        let command = command.mut_args(|arg| arg.env(None::<&str>));
        Config::from_arg_matches(&command.try_get_matches_from(flags)?)
    }

    #[test]
    fn what_nothing_sets_is_what_the_default_says() {
        let parsed = parse([]).unwrap();
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        let sizes = [("16MB", 16 << 20), ("2048", 2048), ("500kb", 500 << 10), ("1 GB", 1 << 30)];
        for (text, bytes) in sizes {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "MB", "12XB", "-1", "0", "2GB", "99999999999999999999GB", "1.5MB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused() {
        for wrong in [
            ["--listen", "localhost"],
            ["--database-url", "mysql://x"],
            ["--database-url", "sqlite:"],
            ["--base-url", "ftp://x"],
            ["--base-url", "https://x/fhir?y=1"],
            ["--auth", "none"],
            ["--issuer", ""],
            ["--time-zone", "Mars/Olympus"],
            ["--workers", "0"],
            ["--trust-proxy=maybe", "--pool=1"],
            ["--pool", "0"],
            ["--max-body", "big"],
            ["--validation", "all"],
            ["--max-requests", "0"],
            ["--cors-origins", "app.example"],
            ["--cors-origins", "https://app.example/path"],
            ["--cors-origins", "https://a.example,"],
            ["--log", "loud"],
            ["--log", "info,comfrey"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn flags_set_what_they_say() {
        let config = parse(["--base-url", "https://x.example/fhir/", "--trust-proxy", "--auth=dev"]).unwrap();
        assert_eq!(config.base_url.as_deref(), Some("https://x.example/fhir"));
        assert!(config.trust_proxy);
        assert_eq!(config.auth, Auth::Dev);
        assert!(!parse(["--trust-proxy=0"]).unwrap().trust_proxy);
        let origins =
            parse(["--cors-origins", "https://App.example,http://localhost:3000"]).unwrap().cors_origins;
        assert_eq!(origins, ["https://app.example", "http://localhost:3000"]);
        assert_eq!(parse(["--max-requests", "7"]).unwrap().max_requests, 7);
        assert_eq!(parse(["--log", "warn,comfrey::http=debug"]).unwrap().log, "warn,comfrey::http=debug");
    }

    #[test]
    fn unsafe_combinations_do_not_start() {
        let safe = Config { auth: Auth::Off, ..Config::default() };
        assert_eq!(safe.check(), Ok(()));
        let trusting = Config {
            issuer: Some("https://i".into()),
            audience: Some("a".into()),
            jwks: Some("https://i/jwks".into()),
            ..Config::default()
        };
        assert_eq!(trusting.check(), Ok(()));
        let open = SocketAddr::from(([0, 0, 0, 0], 8080));
        let some = |text: &str| Some(text.to_owned());
        for (config, names) in [
            (Config { listen: open, ..safe.clone() }, "COMFREY_AUTH=off"),
            (Config { cors_origins: vec!["*".into()], ..safe.clone() }, "COMFREY_CORS_ORIGINS"),
            (Config::default(), "COMFREY_JWKS, COMFREY_ISSUER, COMFREY_AUDIENCE"),
            (Config { audience: None, ..trusting.clone() }, "COMFREY_AUDIENCE"),
            (Config { auth: Auth::Dev, issuer: None, ..trusting.clone() }, "COMFREY_ISSUER"),
            (Config { jwks: some("http://i/jwks"), ..trusting.clone() }, "https:"),
            (Config { jwks: some("/no/such/file"), ..trusting.clone() }, "/no/such/file"),
            (Config { tls_cert: Some("c".into()), ..safe.clone() }, "COMFREY_TLS_KEY"),
            (Config { tls_key: Some("k".into()), ..safe.clone() }, "COMFREY_TLS_CERT"),
            (Config { database_read_url: some("postgres://r"), ..safe.clone() }, "COMFREY_DATABASE_READ_URL"),
        ] {
            let refused = config.check().expect_err(names);
            assert!(refused.contains(names), "{refused}");
            assert!(!refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn the_file_of_the_database_is_known() {
        let file = |url: &str| {
            let config = Config { database_url: url.into(), ..Config::default() };
            config.database_file().map(|path| path.display().to_string())
        };
        assert_eq!(file("sqlite:comfrey.db").as_deref(), Some("comfrey.db"));
        assert_eq!(file("sqlite:///var/c.db").as_deref(), Some("/var/c.db"));
        assert_eq!(file("sqlite::memory:"), None);
        assert_eq!(file("postgres://h/d"), None);
    }
}
